//! The rounds of `jettison host watch`: looks and sweeps.

use std::fmt;

use async_trait::async_trait;
use jettison_core::config::ProtectPattern;
use jettison_core::host::HostSettings;
use jiff::Timestamp;
use tokio::sync::watch;

use super::Round;
use crate::host::HostError;
use crate::host::disk::{disk_of, is_fuller_than};
use crate::host::engine::HostEngine;
use crate::host::ledger::HostLedger;
use crate::host::look::{LookOptions, look};
use crate::host::pullable::Pullable;
use crate::host::sweep::{HostReport, Sweep};

/// A round that is a whole run of `jettison host prune`.
pub struct SweepRound<'a> {
    /// The engine.
    pub engine: &'a dyn HostEngine,
    /// What is remembered of it.
    pub ledger: &'a dyn HostLedger,
    /// What may go, and when the disk is too full.
    pub settings: &'a HostSettings,
    /// What the configuration protects.
    pub protect: &'a [ProtectPattern],
    /// How it is looked at.
    pub options: LookOptions,
    /// Who knows whether an image could be pulled again, as for [`Sweep::verify`].
    pub verify: Option<&'a dyn Pullable>,
}

impl fmt::Debug for SweepRound<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SweepRound")
            .field("engine", &self.engine)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl Round for SweepRound<'_> {
    type Report = HostReport;

    async fn look(&self) -> Result<(), HostError> {
        let options = LookOptions {
            // What only a decision needs takes engines their time.
            with_build_cache: false,
            trust_engine_times: false,
            ..self.options.clone()
        };
        look(self.engine, self.ledger, &options, Timestamp::now())
            .await
            .map(drop)
    }

    async fn run(&self, stop: &watch::Receiver<bool>) -> Result<HostReport, HostError> {
        let sweep = Sweep {
            engine: self.engine,
            ledger: self.ledger,
            settings: self.settings,
            protect: self.protect,
            options: self.options.clone(),
            verify: self.verify,
            clock: &Timestamp::now,
            progress: &|_| {},
        };
        sweep.run(stop).await
    }

    fn is_disk_full(&self, root: &str) -> bool {
        let marks = self.settings.disk;
        marks.is_some_and(|marks| disk_of(root).is_some_and(|disk| is_fuller_than(&disk, marks.high)))
    }
}

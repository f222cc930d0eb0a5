//! The rounds of `jettison host watch`: looks, and whole runs of `jettison host prune`.

use async_trait::async_trait;
use tokio::sync::watch;

use super::Round;
use crate::host::HostError;
use crate::host::disk::{disk_of, is_fuller_than};
use crate::host::look::{LookOptions, look};
use crate::host::sweep::{HostReport, Sweep};

#[async_trait]
impl Round for Sweep<'_> {
    type Report = HostReport;

    async fn look(&self) -> Result<(), HostError> {
        let options = LookOptions {
            // What only a decision needs takes engines their time.
            with_build_cache: false,
            trust_engine_times: false,
            ..self.options.clone()
        };
        look(self.engine, self.ledger, &options, (self.clock)()).await.map(drop)
    }

    async fn run(&self, stop: &watch::Receiver<bool>) -> Result<HostReport, HostError> {
        Sweep::run(self, stop).await
    }

    fn is_disk_full(&self, root: &str) -> bool {
        let marks = self.settings.disk;
        marks.is_some_and(|marks| disk_of(root).is_some_and(|disk| is_fuller_than(&disk, marks.high)))
    }
}

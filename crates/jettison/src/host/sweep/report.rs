//! What a run did to a server's disk. These types are the JSON form too.

use jettison_core::host::{Disk, EngineFacts, HostPlan};
use jettison_core::model::{Digest, Schema};
use jiff::Timestamp;
use serde::Serialize;

use crate::host::ledger::HostRemoval;

/// What a run did.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct HostReport {
    /// The version of this form; always 1.
    pub schema: Schema,
    /// The number of the run in the journal; `None` if there was nothing to take.
    pub run: Option<i64>,
    /// The engine.
    pub engine: EngineFacts,
    /// What was decided after the last look before anything was taken.
    pub plan: HostPlan,
    /// What was taken.
    pub removed: Vec<HostRemoval>,
    /// What was to go, and stays: somebody came to need it, or nobody could pull it again.
    pub skipped: Vec<Left>,
    /// What could not be taken.
    pub failed: Vec<Left>,
    /// Why nothing was even tried: something comes in at this moment.
    pub postponed: Option<String>,
    /// Why it ended before it was through.
    pub interrupted: Option<String>,
    /// The bytes of the build cache that came free, as the engine says.
    pub build_cache_freed_bytes: u64,
    /// The bytes that came free of the engine's layers, measured; `None` where the engine does not tell.
    pub freed_bytes: Option<u64>,
    /// The file system before.
    pub disk_before: Option<Disk>,
    /// The file system after.
    pub disk_after: Option<Disk>,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended.
    pub ended_at: Timestamp,
}

/// An image that was to go and is there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Left {
    /// The image.
    pub id: Digest,
    /// Its names with tags.
    pub names: Vec<String>,
    /// Why.
    pub why: String,
}

/// How far a run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HostProgress<'p> {
    /// It looks at the engine.
    Looking,
    /// It waits so many seconds, to look again at what would go.
    Waiting(u64),
    /// It takes an image.
    Taking {
        /// Its number, from 1.
        number: usize,
        /// Of so many.
        of: usize,
        /// A name of it, or its id.
        image: &'p str,
    },
    /// It lets the build cache shrink.
    Shrinking,
}

impl HostReport {
    pub(super) fn begun(plan: HostPlan, disk: Option<Disk>, now: Timestamp) -> Self {
        Self {
            schema: Schema,
            run: None,
            engine: plan.engine.clone(),
            plan,
            removed: Vec::new(),
            skipped: Vec::new(),
            failed: Vec::new(),
            postponed: None,
            interrupted: None,
            build_cache_freed_bytes: 0,
            freed_bytes: None,
            disk_after: disk.clone(),
            disk_before: disk,
            started_at: now,
            ended_at: now,
        }
    }
}

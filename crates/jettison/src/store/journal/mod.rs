//! The journal: the append-only record of every run.
//!
//! What a run is about to remove is written and synced here first, with the bytes of each manifest, so that it can be
//! put back whatever happens next; then what became of it. Entries and outcomes are never changed (the database
//! refuses), only forgotten when their run is old.

mod half_done;
mod read;
mod record;
#[cfg(test)]
mod tests;
mod write;

pub use half_done::HalfDone;
pub use record::{
    Action, EntryId, EntryRecord, Intent, NewOutcome, Outcome, OutcomeRecord, RunDetail, RunId, RunStart, RunStatus,
    RunSummary,
};

//! What jettison remembers: a SQLite database in a directory of its own.
//!
//! It holds the *cache* (manifests and config facts by digest), the *ledger* (what scans have seen, and when), the
//! *usage memory*, *own reads*, *plans*, *lifecycle policies* that were replaced, the *recorded scans*, the *ledger of servers*, and the *journal*
//! of runs with the bytes of every deleted manifest. Losing the store loses
//! no image: only the memory, and the ability to undo.
//!
//! Several processes may use one store at once. Every write is one `BEGIN IMMEDIATE` transaction on a single writing
//! connection, synced when it commits. [`RunLock`] keeps a second apply away.
//!
//! This module must not decide anything: what a remembered time means is for the core to say.

mod cache;
mod check;
mod error;
mod host;
mod journal;
mod ledger;
mod lifecycle;
mod lock;
mod names;
mod open;
mod own_reads;
mod plans;
mod record;
mod row;
#[cfg(test)]
pub(crate) mod tests;
mod usage;
mod whereabouts;

use std::path::{Path, PathBuf};

use jettison_core::model::{Digest, Tag};
use jiff::Timestamp;
use sqlx::{Sqlite, SqlitePool, Transaction};

pub use cache::{CachedConfig, CachedManifest};
pub use check::{Checkup, Compaction, Lost};
pub use error::StoreError;
pub use journal::{
    Action, EntryId, EntryRecord, HalfDone, Intent, NewOutcome, Outcome, OutcomeRecord, RunDetail, RunId, RunStart,
    RunStatus, RunSummary,
};
pub use ledger::{ManifestMemory, Observation, ReferrersMemory, RepositoryMemory, TagMemory, TagPeriod};
pub use lifecycle::LifecycleChange;
pub use lock::{Holder, RunLock};
pub use names::KnownTag;
pub use open::default_directory;
pub use plans::{SavedPlan, is_short, too_short};
pub use record::{Recorded, Wanted};
pub use usage::RememberedReference;

use error::Problem;
use whereabouts::FileId;

/// An open store. Clones share its connections.
#[derive(Debug, Clone)]
pub struct Store {
    directory: PathBuf,
    file: PathBuf,
    /// The file that was there when it was opened.
    opened: FileId,
    writer: SqlitePool,
    readers: SqlitePool,
    created_at: Timestamp,
    is_new: bool,
}

/// How an image is named inside its repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ImageName {
    /// By its digest.
    Digest(Digest),
    /// By a tag.
    Tag(Tag),
}

impl Store {
    /// The directory that holds the store.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// The database file.
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// Whether this process created the store just now: nothing is remembered of earlier scans.
    pub fn is_new(&self) -> bool {
        self.is_new
    }

    /// When the store was created.
    pub fn created_at(&self) -> Timestamp {
        self.created_at
    }

    /// Closes the connections in order. Dropping the store is safe as well, and leaves the write-ahead log behind.
    pub async fn close(self) {
        self.readers.close().await;
        self.writer.close().await;
    }

    /// Begins a write. A deferred transaction would fail at once when another process writes in between, whatever
    /// the busy timeout, so the write lock is taken at the start.
    async fn begin(&self) -> Result<Transaction<'static, Sqlite>, StoreError> {
        self.named(self.writer.begin_with("BEGIN IMMEDIATE").await.map_err(Problem::from))
    }

    /// Commits what succeeded, and takes back what did not.
    async fn finish<T>(
        &self,
        transaction: Transaction<'static, Sqlite>,
        result: Result<T, Problem>,
    ) -> Result<T, StoreError> {
        let ended = match &result {
            Ok(_) => transaction.commit().await,
            Err(_) => transaction.rollback().await,
        };
        match (result, ended) {
            (Ok(_), Err(error)) => self.named(Err(error.into())),
            // What failed first says more than a failed rollback, which the database repeats by itself.
            (result, _) => self.named(result),
        }
    }

    /// Says which file a problem is about.
    fn named<T>(&self, result: Result<T, Problem>) -> Result<T, StoreError> {
        result.map_err(|problem| problem.about(&self.file))
    }
}

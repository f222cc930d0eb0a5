//! What the journal holds: runs, entries and outcomes.

use std::fmt;
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::str::FromStr;

use jettison_core::model::{Digest, RegistryHost, RepositoryName, Tag};
use jiff::Timestamp;
use serde::Serialize;

/// The id of a run, `20261121-223311-4f2a`: sorts by time, and is short enough to type.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct RunId(pub(in crate::store) String);

impl RunId {
    /// The id of a run that begins at `now`; `random` keeps apart those of the same second.
    pub fn new(now: Timestamp, random: [u8; 2]) -> Self {
        let [high, low] = random;
        Self(format!("{}-{high:02x}{low:02x}", now.strftime("%Y%m%d-%H%M%S")))
    }

    /// A new id for a run that begins at `now`.
    pub fn draw(now: Timestamp) -> Self {
        let [.., high, low] = RandomState::new().build_hasher().finish().to_be_bytes();
        Self::new(now, [high, low])
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The number of an entry in the journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntryId(pub(super) i64);

/// How a run begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunStart {
    /// Its id.
    pub id: RunId,
    /// The plan that it applies, if it applies one.
    pub plan_id: Option<String>,
    /// When it began.
    pub started_at: Timestamp,
    /// The command, for people: `apply`, `run`, `undo`.
    pub command: String,
}

/// Implements the text form of an enum of plain words.
macro_rules! words {
    ($type:ident { $($variant:ident = $word:literal),+ $(,)? }) => {
        impl $type {
            /// The word used in JSON and in the journal.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)+
                }
            }
        }

        impl FromStr for $type {
            type Err = String;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                match text {
                    $($word => Ok(Self::$variant),)+
                    other => Err(format!(concat!("`{}` is no ", stringify!($type)), other)),
                }
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

/// How a run ended, if it did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum RunStatus {
    /// It still works.
    Running,
    /// Everything was done.
    Done,
    /// Everything of its plan was done, and the plan was made from facts with gaps: there may be more to do.
    Incomplete,
    /// Some actions failed.
    PartlyFailed,
    /// It did nothing, or not all, on purpose.
    Refused,
    /// It ended without saying so: killed, or the machine went down.
    Interrupted,
}

words! { RunStatus {
    Running = "running", Done = "done", Incomplete = "incomplete", PartlyFailed = "partly-failed", Refused = "refused",
    Interrupted = "interrupted",
} }

/// What is to be done to a manifest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// Delete it, with its tags.
    Delete,
    /// Move it to the registry's archive; its tags stay on it.
    Archive,
    /// Take tags off it.
    Untag,
    /// Put it back, with its tags.
    Restore,
}

words! { Action { Delete = "delete", Archive = "archive", Untag = "untag", Restore = "restore" } }

/// Something that a run is about to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Intent {
    /// The registry.
    pub registry: RegistryHost,
    /// The repository.
    pub repository: RepositoryName,
    /// The manifest.
    pub digest: Digest,
    /// What is to be done to it.
    pub action: Action,
    /// The root that it goes along with; itself if it is one.
    pub root: Digest,
    /// The tags that go; of what is archived, those that it keeps.
    pub tags: Vec<Tag>,
    /// Its media type, without which it cannot be put back.
    pub media_type: String,
    /// Its exact bytes.
    pub bytes: Vec<u8>,
    /// What referred to it.
    pub referrers: Vec<Digest>,
    /// The plan's reason, as JSON.
    pub reason_json: String,
    /// Its place in the plan.
    pub sequence: u64,
}

/// What became of an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It was done.
    Done,
    /// There was nothing left to do.
    AlreadyGone,
    /// It was asked for, and it is not known whether it was done. No last word: the next run looks.
    Asked {
        /// Why it is not known.
        why: String,
    },
    /// It was not done on purpose.
    Skipped {
        /// Why.
        why: String,
    },
    /// It could not be done.
    Failed {
        /// Why.
        error: String,
    },
    /// What had been taken was put back.
    PutBack,
}

/// An outcome to record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewOutcome {
    /// Of what.
    pub entry: EntryId,
    /// What it is.
    pub outcome: Outcome,
    /// When.
    pub at: Timestamp,
}

/// An outcome as recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutcomeRecord {
    /// What it is.
    pub outcome: Outcome,
    /// When.
    pub at: Timestamp,
}

/// An entry as recorded, without the bytes: see [`Store::saved_manifest`](crate::store::Store::saved_manifest).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntryRecord {
    /// Its number.
    pub id: EntryId,
    /// The run.
    pub run: RunId,
    /// Its place in the plan.
    pub sequence: u64,
    /// The registry.
    pub registry: RegistryHost,
    /// The repository.
    pub repository: RepositoryName,
    /// The manifest.
    pub digest: Digest,
    /// What was to be done to it.
    pub action: Action,
    /// The root that it went along with; itself if it was one.
    pub root: Digest,
    /// The tags that were to go.
    pub tags: Vec<Tag>,
    /// Its media type.
    pub media_type: String,
    /// What referred to it.
    pub referrers: Vec<Digest>,
    /// The plan's reason, as JSON.
    pub reason_json: String,
    /// What became of it, oldest first; none if the run was interrupted before it knew.
    pub outcomes: Vec<OutcomeRecord>,
}

impl EntryRecord {
    /// The latest outcome.
    pub fn outcome(&self) -> Option<&Outcome> {
        self.outcomes.last().map(|record| &record.outcome)
    }

    /// Whether the run removed something, or nobody knows that it did not. What it left, and what had gone before it
    /// came, is not its doing.
    pub fn was_taken(&self) -> bool {
        let taken = |record: &OutcomeRecord| {
            matches!(
                record.outcome,
                Outcome::Done | Outcome::Asked { .. } | Outcome::Failed { .. }
            )
        };
        self.action != Action::Restore && (self.outcomes.is_empty() || self.outcomes.iter().any(taken))
    }

    /// Whether it may lie in the archive by this run.
    pub fn is_archived(&self) -> bool {
        self.action == Action::Archive && self.was_taken() && self.outcome() != Some(&Outcome::PutBack)
    }

    /// Whether the run found that it had gone before.
    pub fn had_gone(&self) -> bool {
        let gone = |record: &OutcomeRecord| record.outcome == Outcome::AlreadyGone;
        !self.was_taken() && self.outcomes.iter().any(gone)
    }

    /// Whether nobody has seen yet what became of it.
    pub fn is_unsettled(&self) -> bool {
        matches!(self.outcome(), None | Some(Outcome::Asked { .. }))
    }
}

/// A run in the list of runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RunSummary {
    /// Its id.
    pub id: RunId,
    /// The plan that it applied.
    pub plan: Option<String>,
    /// The command that began it: `apply`, `run`, `undo`.
    pub command: String,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// How it ended; `running` only while some run holds the lock.
    pub status: RunStatus,
    /// Manifests that it deleted itself; also if they were put back later.
    pub deleted: u64,
    /// Manifests that it archived; also if they were brought back later.
    pub archived: u64,
    /// Manifests that lost tags by it and stayed.
    pub untagged: u64,
    /// Entries that found nothing left to do: somebody, or another run, had been there before.
    pub already_gone: u64,
    /// Manifests that it put back, or whose tags it did.
    pub restored: u64,
    /// Entries that stay as they were, on purpose or because the run was interrupted before them.
    pub left: u64,
    /// Entries that failed, or were asked for and may have been done.
    pub failed: u64,
}

/// A run with all its entries, in the order of the plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunDetail {
    /// The run.
    pub summary: RunSummary,
    /// What it was to do, and what became of that.
    pub entries: Vec<EntryRecord>,
}

//! What has to be remembered of a server's images: when each was first seen and last used, what is marked to go, and
//! what was taken.
//!
//! An engine keeps none of that: it knows when an image was built, and on some stores when its name was written.

use std::collections::BTreeMap;

use async_trait::async_trait;
use jettison_core::model::Digest;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::store::StoreError;

/// Remembers, by the engine's id.
#[async_trait]
pub trait HostLedger: Send + Sync {
    /// Notes what a look saw, and tells what is known of each of these images. A name that stands for another image than
    /// at the last look was set since then, which counts as a use. Losing the ledger makes images look younger, no more.
    async fn observe(
        &self,
        engine: &str,
        seen: &[SeenImage],
        now: Timestamp,
    ) -> Result<BTreeMap<Digest, KnownImage>, StoreError>;

    /// When an engine was first looked at, as far as is remembered: what it had then may have been there for long.
    async fn known_since(&self, engine: &str) -> Result<Option<Timestamp>, StoreError>;

    /// Notes uses that were told by events. Never moves a time backwards.
    async fn note_uses(&self, engine: &str, uses: &[HostUse]) -> Result<(), StoreError>;

    /// Marks these images to go, and takes the marks off all others. Tells since when each is marked.
    async fn mark(
        &self,
        engine: &str,
        going: &[Digest],
        now: Timestamp,
    ) -> Result<BTreeMap<Digest, Timestamp>, StoreError>;

    /// Begins a run that takes images away.
    async fn begin_run(&self, engine: &str, now: Timestamp) -> Result<i64, StoreError>;

    /// Notes that an image is about to be taken; on the disk when this returns.
    async fn removing(&self, run: i64, removal: &HostRemoval) -> Result<(), StoreError>;

    /// Notes what became of it: `removed`, `kept: …`, `failed: …`.
    async fn removed(&self, run: i64, image: &Digest, outcome: &str) -> Result<(), StoreError>;

    /// Ends a run, with the bytes that were measured to have come free.
    async fn end_run(&self, run: i64, freed_bytes: Option<u64>, now: Timestamp) -> Result<(), StoreError>;

    /// The latest runs, the newest first, with what they took. One without an end was interrupted.
    async fn runs(&self, engine: &str, most: usize) -> Result<Vec<HostRun>, StoreError>;
}

/// An image as a look saw it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeenImage {
    /// Its id.
    pub id: Digest,
    /// Its names with tags.
    pub names: Vec<String>,
    /// Who uses it at this moment, if anybody does.
    pub used_by: Option<String>,
}

/// What is known of an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownImage {
    /// When it was first seen.
    pub first_seen_at: Timestamp,
    /// When it was last seen used, pulled or tagged.
    pub last_used_at: Option<Timestamp>,
    /// What that was.
    pub last_use: Option<String>,
}

/// A use that an event told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostUse {
    /// The image.
    pub id: Digest,
    /// When.
    pub at: Timestamp,
    /// What: `container web started`, `pulled`.
    pub what: String,
}

/// An image that is taken away, with what it takes to have it again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostRemoval {
    /// Its id.
    pub id: Digest,
    /// Its names with tags.
    pub names: Vec<String>,
    /// Its names by digest.
    pub digests: Vec<String>,
    /// Its bytes, shared ones included.
    pub bytes: u64,
    /// Why, for people.
    pub reason: String,
    /// What became of it; `None` while nobody knows.
    pub outcome: Option<String>,
}

/// A run that took images away.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostRun {
    /// Its number.
    pub id: i64,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended; `None` if it was interrupted or goes on.
    pub ended_at: Option<Timestamp>,
    /// The bytes that were measured to have come free.
    pub freed_bytes: Option<u64>,
    /// What it took, or meant to.
    pub removals: Vec<HostRemoval>,
}

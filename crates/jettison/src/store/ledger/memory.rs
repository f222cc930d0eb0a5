//! What one observation changes in the memory of a repository: a pure function of both.
//!
//! Every rule errs to the young side, because what is taken for younger than it is stays longer:
//! - A time is never moved once it is set. Only what is seen for the first time gets the time of the observation.
//! - A clock that went back, or a scan that is recorded after a later one, writes no time before the latest that this
//!   repository has: otherwise what arrived today would look as old as the clock was wrong. A clock that was ahead
//!   once therefore dates what is new too late until it is caught up with, which holds it, and frees nothing early.
//! - An incomplete scan adds what it saw and forgets nothing.

use std::collections::{BTreeMap, BTreeSet};

use jettison_core::model::{Digest, RegistryHost, RepositoryName, Tag};
use jiff::Timestamp;

use crate::store::row::as_stored;

/// What is remembered of a repository.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RepositoryMemory {
    /// When its first complete scan was taken. Never moves.
    pub scanned_since: Option<Timestamp>,
    /// The latest time of any observation.
    pub observed_at: Option<Timestamp>,
    /// Every manifest that was seen, and is not proven gone.
    pub manifests: BTreeMap<Digest, ManifestMemory>,
    /// Every tag as it was last seen.
    pub tags: BTreeMap<Tag, TagMemory>,
    /// What the referrers API answered, per subject.
    pub referrers: BTreeMap<Digest, ReferrersMemory>,
}

/// What is remembered of a manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ManifestMemory {
    /// When a scan first saw it.
    pub first_seen_at: Timestamp,
    /// When a scan last saw it.
    pub last_seen_at: Timestamp,
    /// When a scan found that it had lost its last tag; none while it has one.
    pub untagged_at: Option<Timestamp>,
    /// When `undo` put it back, until it is released.
    pub restored_at: Option<Timestamp>,
    /// Its last recorded pull.
    pub last_pulled_at: Option<Timestamp>,
}

/// What is remembered of a tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TagMemory {
    /// What it points to.
    pub digest: Digest,
    /// When a scan found it set; none if it was there before anybody could tell.
    pub set_at: Option<Timestamp>,
    /// When a scan first saw it point there.
    pub first_seen_at: Timestamp,
}

/// An answer of the referrers API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReferrersMemory {
    /// The referrers of the subject.
    pub referrers: Vec<Digest>,
    /// When that was asked.
    pub asked_at: Timestamp,
}

/// What one scan saw of one repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Observation {
    /// The registry.
    pub registry: RegistryHost,
    /// The repository.
    pub repository: RepositoryName,
    /// When the scan of it began.
    pub taken_at: Timestamp,
    /// Whether it was read without a gap.
    pub complete: bool,
    /// Every tag that was seen, and what it points to.
    pub tags: BTreeMap<Tag, Digest>,
    /// Every manifest that was seen.
    pub manifests: BTreeSet<Digest>,
    /// Manifests proven gone: asked for, and answered 404.
    pub gone: BTreeSet<Digest>,
    /// Answers of the referrers API, per subject.
    pub referrers: BTreeMap<Digest, Vec<Digest>>,
}

impl ManifestMemory {
    /// Of a manifest that was never seen before `at`.
    pub(super) fn first_seen(at: Timestamp) -> Self {
        Self {
            first_seen_at: at,
            last_seen_at: at,
            untagged_at: None,
            restored_at: None,
            last_pulled_at: None,
        }
    }
}

impl RepositoryMemory {
    /// What is remembered after `seen`.
    #[must_use]
    pub fn after(&self, seen: &Observation) -> Self {
        let taken_at = as_stored(seen.taken_at);
        let at = self.observed_at.map_or(taken_at, |latest| latest.max(taken_at));
        let tags = self.tags_after(seen, at);
        Self {
            scanned_since: self.scanned_since.or(seen.complete.then_some(at)),
            observed_at: Some(at),
            manifests: self.manifests_after(seen, &tags, at),
            tags,
            referrers: self.referrers_after(seen, at),
        }
    }

    fn tags_after(&self, seen: &Observation, at: Timestamp) -> BTreeMap<Tag, TagMemory> {
        let mut tags = if seen.complete {
            BTreeMap::new()
        } else {
            self.tags.clone()
        };
        tags.extend(
            seen.tags
                .iter()
                .map(|(tag, digest)| (tag.clone(), self.tag_after(tag, digest, at))),
        );
        tags
    }

    /// A tag that points elsewhere now was set since; one that is new was, if a complete scan did not have it.
    fn tag_after(&self, tag: &Tag, digest: &Digest, at: Timestamp) -> TagMemory {
        match self.tags.get(tag) {
            Some(known) if known.digest == *digest => known.clone(),
            Some(_) => TagMemory {
                digest: digest.clone(),
                set_at: Some(at),
                first_seen_at: at,
            },
            None => TagMemory {
                digest: digest.clone(),
                set_at: self.scanned_since.and(Some(at)),
                first_seen_at: at,
            },
        }
    }

    fn manifests_after(
        &self,
        seen: &Observation,
        tags: &BTreeMap<Tag, TagMemory>,
        at: Timestamp,
    ) -> BTreeMap<Digest, ManifestMemory> {
        let mut manifests = self.manifests.clone();
        for digest in &seen.manifests {
            let memory = manifests
                .entry(digest.clone())
                .or_insert_with(|| ManifestMemory::first_seen(at));
            memory.last_seen_at = memory.last_seen_at.max(at);
        }
        manifests.retain(|digest, memory| !is_gone(digest, memory, seen));
        let had_tag: BTreeSet<&Digest> = self.tags.values().map(|tag| &tag.digest).collect();
        let has_tag: BTreeSet<&Digest> = tags.values().map(|tag| &tag.digest).collect();
        for (digest, memory) in &mut manifests {
            if has_tag.contains(digest) {
                memory.untagged_at = None;
            } else if had_tag.contains(digest) {
                // Even an incomplete scan comes here only if it saw the tag elsewhere.
                memory.untagged_at = Some(at);
            }
        }
        manifests
    }

    fn referrers_after(&self, seen: &Observation, at: Timestamp) -> BTreeMap<Digest, ReferrersMemory> {
        let mut known = self.referrers.clone();
        for (subject, answer) in &seen.referrers {
            let mut referrers = answer.clone();
            if !seen.complete {
                referrers.extend(known.remove(subject).into_iter().flat_map(|memory| memory.referrers));
            }
            referrers.sort();
            referrers.dedup();
            known.insert(
                subject.clone(),
                ReferrersMemory {
                    referrers,
                    asked_at: at,
                },
            );
        }
        known.retain(|subject, _| !(seen.complete && seen.gone.contains(subject)));
        known
    }
}

/// What was put back after the scan began is not gone, although the scan may have found it so.
fn is_gone(digest: &Digest, memory: &ManifestMemory, seen: &Observation) -> bool {
    let put_back_since = memory
        .restored_at
        .is_some_and(|restored_at| restored_at >= as_stored(seen.taken_at));
    seen.complete && seen.gone.contains(digest) && !put_back_since
}

//! Whether what the rules of a repository archive can be archived there, and is worth it.
//!
//! Archiving is a question of money: below a size that providers set, archived bytes cost what others do, and whoever
//! deletes what was archived a short time ago pays for the rest of that time.

use std::collections::BTreeMap;

use jiff::Timestamp;
use rayon::prelude::*;

use super::dates::given;
use super::{elapsed, length};
use crate::facts::Repositories;
use crate::model::{Manifest, RegistryHost, Repository};
use crate::policy::{Period, Policy};

/// Below that many bytes in a registry archiving saves nothing: so far the archive of Amazon ECR, the only one there is,
/// costs as much as its other storage.
const WORTHWHILE: u64 = 150_000_000_000_000;

/// For so long after its archival an archived image is paid for, whether it is deleted or not.
const PAID_FOR: Period = Period::days(90);

/// Whether what the rules of a repository archive can be archived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Archiving {
    /// No rule archives anything.
    Unasked,
    /// It can.
    Possible,
    /// The registry has no archive, as far as is known, or has removals switched off.
    Impossible,
    /// The registry holds only so many bytes.
    SavesNothing {
        /// In all its repositories that were scanned.
        stored: u64,
    },
}

impl Archiving {
    pub(super) fn of(repository: &Repository, policy: Option<&Policy>, stored: impl FnOnce() -> u64) -> Self {
        let Some(policy) = policy.filter(|policy| policy.archives()) else {
            return Self::Unasked;
        };
        let capabilities = &repository.capabilities;
        if capabilities.archive != Some(true) || capabilities.delete == Some(false) {
            return Self::Impossible;
        }
        if policy.archive_anyway {
            return Self::Possible;
        }
        match stored() {
            stored if saves_nothing(stored) => Self::SavesNothing { stored },
            _ => Self::Possible,
        }
    }
}

/// Whether it saves nothing to archive images of a registry that holds so many bytes.
pub(crate) fn saves_nothing(stored: u64) -> bool {
    stored < WORTHWHILE
}

/// When a manifest was archived, if that is so short a time ago, or nobody knows how long, that deleting it wastes money.
pub(crate) fn archived_lately(manifest: &Manifest, now: Timestamp) -> Option<Timestamp> {
    let archived_at = manifest.archived_at?;
    let long_ago = given(Some(archived_at)).is_some_and(|at| elapsed(at, now) >= length(PAID_FOR));
    (!long_ago).then_some(archived_at)
}

/// The bytes of all manifests and blobs of each registry, each counted once.
pub(crate) fn stored(inventory: &dyn Repositories) -> BTreeMap<RegistryHost, u64> {
    let mut places: BTreeMap<&RegistryHost, Vec<usize>> = BTreeMap::new();
    for position in 0..inventory.count() {
        places.entry(inventory.place(position).0).or_default().push(position);
    }
    let of_registry = |(host, positions): (&RegistryHost, Vec<usize>)| {
        let sizes = positions
            .par_iter()
            .flat_map_iter(|position| sizes(&inventory.repository(*position)));
        let mut sizes: Vec<(u64, u64)> = sizes.collect();
        sizes.par_sort_unstable();
        // Of two that are called alike, the larger.
        let last_of_each = sizes.chunk_by(|a, b| a.0 == b.0).filter_map(<[_]>::last);
        let sum = last_of_each.fold(0_u64, |sum, (_, size)| sum.saturating_add(*size));
        (host.clone(), sum)
    };
    places.into_iter().map(of_registry).collect()
}

/// Everything that a repository holds, by the first bytes of its digest.
fn sizes(repository: &Repository) -> Vec<(u64, u64)> {
    let manifests = repository.manifests.iter();
    let sizes = manifests.flat_map(|manifest| {
        let blobs = manifest.blobs.iter().map(|blob| (blob.digest.leading(), blob.size));
        blobs.chain([(manifest.digest.leading(), manifest.size)])
    });
    sizes.collect()
}

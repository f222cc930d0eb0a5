//! Sizes that cannot be: what a registry says of a blob is not always so.
//!
//! Nothing impossible is ever added up; it is named instead.

use std::collections::{BTreeMap, BTreeSet};

use crate::facts::Repositories;
use crate::model::{Digest, Manifest};

use super::weigh::held;

/// No registry takes a blob of a petabyte: the largest layers that any takes hold some hundred gigabytes.
pub(super) const LARGEST: u64 = 1_000_000_000_000_000;

/// How many of a sort are named.
const NAMED: usize = 3;

/// Whether the size of a blob can be.
pub(super) enum Size {
    /// It can.
    Believed(u64),
    /// It cannot: it is left out of every sum.
    Impossible,
}

impl Size {
    pub(super) fn bytes(&self) -> u64 {
        match self {
            Self::Believed(size) => *size,
            Self::Impossible => 0,
        }
    }
}

/// Whether the size of a blob can be.
pub(super) fn believable(size: u64) -> Size {
    if size <= LARGEST {
        Size::Believed(size)
    } else {
        Size::Impossible
    }
}

/// What is wrong with the sizes of a registry.
#[derive(Debug, Default)]
pub(super) struct Oddities {
    /// The keys of the digests with impossible or contradicting sizes.
    odd: BTreeSet<[u64; 4]>,
    /// How many there are, those included that are not kept.
    count: u64,
    /// Manifests of which nobody knows what they share with others.
    pub(super) opaque: u64,
    /// Manifests or blobs whose size nobody tells.
    pub(super) unsized_things: u64,
}

/// No more digests than that are looked up to be named.
const KEPT: usize = 1_000;

impl Oddities {
    pub(super) fn look(&mut self, manifest: &Manifest) {
        let is_opaque = manifest.blobs.iter().any(|blob| blob.digest == manifest.digest);
        let without_size = manifest.blobs.iter().filter(|blob| blob.size == 0);
        // The empty blob does have no bytes.
        let unsized_blobs = without_size.filter(|blob| blob.digest != Digest::of(b""));
        self.unsized_things += unsized_blobs.count() as u64;
        if is_opaque {
            self.opaque += 1;
        } else if manifest.size == 0 {
            self.unsized_things += 1;
        }
    }

    pub(super) fn note(&mut self, key: [u64; 4]) {
        self.count += 1;
        self.keep(key);
    }

    /// The first ones by their digests, in whatever order they are met.
    fn keep(&mut self, key: [u64; 4]) {
        self.odd.insert(key);
        if self.odd.len() > KEPT {
            self.odd.pop_last();
        }
    }

    pub(super) fn add(&mut self, other: Self) {
        self.count += other.count;
        self.opaque += other.opaque;
        self.unsized_things += other.unsized_things;
        other.odd.into_iter().for_each(|key| self.keep(key));
    }

    /// Whether there are more than could be looked up.
    pub(super) fn is_cut(&self) -> bool {
        self.count > self.odd.len() as u64
    }

    /// Whether every size that is given can be.
    pub(super) fn is_none(&self) -> bool {
        self.count == 0
    }
}

/// A digest whose size cannot be, or that has several.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Odd {
    pub(super) digest: Digest,
    /// The smallest few.
    pub(super) sizes: BTreeSet<u64>,
    /// One of them cannot be.
    pub(super) is_impossible: bool,
    /// `registry/repository`: the first of several.
    pub(super) place: String,
}

impl Odd {
    /// `sha256:… in registry/repository: 5 or 7 bytes`.
    pub(super) fn text(&self) -> String {
        let sizes: Vec<String> = self.sizes.iter().map(u64::to_string).collect();
        format!("{} in {}: {} bytes", self.digest, self.place, sizes.join(" or "))
    }
}

/// The digests with impossible sizes, and those with several, in order: how many there are, and a few of them.
#[derive(Debug, Default)]
pub(super) struct OddSizes {
    pub(super) impossible: (u64, Vec<Odd>),
    pub(super) contradicting: (u64, Vec<Odd>),
}

/// Looks up what was noted.
pub(super) fn odd_sizes(inventory: &dyn Repositories, positions: &[usize], oddities: &Oddities) -> OddSizes {
    let mut found: BTreeMap<Digest, Odd> = BTreeMap::new();
    for position in positions {
        let repository = inventory.repository(*position);
        for manifest in &repository.manifests {
            for (digest, size) in held(manifest) {
                if !oddities.odd.contains(&digest.key()) {
                    continue;
                }
                let place = format!("{}/{}", repository.registry, repository.name);
                let odd = found.entry(digest.clone()).or_insert_with(|| Odd {
                    digest: digest.clone(),
                    sizes: BTreeSet::new(),
                    is_impossible: false,
                    place: place.clone(),
                });
                // The same is named in whatever order the facts come.
                odd.place = place.min(std::mem::take(&mut odd.place));
                odd.is_impossible |= size > LARGEST;
                odd.sizes.insert(size);
                if odd.sizes.len() > NAMED {
                    odd.sizes.pop_last();
                }
            }
        }
    }
    let mut sorted = OddSizes::default();
    for odd in found.into_values() {
        let (count, named) = match odd.is_impossible {
            true => &mut sorted.impossible,
            false => &mut sorted.contradicting,
        };
        *count += 1;
        if named.len() < NAMED {
            named.push(odd);
        }
    }
    sorted
}

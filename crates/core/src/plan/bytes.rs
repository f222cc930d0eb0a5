//! What each deletion frees and each archival moves, by reference counting over everything that was scanned.
//!
//! A blob counts for the deletion that takes its last reference, so that the figures add up; where archived manifests
//! still refer to it, for the last archival of one. The dedup domain is the registry. What the inventory does not know (other repositories, untagged manifests that a registry
//! does not list) may still hold a blob: the figure is the most that can be freed.
//!
//! Nearly every blob lies in one repository, whose share of the plan can be counted by itself. Only what lies in
//! several is remembered until all of them are known.

use std::collections::BTreeMap;

use rayon::prelude::*;

use super::limits::LimitedRepository;
use super::model::{Action, ActionKind};
use crate::facts::Repositories;
use crate::hashed::{Map, Set};
use crate::model::{Digest, Manifest, RegistryHost, Repository};

/// Per registry the leading bytes of every digest that may lie in several of its repositories. More than these only
/// cost memory.
pub(super) struct Spread<'a>(BTreeMap<&'a RegistryHost, Set<u64>>);

/// A blob or manifest that may lie in several repositories, as one of them sees it.
pub(super) struct Release {
    digest: Digest,
    size: u64,
    fate: Fate,
}

/// What is known so far of everything that lies in several repositories.
#[derive(Default)]
pub(super) struct Ledger<'a>(BTreeMap<&'a RegistryHost, Map<Digest, (u64, Fate)>>);

/// What becomes of a blob or manifest with all that refers to it. Actions are meant by their places.
#[derive(Debug, Clone, Copy, Default)]
struct Fate {
    /// Something that refers to it stays as it is.
    stays: bool,
    /// Something that refers to it is archived, before or now.
    archived: bool,
    last_deletion: Option<usize>,
    last_archival: Option<usize>,
}

impl Fate {
    /// What one manifest means for all that it refers to.
    fn of(manifest: &Manifest, taken: Option<(usize, ActionKind)>) -> Self {
        let is_archived = manifest.archived_at.is_some();
        match taken {
            Some((place, ActionKind::Delete)) => Self {
                last_deletion: Some(place),
                ..Self::default()
            },
            Some((place, ActionKind::Archive)) => Self {
                archived: true,
                last_archival: Some(place),
                ..Self::default()
            },
            Some((_, ActionKind::Untag)) | None => Self {
                stays: !is_archived,
                archived: is_archived,
                ..Self::default()
            },
        }
    }

    fn and(self, other: Self) -> Self {
        Self {
            stays: self.stays || other.stays,
            archived: self.archived || other.archived,
            last_deletion: self.last_deletion.max(other.last_deletion),
            last_archival: self.last_archival.max(other.last_archival),
        }
    }

    /// Its actions lie so much further back in the whole plan.
    fn behind(self, first: usize) -> Self {
        Self {
            last_deletion: self.last_deletion.map(|place| first + place),
            last_archival: self.last_archival.map(|place| first + place),
            ..self
        }
    }

    /// The action for which the bytes count.
    fn counts_for(self) -> Option<usize> {
        match self {
            Self { stays: true, .. } => None,
            Self { archived: true, .. } => self.last_archival,
            _ => self.last_deletion,
        }
    }
}

impl<'a> Spread<'a> {
    pub(super) fn of(inventory: &'a dyn Repositories) -> Self {
        let mut places: BTreeMap<&RegistryHost, Vec<usize>> = BTreeMap::new();
        for position in 0..inventory.count() {
            places.entry(inventory.place(position).0).or_default().push(position);
        }
        places.retain(|_, positions| positions.len() > 1);
        Self(
            places
                .into_iter()
                .map(|(host, positions)| (host, in_several(inventory, &positions)))
                .collect(),
        )
    }

    fn contains(&self, repository: &Repository, digest: &Digest) -> bool {
        let of_registry = self.0.get(&repository.registry);
        of_registry.is_some_and(|of_registry| of_registry.contains(&digest.leading()))
    }
}

/// What stands in more than one of these repositories.
fn in_several(inventory: &dyn Repositories, positions: &[usize]) -> Set<u64> {
    let mut all: Vec<u64> = Vec::new();
    // In batches, so that no more than one copy of everything is held.
    for batch in positions.chunks(super::BATCH) {
        let found: Vec<Vec<u64>> = batch
            .par_iter()
            .map(|position| leading_bytes(&inventory.repository(*position)))
            .collect();
        found.into_iter().for_each(|found| all.extend(found));
    }
    all.par_sort_unstable();
    let repeated = all.windows(2).filter(|two| two[0] == two[1]);
    repeated.map(|two| two[0]).collect()
}

/// The leading bytes of everything in a repository, each once.
fn leading_bytes(repository: &Repository) -> Vec<u64> {
    let contents = repository.manifests.iter().flat_map(contents);
    let mut leading: Vec<u64> = contents.map(|(digest, _)| digest.leading()).collect();
    leading.sort_unstable();
    leading.dedup();
    leading
}

/// The manifest itself and its blobs, with their sizes.
fn contents(manifest: &Manifest) -> impl Iterator<Item = (&Digest, u64)> {
    let blobs = manifest.blobs.iter().map(|blob| (&blob.digest, blob.size));
    std::iter::once((&manifest.digest, manifest.size)).chain(blobs)
}

/// Fills in the bytes that the actions of one repository free or move for certain, and tells what else they may.
pub(super) fn count(actions: &mut [Action], limited: &LimitedRepository<'_>, spread: &Spread<'_>) -> Vec<Release> {
    let repository = limited.evaluation.repository;
    let graph = &limited.evaluation.graph;
    let mut turns = vec![None; graph.nodes().len()];
    for (place, action) in actions.iter().enumerate() {
        if let Some(node) = graph.node(&action.digest) {
            turns[node] = Some((place, action.action));
        }
    }
    if actions.is_empty() && !spread.0.contains_key(&repository.registry) {
        return Vec::new();
    }
    let mut held: Vec<Held<'_>> = Vec::new();
    for node in graph.nodes() {
        let Some(manifest) = graph.manifest(node) else { continue };
        let fate = Fate::of(manifest, turns[node]);
        held.extend(contents(manifest).map(|(digest, size)| Held { digest, size, fate }));
    }
    let mut releases = Vec::new();
    let order = by_digest(&held);
    for same in order.chunk_by(|a, b| held[a.1].digest == held[b.1].digest) {
        let held = || same.iter().map(|(_, place)| &held[*place]);
        let size = held().map(|held| held.size).max().unwrap_or_default();
        let fate = held().map(|held| held.fate).fold(Fate::default(), Fate::and);
        let Some(digest) = held().next().map(|held| held.digest) else {
            continue;
        };
        if spread.contains(repository, digest) {
            releases.push(Release {
                digest: digest.clone(),
                size,
                fate,
            });
        } else if let Some(place) = fate.counts_for() {
            free(actions, place, size);
        }
    }
    releases
}

/// A blob or manifest as one manifest refers to it.
struct Held<'a> {
    digest: &'a Digest,
    size: u64,
    fate: Fate,
}

/// The places of all, sorted by digest, each behind the digest's first bytes.
fn by_digest(held: &[Held<'_>]) -> Vec<(u64, usize)> {
    let places = held.iter().enumerate();
    let mut order: Vec<(u64, usize)> = places.map(|(place, held)| (held.digest.leading(), place)).collect();
    order.sort_unstable_by_key(|(leading, _)| *leading);
    // Digests that only begin alike are rare.
    for same in order.chunk_by_mut(|a, b| a.0 == b.0) {
        if same
            .windows(2)
            .any(|two| held[two[0].1].digest != held[two[1].1].digest)
        {
            same.sort_unstable_by_key(|(_, place)| held[*place].digest);
        }
    }
    order
}

fn free(actions: &mut [Action], place: usize, size: u64) {
    if let Some(action) = actions.get_mut(place) {
        action.bytes = action.bytes.saturating_add(size);
    }
}

impl<'a> Ledger<'a> {
    /// Notes what a repository says, whose actions begin at `first` in the plan. Repositories come in the plan's order.
    pub(super) fn note(&mut self, host: &'a RegistryHost, releases: Vec<Release>, first: usize) {
        let fates = self.0.entry(host).or_default();
        for Release { digest, size, fate } in releases {
            let (largest, all) = fates.entry(digest).or_default();
            *largest = size.max(*largest);
            *all = all.and(fate.behind(first));
        }
    }

    /// Fills in what is free after all.
    pub(super) fn settle(self, actions: &mut [Action]) {
        for (size, fate) in self.0.into_values().flat_map(Map::into_values) {
            if let Some(place) = fate.counts_for() {
                free(actions, place, size);
            }
        }
    }
}

//! What each deletion frees, by reference counting over everything that was scanned.
//!
//! A blob counts for the action that takes its last reference, so that the figures add up. The dedup domain
//! is the registry. What the inventory does not know (other repositories, untagged manifests that a registry
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
    /// The action that takes its last reference here, by its place in the share; `None` if something keeps it.
    last: Option<usize>,
}

/// What is known so far of everything that lies in several repositories.
#[derive(Default)]
pub(super) struct Ledger<'a>(BTreeMap<&'a RegistryHost, Map<Digest, Fate>>);

struct Fate {
    size: u64,
    last: Option<usize>,
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

/// Fills in the bytes that the actions of one repository free for certain, and tells what else they may free.
pub(super) fn count(actions: &mut [Action], limited: &LimitedRepository<'_>, spread: &Spread<'_>) -> Vec<Release> {
    let repository = limited.evaluation.repository;
    let graph = &limited.evaluation.graph;
    let mut turns = vec![None; graph.nodes().len()];
    for (place, action) in actions.iter().enumerate() {
        if action.action == ActionKind::Delete
            && let Some(node) = graph.node(&action.digest)
        {
            turns[node] = Some(place);
        }
    }
    if actions.is_empty() && !spread.0.contains_key(&repository.registry) {
        return Vec::new();
    }
    let mut held: Vec<Held<'_>> = Vec::new();
    for node in graph.nodes() {
        let contents = graph.manifest(node).into_iter().flat_map(contents);
        let turn = turns[node];
        held.extend(contents.map(|(digest, size)| Held { digest, size, turn }));
    }
    let mut releases = Vec::new();
    let order = by_digest(&held);
    for same in order.chunk_by(|a, b| held[a.1].digest == held[b.1].digest) {
        let held = || same.iter().map(|(_, place)| &held[*place]);
        let size = held().map(|held| held.size).max().unwrap_or_default();
        let all_go = held().all(|held| held.turn.is_some());
        let last = held().filter_map(|held| held.turn).max().filter(|_| all_go);
        let Some(digest) = held().next().map(|held| held.digest) else {
            continue;
        };
        if spread.contains(repository, digest) {
            releases.push(Release {
                digest: digest.clone(),
                size,
                last,
            });
        } else if let Some(last) = last {
            free(actions, last, size);
        }
    }
    releases
}

/// A blob or manifest as one manifest refers to it.
struct Held<'a> {
    digest: &'a Digest,
    size: u64,
    /// The action that takes the manifest, if one does.
    turn: Option<usize>,
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
        for Release { digest, size, last } in releases {
            let last = last.map(|last| first + last);
            let fate = fates.entry(digest).or_insert(Fate { size, last });
            fate.size = fate.size.max(size);
            fate.last = fate.last.zip(last).map(|(before, last)| before.max(last));
        }
    }

    /// Fills in what is free after all.
    pub(super) fn settle(self, actions: &mut [Action]) {
        for fate in self.0.into_values().flat_map(Map::into_values) {
            if let Some(last) = fate.last {
                free(actions, last, fate.size);
            }
        }
    }
}

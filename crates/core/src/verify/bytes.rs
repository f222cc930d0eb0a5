//! The bytes of a plan are those of what only deleted manifests refer to, per registry.

use std::collections::BTreeMap;

use rayon::prelude::*;

use super::world::{Contents, Place, World};
use super::{Law, Violation};
use crate::hashed::{Map, Set, map_for};
use crate::model::{Digest, RegistryHost, Repository};
use crate::plan::Plan;

/// Per registry the last bytes of all digests that stand in several of its repositories. What it says is too much where
/// two digests end alike; then something is only looked at more closely than it need be.
pub(super) struct Tally<'a>(BTreeMap<&'a RegistryHost, Set<u64>>);

/// What the deletions in one repository free, as far as that is to be seen there.
#[derive(Default)]
pub(super) struct Freed {
    /// The bytes of what is nowhere else.
    surely: u128,
    /// What may be in other repositories as well: its size, and whether anything here still refers to it.
    perhaps: Vec<(Digest, u64, bool)>,
}

impl<'a> Tally<'a> {
    pub(super) fn new(world: &World<'a>) -> Self {
        let mut by_host: BTreeMap<&RegistryHost, Vec<&Vec<usize>>> = BTreeMap::new();
        for ((host, _), positions) in &world.places {
            by_host.entry(host).or_default().push(positions);
        }
        by_host.retain(|_, places| places.len() > 1);
        let several = by_host
            .into_iter()
            .map(|(host, places)| (host, in_several(world, &places)));
        Self(several.collect())
    }

    pub(super) fn freed(&self, place: Place<'_>, contents: &Contents<'_>, deleted: &[Option<usize>]) -> Freed {
        let several = self.0.get(place.0);
        let mut stored: Map<&Digest, (u64, bool)> = map_for(contents.nodes.len() * 3);
        for (node, deleted) in contents.nodes.iter().zip(deleted) {
            let manifest = node.manifest;
            let blobs = manifest.blobs.iter().map(|blob| (&blob.digest, blob.size));
            for (digest, size) in blobs.chain([(&manifest.digest, manifest.size)]) {
                let (known, stays) = stored.entry(digest).or_default();
                *known = size.max(*known);
                *stays |= deleted.is_none();
            }
        }
        let mut freed = Freed::default();
        for (digest, (size, stays)) in stored {
            if several.is_some_and(|several| several.contains(&digest.trailing())) {
                freed.perhaps.push((digest.clone(), size, stays));
            } else if !stays {
                freed.surely += u128::from(size);
            }
        }
        freed
    }
}

fn in_several(world: &World<'_>, places: &[&Vec<usize>]) -> Set<u64> {
    const AT_ONCE: usize = 256;
    let mut all = Vec::new();
    for places in places.chunks(AT_ONCE) {
        let ends = places.par_iter().map(|positions| {
            let mut ends = Vec::new();
            for record in world.records(positions) {
                ends_of(&record, &mut ends);
            }
            ends.sort_unstable();
            ends.dedup();
            ends
        });
        let ends: Vec<Vec<u64>> = ends.collect();
        ends.into_iter().for_each(|ends| all.extend(ends));
    }
    all.par_sort_unstable();
    let several = all.chunk_by(|a, b| a == b).filter(|equal| equal.len() > 1);
    several.map(|equal| equal[0]).collect()
}

fn ends_of(record: &Repository, ends: &mut Vec<u64>) {
    for manifest in &record.manifests {
        ends.push(manifest.digest.trailing());
        ends.extend(manifest.blobs.iter().map(|blob| blob.digest.trailing()));
    }
}

/// The plan's bytes against what is freed.
pub(super) fn add_up(plan: &Plan, shares: Vec<(&RegistryHost, Freed)>) -> Vec<Violation> {
    let mut said: BTreeMap<&RegistryHost, u128> = BTreeMap::new();
    for action in &plan.actions {
        *said.entry(&action.registry).or_default() += u128::from(action.bytes);
    }
    let mut freed: BTreeMap<&RegistryHost, u128> = BTreeMap::new();
    let mut perhaps: BTreeMap<&RegistryHost, Map<Digest, (u64, bool)>> = BTreeMap::new();
    for (host, share) in shares {
        *freed.entry(host).or_default() += share.surely;
        for (digest, size, stays) in share.perhaps {
            let (known, stays_anywhere) = perhaps.entry(host).or_default().entry(digest).or_default();
            *known = size.max(*known);
            *stays_anywhere |= stays;
        }
    }
    for (host, stored) in perhaps {
        let gone = stored.into_values().filter(|(_, stays)| !stays);
        *freed.entry(host).or_default() += gone.map(|(size, _)| u128::from(size)).sum::<u128>();
    }
    let mut violations = Vec::new();
    for (registry, said) in said {
        let freed = freed.get(registry).copied().unwrap_or_default();
        // Nobody stores more than that: the sizes are made up, and the plan says the largest number that there is.
        if freed != said && freed <= u128::from(u64::MAX) {
            let detail = format!("the bytes of its actions add up to {said}; they free {freed}");
            violations.push(Violation::of_registry(Law::Facts, registry, detail));
        }
    }
    violations
}

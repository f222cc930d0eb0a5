//! The bytes of a plan, per registry: of its deletions those of what only deleted manifests refer to, of its archivals
//! those of what none refers to any more that can be pulled.

use std::collections::BTreeMap;

use rayon::prelude::*;

use super::world::{Id, World};
use super::{Inspection, Law, Violation};
use crate::hashed::{Map, Set, map_for};
use crate::model::{Digest, RegistryHost, Repository};
use crate::plan::{ActionKind, Plan};

/// Per registry the last bytes of all digests that stand in several of its repositories. What it says is too much where
/// two digests end alike; then something is only looked at more closely than it need be.
pub(super) struct Tally<'a>(BTreeMap<&'a RegistryHost, Set<u64>>);

/// What the actions in one repository free or move, as far as that is to be seen there.
#[derive(Default)]
pub(super) struct Freed {
    /// The bytes of what is nowhere else.
    surely: Sums,
    /// What may be in other repositories as well: its size, and who here refers to it.
    perhaps: Vec<(Digest, u64, Referrers)>,
}

/// Bytes that are freed, and bytes that move to the archive.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Sums {
    freed: u128,
    moved: u128,
}

/// What kinds of manifests refer to something once the plan is carried out.
#[derive(Debug, Clone, Copy, Default)]
struct Referrers {
    /// Some that stay and can be pulled.
    staying: bool,
    /// Some in the archive.
    archived: bool,
    /// Some that the plan puts there.
    newly_archived: bool,
}

impl Referrers {
    fn of(inspection: &Inspection<'_, '_>, id: Id) -> Self {
        let archived = inspection.ends_archived(id);
        Self {
            staying: !archived && !inspection.deletes(id),
            archived,
            newly_archived: inspection.archives(id),
        }
    }

    fn add(&mut self, other: Self) {
        self.staying |= other.staying;
        self.archived |= other.archived;
        self.newly_archived |= other.newly_archived;
    }
}

impl Sums {
    fn add(&mut self, size: u64, referrers: Referrers) {
        if !referrers.staying && !referrers.archived {
            self.freed += u128::from(size);
        }
        if !referrers.staying && referrers.newly_archived {
            self.moved += u128::from(size);
        }
    }
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

    pub(super) fn freed(&self, inspection: &Inspection<'_, '_>) -> Freed {
        let several = self.0.get(inspection.place.0);
        let nodes = &inspection.contents.nodes;
        let mut stored: Map<&Digest, (u64, Referrers)> = map_for(nodes.len() * 3);
        for (id, node) in nodes.iter().enumerate() {
            let manifest = node.manifest;
            let referrer = Referrers::of(inspection, id);
            let blobs = manifest.blobs.iter().map(|blob| (&blob.digest, blob.size));
            for (digest, size) in blobs.chain([(&manifest.digest, manifest.size)]) {
                let (known, referrers) = stored.entry(digest).or_default();
                *known = size.max(*known);
                referrers.add(referrer);
            }
        }
        let mut freed = Freed::default();
        for (digest, (size, referrers)) in stored {
            if several.is_some_and(|several| several.contains(&digest.trailing())) {
                freed.perhaps.push((digest.clone(), size, referrers));
            } else {
                freed.surely.add(size, referrers);
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
    let mut said: BTreeMap<&RegistryHost, Sums> = BTreeMap::new();
    for action in &plan.actions {
        let said = said.entry(&action.registry).or_default();
        let sum = match action.action {
            ActionKind::Archive => &mut said.moved,
            ActionKind::Delete | ActionKind::Untag => &mut said.freed,
        };
        *sum += u128::from(action.bytes);
    }
    let mut freed: BTreeMap<&RegistryHost, Sums> = BTreeMap::new();
    let mut perhaps: BTreeMap<&RegistryHost, Map<Digest, (u64, Referrers)>> = BTreeMap::new();
    for (host, share) in shares {
        let sums = freed.entry(host).or_default();
        sums.freed += share.surely.freed;
        sums.moved += share.surely.moved;
        for (digest, size, referrers) in share.perhaps {
            let (known, anywhere) = perhaps.entry(host).or_default().entry(digest).or_default();
            *known = size.max(*known);
            anywhere.add(referrers);
        }
    }
    for (host, stored) in perhaps {
        let sums = freed.entry(host).or_default();
        stored
            .into_values()
            .for_each(|(size, referrers)| sums.add(size, referrers));
    }
    let mut violations = Vec::new();
    for (registry, said) in said {
        let sums = freed.get(registry).copied().unwrap_or_default();
        for (said, is, what) in [
            (said.freed, sums.freed, "free"),
            (said.moved, sums.moved, "move to the archive"),
        ] {
            // Nobody stores more than that: the sizes are made up, and the plan says the largest number that there is.
            if is != said && is <= u128::from(u64::MAX) {
                let detail = format!("the bytes of its actions add up to {said}; they {what} {is}");
                violations.push(Violation::of_registry(Law::Facts, registry, detail));
            }
        }
    }
    violations
}

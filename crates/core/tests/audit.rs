//! The figures of an audit, held against a second count that sums up blob by blob, on worlds where everything collides.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests: a failure is a failed test"
)]

#[expect(
    dead_code,
    unused_imports,
    reason = "shared with the laws: nothing is applied or protected here"
)]
mod worlds;

use std::collections::{BTreeMap, BTreeSet};

use jettison_core::audit::{Audit, AuditQuestion, FactsFrom, Holdings, audit};
use jettison_core::evaluate::{RepositoryEvaluation, evaluate};
use jettison_core::model::{Digest, Kind, RegistryHost, Repository, Sharing};
use jettison_core::reason::Hold;
use proptest::prelude::*;

use worlds::{World, worlds};

/// A blob or manifest with its sizes, and which manifests (repository, digest) hold it.
#[derive(Default)]
struct Held {
    sizes: BTreeSet<u64>,
    by: BTreeSet<(usize, Digest)>,
}

const LARGEST: u64 = 1_000_000_000_000_000;

impl Held {
    /// What it counts: of several sizes the smallest, of an impossible one nothing.
    fn bytes(&self) -> u64 {
        let believed = self.sizes.iter().map(|size| if *size > LARGEST { 0 } else { *size });
        believed.min().unwrap()
    }
}

/// Everything that one domain stores: what is held by anything in it.
type Domain = BTreeMap<Digest, Held>;

fn audited(world: &World, sharing: Sharing) -> Audit {
    let question = AuditQuestion {
        divisions: vec![
            "branch".parse().unwrap(),
            "team".parse().unwrap(),
            "label:team".parse().unwrap(),
        ],
        sharing: Some(sharing),
        most: 0,
    };
    audit(&world.facts(), (world.facts().now, FactsFrom::SavedFacts), &question)
}

/// The domains of one registry: all of it, or each repository by itself.
fn domains(world: &World, host: &RegistryHost, sharing: Sharing) -> Vec<Domain> {
    let mut domains: BTreeMap<usize, Domain> = BTreeMap::new();
    for (position, repository) in world.inventory.repositories.iter().enumerate() {
        if repository.registry != *host {
            continue;
        }
        let domain = match sharing {
            Sharing::Registry => domains.entry(0).or_default(),
            Sharing::Repository => domains.entry(position).or_default(),
        };
        for manifest in &repository.manifests {
            let own = (manifest.size > 0).then(|| (manifest.digest.clone(), manifest.size));
            let blobs = manifest.blobs.iter().map(|blob| (blob.digest.clone(), blob.size));
            for (digest, size) in own.into_iter().chain(blobs) {
                let held = domain.entry(digest).or_default();
                held.sizes.insert(size);
                held.by.insert((position, manifest.digest.clone()));
            }
        }
    }
    domains.into_values().collect()
}

/// The images that each manifest belongs to, by position and digest: those that lead to it.
fn belongs(evaluated: &[RepositoryEvaluation<'_>]) -> BTreeMap<(usize, Digest), Vec<(usize, usize)>> {
    let mut belongs: BTreeMap<(usize, Digest), Vec<(usize, usize)>> = BTreeMap::new();
    for (position, of) in evaluated.iter().enumerate() {
        for (place, root) in of.roots.iter().enumerate() {
            let mut reached = BTreeSet::new();
            let mut open = vec![root.node];
            while let Some(node) = open.pop() {
                if reached.insert(node) {
                    open.extend(of.graph.children(node).iter().chain(of.graph.referrers(node)));
                }
            }
            for node in reached {
                let key = (position, of.graph.digest(node).clone());
                belongs.entry(key).or_default().push((position, place));
            }
        }
    }
    belongs
}

fn sum(domains: &[Domain], wanted: impl Fn(&Held) -> bool) -> u64 {
    let held = domains.iter().flat_map(BTreeMap::values).filter(|held| wanted(held));
    held.fold(0, |sum, held| sum.saturating_add(held.bytes()))
}

/// Whether nothing in the world is said twice: then it is for the graph to choose what is true.
fn is_plain(world: &World) -> bool {
    world.inventory.repositories.iter().all(|repository| {
        let digests: BTreeSet<&Digest> = repository.manifests.iter().map(|manifest| &manifest.digest).collect();
        digests.len() == repository.manifests.len()
    })
}

fn row<'a>(audit: &'a Audit, host: &RegistryHost, by: &str, name: &str) -> Option<&'a Holdings> {
    let mut rows = audit.rows.iter();
    rows.find(|row| row.registry == *host && row.by == by && row.name == name)
        .map(|row| &row.holdings)
}

/// Every figure of one registry, counted again.
fn check(world: &World, audit: &Audit, sharing: Sharing) -> Result<(), TestCaseError> {
    let facts = world.facts();
    let evaluated = evaluate(&facts, &world.inventory);
    let belongs = belongs(&evaluated);
    for registry in &audit.registries {
        let host = &registry.registry;
        let domains = domains(world, host, sharing);
        prop_assert_eq!(registry.totals.stored_bytes, sum(&domains, |_| true));
        let in_one = |held: &Held| {
            held.by
                .iter()
                .map(|(position, _)| position)
                .collect::<BTreeSet<_>>()
                .len()
                == 1
        };
        prop_assert_eq!(registry.totals.exclusive_bytes, sum(&domains, in_one));
        let positions = || {
            (0..)
                .zip(&world.inventory.repositories)
                .filter(|(_, it)| it.registry == *host)
        };
        let tags_of = |it: &Repository| -> u64 {
            let listed = it.tags.iter().map(|entry| &entry.name);
            listed.chain(&it.dangling).collect::<BTreeSet<_>>().len() as u64
        };
        let tags: u64 = positions().map(|(_, it)| tags_of(it)).sum();
        let manifests: usize = positions().map(|(_, it)| it.manifests.len()).sum();
        prop_assert_eq!(registry.totals.manifests, manifests as u64);
        prop_assert_eq!(registry.totals.tags, tags);
        let images: usize = positions().map(|(position, _)| evaluated[position].roots.len()).sum();
        prop_assert_eq!(registry.totals.images, images as u64);
        for by in ["repository", "team"] {
            let rows = audit.rows.iter().filter(|row| row.registry == *host && row.by == by);
            prop_assert_eq!(rows.map(|row| row.holdings.tags).sum::<u64>(), tags, "{}", by);
        }
        for (position, repository) in positions() {
            let row = row(audit, host, "repository", repository.name.as_str())
                .cloned()
                .unwrap_or_default();
            prop_assert_eq!(row.tags, tags_of(repository));
            let here = |held: &Held| held.by.iter().any(|(other, _)| *other == position);
            prop_assert_eq!(row.stored_bytes, sum(&domains, here));
            prop_assert_eq!(row.exclusive_bytes, sum(&domains, |held| here(held) && in_one(held)));
            prop_assert_eq!(row.stored_bytes, row.exclusive_bytes + row.shared_bytes);
        }
        let roots = |held: &Held| -> Vec<(usize, usize)> {
            held.by
                .iter()
                .flat_map(|by| belongs.get(by).cloned().unwrap_or_default())
                .collect()
        };
        // What hangs on no image, a loop, is of its own kind.
        let kinds = |held: &Held| -> BTreeSet<Kind> {
            let of_manifest = |by: &(usize, Digest)| match belongs.get(by) {
                Some(roots) => roots
                    .iter()
                    .map(|(position, place)| evaluated[*position].roots[*place].kind)
                    .collect(),
                None => {
                    let manifests = &world.inventory.repositories[by.0].manifests;
                    manifests
                        .iter()
                        .filter(|it| it.digest == by.1)
                        .map(|it| it.kind)
                        .collect::<Vec<_>>()
                }
            };
            held.by.iter().flat_map(of_manifest).collect()
        };
        for kind in Kind::ALL {
            let row = row(audit, host, "kind", kind.as_str()).cloned().unwrap_or_default();
            prop_assert_eq!(row.stored_bytes, sum(&domains, |held| kinds(held).contains(&kind)));
            prop_assert_eq!(
                row.exclusive_bytes,
                sum(&domains, |held| kinds(held) == BTreeSet::from([kind]))
            );
        }
        let is_used = |(position, place): &(usize, usize)| {
            let of = &evaluated[*position];
            let node = of.roots[*place].node;
            of.holds.has(node, Hold::InUse) || of.holds.has(node, Hold::RecentlyUsed)
        };
        if let Some(bytes) = registry.totals.not_in_use_bytes {
            let unused = |held: &Held| {
                let roots = roots(held);
                held.by.iter().all(|by| belongs.contains_key(by)) && !roots.iter().any(is_used)
            };
            prop_assert_eq!(bytes, sum(&domains, unused));
        }
        let odd = domains
            .iter()
            .flat_map(BTreeMap::values)
            .filter(|held| held.sizes.len() > 1 || held.sizes.iter().any(|size| *size > LARGEST));
        let is_odd = odd.count() > 0;
        let codes = ["impossible-size", "contradicting-size"];
        let named = audit
            .findings
            .iter()
            .any(|finding| codes.contains(&finding.code.as_str()));
        prop_assert!(!is_odd || named);
        prop_assert!(!is_odd || registry.totals.at_least);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn every_figure_is_what_a_count_blob_by_blob_says(world in worlds()) {
        prop_assume!(is_plain(&world));
        for sharing in [Sharing::Registry, Sharing::Repository] {
            check(&world, &audited(&world, sharing), sharing)?;
        }
    }

    #[test]
    fn the_order_of_the_facts_changes_nothing(world in worlds()) {
        let audit = audited(&world, Sharing::Registry);
        let mut turned = world.clone();
        turned.inventory.repositories.reverse();
        for repository in &mut turned.inventory.repositories {
            repository.manifests.reverse();
            repository.tags.reverse();
        }
        let other = audited(&turned, Sharing::Registry);
        let text = |audit: &Audit| {
            let mut audit = audit.clone();
            audit.gaps.sort();
            serde_json::to_string(&audit).unwrap()
        };
        prop_assert_eq!(text(&audit), text(&other));
    }

    #[test]
    fn groups_hold_all_that_there_is(world in worlds()) {
        let audit = audited(&world, Sharing::Registry);
        for registry in &audit.registries {
            for by in ["branch", "team", "label:team"] {
                let rows = audit.rows.iter().filter(|row| row.registry == registry.registry && row.by == by);
                let rows: Vec<&Holdings> = rows.map(|row| &row.holdings).collect();
                let exclusive: u64 = rows.iter().fold(0, |sum, row| sum.saturating_add(row.exclusive_bytes));
                let stored: u64 = rows.iter().fold(0, |sum, row| sum.saturating_add(row.stored_bytes));
                prop_assert!(exclusive <= registry.totals.stored_bytes);
                prop_assert!(registry.totals.stored_bytes <= stored);
                prop_assert!(rows.iter().all(|row| row.stored_bytes == row.exclusive_bytes + row.shared_bytes));
                let images: u64 = rows.iter().map(|row| row.images).sum();
                prop_assert!(registry.totals.images <= images);
            }
        }
    }
}

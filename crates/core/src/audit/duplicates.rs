//! Images that stand in several repositories of one registry.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use rayon::prelude::*;

use super::census::{Tally, closure_bytes};
use super::form::Duplicate;
use crate::facts::Repositories;
use crate::graph::Graph;
use crate::model::{Digest, RegistryHost, Sharing};

/// No more are weighed than these, those in most repositories first.
const WEIGHED: usize = 10_000;

/// Finds them: those whose copies take most first, then those with most bytes in copies.
pub(super) fn find(
    inventory: &dyn Repositories,
    places: &BTreeMap<&RegistryHost, Vec<usize>>,
    (tallies, sharing): (&[Tally], &BTreeMap<RegistryHost, Sharing>),
    most: usize,
) -> Vec<Duplicate> {
    let of_registry = |(host, positions): (&&RegistryHost, &Vec<usize>)| {
        // By name: the order of the facts changes nothing.
        let mut positions = positions.clone();
        positions.sort_by_key(|position| inventory.place(*position));
        let mut copies = copies(&positions, tallies);
        copies.sort_by_key(|(digest, positions)| (Reverse(positions.len()), *digest));
        copies.truncate(WEIGHED);
        let sharing = sharing.get(*host).copied().unwrap_or(Sharing::Registry);
        weighed(inventory, &copies, sharing)
    };
    let mut duplicates: Vec<Duplicate> = places.iter().flat_map(of_registry).collect();
    let copied = |duplicate: &Duplicate| {
        let further = (duplicate.repositories.len() as u64).saturating_sub(1);
        duplicate.bytes.saturating_mul(further)
    };
    duplicates.sort_by(|one, other| {
        let order = |it: &Duplicate| (Reverse(it.extra_bytes), Reverse(copied(it)));
        let names = |it: &Duplicate| (it.registry.clone(), it.digest.clone());
        order(one)
            .cmp(&order(other))
            .then_with(|| names(one).cmp(&names(other)))
    });
    duplicates.truncate(if most == 0 { usize::MAX } else { most });
    duplicates
}

/// Roots that several repositories have, and which.
fn copies<'t>(positions: &[usize], tallies: &'t [Tally]) -> Vec<(&'t Digest, Vec<usize>)> {
    let roots = positions.iter().flat_map(|position| {
        let roots = tallies.get(*position).map_or(&[][..], |tally| &tally.roots);
        roots.iter().map(move |root| (root, *position))
    });
    let mut roots: Vec<(&Digest, usize)> = roots.collect();
    roots.par_sort_by_key(|(root, _)| *root);
    let several = roots
        .chunk_by(|one, other| one.0 == other.0)
        .filter(|same| same.len() > 1);
    let named =
        several.filter_map(|same| Some((same.first()?.0, same.iter().map(|(_, position)| *position).collect())));
    named.collect()
}

/// Each with its bytes, which are those of its first copy.
fn weighed(inventory: &dyn Repositories, copies: &[(&Digest, Vec<usize>)], sharing: Sharing) -> Vec<Duplicate> {
    let mut by_first: BTreeMap<usize, Vec<&(&Digest, Vec<usize>)>> = BTreeMap::new();
    for copy in copies {
        by_first
            .entry(copy.1.first().copied().unwrap_or_default())
            .or_default()
            .push(copy);
    }
    let of_repository = |(position, copies): (usize, Vec<&(&Digest, Vec<usize>)>)| {
        let repository = inventory.repository(position);
        let graph = Graph::of(&repository);
        let of_copy = |(digest, positions): &(&Digest, Vec<usize>)| {
            let bytes = closure_bytes(&graph, graph.node(digest)?);
            let further = (positions.len() as u64).saturating_sub(1);
            let repositories = positions.iter().map(|position| inventory.place(*position).1.clone());
            Some(Duplicate {
                registry: repository.registry.clone(),
                digest: (*digest).clone(),
                repositories: repositories.collect(),
                bytes,
                extra_bytes: match sharing {
                    Sharing::Registry => 0,
                    Sharing::Repository => bytes.saturating_mul(further),
                },
            })
        };
        copies.into_iter().filter_map(of_copy).collect::<Vec<_>>()
    };
    by_first.into_iter().flat_map(of_repository).collect()
}

//! Roots and entries: what stands for itself in a repository, and since when.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};

use super::Copies;
use crate::facts::Facts;
use crate::graph::{Graph, Node};
use crate::model::{Digest, Kind, Manifest, RegistryHost, Repository, TagEntry};

/// What a rule judges: a tag of a root, or a root without an ordinary tag.
#[derive(Debug, Clone)]
pub(super) struct Entry<'a> {
    pub(super) root: Node,
    /// The ordinary tag; `None` for an untagged root or an orphan.
    pub(super) tag: Option<&'a TagEntry>,
    /// When its image arrived or its tag was set, whichever is later.
    pub(super) time: Option<Timestamp>,
}

/// A manifest that stands for itself.
#[derive(Debug, Clone)]
pub(super) struct Root<'a> {
    pub(super) node: Node,
    pub(super) kind: Kind,
    /// An orphan whose subject nobody has proven absent.
    pub(super) unproven: bool,
    pub(super) entries: Vec<Entry<'a>>,
}

impl Root<'_> {
    /// The time of its newest entry.
    pub(super) fn newest(&self) -> Option<Timestamp> {
        self.entries.iter().filter_map(|entry| entry.time).max()
    }
}

/// Finds the roots of repositories. A digest counts as held nowhere only where a registry was read whole.
#[derive(Debug)]
pub(super) struct Roots<'a> {
    facts: &'a Facts<'a>,
    present: BTreeSet<(&'a RegistryHost, &'a Digest)>,
    read_whole: BTreeSet<&'a RegistryHost>,
}

impl<'a> Roots<'a> {
    /// `graphs` are those of the inventory's repositories, in its order. What is `taken` counts as gone everywhere.
    pub(super) fn new(facts: &'a Facts<'a>, graphs: &[Graph<'a>], taken: &BTreeSet<Copies>) -> Self {
        let mut present = BTreeSet::new();
        let mut read_whole: BTreeSet<&RegistryHost> = facts.inventory.complete_registries.iter().collect();
        for (repository, graph) in facts.inventory.repositories.iter().zip(graphs) {
            let digests = repository.manifests.iter().map(|manifest| &manifest.digest);
            present.extend(digests.map(|digest| (&repository.registry, digest)));
            if !repository.gaps.is_empty() || !graph.contradictions().is_empty() {
                read_whole.remove(&repository.registry);
            }
        }
        if !taken.is_empty() {
            present.retain(|(host, digest)| !taken.contains(&((*host).clone(), (*digest).clone())));
        }
        Self {
            facts,
            present,
            read_whole,
        }
    }

    /// The roots of one repository, in the order of their digests.
    pub(super) fn of(&self, repository: &Repository, graph: &Graph<'a>) -> Vec<Root<'a>> {
        graph
            .nodes()
            .filter_map(|node| self.root(repository, graph, node))
            .collect()
    }

    fn root(&self, repository: &Repository, graph: &Graph<'a>, node: Node) -> Option<Root<'a>> {
        let manifest = graph.manifest(node)?;
        let arrived = self.arrival(repository, graph, node);
        let tagged: Vec<Entry<'a>> = graph
            .ordinary_tags(node)
            .map(|tag| Entry {
                root: node,
                tag: Some(tag),
                time: latest([arrived, plausible(tag.updated_at, self.facts.now)]),
            })
            .collect();
        if !tagged.is_empty() {
            return Some(Root {
                node,
                kind: manifest.kind,
                unproven: false,
                entries: tagged,
            });
        }
        let attached = !graph.subjects(node).is_empty();
        if attached
            && graph
                .subjects(node)
                .iter()
                .any(|subject| graph.manifest(*subject).is_some())
        {
            return None;
        }
        if !attached && !graph.parents(node).is_empty() {
            return None;
        }
        let plausible = |date| plausible(date, self.facts.now);
        let set = graph
            .tags(node)
            .iter()
            .filter_map(|tag| plausible(tag.updated_at))
            .max();
        let time = latest([arrived, plausible(manifest.untagged_at), set]);
        let unproven = attached
            && !graph
                .subjects(node)
                .iter()
                .all(|subject| self.absent(repository, graph, *subject));
        let kind = if attached { Kind::Orphan } else { manifest.kind };
        Some(Root {
            node,
            kind,
            unproven,
            entries: vec![Entry {
                root: node,
                tag: None,
                time,
            }],
        })
    }

    /// The registry answered 404 for it here, was read whole, and holds it nowhere else.
    fn absent(&self, repository: &Repository, graph: &Graph<'_>, subject: Node) -> bool {
        let digest = graph.digest(subject);
        repository.missing.contains(digest)
            && self.read_whole.contains(&repository.registry)
            && !self.present.contains(&(&repository.registry, digest))
    }

    /// When the image arrived, as far as that is known (design, section 4).
    fn arrival(&self, repository: &Repository, graph: &Graph<'_>, node: Node) -> Option<Timestamp> {
        let manifest = graph.manifest(node)?;
        plausible(manifest.pushed_at, self.facts.now)
            .or_else(|| plausible(seen_to_arrive(repository, manifest), self.facts.now))
            .or_else(|| built(graph, node, self.facts.now))
    }
}

/// The first sight of a manifest that an earlier complete scan did not have.
pub(super) fn seen_to_arrive(repository: &Repository, manifest: &Manifest) -> Option<Timestamp> {
    let (seen, since) = (given(manifest.first_seen_at)?, repository.scanned_since?);
    (since < seen).then_some(seen)
}

/// The plausible build date of an image; of an index its own, else the newest among its children.
pub(super) fn built(graph: &Graph<'_>, node: Node, now: Timestamp) -> Option<Timestamp> {
    Builds {
        graph,
        now,
        asked: BTreeSet::new(),
    }
    .of(node, 0)
}

/// Looks for build dates below an index: at each manifest once, and not deeper than any builder nests.
struct Builds<'g> {
    graph: &'g Graph<'g>,
    now: Timestamp,
    asked: BTreeSet<Node>,
}

impl Builds<'_> {
    fn of(&mut self, node: Node, depth: u8) -> Option<Timestamp> {
        const DEEPEST: u8 = 64;
        if depth >= DEEPEST || !self.asked.insert(node) {
            return None;
        }
        plausible_build_date(self.graph.manifest(node)?, self.now).or_else(|| {
            let graph = self.graph;
            graph
                .children(node)
                .iter()
                .filter_map(|child| self.of(*child, depth + 1))
                .max()
        })
    }
}

const CREATED: &str = "org.opencontainers.image.created";

fn plausible_build_date(manifest: &Manifest, now: Timestamp) -> Option<Timestamp> {
    let annotated = || manifest.annotations.get(CREATED)?.parse().ok();
    plausible(manifest.created_at, now).or_else(|| plausible(annotated(), now))
}

/// A date that says something: no placeholder, and no more than a clock's error ahead of `now`.
fn plausible(date: Option<Timestamp>, now: Timestamp) -> Option<Timestamp> {
    let limit = now
        .saturating_add(SignedDuration::from_hours(24))
        .unwrap_or(Timestamp::MAX);
    given(date).filter(|date| *date <= limit)
}

/// A date from before Docker's first release says nothing: it is a placeholder (1970, 1980, year 1).
///
/// Where a date only protects, this is all that is asked of it: one from the future still does.
pub(super) fn given(date: Option<Timestamp>) -> Option<Timestamp> {
    /// 2013-03-20T00:00:00Z, Docker's first release.
    const FIRST_RELEASE: i64 = 1_363_737_600;
    date.filter(|date| date.as_second() >= FIRST_RELEASE)
}

fn latest<const N: usize>(times: [Option<Timestamp>; N]) -> Option<Timestamp> {
    times.into_iter().flatten().max()
}

//! Who needs whom inside one repository: children, subjects, referrers, and what they reach.
//!
//! The graph states relations only; what follows from them is decided elsewhere. Digests that are
//! mentioned but were not read are nodes too, so that a use of a missing child still finds its index.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::model::{Digest, Manifest, Repository, Tag, TagEntry};

/// The position of a digest in a [`Graph`]. Nodes are numbered in the order of their digests.
pub type Node = usize;

/// The relations between the manifests of one repository.
#[derive(Debug)]
pub struct Graph<'a> {
    digests: Vec<Digest>,
    manifests: Vec<Option<&'a Manifest>>,
    tags: Vec<Vec<&'a TagEntry>>,
    children: Vec<Vec<Node>>,
    parents: Vec<Vec<Node>>,
    subjects: Vec<Vec<Node>>,
    referrers: Vec<Vec<Node>>,
    contradictions: BTreeSet<String>,
}

impl<'a> Graph<'a> {
    /// Reads the relations out of a repository's facts. The order of the facts does not matter.
    pub fn of(repository: &'a Repository) -> Self {
        let mut contradictions = BTreeSet::new();
        let manifests = distinct_manifests(repository, &mut contradictions);
        let tags = distinct_tags(repository, &mut contradictions);
        let digests = mentioned(&manifests, &tags);
        let count = digests.len();
        let mut graph = Self {
            manifests: digests.iter().map(|digest| manifests.get(digest).copied()).collect(),
            digests,
            tags: vec![Vec::new(); count],
            children: vec![Vec::new(); count],
            parents: vec![Vec::new(); count],
            subjects: vec![Vec::new(); count],
            referrers: vec![Vec::new(); count],
            contradictions,
        };
        graph.link_tags(tags.into_values());
        graph.link_manifests();
        graph.note_unread(repository);
        graph
    }

    fn link_tags(&mut self, tags: impl Iterator<Item = &'a TagEntry>) {
        for entry in tags {
            let Some(node) = self.node(&entry.digest) else { continue };
            self.tags[node].push(entry);
            if let Some(subject) = attached_by(entry).and_then(|subject| self.node(&subject)) {
                self.attach(node, subject);
            }
        }
    }

    fn link_manifests(&mut self) {
        for node in 0..self.digests.len() {
            let Some(manifest) = self.manifests[node] else { continue };
            let children: BTreeSet<Node> = manifest.children.iter().filter_map(|child| self.node(child)).collect();
            for child in children {
                self.children[node].push(child);
                self.parents[child].push(node);
            }
            if let Some(subject) = manifest.subject.as_ref().and_then(|subject| self.node(subject)) {
                self.attach(node, subject);
            }
        }
    }

    fn attach(&mut self, referrer: Node, subject: Node) {
        if !self.subjects[referrer].contains(&subject) {
            self.subjects[referrer].push(subject);
            self.referrers[subject].push(referrer);
        }
    }

    /// A tag's or an index's digest that was neither read nor proven missing may be an index of anything here.
    fn note_unread(&mut self, repository: &Repository) {
        for node in 0..self.digests.len() {
            let digest = &self.digests[node];
            if self.manifests[node].is_some() || repository.missing.contains(digest) {
                continue;
            }
            if let Some(entry) = self.tags[node].first() {
                self.contradictions
                    .insert(format!("tag {} points to {digest}, which was not read", entry.name));
            } else if let Some(parent) = self.parents[node].first() {
                let parent = &self.digests[*parent];
                self.contradictions
                    .insert(format!("{parent} lists {digest}, which was not read"));
            }
        }
    }

    /// The node of a digest that the repository's facts mention.
    pub fn node(&self, digest: &Digest) -> Option<Node> {
        self.digests.binary_search(digest).ok()
    }

    /// Every node, in the order of the digests.
    pub fn nodes(&self) -> std::ops::Range<Node> {
        0..self.digests.len()
    }

    /// The digest of a node.
    pub fn digest(&self, node: Node) -> &Digest {
        &self.digests[node]
    }

    /// What was read of it, or `None` for a digest that is only mentioned.
    pub fn manifest(&self, node: Node) -> Option<&'a Manifest> {
        self.manifests[node]
    }

    /// Every tag that points to it, ordered by name.
    pub fn tags(&self, node: Node) -> &[&'a TagEntry] {
        &self.tags[node]
    }

    /// The tags that point to it and do not attach it to another manifest.
    pub fn ordinary_tags(&self, node: Node) -> impl Iterator<Item = &'a TagEntry> {
        self.tags[node]
            .iter()
            .copied()
            .filter(|entry| attached_by(entry).is_none())
    }

    /// The tags that attach it to another manifest.
    pub fn attaching_tags(&self, node: Node) -> impl Iterator<Item = &'a TagEntry> {
        self.tags[node]
            .iter()
            .copied()
            .filter(|entry| attached_by(entry).is_some())
    }

    /// What an index lists.
    pub fn children(&self, node: Node) -> &[Node] {
        &self.children[node]
    }

    /// The indexes that list it.
    pub fn parents(&self, node: Node) -> &[Node] {
        &self.parents[node]
    }

    /// What it is attached to.
    pub fn subjects(&self, node: Node) -> &[Node] {
        &self.subjects[node]
    }

    /// What is attached to it.
    pub fn referrers(&self, node: Node) -> &[Node] {
        &self.referrers[node]
    }

    /// Why the facts cannot be the whole truth of this repository, if they cannot.
    pub fn contradictions(&self) -> &BTreeSet<String> {
        &self.contradictions
    }

    /// Everything that `next` reaches from `start`, without the start unless a loop leads back to it.
    pub fn reach<'g>(&'g self, start: Node, next: impl Fn(&'g Self, Node) -> &'g [Node]) -> BTreeSet<Node> {
        let mut reached = BTreeSet::new();
        let mut open = next(self, start).to_vec();
        while let Some(node) = open.pop() {
            if reached.insert(node) {
                open.extend_from_slice(next(self, node));
            }
        }
        reached
    }
}

/// The subject that a tag attaches its manifest to. A tag that names its own digest is an ordinary one.
fn attached_by(entry: &TagEntry) -> Option<Digest> {
    entry.name.subject().filter(|subject| *subject != entry.digest)
}

fn mentioned(manifests: &BTreeMap<&Digest, &Manifest>, tags: &BTreeMap<&Tag, &TagEntry>) -> Vec<Digest> {
    let mut digests: BTreeSet<Digest> = manifests.keys().copied().cloned().collect();
    digests.extend(tags.values().map(|entry| entry.digest.clone()));
    digests.extend(tags.values().filter_map(|entry| attached_by(entry)));
    for manifest in manifests.values() {
        digests.extend(manifest.children.iter().chain(&manifest.subject).cloned());
    }
    digests.into_iter().collect()
}

fn distinct_manifests<'a>(
    repository: &'a Repository,
    contradictions: &mut BTreeSet<String>,
) -> BTreeMap<&'a Digest, &'a Manifest> {
    let twice = |manifest: &Manifest| format!("{} is described twice, differently", manifest.digest);
    let manifests = distinct(
        &repository.manifests,
        |manifest| &manifest.digest,
        twice,
        contradictions,
    );
    let missing = manifests.keys().filter(|digest| repository.missing.contains(digest));
    contradictions.extend(missing.map(|digest| format!("{digest} was read and yet is listed as missing")));
    manifests
}

fn distinct_tags<'a>(
    repository: &'a Repository,
    contradictions: &mut BTreeSet<String>,
) -> BTreeMap<&'a Tag, &'a TagEntry> {
    let twice = |entry: &TagEntry| format!("tag {} is listed twice, differently", entry.name);
    distinct(&repository.tags, |entry| &entry.name, twice, contradictions)
}

/// Each fact once. Of two that contradict each other the one whose JSON comes first stands for both, so that
/// the order of the facts does not matter.
fn distinct<'a, K: Ord, T: PartialEq + Serialize>(
    facts: &'a [T],
    key: impl Fn(&'a T) -> &'a K,
    twice: impl Fn(&T) -> String,
    contradictions: &mut BTreeSet<String>,
) -> BTreeMap<&'a K, &'a T> {
    let json = |fact: &T| serde_json::to_string(fact).unwrap_or_default();
    let mut distinct: BTreeMap<&K, &T> = BTreeMap::new();
    for fact in facts {
        let known = distinct.entry(key(fact)).or_insert(fact);
        if *known != fact {
            contradictions.insert(twice(fact));
            if json(fact) < json(known) {
                *known = fact;
            }
        }
    }
    distinct
}

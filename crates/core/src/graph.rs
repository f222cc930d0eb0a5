//! Who needs whom inside one repository: children, subjects, referrers, and what they reach.
//!
//! The graph states relations only; what follows from them is decided elsewhere. Digests that are
//! mentioned but were not read are nodes too, so that a use of a missing child still finds its index.
//! Built and walked in time that grows with the facts and no faster, however deep or wide they hang together.

mod lists;

use std::collections::BTreeSet;
use std::hash::Hash;

use serde::Serialize;

use crate::hashed::{Map, Set, map_for};
use crate::model::{Digest, Manifest, Repository, TagEntry};
use lists::Lists;

/// The position of a digest in a [`Graph`]. Nodes are numbered in the order of their digests.
pub type Node = usize;

/// The relations between the manifests of one repository.
#[derive(Debug)]
pub struct Graph<'a> {
    digests: Vec<Digest>,
    manifests: Vec<Option<&'a Manifest>>,
    tags: Lists<&'a TagEntry>,
    children: Lists<Node>,
    parents: Lists<Node>,
    subjects: Lists<Node>,
    referrers: Lists<Node>,
    tag_names: Map<&'a str, usize>,
    contradictions: BTreeSet<String>,
}

impl<'a> Graph<'a> {
    /// Reads the relations out of a repository's facts. The order of the facts does not matter.
    pub fn of(repository: &'a Repository) -> Self {
        let mut contradictions = BTreeSet::new();
        let (manifests, _) = distinct(&repository.manifests, |manifest| &manifest.digest, &mut contradictions);
        let (tags, tag_names) = distinct(&repository.tags, |entry| entry.name.as_str(), &mut contradictions);
        let relations = Relations::of(&manifests, &tags);
        let count = relations.digests.len();
        let mut at = vec![None; count];
        for (manifest, node) in manifests.iter().zip(&relations.manifests) {
            at[*node] = Some(*manifest);
        }
        let mut tags = Lists::new(count, relations.tags.iter().copied().zip(tags));
        tags.sort_each(|a, b| a.name.cmp(&b.name));
        let mut children = Lists::new(count, relations.children.iter().copied());
        children.sort_each(Node::cmp);
        let children = children.without_repetitions(count);
        let attached = relations.attached;
        let mut graph = Self {
            digests: relations.digests,
            manifests: at,
            tags,
            parents: Lists::new(count, children.reversed()),
            children,
            referrers: Lists::new(count, attached.iter().map(|(referrer, subject)| (*subject, *referrer))),
            subjects: Lists::new(count, attached.iter().copied()),
            tag_names,
            contradictions,
        };
        graph.note_read_and_missing(repository);
        graph.note_unread(repository);
        graph
    }

    fn note_read_and_missing(&mut self, repository: &Repository) {
        for digest in &repository.missing {
            if self.node(digest).is_some_and(|node| self.manifests[node].is_some()) {
                self.contradictions
                    .insert(format!("{digest} was read and yet is listed as missing"));
            }
        }
    }

    /// A tag's or an index's digest that was neither read nor proven missing may be an index of anything here.
    fn note_unread(&mut self, repository: &Repository) {
        for (digest, node) in self.digests.iter().zip(0..) {
            if self.manifests[node].is_some() || repository.missing.contains(digest) {
                continue;
            }
            if let Some(entry) = self.tags.of(node).first() {
                self.contradictions
                    .insert(format!("tag {} points to {digest}, which was not read", entry.name));
            } else if let Some(parent) = self.parents.of(node).first() {
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
        self.tags.of(node)
    }

    /// Whether a text is a tag here.
    pub fn has_tag(&self, text: &str) -> bool {
        self.tag_names.contains_key(text)
    }

    /// The tags that point to it and do not attach it to another manifest.
    pub fn ordinary_tags(&self, node: Node) -> impl Iterator<Item = &'a TagEntry> {
        let tags = self.tags(node).iter().copied();
        tags.filter(|entry| attached_by(entry).is_none())
    }

    /// The tags that attach it to another manifest.
    pub fn attaching_tags(&self, node: Node) -> impl Iterator<Item = &'a TagEntry> {
        let tags = self.tags(node).iter().copied();
        tags.filter(|entry| attached_by(entry).is_some())
    }

    /// What an index lists.
    pub fn children(&self, node: Node) -> &[Node] {
        self.children.of(node)
    }

    /// The indexes that list it.
    pub fn parents(&self, node: Node) -> &[Node] {
        self.parents.of(node)
    }

    /// What it is attached to.
    pub fn subjects(&self, node: Node) -> &[Node] {
        self.subjects.of(node)
    }

    /// What is attached to it.
    pub fn referrers(&self, node: Node) -> &[Node] {
        self.referrers.of(node)
    }

    /// Why the facts cannot be the whole truth of this repository, if they cannot.
    pub fn contradictions(&self) -> &BTreeSet<String> {
        &self.contradictions
    }

    /// Its own platform, and those of everything below an index; attestations have none (`unknown/unknown`).
    pub fn platforms(&self, node: Node) -> BTreeSet<&'a str> {
        let nodes = std::iter::once(node).chain(self.below(node));
        let known = nodes.filter_map(|node| self.manifest(node)?.platform.as_deref());
        known.filter(|platform| !platform.starts_with("unknown/")).collect()
    }

    /// Everything below an index, in order, without itself unless a loop leads back to it.
    pub fn below(&self, node: Node) -> BTreeSet<Node> {
        let mut reached = BTreeSet::new();
        let mut open = self.children(node).to_vec();
        while let Some(node) = open.pop() {
            if reached.insert(node) {
                open.extend_from_slice(self.children(node));
            }
        }
        reached
    }

    /// Every index above a manifest and every subject, of it and of those, transitively.
    pub fn above(&self, node: Node) -> BTreeSet<Node> {
        let mut reached = BTreeSet::new();
        let mut open = vec![node];
        while let Some(node) = open.pop() {
            let next = self.parents(node).iter().chain(self.subjects(node)).copied();
            open.extend(next.filter(|above| reached.insert(*above)));
        }
        reached
    }
}

/// The subject that a tag attaches its manifest to. A tag that names its own digest is an ordinary one.
fn attached_by(entry: &TagEntry) -> Option<Digest> {
    entry.name.subject().filter(|subject| *subject != entry.digest)
}

/// Every digest that is mentioned, sorted, and who stands in which relation to whom.
struct Relations {
    digests: Vec<Digest>,
    /// The nodes of the manifests, in their order.
    manifests: Vec<Node>,
    /// The nodes that the tags point to, in their order.
    tags: Vec<Node>,
    /// Each index with what it lists, as often as it does.
    children: Vec<(Node, Node)>,
    /// Each referrer with its subject, once: first those that tags attach, by the tags' names, then by node.
    attached: Vec<(Node, Node)>,
}

impl Relations {
    fn of(manifests: &[&Manifest], tags: &[&TagEntry]) -> Self {
        let mut attaching: Vec<(usize, Digest)> = (0..)
            .zip(tags)
            .filter_map(|(place, entry)| Some((place, attached_by(entry)?)))
            .collect();
        attaching.sort_by_key(|(place, _)| &tags[*place].name);
        let mentioned = manifests
            .iter()
            .map(|manifest| &manifest.digest)
            .chain(tags.iter().map(|entry| &entry.digest))
            .chain(attaching.iter().map(|(_, subject)| subject))
            .chain(manifests.iter().flat_map(|manifest| &manifest.children))
            .chain(manifests.iter().filter_map(|manifest| manifest.subject.as_ref()));
        let (digests, nodes) = number(&mentioned.collect::<Vec<_>>());
        let mut nodes = nodes.into_iter();
        let of_manifests: Vec<Node> = nodes.by_ref().take(manifests.len()).collect();
        let of_tags: Vec<Node> = nodes.by_ref().take(tags.len()).collect();
        let by_tag = attaching.iter().map(|(place, _)| of_tags[*place]);
        let mut attached: Vec<(Node, Node)> = by_tag.zip(nodes.by_ref()).collect();
        let listing = of_manifests.iter().zip(manifests);
        let children = listing.flat_map(|(node, manifest)| manifest.children.iter().map(|_| *node));
        let children = children.zip(nodes.by_ref()).collect();
        let referring = of_manifests.iter().zip(manifests);
        let referring = referring.filter(|(_, manifest)| manifest.subject.is_some());
        let mut by_subject: Vec<(Node, Node)> = referring.map(|(node, _)| *node).zip(nodes).collect();
        by_subject.sort_unstable();
        attached.append(&mut by_subject);
        let mut seen = Set::default();
        attached.retain(|pair| seen.insert(*pair));
        Self {
            digests,
            manifests: of_manifests,
            tags: of_tags,
            children,
            attached,
        }
    }
}

/// Every digest once, sorted, and the place of each mention in that order.
fn number(mentioned: &[&Digest]) -> (Vec<Digest>, Vec<Node>) {
    // Nearly all comparisons end at the first eight bytes, which are at hand here.
    let mut order: Vec<(u64, usize)> = (0..)
        .zip(mentioned)
        .map(|(at, digest)| (digest.leading(), at))
        .collect();
    order.sort_unstable_by(|a, b| a.0.cmp(&b.0).then_with(|| mentioned[a.1].cmp(mentioned[b.1])));
    let mut digests: Vec<Digest> = Vec::new();
    let mut nodes = vec![0; mentioned.len()];
    for (_, at) in order {
        if digests.last() != Some(mentioned[at]) {
            digests.push(mentioned[at].clone());
        }
        nodes[at] = digests.len() - 1;
    }
    (digests, nodes)
}

/// What a fact is called where it contradicts another.
trait Described {
    fn twice(&self) -> String;
}

impl Described for Manifest {
    fn twice(&self) -> String {
        format!("{} is described twice, differently", self.digest)
    }
}

impl Described for TagEntry {
    fn twice(&self) -> String {
        format!("tag {} is listed twice, differently", self.name)
    }
}

/// Each fact once, and where it is. Of two that contradict each other the one whose JSON comes first stands for both,
/// so that the order of the facts does not matter.
fn distinct<'a, K: Hash + Eq, T: PartialEq + Serialize + Described>(
    facts: &'a [T],
    key: impl Fn(&'a T) -> K,
    contradictions: &mut BTreeSet<String>,
) -> (Vec<&'a T>, Map<K, usize>) {
    let json = |fact: &T| serde_json::to_string(fact).unwrap_or_default();
    let mut distinct: Vec<&T> = Vec::with_capacity(facts.len());
    let mut places = map_for(facts.len());
    for fact in facts {
        let place = *places.entry(key(fact)).or_insert(distinct.len());
        let Some(known) = distinct.get_mut(place) else {
            distinct.push(fact);
            continue;
        };
        if *known != fact {
            contradictions.insert(fact.twice());
            if json(fact) < json(known) {
                *known = fact;
            }
        }
    }
    (distinct, places)
}

#[cfg(test)]
mod tests;

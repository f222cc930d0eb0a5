//! The facts laid out for looking things up: repositories, manifests, and how they hang together.
//!
//! Built from the inventory alone. Nothing here may come from the graph that the evaluation uses:
//! a mistake there must not be repeated here.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

use rayon::prelude::*;

use super::doings::{AllDoings, Doings};
use crate::facts::Facts;
use crate::hashed::{Map, Set, map_for};
use crate::model::{Digest, Kind, Manifest, RegistryHost, Repository, RepositoryName, Tag, TagEntry};
use crate::plan::Plan;

/// A repository's full name.
pub(super) type Place<'a> = (&'a RegistryHost, &'a RepositoryName);

/// The position of a manifest or a tag among those of its repository.
pub(super) type Id = usize;

/// What is known of all repositories together.
pub(super) struct World<'a> {
    pub(super) facts: Facts<'a>,
    /// Every repository of the inventory, with the records that describe it: one, if all is well.
    pub(super) places: BTreeMap<Place<'a>, Vec<usize>>,
    /// The bytes of each registry, once somebody asks.
    pub(super) stored: OnceLock<BTreeMap<RegistryHost, u128>>,
    /// Per wholly read registry: digests that some repository was asked for in vain, and that none holds.
    absent: BTreeMap<&'a RegistryHost, Set<Digest>>,
}

/// What is known of one repository.
pub(super) struct Contents<'r> {
    /// The record that stands for the repository where several are given.
    pub(super) record: &'r Repository,
    pub(super) nodes: Vec<Node<'r>>,
    pub(super) tags: Vec<Label<'r>>,
    ids: Map<&'r Digest, Id>,
    tag_ids: Map<&'r Tag, Id>,
    /// Why the repository was not read wholly, if it was not.
    pub(super) incomplete: Option<String>,
    /// The record says two things about one tag or manifest.
    pub(super) contradictory: bool,
    missing: Set<&'r Digest>,
}

/// One manifest with all that points to it. What is listed twice stands here once, in ascending order.
pub(super) struct Node<'r> {
    pub(super) manifest: &'r Manifest,
    /// By their ids.
    pub(super) tags: Vec<Id>,
    /// The indexes that list it.
    pub(super) indexes: Vec<Id>,
    /// What it lists, as far as that is here.
    pub(super) children: Vec<Id>,
    /// What it is attached to, present or not.
    subjects: BTreeSet<Digest>,
    /// What of that is here.
    pub(super) present_subjects: Vec<Id>,
    /// What is attached to it.
    pub(super) referrers: Vec<Id>,
}

/// A tag, and what it points to.
pub(super) struct Label<'r> {
    pub(super) entry: &'r TagEntry,
    /// The manifest, if it is here.
    pub(super) node: Option<Id>,
    /// It attaches its manifest to nothing.
    pub(super) ordinary: bool,
}

/// What a manifest is to the rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// A root with ordinary tags.
    Tagged,
    /// A root that nothing names.
    Untagged,
    /// Attached, and its subject is proven to be gone.
    Orphan,
    /// Attached, and its subject is neither here nor proven to be gone.
    Unproven,
    /// It belongs to something that is here.
    Dependent,
}

impl<'a> World<'a> {
    pub(super) fn new(facts: Facts<'a>, plan: &Plan, all: &AllDoings<'_>) -> Self {
        let mut places: BTreeMap<Place<'a>, Vec<usize>> = BTreeMap::new();
        for position in 0..facts.inventory.count() {
            places
                .entry(facts.inventory.place(position))
                .or_default()
                .push(position);
        }
        let mut world = Self {
            facts,
            places,
            stored: OnceLock::new(),
            absent: BTreeMap::new(),
        };
        world.absent = world.prove_absent(plan, all);
        world
    }

    /// The records of one repository.
    pub(super) fn records(&self, positions: &[usize]) -> Vec<Cow<'a, Repository>> {
        let inventory = self.facts.inventory;
        positions
            .iter()
            .map(|position| inventory.repository(*position))
            .collect()
    }

    /// What was asked for in vain, and is nowhere, or only where the same plan deletes it, without being refused. A
    /// registry with a gap proves nothing; one that contradicts itself is found out later ([`World::disprove`]).
    fn prove_absent(&self, plan: &Plan, all: &AllDoings<'_>) -> BTreeMap<&'a RegistryHost, Set<Digest>> {
        let mut absent = self.asked_in_vain();
        let looks: Vec<(&RegistryHost, Option<Set<Digest>>)> = self
            .places
            .par_iter()
            .filter(|((host, _), _)| absent.contains_key(*host))
            .map(|(&place, positions)| {
                let records = self.records(positions);
                let doings = all.of(place);
                (
                    place.0,
                    absent
                        .get(place.0)
                        .and_then(|asked| stays_here(&records, asked, doings, plan)),
                )
            })
            .collect();
        for (host, here) in looks {
            match here {
                Some(here) => {
                    let absent = absent.get_mut(host);
                    absent
                        .into_iter()
                        .for_each(|absent| here.iter().for_each(|digest| _ = absent.remove(digest)));
                }
                None => drop(absent.remove(host)),
            }
        }
        absent
    }

    /// A repository of the registry was not read wholly: nothing is proven there. Whether anything was.
    pub(super) fn disprove(&mut self, host: &RegistryHost) -> bool {
        self.absent.remove(host).is_some()
    }

    /// Per registry of which every repository was read: what any repository of it was asked for in vain, if anything.
    fn asked_in_vain(&self) -> BTreeMap<&'a RegistryHost, Set<Digest>> {
        let complete = self.facts.inventory.complete_registries();
        let found: Vec<(&RegistryHost, BTreeSet<Digest>)> = self
            .places
            .par_iter()
            .filter(|((host, _), _)| complete.contains(*host))
            .flat_map_iter(|((host, _), positions)| positions.iter().map(move |position| (*host, position)))
            .map(|(host, position)| (host, self.facts.inventory.repository(*position).missing.clone()))
            .filter(|(_, missing)| !missing.is_empty())
            .collect();
        let mut asked: BTreeMap<&RegistryHost, Set<Digest>> = BTreeMap::new();
        for (host, missing) in found {
            asked.entry(host).or_default().extend(missing);
        }
        asked
    }

    /// What each manifest is to the rules (design, section 2).
    pub(super) fn standings(&self, contents: &Contents<'_>) -> Vec<Standing> {
        let nodes = contents.nodes.iter();
        nodes.map(|node| self.standing(contents, node)).collect()
    }

    fn standing(&self, contents: &Contents<'_>, node: &Node<'_>) -> Standing {
        if contents.ordinary_tags(node).next().is_some() {
            return Standing::Tagged;
        }
        if node.subjects.is_empty() {
            return if node.indexes.is_empty() {
                Standing::Untagged
            } else {
                Standing::Dependent
            };
        }
        if !node.present_subjects.is_empty() {
            return Standing::Dependent;
        }
        let proven = |subject: &Digest| self.is_proven_absent(contents, subject);
        match node.subjects.iter().all(proven) {
            true => Standing::Orphan,
            false => Standing::Unproven,
        }
    }

    /// The registry answered 404 for it, every repository of the registry was read whole, and none holds it.
    fn is_proven_absent(&self, contents: &Contents<'_>, digest: &Digest) -> bool {
        let absent = self.absent.get(&contents.record.registry);
        contents.missing.contains(digest) && absent.is_some_and(|absent| absent.contains(digest))
    }
}

/// Which of the digests that were asked for in vain elsewhere lie here and stay; `None` if the repository has a gap.
fn stays_here(
    records: &[Cow<'_, Repository>],
    asked: &Set<Digest>,
    doings: &Doings,
    plan: &Plan,
) -> Option<Set<Digest>> {
    if records.iter().any(|record| !record.gaps.is_empty()) {
        return None;
    }
    let manifests = records.iter().flat_map(|record| &record.manifests);
    let here = manifests.map(|manifest| &manifest.digest);
    let mut here: Set<Digest> = here.filter(|digest| asked.contains(*digest)).cloned().collect();
    if !here.is_empty() {
        let going: Set<&Digest> = doings.unrefused_deletes(plan).collect();
        here.retain(|digest| !going.contains(digest));
    }
    Some(here)
}

impl<'r> Contents<'r> {
    /// `None` only where there is no record at all.
    pub(super) fn new(records: &'r [Cow<'_, Repository>]) -> Option<Self> {
        let record: &Repository = records.first()?;
        let mut contents = Self {
            record,
            nodes: Vec::with_capacity(record.manifests.len()),
            tags: Vec::with_capacity(record.tags.len()),
            ids: map_for(record.manifests.len()),
            tag_ids: map_for(record.tags.len()),
            incomplete: None,
            contradictory: records.iter().any(|other| !same_apart_from_lists(record, other)),
            missing: records.iter().flat_map(|record| &record.missing).collect(),
        };
        records.iter().for_each(|record| contents.add(record));
        contents.incomplete = contents.why_incomplete(records);
        contents.connect_tags();
        contents.connect_manifests();
        Some(contents)
    }

    fn add(&mut self, record: &'r Repository) {
        for manifest in &record.manifests {
            let id = *self.ids.entry(&manifest.digest).or_insert(self.nodes.len());
            match self.nodes.get(id) {
                Some(known) => self.contradictory |= known.manifest != manifest,
                None => self.nodes.push(Node::new(manifest)),
            }
        }
        for entry in &record.tags {
            let id = *self.tag_ids.entry(&entry.name).or_insert(self.tags.len());
            match self.tags.get(id) {
                Some(known) => self.contradictory |= known.entry != entry,
                None => self.tags.push(Label {
                    entry,
                    node: None,
                    ordinary: true,
                }),
            }
        }
    }

    fn why_incomplete(&self, records: &[Cow<'_, Repository>]) -> Option<String> {
        let unread = |digest: &Digest| !self.ids.contains_key(digest) && !self.missing.contains(digest);
        if let Some(gap) = records.iter().flat_map(|record| &record.gaps).next() {
            return Some(format!("gap: {gap}"));
        }
        if self.contradictory {
            return Some("it is listed twice, and the two contradict each other".to_owned());
        }
        if let Some(tag) = self.tags.iter().find(|tag| unread(&tag.entry.digest)) {
            return Some(format!("tag {} points to a manifest that was not read", tag.entry.name));
        }
        let mut children = self.nodes.iter().flat_map(|node| &node.manifest.children);
        let child = children.find(|child| unread(child))?;
        Some(format!("child {} was not read", child.short()))
    }

    fn connect_tags(&mut self) {
        for (id, tag) in self.tags.iter_mut().enumerate() {
            let attaches_to = attaches_to(tag.entry);
            tag.ordinary = attaches_to.is_none();
            tag.node = self.ids.get(&tag.entry.digest).copied();
            if let Some(node) = tag.node.and_then(|node| self.nodes.get_mut(node)) {
                node.subjects.extend(attaches_to);
                node.tags.push(id);
            }
        }
    }

    fn connect_manifests(&mut self) {
        for id in 0..self.nodes.len() {
            let (manifest, subjects) = (self.nodes[id].manifest, &self.nodes[id].subjects);
            if manifest.children.is_empty() && subjects.is_empty() {
                continue;
            }
            let present = |digest: &Digest| self.ids.get(digest).copied();
            let children: BTreeSet<Id> = manifest.children.iter().filter_map(present).collect();
            let subjects: BTreeSet<Id> = subjects.iter().filter_map(present).collect();
            children.iter().for_each(|child| self.nodes[*child].indexes.push(id));
            subjects
                .iter()
                .for_each(|subject| self.nodes[*subject].referrers.push(id));
            self.nodes[id].children = children.into_iter().collect();
            self.nodes[id].present_subjects = subjects.into_iter().collect();
        }
    }

    /// The manifest of that digest.
    pub(super) fn id(&self, digest: &Digest) -> Option<Id> {
        self.ids.get(digest).copied()
    }

    /// The tag of that name.
    pub(super) fn tag_id(&self, tag: &Tag) -> Option<Id> {
        self.tag_ids.get(tag).copied()
    }

    /// Every tag that points to a manifest.
    pub(super) fn tags_of(&self, node: &Node<'_>) -> impl Iterator<Item = &'r TagEntry> {
        node.tags.iter().map(|tag| self.tags[*tag].entry)
    }

    /// The tags that attach it to nothing, by their ids.
    pub(super) fn ordinary_tags(&self, node: &Node<'_>) -> impl Iterator<Item = Id> {
        node.tags.iter().copied().filter(|tag| self.tags[*tag].ordinary)
    }

    /// What a hold on the manifest holds as well: the indexes that list it, and what it is attached to.
    pub(super) fn above(&self, id: Id) -> impl Iterator<Item = Id> {
        let node = &self.nodes[id];
        node.indexes.iter().chain(&node.present_subjects).copied()
    }

    /// Its kind as a root.
    pub(super) fn kind(&self, id: Id, standing: Standing) -> Kind {
        match standing {
            Standing::Orphan | Standing::Unproven => Kind::Orphan,
            Standing::Tagged | Standing::Untagged | Standing::Dependent => self.nodes[id].manifest.kind,
        }
    }
}

impl<'r> Node<'r> {
    fn new(manifest: &'r Manifest) -> Self {
        Self {
            manifest,
            tags: Vec::new(),
            indexes: Vec::new(),
            children: Vec::new(),
            subjects: manifest.subject.iter().cloned().collect(),
            present_subjects: Vec::new(),
            referrers: Vec::new(),
        }
    }

    /// Whether it is attached to that digest.
    pub(super) fn is_attached_to(&self, digest: &Digest) -> bool {
        self.subjects.contains(digest)
    }
}

impl Standing {
    /// Whether the rules judge it.
    pub(super) fn is_root(self) -> bool {
        self != Self::Dependent
    }
}

/// The subject that a tag attaches its manifest to. A tag that names its own digest is an ordinary one.
fn attaches_to(tag: &TagEntry) -> Option<Digest> {
    tag.name.subject().filter(|subject| *subject != tag.digest)
}

/// Several records of one repository that disagree say nothing one could rely on.
fn same_apart_from_lists(a: &Repository, b: &Repository) -> bool {
    a.capabilities == b.capabilities && a.pull_data_since == b.pull_data_since && a.scanned_since == b.scanned_since
}

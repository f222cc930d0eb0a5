//! The facts laid out for looking things up: repositories, manifests, and how they hang together.
//!
//! Built from the inventory alone. Nothing here may come from the graph that the evaluation uses:
//! a mistake there must not be repeated here.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use crate::facts::Facts;
use crate::model::{Digest, Kind, Manifest, RegistryHost, Repository, RepositoryName, Tag, TagEntry};
use crate::plan::{ActionKind, Plan};

/// A repository's full name.
pub(super) type Place<'a> = (&'a RegistryHost, &'a RepositoryName);

/// Every repository of the inventory.
pub(super) struct World<'a> {
    pub(super) facts: Facts<'a>,
    pub(super) repositories: BTreeMap<Place<'a>, Contents<'a>>,
    /// Per wholly read registry: digests that some repository was asked for in vain, and that none holds.
    absent: BTreeMap<&'a RegistryHost, HashSet<&'a Digest>>,
}

/// What is known of one repository.
pub(super) struct Contents<'a> {
    /// The record that stands for the repository where several are given.
    pub(super) record: &'a Repository,
    pub(super) nodes: HashMap<&'a Digest, Node<'a>>,
    /// Why the repository was not read wholly, if it was not.
    pub(super) incomplete: Option<String>,
    /// The record says two things about one tag or manifest.
    pub(super) contradictory: bool,
    missing: HashSet<&'a Digest>,
}

/// One manifest with all that points to it.
pub(super) struct Node<'a> {
    pub(super) manifest: &'a Manifest,
    pub(super) tags: Vec<&'a TagEntry>,
    /// The indexes that list it.
    pub(super) indexes: Vec<&'a Digest>,
    /// What it is attached to, present or not.
    pub(super) subjects: BTreeSet<Digest>,
    /// What is attached to it.
    pub(super) referrers: Vec<&'a Digest>,
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
    pub(super) fn new(facts: Facts<'a>, plan: &Plan) -> Self {
        let mut records: BTreeMap<Place<'a>, Vec<&'a Repository>> = BTreeMap::new();
        for repository in &facts.inventory.repositories {
            records
                .entry((&repository.registry, &repository.name))
                .or_default()
                .push(repository);
        }
        let repositories: BTreeMap<_, _> = records
            .into_iter()
            .filter_map(|(place, records)| Some((place, Contents::new(&records)?)))
            .collect();
        let whole = facts.inventory.complete_registries.iter();
        let going = going(plan);
        let absent = whole
            .filter_map(|host| Some((host, absent_from(host, &repositories, &going)?)))
            .collect();
        Self {
            facts,
            repositories,
            absent,
        }
    }

    /// What the manifest is to the rules (design, section 2).
    pub(super) fn standing(&self, contents: &Contents<'a>, node: &Node<'a>) -> Standing {
        if node.ordinary_tags().next().is_some() {
            return Standing::Tagged;
        }
        if node.subjects.is_empty() {
            return if node.indexes.is_empty() {
                Standing::Untagged
            } else {
                Standing::Dependent
            };
        }
        if node.subjects.iter().any(|subject| contents.nodes.contains_key(subject)) {
            return Standing::Dependent;
        }
        match node
            .subjects
            .iter()
            .all(|subject| self.is_proven_absent(contents, subject))
        {
            true => Standing::Orphan,
            false => Standing::Unproven,
        }
    }

    /// The registry answered 404 for it, every repository of the registry was read whole, and none holds it.
    fn is_proven_absent(&self, contents: &Contents<'a>, digest: &Digest) -> bool {
        let absent = self.absent.get(&contents.record.registry);
        contents.missing.contains(digest) && absent.is_some_and(|absent| absent.contains(digest))
    }
}

/// What the plan deletes, and nobody refuses.
fn going(plan: &Plan) -> HashSet<(&RegistryHost, &RepositoryName, &Digest)> {
    let deletes = plan
        .actions
        .iter()
        .filter(|action| action.action == ActionKind::Delete && !action.refused);
    deletes
        .map(|action| (&action.registry, &action.repository, &action.digest))
        .collect()
}

/// What was asked for in vain, and is nowhere, or only where the same plan deletes it. `None` if a repository of the
/// registry was not read wholly: then nothing is proven.
fn absent_from<'a>(
    host: &RegistryHost,
    repositories: &BTreeMap<Place<'a>, Contents<'a>>,
    going: &HashSet<(&RegistryHost, &RepositoryName, &Digest)>,
) -> Option<HashSet<&'a Digest>> {
    let of_registry: Vec<_> = repositories
        .iter()
        .filter(|((registry, _), _)| *registry == host)
        .collect();
    if of_registry.iter().any(|(_, contents)| contents.incomplete.is_some()) {
        return None;
    }
    let mut absent: HashSet<&Digest> = of_registry
        .iter()
        .flat_map(|(_, contents)| &contents.missing)
        .copied()
        .collect();
    for ((registry, name), contents) in of_registry {
        absent.retain(|digest| !contents.nodes.contains_key(digest) || going.contains(&(*registry, *name, *digest)));
    }
    Some(absent)
}

impl<'a> Contents<'a> {
    fn new(records: &[&'a Repository]) -> Option<Self> {
        let record = *records.first()?;
        let mut contradictory = records.iter().any(|other| !same_apart_from_lists(record, other));
        let mut nodes: HashMap<&'a Digest, Node<'a>> = HashMap::new();
        for manifest in records.iter().flat_map(|record| &record.manifests) {
            let known = nodes.entry(&manifest.digest).or_insert_with(|| Node::new(manifest));
            contradictory |= known.manifest != manifest;
        }
        let mut tags: HashMap<&'a Tag, &'a TagEntry> = HashMap::new();
        for tag in records.iter().flat_map(|record| &record.tags) {
            contradictory |= *tags.entry(&tag.name).or_insert(tag) != tag;
        }
        let missing: HashSet<&Digest> = records.iter().flat_map(|record| &record.missing).collect();
        let incomplete = why_incomplete(records, contradictory, &nodes, &tags, &missing);
        connect(&mut nodes, tags.into_values());
        Some(Self {
            record,
            nodes,
            incomplete,
            contradictory,
            missing,
        })
    }

    /// What a hold on the manifest holds as well: the indexes that list it, and what it is attached to.
    pub(super) fn above(&self, digest: &Digest) -> Vec<&'a Digest> {
        let Some(node) = self.nodes.get(digest) else {
            return Vec::new();
        };
        let subjects = node
            .subjects
            .iter()
            .filter_map(|subject| self.nodes.get_key_value(subject));
        node.indexes
            .iter()
            .copied()
            .chain(subjects.map(|(&subject, _)| subject))
            .collect()
    }
}

impl<'a> Node<'a> {
    fn new(manifest: &'a Manifest) -> Self {
        let subjects = manifest.subject.iter().cloned().collect();
        Self {
            manifest,
            tags: Vec::new(),
            indexes: Vec::new(),
            subjects,
            referrers: Vec::new(),
        }
    }

    /// The tags that attach it to nothing.
    pub(super) fn ordinary_tags(&self) -> impl Iterator<Item = &'a TagEntry> {
        self.tags.iter().copied().filter(|tag| attaches_to(tag).is_none())
    }

    /// Its kind as a root.
    pub(super) fn kind(&self, standing: Standing) -> Kind {
        match standing {
            Standing::Orphan | Standing::Unproven => Kind::Orphan,
            Standing::Tagged | Standing::Untagged | Standing::Dependent => self.manifest.kind,
        }
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

fn connect<'a>(nodes: &mut HashMap<&'a Digest, Node<'a>>, tags: impl Iterator<Item = &'a TagEntry>) {
    for tag in tags {
        if let Some(node) = nodes.get_mut(&tag.digest) {
            node.subjects.extend(attaches_to(tag));
            node.tags.push(tag);
        }
    }
    let manifests: Vec<&'a Manifest> = nodes.values().map(|node| node.manifest).collect();
    for manifest in manifests {
        for child in manifest.children.iter().collect::<BTreeSet<_>>() {
            if let Some(node) = nodes.get_mut(child) {
                node.indexes.push(&manifest.digest);
            }
        }
        let subjects = nodes
            .get(&manifest.digest)
            .map(|node| node.subjects.clone())
            .unwrap_or_default();
        for subject in &subjects {
            if let Some(node) = nodes.get_mut(subject) {
                node.referrers.push(&manifest.digest);
            }
        }
    }
}

/// Several records of one repository that disagree say nothing one could rely on.
fn same_apart_from_lists(a: &Repository, b: &Repository) -> bool {
    a.capabilities == b.capabilities && a.pull_data_since == b.pull_data_since && a.scanned_since == b.scanned_since
}

fn why_incomplete(
    records: &[&Repository],
    contradictory: bool,
    nodes: &HashMap<&Digest, Node<'_>>,
    tags: &HashMap<&Tag, &TagEntry>,
    missing: &HashSet<&Digest>,
) -> Option<String> {
    let unread = |digest: &Digest| !nodes.contains_key(digest) && !missing.contains(digest);
    if let Some(gap) = records.iter().flat_map(|record| &record.gaps).next() {
        return Some(format!("gap: {gap}"));
    }
    if contradictory {
        return Some("it is listed twice, and the two contradict each other".to_owned());
    }
    if let Some(tag) = tags.values().find(|tag| unread(&tag.digest)) {
        return Some(format!("tag {} points to a manifest that was not read", tag.name));
    }
    let mut children = nodes.values().flat_map(|node| &node.manifest.children);
    children
        .find(|child| unread(child))
        .map(|child| format!("child {} was not read", child.short()))
}

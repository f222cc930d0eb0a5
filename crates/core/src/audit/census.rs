//! What there is in each repository: its images with their kinds, ages, uses and pulls, and to which part each belongs.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, OnceLock, PoisonError};

use jiff::Timestamp;

use super::division::{Division, NONE};
use super::marks::{self, AGE, ARCHIVED, KIND, NO, PULL, STANDARD, STORAGE, UNKNOWN, USE, YES, of_age, of_kind};
use super::sizes::believable;
use super::weigh::{Marked, Marks, Part, Parts, Question, held};
use crate::evaluate::{Dates, Evaluator, RepositoryEvaluation, RootVerdicts, Survey};
use crate::facts::Facts;
use crate::graph::{Graph, Node};
use crate::model::{Digest, Kind, Repository};
use crate::reason::{Hold, Reason};

/// No repository has a manifest in more groups at a time than these, on average: what goes beyond belongs to no group.
const GROUPS_OF_ONE: usize = 64;

/// How many images, manifests and tags a part has.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Counts {
    pub(super) images: u64,
    pub(super) untagged: u64,
    pub(super) manifests: u64,
    pub(super) tags: u64,
    /// The sizes of all manifests with their blobs, as if nothing was shared.
    pub(super) image_bytes: u64,
    pub(super) never_pulled: u64,
    pub(super) not_in_use: u64,
}

impl Counts {
    pub(super) fn and(self, other: Self) -> Self {
        Self {
            images: self.images + other.images,
            untagged: self.untagged + other.untagged,
            manifests: self.manifests + other.manifests,
            tags: self.tags + other.tags,
            image_bytes: self.image_bytes.saturating_add(other.image_bytes),
            never_pulled: self.never_pulled + other.never_pulled,
            not_in_use: self.not_in_use + other.not_in_use,
        }
    }
}

/// What was counted in one repository.
#[derive(Debug, Default)]
pub(super) struct Tally {
    /// Under each combination of marks of the manifests.
    pub(super) by_marks: BTreeMap<Marks, Counts>,
    /// In each part.
    pub(super) by_part: BTreeMap<Part, Counts>,
    /// Tags of which the manifest is gone.
    pub(super) dangling: u64,
    /// The tags behind which no manifest was read, those among them: they belong to the repository, and to no image.
    pub(super) bare_tags: u64,
    /// Every source of usage answered for it.
    pub(super) knows_use: bool,
    /// Pulls are recorded here.
    pub(super) knows_pulls: bool,
    /// The roots that somebody uses.
    pub(super) used: Vec<UsedRoot>,
    /// Every root, for those that stand in several repositories.
    pub(super) roots: Vec<Digest>,
    /// What could not be read.
    pub(super) gaps: Vec<String>,
}

/// A root that somebody uses.
#[derive(Debug)]
pub(super) struct UsedRoot {
    pub(super) digest: Digest,
    pub(super) kind: Kind,
    pub(super) time: Option<Timestamp>,
    pub(super) last_pulled_at: Option<Timestamp>,
    pub(super) used_by: Vec<String>,
    pub(super) bytes: u64,
}

/// Goes through every repository once.
pub(super) struct Census<'f> {
    pub(super) facts: &'f Facts<'f>,
    evaluator: Evaluator<'f>,
    survey: Survey<'f>,
    /// By what to group; by repository where nothing is said.
    division: Option<&'f Division>,
    names: Mutex<Names>,
    tallies: Vec<OnceLock<Tally>>,
}

/// The groups that were met, numbered.
#[derive(Debug, Default)]
struct Names(BTreeMap<String, Part>);

impl Names {
    fn part(&mut self, name: String) -> Part {
        let next = Part::try_from(self.0.len()).unwrap_or(Part::MAX);
        *self.0.entry(name).or_insert(next)
    }
}

impl<'f> Census<'f> {
    pub(super) fn new(facts: &'f Facts<'f>, division: Option<&'f Division>) -> Self {
        Self {
            facts,
            evaluator: Evaluator::new(facts),
            survey: Survey::of(facts.inventory),
            division,
            names: Mutex::default(),
            tallies: (0..facts.inventory.count()).map(|_| OnceLock::new()).collect(),
        }
    }

    /// What was counted, by position of the repository; and the names of the groups.
    pub(super) fn finish(self) -> (Vec<Tally>, BTreeMap<Part, String>) {
        let names = self.names.into_inner().unwrap_or_else(PoisonError::into_inner);
        let tallies = self
            .tallies
            .into_iter()
            .map(|tally| tally.into_inner().unwrap_or_default());
        (
            tallies.collect(),
            names.0.into_iter().map(|(name, part)| (part, name)).collect(),
        )
    }

    /// The part that has all of a repository, if there is one.
    fn part_of_whole(&self, position: usize, repository: &Repository) -> Option<Part> {
        let Some(division) = self.division else {
            return Part::try_from(position).ok();
        };
        let name = division.of_whole(repository)?;
        Some(self.names.lock().unwrap_or_else(PoisonError::into_inner).part(name))
    }

    fn parts(&self, position: usize, evaluation: &RepositoryEvaluation<'_>) -> Parts {
        let Some(division) = self.division else {
            return Parts::One(Part::try_from(position).unwrap_or(Part::MAX));
        };
        let graph = &evaluation.graph;
        let mut of_nodes: Vec<BTreeSet<Part>> = vec![BTreeSet::new(); graph.nodes().len()];
        let mut open: Vec<(Node, Part)> = Vec::new();
        for root in &evaluation.roots {
            let groups = division.groups(evaluation.repository, graph, root.node);
            let mut names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
            open.extend(groups.into_iter().map(|group| (root.node, names.part(group))));
        }
        let mut room = graph
            .nodes()
            .len()
            .saturating_mul(GROUPS_OF_ONE)
            .saturating_add(open.len());
        while let Some((node, part)) = open.pop() {
            if room == 0 || !of_nodes[node].insert(part) {
                continue;
            }
            room -= 1;
            let next = graph.children(node).iter().chain(graph.referrers(node));
            open.extend(next.map(|next| (*next, part)));
        }
        let none = || {
            self.names
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .part(NONE.to_owned())
        };
        let of_node = |parts: BTreeSet<Part>| match parts.is_empty() {
            true => vec![none()],
            false => parts.into_iter().collect(),
        };
        Parts::Each(of_nodes.into_iter().map(of_node).collect())
    }
}

impl Question for Census<'_> {
    fn mark<'r>(&self, position: usize, repository: &'r Repository) -> (Graph<'r>, Marked) {
        let evaluation = self.evaluator.decide(repository, &self.survey);
        let room = Room::of(self.facts, &evaluation);
        let marked = Marked {
            marks: room.marks(),
            parts: self.parts(position, &evaluation),
        };
        if let Some(tally) = self.tallies.get(position) {
            tally.get_or_init(|| {
                let mut tally = room.tally(&marked);
                tally.add_bare_tags(&evaluation, self.part_of_whole(position, repository));
                tally
            });
        }
        (evaluation.graph, marked)
    }
}

/// One repository with what is known of its images.
struct Room<'e, 'r> {
    evaluation: &'e RepositoryEvaluation<'r>,
    dates: Dates<'e>,
    now: Timestamp,
    knows_use: bool,
}

impl<'e, 'r> Room<'e, 'r> {
    fn of(facts: &Facts<'_>, evaluation: &'e RepositoryEvaluation<'r>) -> Self {
        let knows_use = facts.usage.is_some() && evaluation.holds.everywhere(Hold::UsageIncomplete).is_none();
        Self {
            evaluation,
            dates: Dates::new(evaluation.repository, &evaluation.graph, facts.now),
            now: facts.now,
            knows_use,
        }
    }

    /// The marks of every node: those of all images that it belongs to, and where it lies itself.
    fn marks(&self) -> Vec<Marks> {
        let graph = &self.evaluation.graph;
        let mut own = vec![0; graph.nodes().len()];
        for root in &self.evaluation.roots {
            own[root.node] = self.of_root(root);
        }
        let mut marks = marks::spread(graph, own, |one, other| one | other);
        for node in graph.nodes() {
            let Some(manifest) = graph.manifest(node) else { continue };
            if marks[node] == 0 {
                // Part of a loop that hangs on nothing.
                let kind = KIND.bit(of_kind(manifest.kind));
                marks[node] = kind | AGE.bit(of_age(None, self.now)) | USE.bit(UNKNOWN) | PULL.bit(UNKNOWN);
            }
            let storage = if manifest.archived_at.is_some() {
                ARCHIVED
            } else {
                STANDARD
            };
            marks[node] |= STORAGE.bit(storage);
        }
        marks
    }

    fn of_root(&self, root: &RootVerdicts) -> Marks {
        let age = of_age(root.time, self.now);
        KIND.bit(of_kind(root.kind)) | AGE.bit(age) | USE.bit(self.usage(root.node)) | PULL.bit(self.pulls(root))
    }

    fn usage(&self, node: Node) -> u32 {
        let holds = &self.evaluation.holds;
        match self.knows_use {
            _ if holds.has(node, Hold::InUse) || holds.has(node, Hold::RecentlyUsed) => YES,
            true => NO,
            false => UNKNOWN,
        }
    }

    /// Nobody knows of pulls from before they were recorded.
    fn pulls(&self, root: &RootVerdicts) -> u32 {
        let repository = self.evaluation.repository;
        if self.dates.pulled(root.node).is_some() {
            return YES;
        }
        let since = repository
            .pull_data_since
            .filter(|_| repository.capabilities.pull_time == Some(true));
        let arrived = self.dates.arrival(root.node);
        let is_covered = since.zip(arrived).is_some_and(|(since, arrived)| since <= arrived);
        if is_covered { NO } else { UNKNOWN }
    }

    fn tally(&self, marked: &Marked) -> Tally {
        let (repository, graph) = (self.evaluation.repository, &self.evaluation.graph);
        let mut tally = Tally {
            dangling: repository.dangling.len() as u64,
            knows_use: self.knows_use,
            knows_pulls: repository.capabilities.pull_time == Some(true),
            used: self.used(),
            roots: self
                .evaluation
                .roots
                .iter()
                .map(|root| graph.digest(root.node).clone())
                .collect(),
            gaps: self.evaluation.gaps().collect(),
            ..Tally::default()
        };
        for node in graph.nodes() {
            let Some(manifest) = graph.manifest(node) else { continue };
            let sizes = held(manifest).map(|(_, size)| believable(size).bytes());
            let counts = Counts {
                manifests: 1,
                tags: graph.tags(node).len() as u64,
                image_bytes: sizes.fold(0, u64::saturating_add),
                ..Counts::default()
            };
            tally.add(marked.marks[node], marked.parts.of(node), counts);
        }
        for root in &self.evaluation.roots {
            let own = self.of_root(root);
            let counts = Counts {
                images: 1,
                untagged: u64::from(graph.ordinary_tags(root.node).next().is_none()),
                never_pulled: u64::from(PULL.has(own, NO)),
                not_in_use: u64::from(USE.has(own, NO)),
                ..Counts::default()
            };
            tally.add(own, marked.parts.of(root.node), counts);
        }
        tally
    }

    /// The roots that somebody uses now, with all that hangs on them.
    fn used(&self) -> Vec<UsedRoot> {
        let holds = &self.evaluation.holds;
        let used = self
            .evaluation
            .roots
            .iter()
            .filter(|root| holds.has(root.node, Hold::InUse));
        let used = used.map(|root| UsedRoot {
            digest: self.evaluation.graph.digest(root.node).clone(),
            kind: root.kind,
            time: root.time,
            last_pulled_at: self.dates.pulled(root.node),
            used_by: match holds.reason(root.node) {
                Some(Reason::Hold { used_by, .. }) => used_by,
                _ => Vec::new(),
            },
            bytes: closure_bytes(&self.evaluation.graph, root.node),
        });
        used.collect()
    }
}

impl Tally {
    /// Counts the tags behind which no manifest was read.
    fn add_bare_tags(&mut self, evaluation: &RepositoryEvaluation<'_>, part: Option<Part>) {
        let (repository, graph) = (evaluation.repository, &evaluation.graph);
        let unread = graph.nodes().filter(|node| graph.manifest(*node).is_none());
        let unread: usize = unread.map(|node| graph.tags(node).len()).sum();
        let dangling = repository.dangling.iter().filter(|tag| !graph.has_tag(tag.as_str()));
        self.bare_tags = (unread + dangling.count()) as u64;
        if let Some(part) = part.filter(|_| self.bare_tags > 0) {
            self.by_part.entry(part).or_default().tags += self.bare_tags;
        }
    }

    fn add(&mut self, marks: Marks, parts: &[Part], counts: Counts) {
        let sum = self.by_marks.entry(marks).or_default();
        *sum = sum.and(counts);
        for part in parts {
            let sum = self.by_part.entry(*part).or_default();
            *sum = sum.and(counts);
        }
    }
}

/// What only these manifests of a repository hold, each blob once: what would be free if they went and no other repository
/// had it.
pub(crate) fn bytes_of_these_alone(graph: &Graph<'_>, these: &BTreeSet<Node>) -> u64 {
    let manifests = |wanted: bool| {
        let nodes = graph.nodes().filter(move |node| these.contains(node) == wanted);
        nodes.filter_map(|node| graph.manifest(node)).flat_map(held)
    };
    let mut sizes: BTreeMap<&Digest, u64> = BTreeMap::new();
    for (digest, size) in manifests(true) {
        let size = believable(size).bytes();
        sizes
            .entry(digest)
            .and_modify(|known| *known = size.min(*known))
            .or_insert(size);
    }
    for (digest, _) in manifests(false) {
        sizes.remove(digest);
    }
    sizes.into_values().fold(0, u64::saturating_add)
}

/// What an image holds with all that hangs on it, each blob once.
pub(super) fn closure_bytes(graph: &Graph<'_>, root: Node) -> u64 {
    let mut reached = BTreeSet::from([root]);
    let mut open = vec![root];
    while let Some(node) = open.pop() {
        let next = graph.children(node).iter().chain(graph.referrers(node)).copied();
        open.extend(next.filter(|next| reached.insert(*next)));
    }
    let manifests = reached.into_iter().filter_map(|node| graph.manifest(node));
    let mut contents: Vec<(&Digest, u64)> = manifests.flat_map(held).collect();
    contents.sort_unstable();
    let smallest = contents
        .chunk_by(|one, other| one.0 == other.0)
        .filter_map(<[_]>::first);
    let sizes = smallest.map(|(_, size)| believable(*size).bytes());
    sizes.fold(0, u64::saturating_add)
}

//! Holds: what stays whatever the rules say (design, section 5).

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::dates::{Dates, given};
use super::ground::Ground;
use super::uses::{TagUses, Uses};
use super::{elapsed, length};
use crate::graph::{Graph, Node};
use crate::model::{Manifest, Tag};
use crate::policy::Period;
use crate::reason::{Hold, Reason};

/// How long `undo` protects what it put back.
pub const RESTORED_FOR: Period = Period::days(30);

/// The label or annotation that protects an image.
const KEEP_LABEL: &str = "io.jettison.keep";

/// Why an image says of itself that it stays, if any of its labels and annotations does.
pub fn says_keep(texts: [&BTreeMap<String, String>; 2]) -> Option<String> {
    let mut values = texts.iter().filter_map(|texts| texts.get(KEEP_LABEL));
    values
        .any(|value| value == "true")
        .then(|| format!("its label {KEEP_LABEL} is true"))
}

/// One hold on one manifest.
#[derive(Debug, Clone, Default)]
struct Evidence {
    because: String,
    used_by: BTreeSet<String>,
}

/// Some of the eight holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct HoldSet(u8);

impl HoldSet {
    fn insert(&mut self, hold: Hold) {
        self.0 |= 1 << hold as u8;
    }

    fn contains(self, hold: Hold) -> bool {
        self.0 & (1 << hold as u8) != 0
    }

    /// The strongest first.
    fn iter(self) -> impl Iterator<Item = Hold> {
        Hold::ALL.into_iter().filter(move |hold| self.contains(*hold))
    }
}

/// The holds on every manifest of one repository. Most have none, so that the evidence is kept apart.
#[derive(Debug)]
pub struct Holds {
    of: Vec<HoldSet>,
    /// Those that do not come only from an index above.
    by_itself: Vec<HoldSet>,
    evidence: BTreeMap<(Node, Hold), Evidence>,
    /// Why everything in the repository is held, by hold.
    everywhere: BTreeMap<Hold, String>,
}

impl Holds {
    pub(super) fn of(ground: &Ground<'_>, dates: &Dates<'_>, uses: &Uses) -> Self {
        let graph = ground.graph;
        let mut holds = Self::none(graph);
        let direct = Direct { ground, dates };
        for node in graph.nodes() {
            if let Some(manifest) = graph.manifest(node) {
                direct.on(node, manifest, |hold, because| holds.insert(node, hold, because));
            }
        }
        for hold in [Hold::Restored, Hold::Grace, Hold::Protected] {
            holds.spread_up(graph, hold);
        }
        holds.add_usage(ground, uses);
        holds.add_gaps(ground);
        holds
    }

    /// The holds that come from usage alone.
    pub(super) fn of_usage(ground: &Ground<'_>, uses: &Uses) -> Self {
        let mut holds = Self::none(ground.graph);
        holds.add_usage(ground, uses);
        holds
    }

    fn none(graph: &Graph<'_>) -> Self {
        Self {
            of: vec![HoldSet::default(); graph.nodes().len()],
            by_itself: vec![HoldSet::default(); graph.nodes().len()],
            evidence: BTreeMap::new(),
            everywhere: BTreeMap::new(),
        }
    }

    /// Whether anything holds a manifest.
    pub fn any(&self, node: Node) -> bool {
        self.of[node] != HoldSet::default()
    }

    /// Whether a manifest has this hold.
    pub fn has(&self, node: Node, hold: Hold) -> bool {
        self.of[node].contains(hold)
    }

    /// Whether anything holds a manifest that does not come from an index above it.
    pub fn by_itself(&self, node: Node) -> bool {
        self.by_itself[node] != HoldSet::default()
    }

    /// The reason for which a manifest is held, the strongest hold first.
    pub fn reason(&self, node: Node) -> Option<Reason> {
        let hold = self.of[node].iter().next()?;
        let evidence = self.evidence.get(&(node, hold));
        let because = evidence
            .map(|evidence| &evidence.because)
            .or(self.everywhere.get(&hold));
        let used_by = evidence.into_iter().flat_map(|evidence| &evidence.used_by);
        Some(Reason::Hold {
            hold,
            used_by: used_by.cloned().collect(),
            because: because.cloned().unwrap_or_default(),
            also: self.of[node].iter().skip(1).collect(),
        })
    }

    /// Who uses a manifest, or anything that holds it by its use.
    pub(super) fn users(&self, node: Node, hold: Hold) -> BTreeSet<String> {
        let evidence = self.evidence.get(&(node, hold));
        evidence.map(|evidence| evidence.used_by.clone()).unwrap_or_default()
    }

    /// Why everything in the repository has a hold, if everything has.
    pub fn everywhere(&self, hold: Hold) -> Option<&str> {
        self.everywhere.get(&hold).map(String::as_str)
    }

    /// Unproven orphans are kept as if their repository had a gap.
    pub(super) fn add_unproven(&mut self, graph: &Graph<'_>, orphans: impl Iterator<Item = Node>) {
        let mut any = false;
        for node in orphans {
            any = true;
            if !self.of[node].contains(Hold::Incomplete) {
                let because = "its subject was not read, and is not proven to be gone";
                self.insert(node, Hold::Incomplete, because.to_owned());
            }
        }
        if any {
            self.spread_up(graph, Hold::Incomplete);
        }
    }

    fn insert(&mut self, node: Node, hold: Hold, because: String) {
        self.of[node].insert(hold);
        self.by_itself[node].insert(hold);
        let used_by = BTreeSet::new();
        self.evidence.insert((node, hold), Evidence { because, used_by });
    }

    /// A hold on a child or an attached manifest holds every index above it and its subject too.
    fn spread_up(&mut self, graph: &Graph<'_>, hold: Hold) {
        let mut open: Vec<(Node, Node)> = graph
            .nodes()
            .filter(|node| self.of[*node].contains(hold))
            .map(|node| (node, node))
            .rev()
            .collect();
        while let Some((node, origin)) = open.pop() {
            for above in graph.parents(node).iter().chain(graph.subjects(node)) {
                if self.of[*above].contains(hold) {
                    continue;
                }
                let Some(evidence) = self.evidence.get(&(origin, hold)) else {
                    continue;
                };
                let because = format!("of {}: {}", graph.digest(origin).short(), evidence.because);
                self.insert(*above, hold, because);
                open.push((*above, origin));
            }
        }
    }

    fn add_usage(&mut self, ground: &Ground<'_>, uses: &Uses) {
        let repository = ground.repository;
        let tags = uses.of_tags(&repository.registry, &repository.name);
        for node in ground.graph.nodes() {
            for (hold, users) in users(ground.graph, node, uses, tags.as_ref()) {
                self.spread_use(ground.graph, node, hold, &users);
            }
        }
        // A source that did not say everything could matter to anything in the repository.
        let why = uses.incomplete(ground.facts.config, &repository.registry, &repository.name);
        self.hold_all(Hold::UsageIncomplete, &why);
    }

    /// A used child holds every index above it, a used index everything below it.
    fn spread_use(&mut self, graph: &Graph<'_>, node: Node, hold: Hold, users: &BTreeSet<String>) {
        let name = graph.digest(node).short();
        let mut note = |node: Node, because: &dyn Fn() -> String, inherited: bool| {
            self.of[node].insert(hold);
            if !inherited {
                self.by_itself[node].insert(hold);
            }
            let evidence = self.evidence.entry((node, hold)).or_insert_with(|| Evidence {
                because: because(),
                used_by: BTreeSet::new(),
            });
            evidence.used_by.extend(users.iter().cloned());
        };
        note(node, &|| "it is referred to".to_owned(), false);
        for below in graph.below(node) {
            note(below, &|| format!("it is part of {name}, which is referred to"), true);
        }
        for above in graph.above(node) {
            note(above, &|| format!("{name}, which belongs to it, is referred to"), false);
        }
    }

    /// What was not read of the repository itself could matter to anything in it.
    fn add_gaps(&mut self, ground: &Ground<'_>) {
        let gaps = ground.repository.gaps.iter().map(ToString::to_string);
        let gaps = gaps.chain(ground.graph.contradictions().iter().cloned());
        self.hold_all(Hold::Incomplete, &gaps.collect::<Vec<_>>());
    }

    fn hold_all(&mut self, hold: Hold, why: &[String]) {
        let Some(because) = first_of(why) else { return };
        for holds in self.of.iter_mut().chain(&mut self.by_itself) {
            holds.insert(hold);
        }
        self.everywhere.insert(hold, because);
    }
}

/// Who refers to a manifest itself, by its digest, its config's, or a tag.
fn users(graph: &Graph<'_>, node: Node, uses: &Uses, tags: Option<&TagUses<'_>>) -> BTreeMap<Hold, BTreeSet<String>> {
    let manifest = graph.manifest(node);
    let config = manifest.and_then(|manifest| manifest.config_digest.as_ref());
    let digests = [Some(graph.digest(node)), config].into_iter().flatten();
    let of_digests = digests.flat_map(|digest| uses.of_digest(digest)).cloned();
    let of_tags = tags.into_iter().flat_map(|uses| {
        let tags = graph.tags(node).iter();
        tags.flat_map(move |tag| uses.of(&tag.name))
    });
    let mut by: BTreeMap<Hold, BTreeSet<String>> = BTreeMap::new();
    for used in of_digests.chain(of_tags) {
        by.entry(used.hold).or_default().insert(used.by);
    }
    by
}

fn first_of(why: &[String]) -> Option<String> {
    let first = why.iter().min()?;
    Some(if why.len() == 1 {
        first.clone()
    } else {
        format!("{first} (and {} more)", why.len() - 1)
    })
}

/// The holds that a manifest has by itself.
struct Direct<'g> {
    ground: &'g Ground<'g>,
    dates: &'g Dates<'g>,
}

/// What happened to an image that `grace` counts from.
#[derive(Debug, Clone, Copy)]
enum Event<'a> {
    Pushed,
    Seen,
    Built,
    Tagged(&'a Tag),
    Untagged,
}

impl std::fmt::Display for Event<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Pushed => f.write_str("it was pushed"),
            Self::Seen => f.write_str("it was first seen"),
            Self::Built => f.write_str("it was built"),
            Self::Tagged(tag) => write!(f, "tag {tag} was set"),
            Self::Untagged => f.write_str("its last tag was taken"),
        }
    }
}

impl Direct<'_> {
    /// Calls `insert` with each hold and its evidence.
    fn on(&self, node: Node, manifest: &Manifest, mut insert: impl FnMut(Hold, String)) {
        let mut hold = |hold: Hold, because: Option<String>| {
            if let Some(because) = because {
                insert(hold, because);
            }
        };
        hold(Hold::Restored, self.restored(manifest));
        hold(Hold::Grace, self.grace(node, manifest));
        hold(Hold::Protected, self.protected(node, manifest));
        hold(Hold::Immutable, self.immutable(node));
    }

    fn restored(&self, manifest: &Manifest) -> Option<String> {
        let at = manifest.restored_at?;
        self.within(at, RESTORED_FOR)
            .then(|| format!("undo put it back at {at}, less than {RESTORED_FOR} ago"))
    }

    /// A push in flight, a deploy about to happen.
    fn grace(&self, node: Node, manifest: &Manifest) -> Option<String> {
        let grace = self.ground.facts.config.grace;
        let Some(arrived) = self.arrival(node, manifest) else {
            return Some("neither its push time nor its first sight is known".to_owned());
        };
        let tags = self.ground.graph.tags(node).iter();
        let tags = tags.filter_map(|tag| Some((Event::Tagged(&tag.name), tag.updated_at?)));
        let untagged = manifest.untagged_at.map(|at| (Event::Untagged, at));
        let (what, at) = tags.chain(untagged).fold(
            arrived,
            |latest, event| if event.1 >= latest.1 { event } else { latest },
        );
        self.within(at, grace)
            .then(|| format!("{what} at {at}, less than {grace} ago"))
    }

    /// What `grace` counts from: the push, else the first sight, else (where that is trusted) the build.
    fn arrival(&self, node: Node, manifest: &Manifest) -> Option<(Event<'_>, Timestamp)> {
        if let Some(pushed) = given(manifest.pushed_at) {
            return Some((Event::Pushed, pushed));
        }
        let seen = given(manifest.first_seen_at).map(|seen| (Event::Seen, seen));
        let noticed = self.dates.seen_to_arrive(manifest).is_some();
        if noticed || !self.ground.trusts_created {
            return seen;
        }
        // A signature or an attestation carries no date: it is as old as what it belongs to.
        let built = self.dates.built(node).or_else(|| self.dates.built_above(node));
        built.map(|built| (Event::Built, built)).or(seen)
    }

    fn protected(&self, node: Node, manifest: &Manifest) -> Option<String> {
        if let Some(because) = says_keep([&manifest.labels, &manifest.annotations]) {
            return Some(because);
        }
        let listed = |tag| {
            let mut protect = self.ground.protect.iter();
            protect.find(|pattern| pattern.fits_image(tag, &manifest.digest))
        };
        if self.ground.protect.is_empty() {
            return None;
        }
        let tags = self.ground.graph.tags(node).iter();
        let pattern = listed(None).or_else(|| tags.map(|tag| &tag.name).find_map(|tag| listed(Some(tag))))?;
        Some(format!("`{}` is listed under protect", pattern.as_str()))
    }

    /// A tag that attaches its manifest has no entry of its own, so that the manifest itself is held.
    fn immutable(&self, node: Node) -> Option<String> {
        let mut attaching = self.ground.graph.attaching_tags(node);
        let tag = attaching.find(|tag| self.ground.is_immutable(tag))?;
        Some(format!("its tag {} must not be removed", tag.name))
    }

    /// Less than `period` ago; the future counts as just now.
    fn within(&self, at: Timestamp, period: Period) -> bool {
        elapsed(at, self.ground.facts.now) < length(period)
    }
}

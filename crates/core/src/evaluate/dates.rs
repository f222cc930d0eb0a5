//! Dates: which of them say anything, when an image arrived, and when it was built.

use std::cell::OnceCell;
use std::cmp::Reverse;

use jiff::{SignedDuration, Timestamp};

use crate::graph::{Graph, Node};
use crate::model::{Manifest, Repository};

/// The dates of one repository.
pub(crate) struct Dates<'a> {
    repository: &'a Repository,
    graph: &'a Graph<'a>,
    now: Timestamp,
    /// For manifests without a plausible build date of their own: the newest below them.
    built_below: OnceCell<Vec<Option<Timestamp>>>,
    /// The newest build date among all that a manifest belongs to.
    built_above: OnceCell<Vec<Option<Timestamp>>>,
    /// The newest pull of a manifest and of everything below it.
    pulled: OnceCell<Vec<Option<Timestamp>>>,
}

impl<'a> Dates<'a> {
    pub(crate) fn new(repository: &'a Repository, graph: &'a Graph<'a>, now: Timestamp) -> Self {
        Self {
            repository,
            graph,
            now,
            built_below: OnceCell::new(),
            built_above: OnceCell::new(),
            pulled: OnceCell::new(),
        }
    }

    pub(super) fn now(&self) -> Timestamp {
        self.now
    }

    /// When the image arrived, as far as that is known (design, section 4).
    pub(crate) fn arrival(&self, node: Node) -> Option<Timestamp> {
        let manifest = self.graph.manifest(node)?;
        plausible(manifest.pushed_at, self.now)
            .or_else(|| plausible(self.seen_to_arrive(manifest), self.now))
            .or_else(|| self.built(node))
    }

    /// The first sight of a manifest that an earlier complete scan did not have.
    pub(super) fn seen_to_arrive(&self, manifest: &Manifest) -> Option<Timestamp> {
        let (seen, since) = (given(manifest.first_seen_at)?, self.repository.scanned_since?);
        (since < seen).then_some(seen)
    }

    /// The plausible build date of an image; of an index its own, else the newest among its children.
    pub(super) fn built(&self, node: Node) -> Option<Timestamp> {
        let own = plausible_build_date(self.graph.manifest(node)?, self.now);
        if own.is_some() || self.graph.children(node).is_empty() {
            return own;
        }
        self.built_below.get_or_init(|| self.find_built_below())[node]
    }

    /// The newest build date of what a manifest belongs to: indexes and subjects, and those of these.
    pub(super) fn built_above(&self, node: Node) -> Option<Timestamp> {
        self.built_above.get_or_init(|| self.find_built_above())[node]
    }

    /// When a manifest or anything below it was last pulled.
    pub(crate) fn pulled(&self, node: Node) -> Option<Timestamp> {
        self.pulled.get_or_init(|| self.find_pulled())[node]
    }

    fn find_built_below(&self) -> Vec<Option<Timestamp>> {
        let graph = self.graph;
        let own = |node| plausible_build_date(graph.manifest(node)?, self.now);
        let own: Vec<Option<Timestamp>> = graph.nodes().map(own).collect();
        // What has a date of its own hands on no other.
        let above = |node: Node| {
            graph
                .parents(node)
                .iter()
                .copied()
                .filter(|parent| own[*parent].is_none())
        };
        spread_newest(&own, above)
    }

    fn find_built_above(&self) -> Vec<Option<Timestamp>> {
        let graph = self.graph;
        let built: Vec<Option<Timestamp>> = graph.nodes().map(|node| self.built(node)).collect();
        spread_newest(&built, |node| {
            graph.children(node).iter().chain(graph.referrers(node)).copied()
        })
    }

    fn find_pulled(&self) -> Vec<Option<Timestamp>> {
        let graph = self.graph;
        let own = |node| given(graph.manifest(node)?.last_pulled_at);
        let own: Vec<Option<Timestamp>> = graph.nodes().map(own).collect();
        let below = spread_newest(&own, |node| graph.parents(node).iter().copied());
        own.into_iter().zip(below).map(|(own, below)| own.max(below)).collect()
    }
}

/// For each node the newest date among all nodes from which `next` leads to it, directly or not.
///
/// The newest goes first, so that every node is reached once, and loops need no care.
fn spread_newest<N: Iterator<Item = Node>>(
    dates: &[Option<Timestamp>],
    next: impl Fn(Node) -> N,
) -> Vec<Option<Timestamp>> {
    let mut sources: Vec<(Timestamp, Node)> = (0..)
        .zip(dates)
        .filter_map(|(node, date)| Some(((*date)?, node)))
        .collect();
    sources.sort_unstable_by_key(|(date, _)| Reverse(*date));
    let mut reached = vec![None; dates.len()];
    let mut open = Vec::new();
    for (date, source) in sources {
        open.push(source);
        while let Some(node) = open.pop() {
            for other in next(node) {
                if reached[other].is_none() {
                    reached[other] = Some(date);
                    open.push(other);
                }
            }
        }
    }
    reached
}

const CREATED: &str = "org.opencontainers.image.created";

fn plausible_build_date(manifest: &Manifest, now: Timestamp) -> Option<Timestamp> {
    let annotated = || manifest.annotations.get(CREATED)?.parse().ok();
    plausible(manifest.created_at, now).or_else(|| plausible(annotated(), now))
}

/// A date that says something: no placeholder, and no more than a clock's error ahead of `now`.
pub(crate) fn plausible(date: Option<Timestamp>, now: Timestamp) -> Option<Timestamp> {
    let limit = || {
        now.saturating_add(SignedDuration::from_hours(24))
            .unwrap_or(Timestamp::MAX)
    };
    given(date).filter(|date| *date <= now || *date <= limit())
}

/// Docker's first release. A date from before it says nothing: it is a placeholder (1970, 1980, year 1).
pub(crate) const FIRST_RELEASE: Timestamp = Timestamp::constant(1_363_737_600, 0);

/// A date that is no placeholder.
///
/// Where a date only protects, this is all that is asked of it: one from the future still does.
pub(crate) fn given(date: Option<Timestamp>) -> Option<Timestamp> {
    date.filter(|date| *date >= FIRST_RELEASE)
}

//! The order of deletions and archivals: an index before its children, a subject before what is attached to it.
//!
//! Registries refuse to delete a child that an index still lists, and if the subject's delete is refused
//! its signature must still be there.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap, VecDeque};

use super::circles;
use super::fates::Fate;
use super::limits::LimitedRepository;
use crate::evaluate::RootVerdicts;
use crate::graph::{Graph, Node};
use crate::reason::Relation;

/// So many circles are broken exactly where they are. No registry has so many; one that is made to have them costs no
/// more time than this, and its plan is refused where it would delete in a wrong order.
const MOST_LOOKS: usize = 64;

/// One manifest that goes, in its turn.
pub(super) enum Step<'e> {
    /// A root, by its own verdicts.
    Root(&'e RootVerdicts),
    /// Something that goes along.
    Follows { node: Node, root: Node, relation: Relation },
}

impl Step<'_> {
    pub(super) fn node(&self) -> Node {
        match self {
            Self::Root(root) => root.node,
            Self::Follows { node, .. } => *node,
        }
    }
}

/// The manifests that go, in the order in which they can: first what is deleted, then what is archived. An index that is
/// deleted may list what is archived, but what is archived needs nothing that is deleted.
///
/// Among what is archived is what was archived before, with which nothing is done: more may belong to it by now.
pub(super) fn steps<'e>(repository: &'e LimitedRepository<'_>) -> Vec<Step<'e>> {
    let mut steps = steps_to(repository, Fate::Deleted);
    steps.append(&mut steps_to(repository, Fate::Archived));
    steps
}

/// The manifests of one fate: roots oldest first, each with what goes along.
///
/// The list of roots is gone through again and again, and each time those go that nothing stands in the way of any
/// more. What comes of that is worked out without going through it.
fn steps_to<'e>(repository: &'e LimitedRepository<'_>, fate: Fate) -> Vec<Step<'e>> {
    let evaluation = &repository.evaluation;
    let graph = &evaluation.graph;
    let goes = |node: Node| graph.manifest(node).is_some() && repository.fates.of_node(node) == fate;
    let mut waiting: Vec<&RootVerdicts> = evaluation.roots.iter().filter(|root| goes(root.node)).collect();
    if waiting.is_empty() {
        return Vec::new();
    }
    waiting.sort_by_key(|root| (root.time.is_none(), root.time, root.node));
    let left: Vec<bool> = graph.nodes().map(goes).collect();
    let mut queue = Queue::new(graph, left, waiting);
    loop {
        while let Some(Reverse((round, place))) = queue.free.pop() {
            queue.now = (round, place);
            queue.emit(place);
        }
        if !queue.break_circle() {
            break;
        }
    }
    queue.steps
}

/// The round and the place in the list of roots: when a root has its turn.
type Turn = (usize, usize);

/// What became of a node.
#[derive(Debug, Clone, Copy, Default)]
struct State {
    left: bool,
    /// Its place in the list of roots, if it is one that goes.
    place: Option<usize>,
    /// How many indexes that list it are left.
    listing: usize,
    /// How many subjects of it are left.
    subjects: usize,
    /// The root with which it went, if it went.
    root: Option<Node>,
}

struct Queue<'e> {
    graph: &'e Graph<'e>,
    states: Vec<State>,
    waiting: Vec<&'e RootVerdicts>,
    /// Roots that nothing stands in the way of, with their turns.
    free: BinaryHeap<Reverse<Turn>>,
    now: Turn,
    /// The places of roots that are left, and of those that no index lists.
    left_roots: BTreeSet<usize>,
    unlisted_roots: BTreeSet<usize>,
    /// How many more circles are looked for: each look goes through all that is left.
    looks: usize,
    /// What belongs to something that went, and is left; and what of that no index lists.
    hanging: BTreeSet<Node>,
    unlisted: BTreeSet<Node>,
    steps: Vec<Step<'e>>,
}

impl<'e> Queue<'e> {
    fn new(graph: &'e Graph<'e>, left: Vec<bool>, waiting: Vec<&'e RootVerdicts>) -> Self {
        let blocks = |node: Node| move |other: &&Node| **other != node;
        let count = |nodes: &[Node], node| nodes.iter().filter(blocks(node)).filter(|other| left[**other]).count();
        let state = |node| State {
            left: left[node],
            place: None,
            listing: if left[node] {
                count(graph.parents(node), node)
            } else {
                0
            },
            subjects: if left[node] {
                count(graph.subjects(node), node)
            } else {
                0
            },
            root: None,
        };
        let mut queue = Self {
            graph,
            states: graph.nodes().map(state).collect(),
            waiting,
            free: BinaryHeap::new(),
            now: (0, 0),
            left_roots: BTreeSet::new(),
            unlisted_roots: BTreeSet::new(),
            looks: MOST_LOOKS,
            hanging: BTreeSet::new(),
            unlisted: BTreeSet::new(),
            steps: Vec::new(),
        };
        queue.line_up();
        queue
    }

    fn line_up(&mut self) {
        let mut free = Vec::new();
        for (place, root) in self.waiting.iter().enumerate() {
            let state = &mut self.states[root.node];
            state.place = Some(place);
            if state.listing == 0 && state.subjects == 0 {
                free.push(Reverse((0, place)));
                continue;
            }
            self.left_roots.insert(place);
            if state.listing == 0 {
                self.unlisted_roots.insert(place);
            }
        }
        self.free = free.into();
    }

    /// Nothing that has to go earlier is still there.
    fn is_free(&self, node: Node) -> bool {
        let state = &self.states[node];
        state.listing == 0 && state.subjects == 0
    }

    /// Subjects and indexes that wait for each other in a circle: an index still goes before what it lists, because
    /// registries insist on that; the order of attached things gives way. Whether there was one among the roots.
    fn break_circle(&mut self) -> bool {
        if self.left_roots.is_empty() && self.hanging.is_empty() {
            return false;
        }
        // A new round begins: whatever comes free now has its turn in the order of the list.
        self.now = (self.now.0 + 1, usize::MAX);
        if self.emit_unlisted_follower() {
            return true;
        }
        match self.unlisted_roots.first().copied() {
            Some(place) => self.emit(place),
            None => self.emit_foremost(),
        }
        true
    }

    /// Lets something go before which nothing else has to go but what itself waits for it.
    fn emit_foremost(&mut self) {
        let (mut root, mut hanging) = (self.left_roots.first().copied(), self.hanging.first().copied());
        if self.looks > 0 {
            self.looks -= 1;
            let ranks = circles::ranks(self.graph, |node| self.states[node].left);
            let rank_of = |place: &usize| ranks[self.waiting[*place].node];
            root = self.left_roots.iter().copied().min_by_key(rank_of);
            hanging = self.hanging.iter().copied().min_by_key(|node| ranks[*node]);
            if let Some((place, node)) = root.zip(hanging)
                && ranks[node] < rank_of(&place)
            {
                root = None;
            }
        }
        match (root, hanging) {
            (Some(place), _) => self.emit(place),
            (None, Some(node)) => self.follow_what_went(node),
            (None, None) => {}
        }
    }

    fn emit(&mut self, place: usize) {
        let root = self.waiting[place];
        self.steps.push(Step::Root(root));
        self.remove(root.node, root.node);
        self.emit_followers(root.node, root.node);
    }

    /// Children first, then what is attached; each as soon as the last manifest that needs it went.
    fn emit_followers(&mut self, of: Node, root: Node) {
        let graph = self.graph;
        let mut open = VecDeque::from([of]);
        while let Some(node) = open.pop_front() {
            let children = graph.children(node).iter().map(|child| (*child, Relation::Child));
            let attached = graph.referrers(node).iter();
            let attached = attached.map(|referrer| (*referrer, Relation::Attached));
            for (follower, relation) in children.chain(attached) {
                let state = &self.states[follower];
                if state.left && state.place.is_none() && self.is_free(follower) {
                    self.follow(follower, root, relation);
                    open.push_back(follower);
                }
            }
        }
    }

    fn follow(&mut self, node: Node, root: Node, relation: Relation) {
        self.steps.push(Step::Follows { node, root, relation });
        self.remove(node, root);
    }

    /// Takes a node away, and notes what that lets go.
    fn remove(&mut self, node: Node, root: Node) {
        let graph = self.graph;
        let state = &mut self.states[node];
        (state.left, state.root) = (false, Some(root));
        self.hanging.remove(&node);
        self.unlisted.remove(&node);
        if let Some(place) = state.place {
            self.left_roots.remove(&place);
            self.unlisted_roots.remove(&place);
        }
        for child in graph.children(node).iter().filter(|child| **child != node) {
            self.states[*child].listing = self.states[*child].listing.saturating_sub(1);
            self.has_lost(*child);
        }
        for referrer in graph.referrers(node).iter().filter(|referrer| **referrer != node) {
            self.states[*referrer].subjects = self.states[*referrer].subjects.saturating_sub(1);
            self.has_lost(*referrer);
        }
    }

    /// Something that a node belongs to has gone.
    fn has_lost(&mut self, node: Node) {
        let State {
            left, place, listing, ..
        } = self.states[node];
        match place {
            _ if !left => {}
            None => {
                self.hanging.insert(node);
                if listing == 0 {
                    self.unlisted.insert(node);
                }
            }
            Some(place) if self.is_free(node) => {
                // Its turn is in this round if the list has not come to it yet.
                let (round, at) = self.now;
                if self.left_roots.remove(&place) {
                    self.unlisted_roots.remove(&place);
                    self.free
                        .push(Reverse((if place > at { round } else { round + 1 }, place)));
                }
            }
            Some(place) if listing == 0 => {
                self.unlisted_roots.insert(place);
            }
            Some(_) => {}
        }
    }

    /// The first that is left and belongs to something that went, of those that no index lists; whether there is one.
    fn emit_unlisted_follower(&mut self) -> bool {
        let Some(node) = self.unlisted.first().copied() else {
            return false;
        };
        self.follow_what_went(node);
        true
    }

    /// Lets something go that belongs to what went.
    fn follow_what_went(&mut self, node: Node) {
        let graph = self.graph;
        let went = |earlier: &[Node]| earlier.iter().find_map(|earlier| self.states[*earlier].root);
        let child = went(graph.parents(node)).map(|root| (root, Relation::Child));
        let belongs = child.or_else(|| went(graph.subjects(node)).map(|root| (root, Relation::Attached)));
        // Whatever hangs belongs to something that went.
        let (root, relation) = belongs.unwrap_or((node, Relation::Attached));
        self.follow(node, root, relation);
        self.emit_followers(node, root);
    }
}

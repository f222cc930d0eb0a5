//! The order of deletions: an index before its children, a subject before what is attached to it.
//!
//! Registries refuse to delete a child that an index still lists, and if the subject's delete is refused
//! its signature must still be there.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::limits::LimitedRepository;
use crate::evaluate::RootVerdicts;
use crate::graph::{Graph, Node};
use crate::reason::Relation;

/// One manifest that goes, in its turn.
pub(super) enum Step<'e> {
    /// A root, by its own verdicts.
    Root(&'e RootVerdicts),
    /// Something that goes along.
    Follows { node: Node, root: Node, relation: Relation },
}

/// The manifests that go, in the order in which they can: roots oldest first, each with what goes along.
pub(super) fn steps<'e>(repository: &'e LimitedRepository<'e>) -> Vec<Step<'e>> {
    let evaluation = repository.evaluation;
    let goes = |node: &Node| evaluation.graph.manifest(*node).is_some() && !repository.stays.contains(*node);
    let mut waiting: Vec<&RootVerdicts> = evaluation.roots.iter().filter(|root| goes(&root.node)).collect();
    waiting.sort_by_key(|root| (root.time.is_none(), root.time, root.node));
    let mut queue = Queue {
        graph: &evaluation.graph,
        roots: waiting.iter().map(|root| root.node).collect(),
        left: evaluation.graph.nodes().filter(goes).collect(),
        root_of: BTreeMap::new(),
        steps: Vec::new(),
    };
    while !waiting.is_empty() {
        let before = waiting.len();
        waiting.retain(|root| !queue.emit_if_free(root));
        if waiting.len() == before {
            queue.break_circle(&mut waiting);
        }
    }
    queue.emit_circles();
    queue.steps
}

struct Queue<'e> {
    graph: &'e Graph<'e>,
    roots: BTreeSet<Node>,
    left: BTreeSet<Node>,
    /// The root with which each manifest went.
    root_of: BTreeMap<Node, Node>,
    steps: Vec<Step<'e>>,
}

impl<'e> Queue<'e> {
    /// Nothing that has to go earlier is still there.
    fn is_free(&self, node: Node) -> bool {
        let earlier = self.graph.parents(node).iter().chain(self.graph.subjects(node));
        earlier
            .into_iter()
            .all(|earlier| *earlier == node || !self.left.contains(earlier))
    }

    /// Subjects and indexes that wait for each other in a circle: an index still goes before what it lists, because
    /// registries insist on that; the order of attached things gives way.
    fn break_circle(&mut self, waiting: &mut Vec<&'e RootVerdicts>) {
        if self.emit_unlisted() {
            return;
        }
        let unlisted = waiting.iter().position(|root| !self.is_listed(root.node));
        self.emit(waiting.remove(unlisted.unwrap_or(0)));
    }

    /// An index that has not gone yet lists it.
    fn is_listed(&self, node: Node) -> bool {
        self.graph
            .parents(node)
            .iter()
            .any(|index| *index != node && self.left.contains(index))
    }

    fn emit_if_free(&mut self, root: &'e RootVerdicts) -> bool {
        let free = self.is_free(root.node);
        if free {
            self.emit(root);
        }
        free
    }

    fn emit(&mut self, root: &'e RootVerdicts) {
        self.left.remove(&root.node);
        self.root_of.insert(root.node, root.node);
        self.steps.push(Step::Root(root));
        self.emit_followers(root.node, root.node);
    }

    /// Children first, then what is attached; each as soon as the last manifest that needs it went.
    fn emit_followers(&mut self, of: Node, root: Node) {
        let graph = self.graph;
        let mut open = VecDeque::from([of]);
        while let Some(node) = open.pop_front() {
            let children = graph.children(node).iter().map(|child| (*child, Relation::Child));
            let attached = graph
                .referrers(node)
                .iter()
                .map(|referrer| (*referrer, Relation::Attached));
            for (follower, relation) in children.chain(attached) {
                if self.left.contains(&follower) && !self.roots.contains(&follower) && self.is_free(follower) {
                    self.follow(follower, root, relation);
                    open.push_back(follower);
                }
            }
        }
    }

    fn follow(&mut self, node: Node, root: Node, relation: Relation) {
        self.left.remove(&node);
        self.root_of.insert(node, root);
        self.steps.push(Step::Follows { node, root, relation });
    }

    /// What is left needs itself in a circle, and hangs on something that went.
    fn emit_circles(&mut self) {
        while self.emit_unlisted() || self.emit_follower(|_, _| true) {}
    }

    /// A follower that no index lists any more, though a subject of it may still be there.
    fn emit_unlisted(&mut self) -> bool {
        self.emit_follower(|queue, node| !queue.is_listed(node))
    }

    /// The first follower that `fits` and belongs to something that went; whether there is one.
    fn emit_follower(&mut self, fits: impl Fn(&Self, Node) -> bool) -> bool {
        let graph = self.graph;
        let went = |earlier: &[Node]| earlier.iter().find_map(|earlier| self.root_of.get(earlier).copied());
        let belongs = |node: Node| {
            let child = went(graph.parents(node)).map(|root| (root, Relation::Child));
            child.or_else(|| went(graph.subjects(node)).map(|root| (root, Relation::Attached)))
        };
        let followers = self
            .left
            .iter()
            .copied()
            .filter(|node| !self.roots.contains(node) && fits(self, *node));
        let found = followers.into_iter().find_map(|node| Some((node, belongs(node)?)));
        let Some((node, (root, relation))) = found else {
            return false;
        };
        self.follow(node, root, relation);
        self.emit_followers(node, root);
        true
    }
}

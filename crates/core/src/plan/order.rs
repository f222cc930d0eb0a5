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
            // Manifests that need each other in a circle: one has to be the first.
            queue.emit(waiting.remove(0));
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
        let graph = self.graph;
        while let Some((node, root, relation)) = self.left.iter().find_map(|node| {
            let by = |earlier: &[Node]| earlier.iter().find_map(|earlier| self.root_of.get(earlier).copied());
            let child = by(graph.parents(*node)).map(|root| (*node, root, Relation::Child));
            child.or_else(|| by(graph.subjects(*node)).map(|root| (*node, root, Relation::Attached)))
        }) {
            self.follow(node, root, relation);
            self.emit_followers(node, root);
        }
    }
}

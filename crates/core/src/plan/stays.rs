//! What stays in one repository: the roots that must, and what they need, to the fixpoint.
//!
//! Everything here is monotone: one more reason to stay never lets anything else go (law 2).

use std::collections::{BTreeSet, VecDeque};

use crate::evaluate::{RepositoryEvaluation, RootVerdicts};
use crate::graph::{Graph, Node};
use crate::policy::RuleAction;
use crate::reason::Relation;

/// Why a manifest stays although no verdict of its own keeps it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Need {
    /// What needs it.
    pub(super) by: Node,
    /// What it is to `by`.
    pub(super) relation: Relation,
}

/// What stays in one repository.
#[derive(Debug)]
pub(super) struct Stays {
    /// Whether each node stays.
    stays: Vec<bool>,
    /// For nodes that stay only because another one does: the first that needs it.
    needs: Vec<Option<Need>>,
}

impl Stays {
    /// What stays when all in `kept` stays whatever the verdicts say.
    pub(super) fn of(evaluation: &RepositoryEvaluation<'_>, kept: &BTreeSet<Node>) -> Self {
        let graph = &evaluation.graph;
        let free = free(evaluation, kept);
        // What is not there needs nothing.
        let stays_by =
            |held: &dyn Fn(Node) -> bool, node: Node| graph.manifest(node).is_some() && (held(node) || !free[node]);
        let held = |node| evaluation.holds.any(node);
        let mut stays = Self {
            stays: graph.nodes().map(|node| stays_by(&held, node)).collect(),
            needs: vec![None; graph.nodes().len()],
        };
        let mut open: VecDeque<Node> = graph.nodes().filter(|node| stays.stays[*node]).collect();
        stays.close(graph, &mut open);
        if !graph.nodes().any(|node| stays.strands(graph, node)) {
            return stays;
        }
        let held = |node| evaluation.holds.by_itself(node);
        let mut forced: Vec<bool> = graph.nodes().map(|node| stays_by(&held, node)).collect();
        let listed = listed_by_rule(evaluation);
        loop {
            let stranded = stays.stranding_indexes(graph, &forced, &listed);
            if stranded.is_empty() {
                return stays;
            }
            for (index, child) in stranded {
                forced[index] = true;
                let need = Need {
                    by: child,
                    relation: Relation::Index,
                };
                stays.keep(graph, index, need, &mut open);
            }
            stays.close(graph, &mut open);
        }
    }

    /// Whether a manifest stays.
    pub(super) fn contains(&self, node: Node) -> bool {
        self.stays[node]
    }

    /// What made it stay, if nothing of its own did.
    pub(super) fn need(&self, node: Node) -> Option<Need> {
        self.needs[node]
    }

    /// An index needs its children, a referrer its subject, a subject its referrers.
    fn close(&mut self, graph: &Graph<'_>, open: &mut VecDeque<Node>) {
        while let Some(by) = open.pop_front() {
            let needed = [
                (graph.children(by), Relation::Child),
                (graph.subjects(by), Relation::Subject),
                (graph.referrers(by), Relation::Attached),
            ];
            for (nodes, relation) in needed {
                for node in nodes {
                    self.keep(graph, *node, Need { by, relation }, open);
                }
            }
        }
    }

    fn keep(&mut self, graph: &Graph<'_>, node: Node, need: Need, open: &mut VecDeque<Node>) {
        if !self.stays[node] && graph.manifest(node).is_some() {
            self.stays[node] = true;
            self.needs[node] = Some(need);
            open.push_back(node);
        }
    }

    /// Whether it stays untagged while an index of it goes.
    fn strands(&self, graph: &Graph<'_>, child: Node) -> bool {
        let goes = |index: &Node| self.goes(graph, *index);
        self.stays[child] && graph.parents(child).iter().any(goes) && graph.ordinary_tags(child).next().is_none()
    }

    fn goes(&self, graph: &Graph<'_>, node: Node) -> bool {
        !self.stays[node] && graph.manifest(node).is_some()
    }

    /// Indexes that would go although an untagged child of theirs must stay without regard to any index.
    fn stranding_indexes(&self, graph: &Graph<'_>, forced: &[bool], listed: &[bool]) -> Vec<(Node, Node)> {
        let stranded = graph
            .nodes()
            .filter(|child| self.strands(graph, *child) && !listed[*child] && stays_by_itself(graph, *child, forced));
        let indexes = |child: Node| {
            let going = graph.parents(child).iter().copied();
            let going = going.filter(|index| self.goes(graph, *index));
            going.map(move |index| (index, child))
        };
        stranded.flat_map(indexes).collect()
    }
}

/// Whether a child would stay if none of its indexes did: something else that must stay leads to it.
///
/// Asked this way, and not as "does any index of it stay", the answer cannot turn from yes to no when
/// one more thing is held.
fn stays_by_itself(graph: &Graph<'_>, child: Node, forced: &[bool]) -> bool {
    if forced[child] {
        return true;
    }
    let mut seen: BTreeSet<Node> = graph.parents(child).iter().copied().collect();
    seen.insert(child);
    let mut open = vec![child];
    while let Some(node) = open.pop() {
        let indexes = if node == child { &[][..] } else { graph.parents(node) };
        for cause in indexes.iter().chain(graph.subjects(node)).chain(graph.referrers(node)) {
            if seen.insert(*cause) {
                if forced[*cause] {
                    return true;
                }
                open.push(*cause);
            }
        }
    }
    false
}

/// What an index lists that stays by its rules alone: that is never left without an index, whatever is held. One that lists
/// itself is no index to itself.
fn listed_by_rule(evaluation: &RepositoryEvaluation<'_>) -> Vec<bool> {
    let graph = &evaluation.graph;
    let mut listed = vec![false; graph.nodes().len()];
    let staying = evaluation.roots.iter().filter(|root| root.ruled_to_stay);
    let mut open: Vec<Node> = staying.map(|root| root.node).collect();
    while let Some(index) = open.pop() {
        for child in graph.children(index).iter().filter(|child| **child != index) {
            if !std::mem::replace(&mut listed[*child], true) {
                open.push(*child);
            }
        }
    }
    listed
}

/// What is to be done with a root, if all its entries expire and nothing holds it; of two wishes the milder one.
pub(super) fn wanted(evaluation: &RepositoryEvaluation<'_>, root: &RootVerdicts) -> Option<RuleAction> {
    let mut mildest = None;
    for entry in evaluation.entries(root) {
        let wish = entry.decision.wants()?;
        mildest = Some(mildest.map_or(wish, |known: RuleAction| known.min(wish)));
    }
    mildest.filter(|_| !evaluation.holds.any(root.node))
}

/// What may go unless something needs it: roots that expire, and what hangs on one. What hangs on no root at all stays, and
/// what is not there holds nothing together.
fn free(evaluation: &RepositoryEvaluation<'_>, kept: &BTreeSet<Node>) -> Vec<bool> {
    let graph = &evaluation.graph;
    let mut hanging = vec![false; graph.nodes().len()];
    let expiring = evaluation
        .roots
        .iter()
        .filter(|root| wanted(evaluation, root).is_some());
    let mut open: Vec<Node> = expiring.map(|root| root.node).collect();
    let mut expires = vec![false; graph.nodes().len()];
    open.iter().for_each(|node| expires[*node] = !kept.contains(node));
    while let Some(node) = open.pop() {
        if !std::mem::replace(&mut hanging[node], true) && graph.manifest(node).is_some() {
            open.extend(graph.children(node).iter().chain(graph.referrers(node)));
        }
    }
    // A root goes by its own verdicts only, whatever it hangs on.
    for root in &evaluation.roots {
        hanging[root.node] = expires[root.node];
    }
    kept.iter().for_each(|node| hanging[*node] = false);
    hanging
}

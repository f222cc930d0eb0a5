//! What stays in one repository: the roots that must, and what they need, to the fixpoint.
//!
//! Everything here is monotone: one more reason to stay never lets anything else go (law 2).

use std::collections::{BTreeSet, VecDeque};

use crate::evaluate::{Decision, RepositoryEvaluation, RootVerdicts};
use crate::graph::{Graph, Node};
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
    /// What stays when the roots in `kept` stay whatever the verdicts say.
    pub(super) fn of(evaluation: &RepositoryEvaluation<'_>, kept: &BTreeSet<Node>) -> Self {
        let graph = &evaluation.graph;
        let mut stays = Self {
            stays: vec![false; graph.nodes().len()],
            needs: vec![None; graph.nodes().len()],
        };
        let mut open: VecDeque<Node> = base(evaluation, kept, |node| evaluation.holds.any(node))
            .into_iter()
            .collect();
        open.iter().for_each(|node| stays.stays[*node] = true);
        let mut forced = base(evaluation, kept, |node| evaluation.holds.by_itself(node));
        let listed = listed_by_rule(evaluation);
        loop {
            stays.close(graph, &mut open);
            let stranded = stays.stranding_indexes(graph, &forced, &listed);
            if stranded.is_empty() {
                return stays;
            }
            for (index, child) in stranded {
                forced.insert(index);
                stays.keep(
                    graph,
                    index,
                    Need {
                        by: child,
                        relation: Relation::Index,
                    },
                    &mut open,
                );
            }
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

    /// Indexes that would go although an untagged child of theirs must stay without regard to any index.
    fn stranding_indexes(
        &self,
        graph: &Graph<'_>,
        forced: &BTreeSet<Node>,
        listed: &BTreeSet<Node>,
    ) -> Vec<(Node, Node)> {
        let goes = |index: &Node| !self.stays[*index] && graph.manifest(*index).is_some();
        let mut found = Vec::new();
        for child in graph
            .nodes()
            .filter(|node| self.stays[*node] && graph.manifest(*node).is_some())
        {
            if !graph.parents(child).iter().any(goes) || graph.ordinary_tags(child).next().is_some() {
                continue;
            }
            if !listed.contains(&child) && stays_by_itself(graph, child, forced) {
                found.extend(
                    graph
                        .parents(child)
                        .iter()
                        .copied()
                        .filter(goes)
                        .map(|index| (index, child)),
                );
            }
        }
        found
    }
}

/// Whether a child would stay if none of its indexes did: something else that must stay leads to it.
///
/// Asked this way, and not as "does any index of it stay", the answer cannot turn from yes to no when
/// one more thing is held.
fn stays_by_itself(graph: &Graph<'_>, child: Node, forced: &BTreeSet<Node>) -> bool {
    if forced.contains(&child) {
        return true;
    }
    let mut seen: BTreeSet<Node> = graph.parents(child).iter().copied().collect();
    seen.insert(child);
    let mut open = vec![child];
    while let Some(node) = open.pop() {
        let indexes = if node == child { &[][..] } else { graph.parents(node) };
        for cause in indexes.iter().chain(graph.subjects(node)).chain(graph.referrers(node)) {
            if seen.insert(*cause) {
                if forced.contains(cause) {
                    return true;
                }
                open.push(*cause);
            }
        }
    }
    false
}

/// What an index lists that stays by its rules alone: that is never left without an index, whatever is held.
fn listed_by_rule(evaluation: &RepositoryEvaluation<'_>) -> BTreeSet<Node> {
    let graph = &evaluation.graph;
    let mut listed = BTreeSet::new();
    let mut open: Vec<Node> = evaluation
        .roots
        .iter()
        .filter(|root| root.ruled_to_stay)
        .map(|root| root.node)
        .collect();
    while let Some(index) = open.pop() {
        open.extend(
            graph
                .children(index)
                .iter()
                .copied()
                .filter(|child| listed.insert(*child)),
        );
    }
    listed
}

/// Whether all entries of a root expire and nothing holds it.
pub(super) fn expires(evaluation: &RepositoryEvaluation<'_>, root: &RootVerdicts) -> bool {
    let all = root
        .entries
        .iter()
        .all(|entry| matches!(entry.decision, Decision::Expire(_)));
    all && !evaluation.holds.any(root.node)
}

/// What stays by itself: roots that do not expire, whatever is held, and what hangs on no root at all.
fn base(evaluation: &RepositoryEvaluation<'_>, kept: &BTreeSet<Node>, held: impl Fn(Node) -> bool) -> BTreeSet<Node> {
    let graph = &evaluation.graph;
    let expiring: Vec<Node> = evaluation
        .roots
        .iter()
        .filter(|root| expires(evaluation, root))
        .map(|root| root.node)
        .collect();
    let mut hanging = vec![false; graph.nodes().len()];
    let mut open = expiring.clone();
    while let Some(node) = open.pop() {
        if !std::mem::replace(&mut hanging[node], true) {
            open.extend(graph.children(node).iter().chain(graph.referrers(node)));
        }
    }
    let expiring: BTreeSet<Node> = expiring.into_iter().filter(|node| !kept.contains(node)).collect();
    let mut base: BTreeSet<Node> = evaluation.roots.iter().map(|root| root.node).collect();
    base.retain(|node| !expiring.contains(node));
    base.extend(graph.nodes().filter(|node| held(*node) || !hanging[*node]));
    // What is not there needs nothing.
    base.retain(|node| graph.manifest(*node).is_some());
    base
}

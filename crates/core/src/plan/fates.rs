//! What becomes of each manifest of a repository: it stays as it is, it is archived, or it is deleted.
//!
//! What stays as it is keeps what it needs as it is, too. What is archived only keeps what it needs from being deleted:
//! nobody can pull it, and once it is brought back the rest can be as well. So there are two closures over the same
//! relations, and what lies between them is archived.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::stays::{Need, Stays, wanted};
use crate::evaluate::{Archiving, RepositoryEvaluation, archived_lately};
use crate::graph::Node;
use crate::policy::RuleAction;

/// What becomes of a manifest. What is there and archived already, and stays so, counts as archived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// It stays as it is.
    Stays,
    /// It is archived, or was before.
    Archived,
    /// It is deleted.
    Deleted,
}

/// What becomes of the manifests of one repository.
#[derive(Debug)]
pub(super) struct Fates {
    /// What stays although all that expires could go.
    stays: Stays,
    /// What stays although only what is to be deleted could go; `None` where that is the same.
    lasts: Option<Stays>,
    /// Whether what lies between the two can be archived; else it stays.
    archives: bool,
}

impl Fates {
    /// What becomes of all when the roots in `kept` stay as they are, whatever the verdicts say.
    pub(super) fn of(evaluation: &RepositoryEvaluation<'_>, kept: &BTreeSet<Node>, now: Timestamp) -> Self {
        let archived = wanted_in_archive(evaluation);
        let stays: BTreeSet<Node> = kept
            .union(&archived_lately_by_itself(evaluation, &archived, now))
            .copied()
            .collect();
        Self {
            lasts: (!archived.is_empty()).then(|| Stays::of(evaluation, &stays.union(&archived).copied().collect())),
            stays: Stays::of(evaluation, &stays),
            archives: evaluation.archiving == Archiving::Possible,
        }
    }

    /// What becomes of one manifest.
    pub(super) fn of_node(&self, node: Node) -> Fate {
        let lasts = self.lasts.as_ref().is_some_and(|lasts| lasts.contains(node));
        match (self.stays.contains(node), lasts) {
            (true, _) => Fate::Stays,
            (false, true) if self.archives => Fate::Archived,
            (false, true) => Fate::Stays,
            (false, false) => Fate::Deleted,
        }
    }

    /// What made it stay, if nothing of its own did.
    pub(super) fn need(&self, node: Node) -> Option<Need> {
        let lasts = self.lasts.as_ref();
        self.stays
            .need(node)
            .or_else(|| lasts.and_then(|lasts| lasts.need(node)))
    }

    /// Whether it would be archived, if that could be done and were worth it.
    pub(super) fn waits_for_an_archive(&self, node: Node) -> bool {
        !self.archives && !self.stays.contains(node)
    }
}

/// The roots that are to be archived, or are by now.
fn wanted_in_archive(evaluation: &RepositoryEvaluation<'_>) -> BTreeSet<Node> {
    let roots = evaluation.roots.iter();
    let archived = roots.filter(|root| wanted(evaluation, root) == Some(RuleAction::Archive));
    archived.map(|root| root.node).collect()
}

/// What was archived a short time ago and belongs to nothing that is to be in the archive: it stays as it is. What does
/// belong to such a root is needed by it.
fn archived_lately_by_itself(
    evaluation: &RepositoryEvaluation<'_>,
    archived: &BTreeSet<Node>,
    now: Timestamp,
) -> BTreeSet<Node> {
    let graph = &evaluation.graph;
    let lately = |node: &Node| {
        graph
            .manifest(*node)
            .and_then(|manifest| archived_lately(manifest, now))
            .is_some()
    };
    let mut lately: BTreeSet<Node> = graph.nodes().filter(lately).collect();
    if lately.is_empty() {
        return lately;
    }
    let mut seen = vec![false; graph.nodes().len()];
    let mut open: Vec<Node> = archived.iter().copied().collect();
    while let Some(node) = open.pop() {
        if !std::mem::replace(&mut seen[node], true) {
            lately.remove(&node);
            open.extend(graph.children(node).iter().chain(graph.referrers(node)));
        }
    }
    lately
}

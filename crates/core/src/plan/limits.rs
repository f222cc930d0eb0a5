//! The limits: the newest images that never go, the brake on one run, the fuse of a repository.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::fates::{Fate, Fates};
use super::model::Refused;
use super::stays::wanted;
use crate::evaluate::{Decision, RepositoryEvaluation, RootVerdicts};
use crate::facts::Facts;
use crate::graph::Node;
use crate::model::Kind;
use crate::policy::RuleAction;

/// The fuse never blows for so few.
const FUSE_IGNORES: u64 = 5;

/// One repository under the limits.
pub(super) struct LimitedRepository<'r> {
    pub(super) evaluation: RepositoryEvaluation<'r>,
    pub(super) fates: Fates,
    /// The moment the decisions are made for.
    pub(super) now: Timestamp,
    /// Expiring roots that are among the newest, which never go.
    pub(super) newest: BTreeSet<Node>,
    pub(super) keep_at_least: u64,
    /// Roots that could go and wait for a later run.
    pub(super) waiting: BTreeSet<Node>,
    pub(super) max_deletions: u64,
    pub(super) refused: Option<Refused>,
}

/// Oldest first, unknown last, ties by registry, repository, digest: the place of a root in the queue of one run.
pub(super) type Turn = (bool, Option<Timestamp>, usize, Node);

/// What lets only the oldest roots go.
#[derive(Debug, Clone, Copy, Default)]
pub(super) enum Brake {
    /// All can go.
    #[default]
    Off,
    /// Those up to this one can go, or none.
    After(Option<Turn>),
}

impl Brake {
    /// Lets `limit` of these roots go.
    pub(super) fn on(mut turns: Vec<Turn>, limit: u64) -> Self {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        if turns.len() <= limit {
            return Self::Off;
        }
        let last = limit.checked_sub(1).map(|last| *turns.select_nth_unstable(last).1);
        Self::After(last)
    }

    fn stops(self, turn: &Turn) -> bool {
        match self {
            Self::Off => false,
            Self::After(last) => last.is_none_or(|last| *turn > last),
        }
    }
}

/// Applies the limits of the configuration to one repository, but for the brake.
pub(super) fn limit<'r>(facts: &Facts<'_>, evaluation: RepositoryEvaluation<'r>) -> LimitedRepository<'r> {
    let limits = &facts.config.limits;
    let newest = newest(&evaluation, limits.keep_at_least);
    let fates = Fates::of(&evaluation, &newest, facts.now);
    LimitedRepository {
        refused: fuse(facts, &evaluation, &fates),
        evaluation,
        fates,
        now: facts.now,
        newest,
        keep_at_least: limits.keep_at_least,
        waiting: BTreeSet::new(),
        max_deletions: limits.max_deletions.unwrap_or(u64::MAX),
    }
}

impl LimitedRepository<'_> {
    /// The roots that are deleted or archived, unless the registry has deletes switched off.
    fn going(&self) -> impl Iterator<Item = &RootVerdicts> {
        let roots = self.evaluation.roots.iter();
        roots.filter(|root| goes(&self.evaluation, &self.fates, root.node))
    }

    /// Whether something is deleted or archived, unless the registry has deletes switched off.
    pub(super) fn goes(&self, node: Node) -> bool {
        goes(&self.evaluation, &self.fates, node)
    }

    /// Whether the registry can delete here.
    pub(super) fn can_delete(&self) -> bool {
        self.evaluation.repository.capabilities.delete != Some(false)
    }

    /// The turns of its roots, as the repository at that place of the plan.
    pub(super) fn turns(&self, place: usize) -> impl Iterator<Item = Turn> {
        let going = self.going().filter(|_| self.can_delete());
        going.map(move |root| (root.time.is_none(), root.time, place, root.node))
    }

    /// Lets those wait whose turn is too late. What then must stay with them, waits too.
    pub(super) fn brake(&mut self, brake: Brake, place: usize) {
        let late = self.turns(place).filter(|turn| brake.stops(turn));
        let late: BTreeSet<Node> = late.map(|(.., node)| node).collect();
        if late.is_empty() {
            return;
        }
        let went: Vec<Node> = self.going().map(|root| root.node).collect();
        let kept = self.newest.union(&late).copied().collect();
        self.fates = Fates::of(&self.evaluation, &kept, self.now);
        self.waiting = went.into_iter().filter(|node| !self.goes(*node)).collect();
    }
}

/// Whether something is done with a manifest. What was archived before and stays so is left alone.
fn goes(evaluation: &RepositoryEvaluation<'_>, fates: &Fates, node: Node) -> bool {
    match fates.of_node(node) {
        Fate::Stays => false,
        Fate::Archived => !is_archived(evaluation, node),
        Fate::Deleted => evaluation.graph.manifest(node).is_some(),
    }
}

fn is_archived(evaluation: &RepositoryEvaluation<'_>, node: Node) -> bool {
    let manifest = evaluation.graph.manifest(node);
    manifest.is_some_and(|manifest| manifest.archived_at.is_some())
}

/// The expiring ones among the newest `limit` image roots, and among the newest of those that can be pulled.
fn newest(evaluation: &RepositoryEvaluation<'_>, limit: u64) -> BTreeSet<Node> {
    let mut newest = newest_of(evaluation, limit, |_| true);
    if evaluation.roots.iter().any(|root| is_archived(evaluation, root.node)) {
        newest.append(&mut newest_of(evaluation, limit, |root| {
            !is_archived(evaluation, root.node)
        }));
    }
    newest
}

/// The expiring ones among the newest `limit` of these: by newest entry, those of unknown time last, by first sight.
fn newest_of(
    evaluation: &RepositoryEvaluation<'_>,
    limit: u64,
    counts: impl Fn(&RootVerdicts) -> bool,
) -> BTreeSet<Node> {
    let images = evaluation
        .roots
        .iter()
        .filter(|root| root.kind == Kind::Image && counts(root));
    let first_seen = |root: &RootVerdicts| {
        let manifest = evaluation.graph.manifest(root.node)?;
        manifest.first_seen_at.filter(|_| root.time.is_none())
    };
    let newness = |root: &RootVerdicts| (Reverse((root.time, first_seen(root))), root.node);
    let mut images: Vec<_> = images.map(|root| (newness(root), root)).collect();
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    if limit < images.len() {
        images.select_nth_unstable_by_key(limit, |(newness, _)| *newness);
        images.truncate(limit);
    }
    let expires = |root: &RootVerdicts| match wanted(evaluation, root) {
        // With what is archived already nothing is done.
        Some(RuleAction::Archive) => !is_archived(evaluation, root.node),
        Some(RuleAction::Delete) => true,
        None => false,
    };
    let expiring = images.into_iter().filter(|(_, root)| expires(root));
    expiring.map(|(_, root)| root.node).collect()
}

/// Whether too large a share of the roots of one kind would go or lose a tag, before the brake.
fn fuse(facts: &Facts<'_>, evaluation: &RepositoryEvaluation<'_>, fates: &Fates) -> Option<Refused> {
    let capabilities = &evaluation.repository.capabilities;
    if capabilities.delete == Some(false) {
        return None;
    }
    let mut counts: BTreeMap<Kind, (u64, u64)> = BTreeMap::new();
    for root in &evaluation.roots {
        let (gone, all) = counts.entry(root.kind).or_default();
        *all += 1;
        let untagged = capabilities.delete_tag != Some(false) && loses_tags(evaluation, root);
        *gone += u64::from(goes(evaluation, fates, root.node) || untagged);
    }
    let limit = facts.config.limits.max_share;
    let blown = counts
        .into_iter()
        .filter(|(_, (gone, all))| *gone > FUSE_IGNORES && limit.exceeded_by(*gone, *all));
    let (kind, (gone, all)) = blown.max_by(|(_, (a, of_a)), (_, (b, of_b))| (a * of_b).cmp(&(b * of_a)))?;
    let repository = evaluation.repository;
    Some(Refused {
        registry: repository.registry.clone(),
        repository: repository.name.clone(),
        kind,
        share: ratio(gone, all),
    })
}

/// A share to four decimals, rounded up, so that accepting the printed number accepts the share.
fn ratio(part: u64, whole: u64) -> f64 {
    let parts = (part.saturating_mul(10_000)).div_ceil(whole.max(1));
    f64::from(u32::try_from(parts).unwrap_or(u32::MAX)) / 10_000.0
}

/// Whether rules delete some of its tags, others stay, and the policy takes the expired ones off. What is archived is left
/// alone.
pub(super) fn loses_tags(evaluation: &RepositoryEvaluation<'_>, root: &RootVerdicts) -> bool {
    let entries = evaluation.entries(root);
    let some_stay = entries.iter().any(|entry| !entry.decision.expires());
    let some_go = entries.iter().any(|entry| loses_tag(&entry.decision));
    evaluation.untag && some_stay && some_go && !is_archived(evaluation, root.node)
}

/// Whether a tag goes from an image that stays: archiving is nothing that could be done with a tag.
pub(super) fn loses_tag(decision: &Decision) -> bool {
    matches!(decision, Decision::Expire(_, RuleAction::Delete))
}

//! The limits: the newest images that never go, the brake on one run, the fuse of a repository.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::model::Refused;
use super::stays::{Stays, expires};
use crate::evaluate::{RepositoryEvaluation, RootVerdicts};
use crate::facts::Facts;
use crate::graph::Node;
use crate::model::Kind;

/// The fuse never blows for so few.
const FUSE_IGNORES: u64 = 5;

/// One repository under the limits.
pub(super) struct LimitedRepository<'r> {
    pub(super) evaluation: RepositoryEvaluation<'r>,
    pub(super) stays: Stays,
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
    let stays = Stays::of(&evaluation, &newest);
    LimitedRepository {
        refused: fuse(facts, &evaluation, &stays),
        evaluation,
        stays,
        newest,
        keep_at_least: limits.keep_at_least,
        waiting: BTreeSet::new(),
        max_deletions: limits.max_deletions.unwrap_or(u64::MAX),
    }
}

impl LimitedRepository<'_> {
    /// The roots that go, unless the registry has deletes switched off.
    fn going(&self) -> impl Iterator<Item = &RootVerdicts> {
        let roots = self.evaluation.roots.iter();
        roots.filter(|root| !self.stays.contains(root.node))
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
        self.stays = Stays::of(&self.evaluation, &self.newest.union(&late).copied().collect());
        self.waiting = went.into_iter().filter(|node| self.stays.contains(*node)).collect();
    }
}

/// The expiring ones among the newest `limit` image roots: by newest entry, those of unknown time last, by first sight.
fn newest(evaluation: &RepositoryEvaluation<'_>, limit: u64) -> BTreeSet<Node> {
    let images = evaluation.roots.iter().filter(|root| root.kind == Kind::Image);
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
    let expiring = images.into_iter().filter(|(_, root)| expires(evaluation, root));
    expiring.map(|(_, root)| root.node).collect()
}

/// Whether too large a share of the roots of one kind would go or lose a tag, before the brake.
fn fuse(facts: &Facts<'_>, evaluation: &RepositoryEvaluation<'_>, stays: &Stays) -> Option<Refused> {
    let capabilities = &evaluation.repository.capabilities;
    if capabilities.delete == Some(false) {
        return None;
    }
    let mut counts: BTreeMap<Kind, (u64, u64)> = BTreeMap::new();
    for root in &evaluation.roots {
        let (gone, all) = counts.entry(root.kind).or_default();
        *all += 1;
        let untagged = capabilities.delete_tag != Some(false) && loses_tags(evaluation, root);
        *gone += u64::from(!stays.contains(root.node) || untagged);
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

/// Whether some of its tags expire, others stay, and the policy takes the expired ones off.
pub(super) fn loses_tags(evaluation: &RepositoryEvaluation<'_>, root: &RootVerdicts) -> bool {
    let expiring = || evaluation.entries(root).iter().filter(|entry| entry.decision.expires());
    evaluation.untag && (1..root.entries.len()).contains(&expiring().count())
}

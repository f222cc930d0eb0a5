//! The limits: the newest images that never go, the brake on one run, the fuse of a repository.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::model::Refused;
use super::stays::{Stays, expires};
use crate::evaluate::{Decision, Evaluation, RepositoryEvaluation, RootVerdicts};
use crate::facts::Facts;
use crate::graph::Node;
use crate::model::Kind;

/// The fuse never blows for so few.
const FUSE_IGNORES: u64 = 5;

/// What the limits leave of an evaluation.
pub(super) struct Limited<'e> {
    pub(super) repositories: Vec<LimitedRepository<'e>>,
    pub(super) refused: Vec<Refused>,
    pub(super) waiting: u64,
}

/// One repository under the limits.
pub(super) struct LimitedRepository<'e> {
    pub(super) evaluation: &'e RepositoryEvaluation<'e>,
    pub(super) stays: Stays,
    /// Expiring roots that are among the newest, which never go.
    pub(super) newest: BTreeSet<Node>,
    pub(super) keep_at_least: u64,
    /// Roots that could go and wait for a later run.
    pub(super) waiting: BTreeSet<Node>,
    pub(super) max_deletions: u64,
    pub(super) refused: bool,
}

/// Applies the limits of the configuration.
pub(super) fn limit<'e>(facts: &Facts<'_>, evaluation: &'e Evaluation<'_>) -> Limited<'e> {
    let limits = &facts.config.limits;
    let mut refused = Vec::new();
    let mut repositories: Vec<LimitedRepository<'e>> = evaluation
        .repositories
        .iter()
        .map(|evaluation| {
            let newest = newest(evaluation, limits.keep_at_least);
            let stays = Stays::of(evaluation, &newest);
            let blown = fuse(facts, evaluation, &stays);
            let is_refused = blown.is_some();
            refused.extend(blown);
            LimitedRepository {
                evaluation,
                stays,
                newest,
                keep_at_least: limits.keep_at_least,
                waiting: BTreeSet::new(),
                max_deletions: limits.max_deletions.unwrap_or(u64::MAX),
                refused: is_refused,
            }
        })
        .collect();
    let waiting = limits.max_deletions.map_or(0, |limit| brake(&mut repositories, limit));
    Limited {
        repositories,
        refused,
        waiting,
    }
}

impl LimitedRepository<'_> {
    /// The roots that go, unless the registry has deletes switched off.
    fn going(&self) -> impl Iterator<Item = &RootVerdicts> {
        self.evaluation
            .roots
            .iter()
            .filter(|root| !self.stays.contains(root.node))
    }
}

/// The expiring ones among the newest `limit` image roots: by newest entry, those of unknown time last, by first sight.
fn newest(evaluation: &RepositoryEvaluation<'_>, limit: u64) -> BTreeSet<Node> {
    let mut images: Vec<&RootVerdicts> = evaluation
        .roots
        .iter()
        .filter(|root| root.kind == Kind::Image)
        .collect();
    let first_seen = |root: &RootVerdicts| {
        evaluation
            .graph
            .manifest(root.node)
            .and_then(|manifest| manifest.first_seen_at)
    };
    let age = |root: &RootVerdicts| (root.time, if root.time.is_none() { first_seen(root) } else { None });
    images.sort_by(|left, right| age(right).cmp(&age(left)).then(left.node.cmp(&right.node)));
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    images
        .into_iter()
        .take(limit)
        .filter(|root| expires(evaluation, root))
        .map(|root| root.node)
        .collect()
}

/// Oldest first, unknown last, ties by registry, repository, digest.
type Turn<'e> = (bool, Option<Timestamp>, usize, Node);

/// Lets only the `limit` oldest roots go. What then must stay with those that wait, waits too.
fn brake(repositories: &mut [LimitedRepository<'_>], limit: u64) -> u64 {
    let mut turns: Vec<Turn<'_>> = Vec::new();
    for (position, repository) in repositories.iter().enumerate() {
        if repository.evaluation.repository.capabilities.delete != Some(false) {
            turns.extend(
                repository
                    .going()
                    .map(|root| (root.time.is_none(), root.time, position, root.node)),
            );
        }
    }
    turns.sort();
    let beyond = turns.split_off(turns.len().min(usize::try_from(limit).unwrap_or(usize::MAX)));
    let mut late: BTreeMap<usize, BTreeSet<Node>> = BTreeMap::new();
    for (_, _, position, node) in beyond {
        late.entry(position).or_default().insert(node);
    }
    let mut waiting = 0;
    for (position, late) in late {
        let repository = &mut repositories[position];
        let went: BTreeSet<Node> = repository.going().map(|root| root.node).collect();
        repository.stays = Stays::of(
            repository.evaluation,
            &repository.newest.union(&late).copied().collect(),
        );
        repository.waiting = went
            .into_iter()
            .filter(|node| repository.stays.contains(*node))
            .collect();
        waiting += repository.waiting.len() as u64;
    }
    waiting
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
    let expiring = root
        .entries
        .iter()
        .filter(|entry| matches!(entry.decision, Decision::Expire(_)))
        .count();
    evaluation.untag && expiring > 0 && expiring < root.entries.len()
}

//! A policy of jettison and one of AWS on the same images: which of them are judged differently.

use jiff::Timestamp;

use super::{LifecycleAction, LifecycleCount, LifecycleImages, LifecyclePolicy};
use crate::evaluate::{Dates, Decision, Survey, given, ruled};
use crate::graph::{Graph, Node};
use crate::model::{Digest, Inventory, RegistryHost, Repository, RepositoryName, Tag};
use crate::policy::{Policy, RuleAction};

/// What came of holding two policies against one inventory.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Comparison {
    /// How many images were judged: those that stand for themselves.
    pub images: u64,
    /// Those that are judged differently, in the order of the inventory, then of their digests.
    pub differences: Vec<Difference>,
}

/// An image that is judged differently.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The registry that it is in.
    pub registry: RegistryHost,
    /// The repository that it is in.
    pub repository: RepositoryName,
    /// The image.
    pub digest: Digest,
    /// Its tags, by name.
    pub tags: Vec<Tag>,
    /// What the rules of jettison alone say: of all its entries, before any hold or limit.
    pub jettison: Said,
    /// What AWS would do.
    pub aws: Said,
}

/// What one side says of an image.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Said {
    /// What becomes of it; `None`: nothing.
    pub action: Option<LifecycleAction>,
    /// The name of the rule that says so, if one has a say.
    pub rule: Option<String>,
}

impl Comparison {
    /// Holds both against those repositories of an inventory that `covers` picks.
    pub fn of(
        inventory: &Inventory,
        now: Timestamp,
        (own, aws): (&Policy, &LifecyclePolicy),
        covers: impl Fn(&Repository) -> bool,
    ) -> Self {
        let survey = Survey::of(inventory);
        let mut comparison = Self::default();
        for repository in inventory.repositories.iter().filter(|repository| covers(repository)) {
            let graph = Graph::of(repository);
            let by_aws = said_by_aws(aws, (repository, &graph), now);
            for (node, decisions) in ruled((repository, &graph), (own, now), &survey) {
                comparison.images += 1;
                let is_archived = graph
                    .manifest(node)
                    .is_some_and(|manifest| manifest.archived_at.is_some());
                let jettison = said(&decisions, is_archived);
                let aws = by_aws.get(node).cloned().flatten().unwrap_or_default();
                if jettison.action != aws.action {
                    comparison.differences.push(Difference {
                        registry: repository.registry.clone(),
                        repository: repository.name.clone(),
                        digest: graph.digest(node).clone(),
                        tags: graph.tags(node).iter().map(|tag| tag.name.clone()).collect(),
                        jettison,
                        aws,
                    });
                }
            }
        }
        comparison
    }
}

/// What AWS would do to each manifest, by its node. What nobody believes or knows (when it was pushed, since when it is
/// archived) marks nothing.
fn said_by_aws(
    policy: &LifecyclePolicy,
    (repository, graph): (&Repository, &Graph<'_>),
    now: Timestamp,
) -> Vec<Option<Said>> {
    let dates = Dates::new(repository, graph, now);
    let LifecycleImages { nodes, images } = LifecycleImages::dated(graph, |node: Node| dates.arrival(node));
    let judgements = policy.judge(&images, now);
    let mut said = vec![None; graph.nodes().len()];
    for ((node, image), judgement) in nodes.into_iter().zip(&images).zip(judgements) {
        let Some(judgement) = judgement else { continue };
        let rule = &policy.rules()[judgement.rule];
        let is_known = match rule.count {
            LifecycleCount::DaysSinceTransitioned(_) => given(image.archived_at).is_some(),
            _ => image.pushed_at.is_some(),
        };
        said[node] = Some(Said {
            action: (judgement.marked && is_known).then_some(rule.action),
            rule: Some(rule.name()),
        });
    }
    said
}

/// What becomes of an image by the verdicts on its entries. What stays by one of them stays; what is deleted by some and
/// archived by others is archived, and what is in the archive already is left there.
fn said(decisions: &[Decision], is_archived: bool) -> Said {
    let stays = decisions.iter().find(|decision| decision.wants().is_none());
    let archives = || {
        decisions
            .iter()
            .find(|decision| decision.wants() == Some(RuleAction::Archive))
    };
    let deciding = stays.or_else(archives).or_else(|| decisions.first());
    let action = match deciding.and_then(Decision::wants) {
        Some(RuleAction::Delete) => Some(LifecycleAction::Expire),
        Some(RuleAction::Archive) if !is_archived => Some(LifecycleAction::Transition),
        _ => None,
    };
    let ruling = match deciding {
        Some(Decision::Expire(ruling, _)) => Some(ruling),
        Some(Decision::Keep(reason)) => reason.ruling(),
        None => None,
    };
    Said {
        action,
        rule: ruling.map(|ruling| ruling.rule().to_owned()),
    }
}

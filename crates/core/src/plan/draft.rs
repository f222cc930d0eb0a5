//! Writes one repository's share of the plan: every entry into exactly one of its lists.

use std::sync::Arc;

use super::limits::{LimitedRepository, loses_tags};
use super::model::{Action, ActionKind, ExpiredTag, Kept};
use super::order::{Step, steps};
use crate::evaluate::{Decision, RootVerdicts, Verdict};
use crate::graph::Node;
use crate::model::{Kind, Tag};
use crate::reason::{Reason, Ruling};

/// One repository's share of the plan.
#[derive(Default)]
pub(super) struct Share {
    pub(super) actions: Vec<Action>,
    pub(super) kept: Vec<Kept>,
    pub(super) blocked: Vec<Kept>,
}

/// How many of the tags that stay are named where a tag shares its image with them. Each of very many tags on one
/// image would else name all the others.
const NAMED_TAGS: usize = 100;

/// Writes the share of one repository.
pub(super) fn write(repository: &LimitedRepository<'_>) -> Share {
    let mut share = Share::default();
    for root in &repository.evaluation.roots {
        if repository.stays.contains(root.node) {
            write_staying(&mut share, repository, root);
        }
    }
    for step in steps(repository) {
        match step {
            Step::Root(root) if repository.can_delete() => share.actions.push(delete_root(repository, root)),
            Step::Root(root) => {
                let blocked = |(verdict, ruling)| kept(repository, root, verdict, Reason::CannotDelete { ruling });
                share.blocked.extend(expired(repository, root).map(blocked));
            }
            Step::Follows { node, root, relation } if repository.can_delete() => {
                let root = repository.evaluation.graph.digest(root).clone();
                let reason = Reason::Follows { root, relation };
                share.actions.push(delete(repository, node, reason));
            }
            Step::Follows { .. } => {}
        }
    }
    share
}

/// The entries of a root that a rule expires, with that rule.
fn expired<'e, 'r>(
    repository: &'e LimitedRepository<'r>,
    root: &RootVerdicts,
) -> impl Iterator<Item = (&'e Verdict<'r>, Ruling)> {
    let verdicts = repository.evaluation.entries(root).iter();
    verdicts.filter_map(|verdict| match &verdict.decision {
        Decision::Expire(ruling) => Some((verdict, ruling.clone())),
        Decision::Keep(_) => None,
    })
}

fn write_staying(share: &mut Share, repository: &LimitedRepository<'_>, root: &RootVerdicts) {
    let verdicts = repository.evaluation.entries(root);
    for verdict in verdicts {
        if let Decision::Keep(reason) = &verdict.decision {
            share.kept.push(kept(repository, root, verdict, reason.clone()));
        }
    }
    if loses_tags(&repository.evaluation, root) {
        untag(share, repository, root);
        return;
    }
    if !verdicts.iter().any(|verdict| verdict.decision.expires()) {
        return;
    }
    let with = staying_tags(verdicts);
    for (verdict, ruling) in expired(repository, root) {
        let reason = why_it_stays(repository, root, &with, ruling);
        share.kept.push(kept(repository, root, verdict, reason));
    }
}

/// Why an expired entry stays with its root.
fn why_it_stays(repository: &LimitedRepository<'_>, root: &RootVerdicts, with: &Arc<[Tag]>, ruling: Ruling) -> Reason {
    if !with.is_empty() {
        let with = Arc::clone(with);
        return Reason::SharesImage { with, ruling };
    }
    if repository.newest.contains(&root.node) {
        return Reason::KeepAtLeast {
            limit: repository.keep_at_least,
            ruling,
        };
    }
    if repository.waiting.contains(&root.node) {
        return Reason::Brake {
            limit: repository.max_deletions,
            ruling,
        };
    }
    match repository.stays.need(root.node) {
        Some(need) => {
            let by = repository.evaluation.graph.digest(need.by).clone();
            Reason::Needed {
                by: Box::new(by),
                relation: need.relation,
                ruling,
            }
        }
        // An expiring root stays by a limit or by a need; holds have made its entries stay before.
        None => Reason::KeepAtLeast {
            limit: repository.keep_at_least,
            ruling,
        },
    }
}

fn staying_tags(verdicts: &[Verdict<'_>]) -> Arc<[Tag]> {
    let staying = verdicts.iter().filter(|verdict| !verdict.decision.expires());
    let tags = staying.filter_map(|verdict| verdict.tag.cloned());
    tags.take(NAMED_TAGS).collect()
}

/// Takes the expired tags off a root that stays, where the registry can.
fn untag(share: &mut Share, repository: &LimitedRepository<'_>, root: &RootVerdicts) {
    let capabilities = &repository.evaluation.repository.capabilities;
    let blocked: Option<fn(Ruling) -> Reason> = match (capabilities.delete, capabilities.delete_tag) {
        (Some(false), _) => Some(|ruling| Reason::CannotDelete { ruling }),
        (_, Some(false)) => Some(|ruling| Reason::CannotUntag { ruling }),
        _ => None,
    };
    if let Some(reason) = blocked {
        let blocked = |(verdict, ruling)| kept(repository, root, verdict, reason(ruling));
        share.blocked.extend(expired(repository, root).map(blocked));
        return;
    }
    let mut action = base_action(repository, root.node, root.kind, ActionKind::Untag);
    let tags = expired(repository, root).filter_map(|(verdict, _)| verdict.tag.cloned());
    action.tags = tags.collect();
    action.time = root.time;
    explain(&mut action, repository, root);
    share.actions.push(action);
}

fn delete_root(repository: &LimitedRepository<'_>, root: &RootVerdicts) -> Action {
    let mut action = base_action(repository, root.node, root.kind, ActionKind::Delete);
    action.time = root.time;
    explain(&mut action, repository, root);
    action
}

fn delete(repository: &LimitedRepository<'_>, node: Node, reason: Reason) -> Action {
    let kind = repository
        .evaluation
        .graph
        .manifest(node)
        .map_or(Kind::Artifact, |manifest| manifest.kind);
    Action {
        reason,
        ..base_action(repository, node, kind, ActionKind::Delete)
    }
}

/// The reason of an action is that of its newest expired entry; the others stand beside it.
fn explain(action: &mut Action, repository: &LimitedRepository<'_>, root: &RootVerdicts) {
    let newest = expired(repository, root).max_by_key(|(verdict, _)| verdict.time);
    if let Some((_, ruling)) = newest {
        action.reason = Reason::Expired(ruling);
    }
    if root.entries.len() > 1 {
        let tags = expired(repository, root).filter_map(|(verdict, ruling)| {
            let tag = verdict.tag.cloned()?;
            Some(ExpiredTag { tag, ruling })
        });
        action.entries = tags.collect();
    }
}

fn base_action(repository: &LimitedRepository<'_>, node: Node, kind: Kind, action: ActionKind) -> Action {
    let evaluation = &repository.evaluation;
    Action {
        action,
        registry: evaluation.repository.registry.clone(),
        repository: evaluation.repository.name.clone(),
        digest: evaluation.graph.digest(node).clone(),
        kind,
        tags: evaluation.graph.tags(node).iter().map(|tag| tag.name.clone()).collect(),
        bytes: 0,
        refused: repository.refused.is_some(),
        undo: evaluation.repository.capabilities.undo,
        time: None,
        reason: Reason::NoRule { policy: None },
        entries: Vec::new(),
    }
}

fn kept(repository: &LimitedRepository<'_>, root: &RootVerdicts, verdict: &Verdict, reason: Reason) -> Kept {
    Kept {
        registry: repository.evaluation.repository.registry.clone(),
        repository: repository.evaluation.repository.name.clone(),
        digest: repository.evaluation.graph.digest(root.node).clone(),
        kind: root.kind,
        tag: verdict.tag.cloned(),
        time: verdict.time,
        reason,
    }
}

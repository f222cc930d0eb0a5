//! Writes one repository's share of the plan: every entry into exactly one of its lists.

use super::limits::{LimitedRepository, loses_tags};
use super::model::{Action, ActionKind, ExpiredTag, Kept, Plan};
use super::order::{Step, steps};
use crate::evaluate::{Decision, RootVerdicts, Verdict};
use crate::graph::Node;
use crate::model::{Kind, Tag};
use crate::reason::{Reason, Ruling};

/// Adds a repository to the plan.
pub(super) fn write(plan: &mut Plan, repository: &LimitedRepository<'_>) {
    for root in &repository.evaluation.roots {
        if repository.stays.contains(root.node) {
            write_staying(plan, repository, root);
        }
    }
    let can_delete = repository.evaluation.repository.capabilities.delete != Some(false);
    for step in steps(repository) {
        match step {
            Step::Root(root) if can_delete => plan.actions.push(delete_root(repository, root)),
            Step::Root(root) => {
                let blocked = |(verdict, ruling)| kept(repository, root, verdict, Reason::CannotDelete { ruling });
                plan.blocked.extend(expired(root).map(blocked));
            }
            Step::Follows { node, root, relation } if can_delete => {
                let root = repository.evaluation.graph.digest(root).clone();
                plan.actions
                    .push(delete(repository, node, Reason::Follows { root, relation }));
            }
            Step::Follows { .. } => {}
        }
    }
}

/// The entries of a root that a rule expires, with that rule.
fn expired(root: &RootVerdicts) -> impl Iterator<Item = (&Verdict, Ruling)> {
    root.entries.iter().filter_map(|verdict| match &verdict.decision {
        Decision::Expire(ruling) => Some((verdict, ruling.clone())),
        Decision::Keep(_) => None,
    })
}

fn write_staying(plan: &mut Plan, repository: &LimitedRepository<'_>, root: &RootVerdicts) {
    for verdict in &root.entries {
        if let Decision::Keep(reason) = &verdict.decision {
            plan.kept.push(kept(repository, root, verdict, reason.clone()));
        }
    }
    if loses_tags(repository.evaluation, root) {
        untag(plan, repository, root);
        return;
    }
    for (verdict, ruling) in expired(root) {
        let reason = why_it_stays(repository, root, ruling);
        plan.kept.push(kept(repository, root, verdict, reason));
    }
}

/// Why an expired entry stays with its root.
fn why_it_stays(repository: &LimitedRepository<'_>, root: &RootVerdicts, ruling: Ruling) -> Reason {
    let with: Vec<Tag> = staying_tags(root);
    if !with.is_empty() {
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
                by,
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

fn staying_tags(root: &RootVerdicts) -> Vec<Tag> {
    let stays = |verdict: &&Verdict| matches!(verdict.decision, Decision::Keep(_));
    root.entries
        .iter()
        .filter(stays)
        .filter_map(|verdict| verdict.tag.clone())
        .collect()
}

/// Takes the expired tags off a root that stays, where the registry can.
fn untag(plan: &mut Plan, repository: &LimitedRepository<'_>, root: &RootVerdicts) {
    let capabilities = &repository.evaluation.repository.capabilities;
    let blocked: Option<fn(Ruling) -> Reason> = match (capabilities.delete, capabilities.delete_tag) {
        (Some(false), _) => Some(|ruling| Reason::CannotDelete { ruling }),
        (_, Some(false)) => Some(|ruling| Reason::CannotUntag { ruling }),
        _ => None,
    };
    if let Some(reason) = blocked {
        plan.blocked
            .extend(expired(root).map(|(verdict, ruling)| kept(repository, root, verdict, reason(ruling))));
        return;
    }
    let mut action = base_action(repository, root.node, root.kind, ActionKind::Untag);
    action.tags = expired(root).filter_map(|(verdict, _)| verdict.tag.clone()).collect();
    action.time = root.time;
    explain(&mut action, root);
    plan.actions.push(action);
}

fn delete_root(repository: &LimitedRepository<'_>, root: &RootVerdicts) -> Action {
    let mut action = base_action(repository, root.node, root.kind, ActionKind::Delete);
    action.time = root.time;
    explain(&mut action, root);
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
fn explain(action: &mut Action, root: &RootVerdicts) {
    let newest = expired(root).max_by_key(|(verdict, _)| verdict.time);
    if let Some((_, ruling)) = newest {
        action.reason = Reason::Expired(ruling);
    }
    let tags = expired(root).filter_map(|(verdict, ruling)| {
        Some(ExpiredTag {
            tag: verdict.tag.clone()?,
            ruling,
        })
    });
    action.entries = if root.entries.len() > 1 {
        tags.collect()
    } else {
        Vec::new()
    };
}

fn base_action(repository: &LimitedRepository<'_>, node: Node, kind: Kind, action: ActionKind) -> Action {
    let evaluation = repository.evaluation;
    Action {
        action,
        registry: evaluation.repository.registry.clone(),
        repository: evaluation.repository.name.clone(),
        digest: evaluation.graph.digest(node).clone(),
        kind,
        tags: evaluation.graph.tags(node).iter().map(|tag| tag.name.clone()).collect(),
        bytes: 0,
        refused: repository.refused,
        undo: evaluation.repository.capabilities.undo,
        time: None,
        reason: Reason::Expired(Ruling::default()),
        entries: Vec::new(),
    }
}

fn kept(repository: &LimitedRepository<'_>, root: &RootVerdicts, verdict: &Verdict, reason: Reason) -> Kept {
    Kept {
        registry: repository.evaluation.repository.registry.clone(),
        repository: repository.evaluation.repository.name.clone(),
        digest: repository.evaluation.graph.digest(root.node).clone(),
        kind: root.kind,
        tag: verdict.tag.clone(),
        time: verdict.time,
        reason,
    }
}

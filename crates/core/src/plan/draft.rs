//! Writes one repository's share of the plan: every entry into exactly one of its lists.

use std::sync::Arc;

use super::fates::Fate;
use super::limits::{LimitedRepository, loses_tag, loses_tags};
use super::model::{Action, ActionKind, ExpiredTag, Kept};
use super::order::{Step, steps};
use super::stays::wanted;
use crate::evaluate::{Archiving, Decision, RootVerdicts, Verdict, archived_lately};
use crate::graph::Node;
use crate::model::{Kind, Tag, Undo};
use crate::policy::RuleAction;
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
        if !repository.goes(root.node) {
            write_staying(&mut share, repository, root);
        }
    }
    for step in steps(repository) {
        // What was archived before only gives others their turn.
        if !repository.goes(step.node()) {
            continue;
        }
        match step {
            Step::Root(root) if repository.can_delete() => share.actions.push(take_root(repository, root)),
            Step::Root(root) => {
                let blocked = |(verdict, ruling)| kept(repository, root, verdict, Reason::CannotDelete { ruling });
                share.blocked.extend(expired(repository, root).map(blocked));
            }
            Step::Follows { node, root, relation } if repository.can_delete() => {
                let root = repository.evaluation.graph.digest(root).clone();
                let reason = Reason::Follows { root, relation };
                share.actions.push(take_along(repository, node, reason));
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
        Decision::Expire(ruling, _) => Some((verdict, ruling.clone())),
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
    let untags = loses_tags(&repository.evaluation, root);
    if untags {
        untag(share, repository, root);
    }
    if !verdicts.iter().any(|verdict| verdict.decision.expires()) {
        return;
    }
    let free = !repository.newest.contains(&root.node) && !repository.waiting.contains(&root.node);
    let mut with = tags(verdicts, |decision| !decision.expires());
    let may_be_blocked = free && with.is_empty();
    if may_be_blocked && repository.fates.waits_for_an_archive(root.node) {
        with = tags(verdicts, |decision| decision.wants() == Some(RuleAction::Archive));
    }
    for (verdict, ruling) in expired(repository, root) {
        if untags && loses_tag(&verdict.decision) {
            continue;
        }
        match why_it_cannot_go(repository, root, verdict, &ruling).filter(|_| may_be_blocked) {
            Some(reason) => share.blocked.push(kept(repository, root, verdict, reason)),
            None => {
                let reason = why_it_stays(repository, root, &with, ruling);
                share.kept.push(kept(repository, root, verdict, reason));
            }
        }
    }
}

/// Why an expired entry does not go although nothing else stands in the way of its root.
fn why_it_cannot_go(
    repository: &LimitedRepository<'_>,
    root: &RootVerdicts,
    verdict: &Verdict<'_>,
    ruling: &Ruling,
) -> Option<Reason> {
    let ruling = ruling.clone();
    let evaluation = &repository.evaluation;
    match (verdict.decision.wants()?, evaluation.archiving) {
        (RuleAction::Delete, _) => {
            let deleted = wanted(evaluation, root) == Some(RuleAction::Delete);
            let manifest = evaluation.graph.manifest(root.node).filter(|_| deleted)?;
            let archived_at = archived_lately(manifest, repository.now)?;
            Some(Reason::ArchiveMinimum { archived_at, ruling })
        }
        (RuleAction::Archive, _) if !repository.fates.waits_for_an_archive(root.node) => None,
        (RuleAction::Archive, Archiving::SavesNothing { stored }) => {
            Some(Reason::ArchiveSavesNothing { stored, ruling })
        }
        (RuleAction::Archive, _) => Some(Reason::CannotArchive { ruling }),
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
    match repository.fates.need(root.node) {
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

/// The tags of the entries of which that was decided, as many as are named.
fn tags(verdicts: &[Verdict<'_>], which: impl Fn(&Decision) -> bool) -> Arc<[Tag]> {
    let those = verdicts.iter().filter(|verdict| which(&verdict.decision));
    let tags = those.filter_map(|verdict| verdict.tag.cloned());
    tags.take(NAMED_TAGS).collect()
}

/// Takes the expired tags off a root that stays, where the registry can. What is only to be archived keeps its tag.
fn untag(share: &mut Share, repository: &LimitedRepository<'_>, root: &RootVerdicts) {
    let capabilities = &repository.evaluation.repository.capabilities;
    let blocked: Option<fn(Ruling) -> Reason> = match (capabilities.delete, capabilities.delete_tag) {
        (Some(false), _) => Some(|ruling| Reason::CannotDelete { ruling }),
        (_, Some(false)) => Some(|ruling| Reason::CannotUntag { ruling }),
        _ => None,
    };
    if let Some(reason) = blocked {
        let blocked = |(verdict, ruling)| kept(repository, root, verdict, reason(ruling));
        share.blocked.extend(lost(repository, root).map(blocked));
        return;
    }
    let mut action = base_action(repository, root.node, root.kind, ActionKind::Untag);
    let tags = lost(repository, root).filter_map(|(verdict, _)| verdict.tag.cloned());
    action.tags = tags.collect();
    action.time = root.time;
    explain(&mut action, root, || lost(repository, root));
    share.actions.push(action);
}

/// The entries whose tags go from a root that stays.
fn lost<'e, 'r>(
    repository: &'e LimitedRepository<'r>,
    root: &RootVerdicts,
) -> impl Iterator<Item = (&'e Verdict<'r>, Ruling)> {
    expired(repository, root).filter(|(verdict, _)| loses_tag(&verdict.decision))
}

fn take_root(repository: &LimitedRepository<'_>, root: &RootVerdicts) -> Action {
    let mut action = base_action(repository, root.node, root.kind, what_is_done(repository, root.node));
    action.time = root.time;
    explain(&mut action, root, || expired(repository, root));
    action
}

/// What is done with something that goes.
fn what_is_done(repository: &LimitedRepository<'_>, node: Node) -> ActionKind {
    match repository.fates.of_node(node) {
        Fate::Archived => ActionKind::Archive,
        Fate::Stays | Fate::Deleted => ActionKind::Delete,
    }
}

fn take_along(repository: &LimitedRepository<'_>, node: Node, reason: Reason) -> Action {
    let kind = repository
        .evaluation
        .graph
        .manifest(node)
        .map_or(Kind::Artifact, |manifest| manifest.kind);
    Action {
        reason,
        ..base_action(repository, node, kind, what_is_done(repository, node))
    }
}

/// The reason of an action is that of its newest expired entry, of an archival the newest that a rule archives; the others
/// stand beside it.
fn explain<'e, 'r: 'e, I>(action: &mut Action, root: &RootVerdicts, expired: impl Fn() -> I)
where
    I: Iterator<Item = (&'e Verdict<'r>, Ruling)>,
{
    let archives = |verdict: &Verdict<'_>| {
        action.action == ActionKind::Archive && verdict.decision.wants() == Some(RuleAction::Archive)
    };
    let newest = expired().max_by_key(|(verdict, _)| (archives(verdict), verdict.time));
    if let Some((_, ruling)) = newest {
        action.reason = Reason::Expired(ruling);
    }
    if root.entries.len() > 1 {
        let tags = expired().filter_map(|(verdict, ruling)| {
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
        undo: match action {
            // What is archived only has to be asked for.
            ActionKind::Archive => Undo::Native,
            ActionKind::Delete | ActionKind::Untag => evaluation.repository.capabilities.undo,
        },
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

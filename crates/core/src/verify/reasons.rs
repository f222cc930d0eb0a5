//! Law 5: every reason fits where it stands, names its rule or its hold, and brings the evidence.

use std::collections::{BTreeMap, BTreeSet};

use super::{Inspection, Law};
use crate::model::{Digest, Tag};
use crate::plan::{Action, ActionKind, Kept};
use crate::reason::{Finding, Reason, Relation, Ruling};

pub(super) fn check(inspection: &mut Inspection<'_, '_>) {
    let doings = inspection.doings;
    for (_, action) in &doings.actions {
        let fits = matches!(action.reason, Reason::Expired(_) | Reason::Follows { .. });
        let problem = if fits {
            unfounded(inspection, &action.digest, &action.reason)
        } else {
            Some(misplaced(&action.reason))
        };
        let problem = problem.or_else(|| untag_not_wanted(inspection, action.action));
        if let Some(detail) = problem.or_else(|| tag_without_rule(inspection, action)) {
            inspection.report(Law::EveryVerdictHasAReason, &action.digest, detail);
        }
    }
    for kept in &doings.kept {
        let misfits = matches!(
            kept.reason,
            Reason::Expired(_) | Reason::Follows { .. } | Reason::CannotUntag { .. } | Reason::CannotDelete { .. }
        );
        stays_for(inspection, kept, misfits);
    }
    for blocked in &doings.blocked {
        stays_for(
            inspection,
            blocked,
            !matches!(blocked.reason, Reason::CannotUntag { .. } | Reason::CannotDelete { .. }),
        );
    }
}

fn stays_for(inspection: &mut Inspection<'_, '_>, kept: &Kept, misfits: bool) {
    let problem = if misfits {
        Some(misplaced(&kept.reason))
    } else {
        unfounded(inspection, &kept.digest, &kept.reason)
    };
    if let Some(detail) = problem {
        inspection.report_tag(Law::EveryVerdictHasAReason, &kept.digest, kept.tag.as_ref(), detail);
    }
}

fn misplaced(reason: &Reason) -> String {
    format!("`{}` is no reason for this", reason.code())
}

/// Tags go only where the policy says so.
fn untag_not_wanted(inspection: &Inspection<'_, '_>, action: ActionKind) -> Option<String> {
    let wanted = inspection.policy().is_some_and(|policy| policy.untag);
    (action == ActionKind::Untag && !wanted).then(|| "tags are removed, and no policy says so".to_owned())
}

/// Where several tags go with a root, each has its own rule.
fn tag_without_rule(inspection: &Inspection<'_, '_>, action: &Action) -> Option<String> {
    let node = inspection.contents.nodes.get(&action.digest)?;
    let going: BTreeSet<&Tag> = node
        .ordinary_tags()
        .map(|tag| &tag.name)
        .filter(|tag| action.tags.contains(tag))
        .collect();
    let said: BTreeSet<&Tag> = action.entries.iter().map(|entry| &entry.tag).collect();
    let listed = action.entries.len() == said.len() && (said == going || (said.is_empty() && going.len() < 2));
    if matches!(action.reason, Reason::Expired(_)) && !listed {
        return Some("it does not name a rule for each of its tags".to_owned());
    }
    action
        .entries
        .iter()
        .find_map(|entry| unruled(inspection, &action.reason, &entry.ruling))
}

/// What is wrong with a reason, if anything is.
fn unfounded(inspection: &Inspection<'_, '_>, digest: &Digest, reason: &Reason) -> Option<String> {
    if let Some(problem) = reason.ruling().and_then(|ruling| unruled(inspection, reason, ruling)) {
        return Some(problem);
    }
    match reason {
        Reason::Hold { because, .. } if because.is_empty() => Some("its hold has no evidence".to_owned()),
        Reason::NoRule { policy } if policy.as_ref() != inspection.policy().map(|policy| &policy.name) => {
            Some("it names another policy than the one that governs the repository".to_owned())
        }
        Reason::Needed { by, relation, .. } => unneeded(inspection, digest, by, *relation),
        Reason::SharesImage { with, .. } => {
            let lost = inspection.doings.lost_tags();
            let node = inspection.contents.nodes.get(digest)?;
            let stays = |tag: &Tag| node.tags.iter().any(|entry| entry.name == *tag) && !lost.contains(tag);
            (with.is_empty() || !with.iter().all(stays))
                .then(|| "the tags it shares its image with do not stay".to_owned())
        }
        Reason::Brake { limit, .. } => {
            (inspection.configured.max_deletions() != Some(*limit)).then(|| "no such brake is set".to_owned())
        }
        Reason::KeepAtLeast { limit, .. } => {
            (inspection.configured.keep_at_least() != *limit).then(|| "no such limit is set".to_owned())
        }
        _ => None,
    }
}

/// The rule must exist, and a rule that expires something must have found its conditions true.
fn unruled(inspection: &Inspection<'_, '_>, reason: &Reason, ruling: &Ruling) -> Option<String> {
    let Ruling {
        policy,
        rule,
        conditions,
    } = ruling;
    let governing = inspection.policy().filter(|governing| governing.name == *policy);
    if !governing.is_some_and(|policy| policy.rules.iter().any(|known| known.name == *rule)) {
        return Some(format!(
            "no rule `{rule}` of a policy `{policy}` governs the repository"
        ));
    }
    let problem = match reason {
        Reason::KeepAlways(_) => return None,
        Reason::Unless(_) if !conditions.is_empty() => return None,
        Reason::NotExpired(_) if !conditions.is_empty() && !some_alternative_holds(conditions) => return None,
        Reason::Unless(_) | Reason::NotExpired(_) => "keep it, without evidence or against it",
        _ if some_alternative_holds(conditions) => return None,
        _ => "expire it, and none of its alternatives is shown to hold",
    };
    Some(format!("rule `{rule}` is said to {problem}"))
}

/// Conditions of one alternative carry the same `#n`; all of them must hold.
fn some_alternative_holds(conditions: &BTreeMap<String, Finding>) -> bool {
    let mut alternatives: BTreeMap<&str, bool> = BTreeMap::new();
    for (name, finding) in conditions {
        let number = name.split_once('#').map_or("", |(_, number)| number);
        *alternatives.entry(number).or_insert(true) &= finding.holds == Some(true);
    }
    alternatives.into_values().any(|holds| holds)
}

/// What needs something must stay, and be related to it as said.
fn unneeded(inspection: &Inspection<'_, '_>, digest: &Digest, by: &Digest, relation: Relation) -> Option<String> {
    if inspection.doings.deletes(by) {
        return Some(format!("it is needed by {by}, which is deleted"));
    }
    let nodes = &inspection.contents.nodes;
    if !nodes.contains_key(by) {
        return Some(format!("it is said to be needed by {by}, which is not there"));
    }
    let (node, needing) = (nodes.get(digest)?, nodes.get(by));
    let lists = |index: &Digest, child: &Digest| nodes.get(child).is_some_and(|node| node.indexes.contains(&index));
    let related = match relation {
        Relation::Child => lists(by, digest),
        Relation::Attached => node.subjects.contains(by),
        Relation::Subject => needing.is_some_and(|needing| needing.subjects.contains(digest)),
        Relation::Index => lists(digest, by),
    };
    (!related).then(|| format!("it is said to be needed by {by}, which is not so related to it"))
}

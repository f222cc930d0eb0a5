//! Law 5: every reason fits where it stands, names its rule or its hold, and brings the evidence.

use std::collections::{BTreeMap, BTreeSet};

use super::{Inspection, Law, archive};
use crate::model::{Digest, Tag};
use crate::plan::{Action, ActionKind, Kept};
use crate::reason::{Reason, Relation, Ruling};

pub(super) fn check(inspection: &mut Inspection<'_, '_>) {
    let (plan, doings) = (inspection.plan, inspection.doings);
    for (_, action) in doings.actions(plan) {
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
    for kept in doings.kept(plan) {
        let goes = matches!(kept.reason, Reason::Expired(_) | Reason::Follows { .. });
        stays_for(inspection, kept, goes || is_for_blocked(&kept.reason));
    }
    for blocked in doings.blocked(plan) {
        stays_for(inspection, blocked, !is_for_blocked(&blocked.reason));
    }
}

fn is_for_blocked(reason: &Reason) -> bool {
    matches!(
        reason,
        Reason::CannotUntag { .. }
            | Reason::CannotDelete { .. }
            | Reason::CannotArchive { .. }
            | Reason::ArchiveSavesNothing { .. }
            | Reason::ArchiveMinimum { .. }
    )
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
    let wanted = inspection.local.policy.is_some_and(|policy| policy.untag);
    (action == ActionKind::Untag && !wanted).then(|| "tags are removed, and no policy says so".to_owned())
}

/// Where several tags go with a root, each has its own rule.
fn tag_without_rule(inspection: &Inspection<'_, '_>, action: &Action) -> Option<String> {
    let contents = inspection.contents;
    let id = contents.id(&action.digest)?;
    let is_entry = |tag: &&Tag| {
        let label = contents.tag_id(tag).map(|tag| &contents.tags[tag]);
        label.is_some_and(|label| label.ordinary && label.node == Some(id))
    };
    let going: BTreeSet<&Tag> = action.tags.iter().filter(is_entry).collect();
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
        Reason::NoRule { policy }
            if policy.as_deref() != inspection.local.policy.map(|policy| policy.name.as_str()) =>
        {
            Some("it names another policy than the one that governs the repository".to_owned())
        }
        Reason::Needed { by, relation, .. } => unneeded(inspection, digest, by, *relation),
        Reason::SharesImage { with, .. } => {
            let id = inspection.contents.id(digest)?;
            let stays = |tag: &Tag| {
                let tag = inspection.contents.tag_id(tag);
                tag.is_some_and(|tag| inspection.contents.tags[tag].node == Some(id) && !inspection.lost[tag])
            };
            (with.is_empty() || !with.iter().all(stays))
                .then(|| "the tags it shares its image with do not stay".to_owned())
        }
        Reason::Brake { limit, .. } => {
            (inspection.holds.configured().max_deletions() != Some(*limit)).then(|| "no such brake is set".to_owned())
        }
        Reason::KeepAtLeast { limit, .. } => {
            (inspection.holds.configured().keep_at_least() != *limit).then(|| "no such limit is set".to_owned())
        }
        Reason::Archived(_)
        | Reason::CannotArchive { .. }
        | Reason::ArchiveSavesNothing { .. }
        | Reason::ArchiveMinimum { .. } => archive::unfounded(inspection, digest, reason),
        _ => None,
    }
}

/// The rule must exist, and a rule that expires something must have found its conditions true.
fn unruled(inspection: &Inspection<'_, '_>, reason: &Reason, ruling: &Ruling) -> Option<String> {
    let (policy, rule) = (ruling.policy(), ruling.rule());
    let governing = inspection.local.policy.filter(|governing| governing.name == policy);
    if governing.is_none_or(|policy| policy.rules.action(rule).is_none()) {
        return Some(format!(
            "no rule `{rule}` of a policy `{policy}` governs the repository"
        ));
    }
    let has_conditions = ruling.decided().next().is_some();
    let problem = match reason {
        Reason::KeepAlways(_) => return None,
        Reason::Unless(_) if has_conditions => return None,
        Reason::NotExpired(_) if has_conditions && !some_alternative_holds(ruling) => return None,
        Reason::Unless(_) | Reason::NotExpired(_) => "keep it, without evidence or against it",
        _ if some_alternative_holds(ruling) => return None,
        _ => "expire it, and none of its alternatives is shown to hold",
    };
    Some(format!("rule `{rule}` is said to {problem}"))
}

/// All conditions of one alternative must hold.
fn some_alternative_holds(ruling: &Ruling) -> bool {
    let mut alternatives: BTreeMap<u32, bool> = BTreeMap::new();
    for (alternative, holds) in ruling.decided() {
        *alternatives.entry(alternative).or_insert(true) &= holds == Some(true);
    }
    alternatives.into_values().any(|holds| holds)
}

/// What needs something must stay, and be related to it as said.
fn unneeded(inspection: &Inspection<'_, '_>, digest: &Digest, by: &Digest, relation: Relation) -> Option<String> {
    let contents = inspection.contents;
    let Some(needing) = contents.id(by) else {
        return Some(format!("it is said to be needed by {by}, which is not there"));
    };
    if inspection.deletes(needing) {
        return Some(format!("it is needed by {by}, which is deleted"));
    }
    let id = contents.id(digest)?;
    let (node, needing_node) = (inspection.node(id), inspection.node(needing));
    // What stands in these lists ascends.
    let related = match relation {
        Relation::Child => node.indexes.binary_search(&needing).is_ok(),
        Relation::Attached => node.is_attached_to(by),
        Relation::Subject => needing_node.is_attached_to(digest),
        Relation::Index => needing_node.indexes.binary_search(&id).is_ok(),
    };
    (!related).then(|| format!("it is said to be needed by {by}, which is not so related to it"))
}

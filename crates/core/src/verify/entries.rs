//! Laws 5 and 6: every entry is accounted for exactly once, and no tag of one that stays is lost.

use std::collections::{BTreeMap, HashMap};

use super::holds::Held;
use super::needs::describe;
use super::world::Standing;
use super::{Inspection, Law};
use crate::model::{Digest, Kind, Tag};
use crate::plan::{Action, ActionKind, Kept};
use crate::reason::Reason;

type Entry<'a> = (&'a Digest, Option<&'a Tag>);

pub(super) fn check<'a>(inspection: &mut Inspection<'_, 'a>, held: &HashMap<&'a Digest, Held<'a>>) {
    // Of a record that contradicts itself nobody can say which entries there are; no action is allowed there.
    if !inspection.contents.contradictory {
        every_entry_once(inspection);
    }
    kept_tags_stay(inspection);
    for (_, action) in &inspection.doings.actions {
        roots_have_rules(inspection, action);
        if action.action == ActionKind::Untag {
            untagged_roots_are_free(inspection, action, held);
        }
    }
}

/// The plan's actions, kept and blocked partition the entries.
fn every_entry_once(inspection: &mut Inspection<'_, '_>) {
    let mut open = expected(inspection);
    let mut strangers = Vec::new();
    for (entry, kind) in accounted(inspection) {
        match open.get_mut(&entry) {
            Some((expected_kind, count)) => {
                *count += 1;
                if *expected_kind != kind {
                    strangers.push((entry, format!("it is called {kind} and is {expected_kind}")));
                }
            }
            None => strangers.push((entry, "it is no entry of the inventory".to_owned())),
        }
    }
    for ((digest, tag), detail) in strangers {
        inspection.report_tag(Law::EveryVerdictHasAReason, digest, tag, detail);
    }
    for ((digest, tag), (_, count)) in open {
        if count != 1 {
            let detail = format!("an entry must appear once in the plan; this one appears {count} times");
            inspection.report_tag(Law::EveryVerdictHasAReason, digest, tag, detail);
        }
    }
}

/// Every entry of the repository, with its kind; none is accounted for yet.
fn expected<'a>(inspection: &Inspection<'_, 'a>) -> BTreeMap<Entry<'a>, (Kind, usize)> {
    let mut entries = BTreeMap::new();
    for (&digest, node) in &inspection.contents.nodes {
        let standing = inspection.world.standing(inspection.contents, node);
        let kind = node.kind(standing);
        match standing {
            Standing::Tagged => {
                entries.extend(node.ordinary_tags().map(|tag| ((digest, Some(&tag.name)), (kind, 0))));
            }
            Standing::Untagged | Standing::Orphan | Standing::Unproven => {
                entries.insert((digest, None), (kind, 0));
            }
            Standing::Dependent => {}
        }
    }
    entries
}

/// Every entry that the plan speaks of, as often as it does.
fn accounted<'a>(inspection: &Inspection<'_, 'a>) -> Vec<(Entry<'a>, Kind)> {
    let doings = inspection.doings;
    let stays = doings.kept.iter().chain(&doings.blocked);
    let mut entries: Vec<_> = stays
        .map(|kept| ((&kept.digest, kept.tag.as_ref()), kept.kind))
        .collect();
    for (_, action) in &doings.actions {
        let Some(node) = inspection.contents.nodes.get(&action.digest) else {
            continue;
        };
        if action.action == ActionKind::Untag {
            entries.extend(action.tags.iter().map(|tag| ((&action.digest, Some(tag)), action.kind)));
            continue;
        }
        match inspection.world.standing(inspection.contents, node) {
            Standing::Dependent => {}
            Standing::Tagged => {
                entries.extend(
                    node.ordinary_tags()
                        .map(|tag| ((&action.digest, Some(&tag.name)), action.kind)),
                );
            }
            Standing::Untagged | Standing::Orphan | Standing::Unproven => {
                entries.push(((&action.digest, None), action.kind));
            }
        }
    }
    entries
}

/// Law 6: whatever an entry is kept or blocked for, its tag is in no action.
fn kept_tags_stay(inspection: &mut Inspection<'_, '_>) {
    let doings = inspection.doings;
    let lost = doings.lost_tags();
    for kept in doings.kept.iter().chain(&doings.blocked) {
        let Kept {
            digest, tag, reason, ..
        } = kept;
        if tag.as_ref().is_some_and(|tag| lost.contains(tag)) {
            let detail = format!("its tag is kept ({}), and an action removes it", reason.code());
            inspection.report_tag(Law::KeptTagsStay, digest, tag.as_ref(), detail);
        }
        if doings.deletes(digest) {
            let detail = format!("it has an entry that stays ({}), and it is deleted", reason.code());
            inspection.report_tag(Law::KeptTagsStay, digest, tag.as_ref(), detail);
        }
    }
}

/// A root goes by a rule's word alone; what has no verdict of its own goes with something else.
fn roots_have_rules(inspection: &mut Inspection<'_, '_>, action: &Action) {
    let Some(node) = inspection.contents.nodes.get(&action.digest) else {
        return;
    };
    let is_root = inspection.world.standing(inspection.contents, node).is_root();
    let detail = match (&action.reason, action.action) {
        (Reason::Expired(_), _) if is_root => return,
        (Reason::Follows { .. }, ActionKind::Delete) if !is_root => return,
        (_, ActionKind::Delete) if is_root => "a root is deleted, and no rule expires it",
        (_, ActionKind::Delete) => "what belongs to something else is deleted by itself",
        (_, ActionKind::Untag) => "tags are removed, and no rule expires them",
    };
    inspection.report(Law::EveryVerdictHasAReason, &action.digest, detail.to_owned());
}

/// Tags go only from a root that stays, that nothing holds, and that keeps another tag.
fn untagged_roots_are_free(inspection: &mut Inspection<'_, '_>, action: &Action, held: &HashMap<&Digest, Held<'_>>) {
    let digest = &action.digest;
    if inspection.doings.deletes(digest) {
        let detail = "its tags are removed as from an image that stays, and it is deleted".to_owned();
        inspection.report(Law::KeptTagsStay, digest, detail);
    }
    if let Some(why) = held.get(digest) {
        inspection.report(
            Law::KeptTagsStay,
            digest,
            format!("it loses tags; {}", describe(digest, why)),
        );
    }
    let Some(node) = inspection.contents.nodes.get(digest) else {
        return;
    };
    if node.ordinary_tags().all(|tag| action.tags.contains(&tag.name)) {
        inspection.report(Law::KeptTagsStay, digest, "it stays and loses its last tag".to_owned());
    }
    for tag in &action.tags {
        if inspection.holds.immutable(inspection.place, node, tag) {
            inspection.report_tag(
                Law::KeptTagsStay,
                digest,
                Some(tag),
                "the tag must not be removed".to_owned(),
            );
        }
    }
}

//! Law 1: nothing in use or otherwise held goes, and nothing that something staying needs.

use std::cell::LazyCell;

use super::holds::Held;
use super::world::Id;
use super::{Inspection, Law};
use crate::reason::Hold;

pub(super) fn check(inspection: &mut Inspection<'_, '_>, held: &[Option<Held<'_>>]) {
    for (id, held) in held.iter().enumerate() {
        if inspection.goes(id).is_some() {
            held_ones_stay(inspection, id, held.as_ref());
        }
        if !inspection.deletes(id) {
            needed_ones_stay(inspection, id);
        }
    }
    for (id, detail) in stranded(inspection, held) {
        inspection.report(Law::NothingNeededGoes, inspection.digest(id), detail);
    }
}

fn held_ones_stay(inspection: &mut Inspection<'_, '_>, id: Id, held: Option<&Held<'_>>) {
    let digest = inspection.digest(id);
    if let Some(why) = held {
        let detail = describe(inspection, id, why);
        inspection.report(Law::NothingNeededGoes, digest, detail);
    }
    for tag in inspection.contents.tags_of(inspection.node(id)) {
        if inspection.local.immutable(tag) {
            let (hold, tag) = (Hold::Immutable, &tag.name);
            let detail = format!("it is held ({hold}): its tag {tag} must not be removed");
            inspection.report(Law::NothingNeededGoes, digest, detail);
        }
    }
}

/// What stays keeps its children, its subjects and its referrers. What is in the archive only needs that they are not
/// deleted.
fn needed_ones_stay(inspection: &mut Inspection<'_, '_>, id: Id) {
    let (node, digest) = (inspection.node(id), inspection.digest(id));
    let children = node.children.iter().map(|child| (child, "a child"));
    let subjects = node.present_subjects.iter().map(|subject| (subject, "the subject"));
    let referrers = node.referrers.iter().map(|referrer| (referrer, "a referrer"));
    for (needed, what) in children.chain(subjects).chain(referrers) {
        if inspection.deletes(*needed) {
            let detail = format!("it is {what} of {digest}, which stays");
            inspection.report(Law::NothingNeededGoes, inspection.digest(*needed), detail);
        } else if inspection.archives(*needed) && !inspection.ends_archived(id) {
            let detail = format!("it would be archived, and is {what} of {digest}, which stays as it is");
            inspection.report(Law::NothingNeededGoes, inspection.digest(*needed), detail);
        }
    }
}

/// What stays without a tag keeps one of its indexes: one that stays for a reason. A loop of references is none: who lists
/// itself, or is listed by what only it lists, would lie there for ever.
fn stranded(inspection: &Inspection<'_, '_>, held: &[Option<Held<'_>>]) -> Vec<(Id, String)> {
    let grounded = LazyCell::new(|| grounded(inspection, held));
    let is_stranded = |id: &Id| {
        let (id, node) = (*id, inspection.node(*id));
        let leaves_it = |index: &Id| match inspection.ends_archived(id) {
            true => inspection.deletes(*index),
            false => inspection.goes(*index).is_some(),
        };
        let lists_it = |index: &Id| *index != id && !leaves_it(index) && grounded[*index];
        !inspection.deletes(id)
            && inspection.contents.ordinary_tags(node).next().is_none()
            && node.indexes.iter().any(leaves_it)
            && !node.indexes.iter().any(lists_it)
    };
    let detail = "it stays without a tag, and every index goes that lists it and stands for anything else";
    let stranded = (0..held.len()).filter(is_stranded);
    stranded.map(|id| (id, detail.to_owned())).collect()
}

/// What stays for a reason: roots, what is held, what never hung on anything that goes, and what these need.
fn grounded(inspection: &Inspection<'_, '_>, held: &[Option<Held<'_>>]) -> Vec<bool> {
    let left = left_by_what_goes(inspection);
    let stands = |id: &Id| inspection.standings[*id].is_root() || held[*id].is_some() || !left[*id];
    let mut open: Vec<Id> = (0..held.len()).filter(stands).collect();
    let mut grounded = vec![false; held.len()];
    while let Some(id) = open.pop() {
        if inspection.deletes(id) || std::mem::replace(&mut grounded[id], true) {
            continue;
        }
        let node = inspection.node(id);
        open.extend(
            node.children
                .iter()
                .chain(&node.present_subjects)
                .chain(&node.referrers),
        );
        if inspection.contents.ordinary_tags(node).next().is_none() {
            open.extend(&node.indexes);
        }
    }
    grounded
}

/// All that hangs on something that goes.
fn left_by_what_goes(inspection: &Inspection<'_, '_>) -> Vec<bool> {
    let ids = 0..inspection.contents.nodes.len();
    let mut left = vec![false; ids.len()];
    let mut open: Vec<Id> = ids.filter(|id| inspection.goes(*id).is_some()).collect();
    while let Some(id) = open.pop() {
        if !std::mem::replace(&mut left[id], true) {
            let node = inspection.node(id);
            open.extend(node.children.iter().chain(&node.referrers));
        }
    }
    left
}

/// A hold in words.
pub(super) fn describe(inspection: &Inspection<'_, '_>, id: Id, why: &Held<'_>) -> String {
    if why.origin == id {
        return format!("it is held ({}): {}", why.hold, why.because);
    }
    let origin = inspection.digest(why.origin);
    format!("it is held ({}) on account of {origin}: {}", why.hold, why.because)
}

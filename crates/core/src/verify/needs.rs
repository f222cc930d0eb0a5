//! Law 1: nothing in use or otherwise held goes, and nothing that something staying needs.

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

/// What stays keeps its children, its subjects and its referrers, and one of its indexes unless it has a tag. What is in
/// the archive only needs that they are not deleted.
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
    let leaves_it = |index: &Id| match inspection.ends_archived(id) {
        true => inspection.deletes(*index),
        false => inspection.goes(*index).is_some(),
    };
    let stranded = !node.indexes.is_empty() && node.indexes.iter().all(leaves_it);
    if stranded && inspection.contents.ordinary_tags(node).next().is_none() {
        let detail = "it stays without a tag, and every index that lists it goes".to_owned();
        inspection.report(Law::NothingNeededGoes, digest, detail);
    }
}

/// A hold in words.
pub(super) fn describe(inspection: &Inspection<'_, '_>, id: Id, why: &Held<'_>) -> String {
    if why.origin == id {
        return format!("it is held ({}): {}", why.hold, why.because);
    }
    let origin = inspection.digest(why.origin);
    format!("it is held ({}) on account of {origin}: {}", why.hold, why.because)
}

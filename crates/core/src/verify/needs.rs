//! Law 1: nothing in use or otherwise held goes, and nothing that something staying needs.

use std::collections::HashMap;

use super::holds::Held;
use super::{Inspection, Law};
use crate::model::Digest;
use crate::reason::Hold;

pub(super) fn check<'a>(inspection: &mut Inspection<'_, 'a>, held: &HashMap<&'a Digest, Held<'a>>) {
    held_ones_stay(inspection, held);
    let contents = inspection.contents;
    for (&digest, node) in &contents.nodes {
        if inspection.doings.deletes(digest) {
            continue;
        }
        let children = node.manifest.children.iter().map(|child| (child, "a child"));
        let subjects = node.subjects.iter().map(|subject| (subject, "the subject"));
        let referrers = node.referrers.iter().map(|&referrer| (referrer, "a referrer"));
        for (needed, what) in children.chain(subjects).chain(referrers) {
            if inspection.doings.deletes(needed) {
                inspection.report(
                    Law::NothingNeededGoes,
                    needed,
                    format!("it is {what} of {digest}, which stays"),
                );
            }
        }
        let ordinary = node.ordinary_tags().next().is_some();
        if !ordinary && !node.indexes.is_empty() && node.indexes.iter().all(|index| inspection.doings.deletes(index)) {
            let detail = "it stays without a tag, and every index that lists it goes".to_owned();
            inspection.report(Law::NothingNeededGoes, digest, detail);
        }
    }
}

fn held_ones_stay<'a>(inspection: &mut Inspection<'_, 'a>, held: &HashMap<&'a Digest, Held<'a>>) {
    let doings = inspection.doings;
    for &digest in doings.deleted.keys() {
        if let Some(why) = held.get(digest) {
            inspection.report(Law::NothingNeededGoes, digest, describe(digest, why));
        }
        let Some(node) = inspection.contents.nodes.get(digest) else {
            continue;
        };
        for tag in &node.tags {
            if inspection.holds.immutable(inspection.place, node, &tag.name) {
                let detail = format!(
                    "it is held ({}): its tag {} must not be removed",
                    Hold::Immutable,
                    tag.name
                );
                inspection.report(Law::NothingNeededGoes, digest, detail);
            }
        }
    }
}

/// A hold in words.
pub(super) fn describe(digest: &Digest, why: &Held<'_>) -> String {
    if why.origin == digest {
        return format!("it is held ({}): {}", why.hold, why.because);
    }
    format!(
        "it is held ({}) on account of {}: {}",
        why.hold, why.origin, why.because
    )
}

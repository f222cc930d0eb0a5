//! Every action speaks of what the inventory has, in an order that can be carried out.

use std::collections::{BTreeSet, HashSet};

use super::world::{Id, Node};
use super::{Inspection, Law};
use crate::model::Tag;
use crate::plan::{Action, ActionKind};
use crate::reason::{Reason, Relation};

/// The actions of one repository.
pub(super) fn check(inspection: &mut Inspection<'_, '_>) {
    let mut seen = HashSet::new();
    for (number, action) in inspection.doings.actions(inspection.plan) {
        if !seen.insert(&action.digest) {
            inspection.report(Law::Facts, &action.digest, "two actions speak of it".to_owned());
        }
        match inspection.contents.id(&action.digest) {
            None => inspection.report(Law::Facts, &action.digest, "the inventory does not have it".to_owned()),
            Some(id) => {
                tags_are_its_own(inspection, action, inspection.node(id));
                comes_after_its_cause(inspection, number, action, id);
            }
        }
        registry_can(inspection, action);
    }
}

fn tags_are_its_own(inspection: &mut Inspection<'_, '_>, action: &Action, node: &Node<'_>) {
    let own: BTreeSet<&Tag> = inspection.contents.tags_of(node).map(|tag| &tag.name).collect();
    let named: BTreeSet<&Tag> = action.tags.iter().collect();
    for &tag in named.difference(&own) {
        let detail = "the tag does not point to it".to_owned();
        inspection.report_tag(Law::Facts, &action.digest, Some(tag), detail);
    }
    if action.action != ActionKind::Untag {
        for &tag in own.difference(&named) {
            let detail = "it goes, and its action does not name this tag".to_owned();
            inspection.report_tag(Law::Facts, &action.digest, Some(tag), detail);
        }
    }
    if named.len() != action.tags.len() || (named.is_empty() && action.action == ActionKind::Untag) {
        let detail = "its action names a tag twice, or none".to_owned();
        inspection.report(Law::Facts, &action.digest, detail);
    }
}

fn registry_can(inspection: &mut Inspection<'_, '_>, action: &Action) {
    let capabilities = inspection.contents.record.capabilities;
    let (unable, what) = match action.action {
        ActionKind::Delete => (capabilities.delete == Some(false), "deletes nothing"),
        ActionKind::Untag => (capabilities.delete_tag == Some(false), "removes no single tags"),
        // Few registries have an archive: one that does has to say so.
        ActionKind::Archive => (capabilities.archive != Some(true), "archives nothing"),
    };
    if unable {
        inspection.report(Law::Facts, &action.digest, format!("the registry {what} here"));
    }
}

/// What follows comes after its root and belongs to something that goes; an index goes before its children.
fn comes_after_its_cause(inspection: &mut Inspection<'_, '_>, number: usize, action: &Action, id: Id) {
    if action.action == ActionKind::Untag {
        return;
    }
    let node = inspection.node(id);
    let late = |index: &Id| {
        let late = inspection.goes(*index).is_some_and(|place| place > number);
        late && !belongs_to(inspection, *index, id)
    };
    if let Some(index) = node.indexes.iter().copied().find(late) {
        let detail = format!("it goes before {}, which lists it", inspection.digest(index));
        inspection.report(Law::Facts, &action.digest, detail);
    }
    let Reason::Follows { root, relation } = &action.reason else {
        return;
    };
    if !inspection
        .contents
        .id(root)
        .is_some_and(|root| is_before(inspection, root, number, action.action))
    {
        let detail = format!("it follows {root}, to which that is not done before");
        inspection.report(Law::EveryVerdictHasAReason, &action.digest, detail);
    }
    let causes = match relation {
        Relation::Child => &node.indexes,
        Relation::Attached => &node.present_subjects,
        Relation::Subject | Relation::Index => &Vec::new(),
    };
    let is_cause = |cause: &Id| match action.action {
        ActionKind::Archive => inspection.ends_archived(*cause),
        ActionKind::Delete | ActionKind::Untag => inspection.deletes(*cause),
    };
    if !causes.iter().any(is_cause) {
        let detail = "it follows nothing that goes by the relation it names".to_owned();
        inspection.report(Law::EveryVerdictHasAReason, &action.digest, detail);
    }
}

/// Whether the same is done to a manifest before an action's place in the plan. What was archived before is archived.
fn is_before(inspection: &Inspection<'_, '_>, id: Id, number: usize, done: ActionKind) -> bool {
    let place = match done {
        ActionKind::Archive if !inspection.archives(id) => return inspection.ends_archived(id),
        ActionKind::Archive => inspection.archived[id],
        ActionKind::Delete | ActionKind::Untag => inspection.deleted[id],
    };
    place.is_some_and(|place| place < number)
}

/// Whether a manifest belongs to `top`, directly or not: in a loop of relations no order is right.
fn belongs_to(inspection: &Inspection<'_, '_>, id: Id, top: Id) -> bool {
    let (mut open, mut seen) = (vec![top], HashSet::from([top]));
    while let Some(next) = open.pop() {
        if next == id {
            return true;
        }
        let node = inspection.node(next);
        let below = node.children.iter().chain(&node.referrers).copied();
        open.extend(below.filter(|below| seen.insert(*below)));
    }
    false
}

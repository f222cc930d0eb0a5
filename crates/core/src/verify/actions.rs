//! Every action speaks of what the inventory has, in an order that can be carried out, and its bytes are right.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::world::{Node, World};
use super::{Inspection, Law, Violation};
use crate::model::{Digest, RegistryHost, Tag};
use crate::plan::{Action, ActionKind, Plan};
use crate::reason::{Reason, Relation};

/// The actions of one repository.
pub(super) fn check(inspection: &mut Inspection<'_, '_>) {
    let doings = inspection.doings;
    let mut seen = BTreeSet::new();
    for &(number, action) in &doings.actions {
        if !seen.insert(&action.digest) {
            inspection.report(Law::Facts, &action.digest, "two actions speak of it".to_owned());
        }
        match inspection.contents.nodes.get(&action.digest) {
            None => inspection.report(Law::Facts, &action.digest, "the inventory does not have it".to_owned()),
            Some(node) => {
                tags_are_its_own(inspection, action, node);
                comes_after_its_cause(inspection, number, action, node);
            }
        }
        registry_can(inspection, action);
    }
}

fn tags_are_its_own(inspection: &mut Inspection<'_, '_>, action: &Action, node: &Node<'_>) {
    let own: BTreeSet<&Tag> = node.tags.iter().map(|tag| &tag.name).collect();
    let named: BTreeSet<&Tag> = action.tags.iter().collect();
    for &tag in named.difference(&own) {
        let detail = "the tag does not point to it".to_owned();
        inspection.report_tag(Law::Facts, &action.digest, Some(tag), detail);
    }
    if action.action == ActionKind::Delete {
        for &tag in own.difference(&named) {
            let detail = "it is deleted, and its action does not name this tag".to_owned();
            inspection.report_tag(Law::Facts, &action.digest, Some(tag), detail);
        }
    }
    if named.len() != action.tags.len() || (named.is_empty() && action.action == ActionKind::Untag) {
        inspection.report(
            Law::Facts,
            &action.digest,
            "its action names a tag twice, or none".to_owned(),
        );
    }
}

fn registry_can(inspection: &mut Inspection<'_, '_>, action: &Action) {
    let capabilities = inspection.contents.record.capabilities;
    let (able, what) = match action.action {
        ActionKind::Delete => (capabilities.delete, "deletes nothing"),
        ActionKind::Untag => (capabilities.delete_tag, "removes no single tags"),
    };
    if able == Some(false) {
        inspection.report(Law::Facts, &action.digest, format!("the registry {what} here"));
    }
}

/// What follows comes after its root and belongs to something that goes; an index goes before its children.
fn comes_after_its_cause(inspection: &mut Inspection<'_, '_>, number: usize, action: &Action, node: &Node<'_>) {
    if action.action != ActionKind::Delete {
        return;
    }
    let doings = inspection.doings;
    let late = |index: &&Digest| {
        let place = doings.deleted.get(*index);
        place.is_some_and(|place| *place > number) && !belongs_to(inspection, index, &action.digest)
    };
    if let Some(index) = node.indexes.iter().find(|index| late(index)) {
        let detail = format!("it is deleted before {index}, which lists it");
        inspection.report(Law::Facts, &action.digest, detail);
    }
    let Reason::Follows { root, relation } = &action.reason else {
        return;
    };
    if doings.deleted.get(root).is_none_or(|place| *place >= number) {
        let detail = format!("it follows {root}, which is not deleted before it");
        inspection.report(Law::EveryVerdictHasAReason, &action.digest, detail);
    }
    let belongs = match relation {
        Relation::Child => node.indexes.iter().any(|index| doings.deletes(index)),
        Relation::Attached => node.subjects.iter().any(|subject| doings.deletes(subject)),
        Relation::Subject | Relation::Index => false,
    };
    if !belongs {
        let detail = "it follows nothing that goes by the relation it names".to_owned();
        inspection.report(Law::EveryVerdictHasAReason, &action.digest, detail);
    }
}

/// Whether `digest` belongs to `top`, directly or not: in a loop of relations no order is right.
fn belongs_to(inspection: &Inspection<'_, '_>, digest: &Digest, top: &Digest) -> bool {
    let (mut open, mut seen) = (vec![top], HashSet::new());
    while let Some(next) = open.pop() {
        if next == digest {
            return true;
        }
        if let Some(node) = inspection.contents.nodes.get(next).filter(|_| seen.insert(next)) {
            open.extend(&node.manifest.children);
            open.extend(&node.referrers);
        }
    }
    false
}

/// Per registry, the bytes of the plan are those of what only deleted manifests refer to.
pub(super) fn bytes_add_up(plan: &Plan, world: &World<'_>) -> Vec<Violation> {
    let mut said: BTreeMap<&RegistryHost, u128> = BTreeMap::new();
    let mut gone: HashSet<(&RegistryHost, &str, &Digest)> = HashSet::new();
    for action in &plan.actions {
        *said.entry(&action.registry).or_default() += u128::from(action.bytes);
        if action.action == ActionKind::Delete {
            gone.insert((&action.registry, action.repository.as_str(), &action.digest));
        }
    }
    let mut violations = Vec::new();
    for (registry, said) in said {
        let freed = freed(registry, &gone, world);
        // Nobody stores so much: the sizes are made up, and the plan says the largest number that there is.
        if freed != said && freed <= u128::from(u64::MAX) {
            let detail = format!("the bytes of its actions add up to {said}; they free {freed}");
            violations.push(Violation::of_registry(Law::Facts, registry, detail));
        }
    }
    violations
}

fn freed(registry: &RegistryHost, gone: &HashSet<(&RegistryHost, &str, &Digest)>, world: &World<'_>) -> u128 {
    let mut sizes: HashMap<&Digest, u64> = HashMap::new();
    let mut staying: HashSet<&Digest> = HashSet::new();
    for ((host, name), contents) in &world.repositories {
        if *host != registry {
            continue;
        }
        for (&digest, node) in &contents.nodes {
            let blobs = node.manifest.blobs.iter().map(|blob| (&blob.digest, blob.size));
            let content = blobs.chain([(digest, node.manifest.size)]);
            let stays = !gone.contains(&(registry, name.as_str(), digest));
            for (digest, size) in content {
                // Manifests may disagree on a size.
                let largest = sizes.entry(digest).or_default();
                *largest = size.max(*largest);
                if stays {
                    staying.insert(digest);
                }
            }
        }
    }
    let freed = sizes.iter().filter(|(digest, _)| !staying.contains(*digest));
    freed.map(|(_, size)| u128::from(*size)).sum()
}

//! Laws 5 and 6: every entry is accounted for exactly once, and no tag of one that stays is lost.

use super::holds::Held;
use super::needs::describe;
use super::world::{Id, Standing};
use super::{Inspection, Law};
use crate::model::{Digest, Kind, Tag};
use crate::plan::{Action, ActionKind, Kept};
use crate::reason::Reason;

pub(super) fn check(inspection: &mut Inspection<'_, '_>, held: &[Option<Held<'_>>]) {
    // Of a record that contradicts itself nobody can say which entries there are; no action is allowed there.
    if !inspection.contents.contradictory {
        every_entry_once(inspection);
    }
    kept_tags_stay(inspection);
    for (_, action) in inspection.doings.actions(inspection.plan) {
        roots_have_rules(inspection, action);
        if action.action == ActionKind::Untag {
            untagged_roots_are_free(inspection, action, held);
        }
    }
}

/// How often the plan accounts for each entry.
struct Accounts {
    /// For tags, as far as they are entries.
    tags: Vec<u32>,
    /// For manifests that are entries without a tag.
    untagged: Vec<u32>,
}

/// The plan's actions, kept and blocked partition the entries.
fn every_entry_once(inspection: &mut Inspection<'_, '_>) {
    let mut accounts = Accounts {
        tags: vec![0; inspection.contents.tags.len()],
        untagged: vec![0; inspection.contents.nodes.len()],
    };
    let (plan, doings) = (inspection.plan, inspection.doings);
    for kept in doings.kept(plan).chain(doings.blocked(plan)) {
        accounts.count(inspection, &kept.digest, kept.tag.as_ref(), kept.kind);
    }
    for (_, action) in doings.actions(plan) {
        accounts.count_action(inspection, action);
    }
    accounts.close(inspection);
}

impl Accounts {
    fn count_action(&mut self, inspection: &mut Inspection<'_, '_>, action: &Action) {
        let Some(id) = inspection.contents.id(&action.digest) else {
            return;
        };
        if action.action == ActionKind::Untag {
            for tag in &action.tags {
                self.count(inspection, &action.digest, Some(tag), action.kind);
            }
            return;
        }
        match inspection.standings[id] {
            Standing::Dependent => {}
            Standing::Tagged => {
                let contents = inspection.contents;
                for tag in contents.ordinary_tags(inspection.node(id)) {
                    let tag = &contents.tags[tag].entry.name;
                    self.count(inspection, &action.digest, Some(tag), action.kind);
                }
            }
            Standing::Untagged | Standing::Orphan | Standing::Unproven => {
                self.count(inspection, &action.digest, None, action.kind);
            }
        }
    }

    /// The plan speaks of an entry, as if it were of that kind.
    fn count(&mut self, inspection: &mut Inspection<'_, '_>, digest: &Digest, tag: Option<&Tag>, kind: Kind) {
        let problem = match self.entry(inspection, digest, tag) {
            None => Some("it is no entry of the inventory".to_owned()),
            Some((id, count)) => {
                *count += 1;
                let is = inspection.contents.kind(id, inspection.standings[id]);
                (is != kind).then(|| format!("it is called {kind} and is {is}"))
            }
        };
        if let Some(detail) = problem {
            inspection.report_tag(Law::EveryVerdictHasAReason, digest, tag, detail);
        }
    }

    /// The manifest of an entry, and how often the entry has been counted.
    fn entry(&mut self, inspection: &Inspection<'_, '_>, digest: &Digest, tag: Option<&Tag>) -> Option<(Id, &mut u32)> {
        let contents = inspection.contents;
        let id = contents.id(digest)?;
        match (tag, inspection.standings[id]) {
            (Some(tag), Standing::Tagged) => {
                let tag = contents.tag_id(tag)?;
                let label = &contents.tags[tag];
                (label.ordinary && label.node == Some(id)).then_some((id, &mut self.tags[tag]))
            }
            (None, Standing::Untagged | Standing::Orphan | Standing::Unproven) => Some((id, &mut self.untagged[id])),
            _ => None,
        }
    }

    /// Reports every entry that was not counted just once.
    fn close(&self, inspection: &mut Inspection<'_, '_>) {
        for id in 0..inspection.contents.nodes.len() {
            match inspection.standings[id] {
                Standing::Dependent => {}
                Standing::Untagged | Standing::Orphan | Standing::Unproven => {
                    once(inspection, id, None, self.untagged[id]);
                }
                Standing::Tagged => {
                    let contents = inspection.contents;
                    for tag in contents.ordinary_tags(inspection.node(id)) {
                        once(inspection, id, Some(&contents.tags[tag].entry.name), self.tags[tag]);
                    }
                }
            }
        }
    }
}

fn once(inspection: &mut Inspection<'_, '_>, id: Id, tag: Option<&Tag>, count: u32) {
    if count != 1 {
        let detail = format!("an entry must appear once in the plan; this one appears {count} times");
        inspection.report_tag(Law::EveryVerdictHasAReason, inspection.digest(id), tag, detail);
    }
}

/// Law 6: whatever an entry is kept or blocked for, its tag is in no action.
fn kept_tags_stay(inspection: &mut Inspection<'_, '_>) {
    let (plan, doings) = (inspection.plan, inspection.doings);
    for kept in doings.kept(plan).chain(doings.blocked(plan)) {
        let Kept {
            digest, tag, reason, ..
        } = kept;
        if tag.as_ref().is_some_and(|tag| inspection.loses(tag)) {
            let detail = format!("its tag is kept ({}), and an action removes it", reason.code());
            inspection.report_tag(Law::KeptTagsStay, digest, tag.as_ref(), detail);
        }
        if inspection.goes_digest(digest) {
            let detail = format!(
                "it has an entry that stays ({}), and it is deleted or archived",
                reason.code()
            );
            inspection.report_tag(Law::KeptTagsStay, digest, tag.as_ref(), detail);
        }
    }
}

/// A root goes by a rule's word alone; what has no verdict of its own goes with something else.
fn roots_have_rules(inspection: &mut Inspection<'_, '_>, action: &Action) {
    let Some(id) = inspection.contents.id(&action.digest) else {
        return;
    };
    let is_root = inspection.standings[id].is_root();
    let detail = match (&action.reason, action.action) {
        (Reason::Expired(_), _) if is_root => return,
        (Reason::Follows { .. }, ActionKind::Delete | ActionKind::Archive) if !is_root => return,
        (_, ActionKind::Delete | ActionKind::Archive) if is_root => "a root goes, and no rule expires it",
        (_, ActionKind::Delete | ActionKind::Archive) => "what belongs to something else goes by itself",
        (_, ActionKind::Untag) => "tags are removed, and no rule expires them",
    };
    inspection.report(Law::EveryVerdictHasAReason, &action.digest, detail.to_owned());
}

/// Tags go only from a root that stays, that nothing holds, and that keeps another tag.
fn untagged_roots_are_free(inspection: &mut Inspection<'_, '_>, action: &Action, held: &[Option<Held<'_>>]) {
    let digest = &action.digest;
    let Some(id) = inspection.contents.id(digest) else {
        return;
    };
    if inspection.goes(id).is_some() {
        let detail = "its tags are removed as from an image that stays, and it goes".to_owned();
        inspection.report(Law::KeptTagsStay, digest, detail);
    }
    if let Some(why) = &held[id] {
        let detail = format!("it loses tags; {}", describe(inspection, id, why));
        inspection.report(Law::KeptTagsStay, digest, detail);
    }
    let mut ordinary = inspection.contents.ordinary_tags(inspection.node(id));
    if ordinary.all(|tag| inspection.lost[tag]) {
        inspection.report(Law::KeptTagsStay, digest, "it stays and loses its last tag".to_owned());
    }
    for tag in &action.tags {
        let known = inspection.contents.tag_id(tag);
        let known = known.map(|tag| inspection.contents.tags[tag].entry);
        let immutable = known.map_or_else(
            || inspection.local.lists_immutable(tag),
            |tag| inspection.local.immutable(tag),
        );
        if immutable {
            let detail = "the tag must not be removed".to_owned();
            inspection.report_tag(Law::KeptTagsStay, digest, Some(tag), detail);
        }
    }
}

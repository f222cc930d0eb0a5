//! The plan laid out for looking things up.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::world::Place;
use crate::model::{Digest, Tag};
use crate::plan::{Action, ActionKind, Kept, Plan};
use crate::reason::Reason;

/// What the plan does in one repository.
#[derive(Default)]
pub(super) struct Doings<'a> {
    /// Deleted manifests, each with the place of its (first) action in the plan.
    pub(super) deleted: HashMap<&'a Digest, usize>,
    /// Every action, with its place in the plan.
    pub(super) actions: Vec<(usize, &'a Action)>,
    /// Entries that stay, and entries that cannot go.
    pub(super) kept: Vec<&'a Kept>,
    pub(super) blocked: Vec<&'a Kept>,
}

impl<'a> Doings<'a> {
    /// The doings of every repository that the plan names.
    pub(super) fn of(plan: &'a Plan) -> BTreeMap<Place<'a>, Self> {
        let mut all: BTreeMap<Place<'a>, Self> = BTreeMap::new();
        for (number, action) in plan.actions.iter().enumerate() {
            let doings = all.entry((&action.registry, &action.repository)).or_default();
            doings.actions.push((number, action));
            if action.action == ActionKind::Delete {
                doings.deleted.entry(&action.digest).or_insert(number);
            }
        }
        for kept in &plan.kept {
            all.entry((&kept.registry, &kept.repository))
                .or_default()
                .kept
                .push(kept);
        }
        for blocked in &plan.blocked {
            all.entry((&blocked.registry, &blocked.repository))
                .or_default()
                .blocked
                .push(blocked);
        }
        all
    }

    pub(super) fn deletes(&self, digest: &Digest) -> bool {
        self.deleted.contains_key(digest)
    }

    /// Manifests that wait for a later run.
    pub(super) fn waiting(&self) -> BTreeSet<&'a Digest> {
        let waits = |kept: &&&Kept| matches!(kept.reason, Reason::Brake { .. });
        self.kept.iter().filter(waits).map(|kept| &kept.digest).collect()
    }

    /// Every tag that some action takes away.
    pub(super) fn lost_tags(&self) -> BTreeSet<&'a Tag> {
        self.actions.iter().flat_map(|(_, action)| &action.tags).collect()
    }
}

//! The plan laid out for looking things up.

use std::collections::BTreeMap;
use std::ops::Range;

use super::world::Place;
use crate::model::Digest;
use crate::plan::{Action, ActionKind, Kept, Plan, Refused};

/// What the plan does in one repository: where its lists speak of it.
#[derive(Debug, Default)]
pub(super) struct Doings {
    actions: Runs,
    kept: Runs,
    blocked: Runs,
    refused: Runs,
}

/// Places in a list of the plan, as runs of neighbours: in a plan as it should be there is one.
type Runs = Vec<Range<usize>>;

/// The doings of every repository that the plan names.
#[derive(Default)]
pub(super) struct AllDoings<'p> {
    by_place: BTreeMap<Place<'p>, Doings>,
    nothing: Doings,
}

impl<'p> AllDoings<'p> {
    pub(super) fn new(plan: &'p Plan) -> Self {
        let mut all = Self::default();
        let of_kept = |kept: &'p Kept| (&kept.registry, &kept.repository);
        let of_action = |action: &'p Action| (&action.registry, &action.repository);
        let of_refused = |refused: &'p Refused| (&refused.registry, &refused.repository);
        all.note(&plan.actions, of_action, |doings| &mut doings.actions);
        all.note(&plan.kept, of_kept, |doings| &mut doings.kept);
        all.note(&plan.blocked, of_kept, |doings| &mut doings.blocked);
        all.note(&plan.limits.refused, of_refused, |doings| &mut doings.refused);
        all
    }

    fn note<T>(&mut self, list: &'p [T], place: impl Fn(&'p T) -> Place<'p>, runs: fn(&mut Doings) -> &mut Runs) {
        let mut first = 0;
        while let Some(item) = list.get(first) {
            let place_of_run = place(item);
            let run = list[first..].iter().take_while(|item| place(item) == place_of_run);
            let end = first + run.count();
            runs(self.by_place.entry(place_of_run).or_default()).push(first..end);
            first = end;
        }
    }

    /// What the plan does in that repository.
    pub(super) fn of<'s>(&'s self, place: Place<'s>) -> &'s Doings {
        self.by_place.get(&place).unwrap_or(&self.nothing)
    }

    /// Every repository that the plan names.
    pub(super) fn places(&self) -> impl Iterator<Item = Place<'p>> {
        self.by_place.keys().copied()
    }
}

impl Doings {
    /// Every action, with its place in the plan.
    pub(super) fn actions<'p>(&self, plan: &'p Plan) -> impl Iterator<Item = (usize, &'p Action)> {
        numbered(&self.actions, &plan.actions)
    }

    /// Entries that stay.
    pub(super) fn kept<'p>(&self, plan: &'p Plan) -> impl Iterator<Item = &'p Kept> {
        numbered(&self.kept, &plan.kept).map(|(_, kept)| kept)
    }

    /// Entries that cannot go.
    pub(super) fn blocked<'p>(&self, plan: &'p Plan) -> impl Iterator<Item = &'p Kept> {
        numbered(&self.blocked, &plan.blocked).map(|(_, kept)| kept)
    }

    /// Fuses that are blown.
    pub(super) fn refused<'p>(&self, plan: &'p Plan) -> impl Iterator<Item = &'p Refused> {
        numbered(&self.refused, &plan.limits.refused).map(|(_, refused)| refused)
    }

    /// What is deleted, and not refused.
    pub(super) fn unrefused_deletes<'p>(&self, plan: &'p Plan) -> impl Iterator<Item = &'p Digest> {
        let actions = self.actions(plan).map(|(_, action)| action);
        let deletes = actions.filter(|action| action.action == ActionKind::Delete && !action.refused);
        deletes.map(|action| &action.digest)
    }
}

fn numbered<'p, T>(runs: &Runs, list: &'p [T]) -> impl Iterator<Item = (usize, &'p T)> {
    let places = runs.iter().cloned().flatten();
    places.filter_map(|place| Some((place, list.get(place)?)))
}

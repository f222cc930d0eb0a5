//! From weights under marks to the figures of a report.

use std::collections::BTreeMap;

use super::census::{Counts, Tally};
use super::form::Holdings;
use super::marks::{AGE, AGES, ARCHIVED, Dimension, KIND, NO, PULL, STORAGE, USE};
use super::weigh::{Marks, Part, Weighed};
use crate::model::Kind;

/// Bytes under each combination of marks.
type Weights = BTreeMap<Marks, u64>;

/// What is known of all that is counted.
#[derive(Debug, Clone, Copy)]
pub(super) struct Known {
    /// Every source of usage answered.
    pub(super) usage: bool,
    /// Pulls are recorded.
    pub(super) pulls: bool,
}

/// On which sides a figure may be wrong.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Bound {
    pub(super) at_least: bool,
    pub(super) at_most: bool,
}

impl Known {
    pub(super) fn of(holdings: &Holdings) -> Self {
        Self {
            usage: holdings.not_in_use_images.is_some(),
            pulls: holdings.never_pulled_images.is_some(),
        }
    }
}

impl Bound {
    pub(super) fn of(holdings: &Holdings) -> Self {
        Self {
            at_least: holdings.at_least,
            at_most: holdings.at_most,
        }
    }
}

/// The figures of one part.
fn figures(stored: &Weights, exclusive: &Weights, counts: Counts, (known, bound): (Known, Bound)) -> Holdings {
    let stored_bytes = sum(stored, |_| true);
    let exclusive_bytes = sum(exclusive, |_| true);
    Holdings {
        images: counts.images,
        manifests: counts.manifests,
        tags: counts.tags,
        untagged: counts.untagged,
        stored_bytes,
        exclusive_bytes,
        shared_bytes: stored_bytes.saturating_sub(exclusive_bytes),
        archived_bytes: sum(stored, |marks| STORAGE.is_only(marks, ARCHIVED)),
        image_bytes: counts.image_bytes,
        never_pulled_images: known.pulls.then_some(counts.never_pulled),
        never_pulled_bytes: known.pulls.then(|| sum(exclusive, |marks| PULL.is_only(marks, NO))),
        not_in_use_images: known.usage.then_some(counts.not_in_use),
        not_in_use_bytes: known.usage.then(|| sum(exclusive, |marks| USE.is_only(marks, NO))),
        cost_per_month: None,
        at_least: bound.at_least,
        at_most: bound.at_most,
    }
}

fn sum(weights: &Weights, wanted: impl Fn(Marks) -> bool) -> u64 {
    let wanted = weights.iter().filter(|(marks, _)| wanted(**marks));
    wanted.fold(0, |sum, (_, bytes)| sum.saturating_add(*bytes))
}

fn picked(weights: &Weights, wanted: impl Fn(Marks) -> bool) -> Weights {
    let wanted = weights.iter().filter(|(marks, _)| wanted(**marks));
    wanted.map(|(marks, bytes)| (*marks, *bytes)).collect()
}

/// A registry as a whole: shared is what several repositories refer to, and what is not in use or never pulled is so in all
/// of them.
pub(super) fn of_whole<'t>(
    weighed: &Weighed,
    tallies: impl Iterator<Item = &'t Tally>,
    (known, bound): (Known, Bound),
) -> Holdings {
    let mut counts = Counts::default();
    for tally in tallies {
        counts = tally.by_marks.values().fold(counts, |all, one| all.and(*one));
        counts.tags += tally.bare_tags;
    }
    let whole = figures(&weighed.whole, &weighed.whole, counts, (known, bound));
    let in_one = weighed.parts.values().map(|part| sum(&part.exclusive, |_| true));
    let exclusive_bytes = in_one.fold(0, u64::saturating_add);
    Holdings {
        exclusive_bytes,
        shared_bytes: whole.stored_bytes.saturating_sub(exclusive_bytes),
        ..whole
    }
}

/// Each kind and each age that there is.
pub(super) fn slice_rows<'t>(
    weighed: &Weighed,
    tallies: impl Iterator<Item = &'t Tally> + Clone,
    facts: (Known, Bound),
) -> Vec<(&'static str, &'static str, Holdings)> {
    let kinds = (0..)
        .zip(Kind::ALL)
        .map(|(answer, kind)| ("kind", kind.as_str(), KIND, answer));
    let ages = (0..).zip(AGES).map(|(answer, (age, _))| ("age", age, AGE, answer));
    let row = |(by, name, dimension, answer): (&'static str, &'static str, Dimension, u32)| {
        let mut counts = Counts::default();
        for tally in tallies.clone() {
            let fitting = tally
                .by_marks
                .iter()
                .filter(|(marks, _)| dimension.has(**marks, answer));
            counts = fitting.fold(counts, |all, (_, one)| all.and(*one));
        }
        let stored = picked(&weighed.whole, |marks| dimension.has(marks, answer));
        let exclusive = picked(&weighed.whole, |marks| dimension.is_only(marks, answer));
        (counts.manifests > 0).then(|| (by, name, figures(&stored, &exclusive, counts, facts)))
    };
    kinds.chain(ages).filter_map(row).collect()
}

/// Each part, by name: what `described` says of it.
pub(super) fn part_rows<'t>(
    tallies: impl Iterator<Item = &'t Tally>,
    weighed: &Weighed,
    described: impl Fn(Part) -> Option<(String, Known, Bound)>,
) -> Vec<(String, Holdings)> {
    let mut counts: BTreeMap<Part, Counts> = BTreeMap::new();
    for tally in tallies {
        for (part, more) in &tally.by_part {
            let sum = counts.entry(*part).or_default();
            *sum = sum.and(*more);
        }
    }
    let empty = Weights::new();
    let rows = counts.into_iter().filter_map(|(part, counts)| {
        let (name, known, bound) = described(part)?;
        let weights = weighed.parts.get(&part);
        let stored = weights.map_or(&empty, |weights| &weights.stored);
        let exclusive = weights.map_or(&empty, |weights| &weights.exclusive);
        Some((name, figures(stored, exclusive, counts, (known, bound))))
    });
    let mut rows: Vec<(String, Holdings)> = rows.collect();
    rows.sort_by(|one, other| one.0.cmp(&other.0));
    rows
}

//! What becomes an orphan by the plan itself.
//!
//! A signature may lie in another repository than its subject. Where a plan takes the last copies of a subject, what
//! is attached to it elsewhere is an orphan from then on, and goes by the rules for orphans in the same plan:
//! otherwise planning again after the apply would delete more (law 4).

use std::collections::{BTreeMap, BTreeSet};

use rayon::prelude::*;

use super::fates::Fate;
use super::limits::limit;
use crate::evaluate::{Copies, Evaluator, Survey};
use crate::facts::Facts;

/// Makes the survey count as gone whatever the plan takes the last copies of.
pub(super) fn find(facts: &Facts<'_>, evaluator: &Evaluator<'_>, survey: &mut Survey<'_>) {
    // Under the brake an orphan could take the place of its own subject.
    if facts.config.limits.max_deletions.is_some() {
        return;
    }
    let mut copies = Watched::of(facts, evaluator, survey);
    loop {
        let more = std::mem::take(&mut copies.newly_gone);
        if more.is_empty() {
            return;
        }
        survey.take(&more);
        let affected = more.iter().flat_map(|copies| survey.missed_by(copies)).copied();
        let affected: BTreeSet<usize> = affected.filter(|position| copies.of.contains_key(position)).collect();
        // More deletions can blow a fuse, which then refuses what the proof relied on.
        if !copies.look_again(affected, facts, evaluator, survey) {
            survey.give_back(&more);
            return;
        }
    }
}

/// The digests that some repositories hold and others miss.
struct Watched {
    /// For each repository that holds any: those, and of these the ones that it deletes.
    of: BTreeMap<usize, (BTreeSet<Copies>, BTreeSet<Copies>)>,
    /// How many repositories keep a copy.
    kept_by: BTreeMap<Copies, usize>,
    /// What nobody keeps any more, and does not count as gone yet.
    newly_gone: BTreeSet<Copies>,
}

impl Watched {
    fn of(facts: &Facts<'_>, evaluator: &Evaluator<'_>, survey: &Survey<'_>) -> Self {
        let mut held: BTreeMap<usize, BTreeSet<Copies>> = BTreeMap::new();
        let mut kept_by: BTreeMap<Copies, usize> = BTreeMap::new();
        for (copies, positions) in survey.contested() {
            kept_by.insert(copies.clone(), positions.len());
            for position in positions {
                held.entry(*position).or_default().insert(copies.clone());
            }
        }
        let looks: Vec<_> = held
            .into_par_iter()
            .map(|(position, held)| {
                let gone = gone(position, &held, (facts, evaluator, survey));
                (position, held, gone)
            })
            .collect();
        let mut watched = Self {
            of: BTreeMap::new(),
            kept_by,
            newly_gone: BTreeSet::new(),
        };
        for (position, held, gone) in looks {
            watched.of.insert(position, (held, BTreeSet::new()));
            watched.note(position, gone, survey);
        }
        watched
    }

    /// Decides some repositories anew; whether all that counts as gone still goes.
    fn look_again(
        &mut self,
        affected: BTreeSet<usize>,
        facts: &Facts<'_>,
        evaluator: &Evaluator<'_>,
        survey: &Survey<'_>,
    ) -> bool {
        let mut sound = true;
        for position in affected {
            let Some((held, _)) = self.of.get(&position) else {
                continue;
            };
            let gone = gone(position, held, (facts, evaluator, survey));
            sound &= self.note(position, gone, survey);
        }
        sound
    }

    /// Notes what a repository deletes; whether that is all of what counts as gone and that it deleted before.
    fn note(&mut self, position: usize, gone: BTreeSet<Copies>, survey: &Survey<'_>) -> bool {
        let Some((_, before)) = self.of.get_mut(&position) else {
            return true;
        };
        let before = std::mem::replace(before, gone.clone());
        let mut sound = true;
        for copies in before.difference(&gone) {
            *self.kept_by.entry(copies.clone()).or_default() += 1;
            self.newly_gone.remove(copies);
            sound &= !survey.is_taken(copies);
        }
        for copies in gone.difference(&before) {
            let keepers = self.kept_by.entry(copies.clone()).or_default();
            *keepers = keepers.saturating_sub(1);
            if *keepers == 0 && !survey.is_taken(copies) {
                self.newly_gone.insert(copies.clone());
            }
        }
        sound
    }
}

/// Which of these digests a repository deletes.
fn gone(
    position: usize,
    held: &BTreeSet<Copies>,
    (facts, evaluator, survey): (&Facts<'_>, &Evaluator<'_>, &Survey<'_>),
) -> BTreeSet<Copies> {
    let repository = facts.inventory.repository(position);
    let limited = limit(facts, evaluator.decide(&repository, survey));
    if limited.refused.is_some() || !limited.can_delete() {
        return BTreeSet::new();
    }
    let goes = |copies: &&Copies| {
        let node = limited.evaluation.graph.node(&copies.1);
        node.is_some_and(|node| limited.fates.of_node(node) == Fate::Deleted)
    };
    held.iter().filter(goes).cloned().collect()
}

//! How much of what arrives a policy keeps as it ages, read off what it keeps of what is there.
//!
//! A cohort is what arrived within one month. Of the cohort of age `k` the policy keeps the share `r(k)` today. A month
//! later that cohort has the age `k + 1`, and of today's cohort of that age the share `r(k + 1)` is kept; what is gone does
//! not come back. So after `m` months the least of `r(k) … r(k + m)` is left, and of what arrives from now on the least of
//! `r(0) …` up to its age. An age of which nothing is there says nothing, and so do ages beyond the oldest: the share
//! stays. What is of unknown age stays as it is.

use std::collections::BTreeMap;

use super::parts::{Parts, Ratio, parts};
use crate::audit::Cohort;

/// The cohorts of one registry, by age.
pub(super) struct Retention {
    ages: BTreeMap<u32, Age>,
    /// What stays whatever happens.
    ageless: Parts,
}

struct Age {
    parts: Parts,
    kept: Ratio,
}

impl Retention {
    /// The curve of some cohorts, which are all but `rest` of what is stored.
    pub(super) fn of(cohorts: &[Cohort], stored_bytes: u64) -> Self {
        let mut sums: BTreeMap<Option<u32>, (u128, u128)> = BTreeMap::new();
        for cohort in cohorts {
            let (bytes, kept) = sums.entry(cohort.months).or_default();
            *bytes = bytes.saturating_add(cohort.bytes.into());
            *kept = kept.saturating_add(cohort.kept_bytes.min(cohort.bytes).into());
        }
        let counted: u128 = sums.values().map(|(bytes, _)| bytes).sum();
        let uncounted = u128::from(stored_bytes).saturating_sub(counted);
        let unknown = sums.remove(&None).map_or(0, |(_, kept)| kept);
        // No more than what is stored: sums of hostile figures must not leave the bounds of parts.
        let within = |bytes: u128| parts(u64::try_from(bytes).unwrap_or(u64::MAX).min(stored_bytes));
        let age = |(months, (bytes, kept)): (Option<u32>, (u128, u128))| {
            let kept = Ratio::of(kept, bytes)?;
            Some((
                months?,
                Age {
                    parts: within(bytes),
                    kept,
                },
            ))
        };
        Self {
            ageless: within(uncounted.saturating_add(unknown)),
            ages: sums.into_iter().filter_map(age).collect(),
        }
    }

    /// What is left today and at the end of each of so many months, in each of which `arriving` comes.
    pub(super) fn kept(&self, months: u32, arriving: Parts) -> Vec<Parts> {
        let mut kept: Vec<Parts> = (0..=months).map(|_| self.ageless).collect();
        for (months_old, age) in &self.ages {
            for (kept, share) in kept.iter_mut().zip(self.shares(*months_old)) {
                *kept += share.times(age.parts);
            }
        }
        let mut arrived = 0;
        for (kept, share) in kept.iter_mut().skip(1).zip(self.shares(0)) {
            arrived += share.times(arriving);
            *kept += arrived;
        }
        kept
    }

    /// What is left of a cohort of some age today and in each month to come.
    fn shares(&self, age: u32) -> impl Iterator<Item = Ratio> {
        let kept = move |months| {
            let age = age.checked_add(months).and_then(|age| self.ages.get(&age));
            age.map_or(Ratio::ALL, |age| age.kept)
        };
        (0..=u32::MAX).scan(Ratio::ALL, move |least, months| {
            *least = kept(months).min(*least);
            Some(*least)
        })
    }
}

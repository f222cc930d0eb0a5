//! Rules that let go of nothing while more and more arrives: the bill grows for ever.

use std::collections::BTreeSet;

use super::super::look::{Room, Seen};
use super::super::tally::Tally;
use super::super::{Code, Finding};
use super::held_by;
use crate::config::Severity;
use crate::evaluate::Dates;
use crate::facts::Facts;
use crate::graph::Node;
use crate::model::Kind;
use crate::policy::{Conditions, GroupBy, Order, Period, Rule, Verb};
use crate::words::count;

/// What is kept for longer than that is kept for ever, as far as a budget is concerned.
const FOR_EVER: Period = Period::days(730);

/// The same in months.
const FOR_EVER_MONTHS: u64 = 24;

/// A month of an audit: a twelfth of 365 days, in seconds.
const MONTH: i64 = 365 * 86_400 / 12;

/// In how many months, up to now, there must be arrivals.
const MONTHS: usize = 3;

/// So many images a month in one repository are builds; releases are fewer, and shall stay.
const BUILDS: usize = 10;

/// What arrives and stays.
pub(in super::super) struct Growth<'f> {
    facts: &'f Facts<'f>,
    lasting: Lasting,
    tally: Tally,
    /// What arrives a month, on average over the months.
    images: u64,
    bytes: u64,
}

/// How long a rule keeps what it governs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lasting {
    ForEver,
    /// Until so many are newer.
    Until(u64),
    /// Something goes.
    NotFor,
}

impl Lasting {
    fn of(rule: &Rule) -> Self {
        let Verb::Expire(alternatives) = &rule.verb else {
            return Self::ForEver;
        };
        let by_rank = matches!(rule.group_by, GroupBy::Repository) && rule.order == Order::Time;
        let of_all = alternatives
            .iter()
            .map(|conditions| Self::of_alternative(conditions, by_rank));
        of_all.fold(Self::ForEver, Self::shorter)
    }

    /// All conditions have to hold: one that never does is enough.
    fn of_alternative(conditions: &Conditions, by_rank: bool) -> Self {
        let periods = [
            conditions.archived_for,
            conditions.older_than,
            conditions.not_pulled_for,
        ];
        if periods
            .into_iter()
            .flatten()
            .any(|period| period.seconds() > FOR_EVER.seconds())
        {
            return Self::ForEver;
        }
        match conditions.beyond_newest {
            Some(newest) if by_rank => Self::Until(newest),
            _ => Self::NotFor,
        }
    }

    fn shorter(self, other: Self) -> Self {
        match (self, other) {
            (Self::NotFor, _) | (_, Self::NotFor) => Self::NotFor,
            (Self::ForEver, it) | (it, Self::ForEver) => it,
            (Self::Until(one), Self::Until(other)) => Self::Until(one.min(other)),
        }
    }

    /// Whether it lasts for ever where so many are there and so many arrive a month.
    fn is_for_ever(self, there: u64, a_month: u64) -> bool {
        match self {
            Self::ForEver => true,
            Self::Until(newest) => there.max(a_month.saturating_mul(FOR_EVER_MONTHS)) <= newest,
            Self::NotFor => false,
        }
    }
}

impl<'f> Growth<'f> {
    /// Of what a rule governs, or of what none fits.
    pub(in super::super) fn new(facts: &'f Facts<'f>, rule: Option<&Rule>) -> Self {
        Self {
            facts,
            lasting: rule.map_or(Lasting::ForEver, Lasting::of),
            tally: Tally::default(),
            images: 0,
            bytes: 0,
        }
    }

    /// Such entries of one repository.
    pub(in super::super) fn look(&mut self, room: &Room<'_>, entries: &[Seen<'_>]) {
        if self.lasting == Lasting::NotFor {
            return;
        }
        let dates = Dates::new(room.repository, room.graph, self.facts.now);
        let mut months: [BTreeSet<Node>; MONTHS] = Default::default();
        let mut arrived: Vec<Seen<'_>> = Vec::new();
        let mut images: BTreeSet<Node> = BTreeSet::new();
        for entry in entries.iter().filter(|entry| entry.kind == Kind::Image) {
            images.insert(entry.node);
            let age = dates
                .arrival(entry.node)
                .map(|at| self.facts.now.as_second() - at.as_second());
            let month = age.and_then(|age| usize::try_from(age.max(0) / MONTH).ok());
            if let Some(month) = month.and_then(|month| months.get_mut(month))
                && month.insert(entry.node)
            {
                arrived.push(*entry);
            }
        }
        let a_month = (arrived.len() / MONTHS) as u64;
        let grows = months.iter().all(|month| month.len() >= BUILDS);
        if !grows || !self.lasting.is_for_ever(images.len() as u64, a_month) {
            return;
        }
        let nodes: BTreeSet<Node> = arrived.iter().map(|entry| entry.node).collect();
        self.tally.add(room, &arrived);
        self.images = self.images.saturating_add(a_month);
        self.bytes = self.bytes.saturating_add(held_by(room, &nodes) / MONTHS as u64);
    }

    /// `why`: who lets it grow. `unsaid`: nobody wrote that it shall.
    pub(in super::super) fn finding(&self, why: &str, unsaid: bool) -> Option<Finding> {
        (self.tally.count > 0).then(|| Finding {
            count: self.images,
            bytes: Some(self.bytes),
            examples: self.tally.examples(),
            message: format!(
                "{why}, and {} a month arrive {}: the bill grows for ever",
                count(self.images, "image"),
                self.tally.places_in_words(),
            ),
            hint: "let old ones go, `expire: { older-than: 365d }`, or keep one of each month: `unless: { newest-per: { month: 24 } }`; \
                   releases among them can have a rule of their own before it"
                .to_owned(),
            ..Finding::new(
                Code::GrowsForEver,
                if unsaid { Severity::Warning } else { Severity::Note },
            )
        })
    }
}

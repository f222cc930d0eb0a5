//! What of the images that a rule of jettison speaks of goes, in the words of AWS: exactly that, or less.

use super::super::{LifecycleCount, StorageClass, TagPattern, TagSelection};
use super::Unsayable;
use super::selections::Selected;
use crate::policy::{Conditions, GroupBy, Order, Period, RankAmong, Rule, RuleAction, Since};

/// What a rule takes of the images of one storage class.
#[derive(Debug)]
pub(super) struct Counted {
    /// What AWS marks; `None`: nothing.
    pub(super) marks: Option<LifecycleCount>,
    /// Why that is less; if there is nothing, it is exactly that.
    pub(super) reasons: Vec<Unsayable>,
}

/// A rule for the images of one class.
struct Asked<'r> {
    rule: &'r Rule,
    class: StorageClass,
    selected: &'r Selected,
    /// Whether no other rule is tried before it.
    is_first: bool,
}

impl Counted {
    pub(super) fn nothing() -> Self {
        Self {
            marks: None,
            reasons: Vec::new(),
        }
    }

    fn less(reason: Unsayable) -> Self {
        Self {
            marks: None,
            reasons: vec![reason],
        }
    }

    pub(super) fn by(
        rule: &Rule,
        alternatives: &[Conditions],
        (place, class): (usize, StorageClass),
        selected: &Selected,
    ) -> Self {
        let asked = Asked {
            rule,
            class,
            selected,
            is_first: place == 0,
        };
        if class == StorageClass::Archive && rule.action == RuleAction::Archive {
            // It is there already.
            return Self::nothing();
        }
        if !selected.reasons.is_empty() {
            // The reasons are told already: it takes nothing of what it cannot be said of.
            return Self::nothing();
        }
        if rule.unless.is_some() {
            return Self::less(Unsayable::Unless);
        }
        let possible: Vec<&Conditions> = alternatives
            .iter()
            .filter(|conditions| asked.may_hold(conditions))
            .collect();
        let counted: Vec<Self> = possible.iter().map(|conditions| asked.counted(conditions)).collect();
        let Some(said) = counted.iter().position(|counted| counted.marks.is_some()) else {
            return Self {
                marks: None,
                reasons: counted.into_iter().flat_map(|counted| counted.reasons).collect(),
            };
        };
        let mut reasons = counted[said].reasons.clone();
        if possible.len() > 1 {
            reasons.push(Unsayable::Alternatives);
        }
        Self {
            marks: counted[said].marks,
            reasons,
        }
    }
}

impl Asked<'_> {
    /// What is not archived was not archived long ago.
    fn may_hold(&self, conditions: &Conditions) -> bool {
        conditions.archived_for.is_none() || self.class == StorageClass::Archive
    }

    fn counted(&self, conditions: &Conditions) -> Counted {
        match *conditions {
            Conditions {
                archived_for: Some(period),
                older_than: None,
                not_pulled_for: None,
                beyond_newest: None,
                larger_than: None,
                unused_for: None,
            } => self.days(period, SHORTEST_ARCHIVAL),
            Conditions {
                archived_for: None,
                older_than: Some(period),
                not_pulled_for: None,
                beyond_newest: None,
                larger_than: None,
                unused_for: None,
            } => self.older_than(period),
            Conditions {
                archived_for: None,
                older_than: None,
                not_pulled_for: None,
                beyond_newest: Some(most),
                larger_than: None,
                unused_for: None,
            } => self.beyond_newest(most),
            Conditions {
                archived_for: None,
                older_than: None,
                not_pulled_for: Some(_),
                beyond_newest: None,
                larger_than: None,
                unused_for: None,
            } => Counted::less(Unsayable::Pulls),
            Conditions {
                archived_for: None,
                older_than: None,
                not_pulled_for: None,
                beyond_newest: None,
                larger_than: Some(_),
                unused_for: None,
            } => Counted::less(Unsayable::Size),
            _ => Counted::less(Unsayable::SeveralConditions),
        }
    }

    fn older_than(&self, period: Period) -> Counted {
        match (self.class, self.rule.since) {
            (StorageClass::Archive, _) => Counted::less(Unsayable::ArchivedByPush),
            (_, Since::Latest) => Counted::less(Unsayable::Since),
            (_, Since::Push) => self.days(period, 1),
        }
    }

    /// So many whole days, and no fewer than `least`.
    fn days(&self, period: Period, least: u64) -> Counted {
        const DAY: u64 = 24 * 60 * 60;
        let seconds = u64::try_from(period.seconds()).unwrap_or(u64::MAX);
        let days = seconds.div_ceil(DAY).max(least);
        let is_exact = days.checked_mul(DAY) == Some(seconds);
        Counted {
            marks: Some(self.class.ages(days)),
            reasons: (!is_exact).then_some(Unsayable::RoundedUp).into_iter().collect(),
        }
    }

    fn beyond_newest(&self, most: u64) -> Counted {
        let rule = self.rule;
        let ranks_all = rule.rank_among == RankAmong::Fitting || self.is_first;
        let ranks_alike =
            rule.since == Since::Push && rule.group_by == GroupBy::Repository && rule.order == Order::Time;
        if self.class == StorageClass::Archive {
            return Counted::less(Unsayable::ArchivedByPush);
        }
        if !(ranks_all && ranks_alike) {
            return Counted::less(Unsayable::Ranking);
        }
        if most == 0 {
            return self.days(Period::hours(0), 1);
        }
        if self.selected.selections.iter().any(may_count_parts) {
            return Counted::less(Unsayable::CountsParts);
        }
        let ranks_archived = rule.matches.archived.is_none().then_some(Unsayable::RanksArchived);
        Counted {
            marks: Some(LifecycleCount::MoreThan(most)),
            reasons: ranks_archived.into_iter().collect(),
        }
    }
}

/// Whether AWS could count a child of an index by it, or what is attached to something.
fn may_count_parts(selects: &TagSelection) -> bool {
    match selects {
        TagSelection::Patterns(patterns) => patterns.iter().all(TagPattern::may_attach),
        TagSelection::Prefixes(_) | TagSelection::Untagged | TagSelection::Any => true,
    }
}

/// AWS refuses to delete what was archived less than so many days ago.
const SHORTEST_ARCHIVAL: u64 = 90;

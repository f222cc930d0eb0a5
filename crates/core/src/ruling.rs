//! A rule's word on an entry, with what it was measured against.
//!
//! A plan holds millions of rulings, so that one made here is a few numbers beside the terms of its rule, which all
//! entries of a repository share. Words are made of them when somebody reads them: for the JSON form, or for a person.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde::ser::SerializeMap as _;
use serde::{Deserialize, Serialize, Serializer};

use crate::policy::calendar::Granularity;
use crate::policy::{Conditions, NewestPer};

mod measure;

pub(crate) use measure::{Measure, Span, Unknown};

/// A rule's word on an entry, with what it was measured against.
///
/// Two are equal if they read alike.
#[derive(Clone, Deserialize)]
#[serde(from = "Written")]
pub struct Ruling(Basis);

#[derive(Clone)]
enum Basis {
    /// Made by an evaluation.
    Measured {
        terms: Arc<Terms>,
        shown: Shown,
        measures: Measures,
    },
    /// Read from a plan.
    Written(Arc<Written>),
}

/// A ruling in its JSON form.
#[derive(Default, Deserialize)]
struct Written {
    policy: String,
    rule: String,
    #[serde(default)]
    conditions: BTreeMap<String, Finding>,
}

/// One condition held against the facts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Finding {
    /// What the rule asks for: `30d`, `10`.
    pub limit: String,
    /// What was found: `42d`, `unknown: …`.
    pub found: String,
    /// Whether the condition holds; `None` where it cannot be decided, which counts as no.
    pub holds: Option<bool>,
}

/// What a rule asks for, and what is the same for all entries of a repository.
#[derive(Debug)]
pub(crate) struct Terms {
    policy: String,
    rule: String,
    alternatives: Vec<Conditions>,
    unless: Option<NewestPer>,
    pulls: Pulls,
}

/// How far back pull times are known in a repository.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Pulls {
    /// None are kept.
    Unknown,
    /// They reach back that far; `None`: nobody knows how far.
    Reach(Option<Span>),
}

/// What was found of one entry. What its rule does not ask for is of no meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Measures {
    /// How long ago the moment is that its age counts from; of an image on a server its last use.
    pub(crate) age: Measure,
    /// For how long it is in the archive.
    pub(crate) archived: Measure,
    /// How long ago it was last pulled, or arrived if it never was.
    pub(crate) idle: Measure,
    /// Whether it was ever pulled.
    pub(crate) pulled: bool,
    /// How many images of its group are newer.
    pub(crate) rank: Measure,
    /// The bytes of its blobs.
    pub(crate) size: u64,
}

/// Which conditions of a rule a ruling shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shown {
    /// None: the rule has none.
    Nothing,
    /// Those of the alternative that holds, by its place.
    Alternative(u32),
    /// Those of every alternative.
    All,
    /// The calendar bucket whose newest image it is.
    Newest(Granularity),
    /// Why nobody can tell whether it is the newest of a bucket.
    NewestUnknown(Unknown),
}

/// A condition of a policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Condition {
    ArchivedFor(Span),
    BeyondNewest(u64),
    LargerThan(u64),
    NewestPer,
    NotPulledFor(Span),
    OlderThan(Span),
    UnusedFor(Span),
}

impl Condition {
    /// The conditions of one alternative, in the order of their names.
    fn all_of(conditions: &Conditions) -> impl Iterator<Item = Self> {
        let rank = conditions.beyond_newest.map(Self::BeyondNewest);
        let size = conditions.larger_than.map(|size| Self::LargerThan(size.bytes()));
        let pulled = conditions.not_pulled_for.map(|limit| Self::NotPulledFor(limit.into()));
        let older = conditions.older_than.map(|limit| Self::OlderThan(limit.into()));
        let archived = conditions.archived_for.map(|limit| Self::ArchivedFor(limit.into()));
        let unused = conditions.unused_for.map(|limit| Self::UnusedFor(limit.into()));
        [archived, rank, size, pulled, older, unused].into_iter().flatten()
    }

    /// Its name in policies.
    fn name(self) -> &'static str {
        match self {
            Self::ArchivedFor(_) => "archived-for",
            Self::BeyondNewest(_) => "beyond-newest",
            Self::LargerThan(_) => "larger-than",
            Self::NewestPer => "newest-per",
            Self::NotPulledFor(_) => "not-pulled-for",
            Self::OlderThan(_) => "older-than",
            Self::UnusedFor(_) => "unused-for",
        }
    }
}

impl Terms {
    /// The terms of a rule that asks for `alternatives`.
    pub(crate) fn new(
        (policy, rule): (&str, &str),
        alternatives: &[Conditions],
        unless: Option<NewestPer>,
        pulls: Pulls,
    ) -> Self {
        Self {
            policy: policy.to_owned(),
            rule: rule.to_owned(),
            alternatives: alternatives.to_vec(),
            unless,
            pulls,
        }
    }

    /// The place of the first alternative of which every condition holds.
    pub(crate) fn first_holding(&self, measures: &Measures) -> Option<u32> {
        let holds = |conditions: &Conditions| {
            Condition::all_of(conditions).all(|condition| self.holds(condition, measures) == Ok(true))
        };
        let place = self.alternatives.iter().position(holds)?;
        u32::try_from(place).ok()
    }

    /// Whether a condition holds, or why nobody can tell.
    fn holds(&self, condition: Condition, measures: &Measures) -> Result<bool, Unknown> {
        Ok(match condition {
            Condition::ArchivedFor(limit) => match measures.archived.span() {
                Err(Unknown::NotArchived) => false,
                archived => archived? > limit,
            },
            Condition::BeyondNewest(limit) => measures.rank.get()? >= limit,
            Condition::LargerThan(limit) => measures.size > limit,
            Condition::NewestPer => true,
            Condition::OlderThan(limit) | Condition::UnusedFor(limit) => measures.age.span()? > limit,
            Condition::NotPulledFor(limit) => {
                self.pulls_reach(limit)?;
                measures.idle.span()? > limit
            }
        })
    }

    fn pulls_reach(&self, limit: Span) -> Result<(), Unknown> {
        match self.pulls {
            Pulls::Unknown => Err(Unknown::NoPullTimes),
            Pulls::Reach(Some(reach)) if reach >= limit => Ok(()),
            Pulls::Reach(_) => Err(Unknown::PullTimesTooShort),
        }
    }
}

/// One condition of a ruling, as far as it can be told without making words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Stated {
    name: &'static str,
    /// Counted from 1 where a ruling shows several; else 0.
    alternative: u32,
    condition: Condition,
}

impl Ruling {
    pub(crate) fn measured(terms: &Arc<Terms>, shown: Shown, measures: Measures) -> Self {
        Self(Basis::Measured {
            terms: Arc::clone(terms),
            shown,
            measures,
        })
    }

    /// A ruling in words.
    pub fn written(policy: &str, rule: &str, conditions: BTreeMap<String, Finding>) -> Self {
        Written {
            policy: policy.to_owned(),
            rule: rule.to_owned(),
            conditions,
        }
        .into()
    }

    /// The policy's name.
    pub fn policy(&self) -> &str {
        match &self.0 {
            Basis::Measured { terms, .. } => &terms.policy,
            Basis::Written(written) => &written.policy,
        }
    }

    /// The rule's name.
    pub fn rule(&self) -> &str {
        match &self.0 {
            Basis::Measured { terms, .. } => &terms.rule,
            Basis::Written(written) => &written.rule,
        }
    }

    /// The conditions in words, by their names in the policy. Those of a second alternative end in `#2`, and so on.
    pub fn conditions(&self) -> BTreeMap<String, Finding> {
        match &self.0 {
            Basis::Measured { terms, shown, measures } => stated(terms, *shown)
                .into_iter()
                .map(|stated| {
                    let shown = Words {
                        terms,
                        shown: *shown,
                        measures,
                        stated,
                    };
                    (shown.name().to_string(), shown.finding())
                })
                .collect(),
            Basis::Written(written) => written.conditions.clone(),
        }
    }

    /// For each condition the number of its alternative, and whether it holds. Makes no words.
    pub fn decided(&self) -> impl Iterator<Item = (u32, Option<bool>)> {
        let (measured, written) = match &self.0 {
            Basis::Measured { terms, shown, measures } => (Some((terms, shown, measures)), None),
            Basis::Written(written) => (None, Some(written)),
        };
        let measured = measured.into_iter().flat_map(|(terms, shown, measures)| {
            shown_conditions(terms, *shown).map(move |(alternative, condition)| {
                let words = Words {
                    terms,
                    shown: *shown,
                    measures,
                    stated: Stated {
                        name: "",
                        alternative,
                        condition,
                    },
                };
                (alternative, words.holds().ok())
            })
        });
        let written = written.into_iter().flat_map(|written| &written.conditions);
        measured.chain(written.map(|(name, finding)| (alternative_of(name), finding.holds)))
    }
}

/// The number behind the `#`. What is no number there counts as an alternative of its own.
fn alternative_of(name: &str) -> u32 {
    match name.split_once('#') {
        Some((_, number)) => number.parse().unwrap_or(u32::MAX),
        None => 0,
    }
}

/// The conditions that a ruling shows, each with the number of its alternative, in no particular order.
fn shown_conditions(terms: &Terms, shown: Shown) -> impl Iterator<Item = (u32, Condition)> {
    let range = match shown {
        Shown::Alternative(place) => place as usize..place as usize + 1,
        Shown::All => 0..terms.alternatives.len(),
        Shown::Nothing | Shown::Newest(_) | Shown::NewestUnknown(_) => 0..0,
    };
    let numbered = matches!(shown, Shown::All);
    let alternatives = terms.alternatives.get(range).unwrap_or_default();
    let rules = (1..).zip(alternatives).flat_map(move |(number, conditions)| {
        Condition::all_of(conditions).map(move |condition| (if numbered { number } else { 0 }, condition))
    });
    let newest = matches!(shown, Shown::Newest(_) | Shown::NewestUnknown(_));
    rules.chain(newest.then_some((0, Condition::NewestPer)))
}

/// The conditions that a ruling shows, in the order of their names.
fn stated(terms: &Terms, shown: Shown) -> Vec<Stated> {
    let mut stated: Vec<Stated> = shown_conditions(terms, shown)
        .map(|(alternative, condition)| Stated {
            name: condition.name(),
            alternative,
            condition,
        })
        .collect();
    // `older-than#10` comes before `older-than#2`.
    stated.sort_by(|a, b| {
        let number = |stated: &Stated| {
            if stated.alternative > 1 {
                stated.alternative.to_string()
            } else {
                String::new()
            }
        };
        a.name.cmp(b.name).then_with(|| number(a).cmp(&number(b)))
    });
    stated
}

/// Makes words of a condition.
struct Words<'r> {
    terms: &'r Terms,
    shown: Shown,
    measures: &'r Measures,
    stated: Stated,
}

/// What a condition is called, what it asks for, what was found.
enum Part<'w, 'r> {
    Name(&'w Words<'r>),
    Limit(&'w Words<'r>),
    Found(&'w Words<'r>),
}

impl<'r> Words<'r> {
    fn name(&self) -> Part<'_, 'r> {
        Part::Name(self)
    }

    fn finding(&self) -> Finding {
        Finding {
            limit: Part::Limit(self).to_string(),
            found: Part::Found(self).to_string(),
            holds: self.holds().ok(),
        }
    }

    fn holds(&self) -> Result<bool, Unknown> {
        match self.shown {
            Shown::NewestUnknown(why) => Err(why),
            _ => self.terms.holds(self.stated.condition, self.measures),
        }
    }

    fn write_found(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Err(why) = self.holds() {
            return write!(f, "unknown: {why}");
        }
        let age = |measure: Measure| measure.span().unwrap_or_default();
        match (self.stated.condition, self.shown) {
            (Condition::ArchivedFor(_), _) => match self.measures.archived.span() {
                Ok(span) => write!(f, "archived {span} ago"),
                Err(why) => write!(f, "{why}"),
            },
            (Condition::BeyondNewest(_), _) => write!(f, "{} newer", self.measures.rank.get().unwrap_or_default()),
            (Condition::LargerThan(_), _) => write!(f, "{}", self.measures.size),
            (Condition::OlderThan(_) | Condition::UnusedFor(_), _) => write!(f, "{}", age(self.measures.age)),
            (Condition::NotPulledFor(_), _) => {
                let what = if self.measures.pulled {
                    "pulled"
                } else {
                    "never pulled, arrived"
                };
                write!(f, "{what} {} ago", age(self.measures.idle))
            }
            (Condition::NewestPer, Shown::Newest(granularity)) => write!(f, "the newest of its {granularity}"),
            (Condition::NewestPer, _) => Ok(()),
        }
    }

    fn write_limit(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.stated.condition {
            Condition::BeyondNewest(limit) | Condition::LargerThan(limit) => write!(f, "{limit}"),
            Condition::OlderThan(limit)
            | Condition::UnusedFor(limit)
            | Condition::NotPulledFor(limit)
            | Condition::ArchivedFor(limit) => limit.write_limit(f),
            Condition::NewestPer => write_buckets(self.terms.unless.as_ref(), f),
        }
    }
}

impl fmt::Display for Part<'_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(words) if words.stated.alternative > 1 => {
                write!(f, "{}#{}", words.stated.name, words.stated.alternative)
            }
            Self::Name(words) => f.write_str(words.stated.name),
            Self::Limit(words) => words.write_limit(f),
            Self::Found(words) => words.write_found(f),
        }
    }
}

impl Serialize for Part<'_, '_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// `day 7, week 4`.
fn write_buckets(unless: Option<&NewestPer>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let buckets = unless.map(NewestPer::buckets).into_iter().flatten();
    for (position, (granularity, count)) in buckets.filter(|(_, count)| *count > 0).enumerate() {
        let comma = if position > 0 { ", " } else { "" };
        write!(f, "{comma}{granularity} {count}")?;
    }
    Ok(())
}

// ---- The JSON form, the same for both.

#[derive(Serialize)]
struct Form<'r> {
    policy: &'r str,
    rule: &'r str,
    conditions: ConditionsForm<'r>,
}

struct ConditionsForm<'r>(&'r Ruling);

#[derive(Serialize)]
struct FindingForm<'w, 'r> {
    limit: Part<'w, 'r>,
    found: Part<'w, 'r>,
    holds: Option<bool>,
}

impl Serialize for Ruling {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Form {
            policy: self.policy(),
            rule: self.rule(),
            conditions: ConditionsForm(self),
        }
        .serialize(serializer)
    }
}

impl Serialize for ConditionsForm<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (terms, shown, measures) = match &self.0.0 {
            Basis::Measured { terms, shown, measures } => (terms, *shown, measures),
            Basis::Written(written) => return written.conditions.serialize(serializer),
        };
        let stated = stated(terms, shown);
        let mut map = serializer.serialize_map(Some(stated.len()))?;
        for stated in stated {
            let words = Words {
                terms,
                shown,
                measures,
                stated,
            };
            let finding = FindingForm {
                limit: Part::Limit(&words),
                found: Part::Found(&words),
                holds: words.holds().ok(),
            };
            map.serialize_entry(&words.name(), &finding)?;
        }
        map.end()
    }
}

impl From<Written> for Ruling {
    fn from(written: Written) -> Self {
        Self(Basis::Written(Arc::new(written)))
    }
}

impl PartialEq for Ruling {
    fn eq(&self, other: &Self) -> bool {
        (self.policy(), self.rule()) == (other.policy(), other.rule()) && self.conditions() == other.conditions()
    }
}

impl fmt::Debug for Ruling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("Ruling");
        debug.field("policy", &self.policy()).field("rule", &self.rule());
        debug.field("conditions", &self.conditions()).finish()
    }
}

#[cfg(test)]
mod tests;

//! What users want: policies, their rules, and what these speak of.
//!
//! Everything here is checked when it is read and cannot be wrong later. Nothing here looks at a registry, and
//! nothing decides: [`crate::evaluate`] does.

mod branch;
pub mod calendar;
pub mod cases;
mod glob;
mod group;
mod image_tags;
mod matching;
mod pattern;
mod period;
mod plain;
pub(crate) mod read;
mod size;
mod standard;
pub mod version;

pub use branch::BranchPatterns;
pub use glob::{InvalidGlob, NameGlobs, TagPatterns};
pub use group::{GroupBy, GroupRegex, InvalidGroupRegex};
pub use image_tags::ImageTags;
pub use matching::{Candidate, Match};
pub use period::{InvalidPeriod, Period};
pub use size::{ByteSize, InvalidSize};
pub use standard::{STANDARD_YAML, standard};

pub(crate) use matching::LabelPattern;
use matching::Need;
pub(crate) use plain::spell_out;

use crate::lifecycle::{LifecycleAction, LifecyclePolicy};
use crate::model::{Kind, RegistryHost, RepositoryName};

/// A policy: the rules for some repositories. The first policy that covers a repository governs it.
#[derive(Debug, Clone, PartialEq)]
pub struct Policy {
    /// Its name, unique in its file; `policy 2` if it was given none.
    pub name: String,
    /// The repositories it covers, by name.
    pub repositories: NameGlobs,
    /// The registries it covers, by host.
    pub registries: NameGlobs,
    /// Whether expired tags are also taken off images that stay.
    pub untag: bool,
    /// Whether its rules archive also where that saves nothing.
    pub archive_anyway: bool,
    /// What judges.
    pub rules: Rules,
    /// The line it begins on.
    pub line: u32,
}

impl Policy {
    /// Whether any of its rules archives.
    pub fn archives(&self) -> bool {
        match &self.rules {
            Rules::Own(rules) => rules.iter().any(Rule::archives),
            Rules::Ecr(policy) => policy
                .rules()
                .iter()
                .any(|rule| rule.action == LifecycleAction::Transition),
        }
    }

    /// Whether any of its rules speaks of what only manifests and configs say: labels, annotations, platforms.
    pub fn looks_inside(&self) -> bool {
        let looks = |rule: &Rule| rule.matches.looks_inside() || matches!(rule.group_by, GroupBy::Label(_));
        self.rules.own().iter().any(looks)
    }

    /// Whether this policy covers that repository.
    pub fn covers(&self, registry: &RegistryHost, repository: &RepositoryName) -> bool {
        self.registries.fits(registry.as_str()) && self.repositories.fits(repository.as_str())
    }
}

/// What judges the entries of a policy.
#[derive(Debug, Clone, PartialEq)]
pub enum Rules {
    /// Rules of jettison, tried in order; the first that fits an entry governs it.
    Own(Vec<Rule>),
    /// A lifecycle policy of Amazon ECR: what it would do to an image is the verdict on all entries of that image.
    Ecr(LifecyclePolicy),
}

impl Rules {
    /// The rules of jettison; none where ECR's judge.
    pub fn own(&self) -> &[Rule] {
        match self {
            Self::Own(rules) => rules,
            Self::Ecr(_) => &[],
        }
    }

    /// The same, to be changed.
    pub(crate) fn own_mut(&mut self) -> &mut [Rule] {
        match self {
            Self::Own(rules) => rules,
            Self::Ecr(_) => &mut [],
        }
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        match self {
            Self::Own(rules) => rules.len(),
            Self::Ecr(policy) => policy.rules().len(),
        }
    }

    /// The names of those that expire or archive anything, in their order.
    pub(crate) fn expiring(&self) -> Vec<String> {
        match self {
            Self::Own(rules) => {
                let expiring = rules.iter().filter(|rule| matches!(rule.verb, Verb::Expire(_)));
                expiring.map(|rule| rule.name.clone()).collect()
            }
            Self::Ecr(policy) => policy.rules().iter().map(|rule| rule.name()).collect(),
        }
    }

    /// What the rule of that name does with what it expires: the outer `None` if no rule has that name, the inner if it
    /// expires nothing.
    pub fn action(&self, name: &str) -> Option<Option<RuleAction>> {
        match self {
            Self::Own(rules) => {
                let rule = rules.iter().find(|rule| rule.name == name)?;
                Some(matches!(rule.verb, Verb::Expire(_)).then_some(rule.action))
            }
            Self::Ecr(policy) => {
                let rule = policy.rules().iter().find(|rule| rule.name() == name)?;
                Some(Some(rule.action.into()))
            }
        }
    }
}

impl From<LifecycleAction> for RuleAction {
    fn from(action: LifecycleAction) -> Self {
        match action {
            LifecycleAction::Expire => Self::Delete,
            LifecycleAction::Transition => Self::Archive,
        }
    }
}

/// A rule: what it speaks of, and what shall become of that.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    /// Its name, unique in its policy; `rule 3` if it was given none.
    pub name: String,
    /// What it speaks of.
    pub matches: Match,
    /// What shall become of that.
    pub verb: Verb,
    /// What is done with what expires. Of no meaning for a rule that keeps.
    pub action: RuleAction,
    /// Since when things are as they are.
    pub since: Since,
    /// Among which entries it ranks.
    pub group_by: GroupBy,
    /// What takes part in the ranking.
    pub rank_among: RankAmong,
    /// What it ranks by.
    pub order: Order,
    /// What stays whatever `expire` says.
    pub unless: Option<NewestPer>,
    /// The line it begins on.
    pub line: u32,
}

impl Rule {
    /// Whether this rule speaks of an entry.
    ///
    /// Where an entry has several tags (an orphan) or platforms, a rule that keeps fits if any of them does, and one
    /// that expires only if all do. An entry of no known platform fits no `platforms`.
    pub fn fits(&self, candidate: &Candidate<'_>) -> bool {
        let need = match self.verb {
            Verb::KeepAlways => Need::Any,
            Verb::Expire(_) => Need::All,
        };
        self.speaks_of(candidate.kind) && self.matches.fits(candidate, need)
    }

    fn alternatives(&self) -> &[Conditions] {
        match &self.verb {
            Verb::KeepAlways => &[],
            Verb::Expire(alternatives) => alternatives,
        }
    }

    /// Whether it asks for the rank of an entry.
    pub(crate) fn ranks(&self) -> bool {
        let mut alternatives = self.alternatives().iter();
        self.unless.is_some() || alternatives.any(|conditions| conditions.beyond_newest.is_some())
    }

    /// Whether it asks how long ago something was.
    pub(crate) fn asks_for_time(&self) -> bool {
        let asks = |conditions: &Conditions| conditions.older_than.is_some() || conditions.not_pulled_for.is_some();
        self.alternatives().iter().any(asks)
    }

    /// Whether what it expires is archived.
    pub(crate) fn archives(&self) -> bool {
        matches!(self.verb, Verb::Expire(_)) && self.action == RuleAction::Archive
    }

    /// A rule speaks of images unless it names other kinds; `keep: always` speaks of all.
    pub(crate) fn speaks_of(&self, kind: Kind) -> bool {
        match (&self.matches.kinds, &self.verb) {
            (Some(kinds), _) => kinds.contains(&kind),
            (None, Verb::KeepAlways) => true,
            (None, Verb::Expire(_)) => kind == Kind::Image,
        }
    }

    /// Whether no entry that fits `later` can get past this rule, as can be seen without knowing any.
    pub(crate) fn shadows(&self, later: &Self) -> bool {
        let kinds = Kind::ALL
            .into_iter()
            .all(|kind| self.speaks_of(kind) || !later.speaks_of(kind));
        // An expiring rule wants all of several tags or platforms where a keeping one takes any of them.
        let need = matches!(self.verb, Verb::KeepAlways) || matches!(later.verb, Verb::Expire(_));
        kinds && (need || !self.matches.looks_at_several()) && self.matches.includes(&later.matches)
    }
}

/// What shall become of the entries that a rule governs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verb {
    /// They stay.
    KeepAlways,
    /// They expire where all conditions of any of these hold. Never empty.
    Expire(Vec<Conditions>),
}

/// What is done with what a rule expires.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum RuleAction {
    /// It is moved to a cheaper storage from which it cannot be pulled, and can be brought back.
    Archive,
    /// It is deleted.
    #[default]
    Delete,
}

/// Conditions that must all hold. At least one is given.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Conditions {
    /// It is in the archive for longer than that.
    pub archived_for: Option<Period>,
    /// The age is more than that.
    pub older_than: Option<Period>,
    /// Nobody has used the image for longer than that; only of images on servers.
    pub unused_for: Option<Period>,
    /// Nobody has pulled the image for longer than that.
    pub not_pulled_for: Option<Period>,
    /// That many distinct images of the group are newer; 0 means all.
    pub beyond_newest: Option<u64>,
    /// The blobs of the root and its children hold more.
    pub larger_than: Option<ByteSize>,
}

/// What ages, ranks and the time without a pull count from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Since {
    /// The latest of the arrival of the image, the moment when its tag was set, and that when it lost its last one; for
    /// ages the first sight where none is known.
    #[default]
    Latest,
    /// The arrival of the image alone.
    Push,
}

/// Among which entries a rule ranks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum RankAmong {
    /// Those that it governs.
    #[default]
    Governed,
    /// All that its match fits, those included that rules before it govern.
    Fitting,
}

/// What images of a group are ranked by.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Order {
    /// Their time in the group.
    #[default]
    Time,
    /// Their version; tags that are no version are neither ranked nor counted.
    Semver,
}

/// Of how many of the last calendar buckets that hold an image the newest one stays. 0: not asked for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct NewestPer {
    /// Days.
    pub day: u64,
    /// ISO weeks.
    pub week: u64,
    /// Months.
    pub month: u64,
    /// Years.
    pub year: u64,
}

impl NewestPer {
    /// Each granularity with the number of its buckets, the finest first.
    pub fn buckets(&self) -> [(calendar::Granularity, u64); 4] {
        use calendar::Granularity::{Day, Month, Week, Year};
        [
            (Day, self.day),
            (Week, self.week),
            (Month, self.month),
            (Year, self.year),
        ]
    }
}

#[cfg(test)]
mod tests;

//! Conditions that the facts can never decide, and periods that say nothing.

use super::look::{Room, Seen};
use super::rules::Named;
use super::tally::Tally;
use super::{Code, ENOUGH, Finding};
use crate::config::Severity;
use crate::evaluate::given;
use crate::facts::Facts;
use crate::model::Repository;
use crate::policy::version::Version;
use crate::policy::{Order, Period, Since, Verb};

/// The conditions of one rule, and the entries for which they cannot be decided.
pub(super) struct Conditions<'f> {
    facts: &'f Facts<'f>,
    named: Named<'f>,
    asked: Asked,
    entries: u64,
    without_pulls: Tally,
    with_few_pulls: Tally,
    /// Neither a time nor a first sight.
    ageless: Tally,
    timeless: Tally,
    unversioned: Tally,
}

/// What a rule asks for, over all its alternatives.
#[derive(Clone, Copy, Default)]
struct Asked {
    shortest_age: Option<Period>,
    longest_without_pull: Option<Period>,
    rank: bool,
    version: bool,
}

impl Asked {
    fn by(named: Named<'_>) -> Self {
        let rule = named.rule.1;
        let Verb::Expire(alternatives) = &rule.verb else {
            return Self::default();
        };
        let periods = |of: fn(&crate::policy::Conditions) -> Option<Period>| {
            let mut periods: Vec<Period> = alternatives.iter().filter_map(of).collect();
            periods.sort_by_key(|period| period.seconds());
            periods
        };
        let rank = alternatives.iter().any(|conditions| conditions.beyond_newest.is_some());
        Self {
            shortest_age: periods(|conditions| conditions.older_than).first().copied(),
            longest_without_pull: periods(|conditions| conditions.not_pulled_for).last().copied(),
            rank,
            version: rank && rule.order == Order::Semver,
        }
    }
}

impl<'f> Conditions<'f> {
    pub(super) fn new(facts: &'f Facts<'f>, named: Named<'f>) -> Self {
        Self {
            facts,
            named,
            asked: Asked::by(named),
            entries: 0,
            without_pulls: Tally::default(),
            with_few_pulls: Tally::default(),
            ageless: Tally::default(),
            timeless: Tally::default(),
            unversioned: Tally::default(),
        }
    }

    /// The entries that the rule governs in one repository.
    pub(super) fn look(&mut self, room: &Room<'_>, entries: &[Seen<'_>]) {
        self.entries += entries.len() as u64;
        if let Some(period) = self.asked.longest_without_pull {
            if room.repository.capabilities.pull_time != Some(true) {
                self.without_pulls.add(room, entries);
            } else if !self.pulls_cover(room.repository, period) {
                self.with_few_pulls.add(room, entries);
            }
        }
        let of = |wanted: bool, lacks: &dyn Fn(&Seen<'_>) -> bool| -> Vec<Seen<'_>> {
            entries.iter().copied().filter(|entry| wanted && lacks(entry)).collect()
        };
        let since = self.named.rule.1.since;
        let timed = room.timed(since, self.facts.now);
        let timeless = |entry: &Seen<'_>| !timed(entry);
        let seen = |entry: &Seen<'_>| since == Since::Latest && given(entry.manifest.first_seen_at).is_some();
        let ageless = |entry: &Seen<'_>| timeless(entry) && !seen(entry);
        let unversioned = |entry: &Seen<'_>| entry.tag.is_none_or(|tag| Version::parse(tag.as_str()).is_none());
        self.timeless.add(room, &of(self.asked.rank, &timeless));
        self.ageless.add(room, &of(self.asked.shortest_age.is_some(), &ageless));
        self.unversioned.add(room, &of(self.asked.version, &unversioned));
    }

    fn pulls_cover(&self, repository: &Repository, period: Period) -> bool {
        given(repository.pull_data_since)
            .is_some_and(|since| self.facts.now.as_second() - since.as_second() >= period.seconds())
    }

    /// `governs`: how many entries the rule governs.
    pub(super) fn findings(&self, governs: u64) -> Vec<Finding> {
        let found = [
            self.pulls(),
            self.few_pulls(),
            self.ages(),
            self.ranks(),
            self.versions(),
        ];
        let mut findings: Vec<Finding> = found.into_iter().flatten().collect();
        findings.extend(self.within_grace(governs));
        findings
    }

    fn undecided(&self, code: Code, severity: Severity, tally: &Tally) -> Finding {
        Finding {
            count: tally.count,
            examples: tally.examples(),
            ..self.named.finding(code, severity, "expire")
        }
    }

    fn pulls(&self) -> Option<Finding> {
        let period = self.asked.longest_without_pull?;
        (self.without_pulls.count > 0).then(|| Finding {
            message: format!(
                "`not-pulled-for: {period}` never holds for {}: no pull times are known there",
                self.without_pulls.entries()
            ),
            hint: "unknown is never a reason to delete: use `older-than` or `beyond-newest` there".to_owned(),
            ..self.undecided(Code::NoPullData, Severity::Warning, &self.without_pulls)
        })
    }

    fn few_pulls(&self) -> Option<Finding> {
        let period = self.asked.longest_without_pull?;
        (self.with_few_pulls.count > 0).then(|| Finding {
            message: format!(
                "`not-pulled-for: {period}` does not hold yet for {}: pull times do not reach back that far",
                self.with_few_pulls.entries()
            ),
            hint: format!("nothing goes by it until they cover {period}"),
            ..self.undecided(Code::ShortPullData, Severity::Note, &self.with_few_pulls)
        })
    }

    /// Whether so many of the entries are most of them, and enough to speak of.
    fn are_most(&self, tally: &Tally) -> bool {
        tally.count >= ENOUGH && tally.count > self.entries / 2
    }

    fn ages(&self) -> Option<Finding> {
        let period = self.asked.shortest_age?;
        let (unknown, hint) = match self.named.rule.1.since {
            Since::Latest => (
                "neither a time nor a first sight is known",
                "scan from a state folder that is kept: age then counts from the first sight",
            ),
            Since::Push => (
                "no time of a push is known",
                "leave out `since: push`: age then counts from the first sight",
            ),
        };
        self.are_most(&self.ageless).then(|| Finding {
            message: format!(
                "`older-than: {period}` never holds for {}: {unknown}",
                self.ageless.entries()
            ),
            hint: hint.to_owned(),
            ..self.undecided(Code::UnknownTime, Severity::Warning, &self.ageless)
        })
    }

    fn ranks(&self) -> Option<Finding> {
        self.are_most(&self.timeless).then(|| Finding {
            message: format!(
                "`beyond-newest` never holds for {}: they have no known time",
                self.timeless.entries()
            ),
            hint: "the registry tells no push times, and their build dates are no real ones: use `older-than`, which falls back on the first sight".to_owned(),
            ..self.undecided(Code::UnknownTime, Severity::Warning, &self.timeless)
        })
    }

    fn versions(&self) -> Option<Finding> {
        self.are_most(&self.unversioned).then(|| Finding {
            message: format!(
                "`order: semver` ranks few: {} have no version for a tag",
                self.unversioned.entries()
            ),
            hint: "what is no version is neither ranked nor counted: match the versions only, or order by time"
                .to_owned(),
            count: self.unversioned.count,
            examples: self.unversioned.examples(),
            ..self.named.finding(Code::FewVersions, Severity::Warning, "order")
        })
    }

    /// Everything younger than `grace` is held anyway.
    fn within_grace(&self, governs: u64) -> Option<Finding> {
        let (period, grace) = (self.asked.shortest_age?, self.facts.config.grace);
        (period.seconds() < grace.seconds()).then(|| Finding {
            count: governs,
            message: format!("`older-than: {period}` is shorter than `grace`, which holds everything for {grace}"),
            hint: format!("nothing goes before {grace}: write that here, or a shorter `grace`"),
            ..self.named.finding(Code::WithinGrace, Severity::Note, "expire")
        })
    }
}

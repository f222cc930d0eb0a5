//! Which policy governs which repository, and what its rules make of it.

use std::collections::BTreeMap;

use super::look::{Room, Seen};
use super::money::{Archive, Growth, Piling};
use super::rules::Rules;
use super::tally::Tally;
use super::{Code, Finding, is_narrow};
use crate::config::{Severity, Site};
use crate::facts::Facts;
use crate::model::Kind;
use crate::policy::{self, Policy};
use crate::words::{count, number};

/// The policies in force.
pub(super) struct Policies<'f> {
    facts: &'f Facts<'f>,
    policies: Vec<Governing<'f>>,
    repositories: u64,
    uncovered: Tally,
    uncovered_entries: u64,
    /// What grows where no policy covers it.
    growth: Growth<'f>,
}

/// One policy and what it governs.
struct Governing<'f> {
    policy: &'f Policy,
    /// How many repositories policies before it govern that it covers too.
    governed_before: BTreeMap<usize, u64>,
    before: Tally,
    governs: u64,
    unreached: BTreeMap<Kind, Unreached>,
    piling: Piling,
    /// What grows where no rule fits.
    growth: Growth<'f>,
    archive: Archive,
    rules: Rules<'f>,
}

/// Entries of one kind that no rule fits.
#[derive(Default)]
struct Unreached {
    tally: Tally,
    has_tagged: bool,
}

impl<'f> Policies<'f> {
    pub(super) fn new(facts: &'f Facts<'f>) -> Self {
        let policies = facts.config.policies().iter().enumerate();
        let policies = policies.map(|(position, policy)| Governing {
            policy,
            governed_before: BTreeMap::new(),
            before: Tally::default(),
            governs: 0,
            unreached: BTreeMap::new(),
            piling: Piling::default(),
            growth: Growth::new(facts, None),
            archive: Archive::default(),
            rules: Rules::new(facts, (position, policy)),
        });
        Self {
            facts,
            policies: policies.collect(),
            repositories: 0,
            uncovered: Tally::default(),
            uncovered_entries: 0,
            growth: Growth::new(facts, None),
        }
    }

    pub(super) fn look(&mut self, room: &Room<'_>) {
        self.repositories += 1;
        let repository = room.repository;
        let mut governing = None;
        for (position, candidate) in self.policies.iter_mut().enumerate() {
            if !candidate.policy.covers(&repository.registry, &repository.name) {
                continue;
            }
            match governing {
                None => governing = Some(position),
                Some(earlier) if candidate.governs == 0 => {
                    *candidate.governed_before.entry(earlier).or_default() += 1;
                    candidate.before.add_place(1, room.name());
                }
                Some(_) => {}
            }
        }
        match governing {
            Some(position) => self.policies[position].look(room, self.facts),
            None => {
                self.uncovered.add_place(1, room.name());
                self.uncovered_entries += room.entries.len() as u64;
                self.growth.look(room, &room.entries);
            }
        }
    }

    pub(super) fn findings(&self) -> Vec<Finding> {
        let mut findings = Vec::new();
        for (position, governing) in self.policies.iter().enumerate() {
            findings.extend(self.of_policy(position, governing));
            findings.extend(governing.unreached(position));
            findings.extend(governing.money(position));
            findings.extend(governing.rules.findings());
        }
        findings.extend(self.uncovered());
        findings.extend(self.growth.finding("no policy covers them", true));
        findings
    }

    /// A policy that governs nothing, if all was read that it could govern.
    fn of_policy(&self, position: usize, governing: &Governing<'_>) -> Option<Finding> {
        let is_certain = self.facts.inventory.gaps().is_empty() && self.repositories > 0;
        if !is_certain || governing.governs > 0 {
            return None;
        }
        let name = &governing.policy.name;
        let finding = Finding {
            policy: Some(name.clone()),
            site: Some(Site::Policy(position)),
            ..Finding::new(Code::UnusedPolicy, Severity::Warning)
        };
        let covers = governing.before.places();
        Some(if covers == 0 {
            let read = count(self.repositories, "repository");
            Finding {
                severity: if is_narrow(self.facts) {
                    Severity::Note
                } else {
                    Severity::Warning
                },
                message: format!("policy `{name}` covers nothing that was read ({read})"),
                hint: "look for a misspelt glob: `*` does not cross `/`, and `apps/**` does not fit `apps`".to_owned(),
                ..finding
            }
        } else {
            let before = listed(&governing.governed_before, |earlier| {
                &self.policies[earlier].policy.name
            });
            Finding {
                code: Code::ShadowedPolicy,
                count: covers,
                examples: governing.before.place_examples(),
                message: format!(
                    "policy `{name}` never applies: others before it govern all {} that it covers: {before}",
                    count(covers, "repository")
                ),
                hint: "the first policy that covers a repository governs it: put this one first, or remove it"
                    .to_owned(),
                ..finding
            }
        })
    }

    fn uncovered(&self) -> Option<Finding> {
        let repositories = self.uncovered.count;
        (repositories > 0).then(|| Finding {
            count: repositories,
            examples: self.uncovered.place_examples(),
            message: format!(
                "no policy covers {} with {}: everything in there stays",
                count(repositories, "repository"),
                count(self.uncovered_entries, "entry")
            ),
            hint: "to say that this is meant, end with a policy for `**` with the rule `match: {}`, `keep: always`"
                .to_owned(),
            ..Finding::new(Code::UncoveredRepository, Severity::Note)
        })
    }
}

impl Governing<'_> {
    fn look(&mut self, room: &Room<'_>, facts: &Facts<'_>) {
        self.governs += 1;
        self.archive.look(room, facts);
        if matches!(self.policy.rules, policy::Rules::Ecr(_)) {
            // What becomes of a lifecycle policy here, `jettison ecr lint` says.
            return;
        }
        let mut by_kind: BTreeMap<Kind, Vec<Seen<'_>>> = BTreeMap::new();
        let unreached = self.rules.look(room);
        self.piling.look(room, &unreached);
        self.growth.look(room, &unreached);
        for entry in unreached {
            by_kind.entry(entry.kind).or_default().push(entry);
        }
        for (kind, entries) in by_kind {
            let unreached = self.unreached.entry(kind).or_default();
            unreached.tally.add(room, &entries);
            unreached.has_tagged |= entries.iter().any(|entry| entry.tag.is_some());
        }
    }

    /// Where money is wasted for want of a rule, or by archiving in vain.
    fn money(&self, position: usize) -> impl Iterator<Item = Finding> {
        let name = &self.policy.name;
        let growing = self
            .growth
            .finding(&format!("no rule of policy `{name}` fits them"), true);
        let growing = growing.map(|finding| Finding {
            policy: Some(name.clone()),
            site: Some(Site::Policy(position)),
            ..finding
        });
        let piling = self.piling.finding((position, name));
        let archive = self.archive.finding((position, self.policy));
        [piling, growing, archive].into_iter().flatten()
    }

    /// What no rule fits stays: of images that is hardly meant where the rules speak of images at all.
    fn unreached(&self, position: usize) -> impl Iterator<Item = Finding> {
        let speaks_of_images = self.policy.rules.own().iter().any(|rule| rule.speaks_of(Kind::Image));
        self.unreached.iter().map(move |(kind, unreached)| {
            let severity = match kind {
                Kind::Image if speaks_of_images => Severity::Warning,
                _ => Severity::Note,
            };
            let untagged = if unreached.has_tagged {
                ""
            } else {
                ", all without a tag"
            };
            Finding {
                policy: Some(self.policy.name.clone()),
                site: Some(Site::Policy(position)),
                count: unreached.tally.count,
                examples: unreached.tally.examples(),
                message: format!(
                    "no rule of policy `{}` reaches {} of the kind `{kind}` {}{untagged}: {}",
                    self.policy.name,
                    count(unreached.tally.count, "entry"),
                    unreached.tally.whereabouts(),
                    if unreached.tally.count == 1 {
                        "it stays"
                    } else {
                        "they stay"
                    },
                ),
                hint: advice(*kind, unreached.has_tagged),
                ..Finding::new(Code::Unreached, severity)
            }
        })
    }
}

fn advice(kind: Kind, has_tagged: bool) -> String {
    let matching = match (kind, has_tagged) {
        (Kind::Image, true) => {
            return "end with a rule for the rest, `match: {}`; with `keep: always` if it shall stay".to_owned();
        }
        (Kind::Image, false) => "`match: { untagged: true }`".to_owned(),
        (kind, _) => format!("`match: {{ kinds: [{kind}] }}`"),
    };
    let images = if kind == Kind::Image {
        ""
    } else {
        "a rule speaks of images unless it names other kinds: "
    };
    format!("{images}add a rule with {matching}; with `keep: always` if they shall stay")
}

/// `` `a` (10) and `b` (2) ``, those that govern most first, at most three.
pub(super) fn listed<'n>(counts: &BTreeMap<usize, u64>, name: impl Fn(usize) -> &'n String) -> String {
    let mut counts: Vec<(usize, u64)> = counts.iter().map(|(position, count)| (*position, *count)).collect();
    counts.sort_by_key(|(position, count)| (std::cmp::Reverse(*count), *position));
    let rest = counts.len().saturating_sub(3);
    let shown = counts
        .iter()
        .take(3)
        .map(|(position, count)| format!("`{}` ({})", name(*position), number(*count)));
    let shown = shown.collect::<Vec<_>>().join(", ");
    if rest == 0 {
        shown
    } else {
        format!("{shown} and {rest} more")
    }
}

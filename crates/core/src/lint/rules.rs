//! Which rule governs which entry: rules that fit nothing, and rules that others are always before.

use std::collections::BTreeMap;

use super::conditions::Conditions;
use super::groups::Groups;
use super::look::{Room, Seen};
use super::money::{Caches, Growth, keeps_the_newest};
use super::policies::listed;
use super::{Code, Finding};
use crate::config::{Severity, Site};
use crate::facts::Facts;
use crate::policy::{Policy, Rule, Verb};
use crate::words::count;

/// What to do about an idle rule of the built-in policy.
const HARMLESS: &str = "it does no harm; a policy of your own can leave it out";

/// The rules of one policy.
pub(super) struct Rules<'f> {
    facts: &'f Facts<'f>,
    position: usize,
    policy: &'f Policy,
    repositories: u64,
    entries: u64,
    /// All repositories that the policy governs were read.
    is_whole: bool,
    asks_for_platforms: bool,
    /// Caches among the images that no rule fits, or one that keeps the newest.
    caches: Caches,
    rules: Vec<Ruling<'f>>,
}

/// One rule and what it governs.
struct Ruling<'f> {
    rule: &'f Rule,
    governs: u64,
    /// As long as it governs nothing: how many entries that it fits are governed by which rule before it.
    governed_before: BTreeMap<usize, u64>,
    examples: Vec<String>,
    conditions: Conditions<'f>,
    groups: Groups<'f>,
    growth: Growth<'f>,
}

/// A rule, its place, and the policy it stands in.
#[derive(Clone, Copy)]
pub(super) struct Named<'f> {
    pub(super) policy: (usize, &'f Policy),
    pub(super) rule: (usize, &'f Rule),
}

impl<'f> Rules<'f> {
    pub(super) fn new(facts: &'f Facts<'f>, policy: (usize, &'f Policy)) -> Self {
        let rules = policy.1.rules.own().iter().enumerate().map(|rule| Ruling {
            rule: rule.1,
            governs: 0,
            governed_before: BTreeMap::new(),
            examples: Vec::new(),
            conditions: Conditions::new(facts, Named { policy, rule }),
            groups: Groups::new(Named { policy, rule }),
            growth: Growth::new(facts, Some(rule.1)),
        });
        Self {
            facts,
            position: policy.0,
            policy: policy.1,
            repositories: 0,
            entries: 0,
            is_whole: true,
            asks_for_platforms: policy.1.rules.own().iter().any(|rule| rule.matches.platforms.is_some()),
            caches: Caches::new(facts),
            rules: rules.collect(),
        }
    }

    /// Sorts the entries of a repository by the rule that governs them; returns those that no rule fits.
    pub(super) fn look<'e>(&mut self, room: &Room<'e>) -> Vec<Seen<'e>> {
        self.repositories += 1;
        self.entries += room.entries.len() as u64;
        self.is_whole &= room.is_whole;
        let mut governed: Vec<Vec<Seen<'e>>> = vec![Vec::new(); self.rules.len()];
        let mut unreached = Vec::new();
        for entry in &room.entries {
            match self.governing(room, *entry) {
                Some(rule) => governed[rule].push(*entry),
                None => unreached.push(*entry),
            }
        }
        for (ruling, entries) in self.rules.iter_mut().zip(&governed) {
            if !entries.is_empty() {
                ruling.conditions.look(room, entries);
                ruling.groups.look(room, entries);
                ruling.growth.look(room, entries);
            }
            if keeps_the_newest(ruling.rule) {
                self.caches.look(room, entries);
            }
        }
        self.caches.look(room, &unreached);
        unreached
    }

    /// The first rule that fits. Only rules that govern nothing so far are asked whether they would have fitted too.
    fn governing(&mut self, room: &Room<'_>, entry: Seen<'_>) -> Option<usize> {
        let fits = room.fitting(entry, self.asks_for_platforms);
        let first = self.rules.iter().position(|ruling| fits(ruling.rule))?;
        let idle = |ruling: &&mut Ruling<'_>| ruling.governs == 0 && fits(ruling.rule);
        for ruling in self.rules.iter_mut().skip(first + 1).filter(idle) {
            *ruling.governed_before.entry(first).or_default() += 1;
            if ruling.examples.len() < 3 {
                ruling.examples.push(room.image(&entry));
            }
        }
        self.rules[first].governs += 1;
        Some(first)
    }

    pub(super) fn findings(&self) -> Vec<Finding> {
        let mut findings = Vec::new();
        for (position, ruling) in self.rules.iter().enumerate() {
            findings.extend(self.of_rule(position, ruling));
            findings.extend(ruling.conditions.findings(ruling.governs));
            findings.extend(ruling.groups.findings());
            findings.extend(self.growing(position, ruling));
        }
        findings.extend(self.caches.finding((self.position, &self.policy.name)));
        findings
    }

    /// A rule that governs nothing, if all was read that it could govern.
    fn of_rule(&self, position: usize, ruling: &Ruling<'_>) -> Option<Finding> {
        let is_certain = self.is_whole && self.facts.inventory.gaps().is_empty() && self.entries > 0;
        if !is_certain || ruling.governs > 0 {
            return None;
        }
        let named = Named {
            policy: (self.position, self.policy),
            rule: (position, ruling.rule),
        };
        Some(if ruling.governed_before.is_empty() {
            self.unmatched(named)
        } else {
            self.shadowed(named, ruling)
        })
    }

    /// A rule that lets go of nothing while more and more arrives.
    fn growing(&self, position: usize, ruling: &Ruling<'_>) -> Option<Finding> {
        let named = Named {
            policy: (self.position, self.policy),
            rule: (position, ruling.rule),
        };
        let finding = ruling
            .growth
            .finding(&format!("rule `{}` lets nothing go", ruling.rule.name), false)?;
        let (code, severity) = (finding.code, finding.severity);
        let Finding { policy, rule, site, .. } = named.finding(code, severity, "match");
        Some(Finding {
            policy,
            rule,
            site,
            ..finding
        })
    }

    fn is_built_in(&self) -> bool {
        self.facts.config.policies.is_none()
    }

    /// Nobody here wrote the rules of the built-in policy.
    fn severity(&self) -> Severity {
        if self.is_built_in() {
            Severity::Note
        } else {
            Severity::Warning
        }
    }

    fn unmatched(&self, named: Named<'_>) -> Finding {
        let rule = named.rule.1;
        let hint = match rule.verb {
            _ if self.is_built_in() => HARMLESS,
            Verb::KeepAlways => "it protects nothing: look for a misspelt pattern, or remove it",
            Verb::Expire(_) if rule.matches.kinds.is_none() => {
                "look for a misspelt pattern, or remove it; it speaks of images, since it names no other `kinds`"
            }
            Verb::Expire(_) => "look for a misspelt pattern, or remove it",
        };
        Finding {
            message: format!(
                "rule `{}` fits nothing: none of {} in {}",
                rule.name,
                count(self.entries, "entry"),
                count(self.repositories, "repository")
            ),
            hint: hint.to_owned(),
            ..named.finding(Code::UnmatchedRule, self.severity(), "match")
        }
    }

    fn shadowed(&self, named: Named<'_>, ruling: &Ruling<'_>) -> Finding {
        let entries = ruling.governed_before.values().sum();
        let before = listed(&ruling.governed_before, |earlier| &self.rules[earlier].rule.name);
        Finding {
            count: entries,
            examples: ruling.examples.clone(),
            message: format!(
                "rule `{}` never decides: rules before it govern all {} that it fits: {before}",
                ruling.rule.name,
                count(entries, "entry")
            ),
            hint: match self.is_built_in() {
                true => HARMLESS.to_owned(),
                false => "the first rule that fits governs: put this one first, or remove it".to_owned(),
            },
            ..named.finding(Code::ShadowedRule, self.severity(), "match")
        }
    }
}

impl Named<'_> {
    /// A finding on one key of the rule.
    pub(super) fn finding(self, code: Code, severity: Severity, key: &'static str) -> Finding {
        Finding {
            policy: Some(self.policy.1.name.clone()),
            rule: Some(self.rule.1.name.clone()),
            site: Some(Site::Rule {
                policy: self.policy.0,
                rule: self.rule.0,
                key,
            }),
            ..Finding::new(code, severity)
        }
    }
}

impl Finding {
    /// One that says nothing yet.
    pub(super) fn new(code: Code, severity: Severity) -> Self {
        Self {
            code,
            severity,
            policy: None,
            rule: None,
            site: None,
            count: 0,
            examples: Vec::new(),
            message: String::new(),
            hint: String::new(),
            bytes: None,
        }
    }
}

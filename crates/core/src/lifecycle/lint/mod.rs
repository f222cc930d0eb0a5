//! What is hardly meant by a lifecycle policy: by its text alone, and held against repositories.
//!
//! Advice only. What is said of something absent (a pattern that fits no tag) is not said where a part was not read. A rule
//! that counts more images than anybody has (`imageCountMoreThan` 9999) protects on purpose: that it marks nothing is no
//! finding.

mod alone;
mod look;
mod texts;
mod told;

use std::collections::BTreeMap;
use std::sync::OnceLock;

use serde::Serialize;

use super::{LifecycleCount, LifecycleOutlook, LifecyclePolicy, LifecycleRule};
use crate::config::Severity;
use crate::evaluate::stored;
use crate::facts::Facts;
use crate::model::RegistryHost;
use crate::words::count;

use look::Looks;

/// Whoever counts so many images does not count, but protects.
const PROTECTS: u64 = 1_000;

/// What a lifecycle policy hardly means, or what is worth knowing of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LifecycleFinding {
    /// What it is.
    pub code: LifecycleCode,
    /// How bad it is. Never an error: AWS takes the policy.
    pub severity: Severity,
    /// The number of the rule, if it is about one.
    pub rule_priority: Option<u64>,
    /// How many images it is about; see [`LifecycleCode`].
    pub count: u64,
    /// Up to three of them.
    pub examples: Vec<String>,
    /// What it is, for people.
    pub message: String,
    /// What to do.
    pub hint: String,
}

/// The kinds of findings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum LifecycleCode {
    /// No tag can ever fit a pattern or prefix (counted: 0).
    ImpossibleText,
    /// Rules before it identify everything that a rule identifies (counted: images, 0 if that is clear from the texts).
    ShadowedRule,
    /// A list of which every text has to fit some tag (counted: 0).
    ListIsAnd,
    /// Every text of a list fits many images, and all together hardly any (counted: those that all fit).
    NeverTogether,
    /// No tag fits a pattern or prefix (counted: 0).
    UnmatchedText,
    /// An `any` rule takes tagged images that no other rule names (counted: these).
    AnySwallows,
    /// Images that another rule has the say on take places of a rule that counts (counted: places).
    OverlappingCounts,
    /// An image goes by one rule, and a later one would have kept it (counted: images).
    OutrankedProtection,
    /// A rule takes images that somebody uses (counted: images).
    TakesInUse,
    /// A rule takes what an index lists that stays (counted: images).
    TakesLiveChildren,
    /// A rule takes signatures and the like of images that stay (counted: images).
    TakesLiveAttached,
    /// A rule takes images that have a moving tag such as `latest` (counted: images).
    TakesMovingTag,
    /// Most places of a rule that counts are taken by what is no image of its own (counted: places).
    PlacesTaken,
    /// No rule reaches some images (counted: images).
    Unreached,
    /// It archives, and the registry is so small that this saves nothing (counted: 0).
    ArchiveSavesNothing,
    /// AWS has never evaluated the policy (counted: repositories).
    NeverEvaluated,
}

impl LifecycleCode {
    /// Every kind, in the order in which they are documented.
    pub const ALL: [Self; 16] = [
        Self::ImpossibleText,
        Self::ShadowedRule,
        Self::ListIsAnd,
        Self::NeverTogether,
        Self::UnmatchedText,
        Self::AnySwallows,
        Self::OverlappingCounts,
        Self::OutrankedProtection,
        Self::TakesInUse,
        Self::TakesLiveChildren,
        Self::TakesLiveAttached,
        Self::TakesMovingTag,
        Self::PlacesTaken,
        Self::Unreached,
        Self::ArchiveSavesNothing,
        Self::NeverEvaluated,
    ];

    /// The word used in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ImpossibleText => "impossible-text",
            Self::ShadowedRule => "shadowed-rule",
            Self::ListIsAnd => "list-is-and",
            Self::NeverTogether => "never-together",
            Self::UnmatchedText => "unmatched-text",
            Self::AnySwallows => "any-swallows",
            Self::OverlappingCounts => "overlapping-counts",
            Self::OutrankedProtection => "outranked-protection",
            Self::TakesInUse => "takes-in-use",
            Self::TakesLiveChildren => "takes-live-children",
            Self::TakesLiveAttached => "takes-live-attached",
            Self::TakesMovingTag => "takes-moving-tag",
            Self::PlacesTaken => "places-taken",
            Self::Unreached => "unreached",
            Self::ArchiveSavesNothing => "archive-saves-nothing",
            Self::NeverEvaluated => "never-evaluated",
        }
    }
}

/// Holds policies against facts.
#[derive(Debug)]
pub struct LifecycleLint<'f> {
    facts: &'f Facts<'f>,
    /// The bytes of each registry, once a policy archives.
    stored: OnceLock<BTreeMap<RegistryHost, u64>>,
}

impl<'f> LifecycleLint<'f> {
    /// The facts that the repositories were evaluated on.
    pub fn new(facts: &'f Facts<'f>) -> Self {
        Self {
            facts,
            stored: OnceLock::new(),
        }
    }

    /// What a policy's text alone says.
    pub fn alone(policy: &LifecyclePolicy) -> Vec<LifecycleFinding> {
        let mut findings = alone::certain(policy);
        findings.extend(alone::likely(policy));
        in_order(policy, findings)
    }

    /// What a policy and the repositories that it is for say of each other.
    pub fn lint(&self, policy: &LifecyclePolicy, outlooks: &[LifecycleOutlook<'_>]) -> Vec<LifecycleFinding> {
        let mut findings = alone::certain(policy);
        let mut looks = Looks::new(policy);
        outlooks.iter().for_each(|outlook| looks.look(outlook));
        let told = looks.findings(&findings);
        findings.extend(told);
        findings.extend(self.archives_for_nothing(policy, outlooks));
        in_order(policy, findings)
    }

    fn archives_for_nothing(
        &self,
        policy: &LifecyclePolicy,
        outlooks: &[LifecycleOutlook<'_>],
    ) -> Option<LifecycleFinding> {
        let rule = alone::archives(policy)?;
        let hosts = outlooks.iter().map(|outlook| &outlook.evaluated.repository.registry);
        let complete = self.facts.inventory.complete_registries();
        let sizes = self.stored.get_or_init(|| stored(self.facts.inventory));
        let size = |host: &RegistryHost| sizes.get(host).copied().unwrap_or_default();
        let largest = hosts.max_by_key(|host| size(host))?;
        told::archive_saves_nothing(rule, (largest, size(largest)), complete.contains(largest))
    }
}

/// AWS has never looked at the policy of these repositories, if there are any.
pub fn never_evaluated(places: &[String]) -> Option<LifecycleFinding> {
    let repositories = count(places.len() as u64, "repository");
    (!places.is_empty()).then(|| LifecycleFinding {
        count: places.len() as u64,
        examples: places.iter().take(3).cloned().collect(),
        message: format!("AWS has never evaluated this policy in {repositories}"),
        hint: "it does so within 24 hours after a policy is written; if that was longer ago, write it again, and ask AWS's \
               support"
            .to_owned(),
        ..LifecycleFinding::new(LifecycleCode::NeverEvaluated, Severity::Warning)
    })
}

/// By rule, then by kind; what is about no rule comes last.
fn in_order(policy: &LifecyclePolicy, mut findings: Vec<LifecycleFinding>) -> Vec<LifecycleFinding> {
    debug_assert!(findings.iter().all(|finding| {
        let is_of = |priority| policy.rules().iter().any(|rule| rule.priority == priority);
        finding.rule_priority.is_none_or(is_of)
    }));
    findings.sort_by_key(|finding| (finding.rule_priority.is_none(), finding.rule_priority, finding.code));
    findings
}

impl LifecycleFinding {
    /// One that says nothing yet.
    fn new(code: LifecycleCode, severity: Severity) -> Self {
        Self {
            code,
            severity,
            rule_priority: None,
            count: 0,
            examples: Vec::new(),
            message: String::new(),
            hint: String::new(),
        }
    }

    /// One about a rule.
    fn of(rule: &LifecycleRule, code: LifecycleCode, severity: Severity) -> Self {
        Self {
            rule_priority: Some(rule.priority),
            ..Self::new(code, severity)
        }
    }
}

impl LifecycleRule {
    /// Whether it counts more images than anybody has: it is there to keep later rules away.
    fn protects(&self) -> bool {
        matches!(self.count, LifecycleCount::MoreThan(keeps) if keeps >= PROTECTS)
    }
}

#[cfg(test)]
mod tests;

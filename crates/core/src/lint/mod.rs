//! What a policy and a scan say of each other: rules that fit nothing, entries that no rule reaches, and the like.
//!
//! Advice only: nothing here decides on an image. Every finding is certain on the facts that were read. What is said
//! of something *absent* (a rule that fits nothing) is not said where a part was not read. The work is linear in
//! entries × rules, and what is kept for examples is bounded.

mod conditions;
mod groups;
mod labels;
mod listed;
mod look;
mod money;
mod policies;
mod rules;
mod tally;

use serde::Serialize;

use crate::config::{Severity, Site};
use crate::evaluate::RepositoryEvaluation;
use crate::facts::Facts;

use look::Room;
use policies::Policies;
pub(crate) use tally::Tally;

/// Fewer than that say nothing of a habit: five images may well be five branches.
pub(crate) const ENOUGH: u64 = 5;

/// What a policy hardly means, or what is worth knowing of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What it is.
    pub code: Code,
    /// How bad it is. Never an error: the policy can be used.
    pub severity: Severity,
    /// The policy, if it is about one.
    pub policy: Option<String>,
    /// The rule, if it is about one.
    pub rule: Option<String>,
    /// Where it stands in the configuration.
    #[serde(skip)]
    pub site: Option<Site>,
    /// How many entries, images or repositories it is about; see [`Code`].
    pub count: u64,
    /// The bytes that it is about, where it is about money; see `docs/policy.md`.
    pub bytes: Option<u64>,
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
pub enum Code {
    /// A policy covers no repository (counted: 0).
    UnusedPolicy,
    /// Policies before it govern every repository that a policy covers (counted: repositories).
    ShadowedPolicy,
    /// No policy covers some repositories (counted: repositories).
    UncoveredRepository,
    /// A rule fits nothing (counted: 0).
    UnmatchedRule,
    /// Rules before it govern everything that a rule fits (counted: entries).
    ShadowedRule,
    /// No rule of the policy fits (counted: entries of one kind).
    Unreached,
    /// `not-pulled-for` where no pull times are known (counted: entries).
    NoPullData,
    /// `not-pulled-for` where pull times do not reach back far enough yet (counted: entries).
    ShortPullData,
    /// A condition on time where no time is known (counted: entries).
    UnknownTime,
    /// `order: semver` where most tags are no versions (counted: entries).
    FewVersions,
    /// A period shorter than `grace` (counted: entries that the rule governs).
    WithinGrace,
    /// Every image is in a group of its own (counted: images).
    LoneGroups,
    /// All images are in one group (counted: images).
    OneGroup,
    /// Most entries have no group (counted: entries).
    FewGrouped,
    /// A pattern under `protect` fits nothing (counted: 0).
    UnusedProtect,
    /// An entry under `immutable` fits nothing (counted: 0).
    UnusedImmutable,
    /// A large share of a repository is protected by a label (counted: images).
    InheritedKeep,
    /// Tags of one shape that no rule reaches pile up (counted: tags).
    PilingTags,
    /// What is called a cache is kept as an image (counted: entries).
    CacheKeptAsImage,
    /// A platform that nobody pulls, while others of the same images are pulled (counted: images).
    UnpulledPlatforms,
    /// A policy archives where that saves nothing (counted: repositories).
    ArchiveSavesNothing,
    /// A rule lets nothing go while more and more arrives (counted: images a month).
    GrowsForEver,
}

impl Code {
    /// Every kind, in the order in which they are documented.
    pub const ALL: [Self; 22] = [
        Self::UnusedPolicy,
        Self::ShadowedPolicy,
        Self::UncoveredRepository,
        Self::UnmatchedRule,
        Self::ShadowedRule,
        Self::Unreached,
        Self::NoPullData,
        Self::ShortPullData,
        Self::UnknownTime,
        Self::FewVersions,
        Self::WithinGrace,
        Self::LoneGroups,
        Self::OneGroup,
        Self::FewGrouped,
        Self::UnusedProtect,
        Self::UnusedImmutable,
        Self::InheritedKeep,
        Self::PilingTags,
        Self::CacheKeptAsImage,
        Self::UnpulledPlatforms,
        Self::ArchiveSavesNothing,
        Self::GrowsForEver,
    ];

    /// The word used in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::UnusedPolicy => "unused-policy",
            Self::ShadowedPolicy => "shadowed-policy",
            Self::UncoveredRepository => "uncovered-repository",
            Self::UnmatchedRule => "unmatched-rule",
            Self::ShadowedRule => "shadowed-rule",
            Self::Unreached => "unreached",
            Self::NoPullData => "no-pull-data",
            Self::ShortPullData => "short-pull-data",
            Self::UnknownTime => "unknown-time",
            Self::FewVersions => "few-versions",
            Self::WithinGrace => "within-grace",
            Self::LoneGroups => "lone-groups",
            Self::OneGroup => "one-group",
            Self::FewGrouped => "few-grouped",
            Self::UnusedProtect => "unused-protect",
            Self::UnusedImmutable => "unused-immutable",
            Self::InheritedKeep => "inherited-keep",
            Self::PilingTags => "piling-tags",
            Self::CacheKeptAsImage => "cache-kept-as-image",
            Self::UnpulledPlatforms => "unpulled-platforms",
            Self::ArchiveSavesNothing => "archive-saves-nothing",
            Self::GrowsForEver => "grows-for-ever",
        }
    }

    /// Whether it says where money is wasted, so that an audit tells it too.
    pub fn is_about_money(self) -> bool {
        matches!(
            self,
            Self::UnmatchedRule
                | Self::UncoveredRepository
                | Self::PilingTags
                | Self::CacheKeptAsImage
                | Self::UnpulledPlatforms
                | Self::ArchiveSavesNothing
                | Self::GrowsForEver
        )
    }
}

/// Holds the policies in force against what was found: first the policies in their order, each followed by its rules,
/// then `protect` and `immutable`, then what is about no part of the configuration.
pub fn lint(facts: &Facts<'_>, evaluated: &[RepositoryEvaluation<'_>]) -> Vec<Finding> {
    let mut policies = Policies::new(facts);
    let mut listed = listed::Listed::new(facts);
    let mut keep_labels = labels::KeepLabels::default();
    let mut platforms = money::Platforms::new(facts);
    let mut evaluated: Vec<&RepositoryEvaluation<'_>> = evaluated.iter().collect();
    evaluated.sort_by_key(|it| (&it.repository.registry, &it.repository.name));
    for repository in evaluated {
        let room = Room::of(repository);
        policies.look(&room);
        listed.look(room.repository);
        keep_labels.look(&room);
        platforms.look(&room);
    }
    let mut findings = policies.findings();
    findings.extend(listed.findings());
    findings.extend(keep_labels.finding());
    findings.extend(platforms.findings());
    findings
}

/// Whether all of the inventory was read, so that something may be said of what seems to fit nothing.
pub fn is_certain(facts: &Facts<'_>, evaluated: &[RepositoryEvaluation<'_>]) -> bool {
    facts.inventory.gaps().is_empty() && evaluated.iter().all(|it| it.gaps().next().is_none())
}

/// Registries that were not read whole may hold more repositories than these.
fn is_narrow(facts: &Facts<'_>) -> bool {
    let complete = facts.inventory.complete_registries();
    !(0..facts.inventory.count()).all(|position| complete.contains(facts.inventory.place(position).0))
}

#[cfg(test)]
mod tests;

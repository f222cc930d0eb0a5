//! The lifecycle policies of Amazon ECR: read as AWS reads them, evaluated as AWS evaluates them, and written back.
//!
//! AWS's semantics alone stand here, traps included: a child of an index, a signature and a build cache count as images,
//! and nothing is known of use. What jettison makes of such verdicts is for others to say. Rules are cited from the ECR
//! User Guide: "Lifecycle policy evaluation rules" (LifecyclePolicies), "Lifecycle policy properties"
//! (lifecycle_policy_parameters) and "Examples of lifecycle policies" (lifecycle_policy_examples).

mod compare;
mod evaluate;
mod export;
mod images;
mod import;
mod lint;
mod nature;
mod outlook;
mod pattern;
mod preview;
mod print;
mod read;
mod rules;
#[cfg(test)]
mod tests;
mod unambiguous;

use jiff::SignedDuration;
use serde::Serialize;

pub use compare::{Comparison, Difference, Said};
pub use evaluate::{LifecycleImage, LifecycleJudgement, LifecycleVerdict};
pub use export::{Export, ExportedRule, Fidelity, Unsayable};
pub use images::LifecycleImages;
pub use import::{Import, ImportScope, ImportedRule, Inexact};
pub use lint::{LifecycleCode, LifecycleFinding, LifecycleLint, never_evaluated};
pub use nature::{Nature, Owner};
pub use outlook::{LifecycleOutlook, Places, RuleOutlook};
pub use pattern::{InvalidTagPattern, MOST_WILDCARDS, TagPattern};
pub use preview::{BranchPreview, KnownUse, LifecycleDifference, LifecyclePreview, MarkedImage, RulePreview};
pub use read::{LONGEST_TEXT, LifecycleMistake, LifecycleMistakes, MOST_RULES, SHORTEST_TEXT};

/// A lifecycle policy that AWS would accept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LifecyclePolicy {
    /// By priority: AWS gives them back in this order, however they were written.
    rules: Vec<LifecycleRule>,
}

impl LifecyclePolicy {
    /// Its rules, the one with the smallest number first.
    pub fn rules(&self) -> &[LifecycleRule] {
        &self.rules
    }
}

/// One rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LifecycleRule {
    /// `rulePriority`: positive, and no other rule's; the smallest number is applied first.
    pub priority: u64,
    /// `description`.
    pub description: Option<String>,
    /// `tagStatus` and its list: which images it identifies.
    pub selects: TagSelection,
    /// `storageClass`: of which images it speaks at all.
    pub storage_class: StorageClass,
    /// `countType` and `countNumber`: which of the identified images it marks.
    pub count: LifecycleCount,
    /// `action`: what becomes of these.
    pub action: LifecycleAction,
}

impl LifecycleRule {
    /// What reports call it: AWS gives rules no name but their number.
    pub fn name(&self) -> String {
        format!("priority {}", self.priority)
    }
}

/// Which images a rule identifies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TagSelection {
    /// `tagged` with `tagPatternList`: images of which for *each* pattern some tag fits.
    Patterns(Vec<TagPattern>),
    /// `tagged` with `tagPrefixList`: images of which for *each* prefix some tag begins with it.
    Prefixes(Vec<String>),
    /// `untagged`.
    Untagged,
    /// `any`.
    Any,
}

/// Where images are kept.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum StorageClass {
    /// `standard`: they can be pulled.
    #[default]
    Standard,
    /// `archive`.
    Archive,
}

/// Which of the identified images a rule marks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LifecycleCount {
    /// `imageCountMoreThan`: all but so many of the youngest.
    MoreThan(u64),
    /// `sinceImagePushed`: those that were pushed more days ago.
    DaysSincePushed(u64),
    /// `sinceImagePulled`: those that nobody has pulled for more days.
    DaysSincePulled(u64),
    /// `sinceImageTransitioned`: those that were archived more days ago.
    DaysSinceTransitioned(u64),
}

impl LifecycleCount {
    /// `countNumber`.
    pub fn number(self) -> u64 {
        match self {
            Self::MoreThan(number)
            | Self::DaysSincePushed(number)
            | Self::DaysSincePulled(number)
            | Self::DaysSinceTransitioned(number) => number,
        }
    }

    /// `countType`.
    pub fn type_name(self) -> &'static str {
        match self {
            Self::MoreThan(_) => "imageCountMoreThan",
            Self::DaysSincePushed(_) => "sinceImagePushed",
            Self::DaysSincePulled(_) => "sinceImagePulled",
            Self::DaysSinceTransitioned(_) => "sinceImageTransitioned",
        }
    }

    /// How long ago something has to be to be marked; none where images are counted.
    fn age(self) -> Option<SignedDuration> {
        let days = match self {
            Self::MoreThan(_) => return None,
            counted => i64::try_from(counted.number()).unwrap_or(i64::MAX),
        };
        Some(SignedDuration::from_secs(days.saturating_mul(24 * 60 * 60)))
    }
}

/// What becomes of an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LifecycleAction {
    /// `expire`: it is deleted.
    Expire,
    /// `transition`: it goes to the archive.
    Transition,
}

impl LifecycleAction {
    /// The word used in policies and in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Expire => "expire",
            Self::Transition => "transition",
        }
    }
}

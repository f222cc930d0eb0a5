//! Whether a plan may be applied at all.

use jettison_core::config::Config;
use jettison_core::facts::Origin;
use jettison_core::model::legible;
use jettison_core::plan::Plan;
use jiff::{SignedDuration, Timestamp};

use super::ApplyOptions;
use crate::usage::REMEMBERED;

/// A plan that is older decides on facts that are too old.
const MAX_AGE: SignedDuration = SignedDuration::from_hours(24);

/// Clocks of two machines may differ by so much.
const CLOCK_SKEW: SignedDuration = SignedDuration::from_secs(60);

/// Why a plan is not applied.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It is not what its id names.
    #[error("the plan was altered: its content does not hash to its id {0}; make a new one with `jettison plan`")]
    Altered(String),
    /// It would break a law.
    #[error("the plan would break {0} of its own laws and is never applied; see `violations` in it, and report this")]
    Violations(usize),
    /// It was not made from what registries and sources say now.
    #[error(
        "the plan was made from saved facts or with a given --now, to look at; make one from the registry to apply"
    )]
    SavedFacts,
    /// It is stale.
    #[error("the plan is of {0}, more than 24 hours ago; make a new one with `jettison plan`")]
    TooOld(Timestamp),
    /// It is of a later time than this.
    #[error("the plan is of {0}, which is in the future; check the clocks of both machines")]
    FromTheFuture(Timestamp),
    /// Nobody would be asked who uses what.
    #[error(
        "nobody tells what is in use: configure a usage source, or say with --no-usage that nothing has to be asked"
    )]
    NoUsage,
    /// A source that had a say in the plan cannot be asked again.
    #[error(
        "usage source {0} had a say in the plan and is not configured here; apply with the same configuration, or give its \
         file again with --usage"
    )]
    SourceGone(String),
}

/// Refuses a plan that is stale, altered, or cannot be checked again.
pub(super) fn check(plan: &Plan, config: &Config, options: &ApplyOptions, now: Timestamp) -> Result<(), Refusal> {
    if !plan.is_unaltered() {
        return Err(Refusal::Altered(legible(&plan.id)));
    }
    if !plan.violations.is_empty() {
        return Err(Refusal::Violations(plan.violations.len()));
    }
    if plan.origin != Origin::Registries {
        return Err(Refusal::SavedFacts);
    }
    let age = now.duration_since(plan.now);
    if age > MAX_AGE {
        return Err(Refusal::TooOld(plan.now));
    }
    if -age > CLOCK_SKEW {
        return Err(Refusal::FromTheFuture(plan.now));
    }
    let configured = |name: &String| config.usage.iter().any(|source| source.name == *name) || name == REMEMBERED;
    if let Some(gone) = plan.usage_sources.iter().find(|name| !configured(name)) {
        return Err(Refusal::SourceGone(legible(gone)));
    }
    if config.usage.is_empty() && !options.no_usage {
        return Err(Refusal::NoUsage);
    }
    Ok(())
}

//! Everything a decision may depend on, in one value.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::config::Config;
use crate::model::{Inventory, Usage};

/// What `evaluate`, `plan` and `verify` are given. They look at nothing else.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    /// What the scan found.
    pub inventory: &'a Inventory,
    /// Who uses what; `None` where nobody was asked.
    pub usage: Option<&'a Usage>,
    /// Policies, limits, protections.
    pub config: &'a Config,
    /// The moment to decide for.
    pub now: Timestamp,
    /// Where they came from.
    pub origin: Origin,
}

/// Where facts came from; only a plan from registries just read can be applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Origin {
    /// Registries and usage sources, read for this plan.
    Registries,
    /// Files, or a clock that was given: for looking only.
    SavedFacts,
}

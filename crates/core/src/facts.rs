//! Everything a decision may depend on, in one value.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::config::Config;
use crate::model::{Gap, Inventory, RegistryHost, Repository, RepositoryName, Usage};

/// What `evaluate`, `plan` and `verify` are given. They look at nothing else.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    /// What the scan found: an [`Inventory`], or something that hands out one repository after the other.
    pub inventory: &'a dyn Repositories,
    /// Who uses what; `None` where nobody was asked.
    pub usage: Option<&'a Usage>,
    /// Policies, limits, protections.
    pub config: &'a Config,
    /// The moment to decide for.
    pub now: Timestamp,
    /// Where they came from.
    pub origin: Origin,
}

/// What a scan found, handed out repository by repository, so that it need not all be in memory at once.
///
/// Whoever implements it says the same each time it is asked. It is asked for each repository several times, from
/// several threads.
pub trait Repositories: fmt::Debug + Sync {
    /// Registries of which every repository was read.
    fn complete_registries(&self) -> &BTreeSet<RegistryHost>;

    /// What could not be read beyond single repositories.
    fn gaps(&self) -> &[Gap];

    /// How many repositories there are.
    fn count(&self) -> usize;

    /// The name of the repository at a position below [`count`](Self::count).
    fn place(&self, position: usize) -> (&RegistryHost, &RepositoryName);

    /// The repository at a position below [`count`](Self::count).
    fn repository(&self, position: usize) -> Cow<'_, Repository>;
}

impl Repositories for Inventory {
    fn complete_registries(&self) -> &BTreeSet<RegistryHost> {
        &self.complete_registries
    }

    fn gaps(&self) -> &[Gap] {
        &self.gaps
    }

    fn count(&self) -> usize {
        self.repositories.len()
    }

    fn place(&self, position: usize) -> (&RegistryHost, &RepositoryName) {
        let repository = &self.repositories[position];
        (&repository.registry, &repository.name)
    }

    fn repository(&self, position: usize) -> Cow<'_, Repository> {
        Cow::Borrowed(&self.repositories[position])
    }
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

//! Facts to look at: from registries and usage sources, from what the last scans recorded, or from files.
//!
//! For commands that report and never act: nothing of it may lead to a plan that is applied.

use std::path::PathBuf;

use clap::Args;
use jettison_core::audit::FactsFrom;
use jiff::Timestamp;

use super::Sources;
use super::context::Context;
use super::facts::{Gathered, Reach, gather, recorded, saved};
use super::failure::Failure;
use crate::store::Store;

/// Which facts to look at.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct Look {
    #[command(flatten)]
    pub(crate) sources: Sources,
    #[command(flatten)]
    pub(crate) known: Known,
}

/// Facts that are there already.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct Known {
    /// Look at what the last scans recorded; asks no registry and no usage source
    #[arg(long, conflicts_with_all = ["inventory", "usage"])]
    pub(crate) recorded: bool,
    /// Look at a saved inventory; asks no registry
    #[arg(long, value_name = "FILE", conflicts_with = "targets")]
    pub(crate) inventory: Option<PathBuf>,
    /// Look at the facts as of this moment
    #[arg(long, value_name = "TIME")]
    pub(crate) now: Option<Timestamp>,
}

/// Facts, and where they came from.
pub(crate) struct Looked {
    pub(crate) gathered: Gathered,
    pub(crate) from: FactsFrom,
    /// The store, where one was opened.
    pub(crate) store: Option<Store>,
}

impl Look {
    /// Gathers the facts. With `inside`, a scan reads every manifest, also where the registry's own list would do.
    pub(crate) async fn gather(&self, context: &mut Context, inside: bool) -> Result<Looked, Failure> {
        if let Some(inventory) = &self.known.inventory {
            return Ok(Looked {
                gathered: saved(inventory, &self.sources.asked.usage, self.known.now)?,
                from: FactsFrom::SavedFacts,
                store: None,
            });
        }
        context.add_new_usage_files(&self.sources.asked.usage)?;
        let choice = context.choice(&self.sources)?;
        let store = context.store().await?;
        let (mut gathered, from) = if self.known.recorded {
            (recorded(&store, &choice).await?, FactsFrom::Recorded)
        } else {
            let registries = context.registries(choice, &store)?;
            let gathered = gather(
                context,
                &store,
                &registries,
                &self.sources,
                if inside { Reach::Inside } else { Reach::Looking },
            )
            .await?;
            (gathered, FactsFrom::Registries)
        };
        gathered.now = self.known.now.unwrap_or(gathered.now);
        Ok(Looked {
            gathered,
            from,
            store: Some(store),
        })
    }
}

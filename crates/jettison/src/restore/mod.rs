//! Puts back what was taken: the one place that writes to a registry for any other reason than to remove.
//!
//! It never overwrites: a tag that somebody has set since is theirs. Nothing of an image is put back unless all of it
//! can be. It can be killed at any instant and run again: what is there is never done twice, and the mark that holds
//! an image stands in the ledger before the image is back.
//!
//! `select` says what of the journal is to come back, `graph` what belongs together and in which order, `needs` what
//! else is missing for it; `batch` looks, checks and puts, `book` keeps the journal; `report` tells.

mod batch;
mod blobs;
mod book;
mod graph;
mod look;
mod needs;
mod put;
mod report;
mod saved;
mod select;
mod tag;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jettison_core::config::Config;
use jettison_core::model::{RegistryHost, Undo};
use jiff::Timestamp;

use crate::output::{Face, Progress};
use crate::registry::Registry;
use crate::store::{Action, RunId, RunStart, Store, StoreError};

pub use report::{Came, ImageReport, ManifestReport, MovedTag, UndoReport};
pub use select::{Selection, SelectionError, select};
pub(crate) use tag::{TagBack, put_tag_back};

use batch::Batch;
use blobs::Blobs;
use graph::Graph;
use needs::Needs;
use report::Results;
use saved::Saved;

/// The command of a run that puts back.
const COMMAND: &str = "undo";

/// Manifests whose marks and journal entries are synced at once.
const BATCH: usize = 100;

/// Lookups at once; the registry's own limit decides how many really run.
const LOOKUPS: usize = 64;

/// How long a registry may take to show what it accepted, unless somebody says otherwise.
pub const BACK_WITHIN: Duration = Duration::from_secs(60);

/// What an undo works with.
#[derive(Debug)]
pub struct Undoer<'a> {
    /// The journal and the ledger.
    pub store: &'a Store,
    /// The registries that the journal speaks of.
    pub registries: &'a BTreeMap<RegistryHost, Arc<dyn Registry>>,
    /// The configuration: other names of registries.
    pub config: &'a Config,
    /// How to report progress.
    pub face: Face,
    /// How long a registry may take to show what it accepted.
    pub back_within: Duration,
}

impl Undoer<'_> {
    /// Puts back what these runs or images lost. Run again, it puts back what is still missing.
    ///
    /// # Errors
    /// If an argument is neither, another run holds the store, or the store fails. Whatever the registry refuses
    /// stands in the report.
    pub async fn undo(&self, arguments: &[String]) -> Result<UndoReport, SelectionError> {
        let started_at = Timestamp::now();
        let id = RunId::draw(started_at);
        let _lock = self.store.lock_for_run(&format!("run {id} ({COMMAND})"))?;
        // Only now: a run that was at work a moment ago may have recorded more.
        let selection = select(self.store, self.config, arguments).await?;
        let start = RunStart {
            id,
            plan_id: None,
            started_at,
            command: COMMAND.to_owned(),
        };
        let run = self.store.begin_new_run(start).await?;
        let report = self.put_back(&run, selection).await?.report(&run, started_at);
        self.store.end_run(&run, report.status, report.ended_at).await?;
        Ok(report)
    }

    async fn put_back(&self, run: &RunId, selection: Selection) -> Result<Results, StoreError> {
        let Selection { mut saved, outlived } = selection;
        let mut blobs = Blobs::new(self);
        let absent = Needs::of(self, &mut blobs).complete(&mut saved).await?;
        let graph = Graph::of(&saved);
        let images = graph.images();
        let progress = Progress::start(self.face, "putting back", saved.len() as u64);
        let mut came = BTreeMap::new();
        for units in batches(graph.units()) {
            let batch = Batch {
                undoer: self,
                run,
                saved: &saved,
                absent: &absent,
                graph: &graph,
                images: &images,
                progress: &progress,
            };
            came.extend(batch.put_back(units, &mut blobs).await?);
        }
        progress.finish();
        Ok(Results {
            saved,
            outlived,
            images,
            came,
        })
    }

    /// The registry that gives back a manifest. What was only archived is there, and comes back without the journal's bytes.
    fn registry_for(&self, saved: &Saved) -> Result<&dyn Registry, String> {
        let only_archived = !saved.entries.is_empty() && saved.entries.iter().all(|it| it.action == Action::Archive);
        match self.registries.get(&saved.place.registry) {
            Some(registry) if only_archived => Ok(registry.as_ref()),
            _ => self.registry(&saved.place.registry),
        }
    }

    /// A registry on which the journal's bytes can be put back, or why they cannot.
    fn registry(&self, host: &RegistryHost) -> Result<&dyn Registry, String> {
        let Some(registry) = self.registries.get(host) else {
            return Err("the registry is not known here".to_owned());
        };
        match registry.capabilities().undo {
            Undo::UntilGarbageCollection => Ok(registry.as_ref()),
            Undo::Native => {
                Err("this registry puts back by its own means only, which jettison does not use yet".into())
            }
            Undo::None => Err("this registry cannot take back what was deleted".to_owned()),
        }
    }
}

/// Units together, until there is enough for one sync.
fn batches(units: Vec<Vec<usize>>) -> Vec<Vec<Vec<usize>>> {
    let mut batches: Vec<Vec<Vec<usize>>> = Vec::new();
    let mut size = BATCH;
    for unit in units {
        if size >= BATCH {
            batches.push(Vec::new());
            size = 0;
        }
        size += unit.len();
        if let Some(batch) = batches.last_mut() {
            batch.push(unit);
        }
    }
    batches
}

//! What it costs to count the bytes of a registry, each blob once, beside sorting all references to blobs once.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;
use std::hint::black_box;
use std::time::Duration;

use jettison_core::audit::{AuditQuestion, FactsFrom, audit};
use jettison_core::config::Config;
use jettison_core::facts::{Facts, Origin, Repositories};
use jettison_core::model::{Blob, Digest, Gap, Inventory, RegistryHost, Repository, RepositoryName, Schema, Usage};
use rayon::prelude::*;

use crate::clock;
use crate::facts::{Dice, MadeUp};
use crate::measure::{shared, timed};

/// What every image refers to: its config and layers.
const REFERENCES: usize = 20;
/// Layers that the images of one repository choose from, in runs, as one is built on the other.
const POOL: u64 = 300;
/// Each way is timed so often, in turn.
const ROUNDS: usize = 3;

/// A registry whose images have many layers, most of them in common with others.
#[derive(Debug)]
struct Layered<'m>(&'m MadeUp);

impl Layered<'_> {
    fn repository(&self, position: usize) -> Repository {
        let mut repository = self.0.repository(position).into_owned();
        let mut dice = Dice::new(position as u64);
        let pool: Vec<Blob> = (0..POOL)
            .map(|_| Blob {
                digest: dice.digest(),
                size: 100_000 + dice.below(50_000_000),
            })
            .collect();
        for manifest in repository
            .manifests
            .iter_mut()
            .filter(|manifest| !manifest.blobs.is_empty())
        {
            let start = usize::try_from(dice.below(POOL)).unwrap_or_default();
            let missing = REFERENCES.saturating_sub(manifest.blobs.len());
            let run = pool.iter().cycle().skip(start).take(missing).cloned();
            manifest.blobs.extend(run);
        }
        repository
    }
}

impl Repositories for Layered<'_> {
    fn complete_registries(&self) -> &BTreeSet<RegistryHost> {
        self.0.complete_registries()
    }

    fn gaps(&self) -> &[Gap] {
        &[]
    }

    fn count(&self) -> usize {
        self.0.count()
    }

    fn place(&self, position: usize) -> (&RegistryHost, &RepositoryName) {
        self.0.place(position)
    }

    fn repository(&self, position: usize) -> Cow<'_, Repository> {
        Cow::Owned(Layered::repository(self, position))
    }
}

/// Counting, and sorting once.
pub(crate) struct Layers {
    manifests: usize,
    references: usize,
    stored: u64,
    memory: u64,
    counting: Duration,
    sorting: Duration,
}

/// Counts twice: handed out repository by repository, for the memory; and from memory, for the time.
pub(crate) fn measure(made_up: &MadeUp, config: &Config) -> Layers {
    let (layered, usage) = (Layered(made_up), made_up.usage());
    let once = |inventory: &dyn Repositories, usage: &Usage| {
        let facts = Facts {
            inventory,
            usage: Some(usage),
            config,
            now: made_up.now,
            origin: Origin::SavedFacts,
        };
        audit(&facts, (made_up.now, FactsFrom::SavedFacts), &AuditQuestion::default())
    };
    drop(black_box(once(&layered, &usage)));
    let memory = clock::peak_memory();
    let positions = (0..layered.count()).into_par_iter();
    let inventory = Inventory {
        schema: Schema,
        taken_at: made_up.now,
        complete_registries: layered.complete_registries().clone(),
        repositories: positions.map(|position| layered.repository(position)).collect(),
        gaps: Vec::new(),
    };
    let manifests = || {
        inventory
            .repositories
            .iter()
            .flat_map(|repository| &repository.manifests)
    };
    let references: Vec<(Digest, u64)> = manifests()
        .flat_map(|manifest| manifest.blobs.iter().map(|blob| (blob.digest.clone(), blob.size)))
        .collect();
    let mut rounds: Vec<(Duration, Duration)> = Vec::with_capacity(ROUNDS);
    let mut stored = 0;
    for _ in 0..ROUNDS {
        let mut copy = references.clone();
        let (sorting, ()) = timed(|| copy.sort_unstable());
        drop(black_box(copy));
        let (counting, counted) = shared(|| once(&inventory, &usage));
        stored = counted
            .registries
            .iter()
            .map(|registry| registry.totals.stored_bytes)
            .sum();
        rounds.push((counting, sorting));
    }
    let mut median = |of: fn(&(Duration, Duration)) -> Duration| {
        rounds.sort_by_key(of);
        of(&rounds[ROUNDS / 2])
    };
    Layers {
        manifests: manifests().count(),
        references: references.len(),
        stored,
        memory,
        counting: median(|times| times.0),
        sorting: median(|times| times.1),
    }
}

impl fmt::Display for Layers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} manifests, {} references to blobs, {} GB stored: counting {:?}, sorting the references once {:?}: {:.2} times; {} MB at most",
            self.manifests,
            self.references,
            self.stored / 1_000_000_000,
            self.counting,
            self.sorting,
            self.counting.as_secs_f64() / self.sorting.as_secs_f64(),
            self.memory / 1_000_000
        )
    }
}

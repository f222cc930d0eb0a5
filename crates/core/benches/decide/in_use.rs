//! What it costs to look up what is in use: evaluating with nothing in use, and with one of a hundred entries.

use std::fmt;
use std::hint::black_box;
use std::time::Duration;

use jettison_core::config::Config;
use jettison_core::evaluate::evaluate;
use jettison_core::facts::{Facts, Origin};
use jettison_core::model::{Inventory, Reference, Repository, Usage};

use crate::facts::MadeUp;
use crate::measure::timed;

/// So many entries for one reference: ten million have a hundred thousand.
const ENTRIES_A_REFERENCE: usize = 100;
/// Each way is timed so often, in turn.
const ROUNDS: usize = 5;

/// Evaluating without and with references.
pub(crate) struct InUse {
    entries: usize,
    references: usize,
    without: Duration,
    with: Duration,
}

pub(crate) fn measure(made_up: &MadeUp, config: &Config) -> InUse {
    let inventory = made_up.inventory();
    let nothing = made_up.usage_of(Vec::new());
    let uses = made_up.usage_of(references(&inventory));
    let once = |usage: &Usage| {
        let facts = Facts {
            inventory: &inventory,
            usage: Some(usage),
            config,
            now: made_up.now,
            origin: Origin::SavedFacts,
        };
        let (time, evaluated) = timed(|| evaluate(&facts, &inventory));
        drop(black_box(evaluated));
        time
    };
    let mut times: Vec<(Duration, Duration)> = (0..ROUNDS).map(|_| (once(&nothing), once(&uses))).collect();
    let mut median = |of: fn(&(Duration, Duration)) -> Duration| {
        times.sort_by_key(of);
        of(&times[ROUNDS / 2])
    };
    InUse {
        entries: inventory
            .repositories
            .iter()
            .map(|repository| repository.tags.len())
            .sum(),
        references: uses.sources.iter().map(|source| source.references.len()).sum(),
        without: median(|times| times.0),
        with: median(|times| times.1),
    }
}

/// References as clusters have them, in turn by tag, by digest, and by tag with the digest of a config.
fn references(inventory: &Inventory) -> Vec<Reference> {
    let of_one = |repository: &Repository| -> Vec<Reference> {
        let place = format!("{}/{}", repository.registry, repository.name);
        let used = repository.manifests.iter().step_by(ENTRIES_A_REFERENCE).enumerate();
        let used = used.filter_map(|(number, manifest)| {
            let tag = repository.tags.iter().step_by(ENTRIES_A_REFERENCE).nth(number)?;
            let (image, digest) = match number % 3 {
                0 => (format!("{place}:{}", tag.name), None),
                1 => (format!("{place}@{}", manifest.digest), Some(manifest.digest.clone())),
                _ => (format!("{place}:{}", tag.name), manifest.config_digest.clone()),
            };
            Some(Reference {
                image,
                digest,
                used_by: format!("Pod shop/web-{number} container web"),
                last_seen_at: None,
            })
        });
        used.collect()
    };
    inventory.repositories.iter().flat_map(of_one).collect()
}

impl fmt::Display for InUse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (without, with) = (self.without.as_secs_f64(), self.with.as_secs_f64());
        write!(
            f,
            "{} tags, {} references: evaluated in {without:.3} s with nothing in use, in {with:.3} s with them: {:+.1} %",
            self.entries,
            self.references,
            (with / without - 1.0) * 100.0
        )
    }
}

//! Which of what the journal holds is to come back: all that a run took, or an image with what belongs to it.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use jettison_core::config::Config;
use jettison_core::model::{Digest, ImageReference, RegistryHost, RepositoryName, Tag};

use super::COMMAND;
use super::graph::Graph;
use super::saved::{Place, Saved};
use crate::output::image_name;
use crate::store::{Action, EntryId, EntryRecord, ImageName, Outcome, RunId, Store, StoreError};

/// Manifests that are read from the journal at once.
const READS: usize = 4;

/// What is to come back.
#[derive(Debug, Clone)]
pub struct Selection {
    pub(super) saved: Vec<Saved>,
    /// Tags that two of these had at different times: the later one gets it, the earlier ones are told.
    pub(super) outlived: BTreeMap<Place, BTreeMap<Tag, Digest>>,
}

/// Why it is not known what is to come back.
#[derive(Debug, thiserror::Error)]
pub enum SelectionError {
    /// Neither a run nor an image.
    #[error(
        "`{text}` is neither a run nor an image such as registry.example.com/apps/web:v1; `jettison history` lists the runs"
    )]
    Neither {
        /// What was given.
        text: String,
    },
    /// An image that no run took.
    #[error("no run in the journal has removed {image}, or a tag of it; `jettison history` lists the runs")]
    NotRemoved {
        /// The image, with its registry's own name.
        image: String,
    },
    /// A run that only put things back.
    #[error("run {run} is itself an undo, and there is nothing to put back; a new plan says what can go again")]
    IsUndo {
        /// The run.
        run: RunId,
    },
    /// The store fails, or a shortened run id fits more than one.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Finds what is to come back for one or more arguments: ids of runs, their beginnings, or images.
///
/// # Errors
/// If an argument is none of these, or the store fails.
pub async fn select(store: &Store, config: &Config, arguments: &[String]) -> Result<Selection, SelectionError> {
    let mut saved = Vec::new();
    for argument in arguments {
        saved.extend(of_argument(store, config, argument).await?);
    }
    Ok(Selection::of(merged(saved)))
}

async fn of_argument(store: &Store, config: &Config, argument: &str) -> Result<Vec<Saved>, SelectionError> {
    let neither = || SelectionError::Neither {
        text: argument.chars().take(300).collect(),
    };
    // Every id begins with nothing: an unset variable of a script names no run.
    if argument.is_empty() {
        return Err(neither());
    }
    if let Some(run) = store.run(argument).await? {
        if run.summary.command == COMMAND {
            return Err(SelectionError::IsUndo { run: run.summary.id });
        }
        return Ok(read(store, run.entries).await?);
    }
    let image: ImageReference = argument.parse().map_err(|_| neither())?;
    let image = ImageReference {
        registry: config.canonical_host(&image.registry),
        ..image
    };
    of_image(store, &image).await
}

/// The newest run that took the image, and of it what belongs to the image.
async fn of_image(store: &Store, image: &ImageReference) -> Result<Vec<Saved>, SelectionError> {
    let not_removed = || SelectionError::NotRemoved {
        image: image.to_string(),
    };
    let name = match (&image.digest, image.effective_tag()) {
        (Some(digest), _) => ImageName::Digest(digest.clone()),
        (None, Some(tag)) => ImageName::Tag(tag),
        (None, None) => return Err(not_removed()),
    };
    let entries = store
        .entries_of_image(&image.registry, &image.repository, &name)
        .await?;
    let newest = entries.into_iter().find(was_taken).ok_or_else(not_removed)?;
    let run = store.run(newest.run.as_str()).await?.ok_or_else(not_removed)?;
    let taken = read(store, run.entries).await?;
    let here = |saved: &Saved| {
        let seed = &saved.place;
        let fits = match &name {
            ImageName::Digest(digest) => seed.digest == *digest,
            ImageName::Tag(tag) => saved.tags.contains(tag),
        };
        fits && seed.registry == image.registry && seed.repository == image.repository
    };
    let seeds = taken.iter().zip(0..).filter(|(saved, _)| here(saved));
    let wanted = Graph::of(&taken).belongings(seeds.map(|(_, position)| position));
    let belongs = taken
        .into_iter()
        .zip(0..)
        .filter(|(_, position)| wanted.contains(position));
    Ok(belongs.map(|(saved, _)| saved).collect())
}

/// What of these entries was taken: each manifest once, though an interrupted run may have recorded it twice.
async fn read(store: &Store, entries: Vec<EntryRecord>) -> Result<Vec<Saved>, StoreError> {
    let taken = entries.into_iter().filter(was_taken);
    let read: Vec<Saved> = stream::iter(taken)
        .map(|entry| Saved::read(store, entry))
        .buffered(READS)
        .try_collect()
        .await?;
    Ok(merged(read))
}

/// Each manifest once, in the order of their places.
fn merged(saved: Vec<Saved>) -> Vec<Saved> {
    let mut places: BTreeMap<Place, Saved> = BTreeMap::new();
    for saved in saved {
        match places.get_mut(&saved.place) {
            Some(known) => known.merge(saved),
            None => drop(places.insert(saved.place.clone(), saved)),
        }
    }
    places.into_values().collect()
}

/// Whether a run removed something, or nobody knows that it did not. What it left on purpose is not touched.
fn was_taken(entry: &EntryRecord) -> bool {
    let left = |outcome: Option<&Outcome>| matches!(outcome, Some(Outcome::Skipped { .. }));
    let all_left = entry.outcomes.iter().all(|record| left(Some(&record.outcome)));
    entry.action != Action::Restore && (entry.outcomes.is_empty() || !all_left)
}

impl Selection {
    /// Gives each tag to the manifest that had it last.
    fn of(mut saved: Vec<Saved>) -> Self {
        let mut last: BTreeMap<(RegistryHost, RepositoryName, Tag), (EntryId, Digest)> = BTreeMap::new();
        for one in &saved {
            for tag in &one.tags {
                let of_this = (one.source, one.place.digest.clone());
                let known = last.entry(key(&one.place, tag)).or_insert_with(|| of_this.clone());
                if known.0 < of_this.0 {
                    *known = of_this;
                }
            }
        }
        let mut outlived: BTreeMap<Place, BTreeMap<Tag, Digest>> = BTreeMap::new();
        for one in &mut saved {
            for tag in std::mem::take(&mut one.tags) {
                match last.get(&key(&one.place, &tag)) {
                    Some((_, digest)) if *digest != one.place.digest => {
                        let lost = outlived.entry(one.place.clone()).or_default();
                        lost.insert(tag, digest.clone());
                    }
                    _ => drop(one.tags.insert(tag)),
                }
            }
        }
        Self { saved, outlived }
    }

    /// How many manifests there are.
    pub fn manifests(&self) -> usize {
        self.saved.len()
    }

    /// The registries that they belong to.
    pub fn registries(&self) -> BTreeSet<RegistryHost> {
        self.saved.iter().map(|saved| saved.place.registry.clone()).collect()
    }

    /// What people call these images.
    pub fn images(&self) -> Vec<String> {
        let roots = Graph::of(&self.saved).images().into_iter().map(|image| image.root);
        roots
            .filter_map(|root| self.saved.get(root))
            .map(|saved| {
                let tag = saved.tags.first().map(ToString::to_string);
                let name = image_name(&saved.place.repository, tag, &saved.place.digest);
                format!("{}/{name}", saved.place.registry)
            })
            .collect()
    }
}

fn key(place: &Place, tag: &Tag) -> (RegistryHost, RepositoryName, Tag) {
    (place.registry.clone(), place.repository.clone(), tag.clone())
}

#[cfg(test)]
mod tests;

//! Which of what the journal holds is to come back: all that a run took, or an image with what belongs to it.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use jettison_core::config::Config;
use jettison_core::model::{Digest, ImageReference, RegistryHost, RepositoryName, Tag};

use super::COMMAND;
use super::graph::Graph;
use super::saved::{Place, Saved};
use crate::output::image_name;
use crate::store::{EntryId, EntryRecord, ImageName, RunDetail, RunId, Store, StoreError, is_short, too_short};

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
    /// The beginning of an id that could be a slip.
    #[error("{}", too_short("run", text))]
    TooShort {
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
    /// A run that came too late.
    #[error("run {run} took nothing: what it came to was gone already{}", named(.takers))]
    TookNothing {
        /// The run.
        run: RunId,
        /// The runs that had taken it, oldest first.
        takers: BTreeSet<RunId>,
    },
    /// The store fails, or a shortened run id fits more than one.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Who took it instead, for people.
fn named(takers: &BTreeSet<RunId>) -> String {
    const NAMED: usize = 3;
    let commands: Vec<String> = takers.iter().rev().take(NAMED).map(ToString::to_string).collect();
    match takers.len() {
        0 => ", and no run in the journal had taken it".to_owned(),
        1..=NAMED => format!("; to put it back: jettison undo {}", commands.join(" ")),
        all => format!(
            "; {all} runs had taken it, the latest of them {}; `jettison undo RUN` puts back what one took",
            commands.join(", ")
        ),
    }
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
    if is_short(argument) {
        return Err(SelectionError::TooShort {
            text: argument.to_owned(),
        });
    }
    if let Some(run) = store.run(argument).await? {
        if run.summary.command == COMMAND {
            return Err(SelectionError::IsUndo { run: run.summary.id });
        }
        return of_run(store, run).await;
    }
    let image: ImageReference = argument.parse().map_err(|_| neither())?;
    let image = ImageReference {
        registry: config.canonical_host(&image.registry),
        ..image
    };
    of_image(store, &image).await
}

/// What the run took. What had gone before it came is for the run to bring back that had taken it.
async fn of_run(store: &Store, run: RunDetail) -> Result<Vec<Saved>, SelectionError> {
    let (taken, others): (Vec<_>, Vec<_>) = run.entries.into_iter().partition(EntryRecord::was_taken);
    let had_gone: Vec<EntryRecord> = others.into_iter().filter(EntryRecord::had_gone).collect();
    if taken.is_empty() && !had_gone.is_empty() {
        return Err(SelectionError::TookNothing {
            run: run.summary.id,
            takers: takers(store, &had_gone).await?,
        });
    }
    Ok(read(store, taken).await?)
}

/// The runs that had taken what another one found gone.
async fn takers(store: &Store, had_gone: &[EntryRecord]) -> Result<BTreeSet<RunId>, StoreError> {
    let mut repositories: BTreeMap<(&RegistryHost, &RepositoryName), BTreeMap<&Digest, EntryId>> = BTreeMap::new();
    for entry in had_gone {
        let repository = repositories.entry((&entry.registry, &entry.repository)).or_default();
        repository.insert(&entry.digest, entry.id);
    }
    let mut takers = BTreeSet::new();
    for ((registry, repository), mut digests) in repositories {
        let named: Vec<&Digest> = digests.keys().copied().collect();
        let newest_first = store.entries_of_manifests(registry, repository, &named).await?;
        for earlier in newest_first.iter().filter(|entry| entry.was_taken()) {
            if digests.get(&earlier.digest).is_some_and(|found| earlier.id < *found) {
                digests.remove(&earlier.digest);
                takers.insert(earlier.run.clone());
            }
        }
    }
    Ok(takers)
}

/// The newest run that took the image, or else found it gone; and of it what belongs to the image, whoever took that.
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
    let mut newest_first = entries.iter();
    let taken = newest_first.clone().find(|entry| entry.was_taken());
    let newest = taken.or_else(|| newest_first.find(|entry| entry.had_gone()));
    let newest = newest.ok_or_else(not_removed)?;
    let run = store.run(newest.run.as_str()).await?.ok_or_else(not_removed)?;
    let not_left = |entry: &EntryRecord| entry.was_taken() || entry.had_gone();
    let taken = read(store, run.entries.into_iter().filter(not_left)).await?;
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

/// What these entries saved: each manifest once, though an interrupted run may have recorded it twice.
async fn read(store: &Store, entries: impl IntoIterator<Item = EntryRecord>) -> Result<Vec<Saved>, StoreError> {
    let read: Vec<Saved> = stream::iter(entries)
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

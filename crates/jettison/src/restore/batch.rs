//! Some units: looked at, checked, marked and journalled together, then put back one after the other.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use jettison_core::model::{Digest, RegistryHost, RepositoryName, Tag};
use jiff::Timestamp;
use serde_json::json;

use super::Undoer;
use super::blobs::Blobs;
use super::graph::{Graph, Image};
use super::look::{Standing, look};
use super::needs::Absent;
use super::put::Put;
use super::saved::Saved;
use crate::output::Progress;
use crate::registry::FetchedManifest;
use crate::store::{Action, CachedManifest, EntryId, EntryRecord, Intent, NewOutcome, Outcome, RunId, StoreError};

/// Units that are put back at once.
const PUTS: usize = 8;

/// Some units of what is to come back.
pub(super) struct Batch<'b> {
    pub(super) undoer: &'b Undoer<'b>,
    pub(super) run: &'b RunId,
    pub(super) saved: &'b [Saved],
    pub(super) absent: &'b Absent,
    pub(super) graph: &'b Graph,
    pub(super) images: &'b [Image],
    pub(super) progress: &'b Progress,
}

/// What became of a manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct End {
    pub(super) how: How,
    /// Tags that somebody has set to something else since.
    pub(super) moved: BTreeMap<Tag, Digest>,
}

/// How it ended for a manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum How {
    /// It was put back, or its tags were.
    Back,
    /// All of it was there.
    WasThere,
    /// It could not be put back.
    Failed(String),
    /// It was not tried, because something that it belongs to failed.
    Left(String),
}

/// What was found out before anything is put back.
struct Found {
    standings: BTreeMap<usize, Result<Standing, String>>,
    /// What is not there with all its tags, each with the root of its image.
    lacking: BTreeMap<usize, usize>,
    /// What of that cannot come back by itself, and why.
    problems: BTreeMap<usize, String>,
    /// What of that stays away because of something else, and why.
    left: BTreeMap<usize, String>,
}

impl Found {
    /// What is to be put back.
    fn wanted(&self) -> impl Iterator<Item = usize> {
        let hopeless = |position: &usize| self.problems.contains_key(position) || self.left.contains_key(position);
        self.lacking.keys().copied().filter(move |position| !hopeless(position))
    }
}

impl Batch<'_> {
    /// Puts back what is missing of these units and can come back whole.
    ///
    /// # Errors
    /// If the store fails.
    pub(super) async fn put_back(
        &self,
        units: Vec<Vec<usize>>,
        blobs: &mut Blobs<'_>,
    ) -> Result<BTreeMap<usize, End>, StoreError> {
        let members: BTreeSet<usize> = units.iter().flatten().copied().collect();
        let found = self.find_out(&members, blobs).await;
        let bytes = self.bytes(&found).await?;
        self.mark(&found).await?;
        let entries = self.record_intents(&found, &bytes).await?;
        let ends: BTreeMap<usize, End> = stream::iter(units)
            .map(|unit| self.put_unit(unit, &found, &bytes))
            .buffer_unordered(PUTS)
            .flat_map(stream::iter)
            .collect()
            .await;
        self.record_outcomes(&entries, &ends).await?;
        Ok(ends)
    }

    async fn find_out(&self, members: &BTreeSet<usize>, blobs: &mut Blobs<'_>) -> Found {
        let standings = look(self.undoer, self.saved, members.iter().copied()).await;
        let lacks = |position: &usize| !matches!(standings.get(position), Some(Ok(standing)) if standing.is_whole());
        let here = self.images.iter().filter(|image| members.contains(&image.root));
        let images: Vec<&Image> = here
            .filter(|image| image.all().any(|position| lacks(&position)))
            .collect();
        let checked: BTreeSet<usize> = images
            .iter()
            .flat_map(|image| {
                image
                    .core
                    .iter()
                    .chain(image.attached.iter().filter(|position| lacks(position)))
            })
            .copied()
            .collect();
        blobs
            .ask(checked.iter().filter_map(|position| self.saved.get(*position)))
            .await;
        let problem = |position: usize| Some((position, self.problem(position, standings.get(&position)?, blobs)?));
        let problems: BTreeMap<usize, String> = checked.into_iter().filter_map(problem).collect();
        let mut lacking = BTreeMap::new();
        let mut left = BTreeMap::new();
        let mut possible = BTreeSet::new();
        for image in images {
            for position in image.all().filter(lacks) {
                lacking.entry(position).or_insert(image.root);
                match self.obstacle(image, position, &problems) {
                    Some(why) => drop(left.entry(position).or_insert_with(|| why.clone())),
                    None => drop(possible.insert(position)),
                }
            }
        }
        left.retain(|position, _| !possible.contains(position));
        Found {
            standings,
            lacking,
            problems,
            left,
        }
    }

    /// Why a manifest may not come back for the sake of this image: nothing of it does unless all of its core can;
    /// and of what is attached, what is whole with all below it.
    fn obstacle<'p>(
        &self,
        image: &Image,
        position: usize,
        problems: &'p BTreeMap<usize, String>,
    ) -> Option<&'p String> {
        let first = |positions: &BTreeSet<usize>| positions.iter().find_map(|position| problems.get(position));
        let attached = || {
            image
                .attached
                .contains(&position)
                .then(|| first(&self.graph.core(position)))?
        };
        first(&image.core).or_else(attached)
    }

    /// Why a manifest cannot come back for a reason of its own.
    fn problem(&self, position: usize, standing: &Result<Standing, String>, blobs: &Blobs<'_>) -> Option<String> {
        let saved = self.saved.get(position)?;
        let digest = &saved.place.digest;
        if let Err(why) = standing {
            return Some(why.clone());
        }
        if let Some(why) = &saved.damaged {
            return Some(format!("{digest}: {why}"));
        }
        let children = saved.relations.children.iter();
        let absent = children
            .filter_map(|child| Some((child, self.absent.get(&saved.place.beside(child))?)))
            .map(|(child, why)| format!("{child}, which {digest} lists, {why}"))
            .next();
        absent.or_else(|| blobs.problem(saved))
    }

    /// The exact bytes of what is lacking, for the registry and for the journal.
    async fn bytes(&self, found: &Found) -> Result<BTreeMap<usize, CachedManifest>, StoreError> {
        let mut bytes = BTreeMap::new();
        for position in found.lacking.keys() {
            if let Some(saved) = self.saved.get(*position).filter(|saved| saved.damaged.is_none()) {
                bytes.insert(*position, self.undoer.store.saved_manifest(saved.source).await?);
            }
        }
        Ok(bytes)
    }

    /// Holds what is about to come back: whatever happens next, no plan may take it at once.
    async fn mark(&self, found: &Found) -> Result<(), StoreError> {
        let mut repositories: BTreeMap<(&RegistryHost, &RepositoryName), Vec<Digest>> = BTreeMap::new();
        for saved in found.wanted().filter_map(|position| self.saved.get(position)) {
            let repository = (&saved.place.registry, &saved.place.repository);
            repositories
                .entry(repository)
                .or_default()
                .push(saved.place.digest.clone());
        }
        for ((registry, repository), digests) in repositories {
            let store = self.undoer.store;
            store
                .mark_restored(registry, repository, &digests, Timestamp::now())
                .await?;
        }
        Ok(())
    }

    async fn record_intents(
        &self,
        found: &Found,
        bytes: &BTreeMap<usize, CachedManifest>,
    ) -> Result<BTreeMap<usize, EntryId>, StoreError> {
        let intent = |(position, root): (&usize, &usize)| Some((*position, self.intent(*position, *root, bytes)?));
        let (positions, intents): (Vec<usize>, Vec<Intent>) = found.lacking.iter().filter_map(intent).unzip();
        let ids = self.undoer.store.record_intent(self.run, &intents).await?;
        Ok(positions.into_iter().zip(ids).collect())
    }

    fn intent(&self, position: usize, root: usize, bytes: &BTreeMap<usize, CachedManifest>) -> Option<Intent> {
        let saved = self.saved.get(position)?;
        let attached = self.graph.attached(position).iter();
        Some(Intent {
            registry: saved.place.registry.clone(),
            repository: saved.place.repository.clone(),
            digest: saved.place.digest.clone(),
            action: Action::Restore,
            root: self.saved.get(root)?.place.digest.clone(),
            tags: saved.tags.iter().cloned().collect(),
            media_type: saved.media_type.clone(),
            bytes: bytes.get(&position)?.bytes.clone(),
            referrers: attached
                .filter_map(|other| Some(self.saved.get(*other)?.place.digest.clone()))
                .collect(),
            reason_json: json!({"code": "undo", "run": saved.run}).to_string(),
            sequence: position as u64,
        })
    }

    /// One after the other, in the order that the registry wants.
    async fn put_unit(
        &self,
        unit: Vec<usize>,
        found: &Found,
        bytes: &BTreeMap<usize, CachedManifest>,
    ) -> Vec<(usize, End)> {
        let mut ends: BTreeMap<usize, End> = BTreeMap::new();
        for position in unit {
            let end = self.put(position, found, bytes, &ends).await;
            ends.insert(position, end);
            self.progress.advance();
        }
        ends.into_iter().collect()
    }

    async fn put(
        &self,
        position: usize,
        found: &Found,
        bytes: &BTreeMap<usize, CachedManifest>,
        before: &BTreeMap<usize, End>,
    ) -> End {
        let end = |how| End {
            how,
            moved: BTreeMap::new(),
        };
        let standing = match found.standings.get(&position) {
            Some(Ok(standing)) => standing,
            Some(Err(why)) => return end(How::Failed(why.clone())),
            None => return end(How::Failed("it was not looked up".to_owned())),
        };
        if standing.is_whole() {
            let moved = standing.moved.clone();
            return End {
                how: How::WasThere,
                moved,
            };
        }
        if let Some(why) = found.problems.get(&position) {
            return end(How::Failed(why.clone()));
        }
        if let Some(why) = found.left.get(&position) {
            return end(How::Left(why.clone()));
        }
        if let Some(why) = self.waits_in_vain(position, before) {
            return end(How::Left(why));
        }
        let (Some(saved), Some(manifest)) = (self.saved.get(position), bytes.get(&position)) else {
            return end(How::Failed("its bytes were not read from the journal".to_owned()));
        };
        let registry = match self.undoer.registry(&saved.place.registry) {
            Ok(registry) => registry,
            Err(why) => return end(How::Failed(why)),
        };
        let put = Put {
            registry,
            place: &saved.place,
            manifest: FetchedManifest {
                digest: manifest.digest.clone(),
                media_type: manifest.media_type.clone(),
                bytes: Bytes::from(manifest.bytes.clone()),
            },
            standing,
            within: self.undoer.back_within,
        };
        let done = put.run().await;
        End {
            how: done.failed.map_or(How::Back, How::Failed),
            moved: done.moved,
        }
    }

    /// Whether a child is not back, or nothing of what it is attached to: unless it stands for itself, it is of no use
    /// without.
    fn waits_in_vain(&self, position: usize, before: &BTreeMap<usize, End>) -> Option<String> {
        let is_missing = |other: &&usize| {
            matches!(
                before.get(*other),
                Some(End {
                    how: How::Failed(_) | How::Left(_),
                    ..
                })
            )
        };
        let named = |other: &usize| Some(&self.saved.get(*other)?.place.digest);
        if let Some(child) = self.graph.children(position).iter().find(is_missing) {
            return Some(format!("{} is not back, which it lists", named(child)?));
        }
        let subjects = self.graph.subjects(position);
        let stands_alone = self.saved.get(position)?.has_ordinary_tag();
        let subject = subjects
            .first()
            .filter(|_| !stands_alone && subjects.iter().all(|other| is_missing(&other)))?;
        Some(format!("{} is not back, to which it is attached", named(subject)?))
    }

    /// Says in the journal what is back: of this run, and of the runs that had taken it.
    async fn record_outcomes(
        &self,
        entries: &BTreeMap<usize, EntryId>,
        ends: &BTreeMap<usize, End>,
    ) -> Result<(), StoreError> {
        let own = entries
            .iter()
            .filter_map(|(position, entry)| Some((*entry, ends.get(position)?.recorded())));
        let mut outcomes: BTreeMap<EntryId, Outcome> = own.collect();
        for entry in self.settled(ends).await? {
            outcomes.entry(entry).or_insert(Outcome::PutBack);
        }
        let at = Timestamp::now();
        let outcomes: Vec<NewOutcome> = outcomes
            .into_iter()
            .map(|(entry, outcome)| NewOutcome { entry, outcome, at })
            .collect();
        self.undoer.store.record_outcomes(&outcomes).await
    }

    /// The entries whose latest word is no longer true now that a manifest is there with its tags.
    async fn settled(&self, ends: &BTreeMap<usize, End>) -> Result<BTreeSet<EntryId>, StoreError> {
        let mut repositories: BTreeMap<(&RegistryHost, &RepositoryName), BTreeMap<&Digest, (&Saved, &How)>> =
            BTreeMap::new();
        for (position, end) in ends {
            if let (Some(saved), How::Back | How::WasThere) = (self.saved.get(*position), &end.how) {
                let repository = (&saved.place.registry, &saved.place.repository);
                let digests = repositories.entry(repository).or_default();
                digests.insert(&saved.place.digest, (saved, &end.how));
            }
        }
        let mut settled = BTreeSet::new();
        for ((registry, repository), manifests) in repositories {
            let digests: Vec<&Digest> = manifests.keys().copied().collect();
            let store = self.undoer.store;
            let recorded = store.entries_of_manifests(registry, repository, &digests).await?;
            let untrue = recorded.into_iter().filter(|entry| {
                let manifest = manifests.get(&entry.digest);
                manifest.is_some_and(|(saved, how)| is_untrue(entry, saved, how))
            });
            settled.extend(untrue.map(|entry| entry.id));
        }
        Ok(settled)
    }
}

/// Whether an entry has to be set right, now that the manifest is there with its tags.
fn is_untrue(entry: &EntryRecord, saved: &Saved, how: &How) -> bool {
    // An untag of another run is about tags that are none of this undo.
    let spoken_of = entry.action != Action::Untag || saved.entries.iter().any(|undone| undone.id == entry.id);
    let untrue = match entry.outcome() {
        None | Some(Outcome::Done | Outcome::AlreadyGone) => true,
        Some(Outcome::Failed { .. }) => *how == How::Back,
        Some(Outcome::Skipped { .. } | Outcome::PutBack) => false,
    };
    spoken_of && untrue
}

impl End {
    /// What the journal keeps of it.
    fn recorded(&self) -> Outcome {
        match &self.how {
            How::Back | How::WasThere => Outcome::PutBack,
            How::Failed(error) => Outcome::Failed { error: error.clone() },
            How::Left(why) => Outcome::Skipped { why: why.clone() },
        }
    }
}

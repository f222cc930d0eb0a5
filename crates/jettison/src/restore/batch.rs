//! Some units: looked at, checked, marked and journalled together (`book`), then put back one after the other.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use jettison_core::model::{Digest, Tag};

use super::Undoer;
use super::blobs::Blobs;
use super::graph::{Graph, Image};
use super::look::{Standing, look};
use super::needs::Absent;
use super::put::Put;
use super::saved::Saved;
use crate::output::Progress;
use crate::registry::FetchedManifest;
use crate::store::{CachedManifest, RunId, StoreError};

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

/// What cannot come back by itself, and why.
type Problems = BTreeMap<usize, String>;

/// The first problem of some manifests.
fn first<'p>(positions: &BTreeSet<usize>, problems: &'p Problems) -> Option<&'p String> {
    positions.iter().find_map(|position| problems.get(position))
}

impl From<How> for End {
    fn from(how: How) -> Self {
        Self {
            how,
            moved: BTreeMap::new(),
        }
    }
}

/// What was found out before anything is put back.
pub(super) struct Found {
    standings: BTreeMap<usize, Result<Standing, String>>,
    /// What is not there with all its tags, each with the root of its image.
    pub(super) lacking: BTreeMap<usize, usize>,
    /// What of that cannot come back by itself.
    problems: Problems,
    /// What of that stays away because of something else, and why.
    left: BTreeMap<usize, String>,
}

impl Found {
    /// What is to be put back.
    pub(super) fn wanted(&self) -> impl Iterator<Item = usize> {
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
        let mut images: Vec<&Image> = self.images.iter().collect();
        images.retain(|image| members.contains(&image.root) && image.all().any(|position| lacks(&position)));
        let core = images.iter().flat_map(|image| &image.core);
        let attached = images.iter().flat_map(|image| &image.attached);
        let checked: BTreeSet<usize> = core
            .chain(attached.filter(|position| lacks(position)))
            .copied()
            .collect();
        // What is in the archive cannot be read before it is back, and is all there.
        let in_archive = |position: &usize| matches!(standings.get(position), Some(Ok(standing)) if standing.archived);
        let checked: BTreeSet<usize> = checked.into_iter().filter(|position| !in_archive(position)).collect();
        blobs
            .ask(checked.iter().filter_map(|position| self.saved.get(*position)))
            .await;
        let problem = |position: usize| Some((position, self.problem(position, standings.get(&position)?, blobs)?));
        let problems = checked.into_iter().filter_map(problem).collect();
        let mut found = Found {
            standings: BTreeMap::new(),
            lacking: BTreeMap::new(),
            problems,
            left: BTreeMap::new(),
        };
        for image in images {
            for position in image.all().filter(lacks) {
                found.lacking.entry(position).or_insert(image.root);
            }
        }
        found.left = self.left(&found);
        Found { standings, ..found }
    }

    /// What stays away: what can come back for the sake of no image.
    fn left(&self, found: &Found) -> BTreeMap<usize, String> {
        let mut left = BTreeMap::new();
        let mut possible = BTreeSet::new();
        for image in self.images {
            for position in image.all().filter(|position| found.lacking.contains_key(position)) {
                match self.obstacle(image, position, &found.problems) {
                    Some(why) => drop(left.entry(position).or_insert_with(|| why.clone())),
                    None => drop(possible.insert(position)),
                }
            }
        }
        left.retain(|position, _| !possible.contains(position));
        left
    }

    /// Why a manifest may not come back for the sake of this image: nothing of it does unless all of its core can;
    /// and of what is attached, what is whole with all below it.
    fn obstacle<'p>(&self, image: &Image, position: usize, problems: &'p Problems) -> Option<&'p String> {
        let attached = || self.attached_obstacle(image, position, problems);
        first(&image.core, problems).or_else(|| image.attached.contains(&position).then(attached)?)
    }

    /// What an attached index lists comes back with that index only.
    fn attached_obstacle<'p>(&self, image: &Image, position: usize, problems: &'p Problems) -> Option<&'p String> {
        let mut above = self.graph.parents(position).intersection(&image.attached).peekable();
        let all_above = || {
            let first = *above.peek()?;
            let obstacle = |index: &usize| self.attached_obstacle(image, *index, problems);
            let why = obstacle(first);
            above.all(|index| obstacle(index).is_some()).then_some(why)?
        };
        first(&self.graph.core(position), problems).or_else(all_above)
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
        let standing = match found.standings.get(&position) {
            Some(Ok(standing)) => standing,
            Some(Err(why)) => return How::Failed(why.clone()).into(),
            None => return How::Failed("it was not looked up".to_owned()).into(),
        };
        if standing.is_whole() {
            let moved = standing.moved.clone();
            return End {
                how: How::WasThere,
                moved,
            };
        }
        if let Some(why) = found.problems.get(&position) {
            return How::Failed(why.clone()).into();
        }
        let waits = || self.waits_in_vain(position, before);
        if let Some(why) = found.left.get(&position).cloned().or_else(waits) {
            return How::Left(why).into();
        }
        match self.send(position, standing, bytes).await {
            Ok(end) => end,
            Err(why) => How::Failed(why).into(),
        }
    }

    async fn send(
        &self,
        position: usize,
        standing: &Standing,
        bytes: &BTreeMap<usize, CachedManifest>,
    ) -> Result<End, String> {
        let (Some(saved), Some(manifest)) = (self.saved.get(position), bytes.get(&position)) else {
            return Err("its bytes were not read from the journal".to_owned());
        };
        let put = Put {
            registry: self.undoer.registry_for(saved)?,
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
        Ok(End {
            how: done.failed.map_or(How::Back, How::Failed),
            moved: done.moved,
        })
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
}

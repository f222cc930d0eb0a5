//! What an undo did, image by image.

use std::collections::BTreeMap;

use jettison_core::model::{Digest, RegistryHost, RepositoryName, Schema, Tag};
use jiff::Timestamp;
use serde::Serialize;

use super::batch::{End, How};
use super::graph::Image;
use super::saved::{Place, Saved};
use crate::store::{RunId, RunStatus};

/// What an undo did; the JSON of `undo`.
#[derive(Debug, Clone, Serialize)]
pub struct UndoReport {
    /// The version of this form; always 1.
    pub schema: Schema,
    /// Its own run: what `history` takes.
    pub run: RunId,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended.
    pub ended_at: Timestamp,
    /// How it ended: `partly-failed` if anything is not back.
    pub status: RunStatus,
    /// Images of which something was put back.
    pub restored: u64,
    /// Images that were there with everything.
    pub already_there: u64,
    /// Images that are not back.
    pub failed: u64,
    /// Each image.
    pub images: Vec<ImageReport>,
}

/// What became of an image.
#[derive(Debug, Clone, Serialize)]
pub struct ImageReport {
    /// The registry.
    pub registry: RegistryHost,
    /// The repository.
    pub repository: RepositoryName,
    /// The image: an index, or a single manifest.
    pub digest: Digest,
    /// The tags that it had lost.
    pub tags: Vec<Tag>,
    /// What became of it, whatever became of what is attached to it.
    pub outcome: Came,
    /// What is not back, and why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// Those of its tags, and of what belongs to it, that point to something else by now and stay there.
    pub moved_tags: Vec<MovedTag>,
    /// The image itself, what it lists and what is attached.
    pub manifests: Vec<ManifestReport>,
}

/// What became of a manifest.
#[derive(Debug, Clone, Serialize)]
pub struct ManifestReport {
    /// The repository: what is attached may lie in another one.
    pub repository: RepositoryName,
    /// The manifest.
    pub digest: Digest,
    /// What became of it.
    pub outcome: Came,
    /// Why it is not back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// A tag that somebody has set to something else since.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct MovedTag {
    /// The repository.
    pub repository: RepositoryName,
    /// The tag.
    pub tag: Tag,
    /// What it points to.
    pub digest: Digest,
}

/// What became of an image or a manifest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Came {
    /// It was put back, or a tag of it was.
    Restored,
    /// There was nothing left to put back.
    AlreadyThere,
    /// It could not be put back.
    Failed,
    /// It was not tried, because what it belongs to is not back.
    Left,
}

/// Everything that came of an undo.
pub(super) struct Results {
    pub(super) saved: Vec<Saved>,
    pub(super) outlived: BTreeMap<Place, BTreeMap<Tag, Digest>>,
    pub(super) images: Vec<Image>,
    pub(super) came: BTreeMap<usize, End>,
}

impl UndoReport {
    /// Whether anything that was to come back is not there now.
    pub fn is_short(&self) -> bool {
        self.status != RunStatus::Done
    }
}

impl Results {
    pub(super) fn report(&self, run: &RunId, started_at: Timestamp) -> UndoReport {
        let images: Vec<ImageReport> = self.images.iter().filter_map(|image| self.image(image)).collect();
        let count = |outcome| images.iter().filter(|image| image.outcome == outcome).count() as u64;
        let short = images.iter().any(|image| image.why.is_some());
        UndoReport {
            schema: Schema,
            run: run.clone(),
            started_at,
            ended_at: Timestamp::now(),
            status: if short {
                RunStatus::PartlyFailed
            } else {
                RunStatus::Done
            },
            restored: count(Came::Restored),
            already_there: count(Came::AlreadyThere),
            failed: count(Came::Failed),
            images,
        }
    }

    fn image(&self, image: &Image) -> Option<ImageReport> {
        let root = self.saved.get(image.root)?;
        let of = |positions: &mut dyn Iterator<Item = usize>| {
            positions
                .filter_map(|position| self.manifest(position))
                .collect::<Vec<ManifestReport>>()
        };
        let core = of(&mut image.core.iter().copied());
        let attached = of(&mut image.attached.iter().copied());
        let outcome = summed_up(&core, &attached);
        let why = why(&core).map(str::to_owned).or_else(|| {
            let why = why(&attached)?;
            Some(format!("it is back, and something attached to it is not: {why}"))
        });
        let moved = image.all().flat_map(|position| self.moved(position)).collect();
        let outlived = self.outlived.get(&root.place).into_iter().flat_map(BTreeMap::keys);
        Some(ImageReport {
            registry: root.place.registry.clone(),
            repository: root.place.repository.clone(),
            digest: root.place.digest.clone(),
            tags: root.tags.iter().chain(outlived).cloned().collect(),
            outcome,
            why,
            moved_tags: moved,
            manifests: core.into_iter().chain(attached).collect(),
        })
    }

    fn manifest(&self, position: usize) -> Option<ManifestReport> {
        let place = &self.saved.get(position)?.place;
        let (outcome, why) = match &self.came.get(&position)?.how {
            How::Back => (Came::Restored, None),
            How::WasThere => (Came::AlreadyThere, None),
            How::Failed(why) => (Came::Failed, Some(why.clone())),
            How::Left(why) => (Came::Left, Some(why.clone())),
        };
        Some(ManifestReport {
            repository: place.repository.clone(),
            digest: place.digest.clone(),
            outcome,
            why,
        })
    }

    fn moved(&self, position: usize) -> Vec<MovedTag> {
        let Some(saved) = self.saved.get(position) else {
            return Vec::new();
        };
        let now = self.came.get(&position).map(|end| &end.moved);
        let outlived = self.outlived.get(&saved.place);
        let moved = now.into_iter().chain(outlived).flatten();
        moved
            .map(|(tag, digest)| MovedTag {
                repository: saved.place.repository.clone(),
                tag: tag.clone(),
                digest: digest.clone(),
            })
            .collect()
    }
}

/// An image is back if all of its core is.
fn summed_up(core: &[ManifestReport], attached: &[ManifestReport]) -> Came {
    let is = |outcome| move |manifest: &ManifestReport| manifest.outcome == outcome;
    if core
        .iter()
        .any(|manifest| matches!(manifest.outcome, Came::Failed | Came::Left))
    {
        Came::Failed
    } else if core.iter().chain(attached).any(is(Came::Restored)) {
        Came::Restored
    } else {
        Came::AlreadyThere
    }
}

/// The first failure, else why something was left.
fn why(manifests: &[ManifestReport]) -> Option<&str> {
    let told = |outcome| {
        let told = move |manifest: &&ManifestReport| manifest.outcome == outcome;
        manifests.iter().find(told).and_then(|manifest| manifest.why.as_deref())
    };
    told(Came::Failed).or_else(|| told(Came::Left))
}

//! What the registry has of a manifest now: itself, and its tags.

use std::collections::BTreeMap;

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use jettison_core::model::{Digest, Tag};

use super::saved::Saved;
use super::{LOOKUPS, Undoer};
use crate::registry::RegistryError;

/// How a manifest stands in its registry.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Standing {
    /// Whether it is there.
    pub(super) present: bool,
    /// Those of its tags that point nowhere.
    pub(super) missing_tags: Vec<Tag>,
    /// Those of its tags that somebody has set to something else since.
    pub(super) moved: BTreeMap<Tag, Digest>,
    /// Whether it is there, and may lie in the archive.
    pub(super) archived: bool,
}

impl Standing {
    /// Whether there is nothing to do.
    pub(super) fn is_whole(&self) -> bool {
        self.present && self.missing_tags.is_empty() && !self.archived
    }
}

/// How manifests stand, or why that cannot be found out; by their positions.
pub(super) async fn look(
    undoer: &Undoer<'_>,
    saved: &[Saved],
    positions: impl IntoIterator<Item = usize>,
) -> BTreeMap<usize, Result<Standing, String>> {
    let one = |position: usize| async move {
        let standing = match saved.get(position) {
            Some(saved) => standing(undoer, saved).await,
            None => Ok(Standing::default()),
        };
        (position, standing)
    };
    let standings: Vec<_> = stream::iter(positions)
        .map(one)
        .buffer_unordered(LOOKUPS)
        .collect()
        .await;
    standings.into_iter().collect()
}

async fn standing(undoer: &Undoer<'_>, saved: &Saved) -> Result<Standing, String> {
    let told = |error: RegistryError| error.to_string();
    let registry = undoer.registry_for(saved)?;
    let (name, digest) = (&saved.place.repository, &saved.place.digest);
    let mut standing = Standing {
        present: registry.exists(name, digest).await.map_err(told)?,
        ..Standing::default()
    };
    let tags: Vec<(&Tag, Option<Digest>)> = stream::iter(&saved.tags)
        .map(|tag| async move { registry.resolve(name, tag).await.map(|found| (tag, found)) })
        .buffered(LOOKUPS)
        .try_collect()
        .await
        .map_err(told)?;
    standing.archived = standing.present && saved.is_archived();
    for (tag, found) in tags {
        match found {
            Some(found) if found == *digest => {}
            Some(found) => drop(standing.moved.insert(tag.clone(), found)),
            None => standing.missing_tags.push(tag.clone()),
        }
    }
    Ok(standing)
}

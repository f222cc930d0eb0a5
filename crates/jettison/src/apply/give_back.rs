//! Puts tags back on a manifest that was to go and stays.

use jettison_core::model::{Digest, RepositoryName, Tag};
use tokio::time::{Duration, sleep};

use super::trouble::{Trouble, is_passing};
use crate::output::text::with_causes;
use crate::registry::{FetchedManifest, ManifestReference, Registry, RegistryError};
use crate::restore::{TagBack, put_tag_back};
use crate::store::{EntryId, Store};

/// Waits before a tag that could not be set is tried again: nothing else is as urgent.
const PAUSES: [Duration; 2] = [Duration::from_millis(500), Duration::from_secs(3)];

/// A repository and the journal.
pub(super) struct Place<'a> {
    pub(super) registry: &'a dyn Registry,
    pub(super) store: &'a Store,
    pub(super) name: &'a RepositoryName,
}

/// Why tags could not be put back.
#[derive(Debug, thiserror::Error)]
pub(super) enum NotBack {
    /// The journal does not have the bytes any more, nor has the registry.
    #[error("its bytes are lost: {0}")]
    Lost(String),
    /// The registry refuses, or does not answer.
    #[error(transparent)]
    Registry(#[from] RegistryError),
}

impl NotBack {
    /// Notes what says more about the registry's state than about this tag.
    pub(super) fn note(&self, trouble: &Trouble) {
        if let Self::Registry(error) = self {
            trouble.note_fatal(error);
        }
    }
}

/// Sets those of the tags that point nowhere, from the bytes in the journal, and says how many were.
pub(super) async fn put_tags_back(
    place: &Place<'_>,
    digest: &Digest,
    entry: EntryId,
    tags: &[Tag],
) -> Result<u64, NotBack> {
    if tags.is_empty() {
        return Ok(0);
    }
    let manifest = saved(place, digest, entry).await?;
    let mut set = 0;
    for tag in tags {
        if put_back(place, tag, &manifest).await? == TagBack::Set {
            set += 1;
        }
    }
    Ok(set)
}

async fn put_back(place: &Place<'_>, tag: &Tag, manifest: &FetchedManifest) -> Result<TagBack, RegistryError> {
    for pause in PAUSES {
        match put_tag_back(place.registry, place.name, tag, manifest).await {
            Err(error) if is_passing(&error) => sleep(pause).await,
            ended => return ended,
        }
    }
    put_tag_back(place.registry, place.name, tag, manifest).await
}

/// The manifest as it was saved. Where the journal is damaged, as the registry still has it.
async fn saved(place: &Place<'_>, digest: &Digest, entry: EntryId) -> Result<FetchedManifest, NotBack> {
    let lost = match place.store.saved_manifest(entry).await {
        Ok(saved) if saved.digest == *digest => {
            return Ok(FetchedManifest {
                digest: saved.digest,
                media_type: saved.media_type,
                bytes: saved.bytes.into(),
            });
        }
        // In a store that was put in the place of ours.
        Ok(_) => "the journal has another manifest in its place".to_owned(),
        Err(lost) => with_causes(&lost),
    };
    let reference = ManifestReference::Digest(digest.clone());
    let there = place.registry.manifest(place.name, &reference).await?;
    there.ok_or(NotBack::Lost(lost))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry::OciRegistry;
    use crate::registry::scripted::{Scripted, refusal};
    use crate::store::tests::{digest, open_new, stored_entry};

    /// As where somebody puts another store in the place of ours.
    #[tokio::test]
    async fn no_other_manifest_gets_the_tags_of_this_one() {
        let (_directory, store) = open_new().await;
        let entry = stored_entry(&store, "another").await;
        let server = Scripted::serve(|_| refusal(404, "MANIFEST_UNKNOWN")).await;
        let registry = OciRegistry::new(&server.connection()).unwrap();
        let place = Place {
            registry: &registry,
            store: &store,
            name: &"apps/web".parse().unwrap(),
        };
        let tags = ["old-1".parse().unwrap()];
        let back = put_tags_back(&place, &digest("ours"), entry.id, &tags).await;
        assert!(matches!(back, Err(NotBack::Lost(_))), "{back:?}");
        assert!(server.seen().iter().all(|seen| seen.method != "PUT"));
    }
}

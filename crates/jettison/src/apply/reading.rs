//! Reads manifests: from the cache, else from the registry, and then into the cache.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::{StreamExt as _, stream};
use jettison_core::model::{Digest, RepositoryName};
use jettison_core::recognise::ParsedManifest;

use super::trouble::Trouble;
use crate::registry::{ErrorKind, FetchedManifest, ManifestReference, Registry};
use crate::store::{CachedManifest, Store, StoreError};

/// Manifests whose bytes are held at once.
pub(super) const CHUNK: usize = 100;

/// Calls at once; the registry's own limit decides how many really run. Some registries answer many in one.
const FETCHES: usize = CHUNK;

/// What a manifest says, `None` where the registry does not have it, or why it could not be read.
pub(super) type Read = Result<Option<ParsedManifest>, Unread>;

/// Why a manifest could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{why}")]
pub(super) struct Unread {
    why: String,
    /// The registry keeps it where it cannot be read: in its archive.
    pub(super) is_stowed: bool,
}

impl From<String> for Unread {
    fn from(why: String) -> Self {
        Self { why, is_stowed: false }
    }
}

/// Where one repository's manifests are read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reader<'a> {
    pub(super) registry: &'a dyn Registry,
    pub(super) store: &'a Store,
    pub(super) name: &'a RepositoryName,
    pub(super) trouble: &'a Trouble,
}

impl Reader<'_> {
    /// Reads each of the manifests.
    ///
    /// # Errors
    /// Only if the store fails.
    pub(super) async fn read(&self, digests: &[Digest]) -> Result<BTreeMap<Digest, Read>, StoreError> {
        let mut read = BTreeMap::new();
        for chunk in digests.chunks(CHUNK) {
            let cached = self.store.manifests(chunk).await?;
            let missing: Vec<Digest> = chunk
                .iter()
                .filter(|digest| !cached.contains_key(digest))
                .cloned()
                .collect();
            for (digest, cached) in cached {
                read.insert(digest, parse(&cached.media_type, &cached.bytes).map(Some));
            }
            read.extend(self.fetch(missing).await?);
        }
        Ok(read)
    }

    /// What manifests list that are at hand, and what that lists, as far as it is there and not at hand itself.
    ///
    /// # Errors
    /// Why something could not be read; or, first, if the store fails.
    pub(super) async fn below<'m>(
        &self,
        manifests: impl Iterator<Item = &'m ParsedManifest>,
        is_at_hand: impl Fn(&Digest) -> bool,
    ) -> Result<Result<BTreeMap<Digest, ParsedManifest>, String>, StoreError> {
        let mut below: BTreeMap<Digest, ParsedManifest> = BTreeMap::new();
        let mut open: BTreeSet<Digest> = manifests
            .flat_map(|manifest| manifest.children.iter().cloned())
            .collect();
        while !open.is_empty() {
            let is_unread = |digest: &Digest| !is_at_hand(digest) && !below.contains_key(digest);
            let unread: Vec<Digest> = open.into_iter().filter(is_unread).collect();
            open = BTreeSet::new();
            for (digest, read) in self.read(&unread).await? {
                match read {
                    Ok(Some(parsed)) => {
                        open.extend(parsed.children.iter().cloned());
                        below.insert(digest, parsed);
                    }
                    Ok(None) => {}
                    Err(why) => return Ok(Err(format!("{} could not be read again: {why}", digest.short()))),
                }
            }
        }
        Ok(Ok(below))
    }

    async fn fetch(&self, digests: Vec<Digest>) -> Result<Vec<(Digest, Read)>, StoreError> {
        let fetched: Vec<(Digest, Result<Option<FetchedManifest>, Unread>)> = stream::iter(digests)
            .map(|digest| async move {
                let fetched = self.fetch_one(&digest).await;
                (digest, fetched)
            })
            .buffer_unordered(FETCHES)
            .collect()
            .await;
        let (mut read, mut new) = (Vec::with_capacity(fetched.len()), Vec::new());
        for (digest, fetched) in fetched {
            let parsed = match fetched {
                Ok(Some(manifest)) => {
                    let parsed = parse(&manifest.media_type, &manifest.bytes);
                    new.push(CachedManifest {
                        digest: manifest.digest,
                        media_type: manifest.media_type,
                        bytes: manifest.bytes.to_vec(),
                    });
                    parsed.map(Some)
                }
                Ok(None) => Ok(None),
                Err(why) => Err(why),
            };
            read.push((digest, parsed));
        }
        if !new.is_empty() {
            self.store.put_manifests(&new).await?;
        }
        Ok(read)
    }

    async fn fetch_one(&self, digest: &Digest) -> Result<Option<FetchedManifest>, Unread> {
        if let Some(why) = self.trouble.why() {
            return Err(why.into());
        }
        let reference = ManifestReference::Digest(digest.clone());
        let fetched = self.registry.manifest(self.name, &reference).await;
        fetched.map_err(|error| {
            self.trouble.note(&error);
            Unread {
                why: error.to_string(),
                is_stowed: error.kind == ErrorKind::Unsupported,
            }
        })
    }
}

fn parse(media_type: &str, bytes: &[u8]) -> Result<ParsedManifest, Unread> {
    ParsedManifest::read(Some(media_type), bytes).map_err(|error| error.to_string().into())
}

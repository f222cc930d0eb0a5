//! Puts together what the cache has and what the registry sends: manifests in, each parsed once, new ones kept.

use std::collections::HashMap;

use jettison_core::model::Digest;
use jettison_core::recognise::{InvalidManifest, ParsedManifest};

use super::found::Found;
use super::keeper::Keeper;
use super::ration::Ration;
use crate::registry::FetchedManifest;
use crate::store::{CachedManifest, Store, StoreError};

/// A manifest that is there.
pub(super) enum Here {
    /// The one with this digest, which the cache has.
    Cached(Digest),
    /// This one, which came just now.
    Fetched(Box<Parsed>, FetchedManifest),
}

/// A manifest as read.
pub(super) struct Parsed {
    manifest: ParsedManifest,
    size: u64,
}

impl Parsed {
    /// Reads a manifest.
    ///
    /// # Errors
    /// If it is none.
    pub(super) fn read(media_type: &str, bytes: &[u8]) -> Result<Self, InvalidManifest> {
        Ok(Self {
            manifest: ParsedManifest::read(Some(media_type), bytes)?,
            size: bytes.len() as u64,
        })
    }

    /// Its bytes.
    pub(super) fn size(&self) -> u64 {
        self.size
    }
}

/// Collects manifests.
pub(super) struct Collector {
    cached: HashMap<Digest, Parsed>,
    keeper: Keeper<CachedManifest>,
}

impl Collector {
    /// With what the cache has of `digests`. They are read one by one: the bytes of all may be more than should be in
    /// memory. What cannot be read, or has no room, counts as not cached.
    ///
    /// # Errors
    /// If the store fails.
    pub(super) async fn new(store: &Store, digests: Vec<Digest>, ration: &Ration) -> Result<Self, StoreError> {
        let mut cached = HashMap::with_capacity(digests.len());
        let read = |manifest: CachedManifest| {
            if let Ok(parsed) = Parsed::read(&manifest.media_type, &manifest.bytes)
                && ration.takes(parsed.size)
            {
                cached.insert(manifest.digest, parsed);
            }
        };
        store.each_manifest(&digests, read).await?;
        let keeper = Keeper::new(store);
        Ok(Self { cached, keeper })
    }

    /// Whether the cache has it; asked before anything was added.
    pub(super) fn has(&self, digest: &Digest) -> bool {
        self.cached.contains_key(digest)
    }

    /// Adds what is there to what was found, and gives back its digest.
    ///
    /// # Errors
    /// If the store fails.
    pub(super) async fn add(&mut self, here: Here, found: &mut Found) -> Result<Digest, StoreError> {
        match here {
            Here::Cached(digest) => {
                // Another tag of the same manifest may have brought it already.
                if let Some(Parsed { manifest, size }) = self.cached.remove(&digest) {
                    found.add(digest.clone(), manifest, size);
                }
                Ok(digest)
            }
            Here::Fetched(parsed, fetched) => {
                let Parsed { manifest, size } = *parsed;
                if found.add(fetched.digest.clone(), manifest, size) {
                    self.keeper.add(cacheable(&fetched)).await?;
                }
                Ok(fetched.digest)
            }
        }
    }

    /// Waits until everything new is in the cache.
    ///
    /// # Errors
    /// If the store fails.
    pub(super) async fn finish(self) -> Result<(), StoreError> {
        self.keeper.finish().await
    }
}

fn cacheable(fetched: &FetchedManifest) -> CachedManifest {
    CachedManifest {
        digest: fetched.digest.clone(),
        media_type: fetched.media_type.clone(),
        bytes: fetched.bytes.to_vec(),
    }
}

//! Watches a repository's tags while things are removed from it.
//!
//! A delete by digest takes every tag that points there, also one that was set a minute ago: by a rollback,
//! or by a push of a new index that lists an old child. So every tag is looked up again, and what new manifests
//! list is read, before anything goes.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use jettison_core::model::{Digest, RepositoryName, Tag};
use jettison_core::recognise::ParsedManifest;
use tokio::time::Instant;

use super::FRESH;
use crate::registry::{ManifestReference, Registry, RegistryError};
use crate::store::Store;

/// Lookups at once; the registry's own limit decides how many really run.
const LOOKUPS: usize = 64;

/// Children of children of a new manifest: deeper ones are no builder's work.
const MAX_ROUNDS: usize = 16;

/// The tags of one repository as they are now.
#[derive(Debug)]
pub(super) struct Watch<'a> {
    pub(super) registry: &'a dyn Registry,
    pub(super) store: &'a Store,
    pub(super) name: &'a RepositoryName,
    /// Tags that are to go, with the manifests they pointed to when the plan was made.
    pub(super) condemned_tags: BTreeMap<&'a Tag, &'a Digest>,
    /// Manifests that the plan knows.
    pub(super) planned: BTreeSet<&'a Digest>,
    seen: Option<Seen>,
}

#[derive(Debug)]
struct Seen {
    at: Instant,
    /// What is wanted now that was not when the plan was made, and why.
    wanted: BTreeMap<Digest, String>,
}

impl<'a> Watch<'a> {
    pub(super) fn new(
        registry: &'a dyn Registry,
        store: &'a Store,
        name: &'a RepositoryName,
        condemned_tags: BTreeMap<&'a Tag, &'a Digest>,
        planned: BTreeSet<&'a Digest>,
    ) -> Self {
        Self {
            registry,
            store,
            name,
            condemned_tags,
            planned,
            seen: None,
        }
    }

    /// Manifests that a tag or a new manifest wants now, with the reason; no older than 60 seconds.
    ///
    /// # Errors
    /// If that cannot be found out: then nothing may go.
    pub(super) async fn wanted(&mut self) -> Result<&BTreeMap<Digest, String>, String> {
        if self.seen.as_ref().is_none_or(|seen| seen.at.elapsed() >= FRESH) {
            let at = Instant::now();
            let wanted = self.look().await?;
            self.seen = Some(Seen { at, wanted });
        }
        self.seen
            .as_ref()
            .map(|seen| &seen.wanted)
            .ok_or_else(|| "the tags were not looked up".to_owned())
    }

    /// When the tags were looked up that are at hand.
    pub(super) fn seen_at(&self) -> Option<Instant> {
        self.seen.as_ref().map(|seen| seen.at)
    }

    async fn look(&self) -> Result<BTreeMap<Digest, String>, String> {
        let told = |error: RegistryError| error.to_string();
        let tags = self.registry.tags(self.name).await.map_err(told)?;
        let found: Vec<(Tag, Option<Digest>)> = stream::iter(tags)
            .map(|tag| async move { self.registry.resolve(self.name, &tag).await.map(|digest| (tag, digest)) })
            .buffer_unordered(LOOKUPS)
            .try_collect()
            .await
            .map_err(told)?;
        let mut wanted = BTreeMap::new();
        let mut new = BTreeMap::new();
        for (tag, digest) in found {
            let Some(digest) = digest else { continue };
            if self.condemned_tags.get(&tag) == Some(&&digest) {
                continue;
            }
            if let Some(subject) = tag.subject() {
                wanted
                    .entry(subject)
                    .or_insert_with(|| format!("tag {tag} is attached to it"));
            }
            if !self.planned.contains(&digest) {
                new.insert(digest.clone(), tag.clone());
            }
            wanted
                .entry(digest)
                .or_insert_with(|| format!("tag {tag} points to it"));
        }
        self.follow(new, &mut wanted).await?;
        Ok(wanted)
    }

    /// What manifests that the plan does not know list or are attached to.
    async fn follow(&self, new: BTreeMap<Digest, Tag>, wanted: &mut BTreeMap<Digest, String>) -> Result<(), String> {
        let tagged: BTreeSet<Digest> = new.keys().cloned().collect();
        let mut open = new;
        let mut read = BTreeSet::new();
        for _ in 0..MAX_ROUNDS {
            open.retain(|digest, _| read.insert(digest.clone()));
            if open.is_empty() {
                return Ok(());
            }
            let manifests: Vec<(Digest, Tag, Option<ParsedManifest>)> = stream::iter(std::mem::take(&mut open))
                .map(|(digest, tag)| async move { self.read(&digest).await.map(|parsed| (digest, tag, parsed)) })
                .buffer_unordered(LOOKUPS)
                .try_collect()
                .await?;
            for (digest, tag, manifest) in manifests {
                let Some(manifest) = manifest else {
                    // What a tag points to was there a moment ago: this registry tells different things at a time.
                    if tagged.contains(&digest) {
                        return Err(format!(
                            "tag {tag} points to {digest}, and the registry says that it has no such thing"
                        ));
                    }
                    continue;
                };
                for digest in manifest.children.into_iter().chain(manifest.subject) {
                    wanted
                        .entry(digest.clone())
                        .or_insert_with(|| format!("it belongs to what tag {tag} points to"));
                    open.insert(digest, tag.clone());
                }
            }
            open.retain(|digest, _| !self.planned.contains(digest));
        }
        Err(format!("indexes are nested more than {MAX_ROUNDS} deep"))
    }

    async fn read(&self, digest: &Digest) -> Result<Option<ParsedManifest>, String> {
        let cached = self
            .store
            .manifests(std::slice::from_ref(digest))
            .await
            .map_err(|error| error.to_string())?;
        let parse = |media_type: &str, bytes: &[u8]| {
            ParsedManifest::read(Some(media_type), bytes).map_err(|error| format!("{digest}: {error}"))
        };
        if let Some(cached) = cached.get(digest) {
            return parse(&cached.media_type, &cached.bytes).map(Some);
        }
        let reference = ManifestReference::Digest(digest.clone());
        let fetched = self
            .registry
            .manifest(self.name, &reference)
            .await
            .map_err(|error| error.to_string())?;
        fetched
            .map(|fetched| parse(&fetched.media_type, &fetched.bytes))
            .transpose()
    }
}

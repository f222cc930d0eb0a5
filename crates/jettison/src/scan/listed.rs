//! Reads a repository that the registry lists whole: of its manifests only what the list leaves in doubt.
//!
//! Reading may count as a pull, and a hundred thousand manifests are a hundred thousand answers: whatever the list proves
//! is believed. What cannot be read because it is archived is told by the list, or is a gap.

use std::collections::{BTreeMap, BTreeSet};
use std::pin::pin;

use futures_util::StreamExt as _;
use jettison_core::model::{Digest, Kind, Tag};
use jettison_core::recognise::ListedManifest;

use super::collect::{Collector, Here};
use super::found::Found;
use super::repository::{NoAnswer, RepositoryReader};
use crate::registry::{Listed, Listing, ManifestReference, Stored};
use crate::store::StoreError;

impl RepositoryReader<'_> {
    /// Notes everything of the list, and reads what it leaves in doubt.
    ///
    /// # Errors
    /// If the store fails.
    pub(super) async fn read_list(&self, mut listing: Listing, found: &mut Found) -> Result<(), StoreError> {
        for listed in listing.manifests.values_mut() {
            // Somebody wants it: it is as new as what is pushed now.
            if listed.stored == Stored::Returning {
                listed.pushed_at = Some(self.taken_at);
            }
        }
        found.tags = listing.pointers();
        found.listing = listing;
        // A list that names a tag and not what it points to is asked for that.
        let named = found.listing.manifests.keys().chain(found.tags.values());
        let digests: Vec<Digest> = named.cloned().collect::<BTreeSet<Digest>>().into_iter().collect();
        self.progress.expect(digests.len() as u64);
        let mut collector = Collector::new(self.store, digests.clone(), self.ration).await?;
        let unread = self.take_what_is_known(digests, &mut collector, found).await?;
        let mut answers = pin!(self.each(unread, |digest| self.fetch(ManifestReference::Digest(digest))));
        while let Some((digest, answer)) = answers.next().await {
            match answer {
                Ok(Some(here)) => drop(collector.add(here, found).await?),
                // It went since the list was made.
                Ok(None) => found.gone(digest),
                Err(NoAnswer::Failed(why)) => found.gap(format!("{}: {why}", digest.short())),
                Err(NoAnswer::NotAsked) => {}
            }
        }
        collector.finish().await
    }

    /// Adds what the cache has and what the list proves. What is left has to be read.
    async fn take_what_is_known(
        &self,
        digests: Vec<Digest>,
        collector: &mut Collector,
        found: &mut Found,
    ) -> Result<Vec<Digest>, StoreError> {
        let listing = std::mem::take(&mut found.listing);
        let mut tags: BTreeMap<&Digest, Vec<&Tag>> = BTreeMap::new();
        for (tag, at) in &listing.tags {
            tags.entry(&at.digest).or_default().push(tag);
        }
        let mut unread = Vec::new();
        for digest in digests {
            let Some(listed) = listing.manifests.get(&digest) else {
                unread.push(digest);
                continue;
            };
            if collector.has(&digest) {
                collector.add(Here::Cached(digest), found).await?;
                self.progress.advance();
                continue;
            }
            let entry = entry(&digest, listed, tags.get(&digest).map_or(&[][..], Vec::as_slice));
            let proven = entry
                .recognise()
                .filter(|_| !self.looks_inside || listed.stored != Stored::Ready);
            match (proven, listed.stored) {
                (Some(proven), _) => drop(found.add(digest, proven, 0)),
                (None, Stored::Ready) => {
                    unread.push(digest);
                    continue;
                }
                (None, _) => {
                    if listed.may_list_others() {
                        found.gap(format!(
                            "{} is archived and was never read, so that nobody knows what belongs to it; bring it back from \
                             the archive, or delete it by hand",
                            digest.short()
                        ));
                    }
                    let opaque = entry.opaque(Kind::Artifact);
                    found.add(digest, opaque, 0);
                }
            }
            self.progress.advance();
        }
        found.listing = listing;
        Ok(unread)
    }
}

fn entry<'a>(digest: &'a Digest, listed: &'a Listed, tags: &'a [&'a Tag]) -> ListedManifest<'a> {
    ListedManifest {
        digest,
        media_type: &listed.media_type,
        config_media_type: listed.config_media_type.as_deref(),
        subject: listed.subject.as_ref(),
        bytes: listed.bytes,
        tags,
    }
}

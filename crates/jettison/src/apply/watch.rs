//! Watches a repository's tags while things are removed from it.
//!
//! A delete by digest takes every tag that points there, also one that was set a minute ago: by a rollback,
//! or by a push of a new index that lists an old child. So every tag is looked up again, and what new manifests
//! list is read, before anything goes.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use jettison_core::model::{Digest, RepositoryName, Tag};
use tokio::time::Instant;

use super::FRESH;
use super::reading::Reader;
use crate::output::text::with_causes;
use crate::registry::{Listed, Listing, Registry, RegistryError, Stored};

/// Lookups at once; the registry's own limit decides how many really run.
const LOOKUPS: usize = 64;

/// Children of children of a new manifest: deeper ones are no builder's work.
const MAX_ROUNDS: usize = 16;

/// The tags of one repository as they are now.
#[derive(Debug)]
pub(super) struct Watch<'a> {
    reader: Reader<'a>,
    /// Tags that are to go, with the manifests they pointed to when the plan was made.
    condemned_tags: BTreeMap<&'a Tag, &'a Digest>,
    /// Manifests that the plan knows.
    planned: BTreeSet<&'a Digest>,
    seen: Option<Seen>,
}

#[derive(Debug)]
struct Seen {
    at: Instant,
    /// What is wanted now that was not when the plan was made, and why.
    wanted: BTreeMap<Digest, String>,
    /// The tags that are to go and were where the plan saw them.
    standing: BTreeSet<Tag>,
    /// Whether the registry's own list told it, which names what is attached to what.
    listed: bool,
}

/// Where each tag points, one by one.
async fn look_up_each(registry: &dyn Registry, name: &RepositoryName) -> Result<BTreeMap<Tag, Digest>, RegistryError> {
    let tags = registry.tags(name).await?;
    let look_up = |tag: Tag| async move {
        let digest = registry.resolve(name, &tag).await?;
        Ok(digest.map(|digest| (tag, digest)))
    };
    stream::iter(tags)
        .map(look_up)
        .buffer_unordered(LOOKUPS)
        .try_filter_map(|pointer| async move { Ok(pointer) })
        .try_collect()
        .await
}

impl<'a> Watch<'a> {
    pub(super) fn new(
        reader: Reader<'a>,
        condemned_tags: BTreeMap<&'a Tag, &'a Digest>,
        planned: BTreeSet<&'a Digest>,
    ) -> Self {
        Self {
            reader,
            condemned_tags,
            planned,
            seen: None,
        }
    }

    /// Tags were removed by our own hand: one that is found from now on was set by somebody else.
    pub(super) fn removed<'t>(&mut self, tags: impl IntoIterator<Item = &'t Tag>) {
        for tag in tags {
            self.condemned_tags.remove(tag);
        }
    }

    /// The next look asks anew, however young the last one is.
    pub(super) fn forget_look(&mut self) {
        self.seen = None;
    }

    /// Whether a tag that is to go was where the plan saw it, at the last look.
    pub(super) fn was_standing(&self, tag: &Tag) -> bool {
        self.seen.as_ref().is_some_and(|seen| seen.standing.contains(tag))
    }

    /// Manifests that a tag or a new manifest wants now, with the reason; no older than 60 seconds.
    ///
    /// # Errors
    /// If that cannot be found out: then nothing may go.
    pub(super) async fn wanted(&mut self) -> Result<&BTreeMap<Digest, String>, String> {
        if self.seen.as_ref().is_none_or(|seen| seen.at.elapsed() >= FRESH) {
            let at = Instant::now();
            self.seen = Some(self.look(at).await?);
        }
        self.seen
            .as_ref()
            .map(|seen| &seen.wanted)
            .ok_or_else(|| "the tags were not looked up".to_owned())
    }

    /// Whether the last look also told everything that is attached to something.
    pub(super) fn knows_what_is_attached(&self) -> bool {
        self.seen.as_ref().is_some_and(|seen| seen.listed)
    }

    /// When the tags were looked up that are at hand.
    pub(super) fn seen_at(&self) -> Option<Instant> {
        self.seen.as_ref().map(|seen| seen.at)
    }

    async fn look(&self, at: Instant) -> Result<Seen, String> {
        let Reader {
            registry,
            name,
            trouble,
            ..
        } = self.reader;
        let told = |error: RegistryError| {
            trouble.note_fatal(&error);
            error.to_string()
        };
        let listing = registry.listing(name).await.map_err(told)?;
        // In the order of the tags: the same reason is given whoever answers first.
        let found = match &listing {
            Some(listing) => listing.pointers(),
            None => look_up_each(registry, name).await.map_err(told)?,
        };
        let (mut wanted, mut new, mut standing) = (BTreeMap::new(), BTreeMap::new(), BTreeSet::new());
        for (tag, digest) in found {
            if self.condemned_tags.get(&tag) == Some(&&digest) {
                standing.insert(tag);
                continue;
            }
            if let Some(subject) = tag.subject() {
                wanted
                    .entry(subject)
                    .or_insert_with(|| format!("tag {tag} is attached to it"));
            }
            if !self.planned.contains(&digest) {
                new.insert(digest.clone(), format!("tag {tag} points to"));
            }
            wanted
                .entry(digest)
                .or_insert_with(|| format!("tag {tag} points to it"));
        }
        if let Some(listing) = &listing {
            self.add_untagged(listing, &mut new, &mut wanted);
        }
        self.follow(new, &mut wanted).await?;
        Ok(Seen {
            at,
            wanted,
            standing,
            listed: listing.is_some(),
        })
    }

    /// What a list says that came since the plan: what is attached, and what may list others, with a tag or without. What
    /// the list proves to be an image needs nothing of the repository.
    fn add_untagged(
        &self,
        listing: &Listing,
        new: &mut BTreeMap<Digest, String>,
        wanted: &mut BTreeMap<Digest, String>,
    ) {
        new.retain(|digest, _| listing.manifests.get(digest).is_none_or(Listed::may_list_others));
        let unplanned = listing.manifests.iter();
        for (digest, listed) in unplanned.filter(|(digest, _)| !self.planned.contains(digest)) {
            if let Some(subject) = &listed.subject {
                let why = || format!("{} is attached to it", digest.short());
                wanted.entry(subject.clone()).or_insert_with(why);
            }
            if listed.may_list_others() && listed.stored == Stored::Ready {
                new.entry(digest.clone())
                    .or_insert_with(|| format!("the registry lists by now as {}", digest.short()));
            }
        }
    }

    /// What manifests that the plan does not know list or are attached to.
    async fn follow(&self, new: BTreeMap<Digest, String>, wanted: &mut BTreeMap<Digest, String>) -> Result<(), String> {
        let tagged: BTreeSet<Digest> = new.keys().cloned().collect();
        let mut open = new;
        let mut known = BTreeSet::new();
        for _ in 0..MAX_ROUNDS {
            open.retain(|digest, _| known.insert(digest.clone()));
            if open.is_empty() {
                return Ok(());
            }
            let digests: Vec<Digest> = open.keys().cloned().collect();
            let mut read = self.reader.read(&digests).await.map_err(|error| with_causes(&error))?;
            for (digest, came) in std::mem::take(&mut open) {
                let manifest = read.remove(&digest).unwrap_or(Ok(None));
                let manifest = manifest.map_err(|why| format!("{digest}: {why}"))?;
                let Some(manifest) = manifest else {
                    // What a tag points to was there a moment ago: this registry tells different things at a time.
                    if tagged.contains(&digest) {
                        return Err(format!(
                            "{came} {digest}, and the registry says that it has no such thing"
                        ));
                    }
                    continue;
                };
                for digest in manifest.children.into_iter().chain(manifest.subject) {
                    wanted
                        .entry(digest.clone())
                        .or_insert_with(|| format!("it belongs to what {came}"));
                    open.insert(digest, came.clone());
                }
            }
            open.retain(|digest, _| !self.planned.contains(digest));
        }
        Err(format!("indexes are nested more than {MAX_ROUNDS} deep"))
    }
}

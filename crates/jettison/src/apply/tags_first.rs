//! Removes the condemned tags of a repository before the manifests, where the adapter says that this is cheaper.
//!
//! Everything is in the journal by then. A tag goes by the same rules as its manifest: a fresh look, the tag itself
//! looked up right before, and whatever is held keeps all that hangs together with it. A root goes before what is
//! attached to it, so that a signature is not taken off an image that still has its tags. Whatever stops after that
//! gets its tags back, here or when its own turn comes; a run that is killed leaves that to the next.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures_util::{StreamExt as _, stream};
use jettison_core::model::{Digest, Tag};
use jettison_core::plan::ActionKind;
use tokio::sync::Mutex;
use tokio::time::{Instant, sleep};

use super::batch::{Latest, Work};
use super::look::{Looking, NotNow};
use super::unit::Condemned;
use crate::registry::RegistryError;
use crate::store::StoreError;

/// Units that belong together for one look.
pub(super) type Batch = Vec<Vec<Digest>>;

/// What was removed of one unit.
#[derive(Default)]
struct OfUnit {
    /// The tags that every member had when the first one went.
    had: BTreeMap<Digest, Vec<Tag>>,
    /// What stays after all, although tags of it or of its unit went.
    stopped: BTreeMap<Digest, NotNow>,
}

impl<'r, 'a> Work<'r, 'a> {
    /// Removes all condemned tags of manifests that are to be deleted, and gives back those of what has to stay.
    ///
    /// # Errors
    /// Only if the store fails.
    pub(super) async fn take_tags(
        &mut self,
        batches: &[Batch],
        looking: &mut Looking<'r, 'a>,
    ) -> Result<(), StoreError> {
        // The first unit alone shows whether this registry keeps a manifest that has no tag.
        let first = batches.first().and_then(|batch| batch.split_first());
        if let Some((first, others)) = first {
            self.take_tags_of(std::slice::from_ref(first), looking).await?;
            if self.still_has_all(first).await {
                self.take_tags_of(others, looking).await?;
                for batch in batches.iter().skip(1) {
                    self.take_tags_of(batch, looking).await?;
                }
            }
        }
        let stopped = self.relations.staying(self.held.keys().cloned());
        self.wait_until_removed(&stopped).await;
        // What cannot be given back now is tried again when its own turn comes.
        drop(self.give_back(stopped.into_keys().collect()).await);
        looking.watch.forget_look();
        Ok(())
    }

    async fn take_tags_of(&mut self, units: &[Vec<Digest>], looking: &mut Looking<'r, 'a>) -> Result<(), StoreError> {
        if self.run.trouble.why().is_some() {
            return Ok(());
        }
        let digests: Vec<Digest> = units.iter().flatten().cloned().collect();
        let latest = Mutex::new(Latest {
            looking,
            digests: &digests,
            leave: None,
        });
        let work = &*self;
        let done: Vec<(OfUnit, Result<(), StoreError>)> = stream::iter(units)
            .map(|unit| work.take_tags_of_unit(unit, &latest))
            .buffer_unordered(self.registry.removals_at_once())
            .collect()
            .await;
        drop(latest);
        let mut ended = Ok(());
        for (OfUnit { had, stopped }, result) in done {
            looking.watch.removed(had.values().flatten());
            self.taken.extend(had);
            self.held.extend(stopped);
            ended = ended.and(result);
        }
        ended
    }

    /// What was removed is told even if the store fails in between.
    async fn take_tags_of_unit(
        &self,
        unit: &[Digest],
        latest: &Mutex<Latest<'_, 'r, 'a>>,
    ) -> (OfUnit, Result<(), StoreError>) {
        let mut of_unit = OfUnit::default();
        for digest in unit {
            let Some(condemned) = self.to_delete(digest) else {
                continue;
            };
            for tag in &condemned.action.tags {
                let leave = match self.leave(latest).await {
                    Ok(leave) => leave,
                    Err(error) => return (of_unit, Err(error)),
                };
                let stays = self.relations.staying(of_unit.stopped.keys().cloned());
                if stays.contains_key(digest) {
                    break;
                }
                if let Some(why) = self.why_not(digest, &leave) {
                    of_unit.stopped.insert(digest.clone(), why);
                    break;
                }
                if of_unit.had.is_empty() {
                    of_unit.had = self.tags_of(unit, latest).await;
                }
                let removal = self.removal(condemned.action, &leave);
                if let Err(why) = removal.take_tag(tag, &self.run.trouble).await {
                    of_unit.stopped.insert(digest.clone(), why);
                    break;
                }
            }
        }
        (of_unit, Ok(()))
    }

    fn to_delete(&self, digest: &Digest) -> Option<&Condemned<'a>> {
        let condemned = self.condemned.get(digest)?;
        (condemned.action.action == ActionKind::Delete).then_some(condemned)
    }

    /// The tags that the members of a unit had at the latest look. Some registries remove the tag of a signature
    /// together with that of its image.
    async fn tags_of(&self, unit: &[Digest], latest: &Mutex<Latest<'_, 'r, 'a>>) -> BTreeMap<Digest, Vec<Tag>> {
        let latest = latest.lock().await;
        let had = |digest: &Digest| {
            let tags = self.to_delete(digest)?.action.tags.iter();
            let had: Vec<Tag> = tags
                .filter(|tag| latest.looking.watch.was_standing(tag))
                .cloned()
                .collect();
            (!had.is_empty()).then(|| (digest.clone(), had))
        };
        unit.iter().filter_map(had).collect()
    }

    /// Whether nothing went together with its tags. Where something did, what is condemned goes the usual way.
    async fn still_has_all(&self, unit: &[Digest]) -> bool {
        for digest in unit.iter().filter(|digest| self.taken.contains_key(*digest)) {
            match self.registry.exists(self.run.name, digest).await {
                Ok(true) => {}
                Ok(false) => return false,
                Err(error) => {
                    self.run.trouble.note(&error);
                    return false;
                }
            }
        }
        true
    }

    /// Some registries carry out later what they accept now. What is still listed in the end points to what was to go,
    /// which the next look at all tags finds.
    async fn wait_until_removed(&self, stopped: &BTreeMap<Digest, Digest>) {
        let goes = self.taken.iter().filter(|(digest, _)| !stopped.contains_key(digest));
        let taken: BTreeSet<&Tag> = goes.flat_map(|(_, tags)| tags).collect();
        let deadline = Instant::now() + self.run.applier.options.gone_within;
        let mut pause = Duration::from_millis(100);
        while !taken.is_empty() && self.run.trouble.why().is_none() {
            let listed = self.registry.tags(self.run.name).await;
            let still_listed = listed.map(|tags| tags.iter().any(|tag| taken.contains(tag)));
            match still_listed {
                Ok(true) if Instant::now() + pause < deadline => sleep(pause).await,
                ended => {
                    let note = |error: RegistryError| self.run.trouble.note_fatal(&error);
                    return ended.map(drop).unwrap_or_else(note);
                }
            }
            pause = (pause * 2).min(Duration::from_secs(10));
        }
    }
}

//! What the journal and the ledger hold of an undo: the mark before anything is put back, then what became of it.

use std::collections::{BTreeMap, BTreeSet};

use jettison_core::model::{Digest, RegistryHost, RepositoryName};
use jiff::Timestamp;
use serde_json::json;

use super::batch::{Batch, End, Found, How};
use super::saved::Saved;
use crate::store::{Action, CachedManifest, EntryId, EntryRecord, Intent, NewOutcome, Outcome, StoreError};

/// Manifests of one repository.
type Repository<'s> = (&'s RegistryHost, &'s RepositoryName);

impl Batch<'_> {
    /// The exact bytes of what is lacking, for the registry and for the journal.
    pub(super) async fn bytes(&self, found: &Found) -> Result<BTreeMap<usize, CachedManifest>, StoreError> {
        let mut bytes = BTreeMap::new();
        for position in found.lacking.keys() {
            if let Some(saved) = self.saved.get(*position).filter(|saved| saved.damaged.is_none()) {
                bytes.insert(*position, self.undoer.store.saved_manifest(saved.source).await?);
            }
        }
        Ok(bytes)
    }

    /// Holds what is about to come back: whatever happens next, no plan may take it at once.
    pub(super) async fn mark(&self, found: &Found) -> Result<(), StoreError> {
        let mut repositories: BTreeMap<Repository<'_>, Vec<Digest>> = BTreeMap::new();
        for saved in found.wanted().filter_map(|position| self.saved.get(position)) {
            let repository = (&saved.place.registry, &saved.place.repository);
            repositories
                .entry(repository)
                .or_default()
                .push(saved.place.digest.clone());
        }
        for ((registry, repository), digests) in repositories {
            let store = self.undoer.store;
            store
                .mark_restored(registry, repository, &digests, Timestamp::now())
                .await?;
        }
        Ok(())
    }

    pub(super) async fn record_intents(
        &self,
        found: &Found,
        bytes: &BTreeMap<usize, CachedManifest>,
    ) -> Result<BTreeMap<usize, EntryId>, StoreError> {
        let intent = |(position, root): (&usize, &usize)| Some((*position, self.intent(*position, *root, bytes)?));
        let (positions, intents): (Vec<usize>, Vec<Intent>) = found.lacking.iter().filter_map(intent).unzip();
        let ids = self.undoer.store.record_intent(self.run, &intents).await?;
        Ok(positions.into_iter().zip(ids).collect())
    }

    fn intent(&self, position: usize, root: usize, bytes: &BTreeMap<usize, CachedManifest>) -> Option<Intent> {
        let saved = self.saved.get(position)?;
        let attached = self.graph.attached(position).iter();
        Some(Intent {
            registry: saved.place.registry.clone(),
            repository: saved.place.repository.clone(),
            digest: saved.place.digest.clone(),
            action: Action::Restore,
            root: self.saved.get(root)?.place.digest.clone(),
            tags: saved.tags.iter().cloned().collect(),
            media_type: saved.media_type.clone(),
            bytes: bytes.get(&position)?.bytes.clone(),
            referrers: attached
                .filter_map(|other| Some(self.saved.get(*other)?.place.digest.clone()))
                .collect(),
            reason_json: json!({"code": "undo", "run": saved.run}).to_string(),
            sequence: position as u64,
        })
    }

    /// Says in the journal what is back: of this run, and of the runs that had taken it.
    pub(super) async fn record_outcomes(
        &self,
        entries: &BTreeMap<usize, EntryId>,
        ends: &BTreeMap<usize, End>,
    ) -> Result<(), StoreError> {
        let own = entries
            .iter()
            .filter_map(|(position, entry)| Some((*entry, ends.get(position)?.recorded())));
        let mut outcomes: BTreeMap<EntryId, Outcome> = own.collect();
        for entry in self.settled(ends).await? {
            outcomes.entry(entry).or_insert(Outcome::PutBack);
        }
        let at = Timestamp::now();
        let outcomes: Vec<NewOutcome> = outcomes
            .into_iter()
            .map(|(entry, outcome)| NewOutcome { entry, outcome, at })
            .collect();
        self.undoer.store.record_outcomes(&outcomes).await
    }

    /// The entries whose latest word is no longer true now that a manifest is there with its tags.
    async fn settled(&self, ends: &BTreeMap<usize, End>) -> Result<BTreeSet<EntryId>, StoreError> {
        let mut repositories: BTreeMap<Repository<'_>, BTreeMap<&Digest, (&Saved, &How)>> = BTreeMap::new();
        for (position, end) in ends {
            if let (Some(saved), How::Back | How::WasThere) = (self.saved.get(*position), &end.how) {
                let repository = (&saved.place.registry, &saved.place.repository);
                let digests = repositories.entry(repository).or_default();
                digests.insert(&saved.place.digest, (saved, &end.how));
            }
        }
        let mut settled = BTreeSet::new();
        for ((registry, repository), manifests) in repositories {
            let digests: Vec<&Digest> = manifests.keys().copied().collect();
            let store = self.undoer.store;
            let recorded = store.entries_of_manifests(registry, repository, &digests).await?;
            let untrue = recorded.into_iter().filter(|entry| {
                let manifest = manifests.get(&entry.digest);
                manifest.is_some_and(|(saved, how)| is_untrue(entry, saved, how))
            });
            settled.extend(untrue.map(|entry| entry.id));
        }
        Ok(settled)
    }
}

/// Whether an entry has to be set right, now that the manifest is there with its tags.
fn is_untrue(entry: &EntryRecord, saved: &Saved, how: &How) -> bool {
    // An untag of another run is about tags that are none of this undo.
    let spoken_of = entry.action != Action::Untag || saved.entries.iter().any(|undone| undone.id == entry.id);
    let untrue = match entry.outcome() {
        None | Some(Outcome::Done | Outcome::AlreadyGone | Outcome::Asked { .. }) => true,
        Some(Outcome::Failed { .. }) => *how == How::Back,
        Some(Outcome::Skipped { .. } | Outcome::PutBack) => false,
    };
    spoken_of && untrue
}

impl End {
    /// What the journal keeps of it.
    fn recorded(&self) -> Outcome {
        match &self.how {
            How::Back | How::WasThere => Outcome::PutBack,
            How::Failed(error) => Outcome::Failed { error: error.clone() },
            How::Left(why) => Outcome::Skipped { why: why.clone() },
        }
    }
}

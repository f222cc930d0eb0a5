//! What the journal holds of a manifest that was taken: where it belongs, its tags, and what its bytes say.
//!
//! The bytes themselves are read again when they are needed: those of a whole run may be many.

use std::collections::BTreeSet;
use std::fmt;

use jettison_core::model::{Digest, RegistryHost, RepositoryName, Tag};
use jettison_core::recognise::ParsedManifest;

use crate::output::image_name;
use crate::store::{EntryId, EntryRecord, RunId, Store, StoreError};

/// Where a manifest belongs.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Place {
    pub(super) registry: RegistryHost,
    pub(super) repository: RepositoryName,
    pub(super) digest: Digest,
}

impl Place {
    /// The same repository, another manifest.
    pub(super) fn beside(&self, digest: &Digest) -> Self {
        Self {
            digest: digest.clone(),
            ..self.clone()
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}/{}",
            self.registry,
            image_name(&self.repository, None, &self.digest)
        )
    }
}

/// A manifest that the journal can give back.
#[derive(Debug, Clone)]
pub(super) struct Saved {
    pub(super) place: Place,
    /// The newest entry that holds its bytes, and the run of it.
    pub(super) source: EntryId,
    pub(super) run: RunId,
    /// The entries that are to be undone; none of what is only needed by another.
    pub(super) entries: Vec<EntryRecord>,
    /// The tags to set again.
    pub(super) tags: BTreeSet<Tag>,
    pub(super) media_type: String,
    pub(super) relations: Relations,
    /// Why it cannot be given back, if it cannot.
    pub(super) damaged: Option<String>,
}

/// What the bytes of a manifest refer to.
#[derive(Debug, Clone, Default)]
pub(super) struct Relations {
    /// Manifests that it lists, in its own repository.
    pub(super) children: Vec<Digest>,
    /// What it is attached to by its own field.
    pub(super) subject: Option<Digest>,
    /// Config and layers that the registry stores.
    pub(super) blobs: Vec<Digest>,
}

impl Saved {
    /// What an entry saved, with the tags that it took.
    ///
    /// # Errors
    /// If the store fails. Bytes that are damaged are no such failure: they stop this manifest alone.
    pub(super) async fn read(store: &Store, entry: EntryRecord) -> Result<Self, StoreError> {
        let mut saved = Self::needed(store, &entry).await?;
        saved.tags = entry.tags.iter().cloned().collect();
        saved.entries.push(entry);
        Ok(saved)
    }

    /// What an entry saved, to be given back without tags because something else needs it.
    ///
    /// # Errors
    /// As [`Saved::read`].
    pub(super) async fn needed(store: &Store, entry: &EntryRecord) -> Result<Self, StoreError> {
        let relations = match store.saved_manifest(entry.id).await {
            Ok(manifest) => ParsedManifest::read(Some(&manifest.media_type), &manifest.bytes)
                .map(Relations::from)
                .map_err(|error| format!("what the journal saved of it cannot be read: {error}")),
            Err(StoreError::Corrupt { .. }) => Err("its bytes in the journal are damaged".to_owned()),
            Err(error) => return Err(error),
        };
        Ok(Self {
            place: Place {
                registry: entry.registry.clone(),
                repository: entry.repository.clone(),
                digest: entry.digest.clone(),
            },
            source: entry.id,
            run: entry.run.clone(),
            entries: Vec::new(),
            tags: BTreeSet::new(),
            media_type: entry.media_type.clone(),
            damaged: relations.as_ref().err().cloned(),
            relations: relations.unwrap_or_default(),
        })
    }

    /// Takes in what another entry saved of the same manifest.
    pub(super) fn merge(&mut self, other: Self) {
        if other.source > self.source {
            self.source = other.source;
            self.run = other.run;
        }
        self.entries.extend(other.entries);
        self.tags.extend(other.tags);
    }

    /// What it is attached to by a tag.
    pub(super) fn tagged_subjects(&self) -> impl Iterator<Item = Digest> {
        let subjects = self.tags.iter().filter_map(Tag::subject);
        subjects.filter(|subject| *subject != self.place.digest)
    }

    /// Everything that it is attached to.
    pub(super) fn subjects(&self) -> BTreeSet<Digest> {
        self.tagged_subjects().chain(self.relations.subject.clone()).collect()
    }

    /// Whether it may lie in the archive by what is to be undone.
    pub(super) fn is_archived(&self) -> bool {
        self.entries.iter().any(EntryRecord::is_archived)
    }

    /// Whether it carries a tag that attaches it to nothing, and so stands for itself.
    pub(super) fn has_ordinary_tag(&self) -> bool {
        let ordinary = |tag: &Tag| tag.subject().is_none_or(|subject| subject == self.place.digest);
        self.tags.iter().any(ordinary)
    }
}

impl From<ParsedManifest> for Relations {
    fn from(parsed: ParsedManifest) -> Self {
        Self {
            children: parsed.children,
            subject: parsed.subject,
            blobs: parsed.blobs.into_iter().map(|blob| blob.digest).collect(),
        }
    }
}

//! Registries: what jettison asks of one, whatever product it is.
//!
//! An adapter reports facts and carries out single removals. It decides nothing, never lists while it
//! deletes, and concludes nothing from an answer that proves nothing: that is an error. Retries, the
//! in-flight limit, time limits and size limits lie below this trait, in `http`, `retry` and `limiter`.

mod auth;
mod challenge;
mod client;
mod connection;
mod credentials;
mod ecr;
mod error;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod health;
mod http;
mod limiter;
mod oci;
mod own_reads;
mod pages;
mod retry;
#[cfg(test)]
pub(crate) mod scripted;
mod token;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use jettison_core::model::{Capabilities, Digest, RegistryHost, RepositoryName, Tag};
use jettison_core::recognise::may_list_others;
use jiff::Timestamp;

pub(crate) use connection::is_loopback;
pub use connection::{Connection, Limits, MAX_CONFIG_BYTES, MAX_MANIFEST_BYTES, Secret};
pub use ecr::{
    AwsPreview, EcrConnection, EcrRegistry, LifecyclePolicies, PreviewPatience, StoredLifecyclePolicy, is_same_policy,
};
pub(crate) use error::excerpt;
pub use error::{ErrorKind, RegistryError};
pub(crate) use health::NO_ANSWER;
pub(crate) use http::{Failure, authorities_in, identity_in};
pub use oci::OciRegistry;
pub use own_reads::{OwnRead, OwnReads, pulled_by_others};

/// Opens the registry behind a connection. Nothing is sent yet.
///
/// # Errors
///
/// [`ErrorKind::Configuration`]: certificates that cannot be read, or plain HTTP where it is refused.
pub fn open(connection: &Connection) -> Result<Arc<dyn Registry>, RegistryError> {
    Ok(match &connection.ecr {
        Some(ecr) => Arc::new(EcrRegistry::new(connection, ecr)?),
        None => Arc::new(OciRegistry::new(connection)?),
    })
}

/// One registry.
///
/// Every call may fail with [`ErrorKind::Unauthenticated`], [`ErrorKind::Forbidden`],
/// [`ErrorKind::RateLimited`], [`ErrorKind::Transient`], [`ErrorKind::Protocol`],
/// [`ErrorKind::TooLarge`] or [`ErrorKind::Configuration`]; other kinds are named at each call.
#[async_trait]
pub trait Registry: fmt::Debug + Send + Sync {
    /// The registry as it stands in image references.
    fn host(&self) -> &RegistryHost;

    /// What is known without asking. `delete` and `delete_tag` are `None` until [`Registry::probe_deletes`].
    fn capabilities(&self) -> Capabilities;

    /// What becomes of what is deleted here.
    fn aftermath(&self) -> Aftermath;

    /// From how many tags on it is cheaper to remove these one by one before the manifests they point to; never,
    /// unless an adapter says so. Where single tags cannot be removed ([`Registry::probe_deletes`]) it means nothing.
    fn tags_first(&self) -> Option<usize> {
        None
    }

    /// How many images are worth removing at the same time: more than a few gain nothing on the registries that were
    /// measured, unless one call can remove many.
    fn removals_at_once(&self) -> usize {
        8
    }

    /// Every repository, sorted: all pages of the catalog.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Unsupported`] where there is no catalog.
    async fn repositories(&self) -> Result<Vec<RepositoryName>, RegistryError>;

    /// Every tag, sorted: all pages. A tag that is not legal is an error that names it.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NotFound`] where the registry does not know the repository.
    async fn tags(&self, repository: &RepositoryName) -> Result<Vec<Tag>, RegistryError>;

    /// Everything of a repository as the registry's own list has it, asked for without reading a manifest; `None` where
    /// there is no such list. Whoever has one has to read far less, and its times are those of the registry.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NotFound`] where the registry does not know the repository. A list that is not whole is an error.
    async fn listing(&self, _repository: &RepositoryName) -> Result<Option<Listing>, RegistryError> {
        Ok(None)
    }

    /// The exact bytes of a manifest, checked against their digest; `None` where the registry said
    /// twice that it does not have it.
    async fn manifest(
        &self,
        repository: &RepositoryName,
        reference: &ManifestReference,
    ) -> Result<Option<FetchedManifest>, RegistryError>;

    /// What a tag points to, without fetching it where that can be avoided; `None` where the registry
    /// said twice that there is no such tag.
    async fn resolve(&self, repository: &RepositoryName, tag: &Tag) -> Result<Option<Digest>, RegistryError>;

    /// Whether a manifest is there; `false` only where the registry said twice that it is not.
    async fn exists(&self, repository: &RepositoryName, digest: &Digest) -> Result<bool, RegistryError>;

    /// A small blob, checked against its digest; `None` where the registry said twice that it does not have it.
    async fn blob(
        &self,
        repository: &RepositoryName,
        digest: &Digest,
        max_bytes: u64,
    ) -> Result<Option<Bytes>, RegistryError>;

    /// Whether the content of a blob can be read: its first byte is asked for, whatever its size. What a HEAD says, or a
    /// length, may come from a cache that outlives the blob. `false` only where the registry showed twice that it has no
    /// such content.
    async fn is_readable(&self, repository: &RepositoryName, digest: &Digest) -> Result<bool, RegistryError>;

    /// The manifests whose subject is `digest`, by the referrers API.
    async fn referrers(&self, repository: &RepositoryName, digest: &Digest) -> Result<Referrers, RegistryError>;

    /// Deletes a manifest, and with it every tag that points to it.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Unsupported`] where deletes are off, [`ErrorKind::Conflict`] where something still
    /// refers to it, [`ErrorKind::Immutable`] where one of its tags is protected.
    async fn delete_manifest(&self, repository: &RepositoryName, digest: &Digest) -> Result<Removed, RegistryError>;

    /// Removes one tag and nothing else. Never tried twice: the tag may have moved in between.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Unsupported`] where single tags cannot be removed, [`ErrorKind::Immutable`] where it is protected.
    async fn delete_tag(&self, repository: &RepositoryName, tag: &Tag) -> Result<Removed, RegistryError>;

    /// Moves a manifest with its tags to the registry's archive, from which it cannot be pulled. What is there already is a
    /// success. Only asked where [`Capabilities::archive`] is true.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Unsupported`] where there is no archive, [`ErrorKind::Conflict`] where something that is not archived
    /// still refers to it. Nothing may be deleted instead.
    async fn archive(&self, repository: &RepositoryName, digest: &Digest) -> Result<(), RegistryError> {
        Err(self.has_no_archive(&format!("archive {repository}@{}", digest.short())))
    }

    /// Brings a manifest back from the archive. The registry may take a while until it can be pulled. What is not there is
    /// a success.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Unsupported`] where there is no archive.
    async fn unarchive(&self, repository: &RepositoryName, digest: &Digest) -> Result<(), RegistryError> {
        Err(self.has_no_archive(&format!("bring back {repository}@{}", digest.short())))
    }

    /// The error of a registry without an archive.
    fn has_no_archive(&self, operation: &str) -> RegistryError {
        RegistryError {
            kind: ErrorKind::Unsupported,
            registry: self.host().clone(),
            operation: operation.to_owned(),
            status: None,
            detail: "this registry has no archive".to_owned(),
            advised: false,
        }
    }

    /// Puts a manifest, under its digest or a tag. By tag it is never tried twice.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Immutable`] where the tag is protected.
    async fn put_manifest(
        &self,
        repository: &RepositoryName,
        reference: &ManifestReference,
        manifest: &FetchedManifest,
    ) -> Result<(), RegistryError>;

    /// Finds out what can be removed, by a DELETE of a digest and of a tag that nobody has.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Forbidden`] and [`ErrorKind::Unauthenticated`] where the account may not delete.
    async fn probe_deletes(&self, repository: &RepositoryName) -> Result<DeleteSupport, RegistryError>;
}

/// How a manifest is asked for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ManifestReference {
    /// By what is tagged so now.
    Tag(Tag),
    /// By content.
    Digest(Digest),
}

impl fmt::Display for ManifestReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tag(tag) => tag.fmt(f),
            Self::Digest(digest) => digest.fmt(f),
        }
    }
}

impl From<Tag> for ManifestReference {
    fn from(tag: Tag) -> Self {
        Self::Tag(tag)
    }
}

impl From<Digest> for ManifestReference {
    fn from(digest: Digest) -> Self {
        Self::Digest(digest)
    }
}

/// A manifest as the registry keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FetchedManifest {
    /// Its digest, computed from the bytes. Of a signed schema 1 manifest, from the signed part of
    /// them: the only case in which `digest.fits(&bytes)` is false.
    pub digest: Digest,
    /// Its media type, from `Content-Type` without parameters, else from its own `mediaType`; empty if neither tells.
    pub media_type: String,
    /// Its exact bytes.
    pub bytes: Bytes,
}

/// The answer of the referrers API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Referrers {
    /// There is no such API: ask the fallback tag (`sha256-<hex>`).
    Unsupported,
    /// All of them, sorted.
    Listed(Vec<Digest>),
}

/// How a removal went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Removed {
    /// The registry accepted it. Some carry it out later, so that it may still be seen for a while.
    Now,
    /// It was gone before.
    AlreadyGone,
}

/// What can be removed; `None` where the registry's answers do not tell.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DeleteSupport {
    /// Manifests by digest.
    pub delete: Option<bool>,
    /// Single tags.
    pub delete_tag: Option<bool>,
}

/// What becomes of deleted images: phrases for people, to stand behind "can be undone" and "freed".
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Aftermath {
    /// How far an undo can go.
    pub undo: String,
    /// When the bytes are really freed, and how.
    pub bytes_freed: String,
}

/// A repository as the registry's own list has it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Listing {
    /// By tag.
    pub tags: BTreeMap<Tag, ListedTag>,
    /// Every manifest, with a tag or without. What an index lists stands in the index alone.
    pub manifests: BTreeMap<Digest, Listed>,
    /// Pulls since then are known.
    pub pull_data_since: Option<Timestamp>,
}

impl Listing {
    /// Whether it lists nothing.
    pub fn is_empty(&self) -> bool {
        self.tags.is_empty() && self.manifests.is_empty()
    }

    /// Where each tag points.
    pub fn pointers(&self) -> BTreeMap<Tag, Digest> {
        let pointer = |(tag, listed): (&Tag, &ListedTag)| (tag.clone(), listed.digest.clone());
        self.tags.iter().map(pointer).collect()
    }
}

/// What a list tells of a tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedTag {
    /// Where it points.
    pub digest: Digest,
    /// When it was last set.
    pub updated_at: Option<Timestamp>,
    /// The registry would refuse to remove or overwrite it.
    pub immutable: bool,
}

/// What a list tells of a manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Of the manifest itself; empty if the list does not tell.
    pub media_type: String,
    /// Of its config, or its `artifactType`.
    pub config_media_type: Option<String>,
    /// What it is attached to by its own `subject`.
    pub subject: Option<Digest>,
    /// What it holds, in bytes, each layer in full although others may hold it too.
    pub bytes: u64,
    /// When it was pushed, or came back from the archive.
    pub pushed_at: Option<Timestamp>,
    /// When it was last pulled, by somebody else.
    pub last_pulled_at: Option<Timestamp>,
    /// Whether it can be pulled.
    pub stored: Stored,
}

/// Where the registry keeps a manifest.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Stored {
    /// Where it can be pulled.
    #[default]
    Ready,
    /// In the archive since then.
    Archived(Timestamp),
    /// On its way back from the archive: not yet to be pulled, not to be archived again.
    Returning,
}

impl Listed {
    /// Whether it may list others, as far as the list tells.
    pub fn may_list_others(&self) -> bool {
        may_list_others(&self.media_type)
    }
}

impl Stored {
    /// Since when it is archived, if it is.
    pub fn archived_at(self) -> Option<Timestamp> {
        match self {
            Self::Archived(since) => Some(since),
            Self::Ready | Self::Returning => None,
        }
    }
}

//! What a scan found, and what it could not read.
//!
//! These types are the JSON form of `jettison scan --out` as well. They state facts and decide nothing.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Digest, Gap, Kind, RegistryHost, RepositoryName, Schema, Tag};

/// Everything one scan found, over any number of registries.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Inventory {
    /// The version of this form; always 1.
    pub schema: Schema,
    /// When the scan began.
    pub taken_at: Timestamp,
    /// Registries of which every repository was read. Only there can a subject be proven absent.
    #[serde(default)]
    pub complete_registries: BTreeSet<RegistryHost>,
    /// The repositories that were read, or that were asked for and could not be.
    pub repositories: Vec<Repository>,
    /// What could not be read beyond single repositories: a registry that did not answer, say.
    #[serde(default)]
    pub gaps: Vec<Gap>,
}

impl Inventory {
    /// A repository that is listed more than once, if one is: nobody could tell which of them is true.
    pub fn repeated(&self) -> Option<(&RegistryHost, &RepositoryName)> {
        let mut seen = BTreeSet::new();
        let names = self
            .repositories
            .iter()
            .map(|repository| (&repository.registry, &repository.name));
        names.into_iter().find(|name| !seen.insert(*name))
    }
}

/// One repository: its tags and manifests.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Repository {
    /// The registry, as it stands in image references.
    pub registry: RegistryHost,
    /// The name inside the registry.
    pub name: RepositoryName,
    /// What the registry can do and tell here.
    #[serde(default)]
    pub capabilities: Capabilities,
    /// Pulls since then are known; nothing is known of earlier ones.
    #[serde(default)]
    pub pull_data_since: Option<Timestamp>,
    /// When the first complete scan of this repository was taken, if there was one before this.
    #[serde(default)]
    pub scanned_since: Option<Timestamp>,
    /// Digests that were asked for and answered 404.
    #[serde(default)]
    pub missing: BTreeSet<Digest>,
    /// Tags that are listed, and whose manifest answered 404.
    #[serde(default)]
    pub dangling: BTreeSet<Tag>,
    /// What could not be read. Any gap means that nothing is deleted here.
    #[serde(default)]
    pub gaps: Vec<Gap>,
    /// Every tag.
    #[serde(default)]
    pub tags: Vec<TagEntry>,
    /// Every manifest that is known, tagged or not.
    #[serde(default)]
    pub manifests: Vec<Manifest>,
}

/// What a registry can do and tell; `None` where nobody has asked yet.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Capabilities {
    /// A manifest can be deleted by its digest.
    #[serde(default)]
    pub delete: Option<bool>,
    /// A single tag can be removed while its manifest and other tags stay.
    #[serde(default)]
    pub delete_tag: Option<bool>,
    /// The registry lists manifests that carry no tag.
    #[serde(default)]
    pub list_untagged: Option<bool>,
    /// The registry tells when a manifest was pushed.
    #[serde(default)]
    pub push_time: Option<bool>,
    /// Pull times are kept, by the registry or from recorded events.
    #[serde(default)]
    pub pull_time: Option<bool>,
    /// An image can be archived: moved to a cheaper storage from which it cannot be pulled, and brought back.
    #[serde(default)]
    pub archive: Option<bool>,
    /// Within what a blob that several images refer to is stored once, and paid for once.
    #[serde(default)]
    pub sharing: Option<Sharing>,
    /// How far a deletion can be taken back.
    #[serde(default)]
    pub undo: Undo,
}

/// Within what a blob that several images refer to is stored once, and paid for once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Sharing {
    /// The whole registry: CNCF Distribution and what descends from it.
    Registry,
    /// Each repository by itself: Amazon ECR.
    Repository,
}

impl Sharing {
    /// The word used in the configuration and in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Registry => "registry",
            Self::Repository => "repository",
        }
    }
}

/// How far a deletion can be taken back on a registry.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Undo {
    /// From the journal, until the registry's garbage collection removes the blobs.
    #[default]
    UntilGarbageCollection,
    /// By the registry's own means.
    Native,
    /// Not at all.
    None,
}

/// A tag and the manifest it points to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TagEntry {
    /// The tag.
    pub name: Tag,
    /// What it points to.
    pub digest: Digest,
    /// When it was last set, as far as the registry or the ledger tells.
    #[serde(default)]
    pub updated_at: Option<Timestamp>,
    /// The registry would refuse to remove or overwrite it.
    #[serde(default)]
    pub immutable: bool,
}

/// A blob that a manifest refers to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Blob {
    /// Its digest.
    pub digest: Digest,
    /// Its size in bytes, as stored (compressed).
    pub size: u64,
}

/// A manifest: an image of one platform, an index, or any other artifact.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// Its digest.
    pub digest: Digest,
    /// What the scan recognised it as.
    pub kind: Kind,
    /// The media type of the manifest itself.
    #[serde(default)]
    pub media_type: String,
    /// `artifactType`, if given.
    #[serde(default)]
    pub artifact_type: Option<String>,
    /// The media type of its config.
    #[serde(default)]
    pub config_media_type: Option<String>,
    /// The digest of its config, which engines report as the image's id.
    #[serde(default)]
    pub config_digest: Option<Digest>,
    /// The size of the manifest itself in bytes.
    #[serde(default)]
    pub size: u64,
    /// Config and layers, and of a build cache that is an index, the layers it lists.
    #[serde(default)]
    pub blobs: Vec<Blob>,
    /// The manifests an index lists.
    #[serde(default)]
    pub children: Vec<Digest>,
    /// The manifest this one is attached to by its own `subject`.
    #[serde(default)]
    pub subject: Option<Digest>,
    /// `os/architecture[/variant]`, of an image for one platform.
    #[serde(default)]
    pub platform: Option<String>,
    /// When the image says it was built. May be implausible: reproducible builds use fixed dates.
    #[serde(default)]
    pub created_at: Option<Timestamp>,
    /// When the registry says it was pushed.
    #[serde(default)]
    pub pushed_at: Option<Timestamp>,
    /// When it lost its last tag, as far as the registry or the ledger tells.
    #[serde(default)]
    pub untagged_at: Option<Timestamp>,
    /// When it was last pulled.
    #[serde(default)]
    pub last_pulled_at: Option<Timestamp>,
    /// When jettison first saw it.
    #[serde(default)]
    pub first_seen_at: Option<Timestamp>,
    /// Since when it is archived, if it is. What is archived is there and cannot be pulled.
    #[serde(default)]
    pub archived_at: Option<Timestamp>,
    /// When `undo` put it back, until it is released.
    #[serde(default)]
    pub restored_at: Option<Timestamp>,
    /// Labels of the image's config; of an index, those on which all its platform images agree.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// Annotations of the manifest.
    #[serde(default)]
    pub annotations: BTreeMap<String, String>,
}

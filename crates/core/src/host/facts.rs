//! What lies on the disk of a server, as one of its container engines tells it. These types are the JSON form too.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::model::{Digest, Gap, Schema, SourceReport};

/// Everything that a decision on the images of one engine may depend on, besides the policy and the moment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HostFacts {
    /// The version of this form; always 1.
    pub schema: Schema,
    /// When the engine was asked.
    pub taken_at: Timestamp,
    /// When jettison first looked at this engine, as far as it remembers; `None`: at `taken_at`. What it first saw then had
    /// been there before.
    #[serde(default)]
    pub known_since: Option<Timestamp>,
    /// The engine.
    pub engine: EngineFacts,
    /// The file system of its image store, where that lies on this machine.
    #[serde(default)]
    pub disk: Option<Disk>,
    /// Its images.
    pub images: Vec<HostImage>,
    /// Its build cache; empty where it has none.
    #[serde(default)]
    pub build_cache: Vec<CacheRecord>,
    /// Who uses images: the engine itself, Compose files, and whatever else was asked.
    #[serde(default)]
    pub usage: Vec<SourceReport>,
    /// What could not be read. While there is any, nothing goes.
    #[serde(default)]
    pub gaps: Vec<Gap>,
}

/// An engine, and where it keeps images.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EngineFacts {
    /// What it calls itself for good; what is remembered of its images is remembered under this.
    pub id: String,
    /// `docker` or `podman`.
    pub kind: String,
    /// Its version, `20.10.24`.
    pub version: String,
    /// How it stores images.
    pub store: ImageStore,
    /// The driver, `overlay2`.
    pub driver: String,
    /// The folder of the store, on the machine of the engine.
    #[serde(default)]
    pub root: Option<String>,
    /// The bytes of all layers, each counted once, where the engine tells.
    #[serde(default)]
    pub layers_bytes: Option<u64>,
}

/// How an engine stores images, on which depends what its dates mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ImageStore {
    /// Docker's own, by a graph driver; an image's id is the digest of its config.
    GraphDriver,
    /// That of containerd; an image's id is the digest of its index or manifest.
    Containerd,
    /// That of Podman and its relatives (containers/storage).
    Podman,
}

/// A file system.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Disk {
    /// A folder on it.
    pub path: String,
    /// Its size in bytes.
    pub bytes: u64,
    /// What of that can still be written.
    pub free_bytes: u64,
    /// How many files it can hold; 0 where it has no such limit.
    pub inodes: u64,
    /// How many more.
    pub free_inodes: u64,
}

/// An image on the disk.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HostImage {
    /// What the engine calls it.
    pub id: Digest,
    /// Its names with tags, `registry.example.com/apps/web:v1`, as the engine writes them.
    #[serde(default)]
    pub names: Vec<String>,
    /// Its names by the digests of registries, `registry.example.com/apps/web@sha256:…`. Without any it cannot be pulled again.
    #[serde(default)]
    pub digests: Vec<String>,
    /// Its bytes, those that it shares with others included.
    pub bytes: u64,
    /// When it was built, as its config says.
    #[serde(default)]
    pub created_at: Option<Timestamp>,
    /// When the engine says that it was pulled or tagged last; of different meaning on each store.
    #[serde(default)]
    pub engine_time: Option<Timestamp>,
    /// Its labels.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// Why the engine itself would never remove it: it is pinned, or lies in a store that is only read.
    #[serde(default)]
    pub pinned: Option<String>,
    /// When jettison first saw it here.
    #[serde(default)]
    pub first_seen_at: Option<Timestamp>,
    /// When jettison last saw it used, pulled or tagged.
    #[serde(default)]
    pub last_used_at: Option<Timestamp>,
    /// What that was: `container web`, `pulled`.
    #[serde(default)]
    pub last_use: Option<String>,
}

/// A record of BuildKit's cache.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CacheRecord {
    /// What BuildKit calls it.
    pub id: String,
    /// What it holds: `regular`, `exec.cachemount`, …
    pub kind: String,
    /// What made it, for people.
    #[serde(default)]
    pub description: String,
    /// Whether a build uses it now.
    pub in_use: bool,
    /// Whether its bytes belong to an image too.
    pub shared: bool,
    /// Its bytes.
    pub bytes: u64,
    /// When it was made.
    #[serde(default)]
    pub created_at: Option<Timestamp>,
    /// When a build last used it.
    #[serde(default)]
    pub last_used_at: Option<Timestamp>,
    /// How often builds used it.
    #[serde(default)]
    pub usage_count: u64,
}

//! The recorded form of a repository: JSON in which each digest, blob and text stands once and the rest refers to it by
//! its place, in parts of bounded size, each compressed.
//!
//! It touches no database. What it reads back may be damaged: it checks every reference and bounds every size.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::Hash;
use std::io::{Read as _, Write as _};

use flate2::Compression;
use flate2::read::ZlibDecoder;
use flate2::write::ZlibEncoder;
use foldhash::fast::RandomState;
use jettison_core::model::{
    Blob, Capabilities, Digest, Gap, Kind, Manifest, RegistryHost, Repository, RepositoryName, Tag, TagEntry,
};
use jiff::Timestamp;
use rayon::prelude::*;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::store::error::Problem;

/// A part ends once it is so large, in bytes of memory or so: what is much larger would be read by one thread alone.
const PART: u64 = 8 * 1024 * 1024;

/// No part is larger, neither as text nor in memory: a part ends with the manifest that fills it, and the bytes of one are
/// bounded by what a scan reads.
const MOST: u64 = 512 * 1024 * 1024;

/// A repository as it is recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Packed {
    /// Everything but tags and manifests.
    pub(super) head: Vec<u8>,
    /// Tags and manifests, in their order.
    pub(super) parts: Vec<Vec<u8>>,
}

#[derive(Serialize, Deserialize)]
struct Head {
    capabilities: Capabilities,
    pull_data_since: Option<Timestamp>,
    scanned_since: Option<Timestamp>,
    missing: BTreeSet<Digest>,
    dangling: BTreeSet<Tag>,
    gaps: Vec<Gap>,
}

/// Tables, and what refers to them. `D` and `S` are a digest and a text, borrowed or owned.
#[derive(Serialize, Deserialize)]
struct Part<D, S> {
    digests: Vec<D>,
    texts: Vec<S>,
    /// A digest and a size: a registry may call the same blob different sizes.
    blobs: Vec<(u32, u64)>,
    manifests: Vec<PackedManifest>,
    tags: Vec<PackedTag>,
}

/// As [`Manifest`], with places in tables for digests, texts and blobs.
#[derive(Serialize, Deserialize)]
struct PackedManifest {
    digest: u32,
    kind: Kind,
    media_type: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    artifact_type: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    config_media_type: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    config_digest: Option<u32>,
    size: u64,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    blobs: Vec<u32>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    children: Vec<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    subject: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    platform: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    created_at: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pushed_at: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    untagged_at: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    last_pulled_at: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    first_seen_at: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    archived_at: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    restored_at: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    labels: Vec<(u32, u32)>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    annotations: Vec<(u32, u32)>,
}

/// As [`TagEntry`].
#[derive(Serialize, Deserialize)]
struct PackedTag {
    name: Tag,
    digest: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    updated_at: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    immutable: bool,
}

impl Packed {
    /// Packs a repository.
    pub(super) fn of(repository: &Repository) -> Result<Self, Problem> {
        // Named one by one, so that a field that is added is not lost.
        let Repository {
            registry: _,
            name: _,
            capabilities,
            pull_data_since,
            scanned_since,
            missing,
            dangling,
            gaps,
            tags,
            manifests,
        } = repository;
        let head = compressed(&Head {
            capabilities: *capabilities,
            pull_data_since: *pull_data_since,
            scanned_since: *scanned_since,
            missing: missing.clone(),
            dangling: dangling.clone(),
            gaps: gaps.clone(),
        })?;
        let manifests = split(manifests, weight).into_par_iter().map(|some| (some, &[][..]));
        let tags = split(tags, |_| size_of::<TagEntry>() as u64)
            .into_par_iter()
            .map(|some| (&[][..], some));
        let parts = manifests
            .chain(tags)
            .map(|(manifests, tags)| compressed(&Packer::pack(manifests, tags)));
        let parts: Vec<Vec<u8>> = parts.collect::<Result<_, _>>()?;
        Ok(Self { head, parts })
    }

    /// The repository that was packed, under its name.
    pub(super) fn unpack(
        head: &[u8],
        parts: &[Vec<u8>],
        place: (RegistryHost, RepositoryName),
    ) -> Result<Repository, Problem> {
        let head: Head = decompressed(head)?;
        let parts: Vec<(Vec<Manifest>, Vec<TagEntry>)> = parts
            .par_iter()
            .map(|part| unpack_part(part, MOST))
            .collect::<Result<_, _>>()?;
        let mut repository = Repository {
            registry: place.0,
            name: place.1,
            capabilities: head.capabilities,
            pull_data_since: head.pull_data_since,
            scanned_since: head.scanned_since,
            missing: head.missing,
            dangling: head.dangling,
            gaps: head.gaps,
            tags: Vec::with_capacity(parts.iter().map(|(_, tags)| tags.len()).sum()),
            manifests: Vec::with_capacity(parts.iter().map(|(manifests, _)| manifests.len()).sum()),
        };
        for (manifests, tags) in parts {
            repository.manifests.extend(manifests);
            repository.tags.extend(tags);
        }
        Ok(repository)
    }
}

/// The bytes that a manifest takes in memory, roughly.
fn weight(manifest: &Manifest) -> u64 {
    let texts = manifest.labels.iter().chain(&manifest.annotations);
    let texts: usize = texts
        .map(|(key, value)| 2 * size_of::<String>() + key.len() + value.len())
        .sum();
    let lists = manifest.blobs.len() * size_of::<Blob>() + manifest.children.len() * size_of::<Digest>();
    (size_of::<Manifest>() + lists + texts) as u64
}

/// The items in slices of so much weight.
fn split<T>(items: &[T], weight: impl Fn(&T) -> u64) -> Vec<&[T]> {
    let (mut slices, mut begin, mut held) = (Vec::new(), 0, 0_u64);
    for (position, item) in items.iter().enumerate() {
        held = held.saturating_add(weight(item));
        if held >= PART || position + 1 == items.len() {
            slices.push(&items[begin..=position]);
            (begin, held) = (position + 1, 0);
        }
    }
    slices
}

/// Things in the order in which they first came, and where each is.
struct Table<T> {
    places: HashMap<T, u32, RandomState>,
    all: Vec<T>,
}

impl<T: Copy + Eq + Hash> Table<T> {
    fn new() -> Self {
        Self {
            places: HashMap::default(),
            all: Vec::new(),
        }
    }

    fn place(&mut self, thing: T) -> u32 {
        // A part is far too small for so many; a place that is none would be noticed when it is read.
        let next = u32::try_from(self.all.len()).unwrap_or(u32::MAX);
        *self.places.entry(thing).or_insert_with(|| {
            self.all.push(thing);
            next
        })
    }
}

/// Fills the tables.
struct Packer<'a> {
    digests: Table<&'a Digest>,
    texts: Table<&'a str>,
    blobs: Table<(&'a Digest, u64)>,
}

impl<'a> Packer<'a> {
    fn pack(manifests: &'a [Manifest], tags: &'a [TagEntry]) -> Part<&'a Digest, &'a str> {
        let mut packer = Self {
            digests: Table::new(),
            texts: Table::new(),
            blobs: Table::new(),
        };
        let manifests = manifests.iter().map(|manifest| packer.manifest(manifest)).collect();
        let tags = tags.iter().map(|tag| packer.tag(tag)).collect();
        let blobs = std::mem::take(&mut packer.blobs.all);
        let blobs = blobs
            .into_iter()
            .map(|(digest, size)| (packer.digests.place(digest), size))
            .collect();
        Part {
            blobs,
            digests: packer.digests.all,
            texts: packer.texts.all,
            manifests,
            tags,
        }
    }

    fn tag(&mut self, tag: &'a TagEntry) -> PackedTag {
        let TagEntry {
            name,
            digest,
            updated_at,
            immutable,
        } = tag;
        PackedTag {
            name: name.clone(),
            digest: self.digests.place(digest),
            updated_at: *updated_at,
            immutable: *immutable,
        }
    }

    fn manifest(&mut self, manifest: &'a Manifest) -> PackedManifest {
        let Manifest {
            digest,
            kind,
            media_type,
            artifact_type,
            config_media_type,
            config_digest,
            size,
            blobs,
            children,
            subject,
            platform,
            created_at,
            pushed_at,
            untagged_at,
            last_pulled_at,
            first_seen_at,
            archived_at,
            restored_at,
            labels,
            annotations,
        } = manifest;
        PackedManifest {
            digest: self.digests.place(digest),
            kind: *kind,
            media_type: self.texts.place(media_type),
            artifact_type: self.text(artifact_type.as_ref()),
            config_media_type: self.text(config_media_type.as_ref()),
            config_digest: config_digest.as_ref().map(|digest| self.digests.place(digest)),
            size: *size,
            blobs: blobs
                .iter()
                .map(|blob| self.blobs.place((&blob.digest, blob.size)))
                .collect(),
            children: children.iter().map(|child| self.digests.place(child)).collect(),
            subject: subject.as_ref().map(|subject| self.digests.place(subject)),
            platform: self.text(platform.as_ref()),
            created_at: *created_at,
            pushed_at: *pushed_at,
            untagged_at: *untagged_at,
            last_pulled_at: *last_pulled_at,
            first_seen_at: *first_seen_at,
            archived_at: *archived_at,
            restored_at: *restored_at,
            labels: self.pairs(labels),
            annotations: self.pairs(annotations),
        }
    }

    fn text(&mut self, text: Option<&'a String>) -> Option<u32> {
        text.map(|text| self.texts.place(text))
    }

    fn pairs(&mut self, pairs: &'a BTreeMap<String, String>) -> Vec<(u32, u32)> {
        let places = pairs
            .iter()
            .map(|(key, value)| (self.texts.place(key), self.texts.place(value)));
        places.collect()
    }
}

/// Looks up what a part refers to.
struct Unpacker {
    digests: Vec<Digest>,
    texts: Vec<String>,
    blobs: Vec<Blob>,
    /// The bytes that may still be taken: a few bytes that are damaged could ask for the same text a million times.
    left: Cell<u64>,
}

fn unpack_part(bytes: &[u8], most: u64) -> Result<(Vec<Manifest>, Vec<TagEntry>), Problem> {
    let Part {
        digests,
        texts,
        blobs,
        manifests,
        tags,
    }: Part<Digest, String> = inflated(bytes, most)?;
    let mut unpacker = Unpacker {
        digests,
        texts,
        blobs: Vec::with_capacity(blobs.len()),
        left: Cell::new(most),
    };
    for (digest, size) in blobs {
        let digest = unpacker.digest(digest)?;
        unpacker.blobs.push(Blob { digest, size });
    }
    let manifests = manifests
        .into_iter()
        .map(|manifest| unpacker.manifest(manifest))
        .collect::<Result<_, _>>()?;
    let tags = tags
        .into_iter()
        .map(|tag| unpacker.tag(tag))
        .collect::<Result<_, _>>()?;
    Ok((manifests, tags))
}

impl Unpacker {
    fn take<T: Clone>(
        &self,
        (table, what): (&[T], &str),
        place: u32,
        size: impl Fn(&T) -> usize,
    ) -> Result<T, Problem> {
        let found = table.get(place as usize);
        let found = found.ok_or_else(|| Problem::Damaged(format!("a recorded scan has no {what} {place}")))?;
        let left = self.left.get().checked_sub(size(found) as u64);
        self.left.set(left.ok_or_else(too_large)?);
        Ok(found.clone())
    }

    fn digest(&self, place: u32) -> Result<Digest, Problem> {
        self.take((&self.digests, "digest"), place, |_| size_of::<Digest>())
    }

    fn blob(&self, place: u32) -> Result<Blob, Problem> {
        self.take((&self.blobs, "blob"), place, |_| size_of::<Blob>())
    }

    fn text(&self, place: u32) -> Result<String, Problem> {
        self.take((&self.texts, "text"), place, |text| size_of::<String>() + text.len())
    }

    fn pairs(&self, pairs: Vec<(u32, u32)>) -> Result<BTreeMap<String, String>, Problem> {
        let pairs = pairs
            .into_iter()
            .map(|(key, value)| Ok((self.text(key)?, self.text(value)?)));
        pairs.collect()
    }

    fn tag(&self, tag: PackedTag) -> Result<TagEntry, Problem> {
        Ok(TagEntry {
            name: tag.name,
            digest: self.digest(tag.digest)?,
            updated_at: tag.updated_at,
            immutable: tag.immutable,
        })
    }

    fn manifest(&self, packed: PackedManifest) -> Result<Manifest, Problem> {
        let text = |place: Option<u32>| place.map(|place| self.text(place)).transpose();
        let digest = |place: Option<u32>| place.map(|place| self.digest(place)).transpose();
        Ok(Manifest {
            digest: self.digest(packed.digest)?,
            kind: packed.kind,
            media_type: self.text(packed.media_type)?,
            artifact_type: text(packed.artifact_type)?,
            config_media_type: text(packed.config_media_type)?,
            config_digest: digest(packed.config_digest)?,
            size: packed.size,
            blobs: packed
                .blobs
                .into_iter()
                .map(|blob| self.blob(blob))
                .collect::<Result<_, _>>()?,
            children: packed
                .children
                .into_iter()
                .map(|child| self.digest(child))
                .collect::<Result<_, _>>()?,
            subject: digest(packed.subject)?,
            platform: text(packed.platform)?,
            created_at: packed.created_at,
            pushed_at: packed.pushed_at,
            untagged_at: packed.untagged_at,
            last_pulled_at: packed.last_pulled_at,
            first_seen_at: packed.first_seen_at,
            archived_at: packed.archived_at,
            restored_at: packed.restored_at,
            labels: self.pairs(packed.labels)?,
            annotations: self.pairs(packed.annotations)?,
        })
    }
}

/// A value as it is recorded.
pub(super) fn compressed(value: &impl Serialize) -> Result<Vec<u8>, Problem> {
    let damaged = |error: &dyn std::fmt::Display| Problem::Damaged(error.to_string());
    let text = serde_json::to_vec(value).map_err(|error| damaged(&error))?;
    let mut encoder = ZlibEncoder::new(Vec::with_capacity(text.len() / 4), Compression::fast());
    encoder
        .write_all(&text)
        .and_then(|()| encoder.finish())
        .map_err(|error| damaged(&error))
}

/// What was recorded; its check sum has to fit.
pub(super) fn decompressed<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    inflated(bytes, MOST)
}

fn inflated<T: DeserializeOwned>(bytes: &[u8], most: u64) -> Result<T, Problem> {
    let damaged = |error: &dyn std::fmt::Display| Problem::Damaged(format!("a recorded scan cannot be read: {error}"));
    let mut text = Vec::with_capacity(bytes.len().saturating_mul(3));
    let read = ZlibDecoder::new(bytes).take(most + 1).read_to_end(&mut text);
    if read.map_err(|error| damaged(&error))? as u64 > most {
        return Err(too_large());
    }
    serde_json::from_slice(&text).map_err(|error| damaged(&error))
}

fn too_large() -> Problem {
    Problem::Damaged("a recorded scan is larger than any that is written".to_owned())
}

#[cfg(test)]
mod tests;

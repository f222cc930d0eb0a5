//! Tells what manifests are from their bytes (images, indexes, caches, charts, signatures, attestations).
//!
//! Pure: bytes in, facts out. Names decide nothing here but Kaniko's cache keys; whoever calls a tag
//! `cache` still has an image.

mod config;
mod listed;
mod manifest;
pub mod media_types;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use crate::model::{Digest, Kind, Manifest, Tag};

pub use config::{ConfigFacts, InvalidConfig};
pub use listed::{ListedManifest, may_list_others};
pub use manifest::{ConfigDescriptor, InvalidManifest, MAX_CHILDREN, ParsedManifest};

/// A manifest as read, with its config where that was read.
#[derive(Debug, Clone, PartialEq)]
pub struct ReadManifest {
    /// The manifest.
    pub parsed: ParsedManifest,
    /// The size of its bytes.
    pub size: u64,
    /// What its config says, if that was wanted and read.
    pub config: Option<ConfigFacts>,
}

/// Turns everything read of one repository into the inventory's manifests: kinds, and for an index what its
/// children say. Times that registries and the ledger know are not filled in here.
pub fn assemble(read: &BTreeMap<Digest, ReadManifest>, tags: &BTreeMap<Tag, Digest>) -> Vec<Manifest> {
    let mut tags_of: BTreeMap<&Digest, Vec<&Tag>> = BTreeMap::new();
    for (tag, digest) in tags {
        tags_of.entry(digest).or_default().push(tag);
    }
    let kinds = Kinds {
        read,
        tags_of: &tags_of,
    };
    let mut contents = kinds.contents();
    read.iter()
        .map(|(digest, manifest)| describe(digest, manifest, contents.remove(digest).unwrap_or_default()))
        .collect()
}

fn describe(digest: &Digest, manifest: &ReadManifest, content: Content<'_>) -> Manifest {
    let parsed = &manifest.parsed;
    let config = manifest.config.clone().unwrap_or_default();
    Manifest {
        digest: digest.clone(),
        kind: content.kind.unwrap_or(Kind::Artifact),
        media_type: parsed.media_type.clone(),
        artifact_type: parsed.artifact_type.clone(),
        config_media_type: parsed.config.as_ref().map(|config| config.media_type.clone()),
        config_digest: parsed.config.as_ref().map(|config| config.digest.clone()),
        size: manifest.size,
        blobs: parsed.blobs.clone(),
        children: parsed.children.clone(),
        subject: parsed.subject.clone(),
        platform: config.platform,
        created_at: config.created.or(parsed.created),
        pushed_at: None,
        untagged_at: None,
        last_pulled_at: None,
        first_seen_at: None,
        archived_at: None,
        restored_at: None,
        labels: if parsed.children.is_empty() {
            config.labels
        } else {
            content.labels.map(Cow::into_owned).unwrap_or_default()
        },
        annotations: parsed.annotations.clone(),
    }
}

struct Kinds<'a> {
    read: &'a BTreeMap<Digest, ReadManifest>,
    tags_of: &'a BTreeMap<&'a Digest, Vec<&'a Tag>>,
}

impl<'a> Kinds<'a> {
    /// What each manifest holds, from the leaves up: each is looked at once, however deep an enemy nests.
    fn contents(&self) -> BTreeMap<&'a Digest, Content<'a>> {
        let mut above: BTreeMap<&Digest, Vec<&Digest>> = BTreeMap::new();
        let mut unknown: BTreeMap<&Digest, usize> = BTreeMap::new();
        for (digest, manifest) in self.read {
            let children: BTreeSet<&Digest> = manifest
                .parsed
                .children
                .iter()
                .filter(|child| self.read.contains_key(child))
                .collect();
            unknown.insert(digest, children.len());
            for child in children {
                above.entry(child).or_default().push(digest);
            }
        }
        let mut contents: BTreeMap<&Digest, Content<'_>> = BTreeMap::new();
        let mut ready: Vec<&Digest> = unknown
            .iter()
            .filter(|(_, left)| **left == 0)
            .map(|(digest, _)| *digest)
            .collect();
        while let Some(digest) = ready.pop() {
            let content = self.content(digest, &contents);
            contents.insert(digest, content);
            for index in above.get(digest).into_iter().flatten() {
                if let Some(left) = unknown.get_mut(index) {
                    *left -= 1;
                    ready.extend((*left == 0).then_some(*index));
                }
            }
        }
        contents
    }

    /// An index is what its children are: an image if any of them is one, with the labels on which these agree.
    fn content(&self, digest: &Digest, below: &BTreeMap<&Digest, Content<'_>>) -> Content<'a> {
        let Some(manifest) = self.read.get(digest) else {
            return Content::default();
        };
        match manifest.parsed.kind {
            Some(Kind::Image) if self.is_cache(digest, manifest) => Content {
                kind: Some(Kind::BuildCache),
                labels: None,
            },
            Some(Kind::Image) => {
                let labels = manifest.config.as_ref().map(|config| Cow::Borrowed(&config.labels));
                Content {
                    kind: Some(Kind::Image),
                    labels,
                }
            }
            Some(kind) => Content {
                kind: Some(kind),
                labels: None,
            },
            None => {
                let children = manifest.parsed.children.iter().filter_map(|child| below.get(child));
                let images: Vec<&Content<'_>> = children.filter(|child| child.kind == Some(Kind::Image)).collect();
                let kind = if images.is_empty() { Kind::Artifact } else { Kind::Image };
                Content {
                    kind: Some(kind),
                    labels: agreed(images.into_iter().filter_map(|image| image.labels.as_deref())).map(Cow::Owned),
                }
            }
        }
    }

    /// Caches that look like images. Nothing with a subject is one.
    fn is_cache(&self, digest: &Digest, manifest: &ReadManifest) -> bool {
        let Some(config) = &manifest.config else { return false };
        if manifest.parsed.subject.is_some() {
            return false;
        }
        let tags = self.tags_of.get(digest).map_or(&[][..], Vec::as_slice);
        let keyed = !tags.is_empty() && tags.iter().all(|tag| is_cache_key(tag.as_str()));
        config.is_buildpacks_cache() || (config.kaniko_layer && manifest.parsed.layers == 1 && keyed)
    }
}

/// What a manifest holds, with everything below it.
#[derive(Debug, Default)]
struct Content<'a> {
    kind: Option<Kind>,
    /// Of an image its labels, where they are; of an index those on which its images agree.
    labels: Option<Cow<'a, BTreeMap<String, String>>>,
}

/// The labels that all have, with the same values.
fn agreed<'l>(mut labels: impl Iterator<Item = &'l BTreeMap<String, String>>) -> Option<BTreeMap<String, String>> {
    let mut agreed = labels.next()?.clone();
    for other in labels {
        agreed.retain(|key, value| other.get(key) == Some(value));
    }
    Some(agreed)
}

/// Kaniko's cache keys: 64 hex digits (its `pkg/cache`, `Destination`).
fn is_cache_key(tag: &str) -> bool {
    tag.len() == 64 && tag.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests;

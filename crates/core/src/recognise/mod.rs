//! Tells what manifests are from their bytes (images, indexes, caches, charts, signatures, attestations).
//!
//! Pure: bytes in, facts out. Names decide nothing here but Kaniko's cache keys; whoever calls a tag
//! `cache` still has an image.

mod config;
mod manifest;
pub mod media_types;

use std::collections::{BTreeMap, BTreeSet};

use crate::model::{Digest, Kind, Manifest, Tag};

pub use config::{ConfigFacts, InvalidConfig};
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
    read.iter()
        .map(|(digest, manifest)| kinds.manifest(digest, manifest))
        .collect()
}

struct Kinds<'a> {
    read: &'a BTreeMap<Digest, ReadManifest>,
    tags_of: &'a BTreeMap<&'a Digest, Vec<&'a Tag>>,
}

impl Kinds<'_> {
    fn manifest(&self, digest: &Digest, manifest: &ReadManifest) -> Manifest {
        let parsed = &manifest.parsed;
        let config = manifest.config.clone().unwrap_or_default();
        let labels = if parsed.children.is_empty() {
            config.labels.clone()
        } else {
            self.agreed_labels(digest)
        };
        Manifest {
            digest: digest.clone(),
            kind: self.kind(digest, &mut BTreeSet::new()),
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
            restored_at: None,
            labels,
            annotations: parsed.annotations.clone(),
        }
    }

    /// An index is what its children are: an image if any of them is one.
    fn kind(&self, digest: &Digest, seen: &mut BTreeSet<Digest>) -> Kind {
        let Some(manifest) = self.read.get(digest) else {
            return Kind::Artifact;
        };
        match manifest.parsed.kind {
            Some(Kind::Image) if self.is_cache(digest, manifest) => Kind::BuildCache,
            Some(kind) => kind,
            None if !seen.insert(digest.clone()) => Kind::Artifact,
            None => {
                let any = manifest
                    .parsed
                    .children
                    .iter()
                    .any(|child| self.kind(child, seen) == Kind::Image);
                if any { Kind::Image } else { Kind::Artifact }
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

    /// The labels on which all platform images of an index agree.
    fn agreed_labels(&self, index: &Digest) -> BTreeMap<String, String> {
        let mut images = BTreeSet::new();
        self.collect_images(index, &mut images, &mut BTreeSet::new());
        let mut labels = images
            .iter()
            .filter_map(|image| Some(&self.read.get(image)?.config.as_ref()?.labels));
        let Some(first) = labels.next() else {
            return BTreeMap::new();
        };
        let mut agreed = first.clone();
        for other in labels {
            agreed.retain(|key, value| other.get(key) == Some(value));
        }
        agreed
    }

    fn collect_images(&self, digest: &Digest, images: &mut BTreeSet<Digest>, seen: &mut BTreeSet<Digest>) {
        let Some(manifest) = self.read.get(digest) else { return };
        if !seen.insert(digest.clone()) {
            return;
        }
        if manifest.parsed.kind == Some(Kind::Image) {
            images.insert(digest.clone());
        }
        for child in &manifest.parsed.children {
            self.collect_images(child, images, seen);
        }
    }
}

/// Kaniko's cache keys: 64 hex digits (its `pkg/cache`, `Destination`).
fn is_cache_key(tag: &str) -> bool {
    tag.len() == 64 && tag.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

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
            kind: self.kind(digest),
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
    fn kind(&self, digest: &Digest) -> Kind {
        match self.read.get(digest).map(|manifest| (manifest, manifest.parsed.kind)) {
            None => Kind::Artifact,
            Some((manifest, Some(Kind::Image))) if self.is_cache(digest, manifest) => Kind::BuildCache,
            Some((_, Some(kind))) => kind,
            Some((_, None)) => {
                let runs = |(digest, manifest): &(&Digest, &ReadManifest)| !self.is_cache(digest, manifest);
                let image = self.images_below(digest).iter().any(runs);
                if image { Kind::Image } else { Kind::Artifact }
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
        let images = self.images_below(index);
        let mut labels = images
            .iter()
            .filter_map(|(_, image)| Some(&image.config.as_ref()?.labels));
        let Some(first) = labels.next() else {
            return BTreeMap::new();
        };
        let mut agreed = first.clone();
        for other in labels {
            agreed.retain(|key, value| other.get(key) == Some(value));
        }
        agreed
    }

    /// The images that an index lists, however deep. No recursion: an enemy decides how deep.
    fn images_below(&self, index: &Digest) -> Vec<(&Digest, &ReadManifest)> {
        let mut images = Vec::new();
        let mut seen = BTreeSet::new();
        let mut open: Vec<&Digest> = self
            .read
            .get(index)
            .map_or(Vec::new(), |index| index.parsed.children.iter().collect());
        while let Some(digest) = open.pop() {
            let Some((digest, manifest)) = self.read.get_key_value(digest) else {
                continue;
            };
            if seen.insert(digest) {
                if manifest.parsed.kind == Some(Kind::Image) {
                    images.push((digest, manifest));
                }
                open.extend(&manifest.parsed.children);
            }
        }
        images
    }
}

/// Kaniko's cache keys: 64 hex digits (its `pkg/cache`, `Destination`).
fn is_cache_key(tag: &str) -> bool {
    tag.len() == 64 && tag.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

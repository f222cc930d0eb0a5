//! Tells what a manifest is from a registry's own list, without its bytes; where the list leaves doubt, nothing.

use std::collections::BTreeMap;

use super::is_cache_key;
use super::manifest::ParsedManifest;
use super::media_types::{
    BUILDKIT_CACHE_CONFIG, DOCKER_CONFIG, DOCKER_MANIFEST, HELM_CONFIG, OCI_CONFIG, OCI_MANIFEST,
};
use crate::model::{Blob, Digest, Kind, Tag};

/// What a list tells of a manifest.
#[derive(Debug, Clone, Copy)]
pub struct ListedManifest<'a> {
    /// Its digest.
    pub digest: &'a Digest,
    /// The media type of the manifest; empty if the list does not tell.
    pub media_type: &'a str,
    /// The media type of its config, or its `artifactType`.
    pub config_media_type: Option<&'a str>,
    /// What it is attached to by its own `subject`.
    pub subject: Option<&'a Digest>,
    /// What it holds, in bytes.
    pub bytes: u64,
    /// Its tags.
    pub tags: &'a [&'a Tag],
}

impl ListedManifest<'_> {
    /// What it is, if the list alone is proof enough: an image, a chart or a cache that stands for itself. Everything else
    /// has to be read: an index, for its children stand nowhere else; what is attached; signatures and Kaniko's caches,
    /// which call themselves images.
    ///
    /// What it holds counts as one blob of its own: the list does not tell what it shares with others. It has no labels
    /// and no annotations, for nobody has read them.
    pub fn recognise(&self) -> Option<ParsedManifest> {
        if may_list_others(self.media_type) || self.subject.is_some() {
            return None;
        }
        let kind = match self.config_media_type? {
            OCI_CONFIG | DOCKER_CONFIG => Kind::Image,
            BUILDKIT_CACHE_CONFIG => Kind::BuildCache,
            HELM_CONFIG => Kind::Chart,
            _ => return None,
        };
        let is_doubtful = |tag: &&Tag| tag.subject().is_some() || is_cache_key(tag.as_str());
        (!self.tags.iter().any(is_doubtful)).then(|| self.opaque(kind))
    }

    /// Something of this kind that nobody has looked into.
    pub fn opaque(&self, kind: Kind) -> ParsedManifest {
        ParsedManifest {
            media_type: self.media_type.to_owned(),
            artifact_type: None,
            config: None,
            blobs: vec![Blob {
                digest: self.digest.clone(),
                size: self.bytes,
            }],
            layers: 0,
            children: Vec::new(),
            subject: self.subject.cloned(),
            annotations: BTreeMap::new(),
            created: None,
            kind: Some(kind),
        }
    }
}

/// Whether a manifest of this type may list others. Of one that is not known nobody can say.
pub fn may_list_others(media_type: &str) -> bool {
    ![OCI_MANIFEST, DOCKER_MANIFEST].contains(&media_type)
}

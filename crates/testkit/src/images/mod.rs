//! Builders of everything a registry may hold, deterministic to the byte: the same seed gives the same digest.
//!
//! Layers hold bytes that do not compress instead of a file system: registries do not look into them, and
//! nothing here is meant to run.
mod artifact;
mod attached;
mod cache;
mod draft;
mod image;
mod index;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::{Serialize, Serializer};
use serde_json::{Value, json};

use crate::digest;
use crate::random::Random;

pub use artifact::{artifact, helm_chart, wasm};
pub use attached::{
    Attestation, Cosign, attestation, cosign, cosign_referrer, cosign_tag, fallback_index, fallback_tag,
    notation_signature, referrer, sigstore_bundle,
};
pub use cache::{CacheShape, buildkit_cache, buildpacks_cache, kaniko_cache, kaniko_tag};
pub use image::Image;
pub use index::Index;

/// Media types (image-spec media-types.md; Docker "Image Manifest V 2, Schema 2").
pub mod media_type {
    /// OCI image manifest.
    pub const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
    /// OCI image index.
    pub const INDEX: &str = "application/vnd.oci.image.index.v1+json";
    /// OCI image config.
    pub const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
    /// OCI layer.
    pub const LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
    /// The empty blob `{}`, which stands where an artifact has no config.
    pub const EMPTY: &str = "application/vnd.oci.empty.v1+json";
    /// Docker image manifest.
    pub const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
    /// Docker manifest list.
    pub const DOCKER_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
    /// Docker image config.
    pub const DOCKER_CONFIG: &str = "application/vnd.docker.container.image.v1+json";
    /// Docker layer.
    pub const DOCKER_LAYER: &str = "application/vnd.docker.image.rootfs.diff.tar.gzip";
    /// What a client has to accept to be given every manifest.
    pub const ALL_MANIFESTS: [&str; 4] = [MANIFEST, INDEX, DOCKER_MANIFEST, DOCKER_LIST];
}

/// A blob and its digest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blob {
    digest: String,
    bytes: Bytes,
}

/// A manifest with everything below it, ready to be pushed.
#[derive(Debug, Clone)]
pub struct Manifest {
    /// Its media type, also the `Content-Type` of a push.
    pub media_type: String,
    /// Its exact bytes.
    pub bytes: Bytes,
    /// Its `sha256` digest.
    pub digest: String,
    /// Config and layers, and the blobs that an index of a build cache lists.
    pub blobs: Vec<Blob>,
    /// The manifests that it lists.
    pub children: Vec<Manifest>,
    /// The digest of the config, where it has one.
    pub config_digest: Option<String>,
    /// The digest of its subject.
    pub subject: Option<String>,
    /// Its type as an artifact: `artifactType`, else the media type of its config.
    pub artifact_type: Option<String>,
    /// `os/architecture[/variant]`, as an index says it.
    pub platform: Option<String>,
    /// Annotations on its descriptor in an index.
    pub entry_annotations: BTreeMap<String, String>,
    /// Annotations in the manifest itself.
    pub annotations: BTreeMap<String, String>,
}

/// A descriptor (image-spec descriptor.md).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Descriptor {
    /// What it points to.
    pub media_type: String,
    /// Digest of that.
    pub digest: String,
    /// Bytes of that.
    pub size: usize,
    /// `os/architecture[/variant]`
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "platform")]
    pub platform: Option<String>,
    /// The type of an artifact.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub artifact_type: Option<String>,
    /// Where else it can be had: a foreign layer.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub urls: Vec<String>,
    /// Annotations.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
}

impl Blob {
    /// These bytes.
    pub fn new(bytes: impl Into<Bytes>) -> Self {
        let bytes = bytes.into();
        Self {
            digest: digest::sha256(&bytes),
            bytes,
        }
    }

    /// `size` bytes that depend on the seed alone.
    pub fn random(seed: u64, size: usize) -> Self {
        Self::new(Random::new(seed).bytes(size))
    }

    /// A JSON text.
    pub fn json(value: &Value) -> Self {
        Self::new(value.to_string())
    }

    /// `{}`
    pub fn empty() -> Self {
        Self::json(&json!({}))
    }

    /// Its `sha256` digest.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// Its bytes.
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// Its descriptor.
    pub fn descriptor(&self, media_type: &str) -> Descriptor {
        Descriptor::new(media_type, &self.digest, self.bytes.len())
    }
}

impl Manifest {
    /// Its descriptor, as an index that lists it holds it.
    pub fn descriptor(&self) -> Descriptor {
        let descriptor = Descriptor::new(&self.media_type, &self.digest, self.bytes.len());
        Descriptor {
            platform: self.platform.clone(),
            annotations: self.entry_annotations.clone(),
            ..descriptor
        }
    }

    /// Its descriptor, as a referrers list holds it.
    pub fn referrer_descriptor(&self) -> Descriptor {
        let descriptor = Descriptor::new(&self.media_type, &self.digest, self.bytes.len());
        Descriptor {
            artifact_type: self.artifact_type.clone(),
            annotations: self.annotations.clone(),
            ..descriptor
        }
    }

    /// Itself and every manifest below it.
    pub fn all(&self) -> Vec<&Manifest> {
        let below = self.children.iter().flat_map(Manifest::all);
        std::iter::once(self).chain(below).collect()
    }
}

impl Descriptor {
    /// A plain descriptor.
    pub fn new(media_type: &str, digest: &str, size: usize) -> Self {
        Self {
            media_type: media_type.to_owned(),
            digest: digest.to_owned(),
            size,
            platform: None,
            artifact_type: None,
            urls: Vec::new(),
            annotations: BTreeMap::new(),
        }
    }

    /// With an annotation.
    #[must_use]
    pub fn annotation(mut self, key: &str, value: &str) -> Self {
        self.annotations.insert(key.to_owned(), value.to_owned());
        self
    }
}

/// The parts of `os/architecture[/variant]`.
fn platform_json(platform: &str) -> Value {
    let mut parts = platform.split('/');
    let (os, architecture) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    match parts.next() {
        Some(variant) => json!({"os": os, "architecture": architecture, "variant": variant}),
        None => json!({"os": os, "architecture": architecture}),
    }
}

#[expect(clippy::ref_option, reason = "the signature that serde asks for")]
fn platform<S: Serializer>(platform: &Option<String>, serializer: S) -> Result<S::Ok, S::Error> {
    platform.as_deref().map(platform_json).serialize(serializer)
}

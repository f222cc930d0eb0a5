//! An image manifest in the making: what all builders of manifests with a config share.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde_json::{Map, Value, json};

use super::{Blob, Descriptor, Manifest, media_type};
use crate::digest;

/// A config, layers and the optional rest (image-spec manifest.md).
#[derive(Debug, Clone)]
pub(super) struct Draft {
    media_type: &'static str,
    config: Descriptor,
    layers: Vec<Descriptor>,
    blobs: Vec<Blob>,
    artifact_type: Option<String>,
    subject: Option<Descriptor>,
    annotations: BTreeMap<String, String>,
}

impl Draft {
    pub(super) fn new(config_type: &str, config: Blob) -> Self {
        Self {
            media_type: media_type::MANIFEST,
            config: config.descriptor(config_type),
            layers: Vec::new(),
            blobs: vec![config],
            artifact_type: None,
            subject: None,
            annotations: BTreeMap::new(),
        }
    }

    /// An artifact without a config (image-spec manifest.md, "Guidelines for Artifact Usage").
    pub(super) fn artifact(artifact_type: &str) -> Self {
        let draft = Self::new(media_type::EMPTY, Blob::empty());
        Self {
            artifact_type: Some(artifact_type.to_owned()),
            ..draft
        }
    }

    pub(super) fn docker(mut self) -> Self {
        self.media_type = media_type::DOCKER_MANIFEST;
        self
    }

    pub(super) fn layer(self, media_type: &str, blob: Blob) -> Self {
        let descriptor = blob.descriptor(media_type);
        self.described_layer(descriptor, blob)
    }

    pub(super) fn described_layer(mut self, descriptor: Descriptor, blob: Blob) -> Self {
        self.layers.push(descriptor);
        self.blobs.push(blob);
        self
    }

    /// A layer that the registry does not hold.
    pub(super) fn foreign_layer(mut self, descriptor: Descriptor) -> Self {
        self.layers.push(descriptor);
        self
    }

    pub(super) fn subject(mut self, subject: Descriptor) -> Self {
        self.subject = Some(subject);
        self
    }

    pub(super) fn annotation(mut self, key: &str, value: &str) -> Self {
        self.annotations.insert(key.to_owned(), value.to_owned());
        self
    }

    pub(super) fn build(self) -> Manifest {
        let bytes = Bytes::from(self.json().to_string());
        Manifest {
            media_type: self.media_type.to_owned(),
            digest: digest::sha256(&bytes),
            bytes,
            blobs: self.blobs,
            children: Vec::new(),
            artifact_type: self.artifact_type.or_else(|| Some(self.config.media_type.clone())),
            config_digest: Some(self.config.digest),
            subject: self.subject.map(|subject| subject.digest),
            platform: None,
            entry_annotations: BTreeMap::new(),
            annotations: self.annotations,
        }
    }

    fn json(&self) -> Value {
        let mut manifest = Map::new();
        manifest.insert("schemaVersion".into(), 2.into());
        manifest.insert("mediaType".into(), self.media_type.into());
        manifest.insert("config".into(), json!(self.config));
        manifest.insert("layers".into(), json!(self.layers));
        insert_optional(
            &mut manifest,
            self.artifact_type.as_deref(),
            self.subject.as_ref(),
            &self.annotations,
        );
        Value::Object(manifest)
    }
}

/// What manifests and indexes may both have.
pub(super) fn insert_optional(
    manifest: &mut Map<String, Value>,
    artifact_type: Option<&str>,
    subject: Option<&Descriptor>,
    annotations: &BTreeMap<String, String>,
) {
    if let Some(artifact_type) = artifact_type {
        manifest.insert("artifactType".into(), artifact_type.into());
    }
    if let Some(subject) = subject {
        manifest.insert("subject".into(), json!(subject));
    }
    if !annotations.is_empty() {
        manifest.insert("annotations".into(), json!(annotations));
    }
}

/// A descriptor that only identifies, as a subject does.
pub(super) fn bare(manifest: &Manifest) -> Descriptor {
    Descriptor::new(&manifest.media_type, &manifest.digest, manifest.bytes.len())
}

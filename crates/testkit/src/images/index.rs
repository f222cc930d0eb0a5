//! Indexes over manifests, and over whatever else a descriptor can name.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde_json::{Map, Value, json};

use super::draft::{bare, insert_optional};
use super::{Blob, Descriptor, Manifest, media_type};
use crate::digest;

/// An index (image-spec image-index.md), or a Docker manifest list.
#[derive(Debug, Clone)]
pub struct Index {
    media_type: &'static str,
    entries: Vec<Descriptor>,
    children: Vec<Manifest>,
    blobs: Vec<Blob>,
    artifact_type: Option<String>,
    subject: Option<Descriptor>,
    annotations: BTreeMap<String, String>,
}

impl Default for Index {
    fn default() -> Self {
        Self::new()
    }
}

impl Index {
    /// An empty OCI index.
    pub fn new() -> Self {
        Self {
            media_type: media_type::INDEX,
            entries: Vec::new(),
            children: Vec::new(),
            blobs: Vec::new(),
            artifact_type: None,
            subject: None,
            annotations: BTreeMap::new(),
        }
    }

    /// A Docker manifest list instead.
    #[must_use]
    pub fn docker(mut self) -> Self {
        self.media_type = media_type::DOCKER_LIST;
        self
    }

    /// Lists a manifest, which is pushed along.
    #[must_use]
    pub fn child(mut self, child: Manifest) -> Self {
        self.entries.push(child.descriptor());
        self.children.push(child);
        self
    }

    /// Lists several.
    #[must_use]
    pub fn children(self, children: impl IntoIterator<Item = Manifest>) -> Self {
        children.into_iter().fold(self, Self::child)
    }

    /// Lists something that is not pushed along: it is there already, or nowhere.
    #[must_use]
    pub fn entry(mut self, descriptor: Descriptor) -> Self {
        self.entries.push(descriptor);
        self
    }

    /// Lists a blob, as old build caches do.
    #[must_use]
    pub fn blob(mut self, media_type: &str, blob: Blob) -> Self {
        self.entries.push(blob.descriptor(media_type));
        self.blobs.push(blob);
        self
    }

    /// The type of an artifact.
    #[must_use]
    pub fn artifact_type(mut self, artifact_type: &str) -> Self {
        self.artifact_type = Some(artifact_type.to_owned());
        self
    }

    /// What it refers to.
    #[must_use]
    pub fn subject(mut self, subject: &Manifest) -> Self {
        self.subject = Some(bare(subject));
        self
    }

    /// An annotation of the index.
    #[must_use]
    pub fn annotation(mut self, key: &str, value: &str) -> Self {
        self.annotations.insert(key.to_owned(), value.to_owned());
        self
    }

    /// Puts it together.
    pub fn build(self) -> Manifest {
        let mut index = Map::new();
        index.insert("schemaVersion".into(), 2.into());
        index.insert("mediaType".into(), self.media_type.into());
        index.insert("manifests".into(), json!(self.entries));
        insert_optional(
            &mut index,
            self.artifact_type.as_deref(),
            self.subject.as_ref(),
            &self.annotations,
        );
        let bytes = Bytes::from(Value::Object(index).to_string());
        Manifest {
            media_type: self.media_type.to_owned(),
            digest: digest::sha256(&bytes),
            bytes,
            blobs: self.blobs,
            children: self.children,
            config_digest: None,
            subject: self.subject.map(|subject| subject.digest),
            artifact_type: self.artifact_type,
            platform: None,
            entry_annotations: BTreeMap::new(),
            annotations: self.annotations,
        }
    }
}

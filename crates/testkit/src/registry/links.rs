//! What a manifest refers to, read leniently from its bytes (image-spec manifest.md and image-index.md;
//! Docker's schema 1 and 2).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The references of one manifest and what a referrers list tells of it.
#[derive(Debug, Clone, Default)]
pub(super) struct Links {
    /// Config and layers that the registry must hold; foreign layers are left out.
    pub(super) blobs: Vec<String>,
    /// Entries of an index. In a BuildKit cache of the old shape these are blobs.
    pub(super) children: Vec<Child>,
    pub(super) subject: Option<String>,
    /// `artifactType`, else the config's media type (distribution-spec, "Listing Referrers").
    pub(super) artifact_type: Option<String>,
    pub(super) annotations: BTreeMap<String, String>,
}

/// One entry of an index.
#[derive(Debug, Clone)]
pub(super) struct Child {
    pub(super) digest: String,
    /// `os/architecture` where given.
    pub(super) platform: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wire {
    media_type: Option<String>,
    config: Option<WireDescriptor>,
    #[serde(default)]
    layers: Vec<WireDescriptor>,
    /// The layers of an OCI artifact manifest, a form that was withdrawn.
    #[serde(default)]
    blobs: Vec<WireDescriptor>,
    #[serde(default)]
    manifests: Vec<WireDescriptor>,
    #[serde(default)]
    fs_layers: Vec<SchemaOneLayer>,
    subject: Option<WireDescriptor>,
    artifact_type: Option<String>,
    #[serde(default)]
    annotations: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireDescriptor {
    media_type: Option<String>,
    digest: String,
    #[serde(default)]
    urls: Vec<String>,
    platform: Option<WirePlatform>,
}

#[derive(Deserialize)]
struct WirePlatform {
    #[serde(default)]
    os: String,
    #[serde(default)]
    architecture: String,
}

#[derive(Deserialize)]
struct SchemaOneLayer {
    #[serde(rename = "blobSum")]
    blob_sum: String,
}

/// One entry of a referrers list (distribution-spec, "Listing Referrers").
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Referrer {
    pub(super) media_type: String,
    pub(super) digest: String,
    pub(super) size: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) artifact_type: Option<String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) annotations: BTreeMap<String, String>,
}

impl Links {
    /// Reads the manifest `bytes` that were pushed as `content_type`; the error says what is wrong.
    pub(super) fn parse(bytes: &[u8], content_type: &str) -> Result<Self, String> {
        let wire: Wire = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
        match &wire.media_type {
            Some(inner) if inner != content_type => {
                return Err(format!("mediaType is {inner} but Content-Type is {content_type}"));
            }
            _ => {}
        }
        Ok(Self::of(wire))
    }

    fn of(wire: Wire) -> Self {
        let config_type = wire.config.as_ref().and_then(|config| config.media_type.clone());
        let stored = wire
            .config
            .into_iter()
            .chain(wire.layers)
            .chain(wire.blobs)
            .filter(|blob| blob.urls.is_empty());
        let schema_one = wire.fs_layers.into_iter().map(|layer| layer.blob_sum);
        Self {
            blobs: stored.map(|blob| blob.digest).chain(schema_one).collect(),
            children: wire.manifests.into_iter().map(Child::of).collect(),
            subject: wire.subject.map(|subject| subject.digest),
            artifact_type: wire.artifact_type.or(config_type),
            annotations: wire.annotations,
        }
    }
}

impl Child {
    fn of(descriptor: WireDescriptor) -> Self {
        let platform = descriptor
            .platform
            .map(|platform| format!("{}/{}", platform.os, platform.architecture));
        Self {
            digest: descriptor.digest,
            platform,
        }
    }
}

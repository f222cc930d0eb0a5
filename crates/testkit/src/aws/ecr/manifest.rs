//! What a manifest says about itself, as far as ECR looks into it.

use serde::Deserialize;

/// What ECR reads from the bytes of a manifest.
#[derive(Debug, Clone, Default)]
pub(super) struct Manifest {
    pub(super) media_type: Option<String>,
    /// The type of the artifact, else of the config; an index without one has none.
    pub(super) artifact_type: Option<String>,
    /// Digest and size of config and layers, foreign layers left out.
    pub(super) layers: Vec<(String, u64)>,
    pub(super) children: Vec<String>,
    pub(super) subject: Option<String>,
    pub(super) annotations: serde_json::Map<String, serde_json::Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wire {
    media_type: Option<String>,
    artifact_type: Option<String>,
    config: Option<Descriptor>,
    #[serde(default)]
    layers: Vec<Descriptor>,
    #[serde(default)]
    manifests: Vec<Descriptor>,
    subject: Option<Descriptor>,
    #[serde(default)]
    annotations: serde_json::Map<String, serde_json::Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Descriptor {
    #[serde(default)]
    media_type: String,
    digest: String,
    #[serde(default)]
    size: u64,
    #[serde(default)]
    urls: Vec<String>,
}

impl Manifest {
    /// None where the bytes are no manifest.
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let wire: Wire = serde_json::from_slice(bytes).ok()?;
        let config_type = wire.config.as_ref().map(|config| config.media_type.clone());
        let stored = wire.config.into_iter().chain(wire.layers);
        let stored = stored.filter(|blob| blob.urls.is_empty());
        Some(Self {
            media_type: wire.media_type,
            artifact_type: wire.artifact_type.or(config_type),
            layers: stored.map(|blob| (blob.digest, blob.size)).collect(),
            children: wire.manifests.into_iter().map(|child| child.digest).collect(),
            subject: wire.subject.map(|subject| subject.digest),
            annotations: wire.annotations,
        })
    }

    /// Bytes of config and layers.
    pub(super) fn size(&self) -> u64 {
        self.layers.iter().map(|(_, size)| size).sum()
    }
}

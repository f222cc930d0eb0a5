//! Reads one manifest's bytes: what it is, what it lists, what it belongs to.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Deserialize;

use super::media_types::{
    BUILDKIT_CACHE_CONFIG, COSIGN_SIMPLE_SIGNING, DOCKER_CONFIG, DOCKER_LIST, DOCKER_MANIFEST, DOCKER_SCHEMA1,
    HELM_CONFIG, IN_TOTO, OCI_CONFIG, OCI_INDEX, OCI_MANIFEST, is_foreign, is_manifest,
};
use crate::model::{Blob, Digest, InvalidJson, Kind, legible};

/// An index with more children than this is not read: no builder makes one, and an enemy might.
pub const MAX_CHILDREN: usize = 10_000;

/// A manifest as read, before its config and its children have had their say.
#[derive(Debug, Clone, PartialEq)]
pub struct ParsedManifest {
    /// The media type of the manifest.
    pub media_type: String,
    /// `artifactType`, if given.
    pub artifact_type: Option<String>,
    /// Its config, if it has one.
    pub config: Option<ConfigDescriptor>,
    /// Config and layers that the registry stores.
    pub blobs: Vec<Blob>,
    /// How many layers it has.
    pub layers: usize,
    /// Manifests that it lists. Blobs that a build cache lists are not among them.
    pub children: Vec<Digest>,
    /// What it is attached to.
    pub subject: Option<Digest>,
    /// Its annotations.
    pub annotations: BTreeMap<String, String>,
    /// When a schema 1 manifest, which has no config, says it was built.
    pub created: Option<Timestamp>,
    /// What it is, as far as the manifest alone tells. `None` for an index whose children decide.
    pub kind: Option<Kind>,
}

/// The config that a manifest points to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigDescriptor {
    /// Its media type.
    pub media_type: String,
    /// Its digest.
    pub digest: Digest,
    /// Its size in bytes.
    pub size: u64,
}

/// Why bytes are not a manifest.
#[derive(Debug, thiserror::Error)]
pub enum InvalidManifest {
    /// Not the JSON of a manifest.
    #[error("it is no manifest that jettison can read")]
    Json(#[source] InvalidJson),
    /// The registry and the manifest name different types.
    #[error("its media type is {body}, and the registry calls it {header}")]
    MediaTypes {
        /// What the manifest says.
        body: String,
        /// What the registry says.
        header: String,
    },
    /// It could be read as an index and as an image.
    #[error("it lists both manifests and layers, so that nobody can tell what it is")]
    Ambiguous,
    /// None of the known shapes.
    #[error("it is of no known shape (media type {0})")]
    Unknown(String),
    /// More children than any builder makes.
    #[error("it lists {0} manifests; more than {MAX_CHILDREN} are not read")]
    TooManyChildren(usize),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Raw {
    media_type: Option<String>,
    artifact_type: Option<String>,
    schema_version: Option<u64>,
    config: Option<Descriptor>,
    layers: Option<Vec<Descriptor>>,
    blobs: Option<Vec<Descriptor>>,
    manifests: Option<Vec<Descriptor>>,
    fs_layers: Option<Vec<SchemaOneLayer>>,
    history: Option<Vec<SchemaOneHistory>>,
    subject: Option<Descriptor>,
    annotations: Option<BTreeMap<String, String>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Descriptor {
    #[serde(default)]
    media_type: String,
    digest: Digest,
    #[serde(default)]
    size: u64,
    #[serde(default)]
    urls: Option<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SchemaOneLayer {
    blob_sum: Digest,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SchemaOneHistory {
    v1_compatibility: String,
}

impl ParsedManifest {
    /// Reads `bytes`, which the registry calls `content_type` (parameters such as `charset` do not count).
    ///
    /// # Errors
    /// If they are not a manifest, or one that could be read in two ways (the class of CVE-2021-41190).
    pub fn read(content_type: Option<&str>, bytes: &[u8]) -> Result<Self, InvalidManifest> {
        let raw: Raw = serde_json::from_slice(bytes).map_err(|error| InvalidManifest::Json(error.into()))?;
        let header = content_type.map(|header| header.split(';').next().unwrap_or_default().trim());
        let header = header.filter(|header| is_manifest(header));
        if let (Some(body), Some(header)) = (&raw.media_type, header)
            && body != header
            // A signed schema 1 manifest names the unsigned type inside.
            && raw.schema_version != Some(1)
        {
            return Err(InvalidManifest::MediaTypes {
                body: legible(body),
                header: header.to_owned(),
            });
        }
        let stated = raw.media_type.clone().or_else(|| header.map(str::to_owned));
        let image = raw.config.is_some() || raw.layers.is_some();
        match (&raw.manifests, image, &raw.fs_layers) {
            (Some(_), false, None) => Self::index(raw, stated.unwrap_or_else(|| OCI_INDEX.to_owned())),
            (None, true, None) => Ok(Self::image(raw, stated.unwrap_or_else(|| OCI_MANIFEST.to_owned()))),
            (None, false, Some(_)) => Ok(Self::schema_one(
                raw,
                stated.unwrap_or_else(|| DOCKER_SCHEMA1.to_owned()),
            )),
            (None, false, None) if raw.blobs.is_some() || raw.artifact_type.is_some() => {
                Ok(Self::image(raw, stated.unwrap_or_default()))
            }
            (None, false, None) => Err(InvalidManifest::Unknown(legible(&stated.unwrap_or_default()))),
            _ => Err(InvalidManifest::Ambiguous),
        }
        .and_then(|manifest| manifest.of_stated_shape())
    }

    /// An index that calls itself an image, or the other way round, is as ambiguous as one that is both.
    fn of_stated_shape(self) -> Result<Self, InvalidManifest> {
        let lists = self.kind.is_none() || (self.config.is_none() && !self.children.is_empty());
        let fits = match self.media_type.as_str() {
            OCI_MANIFEST | DOCKER_MANIFEST => !lists,
            OCI_INDEX | DOCKER_LIST => self.config.is_none(),
            _ => true,
        };
        if fits {
            Ok(self)
        } else {
            Err(InvalidManifest::Ambiguous)
        }
    }

    fn index(raw: Raw, media_type: String) -> Result<Self, InvalidManifest> {
        let entries = raw.manifests.unwrap_or_default();
        if entries.len() > MAX_CHILDREN {
            return Err(InvalidManifest::TooManyChildren(entries.len()));
        }
        let cache = entries.iter().any(|entry| entry.media_type == BUILDKIT_CACHE_CONFIG);
        // Builders before BuildKit 0.21 write a cache as an index of layers; everything else lists manifests.
        let (children, blobs): (Vec<_>, Vec<_>) = entries
            .into_iter()
            .partition(|entry| !cache || is_manifest(&entry.media_type));
        let kind = match (cache && raw.subject.is_none(), &raw.artifact_type) {
            (true, _) => Some(Kind::BuildCache),
            (false, Some(_)) => Some(Kind::Artifact),
            (false, None) => None,
        };
        Ok(Self {
            media_type,
            artifact_type: raw.artifact_type,
            config: None,
            layers: 0,
            blobs: stored(&blobs),
            children: children.into_iter().map(|child| child.digest).collect(),
            subject: raw.subject.map(|subject| subject.digest),
            annotations: raw.annotations.unwrap_or_default(),
            created: None,
            kind,
        })
    }

    fn image(raw: Raw, media_type: String) -> Self {
        let kind = image_kind(&raw);
        let layers = raw.layers.or(raw.blobs).unwrap_or_default();
        let mut blobs = stored(&layers);
        let config = raw.config.map(|config| ConfigDescriptor {
            media_type: config.media_type,
            digest: config.digest,
            size: config.size,
        });
        if let Some(config) = &config
            && !blobs.iter().any(|blob| blob.digest == config.digest)
        {
            blobs.insert(
                0,
                Blob {
                    digest: config.digest.clone(),
                    size: config.size,
                },
            );
        }
        Self {
            media_type,
            artifact_type: raw.artifact_type,
            config,
            layers: layers.len(),
            blobs,
            children: Vec::new(),
            subject: raw.subject.map(|subject| subject.digest),
            annotations: raw.annotations.unwrap_or_default(),
            created: None,
            kind: Some(kind),
        }
    }

    /// Schema 1 tells neither sizes nor a config; its newest history entry holds what a config would.
    fn schema_one(raw: Raw, media_type: String) -> Self {
        let layers = raw.fs_layers.unwrap_or_default();
        let mut blobs: Vec<Blob> = layers
            .into_iter()
            .map(|layer| Blob {
                digest: layer.blob_sum,
                size: 0,
            })
            .collect();
        blobs.sort_by(|left, right| left.digest.cmp(&right.digest));
        blobs.dedup();
        let newest = raw.history.unwrap_or_default().into_iter().next();
        let created = newest.and_then(|entry| {
            let value: serde_json::Value = serde_json::from_str(&entry.v1_compatibility).ok()?;
            value.get("created")?.as_str()?.parse().ok()
        });
        Self {
            media_type,
            artifact_type: None,
            config: None,
            layers: blobs.len(),
            blobs,
            children: Vec::new(),
            subject: None,
            annotations: BTreeMap::new(),
            created,
            kind: Some(Kind::Image),
        }
    }

    /// Whether its config may change what it is, or tell its age and labels: only that of an image does.
    pub fn wanted_config(&self) -> Option<&ConfigDescriptor> {
        self.config.as_ref().filter(|_| self.kind == Some(Kind::Image))
    }
}

/// What a manifest with a config or layers is. Effective type: `artifactType`, else the config's media type.
fn image_kind(raw: &Raw) -> Kind {
    let config = raw.config.as_ref().map(|config| config.media_type.as_str());
    let layers = raw.layers.as_deref().unwrap_or_default();
    let signs = |layer: &Descriptor| matches!(layer.media_type.as_str(), IN_TOTO | COSIGN_SIMPLE_SIGNING);
    match (config, &raw.artifact_type) {
        (Some(BUILDKIT_CACHE_CONFIG), _) if raw.subject.is_none() => Kind::BuildCache,
        (Some(HELM_CONFIG), _) => Kind::Chart,
        (Some(OCI_CONFIG | DOCKER_CONFIG), None) if !layers.iter().any(signs) => Kind::Image,
        _ => Kind::Artifact,
    }
}

/// Blobs that the registry stores, each once.
fn stored(descriptors: &[Descriptor]) -> Vec<Blob> {
    let kept = |descriptor: &&Descriptor| {
        !is_foreign(&descriptor.media_type) && descriptor.urls.as_ref().is_none_or(|urls| urls.is_empty())
    };
    let sizes: BTreeMap<&Digest, u64> = descriptors
        .iter()
        .filter(kept)
        .map(|descriptor| (&descriptor.digest, descriptor.size))
        .collect();
    sizes
        .into_iter()
        .map(|(digest, size)| Blob {
            digest: digest.clone(),
            size,
        })
        .collect()
}

//! Images for one platform.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::draft::Draft;
use super::{Blob, Descriptor, Manifest, media_type, platform_json};
use crate::digest;

/// An image for one platform: by default OCI, linux/amd64, without a date, with one layer of 512 bytes.
#[derive(Debug, Clone)]
pub struct Image {
    seed: u64,
    docker: bool,
    platform: String,
    created: Option<String>,
    labels: BTreeMap<String, String>,
    annotations: BTreeMap<String, String>,
    layers: Vec<Blob>,
    foreign: Vec<Descriptor>,
    extra: Map<String, Value>,
}

impl Image {
    /// An image whose digest depends on the seed and on what is said about it.
    pub fn new(seed: u64) -> Self {
        Self {
            seed,
            docker: false,
            platform: "linux/amd64".into(),
            created: None,
            labels: BTreeMap::new(),
            annotations: BTreeMap::new(),
            layers: Vec::new(),
            foreign: Vec::new(),
            extra: Map::new(),
        }
    }

    /// Docker's media types instead of OCI's.
    #[must_use]
    pub fn docker(mut self) -> Self {
        self.docker = true;
        self
    }

    /// `os/architecture[/variant]`
    #[must_use]
    pub fn platform(mut self, platform: &str) -> Self {
        platform.clone_into(&mut self.platform);
        self
    }

    /// `created` in the config, as it is given: RFC 3339, 1970, or nonsense.
    #[must_use]
    pub fn created(mut self, created: &str) -> Self {
        self.created = Some(created.to_owned());
        self
    }

    /// A label in the config.
    #[must_use]
    pub fn label(mut self, key: &str, value: &str) -> Self {
        self.labels.insert(key.to_owned(), value.to_owned());
        self
    }

    /// An annotation in the manifest.
    #[must_use]
    pub fn annotation(mut self, key: &str, value: &str) -> Self {
        self.annotations.insert(key.to_owned(), value.to_owned());
        self
    }

    /// One layer on top, to be shared with other images.
    #[must_use]
    pub fn layer(mut self, blob: Blob) -> Self {
        self.layers.push(blob);
        self
    }

    /// Layers of its own, in bytes.
    #[must_use]
    pub fn layers(mut self, sizes: &[usize]) -> Self {
        for size in sizes {
            let seed = self.seed.wrapping_mul(31).wrapping_add(self.layers.len() as u64);
            self.layers.push(Blob::random(seed, *size));
        }
        self
    }

    /// A layer that the registry does not hold, as Windows base images have.
    #[must_use]
    pub fn foreign_layer(mut self, size: usize) -> Self {
        let elsewhere = Blob::random(self.seed ^ 0xf0, 16);
        let kind = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip";
        let mut descriptor = Descriptor::new(kind, elsewhere.digest(), size);
        descriptor.urls = vec!["https://registry.example.com/foreign".into()];
        self.foreign.push(descriptor);
        self
    }

    /// With BuildKit's inline cache in the config; still an image.
    #[must_use]
    pub fn inline_cache(mut self) -> Self {
        self.extra
            .insert("moby.buildkit.cache.v0".into(), "W3siZGlnZXN0cyI6W119XQ==".into());
        self
    }

    /// Puts it together.
    pub fn build(mut self) -> Manifest {
        if self.layers.is_empty() {
            self = self.layers(&[512]);
        }
        let config_type = if self.docker {
            media_type::DOCKER_CONFIG
        } else {
            media_type::CONFIG
        };
        let layer_type = if self.docker {
            media_type::DOCKER_LAYER
        } else {
            media_type::LAYER
        };
        let mut draft = Draft::new(config_type, Blob::json(&self.config()));
        draft = if self.docker { draft.docker() } else { draft };
        draft = self.foreign.into_iter().fold(draft, Draft::foreign_layer);
        draft = self
            .layers
            .into_iter()
            .fold(draft, |draft, blob| draft.layer(layer_type, blob));
        draft = self
            .annotations
            .iter()
            .fold(draft, |draft, (key, value)| draft.annotation(key, value));
        Manifest {
            platform: Some(self.platform),
            ..draft.build()
        }
    }

    fn config(&self) -> Value {
        let mut config = self.extra.clone();
        if let Value::Object(platform) = platform_json(&self.platform) {
            config.extend(platform);
        }
        if let Some(created) = &self.created {
            config.insert("created".into(), created.clone().into());
        }
        let build = format!("BUILD={:016x}", self.seed);
        let mut run = json!({"Env": ["PATH=/usr/bin:/bin", build], "Cmd": ["/app"]});
        if !self.labels.is_empty() {
            run["Labels"] = json!(self.labels);
        }
        config.insert("config".into(), run);
        config.insert("rootfs".into(), json!({"type": "layers", "diff_ids": self.diff_ids()}));
        config.insert("history".into(), json!(self.history()));
        Value::Object(config)
    }

    /// Stand-ins, one a layer: the layers are no real archives.
    fn diff_ids(&self) -> Vec<String> {
        let foreign = self.foreign.iter().map(|layer| layer.digest.as_str());
        let layers = foreign.chain(self.layers.iter().map(Blob::digest));
        layers.map(|layer| digest::sha256(layer.as_bytes())).collect()
    }

    fn history(&self) -> Vec<Value> {
        let steps = (0..self.foreign.len() + self.layers.len()).map(|step| format!("COPY layer-{step} /"));
        steps
            .map(|step| match &self.created {
                Some(created) => json!({"created": created, "created_by": step}),
                None => json!({"created_by": step}),
            })
            .collect()
    }
}

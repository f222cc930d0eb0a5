//! Reads what jettison needs of an image's config: its date, labels, platform, and whether it is a cache.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::media_types::BUILDPACKS_CACHE_LABEL;
use crate::model::InvalidJson;

/// What an image's config says (image-spec, config.md).
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ConfigFacts {
    /// `created`, if it is a date at all.
    pub created: Option<Timestamp>,
    /// `os/architecture[/variant]`.
    pub platform: Option<String>,
    /// `config.Labels`.
    pub labels: BTreeMap<String, String>,
    /// One history entry, written by Kaniko, and nothing to run: what Kaniko pushes to its cache.
    pub kaniko_layer: bool,
}

/// Why bytes are not an image's config.
#[derive(Debug, thiserror::Error)]
#[error("its config is not the JSON of an image config")]
pub struct InvalidConfig(#[source] InvalidJson);

#[derive(Deserialize)]
struct Raw {
    created: Option<serde_json::Value>,
    os: Option<String>,
    architecture: Option<String>,
    variant: Option<String>,
    #[serde(default)]
    config: Option<RawRun>,
    #[serde(default)]
    history: Option<Vec<RawHistory>>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct RawRun {
    labels: Option<BTreeMap<String, String>>,
    cmd: Option<Vec<String>>,
    entrypoint: Option<Vec<String>>,
    env: Option<Vec<String>>,
}

#[derive(Deserialize)]
struct RawHistory {
    author: Option<String>,
}

impl ConfigFacts {
    /// How many bytes its labels have.
    pub fn label_bytes(&self) -> u64 {
        let label = |(key, value): (&String, &String)| (key.len() + value.len()) as u64;
        self.labels.iter().map(label).sum()
    }

    /// Reads a config.
    ///
    /// # Errors
    /// If it is not JSON of that form. A date that is none is no error: it is not known.
    pub fn read(bytes: &[u8]) -> Result<Self, InvalidConfig> {
        let raw: Raw = serde_json::from_slice(bytes).map_err(|error| InvalidConfig(error.into()))?;
        let run = raw.config.unwrap_or_default();
        let history = raw.history.unwrap_or_default();
        let runs = [&run.cmd, &run.entrypoint, &run.env]
            .iter()
            .any(|list| list.as_ref().is_some_and(|list| !list.is_empty()));
        let by_kaniko = matches!(history.as_slice(), [only] if only.author.as_deref() == Some("kaniko"));
        Ok(Self {
            created: raw.created.and_then(|created| created.as_str()?.parse().ok()),
            platform: platform(raw.os, raw.architecture, raw.variant),
            labels: run.labels.unwrap_or_default(),
            kaniko_layer: by_kaniko && !runs,
        })
    }

    /// Whether buildpacks wrote it as a cache.
    pub fn is_buildpacks_cache(&self) -> bool {
        self.labels.contains_key(BUILDPACKS_CACHE_LABEL)
    }
}

fn platform(os: Option<String>, architecture: Option<String>, variant: Option<String>) -> Option<String> {
    let filled = |text: Option<String>| text.filter(|text| !text.is_empty() && text != "unknown");
    let base = format!("{}/{}", filled(os)?, filled(architecture)?);
    Some(filled(variant).map_or(base.clone(), |variant| format!("{base}/{variant}")))
}

//! Who refers to which image, per source.
//!
//! These types are the JSON form of `jettison usage --out` as well.

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize};

use super::{Digest, Gap, Schema, legible};

/// What every usage source said.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Usage {
    /// The version of this form; always 1.
    pub schema: Schema,
    /// When the sources were asked.
    pub taken_at: Timestamp,
    /// One report a source.
    #[serde(default)]
    pub sources: Vec<SourceReport>,
}

/// What one source (a cluster, a host, a file) said.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SourceReport {
    /// The name given to it in the configuration.
    pub name: String,
    /// What kind of source it is: `kubernetes`, `file`, …
    #[serde(default)]
    pub kind: String,
    /// Whether it said everything it knows.
    pub status: SourceStatus,
    /// Globs of `registry/repository` that this source could refer to.
    #[serde(default = "everything")]
    pub covers: Vec<String>,
    /// The accounts and regions of AWS that it speaks for, `123456789012/eu-central-1`; only a source of the kind `aws` does.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub answers_for: Vec<String>,
    /// What it could not tell. One that says complete and lists gaps is partial.
    #[serde(default)]
    pub gaps: Vec<Gap>,
    /// The images it refers to.
    #[serde(default)]
    pub references: Vec<Reference>,
}

impl SourceReport {
    /// Whether it said everything it knows: one that says so and lists gaps did not.
    pub fn is_complete(&self) -> bool {
        self.status == SourceStatus::Complete && self.gaps.is_empty()
    }
}

impl Reference {
    /// When it was last seen in use, if that is over at this moment.
    pub fn over_since(&self, now: Timestamp) -> Option<Timestamp> {
        self.last_seen_at.filter(|seen_at| *seen_at < now)
    }
}

/// Whether a source said everything it knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SourceStatus {
    /// It did.
    Complete,
    /// It did not, or may not have.
    Partial,
}

/// One image that somebody refers to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Reference {
    /// The reference as it is written, `registry.example.com/apps/web:main`.
    #[serde(default)]
    pub image: String,
    /// What it resolved to, where the source knows: a manifest's digest, or its config's.
    #[serde(default)]
    pub digest: Option<Digest>,
    /// Who refers to it, for people: `Pod shop/web-0 container web`.
    #[serde(default, deserialize_with = "legible_text")]
    pub used_by: String,
    /// When it was last seen in use, if that is over.
    #[serde(default)]
    pub last_seen_at: Option<Timestamp>,
}

/// It ends up in reasons, and those on terminals.
fn legible_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    String::deserialize(deserializer).map(|text| legible(&text))
}

fn everything() -> Vec<String> {
    vec!["**".to_owned()]
}

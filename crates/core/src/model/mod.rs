//! The facts: names, inventory and usage. Nothing here decides anything.

mod digest;
mod inventory;
mod kind;
mod legible;
mod name;
mod reference;
mod usage;

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize};

pub use digest::{Digest, DigestWriter, InvalidDigest};
pub use inventory::{Blob, Capabilities, Inventory, Manifest, Repository, Sharing, TagEntry, Undo};
pub use kind::Kind;
pub use legible::{InvalidJson, legible};
pub(crate) use legible::{is_hidden, legible_up_to};
pub use name::{InvalidName, RegistryHost, RepositoryName, Tag};
pub use reference::{ImageReference, InvalidReference};
pub use usage::{Reference, SourceReport, SourceStatus, Usage};

/// The version of a machine-readable form: the number 1, and no other is accepted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "u64", into = "u64")]
pub struct Schema;

impl TryFrom<u64> for Schema {
    type Error = String;

    fn try_from(version: u64) -> Result<Self, Self::Error> {
        match version {
            1 => Ok(Self),
            other => Err(format!(
                "schema {other} is not known to this version of jettison, which reads schema 1"
            )),
        }
    }
}

impl From<Schema> for u64 {
    fn from(_: Schema) -> Self {
        1
    }
}

/// Something that could not be read, in plain words: what, and why.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct Gap(pub String);

impl Gap {
    /// What could not be read, [`legible()`]: what a registry says may stand in it.
    pub fn of(text: &str) -> Self {
        Self(legible_up_to(text, LONGEST_GAP))
    }
}

impl fmt::Display for Gap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The longest gap, in characters.
const LONGEST_GAP: usize = 1_000;

/// A gap written by another tool may be any JSON value: its shape must never make it go unnoticed.
impl<'de> Deserialize<'de> for Gap {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = match serde_json::Value::deserialize(deserializer)? {
            serde_json::Value::String(text) => text,
            other => other.to_string(),
        };
        Ok(Self::of(&text))
    }
}

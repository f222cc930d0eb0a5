//! The plan as a value: an ordered list of actions, named by the hash of its content.
//!
//! These types are the JSON form of `jettison plan --out` as well. After a plan no choice remains.

use std::io::Write as _;

use jiff::Timestamp;
use serde::{Deserialize, Serialize, Serializer};

use crate::facts::Origin;
use crate::model::{Digest, DigestWriter, Kind, RegistryHost, RepositoryName, Schema, Tag, Undo};
use crate::reason::{Reason, Ruling};
use crate::verify::Violation;

/// What would be done, why everything else stays, and what stands in the way.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// The version of this form; always 1.
    pub schema: Schema,
    /// The hash of everything below, in hex.
    pub id: String,
    /// The moment the decisions are made for.
    pub now: Timestamp,
    /// Where the facts came from; only a plan from registries just read can be applied.
    pub origin: Origin,
    /// The usage sources that had a say. An apply asks the same ones again.
    pub usage_sources: Vec<String>,
    /// What to do, in this order.
    pub actions: Vec<Action>,
    /// The entries that stay.
    pub kept: Vec<Kept>,
    /// The entries that should go and cannot.
    pub blocked: Vec<Kept>,
    /// What the limits did.
    pub limits: LimitsReport,
    /// Laws that the plan would break. One that breaks any is never applied.
    pub violations: Vec<Violation>,
    /// What could not be read: registries, repositories, sources. Nothing is deleted there.
    pub gaps: Vec<String>,
    /// What else a reader should know: missing aliases, say.
    pub warnings: Vec<String>,
}

/// The JSON form of a plan, under whatever id.
#[derive(Serialize)]
struct Form<'p> {
    schema: Schema,
    id: &'p str,
    now: Timestamp,
    origin: Origin,
    usage_sources: &'p [String],
    actions: &'p [Action],
    kept: &'p [Kept],
    blocked: &'p [Kept],
    limits: &'p LimitsReport,
    violations: &'p [Violation],
    gaps: &'p [String],
    warnings: &'p [String],
}

impl Serialize for Plan {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.form(&self.id).serialize(serializer)
    }
}

impl Plan {
    fn form<'p>(&'p self, id: &'p str) -> Form<'p> {
        Form {
            schema: self.schema,
            id,
            now: self.now,
            origin: self.origin,
            usage_sources: &self.usage_sources,
            actions: &self.actions,
            kept: &self.kept,
            blocked: &self.blocked,
            limits: &self.limits,
            violations: &self.violations,
            gaps: &self.gaps,
            warnings: &self.warnings,
        }
    }

    /// The hash of the plan's content, in hex: of its compact JSON with an empty `id`. The text is hashed as it is
    /// written, and never held.
    pub fn compute_id(&self) -> String {
        const BUFFER: usize = 64 << 10;
        let mut hashing = std::io::BufWriter::with_capacity(BUFFER, DigestWriter::default());
        // Serialising plain structs with text keys into a hash cannot fail; if it did, the id would only be unfit.
        let written = serde_json::to_writer(&mut hashing, &self.form("")).is_ok() && hashing.flush().is_ok();
        let hashed = hashing.into_inner().ok().filter(|_| written);
        hashed.map(|hashed| hashed.finish().hex()).unwrap_or_default()
    }

    /// Whether the content is what the id names.
    pub fn is_unaltered(&self) -> bool {
        self.id == self.compute_id()
    }
}

/// One step: the deletion or archival of one manifest, or the removal of tags from one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Action {
    /// What to do.
    pub action: ActionKind,
    /// The registry.
    pub registry: RegistryHost,
    /// The repository.
    pub repository: RepositoryName,
    /// The manifest.
    pub digest: Digest,
    /// What it is.
    pub kind: Kind,
    /// The tags that go: all of a deleted manifest, or the removed ones; of an archived one, all that it keeps.
    pub tags: Vec<Tag>,
    /// The bytes this step frees beyond those that earlier steps free; of an archival, those that it moves to the archive.
    pub bytes: u64,
    /// The fuse of its repository is blown: shown, and not done until somebody accepts the share.
    pub refused: bool,
    /// How far this step can be taken back on that registry.
    pub undo: Undo,
    /// The moment its age counts from, if known.
    pub time: Option<Timestamp>,
    /// Why.
    pub reason: Reason,
    /// The rule that expires each tag, where the root carries several.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub entries: Vec<ExpiredTag>,
}

/// A tag of a deleted or archived root, and the rule that expires it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExpiredTag {
    /// The tag.
    pub tag: Tag,
    /// The rule.
    pub ruling: Ruling,
}

/// What a step does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ActionKind {
    /// Delete the manifest with all its tags.
    Delete,
    /// Move the manifest to the registry's archive, from which it cannot be pulled; its tags stay on it.
    Archive,
    /// Remove the tags; the manifest stays.
    Untag,
}

/// An entry that stays, or that cannot go.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Kept {
    /// The registry.
    pub registry: RegistryHost,
    /// The repository.
    pub repository: RepositoryName,
    /// The manifest.
    pub digest: Digest,
    /// What it is.
    pub kind: Kind,
    /// The entry's tag; `None` for a root without an ordinary tag.
    pub tag: Option<Tag>,
    /// The moment its age counts from, if known.
    pub time: Option<Timestamp>,
    /// Why.
    pub reason: Reason,
}

/// What the limits did.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LimitsReport {
    /// Repositories whose fuse is blown.
    pub refused: Vec<Refused>,
    /// Roots that wait for a later run.
    pub waiting: u64,
}

/// A repository whose fuse is blown.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Refused {
    /// The registry.
    pub registry: RegistryHost,
    /// The repository.
    pub repository: RepositoryName,
    /// The kind of which too many would go.
    pub kind: Kind,
    /// The share that would go, 0 to 1.
    pub share: f64,
}

//! The report of an audit as a value: the JSON form of `jettison audit`.
//!
//! Figures and where they come from; nothing here counts or draws. Sizes are bytes, money is in the currency of
//! [`PriceNote`]. A figure that nobody can know is absent, never 0.

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::config::Severity;
use crate::forecast::Forecast;
use crate::model::{Digest, Kind, RegistryHost, RepositoryName, Schema, Sharing, Tag};
use crate::money::{Bill, Money};

/// What registries hold, what it costs, and what could be saved.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Audit {
    /// The version of this form; always 1.
    pub schema: Schema,
    /// When the facts were read.
    pub taken_at: Timestamp,
    /// The moment that ages are counted to.
    pub now: Timestamp,
    /// Where the facts came from.
    pub facts: FactsFrom,
    /// The prices that were applied, if any.
    pub prices: Option<PriceNote>,
    /// Each registry as a whole, by host.
    pub registries: Vec<RegistryAudit>,
    /// Each part of each registry: by repository, by kind, by age, and by whatever else was asked for.
    pub rows: Vec<Row>,
    /// The images in use that hold most, the largest first. Empty where nobody was asked what is in use.
    pub heaviest_in_use: Vec<AuditImage>,
    /// The images in use that arrived first.
    pub oldest_in_use: Vec<AuditImage>,
    /// Images that stand in several repositories of a registry, those with most copied bytes first.
    pub duplicates: Vec<Duplicate>,
    /// What the policy would free, if one was asked about.
    pub savings: Option<Savings>,
    /// The stored bytes of the repositories looked at, scan by scan: by registry, the oldest first.
    pub growth: Vec<GrowthPoint>,
    /// Where the curve goes, a registry each.
    pub forecasts: Vec<RegistryForecast>,
    /// What is wrong with the facts, and where money is wasted.
    pub findings: Vec<AuditFinding>,
    /// What could not be read.
    pub gaps: Vec<String>,
}

/// Where the facts of an audit came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FactsFrom {
    /// Registries and usage sources, asked just now.
    Registries,
    /// What the store recorded of the last scan.
    Recorded,
    /// Files.
    SavedFacts,
}

/// Which prices were applied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PriceNote {
    /// ISO 4217, `USD`.
    pub currency: String,
    /// The day of the oldest price that was applied; absent where all were given by hand.
    pub as_of: Option<Date>,
}

/// One registry as a whole.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RegistryAudit {
    /// The registry.
    pub registry: RegistryHost,
    /// The product by whose prices the bill is made, if one is known.
    pub product: Option<String>,
    /// Within what a blob is stored once.
    pub sharing: Sharing,
    /// Why the figures are not exact, if they are not; see [`Holdings::at_least`] and [`Holdings::at_most`].
    pub because: Vec<String>,
    /// How many repositories were looked at.
    pub repositories: u64,
    /// What it holds.
    pub totals: Holdings,
    /// What the stored bytes cost a month, if the prices are known.
    pub bill: Option<Bill>,
}

/// One part of a registry.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// The registry.
    pub registry: RegistryHost,
    /// What the registry was divided by: `repository`, `kind`, `age`, `branch`, …
    pub by: String,
    /// Which part: a repository, a kind, an age, a branch. Empty where a grouping does not fit.
    pub name: String,
    /// What it holds.
    #[serde(flatten)]
    pub holdings: Holdings,
}

/// What a registry or a part of it holds.
///
/// A manifest belongs to a part if an image does that it hangs on: children with their index, signatures with what they
/// sign. A blob belongs to a part if a manifest of the part refers to it; so parts overlap, and do not add up.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Holdings {
    /// Roots: manifests that stand for themselves. A multi-platform image is one.
    pub images: u64,
    /// Manifests of every sort.
    pub manifests: u64,
    /// Tags, those that attach signatures included.
    pub tags: u64,
    /// Roots without an ordinary tag.
    pub untagged: u64,
    /// The bytes of its manifests and blobs, each counted once.
    pub stored_bytes: u64,
    /// The part of it that nothing else in the registry (or repository: [`Sharing`]) refers to: what would be free if it went.
    pub exclusive_bytes: u64,
    /// The rest: what other parts refer to as well.
    pub shared_bytes: u64,
    /// The part of the stored bytes that lies in an archive.
    pub archived_bytes: u64,
    /// The sizes of all images added up, as if nothing were shared: what a bill does not say.
    pub image_bytes: u64,
    /// Roots that nobody ever pulled; absent where pulls are not recorded.
    pub never_pulled_images: Option<u64>,
    /// What only these hold.
    pub never_pulled_bytes: Option<u64>,
    /// Roots that nobody uses now or used lately; absent where not every source of usage answered.
    pub not_in_use_images: Option<u64>,
    /// What only these hold.
    pub not_in_use_bytes: Option<u64>,
    /// What the stored bytes cost a month at the average price of the registry.
    pub cost_per_month: Option<Money>,
    /// There may be more than what is counted here.
    pub at_least: bool,
    /// There may be less than what is counted here. With both, the figures are only about right.
    pub at_most: bool,
}

/// One image in use.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AuditImage {
    /// The registry.
    pub registry: RegistryHost,
    /// The repository.
    pub repository: RepositoryName,
    /// The root.
    pub digest: Digest,
    /// Its tags, in order.
    pub tags: Vec<Tag>,
    /// What it is.
    pub kind: Kind,
    /// When it arrived or was last tagged, if known.
    pub time: Option<Timestamp>,
    /// What it holds with all that hangs on it, each blob once.
    pub bytes: u64,
    /// Who uses it.
    pub used_by: Vec<String>,
    /// When it was last pulled, if that is known.
    pub last_pulled_at: Option<Timestamp>,
}

/// One image in several repositories of a registry.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Duplicate {
    /// The registry.
    pub registry: RegistryHost,
    /// The root.
    pub digest: Digest,
    /// Where it is, in order.
    pub repositories: Vec<RepositoryName>,
    /// What one copy holds.
    pub bytes: u64,
    /// What the copies beyond the first take: nothing where a blob is stored once for the whole registry.
    pub extra_bytes: u64,
}

/// What the policy would free.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Savings {
    /// Each rule that expires anything, alone: as if every other rule let everything stay. These do not add up: two rules
    /// may have to go together before a layer is free.
    pub rules: Vec<RuleSaving>,
    /// All rules together.
    pub all: Saving,
    /// How much of what arrived in which month the policy keeps.
    pub cohorts: Vec<RegistryCohorts>,
}

/// What one rule alone would free.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RuleSaving {
    /// The policy.
    pub policy: String,
    /// The rule.
    pub rule: String,
    /// What it would free.
    #[serde(flatten)]
    pub saving: Saving,
}

/// What would be free.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Saving {
    /// Roots that would be deleted.
    pub images: u64,
    /// Bytes that nothing would refer to any more, once the registry has collected them.
    pub bytes: u64,
    /// Bytes that would move to an archive.
    pub archived_bytes: u64,
    /// What the bill would be less by each month; absent where prices are unknown.
    pub per_month: Option<Money>,
}

/// How much of what arrived in which month the policy keeps, in one registry.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RegistryCohorts {
    /// The registry.
    pub registry: RegistryHost,
    /// Each month of age that anything has, the newest first; what is of unknown age comes last.
    pub cohorts: Vec<Cohort>,
}

/// What arrived within one month.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cohort {
    /// How many whole months of 365/12 days ago; absent where nobody knows.
    pub months: Option<u32>,
    /// The bytes that came with it: a blob counts for the oldest image that holds it.
    pub bytes: u64,
    /// Those of them that the policy keeps.
    pub kept_bytes: u64,
}

/// What one registry stored at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GrowthPoint {
    /// The registry.
    pub registry: RegistryHost,
    /// When a scan saw it.
    pub at: Timestamp,
    /// The bytes of its repositories that were looked at, with as much shared between them as today.
    pub stored_bytes: u64,
}

/// Where the curve of one registry goes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RegistryForecast {
    /// The registry.
    pub registry: RegistryHost,
    /// Month by month.
    #[serde(flatten)]
    pub forecast: Forecast,
}

/// Something worth knowing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditFinding {
    /// What it is, in kebab case.
    pub code: String,
    /// How bad it is.
    pub severity: Severity,
    /// The policy, if it is about one.
    pub policy: Option<String>,
    /// The rule, if it is about one.
    pub rule: Option<String>,
    /// What it is, for people.
    pub message: String,
    /// What to do.
    pub hint: String,
    /// How many images, blobs or repositories it is about.
    pub count: u64,
    /// The bytes it is about, where that can be said.
    pub bytes: Option<u64>,
    /// Up to three of them.
    pub examples: Vec<String>,
}

//! What shall become of the images of one engine, and why. These types are the JSON form too.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::facts::{CacheRecord, EngineFacts};
use crate::model::{Digest, Gap, Schema};
use crate::reason::Ruling;

/// What shall become of every image of an engine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HostPlan {
    /// The version of this form; always 1.
    pub schema: Schema,
    /// The moment it was decided for.
    pub now: Timestamp,
    /// The engine.
    pub engine: EngineFacts,
    /// What goes, in the order in which it shall go.
    pub go: Vec<Departure>,
    /// What may go after that, in this order, as long as the disk is measured to be above its low mark: the bytes that
    /// images share are in the figures of each, so that less comes free than those of `go` add up to.
    #[serde(default)]
    pub reserve: Vec<Departure>,
    /// What stays.
    pub stay: Vec<Stay>,
    /// What goes of the build cache.
    pub build_cache: CachePlan,
    /// How full the disk is, held against its marks; `None` where there are none, or the disk is not known.
    #[serde(default)]
    pub pressure: Option<Pressure>,
    /// Why nothing goes: what could not be read.
    #[serde(default)]
    pub gaps: Vec<Gap>,
}

/// An image that goes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Departure {
    /// The image.
    pub id: Digest,
    /// Its names with tags.
    pub names: Vec<String>,
    /// Its names by digest: by these it can be pulled again.
    pub digests: Vec<String>,
    /// Its bytes, shared ones included: an upper bound of what comes free.
    pub bytes: u64,
    /// When it was last used, else first seen.
    pub last_used_at: Timestamp,
    /// Why.
    pub reason: GoReason,
}

/// Why an image goes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "code", rename_all = "kebab-case")]
pub enum GoReason {
    /// A rule says so.
    Expired(Ruling),
    /// A rule will say so later, but the disk is too full: it is among those not used for longest.
    DiskPressure(Ruling),
}

/// An image that stays.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Stay {
    /// The image.
    pub id: Digest,
    /// Its names with tags.
    pub names: Vec<String>,
    /// Its bytes, shared ones included.
    pub bytes: u64,
    /// When it was last used, else first seen; `None` if nobody knows.
    pub last_used_at: Option<Timestamp>,
    /// Why.
    pub reason: StayReason,
}

/// Why an image stays. Where several hold, the first in this order is named.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "code", rename_all = "kebab-case")]
pub enum StayReason {
    /// Somebody uses it.
    InUse {
        /// Who.
        used_by: Vec<String>,
    },
    /// The engine would never remove it.
    Pinned {
        /// Why.
        why: String,
    },
    /// It is listed under `protect`, or labelled `io.jettison.keep=true`.
    Protected {
        /// The pattern or label.
        by: String,
    },
    /// A name of it cannot be understood, so that nobody can say who means it.
    UnknownName {
        /// The name.
        name: String,
    },
    /// Nobody knows since when it is here, nor so since when it is unused.
    UnknownAge,
    /// No registry is known to have it, so that nobody could pull it again.
    LocalOnly,
    /// It is among the newest of its repository.
    KeepNewest {
        /// The repository.
        repository: String,
        /// Its place there, from 1.
        place: u64,
        /// How many stay.
        keep: u64,
    },
    /// A rule says `keep: always`.
    KeepAlways(Ruling),
    /// `unless` spares it.
    Unless(Ruling),
    /// Its rule does not say that it may go yet.
    NotExpired(Ruling),
    /// No rule speaks of it.
    NoRule,
    /// It would go, but something could not be read, and it might be needed there.
    Incomplete,
}

/// What goes of a build cache: the engine chooses by itself when asked, in this way.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct CachePlan {
    /// The records that are likely to go.
    pub go: Vec<CacheRecord>,
    /// Their bytes.
    pub bytes: u64,
    /// The bytes of all records.
    pub of_bytes: u64,
}

/// How full a disk is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pressure {
    /// Whether it is above its high mark.
    pub is_high: bool,
    /// The bytes that would have to come free to get down to the low mark; 0 unless `is_high`.
    pub bytes_to_free: u64,
    /// The files that would have to go for that.
    pub inodes_to_free: u64,
    /// The bytes of all images that go, shared ones included. Less than what is to be freed: it will not do.
    pub bytes_going: u64,
}

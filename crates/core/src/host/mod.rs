//! Images on a server's disk: which go and which stay, by the rules of `host` in the configuration.
//!
//! Pure, like the rest of the core: facts, settings and the moment in, decisions with reasons out. An image goes only
//! where everything is known that could need it.

mod facts;
mod plan;
mod settings;

pub use facts::{CacheRecord, Disk, EngineFacts, HostFacts, HostImage, ImageStore};
pub use plan::{CachePlan, Departure, GoReason, HostPlan, Pressure, Stay, StayReason};
pub use settings::{CacheSettings, DiskMarks, HostSettings};

use jiff::Timestamp;

use crate::config::ProtectPattern;

/// What shall become of every image.
///
/// `protect` are the patterns of the configuration, which hold on servers too.
pub fn decide(facts: &HostFacts, settings: &HostSettings, protect: &[ProtectPattern], now: Timestamp) -> HostPlan {
    let _ = (settings, protect);
    HostPlan {
        schema: facts.schema,
        now,
        engine: facts.engine.clone(),
        go: Vec::new(),
        stay: Vec::new(),
        build_cache: CachePlan::default(),
        pressure: None,
        gaps: facts.gaps.clone(),
    }
}

//! Everything that changes, behind one lock that is never held across an await.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::ecr::Registry;
use super::fault::Faults;
use super::identity::Identities;
use super::observe::Log;
use super::place::Place;

/// All accounts.
pub(super) struct State {
    /// `http://127.0.0.1:PORT`
    pub(super) url: String,
    pub(super) now: Timestamp,
    pub(super) identities: Identities,
    pub(super) faults: Faults,
    pub(super) log: Log,
    regions: BTreeMap<Place, Region>,
    made: u64,
}

/// One region of one account.
#[derive(Default)]
pub(super) struct Region {
    pub(super) registry: Registry,
}

impl State {
    pub(super) fn new(url: String, now: Timestamp) -> Self {
        Self {
            url,
            now,
            identities: Identities::default(),
            faults: Faults::default(),
            log: Log::default(),
            regions: BTreeMap::new(),
            made: 0,
        }
    }

    /// Every region of every account is there; most are empty.
    pub(super) fn region(&mut self, place: &Place) -> &mut Region {
        self.regions.entry(place.clone()).or_default()
    }

    /// The registries that there are.
    pub(super) fn registries(&self) -> impl Iterator<Item = (&Place, &Registry)> {
        self.regions.iter().map(|(place, found)| (place, &found.registry))
    }

    /// 32 hexadecimal digits that nothing else has.
    pub(super) fn id(&mut self) -> String {
        self.made += 1;
        format!("{:032x}", self.made)
    }
}

/// A time as JSON 1.1 has it: seconds since 1970, with milliseconds behind the point.
#[expect(clippy::cast_precision_loss, reason = "milliseconds since 1970 fit into 53 bits")]
pub(super) fn epoch(time: Timestamp) -> Value {
    json!(time.as_millisecond() as f64 / 1000.0)
}

/// An object without the members that are null.
pub(super) fn object(mut value: Value) -> Value {
    if let Some(members) = value.as_object_mut() {
        members.retain(|_, member| !member.is_null());
    }
    value
}

//! Everything that changes, behind one lock that is never held across an await.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::ecr::Registry;
use super::ecs::Clusters;
use super::fault::Faults;
use super::identity::Identities;
use super::lambda::Functions;
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
    pub(super) clusters: Clusters,
    pub(super) functions: Functions,
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

    /// The digest that an image reference stands for now: its own, or that of its tag in a registry here.
    pub(super) fn resolve(&self, image: &str) -> Option<String> {
        if let Some((_, digest)) = image.rsplit_once('@') {
            return Some(digest.to_owned());
        }
        let (host, path) = image.split_once('/')?;
        let (repository, tag) = path.rsplit_once(':').unwrap_or((path, "latest"));
        self.registry(host)?.repository(repository).ok()?.digest_of(tag)
    }

    /// Whether the image behind a reference with a digest is still there; true where nobody here knows.
    pub(super) fn has(&self, image: &str) -> bool {
        let found = image.split_once('/').and_then(|(host, path)| {
            let (repository, digest) = path.rsplit_once('@')?;
            let registry = self.registry(host)?;
            Some(
                registry
                    .repository(repository)
                    .is_ok_and(|found| found.images.contains_key(digest)),
            )
        });
        found.unwrap_or(true)
    }

    fn registry(&self, host: &str) -> Option<&Registry> {
        self.regions.get(&Place::of_host(host)?).map(|found| &found.registry)
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

//! Small worlds to test on: inventories, usage and configurations over few names, few digests and few moments, so
//! that everything collides with everything. Nothing here knows what jettison makes of them.

mod change;
mod images;
mod settings;
mod users;

use std::fmt;

use jettison_core::config::Config;
use jettison_core::facts::{Facts, Origin};
use jettison_core::model::{Digest, Inventory, Usage};
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

pub(crate) use change::{deleted, gone, protections};
pub(crate) use settings::Settings;

/// How many manifests there can be.
pub(crate) const MANIFESTS: u8 = 10;
/// Digests from here on belong to nothing that exists.
pub(crate) const NAMES: u8 = MANIFESTS + 2;
/// Where repositories can be. The last two share a path.
pub(crate) const PLACES: [(&str, &str); 4] = [
    ("r1.example", "app"),
    ("r1.example", "lib/base"),
    ("r2.example:5000", "other"),
    ("r2.example:5000", "app"),
];
/// A second name of the first registry, if the configuration gives it.
pub(crate) const ALIAS: &str = "mirror.example";
/// Ordinary tags.
pub(crate) const TAGS: [&str; 10] = [
    "main",
    "main-1",
    "main-2",
    "v1.0.0",
    "v1.1.0-rc.1",
    "prod-1",
    "dev-aaaa111",
    "dev-bbbb222",
    "latest",
    "x",
];

/// Everything that a plan may depend on.
#[derive(Clone)]
pub(crate) struct World {
    /// What was found.
    pub(crate) inventory: Inventory,
    /// Who uses what.
    pub(crate) usage: Option<Usage>,
    /// What is configured.
    pub(crate) settings: Settings,
    config: Config,
}

impl World {
    /// A world of these parts.
    pub(crate) fn new(inventory: Inventory, usage: Option<Usage>, settings: Settings) -> Self {
        let config = settings.parse();
        Self {
            inventory,
            usage,
            settings,
            config,
        }
    }

    /// The facts that the functions under test are given.
    pub(crate) fn facts(&self) -> Facts<'_> {
        Facts {
            inventory: &self.inventory,
            usage: self.usage.as_ref(),
            config: &self.config,
            now: now(),
            origin: Origin::Registries,
        }
    }

    /// The same world under other settings.
    pub(crate) fn with_settings(&self, change: impl FnOnce(&mut Settings)) -> Self {
        let mut settings = self.settings.clone();
        change(&mut settings);
        Self::new(self.inventory.clone(), self.usage.clone(), settings)
    }
}

/// A counterexample must be readable, and fit to be planned by hand.
impl fmt::Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\n--- configuration\n{}", self.settings.text())?;
        writeln!(f, "--- usage\n{}", serde_json::to_string(&self.usage).unwrap())?;
        writeln!(f, "--- inventory, complete: {:?}", self.inventory.complete_registries)?;
        for repository in &self.inventory.repositories {
            writeln!(f, "{}", images::sketch(repository))?;
        }
        Ok(())
    }
}

/// The moment of every decision here.
pub(crate) fn now() -> Timestamp {
    "2026-03-10T12:00:00Z".parse().unwrap()
}

/// So many hours before [`now`]; below zero, after it.
pub(crate) fn ago(hours: i64) -> Timestamp {
    now() - SignedDuration::from_hours(hours)
}

/// The digest of manifest `number`.
pub(crate) fn digest(number: u8) -> Digest {
    Digest::of(&[number])
}

/// Moments long past, few enough to be equal often.
pub(crate) fn settled() -> impl Strategy<Value = Timestamp> + Clone {
    prop::sample::select(vec![
        ago(40 * 24),
        ago(8 * 24),
        ago(30 * 24),
        ago(90 * 24),
        ago(400 * 24),
        ago(40 * 24 - 1),
    ])
}

/// Moments on an edge, and moments that mean nothing.
pub(crate) fn tricky() -> impl Strategy<Value = Timestamp> + Clone {
    let never = [
        "1970-01-01T00:00:00Z",
        "0001-01-01T00:00:00Z",
        "2013-03-19T23:59:59Z",
        "2013-03-20T00:00:00Z",
    ];
    let mut moments = vec![
        ago(24),
        ago(1),
        ago(23),
        ago(25),
        ago(0),
        ago(-1),
        ago(-24),
        ago(-25),
        ago(-2400),
    ];
    moments.extend(never.iter().map(|text| text.parse::<Timestamp>().unwrap()));
    prop::sample::select(moments)
}

/// Worlds with everything that the settings can ask for.
pub(crate) fn worlds() -> impl Strategy<Value = World> {
    (images::inventories(), users::usages(), settings::settings())
        .prop_map(|(inventory, usage, settings)| World::new(inventory, usage, settings))
}

/// Worlds without a brake: which roots wait depends on all others.
pub(crate) fn worlds_without_brake() -> impl Strategy<Value = World> {
    worlds().prop_map(|world| world.with_settings(|settings| settings.max_deletions = None))
}

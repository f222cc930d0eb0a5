//! A scan in this process, with time limits that end within a test.

use std::time::Duration;

use jettison::output::Face;
use jettison::registry::{Connection, Limits, Secret, open};
use jettison::scan::{ScanLimits, ScanOptions, ScanTarget, Selection, scan};
use jettison::store::Store;
use jettison_core::config::Config;
use jettison_core::model::{Inventory, Repository};
use jettison_core::policy::NameGlobs;
use jiff::Timestamp;
use tempfile::TempDir;

/// The login that no enemy may see.
pub(crate) const USER: &str = "robot";
pub(crate) const PASSWORD: &str = "correct-horse-battery";

/// What scans, and what it remembers.
pub(crate) struct Scanner {
    pub(crate) connection: Connection,
    pub(crate) limits: ScanLimits,
    pub(crate) taken_at: Timestamp,
    store: Store,
    _state: TempDir,
}

impl Scanner {
    /// One that has never scanned, with a login for `host`.
    pub(crate) async fn of(host: &str) -> Self {
        let state = tempfile::tempdir().unwrap();
        Self {
            connection: Connection {
                docker_config: Some(state.path().join("no-docker")),
                login: Some((USER.to_owned(), Secret::new(PASSWORD))),
                limits: hasty(),
                ..Connection::new(host.parse().unwrap())
            },
            limits: ScanLimits::default(),
            taken_at: Timestamp::now(),
            store: Store::open(state.path()).await.unwrap(),
            _state: state,
        }
    }

    /// Reads the repositories that `globs` fit; ends in any case.
    pub(crate) async fn scan(&self, globs: &[&str]) -> Inventory {
        let targets = [ScanTarget {
            registry: open(&self.connection).unwrap(),
            selection: Selection::new(NameGlobs::new(globs).unwrap()),
        }];
        let config = Config::default();
        let options = ScanOptions {
            config: &config,
            taken_at: self.taken_at,
            probe: false,
            inside: false,
            face: Face::Silent,
            limits: self.limits,
        };
        let ended = tokio::time::timeout(Duration::from_secs(60), scan(&self.store, &targets, options));
        ended.await.expect("the scan hangs").unwrap()
    }
}

/// The same bounds, but for waiting and for what a test would have to send.
pub(crate) fn hasty() -> Limits {
    Limits {
        manifest_bytes: 256 * 1024,
        page_bytes: 256 * 1024,
        pages: 20,
        idle_timeout: Duration::from_millis(400),
        request_timeout: Duration::from_millis(1200),
        backoff_base: Duration::from_millis(1),
        throttle_base: Duration::from_millis(5),
        backoff_cap: Duration::from_millis(20),
        ..Limits::default()
    }
}

/// Everything that could not be read, line by line.
pub(crate) fn gaps(inventory: &Inventory) -> String {
    let of_repositories = inventory.repositories.iter().flat_map(|repository| &repository.gaps);
    let gaps = inventory.gaps.iter().chain(of_repositories);
    gaps.map(|gap| format!("{gap}\n")).collect()
}

/// A repository of the inventory.
#[track_caller]
pub(crate) fn repository<'a>(inventory: &'a Inventory, name: &str) -> &'a Repository {
    let mut repositories = inventory.repositories.iter();
    repositories
        .find(|repository| repository.name.to_string() == name)
        .unwrap_or_else(|| panic!("{name} is not in {}", gaps(inventory)))
}

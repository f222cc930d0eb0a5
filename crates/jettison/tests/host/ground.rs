//! What these tests begin with: a registry, somebody's memory of an engine, and a clock that is set.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use jettison::host::engine::{EngineError, HostEngine, open};
use jettison::host::look::{LookOptions, look};
use jettison::host::pullable::{AskRegistries, Pullable};
use jettison::host::sweep::{HostReport, Sweep};
use jettison::registry::Connection;
use jettison::store::Store;
use jettison_core::config::{ContainerEngine, EngineSource, ProtectPattern};
use jettison_core::host::{HostFacts, HostPlan, HostSettings};
use jettison_core::model::RegistryHost;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use tempfile::TempDir;
use tokio::sync::watch;

use super::calm::Calm;
use super::scene::Scene;

/// A registry, and what is remembered of an engine.
pub(super) struct Ground {
    pub(super) scene: Scene,
    pub(super) ledger: Store,
    pub(super) home: TempDir,
    pub(super) settings: HostSettings,
    pub(super) protect: Vec<ProtectPattern>,
}

impl Ground {
    /// The built-in rules, without the newest of each repository, and without waiting between two looks.
    pub(super) async fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        Self {
            scene: Scene::new(),
            ledger: Store::open(home.path().join("state")).await.unwrap(),
            home,
            settings: HostSettings {
                keep_newest: 0,
                recheck_after_seconds: 0,
                ..HostSettings::default()
            },
            protect: Vec::new(),
        }
    }

    pub(super) fn options(&self) -> LookOptions {
        LookOptions {
            trust_engine_times: false,
            compose: self.settings.compose.clone(),
            base: self.home.path().to_owned(),
            with_build_cache: true,
        }
    }

    /// Writes a file and returns its path.
    pub(super) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.home.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        path
    }

    /// Looks on that day.
    pub(super) async fn look(&self, engine: &dyn HostEngine, days: i64) -> HostFacts {
        look(engine, &self.ledger, &self.options(), day(days)).await.unwrap()
    }

    /// Looks, and decides.
    pub(super) async fn plan(&self, engine: &dyn HostEngine, days: i64) -> HostPlan {
        let facts = self.look(engine, days).await;
        jettison_core::host::decide(&facts, &self.settings, &self.protect, day(days))
    }

    /// Sweeps on that day.
    pub(super) async fn prune(&self, engine: &dyn HostEngine, days: i64) -> HostReport {
        self.prune_verified(engine, days, None).await
    }

    /// Sweeps what can be pulled again.
    pub(super) async fn prune_verified(
        &self,
        engine: &dyn HostEngine,
        days: i64,
        verify: Option<&dyn Pullable>,
    ) -> HostReport {
        let (_stop, stopped) = watch::channel(false);
        let clock = move || day(days);
        let sweep = self.sweep(engine, &clock, verify);
        sweep.run(&stopped).await.unwrap()
    }

    /// Sweeps, and asks the registries whether they have what goes.
    pub(super) async fn prune_asked(&self, engine: &dyn HostEngine, days: i64) -> HostReport {
        let connect = |host: &RegistryHost| Connection::new(host.clone());
        self.prune_verified(engine, days, Some(&AskRegistries::new(&connect)))
            .await
    }

    pub(super) fn sweep<'s>(
        &'s self,
        engine: &'s dyn HostEngine,
        clock: &'s (dyn Fn() -> Timestamp + Send + Sync),
        verify: Option<&'s dyn Pullable>,
    ) -> Sweep<'s> {
        Sweep {
            engine,
            ledger: &self.ledger,
            settings: &self.settings,
            protect: &self.protect,
            options: self.options(),
            verify,
            clock,
            progress: &|_| (),
        }
    }
}

/// The moment so many days after the first one; that is in the future, as far as the engine knows.
pub(super) fn day(days: i64) -> Timestamp {
    let first: Timestamp = "2030-01-01T12:00:00Z".parse().unwrap();
    first + SignedDuration::from_hours(24 * days)
}

/// The engine at an address, as the program opens it.
pub(super) async fn opened(kind: ContainerEngine, host: &str) -> Result<Box<dyn HostEngine>, EngineError> {
    let source = EngineSource {
        engine: kind,
        host: Some(host.to_owned()),
        context: None,
        ca_file: None,
        client_certificate: None,
        client_key: None,
        swarm: false,
        timeout_seconds: 60,
    };
    open(&source, Path::new("/")).await
}

/// The same, and it does not find itself busy.
pub(super) async fn calm(kind: ContainerEngine, host: &str) -> Calm {
    Calm::new(opened(kind, host).await.unwrap())
}

/// Why images stay, by their first name: the code, and who uses them.
pub(super) fn reasons(plan: &HostPlan) -> BTreeMap<String, String> {
    let stay = plan.stay.iter().map(|stay| {
        let reason = serde_json::to_value(&stay.reason).unwrap();
        let used_by = reason["used_by"].as_array().into_iter().flatten();
        let used_by: Vec<&str> = used_by.filter_map(Value::as_str).collect();
        let code = reason["code"].as_str().unwrap_or_default();
        let text = [code, &used_by.join(", ")].join(" ");
        (
            stay.names.first().cloned().unwrap_or_else(|| stay.id.to_string()),
            text.trim().to_owned(),
        )
    });
    stay.collect()
}

/// The first names of what was taken, sorted.
pub(super) fn taken(report: &HostReport) -> Vec<String> {
    let names = report
        .removed
        .iter()
        .map(|removal| removal.names.first().cloned().unwrap_or_else(|| removal.id.to_string()));
    let mut names: Vec<String> = names.collect();
    names.sort();
    names
}

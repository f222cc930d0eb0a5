//! An apply in this process, where the clock can be pushed on and the work be dropped in the middle.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jettison::apply::{Applier, ApplyError, ApplyOptions, GONE_WITHIN, Happened, RunReport, Settled, settle};
use jettison::output::Face;
use jettison::registry::{Connection, Limits, Registry, open};
use jettison::store::{RunStatus, Store};
use jettison::usage::Collector;
use jettison::usage::aws::KnownDefinitions;
use jettison_core::config::Config;
use jettison_core::model::RegistryHost;
use jettison_core::plan::Plan;
use jettison_testkit::images::Manifest;
use jettison_testkit::registry::{Effect, Fault};
use tokio::sync::Notify;

use crate::world::{World, image};

/// An apply in this process.
pub(crate) struct Inside {
    pub(crate) store: Store,
    pub(crate) registries: BTreeMap<RegistryHost, Arc<dyn Registry>>,
    pub(crate) config: Config,
    pub(crate) plan: Plan,
}

/// How an apply is ended.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Kill {
    /// Before the registry does what the last request asks.
    Before,
    /// After something was deleted, before the answer is there.
    AfterDelete,
    /// After something was put, before the answer is there.
    AfterPut,
}

impl Inside {
    /// Plans, and is ready to apply it, from the configuration as it is now.
    pub(crate) async fn of(world: &World) -> Self {
        Self::with(world, Limits::default()).await
    }

    /// The same, where all condemned tags go before their manifests if single tags can be removed.
    pub(crate) async fn tags_first(world: &World) -> Self {
        let limits = Limits {
            tags_first: 1,
            ..Limits::default()
        };
        Self::with(world, limits).await
    }

    pub(crate) async fn with(world: &World, limits: Limits) -> Self {
        world.desk.plan().await;
        let text = |name: &str| std::fs::read_to_string(world.desk.path(name)).unwrap();
        let config = config(&text("jettison.yaml"));
        let host: RegistryHost = world.desk.host().parse().unwrap();
        let connection = Connection {
            limits,
            ..Connection::new(host.clone())
        };
        Self {
            store: Store::open(world.desk.state()).await.unwrap(),
            registries: BTreeMap::from([(host, open(&connection).unwrap())]),
            config,
            plan: serde_json::from_str(&text("plan.json")).unwrap(),
        }
    }

    pub(crate) async fn apply(&self, world: &World, gone_within: Duration) -> RunReport {
        self.try_apply(world, gone_within).await.unwrap()
    }

    pub(crate) async fn try_apply(&self, world: &World, gone_within: Duration) -> Result<RunReport, ApplyError> {
        let managed = self.registries.keys().cloned().collect();
        let usage = Collector {
            config: &self.config,
            base: world.desk.folder(),
            store: &self.store,
            managed: &managed,
            accepted: &[],
            known: KnownDefinitions::default(),
        };
        let options = ApplyOptions {
            command: "test".to_owned(),
            accept_share: None,
            no_usage: false,
            face: Face::Silent,
            gone_within,
        };
        let applier = Applier {
            store: &self.store,
            registries: &self.registries,
            usage,
            config: &self.config,
            options,
        };
        applier.apply(&self.plan).await
    }

    /// The same while the clock runs twenty times as fast: on a busy machine an answer that takes a fifth of a second is not
    /// yet too late by that clock. A blocked thread keeps it from running away by itself.
    pub(crate) async fn apply_fast(&self, world: &World) -> RunReport {
        let (done, wait) = std::sync::mpsc::channel::<()>();
        let blocked = tokio::task::spawn_blocking(move || wait.recv());
        tokio::time::pause();
        let hurry = async {
            loop {
                tokio::task::spawn_blocking(|| std::thread::sleep(Duration::from_millis(10)))
                    .await
                    .unwrap();
                tokio::time::advance(Duration::from_millis(200)).await;
            }
        };
        let report = tokio::select! {
            report = self.apply(world, GONE_WITHIN) => report,
            () = hurry => unreachable!("it never ends"),
        };
        tokio::time::resume();
        drop(done);
        drop(blocked.await);
        report
    }

    /// Settles what was interrupted.
    pub(crate) async fn settle(&self) -> Settled {
        let lock = self.store.lock_for_run("test").unwrap();
        settle(&self.store, &self.registries, &lock, Face::Silent)
            .await
            .unwrap()
    }

    /// Fails the test unless every run has an end, and every entry of the last two an outcome.
    pub(crate) async fn expect_settled(&self) {
        assert_eq!(self.store.interrupted_runs().await.unwrap(), []);
        for run in self.store.runs().await.unwrap().iter().take(2) {
            let detail = self.store.run(run.id.as_str()).await.unwrap().unwrap();
            for entry in detail.entries {
                assert!(entry.outcome().is_some(), "{:?} {entry:?}", run.status);
            }
        }
    }

    /// How the last run ended.
    pub(crate) async fn last_status(&self) -> RunStatus {
        self.store.runs().await.unwrap().first().unwrap().status
    }
}

/// Lets `work` go on until it has sent so many requests, and drops it at the next one. False where it ended before.
/// Where the registry acts first, only requests of that kind count: after those that only read it makes no difference.
pub(crate) async fn killed(world: &World, work: impl Future, after: u64, kill: Kill) -> bool {
    let reached = Arc::new(Notify::new());
    let at = Arc::clone(&reached);
    let notify = Fault::call(move |_| at.notify_one()).skip(after).times(1);
    match kill {
        Kill::Before => {
            world.registry.fail(notify);
            world.registry.fail(Fault::new(Effect::Hang).skip(after));
        }
        Kill::AfterDelete => world.registry.fail(notify.method("DELETE")),
        Kill::AfterPut => world.registry.fail(notify.method("PUT")),
    }
    let killed = tokio::select! {
        biased;
        () = reached.notified() => true,
        _ = work => false,
    };
    world.registry.clear_faults();
    killed
}

pub(crate) fn config(text: &str) -> Config {
    let (config, _) = Config::parse("jettison.yaml", text).unwrap_or_else(|_| panic!("configuration"));
    config
}

pub(crate) fn outcome_of(report: &RunReport, seed: u64) -> (Happened, String) {
    of_manifest(report, &image(seed))
}

pub(crate) fn of_manifest(report: &RunReport, manifest: &Manifest) -> (Happened, String) {
    let mut actions = report.actions.iter();
    let action = actions
        .find(|action| action.digest.to_string() == manifest.digest)
        .unwrap();
    (action.outcome, action.why.clone().unwrap_or_default())
}

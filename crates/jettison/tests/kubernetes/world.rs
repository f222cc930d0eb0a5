//! A registry, a cluster, and somebody whose policy lets everything go that is not in use.

use jettison_testkit::images::{Image, Manifest};
use jettison_testkit::kubernetes::objects::pod;
use jettison_testkit::kubernetes::{Options, Rbac, TestCluster};
use jettison_testkit::pull::Puller;
use jettison_testkit::push::Pusher;
use jettison_testkit::registry::{Options as RegistryOptions, TestRegistry};
use serde_json::Value;

use crate::cluster::{OPERATORS, RBAC, account};
use crate::common::contents::deletions;
use crate::common::desk::{Desk, Ended};

/// The configuration, and the parts of it that tests replace.
pub(crate) const CONFIG: &str = "
registries: [ { host: '{host}', repositories: ['**'], expects: [prod-eu], trust-created: true } ]
usage: [ { name: prod-eu, kind: kubernetes, kubeconfig: kubeconfig, timeout-seconds: 20 } ]
policies: [ { name: all, rules: [ { name: all, match: { tags: ['*'] }, expire: { older-than: 1d } } ] } ]
limits: { max-share: 100%, keep-at-least: 0 }
usage-memory: 1d
";

/// All of it.
pub(crate) struct World {
    pub(crate) registry: TestRegistry,
    pub(crate) cluster: TestCluster,
    pub(crate) puller: Puller,
    pub(crate) desk: Desk,
    pusher: Pusher,
}

/// A cluster that authorises as users apply it.
pub(crate) async fn cluster() -> TestCluster {
    let options = Options {
        rbac: Some(Rbac::read(&[RBAC, OPERATORS]).unwrap()),
        ..Options::default()
    };
    TestCluster::start(options).await.unwrap()
}

/// An image of long ago.
pub(crate) fn image(seed: u64) -> Manifest {
    Image::new(seed).created("2025-01-01T00:00:00Z").build()
}

impl World {
    /// With nothing in the registry, and nothing in the cluster `prod-eu`.
    pub(crate) async fn start() -> Self {
        let registry = TestRegistry::start(RegistryOptions::default()).await.unwrap();
        let world = Self {
            pusher: Pusher::new(&registry.url()).unwrap(),
            puller: Puller::new(&registry.url()).unwrap(),
            desk: Desk::new(&registry.host(), CONFIG),
            cluster: cluster().await,
            registry,
        };
        world.point_to(&world.cluster);
        world
    }

    /// Images `web:1` to `web:4`, of which pods run the first three.
    pub(crate) async fn with_pods() -> Self {
        let world = Self::start().await;
        for number in 1..=4_u64 {
            world.push("apps/web", &number.to_string(), &image(number)).await;
        }
        for number in 1..=3 {
            let image = world.name(&format!("apps/web:{number}"));
            world.cluster.put(pod("shop", &format!("web-{number}"), &image, ""));
        }
        world
    }

    pub(crate) async fn push(&self, repository: &str, tag: &str, manifest: &Manifest) {
        self.pusher.push(repository, &[tag], manifest).await.unwrap();
    }

    /// From now on the kubeconfig of `prod-eu` leads to this cluster.
    pub(crate) fn point_to(&self, cluster: &TestCluster) {
        self.desk
            .write("kubeconfig", &cluster.kubeconfig("prod-eu", &account()));
    }

    /// An image as references write it.
    pub(crate) fn name(&self, path: &str) -> String {
        format!("{}/{path}", self.registry.host())
    }

    pub(crate) fn has(&self, repository: &str, manifest: &Manifest) -> bool {
        self.registry.manifests(repository).contains(&manifest.digest)
    }

    /// A plan that deletes nothing, because of this.
    pub(crate) async fn plans_nothing(&self, why: &str) {
        let ended = self.desk.run(&["plan", "--out", "plan.json"]).await.exits(5).says(why);
        let plan: Value = serde_json::from_str(&std::fs::read_to_string(self.desk.path("plan.json")).unwrap()).unwrap();
        assert!(deletions(&plan).is_empty(), "{ended:?}");
    }

    /// A run of everything that is configured.
    pub(crate) async fn run(&self, more: &[&str]) -> Ended {
        let arguments = [&["run", "--yes", "--output", "json"], more].concat();
        self.desk.run(&arguments).await
    }

    /// Applies `plan.json`, and fails the test unless that is refused, nothing goes, and the report and the journal name a
    /// source and this reason for everything that would have gone.
    pub(crate) async fn applies_nothing(&self, why: &str) {
        let before = self.registry.manifests("apps/web");
        let report = self.desk.apply(&[]).await.exits(3).json();
        assert_eq!((&report["status"], &report["deleted"]), (&"refused".into(), &0.into()));
        for record in [&report, &self.desk.latest_run().await] {
            let actions = record["actions"].as_array().unwrap();
            assert!(!actions.is_empty(), "{record}");
            for action in actions {
                let said = action["why"].as_str().unwrap_or_default();
                assert!(
                    said.contains("usage source prod-") && said.contains(why),
                    "`{why}` is not in {record}"
                );
            }
        }
        assert_eq!(self.registry.manifests("apps/web"), before);
    }
}

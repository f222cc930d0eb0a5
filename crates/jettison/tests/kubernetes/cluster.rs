//! A cluster, a configuration that names it, and what jettison learns from it.

use std::collections::{BTreeMap, BTreeSet};

use jettison::store::Store;
use jettison::usage::Collector;
use jettison::usage::aws::KnownDefinitions;
use jettison_core::config::Config;
use jettison_core::model::{Digest, SourceReport, SourceStatus};
use jettison_testkit::kubernetes::{Account, Options, Rbac, TestCluster};
use jiff::Timestamp;
use tempfile::TempDir;

/// The roles that users apply.
pub(crate) const RBAC: &str = include_str!("../../../../deploy/kubernetes/rbac.yaml");
/// Those for custom resources.
pub(crate) const OPERATORS: &str = include_str!("../../../../deploy/kubernetes/operators.yaml");
/// Those for Helm.
pub(crate) const HELM: &str = include_str!("../../../../deploy/kubernetes/helm.yaml");

/// The registry that is managed here.
pub(crate) const HOST: &str = "registry.example.com";

/// A cluster, and somebody who asks it.
pub(crate) struct Place {
    pub(crate) cluster: TestCluster,
    pub(crate) folder: TempDir,
    store: Store,
    /// More keys of the source.
    pub(crate) more: String,
}

/// What a source told.
#[derive(Debug)]
pub(crate) struct Told(pub(crate) SourceReport);

/// All roles together.
pub(crate) fn all_roles() -> Rbac {
    Rbac::read(&[RBAC, OPERATORS, HELM]).unwrap()
}

/// Who jettison is in a cluster.
pub(crate) fn account() -> Account {
    Account {
        namespace: "jettison".to_owned(),
        name: "jettison".to_owned(),
    }
}

/// An image of the managed registry.
pub(crate) fn image(name: &str) -> String {
    format!("{HOST}/apps/{name}")
}

impl Place {
    /// A cluster with the roles from `deploy/kubernetes/`, but for Helm's.
    pub(crate) async fn new() -> Self {
        let options = Options {
            rbac: Some(Rbac::read(&[RBAC, OPERATORS]).unwrap()),
            ..Options::default()
        };
        Self::with(options, "").await
    }

    /// A cluster, with more keys in the configuration of the source.
    pub(crate) async fn with(options: Options, more: &str) -> Self {
        let cluster = TestCluster::start(options).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let kubeconfig = cluster.kubeconfig("prod-eu", &account());
        std::fs::write(folder.path().join("kubeconfig"), kubeconfig).unwrap();
        let store = Store::open(folder.path().join("state")).await.unwrap();
        Self {
            cluster,
            folder,
            store,
            more: more.to_owned(),
        }
    }

    /// Asks the cluster.
    pub(crate) async fn ask(&self) -> Told {
        let text = format!(
            "usage: [ {{ name: prod-eu, kind: kubernetes, kubeconfig: kubeconfig, context: prod-eu {} }} ]",
            self.more
        );
        self.ask_with(&text).await
    }

    /// Asks as this configuration of a source says.
    pub(crate) async fn ask_with(&self, usage: &str) -> Told {
        let text = format!("registries: [ {{ host: {HOST}, aliases: [mirror.example.com] }} ]\n{usage}");
        let config = Config::parse("jettison.yaml", &text).unwrap().0;
        let managed = BTreeSet::from([HOST.parse().unwrap()]);
        let collector = Collector {
            config: &config,
            base: self.folder.path(),
            store: &self.store,
            managed: &managed,
            accepted: &[],
            known: KnownDefinitions::default(),
        };
        let usage = collector.collect(Timestamp::now()).await.unwrap().unwrap();
        Told(usage.sources.into_iter().next().unwrap())
    }
}

impl Told {
    /// Who uses what, by image and digest.
    pub(crate) fn uses(&self) -> BTreeMap<(String, Option<Digest>), Vec<String>> {
        let mut uses: BTreeMap<_, Vec<String>> = BTreeMap::new();
        for reference in &self.0.references {
            let key = (reference.image.clone(), reference.digest.clone());
            uses.entry(key).or_default().push(reference.used_by.clone());
        }
        uses
    }

    /// The images as they are written.
    pub(crate) fn images(&self) -> BTreeSet<&str> {
        self.0
            .references
            .iter()
            .map(|reference| reference.image.as_str())
            .collect()
    }

    /// Who uses an image.
    pub(crate) fn users(&self, image: &str) -> Vec<&str> {
        let of = self.0.references.iter().filter(|reference| reference.image == image);
        of.map(|reference| reference.used_by.as_str()).collect()
    }

    /// Fails the test unless everything was told.
    #[track_caller]
    pub(crate) fn expect_complete(self) -> Self {
        assert!(self.0.gaps.is_empty(), "{:?}", self.0.gaps);
        assert_eq!(self.0.status, SourceStatus::Complete);
        self
    }

    /// Fails the test unless the source is partial, with one gap that says this, and no other but that it names less than
    /// before.
    #[track_caller]
    pub(crate) fn expect_partial(self, why: &str) -> Self {
        assert_eq!(self.0.status, SourceStatus::Partial, "{:?}", self.0);
        let mut gaps = self.gaps();
        gaps.retain(|gap| !gap.contains("--accept-shrunk-usage"));
        assert!(
            gaps.len() == 1 && gaps[0].contains(why),
            "`{why}` is not the one in {gaps:?}"
        );
        self
    }

    /// What it could not tell.
    pub(crate) fn gaps(&self) -> Vec<String> {
        self.0.gaps.iter().map(ToString::to_string).collect()
    }
}

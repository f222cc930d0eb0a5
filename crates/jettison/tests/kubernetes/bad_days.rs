//! Bad days, from end to end: a registry, a cluster, a policy that lets everything go, and the program between them.

use jettison_testkit::images::{Image, Index, Manifest};
use jettison_testkit::kubernetes::objects::{config_map, owned, pod, workload};
use jettison_testkit::kubernetes::{Options, Rbac, TestCluster};
use jettison_testkit::pull::Puller;
use jettison_testkit::push::Pusher;
use jettison_testkit::registry::{Options as RegistryOptions, TestRegistry};
use serde_json::Value;

use crate::cluster::{OPERATORS, RBAC, account};
use crate::common::contents::{deletions, text};
use crate::common::desk::Desk;

const CONFIG: &str = "
registries: [ { host: '{host}', repositories: ['**'], expects: [prod-eu], trust-created: true } ]
usage: [ { name: prod-eu, kind: kubernetes, kubeconfig: kubeconfig, timeout-seconds: 20 } ]
policies: [ { name: all, rules: [ { name: all, match: { tags: ['*'] }, expire: { older-than: 1d } } ] } ]
limits: { max-share: 100%, keep-at-least: 0 }
usage-memory: 1d
";

struct World {
    registry: TestRegistry,
    cluster: TestCluster,
    pusher: Pusher,
    puller: Puller,
    desk: Desk,
}

impl World {
    async fn start() -> Self {
        let registry = TestRegistry::start(RegistryOptions::default()).await.unwrap();
        let rbac = Rbac::read(&[RBAC, OPERATORS]).unwrap();
        let options = Options {
            rbac: Some(rbac),
            ..Options::default()
        };
        let cluster = TestCluster::start(options).await.unwrap();
        let desk = Desk::new(&registry.host(), CONFIG);
        desk.write("kubeconfig", &cluster.kubeconfig("prod-eu", &account()));
        Self {
            pusher: Pusher::new(&registry.url()).unwrap(),
            puller: Puller::new(&registry.url()).unwrap(),
            registry,
            cluster,
            desk,
        }
    }

    /// Images `web:1` to `web:4`, of which pods run the first three.
    async fn with_pods() -> Self {
        let world = Self::start().await;
        for number in 1..=4_u64 {
            world.push("apps/web", &number.to_string(), &image(number)).await;
        }
        for number in 1..=3 {
            let pod = pod(
                "shop",
                &format!("web-{number}"),
                &world.name(&format!("apps/web:{number}")),
                "",
            );
            world.cluster.put(pod);
        }
        world
    }

    async fn push(&self, repository: &str, tag: &str, manifest: &Manifest) {
        self.pusher.push(repository, &[tag], manifest).await.unwrap();
    }

    fn name(&self, path: &str) -> String {
        format!("{}/{path}", self.registry.host())
    }

    fn has(&self, repository: &str, manifest: &Manifest) -> bool {
        self.registry.manifests(repository).contains(&manifest.digest)
    }

    /// A plan that deletes nothing, because of this.
    async fn plans_nothing(&self, why: &str) {
        let ended = self.desk.run(&["plan", "--out", "plan.json"]).await.exits(5).says(why);
        let plan: Value = serde_json::from_str(&std::fs::read_to_string(self.desk.path("plan.json")).unwrap()).unwrap();
        assert!(deletions(&plan).is_empty(), "{ended:?}");
    }
}

fn image(seed: u64) -> Manifest {
    Image::new(seed).created("2025-01-01T00:00:00Z").build()
}

#[tokio::test(flavor = "multi_thread")]
async fn by_whatever_name_a_cluster_uses_an_image_it_stays_and_all_others_go() {
    let world = World::start().await;
    let platforms = ["linux/amd64", "linux/arm64"];
    let children = platforms.map(|platform| {
        let image = Image::new(100).platform(platform).created("2025-01-01T00:00:00Z");
        image.build()
    });
    let index = Index::new().children(children.clone()).build();
    let manifests: Vec<Manifest> = (0..20).map(image).collect();
    let tag = |number: usize| format!("v{number}");
    for (number, manifest) in manifests.iter().enumerate() {
        world.push("apps/web", &tag(number), manifest).await;
    }
    world.push("apps/multi", "v1", &index).await;
    world.push("apps/plain", "latest", &manifests[10]).await;
    world.push("apps/plain", "old", &manifests[11]).await;
    world.push("copies/web", "copy", &manifests[2]).await;
    let name = |path: &str| world.name(path);
    let digest = |number: usize| manifests[number].digest.as_str();
    let gone = name("apps/web:no-longer-there");
    let objects = [
        // By tag.
        pod("shop", "tag", &name("apps/web:v1"), ""),
        // By digest alone, and with a tag that has moved on; the runtime names another repository of that digest.
        pod(
            "shop",
            "digest",
            &name(&format!("apps/web@{}", digest(2))),
            &format!("{}@{}", name("copies/web"), digest(2)),
        ),
        pod("shop", "both", &name(&format!("apps/web:v4@{}", digest(3))), ""),
        // What runs is the platform of an index, the manifest of a tag that moved, or told by its config.
        pod(
            "shop",
            "platform",
            &name("apps/multi:gone"),
            &format!("anything/at-all@{}", children[1].digest),
        ),
        pod(
            "shop",
            "moved",
            &gone,
            &format!("docker-pullable://{}@{}", name("apps/web"), digest(5)),
        ),
        pod("shop", "config", &gone, manifests[6].config_digest.as_deref().unwrap()),
        // With a port, as every name here, and without a tag.
        workload("apps/v1", "StatefulSet", "shop", "plain", &name("apps/plain")),
        // A rollback.
        owned(
            workload("apps/v1", "ReplicaSet", "shop", "web-1", &name("apps/web:v7")),
            "Deployment",
            "web",
        ),
        // In the settings of an operator.
        config_map("shop", "settings", &format!("sidecar={}", name("apps/web:v8"))),
    ];
    objects.into_iter().for_each(|object| world.cluster.put(object));
    let plan = world.desk.plan().await;
    world.desk.apply(&[]).await.exits(0);

    let kept = [1, 2, 3, 4, 5, 6, 7, 8];
    for (number, manifest) in manifests.iter().enumerate() {
        assert_eq!(world.has("apps/web", manifest), kept.contains(&number), "v{number}");
        if kept.contains(&number) {
            world.puller.pull_whole("apps/web", &tag(number)).await.unwrap();
        }
    }
    world.puller.pull_whole("apps/multi", "v1").await.unwrap();
    world.puller.pull_whole("apps/plain", "latest").await.unwrap();
    world.puller.pull_whole("copies/web", "copy").await.unwrap();
    assert!(!world.has("apps/plain", &manifests[11]));
    // And the plan says who needs them.
    let held = plan["kept"].as_array().unwrap().iter();
    let why = held
        .map(|kept| text(&kept["reason"]["used_by"][0]))
        .collect::<Vec<_>>()
        .join("\n");
    assert!(
        why.contains("ReplicaSet shop/web-1 container web of Deployment web"),
        "{why}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_wrong_context_lets_nothing_go() {
    let world = World::with_pods().await;
    assert_eq!(deletions(&world.desk.plan().await), [image(4).digest]);
    let right = world.cluster.kubeconfig("prod-eu", &account());
    // A cluster without anything.
    let wrong = TestCluster::start(Options::default()).await.unwrap();
    world.desk.write("kubeconfig", &wrong.kubeconfig("prod-eu", &account()));
    world.plans_nothing("the cluster runs nothing that has an image").await;
    // One that runs what is not ours.
    wrong.put(pod("kube-system", "dns-0", "registry.k8s.io/dns:1", ""));
    world
        .plans_nothing("it names no image of a managed registry any more")
        .await;
    // One that runs a little of it: staging.
    wrong.put(pod("shop", "web-1", &world.name("apps/web:1"), ""));
    wrong.clear("pods");
    wrong.put(pod("shop", "web-1", &world.name("apps/web:1"), ""));
    world
        .plans_nothing("it names 1 image of managed registries, and named 3 within the last 1d; if that is right")
        .await;
    // Between plan and apply it makes no difference.
    world.desk.write("kubeconfig", &right);
    world.desk.plan().await;
    world.desk.write("kubeconfig", &wrong.kubeconfig("prod-eu", &account()));
    world.desk.apply(&[]).await.exits(3);
    assert!(world.has("apps/web", &image(4)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_that_is_scaled_to_zero_at_night_is_no_wrong_context() {
    let world = World::start().await;
    for number in 1..=4_u64 {
        world.push("apps/web", &number.to_string(), &image(number)).await;
        let name = world.name(&format!("apps/web:{number}"));
        let who = format!("web-{number}");
        world
            .cluster
            .put(workload("apps/v1", "Deployment", "shop", &who, &name));
        for pods in 0..3 {
            let id = format!("{}@{}", world.name("apps/web"), image(number).digest);
            world.cluster.put(pod("shop", &format!("{who}-{pods}"), &name, &id));
        }
    }
    assert!(deletions(&world.desk.plan().await).is_empty());
    world.cluster.clear("pods");
    assert!(deletions(&world.desk.plan().await).is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_that_goes_away_after_the_plan_stops_it_and_the_journal_says_why() {
    let world = World::with_pods().await;
    assert_eq!(deletions(&world.desk.plan().await), [image(4).digest]);
    world.cluster.stop();
    world.desk.apply(&[]).await.exits(3);
    assert!(world.has("apps/web", &image(4)));
    let run = world.desk.latest_run().await;
    assert!(run.to_string().contains("prod-eu"), "{run}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_permission_that_is_lost_for_one_kind_after_the_plan_stops_it() {
    let world = World::with_pods().await;
    world.desk.plan().await;
    let mut roles = Rbac::read(&[RBAC]).unwrap();
    roles.revoke("cronjobs");
    world.cluster.allow(roles);
    world.desk.apply(&[]).await.exits(3);
    assert!(world.has("apps/web", &image(4)));
    world
        .desk
        .run(&["usage", "--check"])
        .await
        .exits(5)
        .says(r#"cronjobs.batch: it may not be listed"#)
        .says(r#"needs the rule { apiGroups: ["batch"], resources: ["cronjobs"], verbs: ["list"] }"#);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pod_that_starts_after_the_plan_keeps_its_image() {
    let world = World::with_pods().await;
    assert_eq!(deletions(&world.desk.plan().await), [image(4).digest]);
    world
        .cluster
        .put(pod("shop", "late", &world.name("apps/web:gone"), &image(4).digest));
    let ended = world.desk.apply(&[]).await.exits(4);
    assert!(ended.stdout.contains("Pod shop/late container web"), "{}", ended.stdout);
    assert!(world.has("apps/web", &image(4)));
    world.desk.run(&["usage", "--check"]).await.exits(0);
}

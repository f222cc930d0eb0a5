//! Which clusters must have answered before anything goes, and how a cluster that is the wrong one is noticed.

use jettison_testkit::kubernetes::objects::{config_map, pod, workload};
use jettison_testkit::kubernetes::{Fault, TestCluster};
use serde_json::json;

use crate::cluster::account;
use crate::common::contents::deletions;
use crate::world::{CONFIG, World, cluster, image};

const ONE: &str = "{ name: prod-eu, kind: kubernetes, kubeconfig: kubeconfig, timeout-seconds: 20 }";
const SHRUNK: &str = "it names no image of a managed registry any more; it named 3 images before";

/// The cluster of another team: it runs a lot, and nothing of ours.
async fn of_another_team() -> TestCluster {
    let other = cluster().await;
    for number in 0..20 {
        let image = format!("registry.k8s.io/dns:{number}");
        other.put(pod("kube-system", &format!("dns-{number}"), &image, ""));
    }
    other
}

#[tokio::test(flavor = "multi_thread")]
async fn the_wrong_context_lets_nothing_go() {
    let world = World::with_pods().await;
    assert_eq!(deletions(&world.desk.plan().await), [image(4).digest]);
    // A cluster without anything.
    let wrong = cluster().await;
    world.point_to(&wrong);
    world.plans_nothing("the cluster runs nothing that has an image").await;
    // One that runs what is not ours.
    let other = of_another_team().await;
    world.point_to(&other);
    world.plans_nothing(SHRUNK).await;
    let run = world.run(&[]).await.exits(5).json();
    assert_eq!((&run["deleted"], &run["status"]), (&json!(0), &json!("incomplete")));
    // One that runs a little of it: staging.
    wrong.put(pod("shop", "web-1", &world.name("apps/web:1"), ""));
    world.point_to(&wrong);
    world
        .plans_nothing("it names 1 image of managed registries; it named 3 before; if that is right")
        .await;
    // Between plan and apply it makes no difference.
    world.point_to(&world.cluster);
    world.desk.plan().await;
    world.point_to(&other);
    world.applies_nothing(SHRUNK).await;
    world.point_to(&world.cluster);
    world.run(&[]).await.exits(0);
    assert!(!world.has("apps/web", &image(4)), "the right one lets it go");
}

#[tokio::test(flavor = "multi_thread")]
async fn that_a_cluster_names_less_is_accepted_by_name_and_once() {
    let world = World::with_pods().await;
    world.desk.plan().await;
    let other = of_another_team().await;
    world.point_to(&other);
    let accept = |name| ["plan", "--output", "json", "--accept-shrunk-usage", name];
    let ended = world.desk.run(&accept("prod-us")).await.exits(2);
    ended.says("no usage source has that name; there is prod-eu");
    assert!(deletions(&world.desk.plan_with(5).await).is_empty());
    let plan = world.desk.run(&accept("prod-eu")).await.exits(0).json();
    // What the right cluster ran is remembered for a while.
    assert_eq!(deletions(&plan), [image(4).digest]);
    // That is so from now on, until it shrinks again.
    world.desk.plan().await;
    other.put(pod("shop", "web-1", &world.name("apps/web:1"), ""));
    world.desk.plan().await;
    other.clear("pods");
    other.put(pod("kube-system", "dns-0", "registry.k8s.io/dns:0", ""));
    world
        .applies_nothing("it names no image of a managed registry any more; it named 1 image before")
        .await;
    world.desk.apply(&["--accept-shrunk-usage", "prod-eu"]).await.exits(0);
    assert!(!world.has("apps/web", &image(4)));
}

/// Anybody who may write a ConfigMap could else stop all cleaning for long, or hide that the workloads are gone.
#[tokio::test(flavor = "multi_thread")]
async fn images_that_some_text_names_are_kept_and_count_for_nothing() {
    let world = World::with_pods().await;
    let tags: String = (1..50)
        .map(|number| format!("{}\n", world.name(&format!("apps/web:{number}"))))
        .collect();
    world.cluster.put(config_map("shop", "notes", &tags));
    assert!(
        deletions(&world.desk.plan().await).is_empty(),
        "the text names the fourth"
    );
    world.cluster.put(config_map("shop", "notes", "nothing"));
    world.desk.plan().await;
    world.cluster.put(config_map("shop", "notes", &tags));
    world.cluster.clear("pods");
    world
        .cluster
        .put(pod("kube-system", "dns-0", "registry.k8s.io/dns:1", ""));
    world.plans_nothing(SHRUNK).await;
}

/// In the right cluster too most of what runs may be of others.
#[tokio::test(flavor = "multi_thread")]
async fn images_of_registries_that_nobody_manages_count_for_nothing() {
    let world = World::with_pods().await;
    for number in 0..20 {
        let image = format!("registry.k8s.io/dns:{number}");
        let dns = pod("kube-system", &format!("dns-{number}"), &image, "");
        world.cluster.put(dns);
    }
    world.desk.plan().await;
    world.cluster.clear("pods");
    for number in 1..=3 {
        let image = world.name(&format!("apps/web:{number}"));
        world.cluster.put(pod("shop", &format!("web-{number}"), &image, ""));
    }
    assert_eq!(deletions(&world.desk.plan().await), [image(4).digest]);
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

/// `web:1` to `web:4`; the first three are used in Europe, and the third in America too. Both are expected.
async fn with_two() -> (World, TestCluster) {
    let world = World::with_pods().await;
    let america = cluster().await;
    america.put(pod("shop", "web-3", &world.name("apps/web:3"), ""));
    world
        .desk
        .write("kubeconfig-us", &america.kubeconfig("prod-us", &account()));
    world.desk.write("jettison.yaml", &configured(&[ONE, &in_america("")]));
    (world, america)
}

fn in_america(more: &str) -> String {
    ONE.replace("prod-eu", "prod-us")
        .replace("kubeconfig: kubeconfig", &format!("kubeconfig: kubeconfig-us{more}"))
}

fn configured(sources: &[&str]) -> String {
    CONFIG
        .replace(ONE, &sources.join(", "))
        .replace("expects: [prod-eu]", "expects: [prod-eu, prod-us]")
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_goes_unless_every_expected_cluster_answered_completely_in_this_run() {
    let (world, america) = with_two().await;
    let unanswered = "usage source prod-us is expected for";
    america.fail("jobs.batch", Fault::Status(403));
    world.plans_nothing(unanswered).await;
    // It answered yesterday, and today nobody asks it.
    america.mend("jobs.batch");
    assert_eq!(deletions(&world.desk.plan().await), [image(4).digest]);
    world.desk.write("jettison.yaml", &configured(&[ONE]));
    world.plans_nothing(unanswered).await;
    // Nor does it help what it covers: without it nobody knows.
    let elsewhere = in_america(", covers: ['other.example.com/**']");
    world.desk.write("jettison.yaml", &configured(&[ONE, &elsewhere]));
    america.fail("jobs.batch", Fault::Status(403));
    world.plans_nothing(unanswered).await;

    world.desk.write("jettison.yaml", &configured(&[ONE, &in_america("")]));
    america.mend("jobs.batch");
    assert_eq!(deletions(&world.desk.plan().await), [image(4).digest]);
    america.fail("jobs.batch", Fault::Status(403));
    world.applies_nothing(unanswered).await;
    america.mend("jobs.batch");
    world.run(&[]).await.exits(0);
    assert!(!world.has("apps/web", &image(4)) && world.has("apps/web", &image(3)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_is_no_longer_configured_after_the_plan_stops_it() {
    let (world, _america) = with_two().await;
    world.desk.plan().await;
    world.desk.write("jettison.yaml", &configured(&[ONE]));
    world
        .desk
        .apply(&[])
        .await
        .exits(3)
        .says("usage source prod-us had a say in the plan and is not configured here");
    assert!(world.has("apps/web", &image(4)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_that_is_partial_holds_back_what_it_covers_and_nothing_else() {
    let (world, america) = with_two().await;
    for repository in ["tools/cli", "apps/api"] {
        world.push(repository, "1", &image(9)).await;
    }
    let covers = in_america(", covers: ['{host}/apps/**']");
    let config = configured(&[ONE, &covers]).replace("expects: [prod-eu, prod-us]", "expects: [prod-eu]");
    world.desk.write("jettison.yaml", &config);
    america.fail("jobs.batch", Fault::Status(403));
    let run = world.run(&[]).await.exits(5).json();
    assert_eq!(run["deleted"], 1, "{run}");
    assert!(world.has("apps/web", &image(4)) && world.has("apps/api", &image(9)));
    assert!(!world.has("tools/cli", &image(9)));
}

//! Bad days, from end to end: a registry, a cluster, a policy that lets everything go, and the program between them.

use jettison_testkit::images::{Image, Index, Manifest};
use jettison_testkit::kubernetes::Rbac;
use jettison_testkit::kubernetes::objects::{config_map, owned, pod, workload};

use crate::cluster::RBAC;
use crate::common::contents::{deletions, text};
use crate::world::{CONFIG, World, image};

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
async fn a_cluster_that_goes_away_after_the_plan_stops_it_and_the_journal_says_why() {
    let world = World::with_pods().await;
    assert_eq!(deletions(&world.desk.plan().await), [image(4).digest]);
    world.cluster.stop();
    world
        .applies_nothing("did not answer completely: which kinds it has could not be asked")
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_permission_that_is_lost_for_one_kind_after_the_plan_stops_it() {
    let world = World::with_pods().await;
    world.desk.plan().await;
    let mut roles = Rbac::read(&[RBAC]).unwrap();
    roles.revoke("cronjobs");
    world.cluster.allow(roles);
    world
        .applies_nothing("did not answer completely: cronjobs.batch: it may not be listed (403")
        .await;
    world
        .desk
        .run(&["usage", "--check"])
        .await
        .exits(5)
        .says(r#"cronjobs.batch: it may not be listed"#)
        .says(r#"needs the rule { apiGroups: ["batch"], resources: ["cronjobs"], verbs: ["list"] }"#);
}

/// As a failure of that image (row 23 of the decisions), and no other image has to wait for it.
#[tokio::test(flavor = "multi_thread")]
async fn a_pod_that_starts_after_the_plan_keeps_its_image_and_the_others_go() {
    let world = World::with_pods().await;
    for number in 5..=6 {
        world.push("apps/web", &number.to_string(), &image(number)).await;
    }
    assert_eq!(deletions(&world.desk.plan().await).len(), 3);
    world
        .cluster
        .put(pod("shop", "late", &world.name("apps/web:gone"), &image(4).digest));
    let report = world.desk.apply(&[]).await.exits(4).json();
    assert_eq!((&report["deleted"], &report["failed"]), (&2.into(), &1.into()));
    for record in [&report, &world.desk.latest_run().await] {
        assert_eq!(record["status"], "partly-failed");
        let mut actions = record["actions"].as_array().unwrap().iter();
        let stays = actions.find(|action| action["digest"] == image(4).digest).unwrap();
        let why = text(&stays["why"]);
        assert_eq!(stays["outcome"], "failed");
        assert!(
            why.starts_with("in use by now") && why.contains("Pod shop/late container web"),
            "{why}"
        );
    }
    assert!(!world.has("apps/web", &image(5)) && !world.has("apps/web", &image(6)));
    world.puller.pull_whole("apps/web", "4").await.unwrap();
}

/// The digest may lie here as well, and a look at everything would find it: a narrower one takes no more.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_text_names_of_another_of_our_registries_counts_also_when_that_is_not_looked_at() {
    let world = World::with_pods().await;
    let another = "registries: [ { host: mirror.example.com, expects: none }, ";
    world
        .desk
        .write("jettison.yaml", &CONFIG.replace("registries: [ ", another));
    let mirrored = format!("image=mirror.example.com/web@{}", image(4).digest);
    world.cluster.put(config_map("shop", "settings", &mirrored));
    let plan = world.desk.run(&["plan", "{host}/**", "--output", "json"]).await;
    assert_eq!(deletions(&plan.exits(0).json()), [""; 0]);
}

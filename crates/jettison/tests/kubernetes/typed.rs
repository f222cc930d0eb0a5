//! Every kind that names images in fields of its own protects them, and who uses them is told.

use jettison_core::model::Digest;
use jettison_testkit::kubernetes::Kind;
use jettison_testkit::kubernetes::objects::{
    controller_revision, cron_job, owned, pod, pod_template, template, workload,
};
use serde_json::{Value, json};

use crate::cluster::{Place, image};

fn digest(seed: &str) -> Digest {
    Digest::of(seed.as_bytes())
}

#[tokio::test]
async fn every_kind_that_runs_something_or_may_run_it_again_protects_its_image() {
    let place = Place::new().await;
    place
        .cluster
        .define(Kind::listed("argoproj.io", "v1alpha1", "rollouts", "Rollout"));
    let table: [(Value, &str); 11] = [
        (pod("shop", "p", &image("pod:1"), ""), "Pod shop/p container web"),
        (
            pod_template("shop", "t", &image("podtemplate:1")),
            "PodTemplate shop/t container web",
        ),
        (
            workload("v1", "ReplicationController", "shop", "rc", &image("rc:1")),
            "ReplicationController shop/rc container web",
        ),
        (
            workload("apps/v1", "Deployment", "shop", "web", &image("deployment:1")),
            "Deployment shop/web container web",
        ),
        (
            owned(
                workload("apps/v1", "ReplicaSet", "shop", "web-1", &image("old:1")),
                "Deployment",
                "web",
            ),
            "ReplicaSet shop/web-1 container web of Deployment web",
        ),
        (
            workload("apps/v1", "StatefulSet", "shop", "db", &image("statefulset:1")),
            "StatefulSet shop/db container web",
        ),
        (
            workload("apps/v1", "DaemonSet", "shop", "agent", &image("daemonset:1")),
            "DaemonSet shop/agent container web",
        ),
        (
            owned(
                controller_revision("shop", "db-7", &image("revision:1")),
                "StatefulSet",
                "db",
            ),
            "ControllerRevision shop/db-7 container web of StatefulSet db",
        ),
        (
            workload("batch/v1", "Job", "shop", "once", &image("job:1")),
            "Job shop/once container web",
        ),
        (
            cron_job("shop", "weekly", &image("cronjob:1")),
            "CronJob shop/weekly container web",
        ),
        (
            workload("argoproj.io/v1alpha1", "Rollout", "shop", "canary", &image("rollout:1")),
            "Rollout shop/canary container web",
        ),
    ];
    let expected: Vec<&str> = table.iter().map(|(_, user)| *user).collect();
    table.iter().for_each(|(object, _)| place.cluster.put(object.clone()));
    let told = place.ask().await.expect_complete();
    let mut users: Vec<&str> = told
        .0
        .references
        .iter()
        .map(|reference| reference.used_by.as_str())
        .collect();
    let mut expected = expected;
    users.sort_unstable();
    expected.sort_unstable();
    assert_eq!(users, expected);
    assert_eq!(told.images().len(), table.len());
}

#[tokio::test]
async fn every_place_of_a_pod_counts() {
    let place = Place::new().await;
    let status = |name: &str, image: &str, seed: &str| json!({"name": name, "image": image, "imageID": digest(seed).to_string()});
    place.cluster.put(
        json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"namespace": "shop", "name": "p"},
        "spec": {
            "initContainers": [{"name": "i", "image": image("init:1")}],
            "containers": [{"name": "c", "image": image("main:1")}],
            "ephemeralContainers": [{"name": "e", "image": image("debug:1"), "targetContainerName": "c"}],
            "volumes": [{"name": "v", "image": {"reference": image("data:1"), "pullPolicy": "IfNotPresent"}},
                {"name": "other", "emptyDir": {}}]},
        "status": {
            "initContainerStatuses": [status("i", &image("init:1"), "init")],
            "containerStatuses": [{"name": "c", "image": image("main:1"), "imageID": digest("main").to_string(),
                "lastState": {"terminated": {"exitCode": 1, "imageID": digest("before").to_string()}},
                "volumeMounts": [{"name": "v", "mountPath": "/data", "readOnly": true,
                    "volumeStatus": {"image": {"imageRef": format!("anything/else@{}", digest("data"))}}}]}],
            "ephemeralContainerStatuses": [status("e", &image("debug:1"), "debug"),
                status("gone", &image("gone:1"), "gone")]}}),
    );
    let uses = place.ask().await.expect_complete().uses();
    let expected = [
        ("init:1", "init", "Pod shop/p init container i"),
        ("main:1", "main", "Pod shop/p container c"),
        ("main:1", "before", "Pod shop/p container c"),
        ("debug:1", "debug", "Pod shop/p ephemeral container e"),
        ("data:1", "data", "Pod shop/p volume v"),
    ];
    for (name, seed, user) in expected {
        let users = &uses[&(image(name), Some(digest(seed)))];
        assert_eq!(users, &[user], "{name}");
    }
    // In the status alone.
    assert_eq!(
        uses[&(String::new(), Some(digest("gone")))],
        ["Pod shop/p ephemeral container gone"]
    );
    assert_eq!(uses.len(), expected.len() + 1, "{uses:?}");
}

#[tokio::test]
async fn the_digest_of_every_form_of_image_id_is_told_with_the_image_as_it_is_specified() {
    let hex = digest("x").hex();
    for id in [
        format!("docker-pullable://other.example.com/wrong@sha256:{hex}"),
        format!("docker://sha256:{hex}"),
        format!("registry.example.com/apps/wrong@sha256:{hex}"),
        format!("sha256:{hex}"),
    ] {
        let place = Place::new().await;
        place.cluster.put(pod("shop", "web-0", &image("web:1"), &id));
        let uses = place.ask().await.expect_complete().uses();
        let expected = (image("web:1"), Some(digest("x")));
        assert_eq!(uses.into_keys().collect::<Vec<_>>(), [expected], "{id}");
    }
}

#[tokio::test]
async fn a_container_that_waits_is_told_by_its_specification() {
    let place = Place::new().await;
    place.cluster.put(pod("shop", "web-0", &image("web:1"), ""));
    let uses = place.ask().await.expect_complete().uses();
    assert_eq!(uses.into_keys().collect::<Vec<_>>(), [(image("web:1"), None)]);
}

#[tokio::test]
async fn a_pod_is_told_with_the_workload_that_people_know() {
    let place = Place::new().await;
    let labelled = |label: &str| {
        let mut pod = owned(
            pod("shop", &format!("{label}-7f9-x"), &image("web:1"), ""),
            "ReplicaSet",
            "web-7f9",
        );
        pod["metadata"]["labels"] = json!({label: "7f9", "app": "web"});
        pod
    };
    place.cluster.put(labelled("pod-template-hash"));
    place.cluster.put(labelled("rollouts-pod-template-hash"));
    place
        .cluster
        .put(owned(pod("shop", "db-0", &image("web:1"), ""), "StatefulSet", "db"));
    let told = place.ask().await.expect_complete();
    assert_eq!(
        told.users(&image("web:1")),
        [
            "Pod shop/db-0 container web of StatefulSet db",
            "Pod shop/pod-template-hash-7f9-x container web of Deployment web",
            "Pod shop/rollouts-pod-template-hash-7f9-x container web of Rollout web",
        ]
    );
}

#[tokio::test]
async fn what_cannot_be_understood_in_a_place_for_images_is_listed_and_leaves_a_gap_for_each() {
    let place = Place::new().await;
    place.cluster.put(pod("shop", "good", &image("web:1"), ""));
    place
        .cluster
        .put(pod("shop", "bad", "Not An Image", &digest("runs").to_string()));
    place.cluster.put(workload(
        "apps/v1",
        "Deployment",
        "shop",
        "worse",
        "registry.example.com/Apps:1",
    ));
    place.cluster.put(cron_job("shop", "empty", ""));
    let told = place.ask().await;
    let gaps = told.gaps().join("\n");
    assert_eq!(told.gaps().len(), 2, "{gaps}");
    assert!(gaps.contains("Pod shop/bad container web: `Not An Image`"), "{gaps}");
    assert!(
        gaps.contains("Deployment shop/worse container web: `registry.example.com/Apps:1`"),
        "{gaps}"
    );
    // What such a container runs still counts.
    assert!(
        told.uses().contains_key(&(String::new(), Some(digest("runs")))),
        "{told:?}"
    );
}

#[tokio::test]
async fn what_is_to_be_ignored_is_passed_over_by_its_exact_text() {
    let mut place = Place::new().await;
    place.more = ", ignore-references: ['Not An Image', 'registry.example.com/Apps']".to_owned();
    place.cluster.put(pod("shop", "good", &image("web:1"), ""));
    place.cluster.put(pod("shop", "bad", "Not An Image", ""));
    place.ask().await.expect_complete();
    place
        .cluster
        .put(pod("shop", "worse", "registry.example.com/Apps:1", ""));
    place.ask().await.expect_partial("`registry.example.com/Apps:1`");
}

#[tokio::test]
async fn an_object_of_another_form_is_a_gap() {
    let with = |key: &str, value: Value| {
        let mut object = workload("apps/v1", "Deployment", "shop", "web", &image("web:1"));
        object["spec"]["template"]["spec"][key] = value;
        object
    };
    let bare = |kind: &str, api_version: &str| json!({"apiVersion": api_version, "kind": kind, "metadata": {"namespace": "shop", "name": "x"}});
    let mut lonely = pod("shop", "x", &image("web:1"), "");
    lonely["spec"] = json!({});
    let mut without_template = workload("apps/v1", "StatefulSet", "shop", "x", "");
    without_template["spec"] = json!({"replicas": 0});
    let mut without_containers = cron_job("shop", "x", "");
    without_containers["spec"]["jobTemplate"]["spec"]["template"]["spec"] = json!({});
    let mut broken_id = pod("shop", "x", &image("web:1"), "no image at all");
    broken_id["metadata"]["labels"] = json!({});
    for (object, why) in [
        (
            with("containers", json!({})),
            "Deployment shop/web cannot be understood",
        ),
        (
            with("containers", json!([{"image": 5}])),
            "Deployment shop/web cannot be understood",
        ),
        (with("volumes", json!("x")), "Deployment shop/web cannot be understood"),
        (
            bare("Deployment", "apps/v1"),
            "Deployment shop/x cannot be understood: missing field `spec`",
        ),
        (bare("CronJob", "batch/v1"), "CronJob shop/x cannot be understood"),
        (bare("Pod", "v1"), "Pod shop/x cannot be understood"),
        (lonely, "Pod shop/x: it has no containers"),
        (without_template, "StatefulSet shop/x: it has no containers"),
        (without_containers, "CronJob shop/x: it has no containers"),
        (broken_id, "Pod shop/x container web: `no image at all` is no imageID"),
        (
            pod("shop", "x", &image("web:1"), "weird://thing"),
            "Pod shop/x container web: `weird://thing` is no imageID",
        ),
    ] {
        let place = Place::new().await;
        place.cluster.put(pod("shop", "good", &image("web:1"), ""));
        place.cluster.put(object);
        place.ask().await.expect_partial(why);
    }
}

#[tokio::test]
async fn a_rollout_that_borrows_its_template_and_fields_that_are_null_are_no_gaps() {
    let place = Place::new().await;
    place
        .cluster
        .define(Kind::listed("argoproj.io", "v1alpha1", "rollouts", "Rollout"));
    place.cluster.put(pod("shop", "good", &image("web:1"), ""));
    place
        .cluster
        .put(json!({"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout",
        "metadata": {"namespace": "shop", "name": "r"},
        "spec": {"workloadRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}}}));
    place.cluster.put(
        json!({"apiVersion": "apps/v1", "kind": "ControllerRevision", "revision": 1,
        "metadata": {"namespace": "shop", "name": "c"}}),
    );
    let mut nulls = template(&image("web:2"));
    nulls["spec"]["initContainers"] = Value::Null;
    nulls["spec"]["volumes"] = json!([{"name": "v", "image": null}]);
    place.cluster.put(
        json!({"apiVersion": "v1", "kind": "PodTemplate", "metadata": {"namespace": "shop", "name": "t"},
        "template": nulls}),
    );
    let told = place.ask().await.expect_complete();
    assert_eq!(told.images().len(), 2);
}

#[tokio::test]
async fn kinds_that_the_cluster_does_not_have_are_no_gap_but_pods_are() {
    for is_old in [false, true] {
        let options = jettison_testkit::kubernetes::Options {
            is_old,
            ..Default::default()
        };
        let place = Place::with(options.clone(), "").await;
        place.cluster.put(pod("shop", "web-0", &image("web:1"), ""));
        place.cluster.forget("apps");
        place.cluster.forget("batch");
        place.ask().await.expect_complete();
        place.cluster.forget("");
        let gaps = place.ask().await.gaps().join("\n");
        assert!(gaps.contains("it serves no pods"), "{gaps}");

        let place = Place::with(options, "").await;
        place.cluster.put(pod("shop", "web-0", &image("web:1"), ""));
        for kind in built_in_groups() {
            place.cluster.forget(kind);
        }
        place
            .ask()
            .await
            .expect_partial("it serves nothing but its first kinds");
    }
}

fn built_in_groups() -> [&'static str; 12] {
    [
        "admissionregistration.k8s.io",
        "apiextensions.k8s.io",
        "apiregistration.k8s.io",
        "apps",
        "autoscaling",
        "batch",
        "coordination.k8s.io",
        "events.k8s.io",
        "networking.k8s.io",
        "policy",
        "rbac.authorization.k8s.io",
        "storage.k8s.io",
    ]
}

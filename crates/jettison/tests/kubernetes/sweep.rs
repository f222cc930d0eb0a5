//! Images that stand in no place of their own: custom resources, environment, arguments, embedded documents.

use jettison_testkit::kubernetes::objects::{config_map, pod, workload};
use jettison_testkit::kubernetes::{Fault, Kind};
use serde_json::{Value, json};

use crate::cluster::{Place, image};

fn custom(kind: &str, name: &str, spec: &Value) -> Value {
    json!({"apiVersion": "operators.example.com/v1", "kind": kind, "metadata": {"namespace": "shop", "name": name}, "spec": spec})
}

async fn with_operator() -> Place {
    let place = Place::with(jettison_testkit::kubernetes::Options::default(), "").await;
    place
        .cluster
        .define(Kind::listed("operators.example.com", "v1", "databases", "Database"));
    place.cluster.put(pod("shop", "web-0", &image("web:1"), ""));
    place
}

#[tokio::test]
async fn images_of_managed_registries_are_found_in_every_object() {
    let place = with_operator().await;
    let mut deployment = workload("apps/v1", "Deployment", "shop", "operator", &image("operator:1"));
    deployment["spec"]["template"]["spec"]["containers"][0]["env"] =
        json!([{"name": "RELATED_IMAGE_DB", "value": image("env:1")}]);
    deployment["spec"]["template"]["spec"]["containers"][0]["args"] = json!([format!("--sidecar={}", image("args:1"))]);
    deployment["metadata"]["annotations"] = json!({"original": "mirror.example.com/apps/annotated:1"});
    place.cluster.put(deployment);
    place.cluster.put(custom(
        "Database",
        "db",
        &json!({"deep": [{"er": {"image": image("custom:1")}}]}),
    ));
    place.cluster.put(config_map(
        "shop",
        "injector",
        &format!("containers:\n- image: {}\n", image("embedded:1")),
    ));
    let told = place.ask().await.expect_complete();
    for (image, user) in [
        (image("env:1"), "Deployment shop/operator"),
        (image("args:1"), "Deployment shop/operator"),
        (
            "mirror.example.com/apps/annotated:1".to_owned(),
            "Deployment shop/operator",
        ),
        (image("custom:1"), "Database shop/db"),
        (image("embedded:1"), "ConfigMap shop/injector"),
        // What has a place of its own is told once.
        (image("operator:1"), "Deployment shop/operator container web"),
    ] {
        assert_eq!(told.users(&image), [user], "{image}");
    }
}

#[tokio::test]
async fn what_does_not_look_like_an_image_of_ours_is_passed_over() {
    let place = with_operator().await;
    place.cluster.put(config_map(
        "shop",
        "noise",
        "registry.example.com/UPPER other.example.com/web:1 sha256:12 ///",
    ));
    let told = place.ask().await.expect_complete();
    assert_eq!(told.images(), [image("web:1").as_str()].into());
}

#[tokio::test]
async fn secrets_events_nodes_and_leases_are_never_asked_for() {
    let place = with_operator().await;
    let object = |api_version: &str, kind: &str| {
        json!({"apiVersion": api_version, "kind": kind,
        "metadata": {"namespace": "shop", "name": "x"}, "note": image("left-out:1")})
    };
    for (api_version, kind) in [
        ("v1", "Secret"),
        ("v1", "Event"),
        ("v1", "Node"),
        ("events.k8s.io/v1", "Event"),
        ("coordination.k8s.io/v1", "Lease"),
    ] {
        place.cluster.put(object(api_version, kind));
    }
    let told = place.ask().await.expect_complete();
    assert_eq!(told.images(), [image("web:1").as_str()].into());
    let asked = place.cluster.requests().join("\n");
    for never in ["/secrets", "/events", "/nodes", "/leases"] {
        assert!(!asked.contains(never), "{asked}");
    }
}

#[tokio::test]
async fn a_kind_that_cannot_be_listed_is_a_gap_unless_it_is_left_out() {
    let mut place = with_operator().await;
    place
        .cluster
        .fail("databases.operators.example.com", Fault::Status(500));
    place
        .ask()
        .await
        .expect_partial("databases.operators.example.com: the server answered 500");
    for left_out in ["databases.operators.example.com", "*.operators.example.com"] {
        place.more = format!(", leave-out: ['{left_out}']");
        place.ask().await.expect_complete();
    }
}

#[tokio::test]
async fn a_kind_with_places_for_images_is_asked_even_if_it_is_left_out() {
    let mut place = with_operator().await;
    place.more = ", leave-out: [pods, '*.apps']".to_owned();
    place
        .cluster
        .put(workload("apps/v1", "Deployment", "shop", "web", &image("web:2")));
    let told = place.ask().await.expect_complete();
    assert_eq!(told.images().len(), 2);
    place.cluster.fail("deployments.apps", Fault::Status(500));
    place.ask().await.expect_partial("deployments.apps");
}

#[tokio::test]
async fn each_kind_is_asked_once_in_the_version_that_the_server_prefers() {
    for is_old in [false, true] {
        let options = jettison_testkit::kubernetes::Options {
            is_old,
            ..Default::default()
        };
        let place = Place::with(options, "").await;
        place.cluster.put(pod("shop", "web-0", &image("web:1"), ""));
        place.ask().await.expect_complete();
        let asked = place.cluster.requests();
        let scalers: Vec<&String> = asked.iter().filter(|path| path.contains("autoscalers")).collect();
        assert_eq!(scalers, ["/apis/autoscaling/v2/horizontalpodautoscalers?limit=500"]);
        assert!(
            !asked
                .iter()
                .any(|path| path.contains("selfsubject") || path.contains("status")),
            "{asked:?}"
        );
    }
}

#[tokio::test]
async fn a_group_that_does_not_tell_its_kinds_is_a_gap_unless_it_is_left_out() {
    for is_old in [false, true] {
        let options = jettison_testkit::kubernetes::Options {
            is_old,
            ..Default::default()
        };
        let mut place = Place::with(options, "").await;
        place
            .cluster
            .define(Kind::listed("metrics.example.com", "v1", "pods", "PodMetrics"));
        place.cluster.put(pod("shop", "web-0", &image("web:1"), ""));
        match is_old {
            true => place.cluster.fail("/apis/metrics.example.com/v1", Fault::Status(500)),
            false => place.cluster.make_stale("metrics.example.com"),
        }
        place
            .ask()
            .await
            .expect_partial("the group metrics.example.com did not tell its kinds");
        place.more = ", leave-out: ['*.metrics.example.com']".to_owned();
        place.ask().await.expect_complete();
    }
}

#[tokio::test]
async fn a_group_with_places_for_images_that_does_not_tell_its_kinds_is_a_gap_even_if_it_is_left_out() {
    let mut place = with_operator().await;
    place.more = ", leave-out: ['*.apps']".to_owned();
    place.ask().await.expect_complete();
    place.cluster.make_stale("apps");
    let told = place
        .ask()
        .await
        .expect_partial("the group apps did not tell its kinds");
    assert!(!told.gaps()[0].contains("leave-out"), "that does not help: {told:?}");
}

#[tokio::test]
async fn the_first_group_of_all_has_a_name_and_cannot_be_left_out() {
    for more in ["", ", leave-out: ['*.']"] {
        let options = jettison_testkit::kubernetes::Options {
            is_old: true,
            ..Default::default()
        };
        let place = Place::with(options, more).await;
        place.cluster.fail("/api/v1", Fault::Status(500));
        let gaps = place.ask().await.gaps();
        assert!(
            gaps[0].starts_with("the core group did not tell its kinds: "),
            "{gaps:?}"
        );
        assert!(!gaps[0].contains("leave-out"), "that does not help: {gaps:?}");
    }
}

#[tokio::test]
async fn a_group_that_an_older_server_names_and_then_does_not_know_is_a_gap() {
    let options = jettison_testkit::kubernetes::Options {
        is_old: true,
        ..Default::default()
    };
    let place = Place::with(options, "").await;
    place.cluster.put(pod("shop", "web-0", &image("web:1"), ""));
    place.cluster.fail("/apis/batch/v1", Fault::Status(404));
    place
        .ask()
        .await
        .expect_partial("the group batch did not tell its kinds: the server has none of it (404)");
}

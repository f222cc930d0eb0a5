//! Objects that were made to harm: whatever somebody puts into a cluster, the answer comes soon and within bounds.

use jettison_testkit::kubernetes::objects::{config_map, pod, workload};
use jettison_testkit::kubernetes::{Fault, Kind, Options};
use serde_json::json;

use crate::cluster::{Place, image};

async fn with_custom() -> Place {
    let place = Place::with(Options::default(), "").await;
    place
        .cluster
        .define(Kind::listed("example.com", "v1", "things", "Thing"));
    place.cluster.put(pod("shop", "web-0", &image("web:1"), ""));
    place
}

#[tokio::test]
async fn an_object_with_a_million_texts_changes_nothing() {
    let place = with_custom().await;
    let texts: Vec<&str> = std::iter::repeat_n("a/b", 1_000_000).collect();
    place
        .cluster
        .put(json!({"apiVersion": "example.com/v1", "kind": "Thing",
        "metadata": {"namespace": "shop", "name": "x"}, "spec": texts}));
    let told = place.ask().await.expect_complete();
    assert_eq!(told.images().len(), 1);
}

#[tokio::test]
async fn texts_of_a_megabyte_are_a_short_gap_where_images_belong_and_nothing_elsewhere() {
    let place = with_custom().await;
    let long = image(&"x".repeat(1_000_000));
    place.cluster.put(config_map("shop", "x", &long));
    place.ask().await.expect_complete();
    place.cluster.put(workload("apps/v1", "Deployment", "shop", "x", &long));
    let told = place.ask().await.expect_partial("is too long for an image reference");
    assert!(told.gaps()[0].len() < 500, "{told:?}");
}

#[tokio::test]
async fn a_long_text_in_the_place_of_a_list_is_a_short_gap() {
    let place = with_custom().await;
    let mut deployment = workload("apps/v1", "Deployment", "shop", "x", "");
    deployment["spec"]["template"]["spec"]["containers"] = json!("x".repeat(1_000_000));
    place.cluster.put(deployment);
    let told = place
        .ask()
        .await
        .expect_partial("Deployment shop/x cannot be understood");
    assert!(told.gaps()[0].len() < 1_000, "{told:?}");
}

#[tokio::test]
async fn an_object_that_is_nested_very_deep_is_read_to_its_ground() {
    let place = with_custom().await;
    let depth = 200_000;
    let item = format!(
        r#"{{"metadata":{{"namespace":"shop","name":"deep"}},"spec":{}"{}"{}}}"#,
        "[".repeat(depth),
        image("deep:1"),
        "]".repeat(depth)
    );
    let body = format!(r#"{{"kind":"ThingList","metadata":{{}},"items":[{item}]}}"#);
    place.cluster.fail("things.example.com", Fault::Body(body));
    let told = place.ask().await.expect_complete();
    assert_eq!(told.users(&image("deep:1")), ["Thing shop/deep"]);
}

#[tokio::test]
async fn a_pod_that_is_nested_very_deep_is_a_gap_at_most() {
    let place = with_custom().await;
    let item = format!(
        r#"{{"metadata":{{"name":"x"}},"spec":{{"containers":{}1{}}}}}"#,
        "[".repeat(200_000),
        "]".repeat(200_000)
    );
    let body = format!(r#"{{"kind":"PodList","metadata":{{}},"items":[{item}]}}"#);
    place.cluster.fail("pods", Fault::Body(body));
    let gaps = place.ask().await.gaps();
    assert!(gaps[0].contains("Pod x cannot be understood"), "{gaps:?}");
}

#[tokio::test]
async fn a_flood_of_wrong_images_is_told_in_part_and_counted() {
    let place = with_custom().await;
    let containers: Vec<_> = (0..50_000)
        .map(|number| json!({"name": "c", "image": format!("WRONG {number}")}))
        .collect();
    let mut deployment = workload("apps/v1", "Deployment", "shop", "x", "");
    deployment["spec"]["template"]["spec"]["containers"] = json!(containers);
    place.cluster.put(deployment);
    let gaps = place.ask().await.gaps();
    assert_eq!(gaps.len(), 1_001);
    assert_eq!(gaps[1_000], "and 49000 more of these");
}

#[tokio::test]
async fn an_object_with_very_many_containers_is_read_soon() {
    let place = with_custom().await;
    let many = |make: &dyn Fn(usize) -> serde_json::Value| json!((0..15_000).map(make).collect::<Vec<_>>());
    let mut crowded = pod("shop", "crowded", "", "");
    crowded["spec"]["containers"] =
        many(&|number| json!({"name": format!("c{number}"), "image": image(&format!("web:{number}"))}));
    crowded["status"]["containerStatuses"] =
        many(&|number| json!({"name": format!("c{number}"), "image": "", "imageID": ""}));
    place.cluster.put(crowded);
    assert_eq!(place.ask().await.expect_complete().images().len(), 15_000);
}

#[tokio::test]
async fn names_that_want_to_steer_a_terminal_do_not() {
    let place = with_custom().await;
    let name = "x\u{1b}[2J\u{202e}y";
    place.cluster.put(pod("shop", name, "WRONG\u{1b}[2J", ""));
    place.cluster.put(pod("shop", &format!("{name}2"), &image("web:2"), ""));
    place
        .cluster
        .put(pod("shop", &format!("{name}3"), &image("web:2"), "WRONG \u{1b}[2J"));
    place
        .cluster
        .define(Kind::listed("example.com", "v1", &format!("{name}s"), name));
    let told = place.ask().await;
    let all = format!("{}{}", told.gaps().join(""), told.users(&image("web:2")).join(""));
    assert!(!all.contains(['\u{1b}', '\u{202e}']), "{all:?}");
}

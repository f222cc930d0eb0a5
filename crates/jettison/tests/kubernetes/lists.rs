//! Lists: pages, tokens that expire, and answers that are late, cut short or wrong. A list that is not whole is never taken
//! for whole.

use std::time::Duration;

use jettison_testkit::kubernetes::objects::{config_map, pod};
use jettison_testkit::kubernetes::{Fault, Options};
use serde_json::json;

use crate::cluster::{Place, image};

/// One more than ten pages.
const PODS: usize = 5_001;

async fn large() -> Place {
    let place = Place::new().await;
    for number in 0..PODS {
        let image = image(&format!("web:{}", number / 10));
        place.cluster.put(pod("shop", &format!("web-{number}"), &image, ""));
    }
    place
}

fn pages(place: &Place) -> usize {
    let asked = place.cluster.requests();
    asked.iter().filter(|path| path.starts_with("/api/v1/pods?")).count()
}

#[tokio::test]
async fn the_pages_of_a_large_list_are_followed() {
    let place = large().await;
    let told = place.ask().await.expect_complete();
    assert_eq!(told.0.references.len(), PODS);
    assert_eq!(told.images().len(), PODS.div_ceil(10));
    assert_eq!(pages(&place), 11);
}

#[tokio::test]
async fn a_list_whose_token_expires_starts_again_a_few_times() {
    let place = large().await;
    place.cluster.fail("pods", Fault::ExpireTokens(2));
    let told = place.ask().await.expect_complete();
    assert_eq!(told.0.references.len(), PODS);
    place.cluster.fail("pods", Fault::ExpireTokens(u32::MAX));
    place
        .ask()
        .await
        .expect_partial("pods: the list changed faster than it could be read (410)");
}

#[tokio::test]
async fn a_list_that_leads_to_itself_ends() {
    let place = large().await;
    place.cluster.fail("pods", Fault::Loop);
    place
        .ask()
        .await
        .expect_partial("pods: the answer cannot be understood: its pages lead back");
}

#[tokio::test]
async fn answers_that_are_not_whole_or_not_a_list_are_gaps() {
    let place = Place::new().await;
    place.cluster.put(pod("shop", "web-0", &image("web:1"), ""));
    for (fault, why) in [
        (Fault::Cut(100), "pods: no answer"),
        (Fault::Cut(0), "pods: no answer"),
        (
            Fault::Body("{\"items\":[{}".to_owned()),
            "pods: the answer cannot be understood",
        ),
        (
            Fault::Body("{}".to_owned()),
            "pods: the answer cannot be understood: missing field `items`",
        ),
        (
            Fault::Body("<html>Log in".to_owned()),
            "pods: the answer cannot be understood",
        ),
        (Fault::Status(401), "pods: the server answered 401"),
        (Fault::Status(404), "pods: the server has none of it (404)"),
        (
            Fault::Status(500),
            "pods: the server answered 500: something is wrong on purpose",
        ),
        (Fault::Status(204), "pods: the server answered 204"),
        (Fault::Status(302), "pods: the server answered 302"),
    ] {
        place.cluster.fail("pods", fault.clone());
        let gaps = place.ask().await.gaps();
        assert!(gaps.iter().any(|gap| gap.contains(why)), "{fault:?}: {gaps:?}");
    }
}

#[tokio::test]
async fn a_kind_that_is_said_to_be_there_and_then_not_to_be_is_a_gap() {
    for kind in ["cronjobs.batch", "services"] {
        let place = Place::new().await;
        place.cluster.put(pod("shop", "web-0", &image("web:1"), ""));
        place.cluster.fail(kind, Fault::Status(404));
        let why = format!("{kind}: the server has none of it (404)");
        place.ask().await.expect_partial(&why);
    }
}

#[tokio::test]
async fn a_list_that_says_that_more_remains_and_leads_to_nothing_is_a_gap() {
    let place = Place::new().await;
    place.cluster.put(pod("shop", "web-0", &image("web:1"), ""));
    let body = json!({"items": [], "metadata": {"continue": "", "remainingItemCount": 3}});
    place.cluster.fail("services", Fault::Body(body.to_string()));
    place
        .ask()
        .await
        .expect_partial("services: the answer cannot be understood: objects remain");
}

#[tokio::test]
async fn a_busy_server_is_asked_again() {
    let place = Place::new().await;
    place.cluster.put(pod("shop", "web-0", &image("web:1"), ""));
    place.cluster.fail("pods", Fault::StatusFor(429, 2));
    place.ask().await.expect_complete();
    place.cluster.fail("services", Fault::Status(503));
    place.ask().await.expect_partial("services: the server answered 503");
}

#[tokio::test]
async fn a_cluster_that_is_late_is_waited_for_and_one_that_is_silent_is_a_gap() {
    let mut place = Place::new().await;
    place.cluster.put(pod("shop", "web-0", &image("web:1"), ""));
    place.cluster.fail("pods", Fault::Slow(Duration::from_millis(100)));
    place.ask().await.expect_complete();
    place.cluster.fail("services", Fault::Silence);
    place.more = ", timeout-seconds: 1".to_owned();
    let told = place.ask().await;
    assert!(
        told.gaps()
            .iter()
            .any(|gap| gap.contains("did not tell everything within 1 s; it was at")),
        "{told:?}"
    );
}

#[tokio::test]
async fn pages_that_are_too_large_are_asked_for_in_smaller_pieces() {
    let place = Place::new().await;
    place.cluster.put(pod("shop", "web-0", &image("web:1"), ""));
    let filler = "x".repeat(1_000_000);
    for number in 0..40 {
        place
            .cluster
            .put(config_map("shop", &format!("large-{number}"), &filler));
    }
    place.cluster.put(config_map("shop", "last", &image("swept:1")));
    let told = place.ask().await.expect_complete();
    assert!(told.images().contains(image("swept:1").as_str()));
    let mut huge = config_map("shop", "huge", "");
    huge["data"]["settings"] = json!("y".repeat(17_000_000));
    place.cluster.put(huge);
    place.ask().await.expect_partial("configmaps: an answer is larger than");
}

#[tokio::test]
async fn packed_answers_are_unpacked_and_bounded_all_the_same() {
    let options = Options {
        packs: true,
        ..Options::default()
    };
    let place = Place::with(options, "").await;
    for number in 0..1_000 {
        place.cluster.put(pod(
            "shop",
            &format!("web-{number}"),
            &image(&format!("web:{number}")),
            "",
        ));
    }
    assert_eq!(place.ask().await.expect_complete().images().len(), 1_000);
    let bomb = format!("{{\"items\":[\"{}\"]}}", "x".repeat(17_500_000));
    place.cluster.fail("services", Fault::Body(bomb));
    place.ask().await.expect_partial("services: an answer is larger than");
}

#[tokio::test]
async fn a_cluster_without_any_image_is_a_gap_unless_that_is_allowed() {
    let mut place = Place::new().await;
    place
        .ask()
        .await
        .expect_partial("the cluster runs nothing that has an image");
    place.more = ", allow-empty: true".to_owned();
    place.ask().await.expect_complete();
}

#[tokio::test]
async fn discovery_that_fails_is_a_gap() {
    for path in ["/api", "/apis"] {
        for fault in [
            Fault::Status(500),
            Fault::Status(404),
            Fault::Body("{}".to_owned()),
            Fault::Body(r#"{"kind":"Status","status":"Success"}"#.to_owned()),
        ] {
            let place = Place::new().await;
            place.cluster.put(pod("shop", "web-0", &image("web:1"), ""));
            place.cluster.fail(path, fault);
            let gaps = place.ask().await.gaps();
            assert!(gaps[0].contains("which kinds it has could not be asked"), "{gaps:?}");
        }
    }
}

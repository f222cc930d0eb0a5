//! Trouble in the middle of an apply: nothing goes that the plan keeps, what went is in the journal, what did not go is
//! told with its reason, and the next apply finishes.

use std::time::Duration;

use jettison::registry::Limits;
use jettison_testkit::registry::{Effect, Fault, Options};
use serde_json::{Value, json};

use crate::inside::Inside;
use crate::scanner::hasty;
use crate::world::{WEB, World, configured, image};

/// Ten images that may go, `keep` that may not.
const IMAGES: u64 = 10;

async fn ten_images() -> World {
    let world = World::empty(Options::default()).await;
    world.push(&["keep"], &image(0)).await;
    for number in 1..=IMAGES {
        world.push(&[&format!("old-{number}")], &image(number)).await;
    }
    world
}

/// Nothing is gone that the report and the journal do not name, `keep` is whole, and what was not done has a reason.
/// Returns how many are left. (A delete that was sent, and could not be seen to be done, is told as unknown.)
async fn only_what_is_told_is_gone(world: &World, report: &Value) -> u64 {
    let left = world.registry.manifests(WEB).len() as u64;
    let figure = |name: &str| report[name].as_u64().unwrap();
    let gone = IMAGES + 1 - left;
    assert!(
        figure("deleted") <= gone && gone <= figure("deleted") + figure("unknown"),
        "{gone} are gone: {report}"
    );
    world.puller.pull_whole(WEB, "keep").await.unwrap();
    let run = world.desk.latest_run().await;
    assert_eq!((&run["id"], &run["deleted"]), (&report["run"], &report["deleted"]));
    let told = |action: &&Value| action["outcome"] != "done" && action["why"].as_str().unwrap_or_default().is_empty();
    let silent = report["actions"].as_array().unwrap().iter().find(told);
    assert_eq!(silent, None, "{report}");
    left - 1
}

async fn the_next_apply_finishes(world: &World) {
    world.registry.clear_faults();
    world.desk.apply(&[]).await.exits(0);
    assert_eq!(world.registry.manifests(WEB), [image(0).digest]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registry_that_goes_read_only_in_the_middle_blocks_the_rest() {
    let world = ten_images().await;
    world.desk.plan().await;
    let freeze = Fault::call(|registry| registry.set_read_only(true));
    // Two of the DELETEs only find out whether deletes are on.
    world.registry.fail(freeze.method("DELETE").skip(5).times(1));
    let ended = world.desk.apply(&[]).await.exits(3);
    let left = only_what_is_told_is_gone(&world, &ended.json()).await;
    assert!((1..IMAGES).contains(&left), "{left} left");
    assert_eq!(
        (&ended.json()["blocked"], &ended.json()["deleted"]),
        (&json!(left), &json!(IMAGES - left))
    );
    world.registry.set_read_only(false);
    the_next_apply_finishes(&world).await;
}

/// From the sixth request of a kind on, for ever.
#[tokio::test(flavor = "multi_thread")]
async fn a_registry_that_fails_in_the_middle_stops_the_rest() {
    let rate_limited = |retry_after: &str| Effect::Status {
        status: 429,
        retry_after: Some(retry_after.to_owned()),
        body: None,
    };
    let html = Effect::Status {
        status: 500,
        retry_after: None,
        body: Some("<html>".to_owned()),
    };
    for (method, effect, why) in [
        ("DELETE", rate_limited("3600"), "3600"),
        ("HEAD", rate_limited("3600"), "3600"),
        ("HEAD", html, "500 Internal Server Error"),
        ("HEAD", Effect::Reset, "error sending request"),
        ("DELETE", Effect::Reset, "error sending request"),
    ] {
        let shown = format!("{method} {effect:?}");
        let world = ten_images().await;
        world.desk.plan().await;
        world.registry.fail(
            Fault::new(effect)
                .method(method)
                .path("/v2/apps/web/manifests/*")
                .skip(6),
        );
        let began = world.registry.requests().len();
        let ended = world.desk.apply(&[]).await.exits(4);
        let left = only_what_is_told_is_gone(&world, &ended.json()).await;
        assert!(left > 0, "{shown}");
        assert!(
            ended.stdout.contains(why),
            "{shown}: `{why}` is not in {}",
            ended.stdout
        );
        let requests = world.registry.requests().len() - began;
        assert!(requests < 300, "{shown}: {requests} requests");
        the_next_apply_finishes(&world).await;
    }
}

/// A slow answer is no failure.
#[tokio::test(flavor = "multi_thread")]
async fn an_apply_takes_slow_answers_as_they_come() {
    let world = ten_images().await;
    world.desk.plan().await;
    world
        .registry
        .fail(Fault::new(Effect::SlowBody { bytes_per_second: 400 }).path("/v2/apps/web/tags/list"));
    world
        .registry
        .fail(Fault::new(Effect::Delay(Duration::from_millis(200))).method("DELETE"));
    let ended = world.desk.apply(&[]).await.exits(0);
    assert_eq!(only_what_is_told_is_gone(&world, &ended.json()).await, 0);
}

/// An account that may delete in one repository and not in the other.
#[tokio::test(flavor = "multi_thread")]
async fn a_repository_in_trouble_does_not_stop_another_one() {
    let world = ten_images().await;
    world.pusher.push("apps/api", &["old-99"], &image(99)).await.unwrap();
    world.desk.write(
        "jettison.yaml",
        &configured("limits: { max-share: 100%, keep-at-least: 0 }\n"),
    );
    world.desk.plan().await;
    world
        .registry
        .fail(Fault::status(403).method("DELETE").path("/v2/apps/api/*"));
    let ended = world.desk.apply(&[]).await.exits(4);
    assert_eq!(ended.json()["deleted"], IMAGES);
    assert_eq!(world.registry.manifests("apps/api"), [image(99).digest]);
    world.puller.pull_whole("apps/api", "old-99").await.unwrap();
}

/// From some request on, whatever it is, every answer drips or none comes. Time limits that end within a test.
#[tokio::test(flavor = "multi_thread")]
async fn a_registry_that_drips_or_falls_silent_in_the_middle_is_given_up() {
    let drips = Effect::SlowBody { bytes_per_second: 1 };
    for (effect, asked) in [(Effect::Hang, 4), (Effect::Hang, 24), (drips, 0)] {
        let shown = format!("{effect:?} after {asked}");
        let world = ten_images().await;
        let limits = Limits {
            idle_timeout: Duration::from_millis(200),
            request_timeout: Duration::from_millis(400),
            ..hasty()
        };
        let inside = Inside::with(&world, limits).await;
        world.registry.fail(Fault::new(effect).skip(asked));
        let report = tokio::time::timeout(Duration::from_secs(30), inside.apply(&world, Duration::from_secs(5)));
        let report = report.await.unwrap_or_else(|_| panic!("{shown}: it hangs"));
        assert!(report.failed + report.unknown > 0, "{shown}: {report:?}");
        world.registry.clear_faults();
        let left = only_what_is_told_is_gone(&world, &serde_json::to_value(&report).unwrap()).await;
        assert!(left > 0 || report.unknown > 0, "{shown}");
        the_next_apply_finishes(&world).await;
        inside.expect_settled().await;
    }
}

//! What the registry refuses, ignores or interrupts.

use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jettison::apply::Happened;
use jettison::store::Store;
use jettison_testkit::registry::{Effect, Fault, Options};
use serde_json::json;

use crate::common::contents::Contents;
use crate::inside::{Inside, outcome_of};
use crate::world::{WEB, World, expect_outcomes, image, outcomes};

fn path_of(seed: u64) -> String {
    format!("/v2/{WEB}/manifests/{}", image(seed).digest)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delete_that_is_refused_stops_that_image_alone() {
    for (status, code, outcome) in [
        (405, 3, "blocked"),
        (403, 4, "failed"),
        (409, 4, "failed"),
        (412, 4, "failed"),
        (400, 4, "failed"),
    ] {
        let world = World::start(Options::default()).await;
        world.desk.plan().await;
        world
            .registry
            .fail(Fault::status(status).method("DELETE").path(&path_of(2)));
        let ended = world.desk.apply(&[]).await.exits(code);
        expect_outcomes(
            &ended,
            &[
                (&image(1), "done", ""),
                (&image(2), outcome, ""),
                (&image(3), "done", ""),
            ],
        );
        world.puller.pull_whole(WEB, "old-2").await.unwrap();
        assert_eq!(world.desk.latest_run().await["deleted"], 2);
    }
}

/// A registry in trouble for a moment costs patience, and one that stays in trouble costs that image alone.
#[tokio::test(flavor = "multi_thread")]
async fn a_registry_in_trouble_is_asked_again() {
    let world = World::start(Options::default()).await;
    world.desk.plan().await;
    world
        .registry
        .fail(Fault::status(503).method("DELETE").path(&path_of(1)).times(1));
    world.registry.fail(
        Fault::new(Effect::ResetAfter)
            .method("DELETE")
            .path(&path_of(2))
            .times(1),
    );
    let ended = world.desk.apply(&[]).await.exits(0);
    for (digest, (outcome, _)) in outcomes(&ended) {
        assert!(
            matches!(outcome.as_str(), "done" | "already-gone"),
            "{digest}: {outcome}"
        );
    }
    assert_eq!(world.registry.manifests(WEB), [image(0).digest]);
}

#[tokio::test(flavor = "multi_thread")]
async fn deletes_that_were_switched_off_since_are_blocked() {
    let world = World::start(Options::default()).await;
    let before = Contents::of(&world.registry);
    world.desk.plan().await;
    world.registry.set_read_only(true);
    let ended = world.desk.apply(&[]).await.exits(3);
    let why = "deletes switched off";
    expect_outcomes(
        &ended,
        &[
            (&image(1), "blocked", why),
            (&image(2), "blocked", why),
            (&image(3), "blocked", why),
        ],
    );
    assert_eq!(Contents::of(&world.registry), before);
    assert_eq!(world.desk.latest_run().await["status"], "refused");
}

/// If the look before the delete fails, nothing goes.
#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_looked_at_again_stays() {
    let tags = format!("/v2/{WEB}/tags/list");
    for fault in [
        Fault::status(403).path(&tags),
        Fault::new(Effect::InvalidJson).path(&tags),
        Fault::status(404).path(&tags),
        Fault::status(403)
            .method("HEAD")
            .path(&format!("/v2/{WEB}/manifests/keep")),
        Fault::status(500)
            .method("HEAD")
            .path(&format!("/v2/{WEB}/manifests/release")),
        Fault::status(403)
            .method("GET")
            .path(&format!("/v2/{WEB}/manifests/{}", image(50).digest)),
    ] {
        let world = World::start(Options::default()).await;
        world.desk.plan().await;
        world.push(&["release"], &image(50)).await;
        let shown = format!("{fault:?}");
        world.registry.fail(fault);
        let ended = world.desk.apply(&[]).await;
        assert_eq!(ended.code, 4, "{shown}: {}", ended.stdout);
        assert_eq!(
            (ended.json()["deleted"].clone(), world.deletes()),
            (json!(0), vec![]),
            "{shown}"
        );
        assert_eq!(world.registry.manifests(WEB).len(), 5, "{shown}");
    }
}

/// An account that may read and not delete, and a referrers API that does not answer at the last moment.
#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_asked_before_a_delete_stops_it() {
    for fault in [
        Fault::status(403)
            .method("DELETE")
            .path(&format!("/v2/{WEB}/manifests/*")),
        Fault::status(403).path(&format!("/v2/{WEB}/referrers/*")),
    ] {
        let world = World::start(Options {
            referrers: true,
            ..Options::default()
        })
        .await;
        world.desk.plan().await;
        let shown = format!("{fault:?}");
        world.registry.fail(fault);
        let ended = world.desk.apply(&[]).await.exits(4);
        assert_eq!(
            (&ended.json()["deleted"], &ended.json()["failed"]),
            (&json!(0), &json!(3)),
            "{shown}"
        );
        assert_eq!(world.registry.manifests(WEB).len(), 4, "{shown}");
    }
}

/// A plan may be applied where nothing is remembered: what is about to go is read again first, and saved.
#[tokio::test(flavor = "multi_thread")]
async fn an_apply_with_an_empty_store_saves_what_it_deletes() {
    let world = World::start(Options::default()).await;
    world.desk.plan().await;
    std::fs::remove_dir_all(world.desk.state()).unwrap();
    let report = world.desk.apply(&[]).await.exits(0).json();
    assert_eq!(report["deleted"], 3);
    let store = Store::open(world.desk.state()).await.unwrap();
    let run = store.run(report["run"].as_str().unwrap()).await.unwrap().unwrap();
    for entry in &run.entries {
        let saved = store.saved_manifest(entry.id).await.unwrap();
        assert!((1..=3).map(image).any(|image| image.bytes == saved.bytes));
    }
    assert_eq!(run.entries.len(), 3);
    store.close().await;
    // And where one cannot be read again, it stays, and so does whatever it might list.
    let other = World::start(Options::default()).await;
    other.desk.plan().await;
    std::fs::remove_dir_all(other.desk.state()).unwrap();
    other.registry.fail(Fault::new(Effect::WrongBody).path(&path_of(2)));
    let ended = other.desk.apply(&[]).await.exits(4);
    expect_outcomes(
        &ended,
        &[
            (&image(1), "left", "could not be read"),
            (&image(2), "failed", ""),
            (&image(3), "left", "could not be read"),
        ],
    );
    assert!((1..=3).all(|number| other.has(&image(number))));
}

#[tokio::test(flavor = "multi_thread")]
async fn two_applies_at_once_are_one_too_many() {
    let world = World::start(Options::default()).await;
    world.desk.plan().await;
    let waits = Fault::new(Effect::Delay(Duration::from_secs(5)))
        .method("DELETE")
        .path(&path_of(1));
    world.registry.fail(waits);
    let first = world.desk.start(&["apply", "plan.json", "--yes", "--output", "json"]);
    reached(&world, &path_of(1)).await;
    let second = world.desk.apply(&[]).await.exits(1);
    assert!(
        second.stderr.contains("run ") && second.stderr.contains("process"),
        "{}",
        second.stderr
    );
    let runs = world.desk.run(&["history", "--output", "json"]).await.exits(0).json();
    assert_eq!(
        runs["runs"].as_array().unwrap().len(),
        1,
        "the second is no run: {runs}"
    );
    let id = runs["runs"][0]["id"].as_str().unwrap();
    assert!(
        second.stderr.contains(id) && runs["runs"][0]["status"] == "running",
        "{}",
        second.stderr
    );
    // Who only looks is not kept waiting.
    world.desk.run(&["plan"]).await.exits(0);
    let output = first.wait_with_output().await.unwrap();
    assert_eq!(output.status.code(), Some(0));
    world.desk.apply(&[]).await.exits(0);
}

/// Until the registry has seen a DELETE of this path.
async fn reached(world: &World, path: &str) {
    let seen = || {
        world
            .registry
            .requests()
            .iter()
            .any(|request| request.method == "DELETE" && request.path == path)
    };
    for _ in 0..600 {
        if seen() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("no DELETE of {path}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_was_killed_had_saved_everything_and_is_resumed() {
    let world = World::start(Options::default()).await;
    world.desk.plan().await;
    world
        .registry
        .fail(Fault::new(Effect::Hang).method("DELETE").path(&path_of(2)));
    let mut first = world.desk.start(&["apply", "plan.json", "--yes"]);
    reached(&world, &path_of(2)).await;
    first.kill().await.unwrap();
    let run = world.desk.latest_run().await;
    assert_eq!(run["status"], "interrupted");
    let store = Store::open(world.desk.state()).await.unwrap();
    let detail = store.run(run["id"].as_str().unwrap()).await.unwrap().unwrap();
    assert_eq!(detail.entries.len(), 3);
    for entry in &detail.entries {
        let saved = store.saved_manifest(entry.id).await.unwrap();
        assert!(
            (1..=3)
                .map(image)
                .any(|image| image.digest == entry.digest.to_string() && image.bytes == saved.bytes)
        );
    }
    store.close().await;
    world.registry.clear_faults();
    world.desk.apply(&[]).await.exits(0);
    assert_eq!(world.registry.manifests(WEB), [image(0).digest]);
    let runs = world.desk.run(&["history", "--output", "json"]).await.exits(0).json();
    assert_eq!(runs["runs"].as_array().unwrap().len(), 2);
    assert_eq!(world.desk.latest_run().await["status"], "done");
}

/// 202, and nothing happens: after the time that a registry may take this is a failure, and no success.
#[tokio::test(flavor = "multi_thread")]
async fn a_delete_that_is_accepted_and_never_done_is_a_failure() {
    let world = World::start(Options::default()).await;
    let inside = Inside::of(&world).await;
    world
        .registry
        .fail(Fault::new(Effect::DeleteIgnored).method("DELETE").path(&path_of(2)));
    let report = inside.apply(&world, Duration::from_secs(1)).await;
    let (outcome, why) = outcome_of(&report, 2);
    assert!(
        outcome == Happened::Failed && why.contains("still there"),
        "{outcome:?} {why}"
    );
    assert_eq!((report.deleted, report.failed), (2, 1));
    assert!(world.has(&image(2)) && !world.has(&image(1)) && !world.has(&image(3)));
}

/// Some registries accept a delete and carry it out later: that is not a failure.
#[tokio::test(flavor = "multi_thread")]
async fn a_delete_that_is_done_later_is_waited_for() {
    let world = World::start(Options::default()).await;
    let inside = Inside::of(&world).await;
    let digest = image(2).digest;
    world
        .registry
        .fail(Fault::new(Effect::DeleteIgnored).method("DELETE").path(&path_of(2)));
    let gone = Fault::call(move |registry| assert!(registry.remove_manifest(WEB, &digest)));
    // The first HEAD is one of the looks; the fourth comes some tenths of a second after the delete.
    world
        .registry
        .fail(gone.method("HEAD").path(&path_of(2)).skip(3).times(1));
    let report = inside.apply(&world, Duration::from_secs(60)).await;
    assert_eq!((report.deleted, report.failed), (3, 0));
}

/// Design, section 6: the tag list is no older than 60 s, and usage was observed no longer than 60 s ago, when
/// something is removed; also where the removals before it took long.
#[tokio::test]
async fn a_look_that_has_become_old_is_repeated_before_the_next_delete() {
    let world = World::start(Options::default()).await;
    let last = 30;
    for number in 4..=last {
        world.push(&[&format!("old-{number}")], &image(number)).await;
    }
    let inside = Inside::of(&world).await;
    // Every delete takes 25 s, and eight are under way at once. While the first is under way somebody rolls back to the last.
    world.registry.fail(
        Fault::new(Effect::Delay(Duration::from_secs(25)))
            .method("DELETE")
            .path(&format!("/v2/{WEB}/manifests/sha256:*")),
    );
    let order: Vec<String> = inside
        .plan
        .actions
        .iter()
        .map(|action| action.digest.to_string())
        .collect();
    assert_eq!(order.len(), usize::try_from(last).unwrap());
    let first = order.first().unwrap();
    let victim = order.last().unwrap().clone();
    let moved = victim.clone();
    let rolls_back = Fault::call(move |registry| assert!(registry.move_tag(WEB, "keep", &moved)));
    world.registry.fail(
        rolls_back
            .method("DELETE")
            .path(&format!("/v2/{WEB}/manifests/{first}"))
            .times(1),
    );
    let report = inside.apply_fast(&world).await;
    assert!(report.deleted > 20, "{report:?}");
    assert!(
        world.registry.manifests(WEB).contains(&victim),
        "an image that `keep` has pointed to for minutes was deleted"
    );
}

/// A signed manifest of schema 1 cannot be journalled so that undo is sure of it: it stays, and says why. Others go.
#[tokio::test(flavor = "multi_thread")]
async fn a_signed_manifest_of_schema_1_stays_since_it_could_not_be_put_back() {
    let world = World::start(Options::default()).await;
    let history = r#"{\"created\":\"2015-01-01T00:00:00Z\"}"#;
    let signed = format!(
        r#"{{"schemaVersion":1,"name":"apps/web","tag":"old-4","fsLayers":[],"history":[{{"v1Compatibility":"{history}"}}]"#
    );
    let protected = format!(r#"{{"formatLength":{},"formatTail":"fQ"}}"#, signed.len());
    let protected = BASE64_URL_SAFE_NO_PAD.encode(protected);
    let bytes = format!(r#"{signed},"signatures":[{{"protected":"{protected}"}}]}}"#);
    let media_type = "application/vnd.docker.distribution.manifest.v1+prettyjws";
    let pushed = world.pusher.push_manifest(WEB, "old-4", media_type, bytes.into());
    pushed.await.unwrap();
    let plan = world.desk.plan().await;
    assert_eq!(plan["actions"].as_array().unwrap().len(), 4);
    let ended = world.desk.apply(&[]).await.exits(3);
    let digest = world.registry.tags(WEB)["old-4"].clone();
    let (outcome, why) = outcomes(&ended)[&digest].clone();
    assert!(
        outcome == "blocked" && why.contains("schema 1") && why.contains("put back"),
        "{outcome} {why}"
    );
    assert_eq!(
        (&ended.json()["deleted"], &ended.json()["failed"]),
        (&json!(3), &json!(0))
    );
}

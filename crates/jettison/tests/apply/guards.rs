//! Limits of what an apply relies on.

use std::time::Duration;

use jettison::apply::Happened;
use jettison::store::Store;
use jettison_testkit::images::{Image, Index};
use jettison_testkit::registry::{Effect, Fault, Options};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use crate::inside::{Inside, outcome_of};
use crate::refusals::{refused, write_consistent};
use crate::world::{WEB, World, image};

/// The clocks of two machines may differ by a minute.
#[tokio::test(flavor = "multi_thread")]
async fn a_plan_may_be_half_a_minute_ahead_and_not_one_and_a_half() {
    let world = World::start(Options::default()).await;
    let plan = world.desk.plan().await;
    let ahead = |seconds| Timestamp::now() + SignedDuration::from_secs(seconds);
    write_consistent(&world, &plan, |plan| plan.now = ahead(90));
    refused(&world, world.desk.apply(&[]).await, 3, "future").await;
    write_consistent(&world, &plan, |plan| plan.now = ahead(30));
    world.desk.apply(&[]).await.exits(0);
}

/// The cache is gone after some were removed: nothing more goes than what is in the journal.
#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_saved_is_not_deleted() {
    let world = World::start(Options::default()).await;
    for number in 4..=104 {
        world.push(&[&format!("old-{number}")], &image(number)).await;
    }
    let inside = Inside::of(&world).await;
    let last = inside.plan.actions.last().unwrap().digest.clone();
    let state = world.desk.state();
    let forgets = Fault::call(move |_| {
        let state = state.clone();
        let forget = async move {
            let store = Store::open(state).await.unwrap();
            store.prune_cache(Timestamp::MAX).await.unwrap();
            store.close().await;
        };
        let forget = move || {
            tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap()
                .block_on(forget)
        };
        std::thread::spawn(forget).join().unwrap();
    });
    let first = &inside.plan.actions[0].digest;
    let path = format!("/v2/{WEB}/manifests/{first}");
    world.registry.fail(forgets.method("DELETE").path(&path).times(1));
    let report = inside.apply(&world, Duration::from_secs(1)).await;
    assert_eq!(
        (report.deleted, report.failed),
        (100, 4),
        "a hundred are saved at a time"
    );
    let why = report.actions.iter().find(|action| action.digest == last).unwrap();
    assert!(why.why.as_deref().unwrap().contains("could not be saved"), "{why:?}");
    assert!(world.registry.manifests(WEB).contains(&last.to_string()));
}

/// Deeper than any builder nests: nobody reads on for ever, and nothing goes.
#[tokio::test(flavor = "multi_thread")]
async fn a_new_index_may_be_nested_and_not_without_end() {
    for (depth, deleted) in [(10, 3), (18, 0)] {
        let world = World::start(Options::default()).await;
        world.desk.plan().await;
        let mut index = Image::new(40).created("2025-01-01T00:00:00Z").build();
        for _ in 0..depth {
            index = Index::new().child(index).build();
        }
        world.push(&["release"], &index).await;
        let ended = world.desk.apply(&[]).await;
        assert_eq!(ended.json()["deleted"], json!(deleted), "{depth}: {}", ended.stdout);
        if deleted == 0 {
            ended.exits(4).says("nested more than 16 deep");
        }
    }
}

/// 202, and the tag stays: a failure, and no success.
#[tokio::test(flavor = "multi_thread")]
async fn a_tag_removal_that_is_accepted_and_ignored_is_a_failure() {
    let world = crate::races::untagging(true).await;
    let inside = Inside::of(&world).await;
    let path = format!("/v2/{WEB}/manifests/old-2");
    world
        .registry
        .fail(Fault::new(Effect::DeleteIgnored).method("DELETE").path(&path));
    let report = inside.apply(&world, Duration::from_secs(1)).await;
    let (outcome, why) = outcome_of(&report, 0);
    assert!(
        outcome == Happened::Failed && why.contains("still there"),
        "{outcome:?} {why}"
    );
    assert_eq!((report.untagged, report.failed), (0, 1));
    let tags: Vec<String> = world.registry.tags(WEB).into_keys().collect();
    assert_eq!(
        tags,
        ["keep", "old-1", "old-2"],
        "what went before it is put back: all of it or nothing"
    );
    inside.expect_settled().await;
}

/// What hangs together is never torn apart, however much it is.
#[tokio::test(flavor = "multi_thread")]
async fn all_children_of_an_index_that_is_refused_stay() {
    let world = World::start(Options::default()).await;
    let children = (200..320).map(image);
    let index = Index::new().children(children).build();
    world.push(&["old-index"], &index).await;
    let inside = Inside::of(&world).await;
    assert_eq!(inside.plan.actions.len(), 124);
    let path = format!("/v2/{WEB}/manifests/{}", index.digest);
    world.registry.fail(Fault::status(403).method("DELETE").path(&path));
    let report = inside.apply(&world, Duration::from_secs(1)).await;
    assert_eq!((report.deleted, report.failed, report.left), (3, 1, 120));
    assert!((200..320).map(image).all(|child| world.has(&child)));
}

/// Some lists of referrers lag behind: what they name and nobody has holds nothing.
#[tokio::test(flavor = "multi_thread")]
async fn a_referrer_that_is_listed_and_not_there_holds_nothing() {
    for there in [false, true] {
        let world = World::start(Options {
            referrers: true,
            ..Options::default()
        })
        .await;
        world.desk.plan().await;
        let digest = if there { image(0).digest } else { image(77).digest };
        let index = json!({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": [
            {"mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": digest, "size": 1}]});
        let listed = Effect::Status {
            status: 200,
            retry_after: None,
            body: Some(index.to_string()),
        };
        let path = format!("/v2/{WEB}/referrers/{}", image(1).digest);
        world.registry.fail(Fault::new(listed).path(&path));
        world.desk.apply(&[]).await.exits(if there { 4 } else { 0 });
        assert_eq!(world.has(&image(1)), there);
    }
}

/// Design, section 6: what a removal relies on was seen no longer than 60 s ago, also where its own tags took long to
/// look at.
#[tokio::test]
async fn a_registry_that_is_slow_with_the_tags_of_one_image_does_not_outlast_the_look() {
    let world = World::empty(Options::default()).await;
    let tags: Vec<String> = (0..40).map(|number| format!("old-{number}")).collect();
    let tags: Vec<&str> = tags.iter().map(String::as_str).collect();
    world.push(&["keep"], &image(0)).await;
    world.push(&tags, &image(1)).await;
    let inside = Inside::of(&world).await;
    let slow = Fault::new(Effect::Delay(Duration::from_secs(25))).method("HEAD");
    // The look itself, which asks for each tag once, is quick.
    world
        .registry
        .fail(slow.path(&format!("/v2/{WEB}/manifests/old-*")).skip(40));
    let report = inside.apply_fast(&world).await;
    let (outcome, why) = outcome_of(&report, 1);
    assert!(
        outcome == Happened::Failed && why.contains("too old"),
        "{outcome:?} {why}"
    );
    assert!(world.has(&image(1)) && world.deletes().is_empty());
}

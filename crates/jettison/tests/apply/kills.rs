//! An apply that ends at any request, without a word, and what the next one makes of it.
//!
//! Whatever the moment: no image that stays loses a tag, nothing that is still there has lost one for good, and the
//! same plan, applied again, finishes.

use std::collections::BTreeMap;
use std::time::Duration;

use jettison::store::{RunStatus, Store};
use jettison_testkit::images::{Cosign, Image, Index, Manifest, cosign, cosign_tag};
use jettison_testkit::registry::{Class, Effect, Fault, Options};

use crate::common::contents::Contents;
use crate::inside::{Inside, Kill, killed};
use crate::world::{WEB, World, image};

const SECOND: Duration = Duration::from_secs(1);

/// `keep` and `old-1` to `old-3`, where single tags can be removed.
async fn removable() -> World {
    World::start(Options {
        delete_tag: true,
        ..Options::default()
    })
    .await
}

/// What is in the repository, by its tags.
type Images = Vec<(Vec<String>, Manifest)>;

/// Images, an index with a child that it shares with one that stays, and a signature.
fn images() -> Images {
    let platform = |seed, platform: &str| {
        let image = Image::new(seed).platform(platform);
        image.created("2025-01-01T00:00:00Z").build()
    };
    let shared = platform(11, "linux/arm64");
    let old = Index::new()
        .children([platform(10, "linux/amd64"), shared.clone()])
        .build();
    let newer = Index::new().children([platform(12, "linux/amd64"), shared]).build();
    let signature = cosign(&image(1).digest, Cosign::Signature);
    let tagged = |tag: &str, manifest| (vec![tag.to_owned()], manifest);
    vec![
        tagged("keep", image(0)),
        (vec!["old-1".to_owned(), "old-one".to_owned()], image(1)),
        tagged(&cosign_tag(&image(1).digest, Cosign::Signature), signature),
        tagged("old-2", image(2)),
        tagged("old-index", old),
        tagged("keep-index", newer),
    ]
}

async fn push(world: &World, images: &Images) {
    for (tags, manifest) in images.iter().filter(|(_, manifest)| !world.has(manifest)) {
        let tags: Vec<&str> = tags.iter().map(String::as_str).collect();
        world.push(&tags, manifest).await;
    }
}

/// Tags of images that are still there.
fn tags_of_those_there(world: &World, images: &Images) -> BTreeMap<String, String> {
    let there = images.iter().filter(|(_, manifest)| world.has(manifest));
    there
        .flat_map(|(tags, manifest)| tags.iter().map(|tag| (tag.clone(), manifest.digest.clone())))
        .collect()
}

/// Kills an apply at every request, `from` being the first one, and settles and applies again each time.
async fn killed_at_every_request(tags_first: bool, kill: Kill) {
    let world = World::empty(Options {
        delete_tag: true,
        ..Options::default()
    })
    .await;
    let images = images();
    push(&world, &images).await;
    let inside = match tags_first {
        true => Inside::tags_first(&world).await,
        false => Inside::of(&world).await,
    };
    let after_all = Contents::of(&world.registry).without(&serde_json::to_value(&inside.plan).unwrap());
    let mut put_back = 0;
    for requests in 0.. {
        push(&world, &images).await;
        if !killed(&world, inside.apply(&world, SECOND), requests, kill).await {
            assert!(requests > 5, "the apply ended after {requests} requests");
            break;
        }
        let settled = inside.settle().await;
        assert!(
            settled.runs.len() <= 1 && settled.runs.iter().all(|run| run.open.is_empty()),
            "{settled:?}"
        );
        put_back += settled.runs.iter().map(|run| run.put_back).sum::<u64>();
        inside.expect_settled().await;
        assert_eq!(
            world.registry.tags(WEB),
            tags_of_those_there(&world, &images),
            "after request {requests}: {settled:?}"
        );
        let report = inside.apply(&world, SECOND).await;
        assert_eq!(
            (report.failed, report.left),
            (0, 0),
            "after request {requests}: {report:?}"
        );
        assert_eq!(Contents::of(&world.registry), after_all, "after request {requests}");
        inside.expect_settled().await;
    }
    assert_eq!(put_back > 0, tags_first, "tags are put back where they went first");
    world.puller.pull_whole(WEB, "keep-index").await.unwrap();
}

#[tokio::test]
async fn an_apply_that_is_killed_before_any_request_is_finished_by_the_next() {
    killed_at_every_request(false, Kill::Before).await;
}

#[tokio::test]
async fn an_apply_that_is_killed_before_any_answer_is_finished_by_the_next() {
    killed_at_every_request(false, Kill::AfterDelete).await;
}

#[tokio::test]
async fn tags_that_went_first_come_back_when_the_apply_is_killed_before_any_request() {
    killed_at_every_request(true, Kill::Before).await;
}

#[tokio::test]
async fn tags_that_went_first_come_back_when_the_apply_is_killed_before_any_answer() {
    killed_at_every_request(true, Kill::AfterDelete).await;
}

/// Until the apply has sent that many DELETEs: a digest nobody has, a tag nobody has, and then what the plan says.
async fn killed_after_deletes(world: &World, inside: &Inside, deletes: u64) {
    let stop = Fault::new(Effect::Hang);
    world.registry.fail(stop.method("DELETE").skip(deletes));
    let seen = async {
        while world.registry.count("DELETE", Class::Manifest) <= deletes {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::select! {
        () = seen => {}
        _ = inside.apply(world, SECOND) => panic!("it came to its end"),
    }
    world.registry.clear_faults();
    world.registry.clear_requests();
}

/// A settling that is killed is settled, at every request of it.
#[tokio::test]
async fn a_settling_that_is_killed_is_settled_by_the_next() {
    for kill in [Kill::Before, Kill::AfterPut] {
        let world = removable().await;
        let inside = Inside::tags_first(&world).await;
        let before = Contents::of(&world.registry);
        for requests in 0.. {
            world.registry.clear_requests();
            killed_after_deletes(&world, &inside, 4).await;
            assert_ne!(Contents::of(&world.registry), before, "tags are gone");
            let again = killed(&world, inside.settle(), requests, kill).await;
            inside.settle().await;
            assert_eq!(Contents::of(&world.registry), before, "after request {requests}");
            inside.expect_settled().await;
            assert_eq!(inside.last_status().await, RunStatus::Interrupted);
            if !again {
                assert!(requests >= 2);
                break;
            }
        }
    }
}

/// Somebody has pushed to the tag meanwhile: it is theirs.
#[tokio::test]
async fn a_tag_that_somebody_set_meanwhile_is_left_to_them() {
    let world = removable().await;
    let inside = Inside::tags_first(&world).await;
    killed_after_deletes(&world, &inside, 5).await;
    let gone: Vec<u64> = (1..=3)
        .filter(|seed| !world.registry.tags(WEB).contains_key(&format!("old-{seed}")))
        .collect();
    let [theirs, ours, ..] = gone[..] else {
        panic!("{gone:?}")
    };
    world.push(&[&format!("old-{theirs}")], &image(9)).await;
    inside.settle().await;
    let tags = world.registry.tags(WEB);
    assert_eq!(tags[&format!("old-{theirs}")], image(9).digest);
    assert_eq!(tags[&format!("old-{ours}")], image(ours).digest);
    inside.expect_settled().await;
}

/// Where nobody can tell what became of it, nothing more goes, and the run stays open until somebody can.
#[tokio::test]
async fn a_repository_that_cannot_be_settled_loses_nothing_more() {
    let world = removable().await;
    world.pusher.push("apps/api", &["old-1"], &image(21)).await.unwrap();
    world.pusher.push("apps/api", &["keep"], &image(20)).await.unwrap();
    let inside = Inside::tags_first(&world).await;
    let web_only = |path: &str| format!("/v2/{WEB}/{path}");
    // The other repository comes first, and is done.
    killed_after_deletes(&world, &inside, 8).await;
    assert!(!world.registry.manifests("apps/api").contains(&image(21).digest));
    world.pusher.push("apps/api", &["old-1"], &image(21)).await.unwrap();
    let before = world.registry.manifests(WEB);
    for number in 1..=3 {
        world
            .registry
            .fail(Fault::status(403).path(&web_only(&format!("manifests/{}", image(number).digest))));
    }
    let report = inside.apply(&world, SECOND).await;
    assert_eq!((report.deleted, report.failed), (1, 3), "{report:?}");
    assert_eq!(world.registry.manifests(WEB), before);
    let why = &report.actions.iter().find(|action| action.why.is_some()).unwrap().why;
    assert!(why.as_deref().unwrap().contains("could not be settled"), "{why:?}");
    assert_eq!(inside.store.interrupted_runs().await.unwrap().len(), 1, "it stays open");
    world.registry.clear_faults();
    let report = inside.apply(&world, SECOND).await;
    assert_eq!(
        (report.failed, report.deleted + report.already_gone),
        (0, 4),
        "{report:?}"
    );
    inside.expect_settled().await;
}

/// The program itself: `run` settles before it scans, so that the plan knows what came back.
#[tokio::test(flavor = "multi_thread")]
async fn a_run_settles_before_it_scans() {
    let world = removable().await;
    let inside = Inside::tags_first(&world).await;
    let after_all = Contents::of(&world.registry).without(&serde_json::to_value(&inside.plan).unwrap());
    killed_after_deletes(&world, &inside, 4).await;
    let ended = world.desk.run(&["run", "--yes"]).await.exits(0);
    ended.says("was interrupted").says("got tags back");
    inside.expect_settled().await;
    assert_eq!(Contents::of(&world.registry), after_all);
}

/// Who only looks changes nothing, and says what there is to do.
#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_settles_nothing_and_says_so() {
    let world = removable().await;
    let inside = Inside::tags_first(&world).await;
    killed_after_deletes(&world, &inside, 4).await;
    let broken = Contents::of(&world.registry);
    let ended = world.desk.run(&["run", "--dry-run"]).await.exits(0);
    ended.says("was interrupted");
    assert_eq!(Contents::of(&world.registry), broken);
}

/// Two processes take turns, and the second knows before it has done any work.
#[tokio::test(flavor = "multi_thread")]
async fn a_run_notices_a_locked_store_before_it_scans() {
    let world = World::start(Options::default()).await;
    world.desk.plan().await;
    let store = Store::open(world.desk.state()).await.unwrap();
    let lock = store.lock_for_run("run 20261121-223311-4f2a (apply)").unwrap();
    world.registry.clear_requests();
    for command in [&["run", "--yes"][..], &["apply", "plan.json", "--yes"]] {
        world.desk.run(command).await.exits(1).says("20261121-223311-4f2a");
    }
    assert_eq!(world.registry.requests(), []);
    drop(lock);
    world.desk.run(&["run", "--yes"]).await.exits(0);
}

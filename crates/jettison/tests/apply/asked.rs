//! A delete that was sent, and a registry that then does not say whether it was done: nothing is claimed that nobody saw.

use std::time::Duration;

use jettison::apply::Happened;
use jettison::registry::Limits;
use jettison::store::{Outcome, RunStatus};
use jettison_testkit::registry::{Effect, Fault, Options};

use crate::inside::{Inside, outcome_of};
use crate::world::{WEB, World, image};

const SECOND: Duration = Duration::from_secs(1);

/// One call, one answer: what a run makes of failures is looked at here.
fn quick() -> Limits {
    Limits {
        tries: 1,
        left_alone: Duration::ZERO,
        ..Limits::default()
    }
}

fn path() -> String {
    format!("/v2/{WEB}/manifests/{}", image(2).digest)
}

/// From the answer of the first DELETE on, the second image cannot be asked about.
fn silent_after_the_delete(world: &World, first: Effect) {
    let fault = |method: &str| Fault::status(500).method(method).path(&path());
    world.registry.fail(fault("HEAD"));
    world.registry.fail(fault("DELETE").skip(1));
    world
        .registry
        .fail(Fault::new(first).method("DELETE").path(&path()).times(1));
}

/// What the journal says last of the second image.
async fn last_word(inside: &Inside) -> Option<Outcome> {
    let run = inside.store.runs().await.unwrap().pop().unwrap();
    let detail = inside.store.run(run.id.as_str()).await.unwrap().unwrap();
    let digest = image(2).digest;
    let mut entries = detail.entries.into_iter();
    entries
        .find(|entry| entry.digest.to_string() == digest)?
        .outcome()
        .cloned()
}

fn does_nothing() -> Effect {
    Effect::Delay(Duration::ZERO)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delete_whose_check_fails_is_not_known_until_the_next_run_looks() {
    // Done and answered, done without an answer, and accepted without being done.
    for (first, gone) in [
        (does_nothing(), true),
        (Effect::ResetAfter, true),
        (Effect::DeleteIgnored, false),
    ] {
        let world = World::start(Options::default()).await;
        let inside = Inside::with(&world, quick()).await;
        let shown = format!("{first:?}");
        silent_after_the_delete(&world, first);
        let report = inside.apply(&world, SECOND).await;
        let (outcome, why) = outcome_of(&report, 2);
        assert_eq!(outcome, Happened::Unknown, "{shown}: {why}");
        assert!(
            why.contains("asked to delete it") && why.contains("jettison undo"),
            "{why}"
        );
        assert_eq!((report.deleted, report.failed, report.unknown), (2, 0, 1), "{shown}");
        assert_eq!(report.status, RunStatus::PartlyFailed);
        assert!(
            matches!(last_word(&inside).await, Some(Outcome::Asked { .. })),
            "{shown}"
        );
        assert_eq!(world.has(&image(2)), !gone, "{shown}");
        assert_eq!(
            inside.store.interrupted_runs().await.unwrap().len(),
            1,
            "the run stays open"
        );
        world.registry.clear_faults();
        inside.settle().await;
        let settled = last_word(&inside).await;
        match gone {
            true => assert_eq!(settled, Some(Outcome::Done), "{shown}"),
            false => assert!(matches!(settled, Some(Outcome::Skipped { .. })), "{shown}: {settled:?}"),
        }
        inside.expect_settled().await;
        assert_eq!(world.registry.tags(WEB).contains_key("old-2"), !gone, "{shown}");
    }
}

/// Exit code 4; people read that it is not known, `undo` gives it back before anybody has looked.
#[tokio::test(flavor = "multi_thread")]
async fn what_may_be_gone_can_be_put_back() {
    let world = World::start(Options::default()).await;
    world.desk.plan().await;
    silent_after_the_delete(&world, does_nothing());
    let ended = world.desk.run(&["apply", "plan.json", "--yes"]).await.exits(4);
    ended.says("not known:").says("1 asked for and not known whether gone");
    let run = world.desk.latest_run().await;
    assert_eq!((&run["failed"], &run["deleted"]), (&1.into(), &2.into()), "{run}");
    let id = run["id"].as_str().unwrap();
    world.desk.run(&["history", id]).await.exits(0).says("asked for");
    assert!(!world.has(&image(2)));
    world.registry.clear_faults();
    world.desk.run(&["undo", id, "--yes"]).await.exits(0);
    world.puller.pull_whole(WEB, "old-2").await.unwrap();
}

/// The check fails for a moment: tried again, the registry has nothing to delete any more, and it was this run's doing.
#[tokio::test(flavor = "multi_thread")]
async fn a_delete_that_is_sent_twice_was_done_by_this_run() {
    for fault in [
        Fault::status(500).method("HEAD").path(&path()).times(1),
        Fault::new(Effect::ResetAfter).method("DELETE").path(&path()).times(1),
    ] {
        let world = World::start(Options::default()).await;
        let inside = Inside::with(&world, quick()).await;
        let shown = format!("{fault:?}");
        world.registry.fail(fault);
        let report = inside.apply(&world, SECOND).await;
        assert_eq!(outcome_of(&report, 2).0, Happened::Done, "{shown}");
        assert_eq!((report.deleted, report.already_gone), (3, 0), "{shown}");
    }
}

/// Some registries take the tags off first: where one stops there, the image gets them back at once.
#[tokio::test(flavor = "multi_thread")]
async fn an_image_that_only_lost_its_tags_gets_them_back() {
    let world = World::start(Options::default()).await;
    let inside = Inside::with(&world, quick()).await;
    let stops = Fault::call(|registry| {
        registry.remove_tag(WEB, "old-2");
    });
    world.registry.fail(stops.method("DELETE").path(&path()));
    world.registry.fail(Fault::status(500).method("DELETE").path(&path()));
    let report = inside.apply(&world, SECOND).await;
    let (outcome, why) = outcome_of(&report, 2);
    assert_eq!(outcome, Happened::Failed, "{why}");
    assert!(why.contains("tags were put back"), "{why}");
    world.puller.pull_whole(WEB, "old-2").await.unwrap();
    inside.expect_settled().await;
}

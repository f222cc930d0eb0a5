//! Undone twice, interrupted, and taken once more.

use std::time::Duration;

use jettison::store::Store;
use jettison_testkit::registry::{Effect, Fault, Options};

use crate::common::contents::text;
use crate::world::{CONFIG, WEB, World, counts, image, told};

#[tokio::test(flavor = "multi_thread")]
async fn an_undo_that_is_run_again_finds_nothing_left_and_sends_nothing() {
    let (world, _) = World::with_shapes(Options::default()).await;
    let before = world.contents();
    let run = world.apply().await;
    world.undo(&[&run]).await.exits(0);
    world.registry.clear_requests();
    let report = world.undo(&[&run]).await.exits(0).json();
    assert_eq!(counts(&report), (0, 5, 0), "{report}");
    assert_eq!(told(&report, &image(1))["outcome"], "already-there");
    assert!(
        world
            .registry
            .requests()
            .iter()
            .all(|request| matches!(request.method.as_str(), "GET" | "HEAD"))
    );
    assert_eq!(world.contents(), before);
    world
        .desk
        .run(&["undo", &run, "--yes"])
        .await
        .exits(0)
        .says("nothing left to put back");
}

/// The second run of a plan finds everything gone: that is none of its doing, and nothing for it to give back.
#[tokio::test(flavor = "multi_thread")]
async fn a_plan_applied_twice_is_the_work_of_the_first_run() {
    let (world, _) = World::with_shapes(Options::default()).await;
    let before = world.contents();
    let first = world.apply().await;
    let emptied = world.contents();
    let second = text(&world.desk.apply(&[]).await.exits(0).json()["run"]);
    let runs = world.desk.run(&["history", "--output", "json"]).await.exits(0).json();
    let [late, early] = [&runs["runs"][0], &runs["runs"][1]];
    assert_eq!(late["id"], second.as_str());
    assert_eq!((&late["deleted"], &late["failed"]), (&0.into(), &0.into()), "{late}");
    assert!(late["already_gone"].as_u64() > Some(0));
    assert_eq!(
        (&early["deleted"], &early["already_gone"]),
        (&late["already_gone"], &0.into())
    );

    let image = format!("{{host}}/{WEB}:old-1");
    let explained = world.desk.run(&["explain", &image]).await.exits(0);
    let lines: Vec<&str> = explained.stdout.lines().map(str::trim).collect();
    let told = |run: &str| lines.iter().position(|line| line.contains(run)).unwrap();
    assert!(lines[told(&second)].contains("was gone already when run"), "{lines:#?}");
    assert!(lines[told(&first)].contains("was deleted by run"), "{lines:#?}");
    assert!(
        explained.stdout.contains(&format!("jettison undo {first}")),
        "{lines:#?}"
    );

    let late = world.undo(&[&second]).await.exits(2).says("took nothing");
    late.says(&format!("jettison undo {first}"));
    assert_eq!(world.contents(), emptied, "nothing of another run");
    let image = world.undo(&[&image]).await.exits(0).json();
    assert_eq!(counts(&image), (1, 0, 0));
    world.undo(&[&first]).await.exits(0);
    assert_eq!(world.contents(), before);
}

/// What is missing once more, by whatever hand, comes back once more.
#[tokio::test(flavor = "multi_thread")]
async fn only_what_is_missing_is_put_back() {
    let world = World::start(Options::default()).await;
    let before = world.contents();
    let run = world.apply().await;
    world.undo(&[&run]).await.exits(0);
    world.registry.remove_manifest(WEB, &image(1).digest);
    world.registry.remove_tag(WEB, "old-2");
    world.registry.clear_requests();
    let report = world.undo(&[&run]).await.exits(0).json();
    assert_eq!(counts(&report), (2, 1, 0));
    assert_eq!(world.contents(), before);
    let puts = world.puts();
    assert_eq!(puts.len(), 3, "a manifest, its tag, and the other tag: {puts:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_taken_undone_and_taken_again_is_undone_again() {
    let world = World::start(Options::default()).await;
    let before = world.contents();
    let first = world.apply().await;
    world.undo(&[&first]).await.exits(0);
    released(&world).await;
    let second = world.apply().await;
    assert_ne!(second, first);
    assert!(!world.has(&image(1)), "gone again");
    world.undo(&[&second]).await.exits(0);
    assert_eq!(world.contents(), before);
    let runs = world.desk.run(&["history", "--output", "json"]).await.exits(0).json();
    let commands: Vec<String> = runs["runs"]
        .as_array()
        .unwrap()
        .iter()
        .map(|run| text(&run["command"]))
        .collect();
    assert_eq!(commands, ["undo", "apply", "undo", "apply"]);
}

/// Takes the hold away, as time would, and makes tags go that were set a moment ago.
async fn released(world: &World) {
    let store = Store::open(&world.desk.state()).await.unwrap();
    let (host, name) = (world.registry.host().parse().unwrap(), WEB.parse().unwrap());
    let digests: Vec<_> = (1..=3).map(|seed| image(seed).digest.parse().unwrap()).collect();
    store.release_restored(&host, &name, &digests).await.unwrap();
    store.close().await;
    let at_once = CONFIG.replace("older-than: 30d", "beyond-newest: 0");
    world.desk.write("jettison.yaml", &format!("{at_once}grace: 0d\n"));
}

/// Killed in the middle of an apply: some is gone, of some nobody knows, some is there.
#[tokio::test(flavor = "multi_thread")]
async fn an_interrupted_run_is_undone_as_far_as_it_went() {
    let world = World::start(Options::default()).await;
    let before = world.contents();
    world.desk.plan().await;
    let path = format!("/v2/{WEB}/manifests/{}", image(2).digest);
    world
        .registry
        .fail(Fault::new(Effect::Hang).method("DELETE").path(&path));
    let mut apply = world.desk.start(&["apply", "plan.json", "--yes"]);
    while world.has(&image(1)) || world.has(&image(3)) {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    apply.kill().await.unwrap();
    world.registry.clear_faults();
    let run = world.desk.latest_run().await;
    assert_eq!(run["status"], "interrupted");
    let report = world.undo(&[&text(&run["id"])]).await.exits(0).json();
    // What the interrupted run had not come to was settled before, and nothing of it has to come back.
    assert_eq!(counts(&report), (2, 0, 0), "{report}");
    assert_eq!(world.contents(), before);
    let run = world
        .desk
        .run(&["history", &text(&run["id"]), "--output", "json"])
        .await
        .exits(0)
        .json();
    let outcomes: Vec<String> = run["actions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| text(&it["outcome"]))
        .collect();
    let back = outcomes.iter().filter(|outcome| *outcome == "put-back").count();
    let left = outcomes.iter().filter(|outcome| *outcome == "left").count();
    assert_eq!((back, left), (2, 1), "{outcomes:?}");
}

/// Killed in the middle of an undo: what is back is held, and the next undo does the rest.
#[tokio::test(flavor = "multi_thread")]
async fn an_undo_that_was_killed_is_finished_by_the_next_one() {
    let (world, shapes) = World::with_shapes(Options::default()).await;
    let before = world.contents();
    let run = world.apply().await;
    let path = format!("/v2/{WEB}/manifests/{}", shapes.index.digest);
    world.registry.fail(Fault::new(Effect::Hang).method("PUT").path(&path));
    world.registry.clear_requests();
    let mut undo = world.desk.start(&["undo", &run, "--yes"]);
    while !world.puts().contains(&path) || !world.has(&image(1)) {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    undo.kill().await.unwrap();
    world.registry.clear_faults();
    let plan = world.desk.plan().await;
    assert_eq!(
        plan["actions"].as_array().unwrap().len(),
        0,
        "what is back is held: {plan}"
    );
    world.undo(&[&run]).await.exits(0);
    assert_eq!(world.contents(), before);
    let runs = world.desk.run(&["history", "--output", "json"]).await.exits(0).json();
    let status: Vec<String> = runs["runs"]
        .as_array()
        .unwrap()
        .iter()
        .map(|run| text(&run["status"]))
        .collect();
    assert_eq!(status, ["done", "interrupted", "done"]);
}

/// Nothing runs beside a run.
#[tokio::test(flavor = "multi_thread")]
async fn an_undo_waits_for_no_other_run_and_names_it() {
    let world = World::start(Options::default()).await;
    let run = world.apply().await;
    let store = Store::open(&world.desk.state()).await.unwrap();
    let lock = store.lock_for_run("run elsewhere").unwrap();
    world.undo(&[&run]).await.exits(1).says("run elsewhere");
    assert!(!world.has(&image(1)));
    drop(lock);
    world.undo(&[&run]).await.exits(0);
}

//! Plans that are not applied at all, and repositories that a fuse guards.

use jettison_core::plan::Plan;
use jettison_core::verify::{Law, Violation};
use jettison_testkit::registry::Options;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::common::contents::Contents;
use crate::common::desk::Ended;
use crate::world::{World, configured, image};

/// Refused: the exit code says so, nothing was sent that deletes, not even to ask, and no run was recorded.
pub(crate) async fn refused(world: &World, ended: Ended, code: i32, why: &str) {
    ended.exits(code).says(why);
    let deletes = world
        .registry
        .requests()
        .into_iter()
        .filter(|request| request.method == "DELETE");
    assert_eq!(deletes.count(), 0, "{why}");
    let history = world.desk.run(&["history", "--output", "json"]).await.exits(0).json();
    assert_eq!(history["runs"], json!([]), "{why}");
}

/// Writes a plan whose id is the hash of what was changed in it.
pub(crate) fn write_consistent(world: &World, plan: &Value, change: impl FnOnce(&mut Plan)) {
    let mut plan: Plan = serde_json::from_value(plan.clone()).unwrap();
    change(&mut plan);
    plan.id = plan.compute_id();
    world.desk.write("plan.json", &serde_json::to_string(&plan).unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_of_another_time_is_refused() {
    let world = World::start(Options::default()).await;
    let plan = world.desk.plan().await;
    let now = Timestamp::now();
    for (hours, why) in [
        (-25, "24 hours"),
        (-24 * 365, "24 hours"),
        (1, "future"),
        (24 * 365, "future"),
    ] {
        write_consistent(&world, &plan, |plan| plan.now = now + SignedDuration::from_hours(hours));
        refused(&world, world.desk.apply(&[]).await, 3, why).await;
    }
    write_consistent(&world, &plan, |plan| plan.now = now - SignedDuration::from_hours(23));
    world.desk.apply(&[]).await.exits(0);
    assert!(!world.has(&image(1)));
}

/// Every kind of place in the file: one character is enough.
#[tokio::test(flavor = "multi_thread")]
async fn an_altered_plan_is_refused() {
    let world = World::start(Options::default()).await;
    let plan = world.desk.plan().await;
    let text = plan.to_string();
    let (old, keep) = (image(1).digest, image(0).digest);
    let year = &text[text.find("\"now\":\"2").unwrap()..][..11];
    for (from, to) in [
        (old.as_str(), keep.as_str()),
        ("\"refused\":false", "\"refused\":true"),
        ("\"old-1\"", "\"keep\""),
        ("\"action\":\"delete\"", "\"action\":\"untag\""),
        ("\"repository\":\"apps/web\"", "\"repository\":\"apps/wab\""),
        ("\"usage_sources\":[\"lists\"]", "\"usage_sources\":[]"),
        ("\"origin\":\"registries\"", "\"origin\":\"saved-facts\""),
        (year, "\"now\":\"202"),
        ("\"waiting\":0", "\"waiting\":1"),
    ] {
        let altered = text.replacen(from, to, 1);
        assert_ne!(altered, text, "{from}");
        world.desk.write("plan.json", &altered);
        let ended = world.desk.apply(&[]).await;
        // What is no plan at all any more is bad usage.
        let code = if ended.stderr.contains("is not a plan") { 2 } else { 3 };
        refused(&world, ended, code, "plan").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_that_breaks_a_law_is_refused() {
    let world = World::start(Options::default()).await;
    let plan = world.desk.plan().await;
    write_consistent(&world, &plan, |plan| {
        plan.violations.push(Violation {
            law: Law::KeptTagsStay,
            registry: None,
            repository: None,
            digest: None,
            tag: None,
            detail: "made up".to_owned(),
        });
    });
    refused(&world, world.desk.apply(&[]).await, 3, "laws").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_from_saved_facts_or_for_a_given_moment_is_refused() {
    let world = World::start(Options::default()).await;
    world.desk.run(&["scan", "--out", "inventory.json"]).await.exits(0);
    world.desk.run(&["usage", "--out", "usage.json"]).await.exits(0);
    let now = Timestamp::now().to_string();
    let saved = [
        "plan",
        "--inventory",
        "inventory.json",
        "--usage",
        "usage.json",
        "--out",
        "plan.json",
    ];
    for arguments in [&saved[..], &["plan", "--now", &now, "--out", "plan.json"]] {
        let made = world
            .desk
            .run(&[arguments, &["--output", "json"]].concat())
            .await
            .exits(0)
            .json();
        assert_eq!(made["actions"].as_array().unwrap().len(), 3, "{made}");
        refused(&world, world.desk.apply(&[]).await, 3, "saved facts").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_usage_somebody_has_to_say_that_nobody_needs_to_be_asked() {
    let world = World::start(Options::default()).await;
    let silent = configured("limits: { max-share: 100% }\n").replace("kind: file, paths: [in-use.txt]", "");
    let silent = silent.replace("usage:\n  - { name: lists,  }\n", "");
    assert!(!silent.contains("usage:"), "{silent}");
    world.desk.write("jettison.yaml", &silent);
    world.desk.plan().await;
    refused(&world, world.desk.apply(&[]).await, 3, "--no-usage").await;
    // `run` may ask the registry what can be deleted, with what nobody has, before it knows that it may not.
    world.desk.run(&["run", "--yes"]).await.exits(3).says("--no-usage");
    assert!(world.has(&image(1)));
    world.desk.apply(&["--no-usage"]).await.exits(0);
    assert!(!world.has(&image(1)));
}

/// A source that had a say in the plan has to be there to be asked again.
#[tokio::test(flavor = "multi_thread")]
async fn a_plan_is_not_applied_with_fewer_usage_sources() {
    let world = World::start(Options::default()).await;
    world.desk.plan().await;
    let other = configured("limits: { max-share: 100% }\n").replace("name: lists", "name: others");
    world.desk.write("jettison.yaml", &other);
    refused(&world, world.desk.apply(&[]).await, 3, "its file again with --usage").await;
    refused(&world, world.desk.apply(&["--no-usage"]).await, 3, "lists").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_terminal_somebody_has_to_agree_beforehand() {
    let world = World::start(Options::default()).await;
    let plan = world.desk.plan().await;
    let id = plan["id"].as_str().unwrap();
    for command in [
        &["apply", "plan.json"][..],
        &["apply", id],
        &["apply", &id[..8], "--quiet"],
    ] {
        refused(&world, world.desk.run(command).await, 2, "--yes").await;
    }
    // `run` may ask the registry what can be deleted, with what nobody has, before it asks the person.
    world.desk.run(&["run"]).await.exits(2).says("--yes");
    assert!(world.has(&image(1)));
    world.desk.run(&["apply", &id[..8], "--yes"]).await.exits(0);
    assert!(!world.has(&image(1)));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_plan_is_bad_usage() {
    let world = World::start(Options::default()).await;
    world.desk.write("plan.json", "{\"schema\":1}");
    refused(&world, world.desk.apply(&[]).await, 2, "plan.json").await;
    refused(
        &world,
        world.desk.run(&["apply", "0123abcd", "--yes"]).await,
        2,
        "0123abcd",
    )
    .await;
}

/// Nine of eleven in one repository are more than half; one of two in another is no more than five.
async fn fused() -> World {
    let world = World::start(Options::default()).await;
    world
        .desk
        .write("jettison.yaml", &configured("limits: { keep-at-least: 0 }\n"));
    for number in 4..=9 {
        world.push(&[&format!("old-{number}")], &image(number)).await;
    }
    world.push(&["other"], &image(10)).await;
    for (tag, seed) in [("keep", 20), ("old-1", 21)] {
        world.pusher.push("apps/api", &[tag], &image(seed)).await.unwrap();
    }
    world
}

#[tokio::test(flavor = "multi_thread")]
async fn a_blown_fuse_stops_its_repository_and_no_other() {
    let world = fused().await;
    let before = Contents::of(&world.registry);
    let plan = world.desk.plan().await;
    assert_eq!(plan["limits"]["refused"].as_array().unwrap().len(), 1);
    let report = world.desk.apply(&[]).await.exits(3).json();
    assert_eq!((&report["deleted"], &report["refused"]), (&json!(1), &json!(9)));
    let mut rest = plan;
    rest["actions"]
        .as_array_mut()
        .unwrap()
        .retain(|action| action["repository"] == "apps/api");
    assert_eq!(Contents::of(&world.registry), before.without(&rest));
    let run = world.desk.latest_run().await;
    assert_eq!((&run["status"], &run["deleted"]), (&json!("refused"), &json!(1)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fuse_is_accepted_by_the_number_that_is_printed() {
    let world = fused().await;
    world.desk.plan().await;
    let said = world.desk.run(&["apply", "plan.json", "--yes"]).await.exits(3).stdout;
    let share = said
        .split("--accept-share ")
        .nth(1)
        .unwrap()
        .split_whitespace()
        .next()
        .unwrap();
    assert!(world.has(&image(1)));
    // A hundredth of a percent less is not enough.
    let number: f64 = share.trim_end_matches('%').parse().unwrap();
    world.desk.plan().await;
    world
        .desk
        .apply(&["--accept-share", &format!("{:.2}%", number - 0.01)])
        .await
        .exits(3);
    assert!(world.has(&image(1)));
    world.desk.plan().await;
    world.desk.apply(&["--accept-share", share]).await.exits(0);
    assert_eq!(world.registry.tags("apps/web").len(), 2);
    assert_eq!(world.desk.latest_run().await["status"], "done");
}

/// A share that is accepted does not hide that nobody could be asked.
#[tokio::test(flavor = "multi_thread")]
async fn a_usage_list_that_cannot_be_read_is_told_and_not_the_fuse_that_was_accepted() {
    let world = World::start(Options::default()).await;
    for number in 4..=8 {
        world.push(&[&format!("old-{number}")], &image(number)).await;
    }
    world.desk.write(
        "jettison.yaml",
        &configured("limits: { max-share: 10%, keep-at-least: 0 }\n"),
    );
    world.desk.write("in-use.txt", "{host}/apps/web:keep\n");
    world.desk.plan().await;
    std::fs::remove_file(world.desk.path("in-use.txt")).unwrap();
    let accepted = ["apply", "plan.json", "--yes", "--accept-share", "100%"];
    let ended = world.desk.run(&accepted).await.exits(3).says("usage source lists");
    assert!(!ended.stdout.contains("fuse:"), "{}", ended.stdout);
    // Without the share, the fuse is what refuses.
    let ended = world.desk.run(&accepted[..3]).await.exits(3).says("fuse:");
    assert!(!ended.stdout.contains("usage source"), "{}", ended.stdout);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_id_is_given_with_six_characters_at_least_and_there_has_to_be_such_a_plan() {
    let world = World::start(Options::default()).await;
    let plan = world.desk.plan().await;
    let id = plan["id"].as_str().unwrap();
    for short in [&id[..1], &id[..5]] {
        let ended = world.desk.run(&["apply", short, "--yes"]).await.exits(2);
        ended.says("too short for the id of a plan: give at least 6 characters");
    }
    let ended = world.desk.run(&["apply", "deadbeef"]).await.exits(2);
    ended.says("no plan with that id");
    world.desk.run(&["apply", &id[..6]]).await.exits(2).says("say --yes");
    world.desk.run(&["apply", &id[..6], "--yes"]).await.exits(0);
}

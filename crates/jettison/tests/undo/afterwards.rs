//! What plans and explanations say of what came back.

use std::collections::BTreeMap;

use jettison_testkit::registry::Options;
use serde_json::Value;

use crate::common::contents::text;
use crate::world::{WEB, World, image};

#[tokio::test(flavor = "multi_thread")]
async fn what_came_back_is_held_and_explained() {
    for referrers in [false, true] {
        let (world, shapes) = World::with_shapes(Options {
            referrers,
            delete_tag: true,
            ..Options::default()
        })
        .await;
        world.push(&["old-name", "stays"], &image(7)).await;
        let run = world.apply().await;
        world.undo(&[&run]).await.exits(0).json();
        let plan = world.desk.plan().await;
        assert_eq!(plan["actions"].as_array().unwrap().len(), 0, "{plan}");
        for tag in ["old-1", "old-index", "old-index-too", "old-other", "old-name"] {
            let kept = plan["kept"].as_array().unwrap().iter().find(|kept| kept["tag"] == tag);
            assert_eq!(holds(&kept.unwrap()["reason"])[0], "restored", "{tag} {plan}");
        }
        let scan = world.desk.run(&["scan", "--output", "json"]).await.exits(0).json();
        let repositories = scan["repositories"].as_array().unwrap();
        let web = repositories
            .iter()
            .find(|repository| repository["name"] == WEB)
            .unwrap();
        let restored = |digest: &str| {
            let manifests = web["manifests"].as_array().unwrap().iter();
            let mut here = manifests.filter(|manifest| manifest["digest"] == digest);
            here.next().map(|manifest| manifest["restored_at"].is_string())
        };
        for back in shapes
            .index
            .all()
            .into_iter()
            .chain([&shapes.bundle, &shapes.signature])
        {
            assert_eq!(restored(&back.digest), Some(true), "{}", back.digest);
        }
        let stayed = &shapes.newer.children[0].digest;
        assert_eq!(restored(stayed), Some(false), "it had never gone");
        for name in ["old-1", "old-index"] {
            let explained = world.desk.run(&["explain", &format!("{{host}}/{WEB}:{name}")]).await;
            assert!(!explained.stdout.contains("is gone"), "{}", explained.stdout);
            explained.exits(0).says("put back");
        }
    }
}

/// The hold's name, and those of the others.
fn holds(reason: &Value) -> Vec<String> {
    let also = reason["also"].as_array().cloned().unwrap_or_default();
    std::iter::once(&reason["hold"]).chain(&also).map(text).collect()
}

/// The hold does not depend on the tags being new: a manifest without a tag is held too.
#[tokio::test(flavor = "multi_thread")]
async fn what_came_back_without_its_tag_is_held_as_well() {
    let world = World::start(Options::default()).await;
    let run = world.apply().await;
    world.push(&["old-1"], &image(50)).await;
    world.undo(&[&run]).await.exits(0);
    let plan = world.desk.plan().await;
    let kept = plan["kept"].as_array().unwrap().iter();
    let mut here = kept.filter(|kept| kept["digest"] == image(1).digest.as_str());
    let kept = here.next().unwrap_or_else(|| panic!("{plan}"));
    assert_eq!(holds(&kept["reason"])[0], "restored");
}

/// Until a plan has looked at it, the journal alone knows that it is back, and until when it is held.
#[tokio::test(flavor = "multi_thread")]
async fn what_came_back_is_told_before_a_plan_has_seen_it() {
    let world = World::start(Options::default()).await;
    world.apply().await;
    let image = format!("{{host}}/{WEB}:old-1");
    let undo = text(&world.undo(&[&image]).await.exits(0).json()["run"]);
    let explained = world.desk.run(&["explain", &image]).await.exits(0);
    let explained = explained
        .says("was put back by run")
        .says("and is held as `restored` until");
    let begin: String = explained.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(begin.contains(&format!("old-1 was put back by run {undo}")), "{begin}");
    for untrue in [" goes ", "was to be put back", "to put it back:"] {
        assert!(!begin.contains(untrue), "{untrue}: {begin}");
    }
    let held_until = async || {
        let form = world
            .desk
            .run(&["explain", &image, "--output", "json"])
            .await
            .exits(0)
            .json();
        assert_eq!(form["gone"], false);
        form["held_until"].clone()
    };
    assert!(held_until().await.is_string());
    world.desk.plan().await;
    assert_eq!(held_until().await, Value::Null, "from now on the plan says it");
    world
        .desk
        .run(&["explain", &image])
        .await
        .exits(0)
        .says("hold `restored`");
}

/// Garbage was collected: what the plan said of the way back is true no more.
#[tokio::test(flavor = "multi_thread")]
async fn what_an_undo_could_not_put_back_is_promised_no_more() {
    let world = World::start(Options::default()).await;
    world.apply().await;
    let image_name = format!("{{host}}/{WEB}:old-1");
    let explain = async || {
        let said = world.desk.run(&["explain", &image_name]).await.exits(0).says("is gone");
        said.stdout.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    assert!(explain().await.contains("how far: whole"));
    let layer = image(1).blobs[1].digest().to_owned();
    assert!(world.registry.remove_blob(WEB, &layer));
    world.undo(&[&image_name]).await.exits(4);
    let said = explain().await;
    assert!(!said.contains("how far: whole"), "{said}");
    assert!(said.contains("how far: the last undo could not"), "{said}");
    assert!(said.contains(&layer), "{said}");
}

/// The history of an undo says what came back, and by which run it had gone.
#[tokio::test(flavor = "multi_thread")]
async fn an_undo_is_in_the_history_with_what_it_did() {
    let (world, shapes) = World::with_shapes(Options::default()).await;
    let run = world.apply().await;
    assert!(world.registry.remove_blob(WEB, image(2).blobs[1].digest()));
    world.undo(&[&run]).await.exits(4);
    let undo = world.desk.latest_run().await;
    assert_eq!(
        (&undo["command"], &undo["plan"], &undo["status"]),
        (&"undo".into(), &Value::Null, &"partly-failed".into())
    );
    let actions = undo["actions"].as_array().unwrap();
    let of = |digest: &str| actions.iter().find(|action| action["digest"] == digest).unwrap();
    for (digest, outcome) in [
        (&image(1).digest, "put-back"),
        (&image(2).digest, "failed"),
        (&shapes.index.digest, "put-back"),
    ] {
        let action = of(digest);
        assert_eq!(
            (&action["action"], &action["outcome"]),
            (&"restore".into(), &outcome.into())
        );
        assert_eq!(
            (&action["reason"]["code"], &action["reason"]["run"]),
            (&"undo".into(), &run.as_str().into())
        );
    }
    let back = actions.iter().filter(|action| action["outcome"] == "put-back").count();
    assert_eq!(
        (&undo["restored"], &undo["failed"], &undo["deleted"]),
        (&back.into(), &1.into(), &0.into())
    );
    let taken = world
        .desk
        .run(&["history", &run, "--output", "json"])
        .await
        .exits(0)
        .json();
    let put_back = taken["actions"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|it| it["outcome"] == "put-back")
        .count();
    assert_eq!(put_back, back);
}

/// What came back is no newer than it was, so that it takes no other image's place among the newest; also where scans have
/// seen in between that it was gone.
#[tokio::test(flavor = "multi_thread")]
async fn what_came_back_is_as_old_as_it_was() {
    let world = World::start(Options::default()).await;
    let times = |plan: &Value| {
        let actions = plan["actions"].as_array().unwrap().iter();
        let actions = actions.map(|action| (text(&action["digest"]), action["time"].clone()));
        let kept = plan["kept"].as_array().unwrap().iter();
        let kept = kept.map(|kept| (text(&kept["digest"]), kept["time"].clone()));
        actions.chain(kept).collect::<BTreeMap<String, Value>>()
    };
    let before = times(&world.desk.plan().await);
    let run = world.apply().await;
    let without = times(&world.desk.plan().await);
    assert_eq!((before.len(), without.len()), (4, 1));
    // Somebody else has taken the name since: it stays theirs, and new.
    world.push(&["old-3"], &image(60)).await;
    world.desk.plan().await;
    world.undo(&[&run]).await.exits(0);
    let after = times(&world.desk.plan().await);
    let (taken, newcomer) = (&image(3).digest, &image(60).digest);
    for (digest, time) in before.iter().filter(|(digest, _)| *digest != taken) {
        assert_eq!(after.get(digest), Some(time), "{digest}");
    }
    assert!(text(&after[newcomer]) > text(&before[taken]));
}

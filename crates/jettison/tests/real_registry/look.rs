//! Looking: what a first plan says, what a scan asks, and what a probe finds out. Nothing here changes the registry.

use std::collections::BTreeSet;

use serde_json::json;

use super::scene::{OLD, scene, scene_with, set};
use crate::support::distribution::DistributionOptions;
use crate::support::jettison::{condemned, days_ago, list};

#[test]
fn the_first_look_needs_no_file_and_says_that_grace_holds_everything() {
    let Some(scene) = scene() else { return };
    let target = scene.registry.image("apps/web");
    // One branch, a build a day: of the built-in policy's newest 10 two are too many.
    let builds: Vec<String> = (0..12)
        .map(|build: i64| {
            let tag = format!("feature-{:07x}", 0x1a2_b3c0 + build);
            scene.web.push_image(&tag, &days_ago(40 - build), &tag)
        })
        .collect();

    let plan = scene.user.json(&format!("plan {target}"), 0);
    assert_eq!(condemned(&plan), BTreeSet::new());
    assert_eq!(list(&plan, "kept").count(), 12);
    for kept in list(&plan, "kept") {
        assert_eq!(kept["reason"]["hold"], "grace", "{kept}");
    }
    let looked = scene.user.run(&format!("plan {target} --detailed-exit-code"));
    assert_eq!(looked.code, 0, "nothing goes: {}", looked.said);
    for words in ["no push times", "--trust-created", "2 more would go"] {
        assert!(
            looked.output.contains(words),
            "{words:?} is not said: {}",
            looked.output
        );
    }

    let trusting = scene
        .user
        .json(&format!("plan {target} --trust-created --detailed-exit-code"), 10);
    assert_eq!(condemned(&trusting), set([&builds[0], &builds[1]]));
    assert_eq!(scene.web.tags().len(), 12, "a plan changes nothing");
}

#[test]
fn what_can_be_deleted_is_asked_by_a_probe_alone_and_the_probe_removes_nothing() {
    for (delete, found) in [
        (true, json!({"delete": true, "delete_tag": false})),
        (false, json!({"delete": false, "delete_tag": false})),
    ] {
        let Some(scene) = scene_with(DistributionOptions {
            delete,
            ..DistributionOptions::default()
        }) else {
            return;
        };
        scene.web.push_image("one", OLD, "one");
        scene.web.push_image("two", OLD, "two");
        let ask = |more: &str| {
            let line = format!("scan {} {more}", scene.everything());
            let capabilities = scene.user.json(&line, 0)["repositories"][0]["capabilities"].clone();
            json!({"delete": capabilities["delete"], "delete_tag": capabilities["delete_tag"]})
        };
        assert_eq!(ask(""), json!({"delete": null, "delete_tag": null}));
        let deletes = |requests: Vec<String>| requests.iter().filter(|it| it.starts_with("DELETE ")).count();
        assert_eq!(deletes(scene.registry.requests()), 0, "a scan deletes");
        assert_eq!(ask("--probe"), found, "deletes switched on: {delete}");
        assert_eq!(scene.web.tags(), ["one", "two"]);
    }
}

#[test]
fn a_second_scan_of_an_unchanged_repository_asks_for_its_tags_and_once_where_each_points() {
    let Some(scene) = scene() else { return };
    for name in ["one", "two", "three"] {
        let digest = scene.web.push_image(name, OLD, name);
        scene.web.push_signature(&digest);
    }
    let first = scene
        .user
        .json(&format!("scan {}", scene.registry.image("apps/web")), 0);
    let asked_before = scene.registry.requests().len();
    let second = scene
        .user
        .json(&format!("scan {}", scene.registry.image("apps/web")), 0);
    assert_eq!(
        first["repositories"][0]["manifests"],
        second["repositories"][0]["manifests"]
    );

    let mut asked = scene.registry.requests().split_off(asked_before);
    asked.sort();
    let mut expected: Vec<String> = scene
        .web
        .tags()
        .iter()
        .map(|tag| format!("HEAD /v2/apps/web/manifests/{tag}"))
        .collect();
    expected.push("GET /v2/apps/web/tags/list?n=1000".to_owned());
    expected.sort();
    assert_eq!(asked, expected);
}

#[test]
fn the_image_in_use_is_found_first_and_again_in_what_the_scan_recorded() {
    let Some(scene) = scene() else { return };
    for test in 0..5 {
        scene
            .web
            .push_image(&format!("test-{test}"), &days_ago(test + 1), &format!("test {test}"));
    }
    let live = scene.web.push_image("live", &days_ago(90), "live");
    scene.user.write(
        "in-use.txt",
        &format!("{} # Pod shop/web-0\n", scene.registry.image("apps/web:live")),
    );
    let everywhere = format!("--in {}", scene.everything());
    let found = scene.user.json(&format!("find web --usage in-use.txt {everywhere}"), 0);
    assert_eq!(
        (&found["found"], &found["images"][0]["digest"]),
        (&json!(6), &json!(live))
    );
    assert_eq!(
        list(&found, "images").nth(1).unwrap()["tags"],
        json!(["test-0"]),
        "then the newest"
    );
    let before = scene.registry.requests().len();
    let short = live.trim_start_matches("sha256:")[..12].to_owned();
    for query in [format!("digest:{short}"), "used".to_owned(), "live !test".to_owned()] {
        let found = scene.user.json(&format!("find {query} --recorded {everywhere}"), 0);
        assert_eq!(
            (&found["found"], &found["images"][0]["digest"]),
            (&json!(1), &json!(live)),
            "{query}"
        );
        assert_eq!(found["images"][0]["used"], "now");
    }
    assert_eq!(scene.registry.requests().len(), before, "what is recorded asks nobody");
}

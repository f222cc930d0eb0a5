//! What is in use stays, also when it came into use after the plan, or when nobody can say so any more.

use serde_json::json;

use super::scene::{OLD, OLD_SECONDS, POLICY, scene, set};
use crate::support::buildah::Recipe;
use crate::support::clients::Clients;
use crate::support::jettison::{Jettison, condemned, days_ago, text, why_stays};

#[test]
fn an_image_in_use_stays_by_whatever_name_it_is_used() {
    let Some(scene) = scene() else { return };
    let clients = Clients::new();
    let multi = scene.registry.image("apps/web:multi");
    let recipe = Recipe {
        architectures: &["amd64", "arm64"],
        created: Some(OLD_SECONDS),
        ..Recipe::default()
    };
    let index = clients.build_and_push(recipe, &multi).unwrap();
    let child = text(&clients.manifest_of(&multi).unwrap()["manifests"][1]["digest"]);
    let repository = scene.registry.image("apps/web");
    let config = text(&clients.manifest_of(&format!("{repository}@{child}")).unwrap()["config"]["digest"]);
    let unused = scene.web.push_image("old", OLD, "old");
    scene.web.push_image("keep", &days_ago(0), "newest");

    let form = |image: &str, digest: Option<&str>| {
        let reference = json!({"image": image, "digest": digest, "used_by": "Pod shop/web-0"});
        let source = json!({"name": "prod", "kind": "kubernetes", "status": "complete", "references": [reference]});
        json!({"schema": 1, "taken_at": days_ago(0), "sources": [source]}).to_string()
    };
    let uses = [
        ("the tag", multi.clone()),
        ("the index", format!("{repository}@{index}")),
        ("a child", format!("{repository}@{child}")),
        ("a config", config.clone()),
        ("the tag, in the usage form", form(&multi, None)),
        (
            "a child, in the usage form",
            form(&format!("{repository}:gone"), Some(&child)),
        ),
        (
            "a config, in the usage form",
            form(&format!("{repository}:gone"), Some(&config)),
        ),
    ];
    let configuration = format!("{POLICY}\nusage: [ {{ name: lists, kind: file, paths: [\"in-use.*\"] }} ]");
    for (what, usage) in &uses {
        let user = Jettison::new();
        user.write("jettison.yaml", &configuration);
        user.write("in-use.txt", usage);
        let plan = user.json(&format!("plan {} --trust-created", scene.everything()), 0);
        assert_eq!(condemned(&plan), set([&unused]), "{what} is in use");
        assert_eq!(why_stays(&plan, "multi"), "in-use", "{what} is in use");
    }

    scene.user.write("jettison.yaml", &configuration);
    scene.user.write("in-use.txt", &uses[2].1);
    let run = scene
        .user
        .json(&format!("run {} --trust-created --yes", scene.everything()), 0);
    assert_eq!(run["deleted"], 1);
    assert_eq!(
        scene.present(&[&index, &child, &unused]),
        [index.clone(), child.clone()]
    );
    clients.pull_whole(&multi).unwrap();
}

#[test]
fn nothing_goes_when_what_is_in_use_cannot_be_asked_again() {
    let Some(scene) = scene() else { return };
    let (old, used) = (
        scene.web.push_image("old", OLD, "old"),
        scene.web.push_image("used", OLD, "used"),
    );
    scene.web.push_image("keep", &days_ago(0), "newest");
    scene.user.write("in-use.txt", &scene.registry.image("apps/web:used"));
    assert_eq!(condemned(&scene.plan("--usage in-use.txt")), set([&old]));

    std::fs::remove_file(scene.user.at("in-use.txt")).unwrap();
    // Refused, for incomplete usage.
    let applied = scene.apply(3, "--usage in-use.txt");
    assert_eq!(applied["deleted"], 0);
    // Nor can the source be left out.
    for more in ["", "--no-usage"] {
        let refused = scene
            .user
            .run(&format!("apply plan.json --yes --policy policy.yaml {more}"));
        assert_eq!(refused.code, 3, "{}", refused.said);
    }
    assert_eq!(scene.present(&[&old, &used]), [old.clone(), used.clone()]);
}

#[test]
fn an_image_that_came_into_use_after_the_plan_stays() {
    let Some(scene) = scene() else { return };
    let (old, late) = (
        scene.web.push_image("old", OLD, "old"),
        scene.web.push_image("late", OLD, "late"),
    );
    scene.web.push_image("keep", &days_ago(0), "newest");
    let keep = scene.registry.image("apps/web:keep");
    scene.user.write("in-use.txt", &keep);
    assert_eq!(condemned(&scene.plan("--usage in-use.txt")), set([&old, &late]));

    scene.user.write(
        "in-use.txt",
        &format!("{keep}\n{}@{late}", scene.registry.image("apps/web")),
    );
    let applied = scene.apply(4, "--usage in-use.txt");
    assert_eq!((&applied["deleted"], &applied["failed"]), (&json!(1), &json!(1)));
    assert_eq!((scene.present(&[&old]).len(), scene.present(&[&late]).len()), (0, 1));
}

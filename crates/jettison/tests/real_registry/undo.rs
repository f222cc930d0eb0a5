//! Undo on Distribution: what came back pulls whole with other people's clients, and what was collected stays away.

use std::collections::BTreeMap;

use serde_json::json;

use super::scene::{OLD, OLD_SECONDS, Scene, scene, scene_with};
use crate::support::buildah::Recipe;
use crate::support::clients::Clients;
use crate::support::distribution::DistributionOptions;
use crate::support::jettison::{days_ago, list, text};

/// Old images of every shape, one of two platforms and one with a signature; the digests behind their tags.
fn fill(scene: &Scene, clients: &Clients) -> BTreeMap<String, String> {
    let image = |tag: &str| scene.registry.image(&format!("apps/web:{tag}"));
    let recipe = Recipe {
        architectures: &["amd64", "arm64"],
        content: "old-multi",
        created: Some(OLD_SECONDS),
        ..Recipe::default()
    };
    clients.build_and_push(recipe, &image("old-multi")).unwrap();
    let plain = scene.web.push_image("old-plain", OLD, "old-plain");
    scene.web.push_signature(&plain);
    scene.web.push_attested(&plain, "old-attested");
    scene.web.push_image("keep", &days_ago(0), "keep");
    digests(scene)
}

/// Tag to digest, as the registry says.
fn digests(scene: &Scene) -> BTreeMap<String, String> {
    let tags = scene.web.tags().into_iter();
    tags.map(|tag| {
        let digest = scene.web.manifest(&tag).unwrap().digest;
        (tag, digest)
    })
    .collect()
}

#[test]
fn what_came_back_has_the_digests_of_before_and_pulls_whole() {
    let Some(mut scene) = scene() else { return };
    let clients = Clients::new();
    let before = fill(&scene, &clients);
    scene.plan("");
    let run = text(&scene.apply(0, "--no-usage")["run"]);
    assert_eq!(scene.web.tags(), ["keep"]);

    let undone = scene.user.json(&format!("undo {run} --yes"), 0);
    assert_eq!(
        (&undone["restored"], &undone["failed"]),
        (&json!(3), &json!(0)),
        "{undone}"
    );
    assert_eq!(digests(&scene), before);
    let pull_all = |scene: &Scene| {
        for tag in before.keys() {
            clients
                .pull_whole(&scene.registry.image(&format!("apps/web:{tag}")))
                .unwrap();
        }
    };
    pull_all(&scene);
    // Nothing of it is loose: the registry's own collection leaves it alone.
    scene.registry.garbage_collect(false);
    pull_all(&scene);

    let again = scene.user.json(&format!("undo {run} --yes"), 0);
    assert_eq!((&again["restored"], &again["already_there"]), (&json!(0), &json!(3)));
    let plan = scene.plan("");
    assert_eq!(list(&plan, "actions").count(), 0, "held: {plan}");
    let entry = list(&plan, "kept").find(|kept| kept["tag"] == "old-multi").unwrap();
    assert_eq!(entry["reason"]["hold"], "restored");
}

#[test]
fn after_the_garbage_collection_nothing_is_put_back_and_it_is_said_why() {
    for cache in [false, true] {
        let options = DistributionOptions {
            cache,
            ..DistributionOptions::default()
        };
        let Some(mut scene) = scene_with(options) else { return };
        let clients = Clients::new();
        fill(&scene, &clients);
        scene.plan("");
        let run = text(&scene.apply(0, "--no-usage")["run"]);
        match cache {
            // It goes on to say that it has them, with their length.
            true => drop(scene.registry.garbage_collect_behind_its_back(false)),
            false => drop(scene.registry.garbage_collect(false)),
        }
        let asked = scene.registry.requests().len();
        let undone = scene.user.json(&format!("undo {run} --yes"), 4);
        assert_eq!(
            (&undone["restored"], &undone["failed"]),
            (&json!(0), &json!(3)),
            "{undone}"
        );
        for image in list(&undone, "images") {
            let why = text(&image["why"]);
            assert!(
                why.contains("garbage collection took it") && why.contains("sha256:"),
                "{image}"
            );
        }
        assert_eq!(scene.web.tags(), ["keep"]);
        let sent = scene.registry.requests().split_off(asked);
        assert!(!sent.iter().any(|request| request.starts_with("PUT")), "{sent:?}");
        let image = scene.registry.image("apps/web:old-multi");
        let told = scene.user.run(&format!("undo {image} --yes"));
        assert_eq!(told.code, 4, "{}", told.said);
        assert!(told.output.contains("not back:"), "{}", told.output);
    }
}

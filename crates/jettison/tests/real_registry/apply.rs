//! Applying: exactly the plan, and never more than the registry can do without harm.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::scene::{OLD, OLD_SECONDS, POLICY, Scene, TRUSTING, scene, scene_with, set};
use crate::support::buildah::Recipe;
use crate::support::clients::Clients;
use crate::support::distribution::DistributionOptions;
use crate::support::jettison::{Jettison, condemned, days_ago, freed, list, text, why_stays};

#[test]
fn a_registry_with_deletes_off_blocks_everything_and_loses_nothing() {
    let Some(scene) = scene_with(DistributionOptions {
        delete: false,
        ..DistributionOptions::default()
    }) else {
        return;
    };
    scene.web.push_image("keep", &days_ago(0), "keep");
    scene.web.push_image("old", OLD, "old");
    let target = scene.everything();

    let told = scene.user.run(&format!("run {target} {TRUSTING} --yes --no-usage"));
    assert_eq!(told.code, 0, "{}", told.said);
    assert!(told.output.contains("deletes switched off"), "{}", told.output);
    let run = scene.user.json(&format!("run {target} {TRUSTING} --yes --no-usage"), 0);
    assert_eq!((&run["deleted"], &run["failed"]), (&json!(0), &json!(0)));
    let explained = scene
        .user
        .json(&format!("explain {}", scene.registry.image("apps/web:old")), 0);
    assert_eq!(explained["verdicts"][0]["verdict"], "blocked", "{explained}");
    assert_eq!(explained["verdicts"][0]["entry"]["reason"]["code"], "cannot-delete");

    // A plan asks nothing of the kind; the apply finds out before it does anything.
    assert_eq!(condemned(&scene.plan("")).len(), 1);
    let applied = scene.apply(3, "--no-usage");
    assert_eq!(
        (&applied["deleted"], &applied["failed"], &applied["blocked"]),
        (&json!(0), &json!(0), &json!(1))
    );
    assert_eq!(scene.web.tags(), ["keep", "old"]);
}

#[test]
fn an_apply_does_exactly_what_the_plan_says_and_what_stays_pulls_whole_before_and_after_the_collection() {
    let Some(mut scene) = scene() else { return };
    let clients = Clients::new();
    let image = |tag: &str| scene.registry.image(&format!("apps/web:{tag}"));
    let build = |tag: &str, architectures: &[&str]| {
        // What is kept is a day newer, or `keep-at-least` might choose one of the others.
        let created = Some(OLD_SECONDS + if tag.starts_with("keep") { 86_400 } else { 0 });
        let recipe = Recipe {
            architectures,
            content: tag,
            created,
            ..Recipe::default()
        };
        clients.build_and_push(recipe, &image(tag)).unwrap()
    };
    let both = ["amd64", "arm64"];
    let (old_multi, keep_multi) = (build("old-multi", &both), build("keep-multi", &both));
    let (old_signed, keep_signed) = (build("old-signed", &["amd64"]), build("keep-signed", &["amd64"]));
    let laid_out = clients
        .lay_out_and_push("other hands", OLD, &image("old-laid-out"))
        .unwrap();
    let (old_signature, keep_signature) = (
        scene.web.push_signature(&old_signed),
        scene.web.push_signature(&keep_signed),
    );
    let (old_attested, attestation) = scene.web.push_attested(&old_signed, "old-attested");
    let (keep_attested, _) = scene.web.push_attested(&keep_signed, "keep-attested");
    // The same image in another repository, where it stays: its layers are shared with what goes.
    clients
        .copy(&image("old-multi"), &scene.registry.image("apps/other:keep"))
        .unwrap();
    let children: Vec<String> = list(&clients.manifest_of(&image("old-multi")).unwrap(), "manifests")
        .map(|it| text(&it["digest"]))
        .collect();
    let signature = scene.web.manifest(&old_signature).unwrap().digest;

    let plan = scene.plan("");
    let mut going = set([
        &old_multi,
        &old_signed,
        &laid_out,
        &old_attested,
        &attestation,
        &signature,
    ]);
    going.extend(children);
    assert_eq!(
        condemned(&plan),
        going,
        "roots, with their children and what is attached to them"
    );
    assert!(list(&plan, "violations").next().is_none());

    let run = scene.apply(0, "--no-usage");
    assert_eq!(
        (&run["deleted"], &run["failed"], &run["status"]),
        (&json!(8), &json!(0), &json!("done"))
    );
    let kept_digests = set([&keep_multi, &keep_signed, &keep_attested]);
    assert_eq!(scene.present(&going.iter().collect::<Vec<_>>()), [""; 0], "still there");
    assert_eq!(scene.present(&kept_digests.iter().collect::<Vec<_>>()).len(), 3);
    let staying = ["keep-attested", "keep-multi", "keep-signed", keep_signature.as_str()];
    assert_eq!(scene.web.tags(), staying);
    assert_history(&scene, &run, &going);

    let again = scene.plan("");
    assert_eq!(condemned(&again), BTreeSet::new(), "a second plan deletes nothing more");

    let mut kept: Vec<String> = staying.iter().map(|tag| image(tag)).collect();
    kept.push(scene.registry.image("apps/other:keep"));
    kept.iter().for_each(|image| clients.pull_whole(image).unwrap());
    let before = scene.registry.stored_bytes();
    scene.registry.garbage_collect(false);
    kept.iter().for_each(|image| clients.pull_whole(image).unwrap());
    // Manifests, configs and layers, to the byte: everything in this registry was pushed under a tag that was scanned.
    assert_eq!(before - scene.registry.stored_bytes(), freed(&plan));
}

/// The journal names the run, and every action with its reason and outcome.
fn assert_history(scene: &Scene, run: &Value, deleted: &BTreeSet<String>) {
    let history = scene.user.json("history", 0);
    let runs: Vec<&Value> = list(&history, "runs").collect();
    assert_eq!(runs.len(), 1);
    for (name, value) in [
        ("id", &run["run"]),
        ("plan", &run["plan"]),
        ("deleted", &run["deleted"]),
    ] {
        assert_eq!(&runs[0][name], value, "{name}");
    }
    let detail = scene.user.json(&format!("history {}", text(&run["run"])), 0);
    let recorded: BTreeSet<String> = list(&detail, "actions").map(|action| text(&action["digest"])).collect();
    assert_eq!(&recorded, deleted);
    for action in list(&detail, "actions") {
        assert_eq!(
            (&action["action"], &action["outcome"]),
            (&json!("delete"), &json!("done")),
            "{action}"
        );
        let code = text(&action["reason"]["code"]);
        assert!(["expired", "follows"].contains(&code.as_str()), "{action}");
    }
}

#[test]
fn an_image_with_an_expired_and_a_kept_tag_loses_neither() {
    // One delete would take both tags here, and there is no other kind.
    let Some(scene) = scene() else { return };
    let digest = scene.web.push_image("keep-me", OLD, "both");
    scene.web.push_image("old", OLD, "both");
    scene.web.push_image("keep-newest", &days_ago(0), "newest");
    assert_eq!(scene.web.manifest("old").unwrap().digest, digest, "one image");

    let plan = scene.plan("");
    assert_eq!(
        (list(&plan, "actions").count(), why_stays(&plan, "old")),
        (0, "shares-image".to_owned())
    );
    assert_eq!(why_stays(&plan, "keep-me"), "keep-always");

    scene.user.write(
        "policy.yaml",
        &POLICY.replace("name: tests", "name: tests\n    untag: true"),
    );
    let line = format!("run {} {TRUSTING} --yes --no-usage", scene.everything());
    let run = scene.user.json(&line, 0);
    assert_eq!(
        (&run["untagged"], &run["deleted"], &run["failed"]),
        (&json!(0), &json!(0), &json!(0))
    );
    let explained = scene
        .user
        .json(&format!("explain {}", scene.registry.image("apps/web:old")), 0);
    assert_eq!(
        explained["verdicts"][0]["entry"]["reason"]["code"], "cannot-untag",
        "{explained}"
    );

    // A plan that did not ask tries to take the tag alone, and the registry's refusal ends it.
    assert_eq!(scene.plan("")["actions"][0]["action"], "untag");
    let applied = scene.apply(3, "--no-usage");
    assert_eq!(
        (&applied["untagged"], &applied["failed"], &applied["blocked"]),
        (&json!(0), &json!(0), &json!(1))
    );
    assert_eq!(scene.web.tags(), ["keep-me", "keep-newest", "old"]);
    assert_eq!(scene.present(&[&digest]).len(), 1);
}

#[test]
fn collecting_the_untagged_breaks_a_kept_index_and_a_scan_tells() {
    // Why the documentation warns of `garbage-collect --delete-untagged` on this registry, jettison or not.
    let Some(mut scene) = scene() else { return };
    let clients = Clients::new();
    let keep = scene.registry.image("apps/web:keep-multi");
    let recipe = Recipe {
        architectures: &["amd64", "arm64"],
        created: Some(OLD_SECONDS),
        ..Recipe::default()
    };
    clients.build_and_push(recipe, &keep).unwrap();
    scene.web.push_image("old", OLD, "old");
    scene.plan("");
    assert_eq!(scene.apply(0, "--no-usage")["deleted"], 1);
    clients.pull_whole(&keep).unwrap();

    scene.registry.garbage_collect(true);
    assert!(
        clients.pull_whole(&keep).is_err(),
        "2.8 keeps the children by now: the warning is out of date"
    );
    // Somebody without a memory asks for every child.
    let told = Jettison::new().run(&format!("scan {}", scene.everything()));
    assert!(told.output.contains("2 manifests missing"), "{}", told.output);
}

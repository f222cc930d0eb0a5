//! jettison against Debian's `docker-registry` (Distribution 2.8), with images by buildah, skopeo and plain HTTP: what
//! the program's commands do to a registry that other people wrote.
//!
//! Each test has a registry and a state of its own. Nothing is compared by time: what is cheap is counted in requests.

#[cfg(test)]
mod support;

use std::collections::BTreeSet;

use serde_json::{Value, json};
use support::buildah::Recipe;
use support::clients::Clients;
use support::distribution::{DistributionOptions, DistributionRegistry};
use support::jettison::{Jettison, condemned, days_ago, freed, list, text, why_stays};
use support::real_parts_ready;
use support::wire::Wire;

/// Whatever is old goes, unless its tag begins with `keep`.
const POLICY: &str = r#"
policies:
  - name: tests
    rules:
      - { name: kept, match: { tags: ["keep*"] }, keep: always }
      - { name: old, match: { tags: ["*"] }, expire: { older-than: 7d } }
      - { name: orphans, match: { kinds: [orphan] }, expire: { older-than: 7d } }
"#;

/// Old by any policy, and plausible.
const OLD: &str = "2024-02-02T02:02:02Z";
const OLD_SECONDS: u64 = 1_706_839_322;

/// Distribution tells no push times; all of these tests but one are not about that.
const TRUSTING: &str = "--trust-created --policy policy.yaml";

/// A registry, its repository `apps/web`, and a user with [`POLICY`].
struct Scene {
    registry: DistributionRegistry,
    web: Wire,
    user: Jettison,
}

/// None where the real parts are not installed.
fn scene() -> Option<Scene> {
    scene_with(DistributionOptions::default(), POLICY)
}

fn scene_with(options: DistributionOptions, policy: &str) -> Option<Scene> {
    if !real_parts_ready() {
        return None;
    }
    let registry = DistributionRegistry::start(options);
    let web = Wire::new(&registry.host(), "apps/web");
    let user = Jettison::new();
    user.write("policy.yaml", policy);
    Some(Scene { registry, web, user })
}

impl Scene {
    /// Every repository of the registry, as a target.
    fn everything(&self) -> String {
        self.registry.image("**")
    }

    /// A plan of everything, also kept as `plan.json`.
    fn plan(&self, more: &str) -> Value {
        let line = format!("plan {} {TRUSTING} --out plan.json {more}", self.everything());
        self.user.json(&line, 0)
    }

    /// Applies `plan.json`, which has to end with `code`.
    fn apply(&self, code: i32, more: &str) -> Value {
        let line = format!("apply plan.json --yes --policy policy.yaml {more}");
        self.user.json(&line, code)
    }

    /// Those of `digests` that `apps/web` still has.
    fn present(&self, digests: &[&String]) -> Vec<String> {
        let there = digests.iter().filter(|digest| self.web.manifest(digest).is_some());
        there.map(|digest| (*digest).clone()).collect()
    }
}

fn set<const N: usize>(digests: [&String; N]) -> BTreeSet<String> {
    digests.into_iter().cloned().collect()
}

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
        let Some(scene) = scene_with(DistributionOptions { delete }, POLICY) else {
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
fn a_registry_with_deletes_off_blocks_everything_and_loses_nothing() {
    let Some(scene) = scene_with(DistributionOptions { delete: false }, POLICY) else {
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
    assert_eq!(scene.present(&[&digest]), [digest.clone()]);
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
    assert_eq!(scene.present(&[&old, &late]), [late.clone()]);
}

#[test]
fn what_a_tag_or_an_index_names_since_the_plan_stays() {
    let Some(scene) = scene() else { return };
    let push = |tag: &str| scene.web.push_image(tag, OLD, tag);
    let (replaced, rolled_back, tagged, listed, gone) = (
        push("replaced"),
        push("rolled-back"),
        push("tagged"),
        push("listed"),
        push("gone"),
    );
    let kept = scene.web.push_image("keep", &days_ago(0), "keep");
    let going = set([&replaced, &rolled_back, &tagged, &listed, &gone]);
    assert_eq!(condemned(&scene.plan("")), going);

    let newer = scene.web.push_image("replaced", &days_ago(0), "newer");
    scene.web.push_image("keep", OLD, "rolled-back");
    scene.web.push_image("another", OLD, "tagged");
    let (index, _) = scene.web.push_attested(&listed, "index");
    assert_eq!(
        scene.web.manifest("keep").unwrap().digest,
        rolled_back,
        "the kept tag is moved back"
    );

    let applied = scene.apply(4, "--no-usage");
    assert_eq!(
        (&applied["deleted"], &applied["failed"]),
        (&json!(1), &json!(4)),
        "{applied}"
    );
    let staying = [&replaced, &rolled_back, &tagged, &listed, &kept, &newer, &index];
    assert_eq!(scene.present(&staying).len(), staying.len(), "{applied}");
    assert_eq!(
        scene.web.tags(),
        [
            "another",
            "index",
            "keep",
            "listed",
            "replaced",
            "rolled-back",
            "tagged"
        ]
    );
    assert_eq!(scene.present(&[&gone]), [""; 0]);
    let detail = scene.user.json(&format!("history {}", text(&applied["run"])), 0);
    let failed = list(&detail, "actions").filter(|action| action["outcome"] == "failed");
    failed.for_each(|action| assert!(text(&action["why"]).contains("since the plan"), "{action}"));
}

#[test]
fn a_signature_goes_with_its_image_and_an_orphan_only_when_the_whole_registry_lacks_its_subject() {
    let Some(scene) = scene() else { return };
    let (old, kept) = (
        scene.web.push_image("old", OLD, "old"),
        scene.web.push_image("keep", &days_ago(0), "keep"),
    );
    let (with_old, with_kept) = (scene.web.push_signature(&old), scene.web.push_signature(&kept));
    // Cosign dates no signature unless told to; these were told, so that their age is known at once.
    let sign = |subject: &str| {
        let tag = format!("{}.sig", subject.replace(':', "-"));
        (scene.web.push_image(&tag, OLD, &tag), tag)
    };
    let (orphan, orphan_tag) = sign(&format!("sha256:{}", "a".repeat(64)));
    let elsewhere = Wire::new(&scene.registry.host(), "apps/other").push_image("keep", OLD, "elsewhere");
    let (of_elsewhere, of_elsewhere_tag) = sign(&elsewhere);
    let undated = scene.web.push_signature(&format!("sha256:{}", "b".repeat(64)));
    let signature = scene.web.manifest(&with_old).unwrap().digest;

    let in_part = scene
        .user
        .json(&format!("plan {} {TRUSTING}", scene.registry.image("apps/web")), 0);
    assert_eq!(
        condemned(&in_part),
        set([&old, &signature]),
        "another repository may have the subjects"
    );
    let held = |plan: &Value, digest: &String| {
        let entry = list(plan, "kept")
            .find(|kept| kept["digest"] == *digest)
            .map(|kept| kept["reason"].clone());
        entry.unwrap_or_else(|| panic!("nothing is said of {digest}: {plan}"))
    };
    assert_eq!(held(&in_part, &orphan)["hold"], "incomplete");

    let plan = scene.plan("");
    assert_eq!(condemned(&plan), set([&old, &signature, &orphan]));
    assert_ne!(held(&plan, &of_elsewhere)["code"], "expired");
    assert_eq!(scene.apply(0, "--no-usage")["deleted"], 3);
    let mut staying = vec!["keep".to_owned(), with_kept, of_elsewhere_tag, undated];
    staying.sort();
    assert_eq!(scene.web.tags(), staying, "{orphan_tag} is gone");
}

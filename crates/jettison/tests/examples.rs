//! Every example of the repository's `examples/` does what it says: its file unchanged, on Debian's `docker-registry`,
//! and in the policy test beside it.

#[cfg(test)]
#[expect(dead_code, reason = "the images of the examples are pushed over plain HTTP alone")]
mod support;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use support::distribution::{DistributionOptions, DistributionRegistry};
use support::jettison::{Jettison, condemned, days_ago, list, number, read, text, why_stays};
use support::real_parts_ready;
use support::wire::Wire;

/// A registry, its repository `apps/web`, and a user who has one example.
struct Scene {
    registry: DistributionRegistry,
    web: Wire,
    user: Jettison,
    example: &'static str,
}

/// None where the real parts are not installed.
fn scene(example: &'static str) -> Option<Scene> {
    if !real_parts_ready() {
        return None;
    }
    let registry = DistributionRegistry::start(DistributionOptions::default());
    let web = Wire::new(&registry.host(), "apps/web");
    Some(Scene {
        registry,
        web,
        user: user_with(example),
        example,
    })
}

/// A user with a copy of one example and of its test.
fn user_with(example: &str) -> Jettison {
    let user = Jettison::new();
    for name in [format!("{example}.yaml"), format!("{example}.test.yaml")] {
        user.write(&name, &read(&examples().join(&name)));
    }
    user
}

fn examples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples")
}

impl Scene {
    /// `COMMAND TARGET`, with the example as the policy and build dates trusted: Distribution tells no push times.
    fn line(&self, command: &str) -> String {
        format!(
            "{command} {} --policy {}.yaml --trust-created",
            self.registry.image("apps/web"),
            self.example
        )
    }

    fn plan(&self) -> Value {
        self.user.json(&self.line("plan"), 0)
    }

    /// Scans, plans and applies; returns how many manifests are gone.
    fn run(&self) -> u64 {
        let run = self.user.json(&format!("{} --yes --no-usage", self.line("run")), 0);
        assert_eq!(run["failed"], 0, "{run}");
        number(&run["deleted"])
    }

    /// One build of `branch` a day, the newest `youngest` days ago; returns the tags, newest first.
    fn push_builds(&self, branch: &str, count: i64, youngest: i64) -> Vec<String> {
        let push = |build: i64| {
            let tag = format!("{branch}-{:07x}", 0x1a2_b3c0 + build);
            self.web.push_image(&tag, &days_ago(youngest + build), &tag);
            tag
        };
        (0..count).map(push).collect()
    }
}

/// The tags that a plan removes.
fn going(plan: &Value) -> BTreeSet<String> {
    list(plan, "actions")
        .flat_map(|action| list(action, "tags"))
        .map(text)
        .collect()
}

fn set(tags: &[String]) -> BTreeSet<String> {
    tags.iter().cloned().collect()
}

#[test]
fn every_example_is_right_and_passes_the_test_beside_it() {
    let files = fs::read_dir(examples())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let (tests, policies): (Vec<String>, Vec<String>) = files.partition(|name| name.ends_with(".test.yaml"));
    assert_eq!(
        (policies.len(), tests.len()),
        (5, 5),
        "each example has a test, and one below"
    );
    for policy in policies {
        let example = policy.trim_end_matches(".yaml");
        let user = user_with(example);
        let checked = user.run(&format!("policy check {policy}"));
        assert_eq!(
            (checked.code, checked.said.as_str()),
            (0, ""),
            "{policy}: {}",
            checked.said
        );
        let tested = user.json(&format!("policy test {example}.test.yaml"), 0);
        assert!(list(&tested, "results").count() >= 5, "{tested}");
        for result in list(&tested, "results") {
            assert_eq!(result["ok"], true, "{result}");
        }
    }
}

#[test]
fn a_policy_that_does_something_else_fails_the_test() {
    let user = user_with("keep-last-50");
    let policy = read(&user.at("keep-last-50.yaml"));
    user.write(
        "keep-last-50.yaml",
        &policy.replace("beyond-newest: 50", "beyond-newest: 49"),
    );
    let tested = user.json("policy test keep-last-50.test.yaml", 4);
    let wrong: Vec<&Value> = list(&tested, "results")
        .filter(|result| result["ok"] == false)
        .collect();
    assert_eq!(wrong.len(), 1, "{wrong:?}");
    assert_eq!(
        (&wrong[0]["tag"], &wrong[0]["verdict"]),
        (&json!("build-50"), &json!("expire"))
    );
}

#[test]
fn keep_last_50_keeps_the_newest_50() {
    let Some(scene) = scene("keep-last-50") else { return };
    let builds = scene.push_builds("main", 55, 2);
    assert_eq!(going(&scene.plan()), set(&builds[50..]));
    assert_eq!(scene.run(), 5);
    assert_eq!(set(&scene.web.tags()), set(&builds[..50]));
    assert_eq!(scene.run(), 0, "a second run finds nothing more");
}

#[test]
fn not_pulled_for_90_days_deletes_nothing_where_pulls_are_not_known_and_says_so() {
    let Some(scene) = scene("not-pulled-for-90-days") else {
        return;
    };
    let builds = scene.push_builds("main", 4, 200);
    let plan = scene.plan();
    assert_eq!(condemned(&plan), BTreeSet::new());
    for kept in list(&plan, "kept") {
        let finding = &kept["reason"]["conditions"]["not-pulled-for"];
        assert_eq!(
            (&kept["reason"]["code"], &finding["holds"]),
            (&json!("not-expired"), &json!(null)),
            "{kept}"
        );
        assert!(text(&finding["found"]).starts_with("unknown: "), "{finding}");
    }
    let image = scene.registry.image(&format!("apps/web:{}", builds[3]));
    let explained = scene.user.run(&format!("explain {image}"));
    assert!(
        explained.output.contains("not-pulled-for 90d: unknown: "),
        "{}",
        explained.output
    );
    assert_eq!(scene.run(), 0);
    assert_eq!(scene.web.tags().len(), 4);

    // Whoever looks at the plan alone must not believe that everything was pulled lately.
    let told = scene
        .user
        .run(&scene.line("plan"))
        .output
        .replace("not pulled for 90 days", "");
    assert!(
        told.contains("pull"),
        "the plan does not say that pulls are not known: {told}"
    );
}

#[test]
fn production_stays_and_everything_else_goes_after_7_days() {
    let Some(scene) = scene("production-stays-others-7-days") else {
        return;
    };
    scene.web.push_image("prod-1", &days_ago(600), "prod-1");
    // One image: equal bytes under two tags.
    let built = days_ago(500);
    let both = scene.web.push_image("prod-2", &built, "both");
    assert_eq!(scene.web.push_image("main-old", &built, "both"), both);
    scene.web.push_image("old", &days_ago(8), "old");
    scene.web.push_image("young", &days_ago(6), "young");
    let plan = scene.plan();
    assert_eq!(going(&plan), set(&["old".to_owned()]));
    let stays = ["prod-1", "prod-2", "main-old", "young"].map(|tag| why_stays(&plan, tag));
    assert_eq!(stays, ["keep-always", "keep-always", "shares-image", "not-expired"]);
    assert_eq!(scene.run(), 1);
    assert_eq!(scene.web.tags(), ["main-old", "prod-1", "prod-2", "young"]);
}

#[test]
fn the_last_10_of_a_branch_stay_and_so_does_what_is_younger_than_7_days() {
    let Some(scene) = scene("last-10-per-branch") else {
        return;
    };
    let main = scene.push_builds("main", 12, 10);
    let feature = scene.push_builds("feature-login", 3, 300);
    // Twelve builds, of which two are beyond the ten, and only the last is old enough.
    let busy: Vec<String> = (0..12)
        .map(|build: i64| {
            let tag = format!("busy-{:07x}", 0x2c3_d4e0 + build);
            scene
                .web
                .push_image(&tag, &days_ago(if build == 11 { 8 } else { 2 + build / 3 }), &tag);
            tag
        })
        .collect();
    let expected: BTreeSet<String> = main[10..].iter().chain(&busy[11..]).cloned().collect();
    assert_eq!(going(&scene.plan()), expected);
    assert_eq!(scene.run(), 3);
    let staying: BTreeSet<String> = main[..10].iter().chain(&feature).chain(&busy[..11]).cloned().collect();
    assert_eq!(set(&scene.web.tags()), staying);
}

#[test]
fn build_caches_age_from_the_first_sight_and_go_after_30_days() {
    let Some(scene) = scene("build-caches-after-30-days") else {
        return;
    };
    scene.web.push_image("main", &days_ago(400), "main");
    let caches = ["buildcache", "buildcache-arm64"].map(|tag| scene.web.push_build_cache(tag));
    assert_eq!(
        condemned(&scene.plan()),
        BTreeSet::new(),
        "nobody knows how old they are"
    );
    assert_eq!(scene.run(), 0);

    scene.user.json(
        &format!("scan {} --out inventory.json", scene.registry.image("apps/web")),
        0,
    );
    let in_days = |days: i64| {
        let now = Timestamp::now()
            .checked_add(SignedDuration::from_hours(24 * days))
            .unwrap();
        let line = format!(
            "plan --inventory inventory.json --policy {}.yaml --now {now} --out later.json",
            scene.example
        );
        condemned(&scene.user.json(&line, 0))
    };
    assert_eq!(in_days(29), BTreeSet::new());
    assert_eq!(
        in_days(31),
        BTreeSet::from(caches),
        "the image stays: no rule speaks of it"
    );
    // Such a plan is to look at.
    assert_eq!(scene.user.run("apply later.json --yes --no-usage").code, 3);
    assert_eq!(scene.web.tags().len(), 3);
}

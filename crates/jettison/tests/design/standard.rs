//! Section 4: the built-in policy, by its description.

use super::world::{Case, NOW, call, check, images};

fn standard(text: &str) -> Case {
    let directory = tempfile::tempdir().unwrap();
    let shown = call(directory.path(), &["policy", "show", "standard"]);
    assert_eq!(shown.code, 0, "{}", shown.stderr);
    images(text).file(&shown.stdout)
}

#[test]
fn production_release_version_and_moving_tags_stay() {
    let tags = [
        "prod",
        "prod-1",
        "production",
        "release-1.2",
        "release",
        "1.2.3",
        "v1.2.3",
        "1.2",
        "v1",
        "1.2.3-rc.1",
        "2026.1",
        "v2.0.0-beta.1",
        "latest",
        "main",
        "master",
        "trunk",
        "develop",
        "stable",
        "edge",
    ];
    for tag in tags {
        let outcome = standard(&format!("app {tag} 900d\nb {tag}-x 1d")).plan().outcome();
        assert!(
            outcome.contains(&format!("keep app:{tag} keep-always")),
            "{tag}: {outcome:?}"
        );
    }
}

#[test]
fn build_caches_go_after_30_days() {
    check(&[
        (
            "tagged main",
            standard("app main 30d+1s kind=build-cache"),
            "delete app",
        ),
        (
            "exactly",
            standard("app main 30d kind=build-cache"),
            "keep app:main not-expired",
        ),
        ("untagged", standard("app - 30d+1s kind=build-cache"), "delete app"),
        (
            "charts stay",
            standard("app feature-1a2b3c4 900d kind=chart"),
            "keep app:feature-1a2b3c4 no-rule",
        ),
        (
            "artifacts stay",
            standard("app feature-1a2b3c4 900d kind=artifact"),
            "keep app:feature-1a2b3c4 no-rule",
        ),
    ]);
}

/// `count` younger builds of the branch `web`, a day old at most 10 days.
fn younger(count: usize) -> String {
    (1..=count)
        .map(|day| format!("w{day} web-a{day:06x} {day}d+1h\n"))
        .collect()
}

fn last_goes(count: usize, age: &str) -> bool {
    let outcome = standard(&format!("{}app web-c0ffee1 {age}", younger(count)))
        .plan()
        .outcome();
    let gone = outcome.contains(&"delete app".to_owned());
    assert!(
        gone || outcome.contains(&"keep app:web-c0ffee1 not-expired".to_owned()),
        "{outcome:?}"
    );
    gone
}

#[test]
fn of_each_branch_the_newest_stays_the_newest_10_stay_for_90_days_the_others_for_7() {
    assert!(!last_goes(0, "900d"), "the newest stays");
    assert!(last_goes(1, "90d+1s"), "the second goes after 90 days");
    assert!(!last_goes(1, "90d"), "not at 90 days");
    assert!(last_goes(9, "90d+1s"), "the tenth goes after 90 days");
    assert!(!last_goes(9, "90d"), "the tenth stays for 90 days");
    assert!(last_goes(10, "11d"), "the eleventh is no more among the newest 10");
}

#[test]
fn the_others_stay_for_7_days() {
    let all: String = (1..=12)
        .map(|hour| format!("w{hour} web-a{hour:06x} 30h+{hour}m\n"))
        .collect();
    check_last(&all, "7d", false);
    check_last(&all, "7d+1s", true);
}

fn check_last(younger: &str, age: &str, goes: bool) {
    let outcome = standard(&format!("{younger}app web-c0ffee1 {age}")).plan().outcome();
    assert_eq!(outcome.contains(&"delete app".to_owned()), goes, "{age}: {outcome:?}");
}

#[test]
fn untagged_roots_go_after_30_days_and_orphans_after_7() {
    let orphan = |age: &str| {
        standard(&format!(
            "@apps/web missing=gone\nsig - {age} subject=gone kind=artifact"
        ))
    };
    check(&[
        ("untagged", standard("app - 30d+1s"), "delete app"),
        ("untagged, exactly", standard("app - 30d"), "keep app not-expired"),
        (
            "untagged lately",
            standard("app - 90d untagged=29d"),
            "keep app not-expired",
        ),
        ("orphan", orphan("7d+1s"), "delete sig"),
        ("orphan, exactly", orphan("7d"), "keep sig not-expired"),
    ]);
}

#[test]
fn with_no_configuration_at_all_the_built_in_policy_applies() {
    let case = images("app - 40d\nweb v1.2.3 900d\nb web-1a2b3c4 5d\nc web-2a2b3c4 95d");
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("i.json"), case.inventory().to_string()).unwrap();
    std::fs::write(directory.path().join("u.json"), case.usage_form().to_string()).unwrap();
    let words = [
        "plan",
        "--inventory",
        "i.json",
        "--usage",
        "u.json",
        "--now",
        NOW,
        "--output",
        "json",
    ];
    let answer = call(directory.path(), &words);
    assert_eq!(answer.code, 0, "{}", answer.stderr);
    let plan = answer.json();
    assert_eq!(plan["actions"].as_array().unwrap().len(), 2, "{plan}");
    assert!(
        plan["actions"]
            .as_array()
            .unwrap()
            .iter()
            .all(|action| action["reason"]["policy"] == "standard"),
        "{plan}"
    );
}

#[test]
fn the_summary_says_how_much_the_kept_version_tags_hold() {
    let case = standard("app v1.2.3 900d blobs=a:123000000\nb web-1a2b3c4 5d");
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name);
    std::fs::write(at("i.json"), case.inventory().to_string()).unwrap();
    std::fs::write(at("u.json"), case.usage_form().to_string()).unwrap();
    let words = ["plan", "--inventory", "i.json", "--usage", "u.json", "--now", NOW];
    let answer = call(directory.path(), &words);
    let text = answer.stdout.to_lowercase();
    assert!(text.contains("123") && text.contains("version"), "{}", answer.stdout);
}

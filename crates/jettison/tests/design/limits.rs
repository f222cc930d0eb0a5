//! Section 6: keep-at-least, the brake and the fuse.

use super::world::{Case, EVERYTHING, check, images, list};

fn limited(limits: &str, text: &str) -> Case {
    images(text).settings(&format!("limits: {{ {limits} }}"))
}

#[test]
fn keep_at_least_never_deletes_the_newest_image_roots_of_a_repository() {
    check(&[
        (
            "the default is 1",
            images("a a 40d\nb b 50d").settings("limits: {}"),
            "keep a:a keep-at-least; delete b",
        ),
        (
            "0 is allowed",
            limited("keep-at-least: 0", "a a 40d\nb b 50d"),
            "delete a; delete b",
        ),
        (
            "2",
            limited("keep-at-least: 2", "a a 40d\nb b 50d\nc c 60d"),
            "keep a:a keep-at-least; keep b:b keep-at-least; delete c",
        ),
        (
            "of each repository",
            limited(
                "keep-at-least: 1",
                "@apps/web\na a 40d\nb b 50d\n@apps/api\nc c 60d\nd d 70d",
            ),
            "keep a:a keep-at-least; delete b; keep apps/api/c:c keep-at-least; delete apps/api/d",
        ),
        (
            "what stays anyway is one of the newest",
            images("a keep 40d\nb b 50d")
                .rules(&["match: { tags: [keep] }, keep: always", EVERYTHING])
                .settings("limits: { keep-at-least: 1 }"),
            "keep a:keep keep-always; delete b",
        ),
        (
            "what stays but is older is not",
            images("a a 40d\nb keep 50d")
                .rules(&["match: { tags: [keep] }, keep: always", EVERYTHING])
                .settings("limits: { keep-at-least: 1 }"),
            "keep a:a keep-at-least; keep b:keep keep-always",
        ),
        (
            "by newest entry",
            limited("keep-at-least: 1", "a a~45d,b~30d 60d\nb c 40d"),
            "keep a:a keep-at-least; keep a:b keep-at-least; delete b",
        ),
        (
            "untagged ones count",
            limited("keep-at-least: 1", "a - 40d\nb b 50d"),
            "keep a keep-at-least; delete b",
        ),
        (
            "other kinds do not",
            limited("keep-at-least: 1", "a a 40d kind=chart\nb b 50d"),
            "delete a; keep b:b keep-at-least",
        ),
        (
            "children do not",
            limited("keep-at-least: 1", "index a 50d children=amd\namd - 40d\nb b 60d"),
            "keep index:a keep-at-least; delete b",
        ),
        (
            "those of unknown time last",
            limited("keep-at-least: 1", "a a first_seen=40d\nb b 50d"),
            "delete a; keep b:b keep-at-least",
        ),
        (
            "those of unknown time by first sight",
            limited("keep-at-least: 2", "a a first_seen=60d\nb b first_seen=50d\nc c 70d"),
            "delete a; keep b:b keep-at-least; keep c:c keep-at-least",
        ),
    ]);
}

#[test]
fn max_deletions_is_a_brake_on_roots_oldest_first() {
    let brake = |count: u32, text: &str| limited(&format!("keep-at-least: 0, max-deletions: {count}"), text);
    check(&[
        (
            "none by default",
            limited("keep-at-least: 0", "a a 40d\nb b 50d"),
            "delete a; delete b",
        ),
        (
            "oldest first",
            brake(1, "a a 40d\nb b 60d\nc c 50d"),
            "keep a:a brake; delete b; keep c:c brake",
        ),
        ("exactly as many", brake(2, "a a 40d\nb b 60d"), "delete a; delete b"),
        (
            "roots count, not what follows",
            brake(1, "index a 60d children=amd,arm\namd - 60d\narm - 60d\nb b 50d"),
            "delete index; follow amd; follow arm; keep b:b brake",
        ),
        (
            "unknown last",
            brake(1, "a a first_seen=90d\nb b 40d"),
            "keep a:a brake; delete b",
        ),
        (
            "ties by digest",
            brake(1, "0b b 40d\n0a a 40d"),
            "delete 0a; keep 0b:b brake",
        ),
        (
            "ties by repository before digest",
            brake(1, "@apps/web\n0a a 40d\n@apps/api\n0b b 40d"),
            "keep 0a:a brake; delete apps/api/0b",
        ),
        ("0 deletes nothing", brake(0, "a a 40d"), "keep a:a brake"),
        (
            "all tags of a waiting root are listed",
            brake(1, "a a,x 40d\nb b 60d"),
            "keep a:a brake; keep a:x brake; delete b",
        ),
    ]);
}

#[test]
fn what_hangs_on_something_that_waits_waits_too_and_its_place_is_not_refilled() {
    let brake = |count: u32, text: &str| limited(&format!("keep-at-least: 0, max-deletions: {count}"), text);
    check(&[
        (
            "a subject waits for its tagged referrer",
            brake(1, "app main 60d\nsig sig 50d subject=app kind=artifact\nc c 40d"),
            "keep app:main brake; keep sig:sig brake; keep c:c brake",
        ),
        (
            "a tagged child waits for its index",
            brake(1, "amd amd 60d\nindex main 50d children=amd\nc c 40d"),
            "keep amd:amd brake; keep index:main brake; keep c:c brake",
        ),
        (
            "both go where there is room",
            brake(2, "amd amd 60d\nindex main 50d children=amd\nc c 40d"),
            "delete amd; delete index; keep c:c brake",
        ),
    ]);
}

#[test]
fn waiting_roots_are_counted() {
    let plan = limited("keep-at-least: 0, max-deletions: 1", "a a 40d\nb b 60d\nc c 50d")
        .plan()
        .json();
    assert_eq!(plan["limits"]["waiting"], 2, "{}", plan["limits"]);
}

/// `gone` images that expire and `kept` that stay, of this kind.
fn shares(gone: usize, kept: usize, kind: &str) -> String {
    let gone: String = (0..gone)
        .map(|at| format!("g{kind}{at} g{kind}{at} 40d kind={kind}\n"))
        .collect();
    let kept: String = (0..kept)
        .map(|at| format!("k{kind}{at} keep{kind}{at} 40d kind={kind}\n"))
        .collect();
    gone + &kept
}

fn fused(text: &str, limits: &str) -> Case {
    images(text)
        .rules(&["match: { tags: ['keep*'] }, keep: always", EVERYTHING])
        .settings(&format!("limits: {{ keep-at-least: 0, {limits} }}"))
}

fn refused(case: &Case) -> usize {
    case.plan()
        .outcome()
        .iter()
        .filter(|line| line.ends_with(" refused"))
        .count()
}

#[test]
fn max_share_is_a_fuse_when_more_than_that_share_and_more_than_5_would_go() {
    let rows = [
        ("6 of 12 are 50 %, not more", 6, 6, "", 0),
        ("6 of 11 are more", 6, 5, "", 6),
        ("5 of 5 are not more than 5", 5, 0, "", 0),
        ("6 of 6", 6, 0, "", 6),
        ("max-share: 100%", 6, 0, "max-share: 100%", 0),
        ("max-share: 20%, 6 of 30 are not more", 6, 24, "max-share: 20%", 0),
        ("max-share: 20%, 6 of 29 are more", 6, 23, "max-share: 20%", 6),
    ];
    for (sentence, gone, kept, limits, wanted) in rows {
        assert_eq!(
            refused(&fused(&shares(gone, kept, "image"), limits)),
            wanted,
            "{sentence}"
        );
    }
}

#[test]
fn the_share_is_that_of_the_roots_of_one_kind_in_one_repository() {
    let charts = shares(6, 0, "chart") + &shares(0, 20, "image");
    assert_eq!(
        refused(&fused(&charts, "")),
        6,
        "all charts of a repository of many images"
    );
    let split = shares(5, 0, "chart") + &shares(5, 0, "image");
    assert_eq!(
        refused(&fused(&split, "")),
        0,
        "5 of each kind are not more than 5 of one"
    );
    let mixed = shares(6, 0, "chart") + &shares(1, 20, "image");
    assert_eq!(
        refused(&fused(&mixed, "")),
        7,
        "its actions, all of the repository, are refused"
    );
    let two = format!("@apps/web\n{}@apps/api\na a 40d\n", shares(6, 0, "image"));
    let outcome = fused(&two, "").plan().outcome();
    assert!(
        outcome.contains(&"delete apps/api/a".to_owned()),
        "other repositories go on: {outcome:?}"
    );
}

#[test]
fn what_would_lose_a_tag_counts_for_the_fuse() {
    let text: String = (0..6).map(|at| format!("i{at} keep{at},x{at} 40d\n")).collect();
    let case = images(&text)
        .policy("untag: true", &["match: { tags: ['keep*'] }, keep: always", EVERYTHING])
        .settings("limits: { keep-at-least: 0 }");
    assert_eq!(refused(&case), 6);
}

#[test]
fn its_actions_are_shown_but_refused_with_the_share() {
    let plan = fused(&(shares(6, 2, "image") + "idx gidx 40d children=amd\namd - 40d"), "")
        .plan()
        .json();
    assert_eq!(list(&plan, "actions").len(), 8, "shown");
    assert!(
        list(&plan, "actions").iter().all(|action| action["refused"] == true),
        "what follows is refused too: {plan}"
    );
    let refused = &list(&plan["limits"], "refused")[0];
    assert_eq!(
        (refused["registry"].as_str(), refused["repository"].as_str()),
        (Some("r.example.com"), Some("apps/web"))
    );
    let share = refused["share"].as_f64().unwrap();
    assert!((share - 7.0 / 9.0).abs() < 0.01, "{share}");
}

#[test]
fn ties_of_the_brake_are_broken_by_registry_before_repository() {
    let text = "@apps/web host=b.example\n0a a 40d\n@apps/zzz host=a.example\n0b b 40d";
    check(&[(
        "registry, repository, digest",
        limited("keep-at-least: 0, max-deletions: 1", text),
        "keep 0a:a brake; delete apps/zzz/0b",
    )]);
}

//! Every finding where it is due, and close by where it is not.

use super::super::tests::ground::{rules, with_outlook, world};
use super::super::{LifecyclePolicy, LifecycleRule, TagPattern, TagSelection};
use super::texts::{Text, includes};
use super::*;
use crate::model::Gap;
use crate::worlds::World;

/// One line a finding: `code severity rule count`.
fn told(findings: &[LifecycleFinding]) -> Vec<String> {
    let told = findings.iter().map(|finding| {
        let severity = match finding.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Note => "note",
        };
        let rule = finding
            .rule_priority
            .map_or_else(|| "-".to_owned(), |rule| rule.to_string());
        format!("{} {severity} {rule} {}", finding.code.as_str(), finding.count)
    });
    told.collect()
}

type Given = (&'static str, &'static str, u64);

fn alone(given: &[Given]) -> Vec<String> {
    told(&LifecycleLint::alone(&rules(given)))
}

fn found(world: &World, policy: &LifecyclePolicy) -> Vec<LifecycleFinding> {
    with_outlook(world, policy, |facts, outlooks| {
        LifecycleLint::new(facts).lint(policy, outlooks)
    })
}

/// What is found in a world of which all is known to be unused.
fn here(world: &World, given: &[Given]) -> Vec<String> {
    told(&found(world, &rules(given)))
}

/// `TAG-1` to `TAG-count`, from young to old.
fn images(tag: &str, count: usize, more: &str) -> String {
    (1..=count)
        .map(|at| format!("tags: [{tag}-{at}], pushed: {}d ago{more}\n", 100 + at))
        .collect()
}

#[test]
fn what_the_text_alone_says() {
    let table: [(&str, &[Given], &[&str]); 22] = [
        (
            "no tag has a slash",
            &[("release/*", "count", 5)],
            &["impossible-text warning 1 0"],
        ),
        (
            "nor a question mark",
            &[("v?.1", "count", 5)],
            &["impossible-text warning 1 0"],
        ),
        (
            "nor a wildcard, where prefixes are meant",
            &[("prefix:prod-*", "count", 5)],
            &["impossible-text warning 1 0"],
        ),
        (
            "nor begins with a dash",
            &[("-rc*", "count", 5)],
            &["impossible-text warning 1 0"],
        ),
        ("but may have one", &[("*-rc*", "count", 5)], &[]),
        (
            "a pattern that an earlier one holds",
            &[("v*", "count", 5), ("v1.*", "pushed", 5)],
            &["shadowed-rule warning 2 0"],
        ),
        (
            "the other way round it is the exception",
            &[("v1.*", "pushed", 5), ("v*", "pushed", 5)],
            &[],
        ),
        (
            "a prefix and a pattern",
            &[("prefix:v", "count", 5), ("v1.*", "pushed", 5)],
            &["shadowed-rule warning 2 0"],
        ),
        (
            "a pattern and a prefix",
            &[("v*", "count", 5), ("prefix:v1", "pushed", 5)],
            &["shadowed-rule warning 2 0"],
        ),
        (
            "not by a pattern with an end",
            &[("v*-rc", "count", 5), ("prefix:v1", "pushed", 5)],
            &[],
        ),
        (
            "a list that asks for more",
            &[("v*", "count", 5), ("v1* amd*", "pushed", 5)],
            &["shadowed-rule warning 2 0"],
        ),
        (
            "a list that asks for less",
            &[("v1* amd*", "count", 5), ("v1*", "pushed", 5)],
            &["list-is-and note 1 0"],
        ),
        (
            "both halves",
            &[("*", "pushed", 5), ("untagged", "pushed", 5), ("any", "pushed", 5)],
            &["shadowed-rule warning 3 0"],
        ),
        ("one half", &[("*", "pushed", 5), ("any", "pushed", 5)], &[]),
        ("a list where one text holds the other", &[("v* v1*", "pushed", 5)], &[]),
        ("an `any` rule", &[("any", "pushed", 5)], &["any-swallows note 1 0"]),
        ("an `any` rule that protects", &[("any", "count", 9999)], &[]),
        ("`untagged` in its place", &[("untagged", "pushed", 5)], &[]),
        (
            "a rule that counts what an earlier one has seen",
            &[("v1*", "pushed", 5), ("v*", "count", 5)],
            &["overlapping-counts note 2 0"],
        ),
        (
            "by age nobody takes a place",
            &[("v1*", "count", 5), ("v*", "pushed", 5)],
            &[],
        ),
        (
            "a protection that comes too late",
            &[("pr-*", "pushed", 5), ("prod*", "count", 9999)],
            &["outranked-protection note 2 0"],
        ),
        (
            "and one in time",
            &[("prod*", "count", 9999), ("pr-*", "pushed", 5)],
            &[],
        ),
    ];
    for (what, given, expected) in table {
        assert_eq!(alone(given), expected, "{what}");
    }
}

#[test]
fn one_text_holds_another_if_every_tag_that_fits_it_does() {
    let table = [
        ("*", "a", true),
        ("*", "*", true),
        ("a*", "a*", true),
        ("a*", "ab*c", true),
        ("*a*", "*ba*", true),
        ("a*b", "a*", false),
        ("a*", "*a", false),
        ("a", "a*", false),
        ("a*a", "a", false),
        ("*-*", "a-*", true),
        ("*-*", "a*", false),
    ];
    for (wide, narrow, expected) in table {
        let [wide_pattern, narrow_pattern] = [wide, narrow].map(|text| TagPattern::new(text).unwrap());
        assert_eq!(
            Text::Pattern(&wide_pattern).includes(Text::Pattern(&narrow_pattern)),
            expected,
            "{wide} {narrow}"
        );
    }
    assert!(Text::Prefix("a").includes(Text::Prefix("ab")) && !Text::Prefix("ab").includes(Text::Prefix("a")));
    assert!(
        !Text::Prefix("a*").includes(Text::Prefix("a*")),
        "no tag fits it, so it holds nothing"
    );
}

#[test]
fn rules_for_two_storage_classes_have_nothing_to_do_with_each_other() {
    let standard = rules(&[("any", "pushed", 5)]).rules()[0].clone();
    let archive = LifecycleRule {
        storage_class: crate::lifecycle::StorageClass::Archive,
        ..standard.clone()
    };
    assert!(includes(&standard, &standard) && !includes(&standard, &archive));
    let untagged = LifecycleRule {
        selects: TagSelection::Untagged,
        ..standard.clone()
    };
    assert!(includes(&standard, &untagged) && !includes(&untagged, &standard));
}

#[test]
fn a_text_that_no_tag_fits_is_told() {
    let world = world(&images("prod", 3, ""));
    let warned = ["unmatched-text warning 1 0", "unreached note - 3"];
    assert_eq!(here(&world, &[("prd-*", "count", 5)]), warned);
    assert_eq!(
        here(&world, &[("prefix:prd-", "count", 9999)]),
        warned,
        "it protects nothing"
    );
    assert_eq!(here(&world, &[("prod-*", "count", 5)]), [""; 0]);
    assert_eq!(here(&world, &[("prod-* *-9", "count", 5)]), warned);
    let empty = World {
        inventory: crate::model::Inventory {
            repositories: Vec::new(),
            ..world.inventory.clone()
        },
        ..self::world("tags: [a], pushed: 1d ago")
    };
    assert_eq!(
        here(&empty, &[("prd-*", "count", 5)]),
        [""; 0],
        "there is nothing that it could fit"
    );
}

#[test]
fn what_the_text_says_is_not_said_once_more_of_the_images() {
    let world = world(&images("prod", 3, ""));
    let given = [
        ("prod-*", "count", 5),
        ("prod/*", "count", 5),
        ("prod-1*", "pushed", 500),
    ];
    assert_eq!(
        here(&world, &given),
        ["impossible-text warning 2 0", "shadowed-rule warning 3 0"]
    );
}

#[test]
fn nothing_is_said_of_what_is_absent_where_a_part_was_not_read() {
    let mut world = world(&images("prod", 30, ""));
    world.repository().gaps.push(Gap::of("x"));
    let given = [("prd-*", "count", 5), ("prod-*", "count", 50), ("*-1", "count", 50)];
    assert_eq!(here(&world, &given), [""; 0]);
    world.repository().gaps.clear();
    assert_eq!(
        here(&world, &given),
        ["unmatched-text warning 1 0", "shadowed-rule warning 3 1"]
    );
}

#[test]
fn a_rule_that_others_are_always_before_is_told_by_the_images() {
    let world =
        world("tags: [a-1, b-1], pushed: 3d ago\ntags: [a-2], pushed: 4d ago\ntags: [b-2, a-3], pushed: 5d ago");
    let given = [("a-*", "count", 9999), ("b-*", "count", 9999)];
    let findings = found(&world, &rules(&given));
    assert_eq!(told(&findings), ["shadowed-rule warning 2 2"]);
    assert!(findings[0].message.contains("rule 1 (2)"), "{}", findings[0].message);
    let near = self::world("tags: [a-1, b-1], pushed: 3d ago\ntags: [b-3], pushed: 4d ago");
    assert_eq!(here(&near, &given), [""; 0]);
}

#[test]
fn a_list_whose_texts_never_come_together_is_told() {
    let apart = format!("{}{}", images("prod", 12, ""), images("web", 12, ""));
    let given = [("prod-* web-*", "count", 5), ("*", "count", 9999)];
    assert_eq!(here(&world(&apart), &given), ["never-together warning 1 0"]);
    let one = format!("{apart}tags: [prod-x, web-x], pushed: 1d ago\n");
    assert_eq!(here(&world(&one), &given), ["never-together warning 1 1"]);
    let two = format!("{one}tags: [prod-y, web-y], pushed: 1d ago\n");
    assert_eq!(here(&world(&two), &given), [""; 0]);
    let few = format!("{}{}", images("prod", 4, ""), images("web", 12, ""));
    assert_eq!(here(&world(&few), &given), [""; 0], "four say nothing");
}

#[test]
fn images_that_no_rule_reaches_are_told() {
    let mut world = world(&format!(
        "{}untagged: 3d ago, pushed: 3d ago\nuntagged: 3d ago, pushed: 3d ago",
        images("a", 2, "")
    ));
    world.list(0, &[2]);
    let findings = found(&world, &rules(&[("a-1", "count", 5)]));
    assert_eq!(told(&findings), ["unreached note - 3"]);
    let said = "1 child of an index, 1 untagged image, 1 image";
    assert!(findings[0].message.ends_with(said), "{}", findings[0].message);
    assert_eq!(here(&world, &[("*", "count", 5), ("untagged", "pushed", 5)]), [""; 0]);
}

#[test]
fn an_any_rule_is_told_for_the_tagged_images_that_it_takes() {
    let mut world = world(
        "tags: [v1.2.3], pushed: 40d ago
         tags: [odd], pushed: 41d ago
         tags: [a-1], pushed: 42d ago
         untagged: 43d ago, pushed: 43d ago",
    );
    world.refer("r.example/app:odd", None);
    let findings = found(&world, &rules(&[("a-*", "count", 5), ("any", "pushed", 30)]));
    assert_eq!(
        told(&findings),
        ["any-swallows warning 2 2", "takes-in-use warning 2 1"]
    );
    assert!(
        findings[0].message.contains("releases by their tags: 1, in use: 1"),
        "{}",
        findings[0].message
    );
    assert_eq!(findings[0].examples.len(), 2);
    let named = [
        ("a-*", "count", 5),
        ("v*", "count", 9999),
        ("odd", "count", 9999),
        ("any", "pushed", 30),
    ];
    assert_eq!(here(&world, &named), [""; 0], "it takes what has no tag");
}

#[test]
fn a_rule_that_takes_what_is_in_use_is_told() {
    let mut world =
        world("untagged: 40d ago, pushed: 40d ago\nuntagged: 40d ago, pushed: 40d ago\ntags: [a], pushed: 1d ago");
    let given = [("untagged", "pushed", 30), ("a", "count", 9999)];
    world.refer("r.example/app:a", None);
    assert_eq!(here(&world, &given), [""; 0]);
    let used = format!("r.example/app@{}", world.digests[1]);
    world.refer(&used, None);
    let findings = found(&world, &rules(&given));
    assert_eq!(told(&findings), ["takes-in-use warning 1 1"]);
    assert_eq!(findings[0].examples, [used]);
}

#[test]
fn a_rule_that_tears_off_what_belongs_to_something_that_stays_is_told() {
    let images = "tags: [a], pushed: 1d ago
        untagged: 40d ago, pushed: 40d ago
        untagged: 40d ago, pushed: 40d ago, kind: artifact
        tags: [b], pushed: 40d ago";
    let mut torn = world(images);
    torn.list(0, &[1]);
    torn.attach(2, 0);
    let given = [("untagged", "pushed", 30), ("*", "pushed", 30)];
    assert_eq!(
        here(&torn, &given),
        ["takes-live-children warning 1 1", "takes-live-attached warning 1 1"]
    );
    let mut together = world(images);
    together.list(3, &[1]);
    together.attach(2, 3);
    assert_eq!(here(&together, &given), [""; 0], "what they belong to goes too");
}

#[test]
fn an_image_that_takes_a_moving_tag_along_is_told() {
    let given = [("pr-*", "pushed", 30), ("*", "count", 9999)];
    assert_eq!(
        here(
            &world("tags: [pr-1, latest], pushed: 40d ago\ntags: [x], pushed: 1d ago"),
            &given
        ),
        ["outranked-protection warning 1 1", "takes-moving-tag warning 1 1"]
    );
    let only = [("pr-*", "pushed", 30)];
    assert_eq!(
        here(&world("tags: [pr-1, latest], pushed: 40d ago"), &only),
        ["takes-moving-tag warning 1 1"]
    );
    assert_eq!(
        here(&world("tags: [pr-1, latest], pushed: 4d ago"), &only),
        [""; 0],
        "it stays"
    );
    assert_eq!(here(&world("tags: [pr-1, pr-latest], pushed: 40d ago"), &only), [""; 0]);
    assert_eq!(
        here(
            &world("tags: [pr-1, latest], pushed: 40d ago, kind: build-cache"),
            &only
        ),
        [""; 0],
        "caches like to be called so"
    );
}

#[test]
fn an_image_that_a_later_rule_would_have_kept_is_told() {
    let world =
        world("tags: [a-1, prod-1], pushed: 40d ago\ntags: [a-2], pushed: 41d ago\ntags: [prod-2], pushed: 42d ago");
    let late = [("a-*", "pushed", 30), ("prod-*", "count", 9999)];
    let findings = found(&world, &rules(&late));
    assert_eq!(told(&findings), ["outranked-protection warning 1 1"]);
    assert!(findings[0].message.contains("rule 2 (1)"), "{}", findings[0].message);
    assert_eq!(
        here(&world, &[("prod-*", "count", 9999), ("a-*", "pushed", 30)]),
        [""; 0]
    );
    assert_eq!(
        here(&world, &[("a-*", "pushed", 30), ("prod-*", "pushed", 30)]),
        [""; 0],
        "both take it"
    );
    assert_eq!(
        here(&world, &[("a-*", "pushed", 30), ("any", "count", 9999)]),
        [""; 0],
        "an `any` rule names no tag that somebody relies on"
    );
}

#[test]
fn places_that_images_do_not_take_are_told() {
    let mut world = world(
        "tags: [v4], pushed: 1d ago
         untagged: 2d ago, pushed: 2d ago
         untagged: 3d ago, pushed: 3d ago
         tags: [v3], pushed: 4d ago
         tags: [v2], pushed: 5d ago",
    );
    world.list(0, &[1, 2]);
    let count = |keeps| [("any", "count", keeps)];
    let findings = found(&world, &rules(&count(3)));
    assert_eq!(
        told(&findings),
        ["any-swallows warning 1 2", "places-taken warning 1 2"]
    );
    assert!(
        findings[1].message.ends_with("2 children of indexes, 1 index"),
        "{}",
        findings[1].message
    );
    assert_eq!(
        here(&world, &count(4)),
        ["any-swallows warning 1 1"],
        "half of them are images"
    );
    assert_eq!(here(&world, &count(9999)), [""; 0], "there is room for all");
    let mut full =
        self::world("tags: [v4], pushed: 1d ago\nuntagged: 2d ago, pushed: 2d ago\nuntagged: 3d ago, pushed: 3d ago");
    full.list(0, &[1, 2]);
    assert_eq!(here(&full, &count(3)), [""; 0], "no image waits for a place");
}

#[test]
fn places_that_others_have_the_say_on_are_told() {
    let world = world("tags: [a-1, b-1], pushed: 1d ago\ntags: [b-2], pushed: 2d ago\ntags: [b-3], pushed: 3d ago");
    let first = ("a-*", "count", 9999);
    assert_eq!(
        here(&world, &[first, ("b-*", "count", 2)]),
        ["overlapping-counts warning 2 1"]
    );
    assert_eq!(
        here(&world, &[first, ("b-*", "count", 3)]),
        [""; 0],
        "nothing goes for it"
    );
    assert_eq!(here(&world, &[first, ("b-*", "pushed", 1)]), [""; 0]);
    let all_seen = self::world("tags: [a-1, b-1], pushed: 1d ago\ntags: [a-2, b-2], pushed: 2d ago");
    assert_eq!(
        here(&all_seen, &[first, ("b-*", "count", 1)]),
        ["shadowed-rule warning 2 2"],
        "nobody lost a place"
    );
    let apart = self::world("tags: [a-1], pushed: 1d ago\ntags: [b-2], pushed: 2d ago\ntags: [b-3], pushed: 3d ago");
    assert_eq!(here(&apart, &[first, ("b-*", "count", 1)]), [""; 0]);
}

#[test]
fn archiving_in_a_small_registry_is_told() {
    let mut world = world("tags: [a-1], pushed: 1d ago");
    let given = [("a-*", "pulled", 90)];
    world.inventory.complete_registries.clear();
    assert_eq!(
        here(&world, &given),
        ["archive-saves-nothing note 1 0"],
        "not all of it was read"
    );
    let host = world.repository().registry.clone();
    world.inventory.complete_registries.insert(host);
    assert_eq!(here(&world, &given), ["archive-saves-nothing warning 1 0"]);
    assert_eq!(here(&world, &[("a-*", "pushed", 90)]), [""; 0]);
    world.image(0).size = 150_000_000_000_000;
    assert_eq!(here(&world, &given), [""; 0]);
}

#[test]
fn what_is_the_same_in_several_repositories_is_told_once() {
    let mut world = world(&format!("{}tags: [latest, odd], pushed: 40d ago", images("a", 3, "")));
    world.image(0);
    world.move_to("other", &[0]);
    let findings = found(&world, &rules(&[("b-*", "count", 5), ("a-*", "pushed", 30)]));
    assert_eq!(
        told(&findings),
        ["unmatched-text warning 1 0", "unreached note - 1"],
        "{findings:#?}"
    );
    assert_eq!(
        here(&world, &[("a-1", "count", 9999), ("*", "count", 9999)]),
        [""; 0],
        "one of them has it"
    );
}

#[test]
fn every_code_has_the_word_that_json_prints() {
    let mut words: Vec<&str> = LifecycleCode::ALL.iter().map(|code| code.as_str()).collect();
    for code in LifecycleCode::ALL {
        assert_eq!(serde_json::to_value(code).unwrap(), code.as_str());
    }
    words.sort_unstable();
    words.dedup();
    assert_eq!(words.len(), LifecycleCode::ALL.len());
    let places = ["a", "b", "c", "d"].map(|name| format!("r.example/{name}"));
    let finding = never_evaluated(&places).unwrap();
    assert_eq!(told(std::slice::from_ref(&finding)), ["never-evaluated warning - 4"]);
    assert_eq!(finding.examples.len(), 3);
    assert_eq!(never_evaluated(&[]), None);
}

//! Ranks in groups, and what `unless` spares.

use crate::worlds::{World, ago};

/// The tags that go under one rule with these keys, of images given as tag and age.
fn gone(keys: &str, images: &[(&str, &str)]) -> Vec<String> {
    let images: Vec<String> = images
        .iter()
        .map(|(tags, pushed)| format!("tags: [{tags}], pushed: {pushed}"))
        .collect();
    World::new(&[&format!("name: r, match: {{}}, {keys}")], &images.join("\n")).gone()
}

const FOUR: [(&str, &str); 4] = [("b", "20d ago"), ("a", "10d ago"), ("d", "40d ago"), ("c", "30d ago")];

#[test]
fn the_newest_stay() {
    for (count, expected) in [
        (0, &["a", "b", "c", "d"][..]),
        (1, &["b", "c", "d"]),
        (3, &["d"]),
        (4, &[]),
    ] {
        let keys = format!("expire: {{ beyond-newest: {count} }}");
        assert_eq!(gone(&keys, &FOUR), expected, "{count}");
    }
}

#[test]
fn tags_of_one_image_share_a_rank_and_take_one_place() {
    let images = [("a1, a2", "10d ago"), ("b1, b2", "20d ago"), ("c", "30d ago")];
    assert_eq!(gone("expire: { beyond-newest: 2 }", &images), ["c"]);
    assert_eq!(gone("expire: { beyond-newest: 1 }", &images), ["b1", "b2", "c"]);
}

#[test]
fn an_image_is_as_new_as_its_newest_entry_of_the_group() {
    let mut world = World::new(
        &["name: r, match: {}, expire: { beyond-newest: 1 }"],
        "tags: [old, new], pushed: 60d ago\ntags: [b], pushed: 20d ago",
    );
    assert_eq!(world.gone(), ["new", "old"]);
    world.repository().tags[1].updated_at = ago(10 * 24);
    assert_eq!(world.gone(), ["b"]);
    world.repository().tags.swap(0, 1);
    assert_eq!(world.gone(), ["b"], "whatever the order of the tags");
}

#[test]
fn of_two_as_new_the_lower_digest_ranks_first() {
    let images = "tags: [a], pushed: 20d ago\ntags: [b], pushed: 20d ago";
    let mut world = World::new(&["name: r, match: {}, expire: { beyond-newest: 1 }"], images);
    let [first, second] = [0, 1].map(|number| world.image(number).digest.clone());
    assert_eq!(world.gone(), [if first < second { "b" } else { "a" }]);
}

#[test]
fn each_group_has_its_own_ranks() {
    let images = [
        ("main-1a2b3c4", "10d ago"),
        ("main-2b3c4d5", "20d ago"),
        ("dev-1a2b3c4", "30d ago"),
        ("dev-2b3c4d5", "40d ago"),
        ("x", "50d ago"),
    ];
    let keys = "group-by: branch, expire: { beyond-newest: 1 }";
    assert_eq!(gone(keys, &images), ["dev-2b3c4d5", "main-2b3c4d5"]);
    let keys = "group-by: { regex: \"^(?<group>dev|main)-\" }, expire: { beyond-newest: 0 }";
    assert_eq!(
        gone(keys, &images),
        ["dev-1a2b3c4", "dev-2b3c4d5", "main-1a2b3c4", "main-2b3c4d5"],
        "what has no group has no rank"
    );
}

#[test]
fn what_has_no_time_has_no_rank_and_fills_no_place() {
    let rule = "name: r, match: {}, expire: { beyond-newest: 1 }";
    let images = "tags: [a], first-seen: 2d ago\ntags: [b], pushed: 20d ago\ntags: [c], pushed: 30d ago";
    assert_eq!(World::new(&[rule], images).gone(), ["c"]);
    let rule = "name: r, match: {}, expire: { older-than: 1d }, unless: { newest-per: { day: 1 } }";
    assert_eq!(
        World::new(&[rule], images).verdicts(),
        ["a stays unless", "b stays unless", "c goes r"]
    );
}

#[test]
fn versions_rank_by_version() {
    let images = [
        ("1.9.0", "10d ago"),
        ("1.10.0", "40d ago"),
        ("nightly", "5d ago"),
        ("1.8.0, 1.11.0, latest", "50d ago"),
    ];
    let keys = |count: u32| format!("order: semver, expire: {{ beyond-newest: {count} }}");
    assert_eq!(gone(&keys(1), &images), ["1.10.0", "1.9.0"]);
    assert_eq!(gone(&keys(2), &images), ["1.9.0"]);
    assert_eq!(
        gone(&keys(0), &images),
        ["1.10.0", "1.11.0", "1.8.0", "1.9.0"],
        "no version, no rank"
    );
    let of_two = [("a-1.0.0", "10d ago"), ("2.0.0", "20d ago"), ("1.0.0", "9d ago")];
    let keys = "order: semver, group-by: { regex: \"^(?<group>[a-z]?)\" }, expire: { beyond-newest: 1 }";
    assert_eq!(gone(keys, &of_two), ["1.0.0"]);
}

/// 2026-11-21 is a Saturday.
#[test]
fn the_newest_of_the_last_buckets_that_hold_one_are_spared() {
    let unless = |buckets: &str| format!("expire: {{ older-than: 1d }}, unless: {{ newest-per: {{ {buckets} }} }}");
    let images = [
        ("a", "2026-11-18T20:00:00Z"),
        ("b", "2026-11-18T10:00:00Z"),
        ("c", "2026-11-17T10:00:00Z"),
        ("d", "2026-11-10T10:00:00Z"),
        ("e", "2026-11-10T09:00:00Z"),
        ("f", "2025-11-10T09:00:00Z"),
    ];
    for (buckets, expected) in [
        ("day: 1", &["b", "c", "d", "e", "f"][..]),
        ("day: 2", &["b", "d", "e", "f"]),
        ("day: 3", &["b", "e", "f"]),
        ("week: 2", &["b", "c", "e", "f"]),
        ("year: 2", &["b", "c", "d", "e"]),
        ("day: 2, year: 2", &["b", "d", "e"]),
    ] {
        assert_eq!(gone(&unless(buckets), &images), expected, "{buckets}");
    }
}

#[test]
fn each_group_has_its_own_buckets() {
    let images = [
        ("main-1a2b3c4", "2026-11-18T20:00:00Z"),
        ("main-2b3c4d5", "2026-11-18T10:00:00Z"),
        ("dev-1a2b3c4", "2026-11-18T20:00:00Z"),
        ("dev-2b3c4d5", "2026-11-18T10:00:00Z"),
        ("dev-3b3c4d5", "2026-11-17T10:00:00Z"),
    ];
    let keys = "group-by: branch, expire: { older-than: 1d }, unless: { newest-per: { day: 1 } }";
    assert_eq!(gone(keys, &images), ["dev-2b3c4d5", "dev-3b3c4d5", "main-2b3c4d5"]);
}

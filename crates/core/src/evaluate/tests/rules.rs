//! Which rule governs an entry, and whether its conditions hold.

use crate::evaluate::Decision;
use crate::reason::Reason;
use crate::worlds::{World, ago};

#[test]
fn conditions_are_strict_and_unknown_is_no() {
    let table = [
        ("older-than: 30d", "pushed: 30d ago", false),
        ("older-than: 30d", "pushed: 721h ago", true),
        ("older-than: 0d", "first-seen: 48h ago", true),
        ("older-than: 30d", "first-seen: 721h ago", true),
        ("older-than: 30d", "first-seen: 1970-01-01T00:00:00Z", false),
        ("beyond-newest: 0", "pushed: 48h ago", true),
        ("beyond-newest: 1", "pushed: 48h ago", false),
        ("larger-than: 1000kB", "pushed: 48h ago, size: 1MB", false),
        ("larger-than: 999kB", "pushed: 48h ago, size: 1MB", true),
        ("larger-than: 1kB, older-than: 30d", "pushed: 48h ago, size: 1MB", false),
        ("not-pulled-for: 30d", "pushed: 60d ago, last-pulled: 30d ago", false),
        ("not-pulled-for: 30d", "pushed: 60d ago, last-pulled: 721h ago", true),
        ("not-pulled-for: 30d", "pushed: 30d ago, last-pulled: 60d ago", false),
        ("not-pulled-for: 30d", "pushed: 721h ago, last-pulled: 60d ago", true),
        (
            "not-pulled-for: 30d",
            "pushed: 60d ago, last-pulled: 1970-01-01T00:00:00Z",
            true,
        ),
        ("not-pulled-for: 30d", "pushed: 60d ago", false),
    ];
    for (conditions, image, goes) in table {
        let rule = format!("name: r, match: {{}}, expire: {{ {conditions} }}");
        let mut world = World::new(&[&rule], &format!("tags: [a], {image}"));
        if image.contains("last-pulled") {
            world.repository().pull_data_since = ago(400 * 24);
        }
        if image.contains("first-seen: 1970") {
            world.config += "grace: 0h\n";
        }
        assert_eq!(!world.gone().is_empty(), goes, "{conditions}: {image}");
    }
}

#[test]
fn a_rule_may_count_from_the_push_alone() {
    let table = [
        ("older-than: 30d", "pushed: 40d ago, tagged: 3d ago", false, true),
        ("older-than: 30d", "pushed: 3d ago, tagged: 40d ago", false, false),
        ("older-than: 30d", "first-seen: 40d ago", true, false),
        ("older-than: 30d", "created: 40d ago", true, true),
        (
            "not-pulled-for: 30d",
            "pushed: 40d ago, tagged: 3d ago, last-pulled: 40d ago",
            false,
            true,
        ),
        (
            "not-pulled-for: 30d",
            "pushed: 40d ago, tagged: 40d ago, last-pulled: 3d ago",
            false,
            false,
        ),
        (
            "not-pulled-for: 30d",
            "first-seen: 40d ago, last-pulled: 40d ago",
            true,
            false,
        ),
    ];
    for (conditions, image, by_latest, by_push) in table {
        for (since, goes) in [("latest", by_latest), ("push", by_push)] {
            let rule = format!("name: r, match: {{}}, since: {since}, expire: {{ {conditions} }}");
            let mut world = World::new(&[&rule], &format!("tags: [a], {image}"));
            world.repository().pull_data_since = ago(400 * 24);
            assert_eq!(!world.gone().is_empty(), goes, "{since} {conditions}: {image}");
        }
    }
}

#[test]
fn ranks_count_from_the_push_alone_where_a_rule_says_so() {
    let images = "tags: [a], pushed: 40d ago, tagged: 3d ago\ntags: [b], pushed: 30d ago, tagged: 30d ago\n\
                  tags: [c], first-seen: 20d ago";
    for (since, gone) in [("latest", ["b"]), ("push", ["a"])] {
        let rule = format!("name: r, match: {{}}, since: {since}, expire: {{ beyond-newest: 1 }}");
        assert_eq!(World::new(&[&rule], images).gone(), gone, "{since}");
    }
}

#[test]
fn a_rule_may_rank_among_what_earlier_rules_govern() {
    let images = "tags: [keep-1], pushed: 3d ago\ntags: [a], pushed: 4d ago\ntags: [b], pushed: 5d ago\n\
                  tags: [c], pushed: 6d ago\ntags: [keep-2], pushed: 7d ago";
    let keep = "name: k, match: { tags: [\"keep-*\"] }, keep: always";
    for (among, gone) in [("governed", &["c"][..]), ("fitting", &["b", "c"])] {
        let rule = format!("name: r, match: {{}}, rank-among: {among}, expire: {{ beyond-newest: 2 }}");
        assert_eq!(World::new(&[keep, &rule], images).gone(), gone, "{among}");
    }
}

#[test]
fn what_is_in_the_archive_may_have_rules_of_its_own() {
    let rules = [
        "name: a, match: { archived: true }, expire: { archived-for: 180d }",
        "name: b, match: { archived: false }, expire: { older-than: 300d }",
    ];
    let images = "tags: [a], pushed: 400d ago, archived: 181d ago\ntags: [b], pushed: 400d ago, archived: 180d ago\n\
                  tags: [c], pushed: 400d ago\ntags: [d], pushed: 4d ago";
    assert_eq!(World::new(&rules, images).gone(), ["a", "c"]);
    let unknown = "tags: [a], pushed: 400d ago, archived: 1970-01-01T00:00:00Z\ntags: [d], pushed: 4d ago";
    assert_eq!(World::new(&rules, unknown).gone(), [""; 0]);
}

#[test]
fn an_alternative_is_enough_and_every_part_of_it_is_needed() {
    let either = "name: r, match: {}, expire: [ { older-than: 30d, larger-than: 1GB }, { older-than: 60d } ]";
    let images = "tags: [a], pushed: 31d ago\ntags: [b], pushed: 61d ago\ntags: [c], pushed: 31d ago, size: 2GB\n\
                  tags: [d], pushed: 29d ago, size: 2GB";
    assert_eq!(World::new(&[either], images).gone(), ["b", "c"]);
}

#[test]
fn pull_times_count_only_where_they_cover_all_of_the_limit() {
    type Row = (&'static str, fn(&mut World), bool);
    let table: &[Row] = &[
        (
            "since the limit",
            |w| w.repository().pull_data_since = ago(30 * 24),
            true,
        ),
        (
            "since later",
            |w| w.repository().pull_data_since = ago(30 * 24 - 1),
            false,
        ),
        (
            "since nobody knows when",
            |w| w.repository().pull_data_since = None,
            false,
        ),
        (
            "since 1970",
            |w| w.repository().pull_data_since = ago(24 * 365 * 60),
            false,
        ),
        (
            "not kept",
            |w| w.repository().capabilities.pull_time = Some(false),
            false,
        ),
        ("nobody asked", |w| w.repository().capabilities.pull_time = None, false),
        (
            "of what an index lists",
            |w| {
                w.list(0, &[1]);
                w.list(1, &[2]);
                w.image(2).last_pulled_at = ago(48);
            },
            false,
        ),
    ];
    for (name, change, goes) in table {
        let rule = "name: r, match: { tags: [\"*\"] }, expire: { not-pulled-for: 30d }";
        let images = "tags: [a], pushed: 90d ago, last-pulled: 80d ago\nuntagged: true, pushed: 90d ago\nuntagged: true, pushed: 90d ago";
        let mut world = World::new(&[rule], images);
        world.repository().pull_data_since = ago(100 * 24);
        change(&mut world);
        assert_eq!(!world.gone().is_empty(), *goes, "{name}");
    }
}

#[test]
fn pull_times_that_begin_in_the_future_cover_nothing() {
    let rule = "name: r, match: {}, expire: { not-pulled-for: 0d }";
    for (hours, goes) in [(0, true), (-1, false)] {
        let mut world = World::new(&[rule], "tags: [a], pushed: 90d ago, last-pulled: 80d ago");
        world.repository().pull_data_since = ago(hours);
        assert_eq!(!world.gone().is_empty(), goes, "{hours}");
    }
}

#[test]
fn the_size_is_that_of_all_below_and_counts_each_blob_once() {
    let rule = "name: r, match: { tags: [\"*\"] }, expire: { larger-than: 2MB }";
    let mut world = World::new(
        &[rule],
        "tags: [a], pushed: 9d ago, size: 1MB\nuntagged: true, pushed: 9d ago, size: 1MB\nuntagged: true, pushed: 9d ago, size: 1kB",
    );
    world.list(0, &[1]);
    assert_eq!(world.gone(), [""; 0], "2 MB");
    world.list(1, &[2]);
    assert_eq!(world.gone(), ["a"], "2 MB and 1 kB");
    let blobs = world.image(0).blobs.clone();
    world.image(1).blobs = blobs;
    assert_eq!(world.gone(), [""; 0], "1 MB twice is 1 MB");
}

#[test]
fn the_first_rule_that_fits_governs() {
    let rules = [
        "name: production, match: { tags: [\"prod-*\"] }, keep: always",
        "name: ant, match: { labels: { team: ant } }, expire: { older-than: 1d }",
        "name: arm, match: { platforms: [\"linux/arm64\"] }, expire: { older-than: 1d }",
        "name: caches, match: { kinds: [build-cache] }, expire: { older-than: 1d }",
        "name: loose, match: { untagged: true }, expire: { older-than: 1d }",
        "name: orphans, match: { kinds: [orphan] }, expire: { older-than: 1d }",
        "name: versions, match: { tags: [\"v*\"] }, expire: { older-than: 90d }",
    ];
    let images = "tags: [prod-1], pushed: 9d ago, labels: { team: ant }\ntags: [a], pushed: 9d ago, labels: { team: ant }\n\
        tags: [b], pushed: 9d ago, annotations: { team: ant }\ntags: [c], pushed: 9d ago, platform: linux/arm64\n\
        tags: [d], pushed: 9d ago, platform: linux/amd64\ntags: [e], pushed: 9d ago, kind: build-cache\n\
        untagged: true, pushed: 9d ago\ntags: [v1], pushed: 9d ago\ntags: [f, v2], pushed: 9d ago, labels: { team: bee }\n\
        kind: orphan, pushed: 9d ago";
    let expected = [
        "- goes loose",
        "- goes orphans",
        "a goes ant",
        "b goes ant",
        "c goes arm",
        "d stays no-rule",
        "e goes caches",
        "f stays no-rule",
        "prod-1 stays keep-always",
        "v1 stays not-expired",
        "v2 stays not-expired",
    ];
    assert_eq!(World::new(&rules, images).verdicts(), expected);
}

#[test]
fn an_index_has_the_platforms_of_all_below() {
    let rule = "name: r, match: { platforms: [\"*/arm64\"], tags: [\"*\"] }, expire: { older-than: 1d }";
    let images = "tags: [a], pushed: 9d ago\nuntagged: true, pushed: 9d ago\nuntagged: true, pushed: 9d ago";
    for (platform, goes) in [("linux/arm64", true), ("linux/amd64", false), ("unknown/arm64", false)] {
        let mut world = World::new(&[rule], images);
        world.list(0, &[1]);
        world.list(1, &[2]);
        world.image(2).platform = Some(platform.to_owned());
        assert_eq!(!world.gone().is_empty(), goes, "{platform}");
    }
}

#[test]
fn the_first_policy_that_covers_the_repository_governs_it() {
    let mut world = World::new(&[], "tags: [a], pushed: 9d ago");
    let rule = "rules: [ { name: r, match: {}, expire: { older-than: 1d } } ]";
    world.config = format!("policies: [ {{ name: lib, repositories: [\"lib/*\"], {rule} }} ]");
    let reason = |world: &World| {
        world.evaluated(|evaluated| {
            let Decision::Keep(Reason::NoRule { policy }) = &evaluated[0].verdicts[0].decision else {
                panic!("{:?}", evaluated[0].verdicts)
            };
            policy.as_deref().map(str::to_owned)
        })
    };
    assert_eq!(reason(&world), None);
    let none = "{ name: none, repositories: [app], rules: [ { name: r, match: { tags: [x] }, keep: always } ] }";
    world.config = format!("policies: [ {none}, {{ name: all, {rule} }} ]");
    assert_eq!(reason(&world).as_deref(), Some("none"));
    world.config = format!("policies: [ {{ name: all, untag: true, {rule} }}, {none} ]");
    assert_eq!(world.gone(), ["a"]);
    assert!(world.evaluated(|evaluated| evaluated[0].untag));
    world.config = format!("policies: [ {{ name: all, {rule} }} ]");
    assert!(!world.evaluated(|evaluated| evaluated[0].untag));
}

/// What a root's rules say is known apart from what holds it.
#[test]
fn a_held_root_whose_entries_expire_is_not_ruled_to_stay() {
    let rules = [
        "name: kept, match: { tags: [b] }, keep: always",
        "name: r, match: {}, expire: { older-than: 1d }",
    ];
    for (tags, ruled) in [("[a]", false), ("[a, b]", true), ("[b]", true)] {
        let world = World::new(&rules, &format!("tags: {tags}, pushed: 9d ago, in-use: true"));
        assert_eq!(
            world.evaluated(|evaluated| evaluated[0].roots[0].ruled_to_stay),
            ruled,
            "{tags}"
        );
        assert_eq!(world.gone(), [""; 0], "{tags}");
    }
}

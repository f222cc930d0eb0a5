//! The dates that the newest images and the grace go by.

use jiff::Timestamp;

use super::{Law, World, ago, manifest, world};

/// Index 0 goes and 3 stays, of which at least one as new as 0 has to.
fn ranked() -> World {
    let mut world = world();
    world.config = world.config.replace("keep-at-least: 0", "keep-at-least: 1");
    world.repository().manifests[3].pushed_at = ago(60);
    for number in 0..3 {
        let manifest = &mut world.repository().manifests[number];
        manifest.pushed_at = None;
    }
    world
}

#[test]
fn an_image_is_as_new_as_its_newest_entry() {
    type Row = (&'static str, fn(&mut World), bool);
    let created = "org.opencontainers.image.created";
    assert_eq!(CREATED, created);
    let table: &[Row] = &[
        ("nothing is known of it", |_| {}, false),
        (
            "pushed later",
            |w| w.repository().manifests[0].pushed_at = ago(59),
            true,
        ),
        (
            "pushed at once",
            |w| w.repository().manifests[0].pushed_at = ago(60),
            false,
        ),
        (
            "built later",
            |w| w.repository().manifests[0].created_at = ago(59),
            true,
        ),
        (
            "built earlier",
            |w| w.repository().manifests[0].created_at = ago(61),
            false,
        ),
        (
            "built tomorrow",
            |w| w.repository().manifests[0].created_at = ago(-24),
            true,
        ),
        (
            "built after tomorrow",
            |w| w.repository().manifests[0].created_at = ago(-25),
            false,
        ),
        (
            "built later by its annotation",
            |w| {
                let text = ago(59).unwrap().to_string();
                w.repository().manifests[0].annotations.insert(CREATED.to_owned(), text);
            },
            true,
        ),
        (
            "pushed earlier and built later",
            |w| {
                let index = &mut w.repository().manifests[0];
                (index.pushed_at, index.created_at) = (ago(61), ago(59));
            },
            false,
        ),
        (
            "a child built later",
            |w| w.repository().manifests[1].created_at = ago(59),
            true,
        ),
        (
            "a child built earlier",
            |w| w.repository().manifests[1].created_at = ago(61),
            false,
        ),
        (
            "a child built later, and itself earlier",
            |w| {
                w.repository().manifests[0].created_at = ago(61);
                w.repository().manifests[1].created_at = ago(59);
            },
            false,
        ),
        (
            "of two children one built later",
            |w| {
                w.repository().manifests[0].children.push(super::digest(3));
                w.repository().manifests[3].pushed_at = None;
                w.repository().manifests[3].created_at = ago(61);
                w.repository().manifests[1].created_at = ago(59);
            },
            true,
        ),
        (
            "what is attached to it built later",
            |w| w.repository().manifests[2].created_at = ago(59),
            false,
        ),
        ("tagged later", |w| w.repository().tags[0].updated_at = ago(59), true),
        (
            "tagged after tomorrow",
            |w| w.repository().tags[1].updated_at = ago(-25),
            false,
        ),
        (
            "lost a tag later, and has another",
            |w| w.repository().manifests[0].untagged_at = ago(59),
            false,
        ),
        (
            "without a tag since later",
            |w| {
                w.repository().tags.remove(0);
                w.repository().manifests[0].untagged_at = ago(59);
            },
            true,
        ),
        (
            "came later than a scan",
            |w| {
                w.repository().scanned_since = ago(100);
                w.repository().manifests[0].first_seen_at = ago(59);
            },
            true,
        ),
        (
            "came with the first scan",
            |w| {
                w.repository().scanned_since = ago(59);
                w.repository().manifests[0].first_seen_at = ago(59);
            },
            false,
        ),
        (
            "both unknown, seen later",
            |w| {
                w.repository().manifests[3].pushed_at = None;
                (
                    w.repository().manifests[0].first_seen_at,
                    w.repository().manifests[3].first_seen_at,
                ) = (ago(59), ago(60));
            },
            true,
        ),
        (
            "both unknown, seen earlier",
            |w| {
                w.repository().manifests[3].pushed_at = None;
                (
                    w.repository().manifests[0].first_seen_at,
                    w.repository().manifests[3].first_seen_at,
                ) = (ago(60), ago(59));
            },
            false,
        ),
        (
            "known and seen later than what is unknown",
            |w| {
                w.repository().manifests[3].pushed_at = None;
                w.repository().manifests[3].first_seen_at = ago(59);
                w.repository().manifests[0].pushed_at = ago(90);
            },
            true,
        ),
    ];
    for (name, change, broken) in table {
        let mut world = ranked();
        change(&mut world);
        let laws = world.violations(&world.plan());
        let about_limits: Vec<Law> = laws.into_iter().filter(|law| *law == Law::Limits).collect();
        assert_eq!(!about_limits.is_empty(), *broken, "{name}");
    }
}

const CREATED: &str = "org.opencontainers.image.created";

/// Each of the newest counts, and no other kind does.
#[test]
fn as_many_as_the_limit_stay() {
    let mut world = ranked();
    world.config = world.config.replace("keep-at-least: 1", "keep-at-least: 2");
    assert_eq!(world.violations(&world.plan()), [Law::Limits], "only one stays");
    world.repository().manifests.push(manifest(4));
    let with_both = |world: &World| {
        let mut plan = world.plan();
        plan.kept.push(world.kept(4, None));
        world.violations(&super::named(plan))
    };
    assert_eq!(with_both(&world), []);
    world.repository().manifests[0].pushed_at = ago(70);
    assert_eq!(with_both(&world), [Law::Limits], "one of the two is older");
}

#[test]
fn grace_counts_from_a_trusted_build() {
    type Row = (&'static str, fn(&mut World), bool);
    let table: &[Row] = &[
        ("its own", |w| w.repository().manifests[0].created_at = ago(2400), true),
        (
            "that of a child",
            |w| {
                w.repository().manifests[1].created_at = ago(2400);
                w.repository().manifests[1].pushed_at = ago(2400);
            },
            true,
        ),
        ("unknown", |_| {}, false),
        (
            "of long before all",
            |w| w.repository().manifests[0].created_at = Some(Timestamp::UNIX_EPOCH),
            false,
        ),
        ("lately", |w| w.repository().manifests[0].created_at = ago(23), false),
    ];
    for (name, change, free) in table {
        let mut world = world();
        world.config += "registries: [ { host: r.example, trust-created: true } ]\n";
        let index = &mut world.repository().manifests[0];
        (index.pushed_at, index.first_seen_at) = (None, ago(1));
        change(&mut world);
        assert_eq!(world.violations(&world.plan()).is_empty(), *free, "{name}");
    }
}

/// What carries no date is as old as what it belongs to.
#[test]
fn grace_of_what_has_no_date_counts_from_the_build_above() {
    for (number, hours, free) in [(1, 2400, true), (2, 2400, true), (1, 23, false), (2, 23, false)] {
        let mut world = world();
        world.config += "registries: [ { host: r.example, trust-created: true } ]\n";
        let manifest = &mut world.repository().manifests[number];
        (manifest.pushed_at, manifest.first_seen_at) = (None, ago(1));
        world.repository().manifests[0].created_at = ago(hours);
        assert_eq!(world.violations(&world.plan()).is_empty(), free, "{number}, {hours}");
    }
}

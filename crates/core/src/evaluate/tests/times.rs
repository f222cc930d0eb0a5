//! The time of an entry: which dates mean anything, and which of them it is.

use jiff::Timestamp;

use crate::evaluate::evaluate;
use crate::worlds::{World, ago, seconds_ago};

const FIRST: &str = "2013-03-20T00:00:00Z";

/// Three images of unknown dates; the first carries the tag `a`, the others none.
fn dateless() -> World {
    World::new(
        &["name: r, match: {}, expire: { older-than: 30d }"],
        "tags: [a]\nuntagged: true\nuntagged: true",
    )
}

/// The time of the tag `a`.
fn time(world: &World) -> Option<Timestamp> {
    world.evaluated(|evaluated| {
        let verdicts = &evaluated[0].verdicts;
        verdicts.iter().find(|verdict| verdict.tag.is_some()).unwrap().time
    })
}

#[test]
fn an_entrys_time_is_its_arrival_or_what_came_after() {
    type Row = (&'static str, fn(&mut World), Option<Timestamp>);
    let first: Timestamp = FIRST.parse().unwrap();
    let before = first - jiff::SignedDuration::from_secs(1);
    assert_eq!(before.as_second() + 1, 1_363_737_600);
    let table: &[Row] = &[
        ("nothing is known", |_| {}, None),
        ("pushed", |w| w.image(0).pushed_at = ago(60), ago(60)),
        (
            "pushed on the first day of all",
            |w| w.image(0).pushed_at = FIRST.parse().ok(),
            Some(first),
        ),
        (
            "pushed before the first day of all, and built",
            |w| (w.image(0).pushed_at, w.image(0).created_at) = ("2013-03-19T23:59:59Z".parse().ok(), ago(70)),
            ago(70),
        ),
        ("pushed a day ahead", |w| w.image(0).pushed_at = ago(-24), ago(-24)),
        (
            "pushed more than a day ahead, and built",
            |w| (w.image(0).pushed_at, w.image(0).created_at) = (seconds_ago(-24 * 3600 - 1), ago(70)),
            ago(70),
        ),
        (
            "pushed before it was built",
            |w| (w.image(0).pushed_at, w.image(0).created_at) = (ago(80), ago(70)),
            ago(80),
        ),
        (
            "first seen after an earlier scan",
            |w| {
                w.repository().scanned_since = ago(100);
                (w.image(0).first_seen_at, w.image(0).created_at) = (ago(60), ago(90));
            },
            ago(60),
        ),
        (
            "first seen by the first scan",
            |w| {
                w.repository().scanned_since = ago(60);
                (w.image(0).first_seen_at, w.image(0).created_at) = (ago(60), ago(90));
            },
            ago(90),
        ),
        (
            "first seen, and nobody scanned before",
            |w| (w.image(0).first_seen_at, w.image(0).created_at) = (ago(60), ago(90)),
            ago(90),
        ),
        (
            "built in 1970",
            |w| w.image(0).created_at = Some(Timestamp::UNIX_EPOCH),
            None,
        ),
        (
            "built in 1970, and annotated",
            |w| {
                w.image(0).created_at = Some(Timestamp::UNIX_EPOCH);
                let created = "org.opencontainers.image.created".to_owned();
                w.image(0).annotations.insert(created, FIRST.to_owned());
            },
            Some(first),
        ),
        (
            "tagged after it was pushed",
            |w| {
                w.image(0).pushed_at = ago(60);
                w.repository().tags[0].updated_at = ago(50);
            },
            ago(50),
        ),
        (
            "tagged before it was pushed",
            |w| {
                w.image(0).pushed_at = ago(60);
                w.repository().tags[0].updated_at = ago(61);
            },
            ago(60),
        ),
        (
            "tagged more than a day ahead",
            |w| {
                w.image(0).pushed_at = ago(60);
                w.repository().tags[0].updated_at = ago(-25);
            },
            ago(60),
        ),
        (
            "tagged, and nothing else is known",
            |w| w.repository().tags[0].updated_at = ago(50),
            ago(50),
        ),
    ];
    for (name, change, expected) in table {
        let mut world = dateless();
        change(&mut world);
        assert_eq!(time(&world), *expected, "{name}");
    }
}

#[test]
fn an_index_without_a_date_is_as_old_as_the_newest_below_it() {
    let mut world = dateless();
    world.list(0, &[1, 2]);
    assert_eq!(time(&world), None);
    (world.image(1).created_at, world.image(2).created_at) = (ago(90), ago(80));
    assert_eq!(time(&world), ago(80), "the newest child");
    world.image(2).created_at = ago(-25);
    assert_eq!(time(&world), ago(90), "a date of the future does not count");
    world.image(2).created_at = Some(Timestamp::UNIX_EPOCH);
    assert_eq!(time(&world), ago(90), "nor does one of the distant past");

    let mut nested = dateless();
    nested.list(0, &[1]);
    nested.list(1, &[2]);
    nested.image(2).created_at = ago(80);
    assert_eq!(time(&nested), ago(80), "a child of a child");
    nested.image(1).created_at = ago(90);
    assert_eq!(time(&nested), ago(90), "a date between the two hides what is below");
    nested.image(0).created_at = ago(100);
    assert_eq!(time(&nested), ago(100), "its own goes first");

    let mut circle = dateless();
    circle.list(0, &[0, 1]);
    circle.list(1, &[0]);
    circle.image(1).created_at = ago(80);
    assert_eq!(time(&circle), ago(80), "a loop needs no care");
}

#[test]
fn an_untagged_root_is_as_old_as_the_loss_of_its_last_tag() {
    let rule = "name: r, match: { untagged: true }, expire: { older-than: 30d }";
    for (line, expected) in [
        ("untagged: 50h ago, pushed: 60h ago", ago(50)),
        ("untagged: 70h ago, pushed: 60h ago", ago(60)),
        ("untagged: 2026-11-22T00:00:01Z, pushed: 60h ago", ago(60)),
        ("untagged: true, pushed: 60h ago", ago(60)),
    ] {
        let world = World::new(&[rule], line);
        let (entry, root) = world.evaluated(|evaluated| (evaluated[0].verdicts[0].time, evaluated[0].roots[0].time));
        assert_eq!((entry, root), (expected, expected), "{line}");
    }
}

/// A tag that attaches an orphan to its subject is no entry, but setting it is an event.
#[test]
fn an_orphan_is_as_old_as_the_tag_that_attaches_it() {
    let rule = "name: r, match: { kinds: [orphan] }, expire: { older-than: 30d }";
    let mut world = World::new(&[rule], "kind: orphan, pushed: 60h ago\ntags: [b], pushed: 60h ago");
    let orphan = world.image(0).digest.clone();
    let subject = world.image(0).subject.take().unwrap();
    let mut attaching = world.repository().tags[0].clone();
    attaching.name = format!("sha256-{}.sig", subject.hex()).parse().unwrap();
    (attaching.digest, attaching.updated_at) = (orphan, ago(50));
    world.repository().tags.push(attaching);
    let told = world.with_facts(|facts| {
        let evaluated = evaluate(facts, &world.inventory);
        let found = evaluated[0].verdicts.iter().find(|verdict| verdict.tag.is_none());
        found.map(|verdict| verdict.time)
    });
    assert_eq!(told, Some(ago(50)));
}

#[test]
fn a_roots_time_is_that_of_its_newest_entry() {
    let mut world = dateless();
    world.image(0).pushed_at = ago(60);
    let mut second = world.repository().tags[0].clone();
    (second.name, second.updated_at) = ("b".parse().unwrap(), ago(50));
    world.repository().tags.push(second);
    let times: Vec<_> = world.evaluated(|evaluated| {
        let root = evaluated[0].roots.iter().find(|root| root.entries.len() == 2).unwrap();
        let entries = evaluated[0].entries(root).iter().map(|entry| entry.time);
        entries.chain([root.time]).collect()
    });
    assert_eq!(times, [ago(60), ago(50), ago(50)]);
}

//! Holds: when there is one, how far it reaches, and what it says.

use crate::model::Gap;
use crate::reason::Reason;
use crate::worlds::{World, ago, seconds_ago};

/// Image 0 is an index of 1, 2 is attached to 0, 3 stands for itself. All are two months old; 0 and 3 have tags.
fn world() -> World {
    let rule = "name: r, match: {}, expire: { older-than: 30d }";
    let old = "pushed: 60d ago, first-seen: 60d ago";
    let images = format!("tags: [a], {old}\nuntagged: true, {old}\nuntagged: true, {old}\ntags: [d], {old}");
    let mut world = World::new(&[rule], &images);
    world.list(0, &[1]);
    world.attach(2, 0);
    world
}

/// The hold on an image in words: `hold + others: because [users]`. Digests are named by the number of their image.
fn hold(world: &World, number: usize) -> Option<String> {
    let manifests = &world.inventory.repositories[0].manifests;
    let reason = world.evaluated(|evaluated| {
        let (graph, holds) = (&evaluated[0].graph, &evaluated[0].holds);
        let node = graph.node(&manifests[number].digest).unwrap();
        let reason = holds.reason(node);
        assert_eq!(holds.any(node), reason.is_some());
        reason
    });
    let Reason::Hold {
        hold,
        used_by,
        because,
        also,
    } = reason?
    else {
        panic!("a hold gives a hold as its reason")
    };
    let also: Vec<String> = also.iter().map(|also| format!(" + {also}")).collect();
    let users = if used_by.is_empty() {
        String::new()
    } else {
        format!(" {used_by:?}")
    };
    let mut told = format!("{hold}{}: {because}{users}", also.concat());
    for (number, manifest) in manifests.iter().enumerate() {
        told = told.replace(&manifest.digest.short().to_string(), &format!("#{number}"));
    }
    Some(told)
}

/// What is changed, and what is said of the images that are held, by their numbers.
type Row<'r> = (&'static str, fn(&mut World), &'r [(usize, &'r str)]);

fn check(table: &[Row<'_>]) {
    for (name, change, expected) in table {
        let mut world = world();
        change(&mut world);
        let found: Vec<(usize, String)> = (0..4)
            .filter_map(|number| Some((number, hold(&world, number)?)))
            .collect();
        let found: Vec<(usize, &str)> = found.iter().map(|(number, told)| (*number, told.as_str())).collect();
        assert_eq!(found, *expected, "{name}");
    }
}

#[test]
fn what_happened_lately_holds_for_its_time() {
    let at = "2026-11-20T00:00:01Z, less than 1d ago";
    let pushed = format!("grace: it was pushed at {at}");
    let of_child = format!("grace: of #1: it was pushed at {at}");
    let tagged = format!("grace: tag a was set at {at}");
    let untagged = format!("grace: its last tag was taken at {at}");
    let of_referrer = format!("grace: of #2: its last tag was taken at {at}");
    let seen = format!("grace: it was first seen at {at}");
    let restored = "restored: undo put it back at 2026-10-22T00:00:01Z, less than 30d ago";
    let of_restored = "restored: of #1: undo put it back at 2026-10-22T00:00:01Z, less than 30d ago";
    let unknown = "grace: neither its push time nor its first sight is known";
    check(&[
        ("nothing", |_| {}, &[]),
        (
            "pushed",
            |w| w.image(3).pushed_at = seconds_ago(86_399),
            &[(3, &pushed)],
        ),
        ("pushed a day ago", |w| w.image(3).pushed_at = ago(24), &[]),
        (
            "a child",
            |w| w.image(1).pushed_at = seconds_ago(86_399),
            &[(0, &of_child), (1, &pushed)],
        ),
        (
            "tagged",
            |w| w.repository().tags[0].updated_at = seconds_ago(86_399),
            &[(0, &tagged)],
        ),
        (
            "untagged",
            |w| w.image(2).untagged_at = seconds_ago(86_399),
            &[(0, &of_referrer), (2, &untagged)],
        ),
        (
            "the latest counts",
            |w| {
                w.image(0).pushed_at = ago(23);
                w.repository().tags[0].updated_at = seconds_ago(86_399);
            },
            &[(0, "grace: it was pushed at 2026-11-20T01:00:00Z, less than 1d ago")],
        ),
        (
            "of two at once the tag",
            |w| {
                w.image(0).pushed_at = seconds_ago(86_399);
                w.repository().tags[0].updated_at = seconds_ago(86_399);
            },
            &[(0, &tagged)],
        ),
        (
            "seen",
            |w| (w.image(3).pushed_at, w.image(3).first_seen_at) = (None, seconds_ago(86_399)),
            &[(3, &seen)],
        ),
        (
            "pushed long ago and seen now",
            |w| w.image(3).first_seen_at = ago(1),
            &[],
        ),
        (
            "unknown",
            |w| (w.image(3).pushed_at, w.image(3).first_seen_at) = (None, None),
            &[(3, unknown)],
        ),
        (
            "put back",
            |w| w.image(1).restored_at = seconds_ago(30 * 86_400 - 1),
            &[(0, of_restored), (1, restored)],
        ),
        ("put back 30 days ago", |w| w.image(1).restored_at = ago(30 * 24), &[]),
    ]);
}

#[test]
fn a_trusted_build_date_counts_for_grace() {
    let built = "grace: it was built at 2026-11-20T01:00:00Z, less than 1d ago";
    let seen = "grace: it was first seen at 2026-11-20T23:00:00Z, less than 1d ago";
    check(&[
        (
            "its own",
            |w| {
                w.config += "registries: [ { host: r.example, trust-created: true } ]\n";
                (w.image(3).pushed_at, w.image(3).first_seen_at, w.image(3).created_at) = (None, ago(1), ago(23));
            },
            &[(3, built)],
        ),
        (
            "not trusted",
            |w| (w.image(3).pushed_at, w.image(3).first_seen_at, w.image(3).created_at) = (None, ago(1), ago(2400)),
            &[(3, seen)],
        ),
        (
            "its own, long ago",
            |w| {
                w.config += "registries: [ { host: r.example, trust-created: true } ]\n";
                (w.image(3).pushed_at, w.image(3).first_seen_at, w.image(3).created_at) = (None, ago(1), ago(2400));
            },
            &[],
        ),
        (
            "that of what it is attached to",
            |w| {
                w.config += "registries: [ { host: r.example, trust-created: true } ]\n";
                (w.image(2).pushed_at, w.image(2).first_seen_at) = (None, ago(1));
                w.image(0).created_at = ago(2400);
            },
            &[],
        ),
        (
            "an earlier scan did not have it",
            |w| {
                w.config += "registries: [ { host: r.example, trust-created: true } ]\n";
                w.repository().scanned_since = ago(200);
                (w.image(3).pushed_at, w.image(3).first_seen_at, w.image(3).created_at) = (None, ago(1), ago(2400));
            },
            &[(3, seen)],
        ),
    ]);
}

#[test]
fn what_is_protected_is_held() {
    let label = "protected: its label io.jettison.keep is true";
    let of_label = "protected: of #1: its label io.jettison.keep is true";
    check(&[
        (
            "by a label",
            |w| {
                drop(
                    w.image(3)
                        .labels
                        .insert("io.jettison.keep".to_owned(), "true".to_owned()),
                )
            },
            &[(3, label)],
        ),
        (
            "a child by an annotation",
            |w| {
                drop(
                    w.image(1)
                        .annotations
                        .insert("io.jettison.keep".to_owned(), "true".to_owned()),
                )
            },
            &[(0, of_label), (1, label)],
        ),
        (
            "a label that says no",
            |w| {
                drop(
                    w.image(3)
                        .labels
                        .insert("io.jettison.keep".to_owned(), "false".to_owned()),
                )
            },
            &[],
        ),
        (
            "by its tag",
            |w| w.config += "protect: [\"r.example/app:d\"]\n",
            &[(3, "protected: `r.example/app:d` is listed under protect")],
        ),
        (
            "by its tag elsewhere",
            |w| w.config += "protect: [\"r.example/lib:d\"]\n",
            &[],
        ),
        (
            "by its tag at another name of the registry",
            |w| {
                w.config += "registries: [ { host: r.example, aliases: [mirror.example] } ]\nprotect: [\"mirror.example/app:d\"]\n"
            },
            &[(3, "protected: `mirror.example/app:d` is listed under protect")],
        ),
    ]);
}

/// A tag that attaches its manifest is no entry, so that the manifest is held.
#[test]
fn an_immutable_tag_holds_its_entry_or_what_it_attaches() {
    let attaching = |world: &mut World| {
        let mut tag = world.repository().tags[0].clone();
        tag.name = format!("sha256-{}.sig", world.image(0).digest.hex()).parse().unwrap();
        (tag.digest, tag.immutable) = (world.image(3).digest.clone(), true);
        world.repository().tags.push(tag);
    };
    let mut world = world();
    attaching(&mut world);
    assert!(hold(&world, 3).is_some_and(|told| told.starts_with("immutable: its tag sha256-")));
    for config in ["", "immutable: [ { repositories: [\"**\"], tags: [\"d\"] } ]\n"] {
        let mut world = self::world();
        world.config += config;
        world.repository().tags[1].immutable = config.is_empty();
        assert_eq!(world.verdicts(), ["a goes r", "d stays immutable"], "{config}");
    }
    let mut elsewhere = self::world();
    elsewhere.config += "immutable: [ { repositories: [\"lib/*\"], tags: [\"d\"] } ]\n";
    assert_eq!(elsewhere.verdicts(), ["a goes r", "d goes r"]);
}

#[test]
fn a_use_reaches_what_is_above_and_below() {
    check(&[
        (
            "of the index",
            |w| w.refer("r.example/app:a", None),
            &[
                (0, "in-use: it is referred to [\"Pod\"]"),
                (1, "in-use: it is part of #0, which is referred to [\"Pod\"]"),
            ],
        ),
        (
            "of the child",
            |w| {
                let child = w.image(1).digest.to_string();
                w.refer(&child, None);
            },
            &[
                (0, "in-use: #1, which belongs to it, is referred to [\"Pod\"]"),
                (1, "in-use: it is referred to [\"Pod\"]"),
            ],
        ),
        (
            "of the child's config",
            |w| {
                let config = crate::model::Digest::of(b"config");
                w.image(1).config_digest = Some(config.clone());
                w.refer(&config.to_string(), None);
            },
            &[
                (0, "in-use: #1, which belongs to it, is referred to [\"Pod\"]"),
                (1, "in-use: it is referred to [\"Pod\"]"),
            ],
        ),
        (
            "that is over, and of another that is not",
            |w| {
                w.refer("r.example/app:d", ago(24));
                w.refer("r.example/app:d", None);
                w.image(3).pushed_at = ago(1);
            },
            &[(3, "in-use + recently-used + grace: it is referred to [\"Pod\"]")],
        ),
    ]);
}

/// What only an index above holds is told apart: it does not hold what else lists it.
#[test]
fn a_child_of_a_used_index_is_not_held_by_itself() {
    let mut world = world();
    world.refer("r.example/app:a", None);
    let manifests = world.inventory.repositories[0].manifests.clone();
    let by_itself = world.evaluated(|evaluated| {
        [0, 1, 2, 3].map(|number: usize| {
            let node = evaluated[0].graph.node(&manifests[number].digest).unwrap();
            evaluated[0].holds.by_itself(node)
        })
    });
    assert_eq!(by_itself, [true, false, false, false]);
    world.repository().gaps.push(Gap("403".to_owned()));
    let all = world.evaluated(|evaluated| {
        evaluated[0]
            .graph
            .nodes()
            .all(|node| evaluated[0].holds.by_itself(node))
    });
    assert!(all, "a gap holds everything by itself");
}

#[test]
fn a_gap_holds_everything() {
    let one = "incomplete: 403";
    let two = "incomplete: 403 (and 1 more)";
    check(&[
        (
            "one",
            |w| w.repository().gaps.push(Gap("403".to_owned())),
            &[(0, one), (1, one), (2, one), (3, one)],
        ),
        (
            "two",
            |w| {
                w.repository()
                    .gaps
                    .extend(["503", "403"].map(|gap| Gap(gap.to_owned())))
            },
            &[(0, two), (1, two), (2, two), (3, two)],
        ),
    ]);
}

//! The newest that never go, the brake, and the fuse.

use super::{planned, untagged, world};
use crate::model::Kind;
use crate::worlds::World;

#[test]
fn the_newest_images_stay() {
    let mut world = untagged(&[20, 40, 30]);
    world.limits("keep-at-least: 2");
    assert_eq!(world.kept(), ["#0 keep-at-least 2", "#2 keep-at-least 2"]);
    assert_eq!(world.order(), [1]);
    world.limits("keep-at-least: 3");
    world.config = world.config.replace("keep-at-least: 2", "keep-at-least: 3");
    assert_eq!(world.order(), [0; 0]);
    world.config = world.config.replace("keep-at-least: 3", "keep-at-least: 1");
    world.image(0).pushed_at = None;
    assert_eq!(world.kept(), ["#2 keep-at-least 1"], "those of unknown time come last");
    (world.image(1).pushed_at, world.image(2).pushed_at) = (None, None);
    assert_eq!(world.kept(), ["#0 keep-at-least 1"], "then the first sight counts");
}

#[test]
fn what_stays_anyway_is_among_the_newest() {
    let mut world = world("tags: [keep], pushed: 20d ago\ntags: [a], pushed: 30d ago\ntags: [b], pushed: 40d ago");
    world.limits("keep-at-least: 1");
    assert_eq!(world.kept(), ["#0:keep keep-always"]);
    world.config = world.config.replace("keep-at-least: 1", "keep-at-least: 2");
    assert_eq!(world.kept(), ["#0:keep keep-always", "#1:a keep-at-least 2"]);
}

#[test]
fn the_brake_lets_the_oldest_go() {
    let braked = |days: &[u32], most: u32| -> (World, Vec<String>) {
        let mut world = untagged(days);
        world.limits(&format!("keep-at-least: 0, max-deletions: {most}"));
        let kept = world.kept();
        (world, kept)
    };
    for (most, kept, order) in [
        (0, &["#0 brake 0", "#1 brake 0", "#2 brake 0"][..], &[][..]),
        (1, &["#0 brake 1", "#2 brake 1"], &[1]),
        (2, &["#0 brake 2"], &[1, 2]),
        (3, &[], &[1, 2, 0]),
    ] {
        let (world, found) = braked(&[20, 40, 30], most);
        assert_eq!(found, kept, "{most}");
        assert_eq!(world.order(), order, "{most}");
        assert_eq!(planned(&world).limits.waiting, kept.len() as u64, "{most}");
    }
}

#[test]
fn the_brake_counts_over_all_repositories() {
    let mut world = untagged(&[20, 40, 30, 50]);
    world.move_to("lib", &[0, 1]);
    world.limits("keep-at-least: 0, max-deletions: 2");
    assert_eq!(world.kept(), ["#0 brake 2", "#2 brake 2"]);
    assert_eq!(planned(&world).limits.waiting, 2);
    world.inventory.repositories[1].capabilities.delete = Some(false);
    assert_eq!(world.kept(), [""; 0], "what a registry cannot delete takes no place");
}

/// Image 0 is an index of 1, which is the oldest: it cannot go before the index.
#[test]
fn what_hangs_on_something_that_waits_waits_too() {
    let mut world = world("tags: [a], pushed: 20d ago\ntags: [b], pushed: 50d ago\ntags: [c], pushed: 40d ago");
    world.list(0, &[1]);
    world.limits("keep-at-least: 0, max-deletions: 2");
    let plan = planned(&world);
    assert_eq!(world.entries(&plan.kept), ["#0:a brake 2", "#1:b brake 2"]);
    assert_eq!(
        (plan.limits.waiting, plan.actions.len()),
        (2, 1),
        "and its place is not refilled"
    );
}

/// A repository with so many images, of which so many go.
fn share(going: usize, all: usize) -> World {
    let images: Vec<String> = (0..all)
        .map(|number| {
            format!(
                "tags: [{}{number}], pushed: 9d ago",
                if number < going { "t" } else { "keep" }
            )
        })
        .collect();
    world(&images.join("\n"))
}

#[test]
fn a_fuse_blows_for_more_than_five_and_more_than_the_share() {
    for (going, all, limits, expected) in [
        (5, 5, "", None),
        (6, 12, "", None),
        (6, 11, "", Some(0.5455)),
        (6, 6, "", Some(1.0)),
        (6, 8, ", max-share: 75%", None),
        (6, 8, ", max-share: 74%", Some(0.75)),
        (6, 7, "", Some(0.8572)),
    ] {
        let mut world = share(going, all);
        world.limits(&format!("keep-at-least: 0{limits}"));
        let plan = planned(&world);
        let refused = plan.limits.refused.first().map(|refused| refused.share);
        assert_eq!(refused, expected, "{going} of {all}{limits}");
        assert!(plan.actions.iter().all(|action| action.refused == expected.is_some()));
        assert_eq!(plan.actions.len(), going);
    }
}

#[test]
fn a_fuse_is_that_of_one_repository() {
    let mut world = share(12, 13);
    world.move_to("lib", &[6, 7, 8, 9, 10, 11, 12]);
    let plan = planned(&world);
    let refused: Vec<String> = plan
        .limits
        .refused
        .iter()
        .map(|refused| refused.repository.to_string())
        .collect();
    assert_eq!(refused, ["app", "lib"]);
    let mut one = share(7, 8);
    one.move_to("lib", &[6]);
    let plan = planned(&one);
    let refused = plan
        .actions
        .iter()
        .map(|action| (action.repository.to_string(), action.refused));
    let expected = (0..6)
        .map(|_| ("app".to_owned(), true))
        .chain([("lib".to_owned(), false)]);
    assert_eq!(refused.collect::<Vec<_>>(), expected.collect::<Vec<_>>());
}

#[test]
fn where_nothing_can_be_deleted_no_fuse_blows() {
    let mut world = share(6, 6);
    world.repository().capabilities.delete = Some(false);
    let plan = planned(&world);
    assert_eq!(
        (plan.limits.refused.len(), plan.actions.len(), plan.blocked.len()),
        (0, 0, 6)
    );
}

/// Six of seven lose a tag.
#[test]
fn losing_a_tag_counts_for_the_fuse_where_it_can_be_taken() {
    let images: Vec<String> = (0..7)
        .map(|number| match number {
            0 => "tags: [keep0], pushed: 9d ago".to_owned(),
            number => format!("tags: [keep{number}, t{number}], pushed: 9d ago"),
        })
        .collect();
    let mut world = world(&images.join("\n"));
    assert_eq!(planned(&world).limits.refused, [], "nothing is taken off");
    world.config = world.config.replace("name: p\n", "name: p\n    untag: true\n");
    let plan = planned(&world);
    assert_eq!(plan.limits.refused[0].share, 0.8572);
    assert_eq!(plan.actions.len(), 6);
    world.repository().capabilities.delete_tag = Some(false);
    assert_eq!(planned(&world).limits.refused, [], "it cannot be");
}

#[test]
fn of_several_kinds_the_greatest_share_is_named() {
    let kinds = |images: usize, caches: usize| {
        let line = |number: usize, kind: &str, all: usize| {
            let tag = if number < 6 { "t" } else { "keep" };
            (number < all).then(|| format!("tags: [{tag}-{kind}-{number}], kind: {kind}, pushed: 9d ago"))
        };
        let lines = (0..20).flat_map(|number| [line(number, "image", images), line(number, "build-cache", caches)]);
        let lines: Vec<String> = lines.flatten().collect();
        let kept = "name: kept, match: { tags: [\"keep*\"] }, keep: always";
        let goes = "name: r, match: { kinds: [image, build-cache] }, expire: { older-than: 1d }";
        let mut world = World::new(&[kept, goes], &lines.join("\n"));
        world.config += "limits: { keep-at-least: 0 }\n";
        let refused = planned(&world).limits.refused;
        refused
            .iter()
            .map(|refused| (refused.kind, refused.share))
            .collect::<Vec<_>>()
    };
    assert_eq!(kinds(11, 7), [(Kind::BuildCache, 0.8572)]);
    assert_eq!(kinds(7, 11), [(Kind::Image, 0.8572)]);
    assert_eq!(kinds(12, 7), [(Kind::BuildCache, 0.8572)], "only one is too large");
    assert_eq!(kinds(7, 12), [(Kind::Image, 0.8572)], "only one is too large");
}

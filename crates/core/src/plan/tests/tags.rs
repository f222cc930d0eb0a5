//! Entries that share an image, and tags that are taken off one that stays.

use super::{planned, world};
use crate::plan::ActionKind;
use crate::worlds::{World, ago};

fn shared() -> World {
    world("tags: [keep1, keep2, t1, t2], pushed: 9d ago, size: 1MB\ntags: [u1, u2], pushed: 9d ago, size: 1MB")
}

#[test]
fn a_tag_shares_the_fate_of_its_image() {
    let world = shared();
    let plan = planned(&world);
    let expected = [
        "#0:keep1 keep-always",
        "#0:keep2 keep-always",
        "#0:t1 shares-image with keep1 keep2",
        "#0:t2 shares-image with keep1 keep2",
    ];
    assert_eq!(world.entries(&plan.kept), expected);
    assert_eq!(world.actions(&plan), ["delete #1 [u1 u2] expired"]);
    let entries: Vec<&str> = plan.actions[0].entries.iter().map(|entry| entry.tag.as_str()).collect();
    assert_eq!(entries, ["u1", "u2"]);
}

#[test]
fn expired_tags_are_taken_off_where_the_policy_says_so() {
    let mut world = shared();
    world.config = world.config.replace("name: p\n", "name: p\n    untag: true\n");
    let plan = planned(&world);
    assert_eq!(
        world.actions(&plan),
        ["untag #0 [t1 t2] expired", "delete #1 [u1 u2] expired"]
    );
    assert_eq!(
        (plan.actions[0].action, plan.actions[0].time),
        (ActionKind::Untag, ago(9 * 24))
    );
    assert_eq!((plan.actions[0].bytes, plan.actions[1].bytes), (0, 1_000_000));
    assert_eq!(
        world.entries(&plan.kept),
        ["#0:keep1 keep-always", "#0:keep2 keep-always"]
    );

    world.repository().capabilities.delete_tag = Some(false);
    let plan = planned(&world);
    assert_eq!(
        world.entries(&plan.blocked),
        ["#0:t1 cannot-untag", "#0:t2 cannot-untag"]
    );
    assert_eq!(world.actions(&plan), ["delete #1 [u1 u2] expired"]);

    world.repository().capabilities.delete = Some(false);
    let plan = planned(&world);
    let expected = [
        "#0:t1 cannot-delete",
        "#0:t2 cannot-delete",
        "#1:u1 cannot-delete",
        "#1:u2 cannot-delete",
    ];
    assert_eq!(world.entries(&plan.blocked), expected);
    assert_eq!(world.actions(&plan), [""; 0]);
}

/// Where nothing can be deleted, what would go along is neither an action nor an entry.
#[test]
fn where_nothing_can_be_deleted_all_entries_are_blocked() {
    let mut world = world("tags: [a], pushed: 9d ago\nuntagged: true, pushed: 9d ago\nuntagged: true, pushed: 9d ago");
    world.list(0, &[1]);
    world.repository().capabilities.delete = Some(false);
    let plan = planned(&world);
    assert_eq!(world.entries(&plan.blocked), ["#0:a cannot-delete", "#2 cannot-delete"]);
    assert_eq!((plan.actions.len(), plan.kept.len()), (0, 0));
}

/// The reason of a deletion is that of its newest entry.
#[test]
fn an_action_gives_the_rule_of_its_newest_entry() {
    let mut world = World::new(
        &[
            "name: first, match: { tags: [\"a*\"] }, expire: { older-than: 1d }",
            "name: second, match: {}, expire: { older-than: 2d }",
        ],
        "tags: [a, b], pushed: 9d ago\ntags: [c], pushed: 5d ago",
    );
    for (newest, rule) in [(0, "first"), (1, "second")] {
        (
            world.repository().tags[0].updated_at,
            world.repository().tags[1].updated_at,
        ) = (None, None);
        world.repository().tags[newest].updated_at = ago(6 * 24);
        let plan = planned(&world);
        assert_eq!(plan.actions[0].reason.ruling().map(|ruling| ruling.rule()), Some(rule));
        let each: Vec<&str> = plan.actions[0]
            .entries
            .iter()
            .map(|entry| entry.ruling.rule())
            .collect();
        assert_eq!(each, ["first", "second"]);
    }
    let alone = World::new(
        &["name: r, match: {}, expire: { older-than: 1d }"],
        "tags: [a], pushed: 9d ago\ntags: [b], pushed: 8d ago",
    );
    assert!(planned(&alone).actions[0].entries.is_empty(), "one tag needs no list");
}

//! What stays because something else does.

use super::{planned, world};
use crate::model::{Digest, TagEntry};
use crate::worlds::World;

/// Tagged images: 0 stays by its rule, the others would go.
fn one_stays(count: usize) -> World {
    let others: Vec<String> = (1..count)
        .map(|number| format!("tags: [t{number}], pushed: 9d ago"))
        .collect();
    world(&format!("tags: [keep], pushed: 9d ago\n{}", others.join("\n")))
}

#[test]
fn what_something_that_stays_needs_stays() {
    type Row = (&'static str, fn(&mut World), &'static [&'static str]);
    let table: &[Row] = &[
        ("nothing", |_| {}, &[]),
        ("its child", |w| w.list(0, &[1]), &["#1:t1 needed by #0 (Child)"]),
        ("its subject", |w| w.attach(0, 1), &["#1:t1 needed by #0 (Subject)"]),
        (
            "what is attached to it",
            |w| w.attach(1, 0),
            &["#1:t1 needed by #0 (Attached)"],
        ),
        ("a child does not need a tagged index", |w| w.list(1, &[0]), &[]),
        (
            "and what that needs",
            |w| {
                w.list(0, &[1]);
                w.list(1, &[2]);
            },
            &["#1:t1 needed by #0 (Child)", "#2:t2 needed by #1 (Child)"],
        ),
        (
            "a loop",
            |w| {
                w.list(0, &[1]);
                w.list(1, &[0, 1]);
            },
            &["#1:t1 needed by #0 (Child)"],
        ),
    ];
    for (name, change, expected) in table {
        let mut world = one_stays(3);
        change(&mut world);
        let kept = world.kept();
        assert_eq!(kept[0], "#0:keep keep-always", "{name}");
        assert_eq!(kept[1..], **expected, "{name}");
        assert_eq!(planned(&world).actions.len(), 3 - kept.len(), "{name}");
    }
}

/// Index 1 goes; its child 2 has no tag and stays, as it is the subject of what stays.
#[test]
fn an_index_stays_where_an_untagged_child_of_it_must() {
    let images = "tags: [keep], pushed: 9d ago\ntags: [t1], pushed: 9d ago\nuntagged: true, pushed: 9d ago\ntags: [t3], pushed: 9d ago";
    let mut stranded = world(images);
    stranded.list(1, &[2]);
    stranded.attach(0, 2);
    assert_eq!(stranded.kept(), ["#0:keep keep-always", "#1:t1 needed by #2 (Index)"]);
    assert_eq!(stranded.order(), [3]);

    stranded.list(3, &[2]);
    let expected = [
        "#0:keep keep-always",
        "#1:t1 needed by #2 (Index)",
        "#3:t3 needed by #2 (Index)",
    ];
    assert_eq!(stranded.kept(), expected, "every index of it");

    let mut tagged = world(&images.replace("untagged: true", "tags: [t2]"));
    tagged.list(1, &[2]);
    tagged.attach(0, 2);
    assert_eq!(
        tagged.kept(),
        ["#0:keep keep-always", "#2:t2 needed by #0 (Subject)"],
        "a tag of its own suffices"
    );
    assert_eq!(tagged.order().len(), 2);
}

/// Where an index that stays by its rule lists the child, the others can go.
#[test]
fn one_index_that_stays_by_its_rule_is_enough() {
    let mut world = world("tags: [keep], pushed: 9d ago\ntags: [t1], pushed: 9d ago\nuntagged: true, pushed: 9d ago");
    world.list(0, &[2]);
    world.list(1, &[2]);
    assert_eq!(world.kept(), ["#0:keep keep-always"]);
    assert_eq!(world.order(), [1]);
}

/// So is one that stays by its rule further up.
#[test]
fn an_index_above_the_index_is_enough() {
    let images = "tags: [keep], pushed: 9d ago\nuntagged: true, pushed: 9d ago\nuntagged: true, pushed: 9d ago\ntags: [t3], pushed: 9d ago\ntags: [keep4], pushed: 9d ago";
    let mut world = world(images);
    world.list(0, &[1]);
    world.list(1, &[2]);
    world.list(3, &[2]);
    world.attach(4, 2);
    assert_eq!(world.order(), [3]);
}

/// A child that stays only on account of one index holds no other.
#[test]
fn a_child_that_an_index_made_stay_keeps_no_other_index() {
    let images = "tags: [keep], pushed: 9d ago\ntags: [t1], pushed: 9d ago\nuntagged: true, pushed: 9d ago\ntags: [t3], pushed: 9d ago";
    let mut world = world(images);
    world.attach(0, 1);
    world.list(1, &[2]);
    world.list(3, &[2]);
    assert_eq!(world.kept(), ["#0:keep keep-always", "#1:t1 needed by #0 (Subject)"]);
    assert_eq!(world.order(), [3]);
}

/// A restored child holds its indexes, and a used one everything.
#[test]
fn what_is_held_stays_and_so_does_what_it_needs() {
    let mut world = world("tags: [t0], pushed: 9d ago\ntags: [t1], pushed: 9d ago\nuntagged: true, pushed: 9d ago");
    world.list(0, &[2]);
    world.image(2).restored_at = crate::worlds::ago(1);
    assert_eq!(world.kept(), ["#0:t0 restored"]);
    assert_eq!(world.order(), [1]);
}

/// What hangs on no root at all: two that list each other.
#[test]
fn what_hangs_on_nothing_stays() {
    let mut world = world("untagged: true, pushed: 9d ago\nuntagged: true, pushed: 9d ago\ntags: [t2], pushed: 9d ago");
    world.list(0, &[1]);
    world.list(1, &[0]);
    assert_eq!(world.order(), [2]);
    world.list(2, &[1]);
    assert_eq!(world.order(), [2, 1, 0]);
}

/// Orphan 1 fits no rule. That it lists itself as well does not make it stay with an index.
#[test]
fn what_lists_itself_is_no_index_to_itself() {
    let images = "tags: [t0], pushed: 9d ago\nuntagged: true, pushed: 9d ago";
    let mut world = World::new(&["name: r, match: {}, expire: { older-than: 1d }"], images);
    world.config += "limits: { keep-at-least: 0 }\n";
    let gone = Digest::of(b"gone");
    world.image(1).subject = Some(gone.clone());
    world.repository().missing.insert(gone);
    for children in [&[][..], &[1]] {
        world.list(1, children);
        world.list(0, &[1]);
        assert_eq!(
            world.kept(),
            ["#0:t0 needed by #1 (Index)", "#1 no-rule"],
            "{children:?}"
        );
    }
}

/// Image 1 is attached to itself, and to a missing child of 0; it hangs on nothing that goes.
#[test]
fn what_hangs_on_what_is_missing_stays_and_keeps_its_children() {
    let mut world = world("tags: [t0], pushed: 9d ago\nuntagged: true, pushed: 9d ago");
    let gone = Digest::of(b"gone");
    world.list(1, &[0]);
    world.attach(1, 1);
    world.image(0).children = vec![gone.clone()];
    let entry = TagEntry {
        name: format!("sha256-{}", gone.hex()).parse().unwrap(),
        digest: world.digests[1].clone(),
        updated_at: None,
        immutable: false,
    };
    world.repository().tags.push(entry);
    world.repository().missing.insert(gone);
    assert_eq!(world.order().len(), 0);
    assert_eq!(world.kept(), ["#0:t0 needed by #1 (Child)"]);
}

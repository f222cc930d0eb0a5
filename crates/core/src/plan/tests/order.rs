//! The order of deletions.

use super::{GOES, planned, untagged, world};
use crate::worlds::World;

#[test]
fn roots_go_oldest_first_and_those_of_unknown_time_last() {
    let mut world = untagged(&[20, 40, 30]);
    assert_eq!(world.order(), [1, 2, 0]);
    world.image(1).pushed_at = None;
    assert_eq!(world.order(), [2, 0, 1]);
}

#[test]
fn of_two_as_old_the_lower_digest_goes_first() {
    let world = untagged(&[20, 20, 20]);
    let mut expected = vec![0, 1, 2];
    expected.sort_by_key(|number| &world.digests[*number]);
    assert_eq!(world.order(), expected);
}

#[test]
fn an_index_goes_before_its_children_and_a_subject_before_what_is_attached() {
    let mut world = world(
        "tags: [a], pushed: 9d ago\nuntagged: true, pushed: 9d ago\nuntagged: true, pushed: 9d ago\nuntagged: true, pushed: 9d ago",
    );
    world.list(0, &[1]);
    world.attach(2, 0);
    world.attach(3, 1);
    let plan = planned(&world);
    let expected = [
        "delete #0 [a] expired",
        "delete #1 [] follows #0 (Child)",
        "delete #2 [] follows #0 (Attached)",
        "delete #3 [] follows #0 (Attached)",
    ];
    assert_eq!(world.actions(&plan), expected);
}

/// Image 2 is old and tagged, and yet has to wait for the indexes that list it.
#[test]
fn a_root_waits_for_every_index_and_subject_of_its() {
    let images = "tags: [a], pushed: 20d ago\ntags: [b], pushed: 10d ago\ntags: [c], pushed: 90d ago";
    let mut listed = world(images);
    listed.list(0, &[2]);
    listed.list(1, &[2]);
    assert_eq!(listed.order(), [0, 1, 2]);
    let mut attached = world(images);
    attached.attach(2, 1);
    assert_eq!(attached.order(), [0, 1, 2]);
    let mut both = world(images);
    both.list(0, &[2]);
    both.attach(2, 1);
    assert_eq!(both.order(), [0, 1, 2]);
}

/// What comes free has its turn at once if the list has not come to it, and else in the next round.
#[test]
fn a_root_that_comes_free_goes_in_its_turn() {
    let images = "tags: [a], pushed: 50d ago\ntags: [b], pushed: 40d ago\ntags: [c], pushed: 30d ago\ntags: [d], pushed: 20d ago";
    let mut later = world(images);
    later.list(0, &[2]);
    assert_eq!(later.order(), [0, 1, 2, 3], "it is still to come");
    let mut earlier = world(images);
    earlier.list(2, &[0]);
    assert_eq!(earlier.order(), [1, 2, 3, 0], "its turn was over");
}

#[test]
fn a_shared_child_goes_behind_its_last_index() {
    let mut world = world("tags: [a], pushed: 20d ago\ntags: [b], pushed: 10d ago\nuntagged: true, pushed: 90d ago");
    world.list(0, &[2]);
    world.list(1, &[2]);
    let plan = planned(&world);
    let expected = [
        "delete #0 [a] expired",
        "delete #1 [b] expired",
        "delete #2 [] follows #1 (Child)",
    ];
    assert_eq!(world.actions(&plan), expected);
}

/// An index goes before what it lists even where what is attached to it has to go later.
#[test]
fn of_a_circle_of_subject_and_index_the_index_goes_first() {
    let mut world = world("tags: [a], pushed: 20d ago\ntags: [b], pushed: 10d ago");
    world.list(1, &[0]);
    world.attach(1, 0);
    assert_eq!(world.order(), [1, 0]);
}

/// Image 0 has lost one of its indexes; the other one waits in a circle of subjects, and goes before it all the same.
#[test]
fn what_an_index_still_lists_does_not_break_a_circle() {
    let images = "tags: [a], pushed: 90d ago\ntags: [b], pushed: 50d ago\ntags: [c], pushed: 40d ago\ntags: [d], pushed: 30d ago";
    let mut world = world(images);
    world.list(1, &[0]);
    world.list(2, &[0]);
    world.attach(2, 3);
    world.attach(3, 2);
    assert_eq!(world.order(), [1, 2, 0, 3]);
}

#[test]
fn circles_come_to_an_end() {
    let images = "tags: [a], pushed: 30d ago\ntags: [b], pushed: 20d ago\ntags: [c], pushed: 10d ago";
    let mut subjects = world(images);
    subjects.attach(0, 1);
    subjects.attach(1, 0);
    assert_eq!(subjects.order(), [2, 0, 1]);
    let mut indexes = world(images);
    indexes.list(0, &[1]);
    indexes.list(1, &[0]);
    indexes.attach(2, 1);
    assert_eq!(
        indexes.order(),
        [2, 0, 1],
        "the order of what is attached gives way first"
    );
    let mut itself = world(images);
    itself.list(0, &[0]);
    itself.attach(1, 1);
    assert_eq!(itself.order(), [0, 1, 2]);
}

/// Two untagged images that are attached to each other, and hang on an index.
#[test]
fn circles_below_an_index_go_with_it() {
    let mut world = World::new(
        &[GOES],
        "tags: [a], pushed: 30d ago\nuntagged: true, pushed: 30d ago\nuntagged: true, pushed: 30d ago\ntags: [b], pushed: 1h ago",
    );
    world.list(0, &[1]);
    world.attach(1, 2);
    world.attach(2, 1);
    let plan = planned(&world);
    let expected = [
        "delete #0 [a] expired",
        "delete #1 [] follows #0 (Child)",
        "delete #2 [] follows #0 (Attached)",
    ];
    assert_eq!(world.actions(&plan), expected);
}

/// Index 2 lists both others and is attached to the younger one, with which it goes in a circle: the older one, which is in
/// no circle, waits until the index has gone.
#[test]
fn a_circle_is_broken_where_it_is() {
    let mut world = world("tags: [a], pushed: 90d ago\ntags: [b], pushed: 50d ago\nuntagged: true, pushed: 50d ago");
    world.list(2, &[0, 1]);
    world.attach(2, 1);
    let plan = planned(&world);
    let expected = [
        "delete #1 [b] expired",
        "delete #2 [] follows #1 (Attached)",
        "delete #0 [a] expired",
    ];
    assert_eq!(world.actions(&plan), expected);
}

/// Image 0 goes, and takes along what is attached to it: 1, which is also listed by index 2, which is attached to 1. Before
/// that circle is broken, 4 may not go, though it is a root: index 3, which index 2 lists, lists it.
#[test]
fn a_circle_of_what_hangs_is_broken_before_a_root_behind_it() {
    let mut world = world(
        "untagged: true, pushed: 90d ago\nuntagged: true, pushed: 40d ago\nuntagged: true, pushed: 40d ago\nuntagged: true, pushed: 40d ago\ntags: [a], pushed: 50d ago",
    );
    world.attach(1, 0);
    world.list(2, &[1, 3]);
    world.attach(2, 1);
    world.list(3, &[4]);
    let order = world.order();
    let place = |image: usize| order.iter().position(|other| *other == image);
    assert_eq!(order.len(), 5);
    assert!(place(2) < place(3) && place(3) < place(4), "{order:?}");
}

/// Index 0 goes, and what it lists has to wait for index 3, which lists it too, and waits in a circle with 2.
#[test]
fn of_what_hangs_a_circle_goes_before_what_it_lists() {
    let mut world = world(
        "tags: [a], pushed: 90d ago\ntags: [b], pushed: 80d ago\nuntagged: true, pushed: 40d ago\nuntagged: true, pushed: 40d ago\nuntagged: true, pushed: 40d ago\nuntagged: true, pushed: 40d ago",
    );
    world.attach(2, 1);
    world.attach(3, 2);
    world.list(0, &[4, 5]);
    world.list(3, &[2, 4, 5]);
    let order = world.order();
    let place = |image: usize| order.iter().position(|other| *other == image);
    assert!(place(3) < place(4) && place(3) < place(5), "{order:?}");
}

//! Archiving: what goes to the archive, what stays for that, and what must not be deleted from it yet.

use super::{planned, world};
use crate::model::{Blob, Digest};
use crate::plan::{ActionKind, Plan};
use crate::reason::Reason;
use crate::worlds::{World, ago};

const ARCHIVE: &str =
    "name: cold, match: { tags: [\"cold*\"], kinds: [image, artifact] }, expire: { older-than: 1d }, action: archive";

/// Images under `cold*` are archived, `keep*` stay, all others are deleted.
fn cold(images: &str) -> World {
    let mut world = world(images);
    let rules = world.config.find("    rules:\n").unwrap() + "    rules:\n".len();
    world.config.insert_str(rules, &format!("      - {{ {ARCHIVE} }}\n"));
    world.config = world.config.replace("name: p\n", "name: p\n    archive-anyway: true\n");
    world.repository().capabilities.archive = Some(true);
    world
}

fn told(world: &World) -> (Vec<String>, Vec<String>, Vec<String>) {
    let plan = planned(world);
    let (kept, blocked) = (world.entries(&plan.kept), world.entries(&plan.blocked));
    (world.actions(&plan), kept, blocked)
}

fn bytes_of(plan: &Plan, done: ActionKind) -> u64 {
    let actions = plan.actions.iter().filter(|action| action.action == done);
    actions.map(|action| action.bytes).sum()
}

/// Image 0 is an index of 1, and 2 is attached to 0; 3 is deleted.
fn bundle() -> World {
    let mut world = cold(
        "tags: [cold], pushed: 20d ago\nuntagged: true, pushed: 20d ago\nuntagged: true, pushed: 20d ago\ntags: [hot], pushed: 9d ago",
    );
    world.list(0, &[1]);
    world.attach(2, 0);
    world
}

#[test]
fn an_index_is_archived_with_what_belongs_to_it_behind_what_is_deleted() {
    let (actions, kept, blocked) = told(&bundle());
    let expected = [
        "delete #3 [hot] expired",
        "archive #0 [cold] expired",
        "archive #1 [] follows #0 (Child)",
        "archive #2 [] follows #0 (Attached)",
    ];
    assert_eq!(
        (actions, kept, blocked),
        (expected.map(str::to_owned).to_vec(), vec![], vec![])
    );
    let plan = planned(&bundle());
    assert!(
        plan.actions[1..]
            .iter()
            .all(|action| action.undo == crate::model::Undo::Native)
    );
}

#[test]
fn what_cannot_be_archived_or_saves_nothing_stays_and_is_never_deleted_instead() {
    type Row = (&'static str, fn(&mut World), &'static str);
    let table: &[Row] = &[
        (
            "no archive",
            |w| w.repository().capabilities.archive = Some(false),
            "#0:cold cannot-archive",
        ),
        (
            "no word of one",
            |w| w.repository().capabilities.archive = None,
            "#0:cold cannot-archive",
        ),
        (
            "too little",
            |w| w.config = w.config.replace("archive-anyway: true", "untag: true"),
            "#0:cold archive-saves-nothing",
        ),
    ];
    for (name, change, blocked) in table {
        let mut world = bundle();
        change(&mut world);
        let (actions, kept, found) = told(&world);
        assert_eq!(actions, ["delete #3 [hot] expired"], "{name}");
        assert_eq!((kept, found), (vec![], vec![(*blocked).to_owned()]), "{name}");
    }
    let mut world = bundle();
    world.repository().capabilities.delete = Some(false);
    let (actions, _, blocked) = told(&world);
    assert_eq!(
        (actions, blocked),
        (
            vec![],
            vec!["#0:cold cannot-archive".to_owned(), "#3:hot cannot-delete".to_owned()]
        )
    );
}

/// What stands in two repositories counts once, and only the registry's own.
#[test]
fn archiving_pays_from_150_terabytes_on() {
    let large = |size: u64| Blob {
        digest: Digest::of(b"large"),
        size,
    };
    let world = |size: u64| {
        let mut world = bundle();
        world.config = world.config.replace("    archive-anyway: true\n", "");
        let others: u64 = world.inventory.repositories[0]
            .manifests
            .iter()
            .map(|it| it.size + it.blobs.iter().map(|blob| blob.size).sum::<u64>())
            .sum();
        world.image(0).blobs.push(large(size - others));
        world.image(3).blobs.push(large(size - others));
        let mut elsewhere = world.inventory.repositories[0].clone();
        elsewhere.registry = "x.example".parse().unwrap();
        elsewhere.manifests[0].blobs[0].size = 1 << 50;
        world.inventory.repositories.push(elsewhere);
        world
    };
    let blocked = |size| {
        let world = world(size);
        let plan = planned(&world);
        let ours = plan.blocked.iter().find(|kept| kept.registry.as_str() == "r.example");
        ours.map(|kept| kept.reason.clone())
    };
    assert_eq!(blocked(150_000_000_000_000), None);
    let below = 149_999_999_999_999;
    assert!(matches!(blocked(below), Some(Reason::ArchiveSavesNothing { stored, .. }) if stored == below));
}

#[test]
fn what_is_archived_already_stays() {
    let mut world = bundle();
    for number in 0..3 {
        world.image(number).archived_at = ago(10 * 24);
    }
    let (actions, kept, blocked) = told(&world);
    assert_eq!(
        (actions, kept, blocked),
        (
            vec!["delete #3 [hot] expired".to_owned()],
            vec!["#0:cold archived".to_owned()],
            vec![]
        )
    );
    // What came to belong to it since follows.
    world.image(2).archived_at = None;
    assert_eq!(told(&world).0[1..], ["archive #2 [] follows #0 (Attached)"]);
}

#[test]
fn what_was_archived_less_than_90_days_ago_is_not_deleted() {
    for (archived_at, stays) in [
        (ago(90 * 24 - 1), true),
        (ago(90 * 24), false),
        (ago(-24), true),
        (Some(jiff::Timestamp::UNIX_EPOCH), true),
        (None, false),
    ] {
        let mut world = cold("tags: [hot], pushed: 200d ago\ntags: [keep], pushed: 9d ago");
        world.image(0).archived_at = archived_at;
        let (actions, kept, blocked) = told(&world);
        assert_eq!(
            blocked,
            if stays { vec!["#0:hot archive-minimum"] } else { vec![] },
            "{archived_at:?}"
        );
        assert_eq!(
            (actions.len(), kept),
            (usize::from(!stays), vec!["#1:keep keep-always".to_owned()]),
            "{archived_at:?}"
        );
    }
}

/// Image 0 is an index of 1; that was archived a short time ago, and has to stay, so that its index does.
#[test]
fn what_was_archived_lately_keeps_its_index() {
    let mut world = world("tags: [a], pushed: 20d ago\nuntagged: true, pushed: 20d ago");
    world.list(0, &[1]);
    assert_eq!(told(&world).0.len(), 2);
    world.image(1).archived_at = ago(24);
    assert_eq!(
        told(&world),
        (vec![], vec!["#0:a needed by #1 (Index)".to_owned()], vec![])
    );
}

#[test]
fn of_two_wishes_for_an_image_the_milder_counts() {
    let mut world = cold("tags: [cold, hot], pushed: 20d ago");
    assert_eq!(told(&world).0, ["archive #0 [cold hot] expired"]);
    let plan = planned(&world);
    assert_eq!(plan.actions[0].reason.ruling().unwrap().rule(), "cold");
    assert_eq!(plan.actions[0].entries.len(), 2);
    world.repository().capabilities.archive = None;
    assert_eq!(
        told(&world),
        (
            vec![],
            vec!["#0:hot shares-image with cold".to_owned()],
            vec!["#0:cold cannot-archive".to_owned()]
        )
    );
}

#[test]
fn an_image_that_stays_loses_no_tag_for_being_archived() {
    let mut world = cold("tags: [cold, hot, keep], pushed: 20d ago");
    world.config = world
        .config
        .replace("archive-anyway: true", "untag: true\n    archive-anyway: true");
    let (actions, kept, _) = told(&world);
    assert_eq!(actions, ["untag #0 [hot] expired"]);
    assert_eq!(kept, ["#0:cold shares-image with keep", "#0:keep keep-always"]);
    world.image(0).archived_at = ago(24);
    assert_eq!(told(&world).0, [""; 0], "what is archived is left alone");
}

/// Each row makes the archived index, its child or what is attached to it something that stays as it is.
#[test]
fn what_is_held_or_needed_is_not_archived() {
    type Row = (&'static str, fn(&mut World), &'static str);
    let table: &[Row] = &[
        ("in use", |w| w.refer("r.example/app:cold", None), "#0:cold in-use"),
        ("a child in grace", |w| w.image(1).pushed_at = ago(1), "#0:cold grace"),
        (
            "an immutable tag",
            |w| w.repository().tags[0].immutable = true,
            "#0:cold immutable",
        ),
        (
            "attached to something that stays",
            |w| {
                w.repository().tags[1].name = "keep".parse().unwrap();
                w.attach(3, 0);
            },
            "#0:cold needed by #3 (Subject)",
        ),
        (
            "among the newest",
            |w| w.limits("keep-at-least: 2"),
            "#0:cold keep-at-least 2",
        ),
    ];
    for (name, change, kept) in table {
        let mut world = bundle();
        change(&mut world);
        let (actions, found, _) = told(&world);
        assert!(
            !actions.iter().any(|action| action.starts_with("archive")),
            "{name}: {actions:?}"
        );
        assert!(found.contains(&(*kept).to_owned()), "{name}: {found:?}");
    }
}

/// Images 0 and 1 are indexes of 2.
#[test]
fn a_child_that_an_index_shares_which_stays_is_not_archived() {
    let two = |first: &str, second: &str| {
        let mut world = cold(&format!(
            "tags: [{first}], pushed: 20d ago\ntags: [{second}], pushed: 20d ago\nuntagged: true, pushed: 20d ago"
        ));
        world.list(0, &[2]);
        world.list(1, &[2]);
        told(&world).0
    };
    assert_eq!(two("cold", "keep"), ["archive #0 [cold] expired"]);
    let shared = [
        "delete #1 [hot] expired",
        "archive #0 [cold] expired",
        "archive #2 [] follows #0 (Child)",
    ];
    assert_eq!(two("cold", "hot"), shared, "nor is it deleted with another");
    assert_eq!(two("hot", "hot2").len(), 3);
}

/// Image 1 has a rule of its own that deletes it, and is a child of an index that is archived.
#[test]
fn what_is_archived_keeps_what_it_needs_from_being_deleted() {
    let mut world = cold("tags: [cold], pushed: 20d ago\ntags: [hot], pushed: 20d ago");
    world.list(0, &[1]);
    assert_eq!(
        told(&world).0,
        ["archive #0 [cold] expired", "archive #1 [hot] expired"]
    );
    world.repository().capabilities.archive = None;
    let (actions, kept, blocked) = told(&world);
    assert_eq!(
        (actions, kept, blocked),
        (
            vec![],
            vec!["#1:hot needed by #0 (Child)".to_owned()],
            vec!["#0:cold cannot-archive".to_owned()]
        )
    );
    world.repository().capabilities.archive = Some(true);
    (world.image(0).archived_at, world.image(1).archived_at) = (ago(200 * 24), ago(200 * 24));
    assert_eq!(told(&world).1, ["#0:cold archived", "#1:hot needed by #0 (Child)"]);
}

#[test]
fn the_newest_that_never_go_can_be_pulled() {
    let mut world = cold("tags: [cold], pushed: 9d ago\ntags: [cold2], pushed: 20d ago\ntags: [hot], pushed: 30d ago");
    world.limits("keep-at-least: 1");
    assert_eq!(told(&world).1, ["#0:cold keep-at-least 1"]);
    world.image(0).archived_at = ago(100 * 24);
    assert_eq!(told(&world).1, ["#0:cold archived", "#1:cold2 keep-at-least 1"]);
    world.repository().tags[0].name = "hot0".parse().unwrap();
    assert_eq!(
        told(&world).1,
        ["#0:hot0 keep-at-least 1", "#1:cold2 keep-at-least 1"],
        "nor is the newest of all deleted"
    );
}

#[test]
fn limits_count_what_is_archived_like_what_is_deleted() {
    let mut world = cold("tags: [cold], pushed: 9d ago\ntags: [cold2], pushed: 20d ago\ntags: [hot], pushed: 30d ago");
    world.limits("keep-at-least: 0, max-deletions: 2");
    assert_eq!(told(&world).1, ["#0:cold brake 2"]);
    let images: Vec<String> = (0..7)
        .map(|number| format!("tags: [cold{number}], pushed: 9d ago"))
        .collect();
    let mut world = cold(&images.join("\n"));
    assert_eq!(planned(&world).limits.refused[0].share, 1.0);
    assert!(told(&world).0.iter().all(|action| action.ends_with("refused")));
    world.repository().capabilities.archive = None;
    assert_eq!(planned(&world).limits.refused, [], "what cannot be done blows no fuse");
}

/// A blob of images 0, archived, 1, deleted, and 2.
#[test]
fn bytes_move_to_the_archive_when_nothing_else_holds_them() {
    let shared = |tags: [&str; 3]| {
        let images: Vec<String> = tags
            .iter()
            .map(|tag| format!("tags: [{tag}], pushed: 20d ago"))
            .collect();
        let mut world = cold(&images.join("\n"));
        for number in 0..3 {
            world.image(number).size = 1;
            world.image(number).blobs = vec![Blob {
                digest: Digest::of(b"shared"),
                size: 1000,
            }];
        }
        world
    };
    let sums = |world: &World| {
        let plan = planned(world);
        (
            bytes_of(&plan, ActionKind::Delete),
            bytes_of(&plan, ActionKind::Archive),
        )
    };
    assert_eq!(sums(&shared(["cold", "hot", "keep"])), (1, 1));
    assert_eq!(sums(&shared(["cold", "hot", "hot2"])), (2, 1001));
    assert_eq!(sums(&shared(["hot0", "hot", "hot2"])), (1003, 0));
    let mut before = shared(["cold", "hot", "hot2"]);
    before.image(0).archived_at = ago(24);
    assert_eq!(sums(&before), (2, 0), "what was archived before holds it");
    let mut apart = shared(["cold", "hot", "hot2"]);
    apart.move_to("lib", &[1]);
    assert_eq!(sums(&apart), (2, 1001));
}

/// Orphan 2 is to be archived, and stays as index 0 does, which lists it too. Where it went to the archive, index 1 would go
/// there with it: that more stays is no reason to delete it.
#[test]
fn an_index_is_archived_with_a_child_that_another_one_keeps_from_it() {
    let images = "tags: [t0], pushed: 3d ago\ntags: [t1], pushed: 9d ago\nuntagged: true, pushed: 9d ago";
    let mut world = cold(images);
    world.config = world
        .config
        .replace("tags: [\"cold*\"], kinds: [image, artifact]", "kinds: [orphan]");
    let gone = Digest::of(b"gone");
    world.image(2).subject = Some(gone.clone());
    world.repository().missing.insert(gone);
    world.list(0, &[2]);
    world.list(1, &[2]);
    assert_eq!(told(&world).0.len(), 3, "all of it is archived");
    world.limits("keep-at-least: 1");
    let (actions, kept, _) = told(&world);
    assert_eq!(actions, ["archive #1 [t1] expired"]);
    assert_eq!(kept, ["#0:t0 keep-at-least 1", "#2 needed by #0 (Child)"]);
}

/// Index 1 is held, and with it 2, and 0, to which 2 is attached: 0 would be archived, and index 3 with it.
#[test]
fn an_index_is_archived_with_what_is_attached_to_what_waits_for_the_archive() {
    let images = "tags: [cold], pushed: 9d ago\ntags: [t1], pushed: 9d ago\nuntagged: true, pushed: 9d ago\ntags: [t3], pushed: 9d ago";
    let mut world = cold(images);
    world.attach(2, 0);
    world.list(1, &[2]);
    world.list(3, &[2]);
    assert_eq!(told(&world).0.len(), 4, "all of it is archived");
    world.refer("r.example/app:t1", None);
    let (actions, kept, _) = told(&world);
    assert_eq!(actions, ["archive #3 [t3] expired"]);
    assert_eq!(kept, ["#0:cold needed by #2 (Subject)", "#1:t1 in-use"]);
}

//! What a plan may archive, and what it may say of the archive.

use super::*;
use crate::reason::Reason;

const ARCHIVES: &str = "policies: [ { name: p, archive-anyway: true, rules: [ { name: r, match: {}, expire: { older-than: 1d }, action: archive }, { name: d, match: { kinds: [chart] }, expire: { older-than: 1d } } ] } ]\n";

/// As [`super::world`], under a rule that archives.
fn archiving() -> World {
    let mut world = super::world();
    world.config = world.config.replace(POLICY, ARCHIVES);
    world.repository().capabilities.archive = Some(true);
    world
}

impl World {
    /// Archives index 0 with its child and its referrer, and keeps 3.
    fn archival(&self) -> Plan {
        let mut plan = self.plan();
        plan.actions
            .iter_mut()
            .for_each(|action| action.action = ActionKind::Archive);
        named(plan)
    }

    /// Says of image 3 that it is blocked.
    fn blocking(&self, reason: Reason) -> Plan {
        let mut plan = self.archival();
        plan.blocked = vec![Kept {
            reason,
            ..plan.kept.remove(0)
        }];
        named(plan)
    }

    fn keeping(&self, reason: Reason) -> Plan {
        let mut plan = self.archival();
        plan.kept[0].reason = reason;
        named(plan)
    }
}

fn other_ruling() -> Ruling {
    Ruling::written("p", "d", ruling().conditions())
}

#[test]
fn a_good_archival_passes() {
    let world = archiving();
    assert_eq!(world.violations(&world.archival()), []);
}

/// Each row makes the archival wrong.
#[test]
fn what_must_not_be_archived_is_found() {
    type Row = (&'static str, Law, fn(&mut World));
    let table: &[Row] = &[
        ("no archive", Law::Facts, |w| {
            w.repository().capabilities.archive = Some(false)
        }),
        ("no word of one", Law::Facts, |w| {
            w.repository().capabilities.archive = None
        }),
        ("archived already", Law::Facts, |w| {
            w.repository().manifests[1].archived_at = ago(24)
        }),
        ("saves nothing", Law::Limits, |w| {
            w.config = w.config.replace("archive-anyway: true, ", "")
        }),
        ("a rule that deletes", Law::EveryVerdictHasAReason, |w| {
            w.config = w.config.replace(", action: archive", "")
        }),
        ("in use", Law::NothingNeededGoes, |w| {
            w.refer("r.example/app:a", None, None)
        }),
        ("a child of what stays", Law::NothingNeededGoes, |w| {
            w.repository().manifests[3].children.push(digest(1))
        }),
        ("the subject of what stays", Law::NothingNeededGoes, |w| {
            w.repository().manifests[3].subject = Some(digest(0))
        }),
        ("attached to what stays", Law::NothingNeededGoes, |w| {
            w.repository().manifests[2].subject = Some(digest(3))
        }),
        ("the newest", Law::Limits, |w| {
            w.repository().manifests[0].pushed_at = ago(240);
            w.config = w.config.replace("keep-at-least: 0", "keep-at-least: 1");
        }),
        ("the newest that can be pulled", Law::Limits, |w| {
            w.repository().manifests[3].archived_at = ago(2400);
            w.config = w.config.replace("keep-at-least: 0", "keep-at-least: 1");
        }),
        ("the brake", Law::Limits, |w| {
            w.config = w
                .config
                .replace("keep-at-least: 0", "keep-at-least: 0, max-deletions: 0")
        }),
    ];
    for (name, law, change) in table {
        let mut world = archiving();
        let plan = world.archival();
        change(&mut world);
        let violations = world.violations(&plan);
        assert!(violations.contains(law), "{name}: {violations:?}");
    }
}

#[test]
fn an_archival_is_in_order_and_whole() {
    type Row = (&'static str, Law, fn(&mut Plan));
    let table: &[Row] = &[
        ("a child before its index", Law::Facts, |p| p.actions.swap(0, 1)),
        ("a tag left out", Law::Facts, |p| p.actions[0].tags.clear()),
        ("other bytes", Law::Facts, |p| p.actions[0].bytes = 7),
        ("a child deleted", Law::NothingNeededGoes, |p| {
            p.actions[1].action = ActionKind::Delete
        }),
        ("a child left behind", Law::NothingNeededGoes, |p| {
            drop(p.actions.remove(1))
        }),
        ("what is attached left behind", Law::NothingNeededGoes, |p| {
            drop(p.actions.remove(2))
        }),
        ("an entry of it that stays", Law::KeptTagsStay, |p| {
            let (digest, tag) = (digest(0), None);
            p.kept.push(Kept {
                digest,
                tag,
                ..p.kept[0].clone()
            });
        }),
        ("what is attached deleted", Law::NothingNeededGoes, |p| {
            p.actions[2].action = ActionKind::Delete
        }),
        ("the index deleted", Law::EveryVerdictHasAReason, |p| {
            p.actions[0].action = ActionKind::Delete
        }),
        ("all deleted", Law::EveryVerdictHasAReason, |p| {
            p.actions.iter_mut().for_each(|it| it.action = ActionKind::Delete)
        }),
    ];
    let world = archiving();
    for (name, law, spoil) in table {
        let mut plan = world.archival();
        spoil(&mut plan);
        let violations = world.violations(&named(plan));
        assert!(violations.contains(law), "{name}: {violations:?}");
    }
}

#[test]
fn what_belongs_to_something_archived_before_may_follow() {
    let mut world = archiving();
    world.repository().manifests[0].archived_at = ago(2400);
    let mut plan = world.archival();
    plan.actions.remove(0);
    let reason = Reason::Archived(ruling());
    plan.kept.push(Kept {
        reason,
        ..world.kept(0, Some("a"))
    });
    let plan = named(plan);
    assert_eq!(world.violations(&plan), []);
    world.repository().manifests[0].archived_at = None;
    assert!(world.violations(&plan).contains(&Law::NothingNeededGoes));
}

#[test]
fn what_was_archived_a_short_time_ago_is_not_deleted() {
    for (archived_at, early) in [
        (ago(90 * 24 - 1), true),
        (ago(90 * 24), false),
        (ago(-1), true),
        (Some(Timestamp::UNIX_EPOCH), true),
    ] {
        for number in 0..3 {
            let mut world = super::world();
            world.repository().manifests[number].archived_at = archived_at;
            let expected: &[Law] = if early { &[Law::Limits] } else { &[] };
            assert_eq!(world.violations(&world.plan()), expected, "{archived_at:?} {number}");
        }
    }
}

#[test]
fn what_is_said_of_the_archive_must_be_so() {
    let stored = 4 * 100;
    let saves_nothing = move |stored| Reason::ArchiveSavesNothing {
        stored,
        ruling: ruling(),
    };
    let minimum = |hours| Reason::ArchiveMinimum {
        archived_at: ago(hours).unwrap(),
        ruling: other_ruling(),
    };
    let small = |mut world: World| {
        world.config = world.config.replace("archive-anyway: true, ", "");
        world
    };
    let archived = |mut world: World, hours| {
        world.repository().manifests[3].archived_at = ago(hours);
        world
    };
    let unable = |mut world: World| {
        world.repository().capabilities.archive = None;
        world
    };
    let table = [
        ("archived", archived(archiving(), 24), Reason::Archived(ruling()), true),
        ("archived, and is not", archiving(), Reason::Archived(ruling()), false),
        (
            "archived, by a rule that deletes",
            archived(archiving(), 24),
            Reason::Archived(other_ruling()),
            false,
        ),
        (
            "cannot",
            unable(archiving()),
            Reason::CannotArchive { ruling: ruling() },
            true,
        ),
        (
            "cannot, and can",
            archiving(),
            Reason::CannotArchive { ruling: ruling() },
            false,
        ),
        (
            "cannot, and is",
            archived(unable(archiving()), 24),
            Reason::CannotArchive { ruling: ruling() },
            false,
        ),
        (
            "cannot, by a rule that deletes",
            unable(archiving()),
            Reason::CannotArchive { ruling: other_ruling() },
            false,
        ),
        ("saves nothing", small(archiving()), saves_nothing(stored), true),
        (
            "saves nothing of something else",
            small(archiving()),
            saves_nothing(stored + 1),
            false,
        ),
        (
            "saves nothing, and is wanted",
            archiving(),
            saves_nothing(stored),
            false,
        ),
        ("minimum", archived(archiving(), 24), minimum(24), true),
        ("minimum of another time", archived(archiving(), 24), minimum(25), false),
        (
            "minimum, and is over",
            archived(archiving(), 2400),
            minimum(2400),
            false,
        ),
        ("minimum, and is not archived", archiving(), minimum(24), false),
    ];
    for (name, world, reason, fine) in table {
        let is_kept = matches!(reason, Reason::Archived(_));
        let plan = if is_kept {
            world.keeping(reason.clone())
        } else {
            world.blocking(reason.clone())
        };
        let mut plan = Plan {
            actions: Vec::new(),
            ..plan
        };
        plan.kept.push(world.kept(0, Some("a")));
        let expected: &[Law] = if fine { &[] } else { &[Law::EveryVerdictHasAReason] };
        assert_eq!(world.violations(&named(plan)), expected, "{name}");
        let misplaced = if is_kept {
            world.blocking(reason)
        } else {
            world.keeping(reason)
        };
        let misplaced = Plan {
            actions: Vec::new(),
            kept: [misplaced.kept, vec![world.kept(0, Some("a"))]].concat(),
            ..misplaced
        };
        assert!(
            world
                .violations(&named(misplaced))
                .contains(&Law::EveryVerdictHasAReason),
            "{name}"
        );
    }
}

//! Law 5: which reasons are good where they stand, and which are not.

use std::collections::BTreeMap;

use super::{Law, World, digest, manifest, named, ruling, tag, world};
use crate::plan::{Action, ActionKind, ExpiredTag, Kept, Plan};
use crate::reason::{Finding, Hold, Reason, Relation, Ruling};

/// A ruling of the rule that is there, with these findings.
fn found(findings: &[(&str, Option<bool>)]) -> Ruling {
    let findings = findings.iter().map(|(name, holds)| {
        let finding = Finding {
            limit: "1d".to_owned(),
            found: "100d".to_owned(),
            holds: *holds,
        };
        ((*name).to_owned(), finding)
    });
    Ruling::written("p", "r", findings.collect::<BTreeMap<_, _>>())
}

/// Image 3 stays, with tags `d` and `e`; 4 stays as well, with tag `f`.
fn staying() -> (World, Plan) {
    let mut world = world();
    world.repository().manifests.push(manifest(4));
    world.repository().tags.extend([tag("e", 3), tag("f", 4)]);
    let mut plan = world.plan();
    plan.kept.extend([world.kept(3, Some("e")), world.kept(4, Some("f"))]);
    (world, plan)
}

/// The laws broken when `d` stays for this reason in a world so changed.
fn laws(reason: Reason, change: impl FnOnce(&mut World, &mut Plan)) -> Vec<Law> {
    let (mut world, mut plan) = staying();
    plan.kept[0].reason = reason;
    change(&mut world, &mut plan);
    world.violations(&named(plan))
}

fn needed(by: u8, relation: Relation) -> Reason {
    Reason::Needed {
        by: Box::new(digest(by)),
        relation,
        ruling: ruling(),
    }
}

fn shares(with: &[&str]) -> Reason {
    Reason::SharesImage {
        with: with.iter().map(|tag| tag.parse().unwrap()).collect(),
        ruling: ruling(),
    }
}

fn hold(because: &str) -> Reason {
    Reason::Hold {
        hold: Hold::Protected,
        used_by: vec![],
        because: because.to_owned(),
        also: vec![],
    }
}

fn no_rule(policy: Option<&str>) -> Reason {
    Reason::NoRule {
        policy: policy.map(Into::into),
    }
}

#[test]
fn a_reason_to_stay_must_be_founded() {
    let no = Some(false);
    let yes = Some(true);
    let table = [
        ("a hold", hold("it says so"), true),
        ("a hold without evidence", hold(""), false),
        (
            "a rule that there is not",
            Reason::KeepAlways(Ruling::written("p", "other", BTreeMap::new())),
            false,
        ),
        ("no rule of the policy", no_rule(Some("p")), true),
        ("no rule of another policy", no_rule(Some("q")), false),
        ("no rule of no policy", no_rule(None), false),
        ("kept by its rule", Reason::KeepAlways(found(&[])), true),
        ("spared", Reason::Unless(found(&[("newest-per", yes)])), true),
        ("spared without evidence", Reason::Unless(found(&[])), false),
        ("not expired", Reason::NotExpired(found(&[("older-than", no)])), true),
        (
            "not expired, undecided",
            Reason::NotExpired(found(&[("older-than", None)])),
            true,
        ),
        ("not expired without evidence", Reason::NotExpired(found(&[])), false),
        (
            "not expired against the evidence",
            Reason::NotExpired(found(&[("older-than", yes)])),
            false,
        ),
        (
            "not expired, a part of the rule holds",
            Reason::NotExpired(found(&[("beyond-newest", yes), ("older-than", no)])),
            true,
        ),
        (
            "not expired, an alternative holds",
            Reason::NotExpired(found(&[("older-than", no), ("older-than#2", yes)])),
            false,
        ),
        ("it shares its image", shares(&["e"]), true),
        ("it shares its image with nothing", shares(&[]), false),
        ("it shares its image with a tag of another", shares(&["e", "f"]), false),
        ("it shares its image with no tag", shares(&["nowhere"]), false),
        (
            "it waits",
            Reason::Brake {
                limit: 1,
                ruling: ruling(),
            },
            false,
        ),
        (
            "among the newest",
            Reason::KeepAtLeast {
                limit: 0,
                ruling: ruling(),
            },
            true,
        ),
        (
            "among other newest",
            Reason::KeepAtLeast {
                limit: 1,
                ruling: ruling(),
            },
            false,
        ),
        (
            "it would expire, and does not",
            Reason::KeepAtLeast {
                limit: 0,
                ruling: found(&[]),
            },
            false,
        ),
        (
            "a reason for the blocked",
            Reason::CannotDelete { ruling: ruling() },
            false,
        ),
        (
            "another reason for the blocked",
            Reason::CannotUntag { ruling: ruling() },
            false,
        ),
        ("a reason to go", Reason::Expired(ruling()), false),
    ];
    for (name, reason, good) in table {
        let laws = laws(reason, |_, _| {});
        let expected: &[Law] = if good { &[] } else { &[Law::EveryVerdictHasAReason] };
        assert_eq!(
            laws.iter()
                .filter(|law| **law != Law::Limits)
                .copied()
                .collect::<Vec<_>>(),
            expected,
            "{name}"
        );
    }
}

#[test]
fn a_tag_that_goes_too_is_no_company() {
    let laws = laws(shares(&["e"]), |world, plan| {
        plan.kept.remove(1);
        plan.actions.push(Action {
            action: ActionKind::Untag,
            bytes: 0,
            tags: vec!["e".parse().unwrap()],
            ..world.action(3, Reason::Expired(ruling()))
        });
    });
    assert_eq!(laws, [Law::EveryVerdictHasAReason]);
}

#[test]
fn what_waits_needs_a_brake_and_is_counted() {
    let waits = || Reason::Brake {
        limit: 1,
        ruling: ruling(),
    };
    let brake = |world: &mut World| {
        world.config = world
            .config
            .replace("keep-at-least: 0", "keep-at-least: 0, max-deletions: 1")
    };
    let counted = laws(waits(), |world, plan| {
        brake(world);
        plan.limits.waiting = 1;
    });
    assert_eq!(counted, []);
    assert_eq!(laws(waits(), |world, _| brake(world)), [Law::Limits]);
}

#[test]
fn what_needs_something_is_related_to_it_as_said() {
    type Row = (Relation, fn(&mut World));
    let table: [Row; 4] = [
        (Relation::Child, |w| {
            w.repository().manifests[4].children.push(digest(3))
        }),
        (Relation::Attached, |w| {
            w.repository().manifests[3].subject = Some(digest(4))
        }),
        (Relation::Subject, |w| {
            w.repository().manifests[4].subject = Some(digest(3))
        }),
        (Relation::Index, |w| {
            w.repository().manifests[3].children.push(digest(4))
        }),
    ];
    for (relation, relate) in table {
        let related = laws(needed(4, relation), |world, _| relate(world));
        assert_eq!(related, [], "{relation:?}");
        for (other, _) in table.iter().filter(|(other, _)| *other != relation) {
            let laws = laws(needed(4, *other), |world, _| relate(world));
            assert_eq!(
                laws,
                [Law::EveryVerdictHasAReason],
                "{relation:?}, said to be {other:?}"
            );
        }
    }
    assert_eq!(
        laws(needed(60, Relation::Child), |_, _| {}),
        [Law::EveryVerdictHasAReason],
        "not there"
    );
}

#[test]
fn the_blocked_are_those_that_a_registry_cannot_take() {
    for (reason, good) in [
        (Reason::CannotDelete { ruling: ruling() }, true),
        (Reason::CannotUntag { ruling: ruling() }, true),
        (Reason::CannotUntag { ruling: found(&[]) }, false),
        (Reason::KeepAlways(ruling()), false),
    ] {
        let (world, mut plan) = staying();
        let blocked = Kept {
            reason: reason.clone(),
            ..plan.kept.remove(0)
        };
        plan.blocked.push(blocked);
        let expected: &[Law] = if good { &[] } else { &[Law::EveryVerdictHasAReason] };
        assert_eq!(world.violations(&named(plan)), expected, "{reason:?}");
    }
}

#[test]
fn a_rule_that_expires_something_has_an_alternative_that_holds() {
    let (yes, no) = (Some(true), Some(false));
    for (findings, good) in [
        (&[("older-than", yes)][..], true),
        (&[("older-than", no)], false),
        (&[("older-than", None)], false),
        (&[("beyond-newest", yes), ("older-than", no)], false),
        (&[("beyond-newest", no), ("older-than", yes)], false),
        (&[("beyond-newest", yes), ("older-than", yes)], true),
        (&[("older-than", no), ("older-than#2", yes)], true),
        (
            &[("older-than", no), ("beyond-newest#2", yes), ("older-than#2", no)],
            false,
        ),
    ] {
        let world = world();
        let mut plan = world.plan();
        plan.actions[0].reason = Reason::Expired(found(findings));
        let expected: &[Law] = if good { &[] } else { &[Law::EveryVerdictHasAReason] };
        assert_eq!(world.violations(&named(plan)), expected, "{findings:?}");
    }
}

#[test]
fn each_of_several_tags_names_its_rule() {
    let entry = |tag: &str| ExpiredTag {
        tag: tag.parse().unwrap(),
        ruling: ruling(),
    };
    let unruled = ExpiredTag {
        ruling: Ruling::written("p", "unknown", BTreeMap::new()),
        ..entry("z")
    };
    for (entries, good) in [
        (vec![entry("a"), entry("z")], true),
        (vec![], false),
        (vec![entry("a")], false),
        (vec![entry("a"), entry("a")], false),
        (vec![entry("a"), entry("z"), entry("z")], false),
        (vec![entry("a"), entry("d")], false),
        (vec![entry("a"), unruled], false),
    ] {
        let mut world = world();
        world.repository().tags.push(tag("z", 0));
        let mut plan = world.plan();
        let names: Vec<String> = entries.iter().map(|entry| entry.tag.to_string()).collect();
        plan.actions[0].entries = entries;
        let expected: &[Law] = if good { &[] } else { &[Law::EveryVerdictHasAReason] };
        assert_eq!(world.violations(&named(plan)), expected, "{names:?}");
    }
}

#[test]
fn where_no_tags_are_taken_no_policy_need_say_so() {
    let mut world = world();
    world.config = world.config.replace("untag: true", "untag: false");
    assert_eq!(world.violations(&world.plan()), []);
}

#[test]
fn what_follows_names_how() {
    let world = world();
    for (number, relation, good) in [
        (1, Relation::Child, true),
        (1, Relation::Attached, false),
        (1, Relation::Index, false),
        (2, Relation::Attached, true),
        (2, Relation::Child, false),
        (2, Relation::Subject, false),
    ] {
        let mut plan = world.plan();
        plan.actions[number].reason = Reason::Follows {
            root: digest(0),
            relation,
        };
        let expected: &[Law] = if good { &[] } else { &[Law::EveryVerdictHasAReason] };
        assert_eq!(world.violations(&named(plan)), expected, "{number}: {relation:?}");
    }
}

/// Two that list each other have no right order.
#[test]
fn in_a_loop_any_order_is_right() {
    let mut world = world();
    world.repository().manifests[1].children = vec![digest(0)];
    assert_eq!(world.violations(&world.plan()), []);
}

#[test]
fn what_belongs_to_something_goes_by_no_rule_of_its_own() {
    let world = world();
    for number in [1, 2] {
        let mut plan = world.plan();
        plan.actions[number].reason = Reason::Expired(ruling());
        let laws = world.violations(&named(plan));
        assert_eq!(laws, [Law::EveryVerdictHasAReason], "{number}");
    }
}

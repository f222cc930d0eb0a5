//! When a fuse is due, and what the plan must say then.

use super::{Law, World, manifest, named, ruling, tag, world};
use crate::model::Kind;
use crate::plan::{Action, ActionKind, Plan, Refused};
use crate::reason::Reason;

/// Seven images with tags `t0` to `t6`, of which so many go.
fn going(count: u8) -> (World, Plan) {
    let mut world = world();
    world.repository().manifests = (0..7).map(manifest).collect();
    world.repository().tags = (0..7).map(|number| tag(&format!("t{number}"), number)).collect();
    let mut plan = world.plan();
    plan.actions = (0..count)
        .map(|number| world.action(number, Reason::Expired(ruling())))
        .collect();
    plan.kept = (count..7)
        .map(|number| world.kept(number, Some(&format!("t{number}"))))
        .collect();
    (world, plan)
}

/// The plan with its fuse blown for this kind and share.
fn blown(world: &World, mut plan: Plan, kind: Kind, share: f64) -> Plan {
    let repository = &world.inventory.repositories[0];
    plan.actions.iter_mut().for_each(|action| action.refused = true);
    plan.limits.refused.push(Refused {
        registry: repository.registry.clone(),
        repository: repository.name.clone(),
        kind,
        share,
    });
    named(plan)
}

#[test]
fn a_fuse_is_due_for_more_than_five_and_more_than_the_share() {
    for (count, most, due) in [
        (5, "50%", false),
        (6, "50%", true),
        (6, "85%", true),
        (6, "86%", false),
        (7, "99%", true),
    ] {
        let (mut world, plan) = going(count);
        world.config = world
            .config
            .replace("keep-at-least: 0", &format!("keep-at-least: 0, max-share: {most}"));
        let share = f64::from(count) / 7.0;
        let unblown = world.violations(&named(plan.clone()));
        let blown = world.violations(&blown(&world, plan, Kind::Image, share));
        let (free, broken) = (vec![], vec![Law::Limits]);
        assert_eq!(
            (unblown, blown),
            if due { (broken, free) } else { (free, broken) },
            "{count}, {most}"
        );
    }
}

#[test]
fn the_share_and_the_kind_are_named_as_they_are() {
    let exact = 6.0 / 7.0;
    for (kind, share, good) in [
        (Kind::Image, exact, true),
        (Kind::Image, 0.8572, true),
        (Kind::Image, 0.8573, false),
        (Kind::Image, 0.8571, false),
        (Kind::Image, 1.0, false),
        (Kind::Chart, exact, false),
    ] {
        let (world, plan) = going(6);
        let laws = world.violations(&blown(&world, plan, kind, share));
        assert_eq!(laws.is_empty(), good, "{kind} {share}: {laws:?}");
        assert!(laws.iter().all(|law| *law == Law::Limits), "{laws:?}");
    }
}

#[test]
fn a_fuse_is_listed_once() {
    let (world, plan) = going(6);
    let plan = blown(&world, plan, Kind::Image, 6.0 / 7.0);
    assert_eq!(world.violations(&plan), []);
    assert_eq!(
        world.violations(&blown(&world, plan, Kind::Image, 6.0 / 7.0)),
        [Law::Limits]
    );
}

/// Five go and one waits for a later run: six of seven would go.
#[test]
fn what_waits_counts() {
    let (mut world, mut plan) = going(5);
    world.config = world
        .config
        .replace("keep-at-least: 0", "keep-at-least: 0, max-deletions: 5");
    plan.kept[0].reason = Reason::Brake {
        limit: 5,
        ruling: ruling(),
    };
    plan.limits.waiting = 1;
    assert_eq!(world.violations(&named(plan.clone())), [Law::Limits]);
    assert_eq!(world.violations(&blown(&world, plan, Kind::Image, 6.0 / 7.0)), []);
}

/// Five go and one loses a tag.
#[test]
fn what_loses_a_tag_counts() {
    let (mut world, mut plan) = going(5);
    world.repository().tags.push(tag("second", 5));
    plan.actions.push(Action {
        action: ActionKind::Untag,
        tags: vec!["second".parse().unwrap()],
        bytes: 0,
        ..world.action(5, Reason::Expired(ruling()))
    });
    assert_eq!(world.violations(&named(plan.clone())), [Law::Limits]);
    assert_eq!(world.violations(&blown(&world, plan, Kind::Image, 6.0 / 7.0)), []);
}

/// Roots of one kind do not make those of another fewer.
#[test]
fn each_kind_has_its_own_share() {
    let (mut world, mut plan) = going(6);
    world.repository().manifests[0].kind = Kind::Chart;
    plan.actions[0].kind = Kind::Chart;
    assert_eq!(world.violations(&named(plan)), [], "five images and a chart");
}

/// The brake lets no more go than it says.
#[test]
fn the_brake_counts_roots() {
    for (most, good) in [(5, false), (6, true)] {
        let (mut world, plan) = going(6);
        let limits = format!("keep-at-least: 0, max-share: 100%, max-deletions: {most}");
        world.config = world.config.replace("keep-at-least: 0", &limits);
        assert_eq!(world.violations(&named(plan)).is_empty(), good, "{most}");
    }
}

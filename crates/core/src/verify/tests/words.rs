//! What a violation says.

use super::{World, ago, digest, named, world};
use crate::config::Config;
use crate::facts::{Facts, Origin};
use crate::plan::Plan;
use crate::reason::Reason;
use crate::verify::verify;

fn said(world: &World, plan: &Plan) -> Vec<String> {
    let (config, _) = Config::parse("test.yaml", &world.config).unwrap();
    let facts = Facts {
        inventory: &world.inventory,
        usage: Some(&world.usage),
        config: &config,
        now: super::now(),
        origin: Origin::SavedFacts,
    };
    let told = verify(plan, &facts).into_iter().map(|violation| violation.to_string());
    told.map(|told| {
        (0..9).fold(told, |told, number| {
            told.replace(&digest(number).to_string(), &format!("#{number}"))
        })
    })
    .collect()
}

#[test]
fn a_violation_says_what_is_wrong_and_where() {
    type Row = (&'static str, fn(&mut World, &mut Plan));
    let table: &[Row] = &[
        (
            "something held or needed would go: r.example/app@#0: it is held (in-use): used by `Pod`",
            |w, _| w.refer("r.example/app:a", None, None),
        ),
        (
            "something held or needed would go: r.example/app@#0: it is held (in-use) on account of #1: used by `Pod`",
            |w, _| w.refer("", Some(digest(1)), None),
        ),
        (
            "something held or needed would go: r.example/app@#1: it is held (restored): put back at 2026-03-10T11:00:00Z",
            |w, _| w.repository().manifests[1].restored_at = ago(1),
        ),
        (
            "something held or needed would go: r.example/app@#0: it is held (grace): since 2026-03-10T11:00:00Z",
            |w, _| w.repository().manifests[0].pushed_at = ago(1),
        ),
        (
            "something held or needed would go: r.example/app@#0: it is held (grace): nobody knows when it came",
            |w, _| {
                let index = &mut w.repository().manifests[0];
                (index.pushed_at, index.first_seen_at) = (None, None);
            },
        ),
        (
            "something held or needed would go: r.example/app@#0: it is held (protected): `protect` lists **",
            |w, _| w.config += "protect: [\"**\"]\n",
        ),
        (
            "something held or needed would go: r.example/app@#0: it is held (usage-incomplete): source `prod` did not say everything",
            |w, _| w.usage.sources[0].status = crate::model::SourceStatus::Partial,
        ),
        (
            "something held or needed would go: r.example/app@#0: it is held (usage-incomplete): expected source `other` said nothing",
            |w, _| w.config += "registries: [ { host: r.example, expects: [other] } ]\n",
        ),
        (
            "something held or needed would go: r.example/app@#0: it is held (incomplete): gap: 403",
            |w, _| w.repository().gaps.push(crate::model::Gap("403".to_owned())),
        ),
        (
            "something held or needed would go: r.example/app@#1: it is a child of #3, which stays",
            |w, _| w.repository().manifests[3].children = vec![digest(1)],
        ),
        (
            "a verdict has no good reason: r.example/app:d@#3: `expired` is no reason for this",
            |_, p| p.kept[0].reason = Reason::Expired(super::ruling()),
        ),
        (
            "a verdict has no good reason: r.example/app:d@#3: an entry must appear once in the plan; this one appears 0 times",
            |_, p| p.kept.clear(),
        ),
        (
            "the plan contradicts the facts: r.example: the bytes of its actions add up to 301; they free 300",
            |_, p| p.actions[0].bytes = 101,
        ),
        (
            "a limit is not kept: 1 roots are deleted in one run; 0 may be",
            |w, _| {
                w.config = w
                    .config
                    .replace("keep-at-least: 0", "keep-at-least: 0, max-deletions: 0")
            },
        ),
        (
            "the plan contradicts the facts: it is made for 1970-01-01T00:00:00Z, not for 2026-03-10T12:00:00Z",
            |_, p| p.now = jiff::Timestamp::UNIX_EPOCH,
        ),
    ];
    for (expected, change) in table {
        let mut world = world();
        let mut plan = world.plan();
        change(&mut world, &mut plan);
        let said = said(&world, &named(plan));
        assert!(said.iter().any(|told| told == expected), "{expected}\n{said:#?}");
    }
}

#[test]
fn the_share_of_a_fuse_is_told_in_percent() {
    let mut world = world();
    world.repository().manifests = (0..7).map(super::manifest).collect();
    world.repository().tags.clear();
    let mut plan = world.plan();
    plan.actions = (0..6)
        .map(|number| world.action(number, Reason::Expired(super::ruling())))
        .collect();
    plan.kept = vec![world.kept(6, None)];
    let expected = "a limit is not kept: r.example/app: 85.71 % of its roots of kind image would go, and no fuse is blown for that";
    assert_eq!(said(&world, &named(plan)), [expected]);
}

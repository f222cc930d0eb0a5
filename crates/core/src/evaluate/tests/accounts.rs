//! What ECR registries expect by themselves: whoever asks their own account and region what runs there.

use super::uses::{told, world};
use crate::model::{Gap, SourceStatus};
use crate::worlds::World;

const HERE: &str = "123456789012/eu-central-1";

/// The registry under the name that an ECR registry has, and what the file says of it.
fn on_ecr(world: &mut World, said: &str) {
    let host = "123456789012.dkr.ecr.eu-central-1.amazonaws.com";
    world.repository().registry = host.parse().unwrap();
    if !said.is_empty() {
        world.config += &format!("registries: [ {{ host: {host}, {said} }} ]\n");
    }
}

/// A further source of that kind, which tells everything that runs there.
fn account(world: &mut World, kind: &str, place: &str) {
    let mut source = world.source().clone();
    (source.name, source.kind) = (format!("{kind} of {place}"), kind.to_owned());
    source.answers_for = vec!["123456789012/ap-south-1".to_owned(), place.to_owned()];
    world.usage.as_mut().unwrap().sources.push(source);
}

#[test]
fn ecr_expects_who_asks_its_account_and_region() {
    type Row = (&'static str, fn(&mut World), bool);
    let table: &[Row] = &[
        ("nobody", |w| on_ecr(w, ""), true),
        (
            "nobody was asked anything",
            |w| {
                on_ecr(w, "");
                w.usage = None;
            },
            true,
        ),
        ("nobody, and configured", |w| on_ecr(w, "trust-created: true"), true),
        ("nobody, and that is meant so", |w| on_ecr(w, "expects: none"), false),
        (
            "nobody, and another source is expected and answered",
            |w| on_ecr(w, "expects: [policy test]"),
            true,
        ),
        (
            "a source that is not there is expected",
            |w| on_ecr(w, "expects: [x]"),
            true,
        ),
        (
            "somebody",
            |w| {
                on_ecr(w, "");
                account(w, "aws", HERE);
            },
            false,
        ),
        (
            "somebody, and configured",
            |w| {
                on_ecr(w, "trust-created: true");
                account(w, "aws", HERE);
            },
            false,
        ),
        (
            "of another account",
            |w| {
                on_ecr(w, "");
                account(w, "aws", "123456789013/eu-central-1");
            },
            true,
        ),
        (
            "of another region",
            |w| {
                on_ecr(w, "");
                account(w, "aws", "123456789012/eu-central-2");
            },
            true,
        ),
        (
            "of another kind",
            |w| {
                on_ecr(w, "");
                account(w, "file", HERE);
            },
            true,
        ),
        (
            "somebody partial, who covers something else",
            |w| {
                on_ecr(w, "");
                account(w, "aws", HERE);
                let source = w.usage.as_mut().unwrap().sources.last_mut().unwrap();
                (source.status, source.covers) = (SourceStatus::Partial, vec!["x/**".to_owned()]);
            },
            true,
        ),
        (
            "somebody who cannot be understood, and covers something else",
            |w| {
                on_ecr(w, "");
                account(w, "aws", HERE);
                w.refer("No Image", None);
                let reference = w.source().references.pop().unwrap();
                let source = w.usage.as_mut().unwrap().sources.last_mut().unwrap();
                (source.references, source.covers) = (vec![reference], vec!["x/**".to_owned()]);
            },
            true,
        ),
        (
            "one who is partial elsewhere, and one who is complete",
            |w| {
                on_ecr(w, "");
                account(w, "aws", HERE);
                let source = w.usage.as_mut().unwrap().sources.last_mut().unwrap();
                (source.status, source.covers) = (SourceStatus::Partial, vec!["x/**".to_owned()]);
                account(w, "aws", HERE);
            },
            false,
        ),
        (
            "a registry that is ECR by what the file says",
            |w| {
                w.config += "registries: [ { host: r.example, aws: { account: '123456789012', region: eu-central-1, endpoint: 'http://a' } } ]\n";
                account(w, "aws", "123456789012/eu-central-2");
            },
            true,
        ),
        (
            "the same, answered",
            |w| {
                w.config += "registries: [ { host: r.example, aws: { account: '123456789012', region: eu-central-1, endpoint: 'http://a' } } ]\n";
                account(w, "aws", "123456789012/eu-central-1");
            },
            false,
        ),
    ];
    for (name, change, held) in table {
        let mut world = world();
        change(&mut world);
        let plan = world.with_facts(crate::plan::plan);
        assert_eq!(plan.violations, [], "{name}");
        assert_eq!(plan.actions.is_empty(), *held, "{name}");
        assert_eq!(world.verdicts()[0] == "a stays usage-incomplete", *held, "{name}");
    }
}

#[test]
fn what_ecr_lacks_is_said_with_what_to_add() {
    let mut world = world();
    on_ecr(&mut world, "");
    let lacks = "123456789012.dkr.ecr.eu-central-1.amazonaws.com is ECR, and what runs in 123456789012/eu-central-1 is not known: ";
    let add = "no usage source asked; add { name: aws-123456789012, kind: aws, account: \"123456789012\", \
        regions: [eu-central-1] } under `usage`, or say `expects: none` for the registry";
    assert_eq!(told(&world), [format!("{lacks}{add}")]);
    account(&mut world, "aws", "123456789012/eu-central-1");
    let source = world.usage.as_mut().unwrap().sources.last_mut().unwrap();
    source.gaps.push(Gap("ecs:ListTasks: AccessDenied".to_owned()));
    let why = "usage source aws of 123456789012/eu-central-1 did not answer completely: ecs:ListTasks: AccessDenied";
    assert_eq!(told(&world), [format!("{lacks}{why}")], "told once");
}

//! Who uses what, which source did not say everything, and what a reader is told of it.

use crate::evaluate::{Evaluator, gaps, used};
use crate::model::{Gap, SourceStatus};
use crate::reason::Reason;
use crate::worlds::{World, ago, seconds_ago};

const RULE: &str = "name: r, match: {}, expire: { older-than: 1d }";

pub(super) fn world() -> World {
    World::new(&[RULE], "tags: [a], pushed: 9d ago\ntags: [latest], pushed: 9d ago")
}

/// Which of the two images stay, and by which hold.
#[test]
fn references_hold_what_they_name() {
    type Row = (&'static str, fn(&mut World), [&'static str; 2]);
    let (free, a, latest) = (["a goes r", "latest goes r"], "a stays in-use", "latest stays in-use");
    let both = ["a stays usage-incomplete", "latest stays usage-incomplete"];
    let table: &[Row] = &[
        ("none", |_| {}, free),
        ("by tag", |w| w.refer("r.example/app:a", None), [a, free[1]]),
        ("without a tag", |w| w.refer("r.example/app", None), [free[0], latest]),
        (
            "by a tag of another repository",
            |w| w.refer("r.example/lib:a", None),
            free,
        ),
        (
            "by a tag at a host nobody scans",
            |w| w.refer("x.example/app:a", None),
            [a, free[1]],
        ),
        (
            "by a tag at another scanned host",
            |w| {
                let mut other = w.inventory.repositories[0].clone();
                other.registry = "x.example".parse().unwrap();
                other.tags.clear();
                other.manifests.clear();
                w.inventory.repositories.push(other);
                w.refer("x.example/app:a", None);
            },
            free,
        ),
        (
            "by a tag at another name of the registry",
            |w| {
                w.config += "registries: [ { host: r.example, aliases: [x.example] } ]\n";
                w.refer("x.example/app:a", None);
            },
            [a, free[1]],
        ),
        (
            "by a tag pulled through a mirror",
            |w| {
                w.config += "registries: [ { host: r.example, mirrors: [cache.example/hub/] } ]\n";
                w.refer("cache.example/hub/app:a", None);
            },
            [a, free[1]],
        ),
        (
            "by a tag at another path of a mirror",
            |w| {
                w.config += "registries: [ { host: r.example, mirrors: [cache.example/hub] } ]\n";
                w.refer("cache.example/hubapp:a", None);
            },
            free,
        ),
        (
            "by an image's id",
            |w| {
                let id = w.image(0).digest.hex();
                w.refer(&id, None);
            },
            [a, free[1]],
        ),
        (
            "by digest, anywhere",
            |w| {
                let digest = w.image(0).digest.clone();
                w.refer(&format!("x.example/y@{digest}"), None);
            },
            [a, free[1]],
        ),
        (
            "by a digest alone",
            |w| {
                let digest = w.image(0).digest.to_string();
                w.refer(&digest, None);
            },
            [a, free[1]],
        ),
        (
            "by a digest behind an engine's word",
            |w| {
                let digest = w.image(0).digest.clone();
                w.refer(&format!("docker-pullable://x/y@{digest}"), None);
            },
            [a, free[1]],
        ),
        (
            "by a digest beside no image",
            |w| {
                w.refer("", None);
                w.source().references[0].digest = Some(w.image(0).digest.clone());
            },
            [a, free[1]],
        ),
        ("by nothing at all", |w| w.refer("", None), both),
        ("by no image", |w| w.refer("No Image", None), both),
        (
            "until a fortnight ago",
            |w| w.refer("r.example/app:a", ago(14 * 24)),
            ["a stays recently-used", free[1]],
        ),
        (
            "until before that",
            |w| w.refer("r.example/app:a", seconds_ago(14 * 86_400 + 1)),
            free,
        ),
        ("until now", |w| w.refer("r.example/app:a", ago(0)), [a, free[1]]),
        (
            "until nobody knows when",
            |w| w.refer("r.example/app:a", ago(24 * 365 * 56)),
            [a, free[1]],
        ),
        ("nobody says", |w| w.usage = None, free),
        ("a partial source", |w| w.source().status = SourceStatus::Partial, both),
        (
            "a partial source of something else",
            |w| {
                w.source().status = SourceStatus::Partial;
                w.source().covers = vec!["r.example/lib".to_owned()];
            },
            free,
        ),
        (
            "a partial source of what nobody can read",
            |w| {
                w.source().status = SourceStatus::Partial;
                w.source().covers = vec!["r.example/{lib".to_owned()];
            },
            both,
        ),
        (
            "a partial source of the registry by another name",
            |w| {
                w.config += "registries: [ { host: r.example, aliases: [x.example] } ]\n";
                w.source().status = SourceStatus::Partial;
                w.source().covers = vec!["x.example/app".to_owned()];
            },
            both,
        ),
        (
            "a partial source of the registry in capitals",
            |w| {
                w.source().status = SourceStatus::Partial;
                w.source().covers = vec!["R.Example/app".to_owned()];
            },
            both,
        ),
        (
            "a partial source of a repository in capitals, which is another",
            |w| {
                w.source().status = SourceStatus::Partial;
                w.source().covers = vec!["r.example/App".to_owned()];
            },
            free,
        ),
        (
            "an expected source that is partial",
            |w| {
                w.config += "registries: [ { host: r.example, expects: [\"policy test\"] } ]\n";
                w.source().status = SourceStatus::Partial;
                w.source().covers = vec!["r.example/lib".to_owned()];
            },
            both,
        ),
        (
            "an expected source that is complete",
            |w| w.config += "registries: [ { host: r.example, expects: [\"policy test\"] } ]\n",
            free,
        ),
        (
            "an expected source of another registry",
            |w| w.config += "registries: [ { host: x.example, expects: [other] } ]\n",
            free,
        ),
    ];
    for (name, change, expected) in table {
        let mut world = world();
        change(&mut world);
        assert_eq!(world.verdicts(), expected, "{name}");
    }
}

pub(super) fn told(world: &World) -> Vec<String> {
    world.with_facts(|facts| gaps(facts, &crate::evaluate::evaluate(facts, &world.inventory)))
}

#[test]
fn every_gap_is_told() {
    let mut world = world();
    assert_eq!(told(&world), [""; 0]);
    world.inventory.gaps.push(Gap("x.example: no answer".to_owned()));
    world.repository().gaps.push(Gap("tag b: 403".to_owned()));
    world.repository().tags[1].digest = crate::model::Digest::of(b"never read");
    let unread = world.repository().tags[1].digest.clone();
    world.config += "registries: [ { host: r.example, expects: [other] } ]\n";
    world.refer("No Image", None);
    let expected = [
        "x.example: no answer".to_owned(),
        "usage source policy test is partial: it names an image that cannot be understood: ".to_owned(),
        "usage source other is expected for r.example and did not answer completely: no source of that name is in a file of --usage"
            .to_owned(),
        "r.example/app: tag b: 403".to_owned(),
        format!("r.example/app: tag latest points to {unread}, which was not read"),
    ];
    let found = told(&world);
    assert_eq!(found.len(), expected.len(), "{found:#?}");
    for (found, expected) in found.iter().zip(expected) {
        assert!(found.starts_with(&expected), "{found}, not {expected}");
    }
    world.source().gaps.push(Gap("timeout".to_owned()));
    assert!(told(&world).contains(&"usage source policy test is partial: timeout".to_owned()));
    (world.source().gaps, world.source().references) = (Vec::new(), Vec::new());
    world.source().status = SourceStatus::Partial;
    assert!(told(&world).contains(&"usage source policy test is partial: it did not answer completely".to_owned()));
}

#[test]
fn a_source_that_is_expected_is_told_once_with_what_it_said() {
    let mut world = world();
    world.config += "registries: [ { host: r.example, expects: [policy test] } ]\n";
    world.source().gaps.push(Gap("cronjobs: 403".to_owned()));
    let why = "usage source policy test is expected for r.example and did not answer completely: cronjobs: 403";
    assert_eq!(told(&world), [why]);
    let held = world.with_facts(|facts| format!("{:?}", crate::plan::plan(facts).kept));
    assert!(held.contains(why) && !held.contains("more)"), "{held}");
}

#[test]
fn a_host_that_may_be_another_name_is_told() {
    let mut world = world();
    world.refer("x.example/app:a", None);
    world.refer("x.example/app:z", None);
    world.refer("x.example/lib:a", None);
    let warnings = world.with_facts(|facts| Evaluator::new(facts).warnings(&world.inventory.repositories[0]));
    let expected = "x.example is used for app:a and is no registry that was scanned; if it is another name of r.example, \
        list it there under `aliases`";
    assert_eq!(warnings.into_iter().collect::<Vec<_>>(), [expected]);
}

#[test]
fn who_uses_an_image_is_named() {
    let mut world = world();
    world.refer("r.example/app:a", None);
    world.refer("x.example/app:a", None);
    world.refer("r.example/app:a", None);
    world.source().references[2].used_by.clear();
    let held = world.with_facts(used);
    let reasons: Vec<&Reason> = held.values().collect();
    let [Reason::Hold { used_by, .. }] = reasons.as_slice() else {
        panic!("{held:?}")
    };
    assert_eq!(used_by, &["Pod", "Pod (as x.example/app:a)", "policy test"]);
    let (registry, repository, digest) = held.keys().next().unwrap();
    assert_eq!(
        (registry.to_string(), repository.to_string()),
        ("r.example".to_owned(), "app".to_owned())
    );
    assert_eq!(digest, &world.inventory.repositories[0].manifests[0].digest);
}

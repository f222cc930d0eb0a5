//! What depends on more than one repository, or on more than one record of one.

use super::{Law, World, digest, manifest, named, ruling, tag, world};
use crate::model::{Blob, Kind, Manifest, Repository};
use crate::plan::{Action, Plan};
use crate::reason::Reason;

/// `r.example/lib` with image 9 under tag `x`.
fn with_lib() -> World {
    let mut world = world();
    let lib = Repository {
        name: "lib".parse().unwrap(),
        manifests: vec![manifest(9)],
        tags: vec![tag("x", 9)],
        ..world.inventory.repositories[0].clone()
    };
    world.inventory.repositories.push(lib);
    world
}

/// The plan of `app`, and for 9 in `lib`: it goes, freeing so many bytes, or it stays.
fn plan(world: &World, bytes: Option<u64>) -> Plan {
    let mut plan = world.plan();
    let name = "lib".parse().unwrap();
    match bytes {
        Some(bytes) => plan.actions.push(Action {
            repository: name,
            digest: digest(9),
            tags: vec!["x".parse().unwrap()],
            bytes,
            ..world.action(9, Reason::Expired(ruling()))
        }),
        None => plan.kept.push(crate::plan::Kept {
            repository: name,
            digest: digest(9),
            ..world.kept(9, Some("x"))
        }),
    }
    named(plan)
}

#[test]
fn a_blob_is_free_when_its_last_reference_goes_wherever_that_is() {
    let blob = |size| Blob {
        digest: digest(200),
        size,
    };
    let mut world = with_lib();
    assert_eq!(world.violations(&plan(&world, Some(100))), []);
    assert_eq!(world.violations(&plan(&world, None)), []);
    world.repository().manifests[0].blobs = vec![blob(50)];
    world.inventory.repositories[1].manifests[0].blobs = vec![blob(50)];
    assert_eq!(world.violations(&plan(&world, None)), [], "the other one stays");
    assert_eq!(world.violations(&plan(&world, Some(150))), [], "both go");
    assert_eq!(
        world.violations(&plan(&world, Some(100))),
        [Law::Facts],
        "both go, and free more"
    );
    assert_eq!(
        world.violations(&plan(&world, Some(200))),
        [Law::Facts],
        "both go, and free less"
    );
    world.inventory.repositories[1].manifests[0].blobs = vec![blob(70)];
    assert_eq!(
        world.violations(&plan(&world, Some(170))),
        [],
        "the larger of two sizes counts"
    );
    world.inventory.repositories[1].registry = "s.example".parse().unwrap();
    let mut elsewhere = plan(&world, Some(170));
    elsewhere.actions[3].registry = "s.example".parse().unwrap();
    elsewhere.actions[0].bytes = 150;
    assert_eq!(world.violations(&named(elsewhere)), [], "each registry has its own");
}

/// Sizes that are made up add up to no more than there can be.
#[test]
fn bytes_beyond_all_measure_are_not_counted() {
    let mut world = world();
    world.repository().manifests[0].size = u64::MAX;
    world.repository().manifests[1].size = u64::MAX;
    assert_eq!(world.violations(&world.plan()), []);
    world.repository().manifests[1].size = 100;
    let mut exact = world.plan();
    exact.actions[0].bytes = u64::MAX - 200;
    assert_eq!(
        world.violations(&named(exact)),
        [],
        "more than there can be is not held against the plan"
    );
}

/// Image 3 is attached to 9, which lies in `lib` alone.
#[test]
fn an_orphan_may_be_made_by_the_same_plan_unless_that_is_refused() {
    let orphaned = |refused: bool, goes: bool| {
        let mut world = with_lib();
        world.repository().manifests[3].subject = Some(digest(9));
        world.repository().tags.retain(|tag| tag.name.as_str() != "d");
        world.repository().missing.insert(digest(9));
        let mut plan = plan(&world, goes.then_some(100));
        plan.kept.retain(|kept| kept.digest != digest(3));
        if let Some(action) = plan.actions.get_mut(3) {
            action.refused = refused;
        }
        plan.actions.insert(
            3,
            Action {
                kind: Kind::Orphan,
                ..world.action(3, Reason::Expired(ruling()))
            },
        );
        world.violations(&named(plan))
    };
    assert_eq!(orphaned(false, true), []);
    assert!(orphaned(true, true).contains(&Law::NothingNeededGoes), "refused");
    assert_eq!(orphaned(false, false), [Law::NothingNeededGoes], "it stays");
}

/// A repository of the registry that was not read wholly proves nothing anywhere.
#[test]
fn an_orphan_is_not_proven_where_another_repository_contradicts_itself() {
    let mut world = with_lib();
    world.repository().manifests[3].subject = Some(digest(50));
    world.repository().tags.retain(|tag| tag.name.as_str() != "d");
    world.repository().missing.insert(digest(50));
    let mut plan = plan(&world, None);
    plan.kept.retain(|kept| kept.digest != digest(3));
    plan.actions.push(Action {
        kind: Kind::Orphan,
        ..world.action(3, Reason::Expired(ruling()))
    });
    let plan = named(plan);
    assert_eq!(world.violations(&plan), []);
    world.inventory.repositories[1].tags.push(tag("y", 60));
    assert!(world.violations(&plan).contains(&Law::NothingNeededGoes));
}

#[test]
fn two_records_of_one_repository_must_agree() {
    type Row = (&'static str, fn(&mut Repository), bool);
    let table: &[Row] = &[
        ("the same", |_| {}, true),
        ("one names half of it", |other| other.manifests.truncate(2), true),
        (
            "other capabilities",
            |other| other.capabilities.delete_tag = Some(true),
            false,
        ),
        (
            "other pull times",
            |other| other.pull_data_since = super::ago(90),
            false,
        ),
        (
            "another first scan",
            |other| other.scanned_since = super::ago(9000),
            false,
        ),
        (
            "another tag of that name",
            |other| other.tags[0].immutable = true,
            false,
        ),
        (
            "another manifest of that digest",
            |other| other.manifests[1] = Manifest { size: 7, ..manifest(1) },
            false,
        ),
    ];
    for (name, change, agree) in table {
        let mut world = world();
        let mut other = world.repository().clone();
        change(&mut other);
        world.inventory.repositories.push(other);
        let laws = world.violations(&world.plan());
        assert_eq!(laws.is_empty(), *agree, "{name}: {laws:?}");
        assert!(*agree || laws.contains(&Law::NothingNeededGoes), "{name}: {laws:?}");
    }
}

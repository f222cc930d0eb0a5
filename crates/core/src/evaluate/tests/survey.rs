//! Orphans: when a subject is proven to be gone.

use crate::evaluate::Survey;
use crate::model::{Gap, RegistryHost};
use crate::worlds::World;

const RULE: &str = "name: r, match: { kinds: [orphan] }, expire: { older-than: 1d }";

/// An orphan in `app`, and a second repository of the registry without anything.
fn world() -> World {
    let mut world = World::new(&[RULE], "kind: orphan, pushed: 9d ago");
    let mut other = world.inventory.repositories[0].clone();
    other.name = "other".parse().unwrap();
    other.missing.clear();
    other.manifests.clear();
    world.inventory.repositories.push(other);
    world
}

#[test]
fn a_subject_is_gone_if_it_is_missing_here_and_held_nowhere() {
    type Row = (&'static str, fn(&mut World), &'static str);
    let table: &[Row] = &[
        ("missing, and nowhere", |_| {}, "- goes r"),
        (
            "not asked for",
            |w| w.repository().missing.clear(),
            "- stays incomplete",
        ),
        (
            "asked for by another",
            |w| w.inventory.repositories[1].missing = std::mem::take(&mut w.repository().missing),
            "- stays incomplete",
        ),
        (
            "a registry that was not read whole",
            |w| w.inventory.complete_registries.clear(),
            "- stays incomplete",
        ),
        (
            "a gap in another repository",
            |w| w.inventory.repositories[1].gaps.push(Gap("403".to_owned())),
            "- stays incomplete",
        ),
        (
            "a contradiction in another repository",
            |w| {
                let mut image = w.image(0).clone();
                image.subject = None;
                image.children = vec![crate::model::Digest::of(b"never read")];
                w.inventory.repositories[1].manifests = vec![image];
            },
            "- stays incomplete",
        ),
        (
            "a gap in another registry",
            |w| {
                w.inventory.repositories[1].registry = "else.example".parse().unwrap();
                w.inventory.repositories[1].gaps.push(Gap("403".to_owned()));
            },
            "- goes r",
        ),
        (
            "a copy in another repository",
            |w| {
                let mut copy = w.image(0).clone();
                copy.digest = copy.subject.take().unwrap();
                w.inventory.repositories[1].manifests = vec![copy];
            },
            "- stays incomplete",
        ),
        (
            "a copy in another registry",
            |w| {
                let mut copy = w.image(0).clone();
                copy.digest = copy.subject.take().unwrap();
                w.inventory.repositories[1].manifests = vec![copy];
                w.inventory.repositories[1].registry = "else.example".parse().unwrap();
            },
            "- goes r",
        ),
    ];
    for (name, change, expected) in table {
        let mut world = world();
        change(&mut world);
        assert!(
            world.verdicts().contains(&(*expected).to_owned()),
            "{name}: {:?}",
            world.verdicts()
        );
    }
}

/// The evidence is in the verdict.
#[test]
fn an_unproven_orphan_says_so() {
    let mut world = world();
    world.repository().missing.clear();
    world.evaluated(|evaluated| {
        let told = format!("{:?}", evaluated[0].verdicts[0].decision);
        assert!(
            told.contains("its subject was not read, and is not proven to be gone"),
            "{told}"
        );
        assert!(told.contains("Incomplete"), "{told}");
    });
}

/// A doubt matters where something was asked for in vain, and once.
#[test]
fn a_doubt_changes_something_only_where_something_was_missing() {
    let mut world = world();
    let host: RegistryHost = "r.example".parse().unwrap();
    let mut survey = Survey::of(&world.inventory);
    assert!(survey.doubt(&host));
    assert!(!survey.doubt(&host), "for the second time");
    world.repository().missing.clear();
    assert!(!Survey::of(&world.inventory).doubt(&host), "nothing was missing");
}

#[test]
fn contested_copies_are_known_by_who_holds_and_who_misses_them() {
    let mut world = world();
    let subject = world.image(0).subject.clone().unwrap();
    let mut copy = world.image(0).clone();
    (copy.digest, copy.subject) = (subject.clone(), None);
    world.inventory.repositories[1].manifests = vec![copy.clone(), copy];
    let mut survey = Survey::of(&world.inventory);
    let copies = ("r.example".parse().unwrap(), subject.clone());
    let contested: Vec<_> = survey.contested().collect();
    assert_eq!(contested, [(&copies, &[1][..])]);
    assert_eq!(survey.missed_by(&copies), [0]);
    let app = &world.inventory.repositories[0];
    assert!(!survey.absent(app, &subject) && !survey.is_taken(&copies));
    survey.take(&[copies.clone()].into());
    assert!(survey.absent(app, &subject) && survey.is_taken(&copies));
    survey.give_back(&[copies.clone()].into());
    assert!(!survey.absent(app, &subject) && !survey.is_taken(&copies));
}

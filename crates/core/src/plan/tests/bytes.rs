//! What a deletion frees: each blob once, by the action that takes its last reference.

use super::{planned, untagged};
use crate::model::{Blob, Digest};
use crate::worlds::World;

const LAYER: &[u8] = b"layer";

/// Gives an image a blob; of its size or of another, as the image says.
fn refer(world: &mut World, number: usize, size: u64) {
    world.image(number).blobs.push(Blob {
        digest: Digest::of(LAYER),
        size,
    });
}

fn bytes(world: &World) -> Vec<(usize, u64)> {
    let plan = planned(world);
    plan.actions
        .iter()
        .map(|action| (world.number(&action.digest), action.bytes))
        .collect()
}

#[test]
fn a_blob_is_free_when_the_last_manifest_with_it_goes() {
    let mut world = untagged(&[30, 20, 10]);
    (0..3).for_each(|number| world.image(number).size = 1);
    refer(&mut world, 0, 100);
    assert_eq!(bytes(&world), [(0, 101), (1, 1), (2, 1)]);
    refer(&mut world, 1, 70);
    assert_eq!(bytes(&world), [(0, 1), (1, 101), (2, 1)], "the larger of two sizes");
    world.image(1).restored_at = crate::worlds::ago(1);
    assert_eq!(bytes(&world), [(0, 1), (2, 1)], "something that stays has it");
}

#[test]
fn a_blob_in_several_repositories_is_free_when_all_go() {
    let mut world = untagged(&[30, 20, 10, 5]);
    (0..4).for_each(|number| world.image(number).size = 1);
    refer(&mut world, 0, 100);
    refer(&mut world, 2, 120);
    refer(&mut world, 3, 50);
    world.move_to("lib", &[2]);
    world.move_to("zoo", &[3]);
    assert_eq!(
        bytes(&world),
        [(0, 1), (1, 1), (2, 1), (3, 121)],
        "the last one frees it"
    );
    world.inventory.repositories[1].manifests[0].restored_at = crate::worlds::ago(1);
    assert_eq!(bytes(&world), [(0, 1), (1, 1), (3, 1)], "one of them stays");
    world.inventory.repositories[1].registry = "s.example".parse().unwrap();
    assert_eq!(
        bytes(&world),
        [(0, 1), (1, 1), (3, 101)],
        "another registry does not matter"
    );
}

/// The same manifest in two repositories.
#[test]
fn a_manifest_in_two_repositories_is_free_when_both_go() {
    let mut world = untagged(&[30, 20]);
    world.image(0).size = 7;
    let copy = world.image(0).clone();
    world.move_to("lib", &[1]);
    world.inventory.repositories[1].manifests.push(copy);
    let plan = planned(&world);
    let told = plan.actions.iter().map(|action| {
        (
            action.repository.to_string(),
            world.number(&action.digest),
            action.bytes,
        )
    });
    let expected =
        [("app", 0, 0), ("lib", 0, 7), ("lib", 1, 0)].map(|(name, number, bytes)| (name.to_owned(), number, bytes));
    assert_eq!(told.collect::<Vec<_>>(), expected);
}

/// Digests that begin alike are told apart all the same.
#[test]
fn blobs_whose_digests_begin_alike_are_counted_apart() {
    let mut world = untagged(&[30, 20, 10]);
    let blob = |last: u8, size| Blob {
        digest: format!("sha256:{:064x}", last).parse().unwrap(),
        size,
    };
    for number in 0..3 {
        world.image(number).blobs = vec![blob(1, 100), blob(2, 10), blob(3, 1)];
    }
    assert_eq!(bytes(&world), [(0, 0), (1, 0), (2, 111)]);
    world.move_to("lib", &[2]);
    assert_eq!(bytes(&world), [(0, 0), (1, 0), (2, 111)]);
}

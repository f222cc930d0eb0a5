//! What is packed comes back whole, and damage is an error.

use super::*;
use crate::store::record::made_up::{Dice, usual};
use crate::store::tests::{registry, repository};

fn place() -> (RegistryHost, RepositoryName) {
    (registry(), repository())
}

fn round(repository: &Repository) -> Repository {
    let packed = Packed::of(repository).unwrap();
    Packed::unpack(&packed.head, &packed.parts, place()).unwrap()
}

fn problem(result: Result<impl std::fmt::Debug, Problem>) -> String {
    match result.unwrap_err() {
        Problem::Damaged(what) => what,
        other => panic!("{other:?}"),
    }
}

#[test]
fn any_repository_comes_back_as_it_was() {
    for seed in 0..200 {
        let repository = Dice(seed).repository(&registry(), "apps/web");
        assert_eq!(round(&repository), repository, "seed {seed}");
    }
}

#[test]
fn a_large_repository_is_packed_in_parts_and_comes_back_in_order() {
    let repository = usual(&registry(), "apps/web", 8_000);
    let packed = Packed::of(&repository).unwrap();
    assert!((3..20).contains(&packed.parts.len()), "{}", packed.parts.len());
    assert!(round(&repository) == repository);
    assert_eq!(Packed::of(&repository).unwrap(), packed, "the same is packed the same");
}

#[test]
fn items_are_split_by_weight_and_none_is_lost() {
    let sizes = |items: &[u64]| {
        split(items, |item| *item)
            .iter()
            .map(|some| some.len())
            .collect::<Vec<_>>()
    };
    for (items, expected) in [
        (vec![], vec![]),
        (vec![0], vec![1]),
        (vec![PART], vec![1]),
        (vec![PART - 1, 1, 5], vec![2, 1]),
        (vec![u64::MAX, u64::MAX, 1], vec![1, 1, 1]),
    ] {
        assert_eq!(sizes(&items), expected, "{items:?}");
    }
}

fn part(change: impl FnOnce(&mut Part<Digest, String>)) -> Vec<u8> {
    let mut part = Part {
        digests: vec![Digest::of(b"x")],
        texts: vec!["x".repeat(1_000)],
        blobs: vec![(0, 1)],
        manifests: vec![
            Packer::pack(&Dice(1).repository(&registry(), "a").manifests[..1], &[])
                .manifests
                .remove(0),
        ],
        tags: Vec::new(),
    };
    let manifest = &mut part.manifests[0];
    (manifest.digest, manifest.media_type) = (0, 0);
    (
        manifest.artifact_type,
        manifest.config_media_type,
        manifest.config_digest,
    ) = (None, None, None);
    (manifest.subject, manifest.platform) = (None, None);
    (manifest.blobs, manifest.children, manifest.labels, manifest.annotations) = (vec![0], vec![], vec![], vec![]);
    change(&mut part);
    compressed(&part).unwrap()
}

#[test]
fn a_reference_to_nothing_is_damage() {
    assert!(unpack_part(&part(|_| {}), MOST).is_ok());
    for (what, bytes) in [
        ("digest 1", part(|part| part.manifests[0].digest = 1)),
        ("digest 2", part(|part| part.manifests[0].subject = Some(2))),
        (
            "digest 4294967295",
            part(|part| part.manifests[0].children = vec![u32::MAX]),
        ),
        ("digest 7", part(|part| part.blobs.push((7, 1)))),
        ("blob 1", part(|part| part.manifests[0].blobs = vec![0, 1])),
        ("text 1", part(|part| part.manifests[0].media_type = 1)),
        ("text 3", part(|part| part.manifests[0].labels = vec![(0, 3)])),
    ] {
        let said = problem(unpack_part(&bytes, MOST));
        assert_eq!(said, format!("a recorded scan has no {what}"));
    }
}

#[test]
fn damaged_bytes_never_pass_and_never_grow_without_bound() {
    let whole = part(|_| {});
    for end in 0..whole.len() {
        problem(unpack_part(&whole[..end], MOST));
    }
    for position in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[position] ^= 0x55;
        problem(unpack_part(&bytes, MOST));
    }
    let long = compressed(&"x".repeat(100_000)).unwrap();
    assert!(long.len() < 2_000);
    assert!(problem(inflated::<String>(&long, 50_000)).contains("larger than any"));
    // The same text over and over again.
    let many = part(|part| part.manifests = (0..100).map(|_| unpacked_alike(part)).collect());
    assert!(problem(unpack_part(&many, 50_000)).contains("larger than any"));
    assert!(unpack_part(&many, 500_000).is_ok());
}

fn unpacked_alike(part: &Part<Digest, String>) -> PackedManifest {
    serde_json::from_value(serde_json::to_value(&part.manifests[0]).unwrap()).unwrap()
}

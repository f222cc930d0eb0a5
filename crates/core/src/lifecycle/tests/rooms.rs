//! Generated repositories with something of everything: images with several tags, indexes, what is attached by tags and by
//! subjects, orphans, archived and retagged images, ties, and moments that nobody knows or believes.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use jiff::{SignedDuration, Timestamp};
use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

use crate::model::{Capabilities, Digest, Inventory, Kind, Manifest, Repository, Schema, TagEntry};

pub(super) const NOW: Timestamp = Timestamp::constant(1_800_000_000, 0);

/// How many manifests there can be; one more digest belongs to nothing.
const MANIFESTS: usize = 9;

const TAGS: [&str; 10] = [
    "prod-1",
    "prod-2",
    "prod-3",
    "beta-1",
    "beta-2",
    "alpha-1",
    "s1",
    "x",
    "latest",
    "sha256-abc",
];

fn digest(number: usize) -> Digest {
    static DIGESTS: LazyLock<Vec<Digest>> = LazyLock::new(|| {
        let text = |number| format!("manifest {number}");
        (0..=MANIFESTS)
            .map(text)
            .map(|text| Digest::of(text.as_bytes()))
            .collect()
    });
    DIGESTS[number].clone()
}

/// Few moments, so that many fall together; some that nobody believes.
fn moment() -> impl Strategy<Value = Timestamp> {
    prop_oneof![
        20 => (0..16_i64).prop_map(|days| NOW - SignedDuration::from_hours(24 * days)),
        8 => (0..300_i64).prop_map(|days| NOW - SignedDuration::from_hours(24 * days)),
        1 => Just(Timestamp::UNIX_EPOCH),
        1 => Just(NOW + SignedDuration::from_hours(100)),
    ]
}

fn manifest(number: usize) -> impl Strategy<Value = Manifest> {
    let kinds = prop_oneof![
        4 => Just(Kind::Image),
        1 => Just(Kind::BuildCache),
        1 => Just(Kind::Artifact),
        1 => Just(Kind::Chart),
    ];
    let relations = (
        prop_oneof![3 => Just(vec![]), 1 => vec(0..MANIFESTS, 1..3)],
        option::weighted(0.2, 0..=MANIFESTS),
    );
    let moments = (
        option::weighted(0.9, moment()),
        option::weighted(0.1, moment()),
        option::weighted(0.4, moment()),
        option::weighted(0.2, moment()),
        option::weighted(0.2, moment()),
        option::weighted(0.8, moment()),
    );
    (kinds, relations, moments).prop_map(
        move |(kind, (children, subject), (pushed, created, pulled, archived, untagged, seen))| Manifest {
            digest: digest(number),
            kind,
            media_type: String::new(),
            artifact_type: None,
            config_media_type: None,
            config_digest: None,
            size: 1,
            blobs: Vec::new(),
            children: children
                .into_iter()
                .filter(|child| *child > number)
                .map(digest)
                .collect(),
            subject: subject.filter(|subject| *subject != number).map(digest),
            platform: None,
            created_at: created,
            pushed_at: pushed,
            untagged_at: untagged,
            last_pulled_at: pulled,
            first_seen_at: seen,
            archived_at: archived,
            restored_at: None,
            labels: [("team".to_owned(), "ant".to_owned())].into(),
            annotations: std::collections::BTreeMap::new(),
        },
    )
}

fn tags() -> impl Strategy<Value = Vec<TagEntry>> {
    // Few images have most of the tags.
    let images = || prop_oneof![2 => 0..3_usize, 1 => 0..MANIFESTS];
    let set = || (images(), option::weighted(0.5, moment()));
    let ordinary = btree_map(select(TAGS.to_vec()), set(), 2..10);
    let attaching = (0..=MANIFESTS, select(vec!["", ".sig", ".att"]))
        .prop_map(|(subject, suffix)| format!("sha256-{}{suffix}", digest(subject).hex()));
    let attaching = btree_map(attaching, set(), 0..4);
    (ordinary, attaching).prop_map(|(ordinary, attaching)| {
        let ordinary = ordinary.into_iter().map(|(name, set)| (name.to_owned(), set));
        let entry = |(name, (number, updated_at)): (String, (usize, Option<Timestamp>))| TagEntry {
            name: name.parse().unwrap(),
            digest: digest(number),
            updated_at,
            immutable: false,
        };
        ordinary.chain(attaching).map(entry).collect()
    })
}

/// Inventories of one repository.
pub(super) fn inventories() -> impl Strategy<Value = Inventory> {
    let manifests: Vec<_> = (0..MANIFESTS)
        .map(|number| option::weighted(0.85, manifest(number)))
        .collect();
    let pulls = (option::weighted(0.9, any::<bool>()), option::weighted(0.9, moment()));
    (manifests, tags(), pulls).prop_map(|(manifests, tags, (pull_time, pull_data_since))| {
        let manifests: Vec<Manifest> = manifests.into_iter().flatten().collect();
        let present: BTreeSet<&Digest> = manifests.iter().map(|manifest| &manifest.digest).collect();
        let tags = tags.into_iter().filter(|tag| present.contains(&tag.digest)).collect();
        Inventory {
            schema: Schema,
            taken_at: NOW,
            complete_registries: BTreeSet::new(),
            repositories: vec![Repository {
                registry: "r.example".parse().unwrap(),
                name: "app".parse().unwrap(),
                capabilities: Capabilities {
                    pull_time,
                    ..Capabilities::default()
                },
                pull_data_since,
                scanned_since: None,
                missing: BTreeSet::new(),
                dangling: BTreeSet::new(),
                gaps: Vec::new(),
                tags,
                manifests,
            }],
            gaps: Vec::new(),
        }
    })
}

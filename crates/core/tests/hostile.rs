//! Registries that are deep, wide or knotted beyond reason: each plan is made at a size where work that grows with the
//! square of it would not come to an end in the time of a test. No clock is looked at.

#![expect(clippy::unwrap_used, reason = "helpers of tests: a failure is a failed test")]

use std::collections::{BTreeMap, BTreeSet};

use jettison_core::config::Config;
use jettison_core::facts::{Facts, Origin};
use jettison_core::model::{Capabilities, Digest, Inventory, Kind, Manifest, Repository, Schema, TagEntry};
use jettison_core::plan::{Plan, plan};
use jettison_core::reason::Reason;
use jiff::{SignedDuration, Timestamp};

/// How many of everything.
const MANY: usize = 10_000;

const GOES: &str = "policies: [ { name: p, rules: [ { name: kept, match: { tags: [\"keep-*\"] }, keep: always }, { name: gone, \
    match: { kinds: [image, artifact, orphan] }, group-by: branch, expire: { older-than: 7d, beyond-newest: 0 } } ] } ]\n\
    limits: { keep-at-least: 0, max-share: 100% }\n";

fn now() -> Timestamp {
    "2026-03-10T12:00:00Z".parse().unwrap()
}

fn digest(number: usize) -> Digest {
    Digest::of(&number.to_be_bytes())
}

/// A manifest pushed so many minutes more than a month ago.
fn manifest(number: usize, minutes: usize) -> Manifest {
    let pushed =
        now() - SignedDuration::from_hours(31 * 24) - SignedDuration::from_mins(i64::try_from(minutes).unwrap());
    Manifest {
        digest: digest(number),
        kind: Kind::Image,
        media_type: String::new(),
        artifact_type: None,
        config_media_type: None,
        config_digest: None,
        size: 1,
        blobs: Vec::new(),
        children: Vec::new(),
        subject: None,
        platform: None,
        created_at: None,
        pushed_at: Some(pushed),
        untagged_at: None,
        last_pulled_at: None,
        first_seen_at: None,
        archived_at: None,
        restored_at: None,
        labels: BTreeMap::new(),
        annotations: BTreeMap::new(),
    }
}

fn manifests() -> Vec<Manifest> {
    (0..MANY).map(|number| manifest(number, number)).collect()
}

fn tag(name: String, number: usize) -> TagEntry {
    TagEntry {
        name: name.parse().unwrap(),
        digest: digest(number),
        updated_at: None,
        immutable: false,
    }
}

fn tags(numbers: impl Iterator<Item = usize>) -> Vec<TagEntry> {
    numbers.map(|number| tag(format!("t{number}"), number)).collect()
}

fn planned(manifests: Vec<Manifest>, tags: Vec<TagEntry>, policy: &str) -> Plan {
    let (config, _) = Config::parse("jettison.yaml", policy).unwrap();
    let registry: jettison_core::model::RegistryHost = "r.example".parse().unwrap();
    let inventory = Inventory {
        schema: Schema,
        taken_at: now(),
        complete_registries: BTreeSet::from([registry.clone()]),
        repositories: vec![Repository {
            registry,
            name: "app".parse().unwrap(),
            capabilities: Capabilities::default(),
            pull_data_since: None,
            scanned_since: None,
            missing: BTreeSet::new(),
            dangling: BTreeSet::new(),
            gaps: Vec::new(),
            tags,
            manifests,
        }],
        gaps: Vec::new(),
    };
    let plan = plan(&Facts {
        inventory: &inventory,
        usage: None,
        config: &config,
        now: now(),
        origin: Origin::SavedFacts,
    });
    assert_eq!(plan.violations, []);
    plan
}

fn all_go(manifests: Vec<Manifest>, tags: Vec<TagEntry>) {
    assert_eq!(planned(manifests, tags, GOES).actions.len(), MANY);
}

#[test]
fn an_index_of_very_many_children_goes_with_them() {
    let mut all = manifests();
    all[0].children = (1..MANY).map(digest).collect();
    all_go(all, tags(0..1));
}

#[test]
fn very_many_indexes_of_one_child_go_before_it() {
    let mut all = manifests();
    all[1..].iter_mut().for_each(|index| index.children = vec![digest(0)]);
    all_go(all, tags(0..MANY));
}

#[test]
fn very_many_referrers_of_one_subject_go_behind_it() {
    let mut all = manifests();
    all[1..]
        .iter_mut()
        .for_each(|referrer| referrer.subject = Some(digest(0)));
    all_go(all, tags(0..1));
}

#[test]
fn very_many_tags_that_attach_one_manifest() {
    let attaching = (1..MANY).map(|number| tag(format!("sha256-{}.sig", digest(number).hex()), 0));
    let all = attaching.chain(tags(1..MANY)).collect();
    all_go(manifests(), all);
}

#[test]
fn very_many_tags_on_one_image_name_a_hundred_others_at_most() {
    let name = |number: usize| {
        if number.is_multiple_of(2) {
            format!("keep-{number}")
        } else {
            format!("main-{number}")
        }
    };
    let all = (0..MANY).map(|number| tag(name(number), 0)).collect();
    let plan = planned(vec![manifest(0, 0)], all, GOES);
    assert_eq!((plan.actions.len(), plan.kept.len()), (0, MANY));
    let named = plan.kept.iter().filter_map(|kept| match &kept.reason {
        Reason::SharesImage { with, .. } => Some(with.len()),
        _ => None,
    });
    assert_eq!(named.max(), Some(100));
}

/// The innermost is the oldest, and yet has to go last.
#[test]
fn very_deep_indexes_go_from_the_outside_in() {
    let mut all = manifests();
    (0..MANY - 1).for_each(|number| all[number].children = vec![digest(number + 1)]);
    all_go(all.clone(), tags(0..MANY));
    all_go(all, tags(0..1));
}

/// Nobody knows when any was built but for the innermost.
#[test]
fn very_deep_indexes_are_as_old_as_the_innermost() {
    let mut all = manifests();
    for (number, manifest) in all.iter_mut().enumerate() {
        manifest.first_seen_at = manifest.pushed_at.take();
        manifest.children = (number + 1..(number + 2).min(MANY)).map(digest).collect();
    }
    all[MANY - 1].created_at = all[0].first_seen_at;
    let trusting = format!("registries: [ {{ host: r.example, trust-created: true, expects: none }} ]\n{GOES}");
    assert_eq!(planned(all.clone(), tags(0..MANY), &trusting).actions.len(), MANY);
}

#[test]
fn a_very_long_chain_of_subjects_goes_link_by_link() {
    let mut all = manifests();
    (1..MANY).for_each(|number| all[number].subject = Some(digest(number - 1)));
    all_go(all.clone(), tags(0..MANY));
    all_go(all, tags(0..1));
}

#[test]
fn very_many_pairs_that_are_attached_to_each_other_go() {
    let mut all = manifests();
    (0..MANY).for_each(|number| all[number].subject = Some(digest(number ^ 1)));
    all_go(all, tags(0..MANY));
}

#[test]
fn very_many_circles_below_one_index_go_with_it() {
    let mut all = manifests();
    all[0].children = (2..MANY).map(digest).collect();
    (2..MANY).for_each(|number| all[number].subject = Some(digest(number ^ 1)));
    all_go(all, tags(0..2));
}

/// Each holds all that is above it, and says so once.
#[test]
fn a_hold_at_the_bottom_of_very_deep_indexes_reaches_the_top() {
    let mut all = manifests();
    (0..MANY - 1).for_each(|number| all[number].children = vec![digest(number + 1)]);
    all[MANY - 1]
        .annotations
        .insert("io.jettison.keep".to_owned(), "true".to_owned());
    assert_eq!(planned(all, tags(0..MANY), GOES).kept.len(), MANY);
}

#[test]
fn very_many_digests_that_nobody_read_are_gaps_and_nothing_goes() {
    let plan = planned(Vec::new(), tags(0..MANY), GOES);
    assert_eq!((plan.actions.len(), plan.gaps.len()), (0, MANY));
}

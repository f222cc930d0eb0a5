//! What a preview says, case by case, and what has to add up in every one.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use proptest::prelude::*;

use super::super::tests::ground::{rules, with_outlook, world};
use super::super::tests::naive::policy;
use super::super::{LifecycleAction, LifecyclePolicy, LifecycleVerdict, Nature};
use super::*;
use crate::worlds::{World, ago};

fn preview(world: &World, policy: &LifecyclePolicy) -> LifecyclePreview {
    with_outlook(world, policy, |facts, outlooks| outlooks[0].preview(facts))
}

/// What becomes of the image of that number.
fn of(world: &World, preview: &LifecyclePreview, number: usize) -> Option<MarkedImage> {
    let digest = &world.digests[number];
    preview.marked.iter().find(|image| image.digest == *digest).cloned()
}

/// `child of 0, which stays`.
fn told(world: &World, image: &MarkedImage) -> String {
    let nature = image.nature.as_str();
    let Some(owner) = &image.belongs_to else {
        return nature.to_owned();
    };
    let owned_by = world.digests.iter().position(|digest| *digest == owner.digest).unwrap();
    format!(
        "{nature} of {owned_by}, which {}",
        if owner.stays { "stays" } else { "goes" }
    )
}

#[test]
fn every_image_on_the_list_is_told_for_what_it_is() {
    let mut world = world(
        "tags: [keep-index], pushed: 1d ago
         tags: [old-index], pushed: 40d ago
         untagged: 40d ago, pushed: 40d ago
         untagged: 40d ago, pushed: 40d ago
         tags: [old-plain], pushed: 40d ago
         untagged: 40d ago, pushed: 40d ago, kind: artifact
         untagged: 40d ago, pushed: 40d ago, kind: artifact
         tags: [cache], pushed: 40d ago, kind: build-cache
         kind: orphan, pushed: 40d ago
         untagged: 40d ago, pushed: 40d ago
         tags: [chart], pushed: 40d ago, kind: chart
         tags: [amd64], pushed: 40d ago",
    );
    world.list(0, &[2, 11]);
    world.list(1, &[2, 3]);
    world.attach(5, 0);
    world.attach(6, 4);
    let preview = preview(&world, &rules(&[("any", "pushed", 30)]));
    let expected = [
        None,
        Some("index"),
        Some("child of 0, which stays"),
        Some("child of 1, which goes"),
        Some("image"),
        Some("attached of 0, which stays"),
        Some("attached of 4, which goes"),
        Some("build-cache"),
        Some("orphan"),
        Some("untagged"),
        Some("artifact"),
        Some("child of 0, which stays"),
    ];
    for (number, expected) in expected.into_iter().enumerate() {
        let found = of(&world, &preview, number).map(|image| told(&world, &image));
        assert_eq!(found.as_deref(), expected, "{number}");
    }
    assert_eq!((preview.images, preview.expire, preview.torn_off()), (12, 11, 3));
    let torn: Vec<bool> = preview.marked.iter().map(MarkedImage::is_torn_off).collect();
    assert!(
        torn.is_sorted_by(|a, b| a >= b),
        "what is torn off comes first: {torn:?}"
    );
}

/// The holds of an image that goes, and how much is known of use.
type Held = (&'static str, fn(&mut World), Option<Hold>, &'static str);

#[test]
fn what_is_held_is_told_with_its_users_and_what_is_not_known_is_no_hold() {
    let complete = |world: &mut World| world.refer("r.example/app:other", None);
    let table: [Held; 7] = [
        ("nobody uses it", complete, None, "complete"),
        (
            "in use",
            |w| w.refer("r.example/app:old", None),
            Some(Hold::InUse),
            "complete",
        ),
        (
            "used lately",
            |w| w.refer("r.example/app:old", ago(48)),
            Some(Hold::RecentlyUsed),
            "complete",
        ),
        (
            "protected",
            |w| {
                w.refer("r.example/app:other", None);
                w.config = "protect: [\"**:old\"]\n".to_owned();
            },
            Some(Hold::Protected),
            "complete",
        ),
        (
            "immutable",
            |w| {
                w.refer("r.example/app:other", None);
                w.config = "immutable: [ { repositories: [\"**\"], tags: [\"o*\"] } ]\n".to_owned();
            },
            Some(Hold::Immutable),
            "complete",
        ),
        (
            "a source did not tell everything",
            |w| {
                w.refer("r.example/app:other", None);
                w.source().status = crate::model::SourceStatus::Partial;
            },
            None,
            "partial",
        ),
        ("nobody was asked", |w| w.usage = None, None, "unasked"),
    ];
    for (what, change, hold, known) in table {
        let mut world = world("tags: [old], pushed: 40d ago\ntags: [other], pushed: 41d ago");
        change(&mut world);
        let preview = preview(&world, &rules(&[("old", "pushed", 30)]));
        let image = of(&world, &preview, 0).unwrap();
        assert_eq!(image.known_hold(), hold, "{what}");
        assert_eq!(preview.held(), u64::from(hold.is_some()), "{what}");
        assert_eq!(preview.in_use(), u64::from(hold == Some(Hold::InUse)), "{what}");
        let is_used = matches!(hold, Some(Hold::InUse | Hold::RecentlyUsed));
        assert_eq!(image.used_by(), if is_used { &["Pod"][..] } else { &[] }, "{what}");
        let status = serde_json::to_value(&preview.usage).unwrap()["status"].clone();
        assert_eq!(status, known, "{what}");
    }
}

#[test]
fn what_somebody_uses_comes_first_whatever_its_digest() {
    let images: String = (0..20)
        .map(|number| format!("tags: [old-{number}], pushed: 40d ago\n"))
        .collect();
    for used in [0, 7, 19] {
        let mut world = world(&images);
        world.refer(&format!("r.example/app:old-{used}"), None);
        let preview = preview(&world, &rules(&[("any", "pushed", 30)]));
        assert_eq!(preview.marked[0].tags, [format!("old-{used}")]);
        assert_eq!(preview.marked.len(), 20);
    }
}

#[test]
fn it_says_who_takes_the_places_of_a_rule_that_counts() {
    let mut world = world(
        "tags: [v6], pushed: 1d ago
         untagged: 1d ago, pushed: 2d ago
         untagged: 1d ago, pushed: 3d ago
         tags: [v5], pushed: 4d ago
         untagged: 1d ago, pushed: 5d ago
         tags: [cache], pushed: 6d ago, kind: build-cache
         untagged: 1d ago, pushed: 7d ago, kind: artifact
         tags: [v4], pushed: 8d ago
         tags: [v3], pushed: 9d ago",
    );
    world.list(0, &[1, 2]);
    world.list(3, &[4]);
    world.attach(6, 3);
    let preview = preview(&world, &rules(&[("v4", "count", 9999), ("any", "count", 8)]));
    let places = preview.rules[1].outlook.places.clone().unwrap();
    let by = [
        (Nature::Attached, 1),
        (Nature::Child, 3),
        (Nature::BuildCache, 1),
        (Nature::Index, 2),
        (Nature::Image, 1),
    ];
    assert_eq!(places.by, BTreeMap::from(by));
    assert_eq!((places.keeps, places.taken, places.indexes_of_children), (8, 8, 2));
    assert_eq!((places.images(), places.company(), places.seen_before), (3, 5, 1));
    let first = &preview.rules[0].outlook;
    assert_eq!(
        (first.identifies, first.marks, first.protects, first.seen_before),
        (1, 0, 1, 0)
    );
    let second = &preview.rules[1].outlook;
    assert_eq!(
        (second.identifies, second.marks, second.protects, second.seen_before),
        (9, 1, 7, 1)
    );
    assert_eq!(of(&world, &preview, 8).and_then(|image| image.younger), Some(8));
}

#[test]
fn branches_that_are_cut_are_told_those_without_a_way_back_first() {
    let mut images: String = (1..=5)
        .map(|day| format!("tags: [main-{day}a2b3c4], pushed: {day}d ago\n"))
        .collect();
    images += "tags: [main, main-6a2b3c4], pushed: 6d ago
        tags: [pr-7-1a2b3c4], pushed: 40d ago
        tags: [login-1a2b3c4], pushed: 2d ago
        tags: [login-2a2b3c4], pushed: 40d ago
        tags: [stays-1a2b3c4], pushed: 1d ago
        tags: [cache-1a2b3c4], pushed: 40d ago, kind: build-cache";
    let mut world = world(&images);
    let preview = preview(&world, &rules(&[("any", "pushed", 3)]));
    let cut: Vec<(&str, u64, u64)> = preview
        .cut
        .iter()
        .map(|branch| (branch.branch.as_str(), branch.now, branch.left))
        .collect();
    assert_eq!(cut, [("login", 2, 1), ("pr-7", 1, 0), ("main", 6, 3)]);
    assert_eq!(preview.branches, 4);
    // Nobody can go back to what is archived.
    world.image(4).archived_at = ago(24);
    let preview = self::preview(&world, &rules(&[("any", "pushed", 3)]));
    let main = preview.cut.iter().find(|branch| branch.branch == "main").unwrap();
    assert_eq!((main.now, main.left), (5, 3));
}

#[test]
fn what_aws_says_otherwise_is_told_with_the_likely_cause() {
    let mut world = world(
        "tags: [same], pushed: 40d ago
         tags: [twin], pushed: 40d ago
         tags: [close], pushed: 30d ago
         untagged: 40d ago, pushed: 40d ago
         tags: [index], pushed: 1d ago
         tags: [odd], pushed: 40d ago
         tags: [pulled], pushed: 200d ago
         tags: [young], pushed: 1h ago",
    );
    world.list(4, &[3]);
    let expire = |rule_priority| LifecycleVerdict {
        action: LifecycleAction::Expire,
        rule_priority,
    };
    let policy = rules(&[
        ("same", "count", 1),
        ("close", "pushed", 30),
        ("untagged", "pushed", 30),
        ("odd", "pushed", 30),
        ("pulled", "pulled", 90),
    ]);
    let unseen = crate::model::Digest::of(b"unseen");
    let digest = |number: usize| world.digests[number].clone();
    let aws = BTreeMap::from([
        (digest(2), expire(2)),
        (digest(5), expire(3)),
        (digest(7), expire(9)),
        (unseen.clone(), expire(1)),
    ]);
    let taken_at = ago(2).unwrap();
    let differences = with_outlook(&world, &policy, |_, outlooks| outlooks[0].differences(&aws, taken_at));
    let cause = |digest: &crate::model::Digest| {
        let found = differences.iter().find(|difference| difference.digest == *digest);
        found.map(|difference| {
            difference
                .likely_cause
                .map(|cause| cause.split(' ').take(3).collect::<Vec<_>>().join(" "))
        })
    };
    let said = |text: &str| Some(Some(text.to_owned()));
    assert_eq!(cause(&digest(0)), None, "both leave it");
    assert_eq!(cause(&digest(2)), said("its age passed"));
    assert_eq!(cause(&digest(3)), said("AWS leaves what"));
    assert_eq!(cause(&digest(5)), Some(None), "another rule, and nobody knows why");
    assert_eq!(cause(&digest(6)), said("jettison takes its"));
    assert_eq!(cause(&digest(7)), said("it was pushed"));
    assert_eq!(cause(&unseen), said("the scan did"));
    assert_eq!(differences.len(), 6);
}

#[test]
fn of_images_of_one_moment_nobody_knows_which_aws_takes_for_the_younger() {
    let images = "tags: [v1], pushed: 40d ago\ntags: [v2], pushed: 40d ago\ntags: [v3], pushed: 50d ago";
    let world = world(images);
    let policy = rules(&[("v*", "count", 1)]);
    let causes = |none: usize| {
        let mut aws: BTreeMap<_, _> = preview(&world, &policy)
            .marked
            .iter()
            .map(|image| {
                let verdict = LifecycleVerdict {
                    action: image.action,
                    rule_priority: image.rule_priority,
                };
                (image.digest.clone(), verdict)
            })
            .collect();
        assert_eq!(aws.len(), 2);
        let gone = aws.remove(&world.digests[none]).is_some();
        let differences = with_outlook(&world, &policy, |facts, outlooks| {
            outlooks[0].differences(&aws, facts.now)
        });
        (
            gone,
            differences
                .iter()
                .map(|one| one.likely_cause.is_some())
                .collect::<Vec<_>>(),
        )
    };
    let twin = (0..2).find(|twin| causes(*twin).0).unwrap();
    assert_eq!(causes(twin).1, [true]);
    assert_eq!(causes(2).1, [false], "nobody came in the same moment");
}

/// An image of a generated repository: its tags, age, kind, and what it lists or is attached to.
type Made = (std::collections::BTreeSet<String>, u16, u8, Option<u8>, Option<u8>);

fn made(images: &[Made]) -> World {
    let lines: String = images
        .iter()
        .map(|(tags, days, kind, ..)| {
            let kind = ["image", "image", "build-cache", "artifact"][usize::from(kind % 4)];
            match tags.is_empty() {
                true => format!("untagged: {days}d ago, pushed: {days}d ago, kind: {kind}\n"),
                false => {
                    let tags: Vec<&str> = tags.iter().map(String::as_str).collect();
                    format!("tags: [{}], pushed: {days}d ago, kind: {kind}\n", tags.join(", "))
                }
            }
        })
        .collect();
    let mut world = world(&lines);
    let number = |other: &u8| usize::from(*other) % images.len();
    for (at, (.., listed, subject)) in images.iter().enumerate() {
        if let Some(child) = listed {
            world.list(at, &[number(child)]);
        }
        if let Some(subject) = subject {
            world.attach(at, number(subject));
        }
    }
    world
}

fn image() -> impl Strategy<Value = Made> {
    let tags = prop::collection::btree_set("(a|b|ab|prod)-?[12]?", 0..2);
    let other = || prop::option::weighted(0.3, any::<u8>());
    (tags, 1..300_u16, any::<u8>(), other(), other())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_preview_adds_up_and_marks_what_the_policy_marks(
        policy in policy(),
        images in prop::collection::vec(image(), 1..12),
    ) {
        // Of two images with one tag, the later one has it.
        let mut taken = std::collections::BTreeSet::new();
        let images: Vec<Made> = images
            .into_iter()
            .map(|(tags, days, kind, listed, subject)| {
                let tags = tags.into_iter().filter(|tag| taken.insert(tag.clone())).collect();
                (tags, days, kind, listed, subject)
            })
            .collect();
        let world = made(&images);
        let (preview, verdicts, identified) = with_outlook(&world, &policy, |facts, outlooks| {
            let outlook = &outlooks[0];
            let verdicts = policy.evaluate(&outlook.images.images, facts.now);
            let graph = &outlook.evaluated.graph;
            let digests = outlook.images.nodes.iter().map(|node| graph.digest(*node).clone());
            let verdicts: BTreeMap<_, _> = digests
                .zip(verdicts)
                .filter_map(|(digest, verdict)| Some((digest, verdict?)))
                .collect();
            assert!(outlook.differences(&verdicts, facts.now).is_empty());
            let by_rule = policy.rules().iter().map(|rule| {
                outlook.images.images.iter().filter(|image| rule.identifies(image)).count() as u64
            });
            (outlook.preview(facts), verdicts, by_rule.collect::<Vec<u64>>())
        });
        let marked: BTreeMap<_, _> = preview
            .marked
            .iter()
            .map(|image| (image.digest.clone(), LifecycleVerdict { action: image.action, rule_priority: image.rule_priority }))
            .collect();
        prop_assert_eq!(&marked, &verdicts);
        prop_assert_eq!(preview.marked.len(), verdicts.len());
        prop_assert_eq!(preview.expire + preview.transition, verdicts.len() as u64);
        let natures = preview.natures.values();
        let (all, gone) = natures.fold((0, 0), |sum, count| (sum.0 + count.images, sum.1 + count.marked));
        prop_assert_eq!((all, gone), (preview.images, verdicts.len() as u64));
        for image in &preview.marked {
            let belongs = matches!(image.nature, Nature::Child | Nature::Attached);
            prop_assert_eq!(image.belongs_to.is_some(), belongs);
            let owner = image.belongs_to.as_ref();
            prop_assert!(owner.is_none_or(|owner| owner.stays != verdicts.contains_key(&owner.digest)));
        }
        for (rule, identified) in preview.rules.iter().zip(identified) {
            let it = &rule.outlook;
            prop_assert_eq!(it.identifies, identified);
            prop_assert_eq!(it.identifies, it.marks + it.protects + it.seen_before);
            let by_rule = verdicts.values().filter(|verdict| verdict.rule_priority == rule.rule_priority);
            prop_assert_eq!(it.marks, by_rule.count() as u64);
            if let Some(places) = &it.places {
                prop_assert_eq!(places.by.values().sum::<u64>(), places.taken);
                prop_assert_eq!(places.taken, places.keeps.min(it.identifies));
            }
        }
        prop_assert!(preview.cut.iter().all(|branch| branch.left < branch.now));
    }
}

/// A tenth of what ECR allows in a repository, under as many rules as it allows.
#[test]
fn a_large_repository_under_fifty_rules_is_no_trouble() {
    let mut world = world("tags: [v0], pushed: 40d ago");
    let (tag, manifest) = (world.repository().tags[0].clone(), world.image(0).clone());
    for number in 1..10_000_u32 {
        let digest = crate::model::Digest::of(&number.to_be_bytes());
        let pushed_at = manifest
            .pushed_at
            .map(|at| at - SignedDuration::from_secs(i64::from(number)));
        world.repository().tags.push(crate::model::TagEntry {
            name: format!("b{}-{number:06x}a", number % 60).parse().unwrap(),
            digest: digest.clone(),
            ..tag.clone()
        });
        world.repository().manifests.push(crate::model::Manifest {
            digest,
            pushed_at,
            ..manifest.clone()
        });
    }
    let given: Vec<(String, u64)> = (0..50).map(|branch| (format!("b{branch}-*"), 10)).collect();
    let given: Vec<(&str, &str, u64)> = given
        .iter()
        .map(|(tags, keeps)| (tags.as_str(), "count", *keeps))
        .collect();
    let preview = preview(&world, &rules(&given));
    assert_eq!(preview.images, 10_000);
    assert_eq!(preview.cut.len(), 50);
    assert!(preview.cut.iter().all(|branch| branch.left == 10));
}

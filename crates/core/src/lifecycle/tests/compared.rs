//! What two policies say of one image, put side by side.

use serde_json::json;

use super::super::*;
use super::{policy, rule};
use crate::config::Config;
use crate::worlds::World;

/// `jettison | aws` of each image that is judged differently, as `action by rule`.
fn told(rules: &[&str], aws: &LifecyclePolicy, images: &str) -> Vec<String> {
    let mut world = World::new(rules, images);
    world.repository().pull_data_since = crate::worlds::ago(24 * 900);
    let config = Config::parse("jettison.yaml", &world.config).unwrap().0;
    let comparison = world.with_facts(|facts| {
        Comparison::of(
            &world.inventory,
            facts.now,
            (&config.policies.as_ref().unwrap()[0], aws),
            |_| true,
        )
    });
    let words = |said: &Said| {
        let action = said
            .action
            .map_or("none".to_owned(), |action| format!("{action:?}").to_lowercase());
        format!("{action} by {}", said.rule.as_deref().unwrap_or("-"))
    };
    let differences = comparison.differences.iter();
    differences
        .map(|difference| format!("{} | {}", words(&difference.jettison), words(&difference.aws)))
        .collect()
}

#[test]
fn an_image_is_judged_by_all_of_its_entries_on_one_side_and_as_a_whole_on_the_other() {
    let (a, b) = (
        "name: a, match: { tags: [\"a*\"] }, expire: { older-than: 30d }",
        "name: b, match: {}, keep: always",
    );
    let archives = "name: b, match: {}, expire: { older-than: 30d }, action: archive";
    let aged = |kind: &str, days: u64, action: &str| {
        let class = if kind == "sinceImageTransitioned" {
            "archive"
        } else {
            "standard"
        };
        policy(&json!([rule(
            1,
            json!({"tagStatus": "any", "storageClass": class, "countType": kind, "countNumber": days}),
            action
        )]))
    };
    let pushed = aged("sinceImagePushed", 30, "expire");
    let moved = aged("sinceImagePushed", 30, "transition");
    let pulled = aged("sinceImagePulled", 30, "transition");
    let archived = aged("sinceImageTransitioned", 90, "expire");
    let table: [(&[&str], &LifecyclePolicy, &str, &[&str]); 9] = [
        (&[a, b], &pushed, "tags: [a1], pushed: 40d ago", &[]),
        (
            &[a, b],
            &pushed,
            "tags: [a1, x], pushed: 40d ago",
            &["none by b | expire by priority 1"],
        ),
        (
            &[a, b],
            &moved,
            "tags: [a1], pushed: 40d ago",
            &["expire by a | transition by priority 1"],
        ),
        (&[a, archives], &moved, "tags: [a1, x], pushed: 40d ago", &[]),
        // What is archived stays there, and has no push for AWS.
        (
            &[archives],
            &moved,
            "tags: [x], pushed: 40d ago, archived: 35d ago",
            &[],
        ),
        (
            &[archives],
            &archived,
            "tags: [x], pushed: 400d ago, archived: 95d ago",
            &["none by b | expire by priority 1"],
        ),
        // What nobody knows marks nothing.
        (
            &[b],
            &pulled,
            "tags: [x], first-seen: 400d ago, last-pulled: 40d ago",
            &[],
        ),
        (
            &[b],
            &pulled,
            "tags: [x], pushed: 400d ago, last-pulled: 40d ago",
            &["none by b | transition by priority 1"],
        ),
        (
            &[b],
            &archived,
            "tags: [x], pushed: 400d ago, archived: 1970-01-01T00:00:00Z",
            &[],
        ),
    ];
    for (rules, aws, images, expected) in table {
        assert_eq!(told(rules, aws, images), expected, "{rules:?} {images}");
    }
}

#[test]
fn only_what_a_policy_covers_is_judged() {
    let world = World::new(&["name: a, match: {}, keep: always"], "tags: [x], pushed: 40d ago");
    let config = Config::parse("jettison.yaml", &world.config).unwrap().0;
    let rules = json!([rule(
        1,
        json!({"tagStatus": "any", "countType": "sinceImagePushed", "countNumber": 9}),
        "expire"
    )]);
    let aws = policy(&rules);
    let both = (&config.policies.as_ref().unwrap()[0], &aws);
    for (covers, images) in [(true, 1), (false, 0)] {
        let comparison = world.with_facts(|facts| Comparison::of(&world.inventory, facts.now, both, |_| covers));
        assert_eq!(
            (comparison.images, comparison.differences.len() as u64),
            (images, images)
        );
    }
}

//! A policy held against a small world.

use serde_json::{Value, json};

use super::super::{LifecycleOutlook, LifecyclePolicy};
use super::{policy, rule};
use crate::evaluate::evaluate;
use crate::facts::Facts;
use crate::worlds::World;

/// Images in the form of policy tests; nothing but `grace` and what the test says holds any of them.
pub(in crate::lifecycle) fn world(images: &str) -> World {
    let images: Vec<&str> = images.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let mut world = World::new(&[], &images.join("\n"));
    world.config = "usage: []\n".to_owned();
    world
}

/// What a policy would do in the repository of a world.
pub(in crate::lifecycle) fn with_outlook<T>(
    world: &World,
    policy: &LifecyclePolicy,
    ask: impl FnOnce(&Facts<'_>, &[LifecycleOutlook<'_>]) -> T,
) -> T {
    world.with_facts(|facts| {
        let evaluated = evaluate(facts, &world.inventory);
        let outlooks: Vec<LifecycleOutlook<'_>> = evaluated
            .iter()
            .map(|repository| LifecycleOutlook::of(policy, repository, facts.now))
            .collect();
        ask(facts, &outlooks)
    })
}

/// Rules that expire, numbered from 1: `tags`, a count and its number.
///
/// `tags` is `any`, `untagged`, patterns with blanks between them, or prefixes behind `prefix:`.
pub(in crate::lifecycle) fn rules(given: &[(&str, &str, u64)]) -> LifecyclePolicy {
    let written = given.iter().zip(1..).map(|((tags, count, number), priority)| {
        let mut selection = json!({"countNumber": number});
        let list = |texts: &str| -> Value { texts.split_whitespace().collect() };
        match (*tags, tags.strip_prefix("prefix:")) {
            ("any" | "untagged", _) => selection["tagStatus"] = json!(tags),
            (_, Some(prefixes)) => {
                selection["tagStatus"] = json!("tagged");
                selection["tagPrefixList"] = list(prefixes);
            }
            (patterns, None) => {
                selection["tagStatus"] = json!("tagged");
                selection["tagPatternList"] = list(patterns);
            }
        }
        let (count_type, action) = match *count {
            "count" => ("imageCountMoreThan", "expire"),
            "pushed" => ("sinceImagePushed", "expire"),
            "pulled" => ("sinceImagePulled", "transition"),
            other => panic!("{other}"),
        };
        selection["countType"] = json!(count_type);
        rule(priority, selection, action)
    });
    policy(&written.collect())
}

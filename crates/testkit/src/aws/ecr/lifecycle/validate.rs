//! Which lifecycle policies ECR takes ("Lifecycle policy properties", and the lengths of the API reference).

use std::collections::BTreeSet;

use serde_json::Value;

use super::super::super::refusal::Refusal;

/// `LifecyclePolicyText`, in characters.
const SHORTEST: usize = 100;
const LONGEST: usize = 30_720;
/// Service quota: "Rules per lifecycle policy".
const MOST_RULES: usize = 50;
/// Wildcards of one pattern.
const MOST_WILDCARDS: usize = 4;

/// The rules of a policy, by priority.
pub(super) fn rules(text: &str) -> Result<Vec<Value>, Refusal> {
    if !(SHORTEST..=LONGEST).contains(&text.chars().count()) {
        let rule = format!("Member must have length between {SHORTEST} and {LONGEST}");
        return Err(Refusal::parameter("lifecyclePolicyText", &rule));
    }
    let checked = read(text).and_then(|rules| match trouble(&rules) {
        None => Ok(rules),
        Some(why) => Err(why.to_owned()),
    });
    checked.map_err(|why| {
        let rule = format!("Lifecycle policy validation failure: {why}");
        Refusal::parameter("LifecyclePolicyText", &rule)
    })
}

fn read(text: &str) -> Result<Vec<Value>, String> {
    let policy: Value = serde_json::from_str(text).map_err(|_| "Invalid JSON syntax".to_owned())?;
    let Some(rules) = policy["rules"].as_array() else {
        return Err("object has missing required properties ([\"rules\"])".to_owned());
    };
    let mut rules = rules.clone();
    rules.sort_by_key(priority);
    Ok(rules)
}

fn priority(rule: &Value) -> u64 {
    rule["rulePriority"].as_u64().unwrap_or_default()
}

fn trouble(rules: &[Value]) -> Option<&'static str> {
    let priorities: BTreeSet<u64> = rules.iter().map(priority).collect();
    if rules.is_empty() || rules.len() > MOST_RULES {
        return Some("there have to be between 1 and 50 rules");
    }
    if priorities.contains(&0) || priorities.len() < rules.len() {
        return Some("rulePriority must be unique and positive");
    }
    ["standard", "archive"]
        .into_iter()
        .find_map(|class| trouble_of_class(rules, class))
        .or_else(|| rules.iter().find_map(trouble_of))
}

/// What the rules of one storage class have to be to each other.
fn trouble_of_class(rules: &[Value], class: &str) -> Option<&'static str> {
    let of_class = rules.iter().map(|rule| &rule["selection"]);
    let of_class = of_class.filter(|selection| selection["storageClass"].as_str().unwrap_or("standard") == class);
    let statuses: Vec<&str> = of_class
        .map(|selection| selection["tagStatus"].as_str().unwrap_or_default())
        .collect();
    let last = statuses.len().saturating_sub(1);
    if statuses
        .iter()
        .enumerate()
        .any(|(place, status)| *status == "any" && place != last)
    {
        return Some("Rule for tagStatus=ANY must have the lowest priority per storage class");
    }
    let untagged = statuses.iter().filter(|status| **status == "untagged").count();
    (untagged > 1).then_some("Only one rule can select Untagged images per storage class.")
}

fn trouble_of(rule: &Value) -> Option<&'static str> {
    let (selection, action) = (&rule["selection"], &rule["action"]);
    let (patterns, prefixes) = (&selection["tagPatternList"], &selection["tagPrefixList"]);
    let lists = [patterns, prefixes].map(|list| list.as_array().is_some_and(|list| !list.is_empty()));
    let is_tagged = match selection["tagStatus"].as_str() {
        Some("tagged") => true,
        Some("untagged" | "any") => false,
        _ => return Some("tagStatus has to be tagged, untagged or any"),
    };
    if is_tagged && lists == [false, false] {
        return Some("Must specify tagPrefixList or tagPatternList when tagStatus=TAGGED.");
    }
    if lists == [true, true] || (!is_tagged && !patterns.is_null()) || (!is_tagged && !prefixes.is_null()) {
        return Some("tagPrefixList and tagPatternList exclude each other, and both need tagStatus=TAGGED.");
    }
    let texts = patterns.as_array().into_iter().flatten().filter_map(Value::as_str);
    if texts
        .into_iter()
        .any(|pattern| pattern.matches('*').count() > MOST_WILDCARDS)
    {
        return Some("a pattern has at most 4 wildcards");
    }
    if selection["countNumber"].as_u64().unwrap_or_default() == 0 {
        return Some("countNumber has to be at least 1");
    }
    let is_days = selection["countUnit"] == "days";
    let class = selection["storageClass"].as_str().unwrap_or("standard");
    let deed = (action["type"].as_str(), action["targetStorageClass"].as_str());
    let (expire, transition) = ((Some("expire"), None), (Some("transition"), Some("archive")));
    let good = match selection["countType"].as_str() {
        Some("imageCountMoreThan") => {
            selection["countUnit"].is_null() && class == "standard" && [expire, transition].contains(&deed)
        }
        Some("sinceImagePushed") => is_days && class == "standard" && [expire, transition].contains(&deed),
        Some("sinceImagePulled") => is_days && class == "standard" && deed == transition,
        Some("sinceImageTransitioned") => {
            is_days && class == "archive" && deed == expire && selection["countNumber"].as_u64() >= Some(90)
        }
        _ => false,
    };
    (!good).then_some("countType, countUnit, storageClass and action do not go together")
}

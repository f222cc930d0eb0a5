//! What can be set: of the registry, of a repository, and whose pulls leave no trace.

use serde_json::{Value, json};

use super::super::call::Answer;
use super::super::paging::{Page, Rule};
use super::super::refusal::Refusal;
use super::super::state::{epoch, object};
use super::repository::Mutability;
use super::{Registry, Scene};

/// Pull time update exclusions of one account.
const MOST_EXCLUSIONS: usize = 100;
/// Filters of one repository.
const MOST_FILTERS: usize = 5;

pub(super) fn registry(scene: &Scene<'_>) -> Value {
    json!({"registryId": scene.place.account, "replicationConfiguration": {"rules": []}})
}

pub(super) fn put_mutability(registry: &mut Registry, scene: &Scene<'_>) -> Answer {
    let call = scene.call;
    let (name, mode) = (call.required("repositoryName")?, call.required("imageTagMutability")?);
    let filters = call.list("imageTagMutabilityExclusionFilters");
    let wants_filters = match mode {
        "MUTABLE" | "IMMUTABLE" => false,
        "MUTABLE_WITH_EXCLUSION" | "IMMUTABLE_WITH_EXCLUSION" => true,
        _ => {
            return Err(Refusal::parameter(
                "imageTagMutability",
                "Member must satisfy enum value set",
            ));
        }
    };
    let patterns = filters.iter().filter_map(|filter| filter["filter"].as_str());
    let patterns: Vec<String> = patterns.map(str::to_owned).collect();
    let is_good = |pattern: &String| pattern.matches('*').count() <= 2 && (1..=128).contains(&pattern.len());
    if wants_filters == patterns.is_empty() || patterns.len() > MOST_FILTERS || !patterns.iter().all(is_good) {
        let rule = "1 to 5 filters with at most 2 wildcards each, and none without exclusions";
        return Err(Refusal::parameter("imageTagMutabilityExclusionFilters", rule));
    }
    registry.repository_mut(name)?.mutability = Mutability {
        mode: mode.to_owned(),
        exclusions: patterns,
    };
    Ok(
        json!({"registryId": scene.place.account, "repositoryName": name, "imageTagMutability": mode,
        "imageTagMutabilityExclusionFilters": filters}),
    )
}

pub(super) fn exclusions(registry: &Registry, scene: &Scene<'_>) -> Answer {
    let page = Page::of(scene.call, Rule::of(100, 1000))?;
    let arns = registry.exclusions.keys().filter(|arn| page.is_behind(arn));
    let (arns, next) = page.cut(arns.map(|arn| (arn.clone(), arn)));
    Ok(object(json!({"pullTimeUpdateExclusions": arns, "nextToken": next})))
}

pub(super) fn exclude(registry: &mut Registry, scene: &Scene<'_>) -> Answer {
    let arn = scene.call.required("principalArn")?;
    if !(arn.starts_with("arn:aws:iam::") && (arn.contains(":role/") || arn.contains(":user/"))) {
        return Err(Refusal::parameter(
            "principalArn",
            "Member must be the ARN of an IAM role or user",
        ));
    }
    if registry.exclusions.contains_key(arn) {
        let message = format!("The pull time update exclusion for {arn} already exists");
        return Err(Refusal::new("ExclusionAlreadyExistsException", message));
    }
    if registry.exclusions.len() >= MOST_EXCLUSIONS {
        return Err(Refusal::new(
            "LimitExceededException",
            "too many pull time update exclusions",
        ));
    }
    registry.exclusions.insert(arn.to_owned(), scene.now);
    Ok(json!({"principalArn": arn, "createdAt": epoch(scene.now)}))
}

pub(super) fn include(registry: &mut Registry, scene: &Scene<'_>) -> Answer {
    let arn = scene.call.required("principalArn")?;
    match registry.exclusions.remove(arn) {
        Some(_) => Ok(json!({"principalArn": arn})),
        None => {
            let message = format!("The pull time update exclusion for {arn} does not exist");
            Err(Refusal::new("ExclusionNotFoundException", message))
        }
    }
}

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

pub(super) fn lifecycle(registry: &Registry, scene: &Scene<'_>) -> Answer {
    let name = scene.call.required("repositoryName")?;
    let policy = registry.repository(name)?.lifecycle.clone();
    Ok(told(scene, name, &policy.ok_or_else(|| no_policy(name))?, true))
}

pub(super) fn put_lifecycle(registry: &mut Registry, scene: &Scene<'_>) -> Answer {
    let name = scene.call.required("repositoryName")?;
    let text = scene.call.required("lifecyclePolicyText")?;
    if !(100..=30_720).contains(&text.len()) {
        return Err(Refusal::parameter(
            "lifecyclePolicyText",
            "Member must have length between 100 and 30720",
        ));
    }
    let is_policy = serde_json::from_str::<Value>(text).is_ok_and(|policy| policy["rules"].is_array());
    if !is_policy {
        let message = "Lifecycle policy validation failure: not a policy";
        return Err(Refusal::parameter("LifecyclePolicyText", message));
    }
    registry.repository_mut(name)?.lifecycle = Some(text.to_owned());
    Ok(told(scene, name, text, false))
}

pub(super) fn delete_lifecycle(registry: &mut Registry, scene: &Scene<'_>) -> Answer {
    let name = scene.call.required("repositoryName")?;
    let policy = registry.repository_mut(name)?.lifecycle.take();
    Ok(told(scene, name, &policy.ok_or_else(|| no_policy(name))?, true))
}

fn told(scene: &Scene<'_>, name: &str, text: &str, with_time: bool) -> Value {
    object(
        json!({"registryId": scene.place.account, "repositoryName": name, "lifecyclePolicyText": text,
        // One that was never evaluated says 1970.
        "lastEvaluatedAt": with_time.then_some(0)}),
    )
}

fn no_policy(name: &str) -> Refusal {
    let message = format!("Lifecycle policy does not exist for the repository with name '{name}'");
    Refusal::new("LifecyclePolicyNotFoundException", message)
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

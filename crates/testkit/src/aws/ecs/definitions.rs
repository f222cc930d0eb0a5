//! Task definitions: their families, their revisions, and one of them.

use serde_json::{Value, json};

use super::super::call::Answer;
use super::super::paging::{Page, Rule};
use super::super::refusal::Refusal;
use super::super::state::object;
use super::Scene;
use super::model::{Clusters, Definition};

const RULE: Rule = Rule::of(100, 100);

pub(super) fn families(clusters: &Clusters, scene: &Scene<'_>) -> Answer {
    let call = scene.call;
    let prefix = call.text("familyPrefix").unwrap_or_default();
    let wanted = match call.text("status") {
        Some("ACTIVE") => Some(true),
        Some("INACTIVE") => Some(false),
        _ => None,
    };
    let is_active = |revisions: &[Definition]| revisions.iter().any(|definition| definition.is_active);
    let families = clusters.families.iter();
    let families = families
        .filter(|(name, _)| name.starts_with(prefix))
        .filter(|(_, revisions)| wanted.is_none_or(|wanted| wanted == is_active(revisions)));
    scene.list("families", RULE, families.map(|(name, _)| name.clone()))
}

pub(super) fn list(clusters: &Clusters, scene: &Scene<'_>) -> Answer {
    let call = scene.call;
    let page = Page::of(call, RULE)?;
    let wants_active = call.text("status") != Some("INACTIVE");
    let family = call.text("familyPrefix");
    let fits = |definition: &&Definition| {
        definition.is_active == wants_active && family.is_none_or(|family| family == definition.family())
    };
    let mut fitting: Vec<&Definition> = clusters.families.values().flatten().filter(fits).collect();
    if call.text("sort") == Some("DESC") {
        fitting.reverse();
    }
    let rows = fitting.into_iter().enumerate();
    let rows = rows.map(|(position, definition)| (format!("{position:08}"), definition.arn.clone()));
    let (arns, next) = page.cut(rows.filter(|(key, _)| page.is_behind(key)));
    Ok(object(json!({"taskDefinitionArns": arns, "nextToken": next})))
}

pub(super) fn describe(clusters: &Clusters, scene: &Scene<'_>) -> Answer {
    let name = scene.call.required("taskDefinition")?;
    let found = clusters.definition(name);
    let found = found.ok_or_else(|| Refusal::new("ClientException", "Unable to describe task definition."))?;
    let containers = found.containers.iter();
    let containers = containers.map(|(name, image)| json!({"name": name, "image": image, "essential": true}));
    let containers: Vec<Value> = containers.collect();
    Ok(
        json!({"taskDefinition": {"taskDefinitionArn": found.arn, "family": found.family(),
        "revision": found.revision, "status": if found.is_active { "ACTIVE" } else { "INACTIVE" },
        "containerDefinitions": containers}}),
    )
}

//! Lifecycle policies: kept, given back, and previewed. They never act: what they would do is for a test to play.

mod evaluate;
mod validate;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::super::call::{Answer, Call};
use super::super::paging::{Page, Rule};
use super::super::refusal::Refusal;
use super::super::state::{epoch, object};
use super::repository::Repository;
use super::{Registry, Scene};

/// The policy of a repository, and its preview.
#[derive(Debug, Default)]
pub(super) struct Lifecycle {
    /// As ECR gives it back: its rules by priority.
    pub(super) text: Option<String>,
    /// When ECR last acted on it.
    pub(super) evaluated_at: Option<Timestamp>,
    preview: Option<Preview>,
}

/// A preview that was asked for.
#[derive(Debug)]
struct Preview {
    text: String,
    /// So many questions are still answered with "in progress".
    polls_left: u64,
    /// By digest.
    rows: Vec<(String, Value)>,
}

/// A policy as ECR keeps it.
pub(super) fn kept(text: &str) -> Result<String, Refusal> {
    Ok(json!({"rules": validate::rules(text)?}).to_string())
}

pub(super) fn get(registry: &Registry, scene: &Scene<'_>) -> Answer {
    let name = scene.call.required("repositoryName")?;
    let lifecycle = &registry.repository(name)?.lifecycle;
    let text = lifecycle.text.as_deref().ok_or_else(|| no_policy(name))?;
    Ok(told(scene, text, evaluated(lifecycle)))
}

pub(super) fn put(registry: &mut Registry, scene: &Scene<'_>) -> Answer {
    let name = scene.call.required("repositoryName")?;
    let text = kept(scene.call.required("lifecyclePolicyText")?)?;
    let lifecycle = &mut registry.repository_mut(name)?.lifecycle;
    (lifecycle.text, lifecycle.evaluated_at) = (Some(text.clone()), None);
    Ok(told(scene, &text, json!({})))
}

pub(super) fn delete(registry: &mut Registry, scene: &Scene<'_>) -> Answer {
    let name = scene.call.required("repositoryName")?;
    let lifecycle = &mut registry.repository_mut(name)?.lifecycle;
    let last = evaluated(lifecycle);
    let text = lifecycle.text.take().ok_or_else(|| no_policy(name))?;
    Ok(told(scene, &text, last))
}

pub(super) fn start(registry: &mut Registry, scene: &Scene<'_>) -> Answer {
    let (name, polls) = (scene.call.required("repositoryName")?, registry.preview_polls);
    let found = registry.repository_mut(name)?;
    if is_under_way(&mut found.lifecycle) {
        let message =
            format!("A lifecycle policy preview is already in progress for the repository with name '{name}'");
        return Err(Refusal::new("LifecyclePolicyPreviewInProgressException", message));
    }
    let text = match scene.call.text("lifecyclePolicyText") {
        Some(text) => kept(text)?,
        None => found.lifecycle.text.clone().ok_or_else(|| no_policy(name))?,
    };
    begin(found, &text, polls, scene.now)?;
    Ok(told(scene, &text, json!({"status": "IN_PROGRESS"})))
}

/// Begins a preview of `text`, of the images as they are.
pub(super) fn begin(found: &mut Repository, text: &str, polls_left: u64, now: Timestamp) -> Result<(), Refusal> {
    let rules = validate::rules(text)?;
    let fates = evaluate::evaluate(&rules, &found.images, now);
    let rows = fates.into_iter().map(|(digest, rule)| {
        let image = &found.images[digest];
        let class = match evaluate::is_archived(image, now) {
            true => "ARCHIVE",
            false => "STANDARD",
        };
        let upper = |text: &Value| text.as_str().map(str::to_uppercase);
        let action = json!({"type": upper(&rule["action"]["type"]),
            "targetStorageClass": upper(&rule["action"]["targetStorageClass"])});
        let row = json!({"imageDigest": digest, "imageTags": (!image.tags.is_empty()).then_some(&image.tags),
            "imagePushedAt": epoch(image.pushed_at), "action": object(action),
            "appliedRulePriority": rule["rulePriority"], "storageClass": class});
        (digest.to_owned(), object(row))
    });
    let rows = rows.collect();
    found.lifecycle.preview = Some(Preview {
        text: text.to_owned(),
        polls_left,
        rows,
    });
    Ok(())
}

/// How a list of ECR pages that has pages of a hundred at most.
const RULE: Rule = Rule::of(100, 100);

pub(super) fn preview(registry: &mut Registry, scene: &Scene<'_>) -> Answer {
    let name = scene.call.required("repositoryName")?;
    without_selection(scene.call)?;
    let page = Page::of(scene.call, RULE)?;
    let lifecycle = &mut registry.repository_mut(name)?.lifecycle;
    let is_under_way = is_under_way(lifecycle);
    let Some(preview) = &lifecycle.preview else {
        let message = format!("Lifecycle policy preview does not exist for the repository with name '{name}'");
        return Err(Refusal::new("LifecyclePolicyPreviewNotFoundException", message));
    };
    if is_under_way {
        return Ok(told(scene, &preview.text, json!({"status": "IN_PROGRESS"})));
    }
    let count = |action: &str| {
        preview
            .rows
            .iter()
            .filter(|(_, row)| row["action"]["type"] == action)
            .count()
    };
    let transitioning = json!([{"targetStorageClass": "ARCHIVE", "imageTotalCount": count("TRANSITION")}]);
    let rows = preview
        .rows
        .iter()
        .filter(|(digest, _)| page.is_behind(digest))
        .cloned();
    let (rows, next) = page.cut(rows);
    let more = json!({"status": "COMPLETE", "previewResults": rows, "nextToken": next,
        "summary": {"expiringImageTotalCount": count("EXPIRE"), "transitioningImageTotalCounts": transitioning}});
    Ok(told(scene, &preview.text, more))
}

/// Whether a preview is under way; whoever asks lets time pass.
fn is_under_way(lifecycle: &mut Lifecycle) -> bool {
    lifecycle.preview.as_mut().is_some_and(|preview| {
        let is_under_way = preview.polls_left > 0;
        preview.polls_left = preview.polls_left.saturating_sub(1);
        is_under_way
    })
}

/// Nobody here asks for a part of a preview; an answer that is not that part would be a lie.
fn without_selection(call: &Call) -> Result<(), Refusal> {
    match ["imageIds", "filter"].iter().find(|key| !call.input[**key].is_null()) {
        None => Ok(()),
        Some(key) => Err(Refusal::parameter(key, "Member is not understood here")),
    }
}

/// One that was never evaluated says 1970.
fn evaluated(lifecycle: &Lifecycle) -> Value {
    json!({"lastEvaluatedAt": epoch(lifecycle.evaluated_at.unwrap_or_default())})
}

/// An answer about the policy of a repository, with more members.
fn told(scene: &Scene<'_>, text: &str, more: Value) -> Value {
    let mut told = json!({"registryId": scene.place.account, "repositoryName": scene.call.text("repositoryName"),
        "lifecyclePolicyText": text});
    if let (Some(told), Value::Object(more)) = (told.as_object_mut(), more) {
        told.extend(more);
    }
    object(told)
}

fn no_policy(name: &str) -> Refusal {
    let message = format!("Lifecycle policy does not exist for the repository with name '{name}'");
    Refusal::new("LifecyclePolicyNotFoundException", message)
}

//! What AWS accepts, and what it does with it.

mod compared;
mod examples;
mod exported;
pub(super) mod ground;
mod imported;
mod mistakes;
pub(super) mod naive;
mod rooms;

use serde_json::{Value, json};

use super::LifecyclePolicy;

/// A policy that has to be accepted.
fn policy(rules: &Value) -> LifecyclePolicy {
    let text = json!({"rules": rules}).to_string();
    LifecyclePolicy::parse(&text).unwrap_or_else(|mistakes| panic!("{mistakes}\n{text}"))
}

/// A rule with so much of a selection, and an action.
fn rule(priority: u64, mut selection: Value, action: &str) -> Value {
    let count = selection["countType"].as_str().unwrap_or_default();
    if count.starts_with("since") && selection.get("countUnit").is_none() {
        selection["countUnit"] = json!("days");
    }
    let action = match action {
        "transition" => json!({"type": "transition", "targetStorageClass": "archive"}),
        action => json!({"type": action}),
    };
    json!({"rulePriority": priority, "selection": selection, "action": action})
}

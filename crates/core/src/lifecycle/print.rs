//! Writes a policy as AWS takes it.

use serde_json::{Map, Value, json};

use super::{LifecycleAction, LifecycleCount, LifecyclePolicy, LifecycleRule, StorageClass, TagSelection};

impl LifecyclePolicy {
    /// The policy as JSON, its rules by priority. Reading it gives the same policy.
    pub fn to_json(&self) -> Value {
        json!({"rules": self.rules.iter().map(LifecycleRule::to_json).collect::<Vec<_>>()})
    }
}

impl LifecycleRule {
    fn to_json(&self) -> Value {
        let mut rule = Map::new();
        rule.insert("rulePriority".to_owned(), json!(self.priority));
        if let Some(description) = &self.description {
            rule.insert("description".to_owned(), json!(description));
        }
        rule.insert("selection".to_owned(), self.selection());
        let action = match self.action {
            LifecycleAction::Expire => json!({"type": "expire"}),
            LifecycleAction::Transition => json!({"type": "transition", "targetStorageClass": "archive"}),
        };
        rule.insert("action".to_owned(), action);
        Value::Object(rule)
    }

    fn selection(&self) -> Value {
        let mut selection = Map::new();
        let mut put = |key: &str, value: Value| drop(selection.insert(key.to_owned(), value));
        match &self.selects {
            TagSelection::Patterns(patterns) => {
                put("tagStatus", json!("tagged"));
                put(
                    "tagPatternList",
                    patterns.iter().map(|pattern| json!(pattern.as_str())).collect(),
                );
            }
            TagSelection::Prefixes(prefixes) => {
                put("tagStatus", json!("tagged"));
                put("tagPrefixList", json!(prefixes));
            }
            TagSelection::Untagged => put("tagStatus", json!("untagged")),
            TagSelection::Any => put("tagStatus", json!("any")),
        }
        if self.storage_class == StorageClass::Archive {
            put("storageClass", json!("archive"));
        }
        put("countType", json!(self.count.type_name()));
        if !matches!(self.count, LifecycleCount::MoreThan(_)) {
            put("countUnit", json!("days"));
        }
        put("countNumber", json!(self.count.number()));
        Value::Object(selection)
    }
}

//! What a cluster holds, and what was asked of it.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use tokio::time::Instant;

use super::fault::Fault;
use super::kinds::Kind;
use super::rbac::Rbac;

/// Namespace and name.
pub(super) type Key = (String, String);

/// An object, ready to be sent.
#[derive(Debug, Clone)]
pub(super) struct Stored {
    pub(super) json: String,
    pub(super) labels: BTreeMap<String, String>,
    pub(super) kind_of_secret: String,
}

#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) kinds: Vec<Kind>,
    /// By the name of the kind.
    pub(super) objects: BTreeMap<String, BTreeMap<Key, Stored>>,
    pub(super) faults: BTreeMap<String, Fault>,
    /// Groups whose server does not answer, so that what is known of them is old.
    pub(super) stale: Vec<String>,
    pub(super) rbac: Option<Rbac>,
    /// Paths with their queries, and when they were asked for, by the clock that tests may push on.
    pub(super) requests: Vec<(String, Instant)>,
    pub(super) made: u64,
}

impl State {
    /// Takes an object in, with what every server adds to it. One of a kind that is not defined is not there for anybody.
    pub(super) fn put(&mut self, mut object: Value) {
        self.made += 1;
        let (api_version, kind) = (text(&object["apiVersion"]), text(&object["kind"]));
        let known = self
            .kinds
            .iter()
            .find(|known| known.kind == kind && known.api_version() == api_version);
        let Some(name) = known.map(Kind::name) else { return };
        let metadata = &mut object["metadata"];
        let key = (text(&metadata["namespace"]), text(&metadata["name"]));
        metadata["uid"] = json!(format!("00000000-0000-4000-8000-{:012}", self.made));
        metadata["resourceVersion"] = json!(self.made.to_string());
        metadata["creationTimestamp"] = json!("2026-01-01T00:00:00Z");
        let labels = metadata["labels"].as_object().into_iter().flatten();
        let labels = labels.map(|(label, value)| (label.clone(), text(value))).collect();
        let kind_of_secret = text(&object["type"]);
        // Of the objects of a list the real server leaves these two out.
        if let Some(fields) = object.as_object_mut() {
            fields.remove("kind");
            fields.remove("apiVersion");
        }
        let stored = Stored {
            json: object.to_string(),
            labels,
            kind_of_secret,
        };
        self.objects.entry(name).or_default().insert(key, stored);
    }

    /// The fault of something that is asked now, if it has one.
    pub(super) fn fault(&mut self, name: &str, is_further_page: bool) -> Option<Fault> {
        let left = match self.faults.get_mut(name)? {
            Fault::StatusFor(_, left) => left,
            Fault::ExpireTokens(left) if is_further_page => left,
            Fault::ExpireTokens(_) => return None,
            other => return Some(other.clone()),
        };
        *left = left.checked_sub(1)?;
        self.faults.get(name).cloned()
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

//! Lists in pages, with tokens as the real server makes them.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::kinds::Kind;
use super::state::{Key, Stored};

/// What is asked of a list.
#[derive(Debug, Default)]
pub(super) struct Query {
    pub(super) limit: Option<usize>,
    /// The key behind which the page begins.
    pub(super) after: Option<Key>,
    selectors: Vec<(Selector, String)>,
}

#[derive(Debug)]
enum Selector {
    Label(String),
    Type,
}

impl Query {
    /// `None` if it cannot be understood.
    pub(super) fn read(query: &str) -> Option<Self> {
        let mut read = Self::default();
        for (key, value) in url::form_urlencoded::parse(query.as_bytes()) {
            match key.as_ref() {
                "limit" => read.limit = Some(value.parse().ok()?),
                "continue" => read.after = Some(key_of(&value)?),
                "labelSelector" => {
                    let (label, value) = value.split_once('=')?;
                    read.selectors
                        .push((Selector::Label(label.to_owned()), value.to_owned()));
                }
                "fieldSelector" => {
                    let value = value.strip_prefix("type=")?;
                    read.selectors.push((Selector::Type, value.to_owned()));
                }
                _ => {}
            }
        }
        Some(read)
    }

    fn fits(&self, stored: &Stored) -> bool {
        self.selectors.iter().all(|(selector, wanted)| match selector {
            Selector::Label(label) => stored.labels.get(label) == Some(wanted),
            Selector::Type => stored.kind_of_secret == *wanted,
        })
    }
}

/// One page in the real form. With `to_itself` it leads to itself again.
pub(super) fn page(kind: &Kind, objects: &BTreeMap<Key, Stored>, query: &Query, to_itself: bool) -> String {
    let limit = query.limit.filter(|limit| *limit > 0).unwrap_or(usize::MAX);
    let behind = |key: &Key| query.after.as_ref().is_none_or(|after| key > after);
    let mut left = objects.iter().filter(|(key, stored)| behind(key) && query.fits(stored));
    let mut items = String::new();
    let mut last = None;
    for (key, stored) in left.by_ref().take(limit) {
        if last.is_some() {
            items.push(',');
        }
        items.push_str(&stored.json);
        last = Some(key);
    }
    let remaining = left.count();
    let mut metadata = json!({"resourceVersion": "815"});
    if let Some(last) = last.filter(|_| remaining > 0) {
        metadata["continue"] = Value::String(token(last));
        metadata["remainingItemCount"] = Value::from(remaining);
    }
    if to_itself {
        metadata["continue"] = Value::String(token(&(String::new(), String::new())));
    }
    format!(
        r#"{{"kind":"{}List","apiVersion":"{}","metadata":{metadata},"items":[{items}]}}"#,
        kind.kind,
        kind.api_version()
    )
}

fn token(last: &Key) -> String {
    let start = format!("{}/{}\0", last.0, last.1);
    URL_SAFE_NO_PAD.encode(json!({"v": "meta.k8s.io/v1", "rv": 815, "start": start}).to_string())
}

fn key_of(token: &str) -> Option<Key> {
    let token: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(token).ok()?).ok()?;
    let (namespace, name) = token["start"].as_str()?.strip_suffix('\0')?.split_once('/')?;
    Some((namespace.to_owned(), name.to_owned()))
}

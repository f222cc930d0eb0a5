//! Reads of a saved plan only what it says of one image: a plan of a large repository has tens of thousands of entries,
//! and somebody waits.

use std::collections::BTreeMap;
use std::fmt;

use jettison_core::model::{Digest, ImageReference};
use jettison_core::plan::Plan;
use serde::de::{DeserializeSeed, MapAccess, SeqAccess, Visitor};
use serde::{Deserializer, Serialize};
use serde_json::value::RawValue;

/// The lists of a plan that have an item for each image.
const LISTS: [&str; 3] = ["actions", "kept", "blocked"];

/// How an image stands in the JSON of a plan that speaks of it: its digest or its tag, in quotes. Neither holds anything
/// that JSON would escape. `None` for a reference with neither.
pub(crate) fn mark(image: &ImageReference) -> Option<String> {
    match (&image.digest, image.effective_tag()) {
        (Some(digest), _) => Some(mark_of(digest)),
        (None, tag) => Some(format!("\"{}\"", tag?)),
    }
}

/// How a manifest stands in the JSON of a plan that speaks of it.
pub(crate) fn mark_of(digest: &Digest) -> String {
    format!("\"{digest}\"")
}

/// The plan in `json`, of its lists only the items with `mark` in them. It is gone through once.
///
/// # Errors
/// If it is no plan.
pub(crate) fn glance(json: &str, mark: &str) -> Result<Plan, serde_json::Error> {
    let mut reader = serde_json::Deserializer::from_str(json);
    let parts = reader.deserialize_map(Parts { mark })?;
    reader.end()?;
    serde_json::from_str(&serde_json::to_string(&parts)?)
}

/// What stands under a key of a plan.
#[derive(Serialize)]
#[serde(untagged)]
enum Part<'j> {
    Items(Vec<&'j RawValue>),
    Whole(&'j RawValue),
}

/// Reads the parts of a plan.
struct Parts<'m> {
    mark: &'m str,
}

impl<'j> Visitor<'j> for Parts<'_> {
    type Value = BTreeMap<&'j str, Part<'j>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a plan")
    }

    fn visit_map<A: MapAccess<'j>>(self, mut plan: A) -> Result<Self::Value, A::Error> {
        let mut parts = BTreeMap::new();
        while let Some(key) = plan.next_key()? {
            let part = match LISTS.contains(&key) {
                true => Part::Items(plan.next_value_seed(Marked { mark: self.mark })?),
                false => Part::Whole(plan.next_value()?),
            };
            parts.insert(key, part);
        }
        Ok(parts)
    }
}

/// Reads the items of a list that have the mark.
struct Marked<'m> {
    mark: &'m str,
}

impl<'j> DeserializeSeed<'j> for Marked<'_> {
    type Value = Vec<&'j RawValue>;

    fn deserialize<D: Deserializer<'j>>(self, list: D) -> Result<Self::Value, D::Error> {
        list.deserialize_seq(self)
    }
}

impl<'j> Visitor<'j> for Marked<'_> {
    type Value = Vec<&'j RawValue>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'j>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let mut marked = Vec::new();
        while let Some(item) = list.next_element::<&RawValue>()? {
            if item.get().contains(self.mark) {
                marked.push(item);
            }
        }
        Ok(marked)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(tags: &[&str]) -> String {
        let kept: Vec<String> = tags.iter().map(|tag| kept(tag)).collect();
        format!(
            r#"{{"schema":1,"id":"1","now":"2026-01-01T00:00:00Z","origin":"registries","usage_sources":[],"actions":[],
            "kept":[{}],"blocked":[],"limits":{{"refused":[],"waiting":0}},"violations":[],"gaps":[],"warnings":["a"]}}"#,
            kept.join(",")
        )
    }

    fn kept(tag: &str) -> String {
        let digest = format!("sha256:{:064}", tag.len());
        format!(
            r#"{{"registry":"r.example.com","repository":"apps/web","digest":"{digest}","kind":"image","tag":"{tag}",
            "time":null,"reason":{{"code":"no-rule","policy":null}}}}"#
        )
    }

    #[test]
    fn a_glance_is_the_plan_with_fewer_items() {
        let whole: Plan = serde_json::from_str(&plan(&["v1", "v1.2", "v10"])).unwrap();
        let glance = |mark: &str| glance(&plan(&["v1", "v1.2", "v10"]), mark).unwrap();
        let one = serde_json::from_str(&plan(&["v1"])).unwrap();
        assert_eq!(glance("\"v1\""), one);
        assert_eq!(glance(&format!("\"{}\"", whole.kept[1].digest)).kept, whole.kept[1..2]);
        assert_eq!(
            glance("\"v2\""),
            Plan {
                kept: Vec::new(),
                ..whole
            }
        );
    }

    #[test]
    fn an_image_is_found_by_its_tag_and_by_its_digest() {
        let reference = |text: &str| text.parse::<ImageReference>().unwrap();
        assert_eq!(mark(&reference("r.example.com/apps/web:v1")).unwrap(), "\"v1\"");
        assert_eq!(mark(&reference("r.example.com/apps/web")).unwrap(), "\"latest\"");
        let digest = format!("sha256:{}", "0".repeat(64));
        let image = reference(&format!("r.example.com/apps/web:v1@{digest}"));
        assert_eq!(mark(&image).unwrap(), format!("\"{digest}\""));
    }
}

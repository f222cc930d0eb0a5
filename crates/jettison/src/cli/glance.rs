//! Reads of a saved plan only what it says of one image: a plan of a large repository has tens of thousands of entries,
//! and somebody waits.

use std::collections::BTreeMap;

use jettison_core::model::ImageReference;
use jettison_core::plan::Plan;
use serde_json::value::{RawValue, to_raw_value};

/// The lists of a plan that have an item for each image.
const LISTS: [&str; 3] = ["actions", "kept", "blocked"];

/// How an image stands in the JSON of a plan that speaks of it: its digest or its tag, in quotes. Neither holds anything
/// that JSON would escape. `None` for a reference with neither.
pub(crate) fn mark(image: &ImageReference) -> Option<String> {
    let name = match (&image.digest, image.effective_tag()) {
        (Some(digest), _) => digest.to_string(),
        (None, tag) => tag?.to_string(),
    };
    Some(format!("\"{name}\""))
}

/// The plan in `json`, of its lists only the items with `mark` in them.
///
/// # Errors
/// If it is no plan.
pub(crate) fn glance(json: &str, mark: &str) -> Result<Plan, serde_json::Error> {
    let mut plan: BTreeMap<&str, &RawValue> = serde_json::from_str(json)?;
    let mut excerpts = Vec::new();
    for list in LISTS {
        let items: Vec<&RawValue> = plan
            .get(list)
            .map_or(Ok(Vec::new()), |items| serde_json::from_str(items.get()))?;
        let marked: Vec<&RawValue> = items.into_iter().filter(|item| item.get().contains(mark)).collect();
        excerpts.push((list, to_raw_value(&marked)?));
    }
    plan.extend(excerpts.iter().map(|(list, items)| (*list, items.as_ref())));
    serde_json::from_str(&serde_json::to_string(&plan)?)
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

//! Section 8: the machine-readable forms, in and out.

use serde_json::{Value, json};

use super::world::{Case, EVERYTHING, HOST, digest, images, list};

fn sample() -> Case {
    images("@apps/web cap.delete_tag=false\nindex main 40d children=amd\namd - 40d blobs=x:10\nkept keep,old 40d\nfresh new 1h")
        .policy("untag: true", &["match: { tags: [keep] }, keep: always", EVERYTHING])
}

#[test]
fn a_plan_has_the_documented_fields() {
    let plan = sample().plan().json();
    assert_eq!(plan["schema"], 1);
    assert_eq!(plan["now"], "2026-11-21T12:00:00Z");
    assert!(plan["id"].as_str().is_some_and(|id| !id.is_empty()), "{plan}");
    assert_eq!(plan["violations"], json!([]));
    assert_eq!(plan["limits"], json!({"refused": [], "waiting": 0}));

    let action = &list(&plan, "actions")[0];
    assert_eq!(action["action"], "delete");
    assert_eq!(
        (&action["registry"], &action["repository"]),
        (&json!(HOST), &json!("apps/web"))
    );
    assert_eq!(
        (&action["digest"], &action["tags"]),
        (&json!(digest("index")), &json!(["main"]))
    );
    assert_eq!(action["refused"], false);
    assert!(action["bytes"].is_u64() && action["undo"].is_string(), "{action}");
    assert_eq!(
        (&action["reason"]["code"], &action["reason"]["policy"]),
        (&json!("expired"), &json!("p"))
    );
    assert_eq!(action["reason"]["rule"], "r2");
    assert!(action["reason"]["conditions"].is_object(), "{action}");

    let follows = &list(&plan, "actions")[1];
    assert_eq!(
        (&follows["reason"]["code"], &follows["tags"]),
        (&json!("follows"), &json!([]))
    );
    let kept = list(&plan, "kept");
    assert!(
        kept.iter()
            .any(|entry| entry["tag"] == "keep" && entry["reason"]["code"] == "keep-always"),
        "{kept:?}"
    );
    assert!(
        kept.iter()
            .any(|entry| entry["reason"] == json!({"code": "hold", "hold": "grace"})
                || entry["reason"]["hold"] == "grace")
    );
    let blocked = &list(&plan, "blocked")[0];
    assert_eq!(
        (&blocked["tag"], &blocked["reason"]["code"]),
        (&json!("old"), &json!("cannot-untag"))
    );
    assert_eq!(
        (&blocked["registry"], &blocked["digest"]),
        (&json!(HOST), &json!(digest("kept")))
    );
}

#[test]
fn an_untagged_entry_has_the_tag_null() {
    let plan = images("app - 1h").plan().json();
    let kept = &list(&plan, "kept")[0];
    assert_eq!(kept.get("tag"), Some(&Value::Null), "{kept}");
}

#[test]
fn every_verdict_names_its_rule_or_its_hold() {
    let plan = sample().plan().json();
    for reason in list(&plan, "actions")
        .iter()
        .chain(list(&plan, "kept"))
        .map(|entry| &entry["reason"])
    {
        let named = match reason["code"].as_str().unwrap() {
            "expired" | "keep-always" | "not-expired" | "unless" => {
                reason["policy"] == "p" && reason["rule"].is_string()
            }
            "hold" => reason["hold"].is_string(),
            _ => true,
        };
        assert!(named, "{reason}");
    }
}

#[test]
fn the_id_is_the_hash_of_the_content() {
    let id = |case: Case| case.plan().json()["id"].as_str().unwrap().to_owned();
    assert_eq!(id(sample()), id(sample()), "the same facts give the same plan");
    assert_ne!(
        id(sample()),
        id(sample().at("2026-11-21T12:00:01Z")),
        "another moment is another plan"
    );
    assert_ne!(
        id(images("a a 40d")),
        id(images("b a 40d")),
        "another image is another plan"
    );
}

/// Whether both forms of the facts give the same actions.
fn same_actions(case: &Case, inventory: &Value, usage: &Value) {
    let full = case.plan();
    let other = case.plan_from(inventory, usage);
    assert_eq!(other.code, full.code, "{}", other.stderr);
    assert_eq!(other.outcome(), full.outcome());
}

fn strip(value: Value) -> Value {
    match value {
        Value::Object(fields) => {
            let kept = fields
                .into_iter()
                .filter(|(_, value)| !value.is_null() && *value != json!([]) && *value != json!({}));
            Value::Object(kept.map(|(key, value)| (key, strip(value))).collect())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(strip).collect()),
        other => other,
    }
}

#[test]
fn optional_fields_may_be_absent() {
    let case = sample();
    same_actions(&case, &strip(case.inventory()), &strip(case.usage_form()));
}

#[test]
fn optional_fields_may_be_null() {
    let case = sample();
    let optional = [
        "artifact_type",
        "config_media_type",
        "config_digest",
        "subject",
        "platform",
        "created_at",
        "untagged_at",
        "last_pulled_at",
        "first_seen_at",
        "restored_at",
    ];
    let mut inventory = case.inventory();
    for manifest in inventory["repositories"][0]["manifests"].as_array_mut().unwrap() {
        for key in optional {
            if manifest.get(key).is_none() {
                manifest[key] = Value::Null;
            }
        }
    }
    same_actions(&case, &inventory, &case.usage_form());
}

#[test]
fn a_field_that_nobody_knows_is_no_failure() {
    let case = sample();
    let mut inventory = case.inventory();
    inventory["made_by"] = json!("a newer version");
    inventory["repositories"][0]["manifests"][0]["colour"] = json!("blue");
    same_actions(&case, &inventory, &case.usage_form());
}

#[test]
fn times_with_an_offset_are_the_same_moment() {
    let case = images("app main 2026-11-19T12:00:01Z");
    let mut inventory = case.inventory();
    inventory["repositories"][0]["manifests"][0]["pushed_at"] = json!("2026-11-19T14:00:01+02:00");
    same_actions(&case, &inventory, &case.usage_form());
}

#[test]
fn a_cover_that_is_absent_covers_all() {
    let case = images("app main 40d");
    let mut usage = case.usage_form();
    usage["sources"][0] = json!({"name": "prod", "kind": "kubernetes", "status": "partial", "references": []});
    let answer = case.plan_from(&case.inventory(), &usage);
    assert_eq!(answer.outcome(), ["keep app:main hold usage-incomplete"]);
}

#[test]
fn without_capabilities_pulls_are_unknown() {
    let case =
        images("@apps/web pull_data_since=300d\napp main 200d").rules(&["match: {}, expire: { not-pulled-for: 90d }"]);
    let mut inventory = case.inventory();
    inventory["repositories"][0]["capabilities"] = json!({});
    let answer = case.plan_from(&inventory, &case.usage_form());
    assert_eq!(answer.outcome(), ["keep app:main not-expired"]);
}

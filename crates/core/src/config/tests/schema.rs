//! The schema and the reader know the same keys.

use super::*;

#[test]
fn the_schema_says_what_keys_of_an_object_mean_for_each_other() {
    let schema = schema();
    for (object, keyword, rule) in [
        ("conditions", "minProperties", serde_json::json!(1)),
        ("newest-per", "minProperties", serde_json::json!(1)),
        ("group-by", "maxProperties", serde_json::json!(1)),
        (
            "rule",
            "dependentRequired",
            serde_json::json!({ "unless": ["expire"], "action": ["expire"] }),
        ),
        ("host conditions", "minProperties", serde_json::json!(1)),
        ("build-cache", "minProperties", serde_json::json!(1)),
        (
            "host rule",
            "dependentRequired",
            serde_json::json!({ "unless": ["expire"] }),
        ),
        (
            "aws",
            "dependentRequired",
            serde_json::json!({ "account": ["region"], "region": ["account"] }),
        ),
    ] {
        assert_eq!(schema["$defs"][object][keyword], rule, "{object}");
    }
    assert_eq!(schema["$defs"]["rule"]["oneOf"].as_array().unwrap().len(), 2);
}

/// A file in which `key` of `object` holds a value that fits nowhere, and how deep that is.
fn wrong_value(object: &'static Object, key: &Key) -> Option<String> {
    let path = path_to(&keys::CONFIG, object).or_else(|| path_to(&keys::CASES, object))?;
    // What a usage source may hold depends on its kind.
    let kind = keys::USAGE.iter().find(|(_, of_kind)| std::ptr::eq(*of_kind, object));
    let kind = kind
        .filter(|_| key.name != "kind")
        .map(|(kind, _)| format!("kind: {kind}, "));
    let kind = kind.unwrap_or_default();
    Some(format!(
        "{}{}",
        path.replacen("@", &format!("{{{kind}{}: [[[]]]}}", key.name), 1),
        ""
    ))
}

/// Flow YAML around `@`, where a mapping of `wanted` stands.
fn path_to(root: &'static Object, wanted: &'static Object) -> Option<String> {
    if std::ptr::eq(root, wanted) {
        return Some("@".to_owned());
    }
    root.keys
        .iter()
        .find_map(|key| path_in(&key.form, wanted).map(|inner| format!("{{{}: {inner}}}", key.name)))
}

fn path_in(form: &'static Form, wanted: &'static Object) -> Option<String> {
    match form {
        Form::Object(object) => path_to(object, wanted),
        Form::List { of, .. } => path_in(of, wanted).map(|inner| format!("[{inner}]")),
        Form::OneOf(forms) => forms.iter().find_map(|form| path_in(form, wanted)),
        _ => None,
    }
}

#[test]
fn the_reader_reads_every_key_of_the_schema() {
    let objects = [
        &keys::CONFIG,
        &keys::REGISTRY,
        &keys::FILE_SOURCE,
        &keys::COMPOSE_SOURCE,
        &keys::COMMAND_SOURCE,
        &keys::KUBERNETES_SOURCE,
        &keys::DOCKER_SOURCE,
        &keys::PODMAN_SOURCE,
        &keys::AWS_SOURCE,
        &keys::REGISTRY_AWS,
        &keys::LIMITS,
        &keys::IMMUTABLE,
        &keys::POLICY,
        &keys::RULE,
        &keys::MATCH,
        &keys::CONDITIONS,
        &keys::GROUP,
        &keys::BRANCH,
        &keys::UNLESS,
        &keys::NEWEST_PER,
        &keys::HOST,
        &keys::DISK,
        &keys::BUILD_CACHE,
        keys::SERVERS.policy,
        keys::SERVERS.rule,
        keys::SERVERS.matches,
        keys::SERVERS.conditions,
        &keys::CASES,
        &keys::CASE,
    ];
    for object in objects {
        for key in object.keys {
            let text = wrong_value(object, key).unwrap();
            let found = match text.starts_with("{images") || object.name == "policy test" {
                true => Cases::parse("cases.yaml", &text).unwrap_err(),
                false => Config::parse("jettison.yaml", &text).unwrap_err(),
            };
            let at = text.find("[[[]]]").unwrap();
            let complains =
                |finding: &Diagnostic| (at..at + 6).contains(&finding.span.start) && finding.code != "unknown-key";
            assert!(
                found.iter().any(complains),
                "{} {}: {text}\n{found}",
                object.name,
                key.name
            );
            assert!(
                !found.iter().any(|finding| finding.code == "unknown-key"),
                "{text}\n{found}"
            );
        }
    }
}

#[test]
fn the_schema_knows_the_keys_of_the_table() {
    let schema = schema();
    for object in [
        &keys::REGISTRY,
        &keys::REGISTRY_AWS,
        &keys::POLICY,
        &keys::RULE,
        &keys::MATCH,
        &keys::CONDITIONS,
        &keys::NEWEST_PER,
        &keys::HOST,
        &keys::DISK,
        &keys::BUILD_CACHE,
        keys::SERVERS.policy,
        keys::SERVERS.rule,
        keys::SERVERS.matches,
        keys::SERVERS.conditions,
    ] {
        let properties = schema["$defs"][object.name]["properties"].as_object().unwrap();
        let mut names: Vec<&str> = object.keys.iter().map(|key| key.name).collect();
        names.sort_unstable();
        assert_eq!(properties.keys().map(String::as_str).collect::<Vec<_>>(), names);
    }
    assert_eq!(schema["additionalProperties"], false);
    assert_eq!(keys::KINDS, crate::model::Kind::ALL.map(crate::model::Kind::as_str));
}

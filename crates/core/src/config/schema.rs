//! The JSON Schema of the files, for editors. Made from the same table that the reader goes by.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::keys::{self, Form, Object};
use crate::money;

/// The JSON Schema (draft 2020-12) of `jettison.yaml`.
pub fn schema() -> Value {
    document("jettison configuration", &keys::CONFIG)
}

/// The JSON Schema (draft 2020-12) of a file for `jettison policy test`.
pub fn cases_schema() -> Value {
    document("jettison policy test", &keys::CASES)
}

/// The JSON Schema (draft 2020-12) of a price file, as [`crate::money::PriceTable`] reads it.
pub fn prices_schema() -> Value {
    document("jettison prices", &money::keys::PRICES)
}

fn document(title: &str, root: &'static Object) -> Value {
    let mut definitions = BTreeMap::new();
    let mut schema = object(root, &mut definitions);
    schema.insert(
        "$schema".to_owned(),
        json!("https://json-schema.org/draft/2020-12/schema"),
    );
    schema.insert("title".to_owned(), json!(title));
    schema.insert("$defs".to_owned(), json!(definitions));
    Value::Object(schema)
}

fn object(object: &'static Object, definitions: &mut BTreeMap<&'static str, Value>) -> Map<String, Value> {
    let mut properties = Map::new();
    for key in object.keys {
        let mut schema = form(&key.form, definitions);
        schema.insert("description".to_owned(), json!(key.about));
        properties.insert(key.name.to_owned(), Value::Object(schema));
    }
    let required: Vec<&str> = object
        .keys
        .iter()
        .filter(|key| key.required)
        .map(|key| key.name)
        .collect();
    let mut schema = fields(json!({ "type": "object", "additionalProperties": false, "properties": properties }));
    if !required.is_empty() {
        schema.insert("required".to_owned(), json!(required));
    }
    for (keyword, rule) in between_keys(object.name) {
        schema.insert(keyword.to_owned(), rule);
    }
    schema
}

/// What the keys of an object mean for each other.
fn between_keys(object: &str) -> Vec<(&'static str, Value)> {
    let one_of = |keys: &[&str]| json!(keys.iter().map(|key| json!({ "required": [key] })).collect::<Vec<_>>());
    match object {
        "rule" => vec![
            ("oneOf", one_of(&["keep", "expire"])),
            (
                "dependentRequired",
                json!({ "unless": ["expire"], "action": ["expire"] }),
            ),
        ],
        "host rule" => vec![
            ("oneOf", one_of(&["keep", "expire"])),
            ("dependentRequired", json!({ "unless": ["expire"] })),
        ],
        "policy" => vec![("oneOf", one_of(&["rules", "ecr-policy"]))],
        "match" => vec![(
            "dependentSchemas",
            json!({ "untagged": { "properties": { "tags": false, "tags-regex": false } } }),
        )],
        "host match" => vec![(
            "dependentSchemas",
            json!({ "dangling": { "properties": { "tags": false, "tags-regex": false, "image-tags": false } } }),
        )],
        "conditions" | "host conditions" | "build-cache" | "newest-per" => vec![("minProperties", json!(1))],
        "group-by" => vec![("minProperties", json!(1)), ("maxProperties", json!(1))],
        "registry" => vec![(
            "dependentRequired",
            json!({ "client-certificate": ["client-key"], "client-key": ["client-certificate"] }),
        )],
        "aws" => vec![(
            "dependentRequired",
            json!({ "account": ["region"], "region": ["account"] }),
        )],
        "image" => vec![("oneOf", one_of(&["tags", "untagged"]))],
        _ => Vec::new(),
    }
}

fn form(form: &'static Form, definitions: &mut BTreeMap<&'static str, Value>) -> Map<String, Value> {
    let schema = match form {
        Form::Text => json!({ "type": "string" }),
        Form::Choice(words) => json!({ "enum": words }),
        Form::Flag => json!({ "type": "boolean" }),
        Form::True => json!({ "const": true }),
        Form::Count { least } => json!({ "type": "integer", "minimum": least }),
        Form::Duration => json!({ "type": "string", "pattern": "^[0-9]+[hdw]$", "examples": ["12h", "30d", "2w"] }),
        Form::Size => {
            json!({ "type": "string", "pattern": "^[0-9]+([kMGT]?B|[KMGT]iB)$", "examples": ["500MB", "2GiB"] })
        }
        Form::Share => json!({ "type": "string", "pattern": "^[0-9]+([.][0-9]+)?%$", "examples": ["50%", "97.5%"] }),
        Form::Moment => json!({ "type": "string", "examples": ["40d ago", "2026-10-01T00:00:00Z"] }),
        Form::Date => json!({ "type": "string", "format": "date", "examples": ["2026-11-01"] }),
        Form::Money => json!({ "type": ["number", "string"], "minimum": 0, "pattern": "^[0-9]+([.][0-9]+)?$" }),
        Form::List { of, least } => json!({ "type": "array", "items": self::form(of, definitions), "minItems": least }),
        Form::Map { of, least } => {
            json!({ "type": "object", "additionalProperties": self::form(of, definitions), "minProperties": least })
        }
        Form::OneOf(forms) => {
            let forms: Vec<Value> = forms
                .iter()
                .map(|form| Value::Object(self::form(form, definitions)))
                .collect();
            json!({ "oneOf": forms })
        }
        Form::Object(inner) => {
            if !definitions.contains_key(inner.name) {
                let schema = object(inner, definitions);
                definitions.insert(inner.name, Value::Object(schema));
            }
            json!({ "$ref": format!("#/$defs/{}", inner.name.replace(' ', "%20")) })
        }
    };
    fields(schema)
}

fn fields(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(fields) => fields,
        _ => Map::new(),
    }
}

//! Reads the text of a policy: its shape, each value by itself. What rules have to be to each other stands in `rules`.
//!
//! Everything that AWS would refuse is told at once, in the words that AWS has for it where these are known: those of the
//! JSON schema validator behind its API, and of the ECR User Guide.

use std::collections::BTreeSet;
use std::fmt;

use serde_json::{Map, Value};

use super::rules::check_together;
use super::unambiguous::Unambiguous;
use super::{
    LifecycleAction, LifecycleCount, LifecyclePolicy, LifecycleRule, MOST_WILDCARDS, StorageClass, TagPattern,
    TagSelection,
};
use crate::model::{InvalidJson, legible};

/// `LifecyclePolicyText`, "Length Constraints: Minimum length of 100" (API reference, PutLifecyclePolicy).
pub const SHORTEST_TEXT: usize = 100;

/// `LifecyclePolicyText`, "Maximum length of 30720".
pub const LONGEST_TEXT: usize = 30_720;

/// "Rules per lifecycle policy: 50" (ECR User Guide, service quotas).
pub const MOST_RULES: usize = 50;

/// Something for which AWS would refuse a policy.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct LifecycleMistake {
    /// Where: `rules[0].selection.countNumber`; empty for the whole.
    pub path: String,
    /// What is wrong.
    pub message: String,
}

impl fmt::Display for LifecycleMistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        f.write_str(&self.message)
    }
}

/// Everything for which AWS would refuse a policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LifecycleMistakes(pub Vec<LifecycleMistake>);

impl std::error::Error for LifecycleMistakes {}

impl fmt::Display for LifecycleMistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, mistake) in self.0.iter().enumerate() {
            let separator = if number == 0 { "" } else { "\n" };
            write!(f, "{separator}{mistake}")?;
        }
        Ok(())
    }
}

impl LifecyclePolicy {
    /// Reads a policy as `PutLifecyclePolicy` takes it.
    ///
    /// # Errors
    /// Everything for which AWS would refuse it.
    pub fn parse(text: &str) -> Result<Self, LifecycleMistakes> {
        let mut reader = Reader::default();
        let length = text.chars().count();
        if length > LONGEST_TEXT {
            // What is read without a bound is no policy.
            let message = format!("has {length} characters, and AWS takes {LONGEST_TEXT} at most");
            return Err(LifecycleMistakes(vec![LifecycleMistake {
                path: String::new(),
                message,
            }]));
        }
        let value = match serde_json::from_str(text) {
            Ok(Unambiguous(value)) => value,
            Err(error) => {
                reader.wrong("", format!("is not JSON: {}", InvalidJson::from(error)));
                return Err(LifecycleMistakes(reader.mistakes));
            }
        };
        if length < SHORTEST_TEXT {
            reader.wrong(
                "",
                format!("has {length} characters, and AWS takes {SHORTEST_TEXT} at least"),
            );
        }
        let mut rules = reader.rules(&value).unwrap_or_default();
        let numbered: Vec<(usize, &LifecycleRule)> = rules.iter().map(|(number, rule)| (*number, rule)).collect();
        reader.mistakes.extend(check_together(&numbered));
        if reader.mistakes.is_empty() {
            rules.sort_by_key(|(_, rule)| rule.priority);
            let rules = rules.into_iter().map(|(_, rule)| rule).collect();
            return Ok(Self { rules });
        }
        reader.mistakes.sort();
        reader.mistakes.dedup();
        Err(LifecycleMistakes(reader.mistakes))
    }
}

/// Gathers mistakes while values are read.
#[derive(Debug, Default)]
struct Reader {
    mistakes: Vec<LifecycleMistake>,
}

/// An object that was read, and where it stands.
struct Fields<'v> {
    path: String,
    fields: &'v Map<String, Value>,
}

impl Fields<'_> {
    fn at(&self, key: &str) -> String {
        match self.path.as_str() {
            "" => key.to_owned(),
            path => format!("{path}.{key}"),
        }
    }
}

impl Reader {
    fn wrong(&mut self, path: &str, message: String) {
        self.mistakes.push(LifecycleMistake {
            path: path.to_owned(),
            message,
        });
    }

    fn object<'v>(&mut self, path: &str, value: &'v Value, keys: &[&str], required: &[&str]) -> Option<Fields<'v>> {
        let Value::Object(fields) = value else {
            self.wrong_type(path, value, "object");
            return None;
        };
        let unknown: Vec<String> = fields
            .keys()
            .filter(|key| !keys.contains(&key.as_str()))
            .map(|key| legible(key))
            .collect();
        if !unknown.is_empty() {
            let message = format!("object instance has properties which are not allowed by the schema: {unknown:?}");
            self.wrong(path, message);
        }
        let missing: Vec<&&str> = required.iter().filter(|key| !fields.contains_key(**key)).collect();
        if !missing.is_empty() {
            self.wrong(path, format!("object has missing required properties ({missing:?})"));
        }
        Some(Fields {
            path: path.to_owned(),
            fields,
        })
    }

    fn wrong_type(&mut self, path: &str, value: &Value, allowed: &str) {
        let found = match value {
            Value::Null => "null",
            Value::Bool(_) => "boolean",
            Value::Number(number) if number.is_f64() => "number",
            Value::Number(_) => "integer",
            Value::String(_) => "string",
            Value::Array(_) => "array",
            Value::Object(_) => "object",
        };
        let message =
            format!("instance type ({found}) does not match any allowed primitive type (allowed: [\"{allowed}\"])");
        self.wrong(path, message);
    }

    fn text<'v>(&mut self, fields: &Fields<'v>, key: &str) -> Option<&'v str> {
        let value = fields.fields.get(key)?;
        if let Value::String(text) = value {
            return Some(text);
        }
        self.wrong_type(&fields.at(key), value, "string");
        None
    }

    /// A text that is one of a few.
    fn one_of<'v>(&mut self, fields: &Fields<'v>, key: &str, allowed: &[&str]) -> Option<&'v str> {
        let text = self.text(fields, key)?;
        if !allowed.contains(&text) {
            let message = format!(
                "instance value ({:?}) not found in enum (possible values: {allowed:?})",
                legible(text)
            );
            self.wrong(&fields.at(key), message);
            return None;
        }
        Some(text)
    }

    /// A whole number that is at least 1.
    fn positive(&mut self, fields: &Fields<'_>, key: &str) -> Option<u64> {
        let value = fields.fields.get(key)?;
        match value.as_u64() {
            Some(number) if number >= 1 => Some(number),
            _ if value.is_u64() || value.is_i64() => {
                let message =
                    format!("numeric instance is lower than the required minimum (minimum: 1, found: {value})");
                self.wrong(&fields.at(key), message);
                None
            }
            _ => {
                self.wrong_type(&fields.at(key), value, "integer");
                None
            }
        }
    }

    fn texts(&mut self, fields: &Fields<'_>, key: &str) -> Option<Vec<String>> {
        let value = fields.fields.get(key)?;
        let Value::Array(items) = value else {
            self.wrong_type(&fields.at(key), value, "array");
            return None;
        };
        let mut texts = Vec::with_capacity(items.len());
        for (number, item) in items.iter().enumerate() {
            match item {
                Value::String(text) => texts.push(text.clone()),
                other => self.wrong_type(&format!("{}[{number}]", fields.at(key)), other, "string"),
            }
        }
        (texts.len() == items.len()).then_some(texts)
    }

    /// The rules that can be understood, each with its place in the text.
    fn rules(&mut self, value: &Value) -> Option<Vec<(usize, LifecycleRule)>> {
        let whole = self.object("", value, &["rules"], &["rules"])?;
        let rules = whole.fields.get("rules")?;
        let Value::Array(rules) = rules else {
            self.wrong_type("rules", rules, "array");
            return None;
        };
        if rules.is_empty() {
            self.wrong(
                "rules",
                "array is too short: must have at least 1 elements but instance has 0 elements".to_owned(),
            );
        }
        if rules.len() > MOST_RULES {
            let message = format!(
                "array is too long: must have at most {MOST_RULES} elements but instance has {} elements",
                rules.len()
            );
            self.wrong("rules", message);
        }
        let numbered = rules.iter().enumerate();
        Some(
            numbered
                .filter_map(|(number, rule)| Some((number, self.rule(number, rule)?)))
                .collect(),
        )
    }

    fn rule(&mut self, number: usize, value: &Value) -> Option<LifecycleRule> {
        const KEYS: [&str; 4] = ["rulePriority", "description", "selection", "action"];
        let path = format!("rules[{number}]");
        let fields = self.object(&path, value, &KEYS, &["rulePriority", "selection", "action"])?;
        let priority = self.positive(&fields, "rulePriority");
        let description = fields
            .fields
            .contains_key("description")
            .then(|| self.text(&fields, "description"));
        let selection = fields
            .fields
            .get("selection")
            .and_then(|value| self.selection(&fields.at("selection"), value));
        let action = fields
            .fields
            .get("action")
            .and_then(|value| self.action(&fields.at("action"), value));
        let (selects, storage_class, count) = selection?;
        let rule = LifecycleRule {
            priority: priority?,
            description: match description {
                None => None,
                Some(text) => Some(text?.to_owned()),
            },
            selects,
            storage_class,
            count,
            action: action?,
        };
        self.fits_action(&path, &rule);
        Some(rule)
    }

    fn selection(&mut self, path: &str, value: &Value) -> Option<(TagSelection, StorageClass, LifecycleCount)> {
        const KEYS: [&str; 7] = [
            "tagStatus",
            "tagPatternList",
            "tagPrefixList",
            "storageClass",
            "countType",
            "countUnit",
            "countNumber",
        ];
        let fields = self.object(path, value, &KEYS, &["tagStatus", "countType", "countNumber"])?;
        let status = self.one_of(&fields, "tagStatus", &["tagged", "untagged", "any"]);
        let selects = status.and_then(|status| self.selects(&fields, status));
        let class = match fields.fields.contains_key("storageClass") {
            false => Some(StorageClass::Standard),
            true => match self.one_of(&fields, "storageClass", &["standard", "archive"]) {
                Some("archive") => Some(StorageClass::Archive),
                Some(_) => Some(StorageClass::Standard),
                None => None,
            },
        };
        let count = self.count(&fields);
        Some((selects?, class?, count?))
    }

    fn selects(&mut self, fields: &Fields<'_>, status: &str) -> Option<TagSelection> {
        const LISTS: [&str; 2] = ["tagPatternList", "tagPrefixList"];
        let given: Vec<&&str> = LISTS.iter().filter(|key| fields.fields.contains_key(**key)).collect();
        let lists: Vec<Option<Vec<String>>> = LISTS.iter().map(|key| self.texts(fields, key)).collect();
        if status != "tagged" {
            for key in given {
                let status = status.to_uppercase();
                self.wrong(
                    &fields.at(key),
                    format!("{key} must not be given when tagStatus={status}."),
                );
            }
            return Some(if status == "any" {
                TagSelection::Any
            } else {
                TagSelection::Untagged
            });
        }
        let is_empty = lists.iter().flatten().any(Vec::is_empty);
        if given.len() != 1 || is_empty {
            let message = match given.len() {
                2 => "Only one of tagPrefixList and tagPatternList can be specified in a rule.",
                _ => "Must specify tagPrefixList or tagPatternList when tagStatus=TAGGED.",
            };
            self.wrong(&fields.path, message.to_owned());
            return None;
        }
        let [patterns, prefixes] = <[_; 2]>::try_from(lists).ok()?;
        match (patterns, prefixes) {
            (Some(patterns), _) => self.patterns(fields, patterns).map(TagSelection::Patterns),
            (None, prefixes) => prefixes.map(TagSelection::Prefixes),
        }
    }

    fn patterns(&mut self, fields: &Fields<'_>, patterns: Vec<String>) -> Option<Vec<TagPattern>> {
        let given = patterns.len();
        let mut read = Vec::with_capacity(given);
        for (number, pattern) in patterns.into_iter().enumerate() {
            match TagPattern::new(pattern) {
                Ok(pattern) => read.push(pattern),
                Err(error) => self.wrong(&format!("{}[{number}]", fields.at("tagPatternList")), error.to_string()),
            }
        }
        debug_assert!(
            read.iter()
                .all(|pattern| pattern.as_str().matches('*').count() <= MOST_WILDCARDS)
        );
        (read.len() == given).then_some(read)
    }

    fn count(&mut self, fields: &Fields<'_>) -> Option<LifecycleCount> {
        const TYPES: [&str; 4] = [
            "imageCountMoreThan",
            "sinceImagePushed",
            "sinceImagePulled",
            "sinceImageTransitioned",
        ];
        let kind = self.one_of(fields, "countType", &TYPES);
        let number = self.positive(fields, "countNumber");
        let has_unit = fields.fields.contains_key("countUnit");
        let unit = self.one_of(fields, "countUnit", &["days"]);
        let kind = kind?;
        match (kind, has_unit) {
            ("imageCountMoreThan", true) => {
                let message = "countUnit must not be given when countType=imageCountMoreThan.".to_owned();
                self.wrong(&fields.at("countUnit"), message);
            }
            ("imageCountMoreThan", false) => {}
            (_, false) => self.wrong(&fields.path, format!("Must specify countUnit when countType={kind}.")),
            (_, true) => _ = unit?,
        }
        let number = number?;
        Some(match kind {
            "imageCountMoreThan" => LifecycleCount::MoreThan(number),
            "sinceImagePushed" => LifecycleCount::DaysSincePushed(number),
            "sinceImagePulled" => LifecycleCount::DaysSincePulled(number),
            _ => LifecycleCount::DaysSinceTransitioned(number),
        })
    }

    fn action(&mut self, path: &str, value: &Value) -> Option<LifecycleAction> {
        let fields = self.object(path, value, &["type", "targetStorageClass"], &["type"])?;
        let kind = self.one_of(&fields, "type", &["expire", "transition"])?;
        let has_target = fields.fields.contains_key("targetStorageClass");
        let target = self.one_of(&fields, "targetStorageClass", &["archive"]);
        match (kind, has_target) {
            ("expire", false) => Some(LifecycleAction::Expire),
            ("expire", true) => {
                let message = "targetStorageClass must not be given when the action type is expire.".to_owned();
                self.wrong(&fields.at("targetStorageClass"), message);
                None
            }
            (_, true) => target.map(|_| LifecycleAction::Transition),
            (_, false) => {
                self.wrong(
                    path,
                    "Must specify targetStorageClass when the action type is transition.".to_owned(),
                );
                None
            }
        }
    }

    /// What may be counted depends on where the images are and on what is done to them (lifecycle_policy_parameters,
    /// "Storage class", "Count type"; lifecycle_policy_examples; archive-image, "at least 90 days").
    fn fits_action(&mut self, path: &str, rule: &LifecycleRule) {
        use LifecycleAction::{Expire, Transition};
        use LifecycleCount::{DaysSincePulled, DaysSinceTransitioned};
        use StorageClass::{Archive, Standard};
        let name = rule.count.type_name();
        let message = match (rule.count, rule.storage_class, rule.action) {
            (DaysSinceTransitioned(_), Standard, _) => {
                "countType=sinceImageTransitioned requires storageClass=archive.".to_owned()
            }
            (DaysSinceTransitioned(_), Archive, Transition) => {
                "countType=sinceImageTransitioned can only be used with the action expire.".to_owned()
            }
            (DaysSinceTransitioned(days), Archive, Expire) if days < SHORTEST_ARCHIVAL => format!(
                "images stay in the archive for {SHORTEST_ARCHIVAL} days at least, and this rule deletes them after {days}."
            ),
            (DaysSinceTransitioned(_), ..) => return,
            (_, Archive, _) => format!("countType={name} can only be used with storageClass=standard."),
            (DaysSincePulled(_), Standard, Expire) => {
                "countType=sinceImagePulled can only be used with the action transition.".to_owned()
            }
            _ => return,
        };
        self.wrong(path, message);
    }
}

/// "Archived images have a minimum storage duration of 90 days" (ECR User Guide, archive-image).
const SHORTEST_ARCHIVAL: u64 = 90;

/// What the texts of a list name, in any order.
pub(super) fn set_of(selects: &TagSelection) -> Option<BTreeSet<&str>> {
    match selects {
        TagSelection::Patterns(patterns) => Some(patterns.iter().map(TagPattern::as_str).collect()),
        TagSelection::Prefixes(prefixes) => Some(prefixes.iter().map(String::as_str).collect()),
        TagSelection::Untagged | TagSelection::Any => None,
    }
}

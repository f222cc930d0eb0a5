//! What one call of the program answered, and what happens to each image by it. It must know nothing of the cases but
//! the names of their images.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Case, REPOSITORY};

/// What one call of the program answered.
pub(crate) struct Answer {
    /// The exit code.
    pub(crate) code: i32,
    /// Standard output.
    pub(crate) stdout: String,
    /// Standard error.
    pub(crate) stderr: String,
    pub(super) names: BTreeMap<String, String>,
}

impl Answer {
    /// Standard output as the one JSON document that it must be.
    pub(crate) fn json(&self) -> Value {
        let parsed = serde_json::from_str(&self.stdout);
        assert!(
            parsed.is_ok(),
            "no JSON; exit {}\n{}\n{}",
            self.code,
            self.stdout,
            self.stderr
        );
        parsed.unwrap()
    }

    /// What happens to each entry, one line each, sorted; see the head of this file.
    pub(crate) fn outcome(&self) -> Vec<String> {
        if self.code == 2 {
            return vec![format!("exit 2: {}", self.stderr.trim())];
        }
        let plan = self.json();
        let mut lines: Vec<String> = list(&plan, "actions")
            .iter()
            .map(|action| self.action(action))
            .collect();
        lines.extend(list(&plan, "kept").iter().map(|entry| self.entry("keep", entry)));
        lines.extend(list(&plan, "blocked").iter().map(|entry| self.entry("block", entry)));
        lines.extend(
            list(&plan, "violations")
                .iter()
                .map(|violation| format!("violation {violation}")),
        );
        lines.sort();
        lines
    }

    /// What a lifecycle policy does to each image: `expire a 1`, `none b`; sorted.
    pub(crate) fn judged(&self) -> Vec<String> {
        let answer = self.json();
        let mut lines: Vec<String> = list(&answer, "images")
            .iter()
            .map(|image| {
                let name = &self.names[image["digest"].as_str().unwrap()];
                let action = image["action"].as_str().unwrap();
                match image["rule_priority"].as_u64() {
                    Some(priority) => format!("{action} {name} {priority}"),
                    None => format!("{action} {name}"),
                }
            })
            .collect();
        lines.sort();
        lines
    }

    fn action(&self, action: &Value) -> String {
        let code = action["reason"]["code"].as_str().unwrap();
        let verb = action["action"].as_str().unwrap();
        let mut line = match (verb, code) {
            ("delete", "expired") => format!("delete {}", self.image(action)),
            ("delete", "follows") => format!("follow {}", self.image(action)),
            ("untag", "expired") => format!("untag {}:{}", self.image(action), self.tags(action).join(",")),
            _ => format!("{verb} {} {code}", self.image(action)),
        };
        if action["refused"] == json!(true) {
            line.push_str(" refused");
        }
        line
    }

    /// The tags that an action takes off, in their short form.
    pub(crate) fn tags(&self, action: &Value) -> Vec<String> {
        let mut tags: Vec<_> = list(action, "tags")
            .iter()
            .map(|tag| self.short_tag(tag.as_str().unwrap()))
            .collect();
        tags.sort();
        tags
    }

    fn entry(&self, verb: &str, entry: &Value) -> String {
        let tag = entry["tag"]
            .as_str()
            .map(|tag| format!(":{}", self.short_tag(tag)))
            .unwrap_or_default();
        let reason = &entry["reason"];
        let hold = reason["hold"]
            .as_str()
            .map(|hold| format!(" {hold}"))
            .unwrap_or_default();
        format!(
            "{verb} {}{tag} {}{hold}",
            self.image(entry),
            reason["code"].as_str().unwrap()
        )
    }

    /// The name of the image that an action or entry speaks of.
    pub(crate) fn image(&self, value: &Value) -> String {
        let digest = value["digest"].as_str().unwrap();
        let name = self.names.get(digest).map_or(digest, String::as_str);
        let repository = value["repository"].as_str().unwrap();
        if repository == REPOSITORY {
            name.to_owned()
        } else {
            format!("{repository}/{name}")
        }
    }

    fn short_tag(&self, tag: &str) -> String {
        for (digest, name) in &self.names {
            if let Some(rest) = tag.strip_prefix(&digest.replace(':', "-")) {
                return format!("@{name}{rest}");
            }
        }
        tag.to_owned()
    }
}

/// Asserts that each case comes out as it says, and shows all that do not.
pub(crate) fn check(table: &[(&str, Case, &str)]) {
    let failures: Vec<String> = table
        .iter()
        .filter_map(|(sentence, case, wanted)| failure(sentence, case, wanted))
        .collect();
    assert!(failures.is_empty(), "\n{}", failures.join("\n"));
}

fn failure(sentence: &str, case: &Case, wanted: &str) -> Option<String> {
    let mut wanted: Vec<String> = wanted.split([';', '\n']).map(|line| line.trim().to_owned()).collect();
    wanted.retain(|line| !line.is_empty());
    wanted.sort();
    let answer = case.plan();
    let got = answer.outcome();
    if got == wanted {
        return None;
    }
    Some(format!(
        "{sentence}\n  images: {}\n  usage:  {}\n  policy: {}\n  wanted: {}\n  got:    {} (exit {})\n",
        case.images.trim().replace('\n', "\n          "),
        case.usage.trim(),
        case.policy.trim().replace('\n', "\n          "),
        wanted.join("; "),
        got.join("; "),
        answer.code,
    ))
}

/// The entries of a list of the answer; a list that is absent is a failure.
pub(crate) fn list<'a>(value: &'a Value, key: &str) -> &'a Vec<Value> {
    let found = value[key].as_array();
    assert!(found.is_some(), "no list {key:?} in {value}");
    found.unwrap()
}

//! Section 8: exit codes, files that cannot be read, and `--policy`.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use super::world::{Answer, Case, EVERYTHING, NOW, call, images, list};

#[test]
fn plan_exits_0_or_5() {
    let code = |case: Case| case.plan().code;
    assert_eq!(code(images("app main 40d")), 0, "something goes");
    assert_eq!(code(images("app main 1h")), 0, "nothing goes");
    assert_eq!(
        code(images("@apps/web gap=timeout\napp main 40d")),
        5,
        "a repository could not be read wholly"
    );
    assert_eq!(
        code(images("app main 40d").usage("@p partial")),
        5,
        "a source could not be read wholly"
    );
    assert_eq!(
        code(images("app main 40d").usage("@p complete gap=timeout")),
        5,
        "a source with gaps"
    );
    let all: String = (0..8).map(|at| format!("i{at} i{at} 40d\n")).collect();
    assert_eq!(code(images(&all)), 0, "whatever the fuse says");
}

#[test]
fn with_detailed_exit_code_10_when_it_would_delete_or_untag_something() {
    let code = |case: Case| case.flag("--detailed-exit-code").plan().code;
    assert_eq!(code(images("app main 40d")), 10, "a delete");
    let untag =
        images("app keep,old 40d").policy("untag: true", &["match: { tags: [keep] }, keep: always", EVERYTHING]);
    assert_eq!(code(untag), 10, "an untag");
    assert_eq!(code(images("app main 1h")), 0, "nothing");
    assert_eq!(
        code(images("@apps/web gap=timeout\napp main 40d")),
        5,
        "nothing, and facts were incomplete"
    );
    let blocked = images("@apps/web cap.delete=false\napp main 40d");
    assert_eq!(code(blocked), 0, "what is blocked would not be deleted");
}

fn answer_with(change: impl Fn(&mut Value, &mut Value)) -> Answer {
    let case = images("app main 40d");
    let (mut inventory, mut usage) = (case.inventory(), case.usage_form());
    change(&mut inventory, &mut usage);
    case.plan_from(&inventory, &usage)
}

/// Exit 2, nothing on standard output, and a message that names these.
fn refused(answer: &Answer, words: &[&str]) {
    assert_eq!(answer.code, 2, "{}{}", answer.stdout, answer.stderr);
    assert_eq!(answer.stdout, "");
    for word in words {
        assert!(answer.stderr.contains(word), "{word:?} is not in: {}", answer.stderr);
    }
}

#[test]
fn an_unknown_schema_is_refused() {
    refused(
        &answer_with(|inventory, _| inventory["schema"] = json!(2)),
        &["inventory.json", "schema", "2"],
    );
    refused(
        &answer_with(|_, usage| usage["schema"] = json!(2)),
        &["usage.json", "schema", "2"],
    );
    refused(
        &answer_with(|inventory, _| inventory["schema"] = json!("1.0")),
        &["inventory.json"],
    );
    refused(
        &answer_with(|inventory, _| drop(inventory.as_object_mut().unwrap().remove("schema"))),
        &["inventory.json", "schema"],
    );
    refused(
        &answer_with(|_, usage| drop(usage.as_object_mut().unwrap().remove("schema"))),
        &["usage.json"],
    );
}

#[test]
fn bad_values_are_named_with_file_and_place() {
    let first =
        |inventory: &mut Value, key: &str, value: Value| inventory["repositories"][0]["manifests"][0][key] = value;
    refused(
        &answer_with(|inventory, _| first(inventory, "digest", json!("sha256:zz"))),
        &["inventory.json", "sha256:zz"],
    );
    refused(
        &answer_with(|inventory, _| first(inventory, "pushed_at", json!("yesterday"))),
        &["inventory.json", "column"],
    );
    refused(
        &answer_with(|inventory, _| first(inventory, "kind", json!("picture"))),
        &["inventory.json", "picture"],
    );
    refused(
        &answer_with(|inventory, _| first(inventory, "size", json!(-1))),
        &["inventory.json"],
    );
    refused(
        &answer_with(|inventory, _| first(inventory, "digest", Value::Null)),
        &["inventory.json", "column"],
    );
    refused(
        &answer_with(|inventory, _| inventory["repositories"][0]["name"] = json!("Apps/../Web")),
        &["inventory.json"],
    );
    refused(
        &answer_with(|_, usage| usage["sources"][0]["references"] = json!([{"digest": "sha256:zz"}])),
        &["usage.json"],
    );
    refused(&answer_with(|inventory, _| *inventory = json!([])), &["inventory.json"]);
}

#[test]
fn the_same_tag_or_repository_twice_is_never_a_delete_of_the_wrong_one() {
    let twice = answer_with(|inventory, _| {
        let again = inventory["repositories"][0].clone();
        inventory["repositories"].as_array_mut().unwrap().push(again);
    });
    let gone = |answer: &Answer| list(&answer.json(), "actions").len();
    assert!(twice.code == 2 || gone(&twice) <= 1, "{}", twice.stdout);
    let case = images("a main 40d\nb main 1h");
    let answer = case.plan();
    let kept = answer.code == 2 || !answer.outcome().contains(&"delete b".to_owned());
    assert!(kept, "one tag at two digests: {}", answer.stdout);
}

/// A directory with good files, in which `file` is replaced.
fn with_file(file: &str, content: Option<&str>) -> Answer {
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name);
    let case = images("app main 40d");
    fs::write(at("i.json"), case.inventory().to_string()).unwrap();
    fs::write(at("u.json"), case.usage_form().to_string()).unwrap();
    fs::write(
        at("p.yaml"),
        "policies: [ { name: p, rules: [ { name: r, match: {}, keep: always } ] } ]",
    )
    .unwrap();
    match content {
        Some(content) => fs::write(at(file), content).unwrap(),
        None => fs::remove_file(at(file)).unwrap(),
    }
    plan_in(directory.path())
}

fn plan_in(directory: &Path) -> Answer {
    call(
        directory,
        &[
            "plan",
            "--inventory",
            "i.json",
            "--usage",
            "u.json",
            "--policy",
            "p.yaml",
            "--now",
            NOW,
            "--output",
            "json",
        ],
    )
}

#[test]
fn files_that_are_not_there_or_hold_no_facts_are_named() {
    for file in ["i.json", "u.json", "p.yaml"] {
        refused(&with_file(file, None), &[file]);
        refused(&with_file(file, Some("{ \"schema\": 1, ")), &[file]);
    }
    for file in ["i.json", "u.json"] {
        refused(&with_file(file, Some("")), &[file]);
    }
}

#[test]
fn a_policy_file_with_a_mistake_points_at_its_line() {
    let yaml =
        "policies:\n  - name: p\n    rules:\n      - name: r\n        match: {}\n        expire: { older-than: 30 }\n";
    refused(&with_file("p.yaml", Some(yaml)), &["p.yaml", "6", "older-than"]);
    let unknown = "policies:\n  - name: p\n    rules:\n      - name: r\n        match: {}\n        expires: { older-than: 30d }\n";
    refused(&with_file("p.yaml", Some(unknown)), &["p.yaml", "6", "expires"]);
    let both = "policies:\n  - name: p\n    rules:\n      - name: r\n        match: {}\n        keep: always\n        expire: { older-than: 30d }\n";
    refused(&with_file("p.yaml", Some(both)), &["p.yaml", "keep", "expire"]);
    let neither = "policies:\n  - name: p\n    rules:\n      - name: r\n        match: {}\n";
    refused(&with_file("p.yaml", Some(neither)), &["p.yaml"]);
    let limits = "limits: { max-share: 150%, keep-at-least: -1 }\n";
    refused(
        &with_file("p.yaml", Some(limits)),
        &["p.yaml", "max-share", "keep-at-least"],
    );
}

#[test]
fn a_now_that_is_no_time_is_refused() {
    refused(&images("app main 40d").at("yesterday").plan_at(), &["yesterday"]);
    refused(&images("app main 40d").at("2026-11-21").plan_at(), &["2026-11-21"]);
}

impl Case {
    /// Plans the facts of [`NOW`] for whatever moment the case says, be it one or not.
    fn plan_at(self) -> Answer {
        let facts = images("app main 40d");
        self.plan_from(&facts.inventory(), &facts.usage_form())
    }
}

fn configured(config: &str, policy: &str, text: &str) -> Vec<String> {
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name);
    let case = images(text);
    fs::write(at("jettison.yaml"), config).unwrap();
    fs::write(at("p.yaml"), policy).unwrap();
    fs::write(at("i.json"), case.inventory().to_string()).unwrap();
    fs::write(at("u.json"), case.usage_form().to_string()).unwrap();
    let plan = plan_in(directory.path());
    assert!(plan.code == 0, "{}", plan.stderr);
    let plan = plan.json();
    let entry = |entry: &Value| {
        format!(
            "{} {}",
            entry["tag"].as_str().unwrap(),
            entry["reason"]["code"].as_str().unwrap()
        )
    };
    let mut kept: Vec<String> = list(&plan, "kept").iter().map(entry).collect();
    kept.sort();
    kept
}

#[test]
fn policy_replaces_what_it_names_and_protect_and_immutable_are_united() {
    let keep =
        "policies: [ { name: a, rules: [ { name: r, match: {}, keep: always } ] } ]\nlimits: { keep-at-least: 0 }\n";
    let expire = format!("policies: [ {{ name: b, rules: [ {{ name: r, {EVERYTHING} }} ] }} ]\n");
    assert!(
        configured(keep, &expire, "app main 40d").is_empty(),
        "the policies are replaced, the limits are not"
    );
    assert_eq!(
        configured(keep, "grace: 48h\n", "app main 40d"),
        ["main keep-always"],
        "what it does not name stays"
    );
    let first = format!("{expire}limits: {{ keep-at-least: 0 }}\n");
    assert_eq!(
        configured(&first, "grace: 1440h\n", "app main 40d"),
        ["main hold"],
        "grace is replaced"
    );
    let protect = |tag: &str| format!("protect: ['r.example.com/apps/web:{tag}']\n");
    let kept = configured(
        &(first.clone() + &protect("a")),
        &protect("b"),
        "a a 40d\nb b 40d\nc c 40d",
    );
    assert_eq!(kept.len(), 2, "protect is united: {kept:?}");
    let immutable = |tag: &str| format!("immutable: [ {{ repositories: ['**'], tags: ['{tag}'] }} ]\n");
    let kept = configured(&(first + &immutable("a")), &immutable("b"), "a a 40d\nb b 40d\nc c 40d");
    assert_eq!(kept.len(), 2, "immutable is united: {kept:?}");
}

#[test]
fn a_limit_that_is_not_named_keeps_its_value() {
    let expire = format!("policies: [ {{ name: b, rules: [ {{ name: r, {EVERYTHING} }} ] }} ]\n");
    let config = format!("{expire}limits: {{ keep-at-least: 2 }}\n");
    let kept = configured(&config, "limits: { max-share: 60% }\n", "a a 40d\nb b 50d\nc c 60d");
    assert_eq!(
        kept,
        ["a keep-at-least", "b keep-at-least"],
        "`limits` names one of them, the other stays"
    );
}

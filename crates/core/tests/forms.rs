//! The JSON form of a plan, letter by letter: scripts read it, and its hash is its name.

#![expect(clippy::unwrap_used, reason = "helpers of tests: a failure is a failed test")]

use jettison_core::config::Config;
use jettison_core::facts::{Facts, Origin};
use jettison_core::model::{Digest, Inventory, Usage};
use jettison_core::plan::{Plan, plan};
use serde_json::{Value, json};

const CONFIG: &str = r#"
registries: [ { host: r.example, expects: none } ]
policies:
  - name: applications
    repositories: ["apps/*"]
    untag: true
    rules:
      - { name: production, match: { tags: ["prod-*"] }, keep: always }
      - { name: big, match: { tags: ["big-*"] }, expire: { larger-than: 1kB, not-pulled-for: 30d } }
      - { name: calendar, match: { tags: ["day-*"] }, expire: { older-than: 36h }, unless: { newest-per: { day: 1, year: 2 } } }
      - name: branches
        match: { tags: ["*"], kinds: [image] }
        group-by: branch
        expire: [ { beyond-newest: 1, older-than: 7d }, { older-than: 90d } ]
      - { name: orphans, match: { kinds: [orphan] }, expire: { older-than: 7d } }
  - name: others
    repositories: ["lib/*"]
    rules: [ { name: kept, match: { tags: ["keep-*"] }, keep: always }, { name: old, match: {}, expire: { older-than: 1d } } ]
limits: { keep-at-least: 1, max-share: 60% }
immutable: [ { repositories: ["apps/*"], tags: ["fixed"] } ]
protect: ["apps/web:golden"]
"#;

fn digest(name: &str) -> String {
    Digest::of(name.as_bytes()).to_string()
}

/// An image with its tags, pushed so many days before the plan.
fn image(name: &str, day: u32) -> Value {
    json!({
        "digest": digest(name), "kind": "image", "size": 100, "config_digest": digest(&format!("config of {name}")),
        "blobs": [{"digest": digest(&format!("layer of {name}")), "size": 5_000}, {"digest": digest("base"), "size": 70_000}],
        "pushed_at": format!("2026-{:02}-{:02}T10:00:00Z", 1 + day / 28, 1 + day % 28), "platform": "linux/amd64",
    })
}

fn with(mut image: Value, key: &str, value: Value) -> Value {
    image[key] = value;
    image
}

fn tags(pairs: &[(&str, &str)]) -> Value {
    let tag = |(tag, name): &(&str, &str)| json!({"name": tag, "digest": digest(name)});
    pairs.iter().map(tag).collect()
}

fn repository(name: &str, manifests: Vec<Value>, tags: Value, delete_tag: bool) -> Value {
    json!({
        "registry": "r.example", "name": name, "manifests": manifests, "tags": tags, "missing": [digest("gone")],
        "capabilities": {"delete": true, "delete_tag": delete_tag, "pull_time": false},
    })
}

fn sample() -> Plan {
    let web = vec![
        with(image("index", 10), "children", json!([digest("child")])),
        image("child", 10),
        with(image("signature", 10), "subject", json!(digest("index"))),
        with(image("orphan", 20), "subject", json!(digest("gone"))),
        image("old", 11),
        image("older", 5),
        image("shared", 6),
        image("several", 7),
        image("used", 8),
        image("golden", 9),
        image("fixed", 9),
        image("production", 3),
        image("big", 4),
        image("spared", 4),
        image("newest", 100),
        image("fresh", 280),
        with(image("chart", 3), "kind", json!("chart")),
    ];
    let web_tags = tags(&[
        ("main-1a2b3c4", "index"),
        ("main-2b3c4d5", "old"),
        ("main-3c4d5e6", "older"),
        ("main-4d5e6f7", "shared"),
        ("prod-1", "shared"),
        ("main-5e6f7a8", "several"),
        ("x-5e6f7a8", "several"),
        ("main-6f7a8b9", "used"),
        ("golden", "golden"),
        ("fixed", "fixed"),
        ("prod-2", "production"),
        ("big-1", "big"),
        ("day-1", "spared"),
        ("main-7a8b9c0", "newest"),
        ("main-8b9c0d1", "fresh"),
        ("chart", "chart"),
    ]);
    let lib = vec![
        with(image("base image", 3), "children", json!([digest("part")])),
        image("part", 3),
        image("last", 30),
        with(image("kept index", 4), "children", json!([digest("kept part")])),
        image("kept part", 4),
    ];
    let lib_tags = tags(&[
        ("a", "base image"),
        ("p", "part"),
        ("z", "last"),
        ("keep-i", "kept index"),
        ("i", "kept index"),
        ("q", "kept part"),
    ]);
    let mut frozen = repository(
        "lib/frozen",
        vec![image("x", 3), image("y", 4)],
        tags(&[("x", "x"), ("y", "y")]),
        true,
    );
    frozen["capabilities"]["delete"] = json!(false);
    let two = vec![image("two", 3), image("newer", 5)];
    let two_tags = tags(&[("main-1a2b3c4", "two"), ("prod-3", "two"), ("main-2b3c4d5", "newer")]);
    let inventory: Inventory = serde_json::from_value(json!({
        "schema": 1, "taken_at": "2026-11-01T12:00:00Z", "complete_registries": ["r.example"], "repositories": [
            repository("apps/web", web, web_tags, true),
            repository("apps/two", two, two_tags, false),
            repository("lib/base", lib, lib_tags, true),
            frozen,
            repository("other", vec![image("loose", 3)], tags(&[("t", "loose")]), true),
        ],
    }))
    .unwrap();
    let usage: Usage = serde_json::from_value(json!({
        "schema": 1, "taken_at": "2026-11-01T12:00:00Z", "sources": [{"name": "prod", "kind": "file", "status": "complete", "references": [
            {"image": "r.example/apps/web:main-6f7a8b9", "used_by": "Pod shop/web-0 container web"},
            {"image": "", "digest": digest("config of part"), "used_by": "Pod base/part-0 container part"},
        ]}],
    }))
    .unwrap();
    let (config, _) = Config::parse("jettison.yaml", CONFIG).unwrap();
    plan(&Facts {
        inventory: &inventory,
        usage: Some(&usage),
        config: &config,
        now: "2026-11-01T12:00:00Z".parse().unwrap(),
        origin: Origin::SavedFacts,
    })
}

#[test]
fn a_plan_has_its_json_form() {
    insta::assert_snapshot!(serde_json::to_string_pretty(&sample()).unwrap());
}

#[test]
fn a_plan_that_was_read_is_the_plan_that_was_written() {
    let plan = sample();
    let text = serde_json::to_string(&plan).unwrap();
    let read: Plan = serde_json::from_str(&text).unwrap();
    assert!(read == plan && read.is_unaltered());
    assert_eq!(serde_json::to_string(&read).unwrap(), text);
}

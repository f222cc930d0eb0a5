//! `jettison ecr evaluate`, and a configuration that lets a lifecycle policy judge.

use serde_json::json;

use crate::forms::{Forms, registry};
use crate::pages::page;
use crate::place::Place;

const POLICY: &str = r#"{"rules": [
  {"rulePriority": 1, "description": "releases", "selection": {"tagStatus": "tagged", "tagPatternList": ["v*"],
    "countType": "imageCountMoreThan", "countNumber": 9999}, "action": {"type": "expire"}},
  {"rulePriority": 2, "selection": {"tagStatus": "untagged", "countType": "sinceImagePushed", "countUnit": "days",
    "countNumber": 14}, "action": {"type": "expire"}},
  {"rulePriority": 5, "selection": {"tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": 3},
    "action": {"type": "expire"}}]}"#;

const EVALUATE: [&str; 8] = [
    "ecr",
    "evaluate",
    "--inventory",
    "i.json",
    "--policy",
    "policy.json",
    "--now",
    "2026-11-21T12:00:00Z",
];

fn place() -> Place {
    let place = Place::with_facts();
    place.write("policy.json", POLICY);
    place
}

#[test]
fn a_lifecycle_policy_is_evaluated_as_aws_would() {
    let place = place();
    let judged = place
        .call(&[&EVALUATE[..], &["--output", "json"]].concat())
        .exits(0)
        .json();
    Forms::published().holds("ecr-evaluate", &judged);
    let images = judged["images"].as_array().unwrap();
    assert!(
        images
            .iter()
            .any(|image| image["action"] == "expire" && image["rule_priority"] == 5),
        "{judged:#}"
    );
    let kept = images.iter().filter(|image| image["tags"].to_string().contains("\"v1"));
    assert!(
        kept.clone().count() > 0 && kept.clone().all(|image| image["action"] == "none"),
        "{judged:#}"
    );
    page("ecr-evaluate", &place, &EVALUATE);
    // No configuration has a say here, not even a broken one.
    place.write("jettison.yaml", "policies: nonsense");
    place.call(&EVALUATE).exits(0);
}

/// The files that a configuration names are looked for beside it, wherever it is read from.
#[test]
fn an_ecr_policy_stands_beside_the_file_that_names_it() {
    let place = place();
    std::fs::create_dir(place.folder().join("etc")).unwrap();
    let config = "policies:\n  - name: aws\n    ecr-policy: lifecycle.json\n";
    place.write("etc/jettison.yaml", config);
    let plan = |place: &Place| {
        place.call(&[
            "plan",
            "--inventory",
            "i.json",
            "--usage",
            "u.json",
            "--policy",
            "etc/jettison.yaml",
            "--now",
            "2026-11-21T12:00:00Z",
            "--output",
            "json",
        ])
    };
    let missing = plan(&place).exits(2);
    assert!(missing.stderr.contains("lifecycle.json"), "{}", missing.stderr);
    place.write("etc/lifecycle.json", POLICY);
    let planned = plan(&place).json();
    let reasons = planned["actions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|action| &action["reason"]);
    let by_aws = reasons.filter(|reason| reason["policy"] == "aws" && reason["rule"] == "priority 5");
    assert!(by_aws.count() > 0, "{planned:#}");
    page("ecr-policy-check", &place, &["policy", "check", "etc/jettison.yaml"]);
    // `policy check` knows no rules of jettison there, and so nothing that they do not reach.
    let words = [
        "policy",
        "check",
        "etc/jettison.yaml",
        "--inventory",
        "i.json",
        "--output",
        "json",
    ];
    let findings = &place.call(&words).json()["findings"];
    assert!(
        findings
            .as_array()
            .unwrap()
            .iter()
            .all(|finding| finding["code"] != "unreached"),
        "{findings:#}"
    );
    place.write(
        "etc/lifecycle.json",
        &json!({"rules": [{"rulePriority": 0}]}).to_string(),
    );
    let refused = place.call(&["policy", "check", "etc/jettison.yaml"]).exits(2);
    for word in ["etc/jettison.yaml:3:17", "rules[0].rulePriority", "100 at least"] {
        assert!(refused.stderr.contains(word), "{word}: {}", refused.stderr);
    }
}

/// Every tag that the registry has in `apps/web`, with what it points to.
fn tags(place: &Place) -> serde_json::Value {
    let scanned = place.call(&["scan", "--output", "json"]).exits(0).json();
    let tags = scanned["repositories"][0]["tags"].as_array().unwrap().iter();
    tags.map(|tag| json!([tag["name"], tag["digest"]])).collect()
}

/// On a registry that is not ECR: AWS's verdicts under our holds, carried out and taken back.
#[tokio::test(flavor = "multi_thread")]
async fn what_an_ecr_policy_takes_comes_back() {
    let (registry, place) = registry().await;
    let config = std::fs::read_to_string(place.path("jettison.yaml")).unwrap();
    let (before, _) = config.split_once("policies:").unwrap();
    let judge =
        "policies:\n  - { name: aws, ecr-policy: lifecycle.json }\nlimits: { max-share: 100%, keep-at-least: 0 }\n";
    place.write("jettison.yaml", &format!("{before}{judge}"));
    let rule = json!({"rulePriority": 1, "selection": {"tagStatus": "tagged", "tagPatternList": ["old-*"], "countType": "sinceImagePushed",
        "countUnit": "days", "countNumber": 30}, "action": {"type": "expire"}});
    place.write("lifecycle.json", &json!({"rules": [rule]}).to_string());
    let all = tags(&place);
    let report = place.call(&["run", "--yes", "--output", "json"]).exits(0).json();
    // An image goes with all its tags, an index with what hangs below it; what is used stays.
    let left: Vec<String> = tags(&place)
        .as_array()
        .unwrap()
        .iter()
        .map(|tag| tag[0].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(left, ["keep", "old-used"], "{report:#}");
    assert_eq!(
        (report["deleted"].as_u64(), report["failed"].as_u64()),
        (Some(5), Some(0)),
        "{report:#}"
    );
    place.call(&["undo", report["run"].as_str().unwrap(), "--yes"]).exits(0);
    assert_eq!(tags(&place), all);
    registry.stop().await;
}

//! `jettison ecr evaluate`, and a configuration that lets a lifecycle policy judge.

use serde_json::json;

use crate::forms::Forms;
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
    place.write(
        "etc/lifecycle.json",
        &json!({"rules": [{"rulePriority": 0}]}).to_string(),
    );
    let refused = place.call(&["policy", "check", "etc/jettison.yaml"]).exits(2);
    for word in ["etc/jettison.yaml:3:17", "rules[0].rulePriority", "100 at least"] {
        assert!(refused.stderr.contains(word), "{word}: {}", refused.stderr);
    }
}

//! How `ecr preview` and `ecr lint` take their arguments, and which exit codes they give.

use serde_json::Value;

use crate::place::Place;

#[test]
fn arguments_that_do_not_go_together_are_refused() {
    let place = Place::with_lifecycle();
    let target = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/apps/web";
    let table: [(&[&str], &str); 8] = [
        (
            &["lint", "--inventory", "i.json"],
            "--inventory goes with a policy file",
        ),
        (
            &["lint", "policy.json", target, "--inventory", "i.json"],
            "--inventory goes with a policy file",
        ),
        (&["lint", "policy.json", "--policy", "policy.json"], "not both"),
        (&["lint", "policy.json", "other.json"], "a second file"),
        (&["lint", "gone.json"], "gone.json could not be read"),
        (&["lint"], "no registry to work on"),
        (&["preview", "--inventory", "i.json"], "--policy <FILE>"),
        (
            &[
                "preview",
                "--inventory",
                "i.json",
                "--policy",
                "policy.json",
                "--ask-aws",
            ],
            "cannot be used with",
        ),
    ];
    for (words, said) in table {
        let ended = place.call(&[&["ecr"], words].concat()).exits(2);
        assert!(ended.stderr.contains(said), "{words:?}: {}", ended.stderr);
    }
}

#[test]
fn exit_codes_tell_findings_and_what_is_held() {
    let place = Place::with_lifecycle();
    let detailed = |words: &[&'static str]| [words, &["--detailed-exit-code"]].concat();
    place.call(&detailed(&Place::PREVIEW)).exits(10);
    place.call(&detailed(&Place::LINT)).exits(10);
    place.call(&detailed(&["ecr", "lint", "policy.json"])).exits(10);
    place.call(&["ecr", "lint", "--policy", "policy.json"]).exits(0);
    let text = std::fs::read_to_string(place.path("policy.json")).unwrap();
    place.write(
        "policy.json",
        &text
            .replace("\"any\"", "\"untagged\"")
            .replace("[\"release-*\"]", "[\"m*\"]"),
    );
    // Two rules for what has no tag: AWS would refuse it.
    place.call(&detailed(&Place::PREVIEW)).exits(2);
    place.write(
        "policy.json",
        &text.replace("\"countNumber\": 4 }", "\"countNumber\": 4000 }"),
    );
    // Nothing of what is left on the list is held, and one repository could not be read.
    place.call(&detailed(&Place::PREVIEW)).exits(5);
}

#[test]
fn every_mistake_of_a_policy_is_told_at_once_and_where_it_is() {
    let place = Place::empty();
    place.write(
        "policy.json",
        "{ \"rules\": [\n  { \"rulePriority\": 0,\n    \"selection\": { \"tagStatus\": \"all\", \"countNumber\": 1 },\n    \"action\": { \"type\": \"expire\" } } ] }",
    );
    let ended = place.call(&["ecr", "lint", "policy.json", "--output", "json"]).exits(2);
    let form = ended.json();
    let paths: Vec<&str> = form["mistakes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|mistake| mistake["path"].as_str().unwrap())
        .collect();
    assert_eq!(
        paths,
        [
            "rules[0].rulePriority",
            "rules[0].selection",
            "rules[0].selection.tagStatus"
        ]
    );
    assert_eq!(
        (&form["valid"], &form["policies"]),
        (&Value::Bool(false), &Value::Array(Vec::new()))
    );
    let said = place.call(&["ecr", "lint", "policy.json"]).exits(2).stderr;
    for line in [
        "policy.json:2:",
        "policy.json:3:",
        "AWS would refuse policy.json: 3 mistakes",
    ] {
        assert!(said.contains(line), "{line}: {said}");
    }
}

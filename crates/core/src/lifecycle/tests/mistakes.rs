//! Every rule of validation, each broken by itself and all together.

use serde_json::{Value, json};

use super::super::*;
use super::rule;

fn selection() -> Value {
    json!({"tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": 10})
}

/// A selection with other or more fields; null takes one away.
fn with(more: Value) -> Value {
    let mut selection = selection();
    for (key, value) in more.as_object().unwrap() {
        match value {
            Value::Null => drop(selection.as_object_mut().unwrap().remove(key)),
            value => selection[key] = value.clone(),
        }
    }
    selection
}

fn told(rules: &Value) -> Vec<String> {
    let text = json!({"rules": rules, }).to_string();
    match LifecyclePolicy::parse(&text) {
        Ok(_) => Vec::new(),
        Err(mistakes) => mistakes.0.iter().map(ToString::to_string).collect(),
    }
}

/// Nobody knows which of the two AWS takes.
#[test]
fn what_is_said_twice_is_refused() {
    for text in [
        r#"{"rules": [], "rules": [{"rulePriority": 1, "selection": {"tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": 1}, "action": {"type": "expire"}}]}"#,
        r#"{"rules": [{"rulePriority": 1, "selection": {"tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": 9999, "countNumber": 1}, "action": {"type": "expire"}}]}"#,
    ] {
        let mistakes = LifecyclePolicy::parse(text).unwrap_err().to_string();
        assert!(mistakes.contains("is given twice"), "{mistakes}");
    }
}

#[test]
fn each_mistake_is_told_where_it_stands() {
    let one = |more: Value| json!([rule(1, with(more), "expire")]);
    let list = |key: &str, texts: Value| json!({"tagStatus": "tagged", key: texts});
    let (age, pulled) = ("sinceImagePushed", "sinceImagePulled");
    let table = [
        (
            one(json!({"tagStatus": "maybe"})),
            "rules[0].selection.tagStatus: instance value (\"maybe\") not found in enum",
        ),
        (
            one(json!({"countType": "size"})),
            "rules[0].selection.countType: instance value (\"size\") not found in enum",
        ),
        (
            one(json!({"countNumber": 0})),
            "rules[0].selection.countNumber: numeric instance is lower than the required minimum (minimum: 1, found: 0)",
        ),
        (
            one(json!({"countNumber": -3})),
            "rules[0].selection.countNumber: numeric instance is lower than the required minimum (minimum: 1, found: -3)",
        ),
        (
            one(json!({"countNumber": 1.5})),
            "rules[0].selection.countNumber: instance type (number) does not match any allowed primitive type (allowed: [\"integer\"])",
        ),
        (
            one(json!({"countNumber": null})),
            "rules[0].selection: object has missing required properties ([\"countNumber\"])",
        ),
        (
            one(json!({"more": 1})),
            "rules[0].selection: object instance has properties which are not allowed by the schema: [\"more\"]",
        ),
        (
            one(json!({"countUnit": "days"})),
            "rules[0].selection.countUnit: countUnit must not be given when countType=imageCountMoreThan.",
        ),
        (
            json!([{"rulePriority": 1, "selection": with(json!({"countType": age})), "action": {"type": "expire"}}]),
            "rules[0].selection: Must specify countUnit when countType=sinceImagePushed.",
        ),
        (
            one(json!({"countType": age, "countUnit": "hours"})),
            "rules[0].selection.countUnit: instance value (\"hours\") not found in enum",
        ),
        (
            one(json!({"tagStatus": "tagged"})),
            "rules[0].selection: Must specify tagPrefixList or tagPatternList when tagStatus=TAGGED.",
        ),
        (
            one(list("tagPrefixList", json!([]))),
            "rules[0].selection: Must specify tagPrefixList or tagPatternList when tagStatus=TAGGED.",
        ),
        (
            one(json!({"tagStatus": "tagged", "tagPrefixList": ["a"], "tagPatternList": ["a*"]})),
            "rules[0].selection: Only one of tagPrefixList and tagPatternList can be specified in a rule.",
        ),
        (
            one(json!({"tagPrefixList": ["a"]})),
            "rules[0].selection.tagPrefixList: tagPrefixList must not be given when tagStatus=ANY.",
        ),
        (
            one(json!({"tagStatus": "untagged", "tagPatternList": ["a"]})),
            "rules[0].selection.tagPatternList: tagPatternList must not be given when tagStatus=UNTAGGED.",
        ),
        (
            one(list("tagPatternList", json!(["a*b*c*d*e*"]))),
            "rules[0].selection.tagPatternList[0]: a maximum of 4 wildcards (*) is allowed per string, found 5",
        ),
        (
            one(list("tagPatternList", json!([1]))),
            "rules[0].selection.tagPatternList[0]: instance type (integer)",
        ),
        (
            one(json!({"storageClass": "cold"})),
            "rules[0].selection.storageClass: instance value (\"cold\") not found in enum",
        ),
        (
            one(json!({"countType": pulled})),
            "rules[0]: countType=sinceImagePulled can only be used with the action transition.",
        ),
        (
            one(json!({"storageClass": "archive"})),
            "rules[0]: countType=imageCountMoreThan can only be used with storageClass=standard.",
        ),
        (
            one(json!({"countType": "sinceImageTransitioned"})),
            "rules[0]: countType=sinceImageTransitioned requires storageClass=archive.",
        ),
        (
            one(json!({"countType": "sinceImageTransitioned", "storageClass": "archive", "countNumber": 89})),
            "rules[0]: images stay in the archive for 90 days at least",
        ),
        (
            json!([rule(
                1,
                with(json!({"countType": "sinceImageTransitioned", "storageClass": "archive", "countNumber": 90})),
                "transition"
            )]),
            "rules[0]: countType=sinceImageTransitioned can only be used with the action expire.",
        ),
        (
            json!([{"rulePriority": 1, "selection": selection(), "action": {"type": "transition"}}]),
            "rules[0].action: Must specify targetStorageClass when the action type is transition.",
        ),
        (
            json!([{"rulePriority": 1, "selection": selection(), "action": {"type": "expire", "targetStorageClass": "archive"}}]),
            "rules[0].action.targetStorageClass: targetStorageClass must not be given when the action type is expire.",
        ),
        (
            json!([{"rulePriority": 1, "selection": selection(), "action": {"type": "keep"}}]),
            "rules[0].action.type: instance value (\"keep\") not found in enum",
        ),
        (
            json!([rule(0, selection(), "expire")]),
            "rules[0].rulePriority: numeric instance is lower than the required minimum (minimum: 1, found: 0)",
        ),
        (
            json!([{"selection": selection(), "action": {"type": "expire"}}]),
            "rules[0]: object has missing required properties ([\"rulePriority\"])",
        ),
        (
            json!([{"rulePriority": 1, "description": 5, "selection": selection(), "action": {"type": "expire"}}]),
            "rules[0].description: instance type (integer)",
        ),
        (
            json!([
                rule(1, selection(), "expire"),
                rule(2, with(json!({"tagStatus": "untagged"})), "expire")
            ]),
            "rules[0]: Rule for tagStatus=ANY must have the lowest priority per storage class",
        ),
        (
            json!([
                rule(1, with(json!({"tagStatus": "untagged"})), "expire"),
                rule(2, with(json!({"tagStatus": "untagged", "countNumber": 3})), "expire")
            ]),
            "rules[1]: Only one rule can select Untagged images per storage class.",
        ),
        (
            json!([
                rule(1, with(list("tagPrefixList", json!(["a", "b"]))), "expire"),
                rule(2, with(list("tagPrefixList", json!(["b", "a"]))), "expire")
            ]),
            "rules[1]: rules[0] has the same tags already; each storage class needs unique sets of them.",
        ),
        (
            json!([
                rule(3, with(json!({"tagStatus": "untagged"})), "expire"),
                rule(3, selection(), "expire")
            ]),
            "rules[1]: rulePriority 3 is that of rules[0] already; each has to be unique.",
        ),
        (
            json!([]),
            "rules: array is too short: must have at least 1 elements but instance has 0 elements",
        ),
        (
            json!("none"),
            "rules: instance type (string) does not match any allowed primitive type (allowed: [\"array\"])",
        ),
        (
            json!([7]),
            "rules[0]: instance type (integer) does not match any allowed primitive type (allowed: [\"object\"])",
        ),
    ];
    for (rules, expected) in table {
        let told = told(&rules);
        assert!(
            told.iter().any(|mistake| mistake.starts_with(expected)),
            "{rules}\nexpected {expected}\ntold {told:#?}"
        );
    }
}

#[test]
fn everything_is_told_at_once_and_near_misses_are_no_mistakes() {
    let wrong = json!([
        rule(0, with(json!({"tagStatus": "maybe"})), "keep"),
        {"rulePriority": 1, "selection": {}, "action": {}},
        rule(2, with(json!({"countType": "sinceImagePulled"})), "expire"),
    ]);
    assert_eq!(told(&wrong).len(), 6, "{:#?}", told(&wrong));
    let prefix = |text: &str| with(json!({"tagStatus": "tagged", "tagPrefixList": [text]}));
    let pattern = |text: &str| with(json!({"tagStatus": "tagged", "tagPatternList": [text]}));
    let archive = with(json!({"storageClass": "archive", "countType": "sinceImageTransitioned", "countNumber": 90}));
    let untagged = |class: &str, count: &str, number: u64| {
        with(json!({"tagStatus": "untagged", "storageClass": class, "countType": count, "countNumber": number}))
    };
    let fine = [
        json!([
            rule(1, prefix("a"), "expire"),
            rule(2, pattern("a"), "expire"),
            rule(9, selection(), "expire")
        ]),
        json!([
            rule(1, with(json!({"storageClass": "standard"})), "expire"),
            rule(2, archive, "expire")
        ]),
        json!([
            rule(5, untagged("standard", "imageCountMoreThan", 1), "expire"),
            rule(1, untagged("archive", "sinceImageTransitioned", 91), "expire")
        ]),
    ];
    for rules in fine {
        assert_eq!(told(&rules), Vec::<String>::new(), "{rules}");
    }
}

#[test]
fn texts_that_are_no_policy_are_refused_whole() {
    for (text, expected) in [
        ("", "is not JSON"),
        ("[]", "instance type (array)"),
        ("{\"rules\": [}", "is not JSON"),
        ("{}", "object has missing required properties ([\"rules\"])"),
    ] {
        let mistakes = LifecyclePolicy::parse(text).unwrap_err().to_string();
        assert!(mistakes.contains(expected), "{text}: {mistakes}");
    }
    let long = format!("{{\"rules\": []}}{}", " ".repeat(LONGEST_TEXT));
    assert!(
        LifecyclePolicy::parse(&long)
            .unwrap_err()
            .to_string()
            .contains("AWS takes 30720 at most")
    );
    let deep = "[".repeat(20_000);
    assert!(LifecyclePolicy::parse(&deep).is_err());
    let many: Value = (0..51)
        .map(|number| {
            rule(
                number + 1,
                with(json!({"tagStatus": "tagged", "tagPrefixList": [format!("p{number}")]})),
                "expire",
            )
        })
        .collect();
    assert_eq!(
        told(&many),
        ["rules: array is too long: must have at most 50 elements but instance has 51 elements"]
    );
}

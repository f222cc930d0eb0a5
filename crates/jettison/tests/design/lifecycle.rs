//! Lifecycle policies of ECR: what AWS's own examples say, by `ecr evaluate`, and what `ecr-policy` makes of the same on any
//! registry: AWS's verdicts under the holds of jettison.

use serde_json::{Value, json};

use super::world::{Answer, Case, check, images};

fn rule(priority: u64, selects: &Value, counts: (&str, u64)) -> Value {
    let mut selection = selects.clone();
    selection["countType"] = json!(counts.0);
    selection["countNumber"] = json!(counts.1);
    if counts.0 != "imageCountMoreThan" {
        selection["countUnit"] = json!("days");
    }
    json!({"rulePriority": priority, "selection": selection, "action": {"type": "expire"}})
}

fn tagged(patterns: &[&str]) -> Value {
    json!({"tagStatus": "tagged", "tagPatternList": patterns})
}

fn status(status: &str) -> Value {
    json!({"tagStatus": status})
}

const MORE: &str = "imageCountMoreThan";
const PUSHED: &str = "sinceImagePushed";

/// The examples of AWS with more than one answer, as (images, rules, what goes and by which rule).
fn examples() -> Vec<(&'static str, Value, &'static [&'static str])> {
    let rules_a = "A beta-1,prod-1 10d\nB beta-2,prod-2 9d\nC beta-3 8d";
    let both = |counts| json!([rule(1, &tagged(&["alpha*", "beta*"]), counts)]);
    vec![
        (
            rules_a,
            json!([
                rule(1, &tagged(&["prod*"]), (MORE, 1)),
                rule(2, &tagged(&["beta*"]), (MORE, 1))
            ]),
            &["expire A 1", "none B", "none C"],
        ),
        (
            rules_a,
            json!([
                rule(1, &tagged(&["beta*"]), (MORE, 1)),
                rule(2, &tagged(&["prod*"]), (MORE, 1))
            ]),
            &["expire A 1", "expire B 1", "none C"],
        ),
        (
            "A alpha-1 12d\nB beta-1 11d\nC alpha-2,beta-2 10d\nD alpha-3 4d\nE beta-3 3d\nF alpha-4,beta-4 2d",
            both((PUSHED, 5)),
            &["expire C 1", "none A", "none B", "none D", "none E", "none F"],
        ),
        (
            "A alpha-1,beta-1,gamma-1 10d\nB alpha-2,beta-2 9d\nC alpha-3,beta-3,gamma-2 8d",
            both((MORE, 1)),
            &["expire A 1", "expire B 1", "none C"],
        ),
        (
            "A alpha-1 4d\nB beta-1 3d\nC - 2d\nD alpha-2 1d",
            json!([rule(1, &status("any"), (MORE, 1))]),
            &["expire A 1", "expire B 1", "expire C 1", "none D"],
        ),
        (
            "A alpha-1,beta-1 4d\nB - 3d\nC alpha-2 2d\nD git-hash 1d\nE - 23h",
            json!([
                rule(1, &tagged(&["alpha*"]), (MORE, 1)),
                rule(2, &status("untagged"), (PUSHED, 1)),
                rule(3, &status("any"), (MORE, 1)),
            ]),
            &["expire A 1", "expire B 2", "expire D 3", "none C", "none E"],
        ),
    ]
}

#[test]
fn the_examples_of_aws_come_out_as_aws_says() {
    for (text, rules, expected) in examples() {
        let answer = images(text).ecr(&rules).evaluate();
        assert_eq!(
            (answer.code, answer.judged()),
            (0, expected.iter().map(ToString::to_string).collect()),
            "{rules}"
        );
    }
}

/// What is older than the grace period and unused goes as AWS says, whatever the registry.
#[test]
fn an_ecr_policy_judges_as_aws_does() {
    for (text, rules, expected) in examples() {
        let case = images(text).ecr(&rules).settings("grace: 1h");
        let plan = case.plan();
        let gone: Vec<String> = plan
            .outcome()
            .into_iter()
            .filter(|line| line.starts_with("delete "))
            .collect();
        let expected: Vec<String> = expected
            .iter()
            .filter_map(|line| line.strip_prefix("expire "))
            .map(|image| format!("delete {}", &image[..1]))
            .collect();
        assert_eq!((plan.code, gone), (0, expected), "{rules}");
    }
}

fn everything(text: &str) -> Case {
    images(text).ecr(&json!([rule(1, &status("any"), (PUSHED, 1))]))
}

#[test]
fn what_jettison_holds_stays_whatever_aws_would_do() {
    let used = "@prod complete\nr.example.com/apps/web:main";
    check(&[
        ("nobody uses it", everything("app main,other 40d"), "delete app"),
        (
            "used by one tag",
            everything("app main,other 40d").usage(used),
            "keep app:main hold in-use; keep app:other hold in-use",
        ),
        (
            "just pushed",
            everything("app main 40d\nnew x 23h"),
            "delete app; keep new:x hold grace",
        ),
        (
            "a source says nothing",
            everything("app main 40d").usage("@prod partial"),
            "keep app:main hold usage-incomplete",
        ),
        (
            "the last one stays",
            everything("app main 40d").settings("limits: { keep-at-least: 1 }"),
            "keep app:main keep-at-least",
        ),
        (
            "a child of what is used",
            everything("index main 40d children=amd,arm\namd - 40d\narm - 40d")
                .usage("@prod complete\nr.example.com/apps/web@amd"),
            "keep index:main hold in-use",
        ),
    ]);
}

/// AWS counts every manifest as an image; what it would take from under an index that stays is not taken.
#[test]
fn what_hangs_together_stays_and_goes_together() {
    let index = "index main 40d children=amd,arm\namd - 39d\narm - 39d\nsig @index.sig 39d kind=artifact\n";
    let untagged = json!([rule(1, &status("untagged"), (PUSHED, 14))]);
    let newest = json!([rule(1, &status("any"), (MORE, 2))]);
    let tagged_only = json!([rule(1, &tagged(&["main"]), (PUSHED, 14))]);
    assert_eq!(
        images(index).ecr(&untagged).evaluate().judged(),
        ["expire amd 1", "expire arm 1", "none index", "none sig"]
    );
    check(&[
        (
            "children stay with their index",
            images(index).ecr(&untagged),
            "keep index:main no-rule",
        ),
        (
            "they go with it, though no rule speaks of them",
            images(index).ecr(&tagged_only),
            "delete index; follow amd; follow arm; follow sig",
        ),
        (
            "a signature and a child take the places of images",
            images(&format!("{index}old old 50d")).ecr(&newest),
            "delete old; delete index; follow amd; follow arm; follow sig",
        ),
    ]);
}

#[test]
fn the_verdict_on_an_image_is_that_on_all_its_tags() {
    let rules = json!([rule(1, &tagged(&["main*"]), (PUSHED, 14))]);
    check(&[
        ("one tag fits", images("app main-1,v1 40d").ecr(&rules), "delete app"),
        ("none does", images("app v1 40d").ecr(&rules), "keep app:v1 no-rule"),
        (
            "too young",
            images("app main-1 13d").ecr(&rules),
            "keep app:main-1 not-expired",
        ),
        (
            "a tag that was set today makes nothing younger for AWS, but is held",
            images("app main-1~2h,v1 40d").ecr(&rules),
            "keep app:main-1 hold grace; keep app:v1 hold grace",
        ),
    ]);
}

/// Without a push time an image is neither marked nor counted.
#[test]
fn what_came_nobody_knows_when_stays() {
    let rules = json!([rule(1, &status("any"), (MORE, 1))]);
    let case = images("a x 40d\nb y first_seen=30d\nc z 20d").ecr(&rules);
    assert_eq!(case.evaluate().judged(), ["expire a 1", "none b", "none c"]);
    check(&[(
        "its place",
        case,
        "delete a; keep b:y not-expired; keep c:z not-expired",
    )]);
}

/// `sinceImagePulled` may only archive; where nobody keeps pull times, it does not even that.
#[test]
fn unknown_pulls_archive_nothing() {
    let rules = json!([{"rulePriority": 1, "selection": {"tagStatus": "any", "countType": "sinceImagePulled", "countUnit": "days",
        "countNumber": 30}, "action": {"type": "transition", "targetStorageClass": "archive"}}]);
    let case = |repository: &str| {
        let policy = "policies:\n  - name: p\n    archive-anyway: true\n    ecr-policy: lifecycle.json\n";
        let header = format!("@apps/web cap.archive=true {repository}\n");
        images(&format!("{header}app main 90d")).ecr(&rules).file(policy)
    };
    check(&[
        ("none are kept", case(""), "keep app:main not-expired"),
        (
            "they do not reach back",
            case("cap.pull_time=true pull_data_since=20d"),
            "keep app:main not-expired",
        ),
        (
            "they do",
            case("cap.pull_time=true pull_data_since=60d"),
            "archive app expired",
        ),
    ]);
    assert_eq!(case("").evaluate().judged(), ["transition app 1"]);
}

#[track_caller]
fn refused(answer: &Answer, words: &[&str]) {
    assert_eq!(answer.code, 2, "{}", answer.stdout);
    for word in words {
        assert!(answer.stderr.contains(word), "{word}: {}", answer.stderr);
    }
}

#[test]
fn what_aws_would_refuse_is_refused_with_every_mistake() {
    let rules = json!([
        rule(1, &status("any"), (MORE, 0)),
        rule(1, &status("maybe"), (PUSHED, 1)),
    ]);
    let case = images("app main 40d").ecr(&rules);
    let mistakes = ["rules[0].selection.countNumber", "rules[1].selection.tagStatus"];
    refused(&case.evaluate(), &mistakes);
    refused(&case.plan(), &["policy.yaml:3", mistakes[0], mistakes[1]]);
    let twice = "policies:\n  - { name: p, ecr-policy: lifecycle.json, rules: [ { match: {}, keep: always } ] }\n";
    refused(&case.file(twice).plan(), &["either `rules` or an `ecr-policy`"]);
    let elsewhere = images("app main 40d").file("policies:\n  - { name: p, ecr-policy: nowhere.json }\n");
    refused(&elsewhere.plan(), &["nowhere.json", "policy.yaml:2"]);
    let neither = images("app main 40d").file("policies:\n  - { name: p }\n");
    refused(&neither.plan(), &["ecr-policy"]);
}

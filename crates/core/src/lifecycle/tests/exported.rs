//! Rules of jettison as lifecycle policies: AWS is never told to take what the rules would keep.

use proptest::prelude::*;
use proptest::sample::select;
use serde_json::Value;

use super::super::*;
use super::rooms::{NOW, inventories};
use crate::config::Config;
use crate::policy::Policy;

fn read(rules: &[String]) -> Policy {
    let rules: String = rules.iter().map(|rule| format!("      - {{ {rule} }}\n")).collect();
    let text = format!("policies:\n  - name: p\n    rules:\n{rules}");
    let (config, _) = Config::parse("jettison.yaml", &text).unwrap_or_else(|found| panic!("{}", found.render(false)));
    config.policies.unwrap().remove(0)
}

const ALL: &str = "kinds: [image, build-cache, chart, artifact, orphan]";

fn rules() -> impl Strategy<Value = String> {
    let by_image = select(vec![
        "",
        "untagged: true",
        "image-tags: [\"prod*\"]",
        "image-tags: [\"beta*\", \"!prod*\"]",
        "image-tags: [\"*1\"]",
    ]);
    let matches = select(vec![
        "",
        "untagged: true",
        "tags: [\"prod*\"]",
        "tags: [\"prod*\", \"beta-1\"]",
        "tags: [\"!prod*\"]",
        "tags: [\"{prod,beta}-1\", \"x\"]",
        "tags: [\"*\"]",
        "tags: [\"s*\"]",
        "tags-regex: \"beta.*\"",
        "image-tags: [\"prod*\"]",
        "image-tags: [\"prod*\", \"*1\"]",
        "image-tags: [\"*\"]",
        "image-tags: [\"beta*\", \"!prod*\"]",
        "image-tags: [\"{prod,beta}-*\"]",
        "image-tags: [\"pro?-*\"]",
        "image-tags: [\"s*\"]",
        "labels: { team: ant }",
        "labels: { team: bee }",
        "platforms: [\"linux/*\"]",
    ]);
    let taking = select(vec![
        "expire: { older-than: 2d }",
        "expire: { beyond-newest: 1 }",
        "expire: { beyond-newest: 2 }",
    ]);
    let verbs = select(vec![
        "keep: always",
        "keep: always",
        "expire: { older-than: 3d }",
        "expire: { older-than: 36h }",
        "expire: { older-than: 0d }",
        "expire: { beyond-newest: 2 }",
        "expire: { beyond-newest: 0 }",
        "expire: { beyond-newest: 1, older-than: 3d }",
        "expire: [ { larger-than: 1kB }, { older-than: 9d }, { beyond-newest: 1 } ]",
        "expire: { archived-for: 100d }",
        "expire: { archived-for: 10d }",
        "expire: { not-pulled-for: 3d }",
        "expire: { older-than: 2d }, unless: { newest-per: { day: 2 } }",
        "expire: { older-than: 5d }, action: archive",
        "expire: { archived-for: 90d }, action: archive",
    ]);
    let kinds = prop_oneof![16 => Just(ALL), 1 => Just(""), 1 => Just("kinds: [image, orphan]")];
    let archived = select(vec!["", "archived: true", "archived: false", "archived: false"]);
    let counting = select(vec![
        "",
        "since: push",
        "rank-among: fitting",
        "since: push, rank-among: fitting",
        "since: push, rank-among: fitting",
    ]);
    let group = prop_oneof![8 => Just(""), 1 => Just("group-by: branch"), 1 => Just("order: semver")];
    let matches = prop_oneof![1 => by_image, 1 => matches];
    let verbs = prop_oneof![1 => taking, 1 => verbs];
    (matches, kinds, archived, verbs, counting, group).prop_map(|(matches, kinds, archived, verb, counting, group)| {
        let ranks = verb.contains("beyond-newest") || verb.contains("unless");
        let archived = if ranks && archived == "archived: true" {
            ""
        } else {
            archived
        };
        let keys = [matches, kinds, archived]
            .into_iter()
            .filter(|key| !key.is_empty())
            .collect::<Vec<_>>()
            .join(", ");
        let mut parts = vec![format!("match: {{ {keys} }}"), verb.to_owned()];
        parts.extend(
            [counting, group]
                .into_iter()
                .filter(|key| !key.is_empty())
                .map(str::to_owned),
        );
        parts.join(", ")
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn aws_takes_nothing_that_the_rules_keep(rules in prop::collection::vec(rules(), 1..5), inventories in prop::collection::vec(inventories(), 4)) {
        let own = read(&rules);
        let export = Export::of(own.rules.own());
        let Some(aws) = &export.policy else { return Ok(()) };
        let text = export.text().unwrap();
        prop_assert_eq!(&LifecyclePolicy::parse(&text).unwrap_or_else(|mistakes| panic!("{mistakes}\n{text}")), aws);
        for inventory in inventories {
            let comparison = Comparison::of(&inventory, NOW, (&own, aws), |_| true);
            let is_exact = |wanted: &dyn Fn(&ExportedRule) -> bool| {
                let rule = export.rules.iter().find(|rule| wanted(rule));
                rule.is_none_or(|rule| rule.fidelity == Fidelity::Exact)
            };
            for difference in &comparison.differences {
                prop_assert!(difference.aws.action.is_none(), "{difference:#?}\n{rules:#?}\n{text}");
                let by_aws = |rule: &ExportedRule| {
                    let mut names = rule.priorities.iter().map(|priority| format!("priority {priority}"));
                    names.any(|name| Some(name) == difference.aws.rule)
                };
                let by_own = |rule: &ExportedRule| Some(&rule.name) == difference.jettison.rule.as_ref();
                prop_assert!(!(is_exact(&by_aws) && is_exact(&by_own)), "{difference:#?}\n{rules:#?}\n{text}");
            }
            prop_assert!(!export.is_exact() || comparison.differences.is_empty(), "{:#?}\n{rules:#?}\n{text}", comparison.differences);
        }
    }
}

/// `name: fidelity [reasons] priorities` of each rule, and the policy in short.
fn told(rules: &[&str]) -> (Vec<String>, Vec<String>) {
    let rules: Vec<String> = rules.iter().map(|rule| (*rule).to_owned()).collect();
    let export = Export::of(read(&rules).rules.own());
    let rules = export.rules.iter().map(|rule| {
        let reasons: Vec<&str> = rule.reasons.iter().map(Unsayable::code).collect();
        format!(
            "{}: {} {reasons:?} {:?}",
            rule.name,
            rule.fidelity.code(),
            rule.priorities
        )
        .replace('"', "")
    });
    let said = export.policy.iter().flat_map(LifecyclePolicy::rules).map(|rule| {
        let LifecycleRule {
            priority,
            count,
            action,
            storage_class,
            ..
        } = rule;
        let selects = match &rule.selects {
            TagSelection::Patterns(patterns) => patterns.iter().map(TagPattern::as_str).collect::<Vec<_>>().join("+"),
            other => format!("{other:?}"),
        };
        format!("{priority} {storage_class:?} {selects} {count:?} {action:?}")
    });
    (rules.collect(), said.collect())
}

#[test]
fn what_aws_cannot_say_protects() {
    let table: [(&[&str], &[&str], &[&str]); 12] = [
        // A tag that attaches is none of an entry, and one of an image.
        (
            &[
                "name: a, match: { tags: [\"s*\"] }, keep: always",
                "name: b, match: { tags: [\"!s*\"] }, keep: always",
                &format!("name: c, match: {{ {ALL}, archived: false }}, since: push, expire: {{ older-than: 30d }}"),
            ],
            &[
                "a: nearest [each-tag] [1]",
                "b: nearest [excluded-tags] [2]",
                "c: exact [] [3]",
            ],
            &[
                "1 Standard s* DaysSincePushed(36500) Expire",
                "2 Standard * DaysSincePushed(36500) Expire",
                "3 Standard Any DaysSincePushed(30) Expire",
            ],
        ),
        // What a rule governs is known without AWS for the first one alone.
        (
            &[
                &format!(
                    "name: a, match: {{ {ALL}, archived: false, image-tags: [\"v*\"] }}, since: push, expire: {{ beyond-newest: 3 }}"
                ),
                &format!(
                    "name: b, match: {{ {ALL}, archived: false, image-tags: [\"w*\"] }}, since: push, expire: {{ beyond-newest: 3 }}"
                ),
            ],
            &["a: exact [] [1]", "b: not-expressible [ranking] []"],
            &["1 Standard v* MoreThan(3) Expire"],
        ),
        (
            &[
                "name: a, match: { tags: [\"{main,dev}-*\"] }, keep: always",
                &format!("name: b, match: {{ {ALL}, archived: false }}, since: push, expire: {{ older-than: 30d }}"),
            ],
            &["a: exact [] [1, 2]", "b: exact [] [3]"],
            &[
                "1 Standard main-* DaysSincePushed(36500) Expire",
                "2 Standard dev-* DaysSincePushed(36500) Expire",
                "3 Standard Any DaysSincePushed(30) Expire",
            ],
        ),
        (
            &[
                "name: a, match: { tags: [\"prod*\", \"live\"] }, keep: always",
                &format!("name: b, match: {{ {ALL}, archived: false }}, since: push, expire: {{ older-than: 30d }}"),
            ],
            &["a: exact [] [1, 2]", "b: exact [] [3]"],
            &[
                "1 Standard prod* DaysSincePushed(36500) Expire",
                "2 Standard live DaysSincePushed(36500) Expire",
                "3 Standard Any DaysSincePushed(30) Expire",
            ],
        ),
        (
            &[
                "name: a, match: { tags: [\"dev-*\"] }, expire: { older-than: 7d }",
                &format!(
                    "name: b, match: {{ {ALL}, untagged: true, archived: false }}, since: push, expire: {{ older-than: 25h }}"
                ),
            ],
            &[
                "a: not-expressible [each-tag, kinds] [1]",
                "b: nearest [rounded-up] [2]",
            ],
            &[
                "1 Standard dev-* DaysSincePushed(36500) Expire",
                "2 Standard Untagged DaysSincePushed(2) Expire",
            ],
        ),
        (
            &[
                "name: a, match: { labels: { team: red } }, keep: always",
                &format!("name: b, match: {{ {ALL}, untagged: true }}, since: push, expire: {{ older-than: 1d }}"),
            ],
            &[
                "a: nearest [labels] []",
                "b: not-expressible [archived-by-push, hidden-behind] []",
            ],
            &[],
        ),
        (
            &[
                &format!(
                    "name: 'priority 5: young', match: {{ {ALL}, archived: false, image-tags: [\"v*\"] }}, since: push, rank-among: fitting, expire: {{ beyond-newest: 3 }}"
                ),
                &format!("name: 'priority 9', match: {{ {ALL}, archived: true }}, expire: {{ archived-for: 90d }}"),
                "name: rest, match: {}, keep: always",
            ],
            &[
                "priority 5: young: exact [] [5]",
                "priority 9: exact [] [9]",
                "rest: exact [] []",
            ],
            &[
                "5 Standard v* MoreThan(3) Expire",
                "9 Archive Any DaysSinceTransitioned(90) Expire",
            ],
        ),
        (
            &[&format!(
                "name: a, match: {{ {ALL}, archived: false, image-tags: [\"s*\"] }}, since: push, rank-among: fitting, expire: {{ beyond-newest: 3 }}"
            )],
            &["a: not-expressible [counts-parts] []"],
            &[],
        ),
        (
            &[&format!(
                "name: a, match: {{ {ALL}, image-tags: [\"v*\"] }}, since: push, expire: [ {{ larger-than: 1GB }}, {{ beyond-newest: 3 }} ]"
            )],
            &["a: nearest [ranks-archived, size, alternatives, archived-by-push] [1]"],
            &["1 Standard v* MoreThan(3) Expire"],
        ),
        (
            &[
                "name: a, match: { image-tags: [\"{x,y}-*-*\", \"a*b*c*d*e*f\"] }, keep: always",
                &format!("name: b, match: {{ {ALL}, archived: false }}, since: push, expire: {{ older-than: 3d }}"),
            ],
            &["a: nearest [glob, glob] [1]", "b: exact [] [2]"],
            &[
                "1 Standard *+a*b*c*d* DaysSincePushed(36500) Expire",
                "2 Standard Any DaysSincePushed(3) Expire",
            ],
        ),
        (
            &[&format!("name: a, match: {{ {ALL} }}, expire: {{ older-than: 30d }}")],
            &["a: not-expressible [since, archived-by-push] []"],
            &[],
        ),
        (
            &[&format!("name: a, match: {{ {ALL} }}, expire: {{ archived-for: 10d }}")],
            &["a: nearest [rounded-up] [1]"],
            &["1 Archive Any DaysSinceTransitioned(90) Expire"],
        ),
    ];
    for (rules, expected, said) in table {
        let (found, policy) = told(rules);
        assert_eq!(found, expected, "{rules:#?}");
        assert_eq!(policy, said, "{rules:#?}");
    }
}

#[test]
fn what_aws_cannot_count_is_named() {
    let matched = format!("match: {{ {ALL}, archived: false, image-tags: [\"v*\"] }}");
    let push = "since: push, rank-among: fitting";
    let table = [
        (
            "since: push, expire: { older-than: 30d }",
            "exact []",
            "DaysSincePushed(30) Expire",
        ),
        (
            "since: push, expire: { older-than: 30d }, action: archive",
            "exact []",
            "DaysSincePushed(30) Transition",
        ),
        (
            "since: push, expire: { older-than: 36h }",
            "nearest [rounded-up]",
            "DaysSincePushed(2) Expire",
        ),
        (
            "since: push, expire: { older-than: 0d }",
            "nearest [rounded-up]",
            "DaysSincePushed(1) Expire",
        ),
        ("expire: { older-than: 30d }", "not-expressible [since]", ""),
        (
            "since: push, expire: { older-than: 30d }, unless: { newest-per: { day: 1 } }",
            "not-expressible [unless]",
            "",
        ),
        (
            "since: push, expire: { older-than: 30d, larger-than: 1GB }",
            "not-expressible [several-conditions]",
            "",
        ),
        ("expire: { larger-than: 1GB }", "not-expressible [size]", ""),
        (
            "since: push, expire: { not-pulled-for: 30d }",
            "not-expressible [pulls]",
            "",
        ),
        ("expire: { archived-for: 100d }", "exact []", ""),
        (
            &format!("{push}, expire: {{ beyond-newest: 3 }}"),
            "exact []",
            "MoreThan(3) Expire",
        ),
        (
            &format!("{push}, expire: {{ beyond-newest: 0 }}"),
            "nearest [rounded-up]",
            "DaysSincePushed(1) Expire",
        ),
        (
            &format!("{push}, expire: [ {{ larger-than: 1GB }}, {{ beyond-newest: 3 }} ]"),
            "nearest [alternatives]",
            "MoreThan(3) Expire",
        ),
        (
            &format!("{push}, expire: {{ beyond-newest: 3 }}, group-by: branch"),
            "not-expressible [ranking]",
            "",
        ),
        (
            &format!("{push}, expire: {{ beyond-newest: 3 }}, order: semver"),
            "not-expressible [ranking]",
            "",
        ),
        (
            "rank-among: fitting, expire: { beyond-newest: 3 }",
            "not-expressible [ranking]",
            "",
        ),
    ];
    for (rest, expected, said) in table {
        let (found, policy) = told(&[&format!("name: r, {matched}, {rest}")]);
        let said = Some(said)
            .filter(|said| !said.is_empty())
            .map(|said| format!("1 Standard v* {said}"));
        assert_eq!(policy, said.into_iter().collect::<Vec<_>>(), "{rest}");
        assert!(found[0].starts_with(&format!("r: {expected} ")), "{rest}: {found:?}");
    }
}

/// AWS takes 50 rules and 30720 characters: what does not fit is left out from the end, which only keeps more.
#[test]
fn what_does_not_fit_is_left_out_from_the_end() {
    let numbered = |pattern: &dyn Fn(usize) -> String| -> Vec<String> {
        let rule = |number| {
            let pattern = pattern(number);
            format!(
                "name: r{number}, match: {{ {ALL}, archived: false, image-tags: [{pattern}] }}, since: push, expire: {{ older-than: 1d }}"
            )
        };
        (0..60).map(rule).collect()
    };
    let many = Export::of(read(&numbered(&|number| format!("v{number}-"))).rules.own());
    assert_eq!(many.policy.as_ref().unwrap().rules().len(), MOST_RULES);
    assert_eq!(many.rules[49].fidelity, Fidelity::Exact);
    assert_eq!(many.rules[50].fidelity, Fidelity::Unsayable);
    assert_eq!(many.rules[59].reasons, [Unsayable::TooManyRules]);
    let long = Export::of(
        read(&numbered(&|number| format!("{}{number}", "v".repeat(900))))
            .rules
            .own(),
    );
    let text = long.text().unwrap();
    assert!(text.chars().count() <= LONGEST_TEXT && text.chars().count() > LONGEST_TEXT - 1_200);
    assert!(long.rules.iter().any(|rule| rule.reasons == [Unsayable::TooLong]));
    serde_json::from_str::<Value>(&text).unwrap();
}

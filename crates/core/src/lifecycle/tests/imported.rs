//! Lifecycle policies in the words of jettison: what is called exact judges every generated inventory alike, and what is not
//! keeps more.

use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};

use super::super::*;
use super::rooms::{NOW, inventories};
use super::{policy, rule};
use crate::config::Config;
use crate::policy::Policy;

const SCOPE: ImportScope<'_> = ImportScope {
    name: "imported",
    repositories: &[],
};

/// The policy that an import wrote, and the codes of what its reader warns of.
fn read(import: &Import) -> (Policy, Vec<&'static str>) {
    let (config, warnings) =
        Config::parse("imported.yaml", &import.yaml).unwrap_or_else(|found| panic!("{}", found.render(false)));
    let codes = warnings.iter().map(|warning| warning.code).collect();
    (config.policies.unwrap().remove(0), codes)
}

/// A rule without its priority; what AWS would refuse is sorted out later.
fn selection() -> impl Strategy<Value = (Value, &'static str)> {
    let patterns = select(vec![
        "prod*", "beta*", "*1", "prod-1", "s*", "*", "sha256-*", "*.sig", "a*a*", "x", "no/tag", "p?od*", "",
    ]);
    let prefixes = select(vec!["prod", "beta-", "s", "sha256-", "", "x", "prod*"]);
    let texts = |key: &'static str, texts: BoxedStrategy<&'static str>| {
        prop::collection::vec(texts, 1..3).prop_map(move |texts| json!({"tagStatus": "tagged", key: texts}))
    };
    let tags = prop_oneof![
        4 => texts("tagPatternList", patterns.boxed()),
        2 => texts("tagPrefixList", prefixes.boxed()),
        1 => Just(json!({"tagStatus": "untagged"})),
        1 => Just(json!({"tagStatus": "any"})),
    ];
    let count = prop_oneof![
        6 => (1..4_u64).prop_map(|number| (json!({"countType": "imageCountMoreThan", "countNumber": number}), "expire")),
        1 => (1..3_u64).prop_map(|number| (json!({"countType": "imageCountMoreThan", "countNumber": number}), "transition")),
        3 => (1..14_u64).prop_map(|days| (json!({"countType": "sinceImagePushed", "countNumber": days}), "expire")),
        1 => Just((json!({"countType": "sinceImagePushed", "countNumber": 40_000}), "expire")),
        1 => (1..14_u64).prop_map(|days| (json!({"countType": "sinceImagePulled", "countNumber": days}), "transition")),
        2 => (90..250_u64).prop_map(|days| (json!({"countType": "sinceImageTransitioned", "storageClass": "archive", "countNumber": days}), "expire")),
    ];
    (tags, count).prop_map(|(mut tags, (count, action))| {
        tags.as_object_mut().unwrap().extend(count.as_object().unwrap().clone());
        (tags, action)
    })
}

/// Policies that AWS accepts: rules that would make one unacceptable are left out.
fn policies() -> impl Strategy<Value = LifecyclePolicy> {
    let description = select(vec![
        "",
        "keep the last",
        "with: colon # and \"quotes\"",
        "priority 3",
        "two\nlines",
    ]);
    let rules = prop::collection::vec((selection(), 1..90_u64, description), 1..7);
    rules.prop_filter_map("an acceptable rule", |rules| {
        let mut accepted: Option<(Vec<Value>, LifecyclePolicy)> = None;
        for ((selection, action), priority, description) in rules {
            let mut more = accepted.as_ref().map(|(rules, _)| rules.clone()).unwrap_or_default();
            more.push(rule(priority, selection, action));
            if !description.is_empty() {
                more.last_mut().unwrap()["description"] = json!(description);
            }
            if let Ok(read) = LifecyclePolicy::parse(&json!({"rules": &more}).to_string()) {
                accepted = Some((more, read));
            }
        }
        accepted.map(|(_, policy)| policy)
    })
}

/// The policy as an export writes it: prefixes as patterns, descriptions on one line, and nothing that is never reached.
fn plainly(policy: &LifecyclePolicy) -> LifecyclePolicy {
    let mut rules: Vec<LifecycleRule> = Vec::new();
    for rule in policy.rules() {
        let mut rule = rule.clone();
        if let TagSelection::Prefixes(prefixes) = &rule.selects {
            let patterns = prefixes
                .iter()
                .map(|prefix| TagPattern::new(format!("{prefix}*")).unwrap());
            rule.selects = TagSelection::Patterns(patterns.collect());
        }
        rule.description = rule.description.map(|text| text.replace('\n', " "));
        let texts = |rule: &LifecycleRule| match &rule.selects {
            TagSelection::Patterns(patterns) => Some(patterns.clone()),
            _ => None,
        };
        let is_hidden = rules
            .iter()
            .filter(|earlier| earlier.storage_class == rule.storage_class)
            .any(|earlier| {
                let both = texts(earlier).zip(texts(&rule));
                both.is_some_and(|(earlier, own)| earlier.iter().all(|text| own.contains(text)))
            });
        if !is_hidden {
            rules.push(rule);
        }
    }
    LifecyclePolicy { rules }
}

/// The rules that an import says exactly, but for what has no words on the other side: stars in prefixes, and periods of
/// more than a century. None: there are no such rules.
fn sayable(mut policy: LifecyclePolicy) -> Option<LifecyclePolicy> {
    let exact = policy
        .import(SCOPE)
        .rules
        .into_iter()
        .map(|rule| rule.inexact.is_none());
    let has_words = |rule: &LifecycleRule| match &rule.selects {
        TagSelection::Prefixes(prefixes) => !prefixes.iter().any(|prefix| prefix.contains('*')),
        _ => rule.count.number() <= 36_525,
    };
    let mut exact: Vec<bool> = exact.collect();
    policy
        .rules
        .retain(|rule| exact.remove(0) && has_words(rule) && rule.count.number() <= 36_525);
    (!policy.rules.is_empty()).then_some(policy)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn exact_rules_judge_alike_and_the_others_keep_more(policy in policies(), inventories in prop::collection::vec(inventories(), 4)) {
        let import = policy.import(SCOPE);
        let (own, warnings) = read(&import);
        for code in warnings {
            prop_assert!(matches!(code, "unreachable-rule" | "never-fits"), "{code}\n{}", import.yaml);
        }
        for inventory in inventories {
            let comparison = Comparison::of(&inventory, NOW, (&own, &policy), |_| true);
            for difference in &comparison.differences {
                let rule = import.rules.iter().find(|rule| Some(format!("priority {}", rule.priority)) == difference.aws.rule).unwrap();
                prop_assert!(rule.inexact.is_some(), "{}: {difference:#?}\n{}", rule.name, import.yaml);
                prop_assert!(difference.jettison.action.is_none(), "{difference:#?}\n{}", import.yaml);
            }
            prop_assert!(!import.is_exact() || comparison.differences.is_empty());
        }
    }

    #[test]
    fn what_an_exact_import_wrote_exports_to_the_same_policy(policy in policies().prop_filter_map("a rule with words", sayable)) {
        let import = policy.import(SCOPE);
        let export = Export::of(read(&import).0.rules.own());
        prop_assert!(export.is_exact(), "{:#?}", export.rules);
        prop_assert_eq!(export.policy, Some(plainly(&policy)), "{}", import.yaml);
    }
}

/// How often each kind of rule is exact, so that the properties above speak of something.
#[test]
fn exact_and_inexact_rules_are_what_they_are_called() {
    let table = [
        (
            json!({"tagStatus": "any", "countType": "sinceImagePushed", "countNumber": 30}),
            "expire",
            None,
        ),
        (
            json!({"tagStatus": "untagged", "countType": "sinceImagePushed", "countNumber": 30}),
            "transition",
            None,
        ),
        (
            json!({"tagStatus": "tagged", "tagPrefixList": ["prod"], "countType": "imageCountMoreThan", "countNumber": 30}),
            "expire",
            None,
        ),
        (
            json!({"tagStatus": "tagged", "tagPatternList": ["*-prod"], "countType": "imageCountMoreThan", "countNumber": 30}),
            "expire",
            None,
        ),
        (
            json!({"tagStatus": "tagged", "tagPatternList": ["*", "v*"], "countType": "imageCountMoreThan", "countNumber": 30}),
            "expire",
            None,
        ),
        (
            json!({"tagStatus": "tagged", "tagPatternList": ["sha-*"], "countType": "imageCountMoreThan", "countNumber": 30}),
            "expire",
            None,
        ),
        (
            json!({"tagStatus": "tagged", "tagPatternList": ["*g"], "countType": "imageCountMoreThan", "countNumber": 30}),
            "expire",
            Some("counts-parts"),
        ),
        (
            json!({"tagStatus": "tagged", "tagPatternList": ["*"], "countType": "imageCountMoreThan", "countNumber": 30}),
            "expire",
            Some("counts-parts"),
        ),
        (
            json!({"tagStatus": "tagged", "tagPrefixList": ["sha"], "countType": "imageCountMoreThan", "countNumber": 30}),
            "expire",
            Some("counts-parts"),
        ),
        (
            json!({"tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": 30}),
            "expire",
            Some("counts-parts"),
        ),
        (
            json!({"tagStatus": "untagged", "countType": "imageCountMoreThan", "countNumber": 30}),
            "expire",
            Some("counts-parts"),
        ),
        (
            json!({"tagStatus": "any", "countType": "sinceImagePulled", "countNumber": 30}),
            "transition",
            Some("pulls-of-parts"),
        ),
        (
            json!({"tagStatus": "any", "countType": "sinceImageTransitioned", "countNumber": 90, "storageClass": "archive"}),
            "expire",
            None,
        ),
    ];
    for (selection, action, expected) in table {
        let rules = json!([rule(7, selection.clone(), action)]);
        let import = policy(&rules).import(SCOPE);
        assert_eq!(import.rules[0].inexact.map(Inexact::code), expected, "{selection}");
    }
}

#[test]
fn an_import_reads_well() {
    let tagged = |key: &str, texts: Value, number: u64| json!({"tagStatus": "tagged", key: texts, "countType": "imageCountMoreThan", "countNumber": number});
    let mut first = rule(10, tagged("tagPrefixList", json!(["prod", "v["]), 30), "expire");
    first["description"] = json!("Keep 30\nof \"production\"");
    let rules = json!([
        first,
        rule(
            20,
            json!({"tagStatus": "untagged", "countType": "sinceImagePushed", "countNumber": 7}),
            "expire"
        ),
        rule(
            30,
            json!({"tagStatus": "any", "countType": "sinceImagePulled", "countNumber": 90}),
            "transition"
        ),
        rule(
            40,
            json!({"tagStatus": "any", "countType": "sinceImageTransitioned", "countNumber": 365, "storageClass": "archive"}),
            "expire"
        ),
    ]);
    let repositories = ["apps/**".to_owned()];
    let scope = ImportScope {
        name: "web",
        repositories: &repositories,
    };
    let import = policy(&rules).import(scope);
    let (own, warnings) = read(&import);
    assert_eq!(warnings, [""; 0]);
    assert_eq!(own.name, "web");
    let expected = r#"# From a lifecycle policy of Amazon ECR. Its rules speak of images of every
# kind, by all of their tags, and count from the push alone. What is in use,
# young or protected stays whatever they say.
policies:
  - name: "web"
    repositories: ["apps/**"]
    # archive-anyway: true    # jettison archives only where that saves money
    rules:
      - name: "priority 10: Keep 30 of \"production\""
        match:
          kinds: [image, build-cache, chart, artifact, orphan]
          archived: false
          image-tags: ["prod*", "v\\[*"]
        since: push
        rank-among: fitting
        expire: { beyond-newest: 30 }
      - name: "priority 20"
        match:
          kinds: [image, build-cache, chart, artifact, orphan]
          archived: false
          untagged: true
        since: push
        expire: { older-than: 7d }
      - name: "priority 30"
        # Not exact: jettison also counts pulls of what an image consists of,
        # and does nothing where pulls are not known for so long: it leaves as
        # many or more.
        match:
          kinds: [image, build-cache, chart, artifact, orphan]
          archived: false
        since: push
        expire: { not-pulled-for: 90d }
        action: archive
      - name: "priority 40"
        match:
          kinds: [image, build-cache, chart, artifact, orphan]
          archived: true
        expire: { archived-for: 365d }
"#;
    assert_eq!(import.yaml, expected);
}

/// Names stay names, and globs globs, whatever stands in the policy.
#[test]
fn whatever_aws_takes_jettison_reads() {
    let long = "x".repeat(3_000);
    let texts = [
        "",
        "a[b",
        "{a,b}",
        "!v1",
        "\\",
        "a?",
        "é\u{202e}",
        "**",
        "no tag/at all",
        &long,
    ];
    for text in texts {
        let selection = json!({"tagStatus": "tagged", "tagPatternList": [text], "countType": "imageCountMoreThan", "countNumber": 1});
        let mut only = rule(1, selection, "expire");
        only["description"] = json!(text);
        let import = policy(&json!([only])).import(SCOPE);
        let own = read(&import).0;
        assert!(own.rules.own()[0].name.starts_with("priority 1"), "{text}");
    }
}

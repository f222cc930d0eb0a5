//! Every finding in a world where it is due, and in one close by where it is not.

mod money;
mod words;

use std::collections::BTreeSet;

use super::{Code, Finding, lint};
use crate::config::{Config, Severity};
use crate::evaluate::evaluate;
use crate::facts::{Facts, Origin};
use crate::model::{Digest, Gap, Inventory, TagEntry};
use crate::policy::cases::Cases;

const NOW: &str = "2026-11-21T00:00:00Z";

/// A scan of repositories of `r.example`, each with its images in the form of policy tests.
fn scan(repositories: &[(&str, &str)]) -> Inventory {
    let read = repositories.iter().map(|(name, images)| {
        let images: String = images
            .lines()
            .filter(|line| !line.trim().is_empty())
            .map(|line| format!("  - {{ {}, expect: keep }}\n", line.trim()))
            .collect();
        let text = format!("now: {NOW}\nrepository: r.example/{name}\nimages:\n{images}");
        Cases::parse("cases", &text).unwrap().inventory
    });
    let mut scans: Vec<Inventory> = read.collect();
    let mut all = scans.remove(0);
    all.repositories
        .extend(scans.into_iter().flat_map(|scan| scan.repositories));
    all
}

fn findings(config: &str, inventory: &Inventory) -> Vec<Finding> {
    let (config, _) = Config::parse("jettison.yaml", config).unwrap();
    let facts = Facts {
        inventory,
        usage: None,
        config: &config,
        now: NOW.parse().unwrap(),
        origin: Origin::Registries,
    };
    lint(&facts, &evaluate(&facts, inventory))
}

/// A policy `p` for everything with these rules.
fn policy(rules: &[&str]) -> String {
    let rules: String = rules.iter().map(|rule| format!("      - {{ {rule} }}\n")).collect();
    format!("policies:\n  - name: p\n    rules:\n{rules}")
}

/// One line a finding: `code severity policy/rule count`.
fn told(findings: &[Finding]) -> Vec<String> {
    let told = findings.iter().map(|finding| {
        let severity = match finding.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Note => "note",
        };
        let rule = finding.rule.as_ref().map(|rule| format!("/{rule}")).unwrap_or_default();
        let policy = finding.policy.clone().unwrap_or_else(|| "-".to_owned());
        format!("{} {severity} {policy}{rule} {}", finding.code.as_str(), finding.count)
    });
    told.collect()
}

/// Images `TAG-1` to `TAG-count`, old enough for everything.
fn images(tag: &str, count: usize, more: &str) -> String {
    (1..=count)
        .map(|at| format!("tags: [{tag}-{at}], pushed: {}d ago{more}\n", 100 + at))
        .collect()
}

const REST: &str = "name: rest, match: {}, expire: { older-than: 30d }";

/// What is found in a repository `web` with these images.
fn in_web(rules: &[&str], images: &str) -> Vec<String> {
    told(&findings(&policy(rules), &scan(&[("web", images)])))
}

#[test]
fn a_rule_that_fits_nothing_is_told() {
    let keep = "name: production, match: { tags: [\"prd-*\"] }, keep: always";
    assert_eq!(
        in_web(&[keep, REST], &images("prod", 2, "")),
        ["unmatched-rule warning p/production 0"]
    );
    assert_eq!(
        in_web(
            &[keep, REST],
            &format!("{}{}", images("prod", 2, ""), images("prd", 1, ""))
        ),
        [""; 0]
    );
    let charts = "name: charts, match: { kinds: [chart] }, expire: { older-than: 1d }";
    assert_eq!(
        in_web(&[charts, REST], &images("a", 1, "")),
        ["unmatched-rule warning p/charts 0"]
    );
}

#[test]
fn a_rule_that_others_are_always_before_is_told_with_their_names() {
    let rules = [
        "name: v, match: { tags: [\"v*\"] }, keep: always",
        "name: one, match: { tags: [\"*-1\"] }, expire: { older-than: 30d }",
        "name: late, match: { tags: [\"v-1\", \"w-1\"] }, expire: { older-than: 30d }",
        REST,
    ];
    let images = format!("{}{}{}", images("v", 2, ""), images("w", 2, ""), images("x", 2, ""));
    let found = findings(&policy(&rules), &scan(&[("web", &images)]));
    assert_eq!(told(&found), ["shadowed-rule warning p/late 2"]);
    assert!(found[0].message.ends_with("`v` (1), `one` (1)"), "{}", found[0].message);
    assert_eq!(found[0].examples.len(), 2);
    let near = rules.map(|rule| {
        if rule.contains("late") {
            "name: late, match: { tags: [\"v-1\", \"w-2\"] }, expire: { older-than: 30d }"
        } else {
            rule
        }
    });
    assert_eq!(told(&findings(&policy(&near), &scan(&[("web", &images)]))), [""; 0]);
}

#[test]
fn entries_that_no_rule_reaches_are_told_by_kind() {
    let builds = "name: builds, match: { tags: [\"main-*\"] }, expire: { older-than: 30d }";
    let images = "
        tags: [main-1], pushed: 40d ago
        tags: [odd], pushed: 40d ago
        tags: [odd2], pushed: 40d ago
        tags: [chart], kind: chart, pushed: 40d ago
        tags: [cache], kind: build-cache, pushed: 40d ago
        kind: orphan, pushed: 40d ago";
    assert_eq!(
        in_web(&[builds], images),
        [
            "unreached warning p 2",
            "unreached note p 1",
            "unreached note p 1",
            "unreached note p 1"
        ]
    );
    let keeps = "name: the rest, match: {}, keep: always";
    assert_eq!(in_web(&[builds, keeps], images), [""; 0]);
    let caches = "name: caches, match: { kinds: [build-cache] }, expire: { older-than: 30d }";
    let (image, cache) = (
        "tags: [main-1], pushed: 40d ago\n",
        "tags: [cache], kind: build-cache, pushed: 40d ago",
    );
    assert_eq!(
        in_web(&[caches], &format!("{image}{cache}")),
        ["unreached note p 1"],
        "it speaks of no image"
    );
}

#[test]
fn what_is_told_of_unreached_entries_names_places_and_examples() {
    let inventory = scan(&[
        ("api", &images("a", 4, "")),
        ("lib", &images("l", 1, "")),
        ("old", "tags: [b-1], pushed: 1d ago"),
        ("web", "untagged: true, pushed: 40d ago\ntags: [w], pushed: 40d ago"),
        ("x", &images("x", 1, "")),
    ]);
    let found = findings(
        &policy(&["name: b, match: { tags: [\"b-*\"] }, expire: { older-than: 30d }"]),
        &inventory,
    );
    assert_eq!(
        found[0].message,
        "no rule of policy `p` reaches 8 entries of the kind `image` in r.example/api (4), r.example/web (2), r.example/lib (1) \
         and 1 more repository: they stay"
    );
    assert!(
        found[0]
            .examples
            .iter()
            .all(|image| image.starts_with("r.example/api:a-"))
    );
    assert_eq!(found[0].examples.len(), 3, "no more than three");
}

#[test]
fn the_places_with_most_come_first_whenever_they_are_found() {
    let inventory = scan(
        &[1, 2, 3, 4, 5]
            .map(|size| (["a", "b", "c", "d", "e"][size - 1], images("x", size, "")))
            .each_ref()
            .map(|(name, images)| (*name, images.as_str())),
    );
    let found = findings(
        &policy(&["name: b, match: { tags: [\"b-*\"] }, expire: { older-than: 30d }"]),
        &inventory,
    );
    let places = "in r.example/e (5), r.example/d (4), r.example/c (3) and 2 more repositories";
    assert!(found[0].message.contains(places), "{}", found[0].message);
}

/// An orphan is judged by the tags that attach it.
#[test]
fn rules_see_the_tags_of_orphans() {
    let mut inventory = scan(&[("web", "kind: orphan, pushed: 40d ago")]);
    let orphan = &inventory.repositories[0].manifests[0];
    let name = format!("{}.sig", orphan.subject.clone().unwrap().to_string().replace(':', "-"));
    let tag = TagEntry {
        name: name.parse().unwrap(),
        digest: orphan.digest.clone(),
        updated_at: None,
        immutable: false,
    };
    inventory.repositories[0].tags.push(tag);
    let rule =
        |tags: &str| format!("name: r, match: {{ kinds: [orphan], tags: [\"{tags}\"] }}, expire: {{ older-than: 7d }}");
    let told = |tags| told(&findings(&policy(&[&rule(tags)]), &inventory));
    assert_eq!(told("sha256-*.sig"), [""; 0]);
    assert_eq!(
        told("sha256-*.att"),
        ["unreached note p 1", "unmatched-rule warning p/r 0"]
    );
}

#[test]
fn policies_that_govern_nothing_are_told() {
    let config = |second: &str| {
        format!(
            "policies:\n  - {{ name: a, repositories: [\"apps/*\"], rules: [ {{ {REST} }} ] }}\n  - {{ name: b, repositories: [\"{second}\"], rules: [ {{ {REST} }} ] }}\n"
        )
    };
    let inventory = scan(&[("apps/api", &images("a", 1, "")), ("apps/web", &images("a", 1, ""))]);
    assert_eq!(
        told(&findings(&config("libs/**"), &inventory)),
        ["unused-policy warning b 0"]
    );
    let found = findings(&config("apps/w*"), &inventory);
    assert_eq!(told(&found), ["shadowed-policy warning b 1"]);
    assert_eq!(found[0].examples, ["r.example/apps/web"]);
    assert!(found[0].message.ends_with("`a` (1)"), "{}", found[0].message);
    let wider = scan(&[("apps/api", &images("a", 1, "")), ("libs/x", &images("a", 1, ""))]);
    assert_eq!(told(&findings(&config("**"), &wider)), [""; 0]);
    let mut narrow = inventory;
    narrow.complete_registries.clear();
    assert_eq!(
        told(&findings(&config("libs/**"), &narrow)),
        ["unused-policy note b 0"],
        "more may exist"
    );
}

#[test]
fn repositories_that_no_policy_covers_are_told() {
    let config = format!("policies: [ {{ name: a, repositories: [\"apps/*\"], rules: [ {{ {REST} }} ] }} ]");
    let inventory = scan(&[("apps/api", &images("a", 1, "")), ("libs/x", &images("a", 2, ""))]);
    let found = findings(&config, &inventory);
    assert_eq!(
        (told(&found), &found[0].examples),
        (
            vec!["uncovered-repository note - 1".to_owned()],
            &vec!["r.example/libs/x".to_owned()]
        )
    );
}

#[test]
fn what_protects_nothing_is_told() {
    let listed = |protect: &str, immutable: &str| {
        format!(
            "protect: [\"{protect}\"]\nimmutable: [ {{ tags: [\"{immutable}\"] }} ]\n{}",
            policy(&[REST])
        )
    };
    let inventory = scan(&[("apps/web", &images("v", 2, ""))]);
    let told = |config: &str| told(&findings(config, &inventory));
    assert_eq!(
        told(&listed("apps/web:golden", "x*")),
        ["unused-protect warning - 0", "unused-immutable warning - 0"]
    );
    assert_eq!(told(&listed("web", "v-2")), ["unused-protect warning - 0"]);
    for pattern in ["apps/*", "r.example/apps/web:v-1", "**:v*"] {
        assert_eq!(told(&listed(pattern, "v*")), [""; 0], "{pattern}");
    }
    let aliased = format!(
        "registries: [ {{ host: r.example, aliases: [other.example] }} ]\nimmutable: [ {{ tags: [\"v*\"], registries: [other.example] }} ]\n{}",
        listed("other.example/apps/web", "v*").replace("immutable: [ { tags: [\"v*\"] } ]\n", "")
    );
    assert_eq!(told(&aliased), [""; 0], "a registry goes by all of its names");
}

#[test]
fn pull_conditions_without_pull_data_are_told() {
    let stale = "name: stale, match: {}, expire: [ { not-pulled-for: 90d }, { not-pulled-for: 30d } ]";
    let mut inventory = scan(&[("web", &images("a", 2, ""))]);
    let told = |inventory: &Inventory| told(&findings(&policy(&[stale]), inventory));
    assert_eq!(told(&inventory), ["no-pull-data warning p/stale 2"]);
    inventory.repositories[0].capabilities.pull_time = None;
    assert_eq!(told(&inventory), ["no-pull-data warning p/stale 2"]);
    inventory.repositories[0].capabilities.pull_time = Some(true);
    for (since, expected) in [
        (None, 1),
        (Some("1970-01-01T00:00:00Z"), 1),
        (Some("2026-08-23T00:00:01Z"), 1),
        (Some("2026-08-23T00:00:00Z"), 0),
    ] {
        inventory.repositories[0].pull_data_since = since.map(|since| since.parse().unwrap());
        assert_eq!(
            told(&inventory),
            vec!["short-pull-data note p/stale 2"; expected],
            "{since:?}"
        );
    }
}

#[test]
fn groupings_that_tell_everything_or_nothing_apart_are_told() {
    let ranked = |by: &str| format!("name: r, match: {{}}, group-by: {by}, expire: {{ beyond-newest: 2 }}");
    let regex = |regex: &str| ranked(&format!("{{ regex: '{regex}' }}"));
    let tags = |tags: &[&str]| -> String {
        tags.iter()
            .map(|tag| format!("tags: [{tag}], pushed: 40d ago\n"))
            .collect()
    };
    let builds = tags(&["a-1", "a-2", "b-1", "b-2", "c-1"]);
    let table = [
        (
            ranked("branch"),
            tags(&["J-1", "J-2", "J-3", "J-4", "J-5"]),
            vec!["lone-groups warning p/r 5"],
        ),
        (ranked("branch"), tags(&["J-1", "J-2", "J-3", "J-4"]), vec![]),
        (
            ranked("branch"),
            tags(&["J-1", "J-2", "J-3", "x-1a2b3c4", "x-1a2b3c5"]),
            vec![],
        ),
        (
            ranked("branch"),
            tags(&["x-1a2b3c4", "x-1a2b3c5", "x-1a2b3c6", "x-1a2b3c7", "x-1a2b3c8"]),
            vec!["one-group note p/r 5"],
        ),
        (regex("^(?<group>.)"), tags(&["a1", "a2", "a3", "a4", "b5"]), vec![]),
        (
            regex("^(?<group>.*)$"),
            builds.clone(),
            vec!["lone-groups warning p/r 5"],
        ),
        (regex("^(?<group>[a-c])-"), builds.clone(), vec![]),
        (regex("(?<group>-)"), builds.clone(), vec!["one-group note p/r 5"]),
        (
            regex("^(?<group>[ab])-"),
            format!("{}{}{}", images("a", 3, ""), images("b", 3, ""), images("c", 5, "")),
            vec![],
        ),
        (
            regex("^(?<group>z)-"),
            builds.clone(),
            vec!["few-grouped warning p/r 5"],
        ),
        (regex("^(?<group>[ab])-"), builds.clone(), vec![]),
        (
            ranked("{ label: app }"),
            builds.clone(),
            vec!["few-grouped warning p/r 5"],
        ),
        (ranked("repository"), builds.clone(), vec![]),
        (
            ranked("branch").replace("beyond-newest: 2", "beyond-newest: 0"),
            builds.clone(),
            vec![],
        ),
        (
            ranked("branch").replace(
                "{ beyond-newest: 2 }",
                "{ older-than: 3d }, unless: { newest-per: { day: 1 } }",
            ),
            builds,
            vec!["lone-groups warning p/r 5"],
        ),
    ];
    for (rule, images, expected) in table {
        assert_eq!(in_web(&[&rule], &images), expected, "{rule}\n{images}");
    }
}

/// A repository with a single branch is no reason to doubt a rule that groups by branch elsewhere.
#[test]
fn one_group_is_told_only_where_it_is_so_everywhere() {
    let rule = "name: r, match: {}, group-by: { regex: '^(?<group>.)' }, expire: { beyond-newest: 2 }";
    let (one, two) = (
        images("a", 5, ""),
        format!("{}{}", images("a", 3, ""), images("b", 2, "")),
    );
    let told = |second: &str| told(&findings(&policy(&[rule]), &scan(&[("api", &one), ("web", second)])));
    assert_eq!(
        (told(&one), told(&two)),
        (vec!["one-group note p/r 10".to_owned()], vec![])
    );
}

#[test]
fn conditions_that_no_fact_decides_are_told() {
    let timeless = |count: usize| -> String { (0..count).map(|at| format!("tags: [t{at}]\n")).collect() };
    let seen = |count: usize| -> String {
        (0..count)
            .map(|at| format!("tags: [s{at}], first-seen: 40d ago\n"))
            .collect()
    };
    let (older, beyond) = (REST, "name: rest, match: {}, expire: { beyond-newest: 3 }");
    let table = [
        (older, timeless(5), vec!["unknown-time warning p/rest 5"]),
        (older, timeless(4), vec![]),
        (older, format!("{}{}", timeless(5), images("a", 5, "")), vec![]),
        (older, seen(6), vec![]),
        (
            "name: rest, match: {}, since: push, expire: { older-than: 30d }",
            seen(6),
            vec!["unknown-time warning p/rest 6"],
        ),
        (
            "name: rest, match: {}, since: push, expire: { beyond-newest: 3 }",
            seen(6).replace("ago", "ago, tagged: 35d ago"),
            vec!["unknown-time warning p/rest 6"],
        ),
        (
            "name: rest, match: {}, since: push, expire: { older-than: 30d }",
            images("a", 6, ""),
            vec![],
        ),
        (beyond, seen(6), vec!["unknown-time warning p/rest 6"]),
        (beyond, images("a", 6, ""), vec![]),
        (
            "name: rest, match: {}, order: semver, expire: { beyond-newest: 3 }",
            images("a", 6, ""),
            vec!["few-versions warning p/rest 6"],
        ),
        (
            "name: rest, match: {}, order: semver, expire: { beyond-newest: 3 }",
            images("v1.2.3", 6, ""),
            vec![],
        ),
        (
            "name: rest, match: {}, expire: { older-than: 23h }",
            images("a", 6, ""),
            vec!["within-grace note p/rest 6"],
        ),
        (
            "name: rest, match: {}, expire: { older-than: 24h }",
            images("a", 6, ""),
            vec![],
        ),
    ];
    for (rule, images, expected) in table {
        assert_eq!(in_web(&[rule], &images), expected, "{rule}\n{images}");
    }
}

#[test]
fn a_label_that_protects_half_a_repository_is_told() {
    let label = ", labels: { io.jettison.keep: \"true\" }";
    let chosen = ", labels: { io.jettison.keep: \"true\" }, annotations: { io.jettison.keep: \"true\" }";
    let off = ", labels: { io.jettison.keep: \"false\" }";
    let mixed =
        |kept: usize, more: &str, others: usize| format!("{}{}", images("k", kept, more), images("o", others, ""));
    for (images, expected) in [
        (mixed(6, label, 6), vec!["inherited-keep warning - 6"]),
        (mixed(6, label, 7), vec![]),
        (mixed(4, label, 0), vec![]),
        (mixed(6, chosen, 1), vec![]),
        (mixed(6, off, 1), vec![]),
    ] {
        assert_eq!(in_web(&[REST], &images), expected, "{images}");
    }
    let found = findings(
        &policy(&[REST]),
        &scan(&[("api", &mixed(6, label, 1)), ("web", &mixed(9, label, 3))]),
    );
    assert!(
        found[0]
            .message
            .contains("9 of 12 images in r.example/web (75 %), and at least half of 1 more repository"),
        "{}",
        found[0].message
    );
}

#[test]
fn what_was_not_read_is_never_said_to_be_absent() {
    let config = format!(
        "protect: [\"**:golden\"]\n{}",
        policy(&["name: none, match: { tags: [\"z*\"] }, keep: always", REST])
    );
    let mut inventory = scan(&[("web", &images("a", 1, ""))]);
    assert_eq!(
        told(&findings(&config, &inventory)),
        ["unmatched-rule warning p/none 0", "unused-protect warning - 0"]
    );
    let gap: Gap = serde_json::from_str("\"it did not answer\"").unwrap();
    inventory.repositories[0].gaps.push(gap.clone());
    assert_eq!(told(&findings(&config, &inventory)), [""; 0]);
    inventory.repositories[0].gaps.clear();
    inventory.gaps.push(gap);
    assert_eq!(told(&findings(&config, &inventory)), [""; 0]);
    inventory.gaps.clear();
    let unread = TagEntry {
        name: "unread".parse().unwrap(),
        digest: Digest::of(b"unread"),
        updated_at: None,
        immutable: false,
    };
    inventory.repositories[0].tags.push(unread);
    assert_eq!(
        told(&findings(&config, &inventory)),
        ["unused-protect warning - 0"],
        "a tag is known, its image is not"
    );
    inventory.repositories.clear();
    assert_eq!(
        told(&findings(&config, &inventory)),
        [""; 0],
        "nothing was found at all"
    );
}

#[test]
fn the_built_in_policy_is_judged_mildly() {
    let found = findings("", &scan(&[("web", &images("main", 3, ""))]));
    let shadowed = findings("", &scan(&[("web", "tags: [v1.2], pushed: 40d ago")]));
    assert_eq!(
        shadowed
            .iter()
            .filter(|it| it.code == Code::ShadowedRule)
            .map(|it| it.severity)
            .collect::<Vec<_>>(),
        [Severity::Note]
    );
    assert!(!found.is_empty());
    assert!(
        found
            .iter()
            .all(|finding| (finding.code, finding.severity) == (Code::UnmatchedRule, Severity::Note)),
        "{:?}",
        told(&found)
    );
}

#[test]
fn the_order_of_the_facts_changes_nothing() {
    let config = policy(&["name: b, match: { tags: [\"b-*\"] }, expire: { older-than: 30d }"]);
    let mut inventory = scan(&[
        ("api", &images("a", 4, "")),
        ("lib", &images("a", 4, "")),
        ("old", &images("b", 4, "")),
        ("web", &images("a", 9, "")),
    ]);
    let before = findings(&config, &inventory);
    inventory.repositories.reverse();
    inventory.repositories.iter_mut().for_each(|repository| {
        repository.tags.reverse();
        repository.manifests.reverse();
    });
    assert_eq!(findings(&config, &inventory), before);
    assert!(!before.is_empty());
}

#[test]
fn codes_are_told_apart_and_written_as_in_json() {
    let words: BTreeSet<&str> = Code::ALL.into_iter().map(Code::as_str).collect();
    assert_eq!(words.len(), Code::ALL.len());
    for code in Code::ALL {
        assert_eq!(serde_json::to_value(code).unwrap(), code.as_str());
        assert!(
            include_str!("../../../../docs/policy.md").contains(&format!("`{}`", code.as_str())),
            "{code:?} is documented"
        );
    }
}

#[test]
fn nothing_is_said_of_the_examples_but_what_they_leave_alone() {
    macro_rules! example {
        ($name:literal) => {
            (
                $name,
                include_str!(concat!("../../../../examples/", $name, ".yaml")),
                include_str!(concat!("../../../../examples/", $name, ".test.yaml")),
            )
        };
    }
    for (name, config, cases) in [
        example!("build-caches-after-30-days"),
        example!("keep-last-50"),
        example!("last-10-per-branch"),
        example!("not-pulled-for-90-days"),
        example!("production-stays-others-7-days"),
    ] {
        let expected = match name {
            "build-caches-after-30-days" => vec!["unreached note build caches 1"],
            // A build cache, which the rule does not speak of.
            "keep-last-50" => vec!["unreached note applications 1"],
            _ => vec![],
        };
        let found = findings(config, &Cases::parse(name, cases).unwrap().inventory);
        assert_eq!(told(&found), expected, "{name}");
    }
}

//! What a configuration says once it is read; how mistakes in it are treated, below.

mod aws;
mod bounds;
mod host;
mod mistakes;
mod schema;
mod words;

use proptest::prelude::*;

use super::keys::{self, Form, Key, Object};
use super::*;
use crate::policy::cases::Cases;
use crate::policy::{ByteSize, GroupBy, NewestPer, Order, RuleAction, STANDARD_YAML, Verb};

fn parse(text: &str) -> Config {
    match Config::parse("jettison.yaml", text) {
        Ok((config, warnings)) => {
            assert_eq!(warnings, [], "{text}");
            config
        }
        Err(found) => panic!("{}", found.render(false)),
    }
}

/// The findings as `severity code line:column`.
fn found(text: &str) -> Vec<String> {
    let found = match Config::parse("jettison.yaml", text) {
        Ok((_, warnings)) => Diagnostics::from(warnings),
        Err(found) => found,
    };
    let short = |finding: &Diagnostic| {
        let kind = if finding.severity == Severity::Warning { "?" } else { "" };
        format!("{}{kind} {}:{}", finding.code, finding.line, finding.column)
    };
    found.iter().map(short).collect()
}

fn rule(text: &str) -> String {
    format!("policies:\n- rules:\n  - {text}\n")
}

#[test]
fn nothing_configured_is_the_default() {
    for text in ["", "\n", "# a comment\n", "---\n", "{}", "\u{feff}", "null"] {
        assert_eq!(parse(text), Config::default(), "{text:?}");
    }
    let default = Config::default();
    assert_eq!(default.policies()[0].name, "standard");
    assert_eq!(
        (default.grace.to_string(), default.limits.max_share.to_string()),
        ("1d".to_owned(), "50%".to_owned())
    );
}

#[test]
fn everything_can_be_said() {
    let config = parse(
        r#"
registries:
  - host: Registry.example.com
    aliases: [registry.internal:5000]
    repositories: ["apps/**", "!apps/x/**"]
    expects: [lists]
    trust-created: true
    plain-http: true
    ca-file: /etc/ca.pem
    client-certificate: c.pem
    client-key: k.pem
  - { host: "localhost:5000", expects: none }
usage:
  - { name: lists, kind: file, paths: ["in-use/*.txt"], covers: ["registry.example.com/**"], allow-empty: true }
policies:
  - name: applications
    repositories: ["apps/**", "!apps/legacy/**"]
    registries: ["*.example.com"]
    untag: true
    archive-anyway: true
    rules:
      - name: production
        match: { tags: ["prod-*"], kinds: [image, chart], labels: { team: "r*" }, platforms: ["linux/*"] }
        keep: always
      - name: branches
        match: { tags-regex: "[a-z].*" }
        group-by: branch
        order: semver
        expire: [ { beyond-newest: 10, older-than: 7d }, { not-pulled-for: 2w, larger-than: 1GiB } ]
        unless: { newest-per: { day: 7, year: 3 } }
      - match: { untagged: true }
        expire: { older-than: 0h }
        action: archive
limits: { max-share: 97.5%, keep-at-least: 0, max-deletions: 100 }
grace: 12h
usage-memory: 1w
journal-memory: 30d
protect: ["registry.example.com/apps/web:golden", "**/base/*"]
immutable: [ { repositories: ["**"], tags: ["v*"] } ]
"#,
    );
    assert_eq!(config.registries[0].host.as_str(), "registry.example.com");
    assert_eq!(config.registries[0].expects.sources(), ["lists"]);
    assert_eq!(config.registries[1].expects, Expects::None);
    assert_eq!(
        config.usage[0].kind,
        UsageKind::File {
            paths: vec!["in-use/*.txt".to_owned()]
        }
    );
    assert_eq!(
        config.limits,
        Limits {
            max_share: "97.5%".parse().unwrap(),
            keep_at_least: 0,
            max_deletions: Some(100)
        }
    );
    assert_eq!(
        (config.grace, config.journal_memory),
        (Period::hours(12), Period::days(30))
    );
    let policy = &config.policies()[0];
    assert!(policy.covers(&"r.example.com".parse().unwrap(), &"apps/web".parse().unwrap()));
    assert!(!policy.covers(&"r.example.com".parse().unwrap(), &"apps/legacy/web".parse().unwrap()));
    assert!(!policy.covers(&"r.example.org".parse().unwrap(), &"apps/web".parse().unwrap()));
    assert_eq!(
        policy
            .rules
            .own()
            .iter()
            .map(|rule| rule.name.as_str())
            .collect::<Vec<_>>(),
        ["production", "branches", "rule 3"]
    );
    let Verb::Expire(alternatives) = &policy.rules.own()[1].verb else {
        panic!("expires")
    };
    assert_eq!(
        (alternatives[0].beyond_newest, alternatives[0].older_than),
        (Some(10), Some(Period::days(7)))
    );
    assert_eq!(alternatives[1].larger_than, Some(ByteSize(1 << 30)));
    assert!(
        matches!(policy.rules.own()[1].group_by, GroupBy::Branch(_)) && policy.rules.own()[1].order == Order::Semver
    );
    assert_eq!(
        policy.rules.own()[1].unless,
        Some(NewestPer {
            day: 7,
            year: 3,
            ..NewestPer::default()
        })
    );
    let actions: Vec<RuleAction> = policy.rules.own().iter().map(|rule| rule.action).collect();
    assert_eq!(actions, [RuleAction::Delete, RuleAction::Delete, RuleAction::Archive]);
    assert!(policy.archive_anyway && policy.archives());
    assert_eq!((policy.line, policy.rules.own()[2].line), (16, 31));
    assert_eq!(config.usage[0].kind.as_str(), "file");
}

#[test]
fn a_registry_goes_by_its_name_and_its_aliases() {
    let mut config = parse(
        "registries: [ { host: a.example, aliases: [b.example, c.example] }, { host: d.example, trust-created: true } ]",
    );
    let host = |name: &str| name.parse::<RegistryHost>().unwrap();
    for (name, canonical) in [
        ("a.example", "a.example"),
        ("c.example", "a.example"),
        ("x.example", "x.example"),
    ] {
        assert_eq!(config.canonical_host(&host(name)), host(canonical));
    }
    assert!(config.registry(&host("x.example")).is_none());
    let names: Vec<String> = config.names_of(&host("a.example")).map(ToString::to_string).collect();
    assert_eq!(names, ["a.example", "b.example", "c.example"]);
    assert_eq!(config.names_of(&host("x.example")).count(), 1);
    let trusted = |config: &Config| {
        let all = ["a.example", "b.example", "d.example", "x.example"].into_iter();
        all.filter(|name| config.trusts_created(&host(name)))
            .collect::<Vec<_>>()
    };
    assert_eq!(trusted(&config), ["d.example"]);
    config.trust_created_of([&host("a.example"), &host("x.example")]);
    assert_eq!(trusted(&config), ["a.example", "b.example", "d.example", "x.example"]);
    assert_eq!(config.registries.len(), 3);
}

#[test]
fn another_file_replaces_what_it_names_and_unites_protection() {
    let base = parse(
        "grace: 2d\nusage-memory: 3d\nlimits: { max-share: 10%, keep-at-least: 5 }\nprotect: [a]\nimmutable: [ { tags: [a] } ]\nusage: [ { name: a, kind: file, paths: [a] } ]",
    );
    let other = parse(
        "grace: 24h\nlimits: { keep-at-least: 7 }\nprotect: [b]\nimmutable: [ { tags: [b] } ]\npolicies: [ { rules: [ { keep: always } ] } ]",
    );
    let merged = base.clone().overridden_by(other.clone());
    assert_eq!((merged.grace, merged.usage_memory), (Period::days(1), Period::days(3)));
    assert_eq!(
        (merged.limits.max_share, merged.limits.keep_at_least),
        (Share::percent(10), 7)
    );
    assert_eq!(
        merged.protect.iter().map(ProtectPattern::as_str).collect::<Vec<_>>(),
        ["a", "b"]
    );
    assert_eq!((merged.immutable.len(), merged.usage.len()), (2, 1));
    assert_eq!(merged.policies, other.policies);
    assert_eq!(base.clone().overridden_by(Config::default()), base);
}

#[test]
fn the_standard_policy_is_read_without_a_warning() {
    assert_eq!(parse(STANDARD_YAML).policies.unwrap(), [crate::policy::standard()]);
    assert!(!crate::policy::standard().rules.own().is_empty());
}

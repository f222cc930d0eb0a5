//! Mistakes in a configuration, and what is said about them.

use proptest::prelude::*;

use super::keys::{self, Form, Key, Object};
use super::*;
use crate::policy::cases::Cases;
use crate::policy::{ByteSize, GroupBy, NewestPer, Order, STANDARD_YAML, Verb};

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
        policy.rules.iter().map(|rule| rule.name.as_str()).collect::<Vec<_>>(),
        ["production", "branches", "rule 3"]
    );
    let Verb::Expire(alternatives) = &policy.rules[1].verb else {
        panic!("expires")
    };
    assert_eq!(
        (alternatives[0].beyond_newest, alternatives[0].older_than),
        (Some(10), Some(Period::days(7)))
    );
    assert_eq!(alternatives[1].larger_than, Some(ByteSize(1 << 30)));
    assert!(matches!(policy.rules[1].group_by, GroupBy::Branch(_)) && policy.rules[1].order == Order::Semver);
    assert_eq!(
        policy.rules[1].unless,
        Some(NewestPer {
            day: 7,
            year: 3,
            ..NewestPer::default()
        })
    );
    assert_eq!((policy.line, policy.rules[2].line), (16, 30));
    assert_eq!(config.usage[0].kind.as_str(), "file");
}

#[test]
fn every_mistake_has_its_place() {
    let table: &[(&str, &[&str])] = &[
        // the file
        ("a: [", &["yaml-syntax 1:4"]),
        ("- a", &["wrong-type 1:3"]),
        ("text", &["wrong-type 1:1"]),
        ("{}\n---\n{}", &["several-documents 2:1"]),
        ("polices: []", &["unknown-key 1:1", "no-policies? 1:10"]),
        ("gracious-me: 5", &["unknown-key 1:1"]),
        ("Usage_Memory: 5", &["unknown-key 1:1", "bad-duration 1:15"]),
        ("grace: 1d\ngrace: 2d", &["duplicate-key 2:1"]),
        ("[a]: b", &["bad-key 1:1"]),
        ("<<: {}", &["unknown-key 1:1"]),
        ("protect: [*x]", &["bad-alias 1:11"]),
        ("protect: [*]", &["yaml-syntax 1:11"]),
        ("protect: [!x/**]", &["bad-protect 1:11", "yaml-tag 1:11"]),
        ("protect: [!!str 5]", &[]),
        ("grace: !!int 5", &["yaml-tag 1:8", "bad-duration 1:8"]),
        ("grace: &a [*a]", &["bad-alias 1:12"]),
        // the top
        ("grace: 30", &["bad-duration 1:8"]),
        ("grace: \"30\"", &["bad-duration 1:8"]),
        (
            "grace: 1mo\nusage-memory: 5m\njournal-memory: -1d",
            &["bad-duration 1:8", "bad-duration 2:15", "bad-duration 3:17"],
        ),
        ("grace: 99999999999999999999d", &["bad-duration 1:8"]),
        ("grace:", &["bad-duration 1:1"]),
        ("grace: [1d]", &["wrong-type 1:8"]),
        (
            "limits: { max-share: 50, keep-at-least: -1, max-deletions: 1.5, x: 1 }",
            &["bad-share 1:22", "bad-count 1:41", "bad-count 1:60", "unknown-key 1:65"],
        ),
        ("limits: { keep-at-least: \"1\" }", &["wrong-type 1:26"]),
        ("limits: { keep-at-least: 18446744073709551616 }", &["bad-count 1:26"]),
        ("limits:", &["wrong-type 1:1"]),
        ("protect: x", &["wrong-type 1:10"]),
        (
            "protect: [\"!x\", \"a[\", 5, \"ok\"]",
            &["bad-protect 1:11", "bad-protect 1:17", "wrong-type 1:23"],
        ),
        (
            "immutable: [ { tags: [] }, { repositories: [\"**\"] } ]",
            &["empty-list 1:22", "missing-key 1:28"],
        ),
        // registries and usage
        ("registries: [ {} ]", &["missing-key 1:15"]),
        ("registries: [ { host: \"https://a.b/c\" } ]", &["bad-host 1:23"]),
        ("registries: [ { host: a }, { host: A } ]", &["duplicate-name 1:36"]),
        (
            "registries: [ { host: a, aliases: [b] }, { host: c, aliases: [b] } ]",
            &["duplicate-name 1:63"],
        ),
        ("registries: [ { host: a, expects: x } ]", &["unknown-value 1:35"]),
        ("registries: [ { host: a, expects: [] } ]", &["empty-list 1:35"]),
        ("registries: [ { host: a, expects: [x] } ]", &["unknown-source? 1:36"]),
        ("registries: [ { host: a, trust-created: yes } ]", &["wrong-type 1:41"]),
        ("registries: [ { host: a, client-key: k } ]", &["missing-key 1:26"]),
        (
            "usage: [ { name: a, kind: kubernetes, context: b } ]",
            &["unknown-kind 1:27"],
        ),
        ("usage: [ { name: a, kind: file } ]", &["missing-key 1:10"]),
        ("usage: [ { kind: file, paths: [a] } ]", &["missing-key 1:10"]),
        (
            "usage: [ { name: a, kind: file, paths: [a] }, { name: a, kind: file, paths: [b] } ]",
            &["duplicate-name 1:55"],
        ),
        // policies
        ("policies: []", &["no-policies? 1:11"]),
        ("policies: {}", &["wrong-type 1:11"]),
        ("policies: [ { name: a } ]", &["missing-key 1:13"]),
        ("policies: [ { name: a, rules: [] } ]", &["empty-list 1:31"]),
        (
            "policies: [ { repositories: [], rules: [ { keep: always } ] } ]",
            &["empty-list 1:29"],
        ),
        (
            "policies: [ { repositories: [\"a[\", \"\"], rules: [ { keep: always } ] } ]",
            &["bad-glob 1:30", "bad-glob 1:36"],
        ),
        (
            "policies:\n- {name: a, repositories: [a], rules: [{keep: always}]}\n- {name: a, rules: [{keep: always}]}",
            &["duplicate-name 3:10"],
        ),
        (
            "policies:\n- {name: a, rules: [{keep: always}]}\n- {name: b, repositories: [b], rules: [{keep: always}]}",
            &["unreachable-policy? 3:10"],
        ),
        // rules
        (&rule("{}"), &["verb-missing 3:5"]),
        (
            &rule("{ keep: always, expire: { older-than: 1d } }"),
            &["verb-twice 3:7"],
        ),
        (&rule("{ keep: never }"), &["unknown-value 3:13"]),
        (&rule("{ keep: true }"), &["wrong-type 3:13"]),
        (&rule("{ expire: {} }"), &["empty-expire 3:15"]),
        (&rule("{ expire: [] }"), &["empty-expire 3:15"]),
        (
            &rule("{ expire: [ {}, { older-than: 1 } ] }"),
            &["empty-expire 3:17", "bad-duration 3:35"],
        ),
        (&rule("{ expire: }"), &["empty-expire 3:7"]),
        (&rule("{ expire: { older_than: 1d } }"), &["unknown-key 3:17"]),
        (&rule("{ expire: { beyond-newest: -1 } }"), &["bad-count 3:32"]),
        (&rule("{ expire: { larger-than: 100 } }"), &["bad-size 3:30"]),
        (
            &rule("{ expire: { larger-than: 1Mb, not-pulled-for: 3M } }"),
            &["bad-size 3:30", "bad-duration 3:51"],
        ),
        (
            &rule("{ keep: always, unless: { newest-per: { day: 1 } } }"),
            &["unless-without-expire 3:21"],
        ),
        (
            &rule("{ expire: { older-than: 1d }, unless: {} }"),
            &["missing-key 3:43"],
        ),
        (
            &rule("{ expire: { older-than: 1d }, unless: { newest-per: {} } }"),
            &["empty-newest-per 3:57"],
        ),
        (
            &rule("{ expire: { older-than: 1d }, unless: { newest-per: { day: 0, hour: 3 } } }"),
            &["bad-count 3:64", "unknown-key 3:67"],
        ),
        (&rule("{ match: , keep: always }"), &["wrong-type 3:7"]),
        (&rule("{ match: { tags: [] }, keep: always }"), &["empty-list 3:22"]),
        (&rule("{ match: { tags: x }, keep: always }"), &["wrong-type 3:22"]),
        (&rule("{ match: { tags: [1.10] }, keep: always }"), &["wrong-type 3:23"]),
        (
            &rule("{ match: { tags: [\"a/*\"] }, keep: always }"),
            &["never-fits? 3:23"],
        ),
        (
            &rule("{ match: { tags: [a], untagged: true }, keep: always }"),
            &["tags-with-untagged 3:16"],
        ),
        (
            &rule("{ match: { tags-regex: a, untagged: true }, keep: always }"),
            &["tags-with-untagged 3:16"],
        ),
        (
            &rule("{ match: { untagged: false }, keep: always }"),
            &["false-is-no-value 3:26"],
        ),
        (
            &rule("{ match: { tags-regex: [\"(\", a, \"[\"] }, keep: always }"),
            &["bad-regex 3:29", "bad-regex 3:37"],
        ),
        (
            &rule("{ match: { kinds: [image, images] }, keep: always }"),
            &["unknown-value 3:31"],
        ),
        (&rule("{ match: { kinds: [] }, keep: always }"), &["empty-list 3:23"]),
        (
            &rule("{ match: { labels: {} }, keep: always }"),
            &["empty-mapping 3:24"],
        ),
        (
            &rule("{ match: { labels: { a: \"[\", b: \"!x\" } }, keep: always }"),
            &["bad-glob 3:29", "bad-glob 3:37"],
        ),
        (
            &rule("{ match: { platforms: [\"{\"] }, keep: always }"),
            &["bad-glob 3:28"],
        ),
        (
            &rule("{ expire: { beyond-newest: 1 }, group-by: tag }"),
            &["unknown-value 3:47"],
        ),
        (
            &rule("{ expire: { beyond-newest: 1 }, group-by: {} }"),
            &["bad-group-by 3:47"],
        ),
        (
            &rule("{ expire: { beyond-newest: 1 }, group-by: { regex: \"^(.*)-\" } }"),
            &["no-group 3:56"],
        ),
        (
            &rule("{ expire: { beyond-newest: 1 }, group-by: { regex: \"(\" } }"),
            &["bad-regex 3:56"],
        ),
        (
            &rule("{ expire: { beyond-newest: 1 }, group-by: { label: a, regex: \"(?<group>a)\" } }"),
            &["bad-group-by 3:47"],
        ),
        (
            &rule("{ expire: { beyond-newest: 1 }, group-by: { branch: { suffixes: [\"(\"], trunks: [a/b] } } }"),
            &["bad-regex 3:70", "bad-tag 3:85"],
        ),
        (
            &rule("{ expire: { beyond-newest: 1 }, order: date }"),
            &["unknown-value 3:44"],
        ),
        (
            &rule("{ expire: { older-than: 1d }, order: semver }"),
            &["unused-key? 3:35"],
        ),
        (
            &rule("{ match: { untagged: true }, expire: { beyond-newest: 1 }, group-by: branch }"),
            &["never-ranked? 3:64"],
        ),
        (
            &rule("{ name: a, keep: always }\n  - { name: a, match: { untagged: true }, keep: always }"),
            &["unreachable-rule? 4:13", "duplicate-name 4:13"],
        ),
        (&rule("{ name: \"\", keep: always }"), &["bad-name 3:13"]),
    ];
    let mut wrong = Vec::new();
    for (text, expected) in table {
        let (mut found, mut expected) = (found(text), expected.to_vec());
        found.sort();
        expected.sort_unstable();
        if found != expected {
            wrong.push(format!("{text}\n found {found:?}\n instead of {expected:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn rules_that_are_never_reached_are_told() {
    let keep = "keep: always";
    let expire = "expire: { older-than: 1d }";
    for (first, second, is_hidden) in [
        (
            format!("{{ {expire} }}"),
            format!("{{ match: {{ tags: [a] }}, {expire} }}"),
            true,
        ),
        (
            format!("{{ match: {{ tags: [\"*\"] }}, {expire} }}"),
            format!("{{ match: {{ tags: [a] }}, {expire} }}"),
            true,
        ),
        (
            format!("{{ match: {{ tags: [a] }}, {expire} }}"),
            format!("{{ match: {{ tags: [a] }}, {expire} }}"),
            true,
        ),
        (
            format!("{{ {keep} }}"),
            format!("{{ match: {{ kinds: [chart] }}, {expire} }}"),
            true,
        ),
        (
            format!("{{ {expire} }}"),
            format!("{{ match: {{ kinds: [chart] }}, {expire} }}"),
            false,
        ),
        (
            format!("{{ {expire} }}"),
            format!("{{ match: {{ tags: [a] }}, {keep} }}"),
            false,
        ),
        (
            format!("{{ match: {{ tags: [\"*\"] }}, {expire} }}"),
            format!("{{ {expire} }}"),
            false,
        ),
        (
            format!("{{ match: {{ untagged: true }}, {expire} }}"),
            format!("{{ match: {{ tags: [a] }}, {expire} }}"),
            false,
        ),
        (
            format!("{{ match: {{ tags: [\"*\", \"!a\"] }}, {expire} }}"),
            format!("{{ match: {{ tags: [a] }}, {expire} }}"),
            false,
        ),
        (
            format!("{{ match: {{ labels: {{ a: b }} }}, {expire} }}"),
            format!("{{ match: {{ tags: [a] }}, {expire} }}"),
            false,
        ),
        (
            format!("{{ match: {{ kinds: [image, chart] }}, {expire} }}"),
            format!("{{ match: {{ kinds: [chart], tags: [a] }}, {keep} }}"),
            true,
        ),
        // Of an orphan's tags, the first wants all to fit, the second any.
        (
            format!("{{ match: {{ kinds: [orphan], tags: [\"a*\"] }}, {expire} }}"),
            format!("{{ match: {{ kinds: [orphan], tags: [\"a*\"] }}, {keep} }}"),
            false,
        ),
    ] {
        let found = found(&rule(&format!("{first}\n  - {second}")));
        assert_eq!(
            found.contains(&"unreachable-rule? 4:5".to_owned()),
            is_hidden,
            "{first} {second} {found:?}"
        );
    }
}

#[test]
fn mistakes_are_shown_at_once_with_place_and_hint() {
    let text = "grace: 30\npolicies:\n  - name: apps\n    rules:\n      - name: old\n        match: { tags: [prod-*], untagged: true }\n        expire: { older-then: 1mo }\n";
    let found = Config::parse("jettison.yaml", text).unwrap_err();
    insta::assert_snapshot!(found.render(false), @r"
    error[bad-duration]: a duration needs a unit: `30`
     --> jettison.yaml:1:8
      |
    1 | grace: 30
      |        ^^
      |
      = help: write `30d` for days or `30h` for hours

    error[tags-with-untagged]: `tags` fits tagged images only, `untagged` those without a tag
     --> jettison.yaml:6:18
      |
    6 |         match: { tags: [prod-*], untagged: true }
      |                  ^^^^
      |
      = help: write two rules

    error[unknown-key]: conditions has no key `older-then`
     --> jettison.yaml:7:19
      |
    7 |         expire: { older-then: 1mo }
      |                   ^^^^^^^^^^
      |
      = help: did you mean `older-than`?

    error[bad-duration]: a duration with an unknown unit: `1mo`
     --> jettison.yaml:7:31
      |
    7 |         expire: { older-then: 1mo }
      |                               ^^^
      |
      = help: write days: `30d`
    ");
    assert!(found.render(true).contains('\u{1b}'));
}

#[test]
fn a_finding_fits_on_a_line() {
    let found = Config::parse("a.yaml", "grace: 30\nlimits: 5\n").unwrap_err();
    let lines: Vec<String> = (&found).into_iter().map(ToString::to_string).collect();
    assert_eq!(
        lines[0],
        "a.yaml:1:8: a duration needs a unit: `30` (write `30d` for days or `30h` for hours)"
    );
    assert!(lines[1].starts_with("a.yaml:2:9: "), "{lines:?}");
    assert_eq!(found.to_string(), lines.join("\n"));
}

#[test]
fn a_finding_is_machine_readable() {
    let found = Config::parse("jettison.yaml", "ä: 1").unwrap_err();
    insta::assert_snapshot!(serde_json::to_string(&found).unwrap(), @r#"[{"severity":"error","code":"unknown-key","message":"configuration has no key `ä`","file":"jettison.yaml","line":1,"column":1,"span":{"start":0,"end":2},"hint":"known: registries, usage, policies, limits, grace, usage-memory, journal-memory, protect, immutable"}]"#);
}

#[test]
fn a_misspelt_key_is_read_as_what_it_was_meant_to_be() {
    assert_eq!(
        found("grace: 1d\nusage-memry: 5\n"),
        ["unknown-key 2:1", "bad-duration 2:14"]
    );
    // Unless that key is there as well.
    assert_eq!(found("grace: 1d\ngrase: 5\n"), ["unknown-key 2:1"]);
}

#[test]
fn the_schema_says_what_keys_of_an_object_mean_for_each_other() {
    let schema = schema();
    for (object, keyword, rule) in [
        ("conditions", "minProperties", serde_json::json!(1)),
        ("newest-per", "minProperties", serde_json::json!(1)),
        ("group-by", "maxProperties", serde_json::json!(1)),
        ("rule", "dependentRequired", serde_json::json!({ "unless": ["expire"] })),
    ] {
        assert_eq!(schema["$defs"][object][keyword], rule, "{object}");
    }
    assert_eq!(schema["$defs"]["rule"]["oneOf"].as_array().unwrap().len(), 2);
}

#[test]
fn the_last_value_that_a_file_may_hold_is_read() {
    let refused = |values: usize| {
        let text = format!("x: [{}]", "0,".repeat(values));
        found(&text).iter().any(|finding| finding.starts_with("too-complex"))
    };
    // The file, its key, the list, and so many values in it.
    assert!(!refused(49_997) && refused(49_998));
}

#[test]
fn costly_files_are_refused() {
    let laughs = (1..30).fold("a0: &a0 [x]\n".to_owned(), |text, n| {
        let uses = vec![format!("*a{}", n - 1); 9].join(",");
        format!("{text}a{n}: &a{n} [{uses}]\n")
    });
    assert!(found(&laughs).iter().any(|finding| finding.starts_with("too-complex")));
    assert_eq!(found(&format!("grace: {}", "[".repeat(100_000))), ["yaml-syntax 1:40"]);
    assert_eq!(
        found(
            &(0..100)
                .map(|depth| format!("{}a:\n", " ".repeat(depth)))
                .collect::<String>()
        ),
        ["yaml-syntax 33:33"]
    );
    assert_eq!(found(&"#".repeat((1 << 20) + 1)), ["too-large 1:1"]);
    assert!(
        found(&format!("protect: [{}]", "a,".repeat(60_000)))
            .iter()
            .any(|finding| finding.starts_with("too-complex"))
    );
    assert!(
        found(&format!("protect: [{}]", "a,".repeat(3_000)))
            .iter()
            .any(|finding| finding.starts_with("too-complex"))
    );
}

#[test]
fn a_flood_of_findings_ends_in_an_error() {
    let flood = |item: &str| {
        found(&format!(
            "registries: [{{host: a, expects: [{}]}}]",
            vec![item; 1_500].join(",")
        ))
    };
    for findings in [flood("5"), flood("unknown")] {
        assert_eq!(findings.len(), 1_001);
        assert!(findings.iter().any(|finding| finding.starts_with("too-many ")));
    }
}

#[test]
fn a_place_without_length_is_one_character() {
    let mut found = Vec::new();
    let finding = diagnostic::Finding {
        severity: Severity::Error,
        code: "code",
        message: "message".to_owned(),
        hint: None,
    };
    Source::new("a.yaml", "grace: ääää").note(&mut found, &(9..9), finding);
    assert_eq!(found[0].render(false).matches('^').count(), 1);
    assert_eq!((found[0].line, found[0].column), (1, 9));
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
fn long_lines_are_cut_around_the_place() {
    let text = format!("protect: [\"{}\", 5, \"{}\"]", "ä".repeat(500), "ö".repeat(50_000));
    let found = Config::parse("jettison.yaml", &text).unwrap_err();
    assert_eq!((found.iter().count(), found.iter().next().unwrap().column), (2, 515));
    assert!(found.render(false).len() < 2_000);
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
    assert!(!crate::policy::standard().rules.is_empty());
}

/// A file in which `key` of `object` holds a value that fits nowhere, and how deep that is.
fn wrong_value(object: &'static Object, key: &Key) -> Option<String> {
    let path = path_to(&keys::CONFIG, object).or_else(|| path_to(&keys::CASES, object))?;
    Some(format!(
        "{}{}",
        path.replacen("@", &format!("{{{}: [[[]]]}}", key.name), 1),
        ""
    ))
}

/// Flow YAML around `@`, where a mapping of `wanted` stands.
fn path_to(root: &'static Object, wanted: &'static Object) -> Option<String> {
    if std::ptr::eq(root, wanted) {
        return Some("@".to_owned());
    }
    root.keys
        .iter()
        .find_map(|key| path_in(&key.form, wanted).map(|inner| format!("{{{}: {inner}}}", key.name)))
}

fn path_in(form: &'static Form, wanted: &'static Object) -> Option<String> {
    match form {
        Form::Object(object) => path_to(object, wanted),
        Form::List { of, .. } => path_in(of, wanted).map(|inner| format!("[{inner}]")),
        Form::OneOf(forms) => forms.iter().find_map(|form| path_in(form, wanted)),
        _ => None,
    }
}

#[test]
fn the_reader_reads_every_key_of_the_schema() {
    let objects = [
        &keys::CONFIG,
        &keys::REGISTRY,
        &keys::USAGE,
        &keys::LIMITS,
        &keys::IMMUTABLE,
        &keys::POLICY,
        &keys::RULE,
        &keys::MATCH,
        &keys::CONDITIONS,
        &keys::GROUP,
        &keys::BRANCH,
        &keys::UNLESS,
        &keys::NEWEST_PER,
        &keys::CASES,
        &keys::CASE,
    ];
    for object in objects {
        for key in object.keys {
            let text = wrong_value(object, key).unwrap();
            let found = match text.contains("images") || object.name == "policy test" {
                true => Cases::parse("cases.yaml", &text).unwrap_err(),
                false => Config::parse("jettison.yaml", &text).unwrap_err(),
            };
            let at = text.find("[[[]]]").unwrap();
            let complains =
                |finding: &Diagnostic| (at..at + 6).contains(&finding.span.start) && finding.code != "unknown-key";
            assert!(
                found.iter().any(complains),
                "{} {}: {text}\n{found}",
                object.name,
                key.name
            );
            assert!(
                !found.iter().any(|finding| finding.code == "unknown-key"),
                "{text}\n{found}"
            );
        }
    }
}

#[test]
fn the_schema_knows_the_keys_of_the_table() {
    let schema = schema();
    for object in [
        &keys::REGISTRY,
        &keys::POLICY,
        &keys::RULE,
        &keys::MATCH,
        &keys::CONDITIONS,
        &keys::NEWEST_PER,
    ] {
        let properties = schema["$defs"][object.name]["properties"].as_object().unwrap();
        let mut names: Vec<&str> = object.keys.iter().map(|key| key.name).collect();
        names.sort_unstable();
        assert_eq!(properties.keys().map(String::as_str).collect::<Vec<_>>(), names);
    }
    assert_eq!(schema["additionalProperties"], false);
    assert_eq!(keys::KINDS, crate::model::Kind::ALL.map(crate::model::Kind::as_str));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn no_text_makes_the_reader_panic(text in any::<String>()) {
        _ = Config::parse("jettison.yaml", &text).map_err(|found| found.render(true));
        _ = Cases::parse("cases.yaml", &text).map_err(|found| found.render(true));
    }

    #[test]
    fn no_yaml_makes_the_reader_panic(parts in prop::collection::vec(prop::sample::select(PARTS), 0..40)) {
        let text = parts.concat();
        _ = Config::parse("jettison.yaml", &text).map_err(|found| found.render(true));
        _ = Cases::parse("cases.yaml", &text).map_err(|found| found.render(true));
    }
}

/// Pieces of files, so that random ones get past the first line.
const PARTS: &[&str] = &[
    "\n",
    "  ",
    "    ",
    "- ",
    "{",
    "}",
    "[",
    "]",
    ", ",
    ": ",
    "\"",
    "'",
    "*",
    "!",
    "&a",
    "*a",
    "|",
    "#",
    "ä",
    "\t",
    "---\n",
    "\r\n",
    "~",
    "-1",
    "30d",
    "50%",
    "policies: ",
    "rules: ",
    "match: ",
    "tags: ",
    "expire: ",
    "older-than: ",
    "group-by: ",
    "regex: ",
    "branch",
    "keep: always",
    "registries: ",
    "host: ",
    "aliases: ",
    "usage: ",
    "kind: ",
    "limits: ",
    "protect: ",
    "images: ",
    "now: ",
    "expect: ",
    "labels: ",
    "(?<group>",
    "\u{0}",
    "policies:\n- rules:\n  - match: {tags: [",
    "expire: {beyond-newest: ",
    "unless: {newest-per: {day: ",
];

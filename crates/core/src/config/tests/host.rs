//! The key `host`: what can be said, what is refused with which hint, and what another file replaces.

use super::*;
use crate::host::{CacheSettings, DiskMarks, HostSettings};

/// A rule for servers, in a file whose fifth line it is on.
fn host_rule(text: &str) -> String {
    format!("host:\n  policies:\n  - rules:\n    - {text}\n")
}

#[test]
fn everything_can_be_said_of_servers() {
    let host = parse(
        r#"
host:
  policies:
    - name: apps
      repositories: ["apps/**"]
      registries: [r.io]
      rules:
        - { name: kept, match: { tags: ["v*"], labels: { team: red } }, keep: always }
        - { match: { dangling: true }, expire: [ { unused-for: 1d }, { older-than: 2d, larger-than: 1GB } ] }
        - match: { tags-regex: "m.*" }
          group-by: branch
          order: semver
          rank-among: fitting
          expire: { beyond-newest: 3 }
          unless: { newest-per: { week: 2 } }
  keep-newest: 0
  local-images: true
  compose: ["/srv/*/compose.yaml"]
  disk: { high: 85%, low: 80.5% }
  build-cache: { unused-for: 7d, keep-at-most: 20GB }
  recheck-after-seconds: 1
"#,
    )
    .host;
    let policies = host.policies.clone().unwrap();
    let [policy] = policies.as_slice() else {
        panic!("one policy")
    };
    assert!(policy.covers(&"r.io".parse().unwrap(), &"apps/web".parse().unwrap()));
    let rules = policy.rules.own();
    assert!(rules[1].matches.untagged && !rules[0].matches.untagged);
    let Verb::Expire(alternatives) = &rules[1].verb else {
        panic!("expires")
    };
    assert_eq!(alternatives[0].unused_for, Some(Period::days(1)));
    assert_eq!(
        (alternatives[1].unused_for, alternatives[1].older_than),
        (None, Some(Period::days(2)))
    );
    let rest = HostSettings { policies: None, ..host };
    let expected = HostSettings {
        policies: None,
        keep_newest: 0,
        local_images: true,
        compose: vec!["/srv/*/compose.yaml".to_owned()],
        disk: Some(DiskMarks {
            high: Share::percent(85),
            low: "80.5%".parse().unwrap(),
        }),
        build_cache: Some(CacheSettings {
            unused_for: Some(Period::days(7)),
            keep_at_most: Some(ByteSize(20_000_000_000)),
        }),
        recheck_after_seconds: 1,
        trust_engine_times: false,
    };
    assert_eq!(rest, expected);
    assert_eq!(parse("host: {}").host, HostSettings::default());
}

#[test]
fn every_mistake_under_host_has_its_place() {
    let table: &[(&str, &[&str])] = &[
        ("host:", &["wrong-type 1:1"]),
        ("host: 5", &["wrong-type 1:7"]),
        ("host: { keep-newst: -1 }", &["unknown-key 1:9", "bad-count 1:21"]),
        ("host: { local-images: yes }", &["wrong-type 1:23"]),
        ("host: { compose: a }", &["wrong-type 1:18"]),
        ("host: { compose: [5] }", &["wrong-type 1:19"]),
        ("host: { recheck-after-seconds: 0 }", &["bad-count 1:32"]),
        ("host: { recheck-after-seconds: 86401 }", &["too-long 1:32"]),
        ("host: { policies: [] }", &["no-policies? 1:19"]),
        ("host: { policies: [ {} ] }", &["missing-key 1:21"]),
        ("host: { disk: {} }", &["missing-key 1:15", "missing-key 1:15"]),
        ("host: { disk: { high: 85% } }", &["missing-key 1:15"]),
        (
            "host: { disk: { high: 85, low: 0.8 } }",
            &["bad-share 1:23", "bad-share 1:32"],
        ),
        ("host: { disk: { high: 85%, low: 0% } }", &["bad-marks 1:33"]),
        ("host: { disk: { high: 85%, low: 85% } }", &["bad-marks 1:33"]),
        ("host: { disk: { high: 80%, low: 85% } }", &["bad-marks 1:33"]),
        ("host: { disk: { high: 80%, low: 0.0001% } }", &[]),
        ("host: { build-cache: {} }", &["empty-build-cache 1:22"]),
        ("host: { build-cache: }", &["wrong-type 1:9"]),
        (
            "host: { build-cache: { unused-for: 7, keep-at-most: 5 } }",
            &["bad-duration 1:36", "bad-size 1:53"],
        ),
        (&host_rule("{}"), &["verb-missing 4:7"]),
        (&host_rule("{ expire: {} }"), &["empty-expire 4:17"]),
        (
            &host_rule("{ match: { dangling: false }, keep: always }"),
            &["false-is-no-value 4:28"],
        ),
        (
            &host_rule("{ match: { dangling: true, tags: [a], image-tags: [b] }, keep: always }"),
            &["tags-with-untagged 4:34", "tags-with-untagged 4:45"],
        ),
    ];
    for (text, expected) in table {
        assert_eq!(found(text), *expected, "{text}");
    }
}

#[test]
fn what_belongs_to_the_other_language_is_refused_with_what_to_write() {
    let hosts: &[(String, &str)] = &[
        (
            host_rule("{ match: { untagged: true }, keep: always }"),
            "write `dangling: true`",
        ),
        (
            host_rule("{ match: { kinds: [image] }, keep: always }"),
            "all are images",
        ),
        (
            host_rule("{ match: { platforms: [a] }, keep: always }"),
            "go by a tag or label",
        ),
        (host_rule("{ match: { archived: true }, keep: always }"), "no archive"),
        (
            host_rule("{ expire: { not-pulled-for: 1d, unused-for: 1d } }"),
            "write `unused-for`",
        ),
        (
            host_rule("{ expire: { archived-for: 1d, unused-for: 1d } }"),
            "no archive",
        ),
        (
            host_rule("{ expire: { unused-for: 1d }, action: archive }"),
            "always deleted",
        ),
        (
            host_rule("{ expire: { unused-for: 1d }, since: push }"),
            "from the last use",
        ),
        (
            "host: { policies: [ { untag: true, rules: [ { keep: always } ] } ] }".to_owned(),
            "no tag is taken",
        ),
        (
            "host: { policies: [ { archive-anyway: true, rules: [ { keep: always } ] } ] }".to_owned(),
            "no archive",
        ),
        (
            "host: { policies: [ { ecr-policy: a, rules: [ { keep: always } ] } ] }".to_owned(),
            "write `rules`",
        ),
        (
            rule("{ match: { dangling: true }, keep: always }"),
            "write `untagged: true`",
        ),
        (
            rule("{ expire: { unused-for: 1d, older-than: 1d } }"),
            "belongs under `host`",
        ),
    ];
    for (text, hint) in hosts {
        let found = Config::parse("jettison.yaml", text).unwrap_err();
        let found: Vec<&Diagnostic> = (&found).into_iter().collect();
        let [finding] = found.as_slice() else {
            panic!("{text}: {found:?}")
        };
        assert_eq!(finding.code, "misplaced-key", "{text}");
        assert!(
            finding.hint.as_ref().is_some_and(|found| found.contains(hint)),
            "{text}: {finding}"
        );
    }
}

#[test]
fn another_file_replaces_what_it_names_of_host_and_unites_compose_files() {
    let base = parse("host: { keep-newest: 5, local-images: true, compose: [a], disk: { high: 9%, low: 8% } }");
    let other = parse(
        "host: { keep-newest: 2, compose: [b], build-cache: { unused-for: 1d }, recheck-after-seconds: 9, policies: [ { rules: [ { keep: always } ] } ] }",
    );
    let merged = base.clone().overridden_by(other.clone()).host;
    let expected = HostSettings {
        local_images: true,
        compose: vec!["a".to_owned(), "b".to_owned()],
        disk: base.host.disk,
        ..other.host
    };
    assert_eq!(merged, expected);
    assert_eq!(base.clone().overridden_by(Config::default()), base);
    let other = parse("host: { local-images: false, disk: { high: 7%, low: 6% } }");
    let merged = base.clone().overridden_by(other.clone()).host;
    assert_eq!(
        (merged.keep_newest, merged.local_images, merged.disk),
        (5, false, other.host.disk)
    );
}

#[test]
fn the_built_in_rules_for_servers_are_read_without_a_warning() {
    let read = parse(crate::host::STANDARD_YAML).host;
    assert_eq!(read.policies.as_deref(), Some(crate::host::standard()));
    assert_eq!(HostSettings { policies: None, ..read }, HostSettings::default());
    assert_eq!(crate::host::standard()[0].rules.count(), 2);
}

#[test]
fn the_page_shows_what_applies_without_a_word() {
    let page = include_str!("../../../../../docs/policy.md");
    let (_, servers) = page.split_once("\n## Servers\n").unwrap();
    let (_, block) = servers.split_once("```yaml\n").unwrap();
    let (text, _) = block.split_once("```").unwrap();
    let read = parse(text).host;
    let policies = |host: &HostSettings| host.policies.clone().unwrap();
    let rules = |policies: Vec<Policy>| -> Vec<(String, Verb)> {
        let rules = policies.iter().flat_map(|policy| policy.rules.own());
        rules.map(|rule| (rule.name.clone(), rule.verb.clone())).collect()
    };
    assert_eq!(rules(policies(&read)), rules(crate::host::standard().to_vec()));
    assert_eq!(HostSettings { policies: None, ..read }, HostSettings::default());
    // What is commented out can be read as well.
    let more = parse(&text.replace("  # disk", "  disk").replace("  # build", "  build")).host;
    assert!(more.disk.is_some() && more.build_cache.is_some());
}

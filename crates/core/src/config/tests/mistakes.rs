//! Every mistake is found, at its place.

use super::*;

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
        // policies of ECR: a text alone has no files beside it
        ("policies: [ { ecr-policy: p.json } ]", &["unreadable-file 1:27"]),
        ("policies: [ { ecr-policy: 5 } ]", &["wrong-type 1:27"]),
        (
            "policies: [ { ecr-policy: p.json, rules: [ { match: {}, keep: always } ] } ]",
            &["rules-twice 1:15", "unreadable-file 1:27"],
        ),
        ("policies: [ { name: a } ]", &["missing-key 1:13"]),
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
            "usage: [ { name: a, kind: nomad, context: b } ]",
            &["unknown-kind 1:27"],
        ),
        (
            "registries: [ { host: a, mirrors: [mirror.example.com, /x, b/UP] } ]",
            &["bad-mirror 1:36", "bad-mirror 1:56", "bad-mirror 1:60"],
        ),
        (
            "usage: [ { name: a, kind: kubernetes, in-cluster: true, context: b } ]",
            &["conflicting-keys 1:57"],
        ),
        (
            "usage: [ { name: a, kind: docker, host: 'unix:///a', context: b, client-key: c } ]",
            &["missing-key 1:66", "conflicting-keys 1:54"],
        ),
        (
            "usage: [ { name: a, kind: podman, context: b } ]",
            &["unknown-key 1:35"],
        ),
        (
            "usage: [ { name: a, kind: command, timeout-seconds: 0 } ]",
            &["missing-key 1:10", "bad-count 1:53"],
        ),
        (
            "usage: [ { name: a, kind: kubernetes, helm: true } ]",
            &["missing-key 1:21"],
        ),
        ("usage: [ { name: a, kind: kubernetes, kubeconfig: b } ]", &[]),
        (
            "registries: [ { host: r.io, aliases: [Reg.io] } ]\nusage: [ { name: a, kind: file, paths: [b], covers: [\"t3/**\", \"r.io\", \"*\", \"http://r.io/**\", \"/r.io/**\", \"r.io/a:b\", \"other.io/**\"] } ]",
            &[
                "bad-covers 2:54",
                "bad-covers 2:63",
                "bad-covers 2:71",
                "bad-covers 2:76",
                "bad-covers 2:94",
                "bad-covers 2:106",
                "unknown-registry? 2:118",
            ],
        ),
        (
            "registries: [ { host: r.io, aliases: [Reg.io] } ]\nusage: [ { name: a, kind: file, paths: [b], covers: [\"**\", \"**/base\", \"R.IO/a\", \"reg.io/**\", \"!r.io/b\", \"*.io/a\", \"{r.io,x}/a\"] } ]",
            &[],
        ),
        (
            "usage: [ { name: a, kind: file, paths: [b], covers: [localhost/a, \"127.0.0.1:5000/**\", apps/web] } ]",
            &["bad-covers 1:88"],
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
        (
            &rule("{ keep: always, action: archive }"),
            &["action-without-expire 3:21"],
        ),
        (
            &rule("{ action: archive }"),
            &["verb-missing 3:5", "action-without-expire 3:7"],
        ),
        (
            &rule("{ expire: { older-than: 1d }, action: keep }"),
            &["unknown-value 3:43"],
        ),
        (
            &rule("{ expire: { older-than: 1d }, action: [archive] }"),
            &["wrong-type 3:43"],
        ),
        (
            "policies: [ { archive-anyway: true, rules: [ { expire: { older-than: 1d } } ] } ]",
            &["unused-key? 1:15"],
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
            &rule("{ match: { image-tags: [a], untagged: true }, keep: always }"),
            &["tags-with-untagged 3:16"],
        ),
        (
            &rule("{ match: { image-tags: [\"a/*\", \"[\"] }, keep: always }"),
            &["bad-glob 3:36"],
        ),
        (
            &rule("{ match: { image-tags: [\"a/*\"] }, keep: always }"),
            &["never-fits? 3:29"],
        ),
        (
            "policies:\n- untag: true\n  rules: [{match: {image-tags: [a]}, keep: always}]",
            &["image-tags-with-untag 2:3"],
        ),
        (
            &rule("{ match: { archived: true }, expire: { beyond-newest: 1 } }"),
            &["ranked-archive 3:5"],
        ),
        (
            &rule("{ match: { archived: true }, expire: { older-than: 1d }, unless: { newest-per: { day: 1 } } }"),
            &["ranked-archive 3:5"],
        ),
        (
            &rule("{ match: { archived: false }, expire: { beyond-newest: 1 } }"),
            &[],
        ),
        (
            &rule("{ match: { archived: true }, expire: { archived-for: 90d } }"),
            &[],
        ),
        (
            &rule("{ expire: { archived-for: 90d }, since: push, rank-among: fitting }"),
            &["unused-key? 3:38", "unused-key? 3:51"],
        ),
        (
            &rule("{ expire: { older-than: 90d }, since: arrival }"),
            &["unknown-value 3:43"],
        ),
        (
            &rule("{ expire: { beyond-newest: 9 }, since: push, rank-among: fitting }"),
            &[],
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
        (
            format!("{{ match: {{ image-tags: [a] }}, {expire} }}"),
            format!("{{ match: {{ kinds: [image], image-tags: [b, a] }}, {keep} }}"),
            true,
        ),
        (
            format!("{{ match: {{ image-tags: [\"!a\"] }}, {expire} }}"),
            format!("{{ match: {{ image-tags: [b, \"!a\"] }}, {expire} }}"),
            true,
        ),
        (
            format!("{{ match: {{ image-tags: [a, b] }}, {expire} }}"),
            format!("{{ match: {{ image-tags: [a] }}, {expire} }}"),
            false,
        ),
        (
            format!("{{ match: {{ image-tags: [a] }}, {expire} }}"),
            format!("{{ match: {{ image-tags: [\"!a\"] }}, {expire} }}"),
            false,
        ),
        (
            format!("{{ match: {{ image-tags: [\"*\"] }}, {expire} }}"),
            format!("{{ match: {{ tags: [a] }}, {keep} }}"),
            false,
        ),
        (
            format!("{{ match: {{ image-tags: [\"*\"] }}, {expire} }}"),
            format!("{{ match: {{ tags: [a] }}, {expire} }}"),
            true,
        ),
        (
            format!("{{ match: {{ image-tags: [\"*\"] }}, {expire} }}"),
            format!("{{ match: {{ untagged: true }}, {expire} }}"),
            false,
        ),
        (
            format!("{{ match: {{ archived: false }}, {expire} }}"),
            format!("{{ match: {{ tags: [a] }}, {expire} }}"),
            false,
        ),
        (
            format!("{{ match: {{ archived: false }}, {expire} }}"),
            format!("{{ match: {{ archived: false, tags: [a] }}, {expire} }}"),
            true,
        ),
        (
            format!("{{ match: {{ archived: false }}, {expire} }}"),
            format!("{{ match: {{ archived: true }}, {expire} }}"),
            false,
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
fn a_misspelt_key_is_read_as_what_it_was_meant_to_be() {
    assert_eq!(
        found("grace: 1d\nusage-memry: 5\n"),
        ["unknown-key 2:1", "bad-duration 2:14"]
    );
    // Unless that key is there as well.
    assert_eq!(found("grace: 1d\ngrase: 5\n"), ["unknown-key 2:1"]);
}

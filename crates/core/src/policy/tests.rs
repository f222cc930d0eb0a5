//! What rules speak of, and what the built-in policy does.

use std::collections::BTreeMap;

use super::*;
use crate::config::Config;
use crate::model::Tag;

fn rules(text: &str) -> Vec<Rule> {
    let text = format!("policies:\n- rules:\n{text}");
    let (config, _) = Config::parse("jettison.yaml", &text).unwrap_or_else(|found| panic!("{}", found.render(false)));
    config.policies.unwrap().remove(0).rules.own().to_vec()
}

/// An entry in short: its kind, tags and platforms.
#[derive(Debug, Clone, Copy)]
struct Given<'a>(Kind, &'a [&'a str], &'a [&'a str]);

const IMAGE: Given<'_> = Given(Kind::Image, &["main"], &[]);
const UNTAGGED: Given<'_> = Given(Kind::Image, &[], &[]);

fn fits(rule: &Rule, Given(kind, tags, platforms): Given<'_>) -> bool {
    let tags: Vec<Tag> = tags.iter().map(|tag| tag.parse().unwrap()).collect();
    let tags: Vec<&Tag> = tags.iter().collect();
    let label = |key: &str, value: &str| BTreeMap::from([(key.to_owned(), value.to_owned())]);
    let (labels, annotations) = (label("team", "red/blue"), label("team", "green"));
    rule.fits(&Candidate {
        kind,
        tags: &tags,
        image_tags: &tags,
        archived: false,
        labels: [&labels, &annotations],
        platforms,
    })
}

#[test]
fn a_rule_speaks_of_what_fits_every_key() {
    const KEEP: &str = "keep: always";
    const EXPIRE: &str = "expire: {older-than: 1d}";
    let orphan = |tags| Given(Kind::Orphan, tags, &[]);
    let on = |platforms| Given(Kind::Image, &["main"], platforms);
    for (matches, verb, given, expected) in [
        ("{}", EXPIRE, IMAGE, true),
        ("{}", EXPIRE, UNTAGGED, true),
        // kinds
        ("{}", EXPIRE, Given(Kind::Chart, &["main"], &[]), false),
        ("{}", EXPIRE, orphan(&[]), false),
        ("{}", KEEP, Given(Kind::Chart, &["main"], &[]), true),
        ("{}", KEEP, orphan(&[]), true),
        ("{kinds: [chart]}", KEEP, IMAGE, false),
        (
            "{kinds: [chart, build-cache]}",
            EXPIRE,
            Given(Kind::BuildCache, &["main"], &[]),
            true,
        ),
        // tags
        ("{tags: [\"m*\"]}", EXPIRE, IMAGE, true),
        ("{tags: [\"*\"]}", EXPIRE, UNTAGGED, false),
        ("{tags: [\"!x\"]}", EXPIRE, UNTAGGED, false),
        ("{tags: [\"!x\"]}", EXPIRE, IMAGE, true),
        ("{tags: [\"*\"]}", KEEP, UNTAGGED, false),
        ("{tags: [\"M*\"]}", EXPIRE, IMAGE, false),
        ("{tags-regex: \"m.*\"}", EXPIRE, IMAGE, true),
        ("{tags-regex: \"ai\"}", EXPIRE, IMAGE, false),
        ("{tags-regex: [x, main]}", EXPIRE, IMAGE, true),
        ("{tags-regex: \".*\"}", EXPIRE, UNTAGGED, false),
        ("{tags: [\"m*\"], tags-regex: \"x.*\"}", EXPIRE, IMAGE, false),
        ("{untagged: true}", EXPIRE, UNTAGGED, true),
        ("{untagged: true}", EXPIRE, IMAGE, false),
        // several tags: any for keep, all for expire
        (
            "{kinds: [orphan], tags: [\"*.sig\"]}",
            EXPIRE,
            orphan(&["a.sig", "b.att"]),
            false,
        ),
        (
            "{kinds: [orphan], tags: [\"*.sig\"]}",
            EXPIRE,
            orphan(&["a.sig", "b.sig"]),
            true,
        ),
        (
            "{kinds: [orphan], tags: [\"*.sig\"]}",
            KEEP,
            orphan(&["a.sig", "b.att"]),
            true,
        ),
        ("{kinds: [orphan], tags: [\"*\"]}", EXPIRE, orphan(&[]), false),
        ("{tags: [\"*\", \"!b*\"]}", KEEP, orphan(&["a.sig", "b.att"]), true),
        // labels or annotations
        ("{labels: {team: \"red*\"}}", EXPIRE, IMAGE, true),
        ("{labels: {team: \"green\"}}", EXPIRE, IMAGE, true),
        ("{labels: {team: \"blue\"}}", EXPIRE, IMAGE, false),
        ("{labels: {team: \"*\", other: \"*\"}}", EXPIRE, IMAGE, false),
        ("{labels: {team: \"\"}}", EXPIRE, IMAGE, false),
        // platforms
        ("{platforms: [\"linux/*\"]}", EXPIRE, on(&["linux/amd64"]), true),
        (
            "{platforms: [\"linux/*\"]}",
            EXPIRE,
            on(&["linux/amd64", "windows/amd64"]),
            false,
        ),
        (
            "{platforms: [\"linux/*\"]}",
            KEEP,
            on(&["linux/amd64", "windows/amd64"]),
            true,
        ),
        ("{platforms: [\"**\"]}", EXPIRE, on(&[]), false),
        ("{platforms: [\"**\"]}", KEEP, on(&[]), false),
    ] {
        let rule = rules(&format!("  - {{match: {matches}, {verb}}}")).remove(0);
        assert_eq!(fits(&rule, given), expected, "{matches} {verb} {given:?}");
    }
}

#[test]
fn all_tags_of_an_image_are_looked_at_together() {
    for (globs, tags, expected) in [
        (r#"["a*"]"#, &["a1", "b1"][..], true),
        (r#"["a*"]"#, &["b1"], false),
        (r#"["a*", "b*"]"#, &["a1", "b1"], true),
        (r#"["a*", "*1"]"#, &["a1"], true),
        (r#"["a*", "b*"]"#, &["a1"], false),
        (r#"["a*", "!b*"]"#, &["a1", "b1"], false),
        (r#"["a*", "!b*"]"#, &["a1", "c1"], true),
        (r#"["!b*"]"#, &["a1"], true),
        (r#"["!b*"]"#, &["a1", "b1"], false),
        (r#"["!b*"]"#, &[], false),
        (r#"["*"]"#, &[], false),
        (r#"["!!b"]"#, &["b"], true),
    ] {
        let tags: Vec<Tag> = tags.iter().map(|tag| tag.parse().unwrap()).collect();
        let tags: Vec<&Tag> = tags.iter().collect();
        for verb in ["keep: always", "expire: {older-than: 1d}"] {
            let rule = rules(&format!("  - {{match: {{image-tags: {globs}}}, {verb}}}")).remove(0);
            let none = BTreeMap::new();
            let candidate = |own| Candidate {
                kind: Kind::Image,
                tags: own,
                image_tags: &tags,
                archived: false,
                labels: [&none, &none],
                platforms: &[],
            };
            // Each entry is judged alike, whichever of the tags it is.
            for own in tags.chunks(1).chain([&tags[..0]]) {
                assert_eq!(rule.fits(&candidate(own)), expected, "{globs} {tags:?} {verb}");
            }
        }
    }
}

#[test]
fn a_rule_speaks_of_archived_images_of_others_or_of_both() {
    for (matches, of_archived, of_others) in [
        ("{}", true, true),
        ("{archived: true}", true, false),
        ("{archived: false}", false, true),
    ] {
        let rule = rules(&format!("  - {{match: {matches}, expire: {{older-than: 1d}}}}")).remove(0);
        let fits = |archived| {
            rule.fits(&Candidate {
                kind: Kind::Image,
                tags: &[],
                image_tags: &[],
                archived,
                labels: [&BTreeMap::new(), &BTreeMap::new()],
                platforms: &[],
            })
        };
        assert_eq!((fits(true), fits(false)), (of_archived, of_others), "{matches}");
    }
}

#[test]
fn the_standard_policy_governs() {
    let standard = standard();
    let governs = |given: Given<'_>| {
        standard
            .rules
            .own()
            .iter()
            .find(|rule| fits(rule, given))
            .map_or("nothing".to_owned(), |rule| rule.name.clone())
    };
    let tagged = |tag: &str| governs(Given(Kind::Image, &[tag], &[]));
    for (rule, tags) in [
        (
            "production",
            &["prod", "prod-eu", "prod-1a2b3c4", "production-2026", "live", "live-1"][..],
        ),
        (
            "releases",
            &["release-1.2", "release-1234567", "rel-3", "stable", "stable-20260131"],
        ),
        (
            "versions",
            &[
                "1.2",
                "v1.2.3",
                "1.2.3-rc.1",
                "1.2.3-main-1a2b3c4",
                "2026.1",
                "v1",
                "v2-slim",
                "17",
                "17-alpine",
                "V1.2",
                "1.2.3.4_5",
            ],
        ),
        (
            "moving tags",
            &[
                "latest",
                "latest-alpine",
                "edge",
                "main",
                "master",
                "dev",
                "staging",
                "nightly",
            ],
        ),
        (
            "branches",
            &[
                "1234567",
                "20260131",
                "20260131-1a2b3c4",
                "1a2b3c4",
                "main-1a2b3c4",
                "main-17",
                "pr-12",
                "1234",
                "17-1a2b3c4",
                "v1234567",
                "preprod-1",
                "vendor",
            ],
        ),
    ] {
        tags.iter().for_each(|tag| assert_eq!(tagged(tag), *rule, "{tag}"));
    }
    assert_eq!(governs(UNTAGGED), "untagged");
    assert_eq!(governs(Given(Kind::Orphan, &["sha256-0.sig"], &[])), "orphans");
    assert_eq!(governs(Given(Kind::BuildCache, &["main"], &[])), "build caches");
    assert_eq!(governs(Given(Kind::BuildCache, &[], &[])), "build caches");
    for kind in [Kind::Chart, Kind::Artifact] {
        assert_eq!(governs(Given(kind, &["feature-x"], &[])), "nothing");
        assert_eq!(governs(Given(kind, &[], &[])), "nothing");
    }
}

#[test]
fn the_standard_policy_expires_as_it_says() {
    let expiry = |name: &str| {
        let standard = standard();
        let rule = standard.rules.own().iter().find(|rule| rule.name == name).unwrap();
        (rule.verb.clone(), rule.group_by.clone())
    };
    let days = |days| Conditions {
        older_than: Some(Period::days(days)),
        ..Conditions::default()
    };
    assert_eq!(expiry("build caches").0, Verb::Expire(vec![days(30)]));
    assert_eq!(expiry("orphans").0, Verb::Expire(vec![days(7)]));
    assert_eq!(expiry("untagged").0, Verb::Expire(vec![days(30)]));
    let ranked = |rank, age| Conditions {
        beyond_newest: Some(rank),
        ..days(age)
    };
    assert_eq!(
        expiry("branches"),
        (
            Verb::Expire(vec![ranked(10, 7), ranked(1, 90)]),
            GroupBy::Branch(BranchPatterns::default())
        )
    );
}

#[test]
fn only_labels_and_platforms_stand_in_manifests_alone() {
    let table = [
        ("match: {tags: [\"v*\"]}", false),
        ("match: {kinds: [build-cache]}", false),
        ("match: {labels: {team: red}}", true),
        ("match: {platforms: [linux/arm64]}", true),
        ("group-by: branch", false),
        ("group-by: {label: team}", true),
    ];
    for (key, expected) in table {
        let text =
            format!("policies:\n- rules:\n  - expire: {{older-than: 1d}}\n  - {{expire: {{older-than: 2d}}, {key}}}\n");
        let (config, _) =
            Config::parse("jettison.yaml", &text).unwrap_or_else(|found| panic!("{}", found.render(false)));
        assert_eq!(config.policies()[0].looks_inside(), expected, "{key}");
    }
    assert!(!standard().looks_inside());
}

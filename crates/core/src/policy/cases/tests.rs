//! What a test file means, and what is wrong with it.

use std::collections::BTreeSet;

use jiff::SignedDuration;

use super::*;
use crate::config::Config;
use crate::facts::{Facts, Origin};
use crate::model::Kind;
use crate::plan::plan;

const FILE: &str = r#"
policy: jettison.yaml
now: 2026-11-21T00:00:00Z
repository: registry.example.com/apps/web
images:
  - { tags: [main-1a2b3c4], pushed: 40d ago, expect: expire, by: branches }
  - { tags: [v1.2.3, latest], created: 2025-10-01T00:00:00Z, tagged: 2d ago, in-use: true, size: 100MB, last-pulled: 3d ago, labels: { a: b }, expect: keep }
  - { tags: [a, b], pushed: 2d ago, platform: linux/amd64, expect: { b: expire } }
  - { untagged: 31d ago, pushed: 60d ago, kind: build-cache, expect: expire }
  - { kind: orphan, first-seen: 8d ago, expect: expire }
"#;

#[test]
fn a_file_becomes_facts_and_expectations() {
    let cases = Cases::parse("cases.yaml", FILE).unwrap_or_else(|found| panic!("{}", found.render(false)));
    let days_ago = |days: i64| Some(cases.now - SignedDuration::from_hours(24 * days));
    let repository = &cases.inventory.repositories[0];
    let images = &repository.manifests;
    assert_eq!(
        (cases.policy.as_deref(), images.len(), repository.tags.len()),
        (Some("jettison.yaml"), 5, 5)
    );
    assert_eq!(
        (images[0].pushed_at, images[0].first_seen_at),
        (days_ago(40), days_ago(40))
    );
    assert_eq!(
        (images[1].pushed_at, images[1].first_seen_at),
        (None, images[1].created_at)
    );
    assert_eq!(
        (images[1].last_pulled_at, images[1].blobs[0].size),
        (days_ago(3), 100_000_000)
    );
    assert_eq!(
        (repository.capabilities.pull_time, repository.pull_data_since.is_some()),
        (Some(true), true)
    );
    assert_eq!(repository.tags[1].updated_at, days_ago(2));
    assert_eq!(
        (images[3].kind, images[3].untagged_at),
        (Kind::BuildCache, days_ago(31))
    );
    assert!(
        images[4]
            .subject
            .as_ref()
            .is_some_and(|subject| repository.missing.contains(subject))
    );
    assert_eq!(
        cases.usage.sources[0].references[0].digest.as_ref(),
        Some(&images[1].digest)
    );
    let digests: BTreeSet<&Digest> = images.iter().map(|image| &image.digest).collect();
    assert_eq!(digests.len(), 5);
    let expected: Vec<_> = cases
        .expectations
        .iter()
        .map(|one| {
            (
                one.line,
                one.tag.as_ref().map_or("-", Tag::as_str),
                one.verdict,
                one.by.as_deref(),
            )
        })
        .collect();
    use ExpectedVerdict::{Expire, Keep};
    assert_eq!(
        expected,
        [
            (6, "main-1a2b3c4", Expire, Some("branches")),
            (7, "v1.2.3", Keep, None),
            (7, "latest", Keep, None),
            (8, "b", Expire, None),
            (9, "-", Expire, None),
            (10, "-", Expire, None),
        ]
    );
}

/// Who writes when something was last pulled, and not since when pulls are known, means that they always were.
#[test]
fn where_an_image_was_pulled_pulls_are_known_from_the_beginning() {
    let policy = "limits: { keep-at-least: 0 }\npolicies:\n- name: p\n  rules: [{ name: r, match: {}, expire: { not-pulled-for: 90d } }]";
    let (config, _) = Config::parse("p.yaml", policy).unwrap_or_else(|found| panic!("{}", found.render(false)));
    for (since, pulled, goes) in [
        ("", "last-pulled: 91d ago,", true),
        ("", "last-pulled: 90d ago,", false),
        ("", "", false),
        ("pull-data-since: 91d ago\n", "", true),
        ("pull-data-since: 89d ago\n", "last-pulled: 91d ago,", false),
    ] {
        let image = format!("- {{ tags: [a], pushed: 400d ago, {pulled} expect: expire }}");
        let text = format!("now: 2026-11-21T00:00:00Z\nrepository: r.io/a\n{since}images:\n{image}");
        let cases = Cases::parse("cases.yaml", &text).unwrap_or_else(|found| panic!("{}", found.render(false)));
        let plan = plan(&Facts {
            inventory: &cases.inventory,
            usage: Some(&cases.usage),
            config: &config,
            now: cases.now,
            origin: Origin::SavedFacts,
        });
        assert_eq!(!plan.actions.is_empty(), goes, "{text}");
    }
}

#[test]
fn every_mistake_is_found() {
    let image = |text: &str| format!("now: 2026-11-21T00:00:00Z\nrepository: r.io/a\nimages:\n- {text}");
    for (text, expected) in [
        (String::new(), &["missing-key"][..]),
        ("{}".to_owned(), &["missing-key", "missing-key", "missing-key"]),
        (
            "now: today\nrepository: r.io/a:v1\nimages: []".to_owned(),
            &["bad-moment", "bad-repository", "empty-list"],
        ),
        (image("{ tags: [a] }"), &["missing-key"]),
        (image("{ expect: keep }"), &["bad-tagging"]),
        (image("{ tags: [a], untagged: true, expect: keep }"), &["bad-tagging"]),
        (image("{ untagged: false, expect: keep }"), &["false-is-no-value"]),
        (image("{ tags: [a], kind: orphan, expect: keep }"), &["bad-tagging"]),
        (image("{ tags: [a, a], expect: keep }"), &["duplicate-name"]),
        (image("{ tags: [a], expect: { b: keep } }"), &["unknown-key"]),
        (image("{ tags: [a], expect: { a: kept } }"), &["unknown-value"]),
        (image("{ tags: [a], expect: {} }"), &["empty-mapping"]),
        (
            image("{ tags: [a], pushed: 3m ago, created: yesterday, expect: keep }"),
            &["bad-moment", "bad-moment"],
        ),
        (
            image("{ tags: [a], size: 5, expect: keep, color: red }"),
            &["bad-size", "unknown-key"],
        ),
        (
            image("{ tags: [a b], kind: images, expect: keep }"),
            &["bad-tag", "unknown-value"],
        ),
    ] {
        let found = Cases::parse("cases.yaml", &text).unwrap_err();
        let codes: Vec<&str> = found.iter().map(|finding| finding.code).collect();
        assert_eq!(codes, expected, "{text}\n{found}");
    }
}

//! Section 4: ranks, groups, their orders, and `unless`.

use super::world::{Case, check, images};

fn newest(count: u32, keys: &str, text: &str) -> Case {
    images(text).rules(&[&format!("match: {{}}, {keys} expire: {{ beyond-newest: {count} }}")])
}

#[test]
fn beyond_newest_counts_the_entries_that_this_rule_governs() {
    check(&[
        (
            "one governed by an earlier rule fills no place",
            images("p prod-1 5d\na a 10d\nb b 20d").rules(&[
                "match: { tags: ['prod-*'] }, keep: always",
                "match: {}, expire: { beyond-newest: 1 }",
            ]),
            "keep p:prod-1 keep-always; keep a:a not-expired; delete b",
        ),
        (
            "held ones count",
            newest(1, "", "a a 10d\nb b 20d").usage("@prod complete\nr.example.com/apps/web@a"),
            "keep a:a hold in-use; delete b",
        ),
        (
            "young ones count",
            newest(1, "", "a a 1h\nb b 20d"),
            "keep a:a hold grace; delete b",
        ),
        (
            "groups never cross repositories",
            newest(1, "", "@apps/web\na a 10d\nb b 20d\n@apps/api\nc c 30d\nd d 40d"),
            "keep a:a not-expired; delete b; keep apps/api/c:c not-expired; delete apps/api/d",
        ),
        (
            "the same digest in two repositories has a place in each",
            newest(1, "", "@apps/web\na a 10d\nb b 20d\n@apps/api\nb b 20d\nd d 40d"),
            "keep a:a not-expired; delete b; keep apps/api/b:b not-expired; delete apps/api/d",
        ),
    ]);
}

#[test]
fn an_images_time_in_a_group_is_that_of_its_newest_entry_there() {
    check(&[
        (
            "its newest tag lifts it, and all its entries share its rank",
            newest(1, "", "a old~50d,new~5d 60d\nb b 10d"),
            "keep a:old not-expired; keep a:new not-expired; delete b",
        ),
        (
            "only entries that the rule governs lift it",
            images("a a~50d,prod-1~5d 60d\nb b 10d").rules(&[
                "match: { tags: ['prod-*'] }, keep: always",
                "match: {}, expire: { beyond-newest: 1 }",
            ]),
            "keep a:prod-1 keep-always; keep a:a shares-image; keep b:b not-expired",
        ),
        (
            "only entries of the group lift it",
            newest(
                1,
                "group-by: branch,",
                "a main-1a2b3c4~50d,dev-1a2b3c4~5d 60d\nb main-2a2b3c4 10d",
            ),
            "keep a:main-1a2b3c4 shares-image; keep a:dev-1a2b3c4 not-expired; keep b:main-2a2b3c4 not-expired",
        ),
    ]);
}

#[test]
fn newest_first_ties_by_digest_ascending() {
    check(&[
        (
            "the lower digest ranks first",
            newest(1, "", "0b b 20d\n0a a 20d\n0c c 20d"),
            "keep 0a:a not-expired; delete 0b; delete 0c",
        ),
        (
            "time before digest",
            newest(1, "", "0b b 20d-1s\n0a a 20d"),
            "keep 0b:b not-expired; delete 0a",
        ),
    ]);
}

#[test]
fn order_semver_ranks_by_version() {
    let semver = |count, text: &str| newest(count, "order: semver,", text);
    check(&[
        (
            "1.10 is newer than 1.9, whatever their times",
            semver(1, "a 1.10.0 90d\nb 1.9.0 10d"),
            "keep a:1.10.0 not-expired; delete b",
        ),
        (
            "a leading v",
            semver(1, "a v2.0.0 90d\nb v1.9.0 10d"),
            "keep a:v2.0.0 not-expired; delete b",
        ),
        (
            "a pre-release is older than its release",
            semver(1, "a 1.0.0 90d\nb 1.0.0-rc.1 10d"),
            "keep a:1.0.0 not-expired; delete b",
        ),
        (
            "rc.10 is newer than rc.9",
            semver(1, "a 1.0.0-rc.10 90d\nb 1.0.0-rc.9 10d"),
            "keep a:1.0.0-rc.10 not-expired; delete b",
        ),
        (
            "tags that are no version are neither ranked nor counted",
            semver(1, "m main 5d\na 1.0.0 90d\nb 0.9.0 80d"),
            "keep m:main not-expired; keep a:1.0.0 not-expired; delete b",
        ),
        (
            "untagged roots are no version",
            semver(0, "m - 50d\na 1.0.0 90d"),
            "keep m not-expired; delete a",
        ),
        (
            "an image counts at its highest version",
            semver(1, "a 1.0.0,3.0.0 90d\nb 2.0.0 10d"),
            "keep a:1.0.0 not-expired; keep a:3.0.0 not-expired; delete b",
        ),
    ]);
}

/// Two images with these tags: whether they are of one branch, so that the older one goes.
fn same_branch(older: &str, newer: &str) -> bool {
    pair_of_one_branch(older, newer, "")
}

fn pair_of_one_branch(older: &str, newer: &str, more: &str) -> bool {
    let answer = newest(1, "group-by: branch,", &format!("a {older} 20d\nb {newer} 10d\n{more}")).plan();
    let outcome = answer.outcome();
    assert!(
        outcome.contains(&format!("keep b:{newer} not-expired")),
        "{older} and {newer}: {outcome:?}"
    );
    outcome.contains(&"delete a".to_owned())
}

#[test]
fn a_branch_is_the_tag_without_its_build_suffix() {
    let one_branch = [
        ("feature-1a2b3c4", "feature-9f8e7d6"),
        ("feature-1a2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d", "feature-9f8e7d6"),
        ("feature-sha-1a2b3c4", "feature-sha-9f8e7d6"),
        ("feature-20261001", "feature-20261102"),
        ("feature-2026-10-01", "feature-2026-11-02"),
        ("feature-1a2b3c4-12", "feature-9f8e7d6-13"),
        ("feature-20261001-12", "feature-20261102-1"),
        ("main-12", "main-13"),
        ("master-12", "master-13"),
        ("develop-12", "develop-13"),
        ("JIRA-1234-1a2b3c4", "JIRA-1234-9f8e7d6"),
        ("pr-12-1a2b3c4", "pr-12-9f8e7d6"),
        ("feature", "feature-1a2b3c4"),
    ];
    for (older, newer) in one_branch {
        assert!(
            same_branch(older, newer),
            "{older} and {newer} are builds of one branch"
        );
    }
}

#[test]
fn jira_1234_pr_12_and_java_17_stay_what_they_are() {
    let two_branches = [
        ("JIRA-1234", "JIRA-1235"),
        ("pr-12", "pr-13"),
        ("java-17", "java-21"),
        ("JIRA-1234-1a2b3c4", "JIRA-1235-1a2b3c5"),
        ("pr-12-1a2b3c4", "pr-13-1a2b3c5"),
        ("feature-x-12", "feature-x-13"),
        ("feature-x-1a2b3c4", "feature-y-1a2b3c4"),
        ("main-1a2b3c4", "feature-1a2b3c4"),
    ];
    for (older, newer) in two_branches {
        assert!(!same_branch(older, newer), "{older} and {newer} are two branches");
    }
}

#[test]
fn a_counter_is_a_build_suffix_where_what_remains_is_itself_a_tag_of_the_repository() {
    assert!(
        pair_of_one_branch("feature-x-12", "feature-x-13", "c feature-x 30d"),
        "with a tag feature-x"
    );
    assert!(
        !pair_of_one_branch("feature-x-12", "feature-x-13", "c feature-y 30d"),
        "without it"
    );
    assert!(
        !pair_of_one_branch("feature-x-12", "feature-x-13", "@apps/api\nc feature-x 30d"),
        "a tag of another repository is no matter"
    );
}

#[test]
fn group_by_regex_is_searched_and_needs_a_group() {
    let by = |regex: &str, text: &str| newest(1, &format!("group-by: {{ regex: '{regex}' }},"), text);
    check(&[
        (
            "anchored by itself",
            by("^(?<group>[a-z]+)-", "a web-1 10d\nb web-2 20d\nc api-1 30d"),
            "keep a:web-1 not-expired; delete b; keep c:api-1 not-expired",
        ),
        (
            "searched: unanchored it fits inside",
            by("(?<group>web|api)", "a x-web-1 10d\nb web-2 20d"),
            "keep a:x-web-1 not-expired; delete b",
        ),
        (
            "an entry that it does not fit has no group: undecided",
            by("^(?<group>[a-z]+)-", "a web-1 10d\nb web-2 20d\nc 123 30d\nd 124 40d"),
            "keep a:web-1 not-expired; delete b; keep c:123 not-expired; keep d:124 not-expired",
        ),
        (
            "untagged roots have none",
            by("(?<group>.*)", "a web 10d\nb - 20d\nc - 30d"),
            "keep a:web not-expired; keep b not-expired; keep c not-expired",
        ),
        (
            "other conditions still decide on them",
            images("c 123 30d")
                .rules(&["match: {}, group-by: { regex: '^(?<group>[a-z]+)-' }, expire: { older-than: 20d }"]),
            "delete c",
        ),
    ]);
}

#[test]
fn group_by_label_groups_by_its_value() {
    let by = |text: &str| newest(1, "group-by: { label: team },", text);
    check(&[
        (
            "by value",
            by("a a 10d labels=team=x\nb b 20d labels=team=x\nc c 30d labels=team=y"),
            "keep a:a not-expired; delete b; keep c:c not-expired",
        ),
        (
            "without the label there is no group",
            by("a a 10d labels=team=x\nb b 20d\nc c 30d"),
            "keep a:a not-expired; keep b:b not-expired; keep c:c not-expired",
        ),
    ]);
}

#[test]
fn mistakes_in_group_by_are_errors() {
    for keys in [
        "group-by: tag,",
        "group-by: { regex: '^([a-z]+)-' },",
        "group-by: { regex: '(' },",
        "order: date,",
    ] {
        let answer = newest(1, keys, "a a 10d").plan();
        assert_eq!(answer.code, 2, "{keys}: {}", answer.stdout);
    }
}

/// Everything older than a day goes, unless it is the newest of one of these buckets.
fn unless(buckets: &str, text: &str) -> Case {
    images(text)
        .rules(&[&format!(
            "match: {{}}, expire: {{ older-than: 1d }}, unless: {{ newest-per: {{ {buckets} }} }}"
        )])
        .at("2027-02-01T12:00:00Z")
}

#[test]
fn unless_keeps_the_newest_image_of_each_of_the_last_buckets_that_hold_one() {
    check(&[
        (
            "the newest of a day",
            unless("day: 1", "a a 2027-01-20T08:00:00Z\nb b 2027-01-20T09:00:00Z"),
            "delete a; keep b:b unless",
        ),
        (
            "days that hold none do not count",
            unless(
                "day: 2",
                "a a 2027-01-03T08:00:00Z\nb b 2027-01-10T09:00:00Z\nc c 2027-01-20T09:00:00Z",
            ),
            "delete a; keep b:b unless; keep c:c unless",
        ),
        (
            "days are of UTC",
            unless("day: 2", "a a 2027-01-19T23:59:59Z\nb b 2027-01-20T00:00:00Z"),
            "keep a:a unless; keep b:b unless",
        ),
        (
            "months",
            unless(
                "month: 2",
                "a a 2026-11-30T08:00:00Z\nb b 2026-12-01T09:00:00Z\nc c 2026-12-31T09:00:00Z\nd d 2027-01-01T00:00:00Z",
            ),
            "delete a; delete b; keep c:c unless; keep d:d unless",
        ),
        (
            "years",
            unless(
                "year: 2",
                "a a 2025-12-31T23:59:59Z\nb b 2026-01-01T00:00:00Z\nc c 2026-12-31T23:00:00Z\nd d 2027-01-01T00:00:00Z",
            ),
            "delete a; delete b; keep c:c unless; keep d:d unless",
        ),
        (
            "the buckets are independent of each other",
            unless(
                "day: 1, month: 1",
                "a a 2027-01-19T08:00:00Z\nb b 2027-01-20T00:00:00Z\nc c 2026-12-20T00:00:00Z",
            ),
            "delete a; keep b:b unless; delete c",
        ),
        (
            "any of them keeps",
            unless(
                "day: 1, year: 2",
                "a a 2027-01-19T08:00:00Z\nb b 2027-01-20T00:00:00Z\nc c 2026-12-20T00:00:00Z",
            ),
            "delete a; keep b:b unless; keep c:c unless",
        ),
        (
            "ties by digest",
            unless("day: 1", "0b b 2027-01-20T09:00:00Z\n0a a 2027-01-20T09:00:00Z"),
            "keep 0a:a unless; delete 0b",
        ),
    ]);
}

#[test]
fn weeks_are_iso_weeks_around_new_year() {
    check(&[
        (
            "31 December 2026 and 1 to 3 January 2027 are one week, 4 January begins the next",
            unless(
                "week: 9",
                "a a 2026-12-31T08:00:00Z\nb b 2027-01-01T08:00:00Z\nc c 2027-01-03T23:59:59Z\nd d 2027-01-04T00:00:00Z",
            ),
            "delete a; delete b; keep c:c unless; keep d:d unless",
        ),
        (
            "30 December 2024 is of the first week of 2025",
            unless(
                "week: 9",
                "a a 2024-12-29T08:00:00Z\nb b 2024-12-30T08:00:00Z\nc c 2025-01-01T08:00:00Z",
            ),
            "keep a:a unless; delete b; keep c:c unless",
        ),
        (
            "the same week of two years is two weeks",
            unless("week: 9", "a a 2025-01-08T08:00:00Z\nb b 2026-01-07T08:00:00Z"),
            "keep a:a unless; keep b:b unless",
        ),
    ]);
}

#[test]
fn unless_keeps_in_each_group_and_all_entries_of_an_image() {
    let by_branch = "match: {}, group-by: branch, expire: { older-than: 1d }, unless: { newest-per: { day: 1 } }";
    check(&[
        (
            "each group",
            images("a web-1a2b3c4 10d\nb web-2a2b3c4 20d\nc api-1a2b3c4 30d").rules(&[by_branch]),
            "keep a:web-1a2b3c4 unless; delete b; keep c:api-1a2b3c4 unless",
        ),
        (
            "whatever expire says",
            images("a a 10d\nb b 20d")
                .rules(&["match: {}, expire: { beyond-newest: 0 }, unless: { newest-per: { week: 1 } }"]),
            "keep a:a unless; delete b",
        ),
    ]);
}

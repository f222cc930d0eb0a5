//! Section 4: the time and the age of an entry, and what unknown times mean.

use super::world::{Case, check, images};

/// Expires what is more than 100 days old.
fn older(text: &str) -> Case {
    images(text).rules(&["match: {}, expire: { older-than: 100d }"])
}

/// Keeps the newest image only.
fn rank(text: &str) -> Case {
    images(text).rules(&["match: {}, expire: { beyond-newest: 1 }"])
}

const GOES: &str = "delete app";
const STAYS: &str = "keep app:main not-expired";

#[test]
fn the_time_is_the_latest_of_arrival_tag_set_and_last_tag_lost() {
    check(&[
        ("push time", older("app main 101d"), GOES),
        ("the tag was set later", older("app main~99d 101d"), STAYS),
        ("the tag was set earlier", older("app main~200d 99d"), STAYS),
        ("both long ago", older("app main~102d 101d"), GOES),
        (
            "the last tag was lost later",
            older("app - 101d untagged=99d"),
            "keep app not-expired",
        ),
        (
            "the last tag was lost long ago",
            older("app - 200d untagged=101d"),
            "delete app",
        ),
        (
            "each tag has its own",
            older("app old~200d,new~50d 300d"),
            "keep app:old shares-image; keep app:new not-expired",
        ),
        (
            "a moment when it had no tag is no matter to a tagged one",
            older("app main 101d untagged=99d"),
            GOES,
        ),
    ]);
}

#[test]
fn an_image_arrived_at_push_time_else_when_first_seen_if_an_earlier_scan_did_not_have_it_else_when_created() {
    let scanned = |since: &str, image: &str| older(&format!("@apps/web scanned_since={since}\n{image}"));
    check(&[
        (
            "push time before all",
            scanned("300d", "app main 101d first_seen=50d created=50d"),
            GOES,
        ),
        (
            "push time, though created long ago",
            scanned("300d", "app main 99d first_seen=200d created=200d"),
            STAYS,
        ),
        (
            "first seen after an earlier scan",
            scanned("300d", "app main first_seen=99d created=200d"),
            STAYS,
        ),
        (
            "first seen long ago",
            scanned("300d", "app main first_seen=101d created=50d"),
            GOES,
        ),
        (
            "seen on the first scan: created",
            scanned("99d", "app main first_seen=99d created=200d"),
            GOES,
        ),
        (
            "never scanned before: created",
            older("app main first_seen=99d created=200d"),
            GOES,
        ),
        (
            "created lately, seen long ago",
            older("app main first_seen=200d created=99d"),
            STAYS,
        ),
    ]);
}

#[test]
fn created_is_the_index_own_else_the_newest_plausible_one_of_its_children() {
    let seen = "first_seen=99d";
    check(&[
        (
            "its own",
            older(&format!(
                "index main {seen} created=200d children=amd\namd - {seen} created=50d"
            )),
            "delete index; follow amd",
        ),
        (
            "the newest of its children",
            older(&format!(
                "index main {seen} children=amd,arm\namd - {seen} created=200d\narm - {seen} created=50d"
            )),
            "keep index:main not-expired",
        ),
        (
            "all children old",
            older(&format!(
                "index main {seen} children=amd,arm\namd - {seen} created=200d\narm - {seen} created=150d"
            )),
            "delete index; follow amd; follow arm",
        ),
        (
            "children without a plausible one are no matter",
            older(&format!(
                "index main {seen} children=amd,arm\namd - {seen} created=200d\narm - {seen} created=1970-01-01T00:00:00Z"
            )),
            "delete index; follow amd; follow arm",
        ),
        (
            "its own is not plausible: the children's",
            older(&format!(
                "index main {seen} created=1970-01-01T00:00:00Z children=amd\namd - {seen} created=200d"
            )),
            "delete index; follow amd",
        ),
    ]);
}

#[test]
fn created_is_the_configs_else_the_annotation() {
    const NAME: &str = "annotations=org.opencontainers.image.created";
    let annotated = |rest: &str| older(&format!("app main first_seen=99d {rest}"));
    check(&[
        (
            "the annotation",
            annotated(&format!("{NAME}=2026-01-01T00:00:00Z")),
            GOES,
        ),
        (
            "the config's before it",
            annotated(&format!("created=50d {NAME}=2026-01-01T00:00:00Z")),
            STAYS,
        ),
        (
            "the config's is old",
            annotated(&format!("created=200d {NAME}=2026-11-01T00:00:00Z")),
            GOES,
        ),
        (
            "the config's is not plausible",
            annotated(&format!("created=1970-01-01T00:00:00Z {NAME}=2026-01-01T00:00:00Z")),
            GOES,
        ),
        (
            "an annotation that is no time counts as not given",
            annotated(&format!("{NAME}=yesterday")),
            STAYS,
        ),
    ]);
}

#[test]
fn a_date_before_2013_03_20_is_not_plausible() {
    // A plausible date makes the image 13 years old; an implausible one leaves its age to the first sight.
    let created = |date: &str| older(&format!("app main first_seen=99d created={date}"));
    let pushed = |date: &str| older(&format!("app main {date} first_seen=99d"));
    check(&[
        ("at the boundary", created("2013-03-20T00:00:00Z"), GOES),
        ("a second before", created("2013-03-19T23:59:59Z"), STAYS),
        ("1970", created("1970-01-01T00:00:00Z"), STAYS),
        ("1980", created("1980-01-01T00:00:01Z"), STAYS),
        ("year 1", created("0001-01-01T00:00:00Z"), STAYS),
        ("any date: a push at the boundary", pushed("2013-03-20T00:00:00Z"), GOES),
        (
            "any date: a push a second before",
            pushed("2013-03-19T23:59:59Z"),
            STAYS,
        ),
    ]);
}

#[test]
fn a_date_more_than_24_hours_ahead_is_not_plausible() {
    // A plausible date makes `app` the newest, so that the other one goes.
    let created = |date: &str| rank(&format!("app main first_seen=99d created={date}\nb b 10d"));
    check(&[
        (
            "at the boundary",
            created("+24h"),
            "keep app:main not-expired; delete b",
        ),
        (
            "a second more: it has no time",
            created("+24h+1s"),
            "keep app:main not-expired; keep b:b not-expired",
        ),
    ]);
}

#[test]
fn where_the_time_is_unknown_age_counts_from_the_first_sight() {
    check(&[
        ("first seen long ago", older("app main first_seen=101d"), GOES),
        ("exactly", older("app main first_seen=100d"), STAYS),
        ("first seen lately", older("app main first_seen=99d"), STAYS),
        (
            "a scan saw it first: known, and the same",
            older("@apps/web scanned_since=300d\napp main first_seen=101d"),
            GOES,
        ),
    ]);
}

#[test]
fn a_condition_that_cannot_be_decided_is_false() {
    let never = images("app main")
        .settings("grace: 0h")
        .rules(&["match: {}, expire: { older-than: 2d }"]);
    let answer = never.plan();
    assert!(
        answer.outcome().iter().all(|line| line.starts_with("keep ")),
        "{:?}",
        answer.outcome()
    );
    check(&[(
        "rank",
        images("app main first_seen=99d").rules(&["match: {}, expire: { beyond-newest: 0 }"]),
        STAYS,
    )]);
}

#[test]
fn an_entry_without_a_time_never_expires_by_rank_and_fills_no_place() {
    check(&[
        (
            "it fills no place and does not go",
            rank("app main first_seen=99d\na a 10d\nb b 20d"),
            "keep app:main not-expired; keep a:a not-expired; delete b",
        ),
        (
            "it never expires by rank, even where it is the oldest",
            rank("app main first_seen=900d created=1970-01-01T00:00:00Z\na a 10d"),
            "keep app:main not-expired; keep a:a not-expired",
        ),
        (
            "by age it may go",
            images("app main first_seen=99d\na a 10d")
                .rules(&["match: {}, expire: [ { beyond-newest: 1 }, { older-than: 50d } ]"]),
            "delete app; keep a:a not-expired",
        ),
        (
            "a tag that was set gives it a time",
            rank("app main~5d first_seen=99d\na a 10d"),
            "keep app:main not-expired; delete a",
        ),
    ]);
}

#[test]
fn an_entry_without_a_time_is_kept_by_unless() {
    check(&[(
        "unless",
        images("app main first_seen=99d\na a 98d\nb b 97d")
            .rules(&["match: {}, expire: { older-than: 50d }, unless: { newest-per: { day: 1 } }"]),
        "keep app:main unless; delete a; keep b:b unless",
    )]);
}

#[test]
fn any_date_that_is_ahead_fills_no_place_among_the_newest() {
    // `b` is the newest with a plausible time; whatever holds `app`, it must not push `b` out.
    let cases = [
        ("a push", "app main +24h+1s first_seen=99d\nb b 10d"),
        ("a tag set", "app main~2026-11-22T12:00:01Z 99d\nb b 10d"),
        ("a last tag lost", "app - 99d untagged=+24h+1s\nb b 10d"),
        (
            "a first sight",
            "@apps/web scanned_since=300d\napp main first_seen=+24h+1s\nb b 10d",
        ),
        ("a build", "app main first_seen=99d created=+24h+1s\nb b 10d"),
    ];
    let pushed_out = cases.iter().filter(|(_, text)| {
        let outcome = rank(text).plan().outcome();
        !outcome.contains(&"keep b:b not-expired".to_owned())
    });
    let pushed_out: Vec<_> = pushed_out.map(|(sentence, _)| sentence).collect();
    assert!(pushed_out.is_empty(), "the newest goes because of: {pushed_out:?}");
}

#[test]
fn any_date_that_is_too_old_counts_as_not_given() {
    let year_1 = "0001-01-01T00:00:00Z";
    let pulls = format!("@apps/web cap.pull_time=true pull_data_since={year_1}\napp main 200d");
    check(&[
        (
            "a first sight: then nothing is known, and it is held",
            older(&format!("app main first_seen={year_1}")),
            "keep app:main hold grace",
        ),
        (
            "a tag set: the push counts",
            older(&format!("app main~{year_1} 99d")),
            STAYS,
        ),
        (
            "the start of pull data: they cover nothing",
            images(&pulls).rules(&["match: {}, expire: { not-pulled-for: 90d }"]),
            STAYS,
        ),
    ]);
}

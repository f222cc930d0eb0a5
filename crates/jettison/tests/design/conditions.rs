//! Section 4: the verbs, the conditions with their boundaries, and durations.

use super::world::{Case, check, images};

fn expiring(text: &str, expire: &str) -> Case {
    images(text).rules(&[&format!("match: {{}}, expire: {expire}")])
}

#[test]
fn a_map_is_and_a_list_of_maps_is_or() {
    let (goes, stays) = ("delete app", "keep app:main not-expired");
    check(&[
        (
            "and: both true",
            expiring("app main 40d", "{ older-than: 30d, beyond-newest: 0 }"),
            goes,
        ),
        (
            "and: one false",
            expiring("app main 40d", "{ older-than: 30d, beyond-newest: 1 }"),
            stays,
        ),
        (
            "or: one true",
            expiring("app main 40d", "[ { older-than: 30d }, { beyond-newest: 1 } ]"),
            goes,
        ),
        (
            "or: the other true",
            expiring("app main 40d", "[ { older-than: 50d }, { beyond-newest: 0 } ]"),
            goes,
        ),
        (
            "or: none true",
            expiring("app main 40d", "[ { older-than: 50d }, { beyond-newest: 1 } ]"),
            stays,
        ),
        (
            "or of ands",
            expiring(
                "app main 40d",
                "[ { older-than: 30d, beyond-newest: 1 }, { older-than: 50d, beyond-newest: 0 } ]",
            ),
            stays,
        ),
    ]);
}

#[test]
fn an_empty_one_is_an_error() {
    for expire in ["{}", "[]", "[ { older-than: 30d }, {} ]"] {
        let answer = expiring("app main 40d", expire).plan();
        assert_eq!(answer.code, 2, "expire: {expire}\n{}{}", answer.stdout, answer.stderr);
    }
}

#[test]
fn older_than_is_true_when_age_exceeds_it_strictly() {
    let (goes, stays) = ("delete app", "keep app:main not-expired");
    check(&[
        ("exactly", expiring("app main 30d", "{ older-than: 30d }"), stays),
        (
            "a second more",
            expiring("app main 30d+1s", "{ older-than: 30d }"),
            goes,
        ),
        (
            "a second less",
            expiring("app main 30d-1s", "{ older-than: 30d }"),
            stays,
        ),
        (
            "exactly, in weeks",
            expiring("app main 14d", "{ older-than: 2w }"),
            stays,
        ),
        (
            "more, in weeks",
            expiring("app main 14d+1s", "{ older-than: 2w }"),
            goes,
        ),
        (
            "exactly, in hours",
            expiring("app main 48h", "{ older-than: 48h }"),
            stays,
        ),
        (
            "more, in hours",
            expiring("app main 48h+1s", "{ older-than: 48h }"),
            goes,
        ),
    ]);
}

/// Pull times are kept since this long.
fn pulled(since: &str, image: &str) -> Case {
    expiring(
        &format!("@apps/web cap.pull_time=true pull_data_since={since}\n{image}"),
        "{ not-pulled-for: 90d }",
    )
}

#[test]
fn not_pulled_for_counts_from_the_last_pull_or_from_where_age_counts_strictly() {
    let (goes, stays) = ("delete app", "keep app:main not-expired");
    check(&[
        ("never pulled, older", pulled("200d", "app main 90d+1s"), goes),
        ("never pulled, exactly", pulled("200d", "app main 90d"), stays),
        ("pulled exactly then", pulled("200d", "app main 300d pulled=90d"), stays),
        (
            "pulled a second before",
            pulled("200d", "app main 300d pulled=90d+1s"),
            goes,
        ),
        ("pulled lately", pulled("200d", "app main 300d pulled=1d"), stays),
        (
            "pushed lately, pulled long ago",
            pulled("200d", "app main 80d pulled=120d"),
            stays,
        ),
        (
            "its tag was set lately",
            pulled("200d", "app main~80d 300d pulled=120d"),
            stays,
        ),
        (
            "the arrival is unknown: from the first sight",
            pulled("200d", "app main first_seen=91d"),
            goes,
        ),
        (
            "the first sight is young",
            pulled("200d", "app main first_seen=89d"),
            stays,
        ),
    ]);
}

#[test]
fn not_pulled_for_is_unknown_unless_the_pull_data_cover_all_of_it() {
    let (goes, stays) = ("delete app", "keep app:main not-expired");
    check(&[
        ("covered exactly", pulled("90d", "app main 300d"), goes),
        ("a second short", pulled("90d-1s", "app main 300d"), stays),
        ("a second more", pulled("90d+1s", "app main 300d"), goes),
        (
            "no start given",
            expiring("@apps/web cap.pull_time=true\napp main 300d", "{ not-pulled-for: 90d }"),
            stays,
        ),
        (
            "pull times are not kept",
            expiring(
                "@apps/web cap.pull_time=false pull_data_since=200d\napp main 300d",
                "{ not-pulled-for: 90d }",
            ),
            stays,
        ),
        (
            "an old pull proves nothing without cover",
            expiring(
                "@apps/web cap.pull_time=false\napp main 300d pulled=200d",
                "{ not-pulled-for: 90d }",
            ),
            stays,
        ),
        (
            "in an OR the other condition still decides",
            expiring("app main 300d", "[ { not-pulled-for: 90d }, { older-than: 100d } ]"),
            goes,
        ),
        (
            "in an AND it keeps",
            expiring("app main 300d", "{ not-pulled-for: 90d, older-than: 100d }"),
            stays,
        ),
    ]);
}

#[test]
fn pulls_of_children_count_for_their_index() {
    check(&[
        (
            "a child pulled lately",
            pulled(
                "200d",
                "index main 300d children=amd,arm\namd - 300d pulled=5d\narm - 300d",
            ),
            "keep index:main not-expired",
        ),
        (
            "a child's child pulled lately",
            pulled(
                "200d",
                "index main 300d children=inner\ninner - 300d children=amd\namd - 300d pulled=5d",
            ),
            "keep index:main not-expired",
        ),
        (
            "none pulled",
            pulled("200d", "index main 300d children=amd\namd - 300d pulled=100d"),
            "delete index; follow amd",
        ),
    ]);
}

#[test]
fn beyond_newest_is_true_when_that_many_distinct_images_are_newer() {
    let rank = |count: u32, text: &str| expiring(text, &format!("{{ beyond-newest: {count} }}"));
    let three = "a a 10d\nb b 20d\nc c 30d";
    check(&[
        ("0 means all", rank(0, three), "delete a; delete b; delete c"),
        ("1", rank(1, three), "keep a:a not-expired; delete b; delete c"),
        (
            "2",
            rank(2, three),
            "keep a:a not-expired; keep b:b not-expired; delete c",
        ),
        (
            "3",
            rank(3, three),
            "keep a:a not-expired; keep b:b not-expired; keep c:c not-expired",
        ),
        (
            "more than there are",
            rank(9, three),
            "keep a:a not-expired; keep b:b not-expired; keep c:c not-expired",
        ),
        (
            "tags of one image are one place",
            rank(2, "a a1,a2,a3 10d\nb b 20d\nc c 30d"),
            "keep a:a1 not-expired; keep a:a2 not-expired; keep a:a3 not-expired; keep b:b not-expired; delete c",
        ),
        (
            "untagged roots count",
            rank(1, "a - 10d\nb b 20d"),
            "keep a not-expired; delete b",
        ),
    ]);
}

#[test]
fn larger_than_counts_the_blobs_of_root_and_children_once() {
    let large = |size: &str, text: &str| expiring(text, &format!("{{ larger-than: {size} }}"));
    let stays = "keep app:main not-expired";
    check(&[
        ("exactly", large("1MB", "app main 40d blobs=a:1000000"), stays),
        (
            "a byte more",
            large("1MB", "app main 40d blobs=a:1000001"),
            "delete app",
        ),
        (
            "MiB is 2^20, exactly",
            large("1MiB", "app main 40d blobs=a:1048576"),
            stays,
        ),
        (
            "MiB, a byte more",
            large("1MiB", "app main 40d blobs=a:1048577"),
            "delete app",
        ),
        ("GB", large("1GB", "app main 40d blobs=a:1000000001"), "delete app"),
        ("GiB", large("1GiB", "app main 40d blobs=a:1073741824"), stays),
        (
            "the sum",
            large("1MB", "app main 40d blobs=a:600000,b:600000"),
            "delete app",
        ),
        (
            "a blob given twice counts once",
            large("1MB", "app main 40d blobs=a:600000,a:600000"),
            stays,
        ),
        (
            "children add up",
            large(
                "1MB",
                "index main 40d children=amd,arm\namd - 40d blobs=a:600000\narm - 40d blobs=b:600000",
            ),
            "delete index; follow amd; follow arm",
        ),
        (
            "a blob that the children share counts once",
            large(
                "1MB",
                "index main 40d children=amd,arm\namd - 40d blobs=a:600000\narm - 40d blobs=a:600000",
            ),
            "keep index:main not-expired",
        ),
        (
            "the blobs of another image do not count",
            large("1MB", "app main 40d blobs=a:600000\nweb web 40d blobs=b:600000"),
            "keep app:main not-expired; keep web:web not-expired",
        ),
    ]);
}

#[test]
fn durations_are_hours_days_and_weeks_and_no_others() {
    for good in ["36h", "30d", "2w", "1d"] {
        let answer = expiring("app main 400d", &format!("{{ older-than: {good} }}")).plan();
        assert_eq!(answer.outcome(), ["delete app"], "{good}");
    }
    let bad = [
        "30",
        "'30'",
        "30m",
        "30s",
        "1y",
        "1mo",
        "1.5d",
        "-1d",
        "'30 days'",
        "30D",
        "d",
        "''",
        "1d12h",
        "99999999999999999999d",
    ];
    for bad in bad {
        let answer = expiring("app main 400d", &format!("{{ older-than: {bad} }}")).plan();
        assert_eq!(answer.code, 2, "{bad}: {}", answer.stdout);
        assert!(
            answer.stderr.contains("policy.yaml"),
            "names the file for {bad}: {}",
            answer.stderr
        );
    }
}

#[test]
fn sizes_have_a_unit_and_ranks_are_counts() {
    for bad in [
        "{ larger-than: 5XB }",
        "{ larger-than: -1MB }",
        "{ beyond-newest: -1 }",
        "{ beyond-newest: many }",
        "{ beyond-newest: 1.5 }",
    ] {
        let answer = expiring("app main 400d", bad).plan();
        assert_eq!(answer.code, 2, "{bad}: {}", answer.stdout);
    }
}

#[test]
fn untag_takes_expired_tags_off_images_that_stay_only_when_it_is_asked_for() {
    let rules = [
        "match: { tags: [keep] }, keep: always",
        "match: {}, expire: { older-than: 2d }",
    ];
    let image = "app keep,old 40d";
    let cannot = "@apps/web cap.delete_tag=false\napp keep,old 40d";
    check(&[
        (
            "the default is not to",
            images(image).rules(&rules),
            "keep app:keep keep-always; keep app:old shares-image",
        ),
        (
            "untag: false",
            images(image).policy("untag: false", &rules),
            "keep app:keep keep-always; keep app:old shares-image",
        ),
        (
            "untag: true",
            images(image).policy("untag: true", &rules),
            "keep app:keep keep-always; untag app:old",
        ),
        (
            "several tags are one action",
            images("app keep,old,older 40d").policy("untag: true", &rules),
            "keep app:keep keep-always; untag app:old,older",
        ),
        (
            "the registry cannot remove a single tag",
            images(cannot).policy("untag: true", &rules),
            "keep app:keep keep-always; block app:old cannot-untag",
        ),
        (
            "not asked for, it is not blocked either",
            images(cannot).rules(&rules),
            "keep app:keep keep-always; keep app:old shares-image",
        ),
        (
            "an image without a tag that stays is deleted, not untagged",
            images("app old,older 40d").policy("untag: true", &rules),
            "delete app",
        ),
        (
            "deleting a whole image does not need the removal of single tags",
            images("@apps/web cap.delete_tag=false\napp old,older 40d").rules(&rules),
            "delete app",
        ),
    ]);
}

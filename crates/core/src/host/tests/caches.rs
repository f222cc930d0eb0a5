//! What of a build cache is likely to go.

use super::*;
use crate::model::Gap;
use crate::policy::{ByteSize, Period};

fn record(id: &str, created: Option<i64>, used: Option<i64>) -> CacheRecord {
    CacheRecord {
        id: id.to_owned(),
        kind: "regular".to_owned(),
        description: String::new(),
        in_use: false,
        shared: false,
        bytes: 100,
        created_at: created.map(days_ago),
        last_used_at: used.map(days_ago),
        usage_count: 1,
    }
}

fn going(unused_for: Option<u16>, keep_at_most: Option<u64>) -> (Vec<String>, u64, u64) {
    let mut records = vec![
        record("never used", Some(20), None),
        record("used", Some(30), Some(10)),
        record("fresh", Some(30), Some(1)),
        record("unknown", None, None),
        record("at the limit", None, Some(7)),
        record("future", None, Some(-7)),
        record("busy", Some(90), Some(90)),
    ];
    records.last_mut().unwrap().in_use = true;
    let facts = HostFacts {
        build_cache: records,
        ..facts(Vec::new())
    };
    let build_cache = Some(CacheSettings {
        unused_for: unused_for.map(Period::days),
        keep_at_most: keep_at_most.map(ByteSize),
    });
    let plan = decide(&facts, &HostSettings { build_cache, ..bare() }, &[], now()).build_cache;
    (plan.go.into_iter().map(|it| it.id).collect(), plan.bytes, plan.of_bytes)
}

#[test]
fn records_go_by_age_and_size() {
    let all = ["never used", "used", "at the limit", "fresh", "future"];
    let table = [
        (Some(7), None, 2),
        (Some(6), None, 3),
        (Some(7), Some(500), 2),
        (Some(7), Some(499), 3),
        (Some(90), Some(700), 0),
        (None, Some(700), 0),
        (None, Some(699), 1),
        (None, Some(0), 5),
    ];
    for (unused_for, keep_at_most, count) in table {
        let (ids, bytes, of_bytes) = going(unused_for, keep_at_most);
        assert_eq!(ids, all[..count], "{unused_for:?} {keep_at_most:?}");
        assert_eq!((bytes, of_bytes), (100 * count as u64, 700));
    }
}

#[test]
fn nothing_goes_unasked_or_where_something_could_not_be_read() {
    let records = vec![record("old", Some(90), None)];
    let mut facts = HostFacts {
        build_cache: records,
        ..facts(Vec::new())
    };
    let plan = decide(&facts, &bare(), &[], now()).build_cache;
    assert_eq!((plan.go.len(), plan.of_bytes), (0, 100));
    let build_cache = Some(CacheSettings {
        unused_for: Some(Period::days(1)),
        keep_at_most: None,
    });
    let settings = HostSettings { build_cache, ..bare() };
    assert_eq!(decide(&facts, &settings, &[], now()).build_cache.go.len(), 1);
    facts.gaps = vec![Gap::of("x")];
    assert_eq!(decide(&facts, &settings, &[], now()).build_cache.go.len(), 0);
}

//! How growth is written.

use proptest::prelude::*;

use super::*;

#[test]
fn growth_is_a_size_in_a_time() {
    for (text, per_day, shown) in [
        ("1GB/day", 1_000_000_000, "1GB/day"),
        ("0B/day", 0, "0B/day"),
        ("300MB/week", 42_857_143, "300MB/week"),
        ("7MiB/week", 1_048_576, "7MiB/week"),
        ("1TB/month", 32_876_712_329, "1TB/month"),
        (
            "9223372036854775807B/month",
            303_234_149_156_869_342,
            "9223372036854775807B/month",
        ),
    ] {
        let growth: Growth = text.parse().unwrap();
        assert_eq!(
            (growth.bytes_per_day(), &*growth.to_string()),
            (per_day, shown),
            "{text}"
        );
    }
    assert_eq!(Growth::per_day(-1_500_000).to_string(), "-1500kB/day");
}

#[test]
fn what_is_no_growth_is_refused_with_a_hint() {
    for (text, problem, hint) in [
        ("", "not a growth", "`1GB/day`"),
        ("1GB", "not a growth", "`1GB/day`"),
        ("1 GB a day", "not a growth", "`1GB/day`"),
        ("-1GB/day", "negative", "recorded scans"),
        ("1GB/year", "unknown time", "`1GB/day`"),
        ("1GB/days", "unknown time", "`1GB/day`"),
        ("1GB/", "unknown time", "`1GB/day`"),
        ("1GB/day/day", "unknown time", "`1GB/day`"),
        ("1 GB/day", "unknown unit", "`1GB`"),
        ("1/day", "needs a unit", "`1MB`"),
        ("fast/day", "not a size", "`500MB`"),
        ("1.5GB/day", "unknown unit", "the units are"),
        ("9223372036854775808B/day", "no registry has", "fewer digits"),
        ("99999999999999TB/day", "no registry holds", "fewer digits"),
    ] {
        let error = text.parse::<Growth>().unwrap_err();
        assert!(error.to_string().contains(problem), "{text}: {error}");
        assert!(error.hint().contains(hint), "{text}: {}", error.hint());
    }
}

proptest! {
    #[test]
    fn no_text_makes_the_reader_of_growth_panic(text in "\\PC*|-?[0-9]{0,25}[kMGTi]{0,2}B?/[daywekmonth]{0,6}") {
        _ = text.parse::<Growth>().map(|growth| (growth.bytes_per_day(), growth.to_string()));
    }
}

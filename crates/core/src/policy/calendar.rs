//! Calendar buckets in UTC: which day, ISO week, month or year a moment falls in.

use std::fmt;

use jiff::Timestamp;
use jiff::tz::TimeZone;

/// A unit of the calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Granularity {
    /// A day from midnight to midnight.
    Day,
    /// A week from Monday (ISO 8601).
    Week,
    /// A month.
    Month,
    /// A year.
    Year,
}

impl Granularity {
    /// Every granularity, the finest first.
    pub const ALL: [Self; 4] = [Self::Day, Self::Week, Self::Month, Self::Year];
}

/// The word that policies use.
impl fmt::Display for Granularity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
            Self::Year => "year",
        })
    }
}

const SECONDS_A_DAY: i64 = 86_400;
/// 1970-01-01 was a Thursday, three days after a Monday.
const DAYS_SINCE_MONDAY: i64 = 3;

/// The number of the bucket that `at` falls in, in UTC. Numbers of one granularity grow with time and are
/// equal exactly for moments of the same day, ISO week, month or year; they mean nothing else.
pub fn bucket(granularity: Granularity, at: Timestamp) -> i64 {
    let day = at.as_second().div_euclid(SECONDS_A_DAY);
    match granularity {
        Granularity::Day => day,
        Granularity::Week => (day + DAYS_SINCE_MONDAY).div_euclid(7),
        Granularity::Month | Granularity::Year => {
            let date = TimeZone::UTC.to_datetime(at).date();
            match granularity {
                Granularity::Month => i64::from(date.year()) * 12 + i64::from(date.month()),
                _ => i64::from(date.year()),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn same(granularity: Granularity, a: &str, b: &str) -> bool {
        bucket(granularity, a.parse().unwrap()) == bucket(granularity, b.parse().unwrap())
    }

    #[test]
    fn weeks_begin_on_monday_and_cross_years() {
        assert!(same(Granularity::Week, "2024-12-30T00:00:00Z", "2025-01-05T23:59:59Z"));
        assert!(!same(Granularity::Week, "2025-01-05T23:59:59Z", "2025-01-06T00:00:00Z"));
        assert!(!same(Granularity::Year, "2024-12-31T23:59:59Z", "2025-01-01T00:00:00Z"));
        assert!(same(Granularity::Day, "1969-12-31T00:00:00.5Z", "1969-12-31T23:59:59Z"));
    }

    /// The oracle spells the bucket out as a person would.
    fn oracle(granularity: Granularity, at: Timestamp) -> (i16, i8, i8) {
        let date = TimeZone::UTC.to_datetime(at).date();
        match granularity {
            Granularity::Day => (date.year(), date.month(), date.day()),
            Granularity::Week => (date.iso_week_date().year(), date.iso_week_date().week(), 0),
            Granularity::Month => (date.year(), date.month(), 0),
            Granularity::Year => (date.year(), 0, 0),
        }
    }

    proptest! {
        #[test]
        fn buckets_order_as_the_calendar_does(a in -4_000_000_000_i64..8_000_000_000, apart in -40_000_000_i64..40_000_000) {
            let (a, b) = (Timestamp::from_second(a).unwrap(), Timestamp::from_second(a + apart).unwrap());
            for granularity in Granularity::ALL {
                prop_assert_eq!(
                    bucket(granularity, a).cmp(&bucket(granularity, b)),
                    oracle(granularity, a).cmp(&oracle(granularity, b))
                );
            }
        }
    }
}

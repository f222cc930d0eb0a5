//! Spans of time as policies write them: `12h`, `30d`, `2w`, and nothing else.

use std::fmt;
use std::str::FromStr;

use serde::Serialize;

const HOUR: i64 = 3_600;
const DAY: i64 = 24 * HOUR;
const WEEK: i64 = 7 * DAY;
/// A century: beyond it a number is a slip, and below it no sum with a timestamp overflows.
const MOST: i64 = 36_525 * DAY;

/// A span of time of whole hours. Days have 24 hours, weeks 7 days.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(into = "String")]
pub struct Period(i64);

/// Why a text is not a period.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{problem}")]
pub struct InvalidPeriod {
    problem: &'static str,
    hint: String,
}

impl InvalidPeriod {
    /// What to write instead.
    pub fn hint(&self) -> &str {
        &self.hint
    }
}

impl Period {
    /// That many days of 24 hours.
    pub const fn days(days: u16) -> Self {
        Self(days as i64 * DAY)
    }

    /// That many hours.
    pub const fn hours(hours: u16) -> Self {
        Self(hours as i64 * HOUR)
    }

    /// The whole length in seconds; never negative, at most a century.
    pub const fn seconds(self) -> i64 {
        self.0
    }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            seconds if seconds % DAY == 0 => write!(f, "{}d", seconds / DAY),
            seconds => write!(f, "{}h", seconds / HOUR),
        }
    }
}

impl fmt::Debug for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl From<Period> for String {
    fn from(period: Period) -> Self {
        period.to_string()
    }
}

impl FromStr for Period {
    type Err = InvalidPeriod;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (number, unit) = text.split_at(digits);
        let unit = match (number, unit) {
            ("", _) => return Err(shape(text)),
            (_, "h") => HOUR,
            (_, "d") => DAY,
            (_, "w") => WEEK,
            (_, "") => {
                return Err(error(
                    "a duration needs a unit",
                    format!("write `{number}d` for days or `{number}h` for hours"),
                ));
            }
            (_, other) => return Err(unknown_unit(number, other)),
        };
        let seconds = number.parse::<i64>().ok().and_then(|number| number.checked_mul(unit));
        match seconds.filter(|seconds| *seconds <= MOST) {
            Some(seconds) => Ok(Self(seconds)),
            None => Err(error(
                "a duration of more than a century",
                "the longest is `36525d`".to_owned(),
            )),
        }
    }
}

fn error(problem: &'static str, hint: String) -> InvalidPeriod {
    InvalidPeriod { problem, hint }
}

fn shape(text: &str) -> InvalidPeriod {
    let problem = if text.starts_with('-') {
        "a duration cannot be negative"
    } else {
        "not a duration"
    };
    error(
        problem,
        "write a whole number and a unit: `12h`, `30d` or `2w`".to_owned(),
    )
}

fn unknown_unit(number: &str, unit: &str) -> InvalidPeriod {
    let days = |factor: u64| number.parse::<u64>().ok().and_then(|number| number.checked_mul(factor));
    let hint = match (unit, unit.trim().to_ascii_lowercase().as_str()) {
        ("m", _) => "`m` could mean minutes or months: write hours, days or weeks".to_owned(),
        (_, "h" | "hr" | "hrs" | "hour" | "hours") => format!("write `{number}h`"),
        (_, "d" | "day" | "days") => format!("write `{number}d`"),
        (_, "w" | "week" | "weeks") => format!("write `{number}w`"),
        (_, "mo" | "month" | "months") => days(30).map_or_else(String::new, |days| format!("write days: `{days}d`")),
        (_, "y" | "year" | "years") => days(365).map_or_else(String::new, |days| format!("write days: `{days}d`")),
        _ => String::new(),
    };
    let hint = if hint.is_empty() {
        "the units are `h` (hours), `d` (days) and `w` (weeks)".to_owned()
    } else {
        hint
    };
    error("a duration with an unknown unit", hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_hours_days_and_weeks() {
        for (text, seconds, printed) in [
            ("12h", 43_200, "12h"),
            ("24h", 86_400, "1d"),
            ("30d", 2_592_000, "30d"),
            ("2w", 1_209_600, "14d"),
            ("0d", 0, "0d"),
            ("007d", 604_800, "7d"),
            ("36525d", 3_155_760_000, "36525d"),
        ] {
            let period: Period = text.parse().unwrap();
            assert_eq!(
                (period.seconds(), period.to_string().as_str()),
                (seconds, printed),
                "{text}"
            );
        }
        assert_eq!(
            (Period::days(30), Period::hours(24)),
            ("30d".parse().unwrap(), Period::days(1))
        );
    }

    #[test]
    fn refuses_everything_else_with_a_hint() {
        for (text, hint) in [
            ("", "write a whole number"),
            ("30", "write `30d`"),
            ("-3d", "write a whole number"),
            ("+3d", "write a whole number"),
            ("d", "write a whole number"),
            ("5m", "minutes or months"),
            ("1mo", "`30d`"),
            ("2y", "`730d`"),
            ("30D", "`30d`"),
            ("30 d", "`30d`"),
            ("1.5d", "the units are"),
            ("1d12h", "the units are"),
            ("30s", "the units are"),
            ("٣d", "write a whole number"),
            ("36526d", "the longest"),
            ("99999999999999999999d", "the longest"),
            ("9223372036854775807w", "the longest"),
            ("99999999999999999999y", "the units are"),
        ] {
            let error = text.parse::<Period>().unwrap_err();
            assert!(error.hint().contains(hint), "{text}: {}", error.hint());
        }
    }
}

//! Sizes as policies write them: `100MB` is 10^8 bytes, `100MiB` is 100 × 2^20.

use std::fmt;
use std::str::FromStr;

use serde::Serialize;

/// A number of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct ByteSize(pub u64);

impl ByteSize {
    /// The number of bytes.
    pub const fn bytes(self) -> u64 {
        self.0
    }
}

const UNITS: [(&str, u64); 9] = [
    ("TiB", 1 << 40),
    ("TB", 1_000_000_000_000),
    ("GiB", 1 << 30),
    ("GB", 1_000_000_000),
    ("MiB", 1 << 20),
    ("MB", 1_000_000),
    ("KiB", 1 << 10),
    ("kB", 1_000),
    ("B", 1),
];

/// Why a text is not a size.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{problem}")]
pub struct InvalidSize {
    problem: &'static str,
    hint: String,
}

impl InvalidSize {
    /// What to write instead.
    pub fn hint(&self) -> &str {
        &self.hint
    }
}

/// Prints the largest unit that divides it: what was written, unless in a clumsy unit.
impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (unit, factor) = UNITS
            .into_iter()
            .find(|(_, factor)| self.0 != 0 && self.0.is_multiple_of(*factor))
            .unwrap_or(("B", 1));
        write!(f, "{}{unit}", self.0 / factor)
    }
}

impl FromStr for ByteSize {
    type Err = InvalidSize;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (number, unit) = text.split_at(digits);
        if number.is_empty() {
            let problem = if text.starts_with('-') {
                "a size cannot be negative"
            } else {
                "not a size"
            };
            return Err(error(
                problem,
                "write a whole number and a unit: `500MB` or `2GiB`".to_owned(),
            ));
        }
        if unit.is_empty() {
            return Err(error(
                "a size needs a unit",
                format!("write `{number}MB`, or `{number}B` for bytes"),
            ));
        }
        let Some((_, factor)) = UNITS.into_iter().find(|(known, _)| *known == unit) else {
            return Err(unknown_unit(number, unit));
        };
        let bytes = number.parse::<u64>().ok().and_then(|number| number.checked_mul(factor));
        bytes
            .map(Self)
            .ok_or_else(|| error("a size that no registry holds", "write fewer digits".to_owned()))
    }
}

fn error(problem: &'static str, hint: String) -> InvalidSize {
    InvalidSize { problem, hint }
}

fn unknown_unit(number: &str, unit: &str) -> InvalidSize {
    let wanted = unit.trim();
    let close = |candidate: &&str| {
        let letter = |text: &str| text.chars().next().map(|first| first.to_ascii_lowercase());
        candidate.eq_ignore_ascii_case(wanted) || (matches!(wanted.len(), 1 | 2) && letter(candidate) == letter(wanted))
    };
    let known = UNITS.into_iter().map(|(unit, _)| unit);
    let close: Vec<String> = known.filter(close).map(|unit| format!("`{number}{unit}`")).collect();
    let hint = match close.is_empty() {
        true => "the units are B, kB, MB, GB, TB (powers of 1000) and KiB, MiB, GiB, TiB (powers of 1024)".to_owned(),
        false => format!("write {}", close.join(" or ")),
    };
    error("a size with an unknown unit", hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_decimal_and_binary_units() {
        for (text, bytes, printed) in [
            ("0B", 0, "0B"),
            ("1B", 1, "1B"),
            ("3kB", 3_000, "3kB"),
            ("100MB", 100_000_000, "100MB"),
            ("1MiB", 1_048_576, "1MiB"),
            ("2GiB", 2_147_483_648, "2GiB"),
            ("7GB", 7_000_000_000, "7GB"),
            ("1TB", 1_000_000_000_000, "1TB"),
            ("1TiB", 1_099_511_627_776, "1TiB"),
            ("1024KiB", 1_048_576, "1MiB"),
        ] {
            let size: ByteSize = text.parse().unwrap();
            assert_eq!((size.0, size.to_string().as_str()), (bytes, printed), "{text}");
        }
    }

    #[test]
    fn refuses_everything_else_with_a_hint() {
        for (text, hint) in [
            ("", "whole number"),
            ("100", "`100MB`"),
            ("-1MB", "whole number"),
            ("MB", "whole number"),
            ("1M", "`1MiB` or `1MB`"),
            ("1Mi", "`1MiB` or `1MB`"),
            ("1mb", "`1MB`"),
            ("1KB", "`1kB`"),
            ("1 GB", "`1GB`"),
            ("1.5GB", "the units are"),
            ("1PB", "the units are"),
            ("18446744073709551616B", "fewer digits"),
            ("18446744073709551615TB", "fewer digits"),
        ] {
            let error = text.parse::<ByteSize>().unwrap_err();
            assert!(error.hint().contains(hint), "{text}: {}", error.hint());
        }
    }
}

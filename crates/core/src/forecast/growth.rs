//! How fast stored bytes are taken to grow: `1GB/day`. How fast they did is [`crate::growth`].

use std::fmt;
use std::str::FromStr;

use super::parts::{PER_BYTE, Parts};
use crate::policy::ByteSize;

/// By how much stored bytes grow in a day, a week or a month; negative if they shrink.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Growth {
    bytes: i64,
    every: Every,
}

/// In which time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Every {
    Day,
    Week,
    Month,
}

impl Every {
    const ALL: [Self; 3] = [Self::Day, Self::Week, Self::Month];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
        }
    }
}

impl Growth {
    /// So many bytes a day.
    pub const fn per_day(bytes: i64) -> Self {
        Self {
            bytes,
            every: Every::Day,
        }
    }

    /// To the nearest byte a day.
    pub fn bytes_per_day(self) -> i64 {
        let (days, months) = match self.every {
            Every::Day => (1, 1),
            Every::Week => (7, 1),
            Every::Month => (365, 12),
        };
        let bytes = i128::from(self.bytes) * months;
        let rounded = (2 * bytes + days).div_euclid(2 * days);
        i64::try_from(rounded).unwrap_or(self.bytes)
    }

    /// What is added in half a month of 365/12 days, exactly.
    pub(super) fn in_half_a_month(self) -> Parts {
        let days = match self.every {
            // 365/24 days; 365/168 weeks.
            Every::Day => 365 * PER_BYTE / 24,
            Every::Week => 365 * PER_BYTE / 168,
            Every::Month => PER_BYTE / 2,
        };
        i128::from(self.bytes) * days
    }
}

/// `1GB/day`.
impl fmt::Display for Growth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.bytes < 0 { "-" } else { "" };
        write!(
            f,
            "{sign}{}/{}",
            ByteSize(self.bytes.unsigned_abs()),
            self.every.as_str()
        )
    }
}

/// Why a text is not a growth.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{problem}")]
pub struct InvalidGrowth {
    problem: String,
    hint: String,
}

impl InvalidGrowth {
    fn new(problem: impl fmt::Display, hint: impl Into<String>) -> Self {
        Self {
            problem: problem.to_string(),
            hint: hint.into(),
        }
    }

    /// What to write instead.
    pub fn hint(&self) -> &str {
        &self.hint
    }
}

/// A size, a slash, and `day`, `week` or `month`. Nobody plans for what shrinks.
impl FromStr for Growth {
    type Err = InvalidGrowth;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const FORM: &str = "write a size and a time: `1GB/day`, `300MB/week`, `1TB/month`";
        if text.starts_with('-') {
            let hint = "write by how much storage grows, or leave it out: then recorded scans tell";
            return Err(InvalidGrowth::new("a growth cannot be negative", hint));
        }
        let Some((size, every)) = text.split_once('/') else {
            return Err(InvalidGrowth::new("not a growth", FORM));
        };
        let Some(every) = Every::ALL.into_iter().find(|known| known.as_str() == every) else {
            let hint = format!("write `{}/day`, `/week` or `/month`", size.escape_debug());
            return Err(InvalidGrowth::new("a growth in an unknown time", hint));
        };
        let size: ByteSize = size.parse().map_err(|error: crate::policy::InvalidSize| {
            let hint = error.hint().to_owned();
            InvalidGrowth::new(error, hint)
        })?;
        let too_fast = |_| InvalidGrowth::new("a growth that no registry has", "write fewer digits");
        let bytes = i64::try_from(size.bytes()).map_err(too_fast)?;
        Ok(Self { bytes, every })
    }
}

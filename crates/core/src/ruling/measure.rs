//! Numbers that may be unknown, each in eight bytes.

use std::fmt;

use crate::policy::Period;

/// Why a condition cannot be decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unknown {
    /// Nobody knows how old it is.
    NoTimeNorSight,
    /// Nobody keeps pull times.
    NoPullTimes,
    /// Pull times are kept, but not for long enough.
    PullTimesTooShort,
    /// The entry has no group to be ranked in.
    NoGroup,
    /// The entry has no time to be ranked by.
    NoTime,
    /// The entry has no version to be ranked by.
    NoVersion,
    /// It was left out of the ranking.
    NoRank,
    /// Nobody knows when it was pushed.
    NoPush,
    /// It is not in the archive.
    NotArchived,
    /// It is in the archive, and nobody knows since when.
    NoArchival,
}

impl Unknown {
    const ALL: [Self; 10] = [
        Self::NoTimeNorSight,
        Self::NoPullTimes,
        Self::PullTimesTooShort,
        Self::NoGroup,
        Self::NoTime,
        Self::NoVersion,
        Self::NoRank,
        Self::NoPush,
        Self::NotArchived,
        Self::NoArchival,
    ];
}

impl fmt::Display for Unknown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoTimeNorSight => "neither a time nor a first sight is known",
            Self::NoPullTimes => "no pull times are known here",
            Self::PullTimesTooShort => "pull times do not reach back that far",
            Self::NoGroup => "it belongs to no group",
            Self::NoTime => "no time is known",
            Self::NoVersion => "its tag is no version",
            Self::NoRank => "it has no rank",
            Self::NoPush => "no time of a push is known",
            Self::NotArchived => "not archived",
            Self::NoArchival => "it is archived, and nobody knows since when",
        })
    }
}

/// A number below 2^63, or why it is unknown, which is kept as a negative one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Measure(i64);

impl Measure {
    /// What nobody asks for.
    pub(crate) const UNASKED: Self = Self(0);

    pub(crate) fn of(found: Result<u64, Unknown>) -> Self {
        Self(match found {
            Ok(number) => i64::try_from(number).unwrap_or(i64::MAX),
            Err(why) => -1 - why as i64,
        })
    }

    pub(crate) fn of_span(found: Result<Span, Unknown>) -> Self {
        Self::of(found.map(|span| span.0))
    }

    pub(crate) fn get(self) -> Result<u64, Unknown> {
        u64::try_from(self.0).map_err(|_| {
            let place = usize::try_from(-1 - self.0).unwrap_or(usize::MAX);
            Unknown::ALL.get(place).copied().unwrap_or(Unknown::NoRank)
        })
    }

    pub(crate) fn span(self) -> Result<Span, Unknown> {
        self.get().map(Span)
    }
}

/// A length of time, exact enough to compare with whole seconds: the seconds doubled, and one more where a fraction
/// of a second is left.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Span(u64);

impl Span {
    /// So many nanoseconds. Less than none counts as none: no limit is negative.
    pub(crate) fn of_nanoseconds(nanoseconds: i128) -> Self {
        const SECOND: u128 = 1_000_000_000;
        let nanoseconds = u128::try_from(nanoseconds).unwrap_or_default();
        let doubled = nanoseconds / SECOND * 2 + u128::from(nanoseconds % SECOND > 0);
        Self(u64::try_from(doubled).unwrap_or(u64::MAX))
    }

    /// As policies write limits.
    pub(crate) fn write_limit(self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hours = self.0 / 2 / 3600;
        if hours.is_multiple_of(24) {
            write!(f, "{}d", hours / 24)
        } else {
            write!(f, "{hours}h")
        }
    }
}

impl From<Period> for Span {
    fn from(period: Period) -> Self {
        Self::of_nanoseconds(i128::from(period.seconds()) * 1_000_000_000)
    }
}

/// `42d 3h`, `5h`, `12m`; the future is `0m`.
impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let minutes = self.0 / 2 / 60;
        match (minutes / 1440, minutes / 60 % 24, minutes % 60) {
            (0, 0, minutes) => write!(f, "{minutes}m"),
            (0, hours, _) => write!(f, "{hours}h"),
            (days, 0, _) => write!(f, "{days}d"),
            (days, hours, _) => write!(f, "{days}d {hours}h"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_measure_gives_back_what_was_put_in() {
        for found in Unknown::ALL
            .map(Err)
            .into_iter()
            .chain([Ok(0), Ok(7), Ok(u64::MAX / 2)])
        {
            assert_eq!(Measure::of(found).get(), found);
        }
    }

    #[test]
    fn spans_compare_strictly_and_to_the_nanosecond() {
        let day = Span::from(Period::days(1));
        let nanoseconds = 86_400_000_000_000_i128;
        assert!(Span::of_nanoseconds(nanoseconds + 1) > day);
        assert!(Span::of_nanoseconds(nanoseconds) == day);
        assert!(Span::of_nanoseconds(nanoseconds - 1) < day);
        assert!(Span::of_nanoseconds(-1) == Span::default());
    }

    #[test]
    fn spans_read_as_people_say_them() {
        for (minutes, words) in [
            (0, "0m"),
            (59, "59m"),
            (60, "1h"),
            (1439, "23h"),
            (1440, "1d"),
            (1501, "1d 1h"),
        ] {
            let span = Span::of_nanoseconds(minutes * 60_000_000_000 + 59_999_999_999);
            assert_eq!(span.to_string(), words);
        }
    }
}

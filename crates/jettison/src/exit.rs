//! Exit codes: the one place that says what each outcome means to a script (design, section 8).

use std::process::ExitCode;

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Done.
    Done,
    /// Something that should not happen, or a store that another run has locked.
    Unexpected,
    /// Bad usage or configuration.
    Usage,
    /// Refused (fuse, violation, incomplete usage, stale plan), the rest having been done.
    Refused,
    /// Some actions failed.
    Failed,
    /// Done, but the facts were incomplete.
    Incomplete,
    /// `--detailed-exit-code`: something would be deleted or untagged; a policy gives rise to findings.
    Changes,
    /// Ended by Ctrl-C while it changed something: 128 and the number of the signal, as shells have it.
    Interrupted,
    /// Ended by SIGTERM while it changed something.
    Terminated,
}

impl Exit {
    /// The number a script sees.
    pub fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Unexpected => 1,
            Self::Usage => 2,
            Self::Refused => 3,
            Self::Failed => 4,
            Self::Incomplete => 5,
            Self::Changes => 10,
            Self::Interrupted => 130,
            Self::Terminated => 143,
        }
    }

    /// How a command ends that only looks: what it found, if somebody wants to know that by the exit code, comes before what
    /// could not be read.
    pub fn of_looking(changes: bool, is_whole: bool) -> Self {
        match (changes, is_whole) {
            (true, _) => Self::Changes,
            (false, true) => Self::Done,
            (false, false) => Self::Incomplete,
        }
    }

    /// Of two ends the one to report: of 4, 3 and 5 the first that fits.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        let weight = |exit: Self| match exit {
            Self::Interrupted | Self::Terminated => 7,
            Self::Unexpected => 6,
            Self::Usage => 5,
            Self::Failed => 4,
            Self::Refused => 3,
            Self::Incomplete => 2,
            Self::Changes => 1,
            Self::Done => 0,
        };
        if weight(self) >= weight(other) { self } else { other }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_found_comes_before_what_could_not_be_read() {
        let codes = [(true, true), (true, false), (false, true), (false, false)];
        let codes = codes.map(|(changes, is_whole)| Exit::of_looking(changes, is_whole).code());
        assert_eq!(codes, [10, 10, 0, 5]);
    }

    #[test]
    fn the_first_of_failed_refused_incomplete_is_reported() {
        for (left, right, expected) in [
            (Exit::Failed, Exit::Refused, 4),
            (Exit::Refused, Exit::Incomplete, 3),
            (Exit::Incomplete, Exit::Done, 5),
            (Exit::Incomplete, Exit::Changes, 5),
            (Exit::Done, Exit::Done, 0),
        ] {
            assert_eq!((left.and(right).code(), right.and(left).code()), (expected, expected));
        }
    }
}

//! Which branch a tag was built from: the tag without its build suffix.
//!
//! Pipelines tag images as branch, commit, date and counter, in any order behind the branch. Taking too much off would
//! put different branches into one group, where the newer one pushes out the older; taking too little leaves a tag
//! in a group of its own, where it stays as the newest. So in doubt nothing is taken off.

use regex::Regex;

/// What separates the parts of a tag. (`+` cannot stand in a tag, but does in what tags are made from.)
const SEPARATORS: [char; 4] = ['-', '_', '.', '+'];

/// Branches that everybody has: a counter behind one of these is a build of it.
const TRUNKS: [&str; 17] = [
    "main",
    "master",
    "trunk",
    "mainline",
    "default",
    "develop",
    "development",
    "devel",
    "dev",
    "edge",
    "nightly",
    "staging",
    "snapshot",
    "next",
    "canary",
    "integration",
    "head",
];

/// What counts as the build suffix of a tag.
///
/// A suffix is taken off the end again and again, each together with the `-`, `_`, `.` or `+` before it:
/// - a **commit**: 7 to 40 lower-case hex digits with at least one digit and one letter (`1a2b3c4`), the same behind a
///   `g` (`git describe`), or any behind `sha-`;
/// - a **date**: `20260131`, `2026-01-31`, `20260131103000`, `20260131T103000Z`, or a ten-digit Unix time;
/// - a **counter** (`17`, `build17`, `b17`), but only behind a commit or date, which then goes too, or where what
///   remains is itself a tag of the repository or a usual trunk name. `.17` behind a digit is part of a version.
///
/// The default. `suffixes` replaces commits and dates, `trunks` the trunk names.
#[derive(Debug, Clone, Default)]
pub struct BranchPatterns {
    suffixes: Option<Vec<Regex>>,
    trunks: Option<Vec<String>>,
}

/// Two are equal if they are written alike.
impl PartialEq for BranchPatterns {
    fn eq(&self, other: &Self) -> bool {
        let texts = |patterns: &Self| {
            patterns
                .suffixes
                .as_ref()
                .map(|list| list.iter().map(|regex| regex.as_str().to_owned()).collect::<Vec<_>>())
        };
        texts(self) == texts(other) && self.trunks == other.trunks
    }
}

/// What a build suffix turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Build {
    Commit,
    Date,
}

impl BranchPatterns {
    /// Patterns of one's own: each suffix is a regular expression for the whole of what stands behind a separator.
    ///
    /// # Errors
    /// The place of the first suffix that is not a regular expression, and why.
    pub fn new(suffixes: Option<&[String]>, trunks: Option<&[String]>) -> Result<Self, (usize, String)> {
        let compile = |(index, pattern): (usize, &String)| {
            super::pattern::regex(pattern, |pattern| format!(r"(?:\A|[-_.+])(?:{pattern})\z"))
                .map_err(|error| (index, error))
        };
        let suffixes = suffixes
            .map(|list| list.iter().enumerate().map(compile).collect::<Result<_, _>>())
            .transpose()?;
        Ok(Self {
            suffixes,
            trunks: trunks.map(<[String]>::to_vec),
        })
    }

    /// The branch that `tag` was built from. `is_tag` tells whether a text is a tag of the same repository.
    ///
    /// All bare commits (`1a2b3c4`, `20260131-1a2b3c4`) are builds of one nameless branch, the empty text. A bare
    /// date or number may be a release: it is a branch of its own.
    pub fn branch<'t>(&self, tag: &'t str, is_tag: &dyn Fn(&str) -> bool) -> &'t str {
        let (mut rest, mut has_commit) = (tag, false);
        while !rest.is_empty() {
            if let Some((before, build)) = self.split_build(rest) {
                has_commit |= build == Build::Commit;
                rest = before;
            } else if let Some(before) = self.split_counter(rest, is_tag) {
                rest = before;
            } else {
                break;
            }
        }
        if rest.is_empty() && !has_commit { tag } else { rest }
    }

    /// Takes a commit or a date off the end, and what separates it.
    fn split_build<'t>(&self, text: &'t str) -> Option<(&'t str, Build)> {
        let (before, build) = match &self.suffixes {
            Some(suffixes) => {
                let start = suffixes
                    .iter()
                    .filter_map(|suffix| suffix.find(text))
                    .map(|found| found.start())
                    .min()?;
                (&text[..start], Build::Commit)
            }
            None => split_commit(text)
                .map(|before| (before, Build::Commit))
                .or_else(|| split_date(text))?,
        };
        (before.len() < text.len()).then(|| (before.trim_end_matches(SEPARATORS), build))
    }

    /// Takes a counter off the end where it may be one.
    fn split_counter<'t>(&self, text: &'t str, is_tag: &dyn Fn(&str) -> bool) -> Option<&'t str> {
        let (before, counter) = split_last(text)?;
        if !is_counter(counter) {
            return None;
        }
        let kept = before.trim_end_matches(SEPARATORS);
        let is_build = self.split_build(kept).is_some();
        let in_version = text[..before.len() + 1].ends_with('.') && kept.ends_with(|last: char| last.is_ascii_digit());
        (is_build || (!in_version && (self.is_trunk(kept) || is_tag(kept)))).then_some(kept)
    }

    fn is_trunk(&self, text: &str) -> bool {
        match &self.trunks {
            Some(trunks) => trunks.iter().any(|trunk| trunk == text),
            None => TRUNKS.iter().any(|trunk| trunk.eq_ignore_ascii_case(text)),
        }
    }
}

/// What stands before and behind the last separator.
fn split_last(text: &str) -> Option<(&str, &str)> {
    let at = text.rfind(SEPARATORS)?;
    Some((&text[..at], &text[at + 1..]))
}

/// What stands before the last separator, or nothing, and the rest.
fn last_part(text: &str) -> (&str, &str) {
    split_last(text).unwrap_or(("", text))
}

fn split_commit(text: &str) -> Option<&str> {
    let (before, last) = last_part(text);
    if is_hex(last) {
        let prefix = before
            .strip_suffix("sha")
            .filter(|rest| rest.is_empty() || rest.ends_with(SEPARATORS));
        if let Some(rest) = prefix {
            return Some(rest);
        }
    }
    is_commit(last).then_some(before)
}

/// Whether a text is a commit and can hardly be a word or a number.
pub(super) fn is_commit(text: &str) -> bool {
    let certain = |hex: &str| is_hex(hex) && hex.bytes().any(|byte| byte.is_ascii_digit());
    let has_letter = text.bytes().any(|byte| byte.is_ascii_lowercase());
    (certain(text) && has_letter) || text.strip_prefix('g').is_some_and(certain)
}

fn is_hex(text: &str) -> bool {
    (7..=40).contains(&text.len()) && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

fn split_date(text: &str) -> Option<(&str, Build)> {
    let (before, last) = last_part(text);
    let dashed = || {
        let (before, date) = text.split_at_checked(text.len().checked_sub(10)?)?;
        let (year, rest) = date.split_once('-')?;
        let (month, day) = rest.split_once('-')?;
        let stands_alone = before.is_empty() || before.ends_with(SEPARATORS);
        (stands_alone && (year.len(), month.len()) == (4, 2) && is_date(&[year, month, day].concat())).then_some(before)
    };
    if is_moment(last) {
        Some((before, Build::Date))
    } else {
        dashed().map(|before| (before, Build::Date))
    }
}

/// `20260131`, `20260131103000`, `20260131T103000Z` or a Unix time between 2011 and 2036.
fn is_moment(text: &str) -> bool {
    let bare = text.strip_suffix(['Z', 'z']).unwrap_or(text);
    match (bare.len(), bare.split_once(['T', 't'])) {
        (_, Some((date, time))) => is_date(date) && is_time(time),
        (14, None) => bare.is_char_boundary(8) && is_date(&bare[..8]) && is_time(&bare[8..]),
        (8, None) => bare.len() == text.len() && is_date(bare),
        (10, None) => {
            is_digits(text)
                && text
                    .parse()
                    .is_ok_and(|unix: u64| (1_300_000_000..2_100_000_000).contains(&unix))
        }
        _ => false,
    }
}

/// Eight digits that are a day of this century.
fn is_date(text: &str) -> bool {
    let number = |range: std::ops::Range<usize>| text.get(range).and_then(|digits| digits.parse::<i16>().ok());
    let date = || {
        let (month, day) = (i8::try_from(number(4..6)?).ok()?, i8::try_from(number(6..8)?).ok()?);
        jiff::civil::Date::new(number(0..4)?, month, day).ok()
    };
    text.len() == 8 && is_digits(text) && text.starts_with("20") && date().is_some()
}

/// `hhmm` or `hhmmss`.
fn is_time(text: &str) -> bool {
    let below = |at: usize, limit: u8| {
        text.get(at..at + 2)
            .is_none_or(|pair| pair.parse().is_ok_and(|value: u8| value < limit))
    };
    matches!(text.len(), 4 | 6) && is_digits(text) && below(0, 24) && below(2, 60) && below(4, 61)
}

fn is_counter(text: &str) -> bool {
    is_digits(
        text.strip_prefix("build")
            .or_else(|| text.strip_prefix('b'))
            .unwrap_or(text),
    )
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NO_TAGS: &[&str] = &[];

    fn branch(tag: &str, tags: &[&str]) -> String {
        BranchPatterns::default()
            .branch(tag, &|text| tags.contains(&text))
            .to_owned()
    }

    #[test]
    fn the_branch_is_the_tag_without_its_build_suffix() {
        for (tag, expected) in [
            // commits
            ("main-1a2b3c4", "main"),
            ("main.1a2b3c4", "main"),
            ("main_1a2b3c4", "main"),
            ("main+1a2b3c4", "main"),
            ("main--1a2b3c4", "main"),
            ("feature-x-1a2b3c4", "feature-x"),
            ("feature-x-0123456789abcdef0123456789abcdef01234567", "feature-x"),
            ("main-sha-1a2b3c4", "main"),
            ("main-sha-1234567", "main"),
            ("main-sha-defaced", "main"),
            ("v1.2.3-14-g1a2b3c4", "v1.2.3-14"),
            ("main-g1234567", "main"),
            ("renovate-lodash-4.x-1a2b3c4d", "renovate-lodash-4.x"),
            ("JIRA-1234-1a2b3c4", "JIRA-1234"),
            ("pr-12-1a2b3c4", "pr-12"),
            // no commits
            ("feature-defaced", "feature-defaced"),
            ("feature-effaced-decade", "feature-effaced-decade"),
            ("release-1234567", "release-1234567"),
            ("main-1A2B3C4-x", "main-1A2B3C4-x"),
            ("feature-1A2B3C4", "feature-1A2B3C4"),
            ("feature-1a2b3c", "feature-1a2b3c"),
            (
                "main-0123456789abcdef0123456789abcdef012345678",
                "main-0123456789abcdef0123456789abcdef012345678",
            ),
            ("feature-shadow", "feature-shadow"),
            ("1a2b3c4-main", "1a2b3c4-main"),
            ("main1a2b3c4", "main1a2b3c4"),
            // dates
            ("main-20260131", "main"),
            ("main-2026-01-31", "main"),
            ("main-20260131103000", "main"),
            ("main-20260131T103000Z", "main"),
            ("main-20260131t1030", "main"),
            ("main-20260131-1030", "main"),
            ("main-20260131-103059", "main"),
            ("main-1769856000", "main"),
            ("feature-x-1a2b3c4-1769856000", "feature-x"),
            ("feature-x-20260131-1a2b3c4", "feature-x"),
            ("feature-x-1a2b3c4-20260131", "feature-x"),
            ("feature-x-2026-01-31-1a2b3c4", "feature-x"),
            // no dates
            ("feature-20261331", "feature-20261331"),
            ("feature-20260230", "feature-20260230"),
            ("feature-12345678", "feature-12345678"),
            ("feature-19991231", "feature-19991231"),
            ("feature-20260131Z", "feature-20260131Z"),
            ("feature-2026-13-31", "feature-2026-13-31"),
            ("feature-x2026-01-31", "feature-x2026-01-31"),
            ("feature-9999999999", "feature-9999999999"),
            // counters
            ("main-17", "main"),
            ("main.17", "main"),
            ("MAIN-17", "MAIN"),
            ("main-build17", "main"),
            ("main-b17", "main"),
            ("main-1234567", "main"),
            ("main-123-1a2b3c4", "main"),
            ("main-20260131-1", "main"),
            ("main-20260131.1", "main"),
            ("feature-x-1a2b3c4-2", "feature-x"),
            ("feature-x-1a2b3c4-b2", "feature-x"),
            ("feature-x-20260131-2", "feature-x"),
            // no counters
            ("JIRA-1234", "JIRA-1234"),
            ("pr-12", "pr-12"),
            ("java-17", "java-17"),
            ("feature-20", "feature-20"),
            ("feature-x-123-1a2b3c4", "feature-x-123"),
            ("mainly-17", "mainly-17"),
            ("main-x17", "main-x17"),
            ("main-build", "main-build"),
            ("1.2.3", "1.2.3"),
            ("v1.2.3-1a2b3c4", "v1.2.3"),
            // nothing but a suffix
            ("1a2b3c4", ""),
            ("sha-1a2b3c4", ""),
            ("g1a2b3c4", ""),
            ("20260131-1a2b3c4", ""),
            ("1a2b3c4-2", ""),
            ("1234567-1a2b3c4", "1234567"),
            ("20260131", "20260131"),
            ("20260131-1", "20260131-1"),
            ("2026-01-31", "2026-01-31"),
            ("1234567", "1234567"),
            ("17", "17"),
            ("latest", "latest"),
            ("main", "main"),
        ] {
            assert_eq!(branch(tag, NO_TAGS), expected, "{tag}");
        }
    }

    #[test]
    fn a_counter_goes_where_the_rest_is_a_tag() {
        for (tag, tags, expected) in [
            ("release-2", &["release"][..], "release"),
            ("feature-x-123-1a2b3c4", &["feature-x"], "feature-x"),
            ("java-17", &["java17", "17"], "java-17"),
            ("1.2.3-17", &["1.2.3", "1.2", "1"], "1.2.3"),
            ("1.2.3", &["1.2", "1"], "1.2.3"),
            ("web-1.2.3", &["web-1.2"], "web-1.2.3"),
            ("x-1-2-3", &["x-1-2", "x-1", "x"], "x"),
        ] {
            assert_eq!(branch(tag, tags), expected, "{tag}");
        }
    }

    #[test]
    fn patterns_can_be_replaced() {
        let suffixes = ["build[.][0-9]+".to_owned(), "[0-9]+".to_owned()];
        let patterns = BranchPatterns::new(Some(&suffixes), Some(&["hauptast".to_owned()])).unwrap();
        for (tag, expected) in [
            ("x-build.12", "x"),
            ("x-12-13", "x"),
            ("x-1a2b3c4", "x-1a2b3c4"),
            ("12", ""),
            ("hauptast-b3", "hauptast"),
            ("main-b3", "main-b3"),
        ] {
            assert_eq!(patterns.branch(tag, &|_| false), expected, "{tag}");
        }
        assert_eq!(
            BranchPatterns::new(Some(&["a".to_owned(), "(".to_owned()]), None)
                .unwrap_err()
                .0,
            1
        );
        let empty = BranchPatterns::new(Some(&["x*".to_owned()]), None).unwrap();
        assert_eq!(empty.branch("main", &|_| false), "main");
    }

    proptest! {
        #[test]
        fn a_branch_is_a_prefix_and_has_no_suffix_left(tag in "[a-g0-9T.]{0,12}(-[a-f0-9]{0,9}){0,4}", is_tag: bool) {
            let once = branch_of(&tag, is_tag);
            prop_assert!(tag.starts_with(once));
            prop_assert_eq!(branch_of(once, is_tag), once);
        }
    }

    fn branch_of(tag: &str, is_tag: bool) -> &str {
        BranchPatterns::default().branch(tag, &|_| is_tag)
    }

    #[test]
    fn a_time_of_day_is_within_its_bounds() {
        for (text, expected) in [
            ("0000", true),
            ("2359", true),
            ("2400", false),
            ("2360", false),
            ("235960", true),
            ("235961", false),
            ("12345", false),
            ("12a4", false),
        ] {
            assert_eq!(is_time(text), expected, "{text}");
        }
    }
}

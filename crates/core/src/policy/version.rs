//! Tags read as versions, leniently: what `order: semver` ranks by.

use std::cmp::Ordering;

/// A version as tags write them: an optional `v`, one to four numbers, and a pre-release behind a `-`.
///
/// Ordered as <https://semver.org> (section 11) orders, missing numbers counting as 0: `1.2` equals `1.2.0`, and
/// `1.2.0-rc.1` comes before it. What stands behind a `+` or `_` is build metadata and does not count.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version {
    numbers: [u64; 4],
    suffix: Suffix,
}

/// The order of the variants is the order of versions: a release comes after its pre-releases.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Suffix {
    PreRelease(Vec<Identifier>),
    Release,
}

/// Numbers come before words.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Identifier {
    Number(u64),
    Word(String),
}

impl Version {
    /// Reads a tag, if it is a version.
    ///
    /// A single number counts only up to four digits (or behind a `v`), and not in front of a commit: a commit of
    /// digits, a date, or a build number would otherwise outrank every real version and push it out.
    pub fn parse(tag: &str) -> Option<Self> {
        let (core, has_prefix) = match tag.strip_prefix(['v', 'V']) {
            Some(core) => (core, true),
            None => (tag, false),
        };
        let core = core.split_once(['+', '_']).map_or(core, |(core, _build)| core);
        let (numbers, suffix) = match core.split_once('-') {
            Some((numbers, suffix)) => (numbers, Some(suffix)),
            None => (core, None),
        };
        if !has_prefix && !numbers.contains('.') && (numbers.len() > 4 || suffix.is_some_and(super::branch::is_commit))
        {
            return None;
        }
        Some(Self {
            numbers: read_numbers(numbers)?,
            suffix: read_suffix(suffix)?,
        })
    }
}

fn read_numbers(text: &str) -> Option<[u64; 4]> {
    let mut numbers = [0; 4];
    let mut places = numbers.iter_mut();
    for part in text.split('.') {
        let digits = !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        *places.next()? = digits.then(|| part.parse().ok())??;
    }
    Some(numbers)
}

fn read_suffix(text: Option<&str>) -> Option<Suffix> {
    let Some(text) = text else { return Some(Suffix::Release) };
    text.split('.')
        .map(read_identifier)
        .collect::<Option<_>>()
        .map(Suffix::PreRelease)
}

fn read_identifier(text: &str) -> Option<Identifier> {
    let number = text
        .bytes()
        .all(|byte| byte.is_ascii_digit())
        .then(|| text.parse().ok())
        .flatten();
    (!text.is_empty()).then(|| number.map_or_else(|| Identifier::Word(text.to_owned()), Identifier::Number))
}

/// Compares two tags as versions; `None` unless both are.
pub fn compare(a: &str, b: &str) -> Option<Ordering> {
    Some(Version::parse(a)?.cmp(&Version::parse(b)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_comes_before_the_next() {
        let ascending = [
            "0.9",
            "v1.0.0-alpha",
            "1.0.0-alpha.1",
            "1.0.0-alpha.beta",
            "v1.0.0-beta",
            "1.0.0-beta.2",
            "1.0.0-beta.11",
            "1.0.0-rc.1",
            "1",
            "1.0.0.1",
            "1.2",
            "1.2.3-alpine",
            "v1.2.3",
            "1.10.0",
            "2-alpine",
            "2",
            "17",
            "2024.01",
            "2024.2.1",
            "v20260131",
        ];
        for pair in ascending.windows(2) {
            assert_eq!(compare(pair[0], pair[1]), Some(Ordering::Less), "{pair:?}");
        }
    }

    #[test]
    fn equal_versions_are_equal_however_written() {
        for (a, b) in [
            ("1", "v1.0.0"),
            ("1.2", "1.2.0.0"),
            ("01.02", "1.2"),
            ("1.2.3_7", "1.2.3"),
            ("1.2.3+a", "V1.2.3+b"),
        ] {
            assert_eq!(compare(a, b), Some(Ordering::Equal), "{a} {b}");
        }
    }

    #[test]
    fn what_is_no_version_is_none() {
        for tag in [
            "",
            "v",
            "latest",
            "main",
            "1.",
            ".1",
            "1..2",
            "1.2.3.4.5",
            "1.x",
            "1a2b3c4",
            "1234567",
            "20260131",
            "12345",
            "20260131-1a2b3c4",
            "123-1a2b3c4",
            "release-1.2",
            "1.2.3-",
            "1.2.3-rc..1",
            "99999999999999999999.1",
            "1.2.3rc1",
            "-1.2",
            "v-1",
            "prod-1.2.3",
        ] {
            assert_eq!(Version::parse(tag), None, "{tag}");
        }
    }
}

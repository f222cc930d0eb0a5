//! Groups: among which images of a repository a rule ranks.

use std::collections::BTreeMap;

use regex::Regex;

use super::BranchPatterns;
use crate::model::Tag;

/// How a rule groups the entries it governs. Groups never cross repositories.
#[derive(Debug, Clone)]
pub enum GroupBy {
    /// All entries of the repository are one group.
    Repository,
    /// By the branch that the tag was built from.
    Branch(BranchPatterns),
    /// By what a regular expression names `group` in the tag.
    Regex(GroupRegex),
    /// By the value of a label, else annotation, of the root.
    Label(String),
}

/// A regular expression with a capture named `group`. It is searched for: anchor it where that matters.
#[derive(Debug, Clone)]
pub struct GroupRegex(Regex);

/// Why a text does not say how to group.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidGroupRegex {
    /// It is not a regular expression.
    #[error("not a regular expression: {0}")]
    Regex(String),
    /// No capture has the name.
    #[error("no capture of this expression is named `group`")]
    NoGroup,
}

impl GroupRegex {
    /// Reads an expression such as `^(?<group>.+)-[0-9]+$`.
    ///
    /// # Errors
    /// It is no regular expression, or has no capture named `group`.
    pub fn new(pattern: &str) -> Result<Self, InvalidGroupRegex> {
        let regex = super::pattern::regex(pattern, str::to_owned).map_err(InvalidGroupRegex::Regex)?;
        if regex.capture_names().flatten().any(|name| name == "group") {
            Ok(Self(regex))
        } else {
            Err(InvalidGroupRegex::NoGroup)
        }
    }
}

/// Two are equal if they are written alike.
impl PartialEq for GroupRegex {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_str() == other.0.as_str()
    }
}

impl PartialEq for GroupBy {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Repository, Self::Repository) => true,
            (Self::Branch(a), Self::Branch(b)) => a == b,
            (Self::Regex(a), Self::Regex(b)) => a == b,
            (Self::Label(a), Self::Label(b)) => a == b,
            _ => false,
        }
    }
}

impl GroupBy {
    /// The group of an entry, or `None` if it has none; then rank conditions are undecided for it.
    ///
    /// `tag` is the entry's tag, `labels` the labels and the annotations of its root, and `is_tag` tells whether a
    /// text is a tag of the same repository. Untagged entries have no branch and nothing to search.
    pub fn group<'t>(
        &self,
        tag: Option<&'t Tag>,
        labels: [&'t BTreeMap<String, String>; 2],
        is_tag: &dyn Fn(&str) -> bool,
    ) -> Option<&'t str> {
        match self {
            Self::Repository => Some(""),
            Self::Branch(patterns) => tag.map(|tag| patterns.branch(tag.as_str(), is_tag)),
            Self::Regex(GroupRegex(regex)) => Some(regex.captures(tag?.as_str())?.name("group")?.as_str()),
            Self::Label(name) => labels
                .into_iter()
                .find_map(|labels| labels.get(name))
                .map(String::as_str),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(by: &GroupBy, tag: Option<&str>) -> Option<String> {
        let labels = BTreeMap::from([("team".to_owned(), "red".to_owned())]);
        let annotations = BTreeMap::from([
            ("team".to_owned(), "blue".to_owned()),
            ("app".to_owned(), "web".to_owned()),
        ]);
        by.group(
            tag.map(|tag| tag.parse().unwrap()).as_ref(),
            [&labels, &annotations],
            &|text| text == "release",
        )
        .map(str::to_owned)
    }

    #[test]
    fn entries_fall_into_groups() {
        let regex = |pattern| GroupBy::Regex(GroupRegex::new(pattern).unwrap());
        let table = [
            (GroupBy::Repository, Some("x"), Some("")),
            (GroupBy::Repository, None, Some("")),
            (
                GroupBy::Branch(BranchPatterns::default()),
                Some("main-1a2b3c4"),
                Some("main"),
            ),
            (
                GroupBy::Branch(BranchPatterns::default()),
                Some("release-2"),
                Some("release"),
            ),
            (GroupBy::Branch(BranchPatterns::default()), None, None),
            (regex("^(?<group>.+)-[0-9]+$"), Some("web-12"), Some("web")),
            (regex("(?<group>[a-z]+)[0-9]"), Some("12-web3-x"), Some("web")),
            (regex("^(?<group>.+)-[0-9]+$"), Some("web"), None),
            (regex("^x|(?<group>y)"), Some("x"), None),
            (regex("(?<group>)"), Some("x"), Some("")),
            (regex("(?<group>)"), None, None),
            (GroupBy::Label("team".to_owned()), Some("x"), Some("red")),
            (GroupBy::Label("app".to_owned()), None, Some("web")),
            (GroupBy::Label("other".to_owned()), Some("x"), None),
        ];
        for (by, tag, expected) in table {
            assert_eq!(group(&by, tag).as_deref(), expected, "{by:?} {tag:?}");
        }
    }

    #[test]
    fn the_capture_must_be_named_group() {
        assert_eq!(GroupRegex::new("^(.*)-").unwrap_err(), InvalidGroupRegex::NoGroup);
        assert_eq!(
            GroupRegex::new("^(?<branch>.*)-").unwrap_err(),
            InvalidGroupRegex::NoGroup
        );
        assert!(matches!(GroupRegex::new("(?<group>"), Err(InvalidGroupRegex::Regex(_))));
    }
}

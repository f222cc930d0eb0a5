//! Patterns and prefixes as sets of tags: which can be fitted at all, and which hold all that another holds.

use super::super::{LifecycleRule, TagPattern, TagSelection};

/// One text of a list.
#[derive(Debug, Clone, Copy)]
pub(super) enum Text<'p> {
    Pattern(&'p TagPattern),
    Prefix(&'p str),
}

/// The longest tag (OCI distribution specification, "Pulling manifests").
const LONGEST_TAG: usize = 128;

impl<'p> Text<'p> {
    /// The texts of a rule; none if it lists none.
    pub(super) fn all(rule: &'p LifecycleRule) -> Vec<Self> {
        match &rule.selects {
            TagSelection::Patterns(patterns) => patterns.iter().map(Text::Pattern).collect(),
            TagSelection::Prefixes(prefixes) => prefixes.iter().map(|prefix| Text::Prefix(prefix)).collect(),
            TagSelection::Untagged | TagSelection::Any => Vec::new(),
        }
    }

    /// As it is written.
    pub(super) fn as_str(self) -> &'p str {
        match self {
            Self::Pattern(pattern) => pattern.as_str(),
            Self::Prefix(prefix) => prefix,
        }
    }

    pub(super) fn fits(self, tag: &str) -> bool {
        match self {
            Self::Pattern(pattern) => pattern.fits(tag),
            Self::Prefix(prefix) => tag.starts_with(prefix),
        }
    }

    /// Whether a tag can fit: tags are letters, digits, `_`, `.` and `-`, and begin with one of the first three.
    pub(super) fn is_possible(self) -> bool {
        let literal = |character: char| character.is_ascii_alphanumeric() || "_.-".contains(character);
        let (letters, begins_freely) = match self {
            Self::Pattern(pattern) => (pattern.as_str().replace('*', ""), pattern.as_str().starts_with('*')),
            Self::Prefix(prefix) => (prefix.to_owned(), false),
        };
        let is_empty = self.as_str().is_empty() && matches!(self, Self::Pattern(_));
        !is_empty
            && letters.len() <= LONGEST_TAG
            && letters.chars().all(literal)
            && (begins_freely || !letters.starts_with(['.', '-']))
    }

    /// Whether every tag that fits `other` fits this one: a wildcard of `other` stands for anything, so that only a
    /// wildcard can take it.
    pub(super) fn includes(self, other: Self) -> bool {
        let shape = match other {
            Self::Pattern(pattern) => pattern.as_str().to_owned(),
            Self::Prefix(prefix) => format!("{prefix}*"),
        };
        self.is_possible() && self.fits(&shape)
    }

    /// Whether every tag fits.
    pub(super) fn is_everything(self) -> bool {
        match self {
            Self::Pattern(pattern) => {
                !pattern.as_str().is_empty() && pattern.as_str().chars().all(|letter| letter == '*')
            }
            Self::Prefix(prefix) => prefix.is_empty(),
        }
    }
}

/// Whether every image that `rule` identifies is identified by `other`, by their texts.
pub(super) fn includes(other: &LifecycleRule, rule: &LifecycleRule) -> bool {
    if other.storage_class != rule.storage_class {
        return false;
    }
    match (&other.selects, &rule.selects) {
        (TagSelection::Any, _) | (TagSelection::Untagged, TagSelection::Untagged) => true,
        (TagSelection::Untagged, _) | (_, TagSelection::Untagged | TagSelection::Any) => false,
        _ => {
            // An image of the rule has a tag for each text of the rule.
            let texts = Text::all(rule);
            let each = |text: &Text<'_>| texts.iter().any(|narrower| text.includes(*narrower));
            Text::all(other).iter().all(each)
        }
    }
}

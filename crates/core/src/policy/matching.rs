//! What a rule speaks of.

use std::collections::{BTreeMap, BTreeSet};

use regex::bytes::RegexSet;

use super::glob::{self, Letters};
use super::pattern::Anchored;
use super::{ImageTags, NameGlobs, TagPatterns};
use crate::model::{Kind, Tag};

/// The `match` of a rule: every key that is given must hold.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Match {
    pub(crate) kinds: Option<BTreeSet<Kind>>,
    pub(crate) tags: Option<TagPatterns>,
    pub(crate) tags_regex: Option<Anchored>,
    pub(crate) image_tags: Option<ImageTags>,
    pub(crate) untagged: bool,
    pub(crate) archived: Option<bool>,
    pub(crate) labels: BTreeMap<String, LabelPattern>,
    pub(crate) platforms: Option<NameGlobs>,
}

/// An entry as a rule sees it.
#[derive(Debug, Clone, Copy)]
pub struct Candidate<'a> {
    /// The kind of its root; [`Kind::Orphan`] for an orphan, whatever it was.
    pub kind: Kind,
    /// One of a tagged entry, none of an untagged root, all of an orphan.
    pub tags: &'a [&'a Tag],
    /// All tags of its image. Of no meaning where no rule asks for them.
    pub image_tags: &'a [&'a Tag],
    /// Whether its image is in the archive of the registry.
    pub archived: bool,
    /// The labels and the annotations of its root.
    pub labels: [&'a BTreeMap<String, String>; 2],
    /// The platforms of its images, as far as they are known.
    pub platforms: &'a [&'a str],
}

/// How many of an entry's tags or platforms have to fit. What protects takes one, what removes takes all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Need {
    Any,
    All,
}

impl Need {
    fn of<T>(self, items: &[T], fits: impl Fn(&T) -> bool) -> bool {
        match self {
            Self::Any => items.iter().any(fits),
            Self::All => !items.is_empty() && items.iter().all(fits),
        }
    }
}

impl Match {
    /// Whether it speaks of what only manifests and configs say.
    pub(crate) fn looks_inside(&self) -> bool {
        !self.labels.is_empty() || self.platforms.is_some()
    }

    /// Whether everything but the kind fits.
    pub(crate) fn fits(&self, candidate: &Candidate<'_>, need: Need) -> bool {
        self.fits_tags(candidate.tags, need)
            && self
                .image_tags
                .as_ref()
                .is_none_or(|list| list.fits(candidate.image_tags))
            && self.archived.is_none_or(|archived| archived == candidate.archived)
            && self
                .labels
                .iter()
                .all(|(name, pattern)| has_label(candidate.labels, name, pattern))
            && self
                .platforms
                .as_ref()
                .is_none_or(|globs| need.of(candidate.platforms, |platform| globs.fits(platform)))
    }

    fn fits_tags(&self, tags: &[&Tag], need: Need) -> bool {
        if self.untagged {
            return tags.is_empty();
        }
        if self.tags.is_none() && self.tags_regex.is_none() {
            return true;
        }
        need.of(tags, |tag| {
            self.tags.as_ref().is_none_or(|globs| globs.fits(tag))
                && self.tags_regex.as_ref().is_none_or(|regex| regex.fits(tag.as_str()))
        })
    }

    /// Whether this fits whatever `other` fits, kinds aside, as can be seen without knowing any entry.
    pub(crate) fn includes(&self, other: &Self) -> bool {
        let unconditional = self.labels.is_empty() && self.platforms.is_none() && self.tags_regex.is_none();
        let same = Self {
            kinds: None,
            ..self.clone()
        } == Self {
            kinds: None,
            ..other.clone()
        };
        let is_tagged = other.tags.is_some() || other.tags_regex.is_some() || other.image_tags.is_some();
        let tags = match &self.tags {
            None => !self.untagged || other.untagged,
            Some(globs) => is_tagged && globs.is_everything(),
        };
        let image_tags = match (&self.image_tags, &other.image_tags) {
            (None, _) => true,
            (Some(list), Some(others)) => list.includes(others),
            (Some(list), None) => is_tagged && list.is_everything(),
        };
        let archived = self.archived.is_none() || self.archived == other.archived;
        same || (unconditional && tags && image_tags && archived)
    }

    /// Whether it looks at anything of which an entry may have several.
    pub(crate) fn looks_at_several(&self) -> bool {
        self.tags.is_some() || self.tags_regex.is_some() || self.platforms.is_some()
    }
}

fn has_label(labels: [&BTreeMap<String, String>; 2], name: &str, pattern: &LabelPattern) -> bool {
    labels
        .into_iter()
        .filter_map(|labels| labels.get(name))
        .any(|value| pattern.fits(value))
}

/// A glob on the value of a label. There `*` stands for any text, `/` included.
#[derive(Debug, Clone)]
pub(crate) struct LabelPattern {
    text: String,
    set: Option<RegexSet>,
}

impl LabelPattern {
    pub(crate) fn new(text: &str) -> Result<Self, String> {
        let glob = if text.is_empty() {
            Vec::new()
        } else {
            vec![glob::regex_of(text, Letters::Exact, glob::Slash::Ordinary)?]
        };
        Ok(Self {
            text: text.to_owned(),
            set: glob::compile(&glob)?,
        })
    }

    /// The empty pattern fits the empty value.
    pub(crate) fn fits(&self, value: &str) -> bool {
        self.set
            .as_ref()
            .map_or(value.is_empty(), |set| set.is_match(value.as_bytes()))
    }
}

impl PartialEq for LabelPattern {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

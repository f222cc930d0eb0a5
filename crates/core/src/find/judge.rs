//! Whether an image is what is looked for: yes, no, or nobody knows; and how well its names fit.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use super::query::{Query, Term, Test, digest_word};
use crate::evaluate::Sight;
use crate::graph::Graph;
use crate::model::{Digest, Manifest, Repository, Tag};
use crate::policy::Period;

/// An answer to one term.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    Yes,
    No,
    /// What it asks about is not known of this image; that satisfies nothing, and no negation either.
    Unknown,
}

impl From<bool> for Answer {
    fn from(holds: bool) -> Self {
        match holds {
            true => Self::Yes,
            false => Self::No,
        }
    }
}

impl Answer {
    fn negated(self) -> Self {
        match self {
            Self::Yes => Self::No,
            Self::No => Self::Yes,
            Self::Unknown => Self::Unknown,
        }
    }

    fn or(self, other: impl FnOnce() -> Self) -> Self {
        match self {
            Self::Yes => Self::Yes,
            Self::No => other(),
            Self::Unknown => match other() {
                Self::Yes => Self::Yes,
                _ => Self::Unknown,
            },
        }
    }
}

/// How well a word fits a name; the better the greater.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Likeness {
    /// Somewhere else: in a label, a digest, a user; or it is not looked for by a word.
    #[default]
    Elsewhere,
    /// Anywhere in a name.
    Inside,
    /// A part of a name, between `/ - . _`.
    Part,
    /// A whole tag, a whole repository, or the last part of one's path.
    Whole,
}

/// One image with all that is asked about it.
pub(super) struct Subject<'s, 'a> {
    pub(super) repository: &'a Repository,
    pub(super) graph: &'s Graph<'a>,
    pub(super) sight: &'s Sight,
    pub(super) tags: Vec<&'a Tag>,
    pub(super) manifest: &'a Manifest,
}

impl<'a> Subject<'_, 'a> {
    /// The answers to all terms, in their order.
    pub(super) fn answers(&self, query: &Query) -> Vec<Answer> {
        let answer = |term: &Term| {
            let answer = self.answer(&term.test);
            if term.negated { answer.negated() } else { answer }
        };
        query.terms.iter().map(answer).collect()
    }

    /// How well the names fit the words of the query, summed.
    pub(super) fn likeness(&self, query: &Query) -> u64 {
        let words = query.terms.iter().filter(|term| !term.negated);
        words
            .map(|term| match &term.test {
                Test::Word(word) => self.likeness_of(word) as u64,
                _ => 0,
            })
            .sum()
    }

    fn likeness_of(&self, word: &str) -> Likeness {
        let repository = self.repository.name.as_str();
        let in_repository = match repository.rsplit('/').next() {
            Some(last) if last == word => Likeness::Whole,
            _ => likeness(repository, word),
        };
        let in_tags = self.tags.iter().map(|tag| likeness(tag.as_str(), word)).max();
        in_repository.max(in_tags.unwrap_or_default())
    }

    fn answer(&self, test: &Test) -> Answer {
        match test {
            Test::Tag(globs) => self.tags.iter().any(|tag| globs.fits(tag)).into(),
            Test::Repository(globs) => globs.fits(self.repository.name.as_str()).into(),
            Test::Registry(globs) => globs.fits(self.repository.registry.as_str()).into(),
            Test::Digest(hex) => self.has_digest(hex).into(),
            Test::Label(name, pattern) => {
                let mut values = self.texts().filter_map(|texts| texts.get(name));
                values
                    .any(|value| pattern.as_ref().is_none_or(|pattern| pattern.fits(value)))
                    .into()
            }
            Test::Platform(globs) => self
                .graph
                .platforms(self.sight.node)
                .iter()
                .any(|platform| globs.fits(platform))
                .into(),
            Test::Kind(kind) => (self.sight.kind == *kind).into(),
            Test::UsedBy(text) => self.used_by(text),
            Test::Age(comparison, period) => match self.sight.age {
                Some(age) => comparison.holds(age.cmp(&nanoseconds(*period))).into(),
                None => Answer::Unknown,
            },
            Test::Pulled(comparison, period) => match self.sight.pulled_against(nanoseconds(*period)) {
                Some(ordering) => comparison.holds(ordering).into(),
                None => Answer::Unknown,
            },
            Test::Size(comparison, size) => match self.size() {
                (bytes, true) => comparison.holds(bytes.cmp(size)).into(),
                // It holds at least so much.
                (bytes, false) if bytes > *size => comparison.holds(Ordering::Greater).into(),
                _ => Answer::Unknown,
            },
            Test::Used => self.used(),
            Test::Unused => self.used().negated(),
            Test::Untagged => self.tags.is_empty().into(),
            Test::Archived => self.manifest.archived_at.is_some().into(),
            Test::Word(word) => self.has_word(word),
        }
    }

    /// Labels and annotations.
    fn texts(&self) -> impl Iterator<Item = &'a BTreeMap<String, String>> {
        [&self.manifest.labels, &self.manifest.annotations].into_iter()
    }

    fn has_word(&self, word: &str) -> Answer {
        let (registry, name) = (self.repository.registry.as_str(), self.repository.name.as_str());
        let in_names = || {
            let whole = || {
                self.tags
                    .iter()
                    .any(|tag| contains(&format!("{registry}/{name}:{tag}"), word))
            };
            let across = word.contains(['/', ':']);
            contains(name, word)
                || self.tags.iter().any(|tag| contains(tag.as_str(), word))
                || (across && (contains(&format!("{registry}/{name}"), word) || whole()))
        };
        let in_labels = || {
            self.texts()
                .flat_map(BTreeMap::values)
                .any(|value| contains(value, word))
        };
        let in_digest = || digest_word(word).is_some_and(|hex| self.has_digest(hex));
        Answer::from(in_names() || in_labels() || in_digest()).or(|| match self.used_by(word) {
            Answer::Yes => Answer::Yes,
            // A word is no question about users: it need not be known who they are.
            _ => Answer::No,
        })
    }

    /// Its own digest, that of a part of it, or of a config: engines show that.
    fn has_digest(&self, hex: &str) -> bool {
        let fits = |digest: &Digest| digest.algorithm() == "sha256" && digest.hex().starts_with(hex);
        let node = self.sight.node;
        std::iter::once(node).chain(self.graph.below(node)).any(|node| {
            let config = self
                .graph
                .manifest(node)
                .and_then(|manifest| manifest.config_digest.as_ref());
            fits(self.graph.digest(node)) || config.is_some_and(fits)
        })
    }

    fn used(&self) -> Answer {
        match (self.sight.is_used(), self.sight.usage_is_known) {
            (true, _) => Answer::Yes,
            (false, true) => Answer::No,
            (false, false) => Answer::Unknown,
        }
    }

    fn used_by(&self, text: &str) -> Answer {
        match (
            self.sight.users().any(|user| contains(user, text)),
            self.sight.usage_is_known,
        ) {
            (true, _) => Answer::Yes,
            (false, true) => Answer::No,
            (false, false) => Answer::Unknown,
        }
    }

    /// The bytes of its blobs and those of its children, each once, and whether that is all.
    pub(super) fn size(&self) -> (u64, bool) {
        let node = self.sight.node;
        let below = self.graph.below(node);
        let read = std::iter::once(node).chain(below).map(|node| self.graph.manifest(node));
        let (mut blobs, mut all) = (Vec::new(), true);
        for manifest in read {
            all &= manifest.is_some();
            blobs.extend(
                manifest
                    .iter()
                    .flat_map(|manifest| &manifest.blobs)
                    .map(|blob| (&blob.digest, blob.size)),
            );
        }
        blobs.sort_unstable();
        let each = blobs.chunk_by(|one, next| one.0 == next.0);
        // Of two sizes of the same digest the larger.
        let sizes = each.filter_map(<[_]>::last).map(|(_, size)| *size);
        (sizes.fold(0, u64::saturating_add), all)
    }

    pub(super) fn platforms(&self) -> BTreeSet<&'a str> {
        self.graph.platforms(self.sight.node)
    }
}

/// Whether a query asks for this tag by name.
pub(super) fn names(query: &Query, tag: &Tag) -> bool {
    let mut asked = query.terms.iter().filter(|term| !term.negated);
    asked.any(|term| match &term.test {
        Test::Tag(globs) => globs.fits(tag),
        Test::Word(word) => contains(tag.as_str(), word),
        _ => false,
    })
}

fn nanoseconds(period: Period) -> i128 {
    i128::from(period.seconds()) * 1_000_000_000
}

fn likeness(name: &str, word: &str) -> Likeness {
    let same = |text: &str| text.eq_ignore_ascii_case(word);
    match () {
        () if same(name) => Likeness::Whole,
        () if name.split(['/', '-', '.', '_']).any(same) => Likeness::Part,
        () if contains(name, word) => Likeness::Inside,
        () => Likeness::Elsewhere,
    }
}

/// Whether a text holds a word that is in lower case; letters of any case fit.
fn contains(text: &str, word: &str) -> bool {
    match text.is_ascii() {
        true => {
            word.is_empty()
                || text
                    .as_bytes()
                    .windows(word.len())
                    .any(|some| some.eq_ignore_ascii_case(word.as_bytes()))
        }
        false => text.to_lowercase().contains(word),
    }
}

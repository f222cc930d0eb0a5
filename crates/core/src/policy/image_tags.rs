//! Lists of globs on all tags of an image together.

use std::fmt;

use super::glob::shorten;
use super::{InvalidGlob, TagPatterns};
use crate::model::Tag;

/// What all tags of an image have to be together: each glob fits some tag, and none that begins with `!` fits any.
#[derive(Clone, PartialEq, Eq)]
pub struct ImageTags(Vec<(TagPatterns, Wanted)>);

/// What a glob of [`ImageTags`] asks for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Wanted {
    /// Some tag that fits.
    Some,
    /// No tag that fits.
    None,
}

impl ImageTags {
    /// A list of globs on the tags of one image.
    ///
    /// # Errors
    /// The first pattern that is not a glob.
    pub fn new<S: AsRef<str>>(patterns: &[S]) -> Result<Self, InvalidGlob> {
        let read = |(index, pattern): (usize, &S)| {
            let (glob, wanted) = match pattern.as_ref().strip_prefix('!') {
                Some(glob) => (glob, Wanted::None),
                None => (pattern.as_ref(), Wanted::Some),
            };
            // A second `!` is a character: the list is over one glob each, where it would exclude again.
            let glob = match glob.strip_prefix('!') {
                Some(rest) => format!("\\!{rest}"),
                None => glob.to_owned(),
            };
            let globs = TagPatterns::new(&[glob]);
            globs.map(|globs| (globs, wanted)).map_err(|error| InvalidGlob {
                index,
                pattern: shorten(pattern.as_ref()),
                ..error
            })
        };
        patterns
            .iter()
            .enumerate()
            .map(read)
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// Whether the list fits an image with these tags. An image without a tag fits none.
    pub fn fits(&self, tags: &[&Tag]) -> bool {
        let found = |globs: &TagPatterns| tags.iter().any(|tag| globs.fits(tag));
        let mut asked = self.0.iter();
        !tags.is_empty() && asked.all(|(globs, wanted)| found(globs) == (*wanted == Wanted::Some))
    }

    /// Whether the list fits every tagged image, as can be seen from its text.
    pub fn is_everything(&self) -> bool {
        self.0.iter().all(asks_for_any_tag)
    }

    /// Whether the list fits every image that `other` fits, as can be seen from their texts: it asks for nothing more.
    pub fn includes(&self, other: &Self) -> bool {
        self.0
            .iter()
            .all(|asked| asks_for_any_tag(asked) || other.0.contains(asked))
    }

    /// The globs that have to fit some tag, as written.
    pub fn wanted(&self) -> impl Iterator<Item = &str> {
        self.of(Wanted::Some)
    }

    /// The globs that must not fit any tag, as written, without their `!`.
    pub fn unwanted(&self) -> impl Iterator<Item = &str> {
        self.of(Wanted::None)
    }

    fn of(&self, wanted: Wanted) -> impl Iterator<Item = &str> {
        let asked = self.0.iter().filter(move |(_, other)| *other == wanted);
        asked.flat_map(|(globs, _)| globs.patterns()).map(String::as_str)
    }
}

fn asks_for_any_tag((globs, wanted): &(TagPatterns, Wanted)) -> bool {
    *wanted == Wanted::Some && globs.is_everything()
}

impl fmt::Debug for ImageTags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unwanted = self.unwanted().map(|glob| format!("!{glob}"));
        f.debug_list().entries(self.wanted()).entries(unwanted).finish()
    }
}

//! Looks through every text of an object for images of managed registries: environment, arguments, annotations, custom
//! resources, and what is embedded in them.
//!
//! It only ever adds a use. What does not look like a reference is passed over in silence.

#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::collections::BTreeSet;

use jettison_core::model::{Digest, ImageReference};
use memchr::{memchr, memchr2};
use serde_json::value::RawValue;

use super::escapes::unescaped;
use super::names::ManagedNames;
use super::workloads::named;
use crate::usage::said::Said;

/// A longer text names no image.
const LONGEST: usize = 1_024;

/// How many parts are taken off the end of what is no reference, to find one at its begin.
const MOST_CUTS: usize = 8;

/// What ends no image, unless it is all of a text and ends in a dot.
const OPEN_ENDS: [char; 4] = ['.', ':', '/', '@'];

/// What ends no path.
const NEVER_LAST: [char; 6] = ['.', ':', '/', '@', '-', '_'];

/// Documents within documents, so deep, are read without their escapes.
const MOST_LAYERS: usize = 4;

/// In front of the digests that may stand alone.
const SHA256: &str = "sha256:";

/// Looks for images of these registries.
pub(super) struct Sweep<'a> {
    managed: &'a ManagedNames,
}

impl<'a> Sweep<'a> {
    pub(super) fn new(managed: &'a ManagedNames) -> Self {
        Self { managed }
    }

    /// Adds what an object names, but for what is `known` of it.
    pub(super) fn read(&self, kind: &str, item: &RawValue, known: &BTreeSet<String>, said: &mut Said) {
        let mut who = None;
        for_each_text(item.get(), |text| {
            self.images(text, known, &mut |image, digest| {
                let who = who.get_or_insert_with(|| named(kind, item));
                said.mentions(image, digest, who);
            });
        });
    }

    /// Adds what a text names, but for what is `known` of it.
    pub(super) fn text(&self, text: &str, known: &BTreeSet<String>, who: &str, said: &mut Said) {
        self.images(text, known, &mut |image, digest| said.mentions(image, digest, who));
    }

    /// Hands on the images that a text names: a reference, or the digest of one that is named nowhere.
    fn images(&self, text: &str, known: &BTreeSet<String>, found: &mut dyn FnMut(&str, Option<Digest>)) {
        let mut found = |image: &str, digest: Option<Digest>| {
            let is_known = match &digest {
                Some(digest) => known.contains(&digest.to_string()),
                None => known.contains(image),
            };
            if !is_known {
                found(image, digest);
            }
        };
        self.images_as_written(text, &mut found);
        let mut layer = unescaped(text);
        for _ in 0..MOST_LAYERS {
            let Some(text) = layer else { break };
            self.images_as_written(&text, &mut found);
            layer = unescaped(&text);
        }
    }

    fn images_as_written(&self, text: &str, found: &mut dyn FnMut(&str, Option<Digest>)) {
        let has_path = memchr(b'/', text.as_bytes()).is_some();
        if self.managed.need_whole_texts() && self.is_image(text.trim()) {
            tell(text.trim(), found);
        } else if has_path || text.contains(SHA256) {
            let is_end = |character: char| !is_of_reference(character);
            let mut place = 0;
            for part in text.split_inclusive(is_end) {
                let word = part.trim_end_matches(is_end);
                self.word(word, word.len() == text.len(), found);
                if text[..place].ends_with("${")
                    && let Some(default) = default_in(word)
                {
                    self.word(default, false, found);
                }
                place += part.len();
            }
        }
    }

    /// Whether a text is an image as a whole. Any word may be one of Docker Hub; one that says which is taken for one.
    fn is_image(&self, text: &str) -> bool {
        let says_which = || text.contains(['/', ':', '@']);
        text.len() <= LONGEST
            && says_which()
            && text
                .parse()
                .is_ok_and(|image: ImageReference| self.managed.have(&image))
    }

    /// The first image of a word, which may be all of a text.
    fn word(&self, word: &str, is_whole: bool, found: &mut dyn FnMut(&str, Option<Digest>)) {
        let mut begin = 0;
        while let Some(length) = memchr(b'/', &word.as_bytes()[begin..]) {
            let ends = part_ends(&word[begin..begin + length]);
            let mut images = ends.filter_map(|(start, host)| {
                let image = &word[begin + start..];
                self.managed.may_be(host).then(|| self.longest(image, is_whole))?
            });
            if let Some(image) = images.next() {
                return tell(image, found);
            }
            begin += length + 1;
        }
        // Without a registry in front it may be of any. A scheme is none.
        let has_host = word
            .rsplit_once("://")
            .map_or(word, |(_, behind)| behind)
            .split_once('/')
            .is_some_and(|(first, _)| first.contains(['.', ':']));
        if !has_host && let Some(digest) = lone_digest(word) {
            found("", Some(digest));
        }
    }

    /// The longest image at the begin of a text.
    fn longest<'t>(&self, text: &'t str, is_whole: bool) -> Option<&'t str> {
        let is_image = |image: &&str| {
            image.len() <= LONGEST
                && image
                    .parse()
                    .is_ok_and(|image: ImageReference| self.managed.have(&image))
        };
        let mut end = text.len();
        for _ in 0..MOST_CUTS {
            let most = &text[..end];
            // A sentence may end behind it; a tag may end in the others.
            let (sentence, least) = (most.trim_end_matches(OPEN_ENDS), most.trim_end_matches(NEVER_LAST));
            let all = is_whole.then_some(most);
            if let Some(image) = all.into_iter().chain([sentence, least]).find(is_image) {
                return Some(image);
            }
            end = least.rfind([':', '/', '@'])?;
        }
        None
    }
}

/// Hands on an image. A tag may end in a dot; or it is the end of a sentence, and nobody knows which.
fn tell(image: &str, found: &mut dyn FnMut(&str, Option<Digest>)) {
    found(image, None);
    let sentence = image.trim_end_matches('.');
    if sentence.len() < image.len() {
        found(sentence, None);
    }
}

/// The default in `NAME:-default` or `NAME-default`, as it stands behind `${`.
fn default_in(word: &str) -> Option<&str> {
    let (name, default) = word.split_once('-')?;
    let name = name.strip_suffix(':').unwrap_or(name);
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    (!name.is_empty() && name.bytes().all(is_name)).then_some(default)
}

/// The ends of a part of a word that may be a host, with their places: `image:registry.example.com`,
/// `user:password@registry.example.com`.
fn part_ends(part: &str) -> impl Iterator<Item = (usize, &str)> {
    let inner = part.match_indices([':', '@']).map(|(place, _)| place + 1);
    std::iter::once(0).chain(inner).map(|place| (place, &part[place..]))
}

/// The digest in a word that names no registry: `sha256:…`, `1.2.3@sha256:…`.
fn lone_digest(word: &str) -> Option<Digest> {
    let place = word.find(SHA256)?;
    let end = place + SHA256.len() + 64;
    word.get(place..end)?.parse().ok()
}

fn is_of_reference(character: char) -> bool {
    character.is_ascii_alphanumeric() || matches!(character, '.' | '_' | '-' | '/' | ':' | '@')
}

/// Hands on every text of a JSON value, keys too, however deep it stands.
fn for_each_text(json: &str, mut text: impl FnMut(&str)) {
    let bytes = json.as_bytes();
    let mut place = 0;
    while let Some(begin) = memchr(b'"', &bytes[place..]).map(|found| place + found + 1) {
        let (end, is_escaped) = end_of_text(bytes, begin);
        match is_escaped {
            false => text(&json[begin..end]),
            // It was read as JSON before, so there is nothing to go wrong.
            true => {
                if let Ok(plain) = serde_json::from_str::<Cow<'_, str>>(&json[begin - 1..bytes.len().min(end + 1)]) {
                    text(&plain);
                }
            }
        }
        place = (end + 1).min(bytes.len());
    }
}

/// Where the text ends that begins there, and whether anything in it is escaped.
fn end_of_text(bytes: &[u8], begin: usize) -> (usize, bool) {
    let (mut place, mut is_escaped) = (begin, false);
    while let Some(found) = memchr2(b'"', b'\\', &bytes[place..]) {
        if bytes[place + found] == b'"' {
            return (place + found, is_escaped);
        }
        is_escaped = true;
        place = (place + found + 2).min(bytes.len());
    }
    (bytes.len(), is_escaped)
}

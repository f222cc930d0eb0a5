//! Looks through every text of an object for images of managed registries: environment, arguments, annotations, custom
//! resources, and what is embedded in them.
//!
//! It only ever adds a use. What does not look like a reference is passed over in silence.

use std::borrow::Cow;
use std::collections::BTreeSet;

use jettison_core::model::{Digest, ImageReference};
use memchr::{memchr, memchr2};
use serde_json::value::RawValue;

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

/// A text without the escapes of JSON and of YAML in double quotes, if it has any: it may be such a document itself.
fn unescaped(text: &str) -> Option<String> {
    let mut plain: Option<String> = None;
    let (mut done, mut place) = (0, 0);
    while let Some(found) = memchr(b'\\', &text.as_bytes()[place..]) {
        let begin = place + found;
        place = begin + 1;
        if let Some((character, length)) = escape(&text[place..]) {
            let plain = plain.get_or_insert_default();
            plain.push_str(&text[done..begin]);
            plain.push(character);
            place += length;
            done = place;
        }
    }
    plain.map(|plain| plain + &text[done..])
}

/// What an escape stands for whose `\` is in front of this text, and how long it is. What no image has in it may be any space.
fn escape(text: &str) -> Option<(char, usize)> {
    let code = |digits: usize| {
        let code = text.get(1..=digits)?;
        let is_hex = code.bytes().all(|byte| byte.is_ascii_hexdigit());
        let code = u32::from_str_radix(code, 16).ok().filter(|_| is_hex)?;
        Some((char::from_u32(code)?, digits + 1))
    };
    match text.bytes().next()? {
        byte @ (b'/' | b'"' | b'\\') => Some((byte.into(), 1)),
        b'n' | b'r' | b't' => Some((' ', 1)),
        b'x' => code(2),
        b'u' => code(4),
        b'U' => code(8),
        _ => None,
    }
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

#[cfg(test)]
mod tests {
    use jettison_core::config::Config;
    use jettison_core::model::Reference;
    use jiff::Timestamp;

    use super::*;

    const CONFIG: &str = "registries:
  - { host: registry.example.com, aliases: [ 'mirror:5000' ], mirrors: [ cache.example.com/proxy ] }
  - { host: '[::1]:5000' }
  - { host: 'odd.example.com:443' }";

    fn names(managed: &[&str]) -> ManagedNames {
        let config = Config::parse("jettison.yaml", CONFIG).unwrap().0;
        let managed = managed.iter().map(|host| host.parse().unwrap()).collect();
        ManagedNames::of(&managed, &config)
    }

    fn found(managed: &[&str], object: &str) -> Vec<String> {
        let names = names(managed);
        let object = RawValue::from_string(object.to_owned()).unwrap();
        let mut said = Said::new(Timestamp::UNIX_EPOCH, &BTreeSet::new());
        Sweep::new(&names).read("ConfigMap", &object, &BTreeSet::new(), &mut said);
        let (references, gaps) = said.finish(false);
        assert!(gaps.is_empty(), "{gaps:?}");
        references.into_iter().map(told).collect()
    }

    fn told(reference: Reference) -> String {
        reference.digest.map(String::from).unwrap_or(reference.image)
    }

    fn of_text(managed: &[&str], text: &str) -> Vec<String> {
        found(managed, &serde_json::json!({ "data": text }).to_string())
    }

    #[test]
    fn images_are_found_wherever_they_stand_in_a_text() {
        let image = "registry.example.com/apps/web:v1";
        let pinned = format!("registry.example.com/apps/web:v1@sha256:{}", "a".repeat(64));
        for (text, expected) in [
            (image, image),
            (&pinned, pinned.as_str()),
            ("registry.example.com/apps/web", "registry.example.com/apps/web"),
            ("Registry.Example.COM/apps/web:v1", "Registry.Example.COM/apps/web:v1"),
            ("mirror:5000/apps/web:v1", "mirror:5000/apps/web:v1"),
            (
                "--image=Cache.example.com/proxy/apps/web:v1",
                "Cache.example.com/proxy/apps/web:v1",
            ),
            ("--image=registry.example.com/apps/web:v1", image),
            ("image:registry.example.com/apps/web:v1", image),
            ("image: \"registry.example.com/apps/web:v1\"\nname: web\n", image),
            (r#"{"image":"registry.example.com/apps/web:v1"}"#, image),
            ("[registry.example.com/apps/web:v1, b]", image),
            ("uses registry.example.com/apps/web:v1.", image),
            (
                "a registry.example.com/apps/web:v1-_",
                "registry.example.com/apps/web:v1-_",
            ),
            ("a registry.example.com/apps/web-_", "registry.example.com/apps/web"),
            ("docker-pullable://registry.example.com/apps/web:v1", image),
            ("registry.example.com/apps/web:v1:ro", image),
            ("https://me:password@registry.example.com/apps/web:v1", image),
            (
                "registry.example.com:443/apps/web:v1",
                "registry.example.com:443/apps/web:v1",
            ),
            (
                "cache.example.com/proxy/apps/web:v1",
                "cache.example.com/proxy/apps/web:v1",
            ),
            (
                "oci://registry.example.com/charts/web:1.2.3",
                "registry.example.com/charts/web:1.2.3",
            ),
            ("cache.io/registry.example.com/apps/web:v1", image),
        ] {
            assert_eq!(of_text(&["registry.example.com"], text), [expected], "{text}");
        }
    }

    #[test]
    fn a_text_that_ends_in_a_dot_may_end_a_sentence_or_a_tag() {
        for (managed, image) in [
            ("registry.example.com", "registry.example.com/apps/web:v1"),
            ("docker.io", "me/web:v1"),
        ] {
            let dotted = format!("{image}.");
            assert_eq!(of_text(&[managed], &dotted), [image, &dotted]);
        }
    }

    #[test]
    fn the_defaults_of_variables_are_found() {
        let image = "registry.example.com/apps/web:v1";
        for (text, expected) in [
            ("image: ${IMAGE:-registry.example.com/apps/web:v1}", image),
            ("docker run ${IMAGE-registry.example.com/apps/web:v1} serve", image),
            ("${IMAGE:=registry.example.com/apps/web:v1}", image),
            ("${A:-${B_2-registry.example.com/apps/web:v1}}", image),
            ("${IMAGE:-mirror:5000/apps/web:v1}", "mirror:5000/apps/web:v1"),
        ] {
            assert_eq!(of_text(&["registry.example.com"], text), [expected], "{text}");
        }
        for text in [
            "my-registry.example.com/apps/web:v1",
            "${my.registry-registry.example.com/apps/web:v1}",
            "${-registry.example.com/apps/web:v1}",
        ] {
            assert_eq!(of_text(&["registry.example.com"], text), [""; 0], "{text}");
        }
    }

    #[test]
    fn what_is_escaped_in_an_embedded_document_is_found() {
        let image = "registry.example.com/apps/web:v1";
        let inner = serde_json::json!({ "run": format!("docker run\n{image}\n") }).to_string();
        let deeper = serde_json::json!({ "a": r"registry.example.com\/apps\/web:v1" }).to_string();
        for text in [
            r#"{"image":"registry.example.com\/apps\/web:v1"}"#,
            r#"{"image":"registry.example.com\u002Fapps\u002fweb\u003av1"}"#,
            r#"image: "registry.example.com\U0000002fapps\x2Fweb\x3av1""#,
            r#"image: "\x72egistry.example.com/apps/web:v1""#,
            r"C:\\ \é \u12 \x3 \ud83d registry.example.com\/apps/web:v1",
            &inner,
            &deeper,
        ] {
            let found = of_text(&["registry.example.com"], text);
            assert!(found.iter().any(|found| found == image), "{text}: {found:?}");
        }
        for text in ["\\", r"registry.example.com\/UPPER", r"\x", r"\u00"] {
            assert_eq!(of_text(&["registry.example.com"], text), [""; 0], "{text}");
        }
    }

    #[test]
    fn what_names_no_managed_registry_is_passed_over() {
        for text in [
            "",
            "web:v1",
            "other.example.com/apps/web:v1",
            "cache.example.com/hub/apps/web:v1",
            "registry.example.com",
            "registry.example.com/",
            "registry.example.com/UPPER",
            "sha256:abc",
            "cache.example.com/apps/web:v1",
            "registry.example.com:5000/apps/web:v1",
            "app.kubernetes.io/name",
            "/",
            "//",
            "a/b/c",
            "\u{0}\u{202e}/é",
        ] {
            assert_eq!(of_text(&["registry.example.com"], text), [""; 0], "{text}");
        }
    }

    #[test]
    fn a_digest_without_a_registry_may_be_of_any() {
        let digest = format!("sha256:{}", "b".repeat(64));
        let managed = ["registry.example.com"];
        assert_eq!(of_text(&managed, &digest), [digest.as_str()]);
        assert_eq!(of_text(&managed, &format!("1.2.3@{digest}")), [digest.as_str()]);
        assert_eq!(of_text(&managed, &format!("docker://{digest}")), [digest.as_str()]);
        assert_eq!(of_text(&managed, &format!("other.example.com/web@{digest}")), [""; 0]);
        let with_scheme = format!("docker-pullable://other.example.com/web@{digest}");
        assert_eq!(of_text(&managed, &with_scheme), [""; 0]);
    }

    #[test]
    fn texts_are_read_as_json_writes_them() {
        for object in [
            r#"{"a":"registry.example.com\/apps\/web:v1"}"#,
            r#"{"a":"\u0072egistry.example.com/apps/web:v1"}"#,
            r#"{"registry.example.com/apps/web:v1":1}"#,
            r#"{"a":"\\\"","b":["registry.example.com/apps/web:v1"]}"#,
        ] {
            let found = found(&["registry.example.com"], object);
            assert_eq!(found, ["registry.example.com/apps/web:v1"], "{object}");
        }
        let deep = format!(
            "{}\"registry.example.com/a:v1\"{}",
            "[".repeat(50_000),
            "]".repeat(50_000)
        );
        assert_eq!(found(&["registry.example.com"], &deep), ["registry.example.com/a:v1"]);
    }

    #[test]
    fn docker_hub_need_not_be_named() {
        assert_eq!(of_text(&["docker.io"], "me/web:v1"), ["me/web:v1"]);
        assert_eq!(of_text(&["docker.io"], " me/web:v1\n"), ["me/web:v1"]);
        assert_eq!(
            of_text(&["docker.io"], "index.docker.io/me/web:v1"),
            ["index.docker.io/me/web:v1"]
        );
        assert_eq!(
            of_text(&["docker.io"], "x docker.io/me/web:v1 y"),
            ["docker.io/me/web:v1"]
        );
        assert_eq!(of_text(&["docker.io"], "Running"), [""; 0]);
        assert_eq!(of_text(&["registry.example.com"], "me/web:v1"), [""; 0]);
    }

    #[test]
    fn a_port_that_goes_without_saying_makes_no_difference() {
        for image in ["odd.example.com/web:v1", "odd.example.com:443/web:v1"] {
            assert_eq!(of_text(&["odd.example.com:443"], image), [image]);
        }
    }

    #[test]
    fn a_registry_may_be_an_address_in_brackets() {
        assert_eq!(of_text(&["[::1]:5000"], "[::1]:5000/web:v1"), ["[::1]:5000/web:v1"]);
        assert_eq!(of_text(&["[::1]:5000"], "[::2]:5000/web:v1"), [""; 0]);
    }

    #[test]
    fn while_nobody_said_what_is_managed_whatever_is_written_out_counts() {
        assert_eq!(of_text(&[], "any.example.com/web:v1"), ["any.example.com/web:v1"]);
        assert_eq!(of_text(&[], "app.kubernetes.io/name"), [""; 0]);
    }

    #[test]
    fn large_texts_end_soon() {
        for piece in [
            "/",
            ":",
            "registry.example.com/",
            "registry.example.com/a:",
            "a",
            "@sha256:",
            "\\u005c",
            "${A-",
        ] {
            for end in ["", "/"] {
                let flood = piece.repeat(1_000_000 / piece.len()) + end;
                assert!(of_text(&["registry.example.com"], &flood).len() <= 1);
            }
        }
    }
}

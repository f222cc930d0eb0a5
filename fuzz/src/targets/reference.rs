//! Image references and the names in them.
//!
//! - Each kind of name is accepted exactly where the grammar, written down here as a regular expression, accepts it.
//! - Whatever is accepted reads the same after it was printed, as text and as JSON; refusals say why.

use std::error::Error;
use std::fmt::{Debug, Display};
use std::net::Ipv6Addr;
use std::str::FromStr;
use std::sync::LazyLock;

use jettison_core::model::{Digest, ImageReference, RegistryHost, RepositoryName, Tag};
use regex::Regex;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::oracle::assert_error;

/// The grammars: image-spec, "Digests"; distribution-spec, "Pulling manifests"; `distribution/reference`.
struct Grammars {
    digest: Regex,
    tag: Regex,
    repository: Regex,
    host: Regex,
    reference: Regex,
    /// An image's id, whole or shortened.
    id: Regex,
}

static GRAMMARS: LazyLock<Option<Grammars>> = LazyLock::new(|| {
    let digest = "sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128}";
    let tag = "[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}";
    let part = "[a-z0-9]+(?:(?:[.]|_|__|-+)[a-z0-9]+)*";
    let label = "[A-Za-z0-9_](?:[A-Za-z0-9_-]*[A-Za-z0-9_])?";
    let host = format!(r"(?:(?<name>{label}(?:[.]{label})*)|\[(?<address>[^\]]*)\])(?::(?<port>[0-9]+))?");
    let path = format!("{part}(?:/{part})*");
    let whole = |grammar: &str| Regex::new(&format!(r"\A(?:{grammar})\z")).ok();
    Some(Grammars {
        digest: whole(digest)?,
        tag: whole(tag)?,
        repository: whole(&path)?,
        host: whole(&host)?,
        reference: whole(&format!("(?:{host}/)?{path}(?::{tag})?(?:@(?:{digest}))?"))?,
        id: whole("[0-9a-f]{12,64}|sha256:[0-9a-f]{1,64}")?,
    })
});

/// Looks at one input.
pub fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Some(grammars) = GRAMMARS.as_ref() else {
        unreachable!("the grammars are regular expressions");
    };
    name::<Digest>(text, grammars.digest.is_match(text));
    name::<Tag>(text, grammars.tag.is_match(text));
    name::<RepositoryName>(text, text.len() <= 255 && grammars.repository.is_match(text));
    name::<RegistryHost>(&text.to_ascii_lowercase(), is_host(text, grammars));
    reference(text, grammars);
    attaches(text);
}

fn name<T>(text: &str, legal: bool)
where
    T: FromStr<Err: Error> + Display + Debug + PartialEq + Serialize + DeserializeOwned,
{
    match text.parse::<T>() {
        Ok(name) => {
            assert!(legal, "{text:?} was taken for a name: {name:?}");
            assert_eq!(name.to_string(), text);
            let json = serde_json::to_string(&name).unwrap_or_default();
            assert_eq!(serde_json::from_str::<T>(&json).ok(), Some(name));
        }
        Err(error) => {
            assert!(!legal, "{text:?} is legal, and was refused: {error}");
            assert_error(&error);
        }
    }
}

fn is_host(text: &str, grammars: &Grammars) -> bool {
    let Some(parts) = grammars.host.captures(text).filter(|_| text.len() <= 255) else {
        return false;
    };
    let port = parts.name("port").map_or("0", |port| port.as_str());
    let address = parts.name("address").map(|address| address.as_str());
    port.parse::<u16>().is_ok() && address.is_none_or(|address| address.parse::<Ipv6Addr>().is_ok())
}

fn reference(text: &str, grammars: &Grammars) {
    match text.parse::<ImageReference>() {
        Ok(reference) => {
            let is_id = grammars.id.is_match(text);
            assert!(!is_id, "an id was taken for {reference:?}");
            assert!(
                grammars.reference.is_match(text),
                "{text:?} was taken for {reference:?}"
            );
            let printed = reference.to_string();
            assert_eq!(printed.parse::<ImageReference>().as_ref(), Ok(&reference), "{printed}");
            let pinned = reference.digest.is_some();
            assert_eq!(pinned, text.contains('@'));
            assert_eq!(reference.effective_tag().is_some(), reference.tag.is_some() || !pinned);
            assert!(printed.len() <= text.len() + "docker.io/library/".len());
        }
        Err(error) => {
            // Only what is read in one way, whoever splits it into host and path.
            let short = !grammars.id.is_match(text)
                && text.len() <= 200
                && !text.contains(['[', ':', '_'])
                && !text.contains(|c: char| c.is_uppercase());
            assert!(
                !(short && grammars.reference.is_match(text)),
                "{text:?} was refused: {error}"
            );
            assert_error(&error);
        }
    }
}

/// A tag that attaches names a digest that is written in it.
fn attaches(text: &str) {
    let subject = text.parse::<Tag>().ok().and_then(|tag| tag.subject());
    if let Some(subject) = subject {
        assert!(text.starts_with(&format!("sha256-{}", subject.hex())), "{text}");
    }
}

//! Image references as container engines read them.
//!
//! The grammar is that of the `distribution/reference` library: the first path part is a registry only if it
//! has a dot or a colon, is `localhost`, or has upper-case letters; without one the registry is `docker.io`,
//! and a single-part path there gets `library/` in front. Tag *and* digest are kept.

use std::fmt;
use std::str::FromStr;

use super::{Digest, InvalidName, RegistryHost, RepositoryName, Tag, legible};

/// So many digits of an id Docker shows; a name of only these letters and digits is never that long.
const SHORT_ID: usize = 12;

/// A parsed image reference.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ImageReference {
    /// The registry; `docker.io` if none is written.
    pub registry: RegistryHost,
    /// The repository.
    pub repository: RepositoryName,
    /// The tag, if written. See [`ImageReference::effective_tag`].
    pub tag: Option<Tag>,
    /// The digest, if written.
    pub digest: Option<Digest>,
}

/// Why a text is not an image reference.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidReference {
    /// Nothing is written.
    #[error("an image reference is empty")]
    Empty,
    /// It is the id of an image, whole (64 hexadecimal digits) or as engines shorten it: it names no repository.
    #[error("`{0}` is the id of an image, and names no repository; write its name, or its whole digest")]
    ImageId(String),
    /// A part of it breaks the grammar.
    #[error("`{text}` is not an image reference")]
    Part {
        /// The whole text, made legible.
        text: String,
        /// The part that is wrong.
        #[source]
        source: InvalidName,
    },
    /// What follows the `@` is no digest.
    #[error("`{text}` is not an image reference")]
    Digest {
        /// The whole text, made legible.
        text: String,
        /// What is wrong with the digest.
        #[source]
        source: super::InvalidDigest,
    },
}

impl ImageReference {
    /// The tag that an engine would pull: as written, else `latest` unless a digest is written.
    pub fn effective_tag(&self) -> Option<Tag> {
        match (&self.tag, &self.digest) {
            (Some(tag), _) => Some(tag.clone()),
            (None, Some(_)) => None,
            (None, None) => "latest".parse().ok(),
        }
    }
}

impl fmt::Display for ImageReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = self.registry.as_str();
        // Without a dot or a port only a capital letter tells a registry from the first part of a path.
        match is_host(host) {
            true => f.write_str(host)?,
            false => f.write_str(&host.to_ascii_uppercase())?,
        }
        write!(f, "/{}", self.repository)?;
        if let Some(tag) = &self.tag {
            write!(f, ":{tag}")?;
        }
        match &self.digest {
            Some(digest) => write!(f, "@{digest}"),
            None => Ok(()),
        }
    }
}

impl FromStr for ImageReference {
    type Err = InvalidReference;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.is_empty() {
            return Err(InvalidReference::Empty);
        }
        if is_image_id(text) {
            return Err(InvalidReference::ImageId(text.to_owned()));
        }
        let whole = || legible(text);
        let part = |source| InvalidReference::Part { text: whole(), source };
        let (rest, digest) = match text.split_once('@') {
            Some((rest, digest)) => {
                let digest = digest
                    .parse()
                    .map_err(|source| InvalidReference::Digest { text: whole(), source })?;
                (rest, Some(digest))
            }
            None => (text, None),
        };
        let (host, rest) = match rest.split_once('/') {
            Some((first, rest)) if is_host(first) => (first, rest),
            _ => ("docker.io", rest),
        };
        let (path, tag) = match rest.rsplit_once(':') {
            Some((path, tag)) => (path, Some(tag.parse().map_err(part)?)),
            None => (rest, None),
        };
        let registry: RegistryHost = match host.to_ascii_lowercase().as_str() {
            "index.docker.io" | "registry-1.docker.io" => "docker.io",
            other => other,
        }
        .parse()
        .map_err(part)?;
        let repository = if registry.as_str() == "docker.io" && !path.contains('/') {
            format!("library/{path}").parse()
        } else {
            path.parse()
        };
        Ok(Self {
            registry,
            repository: repository.map_err(part)?,
            tag,
            digest,
        })
    }
}

/// Whether a text is what engines print for an image without a name: its id, of which Docker shows the first twelve digits.
/// They would take any such text for an id before they looked for a repository of that name.
fn is_image_id(text: &str) -> bool {
    let is_marked = text.starts_with("sha256:");
    let digits = text.strip_prefix("sha256:").unwrap_or(text);
    let is_hex = digits.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    let length = if is_marked { 1..=64 } else { SHORT_ID..=64 };
    is_hex && length.contains(&digits.len())
}

fn is_host(first: &str) -> bool {
    first == "localhost" || first.contains(['.', ':']) || first.bytes().any(|byte| byte.is_ascii_uppercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_references_as_engines_do() {
        let hex = Digest::of(b"x");
        let table = [
            ("nginx", "docker.io/library/nginx"),
            ("cafe", "docker.io/library/cafe"),
            ("aecf7d781119:v1", "docker.io/library/aecf7d781119:v1"),
            ("me/aecf7d781119", "docker.io/me/aecf7d781119"),
            ("nginx:1.27", "docker.io/library/nginx:1.27"),
            ("me/web", "docker.io/me/web"),
            ("index.docker.io/nginx", "docker.io/library/nginx"),
            ("Index.docker.IO/nginx", "docker.io/library/nginx"),
            ("localhost/web:a", "localhost/web:a"),
            ("localhost:5000/a/b:c", "localhost:5000/a/b:c"),
            ("[::1]:5000/web:a", "[::1]:5000/web:a"),
            ("Registry/web", "REGISTRY/web"),
            ("registry.example.com/apps/web:v1", "registry.example.com/apps/web:v1"),
        ];
        for (text, expected) in table {
            assert_eq!(text.parse::<ImageReference>().unwrap().to_string(), expected, "{text}");
            assert_eq!(expected.parse::<ImageReference>(), text.parse(), "{text}");
            let pinned = format!("{text}@{hex}").parse::<ImageReference>().unwrap();
            assert_eq!(pinned.to_string(), format!("{expected}@{hex}"));
        }
    }

    #[test]
    fn the_tag_is_latest_unless_something_is_written() {
        let effective = |text: &str| {
            text.parse::<ImageReference>()
                .unwrap()
                .effective_tag()
                .map(String::from)
        };
        assert_eq!(effective("r.io/web").as_deref(), Some("latest"));
        assert_eq!(effective("r.io/web:a").as_deref(), Some("a"));
        assert_eq!(effective(&format!("r.io/web@{}", Digest::of(b"x"))), None);
        assert_eq!(
            effective(&format!("r.io/web:a@{}", Digest::of(b"x"))).as_deref(),
            Some("a")
        );
    }

    #[test]
    fn refuses_what_is_no_reference() {
        for text in [
            "",
            "UPPER",
            "a b",
            "web:",
            ":tag",
            "r.io/",
            "r.io/Web",
            "web@sha256:1",
            "web@",
            "a@b@c",
            "https://r.io/web",
            // What `docker ps` shows of a container whose image has no name.
            "aecf7d781119",
            "sha256:aecf7d781119",
            "sha256:a",
        ] {
            assert!(text.parse::<ImageReference>().is_err(), "{text}");
        }
    }
}

//! Names: registry hosts, repositories and tags, each a type of its own, so that none is taken for another.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize, Serializer};
use smol_str::SmolStr;

use super::{Digest, legible};

/// Why a text is not the name it should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a {what}: {rule}")]
pub struct InvalidName {
    text: String,
    what: &'static str,
    rule: &'static str,
}

/// One newtype over a checked text: parse, print, order and serialise as that text. Short ones, which is nearly all of
/// them, take no heap.
macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $what:literal, $rule:literal, $check:path) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
        #[serde(try_from = "String")]
        pub struct $name(SmolStr);

        impl $name {
            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = InvalidName;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                $check(text)
                    .map(Self)
                    .ok_or_else(|| InvalidName { text: legible(text), what: $what, rule: $rule })
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidName;

            fn try_from(text: String) -> Result<Self, Self::Error> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0.into()
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }
    };
}

name! {
    /// A registry, `host[:port]`, as it stands in image references; kept in lower case.
    RegistryHost, "registry host", "expected host[:port], for example registry.example.com:5000", host
}

name! {
    /// A repository's name inside its registry, `apps/web` (distribution-spec, "Pulling manifests", `<name>`).
    RepositoryName, "repository name",
    "expected lower-case letters, digits and . _ - in parts joined by /, for example apps/web", repository
}

name! {
    /// A tag: letters, digits and `. _ -`, at most 128 (distribution-spec, `<reference>` as a tag). Case matters.
    Tag, "tag", "expected at most 128 letters, digits and . _ -, the first no . or -", tag
}

fn host(text: &str) -> Option<SmolStr> {
    let (name, port) = match text.rsplit_once(':') {
        Some((name, port)) if !name.ends_with(':') && !port.contains(']') => (name, Some(port)),
        _ => (text, None),
    };
    let port_fits = port.is_none_or(|port| port.parse::<u16>().is_ok() && port.bytes().all(|b| b.is_ascii_digit()));
    let name_fits = match name.strip_prefix('[').and_then(|name| name.strip_suffix(']')) {
        Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
        None => name.split('.').all(is_host_label),
    };
    (port_fits && name_fits && text.len() <= 255).then(|| text.to_ascii_lowercase().into())
}

fn is_host_label(label: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    !label.is_empty() && label.bytes().all(allowed) && !label.starts_with('-') && !label.ends_with('-')
}

fn repository(text: &str) -> Option<SmolStr> {
    (text.len() <= 255 && text.split('/').all(is_path_component)).then(|| text.into())
}

/// `[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*`
fn is_path_component(component: &str) -> bool {
    let alphanumeric = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let bytes = component.as_bytes();
    if !bytes.first().is_some_and(&alphanumeric) || !bytes.last().is_some_and(&alphanumeric) {
        return false;
    }
    bytes
        .split(|byte| alphanumeric(byte))
        .all(|separator| matches!(separator, b"" | b"." | b"_" | b"__") || separator.iter().all(|byte| *byte == b'-'))
}

fn tag(text: &str) -> Option<SmolStr> {
    let bytes = text.as_bytes();
    let first = bytes.first()?;
    let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let fits =
        bytes.len() <= 128 && word(*first) && bytes.iter().all(|byte| word(*byte) || matches!(byte, b'.' | b'-'));
    fits.then(|| text.into())
}

impl Tag {
    /// The subject that this tag names, if it is one that attaches: `sha256-<hex>` (the referrers tag of
    /// the distribution spec) or that with `.sig`, `.att` or `.sbom` behind it (cosign).
    pub fn subject(&self) -> Option<Digest> {
        let encoded = self.0.strip_prefix("sha256-")?;
        let (hex, suffix) = encoded.split_at_checked(64)?;
        matches!(suffix, "" | ".sig" | ".att" | ".sbom").then(|| format!("sha256:{hex}").parse().ok())?
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts() {
        for good in [
            "localhost",
            "registry.example.com:5000",
            "127.0.0.1:80",
            "[::1]:5000",
            "a_b.local",
            "[fe80::1]",
        ] {
            assert!(good.parse::<RegistryHost>().is_ok(), "{good}");
        }
        for bad in [
            "",
            "a b",
            "host:",
            "host:x",
            "host:99999",
            "host/path",
            "::1",
            "-a",
            "a..b",
            "user@host",
            "host:+1",
        ] {
            assert!(bad.parse::<RegistryHost>().is_err(), "{bad}");
        }
        assert_eq!(
            "Registry.Example.COM".parse::<RegistryHost>().unwrap().as_str(),
            "registry.example.com"
        );
    }

    #[test]
    fn repositories() {
        for good in ["a", "apps/web", "a__b/c--d/e.f", "0/1"] {
            assert!(good.parse::<RepositoryName>().is_ok(), "{good}");
        }
        for bad in [
            "", "/", "a/", "/a", "A", "a//b", "a..b", "a___b", "a._b", "-a", "a-", "a/../b", "a%2fb",
        ] {
            assert!(bad.parse::<RepositoryName>().is_err(), "{bad}");
        }
    }

    #[test]
    fn tags() {
        for good in ["latest", "V1.2_3-x", "_x", &"a".repeat(128)] {
            assert!(good.parse::<Tag>().is_ok(), "{good}");
        }
        for bad in ["", ".a", "-a", "a/b", "a b", "ä", "a\n", &"a".repeat(129)] {
            assert!(bad.parse::<Tag>().is_err(), "{bad}");
        }
    }

    #[test]
    fn attaching_tags_name_their_subject() {
        let digest = Digest::of(b"subject");
        for (suffix, attaches) in [
            ("", true),
            (".sig", true),
            (".att", true),
            (".sbom", true),
            (".other", false),
            ("0", false),
        ] {
            let tag: Tag = format!("sha256-{}{suffix}", digest.hex()).parse().unwrap();
            assert_eq!(tag.subject(), attaches.then(|| digest.clone()), "{tag}");
        }
        assert_eq!("sha256-abc".parse::<Tag>().unwrap().subject(), None);
    }
}

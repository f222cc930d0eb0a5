//! Which call a path is (distribution-spec, "Endpoints"). Names are checked here, once.

use std::fmt;

use crate::digest::is_digest;

/// One call of the API, with its arguments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Endpoint {
    Ping,
    Catalog,
    Tags {
        name: String,
    },
    Manifest {
        name: String,
        reference: Reference,
    },
    Blob {
        name: String,
        digest: String,
    },
    Uploads {
        name: String,
    },
    Upload {
        name: String,
        id: String,
    },
    Referrers {
        name: String,
        digest: String,
    },
    Untagged {
        name: String,
    },
    Times {
        name: String,
    },
    Token,
    /// A path of the API with a name, tag or digest that the specification does not allow.
    Invalid(Invalid),
    Unknown,
}

/// A manifest's reference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Reference {
    Tag(String),
    Digest(String),
}

/// What does not follow the grammar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Invalid {
    Name,
    Digest,
    Tag,
}

/// A kind of call, for counting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// `/v2/`
    Ping,
    /// `/v2/_catalog`
    Catalog,
    /// `…/tags/list`
    Tags,
    /// `…/manifests/…`
    Manifest,
    /// `…/blobs/<digest>`
    Blob,
    /// `…/blobs/uploads/…`
    Upload,
    /// `…/referrers/…`
    Referrers,
    /// The test kit's own `…/_untagged` and `…/_times`.
    Extension,
    /// `/token`
    Token,
    /// Anything else.
    Other,
}

impl Endpoint {
    pub(super) fn of(path: &str) -> Self {
        match path {
            "/v2" | "/v2/" => Self::Ping,
            "/v2/_catalog" => Self::Catalog,
            "/token" => Self::Token,
            _ => path.strip_prefix("/v2/").map_or(Self::Unknown, Self::in_repository),
        }
    }

    fn in_repository(rest: &str) -> Self {
        let (name, call) = if let Some(name) = rest.strip_suffix("/tags/list") {
            (name, Self::Tags { name: name.into() })
        } else if let Some(name) = rest.strip_suffix("/_untagged") {
            (name, Self::Untagged { name: name.into() })
        } else if let Some(name) = rest.strip_suffix("/_times") {
            (name, Self::Times { name: name.into() })
        } else if let Some((name, id)) = rest.rsplit_once("/blobs/uploads/") {
            (name, Self::upload(name, id))
        } else if let Some(name) = rest.strip_suffix("/blobs/uploads") {
            (name, Self::upload(name, ""))
        } else if let Some((name, reference)) = rest.rsplit_once("/manifests/") {
            (name, Self::manifest(name, reference))
        } else if let Some((name, digest)) = rest.rsplit_once("/blobs/") {
            (
                name,
                with_digest(
                    digest,
                    Self::Blob {
                        name: name.into(),
                        digest: digest.into(),
                    },
                ),
            )
        } else if let Some((name, digest)) = rest.rsplit_once("/referrers/") {
            (
                name,
                with_digest(
                    digest,
                    Self::Referrers {
                        name: name.into(),
                        digest: digest.into(),
                    },
                ),
            )
        } else {
            return Self::Unknown;
        };
        if is_name(name) {
            call
        } else {
            Self::Invalid(Invalid::Name)
        }
    }

    fn upload(name: &str, id: &str) -> Self {
        match id {
            "" => Self::Uploads { name: name.into() },
            id => Self::Upload {
                name: name.into(),
                id: id.into(),
            },
        }
    }

    fn manifest(name: &str, reference: &str) -> Self {
        let name = name.to_owned();
        if reference.contains(':') {
            with_digest(
                reference,
                Self::Manifest {
                    name,
                    reference: Reference::Digest(reference.into()),
                },
            )
        } else if is_tag(reference) {
            Self::Manifest {
                name,
                reference: Reference::Tag(reference.into()),
            }
        } else {
            Self::Invalid(Invalid::Tag)
        }
    }

    pub(super) fn class(&self) -> Class {
        match self {
            Self::Ping => Class::Ping,
            Self::Catalog => Class::Catalog,
            Self::Tags { .. } => Class::Tags,
            Self::Manifest { .. } => Class::Manifest,
            Self::Blob { .. } => Class::Blob,
            Self::Uploads { .. } | Self::Upload { .. } => Class::Upload,
            Self::Referrers { .. } => Class::Referrers,
            Self::Untagged { .. } | Self::Times { .. } => Class::Extension,
            Self::Token => Class::Token,
            Self::Invalid(_) | Self::Unknown => Class::Other,
        }
    }

    /// The repository that the call is about.
    pub(super) fn repository(&self) -> Option<&str> {
        match self {
            Self::Tags { name }
            | Self::Manifest { name, .. }
            | Self::Blob { name, .. }
            | Self::Uploads { name }
            | Self::Upload { name, .. }
            | Self::Referrers { name, .. }
            | Self::Untagged { name }
            | Self::Times { name } => Some(name),
            Self::Ping | Self::Catalog | Self::Token | Self::Invalid(_) | Self::Unknown => None,
        }
    }
}

impl Reference {
    pub(super) fn as_str(&self) -> &str {
        match self {
            Self::Tag(text) | Self::Digest(text) => text,
        }
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

fn with_digest(digest: &str, call: Endpoint) -> Endpoint {
    if is_digest(digest) {
        call
    } else {
        Endpoint::Invalid(Invalid::Digest)
    }
}

/// `[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*` in parts joined by `/`.
fn is_name(name: &str) -> bool {
    let is_word = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let is_separator = |run: &str| matches!(run, "" | "." | "_" | "__") || run.bytes().all(|byte| byte == b'-');
    let is_part = |part: &str| {
        let ends = [part.bytes().next(), part.bytes().next_back()];
        ends.iter().all(|end| end.is_some_and(is_word))
            && part
                .split(|letter: char| u8::try_from(letter).is_ok_and(is_word))
                .all(is_separator)
    };
    name.len() <= 255 && name.split('/').all(is_part)
}

/// `[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}`
fn is_tag(tag: &str) -> bool {
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    tag.len() <= 128
        && tag.bytes().next().is_some_and(is_word)
        && tag.bytes().all(|byte| is_word(byte) || matches!(byte, b'.' | b'-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_calls() {
        let digest = format!("sha256:{}", "a".repeat(64));
        let name = || "apps/web".to_owned();
        for (path, expected) in [
            ("/v2/".to_owned(), Endpoint::Ping),
            ("/v2/apps/web/tags/list".to_owned(), Endpoint::Tags { name: name() }),
            (
                "/v2/apps/web/blobs/uploads/".to_owned(),
                Endpoint::Uploads { name: name() },
            ),
            (
                "/v2/apps/web/blobs/uploads/x".to_owned(),
                Endpoint::Upload {
                    name: name(),
                    id: "x".into(),
                },
            ),
            (
                format!("/v2/apps/web/blobs/{digest}"),
                Endpoint::Blob {
                    name: name(),
                    digest: digest.clone(),
                },
            ),
            (
                "/v2/apps/web/blobs/latest".to_owned(),
                Endpoint::Invalid(Invalid::Digest),
            ),
            (
                "/v2/apps/web/manifests/v1".to_owned(),
                Endpoint::Manifest {
                    name: name(),
                    reference: Reference::Tag("v1".into()),
                },
            ),
            ("/v2/apps/web/manifests/-v1".to_owned(), Endpoint::Invalid(Invalid::Tag)),
            ("/v2/apps/Web/tags/list".to_owned(), Endpoint::Invalid(Invalid::Name)),
            ("/v2/apps//tags/list".to_owned(), Endpoint::Invalid(Invalid::Name)),
            ("/metrics".to_owned(), Endpoint::Unknown),
        ] {
            assert_eq!(Endpoint::of(&path), expected, "{path}");
        }
    }
}

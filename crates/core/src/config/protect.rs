//! What stays because the configuration says so, whatever the rules say.

use crate::model::{Digest, RegistryHost, RepositoryName, Tag};
use crate::policy::{InvalidGlob, NameGlobs, TagPatterns};

/// A pattern under `protect`: `[registry/]repository[:tag]`, or `[registry/]repository@digest`.
///
/// The parts before the tag and the tag are globs. Without a tag the whole repository is protected. The name is tried
/// with the registry in front and without, since protecting more is the safe side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProtectPattern {
    text: String,
    name: NameGlobs,
    tag: Option<TagPatterns>,
    digest: Option<Digest>,
}

/// Why a text is not a pattern under `protect`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidProtectPattern {
    /// It begins with `!`.
    #[error("`protect` knows no exclusions")]
    Exclusion,
    /// A part of it is no glob.
    #[error(transparent)]
    Glob(#[from] InvalidGlob),
    /// What follows the `@` is no digest.
    #[error(transparent)]
    Digest(#[from] crate::model::InvalidDigest),
}

impl ProtectPattern {
    /// The pattern as written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether an image, or one tag of it, is protected. Without a `tag`, only its repository and digest can be.
    pub fn fits(
        &self,
        registry: &RegistryHost,
        repository: &RepositoryName,
        tag: Option<&Tag>,
        digest: &Digest,
    ) -> bool {
        self.fits_image(tag, digest) && self.covers(registry, repository)
    }

    /// Whether anything in the repository can be protected.
    pub fn covers(&self, registry: &RegistryHost, repository: &RepositoryName) -> bool {
        self.name.fits(repository.as_str()) || self.name.fits(&format!("{registry}/{repository}"))
    }

    /// Whether it covers every repository, and so what belongs to none.
    pub(crate) fn covers_everything(&self) -> bool {
        self.name.is_everything()
    }

    /// Whether an image, or one tag of it, is protected in the repositories that this pattern covers.
    pub fn fits_image(&self, tag: Option<&Tag>, digest: &Digest) -> bool {
        let of_tag = self
            .tag
            .as_ref()
            .is_some_and(|globs| tag.is_some_and(|tag| globs.fits(tag)));
        let of_digest = self.digest.as_ref() == Some(digest);
        let everything = self.tag.is_none() && self.digest.is_none();
        of_tag || of_digest || everything
    }
}

/// The pattern as written.
impl std::fmt::Display for ProtectPattern {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::str::FromStr for ProtectPattern {
    type Err = InvalidProtectPattern;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (rest, digest) = match text.split_once('@') {
            Some((rest, digest)) => (rest, Some(digest.parse()?)),
            None => (text, None),
        };
        let (name, tag) = match rest.rsplit_once(':') {
            // A colon before a slash is the port of the registry.
            Some((name, tag)) if !tag.contains('/') => (name, Some(tag)),
            _ => (rest, None),
        };
        if text.starts_with('!') || tag.is_some_and(|tag| tag.starts_with('!')) {
            return Err(InvalidProtectPattern::Exclusion);
        }
        // Hosts are of any case, repositories of lower case only.
        let name = NameGlobs::of_hosts(&[name])?;
        let tag = tag.map(|tag| TagPatterns::new(&[tag])).transpose()?;
        Ok(Self {
            text: text.to_owned(),
            name,
            tag,
            digest,
        })
    }
}

/// An entry under `immutable`: tags that are never removed, as with `keep: always`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImmutableTags {
    /// The repositories, by name.
    pub repositories: NameGlobs,
    /// The registries, by host.
    pub registries: NameGlobs,
    /// The tags.
    pub tags: TagPatterns,
}

impl ImmutableTags {
    /// Whether it lists that tag.
    pub fn fits(&self, registry: &RegistryHost, repository: &RepositoryName, tag: &Tag) -> bool {
        self.covers(registry, repository) && self.tags.fits(tag)
    }

    /// Whether it speaks of tags of that repository.
    pub fn covers(&self, registry: &RegistryHost, repository: &RepositoryName) -> bool {
        self.registries.fits(registry.as_str()) && self.repositories.fits(repository.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fits(pattern: &str, name: &str, tag: Option<&str>) -> bool {
        let (registry, repository) = name.split_once('/').unwrap();
        let tag = tag.map(|tag| tag.parse().unwrap());
        let pattern: ProtectPattern = pattern.parse().unwrap();
        pattern.fits(
            &registry.parse().unwrap(),
            &repository.parse().unwrap(),
            tag.as_ref(),
            &Digest::of(b"x"),
        )
    }

    #[test]
    fn patterns_protect() {
        for (pattern, name, tag) in [
            (
                "registry.example.com/apps/web:golden",
                "registry.example.com/apps/web",
                Some("golden"),
            ),
            ("Registry.example.com/apps/web", "registry.example.com/apps/web", None),
            ("apps/web:golden", "registry.example.com/apps/web", Some("golden")),
            ("apps/web:gold*", "registry.example.com/apps/web", Some("golden")),
            ("**/base/*", "registry.example.com/base/x", Some("any")),
            ("**/base/*", "registry.example.com/apps/base/x", None),
            ("localhost:5000/apps/*", "localhost:5000/apps/web", Some("any")),
            ("localhost:5000/apps/*:v1", "localhost:5000/apps/web", Some("v1")),
            ("**", "registry.example.com/apps/web", None),
            (
                &format!("apps/web@{}", Digest::of(b"x")),
                "registry.example.com/apps/web",
                Some("any"),
            ),
            (
                &format!("apps/web:v1@{}", Digest::of(b"y")),
                "registry.example.com/apps/web",
                Some("v1"),
            ),
            (
                &format!("apps/web:v1@{}", Digest::of(b"x")),
                "registry.example.com/apps/web",
                Some("v2"),
            ),
        ] {
            assert!(fits(pattern, name, tag), "{pattern} {name} {tag:?}");
        }
    }

    #[test]
    fn patterns_do_not_protect_everything() {
        for (pattern, name, tag) in [
            (
                "registry.example.com/apps/web:golden",
                "registry.example.com/apps/web",
                Some("silver"),
            ),
            (
                "registry.example.com/apps/web:golden",
                "registry.example.com/apps/web",
                None,
            ),
            (
                "registry.example.com/apps/web:golden",
                "other.example.com/apps/web",
                Some("golden"),
            ),
            ("apps/*", "registry.example.com/apps/a/b", None),
            ("**/base/*", "registry.example.com/database/x", None),
            ("localhost:5000/apps/*", "localhost:5001/apps/web", None),
            (
                &format!("apps/web@{}", Digest::of(b"y")),
                "registry.example.com/apps/web",
                Some("any"),
            ),
        ] {
            assert!(!fits(pattern, name, tag), "{pattern} {name} {tag:?}");
        }
    }

    #[test]
    fn refuses_what_is_no_pattern() {
        for text in [
            "",
            "!apps/*",
            "apps/web:!v1",
            "apps/web:",
            "apps/[",
            ":tag",
            "apps/web@sha256:12",
            "@",
        ] {
            assert!(text.parse::<ProtectPattern>().is_err(), "{text}");
        }
    }
}

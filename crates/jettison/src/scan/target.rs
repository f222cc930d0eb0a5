//! Targets: which repositories of which registry to read.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use jettison_core::model::{InvalidName, RegistryHost, RepositoryName};
use jettison_core::policy::{InvalidGlob, NameGlobs};

use crate::registry::{Registry, RegistryError};

/// A target of the command line: `HOST[:PORT]/REPOSITORY-GLOB`. Without a glob, every repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The registry.
    pub host: RegistryHost,
    /// A glob on names of repositories.
    pub pattern: String,
}

/// Why a text is no target.
#[derive(Debug, thiserror::Error)]
pub enum InvalidTarget {
    /// Something like a URL.
    #[error("`{0}` is a URL; a target is HOST[:PORT]/REPOSITORY-GLOB, for example registry.example.com/apps/**")]
    Url(String),
    /// An image.
    #[error("`{0}` names an image; a target is HOST[:PORT]/REPOSITORY-GLOB, without a tag or a digest")]
    Image(String),
    /// Its host is none.
    #[error("`{text}` is no target")]
    Host {
        /// The text.
        text: String,
        /// Why.
        #[source]
        source: InvalidName,
    },
    /// Its pattern is no glob, or no name of a repository.
    #[error("`{text}` is no target")]
    Glob {
        /// The text.
        text: String,
        /// Why.
        #[source]
        source: InvalidGlob,
    },
    /// Its name is none.
    #[error("`{text}` is no target")]
    Name {
        /// The text.
        text: String,
        /// Why.
        #[source]
        source: InvalidName,
    },
}

impl FromStr for Target {
    type Err = InvalidTarget;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.contains("://") {
            return Err(InvalidTarget::Url(text.to_owned()));
        }
        let (host, pattern) = text.split_once('/').unwrap_or((text, ""));
        let pattern = if pattern.is_empty() { "**" } else { pattern };
        if pattern.contains(['@', ':']) {
            return Err(InvalidTarget::Image(text.to_owned()));
        }
        let host = host.parse().map_err(|source| InvalidTarget::Host {
            text: text.to_owned(),
            source,
        })?;
        NameGlobs::new(&[pattern]).map_err(|source| InvalidTarget::Glob {
            text: text.to_owned(),
            source,
        })?;
        if !is_glob(pattern) {
            let name: Result<RepositoryName, _> = pattern.parse();
            name.map_err(|source| InvalidTarget::Name {
                text: text.to_owned(),
                source,
            })?;
        }
        Ok(Self {
            host,
            pattern: pattern.to_owned(),
        })
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.host, self.pattern)
    }
}

fn is_glob(pattern: &str) -> bool {
    pattern.contains(['*', '?', '[', '{', '!'])
}

/// Which repositories of one registry to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selection {
    globs: NameGlobs,
    /// Repositories that are asked for by name, whether or not there is a catalog.
    named: BTreeSet<RepositoryName>,
    /// Whether the catalog is needed.
    listed: bool,
}

impl Selection {
    /// The repositories that `globs` fit.
    pub fn new(globs: NameGlobs) -> Self {
        let patterns = globs.patterns();
        // What is excluded is excluded, also where it is named.
        let plain = |pattern: &&String| !is_glob(pattern) && globs.fits(pattern);
        let named = patterns
            .iter()
            .filter(plain)
            .filter_map(|pattern| pattern.parse().ok())
            .collect();
        let listed = patterns
            .iter()
            .any(|pattern| is_glob(pattern) && !pattern.starts_with('!'));
        Self {
            named,
            listed: listed || patterns.iter().all(|pattern| pattern.starts_with('!')),
            globs,
        }
    }

    /// Whether a repository is one of them.
    pub fn fits(&self, name: &RepositoryName) -> bool {
        self.globs.fits(name.as_str())
    }

    /// The repositories to read, and whether these are all that the registry has.
    ///
    /// # Errors
    /// If the registry has to be asked for its repositories and does not tell.
    pub(super) async fn resolve(&self, registry: &dyn Registry) -> Result<(Vec<RepositoryName>, bool), RegistryError> {
        if !self.listed {
            return Ok((self.named.iter().cloned().collect(), false));
        }
        let all: BTreeSet<RepositoryName> = registry.repositories().await?.into_iter().collect();
        let fitting: BTreeSet<RepositoryName> = all
            .iter()
            .filter(|name| self.globs.fits(name.as_str()))
            .chain(&self.named)
            .cloned()
            .collect();
        let everything = all.is_subset(&fitting);
        Ok((fitting.into_iter().collect(), everything))
    }
}

impl fmt::Display for Selection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.globs.patterns().join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets() {
        for (text, printed) in [
            ("registry.example.com", "registry.example.com/**"),
            ("registry.example.com/", "registry.example.com/**"),
            ("localhost:5000/apps/*", "localhost:5000/apps/*"),
            ("[::1]:5000/apps/web", "[::1]:5000/apps/web"),
        ] {
            assert_eq!(text.parse::<Target>().unwrap().to_string(), printed);
        }
        for text in [
            "",
            "/a",
            "https://r.io/a",
            "r.io/a:tag",
            "r.io/a@sha256:0",
            "r.io/UPPER",
            "r.io/[",
            "host:port/a",
        ] {
            assert!(text.parse::<Target>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_catalog_is_asked_for_only_where_names_are_not_enough() {
        let listed = |patterns: &[&str]| Selection::new(NameGlobs::new(patterns).unwrap()).listed;
        assert!(!listed(&["apps/web", "apps/api"]));
        assert!(listed(&["apps/*"]));
        assert!(listed(&["!apps/web"]));
        assert!(!listed(&["apps/web", "!apps/w*"]));
        let named = |patterns: &[&str]| Selection::new(NameGlobs::new(patterns).unwrap()).named.len();
        assert_eq!(
            (named(&["apps/web", "!apps/w*"]), named(&["apps/*", "apps/web"])),
            (0, 1)
        );
    }
}

//! What managed registries are called, for finding their images in any text.

use std::borrow::Cow;
use std::collections::BTreeSet;

use jettison_core::config::Config;
use jettison_core::model::{ImageReference, RegistryHost};

const DOCKER_HUB: &str = "docker.io";

/// Every name of every managed registry.
#[derive(Debug, Clone, Default)]
pub(in crate::usage) struct ManagedNames(BTreeSet<String>);

impl ManagedNames {
    /// The names and aliases of `managed`.
    pub(in crate::usage) fn of(managed: &BTreeSet<RegistryHost>, config: &Config) -> Self {
        let names = managed.iter().flat_map(|host| config.names_of(host));
        let mut names: BTreeSet<String> = names.map(|host| host.as_str().to_owned()).collect();
        if names.contains(DOCKER_HUB) {
            names.extend(["index.docker.io".to_owned(), "registry-1.docker.io".to_owned()]);
        }
        Self(names)
    }

    /// Whether nobody said which registries are managed.
    pub(super) fn is_unknown(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether only a whole text tells that it is an image of these: the name of Docker Hub need not be written, and an
    /// address in brackets is not told from other brackets.
    pub(super) fn need_whole_texts(&self) -> bool {
        self.0.iter().any(|name| name == DOCKER_HUB || name.starts_with('['))
    }

    /// Whether the first part of a reference may be the name of a managed registry. As long as nobody said which are
    /// managed, whatever looks like a host.
    pub(super) fn may_be(&self, first: &str) -> bool {
        if self.is_unknown() {
            return first.contains('.') || first.starts_with("localhost");
        }
        let lower = match first.bytes().any(|byte| byte.is_ascii_uppercase()) {
            true => Cow::Owned(first.to_ascii_lowercase()),
            false => Cow::Borrowed(first),
        };
        self.0.contains(lower.as_ref())
    }

    /// Whether this is an image of a managed registry. As long as nobody said which are managed, any that is written out:
    /// a host and a path alone may be anything.
    pub(super) fn have(&self, image: &ImageReference) -> bool {
        match self.is_unknown() {
            true => image.tag.is_some() || image.digest.is_some(),
            false => self.0.contains(image.registry.as_str()),
        }
    }
}

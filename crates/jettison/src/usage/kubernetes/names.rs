//! What managed registries are called, for finding their images in any text.

use std::borrow::Cow;
use std::collections::BTreeSet;

use jettison_core::config::{Config, Mirror};
use jettison_core::model::{ImageReference, RegistryHost};

const DOCKER_HUB: &str = "docker.io";

/// Every name of every managed registry, and the mirrors that its images are pulled through.
#[derive(Debug, Clone, Default)]
pub(in crate::usage) struct ManagedNames {
    names: BTreeSet<String>,
    mirrors: Vec<Mirror>,
}

impl ManagedNames {
    /// The names, aliases and mirrors of `managed`.
    pub(in crate::usage) fn of(managed: &BTreeSet<RegistryHost>, config: &Config) -> Self {
        let names = managed.iter().flat_map(|host| config.names_of(host));
        let mut names: BTreeSet<String> = names.map(|host| host.as_str().to_owned()).collect();
        if names.contains(DOCKER_HUB) {
            names.extend(["index.docker.io".to_owned(), "registry-1.docker.io".to_owned()]);
        }
        let of_managed = config
            .registries
            .iter()
            .filter(|registry| managed.contains(&registry.host));
        let mirrors = of_managed.flat_map(|registry| registry.mirrors.clone()).collect();
        Self { names, mirrors }
    }

    fn hosts_of_mirrors(&self) -> impl Iterator<Item = &str> {
        self.mirrors.iter().map(|mirror| mirror.host.as_str())
    }

    /// Whether nobody said which registries are managed.
    pub(super) fn is_unknown(&self) -> bool {
        self.names.is_empty()
    }

    /// Whether only a whole text tells that it is an image of these: the name of Docker Hub need not be written, and an
    /// address in brackets is not told from other brackets.
    pub(super) fn need_whole_texts(&self) -> bool {
        let mut names = self.names.iter().map(String::as_str).chain(self.hosts_of_mirrors());
        names.any(|name| name == DOCKER_HUB || name.starts_with('['))
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
        self.names.contains(lower.as_ref()) || self.hosts_of_mirrors().any(|host| host == lower)
    }

    /// Whether this is an image of a managed registry. As long as nobody said which are managed, any that is written out:
    /// a host and a path alone may be anything.
    pub(super) fn have(&self, image: &ImageReference) -> bool {
        match self.is_unknown() {
            true => image.tag.is_some() || image.digest.is_some(),
            false => {
                self.names.contains(image.registry.as_str())
                    || self.mirrors.iter().any(|mirror| mirror.behind(image).is_some())
            }
        }
    }
}

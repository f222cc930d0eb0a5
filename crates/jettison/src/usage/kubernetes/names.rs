//! What managed registries are called, for finding their images in any text.

use std::borrow::Cow;
use std::collections::BTreeSet;

use jettison_core::config::{Config, Mirror};
use jettison_core::model::{ImageReference, RegistryHost};

const DOCKER_HUB: &str = "docker.io";

/// A longer text names no host: a name of 253 characters, and a port.
const LONGEST_HOST: usize = 260;

/// Every name of every managed registry.
#[derive(Debug, Clone, Default)]
pub(in crate::usage) struct ManagedNames {
    /// Without a port that goes without saying.
    names: BTreeSet<String>,
    /// Where their images can be had from as well.
    mirrors: Vec<Mirror>,
}

impl ManagedNames {
    /// The names and aliases of `managed`.
    pub(in crate::usage) fn of(managed: &BTreeSet<RegistryHost>, config: &Config) -> Self {
        let names = managed.iter().flat_map(|host| config.names_of(host));
        let mut names: BTreeSet<String> = names.map(|host| plain(host.as_str()).to_owned()).collect();
        if names.contains(DOCKER_HUB) {
            names.extend(["index.docker.io".to_owned(), "registry-1.docker.io".to_owned()]);
        }
        let registries = managed.iter().filter_map(|host| config.registry(host));
        let mirrors = registries.flat_map(|registry| registry.mirrors.clone()).collect();
        Self { names, mirrors }
    }

    /// Whether nobody said which registries are managed.
    pub(super) fn is_unknown(&self) -> bool {
        self.names.is_empty()
    }

    /// Whether only a whole text tells that it is an image of these: the name of Docker Hub need not be written, and an
    /// address in brackets is not told from other brackets.
    pub(super) fn need_whole_texts(&self) -> bool {
        let names = self.names.iter().map(String::as_str).chain(self.mirror_hosts());
        names
            .into_iter()
            .any(|name| name == DOCKER_HUB || name.starts_with('['))
    }

    /// Whether the first part of a reference may be the name of a managed registry. As long as nobody said which are
    /// managed, whatever looks like a host.
    pub(super) fn may_be(&self, first: &str) -> bool {
        if first.len() > LONGEST_HOST {
            return false;
        }
        if self.is_unknown() {
            return first.contains('.') || first.starts_with("localhost");
        }
        let lower = match first.bytes().any(|byte| byte.is_ascii_uppercase()) {
            true => Cow::Owned(first.to_ascii_lowercase()),
            false => Cow::Borrowed(first),
        };
        self.names.contains(plain(&lower)) || self.mirror_hosts().any(|host| *host == *lower)
    }

    /// Whether this is an image of a managed registry. As long as nobody said which are managed, any that is written out:
    /// a host and a path alone may be anything.
    pub(super) fn have(&self, image: &ImageReference) -> bool {
        match self.is_unknown() {
            true => image.tag.is_some() || image.digest.is_some(),
            false => {
                self.names.contains(plain(image.registry.as_str()))
                    || self.mirrors.iter().any(|mirror| mirror.behind(image).is_some())
            }
        }
    }

    fn mirror_hosts(&self) -> impl Iterator<Item = &str> {
        self.mirrors.iter().map(|mirror| mirror.host.as_str())
    }
}

/// A host without the port that goes without saying. Two that differ in it alone may be two: then more is held.
fn plain(host: &str) -> &str {
    let usual = [":443", ":80"].iter().find_map(|port| host.strip_suffix(port));
    usual.unwrap_or(host)
}

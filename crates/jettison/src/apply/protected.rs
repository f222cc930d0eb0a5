//! What was protected since the plan: put back by `undo`, or named by a configuration that has changed.
//!
//! It only ever holds. What the plan knew it has respected already, so that whatever is found here is new.

use std::collections::BTreeMap;

use jettison_core::config::Config;
use jettison_core::evaluate::RESTORED_FOR;
use jettison_core::model::{Digest, RegistryHost, RepositoryName, Tag};
use jettison_core::plan::Action;
use jiff::{SignedDuration, Timestamp};

use crate::store::RepositoryMemory;

/// Where something is, and what is known of it by now.
pub(super) struct Protection<'a> {
    pub(super) config: &'a Config,
    pub(super) host: &'a RegistryHost,
    pub(super) name: &'a RepositoryName,
    pub(super) memory: &'a RepositoryMemory,
    /// The tags that stay, by what they point to.
    pub(super) kept_tags: &'a BTreeMap<&'a Digest, Vec<&'a Tag>>,
    /// The moment that the plan was made for.
    pub(super) planned_at: Timestamp,
    pub(super) now: Timestamp,
}

impl Protection<'_> {
    /// Why an action must not be carried out, if so.
    pub(super) fn of(&self, action: &Action) -> Option<String> {
        self.restored(&action.digest)
            .or_else(|| self.protected(action))
            .or_else(|| self.immutable(action))
    }

    /// A mark from the future counts as well: clocks differ.
    fn restored(&self, digest: &Digest) -> Option<String> {
        let at = self.memory.manifests.get(digest)?.restored_at?;
        let age = self.now.duration_since(at);
        let counts = at > self.planned_at || age < SignedDuration::from_secs(RESTORED_FOR.seconds());
        counts.then(|| format!("undo put it back at {at:.0}"))
    }

    fn protected(&self, action: &Action) -> Option<String> {
        let kept = self.kept_tags.get(&action.digest).into_iter().flatten().copied();
        let tags: Vec<Option<&Tag>> = action.tags.iter().chain(kept).map(Some).chain([None]).collect();
        let fits = |host: &RegistryHost, tag: &Option<&Tag>| {
            let pattern = self
                .config
                .protect
                .iter()
                .find(|pattern| pattern.fits(host, self.name, *tag, &action.digest))?;
            Some(format!("`{pattern}` is listed under protect by now"))
        };
        let mut hosts = self.config.names_of(self.host);
        hosts.find_map(|host| tags.iter().find_map(|tag| fits(host, tag)))
    }

    fn immutable(&self, action: &Action) -> Option<String> {
        let listed = |tag: &&Tag| {
            let mut hosts = self.config.names_of(self.host);
            hosts.any(|host| self.config.immutable.iter().any(|rule| rule.fits(host, self.name, tag)))
        };
        let tag = action.tags.iter().find(listed)?;
        Some(format!("tag {tag} is listed under immutable by now"))
    }
}

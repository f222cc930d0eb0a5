//! What the configuration says, asked by the names that a repository goes by.

use std::collections::{BTreeMap, BTreeSet};

use jiff::SignedDuration;

use super::times::length;
use super::world::{Node, Place};
use crate::config::{Config, Expects, RegistryConfig, Share};
use crate::model::{RegistryHost, SourceReport, Tag, Usage};
use crate::policy::{NameGlobs, Policy};

/// The configuration, with every registry found by any of its names.
pub(super) struct Configured<'a> {
    config: &'a Config,
    registries: BTreeMap<&'a RegistryHost, &'a RegistryConfig>,
}

impl<'a> Configured<'a> {
    pub(super) fn new(config: &'a Config) -> Self {
        let mut registries = BTreeMap::new();
        for registry in &config.registries {
            registries.insert(&registry.host, registry);
        }
        for registry in &config.registries {
            for alias in &registry.aliases {
                registries.entry(alias).or_insert(registry);
            }
        }
        Self { config, registries }
    }

    /// The registry that goes by that name.
    pub(super) fn canonical<'h>(&self, host: &'h RegistryHost) -> &'h RegistryHost
    where
        'a: 'h,
    {
        self.registries.get(host).map_or(host, |registry| &registry.host)
    }

    /// Every name of the registry.
    fn names<'h>(&self, host: &'h RegistryHost) -> BTreeSet<&'h RegistryHost>
    where
        'a: 'h,
    {
        let known = self.registries.get(host);
        let others = known
            .iter()
            .flat_map(|registry| registry.aliases.iter().chain([&registry.host]));
        others.chain([host]).collect()
    }

    pub(super) fn trusts_created(&self, host: &RegistryHost) -> bool {
        self.registries.get(host).is_some_and(|registry| registry.trust_created)
    }

    pub(super) fn grace(&self) -> SignedDuration {
        length(self.config.grace)
    }

    pub(super) fn keep_at_least(&self) -> u64 {
        self.config.limits.keep_at_least
    }

    pub(super) fn max_deletions(&self) -> Option<u64> {
        self.config.limits.max_deletions
    }

    pub(super) fn max_share(&self) -> Share {
        self.config.limits.max_share
    }

    /// The pattern that protects the manifest, by any of its tags and any name of its registry.
    pub(super) fn protects(&self, (host, name): Place<'_>, node: &Node<'_>) -> Option<String> {
        let digest = &node.manifest.digest;
        let pattern = self.config.protect.iter().find(|pattern| {
            self.names(host).into_iter().any(|host| {
                let by_tag = |tag: &Tag| pattern.fits(host, name, Some(tag), digest);
                pattern.fits(host, name, None, digest) || node.tags.iter().any(|tag| by_tag(&tag.name))
            })
        });
        pattern.map(|pattern| format!("`protect` lists {}", pattern.as_str()))
    }

    /// Whether the configuration forbids to remove the tag.
    pub(super) fn immutable(&self, (host, name): Place<'_>, tag: &Tag) -> bool {
        let names = self.names(host);
        self.config
            .immutable
            .iter()
            .any(|list| names.iter().any(|host| list.fits(host, name, tag)))
    }

    /// Why it is not known who uses the repository, if it is not.
    pub(super) fn usage_unclear(
        &self,
        (host, name): Place<'_>,
        usage: Option<&Usage>,
        partial: &BTreeSet<usize>,
    ) -> Option<String> {
        let sources: Vec<&SourceReport> = usage.iter().flat_map(|usage| &usage.sources).collect();
        if let Some(Expects::Sources(expected)) = self.registries.get(host).map(|registry| &registry.expects) {
            for name in expected {
                let mut reports = sources
                    .iter()
                    .enumerate()
                    .filter(|(_, source)| source.name == *name)
                    .peekable();
                if reports.peek().is_none() {
                    return Some(format!("expected source `{name}` said nothing"));
                }
                if reports.any(|(number, _)| partial.contains(&number)) {
                    return Some(format!("expected source `{name}` did not say everything"));
                }
            }
        }
        let names: Vec<String> = self.names(host).iter().map(|host| format!("{host}/{name}")).collect();
        let covers = |source: &SourceReport| match NameGlobs::new(&source.covers) {
            Ok(globs) => names.iter().any(|name| globs.fits(name)),
            Err(_) => true,
        };
        let unclear = partial
            .iter()
            .filter_map(|number| sources.get(*number))
            .find(|source| covers(source));
        unclear.map(|source| format!("source `{}` did not say everything", source.name))
    }

    /// The policy that governs the repository.
    pub(super) fn policy(&self, (host, name): Place<'_>) -> Option<&'a Policy> {
        self.config.policies().iter().find(|policy| policy.covers(host, name))
    }
}

//! What the configuration says, asked by the names that a repository goes by.

use std::collections::{BTreeMap, BTreeSet};

use jiff::SignedDuration;

use super::times::length;
use super::world::Place;
use crate::config::{Config, EcrPlace, Expects, ImmutableTags, ProtectPattern, RegistryConfig, Share};
use crate::model::{Digest, ImageReference, RegistryHost, RepositoryName, SourceReport, Tag, TagEntry, Usage};
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

    /// What an image that is pulled through a mirror is at its origin.
    pub(super) fn behind_mirrors(&self, image: &ImageReference) -> Vec<(RegistryHost, RepositoryName)> {
        let path = format!("{}/{}", image.registry, image.repository);
        let mut origins = Vec::new();
        for registry in &self.config.registries {
            for mirror in &registry.mirrors {
                let rest = path.strip_prefix(&format!("{}/{}/", mirror.host, mirror.prefix));
                let origin = rest.and_then(|rest| rest.parse().ok());
                origins.extend(origin.map(|origin| (registry.host.clone(), origin)));
            }
        }
        origins
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

    /// What is said of one repository.
    pub(super) fn local<'l>(&'l self, (host, name): Place<'_>) -> Local<'l> {
        let names = self.names(host);
        let by_any_name = |covers: &dyn Fn(&RegistryHost) -> bool| names.iter().any(|host| covers(host));
        let protect = self.config.protect.iter();
        let protect = protect.filter(|pattern| by_any_name(&|host| pattern.covers(host, name)));
        let immutable = self.config.immutable.iter();
        let immutable = immutable.filter(|list| by_any_name(&|host| list.covers(host, name)));
        Local {
            protect: protect.collect(),
            immutable: immutable.collect(),
            policy: self.config.policies().iter().find(|policy| policy.covers(host, name)),
            trusts_created: self.registries.get(host).is_some_and(|registry| registry.trust_created),
        }
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
        if let Some(why) = self.account_unclear(host, &sources, partial) {
            return Some(why);
        }
        let names: Vec<String> = self.names(host).iter().map(|host| format!("{host}/{name}")).collect();
        // Of the patterns, the part before the first slash is a host, in letters of any size.
        let patterns = |source: &SourceReport| -> Vec<String> {
            let covers = source.covers.iter();
            let split = covers.map(|pattern| pattern.split_once('/').unwrap_or((pattern, "")));
            split
                .map(|(host, path)| match path {
                    "" => host.to_ascii_lowercase(),
                    path => format!("{}/{path}", host.to_ascii_lowercase()),
                })
                .collect()
        };
        let covers = |source: &SourceReport| match NameGlobs::new(&patterns(source)) {
            Ok(globs) => names.iter().any(|name| globs.fits(name)),
            Err(_) => true,
        };
        let unclear = partial
            .iter()
            .filter_map(|number| sources.get(*number))
            .find(|source| covers(source));
        unclear.map(|source| format!("source `{}` did not say everything", source.name))
    }

    /// ECR that names no sources of its own: somebody must have told everything that runs in its account and region.
    fn account_unclear(
        &self,
        host: &RegistryHost,
        sources: &[&SourceReport],
        partial: &BTreeSet<usize>,
    ) -> Option<String> {
        let place = match self.registries.get(host) {
            Some(registry) if registry.expects == Expects::None => return None,
            Some(registry) => registry.ecr().or_else(|| EcrPlace::of_host(host)),
            None => EcrPlace::of_host(host),
        };
        let EcrPlace { account, region } = place?;
        let told = sources.iter().enumerate().any(|(number, source)| {
            let speaks = source.kind == "aws" && source.answers_for.contains(&format!("{account}/{region}"));
            speaks && !partial.contains(&number)
        });
        (!told).then(|| format!("nobody told everything that runs in the account {account}, region {region}"))
    }
}

/// What the configuration says of one repository, by any name of its registry.
pub(super) struct Local<'a> {
    protect: Vec<&'a ProtectPattern>,
    immutable: Vec<&'a ImmutableTags>,
    /// The policy that governs the repository.
    pub(super) policy: Option<&'a Policy>,
    pub(super) trusts_created: bool,
}

impl Local<'_> {
    /// The pattern that protects a manifest, by itself or by any of its tags.
    pub(super) fn protects<'t, T: Iterator<Item = &'t Tag>>(
        &self,
        digest: &Digest,
        tags: impl Fn() -> T,
    ) -> Option<&ProtectPattern> {
        let protects = |pattern: &&&ProtectPattern| {
            pattern.fits_image(None, digest) || tags().any(|tag| pattern.fits_image(Some(tag), digest))
        };
        self.protect.iter().find(protects).copied()
    }

    /// Whether a tag must stay where it is.
    pub(super) fn immutable(&self, tag: &TagEntry) -> bool {
        tag.immutable || self.lists_immutable(&tag.name)
    }

    /// Whether the configuration forbids to remove a tag.
    pub(super) fn lists_immutable(&self, tag: &Tag) -> bool {
        self.immutable.iter().any(|list| list.tags.fits(tag))
    }
}

//! What `protect` and `immutable` list, and nothing has.

use super::{Code, Finding, is_narrow};
use crate::config::{ImmutableTags, ProtectPattern, Severity, Site, quoted};
use crate::facts::Facts;
use crate::model::Repository;

/// The patterns that have fitted nothing so far, with their positions.
pub(super) struct Listed<'f> {
    facts: &'f Facts<'f>,
    protect: Vec<(usize, &'f ProtectPattern)>,
    immutable: Vec<(usize, &'f ImmutableTags)>,
    is_whole: bool,
}

impl<'f> Listed<'f> {
    pub(super) fn new(facts: &'f Facts<'f>) -> Self {
        Self {
            facts,
            protect: facts.config.protect.iter().enumerate().collect(),
            immutable: facts.config.immutable.iter().enumerate().collect(),
            is_whole: facts.inventory.gaps().is_empty() && facts.inventory.count() > 0,
        }
    }

    pub(super) fn look(&mut self, repository: &Repository) {
        self.is_whole &= repository.gaps.is_empty();
        let config = self.facts.config;
        self.protect.retain(|(_, pattern)| {
            let mut hosts = config.names_of(&repository.registry);
            !hosts.any(|host| pattern.covers(host, &repository.name) && protects(pattern, host, repository))
        });
        self.immutable.retain(|(_, listed)| {
            let mut hosts = config.names_of(&repository.registry);
            let lists = |host| {
                let mut tags = repository.tags.iter();
                tags.any(|tag| listed.fits(host, &repository.name, &tag.name))
            };
            !hosts.any(lists)
        });
    }

    pub(super) fn findings(&self) -> Vec<Finding> {
        if !self.is_whole {
            return Vec::new();
        }
        let severity = if is_narrow(self.facts) {
            Severity::Note
        } else {
            Severity::Warning
        };
        let finding = |code, site, what: String| Finding {
            site: Some(site),
            message: format!("{what} fits nothing that was read"),
            hint: "it protects nothing: look for a misspelt pattern, or remove it".to_owned(),
            ..Finding::new(code, severity)
        };
        let protect = self.protect.iter().map(|(position, pattern)| {
            let what = format!("{} under `protect`", quoted(pattern.as_str()));
            finding(Code::UnusedProtect, Site::Protect(*position), what)
        });
        let immutable = self.immutable.iter().map(|(position, listed)| {
            let tags = quoted(&listed.tags.patterns().join(", "));
            finding(
                Code::UnusedImmutable,
                Site::Immutable(*position),
                format!("{tags} under `immutable`"),
            )
        });
        protect.chain(immutable).collect()
    }
}

fn protects(pattern: &ProtectPattern, host: &crate::model::RegistryHost, repository: &Repository) -> bool {
    let fits = |tag, digest| pattern.fits(host, &repository.name, tag, digest);
    repository.manifests.iter().any(|manifest| fits(None, &manifest.digest))
        || repository.tags.iter().any(|tag| fits(Some(&tag.name), &tag.digest))
}

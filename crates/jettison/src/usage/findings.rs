//! What is worth knowing of images in use: those that their registry does not have any more, and those that are used by
//! tag alone. Looks at the registries, changes nothing, and decides nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures_util::{StreamExt as _, stream};
use jettison_core::config::Config;
use jettison_core::model::{ImageReference, Reference, RegistryHost, RepositoryName, SourceReport, Usage, legible};
use serde::Serialize;

use crate::output::Progress;
use crate::output::text::{count, with_causes};
use crate::registry::{ManifestReference, Registry, RegistryError};

/// Questions to registries at the same time.
const AT_ONCE: usize = 16;

/// A registry that failed so often is not asked for the rest: it is down, or does not know us.
const MOST_FAILURES: usize = 5;

/// What was found of an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Finding {
    /// Its registry does not have it: whatever uses it cannot be started again elsewhere.
    Missing,
    /// Nobody knows its digest: it is held by its tag alone, and once that moves, what runs is held no more.
    TagOnly,
}

/// An image in use of which something was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Found {
    /// What.
    pub finding: Finding,
    /// The image, as it is written where it is used.
    pub image: String,
    /// Who uses it.
    pub used_by: Vec<UsedBy>,
}

/// Somebody who uses an image.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct UsedBy {
    /// The usage source that says so.
    pub source: String,
    /// The workload, for people.
    pub workload: String,
}

/// Images in use as they are written, each with those who use it now. What is over counts no more, and what is written
/// as a digest alone names no place to look.
#[derive(Debug)]
pub struct ImagesInUse<'u>(BTreeMap<&'u str, Image<'u>>);

#[derive(Debug)]
struct Image<'u> {
    parsed: ImageReference,
    references: Vec<(&'u SourceReport, &'u Reference)>,
}

/// Where an image would be pulled from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Whereabouts {
    registry: RegistryHost,
    repository: RepositoryName,
    what: ManifestReference,
}

impl<'u> ImagesInUse<'u> {
    /// The images of `usage` for which `wanted` is true.
    pub fn of(usage: &'u Usage, wanted: impl Fn(&ImageReference) -> bool) -> Self {
        let mut images: BTreeMap<&str, Image<'_>> = BTreeMap::new();
        for source in &usage.sources {
            let now = |reference: &&Reference| reference.over_since(usage.taken_at).is_none();
            for reference in source.references.iter().filter(now) {
                let Ok(parsed) = reference.image.parse::<ImageReference>() else {
                    continue;
                };
                if wanted(&parsed) {
                    let image = images.entry(&reference.image).or_insert_with(|| Image {
                        parsed,
                        references: Vec::new(),
                    });
                    image.references.push((source, reference));
                }
            }
        }
        Self(images)
    }

    /// Those of which neither the specification nor any source knows a digest.
    pub fn by_tag_only(&self) -> Vec<Found> {
        let tag_only = |(_, image): &(&&str, &Image<'_>)| {
            let mut references = image.references.iter();
            image.parsed.digest.is_none() && references.all(|(_, reference)| reference.digest.is_none())
        };
        let images = self.0.iter().filter(tag_only);
        images
            .map(|(name, image)| image.found(Finding::TagOnly, name))
            .collect()
    }

    /// Those that the registry, or the one behind a mirror, does not have; and what could not be found out, one sentence
    /// each. Only `registries` are asked. What was pulled by digest is looked for by digest, else by its tag.
    pub async fn missing(
        &self,
        config: &Config,
        registries: &BTreeMap<RegistryHost, Arc<dyn Registry>>,
        progress: &Progress,
    ) -> (Vec<Found>, Vec<String>) {
        let mut places: BTreeMap<Whereabouts, BTreeSet<&str>> = BTreeMap::new();
        for (name, image) in &self.0 {
            for place in whereabouts(&image.parsed, config) {
                if registries.contains_key(&place.registry) {
                    places.entry(place).or_default().insert(name);
                }
            }
        }
        progress.expect(places.len() as u64);
        let mut found = Looked::default();
        for (host, registry) in registries {
            let here: Vec<_> = places.iter().filter(|(place, _)| place.registry == *host).collect();
            found.look(registry.as_ref(), &here, progress).await;
        }
        let missing = self.0.iter().filter(|(name, _)| found.missing.contains(*name));
        let missing = missing.map(|(name, image)| image.found(Finding::Missing, name));
        (missing.collect(), found.gaps)
    }
}

/// What registries answered.
#[derive(Debug, Default)]
struct Looked<'u> {
    missing: BTreeSet<&'u str>,
    gaps: Vec<String>,
}

impl<'u> Looked<'u> {
    async fn look(
        &mut self,
        registry: &dyn Registry,
        places: &[(&Whereabouts, &BTreeSet<&'u str>)],
        progress: &Progress,
    ) {
        let questions = places
            .iter()
            .map(async |(place, names)| (*names, place.is_there(registry).await));
        let mut answers = stream::iter(questions).buffer_unordered(AT_ONCE);
        let (mut asked, mut failures) = (0, 0);
        while let Some((names, answer)) = answers.next().await {
            asked += 1;
            progress.advance();
            match answer {
                Ok(true) => {}
                Ok(false) => self.missing.extend(names),
                Err(error) => {
                    failures += 1;
                    let name = names.first().map_or("", |name| name);
                    self.gaps.push(format!("{}: {}", legible(name), with_causes(&error)));
                }
            }
            if failures == MOST_FAILURES && asked < places.len() {
                let left = count((places.len() - asked) as u64, "more image");
                self.gaps.push(format!("{} was not asked for {left}", registry.host()));
                break;
            }
        }
    }
}

impl Whereabouts {
    async fn is_there(&self, registry: &dyn Registry) -> Result<bool, RegistryError> {
        match &self.what {
            ManifestReference::Tag(tag) => Ok(registry.resolve(&self.repository, tag).await?.is_some()),
            ManifestReference::Digest(digest) => registry.exists(&self.repository, digest).await,
        }
    }
}

/// Where an image is pulled from: by its digest if one is written, else by its tag.
fn whereabouts<'i>(image: &'i ImageReference, config: &'i Config) -> impl Iterator<Item = Whereabouts> + 'i {
    config.places_of(image).filter_map(|(registry, repository)| {
        let tag = || image.effective_tag().map(ManifestReference::Tag);
        Some(Whereabouts {
            registry,
            repository,
            what: image.digest.clone().map(ManifestReference::Digest).or_else(tag)?,
        })
    })
}

impl Image<'_> {
    fn found(&self, finding: Finding, name: &str) -> Found {
        let users = self.references.iter().map(|(source, reference)| UsedBy {
            source: source.name.clone(),
            workload: reference.used_by.clone(),
        });
        let users: BTreeSet<UsedBy> = users.collect();
        Found {
            finding,
            image: name.to_owned(),
            used_by: users.into_iter().collect(),
        }
    }
}

//! Who uses which image, as all sources together say, and what they could not say.

use std::collections::{BTreeMap, BTreeSet};

use super::facts::{HostFacts, ImageStore};
use super::images::{Image, Place};
use crate::evaluate::{bare, describe};
use crate::model::{Digest, Gap, ImageReference, InvalidReference, Reference, SourceReport, Tag};

/// Everything that is used, ready to be asked.
#[derive(Debug, Default)]
pub(super) struct Uses {
    digests: BTreeMap<Digest, BTreeSet<String>>,
    names: BTreeMap<(Place, Tag), BTreeSet<String>>,
    /// Names without a registry, as Podman reads them: it may have found them in any.
    short_names: BTreeMap<(String, Tag), BTreeSet<String>>,
    /// What was not said, and what could not be understood.
    pub(super) gaps: Vec<Gap>,
}

impl Uses {
    pub(super) fn of(facts: &HostFacts) -> Self {
        let mut uses = Self::default();
        let tries_registries = facts.engine.store == ImageStore::Podman;
        for source in &facts.usage {
            uses.listen(source, tries_registries);
        }
        if facts.usage.is_empty() {
            uses.gaps.push(Gap::of("nobody was asked who uses these images"));
        }
        uses
    }

    fn listen(&mut self, source: &SourceReport, tries_registries: bool) {
        let gap = |why: &dyn std::fmt::Display| Gap::of(&format!("usage source {}: {why}", source.name));
        self.gaps.extend(source.gaps.iter().map(|why| gap(why)));
        if source.gaps.is_empty() && !source.is_complete() {
            self.gaps.push(gap(&"it did not answer completely"));
        }
        for reference in &source.references {
            let by = describe(reference, source);
            if let Err(error) = self.add(reference, &by, tries_registries) {
                let why = format!("it names an image that cannot be understood: {error}");
                self.gaps.push(gap(&why));
            }
        }
    }

    /// Notes a use by everything that is written: a name counts beside the digest that it once stood for.
    fn add(&mut self, reference: &Reference, by: &str, tries_registries: bool) -> Result<(), InvalidReference> {
        let text = bare(&reference.image);
        let id = Digest::of_image_id(text);
        let is_said = id.is_some() || reference.digest.is_some();
        for digest in reference.digest.iter().chain(&id) {
            self.digests.entry(digest.clone()).or_default().insert(by.to_owned());
        }
        let image: ImageReference = match text.parse() {
            Ok(image) => image,
            // The id itself is known, and names nothing else.
            Err(InvalidReference::Empty | InvalidReference::ImageId(_)) if is_said => return Ok(()),
            Err(error) => return Err(error),
        };
        let tag = image.effective_tag();
        if let Some(digest) = image.digest {
            self.digests.entry(digest).or_default().insert(by.to_owned());
        }
        let Some(tag) = tag else { return Ok(()) };
        if tries_registries && image.registry.as_str() == "docker.io" {
            let short = (short(image.repository.as_str()).to_owned(), tag.clone());
            self.short_names.entry(short).or_default().insert(by.to_owned());
        }
        let name = ((image.registry, image.repository), tag);
        self.names.entry(name).or_default().insert(by.to_owned());
        Ok(())
    }

    /// Who uses an image.
    pub(super) fn of_image(&self, image: &Image<'_>) -> BTreeSet<&str> {
        let by_digest = image.digests.iter().filter_map(|digest| self.digests.get(digest));
        let tagged = image
            .places
            .iter()
            .flat_map(|(place, tags)| tags.iter().map(move |tag| (place, tag)));
        let by_name = tagged.flat_map(|(place, tag)| {
            let own = self.names.get(&(place.clone(), tag.clone()));
            let anywhere = self.short_names.get(&(short(place.1.as_str()).to_owned(), tag.clone()));
            own.into_iter().chain(anywhere)
        });
        by_digest.chain(by_name).flatten().map(String::as_str).collect()
    }
}

/// The path as people write it who leave out the registry.
fn short(repository: &str) -> &str {
    repository.strip_prefix("library/").unwrap_or(repository)
}

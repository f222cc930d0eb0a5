//! The images of an engine as holds and rules see them: where they belong, and when they were last used.
//!
//! Reads names and times, and judges nothing.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::facts::{HostFacts, HostImage};
use crate::evaluate::plausible;
use crate::model::{Digest, ImageReference, RegistryHost, RepositoryName, Tag};

/// A repository of a registry.
pub(super) type Place = (RegistryHost, RepositoryName);

/// The host in names that no registry gave: Podman puts it before what is built on the spot.
const NO_REGISTRY: &str = "localhost";

/// An image, with its names read.
#[derive(Debug)]
pub(super) struct Image<'a> {
    pub(super) facts: &'a HostImage,
    /// The repositories that it belongs to, each with its tags there; no tag where only digests name it.
    pub(super) places: BTreeMap<Place, BTreeSet<Tag>>,
    /// Its id, and the digests by which registries know it.
    pub(super) digests: BTreeSet<Digest>,
    /// A name of it that cannot be understood.
    pub(super) unknown_name: Option<&'a str>,
    /// Whether a registry is known to have it.
    pub(super) can_be_pulled: bool,
    /// When it was last used, pulled or tagged, else first seen; never after the moment of the decision.
    pub(super) used_at: Option<Timestamp>,
    /// When it was built, if its date says anything.
    pub(super) built_at: Option<Timestamp>,
}

impl<'a> Image<'a> {
    fn of(image: &'a HostImage, times: &Times) -> Self {
        let mut read = Self {
            facts: image,
            places: BTreeMap::new(),
            digests: BTreeSet::from([image.id.clone()]),
            unknown_name: None,
            can_be_pulled: false,
            used_at: times.last_use(image),
            built_at: plausible(image.created_at, times.now),
        };
        for name in image.names.iter().chain(&image.digests) {
            match name.parse::<ImageReference>() {
                Ok(reference) => read.add(reference),
                Err(_) => read.unknown_name = read.unknown_name.max(Some(name)),
            }
        }
        read
    }

    fn add(&mut self, name: ImageReference) {
        let tag = name.effective_tag();
        self.can_be_pulled |= name.digest.is_some() && name.registry.as_str() != NO_REGISTRY;
        self.digests.extend(name.digest);
        let tags = self.places.entry((name.registry, name.repository)).or_default();
        tags.extend(tag);
    }

    /// Whether it has a tag, in whatever repository.
    pub(super) fn is_tagged(&self) -> bool {
        self.places.values().any(|tags| !tags.is_empty())
    }

    /// What sorts images from the one used longest ago. Never the same for two.
    pub(super) fn disuse(&self) -> impl Ord + use<'a> {
        (self.used_at, self.built_at, Reverse(&self.facts.id))
    }
}

/// All images, those built last first, ties by id: where last uses are the same, this decides who is newer.
pub(super) fn read<'a>(facts: &'a HostFacts, trust: bool, now: Timestamp) -> Vec<Image<'a>> {
    let times = Times {
        known_since: facts.known_since.unwrap_or(facts.taken_at),
        trust,
        now,
    };
    let mut images: Vec<Image<'a>> = facts.images.iter().map(|image| Image::of(image, &times)).collect();
    images.sort_by(|a, b| (Reverse(a.built_at), &a.facts.id).cmp(&(Reverse(b.built_at), &b.facts.id)));
    images
}

/// What is needed to say when an image was last used.
struct Times {
    known_since: Timestamp,
    trust: bool,
    now: Timestamp,
}

impl Times {
    /// The latest of all that is known. An image that was never seen before has no age at all, whatever else is said of it.
    fn last_use(&self, image: &HostImage) -> Option<Timestamp> {
        let seen = image.first_seen_at?;
        let was_there = seen <= self.known_since;
        // What was there at the first look may be of any age; else the first sight is when it came.
        let believes = self.trust && was_there;
        let built = plausible(image.created_at, self.now).filter(|_| believes);
        let told = image.engine_time.or(built);
        let seen = (!(believes && told.is_some())).then_some(seen);
        let last = seen.max(image.last_used_at).max(told);
        last.map(|last| last.min(self.now))
    }
}

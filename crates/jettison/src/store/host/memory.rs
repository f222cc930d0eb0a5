//! What a look at a server leaves in memory. Pure: no database, no clock.
//!
//! Whatever is in doubt makes an image look younger: it is only ever taken for being old.

use std::collections::{BTreeMap, BTreeSet};

use jettison_core::model::{Digest, legible};
use jiff::{SignedDuration, Timestamp};

use crate::host::ledger::{KnownImage, SeenImage};

/// A clock that lags behind the last look by no more than this was set back, and the last look counts. One that lags further
/// was ahead then, and is believed again.
const SET_BACK: SignedDuration = SignedDuration::from_hours(30 * 24);

/// The longest name that is remembered as it is, in bytes: twice what engines accept.
const LONGEST: usize = 1024;

/// What is remembered of an engine.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Memory {
    /// The last look, if there was one.
    pub(super) looked_at: Option<Timestamp>,
    pub(super) images: BTreeMap<Digest, ImageMemory>,
    /// The names that the last look saw, each with its image.
    pub(super) names: BTreeSet<(String, Digest)>,
}

/// What is remembered of an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ImageMemory {
    pub(super) first_seen_at: Timestamp,
    /// The last look or event that told of it.
    pub(super) last_seen_at: Timestamp,
    /// The last use and what it was.
    pub(super) last_use: Option<(Timestamp, String)>,
}

impl ImageMemory {
    pub(super) fn new(at: Timestamp) -> Self {
        Self {
            first_seen_at: at,
            last_seen_at: at,
            last_use: None,
        }
    }

    /// Notes a use, unless a later one is known.
    pub(super) fn used(&mut self, at: Timestamp, what: &str) {
        self.last_seen_at = self.last_seen_at.max(at);
        if self.last_use.as_ref().is_none_or(|(last, _)| *last <= at) {
            self.last_use = Some((at, legible(what)));
        }
    }

    /// What is known at `now`; what is said to be later has no meaning but that it was lately.
    pub(super) fn known(&self, now: Timestamp) -> KnownImage {
        let (last_used_at, last_use) = self.last_use.clone().unzip();
        KnownImage {
            first_seen_at: self.first_seen_at.min(now),
            last_used_at: last_used_at.map(|at| at.min(now)),
            last_use,
        }
    }
}

impl Memory {
    /// Takes a look in: all images that there are.
    pub(super) fn look(&mut self, seen: &[SeenImage], now: Timestamp) {
        let at = self.moment(now);
        let mut names = BTreeSet::new();
        for image in seen {
            let pairs: Vec<_> = image
                .names
                .iter()
                .map(|name| (bounded(name), image.id.clone()))
                .collect();
            let use_now = self.use_of(image, &pairs);
            let memory = self
                .images
                .entry(image.id.clone())
                .or_insert_with(|| ImageMemory::new(at));
            memory.last_seen_at = memory.last_seen_at.max(at);
            if self.looked_at.is_none() {
                // Events from before the first look prove nothing of what lies there now.
                memory.first_seen_at = at;
            }
            if let Some(what) = use_now {
                memory.used(at, &what);
            }
            names.extend(pairs);
        }
        self.names = names;
        self.looked_at = Some(at);
    }

    /// Who uses an image now, or what must have happened to it since the last look.
    fn use_of(&self, image: &SeenImage, pairs: &[(String, Digest)]) -> Option<String> {
        if image.used_by.is_some() {
            return image.used_by.clone();
        }
        let looked_at = self.looked_at?;
        let known = self.images.get(&image.id);
        if known.is_some_and(|known| known.last_seen_at < looked_at) {
            return Some("came back: pulled, loaded or built again".to_owned());
        }
        let new = pairs.iter().find(|pair| !self.names.contains(*pair));
        new.map(|(name, _)| format!("{name} was set to it"))
    }

    /// The moment of a look: never before the last one, as far as that can be believed.
    fn moment(&self, now: Timestamp) -> Timestamp {
        match self.looked_at {
            Some(last) if last > now && last.duration_since(now) <= SET_BACK => last,
            _ => now,
        }
    }
}

/// A name, or what stands for one that is too long to be one.
pub(super) fn bounded(name: &str) -> String {
    match name.len() <= LONGEST {
        true => name.to_owned(),
        false => Digest::of(name.as_bytes()).to_string(),
    }
}

//! What was found in a repository so far, and what of it is still to be read.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use jettison_core::model::{Digest, Gap, Tag};
use jettison_core::recognise::{ConfigFacts, ParsedManifest, ReadManifest};

use super::ration::Ration;
use crate::registry::Listing;
use crate::store::ReferrersMemory;

/// Gaps that are told one by one.
const TOLD_GAPS: usize = 20;

/// How much a remembered manifest is believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ask {
    /// It was here before, and an index that is here lists it.
    IfUnknown,
    /// Nothing that is here speaks for it.
    Always,
}

/// Manifests to read.
pub(super) type Wanted = BTreeMap<Digest, Ask>;

/// What reading a repository has found. Times are not filled in yet.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) tags: BTreeMap<Tag, Digest>,
    pub(super) manifests: BTreeMap<Digest, ReadManifest>,
    /// Asked for, and proven absent.
    pub(super) missing: BTreeSet<Digest>,
    /// Tags whose manifest is proven absent.
    pub(super) dangling: BTreeSet<Tag>,
    /// Answers of the referrers API that were asked for now.
    pub(super) referrers: BTreeMap<Digest, Vec<Digest>>,
    /// The registry's own list, where it has one.
    pub(super) listing: Listing,
    gaps: Vec<Gap>,
    untold_gaps: usize,
    asked: BTreeSet<Digest>,
}

impl Found {
    /// Notes what could not be read.
    pub(super) fn gap(&mut self, what: impl ToString) {
        if self.gaps.len() < TOLD_GAPS {
            self.main_gap(what);
        } else {
            self.untold_gaps += 1;
        }
    }

    /// Notes what must be told, however much else there is to tell.
    pub(super) fn main_gap(&mut self, what: impl ToString) {
        self.gaps.push(Gap::of(&what.to_string()));
    }

    /// Whether everything was read.
    pub(super) fn is_complete(&self) -> bool {
        self.gaps.is_empty()
    }

    /// The gaps, a few of them word by word.
    pub(super) fn gaps(&self) -> Vec<Gap> {
        let mut gaps = self.gaps.clone();
        gaps.sort();
        if self.untold_gaps > 0 {
            gaps.push(Gap(format!("and {} more", self.untold_gaps)));
        }
        gaps
    }

    /// Adds a manifest; whether it is new.
    pub(super) fn add(&mut self, digest: Digest, parsed: ParsedManifest, size: u64) -> bool {
        self.asked.insert(digest.clone());
        self.manifests
            .insert(
                digest,
                ReadManifest {
                    parsed,
                    size,
                    config: None,
                },
            )
            .is_none()
    }

    /// Children, subjects and remembered referrers of what was read that were not asked for yet.
    pub(super) fn related(&mut self, referrers: &BTreeMap<Digest, ReferrersMemory>) -> Wanted {
        let mut wanted = Wanted::new();
        for (digest, manifest) in &self.manifests {
            let attached = referrers.get(digest).into_iter().flat_map(|answer| &answer.referrers);
            // What is here speaks for its children, and the registry for what is attached; for a subject nobody does.
            for related in manifest.parsed.children.iter().chain(attached) {
                wanted.insert(related.clone(), Ask::IfUnknown);
            }
        }
        let by_field = self
            .manifests
            .values()
            .filter_map(|manifest| manifest.parsed.subject.clone());
        for subject in by_field.chain(self.tags.keys().filter_map(Tag::subject)) {
            wanted.entry(subject).or_insert(Ask::Always);
        }
        wanted.retain(|digest, _| self.asked.insert(digest.clone()));
        wanted
    }

    /// Notes that something that was listed is proven absent, so that its tags point to nothing.
    pub(super) fn gone(&mut self, digest: Digest) {
        let tags = self.tags.extract_if(.., |_, at| *at == digest);
        self.dangling.extend(tags.map(|(tag, _)| tag));
        self.missing.insert(digest);
    }

    /// Those of `digests` that were not asked for yet.
    pub(super) fn unknown(&mut self, digests: Vec<Digest>) -> Wanted {
        let new = digests.into_iter().filter(|digest| self.asked.insert(digest.clone()));
        new.map(|digest| (digest, Ask::Always)).collect()
    }

    /// The configs that tell something of the images found.
    pub(super) fn wanted_configs(&self) -> BTreeSet<Digest> {
        let configs = self
            .manifests
            .values()
            .filter_map(|manifest| manifest.parsed.wanted_config());
        configs.map(|config| config.digest.clone()).collect()
    }

    /// Adds what configs say to the images that they belong to.
    pub(super) fn add_configs(&mut self, facts: &HashMap<Digest, ConfigFacts>, ration: &Ration) {
        let mut too_many = Vec::new();
        for (digest, manifest) in &mut self.manifests {
            let Some(config) = manifest.parsed.wanted_config() else {
                continue;
            };
            let Some(facts) = facts.get(&config.digest) else {
                continue;
            };
            // Each image holds them for itself, and thousands may share one config.
            if ration.takes(facts.label_bytes()) {
                manifest.config = Some(facts.clone());
            } else {
                too_many.push(digest.short());
            }
        }
        for image in too_many {
            self.gap(format!(
                "the labels of {image} and of others are too large to be kept in memory"
            ));
        }
    }
}

//! What was found in a repository so far, and what of it is still to be read.

use std::collections::{BTreeMap, BTreeSet};

use jettison_core::model::{Digest, Gap, Tag};
use jettison_core::recognise::{ConfigFacts, ParsedManifest, ReadManifest};

use crate::registry::RepositoryFacts;

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
    /// What the registry tells in ways of its own.
    pub(super) facts: RepositoryFacts,
    gaps: Vec<Gap>,
    untold_gaps: usize,
    asked: BTreeSet<Digest>,
}

impl Found {
    /// Notes what could not be read.
    pub(super) fn gap(&mut self, what: impl ToString) {
        if self.gaps.len() < TOLD_GAPS {
            self.gaps.push(Gap(what.to_string()));
        } else {
            self.untold_gaps += 1;
        }
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

    /// Children and subjects of what was read that were not asked for yet.
    pub(super) fn related(&mut self) -> Wanted {
        let mut wanted = Wanted::new();
        for manifest in self.manifests.values() {
            let children = manifest.parsed.children.iter().map(|child| (child, Ask::IfUnknown));
            let subject = manifest.parsed.subject.iter().map(|subject| (subject, Ask::Always));
            for (digest, ask) in children
                .chain(subject)
                .filter(|(digest, _)| !self.asked.contains(*digest))
            {
                let entry = wanted.entry(digest.clone()).or_insert(ask);
                if ask == Ask::IfUnknown {
                    *entry = ask;
                }
            }
        }
        let attached = self.tags.keys().filter_map(Tag::subject);
        wanted.extend(
            attached
                .filter(|subject| !self.asked.contains(subject))
                .map(|subject| (subject, Ask::Always)),
        );
        self.asked.extend(wanted.keys().cloned());
        wanted
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
    pub(super) fn add_configs(&mut self, facts: &BTreeMap<Digest, ConfigFacts>) {
        for manifest in self.manifests.values_mut() {
            let Some(config) = manifest.parsed.wanted_config() else {
                continue;
            };
            if let Some(facts) = facts.get(&config.digest) {
                manifest.config = Some(facts.clone());
            }
        }
    }
}

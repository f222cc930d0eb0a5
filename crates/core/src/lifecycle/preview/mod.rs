//! What a lifecycle policy would do in a repository now, explained: what each image on the list is, who uses it, what the
//! rules count, and how far each branch could still be rolled back.
//!
//! It explains AWS's verdicts and changes none. Nothing is called unused here: what is not held may be used by somebody
//! who was not asked.

mod branches;
mod differences;

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;

use super::outlook::is_known;
use super::{LifecycleAction, LifecycleOutlook, LifecycleVerdict, Nature, Owner, RuleOutlook};
use crate::facts::Facts;
use crate::model::{Digest, RegistryHost, RepositoryName};
use crate::reason::{Hold, Reason};

pub use branches::BranchPreview;
pub use differences::LifecycleDifference;

/// What a policy would do in one repository.
#[derive(Debug, Clone, Serialize)]
pub struct LifecyclePreview {
    /// The registry.
    pub registry: RegistryHost,
    /// The repository.
    pub repository: RepositoryName,
    /// How many images ECR counts: every manifest.
    pub images: u64,
    /// How many it would expire.
    pub expire: u64,
    /// How many it would archive.
    pub transition: u64,
    /// How many of these jettison would not let go, by the strongest hold.
    pub held: BTreeMap<Hold, u64>,
    /// Whether everybody said what is in use.
    pub usage: KnownUse,
    /// What the images are.
    pub natures: BTreeMap<Nature, NatureCount>,
    /// The images that it would expire or archive, the most dangerous first.
    pub marked: Vec<MarkedImage>,
    /// Its rules, by priority.
    pub rules: Vec<RulePreview>,
    /// How many branches there are.
    pub branches: u64,
    /// The branches that lose images, those that are left with none or one first.
    pub cut: Vec<BranchPreview>,
}

/// How much is known of use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "status", rename_all = "kebab-case")]
pub enum KnownUse {
    /// Everybody who was asked, and everybody who is expected, told everything.
    Complete,
    /// Somebody did not.
    Partial {
        /// Who, and why.
        because: String,
    },
    /// Nobody was asked.
    Unasked,
}

/// Images of one nature.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct NatureCount {
    /// How many there are.
    pub images: u64,
    /// How many of them would be expired or archived.
    pub marked: u64,
}

/// An image that would be expired or archived.
#[derive(Debug, Clone, Serialize)]
pub struct MarkedImage {
    /// Its digest.
    pub digest: Digest,
    /// All its tags: they go with it.
    pub tags: Vec<String>,
    /// What would be done.
    pub action: LifecycleAction,
    /// By which rule.
    pub rule_priority: u64,
    /// When it was pushed, or came back from the archive.
    pub pushed_at: Option<Timestamp>,
    /// What the rule measures its age from, if it asks for an age.
    pub counted_from: Option<Timestamp>,
    /// How many younger images the rule identifies, if it counts.
    pub younger: Option<u64>,
    /// What it is.
    pub nature: Nature,
    /// What it belongs to.
    pub belongs_to: Option<Owner>,
    /// Why jettison would not let go of it.
    pub hold: Option<Reason>,
}

impl MarkedImage {
    /// The hold that is about the image itself: not one that says only that not everything is known.
    pub fn known_hold(&self) -> Option<Hold> {
        match &self.hold {
            Some(reason @ Reason::Hold { hold, .. }) if is_known(reason) => Some(*hold),
            _ => None,
        }
    }

    /// Who uses it, or did so a short while ago.
    pub fn used_by(&self) -> &[String] {
        match &self.hold {
            Some(Reason::Hold { used_by, .. }) => used_by,
            _ => &[],
        }
    }

    /// Whether it goes although what it belongs to stays.
    pub fn is_torn_off(&self) -> bool {
        self.belongs_to.as_ref().is_some_and(|owner| owner.stays)
    }

    /// Those first that hurt most.
    fn danger(&self) -> (bool, Option<Hold>, bool) {
        (self.known_hold().is_none(), self.known_hold(), !self.is_torn_off())
    }
}

/// One rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RulePreview {
    /// Its number.
    pub rule_priority: u64,
    /// Its description.
    pub description: Option<String>,
    /// What it does with what it marks.
    pub action: LifecycleAction,
    /// How many images it identifies and marks, and who takes its places.
    #[serde(flatten)]
    pub outlook: RuleOutlook,
}

impl LifecyclePreview {
    /// How many images would be expired or archived that jettison would not let go.
    pub fn held(&self) -> u64 {
        self.held.values().sum()
    }

    /// How many of them somebody uses now.
    pub fn in_use(&self) -> u64 {
        self.held.get(&Hold::InUse).copied().unwrap_or_default()
    }

    /// How many images go although what they belong to stays.
    pub fn torn_off(&self) -> u64 {
        self.marked.iter().filter(|image| image.is_torn_off()).count() as u64
    }
}

impl LifecycleOutlook<'_> {
    /// Explains the outlook. The facts are those that the repository was evaluated on.
    pub fn preview(&self, facts: &Facts<'_>) -> LifecyclePreview {
        let mut marked: Vec<MarkedImage> = self.marked().map(|marked| self.marked_image(marked)).collect();
        marked.sort_by_key(MarkedImage::danger);
        let mut held = BTreeMap::new();
        for hold in marked.iter().filter_map(MarkedImage::known_hold) {
            *held.entry(hold).or_default() += 1;
        }
        let with = |action| marked.iter().filter(|image| image.action == action).count() as u64;
        let (branches, cut) = self.branches();
        let repository = self.evaluated.repository;
        LifecyclePreview {
            registry: repository.registry.clone(),
            repository: repository.name.clone(),
            images: self.count(),
            expire: with(LifecycleAction::Expire),
            transition: with(LifecycleAction::Transition),
            held,
            usage: self.known_use(facts),
            natures: self.nature_counts(),
            rules: self.rule_previews(),
            branches,
            cut,
            marked,
        }
    }

    fn known_use(&self, facts: &Facts<'_>) -> KnownUse {
        match self.evaluated.holds.everywhere(Hold::UsageIncomplete) {
            Some(because) => KnownUse::Partial {
                because: because.to_owned(),
            },
            None if facts.usage.is_none_or(|usage| usage.sources.is_empty()) => KnownUse::Unasked,
            None => KnownUse::Complete,
        }
    }

    fn nature_counts(&self) -> BTreeMap<Nature, NatureCount> {
        let mut counts: BTreeMap<Nature, NatureCount> = BTreeMap::new();
        for (position, nature) in self.natures.iter().enumerate() {
            let count = counts.entry(*nature).or_default();
            count.images += 1;
            count.marked += u64::from(self.verdict(position).is_some());
        }
        counts
    }

    fn rule_previews(&self) -> Vec<RulePreview> {
        let rules = self.policy.rules().iter().zip(self.rules());
        let previews = rules.map(|(rule, outlook)| RulePreview {
            rule_priority: rule.priority,
            description: rule.description.clone(),
            action: rule.action,
            outlook: outlook.clone(),
        });
        previews.collect()
    }

    fn marked_image(&self, (position, verdict): (usize, LifecycleVerdict)) -> MarkedImage {
        let (graph, image) = (&self.evaluated.graph, &self.images.images[position]);
        let judgement = self.judgements[position].as_ref();
        let rule = judgement.map(|judgement| &self.policy.rules()[judgement.rule]);
        let belongs_to = self.owner(position).map(|(owner, stays)| Owner {
            digest: graph.digest(owner).clone(),
            tags: graph.tags(owner).iter().map(|tag| tag.name.to_string()).collect(),
            stays,
        });
        MarkedImage {
            digest: graph.digest(self.images.nodes[position]).clone(),
            tags: image.tags.iter().map(|tag| (*tag).to_owned()).collect(),
            action: verdict.action,
            rule_priority: verdict.rule_priority,
            pushed_at: image.counts_from(),
            counted_from: rule.and_then(|rule| image.moment(rule.count)),
            younger: judgement.and_then(|judgement| judgement.younger),
            nature: self.natures[position],
            belongs_to,
            hold: self.hold(position),
        }
    }
}

#[cfg(test)]
mod tests;

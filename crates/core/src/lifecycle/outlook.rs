//! What a lifecycle policy would do in one repository now, image by image and rule by rule: the ground that preview and
//! lint stand on. AWS's verdicts as [`LifecyclePolicy::identify`] gives them; nothing here decides.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::Serialize;

use super::evaluate::Later;
use super::nature::{natures, owner};
use super::{LifecycleCount, LifecycleImages, LifecycleJudgement, LifecyclePolicy, LifecycleVerdict, Nature};
use crate::evaluate::{Decision, RepositoryEvaluation};
use crate::graph::Node;
use crate::reason::{Hold, Reason};

/// What a policy would do in one repository.
#[derive(Debug)]
pub struct LifecycleOutlook<'e> {
    /// The policy.
    pub policy: &'e LifecyclePolicy,
    /// The repository, with what holds its images.
    pub evaluated: &'e RepositoryEvaluation<'e>,
    /// The moment that is judged for.
    pub now: Timestamp,
    pub(super) images: LifecycleImages<'e>,
    pub(super) judgements: Vec<Option<LifecycleJudgement>>,
    pub(super) rules: Vec<RuleOutlook>,
    /// What each image is, by its position among the images.
    pub(super) natures: Vec<Nature>,
    /// The position of each node's image.
    positions: Vec<Option<usize>>,
    /// Tags that must not be removed hold the images of these nodes.
    immutable: BTreeMap<Node, Reason>,
}

/// What one rule does.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct RuleOutlook {
    /// How many images it identifies, be it after others.
    pub identifies: u64,
    /// How many it expires or archives.
    pub marks: u64,
    /// How many it identifies first and leaves alone, so that no later rule can touch them.
    pub protects: u64,
    /// How many a rule before it has seen.
    pub seen_before: u64,
    /// Who takes the places, where it counts images.
    pub places: Option<Places>,
}

/// Who is among the youngest that a rule counts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Places {
    /// `countNumber`.
    pub keeps: u64,
    /// How many places are taken: no more than there are, and no more than images that the rule identifies.
    pub taken: u64,
    /// By what.
    pub by: BTreeMap<Nature, u64>,
    /// How many indexes the children among them belong to.
    pub indexes_of_children: u64,
    /// How many a rule before it has seen: they take a place, and this rule has no say on them.
    pub seen_before: u64,
}

impl Places {
    /// How many are taken by what people mean when they say "image".
    pub fn images(&self) -> u64 {
        self.count(Nature::is_image)
    }

    /// How many are taken by children, attached manifests, orphans and build caches.
    pub fn company(&self) -> u64 {
        self.count(Nature::is_company)
    }

    fn count(&self, is_meant: fn(Nature) -> bool) -> u64 {
        let by = self.by.iter().filter(|(nature, _)| is_meant(**nature));
        by.map(|(_, count)| count).sum()
    }
}

impl<'e> LifecycleOutlook<'e> {
    /// Judges every image of a repository.
    pub fn of(policy: &'e LifecyclePolicy, evaluated: &'e RepositoryEvaluation<'e>, now: Timestamp) -> Self {
        let graph = &evaluated.graph;
        let images = LifecycleImages::of(evaluated.repository, graph, now);
        let of_nodes = natures(evaluated);
        let natures: Vec<Nature> = images.nodes.iter().map(|node| of_nodes[*node]).collect();
        let mut positions = vec![None; of_nodes.len()];
        for (position, node) in images.nodes.iter().enumerate() {
            positions[*node] = Some(position);
        }
        let (judgements, rules) = Tallies::of(policy, evaluated, &images, &natures, now);
        Self {
            policy,
            evaluated,
            now,
            images,
            judgements,
            rules,
            natures,
            positions,
            immutable: immutable(evaluated),
        }
    }

    /// How many images ECR counts in the repository.
    pub fn count(&self) -> u64 {
        self.images.nodes.len() as u64
    }

    /// What each rule does, in the order of the policy.
    pub fn rules(&self) -> &[RuleOutlook] {
        &self.rules
    }

    /// What becomes of an image, by its position.
    pub(super) fn verdict(&self, position: usize) -> Option<LifecycleVerdict> {
        self.policy.verdict(self.judgements[position].as_ref()?)
    }

    /// Where the image of a node is.
    pub(super) fn position(&self, node: Node) -> Option<usize> {
        self.positions[node]
    }

    /// Whether the policy leaves a manifest alone.
    pub(super) fn stays(&self, node: Node) -> bool {
        let position = self.positions[node];
        position.is_some_and(|position| self.verdict(position).is_none())
    }

    /// What a child or an attached manifest belongs to, and whether the policy leaves that alone.
    pub(super) fn owner(&self, position: usize) -> Option<(Node, bool)> {
        let node = self.images.nodes[position];
        owner(&self.evaluated.graph, node, self.natures[position], |owner| {
            self.stays(owner)
        })
    }

    /// Why jettison would not let go of an image, if it would not.
    pub(super) fn hold(&self, position: usize) -> Option<Reason> {
        let node = self.images.nodes[position];
        let by_itself = self.evaluated.holds.reason(node);
        by_itself.or_else(|| self.immutable.get(&node).cloned())
    }

    /// The positions of the images that the policy expires or archives.
    pub(super) fn marked(&self) -> impl Iterator<Item = (usize, LifecycleVerdict)> {
        (0..self.judgements.len()).filter_map(|position| Some((position, self.verdict(position)?)))
    }

    /// An image as one would refer to it: `r.example/web:v1`, or with its digest.
    pub(super) fn name(&self, position: usize) -> String {
        let place = self.place();
        match self.images.images[position].tags.first() {
            Some(tag) => format!("{place}:{tag}"),
            None => format!("{place}@{}", self.evaluated.graph.digest(self.images.nodes[position])),
        }
    }

    /// `registry/repository`.
    pub fn place(&self) -> String {
        let repository = self.evaluated.repository;
        format!("{}/{}", repository.registry, repository.name)
    }

    /// Whether all of the repository was read.
    pub fn is_whole(&self) -> bool {
        self.evaluated.repository.gaps.is_empty() && self.evaluated.graph.contradictions().is_empty()
    }
}

/// Whether a hold is about the image, and not about what nobody could say of it.
pub(super) fn is_known(reason: &Reason) -> bool {
    let unknown = [Hold::UsageIncomplete, Hold::Incomplete];
    reason.hold().is_some_and(|hold| !unknown.contains(&hold))
}

/// The roots of which some tag must not be removed. The evaluation says so of an entry that nothing else holds.
fn immutable(evaluated: &RepositoryEvaluation<'_>) -> BTreeMap<Node, Reason> {
    let roots = evaluated.roots.iter().filter_map(|root| {
        let held = evaluated.entries(root).iter().find_map(|entry| match &entry.decision {
            Decision::Keep(
                reason @ Reason::Hold {
                    hold: Hold::Immutable, ..
                },
            ) => Some(reason.clone()),
            _ => None,
        })?;
        Some((root.node, held))
    });
    roots.collect()
}

/// Counts while images are identified.
struct Tallies {
    judgements: Vec<Option<LifecycleJudgement>>,
    rules: Vec<RuleOutlook>,
    /// For each rule, the indexes whose children take its places.
    indexes: Vec<BTreeSet<Node>>,
}

impl Tallies {
    fn of(
        policy: &LifecyclePolicy,
        evaluated: &RepositoryEvaluation<'_>,
        images: &LifecycleImages<'_>,
        natures: &[Nature],
        now: Timestamp,
    ) -> (Vec<Option<LifecycleJudgement>>, Vec<RuleOutlook>) {
        let rules = policy.rules().iter().map(|rule| RuleOutlook {
            places: match rule.count {
                LifecycleCount::MoreThan(keeps) => Some(Places {
                    keeps,
                    ..Places::default()
                }),
                _ => None,
            },
            ..RuleOutlook::default()
        });
        let mut tallies = Self {
            judgements: vec![None; images.images.len()],
            rules: rules.collect(),
            indexes: vec![BTreeSet::new(); policy.rules().len()],
        };
        policy.identify(&images.images, now, Later::All, |position, judgement| {
            let index = evaluated.graph.parents(images.nodes[position]).first();
            tallies.note(position, judgement, (natures[position], index.copied()));
        });
        for (rule, indexes) in tallies.rules.iter_mut().zip(&tallies.indexes) {
            if let Some(places) = &mut rule.places {
                places.indexes_of_children = indexes.len() as u64;
            }
        }
        (tallies.judgements, tallies.rules)
    }

    fn note(&mut self, position: usize, judgement: LifecycleJudgement, (nature, index): (Nature, Option<Node>)) {
        let rule = &mut self.rules[judgement.rule];
        let is_seen = self.judgements[position].is_some();
        rule.identifies += 1;
        match (is_seen, judgement.marked) {
            (true, _) => rule.seen_before += 1,
            (false, true) => rule.marks += 1,
            (false, false) => rule.protects += 1,
        }
        self.judgements[position].get_or_insert(judgement);
        let Some(places) = &mut rule.places else { return };
        if judgement.younger.is_some_and(|younger| younger < places.keeps) {
            places.taken += 1;
            places.seen_before += u64::from(is_seen);
            *places.by.entry(nature).or_default() += 1;
            if nature == Nature::Child {
                self.indexes[judgement.rule].extend(index);
            }
        }
    }
}

//! How far each branch could be rolled back, now and behind the policy.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use serde::Serialize;

use super::super::LifecycleOutlook;
use crate::evaluate::RootVerdicts;
use crate::model::Kind;
use crate::policy::BranchPatterns;

/// The images of one branch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BranchPreview {
    /// Its name, as `group-by: branch` finds it; empty for tags that are commits and nothing else.
    pub branch: String,
    /// How many tagged images of it can be pulled now.
    pub now: u64,
    /// How many of them the policy leaves.
    pub left: u64,
}

impl LifecycleOutlook<'_> {
    /// How many branches there are, and those that lose images: those that are left with none or one first, then those
    /// that lose most.
    pub(super) fn branches(&self) -> (u64, Vec<BranchPreview>) {
        let mut branches: BTreeMap<&str, BranchPreview> = BTreeMap::new();
        let (patterns, graph) = (BranchPatterns::default(), &self.evaluated.graph);
        let is_archived = |root: &RootVerdicts| {
            let manifest = graph.manifest(root.node);
            manifest.is_some_and(|manifest| manifest.archived_at.is_some())
        };
        let images = self.evaluated.roots.iter().filter(|root| root.kind == Kind::Image);
        for root in images.filter(|root| !is_archived(root)) {
            let tags = self.evaluated.entries(root).iter().filter_map(|entry| entry.tag);
            let mut of_image: Vec<&str> = tags
                .map(|tag| patterns.branch(tag.as_str(), &|text| graph.has_tag(text)))
                .collect();
            of_image.sort_unstable();
            of_image.dedup();
            for name in of_image {
                let branch = branches.entry(name).or_insert_with(|| BranchPreview {
                    branch: name.to_owned(),
                    now: 0,
                    left: 0,
                });
                branch.now += 1;
                branch.left += u64::from(self.stays(root.node));
            }
        }
        let number = branches.len() as u64;
        let mut cut: Vec<BranchPreview> = branches
            .into_values()
            .filter(|branch| branch.left < branch.now)
            .collect();
        cut.sort_by_key(|branch| (branch.left > 1, Reverse(branch.now - branch.left)));
        (number, cut)
    }
}

//! Policies that archive where the registry holds too little for its archive to be cheaper.

use std::collections::BTreeMap;

use super::super::look::Room;
use super::super::tally::Tally;
use super::super::{Code, Finding};
use crate::config::{Severity, Site};
use crate::evaluate::Archiving;
use crate::facts::Facts;
use crate::model::RegistryHost;
use crate::policy::Policy;
use crate::words::count;

/// Where one policy archives for nothing.
#[derive(Default)]
pub(in super::super) struct Archive {
    tally: Tally,
    /// What each of the registries holds.
    stored: BTreeMap<RegistryHost, u64>,
}

impl Archive {
    /// A repository that the policy governs. Of a registry that was not read whole nobody knows how much it holds.
    pub(in super::super) fn look(&mut self, room: &Room<'_>, facts: &Facts<'_>) {
        let host = &room.repository.registry;
        let is_known = facts.inventory.complete_registries().contains(host) && facts.inventory.gaps().is_empty();
        if let (Archiving::SavesNothing { stored }, true) = (room.archiving, is_known && room.is_whole) {
            self.tally.add_place(1, room.name());
            self.stored.insert(host.clone(), stored);
        }
    }

    pub(in super::super) fn finding(&self, (position, policy): (usize, &Policy)) -> Option<Finding> {
        let bytes = self
            .stored
            .values()
            .fold(0, |sum: u64, stored| sum.saturating_add(*stored));
        let rule = policy.rules.own().iter().find(|rule| rule.archives());
        (self.tally.count > 0).then(|| Finding {
            policy: Some(policy.name.clone()),
            rule: rule.map(|rule| rule.name.clone()),
            site: Some(Site::Policy(position)),
            count: self.tally.count,
            bytes: Some(bytes),
            examples: self.tally.place_examples(),
            message: format!(
                "policy `{}` archives in {}, where it saves nothing: below 150 TB the archive of a registry costs what its \
                 other storage does",
                policy.name,
                count(self.tally.count, "repository"),
            ),
            hint: "let these images expire instead, or write `archive-anyway: true` on the policy".to_owned(),
            ..Finding::new(Code::ArchiveSavesNothing, Severity::Warning)
        })
    }
}

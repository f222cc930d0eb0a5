//! One repository under evaluation, with the part of the configuration that speaks of it.

use crate::config::ProtectPattern;
use crate::facts::Facts;
use crate::graph::Graph;
use crate::model::{Repository, TagEntry};
use crate::policy::TagPatterns;

/// A repository, its relations, and what the configuration says of it by any of its registry's names.
pub(super) struct Ground<'a> {
    pub(super) facts: &'a Facts<'a>,
    pub(super) repository: &'a Repository,
    pub(super) graph: &'a Graph<'a>,
    /// What may protect something here.
    pub(super) protect: Vec<&'a ProtectPattern>,
    /// Tags that are never removed.
    immutable: Vec<&'a TagPatterns>,
    pub(super) trusts_created: bool,
}

impl<'a> Ground<'a> {
    pub(super) fn new(facts: &'a Facts<'a>, repository: &'a Repository, graph: &'a Graph<'a>) -> Self {
        let config = facts.config;
        let hosts: Vec<_> = config.names_of(&repository.registry).collect();
        let protect = config.protect.iter();
        let protect = protect.filter(|pattern| hosts.iter().any(|host| pattern.covers(host, &repository.name)));
        let immutable = config.immutable.iter();
        let immutable = immutable.filter(|list| hosts.iter().any(|host| list.covers(host, &repository.name)));
        Self {
            facts,
            repository,
            graph,
            protect: protect.collect(),
            immutable: immutable.map(|list| &list.tags).collect(),
            trusts_created: config.trusts_created(&repository.registry),
        }
    }

    /// A tag that the configuration lists as immutable, or that the registry would refuse to remove.
    pub(super) fn is_immutable(&self, tag: &TagEntry) -> bool {
        tag.immutable || self.immutable.iter().any(|list| list.fits(&tag.name))
    }
}

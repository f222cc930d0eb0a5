//! What the lint reads out of an evaluation: the one place that knows its shape.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::evaluate::{Archiving, Dates, RepositoryEvaluation};
use crate::graph::{Graph, Node};
use crate::model::{Digest, Kind, Manifest, Repository, Tag};
use crate::policy::{Candidate, Rule, Since};

/// A repository with its entries.
pub(super) struct Room<'e> {
    pub(super) repository: &'e Repository,
    /// Whether all of it was read.
    pub(super) is_whole: bool,
    pub(super) entries: Vec<Seen<'e>>,
    /// Whether what its rules archive can be archived.
    pub(super) archiving: Archiving,
    pub(super) graph: &'e Graph<'e>,
}

/// An entry, as far as rules can tell entries apart.
#[derive(Clone, Copy)]
pub(super) struct Seen<'e> {
    pub(super) manifest: &'e Manifest,
    pub(super) kind: Kind,
    pub(super) tag: Option<&'e Tag>,
    pub(super) time: Option<Timestamp>,
    pub(super) node: Node,
}

impl<'e> Room<'e> {
    pub(super) fn of(evaluation: &'e RepositoryEvaluation<'e>) -> Self {
        let graph = &evaluation.graph;
        let entries = evaluation.roots.iter().flat_map(|root| {
            let manifest = graph.manifest(root.node);
            evaluation.entries(root).iter().filter_map(move |entry| {
                Some(Seen {
                    manifest: manifest?,
                    kind: root.kind,
                    tag: entry.tag,
                    time: entry.time,
                    node: root.node,
                })
            })
        });
        Self {
            repository: evaluation.repository,
            is_whole: evaluation.repository.gaps.is_empty() && graph.contradictions().is_empty(),
            entries: entries.collect(),
            archiving: evaluation.archiving,
            graph,
        }
    }

    /// `registry/repository`.
    pub(super) fn name(&self) -> String {
        format!("{}/{}", self.repository.registry, self.repository.name)
    }

    /// An entry as one would refer to it.
    pub(super) fn image(&self, entry: &Seen<'_>) -> String {
        match entry.tag {
            Some(tag) => format!("{}:{tag}", self.name()),
            None => format!("{}@{}", self.name(), entry.manifest.digest),
        }
    }

    /// The tags of an entry: its own, or those that attach an orphan.
    pub(super) fn tags(&self, entry: &Seen<'e>) -> impl Iterator<Item = &'e str> {
        let attaching = self
            .graph
            .attaching_tags(entry.node)
            .filter(|_| entry.kind == Kind::Orphan);
        entry
            .tag
            .into_iter()
            .chain(attaching.map(|tag| &tag.name))
            .map(Tag::as_str)
    }

    /// Whether a rule that counts from `since` knows of a time of an entry.
    pub(super) fn timed<'s>(&'s self, since: Since, now: Timestamp) -> impl Fn(&Seen<'_>) -> bool + use<'s, 'e> {
        let dates = Dates::new(self.repository, self.graph, now);
        move |entry| match since {
            Since::Latest => entry.time.is_some(),
            Since::Push => dates.arrival(entry.node).is_some(),
        }
    }

    /// Whether a rule fits an entry. Looking for platforms costs, and few rules ask for them.
    pub(super) fn fitting<'s>(&'s self, entry: Seen<'s>, with_platforms: bool) -> impl Fn(&Rule) -> bool + use<'s, 'e> {
        let platforms: Vec<&str> = match with_platforms {
            true => self.graph.platforms(entry.node).into_iter().collect(),
            false => Vec::new(),
        };
        let all: Vec<&Tag> = self.graph.tags(entry.node).iter().map(|tag| &tag.name).collect();
        let tags: Vec<&Tag> = entry.tag.map_or_else(|| all.clone(), |tag| vec![tag]);
        move |rule| {
            rule.fits(&Candidate {
                kind: entry.kind,
                tags: &tags,
                image_tags: &all,
                archived: entry.manifest.archived_at.is_some(),
                labels: entry.labels(),
                platforms: &platforms,
            })
        }
    }
}

impl<'e> Seen<'e> {
    pub(super) fn digest(&self) -> &'e Digest {
        &self.manifest.digest
    }

    pub(super) fn labels(&self) -> [&'e BTreeMap<String, String>; 2] {
        [&self.manifest.labels, &self.manifest.annotations]
    }
}

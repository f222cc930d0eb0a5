//! Roots and entries: what stands for itself in a repository, and since when.

use std::ops::Range;

use jiff::Timestamp;

use super::dates::{Dates, plausible};
use super::survey::Survey;
use crate::graph::{Graph, Node};
use crate::model::{Kind, Manifest, Repository, TagEntry};

/// What a rule judges: a tag of a root, or a root without an ordinary tag.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry<'a> {
    pub(super) root: Node,
    /// The ordinary tag; `None` for an untagged root or an orphan.
    pub(super) tag: Option<&'a TagEntry>,
    /// When its image arrived or its tag was set, whichever is later.
    pub(super) time: Option<Timestamp>,
}

/// A manifest that stands for itself.
#[derive(Debug)]
pub(super) struct Root {
    pub(super) node: Node,
    pub(super) kind: Kind,
    /// An orphan whose subject nobody has proven absent.
    pub(super) unproven: bool,
    /// The time of its newest entry.
    pub(super) time: Option<Timestamp>,
    /// Where its entries are.
    pub(super) entries: Range<usize>,
}

/// The roots of one repository and their entries, both in the order of the digests.
#[derive(Debug, Default)]
pub(super) struct Roots<'a> {
    pub(super) roots: Vec<Root>,
    pub(super) entries: Vec<Entry<'a>>,
}

impl<'a> Roots<'a> {
    pub(super) fn of(repository: &Repository, graph: &Graph<'a>, dates: &Dates<'_>, survey: &Survey<'_>) -> Self {
        let mut roots = Self {
            roots: Vec::with_capacity(graph.nodes().len()),
            entries: Vec::with_capacity(graph.nodes().len()),
        };
        let absent = |subject: &Node| survey.absent(repository, graph.digest(*subject));
        for node in graph.nodes() {
            let Some(manifest) = graph.manifest(node) else { continue };
            if roots.add_tagged(graph, dates, node, manifest) || belongs(graph, node) {
                continue;
            }
            let attached = !graph.subjects(node).is_empty();
            let time = untagged_since(graph, dates, node, manifest);
            let entry = Entry {
                root: node,
                tag: None,
                time,
            };
            roots.entries.push(entry);
            roots.push(Root {
                node,
                kind: if attached { Kind::Orphan } else { manifest.kind },
                unproven: attached && !graph.subjects(node).iter().all(absent),
                time,
                entries: 0..1,
            });
        }
        roots
    }

    /// One entry for each ordinary tag; whether there is any.
    fn add_tagged(&mut self, graph: &Graph<'a>, dates: &Dates<'_>, node: Node, manifest: &Manifest) -> bool {
        let before = self.entries.len();
        let mut arrived = None;
        for tag in graph.ordinary_tags(node) {
            let arrived = *arrived.get_or_insert_with(|| dates.arrival(node));
            let time = arrived.max(plausible(tag.updated_at, dates.now()));
            self.entries.push(Entry {
                root: node,
                tag: Some(tag),
                time,
            });
        }
        let added = self.entries.len() - before;
        if added == 0 {
            return false;
        }
        let time = self.entries[before..].iter().filter_map(|entry| entry.time).max();
        self.push(Root {
            node,
            kind: manifest.kind,
            unproven: false,
            time,
            entries: 0..added,
        });
        true
    }

    /// Adds a root whose entries were added last.
    fn push(&mut self, root: Root) {
        let end = self.entries.len();
        self.roots.push(Root {
            entries: end - root.entries.len()..end,
            ..root
        });
    }
}

/// Whether an untagged manifest belongs to a subject that is here, or to an index.
fn belongs(graph: &Graph<'_>, node: Node) -> bool {
    match graph.subjects(node) {
        [] => !graph.parents(node).is_empty(),
        subjects => subjects.iter().any(|subject| graph.manifest(*subject).is_some()),
    }
}

/// When it arrived, lost its last tag, or got one that attaches it, whichever is latest.
fn untagged_since(graph: &Graph<'_>, dates: &Dates<'_>, node: Node, manifest: &Manifest) -> Option<Timestamp> {
    let tags = graph.tags(node).iter();
    let set = tags.filter_map(|tag| plausible(tag.updated_at, dates.now())).max();
    let untagged = plausible(manifest.untagged_at, dates.now());
    dates.arrival(node).max(untagged).max(set)
}

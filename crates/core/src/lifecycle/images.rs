//! The images of a repository as ECR sees them: every manifest is one, and every tag counts.

use jiff::Timestamp;

use super::LifecycleImage;
use crate::evaluate::Dates;
use crate::graph::{Graph, Node};
use crate::model::Repository;

/// The images of one repository, in the order of their digests: of two that came at the same moment, the one with the
/// smaller digest counts as the younger, as it does for rules of jettison.
#[derive(Debug)]
pub struct LifecycleImages<'g> {
    /// The manifest that each is.
    pub nodes: Vec<Node>,
    /// What ECR knows of each.
    pub images: Vec<LifecycleImage<'g>>,
}

impl<'g> LifecycleImages<'g> {
    /// As the registry tells them; where it told no time of a push, what else says when the image arrived.
    ///
    /// ECR counts the age of an image that came back from the archive from that moment. An inventory has that moment in the
    /// place of the push.
    pub fn of(repository: &Repository, graph: &'g Graph<'_>, now: Timestamp) -> Self {
        let dates = Dates::new(repository, graph, now);
        Self::dated(graph, |node| {
            let told = graph.manifest(node).and_then(|manifest| manifest.pushed_at);
            told.or_else(|| dates.arrival(node))
        })
    }

    /// With what is believed of each arrival.
    pub(crate) fn dated(graph: &'g Graph<'_>, came: impl Fn(Node) -> Option<Timestamp>) -> Self {
        let present = graph.nodes().filter_map(|node| Some((node, graph.manifest(node)?)));
        let images = present.map(|(node, manifest)| {
            let pushed_at = came(node);
            let image = LifecycleImage {
                tags: graph.tags(node).iter().map(|tag| tag.name.as_str()).collect(),
                pushed_at,
                pulled_at: manifest.last_pulled_at.filter(|pulled| Some(*pulled) >= pushed_at),
                activated_at: None,
                archived_at: manifest.archived_at,
            };
            (node, image)
        });
        let (nodes, images) = images.unzip();
        Self { nodes, images }
    }
}

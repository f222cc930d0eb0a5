//! What the images of ECR really are: an image as people count them is one of several that ECR counts.

use std::collections::BTreeSet;

use serde::Serialize;

use crate::evaluate::RepositoryEvaluation;
use crate::graph::{Graph, Node};
use crate::model::{Digest, Kind};
use crate::words::number;

/// What one image of ECR is. The first that fits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Nature {
    /// A signature, an attestation, an SBOM, or anything else that is attached to an image that is there.
    Attached,
    /// It is attached, without an ordinary tag, to something that is gone.
    Orphan,
    /// An index lists it: the image of one platform, or what an attestation is kept in. It may have a tag too.
    Child,
    /// A build cache.
    BuildCache,
    /// A chart, or any other artifact.
    Artifact,
    /// An image or an index without an ordinary tag.
    Untagged,
    /// A tagged index: an image for several platforms.
    Index,
    /// Any other tagged image.
    Image,
}

/// What a child or an attached manifest belongs to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Owner {
    /// The index, or the subject; of several one that stays, if one does.
    pub digest: Digest,
    /// Its tags.
    pub tags: Vec<String>,
    /// Whether the policy leaves it alone.
    pub stays: bool,
}

impl Nature {
    /// Every nature, those first that nobody would count as an image.
    pub const ALL: [Self; 8] = [
        Self::Attached,
        Self::Orphan,
        Self::Child,
        Self::BuildCache,
        Self::Artifact,
        Self::Untagged,
        Self::Index,
        Self::Image,
    ];

    /// The word used in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Attached => "attached",
            Self::Orphan => "orphan",
            Self::Child => "child",
            Self::BuildCache => "build-cache",
            Self::Artifact => "artifact",
            Self::Untagged => "untagged",
            Self::Index => "index",
            Self::Image => "image",
        }
    }

    /// `6 children of indexes`, for people.
    pub fn counted(self, images: u64) -> String {
        let (one, many) = match self {
            Self::Attached => (
                "signature, attestation or the like",
                "signatures, attestations and the like",
            ),
            Self::Orphan => ("orphan", "orphans"),
            Self::Child => ("child of an index", "children of indexes"),
            Self::BuildCache => ("build cache", "build caches"),
            Self::Artifact => ("artifact", "artifacts"),
            Self::Untagged => ("untagged image", "untagged images"),
            Self::Index => ("index", "indexes"),
            Self::Image => ("image", "images"),
        };
        format!("{} {}", number(images), if images == 1 { one } else { many })
    }

    /// Whether people who say "keep ten images" mean it.
    pub fn is_image(self) -> bool {
        matches!(self, Self::Image | Self::Index)
    }

    /// Whether it is there for another manifest, or for builds only.
    pub fn is_company(self) -> bool {
        matches!(self, Self::Attached | Self::Orphan | Self::Child | Self::BuildCache)
    }
}

/// What each node of a repository is.
pub(super) fn natures(evaluated: &RepositoryEvaluation<'_>) -> Vec<Nature> {
    let graph = &evaluated.graph;
    let orphans: BTreeSet<Node> = evaluated
        .roots
        .iter()
        .filter(|root| root.kind == Kind::Orphan)
        .map(|root| root.node)
        .collect();
    graph.nodes().map(|node| nature(graph, node, &orphans)).collect()
}

fn nature(graph: &Graph<'_>, node: Node, orphans: &BTreeSet<Node>) -> Nature {
    let kind = graph.manifest(node).map_or(Kind::Image, |manifest| manifest.kind);
    if orphans.contains(&node) {
        return Nature::Orphan;
    }
    if present(graph, graph.subjects(node)).next().is_some() {
        return Nature::Attached;
    }
    if present(graph, graph.parents(node)).next().is_some() {
        return Nature::Child;
    }
    match kind {
        Kind::BuildCache => Nature::BuildCache,
        Kind::Chart | Kind::Artifact | Kind::Orphan => Nature::Artifact,
        Kind::Image if graph.ordinary_tags(node).next().is_none() => Nature::Untagged,
        Kind::Image if graph.children(node).is_empty() => Nature::Image,
        Kind::Image => Nature::Index,
    }
}

/// Those that are there.
fn present<'g>(graph: &'g Graph<'_>, nodes: &'g [Node]) -> impl Iterator<Item = Node> {
    let nodes = nodes.iter().copied();
    nodes.filter(|node| graph.manifest(*node).is_some())
}

/// What a child or an attached manifest belongs to, and whether that stays.
pub(super) fn owner(
    graph: &Graph<'_>,
    node: Node,
    nature: Nature,
    stays: impl Fn(Node) -> bool,
) -> Option<(Node, bool)> {
    let owners = match nature {
        Nature::Attached => graph.subjects(node),
        Nature::Child => graph.parents(node),
        _ => return None,
    };
    let staying = present(graph, owners).find(|owner| stays(*owner));
    let any = || present(graph, owners).next();
    Some((staying.or_else(any)?, staying.is_some()))
}

//! Where money is wasted: what piles up, what is kept by mistake, what saves nothing, what grows for ever.
//!
//! As everything in the lint it only tells. Bytes are those that nothing else in the repository holds; where a registry
//! stores a layer once for all repositories, another one may hold some of them too.

mod archive;
mod caches;
mod growth;
mod piling;
mod platforms;

use std::collections::BTreeSet;

use super::look::Room;
use crate::audit::bytes_of_these_alone;
use crate::graph::{Graph, Node};

pub(super) use archive::Archive;
pub(super) use caches::{Caches, keeps_the_newest};
pub(super) use growth::Growth;
pub(super) use piling::Piling;
pub(super) use platforms::Platforms;

/// What only these roots hold, with all that hangs on them alone.
fn held_by(room: &Room<'_>, roots: &BTreeSet<Node>) -> u64 {
    bytes_of_these_alone(room.graph, &with_what_hangs_on(room.graph, roots))
}

/// These roots and what would go along with them: children that no other index needs, and what is attached.
fn with_what_hangs_on(graph: &Graph<'_>, roots: &BTreeSet<Node>) -> BTreeSet<Node> {
    let mut reached = roots.clone();
    let mut open: Vec<Node> = roots.iter().copied().collect();
    while let Some(node) = open.pop() {
        let next = graph.children(node).iter().chain(graph.referrers(node)).copied();
        let hanging = next.filter(|next| graph.ordinary_tags(*next).next().is_none());
        open.extend(hanging.filter(|next| reached.insert(*next)));
    }
    loop {
        let is_needed = |node: &Node| graph.parents(*node).iter().any(|parent| !reached.contains(parent));
        let needed = reached
            .iter()
            .copied()
            .filter(|node| !roots.contains(node) && is_needed(node));
        let needed: Vec<Node> = needed.collect();
        if needed.is_empty() {
            return reached;
        }
        for node in needed {
            reached.remove(&node);
        }
    }
}

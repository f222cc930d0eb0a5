//! Which of the nodes that wait for each other come before which: circles are taken together.
//!
//! Only where nothing is free any more does the order of deletions ask this. Worked out without recursion, in time that
//! grows with the relations and no faster.

use crate::graph::{Graph, Node};

/// For each node a number: that of a node before which something else has to go is larger than that of whatever has to
/// go, unless both wait for each other; then it is the same. Nodes that are not `left` do not count.
pub(super) fn ranks(graph: &Graph<'_>, left: impl Fn(Node) -> bool) -> Vec<usize> {
    let behind = |node: Node| {
        let behind = graph.children(node).iter().chain(graph.referrers(node));
        behind.copied().filter(|other| left(*other))
    };
    let before = |node: Node| {
        let before = graph.parents(node).iter().chain(graph.subjects(node));
        before.copied().filter(|other| left(*other))
    };
    // Kosaraju's way: backwards from the node that was left last, each walk finds one circle, the foremost first.
    let mut seen = vec![false; graph.nodes().len()];
    let mut finished = Vec::with_capacity(seen.len());
    for node in graph.nodes().filter(|node| left(*node)) {
        walk(node, &mut seen, behind, |node| finished.push(node));
    }
    let mut ranks = vec![0; seen.len()];
    seen.fill(false);
    for (rank, node) in finished.iter().rev().enumerate() {
        walk(*node, &mut seen, before, |node| ranks[node] = rank);
    }
    ranks
}

/// Walks to everything that has not been seen, and tells of each node when all behind it is done.
fn walk<N: Iterator<Item = Node>>(from: Node, seen: &mut [bool], next: impl Fn(Node) -> N, mut done: impl FnMut(Node)) {
    if std::mem::replace(&mut seen[from], true) {
        return;
    }
    let mut open = vec![(from, next(from))];
    while let Some((node, others)) = open.last_mut() {
        match others.find(|other| !seen[*other]) {
            Some(other) => {
                seen[other] = true;
                open.push((other, next(other)));
            }
            None => {
                done(*node);
                open.pop();
            }
        }
    }
}

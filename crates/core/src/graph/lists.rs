//! A list for each node, all of them in one piece of memory. Most are empty.

use std::cmp::Ordering;

/// A list of things for each of so many nodes.
#[derive(Debug)]
pub(super) struct Lists<T> {
    /// Where each node's list begins, and where the last one ends; empty if all are.
    starts: Vec<usize>,
    items: Vec<T>,
}

impl<T: Copy> Lists<T> {
    /// The lists of `count` nodes: each thing with the node that it belongs to. Their order is kept.
    pub(super) fn new(count: usize, pairs: impl Iterator<Item = (usize, T)> + Clone) -> Self {
        let Some((_, any)) = pairs.clone().next() else {
            return Self {
                starts: Vec::new(),
                items: Vec::new(),
            };
        };
        let mut starts = vec![0_usize; count + 1];
        for (node, _) in pairs.clone() {
            starts[node + 1] += 1;
        }
        let mut sum = 0;
        for start in &mut starts {
            sum += *start;
            *start = sum;
        }
        let mut next = starts.clone();
        let mut items = vec![any; sum];
        for (node, item) in pairs {
            items[next[node]] = item;
            next[node] += 1;
        }
        Self { starts, items }
    }

    /// The list of one node.
    pub(super) fn of(&self, node: usize) -> &[T] {
        if self.starts.is_empty() {
            return &[];
        }
        &self.items[self.starts[node]..self.starts[node + 1]]
    }

    /// Sorts each list.
    pub(super) fn sort_each(&mut self, compare: impl Fn(&T, &T) -> Ordering) {
        for node in 1..self.starts.len() {
            let list = &mut self.items[self.starts[node - 1]..self.starts[node]];
            if list.len() > 1 {
                list.sort_by(&compare);
            }
        }
    }
}

impl Lists<usize> {
    /// The same without what stands twice in a row in a list.
    pub(super) fn without_repetitions(self, count: usize) -> Self {
        let repeats = |node: usize| self.of(node).windows(2).any(|two| two[0] == two[1]);
        if self.starts.is_empty() || !(0..count).any(repeats) {
            return self;
        }
        let mut pairs: Vec<(usize, usize)> = (0..count)
            .flat_map(|node| self.of(node).iter().map(move |item| (node, *item)))
            .collect();
        pairs.dedup();
        Self::new(count, pairs.into_iter())
    }

    /// Each thing with the node in whose list it stands, turned round: by ascending node.
    pub(super) fn reversed(&self) -> impl Iterator<Item = (usize, usize)> + Clone {
        let nodes = 0..self.starts.len().saturating_sub(1);
        nodes.flat_map(|node| self.of(node).iter().map(move |item| (*item, node)))
    }
}

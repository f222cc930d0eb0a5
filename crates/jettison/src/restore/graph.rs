//! What belongs together among manifests that are to come back, and in which order they do. Pure.
//!
//! Manifests go by their position in the list. Children are looked for in their own repository, subjects in every
//! repository of the registry: a signature may lie elsewhere.

use std::collections::{BTreeMap, BTreeSet};

use jettison_core::model::{Digest, RegistryHost};

use super::saved::{Place, Saved};

/// The relations among some manifests.
#[derive(Debug)]
pub(super) struct Graph {
    nodes: Vec<Node>,
}

#[derive(Debug, Default)]
struct Node {
    children: BTreeSet<usize>,
    parents: BTreeSet<usize>,
    subjects: BTreeSet<usize>,
    attached: BTreeSet<usize>,
    /// What has to be back before, whatever happens: its bytes name these.
    first: BTreeSet<usize>,
    has_ordinary_tag: bool,
}

/// What people call an image: something that stands for itself, and what hangs on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Image {
    pub(super) root: usize,
    /// Itself and everything below it: all of it, or nothing.
    pub(super) core: BTreeSet<usize>,
    /// What is attached to any of that, and what is below those.
    pub(super) attached: BTreeSet<usize>,
}

impl Graph {
    pub(super) fn of(saved: &[Saved]) -> Self {
        let places: BTreeMap<&Place, usize> = saved.iter().map(|saved| &saved.place).zip(0..).collect();
        let mut copies: BTreeMap<(&RegistryHost, &Digest), Vec<usize>> = BTreeMap::new();
        for (saved, position) in saved.iter().zip(0..) {
            let key = (&saved.place.registry, &saved.place.digest);
            copies.entry(key).or_default().push(position);
        }
        let mut graph = Self {
            nodes: saved.iter().map(Node::of).collect(),
        };
        for (saved, position) in saved.iter().zip(0..) {
            for child in &saved.relations.children {
                if let Some(child) = places.get(&saved.place.beside(child)) {
                    graph.add_child(position, *child);
                }
            }
            for subject in saved.subjects() {
                let by_field = saved.relations.subject.as_ref() == Some(&subject);
                let copies = copies.get(&(&saved.place.registry, &subject));
                for subject in copies.into_iter().flatten() {
                    graph.attach(position, *subject, by_field);
                }
            }
        }
        graph
    }

    fn add_child(&mut self, index: usize, child: usize) {
        self.nodes[index].children.insert(child);
        self.nodes[index].first.insert(child);
        self.nodes[child].parents.insert(index);
    }

    fn attach(&mut self, attached: usize, subject: usize, by_field: bool) {
        self.nodes[attached].subjects.insert(subject);
        self.nodes[subject].attached.insert(attached);
        if by_field {
            self.nodes[attached].first.insert(subject);
        }
    }

    pub(super) fn children(&self, position: usize) -> &BTreeSet<usize> {
        &self.nodes[position].children
    }

    pub(super) fn parents(&self, position: usize) -> &BTreeSet<usize> {
        &self.nodes[position].parents
    }

    pub(super) fn subjects(&self, position: usize) -> &BTreeSet<usize> {
        &self.nodes[position].subjects
    }

    pub(super) fn attached(&self, position: usize) -> &BTreeSet<usize> {
        &self.nodes[position].attached
    }

    /// A manifest and everything below it.
    pub(super) fn core(&self, root: usize) -> BTreeSet<usize> {
        reach([root], |node| self.nodes[node].children.iter().copied().collect())
    }

    /// Some manifests with all that belongs to them: the indexes that list them and what they are attached to, and
    /// of all these the children, the subjects and what is attached.
    pub(super) fn belongings(&self, seeds: impl IntoIterator<Item = usize>) -> BTreeSet<usize> {
        let above = reach(seeds, |position| {
            let node = &self.nodes[position];
            node.parents.union(&node.subjects).copied().collect()
        });
        reach(above, |position| {
            let node = &self.nodes[position];
            let related = [&node.children, &node.subjects, &node.attached];
            related.into_iter().flatten().copied().collect()
        })
    }

    /// The images, in the order of the list; every manifest is in one of them at least.
    pub(super) fn images(&self) -> Vec<Image> {
        let mut images: Vec<Image> = (0..self.nodes.len())
            .filter(|root| self.stands_for_itself(*root))
            .map(|root| self.image(root))
            .collect();
        let mut covered: BTreeSet<usize> = images.iter().flat_map(Image::all).collect();
        // A circle of tags that attach to each other has no top.
        for root in 0..self.nodes.len() {
            if !covered.contains(&root) {
                let image = self.image(root);
                covered.extend(image.all());
                images.push(image);
            }
        }
        images
    }

    fn stands_for_itself(&self, position: usize) -> bool {
        let node = &self.nodes[position];
        node.has_ordinary_tag || (node.parents.is_empty() && node.subjects.is_empty())
    }

    fn image(&self, root: usize) -> Image {
        let core = self.core(root);
        let everything = reach(core.iter().copied(), |position| {
            let node = &self.nodes[position];
            let attached = node.attached.iter().filter(|other| !self.stands_for_itself(**other));
            attached.chain(&node.children).copied().collect()
        });
        let attached = everything.difference(&core).copied().collect();
        Image { root, core, attached }
    }

    /// Groups with no relation between them, each in the order in which it comes back: children before their index,
    /// a subject before what is attached to it.
    pub(super) fn units(&self) -> Vec<Vec<usize>> {
        let mut unit_of = vec![None; self.nodes.len()];
        let mut count = 0;
        for start in 0..self.nodes.len() {
            if unit_of[start].is_none() {
                let related = |position: usize| self.nodes[position].related();
                reach([start], related)
                    .into_iter()
                    .for_each(|position| unit_of[position] = Some(count));
                count += 1;
            }
        }
        let mut units = vec![Vec::new(); count];
        for position in self.order() {
            if let Some(unit) = unit_of[position] {
                units[unit].push(position);
            }
        }
        units
    }

    /// Every manifest after what it has to wait for. Bytes cannot name each other in a circle, but tags can: then the
    /// bytes decide.
    fn order(&self) -> Vec<usize> {
        let mut waits: Vec<Waits> = self.nodes.iter().map(Waits::of).collect();
        let mut open: BTreeSet<(bool, usize)> = waits.iter().zip(0..).filter_map(Waits::ready).collect();
        let mut order = Vec::with_capacity(self.nodes.len());
        let mut done = vec![false; self.nodes.len()];
        while let Some((_, position)) = open.pop_first() {
            if std::mem::replace(&mut done[position], true) {
                continue;
            }
            order.push(position);
            let node = &self.nodes[position];
            for later in node.parents.union(&node.attached).filter(|later| !done[**later]) {
                let by_bytes = self.nodes[*later].first.contains(&position);
                waits[*later].less(by_bytes);
                open.extend(waits[*later].ready_at(*later));
            }
        }
        order
    }
}

impl Node {
    fn of(saved: &Saved) -> Self {
        Self {
            has_ordinary_tag: saved.has_ordinary_tag(),
            ..Self::default()
        }
    }

    fn related(&self) -> Vec<usize> {
        let all = [&self.children, &self.parents, &self.subjects, &self.attached];
        all.into_iter().flatten().copied().collect()
    }
}

impl Image {
    pub(super) fn all(&self) -> impl Iterator<Item = usize> {
        self.core.union(&self.attached).copied()
    }
}

/// How many a manifest waits for: by its bytes, and by its tags.
struct Waits {
    bytes: usize,
    tags: usize,
}

impl Waits {
    fn of(node: &Node) -> Self {
        Self {
            bytes: node.first.len(),
            tags: node.subjects.difference(&node.first).count(),
        }
    }

    fn less(&mut self, by_bytes: bool) {
        let count = if by_bytes { &mut self.bytes } else { &mut self.tags };
        *count = count.saturating_sub(1);
    }

    fn ready((waits, position): (&Self, usize)) -> Option<(bool, usize)> {
        waits.ready_at(position)
    }

    /// Those that still wait by a tag come last, and only so that a circle of tags ends.
    fn ready_at(&self, position: usize) -> Option<(bool, usize)> {
        (self.bytes == 0).then_some((self.tags > 0, position))
    }
}

/// Everything that can be reached from `starts`, these included.
fn reach(starts: impl IntoIterator<Item = usize>, next: impl Fn(usize) -> Vec<usize>) -> BTreeSet<usize> {
    let mut seen = BTreeSet::new();
    let mut open: Vec<usize> = starts.into_iter().collect();
    while let Some(position) = open.pop() {
        if seen.insert(position) {
            open.extend(next(position));
        }
    }
    seen
}

#[cfg(test)]
mod tests;

//! Reference counting: the bytes of everything that registries store, each blob once, by who refers to it.
//!
//! Whoever asks gives every manifest *marks*, and says how marks of two manifests that hold the same blob are put
//! together. What comes out is how many bytes have which marks, over all that refers to them; every figure of an audit is a
//! sum of these. Of each repository only what it stores is kept, not who refers to it how often: facts may be larger than
//! the memory.

use std::collections::BTreeMap;

use rayon::prelude::*;

use super::sizes::{Oddities, Size, believable};
use crate::facts::Repositories;
use crate::graph::{Graph, Node};
use crate::hashed::Map;
use crate::model::{Digest, Manifest, RegistryHost, Repository, Sharing};

/// How many repositories are counted at once: more than there are threads, so that a large one keeps nobody waiting.
const BATCH: usize = 128;

/// What a manifest is marked with; what the bits mean is up to whoever asks.
pub(super) type Marks = u64;

/// A part of a registry that is counted by itself: a repository, a group of images.
pub(super) type Part = u32;

/// A question that can be answered by counting references.
pub(super) trait Question: Sync {
    /// What one repository says: its relations, and for every node its marks and the parts that it belongs to.
    fn mark<'r>(&self, position: usize, repository: &'r Repository) -> (Graph<'r>, Marked);

    /// The marks of a blob that two manifests hold.
    fn join(&self, one: Marks, other: Marks) -> Marks {
        one | other
    }
}

/// The marks of every node of a repository, and its parts.
pub(super) struct Marked {
    /// One for each node.
    pub(super) marks: Vec<Marks>,
    /// The parts that each node belongs to.
    pub(super) parts: Parts,
}

/// The parts that the nodes of a repository belong to.
pub(super) enum Parts {
    /// All to the same one.
    One(Part),
    /// Each node to its own: never empty, each part once.
    Each(Vec<Vec<Part>>),
}

impl Parts {
    pub(super) fn of(&self, node: Node) -> &[Part] {
        match self {
            Self::One(part) => std::slice::from_ref(part),
            Self::Each(parts) => &parts[node],
        }
    }
}

/// How much of what there is in one registry.
#[derive(Debug, Default)]
pub(super) struct Weighed {
    /// The bytes under each combination of marks.
    pub(super) whole: BTreeMap<Marks, u64>,
    /// The same for each part.
    pub(super) parts: BTreeMap<Part, PartWeight>,
    /// What is wrong with the sizes.
    pub(super) oddities: Oddities,
}

/// What one part holds, by the marks over the whole registry.
#[derive(Debug, Default)]
pub(super) struct PartWeight {
    /// Everything that it refers to.
    pub(super) stored: BTreeMap<Marks, u64>,
    /// What nothing else refers to.
    pub(super) exclusive: BTreeMap<Marks, u64>,
}

/// A blob or manifest as one part sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Content {
    key: [u64; 4],
    part: Part,
    /// Something is wrong with its size.
    is_odd: bool,
    size: u64,
    marks: Marks,
}

/// Counts what the repositories of each registry store. `sharing` says within what a blob is stored once.
pub(super) fn weigh(
    inventory: &dyn Repositories,
    sharing: &BTreeMap<RegistryHost, Sharing>,
    question: &dyn Question,
) -> BTreeMap<RegistryHost, Weighed> {
    let mut places: BTreeMap<&RegistryHost, Vec<usize>> = BTreeMap::new();
    for position in 0..inventory.count() {
        places.entry(inventory.place(position).0).or_default().push(position);
    }
    let of_registry = |(host, positions): (&RegistryHost, Vec<usize>)| {
        let scale = Scale { inventory, question };
        let weighed = match sharing.get(host) {
            Some(Sharing::Repository) => scale.each_by_itself(&positions),
            Some(Sharing::Registry) | None if positions.len() == 1 => scale.each_by_itself(&positions),
            Some(Sharing::Registry) | None => scale.together(&positions),
        };
        (host.clone(), weighed)
    };
    places.into_iter().map(of_registry).collect()
}

struct Scale<'q> {
    inventory: &'q dyn Repositories,
    question: &'q dyn Question,
}

impl Scale<'_> {
    fn together(&self, positions: &[usize]) -> Weighed {
        let mut weighed = Weighed::default();
        let mut all: Vec<Content> = Vec::new();
        for batch in positions.chunks(BATCH) {
            let shelves: Vec<Shelf> = batch.par_iter().map(|position| self.shelf(*position)).collect();
            for shelf in shelves {
                all.extend(shelf.contents);
                weighed.oddities.add(shelf.oddities);
            }
        }
        all.par_sort_unstable();
        Sums::new(self.question, &mut weighed).add(&all);
        weighed
    }

    fn each_by_itself(&self, positions: &[usize]) -> Weighed {
        let mut weighed = Weighed::default();
        for batch in positions.chunks(BATCH) {
            let shelves: Vec<Shelf> = batch.par_iter().map(|position| self.shelf(*position)).collect();
            for shelf in shelves {
                weighed.oddities.add(shelf.oddities);
                Sums::new(self.question, &mut weighed).add(&shelf.contents);
            }
        }
        weighed
    }

    fn shelf(&self, position: usize) -> Shelf {
        let repository = self.inventory.repository(position);
        let (graph, marked) = self.question.mark(position, &repository);
        Shelf::of(&graph, &marked, self.question)
    }
}

/// What one repository stores, each content once for each part, in order.
struct Shelf {
    contents: Vec<Content>,
    oddities: Oddities,
}

impl Shelf {
    fn of(graph: &Graph<'_>, marked: &Marked, question: &dyn Question) -> Self {
        let mut oddities = Oddities::default();
        let mut contents: Vec<Content> = Vec::new();
        for node in graph.nodes() {
            let Some(manifest) = graph.manifest(node) else { continue };
            oddities.look(manifest);
            for (digest, size) in held(manifest) {
                let size = believable(size);
                let key = digest.key();
                contents.extend(marked.parts.of(node).iter().map(|part| Content {
                    key,
                    part: *part,
                    is_odd: matches!(size, Size::Impossible),
                    size: size.bytes(),
                    marks: marked.marks[node],
                }));
            }
        }
        contents.sort_unstable();
        contents.dedup_by(|later, first| {
            let is_same = (later.key, later.part) == (first.key, first.part);
            if is_same {
                *first = both(first, later, question);
            }
            is_same
        });
        Self { contents, oddities }
    }
}

/// One content as two see it: of two sizes the smaller, which cannot be too much.
fn both(one: &Content, other: &Content, question: &dyn Question) -> Content {
    Content {
        is_odd: one.is_odd || other.is_odd || one.size != other.size,
        size: one.size.min(other.size),
        marks: question.join(one.marks, other.marks),
        ..*one
    }
}

/// What a manifest takes in the registry's storage: itself and its blobs, with their sizes. One of which nobody knows the
/// size because only a list told of it has the size of its blobs.
pub(super) fn held(manifest: &Manifest) -> impl Iterator<Item = (&Digest, u64)> {
    let own = (manifest.size > 0).then_some((&manifest.digest, manifest.size));
    let blobs = manifest.blobs.iter().map(|blob| (&blob.digest, blob.size));
    own.into_iter().chain(blobs)
}

/// Adds up what lies in order.
struct Sums<'w> {
    question: &'w dyn Question,
    weighed: &'w mut Weighed,
    /// Summed here first: most have one of a few combinations of marks.
    whole: Map<Marks, u64>,
    stored: Map<(Part, Marks), u64>,
    exclusive: Map<(Part, Marks), u64>,
}

impl<'w> Sums<'w> {
    fn new(question: &'w dyn Question, weighed: &'w mut Weighed) -> Self {
        Self {
            question,
            weighed,
            whole: Map::default(),
            stored: Map::default(),
            exclusive: Map::default(),
        }
    }

    /// Adds contents that are sorted by what they are, and by part.
    fn add(mut self, contents: &[Content]) {
        for same in contents.chunk_by(|one, other| one.key == other.key) {
            let Some((first, rest)) = same.split_first() else {
                continue;
            };
            let all = rest.iter().fold(*first, |all, one| both(&all, one, self.question));
            if all.is_odd {
                self.weighed.oddities.note(first.key);
            }
            add_to(&mut self.whole, all.marks, all.size);
            let mut parts = same.chunk_by(|one, other| one.part == other.part).peekable();
            let is_alone = same.first().map(|one| one.part) == same.last().map(|one| one.part);
            for part in parts.by_ref().filter_map(<[Content]>::first) {
                add_to(&mut self.stored, (part.part, all.marks), all.size);
                if is_alone {
                    add_to(&mut self.exclusive, (part.part, all.marks), all.size);
                }
            }
        }
        for (marks, bytes) in self.whole {
            let sum = self.weighed.whole.entry(marks).or_default();
            *sum = sum.saturating_add(bytes);
        }
        for ((part, marks), bytes) in self.stored {
            let sum = self
                .weighed
                .parts
                .entry(part)
                .or_default()
                .stored
                .entry(marks)
                .or_default();
            *sum = sum.saturating_add(bytes);
        }
        for ((part, marks), bytes) in self.exclusive {
            let of_part = self.weighed.parts.entry(part).or_default();
            let sum = of_part.exclusive.entry(marks).or_default();
            *sum = sum.saturating_add(bytes);
        }
    }
}

fn add_to<K: std::hash::Hash + Eq>(sums: &mut Map<K, u64>, key: K, bytes: u64) {
    let sum = sums.entry(key).or_default();
    *sum = sum.saturating_add(bytes);
}

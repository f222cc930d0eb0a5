//! Finds images: a query and facts in, the images that fit out, the likeliest first.
//!
//! A pure function that decides nothing about them. What nobody knows of an image fits no question about it, and is counted.

mod judge;
mod query;
#[cfg(test)]
mod tests;

use std::cmp::Reverse;
use std::collections::BTreeMap;

use jiff::Timestamp;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::evaluate::Observer;
use crate::facts::Facts;
use crate::graph::Graph;
use crate::model::{Digest, Inventory, Kind, RegistryHost, Repository, RepositoryName, Schema, Tag};

use judge::{Answer, Subject};
pub use query::{InvalidTerm, Query};

/// What was found: the JSON form of `jettison find`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Found {
    /// The version of this form; always 1.
    pub schema: Schema,
    /// When the oldest of the facts was read.
    pub taken_at: Timestamp,
    /// The moment that ages are counted to.
    pub now: Timestamp,
    /// How many images were looked at: roots, of which a multi-platform image is one.
    pub looked_at: u64,
    /// In how many repositories.
    pub repositories: u64,
    /// How many fit.
    pub found: u64,
    /// How many may fit: nothing is against them, but something that is asked about is not known.
    pub unknown: u64,
    /// The terms of the query, in their order.
    pub terms: Vec<TermFound>,
    /// Those that fit, the likeliest first, as many as were asked for.
    pub images: Vec<FoundImage>,
    /// What could not be read.
    pub gaps: Vec<String>,
}

/// What one term of a query does.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TermFound {
    /// As written.
    pub term: String,
    /// How many images fit it.
    pub fits: u64,
    /// Of how many nobody knows.
    pub unknown: u64,
    /// How many images fit all other terms: what would be found without this one.
    pub without: u64,
}

/// One image.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FoundImage {
    /// The registry.
    pub registry: RegistryHost,
    /// The repository.
    pub repository: RepositoryName,
    /// The digest.
    pub digest: Digest,
    /// Its ordinary tags; those that the query names first, then by name.
    pub tags: Vec<Tag>,
    /// What it is.
    pub kind: Kind,
    /// Its platforms.
    pub platforms: Vec<String>,
    /// When it arrived, or its newest tag was set, whichever is later.
    pub time: Option<Timestamp>,
    /// The bytes of its blobs and of its children's, each counted once.
    pub bytes: u64,
    /// A part of it was not read: it may hold more.
    pub at_least: bool,
    /// Whether anybody uses it.
    pub used: Use,
    /// Who does, now or lately.
    pub used_by: Vec<String>,
    /// When it, or a part of it, was last pulled, as far as is known.
    pub last_pulled_at: Option<Timestamp>,
    /// Since when it is archived, if it is.
    pub archived_at: Option<Timestamp>,
}

/// Whether anybody uses an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Use {
    /// Somebody refers to it.
    Now,
    /// Somebody did, within `usage-memory`.
    Lately,
    /// Nobody is known to, and not everybody was asked or answered.
    Unknown,
    /// Nobody does.
    No,
}

/// Finds what fits a query, and tells at most so many of it.
///
/// The likeliest first: what is used now, then what was lately; the better fit of the words of the query to tags and
/// repositories (a whole name, a part between separators, any part, anything else); tagged before untagged; the newest;
/// then by name.
pub fn find(facts: &Facts<'_>, query: &Query, most: usize) -> Found {
    let observer = Observer::new(facts);
    let positions = (0..facts.inventory.count()).into_par_iter();
    let each = positions.map(|position| in_repository(&observer, &facts.inventory.repository(position), query, most));
    let mut all = each.reduce(|| Tally::new(query), Tally::and);
    all.ranked.sort_by(|left, right| left.0.cmp(&right.0));
    all.ranked.truncate(most);
    for (term, tally) in query.terms.iter().zip(&mut all.terms) {
        tally.term.clone_from(&term.text);
    }
    Found {
        schema: Schema,
        taken_at: facts.now,
        now: facts.now,
        looked_at: all.looked_at,
        repositories: facts.inventory.count() as u64,
        found: all.found,
        unknown: all.unknown,
        terms: all.terms,
        images: all.ranked.into_iter().map(|(_, image)| image).collect(),
        gaps: observer.gaps(),
    }
}

impl Found {
    /// With the time of the inventory, and what could not be read of it.
    #[must_use]
    pub fn of(self, inventory: &Inventory) -> Self {
        let of_repository = |repository: &Repository| {
            let place = format!("{}/{}", repository.registry, repository.name);
            let gaps = repository.gaps.iter().map(ToString::to_string);
            let graph = Graph::of(repository);
            let gaps = gaps.chain(graph.contradictions().iter().cloned());
            gaps.map(|gap| format!("{place}: {gap}")).collect::<Vec<_>>()
        };
        let unread = inventory.gaps.iter().map(ToString::to_string);
        let unread = unread.chain(inventory.repositories.iter().flat_map(of_repository));
        Self {
            taken_at: inventory.taken_at,
            gaps: unread.chain(self.gaps).collect(),
            ..self
        }
    }
}

/// What comes first. Less is likelier.
type Rank = (
    Use,
    Reverse<u64>,
    bool,
    Reverse<Option<Timestamp>>,
    (RegistryHost, RepositoryName, Vec<Tag>, Digest),
);

/// What was found in some repositories.
struct Tally {
    looked_at: u64,
    found: u64,
    unknown: u64,
    terms: Vec<TermFound>,
    ranked: Vec<(Rank, FoundImage)>,
}

impl Tally {
    fn new(query: &Query) -> Self {
        let terms = vec![TermFound::default(); query.terms.len()];
        Self {
            looked_at: 0,
            found: 0,
            unknown: 0,
            terms,
            ranked: Vec::new(),
        }
    }

    fn and(mut self, other: Self) -> Self {
        self.looked_at += other.looked_at;
        self.found += other.found;
        self.unknown += other.unknown;
        for (term, more) in self.terms.iter_mut().zip(other.terms) {
            term.fits += more.fits;
            term.unknown += more.unknown;
            term.without += more.without;
        }
        self.ranked.extend(other.ranked);
        self
    }

    /// Counts an image; whether it fits.
    fn count(&mut self, answers: &[Answer]) -> bool {
        self.looked_at += 1;
        let against = answers.iter().filter(|answer| **answer != Answer::Yes).count();
        let refused = answers.contains(&Answer::No);
        for (term, answer) in self.terms.iter_mut().zip(answers) {
            term.fits += u64::from(*answer == Answer::Yes);
            term.unknown += u64::from(*answer == Answer::Unknown);
            term.without += u64::from(against == usize::from(*answer != Answer::Yes));
        }
        self.found += u64::from(against == 0);
        self.unknown += u64::from(against > 0 && !refused);
        against == 0
    }
}

/// Only the likeliest of each repository are described: there may be millions.
fn in_repository(observer: &Observer<'_>, repository: &Repository, query: &Query, most: usize) -> Tally {
    let graph = Graph::of(repository);
    let sights = observer.look(repository, &graph);
    let mut tally = Tally::new(query);
    let mut fitting = Vec::new();
    for sight in &sights {
        let Some(manifest) = graph.manifest(sight.node) else {
            continue;
        };
        let tags = graph.ordinary_tags(sight.node).map(|tag| &tag.name).collect();
        let subject = Subject {
            repository,
            graph: &graph,
            sight,
            tags,
            manifest,
        };
        if tally.count(&subject.answers(query)) {
            fitting.push((rank(&subject, query), subject));
        }
    }
    fitting.sort_by(|left, right| left.0.cmp(&right.0));
    fitting.truncate(most);
    tally.ranked = fitting
        .into_iter()
        .map(|(rank, subject)| (rank, described(&subject, query)))
        .collect();
    tally
}

fn used(subject: &Subject<'_, '_>) -> Use {
    match subject.sight {
        sight if !sight.used_now.is_empty() => Use::Now,
        sight if !sight.used_lately.is_empty() => Use::Lately,
        sight if sight.usage_is_known => Use::No,
        _ => Use::Unknown,
    }
}

fn rank(subject: &Subject<'_, '_>, query: &Query) -> Rank {
    let Repository { registry, name, .. } = subject.repository;
    let used = match used(subject) {
        // Who was not asked tells nothing of what is likelier.
        Use::Unknown => Use::No,
        known => known,
    };
    let tags: Vec<Tag> = subject.tags.iter().take(1).map(|tag| (*tag).clone()).collect();
    (
        used,
        Reverse(subject.likeness(query)),
        subject.tags.is_empty(),
        Reverse(subject.sight.time),
        (registry.clone(), name.clone(), tags, subject.manifest.digest.clone()),
    )
}

fn described(subject: &Subject<'_, '_>, query: &Query) -> FoundImage {
    let (bytes, all) = subject.size();
    let mut tags = subject.tags.clone();
    // Stable: of equals the first by name.
    tags.sort_by_key(|tag| !judge::names(query, tag));
    FoundImage {
        registry: subject.repository.registry.clone(),
        repository: subject.repository.name.clone(),
        digest: subject.manifest.digest.clone(),
        tags: tags.into_iter().cloned().collect(),
        kind: subject.sight.kind,
        platforms: subject.platforms().into_iter().map(str::to_owned).collect(),
        time: subject.sight.time,
        bytes,
        at_least: !all,
        used: used(subject),
        used_by: subject.sight.users().cloned().collect(),
        last_pulled_at: subject.sight.pulled,
        archived_at: subject.manifest.archived_at,
    }
}

/// The term without which most would be found, if any would.
pub fn most_in_the_way(found: &Found) -> Option<&TermFound> {
    let in_the_way = found.terms.iter().filter(|term| term.without > found.found);
    let by_gain: BTreeMap<(u64, Reverse<usize>), &TermFound> = in_the_way
        .enumerate()
        .map(|(place, term)| ((term.without, Reverse(place)), term))
        .collect();
    by_gain.into_values().next_back()
}

//! What has to be known of all repositories before one can be judged: which digests are proven to be gone.

use std::collections::{BTreeMap, BTreeSet};

use rayon::prelude::*;

use crate::facts::Repositories;
use crate::hashed::{Map, Set};
use crate::model::{Digest, RegistryHost, Repository};

/// All copies of a digest in the repositories of one registry.
pub(crate) type Copies = (RegistryHost, Digest);

/// Where digests are that some repository of the same registry was asked for in vain.
#[derive(Debug)]
pub(crate) struct Survey<'a> {
    /// Registries of which every repository was read, as far as is known.
    read_whole: BTreeSet<&'a RegistryHost>,
    /// Registries of which some repository was asked for something in vain.
    asked: BTreeSet<&'a RegistryHost>,
    /// The repositories that hold such a digest. Only what some repository holds is here.
    held_by: BTreeMap<Copies, Vec<usize>>,
    /// The repositories that were asked for one of those in vain.
    missed_by: BTreeMap<Copies, Vec<usize>>,
    /// Copies that count as gone.
    taken: BTreeSet<Copies>,
}

/// What one repository says of digests that are missing somewhere.
struct Answer {
    position: usize,
    read_whole: bool,
    held: Vec<Digest>,
}

impl<'a> Survey<'a> {
    pub(crate) fn of(inventory: &'a dyn Repositories) -> Self {
        let mut survey = Self {
            read_whole: inventory.complete_registries().iter().collect(),
            asked: BTreeSet::new(),
            held_by: BTreeMap::new(),
            missed_by: BTreeMap::new(),
            taken: BTreeSet::new(),
        };
        let missed = missed(inventory, &survey.read_whole);
        if missed.is_empty() {
            return survey;
        }
        survey.asked = missed.keys().copied().collect();
        let answers: Vec<Answer> = (0..inventory.count())
            .into_par_iter()
            .filter(|position| missed.contains_key(inventory.place(*position).0))
            .map(|position| Answer::of(position, &inventory.repository(position), &missed))
            .collect();
        for answer in answers {
            let (host, _) = inventory.place(answer.position);
            if !answer.read_whole {
                survey.read_whole.remove(host);
            }
            for digest in answer.held {
                let copies = survey.held_by.entry((host.clone(), digest)).or_default();
                copies.push(answer.position);
            }
        }
        for (host, digests) in missed {
            for (digest, positions) in digests {
                let copies = (host.clone(), digest);
                if survey.held_by.contains_key(&copies) {
                    survey.missed_by.insert(copies, positions);
                }
            }
        }
        survey
    }

    /// The registry answered 404 for it here, was read whole, and holds it nowhere else.
    pub(super) fn absent(&self, repository: &Repository, digest: &Digest) -> bool {
        let gone_elsewhere = || {
            let copies = (repository.registry.clone(), digest.clone());
            !self.held_by.contains_key(&copies) || self.taken.contains(&copies)
        };
        repository.missing.contains(digest) && self.read_whole.contains(&repository.registry) && gone_elsewhere()
    }

    /// Each digest that some repository of the registry holds and another misses, with the repositories that hold it.
    pub(crate) fn contested(&self) -> impl Iterator<Item = (&Copies, &[usize])> {
        self.held_by
            .iter()
            .map(|(copies, positions)| (copies, positions.as_slice()))
    }

    /// The repositories that were asked in vain for a contested digest.
    pub(crate) fn missed_by(&self, copies: &Copies) -> &[usize] {
        self.missed_by.get(copies).map_or(&[], Vec::as_slice)
    }

    /// A repository of the registry turned out not to be read wholly, or to contradict itself. Whether that changes
    /// anything that was decided.
    pub(crate) fn doubt(&mut self, host: &RegistryHost) -> bool {
        self.read_whole.remove(host) && self.asked.contains(host)
    }

    /// From now on these count as gone: what was attached to them is an orphan.
    pub(crate) fn take(&mut self, copies: &BTreeSet<Copies>) {
        self.taken.extend(copies.iter().cloned());
    }

    /// They do not count as gone after all.
    pub(crate) fn give_back(&mut self, copies: &BTreeSet<Copies>) {
        self.taken.retain(|taken| !copies.contains(taken));
    }

    /// Whether they count as gone.
    pub(crate) fn is_taken(&self, copies: &Copies) -> bool {
        self.taken.contains(copies)
    }
}

/// Per registry that may be proven to be without something: what its repositories were asked for in vain, and which.
fn missed<'a>(
    inventory: &'a dyn Repositories,
    read_whole: &BTreeSet<&RegistryHost>,
) -> BTreeMap<&'a RegistryHost, Map<Digest, Vec<usize>>> {
    let found: Vec<(usize, BTreeSet<Digest>)> = (0..inventory.count())
        .into_par_iter()
        .filter(|position| read_whole.contains(inventory.place(*position).0))
        .map(|position| (position, inventory.repository(position).missing.clone()))
        .filter(|(_, missing)| !missing.is_empty())
        .collect();
    let mut missed: BTreeMap<_, Map<Digest, Vec<usize>>> = BTreeMap::new();
    for (position, missing) in found {
        let (host, _) = inventory.place(position);
        for digest in missing {
            let positions = missed.entry(host).or_default().entry(digest).or_default();
            positions.push(position);
        }
    }
    missed
}

impl Answer {
    fn of(position: usize, repository: &Repository, missed: &BTreeMap<&RegistryHost, Map<Digest, Vec<usize>>>) -> Self {
        let missed = missed.get(&repository.registry);
        let held = repository.manifests.iter().map(|manifest| &manifest.digest);
        let held: Set<&Digest> = held
            .filter(|digest| missed.is_some_and(|missed| missed.contains_key(*digest)))
            .collect();
        Self {
            position,
            read_whole: repository.gaps.is_empty(),
            held: held.into_iter().cloned().collect(),
        }
    }
}

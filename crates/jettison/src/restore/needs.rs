//! What else has to be there for manifests to be whole: children and subjects that some other run took, or nobody
//! knows of.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::{StreamExt as _, stream};
use jettison_core::model::{Digest, RegistryHost};

use super::blobs::Blobs;
use super::saved::{Place, Saved};
use super::{LOOKUPS, Undoer};
use crate::store::StoreError;

/// Finds what is needed.
pub(super) struct Needs<'n, 'a> {
    undoer: &'a Undoer<'a>,
    blobs: &'n mut Blobs<'a>,
    /// Everything that was looked up, and whether it is in the registry.
    asked: BTreeMap<Place, Result<bool, String>>,
}

/// Children that cannot be had, each with the reason.
pub(super) type Absent = BTreeMap<Place, String>;

impl<'n, 'a> Needs<'n, 'a> {
    pub(super) fn of(undoer: &'a Undoer<'a>, blobs: &'n mut Blobs<'a>) -> Self {
        Self {
            undoer,
            blobs,
            asked: BTreeMap::new(),
        }
    }

    /// Adds to `saved` what it needs, the registry lacks and the journal has.
    ///
    /// A child must be there. A subject should: it comes back too if it can, and what was attached to it does so
    /// in any case, as it has lain there without it before.
    ///
    /// # Errors
    /// If the store fails.
    pub(super) async fn complete(&mut self, saved: &mut Vec<Saved>) -> Result<Absent, StoreError> {
        let mut absent = Absent::new();
        let mut known: BTreeSet<Place> = saved.iter().map(|saved| saved.place.clone()).collect();
        let subjects = self.missing_subjects(saved).await;
        for subject in subjects {
            if !known.contains(&subject) {
                let whole = self.whole(&subject, &known).await?;
                known.extend(whole.iter().map(|saved| saved.place.clone()));
                saved.extend(whole);
            }
        }
        let mut open = saved.clone();
        while !open.is_empty() {
            let children: BTreeSet<Place> = open
                .iter()
                .flat_map(children)
                .filter(|child| !known.contains(child))
                .collect();
            self.ask(&children).await;
            open = Vec::new();
            for child in children {
                match self.lacking(&child) {
                    Ok(false) => {}
                    Err(why) => drop(absent.insert(child, why)),
                    Ok(true) => match self.recorded(&child).await? {
                        Some(found) => {
                            known.insert(child);
                            open.push(found);
                        }
                        None => drop(absent.insert(child, "is neither in the registry nor in the journal".to_owned())),
                    },
                }
            }
            saved.extend(open.iter().cloned());
        }
        Ok(absent)
    }

    /// Subjects that are neither to come back nor there, in the repository of what is attached to them.
    async fn missing_subjects(&mut self, saved: &[Saved]) -> Vec<Place> {
        let coming: BTreeSet<(&RegistryHost, &Digest)> = saved
            .iter()
            .map(|saved| (&saved.place.registry, &saved.place.digest))
            .collect();
        let subjects: BTreeSet<Place> = saved
            .iter()
            .flat_map(|saved| saved.subjects().into_iter().map(|subject| saved.place.beside(&subject)))
            .filter(|subject| !coming.contains(&(&subject.registry, &subject.digest)))
            .collect();
        self.ask(&subjects).await;
        let lacking = |subject: &Place| self.lacking(subject) == Ok(true);
        subjects.into_iter().filter(lacking).collect()
    }

    /// A manifest with all that is below it, if the journal has what the registry lacks and all blobs are there;
    /// else nothing.
    async fn whole(&mut self, top: &Place, known: &BTreeSet<Place>) -> Result<Vec<Saved>, StoreError> {
        let mut found: Vec<Saved> = Vec::new();
        let mut open = BTreeSet::from([top.clone()]);
        while let Some(place) = open.pop_first() {
            let Some(saved) = self.recorded(&place).await? else {
                return Ok(Vec::new());
            };
            self.blobs.ask([&saved]).await;
            if saved.damaged.is_some() || self.blobs.problem(&saved).is_some() {
                return Ok(Vec::new());
            }
            let unknown = |child: &Place| !known.contains(child) && found.iter().all(|saved| saved.place != *child);
            let children: BTreeSet<Place> = children(&saved).filter(unknown).collect();
            self.ask(&children).await;
            for child in children {
                match self.lacking(&child) {
                    Ok(false) => {}
                    Ok(true) => drop(open.insert(child)),
                    Err(_) => return Ok(Vec::new()),
                }
            }
            found.push(saved);
        }
        Ok(found)
    }

    /// What any run saved of a manifest.
    async fn recorded(&self, place: &Place) -> Result<Option<Saved>, StoreError> {
        let store = self.undoer.store;
        let entries = store
            .entries_of_manifests(&place.registry, &place.repository, &[&place.digest])
            .await?;
        match entries.first() {
            Some(newest) => Saved::needed(store, newest).await.map(Some),
            None => Ok(None),
        }
    }

    /// Looks up what nobody has looked up yet.
    async fn ask(&mut self, places: &BTreeSet<Place>) {
        let undoer = self.undoer;
        let ask = |place: Place| async move {
            let answer = match undoer.registry(&place.registry) {
                Ok(registry) => registry
                    .exists(&place.repository, &place.digest)
                    .await
                    .map_err(|error| error.to_string()),
                Err(why) => Err(why),
            };
            (place, answer)
        };
        let new = places.iter().filter(|place| !self.asked.contains_key(*place)).cloned();
        let answers: Vec<_> = stream::iter(new.collect::<Vec<_>>())
            .map(ask)
            .buffer_unordered(LOOKUPS)
            .collect()
            .await;
        self.asked.extend(answers);
    }

    /// Whether the registry lacks what was looked up.
    fn lacking(&self, place: &Place) -> Result<bool, String> {
        match self.asked.get(place) {
            Some(Ok(there)) => Ok(!there),
            Some(Err(why)) => Err(format!("could not be looked up: {why}")),
            None => Err("was not looked up".to_owned()),
        }
    }
}

fn children(saved: &Saved) -> impl Iterator<Item = Place> {
    saved.relations.children.iter().map(|child| saved.place.beside(child))
}

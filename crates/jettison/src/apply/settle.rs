//! Settles runs that were interrupted: killed, or left without an answer of the registry.
//!
//! Whatever the journal has no outcome of, or none but that it was asked for, is looked at: what is gone is done, and
//! what is still there gets the tags back that it has lost. It can be killed itself, and settled again. Nothing is
//! deleted here.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use futures_util::{StreamExt as _, stream};
use jettison_core::model::{Digest, RegistryHost, RepositoryName, Tag};
use jiff::Timestamp;

use super::give_back::{NotBack, Place, put_tags_back};
use super::trouble::Trouble;
use crate::output::text::count;
use crate::output::{Face, Progress};
use crate::registry::Registry;
use crate::store::{Action, EntryRecord, NewOutcome, Outcome, RunDetail, RunId, RunLock, RunStatus, Store, StoreError};

/// Entries whose outcomes are synced at once.
const CHUNK: usize = 100;

/// Entries that are looked at at once; the registry's own limit decides how many calls really run.
const AT_ONCE: usize = 8;

/// What became of runs that were interrupted, oldest first.
#[derive(Debug, Default)]
pub struct Settled {
    /// Each of them.
    pub runs: Vec<SettledRun>,
}

/// What became of one run that was interrupted.
#[derive(Debug)]
pub struct SettledRun {
    /// Its id.
    pub run: RunId,
    /// Actions that it had carried out without saying so.
    pub done: u64,
    /// Images that stay, and got tags back.
    pub put_back: u64,
    /// Images that stay as they were.
    pub untouched: u64,
    /// What could not be settled, by repository, and why. The run stays open until it is.
    pub open: BTreeMap<(RegistryHost, RepositoryName), String>,
}

impl Settled {
    /// Why a repository has something in it that could not be settled, if so. Nothing may be deleted there.
    pub fn open(&self, host: &RegistryHost, name: &RepositoryName) -> Option<String> {
        let place = (host.clone(), name.clone());
        let of_run = |run: &SettledRun| {
            let why = run.open.get(&place)?;
            Some(format!(
                "run {} was interrupted here and could not be settled: {why}",
                run.run
            ))
        };
        self.runs.iter().find_map(of_run)
    }
}

impl fmt::Display for SettledRun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            run,
            done,
            put_back,
            untouched,
            open,
        } = self;
        write!(f, "run {run} was interrupted: {}", count(*done, "action"))?;
        write!(f, " had been done; {} got tags back", count(*put_back, "image"))?;
        write!(f, ", {untouched} were as before")?;
        for ((host, name), why) in open {
            write!(f, "; {host}/{name} has to wait: {why}")?;
        }
        Ok(())
    }
}

/// The registries that hold something of interrupted runs that has to be settled.
///
/// # Errors
/// If the store fails.
pub async fn interrupted_hosts(store: &Store, _lock: &RunLock) -> Result<BTreeSet<RegistryHost>, StoreError> {
    let mut hosts = BTreeSet::new();
    for run in interrupted(store).await? {
        hosts.extend(unsettled(&run).map(|entry| entry.registry.clone()));
    }
    Ok(hosts)
}

/// Settles every run that was interrupted, as far as the registries answer. The lock proves that none is still at work.
///
/// # Errors
/// If the store fails.
pub async fn settle(
    store: &Store,
    registries: &BTreeMap<RegistryHost, Arc<dyn Registry>>,
    lock: &RunLock,
    face: Face,
) -> Result<Settled, StoreError> {
    let runs = interrupted(store).await?;
    if runs.is_empty() {
        return Ok(Settled::default());
    }
    let total = runs.iter().map(|run| unsettled(run).count() as u64).sum();
    let progress = Progress::start(face, "settling interrupted runs", total);
    let work = Settling {
        store,
        registries,
        _lock: lock,
        progress: &progress,
    };
    let settled = progress.while_watched(work.settle(runs)).await;
    progress.finish();
    settled
}

/// What settling works with.
struct Settling<'a> {
    store: &'a Store,
    registries: &'a BTreeMap<RegistryHost, Arc<dyn Registry>>,
    _lock: &'a RunLock,
    progress: &'a Progress,
}

impl Settling<'_> {
    async fn settle(&self, runs: Vec<RunDetail>) -> Result<Settled, StoreError> {
        let Self { store, registries, .. } = *self;
        let mut settled = Settled::default();
        let mut silent: BTreeMap<RegistryHost, Trouble> = BTreeMap::new();
        for run in runs {
            let mut ended = SettledRun {
                run: run.summary.id.clone(),
                done: 0,
                put_back: 0,
                untouched: 0,
                open: BTreeMap::new(),
            };
            for ((host, name), entries) in by_repository(&run) {
                let why = match registries.get(host) {
                    None => Some("the registry is not known here".to_owned()),
                    Some(registry) => {
                        let trouble = silent.entry(host.clone()).or_default();
                        let place = Place {
                            registry: registry.as_ref(),
                            store,
                            name,
                        };
                        self.settle_repository(&place, &entries, trouble, &mut ended).await?
                    }
                };
                if let Some(why) = why {
                    ended.open.insert((host.clone(), name.clone()), why);
                }
            }
            if ended.open.is_empty() {
                store
                    .end_run(&ended.run, RunStatus::Interrupted, Timestamp::now())
                    .await?;
            }
            settled.runs.push(ended);
        }
        Ok(settled)
    }

    /// Settles the entries of one repository. Says why some of them could not be, if so.
    async fn settle_repository(
        &self,
        place: &Place<'_>,
        entries: &[&EntryRecord],
        trouble: &Trouble,
        run: &mut SettledRun,
    ) -> Result<Option<String>, StoreError> {
        let mut open = None;
        for chunk in entries.chunks(CHUNK) {
            let answers: Vec<(&EntryRecord, Result<Fate, String>)> = stream::iter(chunk.iter().copied())
                .map(|entry| async move {
                    let fate = fate_of(place, entry, trouble).await;
                    self.progress.advance();
                    (entry, fate)
                })
                .buffer_unordered(AT_ONCE)
                .collect()
                .await;
            let mut fates = Vec::new();
            for (entry, answer) in answers {
                match answer {
                    Ok(fate) => fates.push((entry, fate)),
                    Err(why) => open = open.or(Some(why)),
                }
            }
            record(place, &fates).await?;
            for (_, fate) in &fates {
                match fate {
                    Fate::Gone | Fate::Untagged | Fate::Back => run.done += 1,
                    Fate::Stays(0) | Fate::Lost | Fate::Somewhere => run.untouched += 1,
                    Fate::Stays(_) => run.put_back += 1,
                }
            }
        }
        Ok(open)
    }
}

async fn interrupted(store: &Store) -> Result<Vec<RunDetail>, StoreError> {
    let mut runs = Vec::new();
    for run in store.interrupted_runs().await? {
        runs.extend(store.run(run.id.as_str()).await?);
    }
    Ok(runs)
}

fn unsettled(run: &RunDetail) -> impl Iterator<Item = &EntryRecord> {
    run.entries.iter().filter(|entry| entry.is_unsettled())
}

type OfRepository<'e> = BTreeMap<(&'e RegistryHost, &'e RepositoryName), Vec<&'e EntryRecord>>;

fn by_repository(run: &RunDetail) -> OfRepository<'_> {
    let mut repositories = OfRepository::new();
    for entry in unsettled(run) {
        repositories
            .entry((&entry.registry, &entry.repository))
            .or_default()
            .push(entry);
    }
    repositories
}

/// What became of an entry of a run that could not say so.
enum Fate {
    /// The manifest is not there any more, as was intended.
    Gone,
    /// The manifest has lost its tags and is there, as was intended.
    Untagged,
    /// It is there, and so many of its tags were put back.
    Stays(u64),
    /// It was to stay, and is not there any more.
    Lost,
    /// It was to come back, and is there.
    Back,
    /// It was to be archived, and is there, or in the archive: the next plan sees which.
    Somewhere,
}

async fn fate_of(place: &Place<'_>, entry: &EntryRecord, trouble: &Trouble) -> Result<Fate, String> {
    if let Some(why) = trouble.why() {
        return Err(why);
    }
    ask(place, entry).await.map_err(|error| {
        error.note(trouble);
        error.to_string()
    })
}

async fn ask(place: &Place<'_>, entry: &EntryRecord) -> Result<Fate, NotBack> {
    let is_there = place.registry.exists(place.name, &entry.digest).await?;
    match (entry.action, is_there) {
        // Whether its tags are back too is for the next undo to see.
        (Action::Restore, true) => return Ok(Fate::Back),
        (Action::Restore, false) => return Ok(Fate::Stays(0)),
        (Action::Archive, true) => return Ok(Fate::Somewhere),
        (Action::Archive, false) => return Ok(Fate::Lost),
        (Action::Delete, false) => return Ok(Fate::Gone),
        (Action::Untag, false) => return Ok(Fate::Lost),
        (Action::Untag, true) if lost_all_tags(place, entry).await? => return Ok(Fate::Untagged),
        (Action::Delete | Action::Untag, true) => {}
    }
    let set = put_tags_back(place, &entry.digest, entry.id, &entry.tags).await?;
    Ok(Fate::Stays(set))
}

async fn lost_all_tags(place: &Place<'_>, entry: &EntryRecord) -> Result<bool, NotBack> {
    for tag in &entry.tags {
        if place.registry.resolve(place.name, tag).await?.as_ref() == Some(&entry.digest) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Forgets first: what has an outcome is not looked at again.
async fn record(place: &Place<'_>, fates: &[(&EntryRecord, Fate)]) -> Result<(), StoreError> {
    let Some((first, _)) = fates.first() else {
        return Ok(());
    };
    let of = |wanted: fn(&Fate) -> bool| {
        fates
            .iter()
            .filter(move |(_, fate)| wanted(fate))
            .map(|(entry, _)| *entry)
    };
    let gone = of(|fate| matches!(fate, Fate::Gone | Fate::Lost));
    let gone: BTreeSet<Digest> = gone.map(|entry| entry.digest.clone()).collect();
    let untagged = of(|fate| matches!(fate, Fate::Untagged));
    let tags: BTreeSet<Tag> = untagged.flat_map(|entry| entry.tags.clone()).collect();
    place
        .store
        .forget_removed(&first.registry, &first.repository, &gone, &tags)
        .await?;
    let at = Timestamp::now();
    let outcomes = fates.iter().map(|(entry, fate)| NewOutcome {
        entry: entry.id,
        outcome: outcome_of(entry, fate),
        at,
    });
    place.store.record_outcomes(&outcomes.collect::<Vec<_>>()).await
}

fn outcome_of(entry: &EntryRecord, fate: &Fate) -> Outcome {
    let skipped = |why: &str| Outcome::Skipped { why: why.to_owned() };
    let was_asked = matches!(entry.outcome(), Some(Outcome::Asked { .. }));
    match fate {
        Fate::Gone | Fate::Untagged => Outcome::Done,
        Fate::Back => Outcome::PutBack,
        Fate::Stays(0) if was_asked => skipped("it was asked for, and not done"),
        Fate::Stays(_) if was_asked => skipped("it was asked for, and done in part; the tags were put back"),
        Fate::Stays(0) => skipped("the run was interrupted before this"),
        Fate::Stays(_) => skipped("the run was interrupted in the middle of this; the tags were put back"),
        // An undo brings it back in any case.
        Fate::Somewhere => Outcome::Failed {
            error: "the run was interrupted; whether it was archived before is for the next plan to see".to_owned(),
        },
        Fate::Lost => Outcome::Failed {
            error: "the run was interrupted; the image, which was to stay, is not there any more".to_owned(),
        },
    }
}

//! Applies the plan to one repository: what hangs together goes together, or stays together.

use std::collections::{BTreeMap, BTreeSet};

use jettison_core::model::{Digest, Kind, RegistryHost, RepositoryName, Tag};
use jettison_core::plan::{Action, ActionKind, Plan};
use jiff::Timestamp;

use super::batch::Work;
use super::labels::held_by_labels;
use super::look::{Looking, NotNow};
use super::protected::Protection;
use super::reading::{Reader, Unread};
use super::report::{ActionReport, Happened};
use super::tags_first::Batch;
use super::trouble::Trouble;
use super::unit::{Condemned, Relations};
use super::watch::Watch;
use super::{Applier, Asked, Gone};
use crate::output::Progress;
use crate::registry::{DeleteSupport, Registry};
use crate::store::{self, RunId, RunLock, StoreError};

/// Manifests whose journal entries are synced at once.
const BATCH: usize = 100;

/// The work on one repository.
pub(super) struct RepositoryRun<'a> {
    pub(super) applier: &'a Applier<'a>,
    pub(super) plan: &'a Plan,
    pub(super) run: &'a RunId,
    pub(super) lock: &'a RunLock,
    pub(super) host: &'a RegistryHost,
    pub(super) name: &'a RepositoryName,
    /// What went from other repositories in this run.
    pub(super) gone: &'a Gone,
    pub(super) progress: &'a Progress,
    /// What makes the registry not worth asking any more.
    pub(super) trouble: Trouble,
    /// The same for putting tags back, which is worth one more attempt.
    pub(super) give_back_trouble: Trouble,
}

type Numbered<'a> = (u64, &'a Action);

impl<'a> RepositoryRun<'a> {
    /// Carries out the repository's actions, given with their places in the plan.
    ///
    /// # Errors
    /// Only if the store fails.
    pub(super) async fn run(
        &self,
        actions: Vec<Numbered<'a>>,
        asked: &mut Asked<'a>,
    ) -> Result<Vec<ActionReport>, StoreError> {
        let all = |outcome, why: &str| {
            let report = |(_, action): &Numbered<'_>| ActionReport::new(action, outcome, Some(why.to_owned()));
            actions.iter().map(report).collect()
        };
        if !self.applier.accepts(self.plan, self.host, self.name) {
            let refused = |(_, action): &Numbered<'_>| ActionReport::refused_by_the_fuse(action);
            return Ok(actions.iter().map(refused).collect());
        }
        let Some(registry) = self.applier.registries.get(self.host) else {
            return Ok(all(Happened::Failed, "the registry is not known here"));
        };
        let support = match registry.probe_deletes(self.name).await {
            Ok(support) => support,
            Err(error) => {
                self.trouble.note_fatal(&error);
                return Ok(all(Happened::Failed, &error.to_string()));
            }
        };
        if support.delete == Some(false) {
            return Ok(all(Happened::Blocked, "the registry has deletes switched off"));
        }
        let (condemned, mut reports) = self.read(self.reader(registry.as_ref()), &actions).await?;
        self.forget(&reports).await?;
        if let Some(unread) = reports.iter().find(|report| report.outcome == Happened::Failed) {
            // It may list or be the subject of anything here: nobody could tell what has to stay with it.
            let why = format!("{} could not be read, and may need it", unread.digest.short());
            reports.extend(leave_all(condemned.values(), &why));
            return Ok(reports);
        }
        reports.extend(self.carry_out(registry.as_ref(), &condemned, support, asked).await?);
        Ok(reports)
    }

    /// Carries out what could be read.
    async fn carry_out(
        &self,
        registry: &dyn Registry,
        condemned: &BTreeMap<Digest, Condemned<'a>>,
        support: DeleteSupport,
        asked: &mut Asked<'a>,
    ) -> Result<Vec<ActionReport>, StoreError> {
        let relations = Relations::of(condemned);
        let waiting = self.waiting(condemned);
        let kept_tags = self.kept_tags();
        let mut work = Work {
            run: self,
            registry,
            condemned,
            relations: &relations,
            waiting: &waiting,
            support,
            held: self.held(registry, condemned, &kept_tags).await?,
            entries: BTreeMap::new(),
            taken: BTreeMap::new(),
            given_back: BTreeSet::new(),
        };
        let mut looking = Looking {
            run: self,
            reader: self.reader(registry),
            condemned,
            watch: self.watch(self.reader(registry)),
            kept_tags,
            asked,
        };
        let tags_first = is_cheaper_tags_first(registry, support, condemned);
        let done = self.remove_all(&mut work, &mut looking, tags_first).await;
        if done.is_err() {
            // At once: the next run may not find the journal that failed here.
            drop(work.give_back(work.taken.keys().cloned().collect()).await);
        }
        done
    }

    /// Removes everything that is condemned, batch by batch.
    async fn remove_all<'r>(
        &'r self,
        work: &mut Work<'r, 'a>,
        looking: &mut Looking<'r, 'a>,
        tags_first: bool,
    ) -> Result<Vec<ActionReport>, StoreError> {
        let batches = batches(work.relations.units(work.condemned));
        if tags_first {
            for batch in &batches {
                work.journal(&batch.concat()).await?;
            }
            work.take_tags(&batches, looking).await?;
        }
        let mut reports = Vec::new();
        for batch in batches {
            if !tags_first {
                if let Some(why) = self.trouble.why() {
                    let manifests = batch.iter().flatten().filter_map(|digest| work.condemned.get(digest));
                    reports.extend(leave_all(manifests, &why));
                    continue;
                }
                work.journal(&batch.concat()).await?;
            }
            reports.extend(work.remove(batch, looking).await?);
        }
        Ok(reports)
    }

    fn reader<'s>(&'s self, registry: &'s dyn Registry) -> Reader<'s> {
        Reader {
            registry,
            store: self.applier.store,
            name: self.name,
            trouble: &self.trouble,
        }
    }

    /// What must stay because of what was said since the plan, or what no scan has heard.
    async fn held(
        &self,
        registry: &dyn Registry,
        condemned: &BTreeMap<Digest, Condemned<'_>>,
        kept_tags: &BTreeMap<&Digest, Vec<&Tag>>,
    ) -> Result<BTreeMap<Digest, NotNow>, StoreError> {
        let mut held = held_by_labels(self.reader(registry), condemned).await?;
        held.extend(self.protected(condemned, kept_tags).await?);
        Ok(held)
    }

    /// What must stay because of what was said since the plan: by an `undo`, or in the configuration.
    async fn protected(
        &self,
        condemned: &BTreeMap<Digest, Condemned<'_>>,
        kept_tags: &BTreeMap<&Digest, Vec<&Tag>>,
    ) -> Result<BTreeMap<Digest, NotNow>, StoreError> {
        let memory = self.applier.store.repository_memory(self.host, self.name).await?;
        let protection = Protection {
            config: self.applier.config,
            host: self.host,
            name: self.name,
            memory: &memory,
            kept_tags,
            planned_at: self.plan.now,
            now: Timestamp::now(),
        };
        let held = |(digest, condemned): (&Digest, &Condemned<'_>)| {
            Some((digest.clone(), (Happened::Left, protection.of(condemned.action)?)))
        };
        Ok(condemned.iter().filter_map(held).collect())
    }

    /// The next scan shall not look for what is gone by our own hand; and what comes back is new.
    pub(super) async fn forget(&self, done: &[ActionReport]) -> Result<(), StoreError> {
        let done = || done.iter().filter(|report| report.is_done());
        let deleted = done().filter(|report| report.is_gone());
        let gone: BTreeSet<Digest> = deleted.map(|report| report.digest.clone()).collect();
        let untagged = done().filter(|report| report.action == ActionKind::Untag);
        let tags: BTreeSet<Tag> = untagged.flat_map(|report| report.tags.clone()).collect();
        if gone.is_empty() && tags.is_empty() {
            return Ok(());
        }
        self.applier
            .store
            .forget_removed(self.host, self.name, &gone, &tags)
            .await
    }

    /// The next scan shall know what came to light.
    pub(super) async fn learn(&self, referrers: BTreeMap<Digest, Vec<Digest>>) -> Result<(), StoreError> {
        let observation = store::Observation {
            registry: self.host.clone(),
            repository: self.name.clone(),
            taken_at: Timestamp::now(),
            complete: false,
            tags: BTreeMap::new(),
            manifests: BTreeSet::new(),
            gone: BTreeSet::new(),
            referrers,
        };
        self.applier.store.observe(&observation).await.map(drop)
    }

    /// Every registry that the plan speaks of.
    pub(super) fn hosts(&self) -> BTreeSet<&'a RegistryHost> {
        let kept = self
            .plan
            .kept
            .iter()
            .chain(&self.plan.blocked)
            .map(|kept| &kept.registry);
        kept.chain(self.plan.actions.iter().map(|action| &action.registry))
            .collect()
    }

    /// Orphans whose subject was to go from another repository first, and has not.
    fn waiting(&self, condemned: &BTreeMap<Digest, Condemned<'_>>) -> BTreeMap<Digest, String> {
        let orphans = condemned
            .iter()
            .filter(|(_, manifest)| manifest.action.kind == Kind::Orphan);
        let waits = |(digest, manifest): (&Digest, &Condemned<'_>)| {
            let subjects = manifest.subjects();
            let elsewhere = self.plan.actions.iter().filter(|action| {
                action.registry == *self.host && action.repository != *self.name && subjects.contains(&action.digest)
            });
            let first = elsewhere.into_iter().find(|action| !self.gone.has(action))?;
            Some((
                digest.clone(),
                format!(
                    "its subject {} has not gone from {}",
                    first.digest.short(),
                    first.repository
                ),
            ))
        };
        orphans.filter_map(waits).collect()
    }

    /// The tags that stay, by what they point to.
    fn kept_tags(&self) -> BTreeMap<&'a Digest, Vec<&'a Tag>> {
        let mut tags: BTreeMap<&Digest, Vec<&Tag>> = BTreeMap::new();
        for kept in self.plan.kept.iter().chain(&self.plan.blocked) {
            if kept.registry == *self.host && kept.repository == *self.name {
                tags.entry(&kept.digest).or_default().extend(&kept.tag);
            }
        }
        tags
    }

    fn watch<'s>(&'s self, reader: Reader<'s>) -> Watch<'s> {
        let here = |host: &RegistryHost, name: &RepositoryName| host == self.host && name == self.name;
        let kept = self.plan.kept.iter().chain(&self.plan.blocked);
        let kept = kept.filter(|kept| here(&kept.registry, &kept.repository));
        let actions = self.plan.actions.iter();
        let actions = actions.filter(|action| here(&action.registry, &action.repository));
        let planned = kept.map(|kept| &kept.digest);
        let planned = planned.chain(actions.clone().map(|action| &action.digest)).collect();
        let tags = actions.flat_map(|action| action.tags.iter().map(|tag| (tag, &action.digest)));
        Watch::new(reader, tags.collect(), planned)
    }

    /// The bytes of everything condemned: from the cache, else from the registry, which may not have it any more.
    async fn read(
        &self,
        reader: Reader<'_>,
        actions: &[Numbered<'a>],
    ) -> Result<(BTreeMap<Digest, Condemned<'a>>, Vec<ActionReport>), StoreError> {
        let digests: Vec<Digest> = actions.iter().map(|(_, action)| action.digest.clone()).collect();
        let mut read = reader.read(&digests).await?;
        let (mut condemned, mut unread, mut stowed) = (BTreeMap::new(), Vec::new(), Vec::new());
        for (sequence, action) in actions {
            match read.remove(&action.digest).unwrap_or(Ok(None)) {
                Ok(Some(parsed)) => {
                    let manifest = Condemned {
                        sequence: *sequence,
                        action,
                        parsed,
                    };
                    condemned.insert(action.digest.clone(), manifest);
                }
                Ok(None) => unread.push(ActionReport::new(action, Happened::AlreadyGone, None)),
                Err(why) if why.is_stowed => stowed.push((*action, why)),
                Err(why) => unread.push(ActionReport::new(action, Happened::Failed, Some(why.to_string()))),
            }
        }
        unread.extend(leave_stowed(reader, stowed).await);
        Ok((condemned, unread))
    }
}

/// What the registry keeps where it cannot be read cannot be saved either, and stays. If it may be an index, nobody knows
/// what has to stay with it, and that counts as a failure.
async fn leave_stowed(reader: Reader<'_>, stowed: Vec<(&Action, Unread)>) -> Vec<ActionReport> {
    if stowed.is_empty() {
        return Vec::new();
    }
    let listing = reader
        .registry
        .listing(reader.name)
        .await
        .ok()
        .flatten()
        .unwrap_or_default();
    let is_alone = |digest: &Digest| {
        let listed = listing.manifests.get(digest);
        listed.is_some_and(|listed| !listed.may_list_others())
    };
    let leave = |(action, why): (&Action, Unread)| {
        let outcome = if is_alone(&action.digest) {
            Happened::Blocked
        } else {
            Happened::Failed
        };
        ActionReport::new(action, outcome, Some(why.to_string()))
    };
    stowed.into_iter().map(leave).collect()
}

/// Where enough tags go, and single ones can be removed, they go first.
fn is_cheaper_tags_first(
    registry: &dyn Registry,
    support: DeleteSupport,
    condemned: &BTreeMap<Digest, Condemned<'_>>,
) -> bool {
    let deleted = condemned.values().map(|condemned| condemned.action);
    let deleted = deleted.filter(|action| action.action == ActionKind::Delete);
    let tags: usize = deleted.map(|action| action.tags.len()).sum();
    support.delete_tag == Some(true) && registry.tags_first().is_some_and(|from| tags >= from)
}

/// Units, as many together as are synced at once.
fn batches(units: Vec<Vec<Digest>>) -> Vec<Batch> {
    let mut batches: Vec<Batch> = Vec::new();
    let mut room = 0;
    for unit in units {
        if room == 0 {
            batches.push(Vec::new());
            room = BATCH;
        }
        room = room.saturating_sub(unit.len());
        if let Some(batch) = batches.last_mut() {
            batch.push(unit);
        }
    }
    batches
}

fn leave_all<'c, 'p: 'c>(
    condemned: impl Iterator<Item = &'c Condemned<'p>>,
    why: &str,
) -> impl Iterator<Item = ActionReport> {
    condemned.map(move |condemned| ActionReport::new(condemned.action, Happened::Left, Some(why.to_owned())))
}

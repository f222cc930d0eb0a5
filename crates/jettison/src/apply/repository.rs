//! Applies the plan to one repository: what hangs together goes together, or stays together.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jettison_core::model::{Digest, Kind, RegistryHost, RepositoryName, Tag};
use jettison_core::plan::{Action, ActionKind, Plan};
use jettison_core::recognise::ParsedManifest;
use jiff::Timestamp;

use super::batch::Batch;
use super::look::Looking;
use super::report::{ActionReport, Happened};
use super::unit::{Condemned, Relations};
use super::watch::Watch;
use super::{Applier, Asked, Gone};
use crate::output::Progress;
use crate::registry::{ManifestReference, Registry};
use crate::store::{self, CachedManifest, RunId, StoreError};

/// Manifests whose journal entries are synced at once.
const BATCH: usize = 100;

/// The work on one repository.
pub(super) struct RepositoryRun<'a> {
    pub(super) applier: &'a Applier<'a>,
    pub(super) plan: &'a Plan,
    pub(super) run: &'a RunId,
    pub(super) host: &'a RegistryHost,
    pub(super) name: &'a RepositoryName,
    /// What went from other repositories in this run.
    pub(super) gone: &'a Gone,
    pub(super) progress: &'a Progress,
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
            return Ok(all(
                Happened::Refused,
                "the fuse of this repository is blown; see --accept-share",
            ));
        }
        let Some(registry) = self.applier.registries.get(self.host) else {
            return Ok(all(Happened::Failed, "the registry is not known here"));
        };
        let support = match registry.probe_deletes(self.name).await {
            Ok(support) => support,
            Err(error) => return Ok(all(Happened::Failed, &error.to_string())),
        };
        if support.delete == Some(false) {
            return Ok(all(Happened::Blocked, "the registry has deletes switched off"));
        }
        let mut reports = Vec::new();
        let (condemned, unread) = self.read(registry, &actions).await?;
        reports.extend(unread);
        if let Some(unread) = reports.iter().find(|report| report.outcome == Happened::Failed) {
            // It may list or be the subject of anything here: nobody could tell what has to stay with it.
            let why = format!("{} could not be read, and may need it", unread.digest.short());
            let left = condemned
                .values()
                .map(|condemned| ActionReport::new(condemned.action, Happened::Left, Some(why.clone())));
            let left: Vec<ActionReport> = left.collect();
            reports.extend(left);
            return Ok(reports);
        }
        let relations = Relations::of(&condemned);
        let waiting = self.waiting(&condemned);
        let mut looking = Looking {
            run: self,
            registry: registry.as_ref(),
            condemned: &condemned,
            kept_tags: self.kept_tags(),
            watch: self.watch(registry, &actions),
            asked,
        };
        let mut gone: BTreeSet<Digest> = settled(&reports);
        let mut batch: Vec<Vec<Digest>> = Vec::new();
        let units = relations.units(&condemned);
        let last = units.len();
        for (position, unit) in units.into_iter().enumerate() {
            batch.push(unit);
            if batch.iter().map(Vec::len).sum::<usize>() >= BATCH || position + 1 == last {
                let work = Batch {
                    run: self,
                    registry: registry.as_ref(),
                    condemned: &condemned,
                    relations: &relations,
                    waiting: &waiting,
                    support,
                };
                let done = work.apply(std::mem::take(&mut batch), &mut looking, &gone).await?;
                gone.extend(settled(&done));
                reports.extend(done);
            }
        }
        self.forget(&reports).await?;
        Ok(reports)
    }

    /// The next scan shall not look for what is gone by our own hand; and what comes back is new.
    async fn forget(&self, done: &[ActionReport]) -> Result<(), StoreError> {
        let gone = done
            .iter()
            .filter(|report| report.is_gone())
            .map(|report| report.digest.clone())
            .collect();
        let untagged = done.iter().filter(|report| report.action == ActionKind::Untag);
        let tags = untagged.flat_map(|report| report.tags.clone()).collect();
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

    fn watch(&self, registry: &'a Arc<dyn Registry>, actions: &[Numbered<'a>]) -> Watch<'a> {
        let here = |host: &RegistryHost, name: &RepositoryName| host == self.host && name == self.name;
        let kept = self.plan.kept.iter().chain(&self.plan.blocked);
        let planned = kept
            .filter(|kept| here(&kept.registry, &kept.repository))
            .map(|kept| &kept.digest);
        let planned = planned
            .chain(actions.iter().map(|(_, action)| &action.digest))
            .collect();
        let tags = actions
            .iter()
            .flat_map(|(_, action)| action.tags.iter().map(|tag| (tag, &action.digest)));
        Watch::new(
            registry.as_ref(),
            self.applier.store,
            self.name,
            tags.collect(),
            planned,
        )
    }

    /// The bytes of everything condemned: from the cache, else from the registry, which may not have it any more.
    async fn read(
        &self,
        registry: &Arc<dyn Registry>,
        actions: &[Numbered<'a>],
    ) -> Result<(BTreeMap<Digest, Condemned<'a>>, Vec<ActionReport>), StoreError> {
        let mut condemned = BTreeMap::new();
        let mut unread = Vec::new();
        for actions in actions.chunks(BATCH) {
            let digests: Vec<Digest> = actions.iter().map(|(_, action)| action.digest.clone()).collect();
            let cached = self.applier.store.manifests(&digests).await?;
            for (sequence, action) in actions {
                let parsed = match cached.get(&action.digest) {
                    Some(cached) => parse(&cached.media_type, &cached.bytes).map(Some),
                    None => self.fetch(registry.as_ref(), &action.digest).await?,
                };
                match parsed {
                    Ok(Some(parsed)) => {
                        condemned.insert(
                            action.digest.clone(),
                            Condemned {
                                sequence: *sequence,
                                action,
                                parsed,
                            },
                        );
                    }
                    Ok(None) => unread.push(ActionReport::new(action, Happened::AlreadyGone, None)),
                    Err(why) => unread.push(ActionReport::new(action, Happened::Failed, Some(why))),
                }
            }
        }
        Ok((condemned, unread))
    }

    pub(super) async fn fetch(
        &self,
        registry: &dyn Registry,
        digest: &Digest,
    ) -> Result<Result<Option<ParsedManifest>, String>, StoreError> {
        let reference = ManifestReference::Digest(digest.clone());
        let fetched = match registry.manifest(self.name, &reference).await {
            Ok(Some(fetched)) => fetched,
            Ok(None) => return Ok(Ok(None)),
            Err(error) => return Ok(Err(error.to_string())),
        };
        let parsed = parse(&fetched.media_type, &fetched.bytes);
        let bytes = fetched.bytes.to_vec();
        let manifest = CachedManifest {
            digest: fetched.digest,
            media_type: fetched.media_type,
            bytes,
        };
        self.applier.store.put_manifests(&[manifest]).await?;
        Ok(parsed.map(Some))
    }
}

pub(super) fn parse(media_type: &str, bytes: &[u8]) -> Result<ParsedManifest, String> {
    ParsedManifest::read(Some(media_type), bytes).map_err(|error| error.to_string())
}

fn settled(reports: &[ActionReport]) -> BTreeSet<Digest> {
    let done = |report: &&ActionReport| matches!(report.outcome, Happened::Done | Happened::AlreadyGone);
    let deleted = reports
        .iter()
        .filter(done)
        .filter(|report| report.action == ActionKind::Delete);
    deleted.map(|report| report.digest.clone()).collect()
}

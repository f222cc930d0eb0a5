//! Applies the plan to one repository: what hangs together goes together, or stays together.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures_util::{StreamExt as _, stream};
use jettison_core::evaluate::used;
use jettison_core::facts::{Facts, Origin};
use jettison_core::model::{
    Blob, Capabilities, Digest, Inventory, Kind, Manifest, RegistryHost, Repository, RepositoryName, Schema, TagEntry,
    Usage,
};
use jettison_core::plan::{Action, ActionKind, Plan};
use jettison_core::reason::{Hold, Reason};
use jettison_core::recognise::ParsedManifest;
use jiff::Timestamp;

use super::removal::remove;
use super::report::{ActionReport, Happened};
use super::unit::{Condemned, Relations};
use super::watch::Watch;
use super::{Applier, Asked};
use crate::output::Progress;
use crate::registry::{DeleteSupport, ManifestReference, Referrers, Registry};
use crate::store::{self, CachedManifest, EntryId, Intent, NewOutcome, RunId, StoreError};

/// Manifests whose journal entries are synced at once.
const BATCH: usize = 100;

/// Units that are removed at once: more gains nothing on the registries that were measured.
const REMOVALS: usize = 8;

/// The work on one repository.
pub(super) struct RepositoryRun<'a> {
    pub(super) applier: &'a Applier<'a>,
    pub(super) plan: &'a Plan,
    pub(super) run: &'a RunId,
    pub(super) host: &'a RegistryHost,
    pub(super) name: &'a RepositoryName,
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
        asked: &mut Asked<'_>,
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
        let relations = Relations::of(&condemned);
        let mut watch = self.watch(registry, &actions);
        let mut gone: BTreeSet<Digest> = settled(&reports);
        let mut batch: Vec<Vec<Digest>> = Vec::new();
        let units = relations.units(&condemned);
        let last = units.len();
        for (position, unit) in units.into_iter().enumerate() {
            batch.push(unit);
            if batch.iter().map(Vec::len).sum::<usize>() >= BATCH || position + 1 == last {
                let work = Batch {
                    run: self,
                    registry,
                    condemned: &condemned,
                    relations: &relations,
                    support,
                };
                let done = work.apply(std::mem::take(&mut batch), &mut watch, asked, &gone).await?;
                gone.extend(settled(&done));
                reports.extend(done);
            }
        }
        self.forget(gone).await?;
        Ok(reports)
    }

    /// What is gone by our own hand is not looked for in the next scan.
    async fn forget(&self, gone: BTreeSet<Digest>) -> Result<(), StoreError> {
        let observation = store::Observation {
            registry: self.host.clone(),
            repository: self.name.clone(),
            taken_at: Timestamp::now(),
            complete: false,
            tags: BTreeMap::new(),
            manifests: BTreeSet::new(),
            gone,
            referrers: BTreeMap::new(),
        };
        self.applier.store.observe(&observation).await.map(drop)
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

    async fn fetch(
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

fn parse(media_type: &str, bytes: &[u8]) -> Result<ParsedManifest, String> {
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

/// Some units of one repository, journalled together.
struct Batch<'a> {
    run: &'a RepositoryRun<'a>,
    registry: &'a Arc<dyn Registry>,
    condemned: &'a BTreeMap<Digest, Condemned<'a>>,
    relations: &'a Relations,
    support: DeleteSupport,
}

impl Batch<'_> {
    async fn apply(
        &self,
        units: Vec<Vec<Digest>>,
        watch: &mut Watch<'_>,
        asked: &mut Asked<'_>,
        gone: &BTreeSet<Digest>,
    ) -> Result<Vec<ActionReport>, StoreError> {
        let digests: Vec<Digest> = units.iter().flatten().cloned().collect();
        let (entries, unsaved) = self.record_intents(&digests).await?;
        let held = self.held(&digests, unsaved, watch, asked).await?;
        let staying = self.relations.staying(held.keys().cloned());
        let leave = Leave {
            held: &held,
            staying: &staying,
        };
        let reports: Vec<ActionReport> = stream::iter(units)
            .map(|unit| self.remove_unit(unit, &leave, gone))
            .buffer_unordered(REMOVALS)
            .flat_map(stream::iter)
            .collect()
            .await;
        let at = Timestamp::now();
        let outcomes: Vec<NewOutcome> = reports
            .iter()
            .filter_map(|report| {
                Some(NewOutcome {
                    entry: *entries.get(&report.digest)?,
                    outcome: report.recorded(),
                    at,
                })
            })
            .collect();
        self.run.applier.store.record_outcomes(&outcomes).await?;
        Ok(reports)
    }

    /// Writes to the journal what is about to go. What cannot be saved must stay.
    async fn record_intents(
        &self,
        digests: &[Digest],
    ) -> Result<(BTreeMap<Digest, EntryId>, BTreeMap<Digest, String>), StoreError> {
        let store = self.run.applier.store;
        let cached = store.manifests(digests).await?;
        let mut intents = Vec::new();
        let mut unsaved = BTreeMap::new();
        for digest in digests {
            let Some(condemned) = self.condemned.get(digest) else {
                continue;
            };
            match cached.get(digest) {
                Some(cached) => intents.push(self.intent(condemned, cached)),
                None => {
                    let why = "its bytes could not be saved, so that it could not be put back";
                    unsaved.insert(digest.clone(), why.to_owned());
                }
            }
        }
        let ids = store.record_intent(self.run.run, &intents).await?;
        Ok((
            intents.into_iter().map(|intent| intent.digest).zip(ids).collect(),
            unsaved,
        ))
    }

    fn intent(&self, condemned: &Condemned<'_>, cached: &CachedManifest) -> Intent {
        let action = condemned.action;
        let root = match &action.reason {
            Reason::Follows { root, .. } => root.clone(),
            _ => action.digest.clone(),
        };
        Intent {
            registry: action.registry.clone(),
            repository: action.repository.clone(),
            digest: action.digest.clone(),
            action: match action.action {
                ActionKind::Delete => store::Action::Delete,
                ActionKind::Untag => store::Action::Untag,
            },
            root,
            tags: action.tags.clone(),
            media_type: cached.media_type.clone(),
            bytes: cached.bytes.clone(),
            referrers: self.relations.referrers_of(&action.digest, self.condemned),
            reason_json: serde_json::to_string(&action.reason).unwrap_or_default(),
            sequence: condemned.sequence,
        }
    }

    /// What must not go after all, each with the reason: in use now, wanted by a tag, attached to since.
    async fn held(
        &self,
        digests: &[Digest],
        unsaved: BTreeMap<Digest, String>,
        watch: &mut Watch<'_>,
        asked: &mut Asked<'_>,
    ) -> Result<BTreeMap<Digest, NotNow>, StoreError> {
        let mut held: BTreeMap<Digest, NotNow> = failed(unsaved).collect();
        // An image that only loses tags stays, whatever else points to it.
        let deletes = |digest: &&Digest| {
            self.condemned
                .get(*digest)
                .is_some_and(|condemned| condemned.action.action == ActionKind::Delete)
        };
        let deleted: Vec<Digest> = digests.iter().filter(deletes).cloned().collect();
        match watch.wanted().await {
            Ok(wanted) => {
                for digest in &deleted {
                    if let Some(why) = wanted.get(digest) {
                        let why = || (Happened::Failed, format!("{why} since the plan"));
                        held.entry(digest.clone()).or_insert_with(why);
                    }
                }
            }
            Err(why) => {
                let why = format!("its tags could not be looked up again: {why}");
                for digest in digests {
                    held.entry(digest.clone())
                        .or_insert_with(|| (Happened::Failed, why.clone()));
                }
            }
        }
        for (digest, why) in failed(self.newly_attached(&deleted).await) {
            held.entry(digest).or_insert(why);
        }
        if let Some(usage) = asked.usage().await? {
            for (digest, why) in self.in_use(digests, usage).await? {
                held.entry(digest).or_insert(why);
            }
        }
        Ok(held)
    }

    /// Referrers that were pushed since the plan, where the registry lists referrers.
    async fn newly_attached(&self, digests: &[Digest]) -> Vec<(Digest, String)> {
        let name = self.run.name;
        let ask = |digest: Digest| async move {
            match self.registry.referrers(name, &digest).await {
                Ok(Referrers::Unsupported) => None,
                Ok(Referrers::Listed(referrers)) => {
                    let new = referrers
                        .into_iter()
                        .find(|referrer| !self.condemned.contains_key(referrer))?;
                    Some((digest, format!("{} was attached to it since the plan", new.short())))
                }
                Err(error) => Some((digest, error.to_string())),
            }
        };
        let Some((first, rest)) = digests.split_first() else {
            return Vec::new();
        };
        if self.registry.referrers(name, first).await == Ok(Referrers::Unsupported) {
            return Vec::new();
        }
        let all = std::iter::once(first).chain(rest).cloned();
        stream::iter(all)
            .map(ask)
            .buffer_unordered(REMOVALS)
            .filter_map(|held| async { held })
            .collect()
            .await
    }

    /// What somebody uses now, by the same rules as in the plan.
    async fn in_use(&self, digests: &[Digest], usage: &Usage) -> Result<Vec<(Digest, NotNow)>, StoreError> {
        let inventory = self.inventory(digests).await?;
        let config = self.run.applier.config;
        let facts = Facts {
            inventory: &inventory,
            usage: Some(usage),
            config,
            now: Timestamp::now(),
            origin: Origin::Registries,
        };
        let condemned: BTreeSet<&Digest> = digests.iter().collect();
        let held = used(&facts)
            .into_iter()
            .filter(|((_, _, digest), _)| condemned.contains(digest));
        Ok(held
            .map(|((_, _, digest), reason)| (digest, describe(&reason)))
            .collect())
    }

    /// The condemned manifests, and whatever below them stays, as far as usage needs to know them.
    async fn inventory(&self, digests: &[Digest]) -> Result<Inventory, StoreError> {
        let mut manifests = BTreeMap::new();
        let mut below: BTreeSet<Digest> = BTreeSet::new();
        for digest in digests {
            let Some(condemned) = self.condemned.get(digest) else {
                continue;
            };
            manifests.insert(digest.clone(), manifest(digest, &condemned.parsed));
            below.extend(condemned.parsed.children.iter().cloned());
        }
        while !below.is_empty() {
            let unread: Vec<Digest> = below
                .into_iter()
                .filter(|digest| !manifests.contains_key(digest))
                .collect();
            below = BTreeSet::new();
            for (digest, cached) in self.run.applier.store.manifests(&unread).await? {
                if let Ok(parsed) = parse(&cached.media_type, &cached.bytes) {
                    manifests.insert(digest.clone(), manifest(&digest, &parsed));
                    below.extend(parsed.children);
                }
            }
        }
        let tags = digests
            .iter()
            .filter_map(|digest| self.condemned.get(digest))
            .flat_map(|condemned| {
                condemned.action.tags.iter().map(|tag| TagEntry {
                    name: tag.clone(),
                    digest: condemned.action.digest.clone(),
                    updated_at: None,
                    immutable: false,
                })
            });
        let repository = Repository {
            registry: self.run.host.clone(),
            name: self.run.name.clone(),
            capabilities: Capabilities::default(),
            pull_data_since: None,
            scanned_since: None,
            missing: BTreeSet::new(),
            dangling: BTreeSet::new(),
            gaps: Vec::new(),
            tags: tags.collect(),
            manifests: manifests.into_values().collect(),
        };
        Ok(Inventory {
            schema: Schema,
            taken_at: Timestamp::now(),
            complete_registries: BTreeSet::new(),
            repositories: vec![repository],
            gaps: Vec::new(),
        })
    }

    /// One after the other, in the plan's order: each only if what had to go first is gone.
    async fn remove_unit(&self, unit: Vec<Digest>, leave: &Leave<'_>, gone: &BTreeSet<Digest>) -> Vec<ActionReport> {
        let mut gone_here: BTreeSet<Digest> = BTreeSet::new();
        let mut reports = Vec::with_capacity(unit.len());
        for digest in unit {
            let Some(condemned) = self.condemned.get(&digest) else {
                continue;
            };
            let action = condemned.action;
            let waits_for = self
                .relations
                .first(&digest)
                .find(|first| !gone.contains(*first) && !gone_here.contains(*first));
            let report = if let Some((outcome, why)) = leave.why(&digest) {
                ActionReport::new(action, outcome, Some(why))
            } else if let Some(first) = waits_for {
                ActionReport::new(
                    action,
                    Happened::Left,
                    Some(format!("{} is still there, and needs it", first.short())),
                )
            } else if action.action == ActionKind::Untag && self.support.delete_tag == Some(false) {
                ActionReport::new(
                    action,
                    Happened::Blocked,
                    Some("the registry cannot remove a single tag".to_owned()),
                )
            } else {
                remove(self.registry.as_ref(), action, self.run.applier.options.gone_within).await
            };
            if action.action == ActionKind::Delete && matches!(report.outcome, Happened::Done | Happened::AlreadyGone) {
                gone_here.insert(digest);
            }
            self.run.progress.advance();
            reports.push(report);
        }
        reports
    }
}

/// What has to stay after all.
struct Leave<'a> {
    held: &'a BTreeMap<Digest, NotNow>,
    staying: &'a BTreeMap<Digest, Digest>,
}

impl Leave<'_> {
    fn why(&self, digest: &Digest) -> Option<(Happened, String)> {
        if let Some(held) = self.held.get(digest) {
            return Some(held.clone());
        }
        let because = self.staying.get(digest)?;
        Some((
            Happened::Left,
            format!("it belongs to {}, which stays", because.short()),
        ))
    }
}

/// Why something is not removed now after all, and what that counts as.
type NotNow = (Happened, String);

fn failed(held: impl IntoIterator<Item = (Digest, String)>) -> impl Iterator<Item = (Digest, NotNow)> {
    held.into_iter().map(|(digest, why)| (digest, (Happened::Failed, why)))
}

/// Something that came into use is a failure of the plan; a source that does not answer is a refusal.
fn describe(reason: &Reason) -> NotNow {
    match reason {
        Reason::Hold {
            hold: Hold::UsageIncomplete,
            because,
            ..
        } => (Happened::Refused, because.clone()),
        Reason::Hold { used_by, because, .. } => (
            Happened::Failed,
            format!("in use by now: {because} ({})", used_by.join(", ")),
        ),
        other => (Happened::Failed, other.code().to_owned()),
    }
}

/// As much of a manifest as usage needs: digests and relations.
fn manifest(digest: &Digest, parsed: &ParsedManifest) -> Manifest {
    Manifest {
        digest: digest.clone(),
        kind: parsed.kind.unwrap_or(Kind::Image),
        media_type: parsed.media_type.clone(),
        artifact_type: None,
        config_media_type: None,
        config_digest: parsed.config.as_ref().map(|config| config.digest.clone()),
        size: 0,
        blobs: Vec::<Blob>::new(),
        children: parsed.children.clone(),
        subject: parsed.subject.clone(),
        platform: None,
        created_at: None,
        pushed_at: None,
        untagged_at: None,
        last_pulled_at: None,
        first_seen_at: None,
        restored_at: None,
        labels: BTreeMap::new(),
        annotations: BTreeMap::new(),
    }
}

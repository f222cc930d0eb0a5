//! Some units of one repository: journalled together, then removed, each as far as the latest look allows.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures_util::{StreamExt as _, stream};
use jettison_core::model::Digest;
use jettison_core::plan::{Action, ActionKind};
use jettison_core::reason::Reason;
use jiff::Timestamp;
use tokio::sync::Mutex;

use super::look::{Looking, NotNow, failed};
use super::removal::{Within, remove};
use super::report::{ActionReport, Happened};
use super::repository::RepositoryRun;
use super::unit::{Condemned, Relations};
use crate::registry::{DeleteSupport, Registry};
use crate::store::{self, CachedManifest, EntryId, Intent, NewOutcome, StoreError};

/// Units that are removed at once: more gains nothing on the registries that were measured.
const REMOVALS: usize = 8;

/// Some units of one repository.
pub(super) struct Batch<'r, 'a> {
    pub(super) run: &'r RepositoryRun<'a>,
    pub(super) registry: &'r dyn Registry,
    pub(super) condemned: &'r BTreeMap<Digest, Condemned<'a>>,
    pub(super) relations: &'r Relations,
    /// What waits for something in another repository, and why.
    pub(super) waiting: &'r BTreeMap<Digest, String>,
    pub(super) support: DeleteSupport,
}

/// What has to stay after all, as far as the latest look tells.
struct Leave {
    look: super::look::Look,
    held: BTreeMap<Digest, NotNow>,
    staying: BTreeMap<Digest, Digest>,
}

/// The latest look, and how to look again.
struct Latest<'l, 'r, 'a> {
    looking: &'l mut Looking<'r, 'a>,
    digests: &'l [Digest],
    unsaved: &'l BTreeMap<Digest, String>,
    leave: Option<Arc<Leave>>,
}

impl Batch<'_, '_> {
    /// Removes the units; those of which nothing has to stay.
    ///
    /// # Errors
    /// Only if the store fails.
    pub(super) async fn apply(
        &self,
        units: Vec<Vec<Digest>>,
        looking: &mut Looking<'_, '_>,
        gone: &BTreeSet<Digest>,
    ) -> Result<Vec<ActionReport>, StoreError> {
        let digests: Vec<Digest> = units.iter().flatten().cloned().collect();
        let (entries, unsaved) = self.record_intents(&digests).await?;
        let latest = Latest {
            looking,
            digests: &digests,
            unsaved: &unsaved,
            leave: None,
        };
        let latest = Mutex::new(latest);
        let done: Vec<(Vec<ActionReport>, Result<(), StoreError>)> = stream::iter(units)
            .map(|unit| self.remove_unit(unit, &latest, gone))
            .buffer_unordered(REMOVALS)
            .collect()
            .await;
        let mut reports = Vec::with_capacity(digests.len());
        let mut ended = Ok(());
        for (of_unit, result) in done {
            reports.extend(of_unit);
            ended = ended.and(result);
        }
        let at = Timestamp::now();
        let outcome = |report: &ActionReport| {
            Some(NewOutcome {
                entry: *entries.get(&report.digest)?,
                outcome: report.recorded(),
                at,
            })
        };
        let outcomes: Vec<NewOutcome> = reports.iter().filter_map(outcome).collect();
        self.run.applier.store.record_outcomes(&outcomes).await?;
        ended.map(|()| reports)
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

    /// One after the other, in the plan's order. What was done is reported even if the store fails in between.
    async fn remove_unit(
        &self,
        unit: Vec<Digest>,
        latest: &Mutex<Latest<'_, '_, '_>>,
        gone: &BTreeSet<Digest>,
    ) -> (Vec<ActionReport>, Result<(), StoreError>) {
        let mut gone_here: BTreeSet<Digest> = BTreeSet::new();
        let mut reports = Vec::with_capacity(unit.len());
        for digest in unit {
            let Some(condemned) = self.condemned.get(&digest) else {
                continue;
            };
            let leave = match self.leave(latest).await {
                Ok(leave) => leave,
                Err(error) => return (reports, Err(error)),
            };
            let waits_for = self
                .relations
                .first(&digest)
                .find(|first| !gone.contains(*first) && !gone_here.contains(*first));
            let report = self.remove(condemned.action, &leave, waits_for).await;
            if report.is_gone() {
                gone_here.insert(digest);
            }
            self.run.progress.advance();
            reports.push(report);
        }
        (reports, Ok(()))
    }

    /// Removes one manifest or its tags: only if nothing holds it, and if what had to go first is gone.
    async fn remove(&self, action: &Action, leave: &Leave, waits_for: Option<&Digest>) -> ActionReport {
        let left = |outcome, why| ActionReport::new(action, outcome, Some(why));
        if let Some((outcome, why)) = leave.why(&action.digest) {
            return left(outcome, why);
        }
        if let Some(why) = self.waiting.get(&action.digest) {
            return left(Happened::Left, why.clone());
        }
        if let Some(first) = waits_for {
            return left(
                Happened::Left,
                format!("{} is still there, and needs it", first.short()),
            );
        }
        if action.action == ActionKind::Untag && self.support.delete_tag == Some(false) {
            return left(Happened::Blocked, "the registry cannot remove a single tag".to_owned());
        }
        let within = Within {
            fresh_until: leave.look.fresh_until(),
            gone_within: self.run.applier.options.gone_within,
        };
        remove(self.registry, action, within).await
    }

    /// What has to stay, by a look that is no older than a removal may rely on.
    async fn leave(&self, latest: &Mutex<Latest<'_, '_, '_>>) -> Result<Arc<Leave>, StoreError> {
        let mut latest = latest.lock().await;
        if let Some(leave) = &latest.leave
            && leave.look.is_fresh()
        {
            return Ok(Arc::clone(leave));
        }
        let latest = &mut *latest;
        let look = latest.looking.look(latest.digests).await?;
        let unsaved = latest.unsaved.iter().map(|(digest, why)| (digest.clone(), why.clone()));
        let mut held: BTreeMap<Digest, NotNow> = failed(unsaved).collect();
        for (digest, why) in &look.held {
            held.entry(digest.clone()).or_insert_with(|| why.clone());
        }
        let staying = self.relations.staying(held.keys().cloned());
        let leave = Arc::new(Leave { look, held, staying });
        latest.leave = Some(Arc::clone(&leave));
        Ok(leave)
    }
}

impl Leave {
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

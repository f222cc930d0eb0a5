//! Some units of one repository: journalled together, then removed, each as far as the latest look allows.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures_util::{StreamExt as _, stream};
use jettison_core::model::{Digest, Tag};
use jettison_core::plan::{Action, ActionKind};
use jettison_core::reason::Reason;
use jettison_core::recognise::media_types::{DOCKER_SCHEMA1, DOCKER_SCHEMA1_SIGNED};
use jiff::Timestamp;
use tokio::sync::Mutex;

use super::give_back::{Place, put_tags_back};
use super::look::{Look, Looking, NotNow};
use super::reading::CHUNK;
use super::removal::Removal;
use super::report::{ActionReport, Happened};
use super::repository::RepositoryRun;
use super::unit::{Condemned, Relations};
use crate::registry::{DeleteSupport, Registry};
use crate::store::{self, CachedManifest, EntryId, Intent, NewOutcome, StoreError};

/// The work on one repository, and how far it has come.
pub(super) struct Work<'r, 'a> {
    pub(super) run: &'r RepositoryRun<'a>,
    pub(super) registry: &'r dyn Registry,
    pub(super) condemned: &'r BTreeMap<Digest, Condemned<'a>>,
    pub(super) relations: &'r Relations,
    /// What waits for something in another repository, and why.
    pub(super) waiting: &'r BTreeMap<Digest, String>,
    pub(super) support: DeleteSupport,
    /// What stays whatever the latest look says.
    pub(super) held: BTreeMap<Digest, NotNow>,
    /// What is in the journal.
    pub(super) entries: BTreeMap<Digest, EntryId>,
    /// Tags that were removed before their manifests.
    pub(super) taken: BTreeMap<Digest, Vec<Tag>>,
    /// What got such tags back.
    pub(super) given_back: BTreeSet<Digest>,
}

/// What has to stay after all, as far as the latest look tells.
pub(super) struct Leave {
    pub(super) look: Look,
    held: BTreeMap<Digest, NotNow>,
    staying: BTreeMap<Digest, Digest>,
}

/// The latest look at some manifests, and how to look again.
pub(super) struct Latest<'l, 'r, 'a> {
    pub(super) looking: &'l mut Looking<'r, 'a>,
    pub(super) digests: &'l [Digest],
    pub(super) leave: Option<Arc<Leave>>,
}

impl<'r, 'a> Work<'r, 'a> {
    /// Writes to the journal what is about to go. What cannot be saved must stay.
    ///
    /// # Errors
    /// Only if the store fails: then nothing may go.
    pub(super) async fn journal(&mut self, digests: &[Digest]) -> Result<(), StoreError> {
        // What hangs together may be any number of manifests: nothing goes before all of them are written, and their
        // bytes are not held all at once.
        for chunk in digests.chunks(CHUNK) {
            self.journal_chunk(chunk).await?;
        }
        Ok(())
    }

    async fn journal_chunk(&mut self, digests: &[Digest]) -> Result<(), StoreError> {
        let store = self.run.applier.store;
        let cached = store.manifests(digests).await?;
        let mut intents = Vec::new();
        for digest in digests {
            let Some(condemned) = self.condemned.get(digest) else {
                continue;
            };
            match cached.get(digest) {
                Some(cached) => intents.push(self.intent(condemned, cached)),
                None => drop(self.held.entry(digest.clone()).or_insert_with(|| unsaved(condemned))),
            }
        }
        let ids = store.record_intent(self.run.run, &intents).await?;
        self.entries
            .extend(intents.into_iter().map(|intent| intent.digest).zip(ids));
        Ok(())
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
                ActionKind::Archive => store::Action::Archive,
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

    /// Removes journalled units; those of which nothing has to stay. What was done is recorded even if the store fails
    /// in between, as far as it lets us.
    ///
    /// # Errors
    /// Only if the store fails.
    pub(super) async fn remove(
        &mut self,
        units: Vec<Vec<Digest>>,
        looking: &mut Looking<'r, 'a>,
    ) -> Result<Vec<ActionReport>, StoreError> {
        let digests: Vec<Digest> = units.iter().flatten().cloned().collect();
        let latest = Mutex::new(Latest {
            looking,
            digests: &digests,
            leave: None,
        });
        let work = &*self;
        let done: Vec<(Vec<ActionReport>, Result<(), StoreError>)> = stream::iter(units)
            .map(|unit| work.remove_unit(unit, &latest))
            .buffer_unordered(self.registry.removals_at_once())
            .collect()
            .await;
        let mut reports = Vec::with_capacity(digests.len());
        let mut ended = Ok(());
        for (of_unit, result) in done {
            reports.extend(of_unit);
            ended = ended.and(result);
        }
        self.conclude(&mut reports).await?;
        ended.map(|()| reports)
    }

    /// Gives back the tags of what stays, and records what became of everything.
    async fn conclude(&mut self, reports: &mut [ActionReport]) -> Result<(), StoreError> {
        for report in reports.iter().filter(|report| !report.removed().is_empty()) {
            self.taken.insert(report.digest.clone(), report.removed().to_vec());
        }
        // What may be gone gets no tag: that would bring it back without what belongs to it. The next run looks.
        for report in reports.iter().filter(|report| !report.stays()) {
            self.taken.remove(&report.digest);
        }
        let stays = reports.iter().filter(|report| report.stays());
        let failed = self
            .give_back(stays.map(|report| report.digest.clone()).collect())
            .await;
        for report in &mut *reports {
            if self.given_back.contains(&report.digest) {
                report.add("its tags were put back");
            }
            if let Some(why) = failed.get(&report.digest) {
                report.keep_open(why);
            }
        }
        // Before the outcomes: what has one is not looked at again.
        self.run.forget(reports).await?;
        let at = Timestamp::now();
        let outcome = |report: &ActionReport| {
            Some(NewOutcome {
                entry: *self.entries.get(&report.digest)?,
                outcome: report.recorded()?,
                at,
            })
        };
        let outcomes: Vec<NewOutcome> = reports.iter().filter_map(outcome).collect();
        self.run.applier.store.record_outcomes(&outcomes).await
    }

    /// Puts the tags back that were removed before something that has to stay after all. Those that cannot be put back
    /// are returned with the reason.
    pub(super) async fn give_back(&mut self, digests: Vec<Digest>) -> BTreeMap<Digest, String> {
        let work = &*self;
        let back: Vec<(Digest, Result<u64, String>)> = stream::iter(digests)
            .map(|digest| async move { Some((work.put_tags_back(&digest).await?, digest)) })
            .buffer_unordered(self.registry.removals_at_once())
            .filter_map(|back| async move { back.map(|(back, digest)| (digest, back)) })
            .collect()
            .await;
        let mut failed = BTreeMap::new();
        for (digest, back) in back {
            match back {
                Ok(set) => {
                    self.taken.remove(&digest);
                    if set > 0 {
                        self.given_back.insert(digest);
                    }
                }
                Err(why) => drop(failed.insert(digest, why)),
            }
        }
        failed
    }

    /// Nothing, if no tag was removed before it.
    async fn put_tags_back(&self, digest: &Digest) -> Option<Result<u64, String>> {
        let (tags, entry) = (self.taken.get(digest)?, self.entries.get(digest)?);
        let place = Place {
            registry: self.registry,
            store: self.run.applier.store,
            name: self.run.name,
        };
        let trouble = &self.run.give_back_trouble;
        let back = match trouble.why() {
            Some(why) => Err(why),
            None => put_tags_back(&place, digest, *entry, tags).await.map_err(|error| {
                error.note(trouble);
                error.to_string()
            }),
        };
        Some(back.map_err(|why| {
            let tags = tags.iter().map(Tag::as_str).collect::<Vec<_>>().join(", ");
            let run = self.run.run;
            format!(
                "ATTENTION: not all of its tags {tags} could be put back on {digest}: {why}. The next apply or run \
                 tries again, and so does `jettison undo {run}`"
            )
        }))
    }

    /// One after the other, in the plan's order. What was done is reported even if the store fails in between.
    async fn remove_unit(
        &self,
        unit: Vec<Digest>,
        latest: &Mutex<Latest<'_, 'r, 'a>>,
    ) -> (Vec<ActionReport>, Result<(), StoreError>) {
        let mut gone: BTreeSet<Digest> = BTreeSet::new();
        let mut reports = Vec::with_capacity(unit.len());
        for digest in unit {
            let Some(condemned) = self.condemned.get(&digest) else {
                continue;
            };
            let leave = match self.leave(latest).await {
                Ok(leave) => leave,
                Err(error) => return (reports, Err(error)),
            };
            // What has to go first is always of the same unit.
            let waits_for = self.relations.first(&digest).find(|first| !gone.contains(*first));
            let report = self.remove_one(condemned.action, &leave, waits_for).await;
            if report.is_out_of_the_way() {
                gone.insert(digest);
            }
            self.run.progress.advance();
            reports.push(report);
        }
        (reports, Ok(()))
    }

    /// Removes one manifest or its tags: only if nothing holds it, and if what had to go first is gone.
    async fn remove_one(&self, action: &Action, leave: &Leave, waits_for: Option<&Digest>) -> ActionReport {
        let left = |outcome, why| ActionReport::new(action, outcome, Some(why));
        if let Some((outcome, why)) = self.why_not(&action.digest, leave) {
            return left(outcome, why);
        }
        if let Some(first) = waits_for {
            return left(
                Happened::Left,
                format!("{} is still there, or may be, and needs it", first.short()),
            );
        }
        if action.action == ActionKind::Untag && self.support.delete_tag == Some(false) {
            return left(Happened::Blocked, "the registry cannot remove a single tag".to_owned());
        }
        self.removal(action, leave).carry_out(&self.run.trouble).await
    }

    pub(super) fn removal<'s>(&'s self, action: &'s Action, leave: &Leave) -> Removal<'s> {
        Removal {
            registry: self.registry,
            action,
            fresh_until: leave.look.fresh_until(),
            gone_within: self.run.applier.options.gone_within,
            tags_gone: self.taken.contains_key(&action.digest),
        }
    }

    /// Why something must not be removed now, if so.
    pub(super) fn why_not(&self, digest: &Digest, leave: &Leave) -> Option<NotNow> {
        let waits = || Some((Happened::Left, self.waiting.get(digest)?.clone()));
        let trouble = || Some((Happened::Left, self.run.trouble.why()?));
        leave.why(digest).or_else(waits).or_else(trouble)
    }

    /// What has to stay, by a look that is no older than a removal may rely on. To be asked before each removal.
    ///
    /// # Errors
    /// If the store fails, or is not where the journal was written.
    pub(super) async fn leave(&self, latest: &Mutex<Latest<'_, 'r, 'a>>) -> Result<Arc<Leave>, StoreError> {
        let mut latest = latest.lock().await;
        let latest = &mut *latest;
        self.run.applier.store.expect_in_place(self.run.lock)?;
        // Who must not ask any more removes nothing either, so that an old look does no harm.
        let still_good = |leave: &&Arc<Leave>| leave.look.is_fresh() || self.run.trouble.why().is_some();
        if let Some(leave) = latest.leave.as_ref().filter(still_good) {
            return Ok(Arc::clone(leave));
        }
        let look = match self.run.trouble.why() {
            Some(why) => Look::holding(latest.digests, &(Happened::Left, why)),
            None => latest.looking.look(latest.digests).await?,
        };
        let leave = Arc::new(self.leave_by(look));
        latest.leave = Some(Arc::clone(&leave));
        Ok(leave)
    }

    fn leave_by(&self, look: Look) -> Leave {
        let mut held = self.held.clone();
        for (digest, why) in &look.held {
            held.entry(digest.clone()).or_insert_with(|| why.clone());
        }
        let staying = self.relations.staying(held.keys().cloned());
        Leave { look, held, staying }
    }
}

/// What the cache cannot prove to be whole cannot be put back, and so must not go. The digest of a signed manifest of
/// schema 1 is that of its signed part only: nothing tells whether the rest of the bytes is what it was.
fn unsaved(condemned: &Condemned<'_>) -> NotNow {
    if [DOCKER_SCHEMA1, DOCKER_SCHEMA1_SIGNED].contains(&condemned.parsed.media_type.as_str()) {
        let why = "it is a signed manifest of Docker's schema 1: its digest does not cover all of its bytes, so that it \
                   could not be put back as it was. It stays";
        return (Happened::Blocked, why.to_owned());
    }
    let why = "its bytes could not be saved, so that it could not be put back";
    (Happened::Failed, why.to_owned())
}

impl Leave {
    fn why(&self, digest: &Digest) -> Option<NotNow> {
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

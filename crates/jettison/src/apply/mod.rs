//! Carries out a plan: journal first, ask again, remove, check, record (design, section 6).
//!
//! It makes no choice of its own. All it can do beyond the plan is to leave something alone, because facts
//! have changed since. A failure stops what hangs together with it, and nothing else.

mod batch;
mod check;
mod give_back;
mod labels;
mod look;
mod protected;
mod reading;
mod removal;
mod report;
mod repository;
mod settle;
mod tags_first;
mod trouble;
mod unit;
mod watch;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jettison_core::config::{Config, Share};
use jettison_core::model::{Digest, Kind, RegistryHost, RepositoryName, Usage};
use jettison_core::plan::{Action, Plan};
use jiff::Timestamp;
use tokio::time::Instant;

use crate::output::{Face, Progress};
use crate::registry::Registry;
use crate::store::{RunId, RunLock, RunStart, RunStatus, Store, StoreError};
use crate::usage::Collector;

pub use check::Refusal;
pub use report::{ActionReport, Happened, RunReport};
pub use settle::{Settled, SettledRun, interrupted_hosts, settle};

use repository::RepositoryRun;
use trouble::{Patience, Trouble};

/// How old an observation may be that a removal relies on.
const FRESH: Duration = Duration::from_secs(60);

/// How long a registry may take to carry out a delete that it accepted, unless somebody says otherwise.
pub const GONE_WITHIN: Duration = Duration::from_secs(60);

/// What an apply works with.
#[derive(Debug)]
pub struct Applier<'a> {
    /// The journal, the cache and the ledger.
    pub store: &'a Store,
    /// The registries that the plan speaks of.
    pub registries: &'a BTreeMap<RegistryHost, Arc<dyn Registry>>,
    /// Whom to ask again who uses what.
    pub usage: Collector<'a>,
    /// The configuration.
    pub config: &'a Config,
    /// What somebody accepted, and how to report.
    pub options: ApplyOptions,
}

/// What somebody accepted, and how to report.
#[derive(Debug, Clone)]
pub struct ApplyOptions {
    /// The command, for the journal.
    pub command: String,
    /// The largest share of a repository's roots that may go although the fuse is blown.
    pub accept_share: Option<Share>,
    /// Nobody is to be asked who uses what.
    pub no_usage: bool,
    /// How to report progress.
    pub face: Face,
    /// How long a registry may take to carry out a delete that it accepted.
    pub gone_within: Duration,
}

/// Whether a plan may be applied at `now`: a door for the fuzz targets, which have no registry.
///
/// # Errors
/// Why it may not.
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub fn check_at(plan: &Plan, config: &Config, options: &ApplyOptions, now: Timestamp) -> Result<(), Refusal> {
    check::check(plan, config, options, now)
}

/// Why an apply did not come to its end.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// The plan may not be applied, or not so.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The store fails, or another run has it.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Applier<'_> {
    /// Whether a plan may be applied at all, before anybody is asked to agree.
    ///
    /// # Errors
    /// Why it may not.
    pub fn check(&self, plan: &Plan) -> Result<(), ApplyError> {
        Ok(check::check(plan, self.config, &self.options, Timestamp::now())?)
    }

    /// Applies a plan, once every interrupted run is settled as far as the registries of this plan answer.
    ///
    /// # Errors
    /// If the plan is refused as a whole, or the store fails. Whatever the registry refuses stands in the report.
    pub async fn apply(&self, plan: &Plan) -> Result<RunReport, ApplyError> {
        self.check(plan)?;
        let started_at = Timestamp::now();
        let id = RunId::draw(started_at);
        let lock = self
            .store
            .lock_for_run(&format!("run {id} ({})", self.options.command))?;
        let settled = settle(self.store, self.registries, &lock, self.options.face).await?;
        let start = RunStart {
            id,
            plan_id: Some(plan.id.clone()),
            started_at,
            command: self.options.command.clone(),
        };
        let run = self.store.begin_new_run(start).await?;
        let mut report = RunReport::new(&run, plan, started_at);
        report.actions = self.carry_out(plan, (&run, &lock), &settled).await?;
        report.close(Timestamp::now());
        report.status = status(&report, plan);
        // What could not be put back, or may be gone or not, keeps the run open, so that whatever comes next settles it.
        if !report.actions.iter().any(ActionReport::is_open) {
            self.store.end_run(&run, report.status, report.ended_at).await?;
        }
        Ok(report)
    }

    /// One repository after the other.
    async fn carry_out(
        &self,
        plan: &Plan,
        (run, lock): (&RunId, &RunLock),
        settled: &Settled,
    ) -> Result<Vec<ActionReport>, StoreError> {
        let repositories = by_repository(plan);
        let sizes = sizes(plan);
        let size = |place: &Place<'_>| sizes.get(place).copied().unwrap_or_default();
        let parts = repositories
            .iter()
            .map(|(place, actions)| (size(place), actions.len() as u64));
        let progress = Progress::in_classes(self.options.face, "removing", parts);
        let mut asked = Asked {
            usage: None,
            applier: self,
        };
        let gone = Gone::default();
        let mut patience = Patience::default();
        let mut reports = Vec::with_capacity(plan.actions.len());
        for (place, actions) in repositories {
            let (host, name) = place;
            let before = progress.done();
            let total = actions.len() as u64;
            progress.turn_to(size(&place));
            let leave = |outcome, why: &str| {
                let report = |(_, action): &(u64, &Action)| ActionReport::new(action, outcome, Some(why.to_owned()));
                actions.iter().map(report).collect::<Vec<_>>()
            };
            if let Some(why) = settled.open(host, name) {
                reports.extend(leave(Happened::Failed, &why));
            } else if let Some(why) = patience.exhausted(host) {
                reports.extend(leave(Happened::Left, why));
            } else {
                let repository = RepositoryRun {
                    applier: self,
                    plan,
                    run,
                    lock,
                    host,
                    name,
                    gone: &gone,
                    progress: &progress,
                    trouble: Trouble::default(),
                    give_back_trouble: Trouble::default(),
                };
                let done = repository.run(actions, &mut asked).await?;
                patience.note(host, &repository.trouble);
                gone.add(&done);
                reports.extend(done);
            }
            progress.pass(total.saturating_sub(progress.done() - before));
        }
        progress.finish();
        Ok(reports)
    }

    /// Whether somebody accepted what the fuse of a repository refuses.
    fn accepts(&self, plan: &Plan, host: &RegistryHost, name: &RepositoryName) -> bool {
        let refused = plan
            .limits
            .refused
            .iter()
            .find(|refused| refused.registry == *host && refused.repository == *name);
        match (refused, self.options.accept_share) {
            (None, _) => true,
            (Some(_), None) => false,
            // What is printed as 97 % is accepted as 97 %, though it may be a little less.
            (Some(refused), Some(accepted)) => refused.share <= accepted.as_ratio() + 1e-9,
        }
    }
}

/// Of what fits the worst, as with exit codes: a night in which nothing could be read is no good one.
fn status(report: &RunReport, plan: &Plan) -> RunStatus {
    let left = report.refused + report.blocked + report.left;
    match (report.failed + report.unknown, left) {
        (1.., _) => RunStatus::PartlyFailed,
        (0, 1..) => RunStatus::Refused,
        (0, 0) if !plan.gaps.is_empty() => RunStatus::Incomplete,
        (0, 0) => RunStatus::Done,
    }
}

/// The answers of the usage sources, no older than [`FRESH`] when they are given.
struct Asked<'a> {
    usage: Option<(Instant, Option<Usage>)>,
    applier: &'a Applier<'a>,
}

impl Asked<'_> {
    /// When the answers that are at hand were asked for.
    fn at(&self) -> Option<Instant> {
        self.usage.as_ref().map(|(at, _)| *at)
    }

    async fn usage(&mut self) -> Result<Option<&Usage>, StoreError> {
        let stale = self.usage.as_ref().is_none_or(|(at, _)| at.elapsed() >= FRESH);
        if stale {
            // The moment before asking: an answer is as old as the question.
            let at = Instant::now();
            self.usage = Some((at, self.applier.usage.collect(Timestamp::now()).await?));
        }
        Ok(self.usage.as_ref().and_then(|(_, usage)| usage.as_ref()))
    }
}

/// What went in this run, from whatever repository.
#[derive(Debug, Default)]
struct Gone(Mutex<BTreeSet<(RegistryHost, RepositoryName, Digest)>>);

impl Gone {
    fn add(&self, done: &[ActionReport]) {
        let gone = done.iter().filter(|action| action.is_gone());
        let places = gone.map(|action| {
            (
                action.registry.clone(),
                action.repository.clone(),
                action.digest.clone(),
            )
        });
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend(places);
    }

    fn has(&self, action: &Action) -> bool {
        let place = (
            action.registry.clone(),
            action.repository.clone(),
            action.digest.clone(),
        );
        self.0.lock().unwrap_or_else(PoisonError::into_inner).contains(&place)
    }
}

/// A repository.
type Place<'p> = (&'p RegistryHost, &'p RepositoryName);

/// A repository's actions with their places in the plan.
type OfRepository<'p> = (Place<'p>, Vec<(u64, &'p Action)>);

/// How many digits the number of each repository's tags has: a removal takes about the same time where that is equal.
fn sizes(plan: &Plan) -> BTreeMap<Place<'_>, u32> {
    let mut tags: BTreeMap<Place<'_>, usize> = BTreeMap::new();
    for action in &plan.actions {
        *tags.entry((&action.registry, &action.repository)).or_default() += action.tags.len();
    }
    for kept in &plan.kept {
        *tags.entry((&kept.registry, &kept.repository)).or_default() += usize::from(kept.tag.is_some());
    }
    tags.into_iter()
        .map(|(place, tags)| (place, tags.max(1).ilog10()))
        .collect()
}

/// The plan's actions, repository by repository. Those with orphans come last: the subject of one may be about to go
/// elsewhere, and has to go first.
fn by_repository(plan: &Plan) -> Vec<OfRepository<'_>> {
    let mut repositories: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for (sequence, action) in (0..).zip(&plan.actions) {
        repositories
            .entry((&action.registry, &action.repository))
            .or_default()
            .push((sequence, action));
    }
    let mut repositories: Vec<OfRepository<'_>> = repositories.into_iter().collect();
    repositories.sort_by_key(|(_, actions)| actions.iter().any(|(_, action)| action.kind == Kind::Orphan));
    repositories
}

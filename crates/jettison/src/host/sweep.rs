//! Takes what the plan lets go, in two steps: marked at one look, taken only after a second one that agrees; and each image
//! is asked about once more right before it goes.
//!
//! Decides nothing, forces nothing, and says in the ledger what it is about to take before it takes it. It ends between two
//! images when it is told to; an end at any other point leaves nothing that the next run would not see.

mod removal;
mod report;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;
use std::time::{Duration, Instant};

use jettison_core::config::ProtectPattern;
use jettison_core::host::{
    Departure, Disk, GoReason, HostFacts, HostPlan, HostSettings, ImageStore, StayReason, decide,
};
use jettison_core::model::Digest;
use jiff::{SignedDuration, Timestamp};
use tokio::sync::watch;

use super::HostError;
use super::disk::{disk_of, is_fuller_than};
use super::engine::HostEngine;
use super::ledger::{HostLedger, HostRemoval};
use super::lock::HostLock;
use super::look::{LookOptions, look};
use super::pullable::Pullable;
use removal::Outcome;
pub use report::{HostProgress, HostReport, Left};

/// A decision that is older is made again before the next image goes.
const FRESH: Duration = Duration::from_secs(10);

/// So many of the latest runs are looked through for one that was interrupted; each run looks.
const SETTLED: usize = 20;

/// These stores write digests to images that were built here, too.
const UNPROVEN: &str = "this engine gives a digest to what was built here as well, so that only the registry can say whether \
                        it has it; --verify-pullable asks";

/// A whole run of `jettison host prune`, or one round of `watch`.
pub struct Sweep<'a> {
    /// The engine.
    pub engine: &'a dyn HostEngine,
    /// What is remembered of it.
    pub ledger: &'a dyn HostLedger,
    /// What may go.
    pub settings: &'a HostSettings,
    /// What the configuration protects.
    pub protect: &'a [ProtectPattern],
    /// How it is looked at.
    pub options: LookOptions,
    /// Who knows whether an image could be pulled again; `None`: nobody is asked, and where the engine writes a digest to
    /// images that were built here as well, none goes.
    pub verify: Option<&'a dyn Pullable>,
    /// What time it is.
    pub clock: &'a (dyn Fn() -> Timestamp + Send + Sync),
    /// Is told how far it is.
    pub progress: &'a (dyn Fn(HostProgress<'_>) + Send + Sync),
}

impl fmt::Debug for Sweep<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sweep")
            .field("engine", &self.engine)
            .finish_non_exhaustive()
    }
}

/// A look, and what was decided after it.
struct View {
    facts: HostFacts,
    plan: HostPlan,
}

/// What goes now, and since when it is decided.
struct Agreed {
    plan: HostPlan,
    at: Instant,
}

impl Sweep<'_> {
    /// Runs it. When `stop` becomes true it ends before the next image.
    ///
    /// # Errors
    /// If the engine does not answer before anything was taken, another run works on it, or nothing can be noted. What goes
    /// wrong later is told in the report.
    pub async fn run(&self, stop: &watch::Receiver<bool>) -> Result<HostReport, HostError> {
        let started_at = (self.clock)();
        let _lock = HostLock::take(&self.engine.facts().await?.id, &self.engine.told()).await?;
        self.settle().await?;
        let first = self.view().await?;
        let marks = self.mark(&first.plan).await?;
        if !self.has_work(&first.plan) {
            return Ok(HostReport::begun(first.plan, first.facts.disk, started_at));
        }
        if !self.wait(&marks, stop).await {
            let mut report = HostReport::begun(first.plan, first.facts.disk, started_at);
            report.interrupted = Some("it was told to stop".to_owned());
            return Ok(report);
        }
        let busy = self.engine.busy().await?;
        let second = self.view().await?;
        let is_incomplete = is_incomplete(&second.facts);
        let mut report = HostReport::begun(second.plan, second.facts.disk, started_at);
        report.postponed = busy;
        if report.postponed.is_none() && !is_incomplete {
            // Those that are new in this plan are marked by it, and go another time.
            self.mark(&report.plan).await?;
            self.carry_out(&marks, &mut report, stop).await?;
        }
        report.ended_at = (self.clock)();
        Ok(report)
    }

    /// Ends runs that were interrupted: an image that one of them was taking and that is still there gets back the names that it
    /// lost.
    async fn settle(&self) -> Result<(), HostError> {
        let engine = self.engine.facts().await?.id;
        let runs = self.ledger.runs(&engine, SETTLED).await?.into_iter();
        for run in runs.filter(|run| run.ended_at.is_none()) {
            for removal in run.removals.iter().filter(|removal| removal.outcome.is_none()) {
                let outcome = match self.engine.find(&removal.id.to_string()).await? {
                    None => "removed".to_owned(),
                    Some(id) => {
                        let why = "kept: its run was interrupted".to_owned();
                        removal::put_back(self.engine, (&id, &removal.names), why).await
                    }
                };
                self.ledger.removed(run.id, &removal.id, &outcome).await?;
            }
            self.ledger.end_run(run.id, run.freed_bytes, (self.clock)()).await?;
        }
        Ok(())
    }

    async fn view(&self) -> Result<View, HostError> {
        (self.progress)(HostProgress::Looking);
        let now = (self.clock)();
        let facts = look(self.engine, self.ledger, &self.options, now).await?;
        let plan = decide(&facts, self.settings, self.protect, now);
        Ok(View { facts, plan })
    }

    async fn mark(&self, plan: &HostPlan) -> Result<BTreeMap<Digest, Timestamp>, HostError> {
        let going: Vec<Digest> = may_go(plan).map(|departure| departure.id.clone()).collect();
        Ok(self.ledger.mark(&plan.engine.id, &going, plan.now).await?)
    }

    fn has_work(&self, plan: &HostPlan) -> bool {
        let shrinks = self.settings.build_cache.is_some() && !plan.build_cache.go.is_empty();
        plan.gaps.is_empty() && (shrinks || !plan.go.is_empty())
    }

    /// Waits until the latest mark is old enough; `false` if it is told to stop before.
    async fn wait(&self, marks: &BTreeMap<Digest, Timestamp>, stop: &watch::Receiver<bool>) -> bool {
        let now = (self.clock)();
        // Rounded up: a part of a second too early is too early.
        let until_due = |since: &Timestamp| {
            let left = self.due(*since).duration_since(now);
            left.as_secs().max(-1).saturating_add(1).cast_unsigned()
        };
        let longest = marks.values().map(until_due).max().unwrap_or(0);
        // A clock that was set back must not make it wait for days.
        let seconds = longest.min(self.settings.recheck_after_seconds.saturating_add(1));
        if seconds > 0 {
            (self.progress)(HostProgress::Waiting(seconds));
        }
        let mut stop = stop.clone();
        tokio::select! {
            biased;
            true = stopped(&mut stop) => false,
            () = tokio::time::sleep(Duration::from_secs(seconds)) => true,
        }
    }

    /// When something that is marked since then may go.
    fn due(&self, since: Timestamp) -> Timestamp {
        let seconds = i64::try_from(self.settings.recheck_after_seconds).unwrap_or(i64::MAX);
        since
            .saturating_add(SignedDuration::from_secs(seconds))
            .unwrap_or(Timestamp::MAX)
    }

    async fn carry_out(
        &self,
        marks: &BTreeMap<Digest, Timestamp>,
        report: &mut HostReport,
        stop: &watch::Receiver<bool>,
    ) -> Result<(), HostError> {
        let now = (self.clock)();
        // A mark of the future is none: the clock was set back.
        let is_due = |since: &Timestamp| *since <= now && self.due(*since) <= now;
        let ready = report
            .plan
            .go
            .iter()
            .filter(|departure| marks.get(&departure.id).is_some_and(is_due));
        let ready: Vec<Departure> = ready.cloned().collect();
        if !ready.is_empty() {
            let run = self.ledger.begin_run(&report.engine.id, now).await?;
            report.run = Some(run);
            self.take_measured(run, &ready, report, stop).await;
        }
        if report.interrupted.is_none() && report.plan.gaps.is_empty() {
            self.shrink_build_cache(report).await;
        }
        report.disk_after = disk_again(report.disk_before.as_ref());
        Ok(())
    }

    /// Takes these images, and measures what came free.
    async fn take_measured(
        &self,
        run: i64,
        ready: &[Departure],
        report: &mut HostReport,
        stop: &watch::Receiver<bool>,
    ) {
        let before = self.layers().await;
        self.take_all(run, ready, report, stop).await;
        let after = self.layers().await;
        report.freed_bytes = before.zip(after).map(|(before, after)| before.saturating_sub(after));
        let ended = self.ledger.end_run(run, report.freed_bytes, (self.clock)()).await;
        if let Err(error) = ended {
            report
                .interrupted
                .get_or_insert_with(|| format!("its end could not be noted: {error}"));
        }
    }

    async fn layers(&self) -> Option<u64> {
        self.engine.layers_bytes().await.ok().flatten()
    }

    async fn take_all(&self, run: i64, ready: &[Departure], report: &mut HostReport, stop: &watch::Receiver<bool>) {
        let mut agreed = Agreed {
            plan: report.plan.clone(),
            at: Instant::now(),
        };
        for (number, departure) in (1..).zip(ready) {
            if self.has_eased(departure, report) {
                return;
            }
            if *stop.borrow() {
                report.interrupted = Some("it was told to stop".to_owned());
                return;
            }
            let image = departure
                .names
                .first()
                .cloned()
                .unwrap_or_else(|| departure.id.to_string());
            (self.progress)(HostProgress::Taking {
                number,
                of: ready.len(),
                image: &image,
            });
            let outcome = match self.objection(departure, &mut agreed, report).await {
                Ok(Some(why)) => Outcome::Kept(why),
                Ok(None) => self.take_noted(run, departure).await,
                Err(error) => Outcome::Lost(error.to_string()),
            };
            if let Some(why) = note(departure, outcome, report) {
                report.interrupted = Some(why);
                return;
            }
        }
    }

    /// Why an image stays after all, if it does.
    async fn objection(
        &self,
        departure: &Departure,
        agreed: &mut Agreed,
        report: &HostReport,
    ) -> Result<Option<String>, HostError> {
        if agreed.at.elapsed() > FRESH {
            agreed.plan = self.view().await?.plan;
            agreed.at = Instant::now();
        }
        if let Some(why) = dissent(&agreed.plan, departure) {
            return Ok(Some(why));
        }
        if let Err(why) = self.can_come_back(departure, report.engine.store).await {
            return Ok(Some(format!("cannot be pulled again: {why}")));
        }
        Ok(removal::objection(self.engine, departure).await?)
    }

    /// Whether an image goes for the sake of the disk alone, and that is full no longer, or cannot be measured. Those after
    /// it go for the same reason.
    fn has_eased(&self, departure: &Departure, report: &HostReport) -> bool {
        let (GoReason::DiskPressure(_), Some(marks)) = (&departure.reason, self.settings.disk) else {
            return false;
        };
        disk_again(report.disk_before.as_ref()).is_none_or(|disk| !is_fuller_than(&disk, marks.low))
    }

    async fn can_come_back(&self, departure: &Departure, store: ImageStore) -> Result<(), String> {
        // Whoever lets images go that no registry has does not expect them back.
        if self.settings.local_images && departure.digests.is_empty() {
            return Ok(());
        }
        match (self.verify, store) {
            (Some(registries), _) => registries.can_be_pulled(&departure.digests).await,
            (None, ImageStore::GraphDriver) => Ok(()),
            (None, _) if self.settings.local_images => Ok(()),
            (None, ImageStore::Containerd | ImageStore::Podman) => Err(UNPROVEN.to_owned()),
        }
    }

    /// Takes an image, noted before and after.
    async fn take_noted(&self, run: i64, departure: &Departure) -> Outcome {
        if let Err(error) = self.ledger.removing(run, &removal_of(departure)).await {
            return Outcome::Lost(format!("what is taken could not be noted: {error}"));
        }
        let outcome = removal::take(self.engine, departure).await;
        let told = match &outcome {
            Outcome::Removed => "removed".to_owned(),
            Outcome::Kept(why) => format!("kept: {why}"),
            Outcome::Failed(why) | Outcome::Lost(why) => format!("failed: {why}"),
        };
        match (self.ledger.removed(run, &departure.id, &told).await, outcome) {
            (Err(error), Outcome::Removed) => Outcome::Lost(format!("it is gone, which could not be noted: {error}")),
            (_, outcome) => outcome,
        }
    }

    async fn shrink_build_cache(&self, report: &mut HostReport) {
        let Some(settings) = self
            .settings
            .build_cache
            .filter(|_| !report.plan.build_cache.go.is_empty())
        else {
            return;
        };
        (self.progress)(HostProgress::Shrinking);
        match self.engine.shrink_build_cache(&settings).await {
            Ok(bytes) => report.build_cache_freed_bytes = bytes,
            Err(error) => report.interrupted = Some(format!("the build cache could not be shrunk: {error}")),
        }
    }
}

/// Waits until it is told to stop; for ever if nobody can tell any more.
async fn stopped(stop: &mut watch::Receiver<bool>) -> bool {
    // What it returns is a lock, and must not be held while waiting.
    let is_told = stop.wait_for(|stop| *stop).await.is_ok();
    match is_told {
        true => true,
        false => std::future::pending().await,
    }
}

/// Whether anything could not be read that an image could be needed by. The decision says so too; nothing is taken where
/// either does.
fn is_incomplete(facts: &HostFacts) -> bool {
    !facts.gaps.is_empty() || facts.usage.iter().any(|source| !source.is_complete())
}

/// What goes, and behind it what goes as long as the disk is too full.
fn may_go(plan: &HostPlan) -> impl Iterator<Item = &Departure> {
    plan.go.iter().chain(&plan.reserve)
}

/// Why a later decision keeps an image that an earlier one let go.
fn dissent(plan: &HostPlan, departure: &Departure) -> Option<String> {
    if may_go(plan).any(|going| going.id == departure.id) {
        return None;
    }
    let stay = plan.stay.iter().find(|stay| stay.id == departure.id);
    match stay.map(|stay| &stay.reason) {
        None => Some("it is gone already".to_owned()),
        // Between its two marks a disk is not too full in the eyes of a new decision.
        Some(StayReason::NotExpired(_)) if matches!(departure.reason, GoReason::DiskPressure(_)) => None,
        Some(reason) => Some(format!("a new look keeps it: {reason}")),
    }
}

fn disk_again(before: Option<&Disk>) -> Option<Disk> {
    disk_of(&before?.path)
}

fn removal_of(departure: &Departure) -> HostRemoval {
    HostRemoval {
        id: departure.id.clone(),
        names: departure.names.clone(),
        digests: departure.digests.clone(),
        bytes: departure.bytes,
        reason: departure.reason.to_string(),
        outcome: None,
    }
}

/// Puts an outcome into the report; why nothing more can be done, if so.
fn note(departure: &Departure, outcome: Outcome, report: &mut HostReport) -> Option<String> {
    let left = |why: String| Left {
        id: departure.id.clone(),
        names: departure.names.clone(),
        why,
    };
    match outcome {
        Outcome::Removed => report.removed.push(HostRemoval {
            outcome: Some("removed".to_owned()),
            ..removal_of(departure)
        }),
        Outcome::Kept(why) => report.skipped.push(left(why)),
        Outcome::Failed(why) => report.failed.push(left(why)),
        Outcome::Lost(why) => {
            report.failed.push(left(why.clone()));
            return Some(why);
        }
    }
    None
}

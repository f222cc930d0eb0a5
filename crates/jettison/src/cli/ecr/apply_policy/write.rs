//! Writes the policy: the old text goes on the disk first, and nothing is written over what nobody was shown.

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use jettison_core::model::{RegistryHost, RepositoryName};
use jiff::Timestamp;
use serde::Serialize;

use super::super::super::failure::Failure;
use super::super::super::signals::awaited;
use super::difference::Difference;
use super::planned::{Decision, Planned};
use super::{AT_ONCE, Policies, Wanted};
use crate::exit::Exit;
use crate::output::text::with_causes;
use crate::registry::{ErrorKind, LifecyclePolicies, RegistryError, is_same_policy};
use crate::store::{LifecycleChange, RunId, Store, StoreError};

/// How often another id is drawn.
const DRAWS: usize = 8;

/// What was done, for programs.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    schema: u8,
    /// By which it is taken back; null where nothing was to be written.
    pub(super) run: Option<String>,
    pub(super) repositories: Vec<RepositoryReport>,
}

/// What was done to one repository.
#[derive(Debug, Serialize)]
pub(super) struct RepositoryReport {
    pub(super) registry: RegistryHost,
    pub(super) repository: RepositoryName,
    pub(super) outcome: Outcome,
    pub(super) why: Option<String>,
    /// The text that was there; null if there was none, or it could not be read.
    before: Option<String>,
    /// Null where there is none, or it could not be told.
    difference: Option<Difference>,
}

/// What became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Outcome {
    Written,
    /// It would be: nothing was to be written.
    ToBeWritten,
    /// The policy was there already.
    Unchanged,
    Refused,
    Failed,
    /// AWS did not say whether it was written, or it is something else by now.
    Unknown,
}

/// Who writes.
#[derive(Clone, Copy)]
pub(super) struct Writer<'a> {
    pub(super) store: &'a Store,
    pub(super) policies: &'a Policies,
    pub(super) wanted: &'a Wanted,
}

impl Report {
    /// What would be done.
    pub(super) fn of_dry_run(planned: Vec<Planned<'_>>) -> Self {
        let repositories = planned.into_iter().map(|planned| {
            let told = match &planned.decision {
                Decision::Write => (Outcome::ToBeWritten, None),
                decision => told(decision),
            };
            RepositoryReport::of(planned, told)
        });
        Self {
            schema: 1,
            run: None,
            repositories: repositories.collect(),
        }
    }

    pub(super) fn count(&self, outcome: Outcome) -> u64 {
        let repositories = self.repositories.iter();
        repositories.filter(|repository| repository.outcome == outcome).count() as u64
    }

    pub(super) fn exit(&self) -> Exit {
        let of = |outcome, exit| if self.count(outcome) > 0 { exit } else { Exit::Done };
        of(Outcome::Failed, Exit::Failed)
            .and(of(Outcome::Unknown, Exit::Failed))
            .and(of(Outcome::Refused, Exit::Refused))
    }
}

impl RepositoryReport {
    fn of(planned: Planned<'_>, (outcome, why): (Outcome, Option<String>)) -> Self {
        Self {
            registry: planned.repository.registry.clone(),
            repository: planned.repository.name.clone(),
            outcome,
            why: why.or(planned.note),
            before: planned.before,
            difference: planned.difference,
        }
    }
}

/// What became of a repository to which nothing is written.
fn told(decision: &Decision) -> (Outcome, Option<String>) {
    match decision {
        Decision::Write | Decision::Unchanged => (Outcome::Unchanged, None),
        Decision::Refused(why) => (Outcome::Refused, Some(why.clone())),
        Decision::Failed(why) => (Outcome::Failed, Some(why.clone())),
    }
}

impl Writer<'_> {
    /// Writes what is to be written, a few repositories at a time.
    ///
    /// # Errors
    /// If the store fails, or a signal ends it: what was begun can be taken back.
    pub(super) async fn write(self, planned: Vec<Planned<'_>>) -> Result<Report, Failure> {
        let writes = planned.iter().any(|planned| planned.decision == Decision::Write);
        let run = match writes {
            true => Some(self.draw().await?),
            false => None,
        };
        let work = stream::iter(planned).map(|planned| self.settle(run.as_ref(), planned));
        let work = work.buffered(AT_ONCE).try_collect::<Vec<RepositoryReport>>();
        let way_back = || match &run {
            Some(run) => format!("what was written is taken back by jettison ecr apply-policy --undo {run}"),
            None => "nothing was written".to_owned(),
        };
        let repositories = match awaited() {
            Err(_) => work.await,
            Ok(signalled) => tokio::select! {
                biased;
                done = work => done,
                exit = signalled => return Err(Failure::new(exit, format!("interrupted: {}", way_back()))),
            },
        };
        let repositories = repositories
            .map_err(|error| Failure::new(Exit::Unexpected, format!("{}; {}", with_causes(&error), way_back())))?;
        Ok(Report {
            schema: 1,
            run: run.map(|run| run.to_string()),
            repositories,
        })
    }

    /// An id that no call had before.
    async fn draw(&self) -> Result<RunId, Failure> {
        for _ in 0..DRAWS {
            let run = RunId::draw(Timestamp::now());
            if self.store.lifecycle_changes(run.as_str()).await?.is_empty() {
                return Ok(run);
            }
        }
        Err(Failure::new(
            Exit::Unexpected,
            "no id is free for this call: run it again",
        ))
    }

    async fn settle(self, run: Option<&RunId>, planned: Planned<'_>) -> Result<RepositoryReport, StoreError> {
        let told = match (&planned.decision, run) {
            (Decision::Write, Some(run)) => self.write_one(run, &planned).await?,
            (decision, _) => told(decision),
        };
        Ok(RepositoryReport::of(planned, told))
    }

    async fn write_one(&self, run: &RunId, planned: &Planned<'_>) -> Result<(Outcome, Option<String>), StoreError> {
        let change = LifecycleChange {
            run: run.clone(),
            registry: planned.repository.registry.clone(),
            repository: planned.repository.name.clone(),
            before: planned.before.clone(),
            after: self.wanted.text.clone(),
            began_at: Timestamp::now(),
            written: None,
            undone_at: None,
        };
        let Some(policies) = self.policies.get(&change.registry) else {
            return Ok((Outcome::Failed, Some("its registry was not opened".to_owned())));
        };
        match present(policies, &change.repository).await {
            Ok(present) if is_same(present.as_deref(), change.before.as_deref()) => {}
            Ok(_) => {
                let why = "its policy was changed since it was shown: look again";
                return Ok((Outcome::Failed, Some(why.to_owned())));
            }
            Err(error) => return Ok((Outcome::Failed, Some(with_causes(&error)))),
        }
        self.store.begin_lifecycle_change(&change).await?;
        let Err(error) = policies.put(&change.repository, &change.after).await else {
            self.store.end_lifecycle_change(&change, true).await?;
            return Ok((Outcome::Written, None));
        };
        let written = became(policies, &change, error.kind).await;
        if let Some(written) = written {
            self.store.end_lifecycle_change(&change, written).await?;
        }
        let why = with_causes(&error);
        Ok(match written {
            Some(true) => (Outcome::Written, None),
            Some(false) => (Outcome::Failed, Some(why)),
            None => (Outcome::Unknown, Some(format!("it may be written: {why}"))),
        })
    }
}

/// Whether a policy was written although the call failed, if that can be known.
async fn became(policies: &LifecyclePolicies, change: &LifecycleChange, failed: ErrorKind) -> Option<bool> {
    if !matches!(failed, ErrorKind::Transient | ErrorKind::Protocol) {
        return Some(false);
    }
    let present = present(policies, &change.repository).await.ok()?;
    match is_same(present.as_deref(), Some(&change.after)) {
        true => Some(true),
        // A call that nobody has answered may still arrive.
        false => (failed == ErrorKind::Protocol).then_some(false),
    }
}

/// The text of the policy that a repository has.
pub(super) async fn present(
    policies: &LifecyclePolicies,
    repository: &RepositoryName,
) -> Result<Option<String>, RegistryError> {
    let stored = policies.stored(repository).await?;
    Ok(stored.map(|stored| stored.text))
}

/// Whether two repositories have the same policy, or none.
pub(super) fn is_same(one: Option<&str>, other: Option<&str>) -> bool {
    match (one, other) {
        (None, None) => true,
        (Some(one), Some(other)) => is_same_policy(one, other),
        _ => false,
    }
}

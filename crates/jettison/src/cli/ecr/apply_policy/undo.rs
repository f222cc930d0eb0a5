//! The way back: exactly the text that was there, where the policy is still the one that was written.

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use jettison_core::model::{RegistryHost, RepositoryName};
use jiff::Timestamp;
use serde::Serialize;

use super::super::super::context::{Context, confirm};
use super::super::super::failure::Failure;
use super::super::super::signals::awaited;
use super::write::{is_same, present};
use super::{AT_ONCE, Policies, can_be_asked, drawn, policies};
use crate::exit::Exit;
use crate::output::text::{count, moment, with_causes};
use crate::registry::{ErrorKind, LifecyclePolicies, RegistryError};
use crate::store::{LifecycleChange, Store, StoreError, is_short, too_short};

/// What was put back, for programs.
#[derive(Debug, Serialize)]
pub(super) struct UndoReport {
    schema: u8,
    pub(super) run: String,
    pub(super) repositories: Vec<BackReport>,
}

/// What became of one repository.
#[derive(Debug, Serialize)]
pub(super) struct BackReport {
    pub(super) registry: RegistryHost,
    pub(super) repository: RepositoryName,
    pub(super) outcome: Back,
    pub(super) why: Option<String>,
}

/// Whether the old policy is there again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Back {
    Restored,
    /// It was there: put back before, or never replaced.
    AlreadyThere,
    /// Somebody has changed the policy since: it stays.
    Left,
    Failed,
}

/// Calls that can be taken back, for programs.
#[derive(Debug, Serialize)]
pub(super) struct List {
    schema: u8,
    pub(super) runs: Vec<Listed>,
}

/// One of them.
#[derive(Debug, Serialize)]
pub(super) struct Listed {
    pub(super) id: String,
    pub(super) at: Timestamp,
    /// How many repositories it was about to write to.
    pub(super) repositories: u64,
    pub(super) written: u64,
    /// Of these nobody knows whether they were written.
    pub(super) unknown: u64,
    pub(super) undone: u64,
}

impl UndoReport {
    pub(super) fn count(&self, outcome: Back) -> u64 {
        self.repositories.iter().filter(|one| one.outcome == outcome).count() as u64
    }
}

/// Puts back what was there before a call.
pub(super) async fn undo(context: &Context, id: &str, yes: bool) -> Result<Exit, Failure> {
    if is_short(id) {
        return Err(Failure::usage(too_short("call", id)));
    }
    let store = context.store().await?;
    let changes = store.lifecycle_changes(id).await?;
    let Some(run) = changes.first().map(|change| change.run.to_string()) else {
        return Err(Failure::usage(format!(
            "no call `{id}` of apply-policy is in {}: jettison ecr apply-policy --list shows what there is",
            store.directory().display()
        )));
    };
    can_be_asked(yes)?;
    let policies = policies(context, changes.iter().map(|change| change.registry.clone()))?;
    let console = &context.console;
    let question = format!(
        "Put back what was there before {run}, in up to {}?",
        count(changes.len() as u64, "repository")
    );
    if !confirm(&question, yes)? {
        console.say("nothing was done");
        return Ok(Exit::Done);
    }
    let way = Way {
        store: &store,
        policies: &policies,
    };
    let work = stream::iter(changes).map(|change| way.back(change));
    let work = work.buffered(AT_ONCE).try_collect();
    let repositories: Result<Vec<BackReport>, StoreError> = match awaited() {
        Err(_) => work.await,
        Ok(signalled) => tokio::select! {
            biased;
            done = work => done,
            exit = signalled => return Err(Failure::new(exit, format!("interrupted: say --undo {run} again"))),
        },
    };
    let report = UndoReport {
        schema: 1,
        run,
        repositories: repositories?,
    };
    store.close().await;
    console.json(&report)?;
    console.say(drawn::undone(&report, console));
    let is_short = report.count(Back::Left) + report.count(Back::Failed) > 0;
    Ok(if is_short { Exit::Failed } else { Exit::Done })
}

/// Lists the calls that can be taken back.
pub(super) async fn list(context: &Context) -> Result<Exit, Failure> {
    let store = context.store().await?;
    let changes = store.all_lifecycle_changes().await?;
    store.close().await;
    let calls = changes.chunk_by(|one, other| one.run == other.run).map(|changes| {
        let count = |fits: fn(&LifecycleChange) -> bool| changes.iter().filter(|change| fits(change)).count() as u64;
        Listed {
            id: changes[0].run.to_string(),
            at: changes.iter().map(|change| change.began_at).min().unwrap_or_default(),
            repositories: changes.len() as u64,
            written: count(|change| change.written == Some(true)),
            unknown: count(|change| change.written.is_none() && change.undone_at.is_none()),
            undone: count(|change| change.undone_at.is_some()),
        }
    });
    let mut runs: Vec<Listed> = calls.collect();
    runs.sort_by_key(|run| std::cmp::Reverse(run.at));
    let list = List { schema: 1, runs };
    context.console.json(&list)?;
    context.console.say(drawn::listed(&list, &context.console));
    Ok(Exit::Done)
}

/// Who puts back.
#[derive(Clone, Copy)]
struct Way<'a> {
    store: &'a Store,
    policies: &'a Policies,
}

impl Way<'_> {
    async fn back(self, change: LifecycleChange) -> Result<BackReport, StoreError> {
        let (outcome, why) = match self.policies.get(&change.registry) {
            Some(policies) => self.back_with(policies, &change).await?,
            None => (Back::Failed, Some("its registry was not opened".to_owned())),
        };
        Ok(BackReport {
            registry: change.registry,
            repository: change.repository,
            outcome,
            why,
        })
    }

    async fn back_with(
        self,
        policies: &LifecyclePolicies,
        change: &LifecycleChange,
    ) -> Result<(Back, Option<String>), StoreError> {
        let found = match present(policies, &change.repository).await {
            Ok(found) => found,
            Err(error) => return Ok((Back::Failed, Some(unread(&error)))),
        };
        if is_same(found.as_deref(), change.before.as_deref()) {
            return Ok((Back::AlreadyThere, Some(as_it_was(change))));
        }
        if let Some(why) = somebody_else(change, found.as_deref()) {
            return Ok((Back::Left, Some(why)));
        }
        let restored = match &change.before {
            Some(before) => policies.put(&change.repository, before).await,
            None => policies.remove(&change.repository).await,
        };
        if let Err(error) = restored
            && !(error.kind == ErrorKind::Transient && is_back(policies, change).await)
        {
            return Ok((Back::Failed, Some(with_causes(&error))));
        }
        self.store.undo_lifecycle_change(change, Timestamp::now()).await?;
        let why = change
            .written
            .is_none()
            .then(|| "nobody knew whether it had been replaced: it had".to_owned());
        Ok((Back::Restored, why))
    }
}

fn unread(error: &RegistryError) -> String {
    match error.kind {
        ErrorKind::NotFound => "the repository is gone".to_owned(),
        _ => with_causes(error),
    }
}

/// Why nothing had to be done.
fn as_it_was(change: &LifecycleChange) -> String {
    match (change.undone_at, change.written) {
        (Some(at), _) => format!("it was put back on {}", moment(at)),
        (None, Some(true)) => "somebody else has put it back".to_owned(),
        (None, Some(false)) => "it was not replaced".to_owned(),
        (None, None) => "it had not been replaced when that call ended".to_owned(),
    }
}

/// Why the policy that is there is not the one that the call wrote.
fn somebody_else(change: &LifecycleChange, found: Option<&str>) -> Option<String> {
    if !is_same(found, Some(&change.after)) {
        let why = match found {
            Some(_) => "its policy was changed since, and stays",
            None => "its policy was taken away since, and stays away",
        };
        return Some(why.to_owned());
    }
    match (change.undone_at, change.written) {
        (Some(at), _) => Some(format!(
            "it was put back on {}, and the same policy was written again since",
            moment(at)
        )),
        (None, Some(false)) => Some("it has the same policy by now, and not from that call".to_owned()),
        (None, _) => None,
    }
}

async fn is_back(policies: &LifecyclePolicies, change: &LifecycleChange) -> bool {
    let found = present(policies, &change.repository).await;
    found.is_ok_and(|found| is_same(found.as_deref(), change.before.as_deref()))
}

//! What a run did, action by action.

use jettison_core::model::{Digest, RegistryHost, RepositoryName, Schema, Tag};
use jettison_core::plan::{Action, ActionKind, Plan};
use jiff::Timestamp;
use serde::Serialize;

use crate::store::{Outcome, RunId, RunStatus};

/// What a run did; the JSON of `apply` and `run`.
#[derive(Debug, Clone, Serialize)]
pub struct RunReport {
    /// The version of this form; always 1.
    pub schema: Schema,
    /// The run's id: what `history` and `undo` take.
    pub run: RunId,
    /// The plan that was applied.
    pub plan: String,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended.
    pub ended_at: Timestamp,
    /// How it ended.
    pub status: RunStatus,
    /// Manifests that were deleted.
    pub deleted: u64,
    /// Actions that found nothing left to do.
    pub already_gone: u64,
    /// Manifests that were archived.
    pub archived: u64,
    /// Images that lost tags and stayed.
    pub untagged: u64,
    /// Actions that failed, or were left because something changed since the plan.
    pub failed: u64,
    /// Deletes that were sent, and of which it could not be found out whether they were done.
    pub unknown: u64,
    /// Actions that were left because what they hang on stays, or because an undo or the configuration protects it.
    pub left: u64,
    /// Actions that a blown fuse or a silent usage source refuses.
    pub refused: u64,
    /// Actions that the registry turned out not to offer.
    pub blocked: u64,
    /// Entries that the plan itself could not act on, for the same reason.
    pub blocked_in_plan: u64,
    /// The bytes that the deletions free, as the plan counted them.
    pub bytes: u64,
    /// Each action.
    pub actions: Vec<ActionReport>,
}

/// One action and what became of it.
#[derive(Debug, Clone, Serialize)]
pub struct ActionReport {
    /// What was to be done.
    pub action: ActionKind,
    /// The registry.
    pub registry: RegistryHost,
    /// The repository.
    pub repository: RepositoryName,
    /// The manifest.
    pub digest: Digest,
    /// The tags that were to go.
    pub tags: Vec<Tag>,
    /// What happened.
    pub outcome: Happened,
    /// Why it was not done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// The bytes that it frees, if it was done.
    pub bytes: u64,
    /// Its tags are still to be put back: the journal keeps it open.
    #[serde(skip)]
    open: bool,
    /// Tags that were removed although it was not done.
    #[serde(skip)]
    removed: Vec<Tag>,
    /// It was refused for the fuse alone.
    #[serde(skip)]
    behind_the_fuse: bool,
}

/// What became of an action.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Happened {
    /// It was done.
    Done,
    /// There was nothing left to do.
    AlreadyGone,
    /// It failed, or was left because something changed since the plan.
    Failed,
    /// It was asked for, and it is not known whether it is gone.
    Unknown,
    /// It was left because what it hangs on stays, or because somebody said since the plan that it shall.
    Left,
    /// The fuse of its repository is blown, or it is not known who uses it.
    Refused,
    /// The registry does not offer it.
    Blocked,
}

impl ActionReport {
    pub(super) fn new(action: &Action, outcome: Happened, why: Option<String>) -> Self {
        Self {
            action: action.action,
            registry: action.registry.clone(),
            repository: action.repository.clone(),
            digest: action.digest.clone(),
            tags: action.tags.clone(),
            outcome,
            why,
            bytes: if outcome == Happened::Done { action.bytes } else { 0 },
            open: false,
            removed: Vec::new(),
            behind_the_fuse: false,
        }
    }

    /// All of its repository is refused, unless somebody accepts the share.
    pub(super) fn refused_by_the_fuse(action: &Action) -> Self {
        let why = "the fuse of this repository is blown; see --accept-share";
        Self {
            behind_the_fuse: true,
            ..Self::new(action, Happened::Refused, Some(why.to_owned()))
        }
    }

    /// Whether accepting the share would have let it go on.
    pub fn is_behind_the_fuse(&self) -> bool {
        self.behind_the_fuse
    }

    /// It stopped half-way, after these tags were removed.
    pub(super) fn after_removing(self, removed: Vec<Tag>) -> Self {
        Self { removed, ..self }
    }

    /// The tags that were removed although it was not done.
    pub(super) fn removed(&self) -> &[Tag] {
        &self.removed
    }

    /// Says more about why it was not done.
    pub(super) fn add(&mut self, more: &str) {
        let why = self.why.take();
        self.why = Some(why.map_or_else(|| more.to_owned(), |why| format!("{why}; {more}")));
    }

    /// It stays, and something of it could not be put back: the next run has to try again.
    pub(super) fn keep_open(&mut self, why: &str) {
        self.outcome = Happened::Failed;
        self.open = true;
        self.add(why);
    }

    /// Whether the next run has to look at it again: to put something of it back, or to see whether it is gone.
    pub(super) fn is_open(&self) -> bool {
        self.open || self.outcome == Happened::Unknown
    }

    /// What the journal keeps of it; nothing yet where something is still to be put back.
    pub(super) fn recorded(&self) -> Option<Outcome> {
        let why = || self.why.clone().unwrap_or_default();
        let outcome = match self.outcome {
            Happened::Done => Outcome::Done,
            Happened::AlreadyGone => Outcome::AlreadyGone,
            Happened::Failed => Outcome::Failed { error: why() },
            Happened::Unknown => Outcome::Asked { why: why() },
            Happened::Left | Happened::Refused | Happened::Blocked => Outcome::Skipped { why: why() },
        };
        (!self.open).then_some(outcome)
    }

    /// Whether the manifest is not there any more.
    pub(super) fn is_gone(&self) -> bool {
        self.action == ActionKind::Delete && self.is_done()
    }

    /// Whether it stands no longer in the way of what it lists or what is attached to it.
    pub(super) fn is_out_of_the_way(&self) -> bool {
        self.action != ActionKind::Untag && self.is_done()
    }

    /// Whether it is there as before, as far as is known.
    pub(super) fn stays(&self) -> bool {
        !self.is_done() && self.outcome != Happened::Unknown
    }

    pub(super) fn is_done(&self) -> bool {
        matches!(self.outcome, Happened::Done | Happened::AlreadyGone)
    }
}

impl RunReport {
    pub(super) fn new(run: &RunId, plan: &Plan, started_at: Timestamp) -> Self {
        Self {
            schema: Schema,
            run: run.clone(),
            plan: plan.id.clone(),
            started_at,
            ended_at: started_at,
            status: RunStatus::Running,
            deleted: 0,
            already_gone: 0,
            archived: 0,
            untagged: 0,
            failed: 0,
            unknown: 0,
            left: 0,
            refused: 0,
            blocked: 0,
            blocked_in_plan: plan.blocked.len() as u64,
            bytes: 0,
            actions: Vec::new(),
        }
    }

    /// Counts what happened.
    pub(super) fn close(&mut self, ended_at: Timestamp) {
        let count =
            |fits: &dyn Fn(&ActionReport) -> bool| self.actions.iter().filter(|action| fits(action)).count() as u64;
        let outcome = |happened| count(&|action| action.outcome == happened);
        self.ended_at = ended_at;
        let done = |kind| count(&|action| action.action == kind && action.outcome == Happened::Done);
        self.deleted = done(ActionKind::Delete);
        self.archived = done(ActionKind::Archive);
        self.untagged = done(ActionKind::Untag);
        self.already_gone = outcome(Happened::AlreadyGone);
        self.failed = outcome(Happened::Failed);
        self.unknown = outcome(Happened::Unknown);
        self.left = outcome(Happened::Left);
        self.refused = outcome(Happened::Refused);
        self.blocked = outcome(Happened::Blocked);
        let freeing = self
            .actions
            .iter()
            .filter(|action| action.action != ActionKind::Archive);
        self.bytes = freeing.fold(0, |sum, action| sum.saturating_add(action.bytes));
    }
}

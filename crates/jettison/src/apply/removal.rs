//! One removal: look once more, remove, and see that it is gone.

use std::time::Duration;

use jettison_core::model::{Digest, RepositoryName, Tag};
use jettison_core::plan::{Action, ActionKind};
use tokio::time::{Instant, sleep};

use super::report::{ActionReport, Happened};
use crate::registry::{ErrorKind, Registry, RegistryError, Removed};

/// Carries out one action, if its tags are still where the plan saw them.
pub(super) async fn remove(registry: &dyn Registry, action: &Action, within: Within) -> ActionReport {
    let removal = Removal {
        registry,
        name: &action.repository,
        action,
        within,
    };
    match removal.run_while_fresh().await {
        Ok(outcome) => ActionReport::new(action, outcome, None),
        Err(NotRemoved { outcome, why, .. }) => ActionReport::new(action, outcome, Some(why)),
    }
}

/// The time limits of a removal.
#[derive(Debug, Clone, Copy)]
pub(super) struct Within {
    /// Until when the last look may be relied on.
    pub(super) fresh_until: Instant,
    /// How long the registry may take to carry out what it accepted.
    pub(super) gone_within: Duration,
}

struct Removal<'a> {
    registry: &'a dyn Registry,
    name: &'a RepositoryName,
    action: &'a Action,
    within: Within,
}

struct NotRemoved {
    outcome: Happened,
    why: String,
    /// It may go better a moment later.
    passing: bool,
}

impl NotRemoved {
    fn failed(why: impl ToString) -> Self {
        Self {
            outcome: Happened::Failed,
            why: why.to_string(),
            passing: false,
        }
    }
}

impl From<RegistryError> for NotRemoved {
    fn from(error: RegistryError) -> Self {
        let outcome = if error.kind == ErrorKind::Unsupported {
            Happened::Blocked
        } else {
            Happened::Failed
        };
        let passing = matches!(error.kind, ErrorKind::Transient | ErrorKind::RateLimited);
        Self {
            outcome,
            why: error.to_string(),
            passing,
        }
    }
}

impl Removal<'_> {
    /// Tries a few times, each from the start with the tags looked up again, as long as the last look may be relied on.
    async fn run_while_fresh(&self) -> Result<Happened, NotRemoved> {
        const PAUSES: [Duration; 2] = [Duration::from_millis(500), Duration::from_secs(3)];
        for pause in PAUSES {
            match self.run().await {
                Err(failed) if failed.passing && Instant::now() + pause < self.within.fresh_until => sleep(pause).await,
                ended => return ended,
            }
        }
        self.run().await
    }

    async fn run(&self) -> Result<Happened, NotRemoved> {
        let mut present = Vec::new();
        for tag in &self.action.tags {
            match self.registry.resolve(self.name, tag).await? {
                Some(digest) if digest == self.action.digest => present.push(tag),
                Some(digest) => {
                    return Err(NotRemoved::failed(format!(
                        "tag {tag} was moved to {digest} since the plan"
                    )));
                }
                // Somebody else removed it; that is what was wanted.
                None => {}
            }
        }
        match self.action.action {
            ActionKind::Delete => self.delete().await,
            ActionKind::Untag => self.untag(&present).await,
        }
    }

    async fn delete(&self) -> Result<Happened, NotRemoved> {
        let digest = &self.action.digest;
        if self.registry.delete_manifest(self.name, digest).await? == Removed::AlreadyGone {
            return Ok(Happened::AlreadyGone);
        }
        self.wait_until_gone(Gone::Manifest(digest)).await
    }

    async fn untag(&self, present: &[&Tag]) -> Result<Happened, NotRemoved> {
        for (removed, tag) in present.iter().enumerate() {
            self.check_again(tag, removed).await?;
            self.registry.delete_tag(self.name, tag).await?;
            self.wait_until_gone(Gone::Tag(tag)).await?;
        }
        if present.is_empty() {
            return Ok(Happened::AlreadyGone);
        }
        if self.registry.exists(self.name, &self.action.digest).await? {
            Ok(Happened::Done)
        } else {
            Err(NotRemoved::failed(
                "the tag is gone, and so is the image, which was to stay; `jettison history` has its bytes",
            ))
        }
    }

    /// Removing the tags before may have taken its time: another look at this one, right before it goes.
    async fn check_again(&self, tag: &Tag, removed: usize) -> Result<(), NotRemoved> {
        if Instant::now() >= self.within.fresh_until {
            let why = format!("stopped after {removed} tags: the last look at what is in use is too old by now");
            return Err(NotRemoved::failed(why));
        }
        match self.registry.resolve(self.name, tag).await? {
            Some(digest) if digest != self.action.digest => Err(NotRemoved::failed(format!(
                "tag {tag} was moved to {digest} since the plan"
            ))),
            _ => Ok(()),
        }
    }

    /// Some registries carry out later what they accept now.
    async fn wait_until_gone(&self, what: Gone<'_>) -> Result<Happened, NotRemoved> {
        let deadline = Instant::now() + self.within.gone_within;
        let mut pause = Duration::from_millis(100);
        loop {
            let still_there = match what {
                Gone::Manifest(digest) => self.registry.exists(self.name, digest).await?,
                // A tag that points elsewhere by now is another one.
                Gone::Tag(tag) => self.registry.resolve(self.name, tag).await?.as_ref() == Some(&self.action.digest),
            };
            if !still_there {
                return Ok(Happened::Done);
            }
            if Instant::now() + pause > deadline {
                let seconds = self.within.gone_within.as_secs();
                return Err(NotRemoved::failed(format!(
                    "the registry accepted the delete, and {seconds} s later it is still there"
                )));
            }
            sleep(pause).await;
            pause = (pause * 2).min(Duration::from_secs(10));
        }
    }
}

enum Gone<'a> {
    Manifest(&'a Digest),
    Tag(&'a Tag),
}

//! One removal: look once more, remove, and see that it is gone.

use std::time::Duration;

use jettison_core::model::{Digest, RepositoryName, Tag};
use jettison_core::plan::{Action, ActionKind};
use tokio::time::{Instant, sleep};

use super::report::{ActionReport, Happened};
use crate::registry::{ErrorKind, Registry, RegistryError, Removed};

/// Carries out one action, if its tags are still where the plan saw them.
pub(super) async fn remove(registry: &dyn Registry, action: &Action, gone_within: Duration) -> ActionReport {
    let removal = Removal {
        registry,
        name: &action.repository,
        action,
        gone_within,
    };
    match removal.run().await {
        Ok(outcome) => ActionReport::new(action, outcome, None),
        Err(NotRemoved { outcome, why }) => ActionReport::new(action, outcome, Some(why)),
    }
}

struct Removal<'a> {
    registry: &'a dyn Registry,
    name: &'a RepositoryName,
    action: &'a Action,
    gone_within: Duration,
}

struct NotRemoved {
    outcome: Happened,
    why: String,
}

impl NotRemoved {
    fn failed(why: impl ToString) -> Self {
        Self {
            outcome: Happened::Failed,
            why: why.to_string(),
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
        Self {
            outcome,
            why: error.to_string(),
        }
    }
}

impl Removal<'_> {
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
        for tag in present {
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

    /// Some registries carry out later what they accept now.
    async fn wait_until_gone(&self, what: Gone<'_>) -> Result<Happened, NotRemoved> {
        let deadline = Instant::now() + self.gone_within;
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
                let seconds = self.gone_within.as_secs();
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

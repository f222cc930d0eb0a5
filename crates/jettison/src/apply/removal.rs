//! One removal: look once more, remove, and see that it is gone. An archival goes the same way.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use jettison_core::model::{Digest, RepositoryName, Tag};
use jettison_core::plan::{Action, ActionKind};
use tokio::time::{Instant, sleep};

use super::look::NotNow;
use super::report::{ActionReport, Happened};
use super::trouble::{Trouble, is_passing};
use crate::output::text::count;
use crate::registry::{ErrorKind, Registry, RegistryError, Removed};

/// Waits before something that failed for a moment is tried again, from the start.
const PAUSES: [Duration; 2] = [Duration::from_millis(500), Duration::from_secs(3)];

/// Tags that are looked up at once; the registry's own limit decides how many really run.
const LOOKUPS: usize = 16;

/// One removal: of a manifest with its tags (or its archival), of tags, or of one tag before its manifest.
#[derive(Debug, Clone, Copy)]
pub(super) struct Removal<'a> {
    pub(super) registry: &'a dyn Registry,
    pub(super) action: &'a Action,
    /// Until when the last look may be relied on.
    pub(super) fresh_until: Instant,
    /// How long the registry may take to carry out what it accepted.
    pub(super) gone_within: Duration,
    /// The tags were removed before: one that points here again was set by somebody.
    pub(super) tags_gone: bool,
}

/// What was sent to the registry of one removal, over all attempts.
#[derive(Debug, Default)]
struct Sent(Mutex<Traces>);

#[derive(Debug, Default)]
struct Traces {
    /// A DELETE of the manifest was accepted, or ended without a clear answer: it may be gone by our own hand.
    manifest: bool,
    /// The tags that were there when the first DELETE went out that could take them.
    tags: Vec<Tag>,
}

impl Sent {
    fn lock(&self) -> MutexGuard<'_, Traces> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The manifest with these tags may be gone.
    fn manifest(&self, tags: &[&Tag]) {
        let mut traces = self.lock();
        if !traces.manifest {
            traces.manifest = true;
            traces.tags.extend(tags.iter().copied().cloned());
        }
    }

    /// A tag may be gone.
    fn tag(&self, tag: &Tag) {
        self.lock().tags.push(tag.clone());
    }

    fn has_manifest(&self) -> bool {
        self.lock().manifest
    }

    fn into_tags(self) -> Vec<Tag> {
        self.0.into_inner().unwrap_or_else(PoisonError::into_inner).tags
    }
}

/// Why something was not removed.
pub(super) struct NotRemoved {
    outcome: Happened,
    why: String,
    /// What the registry answered, if that says more about its state than about what was asked.
    passing: Option<RegistryError>,
}

impl NotRemoved {
    /// The same for the report; trouble of the registry is noted.
    pub(super) fn not_now(self, trouble: &Trouble) -> NotNow {
        if let Some(error) = &self.passing {
            trouble.note(error);
        }
        (self.outcome, self.why)
    }

    fn failed(why: impl ToString) -> Self {
        Self {
            outcome: Happened::Failed,
            why: why.to_string(),
            passing: None,
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
            passing: Some(error).filter(is_passing),
        }
    }
}

/// Tries a few times, each from the start, for as long as the last look may be relied on.
pub(super) async fn while_fresh<T, F>(fresh_until: Instant, attempt: impl Fn() -> F) -> Result<T, NotRemoved>
where
    F: Future<Output = Result<T, NotRemoved>>,
{
    for pause in PAUSES {
        match attempt().await {
            Err(NotRemoved { passing: Some(_), .. }) if Instant::now() + pause < fresh_until => sleep(pause).await,
            ended => return ended,
        }
    }
    attempt().await
}

impl Removal<'_> {
    /// Carries out the action, if its tags are still where the plan saw them.
    pub(super) async fn carry_out(&self, trouble: &Trouble) -> ActionReport {
        let sent = Sent::default();
        let not_removed = match while_fresh(self.fresh_until, || self.run(&sent)).await {
            Ok(outcome) => {
                trouble.went_well();
                return ActionReport::new(self.action, outcome, None);
            }
            Err(not_removed) => not_removed,
        };
        let (outcome, why) = not_removed.not_now(trouble);
        let report = |outcome, why| ActionReport::new(self.action, outcome, Some(why));
        if !sent.has_manifest() {
            return report(outcome, why).after_removing(sent.into_tags());
        }
        // Whatever failed after that, the delete may have been done.
        match self.registry.exists(self.name(), &self.action.digest).await {
            Ok(false) => ActionReport::new(self.action, Happened::Done, None),
            // Some registries take the tags off first, and may have stopped there.
            Ok(true) => report(outcome, why).after_removing(sent.into_tags()),
            Err(error) => {
                trouble.note(&error);
                report(
                    Happened::Unknown,
                    format!(
                        "the registry was asked to delete it, and whether it is gone could not be found out: {why}. The \
                         next apply or run looks; `jettison undo` can put it back"
                    ),
                )
            }
        }
    }

    /// Removes one tag of a manifest that goes later. Whether it is gone is for a look at all tags to say.
    pub(super) async fn take_tag(&self, tag: &Tag, trouble: &Trouble) -> Result<(), NotNow> {
        let taken = while_fresh(self.fresh_until, || async move {
            if self.still_there(tag).await? {
                self.check_freshness(0)?;
                self.registry.delete_tag(self.name(), tag).await?;
            }
            Ok(())
        });
        let taken = taken.await.map_err(|not_removed| not_removed.not_now(trouble));
        taken.inspect(|()| trouble.went_well())
    }

    fn name(&self) -> &RepositoryName {
        &self.action.repository
    }

    /// Whether a tag is where the plan saw it. If somebody else removed it, that is what was wanted.
    async fn still_there(&self, tag: &Tag) -> Result<bool, NotRemoved> {
        match self.registry.resolve(self.name(), tag).await? {
            Some(digest) if digest != self.action.digest => Err(NotRemoved::failed(format!(
                "tag {tag} was moved to {digest} since the plan"
            ))),
            Some(_) if self.tags_gone => Err(NotRemoved::failed(format!(
                "tag {tag} points to it again although it was removed, so that somebody must have set it"
            ))),
            Some(_) => Ok(true),
            None => Ok(false),
        }
    }

    async fn run(&self, sent: &Sent) -> Result<Happened, NotRemoved> {
        let standing = stream::iter(&self.action.tags)
            .map(|tag| async move { self.still_there(tag).await.map(|stands| stands.then_some(tag)) })
            .buffered(LOOKUPS);
        let standing: Vec<Option<&Tag>> = standing.try_collect().await?;
        let present: Vec<&Tag> = standing.into_iter().flatten().collect();
        match self.action.action {
            ActionKind::Delete => self.delete(&present, sent).await,
            ActionKind::Archive => self.archive().await,
            ActionKind::Untag => self.untag(&present, sent).await,
        }
    }

    async fn delete(&self, present: &[&Tag], sent: &Sent) -> Result<Happened, NotRemoved> {
        let digest = &self.action.digest;
        self.check_freshness(0)?;
        match self.registry.delete_manifest(self.name(), digest).await {
            Ok(Removed::Now) => sent.manifest(present),
            Ok(Removed::AlreadyGone) => {
                // Some registries let a manifest go with its last tag; and a delete without an answer may have been done.
                let by_us = self.tags_gone || sent.has_manifest();
                return Ok(if by_us { Happened::Done } else { Happened::AlreadyGone });
            }
            Err(error) => {
                if error.kind == ErrorKind::Transient {
                    sent.manifest(present);
                }
                return Err(error.into());
            }
        }
        self.wait_until_gone(Gone::Manifest(digest)).await
    }

    /// Nothing goes, so that what ends without an answer is asked for again and does no harm.
    async fn archive(&self) -> Result<Happened, NotRemoved> {
        self.check_freshness(0)?;
        self.registry.archive(self.name(), &self.action.digest).await?;
        Ok(Happened::Done)
    }

    async fn untag(&self, present: &[&Tag], sent: &Sent) -> Result<Happened, NotRemoved> {
        for (count, tag) in present.iter().enumerate() {
            self.check_again(tag, count).await?;
            sent.tag(tag);
            self.registry.delete_tag(self.name(), tag).await?;
            self.wait_until_gone(Gone::Tag(tag)).await?;
        }
        if present.is_empty() {
            return Ok(Happened::AlreadyGone);
        }
        if self.registry.exists(self.name(), &self.action.digest).await? {
            Ok(Happened::Done)
        } else {
            Err(NotRemoved::failed(
                "the tag is gone, and so is the image, which was to stay; `jettison history` has its bytes",
            ))
        }
    }

    /// Removing the tags before may have taken its time: another look at this one, right before it goes.
    async fn check_again(&self, tag: &Tag, removed: usize) -> Result<(), NotRemoved> {
        self.still_there(tag).await?;
        self.check_freshness(removed)
    }

    /// Looking at the tags may have taken so long that somebody may use by now what nobody used at the last look.
    fn check_freshness(&self, removed: usize) -> Result<(), NotRemoved> {
        if Instant::now() < self.fresh_until {
            return Ok(());
        }
        let removed = count(removed as u64, "tag");
        let why = format!("stopped after {removed}: the last look at what is in use is too old by now");
        Err(NotRemoved::failed(why))
    }

    /// Some registries carry out later what they accept now.
    async fn wait_until_gone(&self, what: Gone<'_>) -> Result<Happened, NotRemoved> {
        let deadline = Instant::now() + self.gone_within;
        let mut pause = Duration::from_millis(100);
        loop {
            let still_there = match what {
                Gone::Manifest(digest) => self.registry.exists(self.name(), digest).await?,
                // A tag that points elsewhere by now is another one.
                Gone::Tag(tag) => self.registry.resolve(self.name(), tag).await?.as_ref() == Some(&self.action.digest),
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

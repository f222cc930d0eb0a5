//! The lifecycle policies of repositories: read, written, taken away, and previewed by AWS itself.
//!
//! Texts go to AWS and come back as they are: what they mean is for the core. AWS acts on a policy by itself, within a day;
//! nothing here makes it act.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_sdk_ecr::Client;
use aws_sdk_ecr::operation::get_lifecycle_policy_preview::GetLifecyclePolicyPreviewOutput;
use aws_sdk_ecr::types::{
    ImageActionType, LifecyclePolicyPreviewResult, LifecyclePolicyPreviewStatus, LifecyclePolicyTargetStorageClass,
};
use jettison_core::config::EcrPlace;
use jettison_core::lifecycle::{LifecycleAction, LifecyclePolicy, LifecycleVerdict};
use jettison_core::model::{Digest, RepositoryName};
use jiff::Timestamp;
use tokio::time::{Instant, sleep};

use super::api::{Api, Trouble};
use super::list::{read, time};
use crate::aws::AwsConnection;
use crate::registry::pages::Pages;
use crate::registry::{Connection, ErrorKind, RegistryError, excerpt};

/// The most that a preview gives in one page.
const PAGE: i32 = 100;

/// How AWS says that a repository has no policy.
const NO_POLICY: &str = "LifecyclePolicyNotFoundException";

/// How AWS says that a preview is under way already.
const UNDER_WAY: &str = "LifecyclePolicyPreviewInProgressException";

/// The lifecycle policies of one registry, as its API tells and takes them.
#[derive(Debug)]
pub struct LifecyclePolicies {
    api: Api,
    patience: PreviewPatience,
}

/// How long a preview is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PreviewPatience {
    /// The pause before AWS is asked for the second time; it doubles.
    pub first_pause: Duration,
    /// The longest pause.
    pub longest_pause: Duration,
    /// For how long AWS is asked, one preview that somebody else began included. A call that is under way then is waited for.
    pub whole: Duration,
}

/// As AWS's own waiter has it: every 5 seconds, 20 times; but small repositories are not waited 5 seconds for.
impl Default for PreviewPatience {
    fn default() -> Self {
        Self {
            first_pause: Duration::from_millis(250),
            longest_pause: Duration::from_secs(5),
            whole: Duration::from_secs(100),
        }
    }
}

/// A lifecycle policy that a repository has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredLifecyclePolicy {
    /// The policy, as AWS gives it back.
    pub text: String,
    /// When AWS last acted on it; none: never (AWS says 1970 then).
    pub last_evaluated_at: Option<Timestamp>,
}

/// What AWS says that a policy would do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AwsPreview {
    /// The images that it would expire or archive; it says nothing of the others.
    pub images: BTreeMap<Digest, LifecycleVerdict>,
}

impl LifecyclePolicies {
    /// Those of the registry of an account in a region; nothing is sent yet.
    pub fn new(connection: &Connection, place: &EcrPlace, aws: &AwsConnection) -> Self {
        Self {
            api: Api::new(connection, place, aws),
            patience: PreviewPatience::default(),
        }
    }

    /// The same, with another patience for previews.
    #[must_use]
    pub fn with_patience(self, patience: PreviewPatience) -> Self {
        Self { patience, ..self }
    }

    /// The stored policy; `None` if there is none.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NotFound`]: there is no such repository. Else as for every call to a registry.
    pub async fn stored(&self, repository: &RepositoryName) -> Result<Option<StoredLifecyclePolicy>, RegistryError> {
        let stored = self.get(repository).await;
        stored.map_err(|trouble| {
            self.api
                .error(format!("read the lifecycle policy of {repository}"), trouble)
        })
    }

    /// Stores a policy in the place of the one that is there. Sent once: where the error is not clear
    /// ([`ErrorKind::Transient`]), it may be stored.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NotFound`]: there is no such repository. [`ErrorKind::Protocol`] with AWS's words: it refuses the policy.
    pub async fn put(&self, repository: &RepositoryName, text: &str) -> Result<(), RegistryError> {
        let call = |client: Client| {
            let call = client.put_lifecycle_policy().registry_id(self.api.account());
            call.repository_name(repository.as_str())
                .lifecycle_policy_text(text)
                .send()
        };
        let put = self.api.ask_once("ecr:PutLifecyclePolicy", call).await.map(drop);
        put.map_err(|trouble| {
            self.api
                .error(format!("write the lifecycle policy of {repository}"), trouble)
        })
    }

    /// Takes the policy away; that there is none is a success. Sent once, as [`Self::put`].
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NotFound`]: there is no such repository.
    pub async fn remove(&self, repository: &RepositoryName) -> Result<(), RegistryError> {
        let call = |client: Client| {
            let call = client.delete_lifecycle_policy().registry_id(self.api.account());
            call.repository_name(repository.as_str()).send()
        };
        match self.api.ask_once("ecr:DeleteLifecyclePolicy", call).await {
            Ok(_) => Ok(()),
            Err(trouble) if trouble.is(NO_POLICY) => Ok(()),
            Err(trouble) => Err(self
                .api
                .error(format!("remove the lifecycle policy of {repository}"), trouble)),
        }
    }

    /// AWS's own preview of a policy (`None`: of the stored one), begun, waited for and read to the end.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NotFound`]: there is no such repository, or no stored policy. [`ErrorKind::Transient`]: it failed, or was
    /// not done in time; a preview that somebody else began may be the reason. [`ErrorKind::Protocol`]: AWS's answer cannot
    /// be understood wholly.
    pub async fn preview(&self, repository: &RepositoryName, text: Option<&str>) -> Result<AwsPreview, RegistryError> {
        let operation = || format!("ask AWS what the lifecycle policy of {repository} would do");
        let previewed = self.previewed(repository, text).await;
        previewed.map_err(|trouble| self.api.error(operation(), trouble))
    }

    async fn get(&self, repository: &RepositoryName) -> Result<Option<StoredLifecyclePolicy>, Trouble> {
        let call = self.api.client().await.get_lifecycle_policy();
        let call = call
            .registry_id(self.api.account())
            .repository_name(repository.as_str());
        let answer = match self.api.ask("ecr:GetLifecyclePolicy", call.send()).await {
            Ok(answer) => answer,
            Err(trouble) if trouble.is(NO_POLICY) => return Ok(None),
            Err(trouble) => return Err(trouble),
        };
        Ok(Some(StoredLifecyclePolicy {
            last_evaluated_at: time(answer.last_evaluated_at())?.filter(|at| *at > Timestamp::UNIX_EPOCH),
            text: text_of(answer.lifecycle_policy_text)?,
        }))
    }

    async fn previewed(&self, repository: &RepositoryName, text: Option<&str>) -> Result<AwsPreview, Trouble> {
        let mut wait = Wait::new(self.patience);
        let begun = self.begin(repository, text, &mut wait).await?;
        let first = self.finished(repository, &begun, &mut wait).await?;
        self.collect(repository, &begun, first).await
    }

    /// Begins a preview, after those of others; its policy.
    async fn begin(&self, repository: &RepositoryName, text: Option<&str>, wait: &mut Wait) -> Result<String, Trouble> {
        loop {
            let call = self.api.client().await.start_lifecycle_policy_preview();
            let call = call
                .registry_id(self.api.account())
                .repository_name(repository.as_str());
            let call = call.set_lifecycle_policy_text(text.map(str::to_owned));
            match self.api.ask("ecr:StartLifecyclePolicyPreview", call.send()).await {
                Ok(begun) => return text_of(begun.lifecycle_policy_text),
                Err(trouble) if trouble.is(UNDER_WAY) => wait.more("another preview of this repository is").await?,
                Err(trouble) if trouble.is(NO_POLICY) => return Err(trouble.of_kind(ErrorKind::NotFound)),
                Err(trouble) => return Err(trouble),
            }
        }
    }

    /// The first page of the preview, once it is done.
    async fn finished(
        &self,
        repository: &RepositoryName,
        begun: &str,
        wait: &mut Wait,
    ) -> Result<GetLifecyclePolicyPreviewOutput, Trouble> {
        loop {
            match self.page(repository, begun, None).await {
                Ok(page) if page.status() == Some(&LifecyclePolicyPreviewStatus::InProgress) => {}
                // What was begun a moment ago may not be known everywhere.
                Err(trouble) if trouble.is("LifecyclePolicyPreviewNotFoundException") => {}
                ended => return ended,
            }
            wait.more("the preview is").await?;
        }
    }

    /// One page, which may say that there is none yet.
    async fn page(
        &self,
        repository: &RepositoryName,
        begun: &str,
        token: Option<String>,
    ) -> Result<GetLifecyclePolicyPreviewOutput, Trouble> {
        let call = self.api.client().await.get_lifecycle_policy_preview();
        let call = call
            .registry_id(self.api.account())
            .repository_name(repository.as_str());
        let call = call.max_results(PAGE).set_next_token(token);
        let page = self.api.ask("ecr:GetLifecyclePolicyPreview", call.send()).await?;
        // There is one preview in a repository, whoever began it.
        let text = page.lifecycle_policy_text().unwrap_or_default();
        if !is_same_policy(text, begun) {
            let why = "somebody else began a preview of another policy meanwhile";
            return Err(Trouble::new(ErrorKind::Transient, why));
        }
        let transient = |why: &str| Err(Trouble::new(ErrorKind::Transient, why));
        match page.status() {
            Some(LifecyclePolicyPreviewStatus::InProgress | LifecyclePolicyPreviewStatus::Complete) => Ok(page),
            Some(LifecyclePolicyPreviewStatus::Failed) => transient("AWS says that its preview failed"),
            Some(LifecyclePolicyPreviewStatus::Expired) => transient("AWS says that its preview has expired"),
            other => Err(Trouble::strange(format!(
                "its preview has the status `{}`, which this version does not know",
                excerpt(other.map_or("", LifecyclePolicyPreviewStatus::as_str))
            ))),
        }
    }

    /// All pages of a preview that is done.
    async fn collect(
        &self,
        repository: &RepositoryName,
        begun: &str,
        mut page: GetLifecyclePolicyPreviewOutput,
    ) -> Result<AwsPreview, Trouble> {
        let mut pages = Pages::new(&self.api.limits);
        let mut preview = AwsPreview::default();
        loop {
            if page.status() != Some(&LifecyclePolicyPreviewStatus::Complete) {
                let why = "its preview was done, and then was not";
                return Err(Trouble::new(ErrorKind::Transient, why));
            }
            let before = preview.images.len();
            for row in page.preview_results() {
                let digest = read::<Digest>(row.image_digest())?;
                let verdict = verdict(row)?;
                if preview
                    .images
                    .insert(digest.clone(), verdict)
                    .is_some_and(|other| other != verdict)
                {
                    return Err(Trouble::strange(format!("its preview says two things of {digest}")));
                }
            }
            let new = preview.images.len() - before;
            let token = pages.next(new, page.next_token).map_err(Trouble::strange)?;
            if token.is_none() {
                return Ok(preview);
            }
            page = self.page(repository, begun, token).await?;
        }
    }
}

/// A wait that comes to an end.
struct Wait {
    patience: PreviewPatience,
    pause: Duration,
    until: Instant,
}

impl Wait {
    fn new(patience: PreviewPatience) -> Self {
        Self {
            patience,
            pause: patience.first_pause,
            until: Instant::now() + patience.whole,
        }
    }

    /// Pauses, if there is time left; else it says what is still under way.
    async fn more(&mut self, what: &str) -> Result<(), Trouble> {
        if Instant::now() + self.pause > self.until {
            let seconds = self.patience.whole.as_secs();
            let why = format!("{what} still under way after {seconds} seconds");
            return Err(Trouble::new(ErrorKind::Transient, why));
        }
        sleep(self.pause).await;
        self.pause = (self.pause * 2).min(self.patience.longest_pause);
        Ok(())
    }
}

fn text_of(told: Option<String>) -> Result<String, Trouble> {
    told.ok_or_else(|| Trouble::strange("its answer does not hold the lifecycle policy"))
}

/// Whether two texts are one lifecycle policy: AWS may order its rules anew. What cannot be understood has to be the same
/// text.
pub fn is_same_policy(one: &str, other: &str) -> bool {
    one == other
        || match (LifecyclePolicy::parse(one), LifecyclePolicy::parse(other)) {
            (Ok(one), Ok(other)) => one == other,
            _ => false,
        }
}

/// What becomes of an image. Words that nobody has heard of might mean anything.
fn verdict(row: &LifecyclePolicyPreviewResult) -> Result<LifecycleVerdict, Trouble> {
    let digest = || excerpt(row.image_digest().unwrap_or_default());
    let action = row.action().and_then(|action| action.r#type());
    let target = row.action().and_then(|action| action.target_storage_class());
    let action = match (action, target) {
        (Some(ImageActionType::Expire), None) => LifecycleAction::Expire,
        (Some(ImageActionType::Transition), Some(LifecyclePolicyTargetStorageClass::Archive)) => {
            LifecycleAction::Transition
        }
        (action, target) => {
            let words = [
                action.map(ImageActionType::as_str),
                target.map(LifecyclePolicyTargetStorageClass::as_str),
            ];
            let words: Vec<String> = words.into_iter().flatten().map(excerpt).collect();
            return Err(Trouble::strange(format!(
                "its preview does `{}` to {}, which this version does not know",
                words.join(" "),
                digest()
            )));
        }
    };
    let priority = row
        .applied_rule_priority()
        .and_then(|priority| u64::try_from(priority).ok());
    let rule_priority = priority.filter(|priority| *priority > 0).ok_or_else(|| {
        Trouble::strange(format!(
            "its preview does not say which rule does something to {}",
            digest()
        ))
    })?;
    Ok(LifecycleVerdict { action, rule_priority })
}

//! One account in one region: the way of every call, and what is said of it.
//!
//! Whatever goes wrong with a call is noted here, once for each kind of failure, and never ends another one. What was
//! read of a list before it broke off counts.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use aws_sdk_ecs::types::Failure;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_runtime_api::http::Response;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use futures_util::{StreamExt as _, stream};
use jettison_core::config::EcrPlace;
use jettison_core::model::{Digest, legible};
use tokio::sync::Semaphore;

use crate::aws::{AwsError, AwsTrouble, told};
use crate::usage::said::{Said, understood};

/// Calls on their way at the same time.
pub(super) const CALLS_AT_ONCE: usize = 16;

/// Pages of one list: a million of what comes by the hundred. AWS allows far less of anything.
const MOST_PAGES: usize = 10_000;

/// What AWS says of something that is not there (Amazon ECS Developer Guide, "API failure reasons").
const MISSING: &str = "MISSING";

/// What an operation answers.
pub(super) type Answer<T, E> = Result<T, SdkError<E, Response>>;

/// A page of a list: what is on it, if the answer says so, and what leads to the next one.
pub(super) type Page<T> = (Option<Vec<T>>, Option<String>);

/// What is told of several things that were named: of each either what it is, or why it is not told.
pub(super) type Described<T> = (Option<Vec<T>>, Option<Vec<Failure>>);

/// An account in a region.
#[derive(Debug)]
pub(super) struct Place<'a, 's> {
    place: EcrPlace,
    said: &'a Mutex<&'s mut Said>,
    calls: Semaphore,
    /// What failed, by the call and by how AWS calls it.
    failures: Mutex<BTreeMap<(&'static str, String), Failures>>,
}

/// Failures of one kind.
#[derive(Debug)]
struct Failures {
    first: String,
    others: u64,
}

/// An operation of AWS.
#[derive(Debug, Clone, Copy)]
pub(super) struct Call {
    /// As IAM names its permission.
    action: &'static str,
    /// AWS's code for: what the call is about is not there any more. Empty where nothing says so.
    gone: &'static str,
}

impl Call {
    /// One that needs the permission `action`.
    pub(super) const fn new(action: &'static str) -> Self {
        Self { action, gone: "" }
    }

    /// It is about something that may vanish, and then fails with this code: no gap.
    pub(super) const fn unless(self, gone: &'static str) -> Self {
        Self { gone, ..self }
    }
}

impl<'a, 's> Place<'a, 's> {
    /// Nothing is known of it yet.
    pub(super) fn new(place: EcrPlace, said: &'a Mutex<&'s mut Said>) -> Self {
        Self {
            place,
            said,
            calls: Semaphore::new(CALLS_AT_ONCE),
            failures: Mutex::default(),
        }
    }

    /// `eu-central-1`
    pub(super) fn region(&self) -> &str {
        &self.place.region
    }

    /// Somebody uses an image, with the digest that it has there, if that is told. What is no image or no digest is a gap.
    pub(super) fn uses(&self, image: Option<&str>, digest: Option<&str>, user: &str) {
        let used_by = self.told(user);
        let digest = self.digest(digest, &used_by);
        self.said().uses(image.unwrap_or_default(), digest, &used_by);
    }

    /// The same of somebody who has ended. When AWS forgets him, the source does not name fewer images.
    pub(super) fn used(&self, image: Option<&str>, digest: Option<&str>, user: &str) {
        let used_by = self.told(user);
        let digest = self.digest(digest, &used_by);
        // What is no image never ran by that name.
        let image = image.filter(|image| understood(image).is_ok()).unwrap_or_default();
        if !image.is_empty() || digest.is_some() {
            self.said().mentions(image, digest, &used_by);
        }
    }

    fn told(&self, user: &str) -> String {
        format!("{} in {}", legible(user), self.place)
    }

    fn digest(&self, text: Option<&str>, used_by: &str) -> Option<Digest> {
        let text = text.filter(|text| !text.is_empty())?;
        let digest: Result<Digest, _> = text.parse();
        digest.map_err(|why| self.said().gap(format!("{used_by}: {why}"))).ok()
    }

    /// Something that this place does not tell.
    pub(super) fn gap(&self, why: &str) {
        let gap = format!("{}: {why}", self.place);
        self.said().gap(gap);
    }

    /// An answer to a call that cannot be the whole truth.
    pub(super) fn unclear(&self, call: Call, detail: String) {
        self.fail(AwsError {
            trouble: AwsTrouble::Unclear,
            action: call.action,
            code: String::new(),
            detail: legible(&detail),
        });
    }

    /// Makes a gap of every kind of failure.
    pub(super) fn tell_failures(self) {
        let failures = self.failures.into_inner().unwrap_or_else(PoisonError::into_inner);
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        for Failures { first, others } in failures.into_values() {
            let more = match others {
                0 => String::new(),
                others => format!(" (and {others} more of these calls)"),
            };
            said.gap(format!("{}: {first}{more}", self.place));
        }
    }

    /// The answer to one call; `None` if it failed, which is noted.
    pub(super) async fn call<T, E>(&self, call: Call, answer: impl Future<Output = Answer<T, E>>) -> Option<T>
    where
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    {
        let _turn = self.calls.acquire().await;
        match answer.await {
            Ok(answer) => Some(answer),
            Err(error) => {
                let error = told(call.action, error);
                if error.code != call.gone || call.gone.is_empty() {
                    self.fail(error);
                }
                None
            }
        }
    }

    /// Everything in a list, as far as it can be read.
    pub(super) async fn every<T, E>(
        &self,
        call: Call,
        page: impl AsyncFn(Option<String>) -> Answer<Page<T>, E>,
    ) -> Vec<T>
    where
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    {
        let mut all = Vec::new();
        self.pages(call, page, |items| {
            all.extend(items);
            true
        })
        .await;
        all
    }

    /// Reads a list page by page until its end, or until `wants_more` says no.
    ///
    /// The pagers of the official clients take a page that leads to itself for the last one. Here it is a failure.
    pub(super) async fn pages<T, E>(
        &self,
        call: Call,
        page: impl AsyncFn(Option<String>) -> Answer<Page<T>, E>,
        mut wants_more: impl FnMut(Vec<T>) -> bool,
    ) where
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    {
        let mut seen = BTreeSet::new();
        let mut token = None;
        loop {
            let Some((items, next)) = self.call(call, page(token)).await else {
                return;
            };
            let Some(items) = items else {
                return self.unclear(call, "the answer has no list in it".to_owned());
            };
            token = next.filter(|token| !token.is_empty());
            let goes_on = wants_more(items);
            let Some(next) = token.as_ref().filter(|_| goes_on) else {
                return;
            };
            if !seen.insert(Digest::of(next.as_bytes())) {
                return self.unclear(call, "the pages of the list lead back to themselves".to_owned());
            }
            if seen.len() >= MOST_PAGES {
                return self.unclear(
                    call,
                    format!("the list has more than {MOST_PAGES} pages; the others are not read"),
                );
            }
        }
    }

    /// Hands on what is told of things that are named, `most` in one call; returns those of which it is told that they are
    /// not there. Whatever is not told for another reason, or passed over, is a gap.
    pub(super) async fn described<T, E>(
        &self,
        (call, most): (Call, usize),
        names: &[String],
        ask: impl AsyncFn(Vec<String>) -> Answer<Described<T>, E>,
        mut found: impl FnMut(T),
    ) -> Vec<String>
    where
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    {
        let ask = &ask;
        let calls = names.chunks(most).map(|names| async move {
            let answer = self.call(call, ask(names.to_vec())).await;
            (names.len(), answer)
        });
        let mut answers = stream::iter(calls).buffer_unordered(CALLS_AT_ONCE);
        let mut missing = Vec::new();
        while let Some((asked, answer)) = answers.next().await {
            // What failed is noted.
            let Some((items, failures)) = answer else { continue };
            let (items, failures) = (items.unwrap_or_default(), failures.unwrap_or_default());
            if items.len() + failures.len() < asked {
                self.unclear(call, "the answer does not tell of all that was asked for".to_owned());
            }
            items.into_iter().for_each(&mut found);
            missing.extend(failures.into_iter().filter_map(|failure| self.missing(call, failure)));
        }
        missing
    }

    /// The name of what is not there. Any other reason is a failure.
    fn missing(&self, call: Call, failure: Failure) -> Option<String> {
        if failure.reason.as_deref() == Some(MISSING) && failure.arn.is_some() {
            return failure.arn;
        }
        let arn = failure.arn.unwrap_or_default();
        let reason = legible(&failure.reason.unwrap_or_default());
        let detail = failure.detail.unwrap_or_default();
        self.fail(AwsError {
            trouble: AwsTrouble::Refused,
            action: call.action,
            detail: format!("AWS does not tell of {}: {reason} {}", legible(&arn), legible(&detail)),
            code: reason,
        });
        None
    }

    fn fail(&self, error: AwsError) {
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        let of_kind = failures.entry((error.action, error.code.clone()));
        of_kind
            .and_modify(|failures| failures.others += 1)
            .or_insert_with(|| Failures {
                first: error.to_string(),
                others: 0,
            });
    }

    fn said(&self) -> MutexGuard<'_, &'s mut Said> {
        self.said.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_ecs::operation::list_tasks::ListTasksError;
    use jiff::Timestamp;

    use super::*;

    #[tokio::test]
    async fn a_list_without_an_end_is_a_gap() {
        let mut said = Said::new(Timestamp::UNIX_EPOCH, &BTreeSet::new());
        let shared = Mutex::new(&mut said);
        let place = EcrPlace {
            account: "111122223333".to_owned(),
            region: "eu-central-1".to_owned(),
        };
        let place = Place::new(place, &shared);
        let turn = std::cell::Cell::new(0);
        let page = async |_: Option<String>| -> Answer<Page<u32>, ListTasksError> {
            turn.set(turn.get() + 1);
            Ok((Some(vec![turn.get()]), Some(turn.get().to_string())))
        };
        let read = place.every(Call::new("ecs:ListTasks"), page).await;
        assert_eq!(read.len(), MOST_PAGES);
        place.tell_failures();
        let (_, gaps) = said.finish(false);
        let expected =
            "111122223333/eu-central-1: ecs:ListTasks: the list has more than 10000 pages; the others are not read";
        assert_eq!(gaps[0].to_string(), expected);
    }
}

//! Removals, up to a hundred in one call, each of which fails by itself; and finding out whether they are allowed.
//!
//! Each is sent once. A tag is removed only while its image has another one, for ECR deletes an image with its last tag.

use std::collections::BTreeMap;
use std::sync::Arc;

use aws_sdk_ecr::operation::batch_delete_image::BatchDeleteImageOutput;
use aws_sdk_ecr::types::ImageFailureCode;
use jettison_core::model::{Digest, RepositoryName, Tag};
use tokio::sync::Mutex;

use super::api::{Api, Trouble};
use super::coalesce::{Answers, Batch};
use super::look::{Looks, identifier};
use super::read::refused;
use crate::registry::retry::random_bits;
use crate::registry::{DeleteSupport, ErrorKind, ManifestReference, Removed};

/// Deletes manifests with their tags.
pub(super) struct Deletes {
    api: Arc<Api>,
}

impl Deletes {
    pub(super) fn new(api: Arc<Api>) -> Self {
        Self { api }
    }
}

impl Batch for Deletes {
    type Place = RepositoryName;
    type Key = Digest;
    type Answer = Removed;
    type Error = Trouble;

    async fn ask(
        &self,
        repository: &RepositoryName,
        keys: Vec<Digest>,
    ) -> Result<Answers<Digest, Removed, Trouble>, Trouble> {
        let references: Vec<ManifestReference> = keys.into_iter().map(Into::into).collect();
        let outcomes = outcomes(&send(&self.api, repository, &references).await?);
        let of_digest = |(reference, outcome)| match reference {
            ManifestReference::Digest(digest) => Some((digest, outcome)),
            ManifestReference::Tag(_) => None,
        };
        Ok(outcomes.into_iter().filter_map(of_digest).collect())
    }

    fn unanswered(&self) -> Trouble {
        unclear()
    }
}

/// Removes tags and nothing else.
pub(super) struct Untags {
    looks: Arc<Looks>,
    /// One batch at a time: two that look at the same image would both see the other's tag, and take both.
    turn: Mutex<()>,
}

impl Untags {
    pub(super) fn new(looks: Arc<Looks>) -> Self {
        let turn = Mutex::default();
        Self { looks, turn }
    }

    /// What becomes of tags without a removal, and the tags that may be removed.
    async fn look(&self, repository: &RepositoryName, tags: Vec<Tag>) -> (Answers<Tag, Removed, Trouble>, Vec<Tag>) {
        let references = tags.iter().cloned().map(Into::into).collect();
        let mut sights = self.looks.sights(repository, references).await;
        let (mut answers, mut removable) = (BTreeMap::new(), Vec::new());
        // Tags that stay, by image: one of them has to.
        let mut left: BTreeMap<Digest, usize> = BTreeMap::new();
        for tag in tags {
            let sight = sights.remove(&ManifestReference::Tag(tag.clone()));
            match sight.unwrap_or_else(|| Err(self.looks.unanswered())) {
                Ok(Some(seen)) => {
                    let left = left.entry(seen.digest).or_insert(seen.tags);
                    if *left > 1 {
                        *left -= 1;
                        removable.push(tag);
                    } else {
                        answers.insert(tag, Err(last()));
                    }
                }
                Ok(None) => drop(answers.insert(tag, Ok(Removed::AlreadyGone))),
                Err(trouble) => drop(answers.insert(tag, Err(trouble))),
            }
        }
        (answers, removable)
    }
}

impl Batch for Untags {
    type Place = RepositoryName;
    type Key = Tag;
    type Answer = Removed;
    type Error = Trouble;

    async fn ask(
        &self,
        repository: &RepositoryName,
        keys: Vec<Tag>,
    ) -> Result<Answers<Tag, Removed, Trouble>, Trouble> {
        let _turn = self.turn.lock().await;
        let (mut answers, removable) = self.look(repository, keys).await;
        if removable.is_empty() {
            return Ok(answers);
        }
        let references: Vec<ManifestReference> = removable.iter().cloned().map(Into::into).collect();
        let sent = send(&self.looks.api, repository, &references).await;
        let mut outcomes = match sent {
            Ok(answer) => outcomes(&answer),
            Err(trouble) => references.into_iter().map(|key| (key, Err(trouble.clone()))).collect(),
        };
        for tag in removable {
            let outcome = outcomes.remove(&ManifestReference::Tag(tag.clone()));
            answers.insert(tag, outcome.unwrap_or_else(|| Err(unclear())));
        }
        Ok(answers)
    }

    fn unanswered(&self) -> Trouble {
        unclear()
    }
}

/// Asks for the removal of a digest that nobody has.
pub(super) async fn probe(api: &Api, repository: &RepositoryName) -> Result<DeleteSupport, Trouble> {
    let random = format!("{:016x}{:016x}", random_bits(), random_bits());
    let nobodys = ManifestReference::Digest(Digest::of(random.as_bytes()));
    let answer = send(api, repository, std::slice::from_ref(&nobodys)).await?;
    let allowed = match outcomes(&answer).remove(&nobodys) {
        Some(Ok(_)) => Some(true),
        _ => None,
    };
    Ok(DeleteSupport {
        delete: allowed,
        delete_tag: allowed,
    })
}

async fn send(
    api: &Api,
    repository: &RepositoryName,
    references: &[ManifestReference],
) -> Result<BatchDeleteImageOutput, Trouble> {
    let call = |client: aws_sdk_ecr::Client| {
        let call = client.batch_delete_image().registry_id(api.account());
        let call = call.repository_name(repository.as_str());
        call.set_image_ids(Some(references.iter().map(identifier).collect()))
            .send()
    };
    let sent = api.ask_once("ecr:BatchDeleteImage", call).await;
    // What came back and cannot be read came after the deed.
    sent.map_err(|trouble| match trouble.kind {
        ErrorKind::Protocol if trouble.is("") => trouble.of_kind(ErrorKind::Transient),
        _ => trouble,
    })
}

/// What became of each image and tag that the answer speaks of.
fn outcomes(answer: &BatchDeleteImageOutput) -> Answers<ManifestReference, Removed, Trouble> {
    let mut outcomes = BTreeMap::new();
    let digest = |text: Option<&str>| Some(ManifestReference::Digest(text?.parse().ok()?));
    let tag = |text: Option<&str>| Some(ManifestReference::Tag(text?.parse().ok()?));
    for id in answer.image_ids() {
        let removed = [digest(id.image_digest()), tag(id.image_tag())];
        outcomes.extend(removed.into_iter().flatten().map(|key| (key, Ok(Removed::Now))));
    }
    // A failure is named as it was asked for.
    for failure in answer.failures() {
        let asked = failure.image_id();
        let key = asked.and_then(|id| digest(id.image_digest()).or_else(|| tag(id.image_tag())));
        let outcome = match failure.failure_code() {
            Some(ImageFailureCode::ImageNotFound) => Ok(Removed::AlreadyGone),
            _ => Err(refused(failure)),
        };
        outcomes.extend(key.map(|key| (key, outcome)));
    }
    outcomes
}

fn last() -> Trouble {
    let why = "it is the last tag of its image, and ECR deletes an image with its last tag";
    Trouble::new(ErrorKind::Unsupported, why)
}

/// It may be gone: whoever asked has to look.
fn unclear() -> Trouble {
    Trouble::new(ErrorKind::Transient, "ECR did not say what became of it")
}

#[cfg(test)]
mod tests {
    use aws_sdk_ecr::types::{ImageFailure, ImageIdentifier};

    use super::*;

    #[test]
    fn what_an_answer_does_not_speak_of_may_be_gone() {
        let (digest, tag): (Digest, Tag) = (Digest::of(b"x"), "v1".parse().unwrap());
        let id = ImageIdentifier::builder()
            .image_digest(digest.to_string())
            .image_tag("v1")
            .build();
        let failed = ImageIdentifier::builder().image_tag("v2").build();
        let failure = ImageFailure::builder()
            .image_id(failed)
            .failure_code(ImageFailureCode::KmsError);
        let answer = BatchDeleteImageOutput::builder()
            .image_ids(id)
            .failures(failure.build())
            .build();
        let outcomes = outcomes(&answer);
        assert_eq!(outcomes[&digest.into()], Ok(Removed::Now));
        assert_eq!(outcomes[&tag.into()], Ok(Removed::Now));
        let refused = outcomes[&"v2".parse::<Tag>().unwrap().into()].clone();
        assert_eq!(refused.unwrap_err().kind, ErrorKind::Forbidden);
        assert_eq!(outcomes.len(), 3);
        // Nothing is said of the others: whoever asked looks, as after an answer that never came.
        assert_eq!(unclear().kind, ErrorKind::Transient);
    }
}

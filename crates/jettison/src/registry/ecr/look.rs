//! Looks images up by tag or digest, many in one call, which counts as no pull.
//!
//! ECR refuses the whole call where a single image is not there, and does not name all of them. So such a call is divided
//! until what is not there stands alone; and that is asked for once more.

use std::collections::BTreeMap;
use std::sync::Arc;

use aws_sdk_ecr::types::{ImageDetail, ImageIdentifier};
use futures_util::future::BoxFuture;
use futures_util::{FutureExt as _, StreamExt as _, stream};
use jettison_core::model::{Digest, RepositoryName};
use jiff::Timestamp;

use super::api::{Api, Trouble};
use super::coalesce::{Answers, Batch};
use super::list::{of_any_status, read, stored, time};
use crate::registry::oci::manifest::ASKED;
use crate::registry::{ManifestReference, Stored};

/// Into how many calls one is divided that has something missing in it. Mostly all is there, or, after a deletion, nothing:
/// then this costs the fewest calls.
const PARTS: usize = 10;

/// What ECR tells of one image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) digest: Digest,
    /// How many tags it has.
    pub(super) tags: usize,
    /// Its last pull, our own included.
    pub(super) pulled_at: Option<Timestamp>,
    pub(super) stored: Stored,
}

/// Looks images up.
pub(super) struct Looks {
    pub(super) api: Arc<Api>,
}

/// What was found of each; `None` where ECR said twice that it is not there.
pub(super) type Sights = Answers<ManifestReference, Option<Seen>, Trouble>;

impl Batch for Looks {
    type Place = RepositoryName;
    type Key = ManifestReference;
    type Answer = Option<Seen>;
    type Error = Trouble;

    async fn ask(&self, repository: &RepositoryName, keys: Vec<ManifestReference>) -> Result<Sights, Trouble> {
        Ok(self.sights(repository, keys).await)
    }

    fn unanswered(&self) -> Trouble {
        Trouble::strange("ECR left it out of its answer")
    }
}

impl Looks {
    pub(super) fn new(api: Arc<Api>) -> Self {
        Self { api }
    }

    /// What is there of up to 100 images.
    pub(super) fn sights<'a>(
        &'a self,
        repository: &'a RepositoryName,
        keys: Vec<ManifestReference>,
    ) -> BoxFuture<'a, Sights> {
        async move {
            let trouble = match self.together(repository, &keys).await {
                Ok(sights) => return sights,
                Err(trouble) => trouble,
            };
            if trouble.is("ImageNotFoundException") && keys.len() > 1 {
                return self.divided(repository, &keys).await;
            }
            let answer = match trouble.is_no_repository() || trouble.is("ImageNotFoundException") {
                true => Ok(None),
                false => Err(trouble),
            };
            keys.into_iter().map(|key| (key, answer.clone())).collect()
        }
        .boxed()
    }

    async fn divided(&self, repository: &RepositoryName, keys: &[ManifestReference]) -> Sights {
        let parts = keys.chunks(keys.len().div_ceil(PARTS)).map(<[_]>::to_vec);
        let asked = stream::iter(parts.collect::<Vec<_>>()).map(|part| self.sights(repository, part));
        asked
            .buffer_unordered(PARTS)
            .map(stream::iter)
            .flatten()
            .collect()
            .await
    }

    /// One call for all; a second one where it says that what stands alone, or the whole repository, is not there.
    async fn together(&self, repository: &RepositoryName, keys: &[ManifestReference]) -> Result<Sights, Trouble> {
        let mut asked = 1;
        loop {
            match self.describe(repository, keys).await {
                Ok(details) => return sights(keys, &details),
                Err(trouble)
                    if asked < ASKED
                        && (trouble.is_no_repository() || trouble.is("ImageNotFoundException") && keys.len() == 1) =>
                {
                    asked += 1;
                }
                Err(trouble) => return Err(trouble),
            }
        }
    }

    async fn describe(
        &self,
        repository: &RepositoryName,
        keys: &[ManifestReference],
    ) -> Result<Vec<ImageDetail>, Trouble> {
        let api = &self.api;
        let call = api.client().await.describe_images().registry_id(api.account());
        let call = call.repository_name(repository.as_str()).filter(of_any_status());
        let call = call.set_image_ids(Some(keys.iter().map(identifier).collect()));
        let answer = api.ask("ecr:DescribeImages", call.send()).await?;
        Ok(answer.image_details.unwrap_or_default())
    }
}

/// As ECR wants to be asked for it.
pub(super) fn identifier(reference: &ManifestReference) -> ImageIdentifier {
    let id = ImageIdentifier::builder();
    match reference {
        ManifestReference::Tag(tag) => id.image_tag(tag.as_str()).build(),
        ManifestReference::Digest(digest) => id.image_digest(digest.to_string()).build(),
    }
}

/// The answer for each key that there is one for.
fn sights(keys: &[ManifestReference], details: &[ImageDetail]) -> Result<Sights, Trouble> {
    let mut by_reference = BTreeMap::new();
    for detail in details {
        let digest: Digest = read(detail.image_digest())?;
        let seen = Seen {
            digest: digest.clone(),
            tags: detail.image_tags().len(),
            pulled_at: time(detail.last_recorded_pull_time())?,
            stored: stored(detail)?,
        };
        for tag in detail.image_tags() {
            by_reference.insert(ManifestReference::Tag(read(Some(tag))?), seen.clone());
        }
        by_reference.insert(ManifestReference::Digest(digest), seen);
    }
    let found = keys
        .iter()
        .filter_map(|key| Some((key.clone(), Ok(Some(by_reference.get(key)?.clone())))));
    Ok(found.collect())
}

//! What has an image as its subject, archived or not.

use std::collections::BTreeSet;

use aws_sdk_ecr::types::{ArtifactStatusFilter, ListImageReferrersFilter, SubjectIdentifier};
use jettison_core::model::{Digest, RepositoryName};

use super::api::{Api, Trouble};
use super::list::read;
use crate::registry::pages::Pages;
use crate::registry::{Limits, Referrers};

/// The most that the call gives in one page.
const PAGE: i32 = 50;

/// More is attached to nothing, and there may be one such list for each manifest.
const MOST: usize = 100_000;

/// All referrers, sorted. What is not there has none.
pub(super) async fn list(api: &Api, repository: &RepositoryName, digest: &Digest) -> Result<Referrers, Trouble> {
    let subject = SubjectIdentifier::builder().image_digest(digest.to_string()).build();
    let subject = subject.map_err(|error| Trouble::strange(error.to_string()))?;
    // Without it those that are archived are left out.
    let filter = ListImageReferrersFilter::builder()
        .artifact_status(ArtifactStatusFilter::Any)
        .build();
    let limits = Limits {
        items: api.limits.items.min(MOST),
        ..api.limits.clone()
    };
    let (mut pages, mut token) = (Pages::new(&limits), None);
    let mut referrers = BTreeSet::new();
    loop {
        let call = api.client().await.list_image_referrers().registry_id(api.account());
        let call = call.repository_name(repository.as_str()).subject_id(subject.clone());
        let call = call.filter(filter.clone()).max_results(PAGE).set_next_token(token);
        let page = match api.ask("ecr:BatchGetImage", call.send()).await {
            Ok(page) => page,
            // A place of AWS that does not have this call yet.
            Err(trouble) if trouble.is("UnknownOperationException") => return Ok(Referrers::Unsupported),
            Err(trouble) if trouble.is("ImageNotFoundException") => return Ok(Referrers::Listed(Vec::new())),
            Err(trouble) => return Err(trouble),
        };
        let before = referrers.len();
        for referrer in page.referrers.unwrap_or_default() {
            referrers.insert(read::<Digest>(Some(referrer.digest()))?);
        }
        token = pages
            .next(referrers.len() - before, page.next_token)
            .map_err(Trouble::strange)?;
        if token.is_none() {
            return Ok(Referrers::Listed(referrers.into_iter().collect()));
        }
    }
}

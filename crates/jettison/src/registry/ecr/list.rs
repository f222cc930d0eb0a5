//! Lists, page after page: repositories, tags, and everything of a repository, without reading a manifest.
//!
//! All of a list or an error: a page that is missing would be images that nobody knows of.

use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;

use aws_sdk_ecr::primitives::DateTime;
use aws_sdk_ecr::types::{DescribeImagesFilter, ImageDetail, ImageStatus, ImageStatusFilter};
use jettison_core::model::{Digest, RepositoryName, Tag};
use jiff::{Timestamp, Unit};

use super::api::{Api, Trouble};
use crate::registry::pages::Pages;
use crate::registry::{Listed, ListedTag, Listing, OwnRead, Stored, excerpt, pulled_by_others};

/// The most that these calls give in one page.
const PAGE: i32 = 1000;

/// Since when ECR has kept pull times everywhere, with time to spare: 2023-01-01. Before, an image without one may have been
/// pulled all the same.
const PULLS_KEPT_SINCE: Timestamp = Timestamp::constant(1_672_531_200, 0);

/// Without it only what can be pulled is listed.
pub(super) fn of_any_status() -> DescribeImagesFilter {
    DescribeImagesFilter::builder()
        .image_status(ImageStatusFilter::Any)
        .build()
}

/// Every repository of the account in the region, sorted.
pub(super) async fn repositories(api: &Api) -> Result<Vec<RepositoryName>, Trouble> {
    let (mut pages, mut token) = (Pages::new(&api.limits), None);
    let mut names = BTreeSet::new();
    loop {
        let call = api.client().await.describe_repositories().registry_id(api.account());
        let call = call.max_results(PAGE).set_next_token(token);
        let page = api.ask("ecr:DescribeRepositories", call.send()).await?;
        let before = names.len();
        for repository in page.repositories.unwrap_or_default() {
            names.insert(read::<RepositoryName>(repository.repository_name())?);
        }
        token = pages
            .next(names.len() - before, page.next_token)
            .map_err(Trouble::strange)?;
        if token.is_none() {
            return Ok(names.into_iter().collect());
        }
    }
}

/// Everything of a repository, and the tags that moved while it was listed: where these point has to be asked.
pub(super) async fn images(api: &Api, repository: &RepositoryName) -> Result<(Listing, BTreeSet<Tag>), Trouble> {
    let (mut pages, mut token) = (Pages::new(&api.limits), None);
    let mut listing = Listing {
        pull_data_since: Some(PULLS_KEPT_SINCE),
        ..Listing::default()
    };
    let mut moved = BTreeSet::new();
    loop {
        let call = api.client().await.describe_images().registry_id(api.account());
        let call = call.repository_name(repository.as_str()).filter(of_any_status());
        let call = call.max_results(PAGE).set_next_token(token);
        let page = api.ask("ecr:DescribeImages", call.send()).await?;
        let before = listing.manifests.len() + listing.tags.len();
        for detail in page.image_details.unwrap_or_default() {
            add(&mut listing, &mut moved, detail)?;
        }
        let new = listing.manifests.len() + listing.tags.len() - before;
        token = pages.next(new, page.next_token).map_err(Trouble::strange)?;
        if token.is_none() {
            return Ok((listing, moved));
        }
    }
}

fn add(listing: &mut Listing, moved: &mut BTreeSet<Tag>, detail: ImageDetail) -> Result<(), Trouble> {
    let digest: Digest = read(detail.image_digest())?;
    for tag in detail.image_tags() {
        let tag: Tag = read(Some(tag))?;
        let listed = ListedTag {
            digest: digest.clone(),
            updated_at: None,
            // ECR lets nobody move such a tag, and everybody delete it.
            immutable: false,
        };
        if let Some(other) = listing.tags.insert(tag.clone(), listed)
            && other.digest != digest
        {
            moved.insert(tag);
        }
    }
    let listed = Listed {
        stored: stored(&detail)?,
        // What came back from the archive is as new as that, for ECR's own rules as well.
        pushed_at: time(detail.image_pushed_at())?.max(time(detail.last_activated_at())?),
        last_pulled_at: time(detail.last_recorded_pull_time())?,
        subject: match detail.subject_manifest_digest() {
            Some(subject) => Some(read(Some(subject))?),
            None => None,
        },
        bytes: u64::try_from(detail.image_size_in_bytes.unwrap_or_default()).unwrap_or_default(),
        config_media_type: detail.artifact_media_type.filter(|told| !told.is_empty()),
        media_type: detail.image_manifest_media_type.unwrap_or_default(),
    };
    listing.manifests.insert(digest, listed);
    Ok(())
}

/// Takes own reads out of the pull times.
pub(super) fn discount(listing: &mut Listing, own: &BTreeMap<Digest, Vec<OwnRead>>) {
    for (digest, reads) in own {
        if let Some(listed) = listing.manifests.get_mut(digest) {
            listed.last_pulled_at = pulled_by_others(listed.last_pulled_at, reads);
        }
    }
}

/// Where an image is kept. A status that nobody has heard of might mean anything.
pub(super) fn stored(detail: &ImageDetail) -> Result<Stored, Trouble> {
    let digest = detail.image_digest().unwrap_or_default();
    match detail.image_status() {
        None | Some(ImageStatus::Active) => Ok(Stored::Ready),
        Some(ImageStatus::Activating) => Ok(Stored::Returning),
        Some(ImageStatus::Archived) => match time(detail.last_archived_at())? {
            Some(since) => Ok(Stored::Archived(since)),
            None => Err(Trouble::strange(format!(
                "it lists {} as archived, and does not tell since when",
                excerpt(digest)
            ))),
        },
        Some(other) => Err(Trouble::strange(format!(
            "it lists {} with the status {}, which this version does not know",
            excerpt(digest),
            excerpt(other.as_str())
        ))),
    }
}

/// A time, if it tells one: seconds with a fraction, of which all but milliseconds comes from the notation.
pub(super) fn time(told: Option<&DateTime>) -> Result<Option<Timestamp>, Trouble> {
    let read = |told: &DateTime| {
        let nanoseconds = i32::try_from(told.subsec_nanos()).unwrap_or_default();
        Timestamp::new(told.secs(), nanoseconds)?.round(Unit::Millisecond)
    };
    let time = told.map(read).transpose();
    time.map_err(|error| Trouble::strange(format!("it tells a time that is none: {error}")))
}

/// A name or a digest, if it is a legal one.
pub(super) fn read<T: FromStr<Err: std::error::Error>>(told: Option<&str>) -> Result<T, Trouble> {
    let text = told.unwrap_or_default();
    text.parse().map_err(|error: T::Err| {
        let (text, why) = (excerpt(text), excerpt(&error.to_string()));
        Trouble::strange(format!("it lists `{text}`: {why}"))
    })
}

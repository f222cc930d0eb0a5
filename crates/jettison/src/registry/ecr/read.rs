//! Manifests, a hundred in one call. ECR takes that for a pull of each, so that the time of the last one by somebody else is
//! noted before.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use aws_sdk_ecr::types::{Image, ImageFailure, ImageFailureCode};
use bytes::Bytes;
use jettison_core::model::{Digest, RepositoryName};
use jiff::Timestamp;

use super::api::{Api, Trouble};
use super::coalesce::{Answers, Batch};
use super::list::read;
use super::look::identifier;
use crate::registry::oci::manifest::{ACCEPTED, checked};
use crate::registry::{ErrorKind, FetchedManifest, OwnRead, OwnReads, excerpt};

/// A manifest to read, with its last pull before.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Wanted {
    pub(super) digest: Digest,
    pub(super) pulled_before: Option<Timestamp>,
}

/// Reads manifests.
pub(super) struct Reads {
    api: Arc<Api>,
    own_reads: Arc<dyn OwnReads>,
}

/// What was read of each; `None` where ECR says that it is not there.
type Manifests = Answers<Wanted, Option<FetchedManifest>, Trouble>;

impl Batch for Reads {
    type Place = RepositoryName;
    type Key = Wanted;
    type Answer = Option<FetchedManifest>;
    type Error = Trouble;

    async fn ask(&self, repository: &RepositoryName, keys: Vec<Wanted>) -> Result<Manifests, Trouble> {
        let began_at = Timestamp::now();
        self.note(repository, &keys, (began_at, None)).await?;
        // Where no answer comes, nobody knows when ECR took it for a pull: then the end stays open.
        let digests = keys.iter().map(|key| &key.digest).collect();
        let answers = fetch(&self.api, repository, digests).await?;
        self.note(repository, &keys, (began_at, Some(Timestamp::now()))).await?;
        Ok(keys
            .into_iter()
            .filter_map(|key| Some((key.clone(), answers.get(&key.digest)?.clone())))
            .collect())
    }

    fn unanswered(&self) -> Trouble {
        Trouble::strange("ECR left it out of its answer")
    }
}

impl Reads {
    pub(super) fn new(api: &Arc<Api>, own_reads: &Arc<dyn OwnReads>) -> Self {
        Self {
            api: Arc::clone(api),
            own_reads: Arc::clone(own_reads),
        }
    }

    async fn note(
        &self,
        repository: &RepositoryName,
        keys: &[Wanted],
        (began_at, ended_at): (Timestamp, Option<Timestamp>),
    ) -> Result<(), Trouble> {
        let reads: Vec<OwnRead> = keys
            .iter()
            .map(|key| OwnRead {
                digest: key.digest.clone(),
                pulled_before: key.pulled_before,
                began_at,
                ended_at,
            })
            .collect();
        let noted = self.own_reads.note((&self.api.host, repository), &reads).await;
        noted.map_err(forgetful)
    }
}

/// The manifests of up to 100 digests; ECR takes it for a pull of each that is there.
pub(super) async fn fetch(
    api: &Api,
    repository: &RepositoryName,
    digests: BTreeSet<&Digest>,
) -> Result<Answers<Digest, Option<FetchedManifest>, Trouble>, Trouble> {
    let alone = (digests.len() == 1)
        .then(|| digests.first().map(|digest| Digest::clone(digest)))
        .flatten();
    let ids = digests.into_iter().map(|digest| identifier(&digest.clone().into()));
    let call = api.client().await.batch_get_image().registry_id(api.account());
    let call = call
        .repository_name(repository.as_str())
        .set_image_ids(Some(ids.collect()));
    // Without these ECR gives out what it takes for usual.
    let accepted = ACCEPTED.split(',').map(|media_type| media_type.trim().to_owned());
    let call = call.set_accepted_media_types(Some(accepted.collect()));
    let answer = api.ask("ecr:BatchGetImage", call.send()).await?;
    let mut answers = BTreeMap::new();
    for failure in answer.failures.unwrap_or_default() {
        let named = failure.image_id().and_then(|id| id.image_digest());
        let digest = match (named, &alone) {
            // There is but one that it can mean.
            (None, Some(alone)) => alone.clone(),
            (named, _) => read(named)?,
        };
        answers.insert(digest, absence(&failure));
    }
    for image in answer.images.unwrap_or_default() {
        let digest = read(image.image_id().and_then(|id| id.image_digest()))?;
        let manifest = accept(&digest, image, api.limits.manifest_bytes).map(Some);
        answers.insert(digest, manifest);
    }
    Ok(answers)
}

/// The manifest, if it is the one that was asked for and not too long.
fn accept(digest: &Digest, image: Image, most: u64) -> Result<FetchedManifest, Trouble> {
    let bytes = Bytes::from(image.image_manifest.unwrap_or_default());
    if bytes.len() as u64 > most {
        let why = format!("the manifest is longer than {most} bytes");
        return Err(Trouble::new(ErrorKind::TooLarge, why));
    }
    let media_type = image.image_manifest_media_type.unwrap_or_default();
    checked(digest, &media_type, bytes).map_err(Trouble::strange)
}

/// Who cannot remember what was read may not read.
pub(super) fn forgetful(why: String) -> Trouble {
    let why = format!("reading counts as a pull on ECR, and what was read cannot be remembered: {why}");
    Trouble::new(ErrorKind::Configuration, why)
}

/// That an image is not there; or what else is the matter with it.
fn absence(failure: &ImageFailure) -> Result<Option<FetchedManifest>, Trouble> {
    match failure.failure_code() {
        Some(ImageFailureCode::ImageNotFound) => Ok(None),
        _ => Err(refused(failure)),
    }
}

/// What a failure of one image in a batch means.
pub(super) fn refused(failure: &ImageFailure) -> Trouble {
    let code = failure.failure_code().map_or("", ImageFailureCode::as_str);
    let kind = match failure.failure_code() {
        Some(ImageFailureCode::ImageReferencedByManifestList | ImageFailureCode::ImageTagDoesNotMatchDigest) => {
            ErrorKind::Conflict
        }
        Some(ImageFailureCode::KmsError | ImageFailureCode::UpstreamAccessDenied) => ErrorKind::Forbidden,
        Some(ImageFailureCode::UpstreamTooManyRequests) => ErrorKind::RateLimited,
        Some(ImageFailureCode::UpstreamUnavailable) => ErrorKind::Transient,
        _ => ErrorKind::Protocol,
    };
    let reason = failure.failure_reason().unwrap_or_default();
    Trouble::new(kind, format!("ECR answered {}: {}", excerpt(code), excerpt(reason)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(text: &str, media_type: &str) -> Image {
        Image::builder()
            .image_manifest(text)
            .image_manifest_media_type(media_type)
            .build()
    }

    #[test]
    fn only_the_manifest_that_was_asked_for_is_taken() {
        const OCI: &str = "application/vnd.oci.image.manifest.v1+json";
        const DOCKER: &str = "application/vnd.docker.distribution.manifest.v2+json";
        let text = format!("{{\"mediaType\":\"{OCI}\"}}");
        let digest = Digest::of(text.as_bytes());
        let taken = accept(&digest, sent(&text, OCI), 1000).unwrap();
        assert_eq!((taken.digest, taken.media_type.as_str()), (digest.clone(), OCI));
        let kind = |digest: &Digest, image, most| accept(digest, image, most).unwrap_err().kind;
        assert_eq!(kind(&Digest::of(b"other"), sent(&text, OCI), 1000), ErrorKind::Protocol);
        assert_eq!(
            kind(&digest, sent(&text, DOCKER), 1000),
            ErrorKind::Protocol,
            "it calls itself another"
        );
        assert_eq!(kind(&digest, sent(&text, OCI), 10), ErrorKind::TooLarge);
        assert_eq!(
            kind(&digest, Image::builder().build(), 1000),
            ErrorKind::Protocol,
            "nothing at all"
        );
    }

    #[test]
    fn each_failure_of_a_batch_has_a_kind_of_its_own() {
        use ErrorKind::{Conflict, Forbidden, Protocol, RateLimited, Transient};
        for (code, kind) in [
            ("ImageReferencedByManifestList", Conflict),
            ("ImageTagDoesNotMatchDigest", Conflict),
            ("KmsError", Forbidden),
            ("UpstreamAccessDenied", Forbidden),
            ("UpstreamTooManyRequests", RateLimited),
            ("UpstreamUnavailable", Transient),
            ("InvalidImageDigest", Protocol),
            ("ImageInaccessible", Protocol),
            ("SomethingNew", Protocol),
        ] {
            let failure = ImageFailure::builder().failure_code(code.into()).build();
            assert_eq!(absence(&failure).unwrap_err().kind, kind, "{code}");
        }
        let missing = ImageFailure::builder()
            .failure_code(ImageFailureCode::ImageNotFound)
            .build();
        assert_eq!(absence(&missing), Ok(None));
    }
}

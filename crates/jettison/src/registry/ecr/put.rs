//! Puts a manifest back. Sent once: meanwhile somebody may set the tag to something else.

use aws_sdk_ecr::Client;
use jettison_core::model::RepositoryName;

use super::api::{Api, Trouble};
use super::look::Seen;
use crate::registry::{ErrorKind, FetchedManifest, ManifestReference};

/// Puts a manifest under its digest or a tag; `look` tells what is there if ECR says that it has it already.
pub(super) async fn manifest(
    api: &Api,
    repository: &RepositoryName,
    (reference, manifest): (&ManifestReference, &FetchedManifest),
    look: impl Future<Output = Result<Option<Seen>, Trouble>>,
) -> Result<(), Trouble> {
    let text = std::str::from_utf8(&manifest.bytes).map_err(|_| Trouble::strange("the manifest is no text"))?;
    let tag = match reference {
        ManifestReference::Tag(tag) => Some(tag.as_str().to_owned()),
        ManifestReference::Digest(_) => None,
    };
    let media_type = Some(manifest.media_type.clone()).filter(|media_type| !media_type.is_empty());
    let call = |client: Client| {
        let call = client.put_image().registry_id(api.account());
        let call = call.repository_name(repository.as_str()).image_manifest(text);
        let call = call.set_image_manifest_media_type(media_type.clone());
        call.set_image_tag(tag.clone())
            .image_digest(manifest.digest.to_string())
            .send()
    };
    match api.ask_once("ecr:PutImage", call).await {
        Ok(_) => Ok(()),
        Err(trouble) if trouble.is("ImageAlreadyExistsException") => match look.await? {
            Some(seen) if seen.digest == manifest.digest => Ok(()),
            _ => Err(trouble.of_kind(ErrorKind::Immutable)),
        },
        Err(trouble) => Err(trouble),
    }
}

//! Into the archive and back. What is there already is a success, which ECR takes for a mistake.

use aws_sdk_ecr::types::{ImageIdentifier, TargetStorageClass};
use jettison_core::model::{Digest, RepositoryName};

use super::api::{Api, Trouble};
use super::look::Seen;
use crate::registry::{ErrorKind, Stored};

/// How ECR says that an image cannot go where it was told to.
const REFUSED: &str = "ImageStorageClassUpdateNotSupportedException";

/// Archives an image; `look` tells where it is if ECR refuses.
pub(super) async fn archive(
    api: &Api,
    repository: &RepositoryName,
    digest: &Digest,
    look: impl Future<Output = Result<Option<Seen>, Trouble>>,
) -> Result<(), Trouble> {
    match update(api, repository, digest, TargetStorageClass::Archive).await {
        Err(trouble) if trouble.is(REFUSED) => match look.await?.map(|seen| seen.stored) {
            Some(Stored::Archived(_)) => Ok(()),
            // Something that is not archived needs it, or it is on its way back.
            _ => Err(trouble.of_kind(ErrorKind::Conflict)),
        },
        ended => ended,
    }
}

/// Begins to bring an image back; `look` tells where it is if ECR refuses.
pub(super) async fn unarchive(
    api: &Api,
    repository: &RepositoryName,
    digest: &Digest,
    look: impl Future<Output = Result<Option<Seen>, Trouble>>,
) -> Result<(), Trouble> {
    match update(api, repository, digest, TargetStorageClass::Standard).await {
        Err(trouble) if trouble.is(REFUSED) => match look.await?.map(|seen| seen.stored) {
            Some(Stored::Ready | Stored::Returning) => Ok(()),
            _ => Err(trouble.of_kind(ErrorKind::Conflict)),
        },
        ended => ended,
    }
}

async fn update(
    api: &Api,
    repository: &RepositoryName,
    digest: &Digest,
    class: TargetStorageClass,
) -> Result<(), Trouble> {
    let image = ImageIdentifier::builder().image_digest(digest.to_string()).build();
    let call = api.client().await.update_image_storage_class();
    let call = call.registry_id(api.account()).repository_name(repository.as_str());
    let call = call.image_id(image).target_storage_class(class);
    api.ask("ecr:UpdateImageStorageClass", call.send()).await.map(drop)
}

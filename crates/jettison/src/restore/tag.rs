//! One tag, put back on the manifest that it was taken from.

use jettison_core::model::{Digest, RepositoryName, Tag};

use crate::registry::{FetchedManifest, ManifestReference, Registry, RegistryError};

/// What became of a tag that was to be put back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum TagBack {
    /// It was set again.
    Set,
    /// It points to the manifest already.
    WasThere,
    /// Somebody has set it to something else since, which stays.
    Elsewhere(Digest),
}

/// Sets a tag again, unless it points anywhere by now.
///
/// No registry offers to set a tag only where there is none (no conditional PUT: distribution-spec issue 250), so
/// that it is looked up right before.
///
/// # Errors
/// What the registry answers.
pub(crate) async fn put_tag_back(
    registry: &dyn Registry,
    repository: &RepositoryName,
    tag: &Tag,
    manifest: &FetchedManifest,
) -> Result<TagBack, RegistryError> {
    match registry.resolve(repository, tag).await? {
        Some(digest) if digest == manifest.digest => return Ok(TagBack::WasThere),
        Some(digest) => return Ok(TagBack::Elsewhere(digest)),
        None => {}
    }
    let reference = ManifestReference::Tag(tag.clone());
    registry.put_manifest(repository, &reference, manifest).await?;
    Ok(TagBack::Set)
}

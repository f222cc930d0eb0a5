//! The adapter for any registry that speaks the OCI distribution spec, and no more than that:
//! no push times, no pull times, no listing of untagged manifests.

mod blob;
mod delete;
pub(super) mod link;
pub(super) mod listing;
pub(super) mod manifest;
pub(super) mod pager;
mod referrers;
mod schema1;

use async_trait::async_trait;
use bytes::Bytes;
use jettison_core::model::{Capabilities, Digest, RegistryHost, RepositoryName, Sharing, Tag, Undo};

use super::client::Client;
use super::{
    Aftermath, Connection, DeleteSupport, FetchedManifest, ManifestReference, Referrers, Registry, RegistryError,
    Removed,
};

/// A registry by the book.
#[derive(Debug)]
pub struct OciRegistry {
    client: Client,
}

impl OciRegistry {
    /// The registry behind `connection`; nothing is sent yet.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Configuration`](super::ErrorKind::Configuration): certificates that cannot be read, or plain
    /// HTTP where it is refused.
    pub fn new(connection: &Connection) -> Result<Self, RegistryError> {
        Ok(Self {
            client: Client::new(connection)?,
        })
    }
}

#[async_trait]
impl Registry for OciRegistry {
    fn host(&self) -> &RegistryHost {
        self.client.registry()
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            list_untagged: Some(false),
            push_time: Some(false),
            pull_time: Some(false),
            archive: Some(false),
            sharing: Some(Sharing::Registry),
            undo: Undo::UntilGarbageCollection,
            ..Capabilities::default()
        }
    }

    fn aftermath(&self) -> Aftermath {
        Aftermath {
            undo: "until the registry's garbage collection".to_owned(),
            bytes_freed: "when the registry's garbage collection runs; on CNCF Distribution: stop pushes, run \
                          `registry garbage-collect CONFIG`, start it anew"
                .to_owned(),
        }
    }

    fn tags_first(&self) -> Option<usize> {
        Some(self.client.connection().limits.tags_first)
    }

    async fn repositories(&self) -> Result<Vec<RepositoryName>, RegistryError> {
        listing::repositories(&self.client).await
    }

    async fn tags(&self, repository: &RepositoryName) -> Result<Vec<Tag>, RegistryError> {
        listing::tags(&self.client, repository).await
    }

    async fn manifest(
        &self,
        repository: &RepositoryName,
        reference: &ManifestReference,
    ) -> Result<Option<FetchedManifest>, RegistryError> {
        manifest::fetch(&self.client, repository, reference).await
    }

    async fn resolve(&self, repository: &RepositoryName, tag: &Tag) -> Result<Option<Digest>, RegistryError> {
        manifest::resolve(&self.client, repository, &tag.clone().into()).await
    }

    async fn exists(&self, repository: &RepositoryName, digest: &Digest) -> Result<bool, RegistryError> {
        Ok(manifest::resolve(&self.client, repository, &digest.clone().into())
            .await?
            .is_some())
    }

    async fn blob(
        &self,
        repository: &RepositoryName,
        digest: &Digest,
        max_bytes: u64,
    ) -> Result<Option<Bytes>, RegistryError> {
        blob::fetch(&self.client, repository, digest, max_bytes).await
    }

    async fn is_readable(&self, repository: &RepositoryName, digest: &Digest) -> Result<bool, RegistryError> {
        blob::is_readable(&self.client, repository, digest).await
    }

    async fn referrers(&self, repository: &RepositoryName, digest: &Digest) -> Result<Referrers, RegistryError> {
        referrers::list(&self.client, repository, digest).await
    }

    async fn delete_manifest(&self, repository: &RepositoryName, digest: &Digest) -> Result<Removed, RegistryError> {
        delete::manifest(&self.client, repository, digest).await
    }

    async fn delete_tag(&self, repository: &RepositoryName, tag: &Tag) -> Result<Removed, RegistryError> {
        delete::tag(&self.client, repository, tag).await
    }

    async fn put_manifest(
        &self,
        repository: &RepositoryName,
        reference: &ManifestReference,
        manifest: &FetchedManifest,
    ) -> Result<(), RegistryError> {
        manifest::put(&self.client, repository, reference, manifest).await
    }

    async fn probe_deletes(&self, repository: &RepositoryName) -> Result<DeleteSupport, RegistryError> {
        delete::probe(&self.client, repository).await
    }
}

#[cfg(test)]
mod tests;

//! The adapter for Amazon ECR, by its own API: it tells push and pull times, lists what has no tag, deletes a hundred images a
//! call, and has an archive.
//!
//! It never goes tags first, for the last tag takes the image along; and it reads no manifest that it has not looked up
//! before, for reading counts as a pull there. What ECR does not say twice is not there is not taken for absent.

mod api;
mod archive;
mod blob;
mod coalesce;
mod delete;
mod gone;
mod lifecycle;
mod list;
mod look;
mod put;
mod read;
mod referrers;

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use jettison_core::config::EcrPlace;
use jettison_core::model::{Capabilities, Digest, RegistryHost, RepositoryName, Sharing, Tag, Undo};

use super::{
    Aftermath, Connection, DeleteSupport, ErrorKind, FetchedManifest, Listing, ManifestReference, OwnReads, Referrers,
    Registry, RegistryError, Removed, Stored,
};
use crate::aws::AwsConnection;
use api::{Api, Trouble};
use blob::Layers;
use coalesce::Coalescer;
use delete::{Deletes, Untags};
use gone::Gone;
pub use lifecycle::{AwsPreview, LifecyclePolicies, PreviewPatience, StoredLifecyclePolicy, is_same_policy};
use look::{Looks, Seen};
use read::{Reads, Wanted};

/// Where an ECR registry lies, how it is reached, and who remembers what was read there.
#[derive(Debug, Clone)]
pub struct EcrConnection {
    /// The account and the region.
    pub place: EcrPlace,
    /// How AWS is reached.
    pub aws: AwsConnection,
    /// What was read before, so that it does not count as pulled.
    pub own_reads: Arc<dyn OwnReads>,
}

/// The ECR of one account in one region.
#[derive(Debug)]
pub struct EcrRegistry {
    api: Arc<Api>,
    own_reads: Arc<dyn OwnReads>,
    layers: Layers,
    looks: Coalescer<Looks>,
    reads: Coalescer<Reads>,
    deletes: Coalescer<Deletes>,
    untags: Coalescer<Untags>,
    gone: Gone,
}

impl EcrRegistry {
    /// The registry behind `connection`; nothing is sent yet.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Configuration`]: certificates that cannot be read.
    pub fn new(connection: &Connection, ecr: &EcrConnection) -> Result<Self, RegistryError> {
        let api = Arc::new(Api::new(connection, &ecr.place, &ecr.aws));
        let layers = Layers::new(connection).map_err(|trouble| api.error("set up the connection", trouble))?;
        let looks = Arc::new(Looks::new(Arc::clone(&api)));
        Ok(Self {
            own_reads: Arc::clone(&ecr.own_reads),
            layers,
            reads: Coalescer::new(Arc::new(Reads::new(&api, &ecr.own_reads))),
            deletes: Coalescer::new(Arc::new(Deletes::new(Arc::clone(&api)))),
            untags: Coalescer::new(Arc::new(Untags::new(Arc::clone(&looks)))),
            looks: Coalescer::new(looks),
            gone: Gone::new(&api),
            api,
        })
    }

    async fn look(
        &self,
        repository: &RepositoryName,
        reference: impl Into<ManifestReference>,
    ) -> Result<Option<Seen>, Trouble> {
        self.looks.ask(repository, reference.into()).await
    }

    /// What is to be read is looked up before, and again where ECR does not give it out.
    async fn read(
        &self,
        repository: &RepositoryName,
        reference: &ManifestReference,
    ) -> Result<Option<FetchedManifest>, Trouble> {
        let Some(seen) = self.look(repository, reference.clone()).await? else {
            return Ok(None);
        };
        check_readable(&seen)?;
        let wanted = Wanted {
            digest: seen.digest,
            pulled_before: seen.pulled_at,
        };
        if let Some(manifest) = self.reads.ask(repository, wanted).await? {
            return Ok(Some(manifest));
        }
        match self.look(repository, reference.clone()).await? {
            None => Ok(None),
            Some(seen) => {
                check_readable(&seen)?;
                Err(Trouble::strange("ECR lists it, and does not give it out"))
            }
        }
    }

    async fn list(&self, repository: &RepositoryName) -> Result<Listing, Trouble> {
        let (mut listing, doubtful) = list::images(&self.api, repository).await?;
        // A tag that moved while the list was read stood in it twice.
        for tag in doubtful {
            match self.look(repository, tag.clone()).await? {
                Some(seen) => {
                    if let Some(listed) = listing.tags.get_mut(&tag) {
                        listed.digest = seen.digest;
                    }
                }
                None => drop(listing.tags.remove(&tag)),
            }
        }
        let own = self.own_reads.of((&self.api.host, repository)).await;
        list::discount(&mut listing, &own.map_err(read::forgetful)?);
        Ok(listing)
    }
}

fn check_readable(seen: &Seen) -> Result<(), Trouble> {
    let why = match seen.stored {
        Stored::Ready => return Ok(()),
        Stored::Archived(_) => "it is archived, and cannot be read before it is brought back",
        Stored::Returning => "it is on its way back from the archive, which takes up to 20 minutes",
    };
    Err(Trouble::new(ErrorKind::Unsupported, why))
}

fn named(repository: &RepositoryName, reference: &ManifestReference) -> String {
    match reference {
        ManifestReference::Tag(tag) => format!("{repository}:{tag}"),
        ManifestReference::Digest(digest) => format!("{repository}@{digest}"),
    }
}

#[async_trait]
impl Registry for EcrRegistry {
    fn host(&self) -> &RegistryHost {
        &self.api.host
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            delete: Some(true),
            delete_tag: Some(true),
            list_untagged: Some(true),
            push_time: Some(true),
            pull_time: Some(true),
            archive: Some(true),
            sharing: Some(Sharing::Repository),
            undo: Undo::UntilGarbageCollection,
        }
    }

    fn aftermath(&self) -> Aftermath {
        Aftermath {
            undo: "until ECR cleans up the layers that no image has any more, which may be at any time".to_owned(),
            bytes_freed: "when ECR cleans up the layers that no image has any more: it does so by itself".to_owned(),
        }
    }

    fn removals_at_once(&self) -> usize {
        coalesce::MOST
    }

    async fn repositories(&self) -> Result<Vec<RepositoryName>, RegistryError> {
        let listed = list::repositories(&self.api).await;
        listed.map_err(|trouble| self.api.error("list the repositories", trouble))
    }

    async fn tags(&self, repository: &RepositoryName) -> Result<Vec<Tag>, RegistryError> {
        let listed = self.list(repository).await;
        let listed = listed.map_err(|trouble| self.api.error(format!("list the tags of {repository}"), trouble))?;
        Ok(listed.tags.into_keys().collect())
    }

    async fn listing(&self, repository: &RepositoryName) -> Result<Option<Listing>, RegistryError> {
        let listed = self.list(repository).await.map(Some);
        listed.map_err(|trouble| self.api.error(format!("list the images of {repository}"), trouble))
    }

    async fn manifest(
        &self,
        repository: &RepositoryName,
        reference: &ManifestReference,
    ) -> Result<Option<FetchedManifest>, RegistryError> {
        let read = self.read(repository, reference).await;
        let operation = || format!("read the manifest {}", named(repository, reference));
        read.map_err(|trouble| self.api.error(operation(), trouble))
    }

    async fn resolve(&self, repository: &RepositoryName, tag: &Tag) -> Result<Option<Digest>, RegistryError> {
        let seen = self.look(repository, tag.clone()).await;
        let seen = seen.map_err(|trouble| self.api.error(format!("look up {repository}:{tag}"), trouble))?;
        Ok(seen.map(|seen| seen.digest))
    }

    async fn exists(&self, repository: &RepositoryName, digest: &Digest) -> Result<bool, RegistryError> {
        let seen = match self.gone.is_back(repository, digest).await {
            Some(is_back) => is_back,
            None => self.look(repository, digest.clone()).await.map(|seen| seen.is_some()),
        };
        seen.map_err(|trouble| self.api.error(format!("look up {repository}@{digest}"), trouble))
    }

    async fn blob(
        &self,
        repository: &RepositoryName,
        digest: &Digest,
        max_bytes: u64,
    ) -> Result<Option<Bytes>, RegistryError> {
        let fetched = self.layers.fetch(&self.api, (repository, digest), max_bytes).await;
        fetched.map_err(|trouble| self.api.error(format!("read the blob {repository}@{digest}"), trouble))
    }

    async fn is_readable(&self, repository: &RepositoryName, digest: &Digest) -> Result<bool, RegistryError> {
        let readable = self.layers.is_readable(&self.api, (repository, digest)).await;
        readable.map_err(|trouble| self.api.error(format!("read the blob {repository}@{digest}"), trouble))
    }

    async fn referrers(&self, repository: &RepositoryName, digest: &Digest) -> Result<Referrers, RegistryError> {
        let listed = referrers::list(&self.api, repository, digest).await;
        listed.map_err(|trouble| {
            self.api
                .error(format!("list the referrers of {repository}@{digest}"), trouble)
        })
    }

    async fn delete_manifest(&self, repository: &RepositoryName, digest: &Digest) -> Result<Removed, RegistryError> {
        let removed = self.deletes.ask(repository, digest.clone()).await;
        if removed == Ok(Removed::Now) {
            self.gone.note(repository, digest);
        }
        removed.map_err(|trouble| self.api.error(format!("delete {repository}@{digest}"), trouble))
    }

    async fn delete_tag(&self, repository: &RepositoryName, tag: &Tag) -> Result<Removed, RegistryError> {
        let removed = self.untags.ask(repository, tag.clone()).await;
        removed.map_err(|trouble| self.api.error(format!("remove the tag {repository}:{tag}"), trouble))
    }

    async fn archive(&self, repository: &RepositoryName, digest: &Digest) -> Result<(), RegistryError> {
        let ended = archive::archive(&self.api, repository, digest, self.look(repository, digest.clone())).await;
        ended.map_err(|trouble| self.api.error(format!("archive {repository}@{digest}"), trouble))
    }

    async fn unarchive(&self, repository: &RepositoryName, digest: &Digest) -> Result<(), RegistryError> {
        let ended = archive::unarchive(&self.api, repository, digest, self.look(repository, digest.clone())).await;
        ended.map_err(|trouble| {
            self.api
                .error(format!("bring {repository}@{digest} back from the archive"), trouble)
        })
    }

    async fn put_manifest(
        &self,
        repository: &RepositoryName,
        reference: &ManifestReference,
        manifest: &FetchedManifest,
    ) -> Result<(), RegistryError> {
        self.gone.forget(repository, &manifest.digest);
        let look = self.look(repository, reference.clone());
        let put = put::manifest(&self.api, repository, (reference, manifest), look).await;
        put.map_err(|trouble| self.api.error(format!("put {}", named(repository, reference)), trouble))
    }

    async fn probe_deletes(&self, repository: &RepositoryName) -> Result<DeleteSupport, RegistryError> {
        let probed = delete::probe(&self.api, repository).await;
        let operation = || format!("find out whether {repository} allows deletes");
        probed.map_err(|trouble| self.api.error(operation(), trouble))
    }
}

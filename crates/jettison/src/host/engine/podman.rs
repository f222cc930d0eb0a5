//! Podman, by its service: where it differs from Docker.
//!
//! Its ids have no `sha256:`, it has no id of its own, its images under `localhost/` come from no registry whatever their
//! digests say, and BuildKit is not part of it.

use std::path::Path;

use async_trait::async_trait;
use jettison_core::host::{CacheRecord, CacheSettings, EngineFacts, HostImage, ImageStore};
use jettison_core::model::{Digest, SourceReport, legible};
use jiff::Timestamp;

use super::api::{DockerApi, written_lately};
use super::{EngineError, Events, HostContainer, HostEngine, ImageNames, Removed};

/// Where it puts what it fetches.
const FETCHED: &str = "/var/tmp";

/// What it calls that.
const BEGINNINGS: [&str; 2] = ["container_images_storage", "storage"];

/// The names of what has none from a registry begin so.
const LOCAL: &str = "localhost/";

/// A Podman service.
#[derive(Debug)]
pub(super) struct Podman {
    api: DockerApi,
}

impl Podman {
    pub(super) fn new(api: DockerApi) -> Self {
        Self { api }
    }
}

/// Podman makes up digests for images that were built here. Under this name nobody could pull one.
fn is_of_registry(name: &str) -> bool {
    !name.starts_with(LOCAL)
}

#[async_trait]
impl HostEngine for Podman {
    fn told(&self) -> String {
        format!("Podman at {}", self.api.client.place)
    }

    async fn facts(&self) -> Result<EngineFacts, EngineError> {
        let info = self.api.info().await?;
        // The id that it tells is another one each time.
        let place = Digest::of(format!("{}\n{}", info.name, info.root).as_bytes());
        Ok(EngineFacts {
            id: format!("podman-{}", &place.hex()[..32]),
            kind: "podman".to_owned(),
            version: legible(&info.version),
            store: ImageStore::Podman,
            driver: info.driver,
            root: Some(info.root).filter(|root| self.api.is_local && !root.is_empty()),
            layers_bytes: None,
        })
    }

    async fn images(&self, times: bool) -> Result<Vec<HostImage>, EngineError> {
        let mut images = self.api.images(is_of_registry).await?;
        if times {
            self.api.add_times(&mut images).await?;
        }
        Ok(images)
    }

    async fn usage(&self, now: Timestamp) -> SourceReport {
        self.api.usage(now).await
    }

    async fn build_cache(&self) -> Result<Vec<CacheRecord>, EngineError> {
        Ok(Vec::new())
    }

    async fn layers_bytes(&self) -> Result<Option<u64>, EngineError> {
        // It tells zero, whatever it has.
        Ok(None)
    }

    async fn busy(&self) -> Result<Option<String>, EngineError> {
        let mut fetched = BEGINNINGS.iter().filter(|_| self.api.is_local);
        if let Some(file) = fetched.find_map(|beginning| written_lately(Path::new(FETCHED), beginning)) {
            return Ok(Some(format!("a pull is in progress ({file})")));
        }
        let coming_in = self.api.coming_in().await?;
        Ok(coming_in.map(|event| format!("images have just come in ({event})")))
    }

    async fn find(&self, name: &str) -> Result<Option<Digest>, EngineError> {
        self.api.find(name).await
    }

    async fn names(&self, image: &Digest) -> Result<Option<ImageNames>, EngineError> {
        let mut names = self.api.names(image).await?;
        if let Some(names) = &mut names {
            names.digests.retain(|name| is_of_registry(name));
        }
        Ok(names)
    }

    async fn containers(&self) -> Result<Vec<HostContainer>, EngineError> {
        self.api.containers().await
    }

    async fn tag(&self, image: &Digest, name: &str) -> Result<(), EngineError> {
        self.api.tag(image, name).await
    }

    async fn remove(&self, name: &str) -> Result<Removed, EngineError> {
        self.api.remove(name).await
    }

    async fn shrink_build_cache(&self, _settings: &CacheSettings) -> Result<u64, EngineError> {
        Ok(0)
    }

    async fn events(&self, since: Option<Timestamp>) -> Result<Box<dyn Events>, EngineError> {
        Ok(Box::new(self.api.happenings(since).await?))
    }
}

//! Docker, with its own image store and with that of containerd.

use std::path::Path;
use std::time::Duration;

use async_trait::async_trait;
use jettison_core::host::{CacheRecord, CacheSettings, EngineFacts, HostImage, ImageStore};
use jettison_core::model::{Digest, SourceReport, legible};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::json;

use super::api::{DockerApi, Info, written_lately};
use super::{EngineError, Events, HostContainer, HostEngine, ImageNames, Removed};
use crate::engine::ITEM_BYTES;

/// How the containerd store is recognised in the status of the driver.
const CONTAINERD_STORE: [&str; 2] = ["driver-type", "io.containerd.snapshotter.v1"];

/// Where containerd keeps its content, if Docker does not run one of its own.
const CONTAINERD: &str = "/var/lib/containerd";

/// Where it notes what is being fetched, below its root.
const INGEST: &str = "io.containerd.content.v1.content/ingest";

/// A large cache takes a slow disk its time.
const LONGEST_PRUNE: Duration = Duration::from_secs(60 * 60);

/// A Docker engine.
#[derive(Debug)]
pub(super) struct Docker {
    api: DockerApi,
    facts: EngineFacts,
    /// Its own folder.
    home: String,
}

#[derive(Debug, Deserialize)]
struct Pruned {
    #[serde(rename = "SpaceReclaimed", default)]
    bytes: u64,
}

impl Docker {
    pub(super) async fn open(api: DockerApi) -> Result<Self, EngineError> {
        let info = api.info().await?;
        let home = info.root.clone();
        let facts = facts(info, api.is_local);
        Ok(Self { api, facts, home })
    }

    /// Lets the cache shrink in one way.
    async fn prune(&self, query: &[(&str, &str)]) -> Result<u64, EngineError> {
        let query = [&[("all", "true")], query].concat();
        let pruned = self.api.client.post::<Pruned>("build/prune", &query, ITEM_BYTES);
        Ok(self.api.within(LONGEST_PRUNE, "build/prune", pruned).await??.bytes)
    }
}

fn facts(info: Info, is_local: bool) -> EngineFacts {
    let mut status = info.driver_status.iter().flatten();
    let store = match status.any(|pair| *pair == CONTAINERD_STORE) {
        true => ImageStore::Containerd,
        false => ImageStore::GraphDriver,
    };
    let root = match store {
        ImageStore::Containerd => containerd_root(&info.root),
        _ => info.root.clone(),
    };
    EngineFacts {
        // Machines that were cloned, and engines of one machine, may share what they call themselves.
        id: format!("{}/{}{}", info.id, info.name, info.root),
        kind: "docker".to_owned(),
        version: info.version,
        store,
        driver: info.driver,
        // A folder of the same name on this machine would be another one.
        root: Some(root).filter(|root| is_local && !root.is_empty()),
        layers_bytes: None,
    }
}

/// The containerd that Docker starts itself, else that of the machine.
fn containerd_root(home: &str) -> String {
    let own = Path::new(home).join("containerd/daemon");
    match (own.is_dir(), Path::new(CONTAINERD).is_dir()) {
        (true, _) => own.display().to_string(),
        (false, true) => CONTAINERD.to_owned(),
        (false, false) => home.to_owned(),
    }
}

/// In containerd's store an image's id is the digest that registries know it by; of an image with names in several repositories
/// the engine's list tells one of them with it (seen on Docker 26.1).
fn add_digests(id: &Digest, names: &[String], digests: &mut Vec<String>) {
    let repositories = names.iter().filter_map(|name| Some(name.rsplit_once(':')?.0));
    digests.extend(repositories.map(|repository| format!("{repository}@{id}")));
    digests.sort();
    digests.dedup();
}

#[async_trait]
impl HostEngine for Docker {
    fn told(&self) -> String {
        format!("Docker {} at {}", legible(&self.facts.version), self.api.client.place)
    }

    async fn facts(&self) -> Result<EngineFacts, EngineError> {
        Ok(facts(self.api.info().await?, self.api.is_local))
    }

    async fn images(&self, times: bool) -> Result<Vec<HostImage>, EngineError> {
        let mut images = self.api.images(|_| true).await?;
        if self.facts.store == ImageStore::Containerd {
            for HostImage { id, names, digests, .. } in &mut images {
                add_digests(id, names, digests);
            }
        }
        if times {
            self.api.add_times(&mut images).await?;
        }
        Ok(images)
    }

    async fn usage(&self, now: Timestamp) -> SourceReport {
        self.api.usage(now).await
    }

    async fn build_cache(&self) -> Result<Vec<CacheRecord>, EngineError> {
        Ok(self.api.disk_usage("build-cache").await?.cache())
    }

    async fn layers_bytes(&self) -> Result<Option<u64>, EngineError> {
        let layers = self.api.disk_usage("image").await?.layers;
        Ok(layers.and_then(|bytes| u64::try_from(bytes).ok()))
    }

    async fn busy(&self) -> Result<Option<String>, EngineError> {
        if self.api.is_local {
            let fetched = match self.facts.store {
                ImageStore::Containerd => written_lately(&Path::new(&containerd_root(&self.home)).join(INGEST), ""),
                _ => written_lately(&Path::new(&self.home).join("tmp"), "GetImageBlob"),
            };
            if let Some(file) = fetched {
                return Ok(Some(format!("a pull is in progress ({file})")));
            }
        }
        let coming_in = self.api.coming_in().await?;
        Ok(coming_in.map(|event| format!("images have just come in ({event})")))
    }

    async fn find(&self, name: &str) -> Result<Option<Digest>, EngineError> {
        self.api.find(name).await
    }

    async fn names(&self, image: &Digest) -> Result<Option<ImageNames>, EngineError> {
        let names = self.api.names(image).await?;
        Ok(names.map(|mut names| {
            if self.facts.store == ImageStore::Containerd {
                add_digests(image, &names.tags, &mut names.digests);
            }
            names
        }))
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

    async fn shrink_build_cache(&self, settings: &CacheSettings) -> Result<u64, EngineError> {
        let mut freed = 0;
        if let Some(unused_for) = settings.unused_for {
            let until = format!("{}h", unused_for.seconds().max(0).cast_unsigned().div_ceil(3600));
            let filters = json!({"until": {until: true}}).to_string();
            freed += self.prune(&[("filters", &filters)]).await?;
        }
        if let Some(most) = settings.keep_at_most {
            let name = match self.api.client.version.is_at_least(48) {
                true => "reserved-space",
                false => "keep-storage",
            };
            freed += self.prune(&[(name, &most.bytes().to_string())]).await?;
        }
        Ok(freed)
    }

    async fn events(&self, since: Option<Timestamp>) -> Result<Box<dyn Events>, EngineError> {
        Ok(Box::new(self.api.happenings(since).await?))
    }
}

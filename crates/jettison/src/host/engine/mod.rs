//! Container engines, as the disks of servers need them: one file an engine.
//!
//! An engine reports facts and carries out single removals. It decides nothing, and an answer that proves nothing is an
//! error.

mod api;
mod docker;
mod happenings;
mod podman;

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::time::Duration;

use async_trait::async_trait;
use jettison_core::config::EngineSource;
use jettison_core::host::{CacheRecord, CacheSettings, EngineFacts, HostImage};
use jettison_core::model::{Digest, SourceReport};
use jiff::Timestamp;

use crate::engine::{Address, Client, ClientError, Surroundings};
use api::DockerApi;

/// How long it may take until an engine answers for the first time.
const LONGEST_OPEN: Duration = Duration::from_secs(60);

/// One engine.
#[async_trait]
pub trait HostEngine: fmt::Debug + Send + Sync {
    /// The engine, as people know it: `Docker 20.10.24 at /var/run/docker.sock`.
    fn told(&self) -> String;

    /// What it is and where it keeps images.
    async fn facts(&self) -> Result<EngineFacts, EngineError>;

    /// Its images, without what only the ledger knows. With `times` also what the engine says of pulls and tags, which
    /// may take a question an image.
    async fn images(&self, times: bool) -> Result<Vec<HostImage>, EngineError>;

    /// Who uses images here: containers in whatever state, what they mount, services, volumes.
    async fn usage(&self, now: Timestamp) -> SourceReport;

    /// The build cache; empty where it has none.
    async fn build_cache(&self) -> Result<Vec<CacheRecord>, EngineError>;

    /// The bytes of all layers, each counted once, where the engine tells.
    async fn layers_bytes(&self) -> Result<Option<u64>, EngineError>;

    /// What pulls or builds at this moment, as far as that can be seen: `a pull is in progress (…)`.
    async fn busy(&self) -> Result<Option<String>, EngineError>;

    /// The image that a name, a name with digest, or an id stands for now; `None` if the engine has none.
    async fn find(&self, name: &str) -> Result<Option<Digest>, EngineError>;

    /// What an image is called now; `None` if the engine has no such image.
    async fn names(&self, image: &Digest) -> Result<Option<ImageNames>, EngineError>;

    /// Its containers in whatever state, as its list has them: cheaper than [`HostEngine::usage`], and knows less.
    async fn containers(&self) -> Result<Vec<HostContainer>, EngineError>;

    /// Gives an image a name with tag.
    async fn tag(&self, image: &Digest, name: &str) -> Result<(), EngineError>;

    /// Takes one name off an image; the last one takes the image, and so does its id, with its nameless parents. Never forced.
    async fn remove(&self, name: &str) -> Result<Removed, EngineError>;

    /// Lets the build cache shrink as the settings say. Returns the bytes that the engine says came free.
    async fn shrink_build_cache(&self, settings: &CacheSettings) -> Result<u64, EngineError>;

    /// What happens from now on.
    async fn events(&self, since: Option<Timestamp>) -> Result<Box<dyn Events>, EngineError>;
}

/// What an image is called.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ImageNames {
    /// Its names with tags.
    pub tags: Vec<String>,
    /// Its names by the digests of registries.
    pub digests: Vec<String>,
}

/// A container as the list of an engine has it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HostContainer {
    /// The container, for people: `container web (running)`.
    pub told: String,
    /// The image that it was made from; `None` where it was made from none.
    pub image_id: Option<Digest>,
    /// That image as it is written, and the images that it mounts.
    pub images: Vec<String>,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
}

/// What happens on an engine, one after the other.
#[async_trait]
pub trait Events: Send {
    /// The next one; `None` when the engine ends the stream.
    async fn next(&mut self) -> Result<Option<Event>, EngineError>;
}

/// Something that happened to an image or a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// When, by the engine's clock.
    pub at: Timestamp,
    /// The image, by id or by name.
    pub image: String,
    /// What happened: `pull`, `tag`, `container start`.
    pub action: String,
    /// Who, for people: `container web`; empty for what happens to the image itself.
    pub by: String,
}

/// How a removal ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Removed {
    /// The name is gone; the image too, if it was the last.
    Gone {
        /// Whether the image itself was deleted.
        image: bool,
    },
    /// There was no such thing any more.
    NotFound,
    /// The engine refuses, for somebody needs it.
    Conflict(String),
}

/// Why an engine did not do or tell what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The engine cannot be reached, or not by this user.
    #[error("{0}")]
    Unreachable(String),
    /// It answered, but not as asked.
    #[error("{0}")]
    Failed(String),
}

impl From<ClientError> for EngineError {
    fn from(error: ClientError) -> Self {
        match error.is_out_of_reach() {
            true => Self::Unreachable(error.to_string()),
            false => Self::Failed(error.to_string()),
        }
    }
}

/// Opens the engine that the configuration or the command line names; files are relative to `base`. Which one answers,
/// counts: Podman may listen at Docker's place.
///
/// # Errors
/// [`EngineError::Unreachable`]: there is none, or not for this user; what to do is said.
pub async fn open(source: &EngineSource, base: &Path) -> Result<Box<dyn HostEngine>, EngineError> {
    let address = Address::of(source, base, &Surroundings::of_this_process())
        .map_err(|error| EngineError::Unreachable(error.to_string()))?;
    let client = match tokio::time::timeout(LONGEST_OPEN, Client::open(&address)).await {
        Ok(client) => client?,
        Err(_) => {
            let seconds = LONGEST_OPEN.as_secs();
            let place = address.told();
            return Err(EngineError::Unreachable(format!(
                "{place} did not answer within {seconds} seconds"
            )));
        }
    };
    let is_podman = client.is_podman;
    let api = DockerApi::new(client, matches!(address, Address::Socket(_)), source.timeout_seconds);
    Ok(match is_podman {
        true => Box::new(podman::Podman::new(api)),
        false => Box::new(docker::Docker::open(api).await?),
    })
}

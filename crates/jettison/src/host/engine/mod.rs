//! Container engines, as the disks of servers need them: one file an engine.
//!
//! An engine reports facts and carries out single removals. It decides nothing, and an answer that proves nothing is an
//! error.

use std::fmt;

use async_trait::async_trait;
use jettison_core::host::{CacheRecord, CacheSettings, EngineFacts, HostImage};
use jettison_core::model::{Digest, SourceReport};
use jiff::Timestamp;

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

    /// Takes one name off an image; the last one takes the image. Never forced, and parents stay.
    async fn remove(&self, name: &str) -> Result<Removed, EngineError>;

    /// Lets the build cache shrink as the settings say. Returns the bytes that the engine says came free.
    async fn shrink_build_cache(&self, settings: &CacheSettings) -> Result<u64, EngineError>;

    /// What happens from now on.
    async fn events(&self, since: Option<Timestamp>) -> Result<Box<dyn Events>, EngineError>;
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

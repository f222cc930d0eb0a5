//! A real engine that is called through a test: it does not find itself busy with the test's own pulls, and something may
//! happen right before one of its calls.

use async_trait::async_trait;
use jettison::host::engine::{EngineError, Events, HostContainer, HostEngine, ImageNames, Removed};
use jettison_core::host::{CacheRecord, CacheSettings, EngineFacts, HostImage};
use jettison_core::model::{Digest, SourceReport};
use jiff::Timestamp;

/// What happens right before a call: its name, and what it is about.
type Before = Box<dyn Fn(&str, &str) + Send + Sync>;

/// An engine through a test.
pub(super) struct Calm {
    engine: Box<dyn HostEngine>,
    before: Before,
}

impl std::fmt::Debug for Calm {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.engine.fmt(f)
    }
}

impl Calm {
    pub(super) fn new(engine: Box<dyn HostEngine>) -> Self {
        Self::with(engine, |_, _| ())
    }

    /// With something that happens right before each call.
    pub(super) fn with(engine: Box<dyn HostEngine>, before: impl Fn(&str, &str) + Send + Sync + 'static) -> Self {
        Self {
            engine,
            before: Box::new(before),
        }
    }
}

#[async_trait]
impl HostEngine for Calm {
    fn told(&self) -> String {
        self.engine.told()
    }

    async fn facts(&self) -> Result<EngineFacts, EngineError> {
        self.engine.facts().await
    }

    async fn images(&self, times: bool) -> Result<Vec<HostImage>, EngineError> {
        (self.before)("images", "");
        self.engine.images(times).await
    }

    async fn usage(&self, now: Timestamp) -> SourceReport {
        self.engine.usage(now).await
    }

    async fn build_cache(&self) -> Result<Vec<CacheRecord>, EngineError> {
        self.engine.build_cache().await
    }

    async fn layers_bytes(&self) -> Result<Option<u64>, EngineError> {
        self.engine.layers_bytes().await
    }

    async fn busy(&self) -> Result<Option<String>, EngineError> {
        (self.before)("busy", "");
        Ok(None)
    }

    async fn find(&self, name: &str) -> Result<Option<Digest>, EngineError> {
        self.engine.find(name).await
    }

    async fn names(&self, image: &Digest) -> Result<Option<ImageNames>, EngineError> {
        (self.before)("names", &image.to_string());
        self.engine.names(image).await
    }

    async fn containers(&self) -> Result<Vec<HostContainer>, EngineError> {
        self.engine.containers().await
    }

    async fn tag(&self, image: &Digest, name: &str) -> Result<(), EngineError> {
        self.engine.tag(image, name).await
    }

    async fn remove(&self, name: &str) -> Result<Removed, EngineError> {
        (self.before)("remove", name);
        self.engine.remove(name).await
    }

    async fn shrink_build_cache(&self, settings: &CacheSettings) -> Result<u64, EngineError> {
        self.engine.shrink_build_cache(settings).await
    }

    async fn events(&self, since: Option<Timestamp>) -> Result<Box<dyn Events>, EngineError> {
        self.engine.events(since).await
    }
}

//! An engine in memory: images with names, containers, and trouble on demand.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard};

use async_trait::async_trait;
use jettison_core::host::{CacheRecord, CacheSettings, EngineFacts, HostImage, ImageStore};
use jettison_core::model::{Digest, Gap, Reference, SourceReport, SourceStatus};
use jiff::{SignedDuration, Timestamp};
use tokio::sync::Notify;

use crate::host::engine::{EngineError, Events, HostContainer, HostEngine, ImageNames, Removed};

/// What there is, and what goes wrong.
#[derive(Debug, Default)]
pub(super) struct State {
    /// Names, and what they stand for.
    pub(super) names: BTreeMap<String, Digest>,
    images: Vec<Digest>,
    running: Vec<Digest>,
    /// What cannot be asked, and from which time on.
    spoilt: Option<(&'static str, usize)>,
    pub(super) status: Option<SourceStatus>,
    pub(super) busy: Option<String>,
    /// A name or id that it refuses to take.
    pub(super) refuses: Option<String>,
    /// A name or id that it fails to take.
    pub(super) fails: Option<String>,
    /// An image that somebody else takes right before it is taken.
    pub(super) vanishes: Option<Digest>,
    pub(super) store: Option<ImageStore>,
    pub(super) root: Option<String>,
}

/// How many there were: two at the same time must not wait for each other.
static MADE: AtomicUsize = AtomicUsize::new(0);

/// The engine.
#[derive(Debug)]
pub(super) struct Fake {
    state: Mutex<State>,
    /// What it calls itself; each is another one.
    pub(super) id: String,
    /// After so many calls it does not answer any more.
    pub(super) silent_after: AtomicUsize,
    /// Is told when that is so.
    pub(super) is_silent: Notify,
}

/// The moment so many days after the first one.
pub(super) fn day(days: i64) -> Timestamp {
    let first: Timestamp = "2030-01-01T12:00:00Z".parse().unwrap();
    first + SignedDuration::from_hours(24 * days)
}

/// The id of the image that was made with these names.
pub(super) fn id(names: &str) -> Digest {
    Digest::of(names.as_bytes())
}

impl Fake {
    /// With these images, each by its names.
    pub(super) fn new(images: &[&str]) -> Self {
        let mut state = State::default();
        for names in images {
            state.images.push(id(names));
            state
                .names
                .extend(names.split(' ').map(|name| (name.to_owned(), id(names))));
        }
        Self {
            state: Mutex::new(state),
            id: format!("fake-{}-{}", std::process::id(), MADE.fetch_add(1, Ordering::SeqCst)),
            silent_after: AtomicUsize::new(usize::MAX),
            is_silent: Notify::new(),
        }
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// A container of an image.
    pub(super) fn run(&self, name: &str) {
        let mut state = self.state();
        let image = state.names[name].clone();
        state.running.push(image);
    }

    /// Lets one question fail, after it was answered so often.
    pub(super) fn spoil(&self, what: &'static str, after: usize) {
        self.state().spoilt = Some((what, after));
    }

    /// The names that are left.
    pub(super) fn names(&self) -> Vec<String> {
        self.state().names.keys().cloned().collect()
    }

    /// Something else that is asked.
    async fn asked(&self, what: &str) -> Result<(), EngineError> {
        let left = self
            .silent_after
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| {
                Some(if left == usize::MAX {
                    left
                } else {
                    left.saturating_sub(1)
                })
            });
        if left == Ok(0) {
            self.is_silent.notify_one();
            std::future::pending::<()>().await;
        }
        let mut state = self.state();
        match &mut state.spoilt {
            Some((spoilt, 0)) if *spoilt == what => Err(EngineError::Failed(format!("{what} cannot be read"))),
            Some((spoilt, after)) if *spoilt == what => {
                *after -= 1;
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

#[async_trait]
impl HostEngine for Fake {
    fn told(&self) -> String {
        "Fake".to_owned()
    }

    async fn facts(&self) -> Result<EngineFacts, EngineError> {
        self.asked("facts").await?;
        let state = self.state();
        Ok(EngineFacts {
            id: self.id.clone(),
            kind: "docker".to_owned(),
            version: "1".to_owned(),
            store: state.store.unwrap_or(ImageStore::GraphDriver),
            driver: "fake".to_owned(),
            root: state.root.clone(),
            layers_bytes: None,
        })
    }

    async fn images(&self, _: bool) -> Result<Vec<HostImage>, EngineError> {
        self.asked("images").await?;
        let state = self.state();
        let image = |id: &Digest| HostImage {
            id: id.clone(),
            names: state
                .names
                .iter()
                .filter(|(_, of)| *of == id)
                .map(|(name, _)| name.clone())
                .collect(),
            digests: vec![format!("r.io/a@{id}")],
            bytes: 1,
            created_at: None,
            engine_time: None,
            labels: BTreeMap::new(),
            pinned: None,
            first_seen_at: None,
            last_used_at: None,
            last_use: None,
        };
        Ok(state.images.iter().map(image).collect())
    }

    async fn usage(&self, _: Timestamp) -> SourceReport {
        let gaps = self.asked("usage").await.err().map(|error| Gap(error.to_string()));
        let state = self.state();
        let reference = |id: &Digest| Reference {
            image: String::new(),
            digest: Some(id.clone()),
            used_by: "container x".to_owned(),
            last_seen_at: None,
        };
        SourceReport {
            name: "docker".to_owned(),
            kind: "docker".to_owned(),
            status: state.status.unwrap_or(SourceStatus::Complete),
            covers: vec!["**".to_owned()],
            answers_for: Vec::new(),
            gaps: gaps.into_iter().collect(),
            references: state.running.iter().map(reference).collect(),
        }
    }

    async fn build_cache(&self) -> Result<Vec<CacheRecord>, EngineError> {
        Ok(Vec::new())
    }

    async fn layers_bytes(&self) -> Result<Option<u64>, EngineError> {
        self.asked("layers").await?;
        Ok(Some(self.state().images.len() as u64))
    }

    async fn busy(&self) -> Result<Option<String>, EngineError> {
        self.asked("busy").await?;
        Ok(self.state().busy.clone())
    }

    async fn find(&self, name: &str) -> Result<Option<Digest>, EngineError> {
        self.asked("find").await?;
        let state = self.state();
        let by_id = || state.images.iter().find(|id| id.to_string() == name).cloned();
        Ok(state.names.get(name).cloned().or_else(by_id))
    }

    async fn names(&self, image: &Digest) -> Result<Option<ImageNames>, EngineError> {
        self.asked("names").await?;
        let state = self.state();
        let of = |(name, of): (&String, &Digest)| (of == image).then(|| name.clone());
        let names = ImageNames {
            tags: state.names.iter().filter_map(of).collect(),
            digests: vec![format!("r.io/a@{image}")],
        };
        Ok(state.images.contains(image).then_some(names))
    }

    async fn containers(&self) -> Result<Vec<HostContainer>, EngineError> {
        self.asked("containers").await?;
        let state = self.state();
        let container = |id: &Digest| HostContainer {
            image_id: Some(id.clone()),
            ..HostContainer::default()
        };
        Ok(state.running.iter().map(container).collect())
    }

    async fn tag(&self, image: &Digest, name: &str) -> Result<(), EngineError> {
        self.asked("tag").await?;
        self.state().names.insert(name.to_owned(), image.clone());
        Ok(())
    }

    async fn remove(&self, name: &str) -> Result<Removed, EngineError> {
        self.asked("remove").await?;
        let mut state = self.state();
        if state.refuses.as_deref() == Some(name) {
            return Ok(Removed::Conflict("is needed".to_owned()));
        }
        if state.fails.as_deref() == Some(name) {
            return Err(EngineError::Failed("the disk is broken".to_owned()));
        }
        if let Some(vanished) = state.vanishes.take() {
            state.images.retain(|id| *id != vanished);
            state.names.retain(|_, id| *id != vanished);
            return Ok(Removed::NotFound);
        }
        if state.names.contains_key(name) {
            let id = state.names.remove(name);
            let is_last = !state.names.values().any(|of| Some(of) == id.as_ref());
            assert!(!is_last, "the last name goes by the image's id");
            return Ok(Removed::Gone { image: false });
        }
        let found = state.images.iter().find(|id| id.to_string() == name).cloned();
        let Some(id) = found else { return Ok(Removed::NotFound) };
        assert!(!state.running.contains(&id), "somebody uses it");
        state.images.retain(|of| *of != id);
        state.names.retain(|_, of| *of != id);
        Ok(Removed::Gone { image: true })
    }

    async fn shrink_build_cache(&self, _: &CacheSettings) -> Result<u64, EngineError> {
        Ok(0)
    }

    async fn events(&self, _: Option<Timestamp>) -> Result<Box<dyn Events>, EngineError> {
        Err(EngineError::Failed("none".to_owned()))
    }
}

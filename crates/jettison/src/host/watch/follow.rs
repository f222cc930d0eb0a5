//! Reads the engine's events for as long as there is an engine, and again when there is one again.

use std::convert::Infallible;
use std::time::Duration;

use jettison_core::model::{Digest, legible};
use jiff::Timestamp;
use tokio::time::{Instant, sleep};

use super::resolve::Names;
use super::uses::{Meaning, meaning};
use super::{Agent, Round};
use crate::host::engine::{EngineError, Event, Events};
use crate::output::text::with_causes;
use crate::store::StoreError;

/// How long after a stream that ended the next one is asked for; twice as long each time, up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// A stream that lasted so long was a good one.
const LASTING: Duration = Duration::from_secs(60);

/// Why no more events come.
#[derive(Debug, thiserror::Error)]
enum Broken {
    #[error("the engine ended its events")]
    Ended,
    #[error(transparent)]
    Engine(#[from] EngineError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Where reading stands.
#[derive(Debug, Default)]
struct Position {
    /// The last event that was noted, by the engine's clock.
    heard: Option<Timestamp>,
    /// When events were first listened for, by this machine's clock.
    opened: Option<Timestamp>,
    names: Names,
    /// How often reading failed in a row.
    failures: u32,
    /// What was said last of that.
    said: String,
    /// The last event that could not be understood, for the engine did not say what it is about.
    stumbled: Option<Event>,
}

impl<R: Round> Agent<'_, R> {
    /// Reads events for ever.
    pub(super) async fn follow(&self) -> Infallible {
        let mut position = Position::default();
        loop {
            let begun = Instant::now();
            let Err(broken) = self.read(&mut position).await;
            if begun.elapsed() >= LASTING {
                position.failures = 0;
            }
            let pause = pause_after(position.failures);
            position.failures = position.failures.saturating_add(1);
            self.tell(&mut position, &broken);
            sleep(pause).await;
        }
    }

    /// Says why events stopped; once, however often it is tried again.
    fn tell(&self, position: &mut Position, broken: &Broken) {
        let why = legible(&with_causes(broken));
        if why != position.said {
            let line = format!("events are not heard for a moment, and asked for again: {why}");
            self.watch.listener.warned(&line);
            position.said = why;
        }
    }

    /// Reads one stream to its end.
    async fn read(&self, position: &mut Position) -> Result<Infallible, Broken> {
        let engine = self.watch.engine;
        let facts = engine.facts().await?;
        self.set_root(facts.root);
        if !self.noted.is_of(&facts.id) {
            self.noted.flush(self.watch.ledger).await?;
            self.noted.of_engine(&facts.id);
        }
        let now = (self.watch.now)();
        let since = position.heard.or(position.opened);
        let mut events = engine.events(since.map(|since| since.min(now))).await?;
        position.opened.get_or_insert(now);
        if !position.said.is_empty() {
            self.watch.listener.said("events are heard again");
            position.said.clear();
        }
        // What was missed is for a look to see. Names may have moved too.
        position.names.forget();
        self.look_wanted.notify_one();
        loop {
            let event = next(events.as_mut()).await?;
            self.take(position, &event).await?;
        }
    }

    /// Notes what an event tells. Only then it counts as read.
    async fn take(&self, position: &mut Position, event: &Event) -> Result<(), Broken> {
        let at = event.at.min((self.watch.now)());
        let used = match self.used(&mut position.names, event).await {
            // Asked once more, after a pause; an event that can never be understood must not keep others away.
            Err(EngineError::Failed(why)) if position.stumbled.as_ref() == Some(event) => {
                let line = format!("a use of `{}` is not noted: {why}", event.image);
                self.watch.listener.warned(&legible(&line));
                None
            }
            Err(error) => {
                position.stumbled = Some(event.clone());
                return Err(error.into());
            }
            Ok(used) => used,
        };
        if let Some((image, what)) = used {
            while !self.noted.add(&image, at, &what) {
                self.noted.flush(self.watch.ledger).await?;
            }
        }
        position.heard = position.heard.max(Some(at));
        Ok(())
    }

    /// The image that an event uses, and how.
    async fn used(&self, names: &mut Names, event: &Event) -> Result<Option<(Digest, String)>, EngineError> {
        let engine = self.watch.engine;
        match meaning(event) {
            Meaning::Container(what) => {
                let container = (event.by.as_str(), event.action.as_str());
                let image = names.image_of_container(engine, container, &event.image).await?;
                if matches!(event.action.as_str(), "container destroy" | "container remove") {
                    names.forget_container(&event.by);
                }
                Ok(image.map(|image| (image, what)))
            }
            Meaning::Arrival(what) => {
                names.may_have_moved();
                let image = names.image(engine, &event.image).await?;
                Ok(image.map(|image| (image, what)))
            }
            Meaning::Other => {
                names.may_have_moved();
                Ok(None)
            }
        }
    }
}

async fn next(events: &mut dyn Events) -> Result<Event, Broken> {
    events.next().await?.ok_or(Broken::Ended)
}

fn pause_after(failures: u32) -> Duration {
    FIRST_PAUSE
        .saturating_mul(2_u32.saturating_pow(failures.min(16)))
        .min(LONGEST_PAUSE)
}

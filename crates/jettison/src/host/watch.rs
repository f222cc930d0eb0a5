//! The agent: notes every use of an image as the engine tells of it, looks again where it may have missed some, and has a
//! round of pruning done on time and when the disk is full.
//!
//! Decides nothing and removes nothing: a [`Round`] does. Nothing that the engine says makes it grow, and while nothing
//! happens it does nothing but look how full the disk is.

mod follow;
mod noted;
mod resolve;
mod rounds;
mod sweeping;
#[cfg(test)]
mod tests;
mod uses;

use std::convert::Infallible;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use tokio::sync::{Notify, watch};

use super::HostError;
use super::engine::HostEngine;
use super::ledger::HostLedger;
use crate::output::text::with_causes;
use noted::Noted;

/// Uses are written so long after the first one that is not: whatever happens at once is written at once.
const WRITE_AFTER: Duration = Duration::from_secs(5);

/// What could not be written is tried again after twice as long each time, up to this.
const LONGEST_PAUSE: Duration = Duration::from_secs(300);

/// A round that was stopped may take so long to come to its next image; then it is left where it is, as by a kill.
const PATIENCE: Duration = Duration::from_secs(60);

/// What is done on time.
#[async_trait]
pub trait Round: Send + Sync {
    /// What a round tells.
    type Report: Send + Sync;

    /// Looks at everything that is there, and notes it in the ledger.
    async fn look(&self) -> Result<(), HostError>;

    /// Takes away what may go. When `stop` becomes true, it ends before the next image.
    async fn run(&self, stop: &watch::Receiver<bool>) -> Result<Self::Report, HostError>;

    /// Whether the file system of `root`, the folder of the image store, is above its high mark. Asks the file system and
    /// nobody else; `false` where there are no marks.
    fn is_disk_full(&self, root: &str) -> bool;
}

/// Whom the agent tells. A log is one; whoever watches over many servers may be another.
#[async_trait]
pub trait Listener<R>: Send + Sync {
    /// Something happened, in one line.
    fn said(&self, line: &str);

    /// Something went wrong that will be tried again, in one line.
    fn warned(&self, line: &str);

    /// A round ended.
    async fn report(&self, report: &R);
}

/// What the agent works with.
#[derive(Clone, Copy)]
pub struct Watch<'a, R: Round> {
    /// The engine whose events are read.
    pub engine: &'a dyn HostEngine,
    /// What remembers the uses.
    pub ledger: &'a dyn HostLedger,
    /// What is done on time.
    pub round: &'a R,
    /// Who is told.
    pub listener: &'a dyn Listener<R::Report>,
    /// From the end of a round to the next one.
    pub every: Duration,
    /// Only looks and notes, whatever could go.
    pub observe_only: bool,
    /// The clock.
    pub now: fn() -> Timestamp,
}

impl<R: Round> Watch<'_, R> {
    /// Watches until `stop` comes; a round that is at work then ends before its next image. Whatever fails is told and
    /// tried again.
    pub async fn run(self, stop: impl Future<Output = ()>) {
        let (asking, stop_asked) = watch::channel(false);
        let agent = Agent {
            watch: self,
            noted: Noted::default(),
            look_wanted: Notify::new(),
            root: Mutex::default(),
        };
        let stopping = async {
            stop.await;
            asking.send_replace(true);
            tokio::time::sleep(PATIENCE).await;
        };
        tokio::select! {
            () = agent.rounds(&stop_asked) => {}
            () = stopping => {}
            never = agent.follow() => match never {},
            never = agent.write() => match never {},
        }
        agent.flush().await;
    }
}

/// The agent at work: reads events (`follow.rs`), writes what they told, and has rounds done (`rounds.rs`).
struct Agent<'a, R: Round> {
    watch: Watch<'a, R>,
    noted: Noted,
    /// Something may have been missed.
    look_wanted: Notify,
    /// The folder of the image store, as the engine told last.
    root: Mutex<Option<String>>,
}

impl<R: Round> Agent<'_, R> {
    fn set_root(&self, root: Option<String>) {
        *self.root.lock().unwrap_or_else(PoisonError::into_inner) = root;
    }

    fn is_disk_full(&self) -> bool {
        let root = self.root.lock().unwrap_or_else(PoisonError::into_inner).clone();
        root.is_some_and(|root| self.watch.round.is_disk_full(&root))
    }

    /// Writes what was noted, a moment after it was.
    async fn write(&self) -> Infallible {
        let mut pause = WRITE_AFTER;
        loop {
            self.noted.something().await;
            tokio::time::sleep(pause).await;
            pause = match self.flush().await {
                true => WRITE_AFTER,
                false => LONGEST_PAUSE.min(pause * 2),
            };
        }
    }

    /// Writes what was noted. What cannot be written stays noted.
    async fn flush(&self) -> bool {
        let written = self.noted.flush(self.watch.ledger).await;
        if let Err(error) = &written {
            let why = with_causes(error);
            let line = format!("uses of images could not be written down, and are kept until they can: {why}");
            self.watch.listener.warned(&line);
        }
        written.is_ok()
    }
}

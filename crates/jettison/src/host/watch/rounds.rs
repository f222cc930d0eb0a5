//! When a look or a round is due.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use super::{Agent, Round};
use crate::output::text::with_causes;

/// How often it is asked how full the disk is.
const DISK_EVERY: Duration = Duration::from_secs(30);

/// The first round comes so long after the start, or sooner if rounds come more often: a server that has just started is
/// about to start its containers.
const FIRST: Duration = Duration::from_secs(300);

/// A round that failed is tried again after so long; twice as long each time, up to the time between rounds.
const RETRY: Duration = Duration::from_secs(60);

/// When the disk is still full after a round, the next one on its account comes so long after; twice as long each time, up
/// to the time between rounds.
const STILL_FULL: Duration = Duration::from_secs(300);

/// Rounds do not come more often, whatever is asked for.
const LEAST: Duration = Duration::from_secs(1);

/// What is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Due {
    Look,
    Round,
    /// A round, before its time.
    DiskIsFull,
}

#[derive(Debug)]
struct Plan {
    every: Duration,
    /// The next round.
    next: Instant,
    /// No round before, however full the disk is.
    not_before: Instant,
    /// From a round that left the disk full to the next one.
    pause: Duration,
    /// Rounds and looks that failed in a row.
    failures: u32,
}

impl Plan {
    fn new(every: Duration, now: Instant) -> Self {
        let every = every.max(LEAST);
        Self {
            every,
            next: now + FIRST.min(every),
            not_before: now,
            pause: STILL_FULL.min(every),
            failures: 0,
        }
    }

    fn succeeded(&mut self, due: Due, now: Instant) {
        self.failures = 0;
        if due != Due::Look {
            self.next = now + self.every;
        }
    }

    fn failed(&mut self, due: Due, now: Instant) {
        let retry = RETRY
            .saturating_mul(2_u32.saturating_pow(self.failures.min(16)))
            .min(self.every);
        self.failures = self.failures.saturating_add(1);
        self.next = match due {
            Due::Look => self.next.min(now + retry),
            Due::Round | Due::DiskIsFull => now + retry,
        };
    }

    /// A round is over. What it could not free it will not free a minute later.
    fn rest(&mut self, is_full: bool, now: Instant) {
        self.not_before = now + self.pause;
        self.pause = match is_full {
            true => self.pause.saturating_mul(2).min(self.every),
            false => STILL_FULL.min(self.every),
        };
    }
}

impl<R: Round> Agent<'_, R> {
    /// Has looks and rounds done when they are due, until somebody asks for the end.
    pub(super) async fn rounds(&self, stop: &watch::Receiver<bool>) {
        let mut plan = Plan::new(self.watch.every, Instant::now());
        loop {
            let due = tokio::select! {
                biased;
                () = asked(stop.clone()) => return,
                due = self.due(&plan) => due,
            };
            self.flush().await;
            let done = match due {
                Due::Look => self.look().await,
                Due::Round | Due::DiskIsFull if self.watch.observe_only => self.look().await,
                Due::Round | Due::DiskIsFull => self.round(due, stop).await,
            };
            match done {
                true => plan.succeeded(due, Instant::now()),
                false => plan.failed(due, Instant::now()),
            }
            if due != Due::Look {
                plan.rest(self.is_disk_full(), Instant::now());
            }
        }
    }

    /// Waits for what is due.
    async fn due(&self, plan: &Plan) -> Due {
        tokio::select! {
            biased;
            () = self.look_wanted.notified() => Due::Look,
            () = sleep_until(plan.next) => Due::Round,
            () = self.disk_is_full(plan.not_before), if !self.watch.observe_only => Due::DiskIsFull,
        }
    }

    /// Waits until the disk is full, and it is time to do something about it.
    async fn disk_is_full(&self, not_before: Instant) {
        sleep_until(not_before).await;
        while !self.is_disk_full() {
            tokio::time::sleep(DISK_EVERY).await;
        }
    }

    async fn look(&self) -> bool {
        match self.watch.round.look().await {
            Ok(()) => true,
            Err(error) => {
                let why = with_causes(&error);
                self.watch
                    .listener
                    .warned(&format!("a look failed, and will be tried again: {why}"));
                false
            }
        }
    }

    async fn round(&self, due: Due, stop: &watch::Receiver<bool>) -> bool {
        if due == Due::DiskIsFull {
            self.watch
                .listener
                .said("the disk is above its high mark: a round before its time");
        }
        match self.watch.round.run(stop).await {
            Ok(report) => {
                self.watch.listener.report(&report).await;
                true
            }
            Err(error) => {
                let why = with_causes(&error);
                self.watch
                    .listener
                    .warned(&format!("a round failed, and will be tried again: {why}"));
                false
            }
        }
    }
}

/// Waits until somebody asks for the end; for ever if nobody can any more.
async fn asked(mut stop: watch::Receiver<bool>) {
    if stop.wait_for(|stop| *stop).await.is_err() {
        std::future::pending::<()>().await;
    }
}

//! Whether a host is worth another call. One that does not answer, or asks for more patience than there is, is left
//! alone for a while: thousands of calls shall not each find that out for themselves.
//!
//! It only remembers; who calls decides what an outcome means.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::Limits;
use super::error::ErrorKind;
use super::http::Failure;

/// The longest that a host is left alone, whatever it asked for: a program that runs for days asks again.
const LONGEST: Duration = Duration::from_secs(3600);

/// How a call is told that was not made since another one got no answer; the reason of that one follows in brackets.
pub(crate) const NO_ANSWER: &str = "not asked, as it did not answer a moment ago";

/// What is known of one host.
#[derive(Debug)]
pub(crate) struct Health {
    state: Mutex<State>,
    left_alone: Duration,
}

#[derive(Debug)]
struct State {
    answers: u64,
    /// Until when nothing is asked, and why.
    shut: Option<(Instant, Failure)>,
    paused_until: Option<Instant>,
    pause_left: Duration,
}

/// How many answers there were when a call began.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Answers(u64);

impl Health {
    pub(crate) fn new(limits: &Limits) -> Self {
        let state = State {
            answers: 0,
            shut: None,
            paused_until: None,
            pause_left: limits.pause_total,
        };
        Self {
            state: Mutex::new(state),
            left_alone: limits.left_alone,
        }
    }

    /// How many answers there were so far.
    pub(crate) fn answers(&self) -> Answers {
        Answers(self.lock().answers)
    }

    /// Whether it ever answered.
    pub(crate) fn has_answered(&self) -> bool {
        self.lock().answers > 0
    }

    /// # Errors
    ///
    /// Why nothing is asked for now.
    pub(crate) fn check(&self) -> Result<(), Failure> {
        match &self.lock().shut {
            Some((until, why)) if *until > Instant::now() => Err(why.clone()),
            _ => Ok(()),
        }
    }

    /// An answer came, whatever it says. A host that was silent is asked again from now on.
    pub(crate) fn answered(&self) {
        let mut state = self.lock();
        state.answers += 1;
        if state
            .shut
            .as_ref()
            .is_some_and(|(_, why)| why.kind == ErrorKind::Transient)
        {
            state.shut = None;
        }
    }

    /// A call that began at `begun` has got no answer. If no other one has got any meanwhile, neither will the next.
    pub(crate) fn silent(&self, begun: Answers, failure: &Failure) {
        let mut state = self.lock();
        if state.answers == begun.0 {
            let why = format!("{NO_ANSWER} ({})", failure.detail);
            let until = Instant::now() + self.left_alone;
            state.shut = Some((until, Failure::new(ErrorKind::Transient, why)));
        }
    }

    /// It asked for more patience than there is: nothing more is asked until its pause, if it said one, is over.
    pub(crate) fn refuses(&self, pause: Option<Duration>) {
        let why = match pause {
            Some(pause) => format!("not asked, as it wants a pause of {} s", pause.as_secs()),
            None => "not asked, as it goes on saying that there are too many calls".to_owned(),
        };
        let wait = pause.unwrap_or_default().clamp(self.left_alone, LONGEST);
        self.lock().shut = Some((Instant::now() + wait, Failure::new(ErrorKind::RateLimited, why)));
    }

    /// Whether a pause that it asks for can still be granted: all pauses together have a bound, however short each
    /// is. Pauses at the same time count once.
    pub(crate) fn grants(&self, pause: Duration) -> bool {
        let mut state = self.lock();
        let now = Instant::now();
        let already = state.paused_until.map_or(now, |until| until.max(now));
        let until = now + pause.min(LONGEST);
        match state.pause_left.checked_sub(until.saturating_duration_since(already)) {
            Some(left) => {
                state.pause_left = left;
                state.paused_until = Some(already.max(until));
                true
            }
            None => false,
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Only whole values are put in, so that a panic elsewhere does not spoil them.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn health() -> Health {
        Health::new(&Limits {
            left_alone: Duration::from_secs(30),
            pause_total: Duration::from_secs(100),
            ..Limits::default()
        })
    }

    fn timeout() -> Failure {
        Failure::new(ErrorKind::Transient, "timed out")
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_host_is_left_alone_for_a_while() {
        let health = health();
        health.silent(health.answers(), &timeout());
        let why = health.check().unwrap_err();
        assert!(
            why.kind == ErrorKind::Transient && why.detail.contains("timed out"),
            "{why:?}"
        );
        tokio::time::advance(Duration::from_secs(31)).await;
        assert!(health.check().is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn one_silence_among_answers_says_nothing_about_the_host() {
        let health = health();
        let begun = health.answers();
        health.answered();
        health.silent(begun, &timeout());
        assert!(health.check().is_ok());
        health.silent(health.answers(), &timeout());
        health.answered();
        assert!(health.check().is_ok(), "it speaks again");
    }

    #[tokio::test(start_paused = true)]
    async fn who_asks_for_a_long_pause_gets_it() {
        for (asked, over) in [(None, 30), (Some(5), 30), (Some(600), 600), (Some(u64::MAX), 3600)] {
            let health = health();
            health.refuses(asked.map(Duration::from_secs));
            health.answered();
            tokio::time::advance(Duration::from_secs(over - 1)).await;
            assert_eq!(health.check().unwrap_err().kind, ErrorKind::RateLimited, "{asked:?}");
            tokio::time::advance(Duration::from_secs(2)).await;
            assert!(health.check().is_ok(), "{asked:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn pauses_are_bounded_in_total_and_those_at_the_same_time_count_once() {
        let health = health();
        for _ in 0..50 {
            assert!(health.grants(Duration::from_secs(40)));
        }
        tokio::time::advance(Duration::from_secs(40)).await;
        assert!(health.grants(Duration::from_secs(40)));
        tokio::time::advance(Duration::from_secs(40)).await;
        assert!(!health.grants(Duration::from_secs(40)));
        assert!(health.grants(Duration::from_secs(20)));
    }
}

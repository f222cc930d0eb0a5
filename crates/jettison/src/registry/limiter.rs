//! How many calls may be in flight at one registry: starts careful, halves when the registry says
//! "too many", grows slowly while all is well, and stands still while the registry asks for a pause.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep_until};

use super::Limits;
use super::health::Health;

/// One registry's limit; clones share it.
#[derive(Debug, Clone)]
pub(crate) struct Limiter {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    permits: Arc<Semaphore>,
    state: Mutex<State>,
    ceiling: usize,
    health: Health,
}

#[derive(Debug)]
struct State {
    limit: usize,
    /// Permits still out that must not come back, because the limit fell meanwhile.
    debt: usize,
    /// Successes since the limit last changed.
    successes: usize,
    /// How often the limit was halved: a call that began before the last time must not halve it again.
    generation: u64,
    paused_until: Option<Instant>,
}

impl Limiter {
    /// A limit that starts at `in_flight` and never leaves 1..=`in_flight_ceiling`.
    pub(crate) fn new(limits: &Limits) -> Self {
        let ceiling = limits.in_flight_ceiling.clamp(1, Semaphore::MAX_PERMITS);
        let limit = limits.in_flight.clamp(1, ceiling);
        let state = State {
            limit,
            debt: 0,
            successes: 0,
            generation: 0,
            paused_until: None,
        };
        let permits = Arc::new(Semaphore::new(limit));
        Self {
            shared: Arc::new(Shared {
                permits,
                state: Mutex::new(state),
                ceiling,
                health: Health::new(limits),
            }),
        }
    }

    /// What is known of the host that this limit is for.
    pub(crate) fn health(&self) -> &Health {
        &self.shared.health
    }

    /// Waits for a place, first come first served, and for the end of a pause.
    pub(crate) async fn acquire(&self) -> Permit {
        // The semaphore is never closed; were it so, going on without a permit is the harmless way.
        let permit = Arc::clone(&self.shared.permits).acquire_owned().await.ok();
        let mut permit = Permit {
            shared: Arc::clone(&self.shared),
            permit,
            generation: 0,
        };
        loop {
            let paused_until = {
                let state = self.shared.lock();
                permit.generation = state.generation;
                state.paused_until
            };
            match paused_until {
                Some(until) if until > Instant::now() => sleep_until(until).await,
                _ => return permit,
            }
        }
    }

    #[cfg(test)]
    fn limit(&self) -> usize {
        self.shared.lock().limit
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Every change below leaves the state whole, so that a panic elsewhere does not spoil it.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A place for one call. Dropped without a word it neither raises nor lowers the limit.
#[derive(Debug)]
pub(crate) struct Permit {
    shared: Arc<Shared>,
    permit: Option<OwnedSemaphorePermit>,
    generation: u64,
}

impl Permit {
    /// The registry answered: after as many successes as the limit is wide, the limit grows by one.
    pub(crate) fn succeeded(self) {
        let mut state = self.shared.lock();
        state.successes += 1;
        if state.successes < state.limit || state.limit >= self.shared.ceiling {
            return;
        }
        state.limit += 1;
        state.successes = 0;
        match state.debt {
            0 => self.shared.permits.add_permits(1),
            _ => state.debt -= 1,
        }
    }

    /// The registry said "too many": halve the limit, unless that was done after this call began, and
    /// let nobody start before `pause` is over.
    pub(crate) fn throttled(self, pause: Option<Duration>) {
        let mut state = self.shared.lock();
        state.successes = 0;
        if let Some(until) = pause.and_then(|pause| Instant::now().checked_add(pause)) {
            state.paused_until = state.paused_until.max(Some(until));
        }
        if self.generation != state.generation {
            return;
        }
        state.generation += 1;
        let halved = (state.limit / 2).max(1);
        let excess = state.limit - halved;
        state.limit = halved;
        state.debt += excess - self.shared.permits.forget_permits(excess);
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        if state.debt > 0
            && let Some(permit) = self.permit.take()
        {
            state.debt -= 1;
            permit.forget();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limiter(in_flight: usize, in_flight_ceiling: usize) -> Limiter {
        Limiter::new(&Limits {
            in_flight,
            in_flight_ceiling,
            ..Limits::default()
        })
    }

    /// Takes permits until none is left.
    async fn take_all(limiter: &Limiter) -> Vec<Permit> {
        let mut taken = Vec::new();
        while let Ok(permit) = tokio::time::timeout(Duration::from_millis(1), limiter.acquire()).await {
            taken.push(permit);
        }
        taken
    }

    #[tokio::test(start_paused = true)]
    async fn no_more_than_the_limit_are_in_flight() {
        let limiter = limiter(16, 32);
        let taken = take_all(&limiter.clone()).await;
        assert_eq!(taken.len(), 16, "clones share the limit");
        assert_eq!(take_all(&limiter).await.len(), 0);
        drop(taken);
        assert_eq!(take_all(&limiter).await.len(), 16);
    }

    #[tokio::test(start_paused = true)]
    async fn halves_once_a_round_trip_and_never_below_one() {
        let limiter = limiter(16, 32);
        for limit in [8, 4, 2, 1, 1] {
            for permit in take_all(&limiter).await {
                permit.throttled(None);
            }
            assert_eq!(limiter.limit(), limit);
            assert_eq!(take_all(&limiter).await.len(), limit);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn grows_by_one_a_round_trip_up_to_its_ceiling() {
        let limiter = limiter(2, 4);
        for (successes, limit) in [(1, 2), (1, 3), (3, 4), (100, 4)] {
            for _ in 0..successes {
                limiter.acquire().await.succeeded();
            }
            assert_eq!(limiter.limit(), limit);
        }
        assert_eq!(take_all(&limiter).await.len(), 4);
    }

    #[tokio::test(start_paused = true)]
    async fn a_fallen_limit_grows_back_while_old_calls_are_out() {
        let limiter = limiter(4, 4);
        let mut out = take_all(&limiter).await;
        out.pop().unwrap().throttled(None);
        assert_eq!(limiter.limit(), 2);
        out.pop().unwrap().succeeded();
        out.pop().unwrap().succeeded();
        assert_eq!(limiter.limit(), 3);
        drop(out);
        assert_eq!(take_all(&limiter).await.len(), 3);
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_starts_during_a_pause() {
        let limiter = limiter(4, 4);
        limiter.acquire().await.throttled(Some(Duration::from_secs(7)));
        let began = Instant::now();
        let _permit = limiter.acquire().await;
        assert_eq!(began.elapsed().as_secs(), 7);
    }

    #[tokio::test(start_paused = true)]
    async fn one_who_gives_up_during_a_pause_gives_his_place_back() {
        let limiter = limiter(1, 1);
        limiter.acquire().await.throttled(Some(Duration::from_secs(60)));
        assert!(
            tokio::time::timeout(Duration::from_secs(1), limiter.acquire())
                .await
                .is_err()
        );
        assert!(
            tokio::time::timeout(Duration::from_secs(61), limiter.acquire())
                .await
                .is_ok()
        );
    }
}

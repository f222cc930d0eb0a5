//! When to try again, and after how long: exponential with full jitter, or what `Retry-After` says.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use http::header::{DATE, RETRY_AFTER};
use http::{HeaderMap, StatusCode};
use jiff::Timestamp;

use super::Limits;

/// Whether an answer with this status may be different next time.
pub(crate) fn is_retriable(status: StatusCode) -> bool {
    matches!(status.as_u16(), 429 | 500 | 502 | 503 | 504)
}

/// Whether an answer with this status says that there are too many calls.
pub(crate) fn is_throttle(status: StatusCode) -> bool {
    matches!(status.as_u16(), 429 | 503)
}

/// `Retry-After` as a wait: seconds or an HTTP date (RFC 9110, section 10.2.3). A date is one by the registry's own
/// clock, which its `Date` tells; `now` is ours, for a registry that does not tell.
pub(crate) fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let text = |name| headers.get(name)?.to_str().ok().map(str::trim);
    let after = text(RETRY_AFTER)?;
    if let Ok(seconds) = after.parse::<u64>() {
        return Some(Duration::from_secs(seconds));
    }
    let now = text(DATE).and_then(http_date).unwrap_or(now);
    let until = http_date(after)?;
    Some(Duration::try_from(until.duration_since(now)).unwrap_or(Duration::ZERO))
}

/// An HTTP date in its preferred form (RFC 9110, section 5.6.7).
pub(crate) fn http_date(text: &str) -> Option<Timestamp> {
    jiff::fmt::rfc2822::parse(text).ok().map(|zoned| zoned.timestamp())
}

/// Why a call has to be tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Setback {
    /// It failed in a way that may pass at once.
    Failed,
    /// There are too many calls.
    Throttled,
    /// Nobody listens where somebody did: a restart takes some seconds.
    Down,
    /// No answer came in time.
    Silent,
}

/// How much waiting one call still has in it.
#[derive(Debug)]
pub(crate) struct Patience {
    tries_left: u32,
    silences_left: u32,
    exponent: u32,
    backoff_base: Duration,
    throttle_base: Duration,
    backoff_cap: Duration,
    pause_left: Duration,
}

impl Patience {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            tries_left: limits.tries.saturating_sub(1),
            silences_left: limits.silent_tries.saturating_sub(1),
            exponent: 0,
            backoff_base: limits.backoff_base,
            throttle_base: limits.throttle_base,
            backoff_cap: limits.backoff_cap,
            pause_left: limits.pause_cap,
        }
    }

    /// The wait before the next try, or `None` to give up.
    pub(crate) fn next(&mut self, setback: Setback, asked: Option<Duration>) -> Option<Duration> {
        self.tries_left = self.tries_left.checked_sub(1)?;
        if setback == Setback::Silent {
            self.silences_left = self.silences_left.checked_sub(1)?;
        }
        // A pause of nothing is none: asking at once, again and again, is what brought the answer.
        if let Some(asked) = asked.filter(|asked| !asked.is_zero()) {
            self.pause_left = self.pause_left.checked_sub(asked)?;
            return Some(asked);
        }
        Some(self.own_wait(setback))
    }

    fn own_wait(&mut self, setback: Setback) -> Duration {
        let (base, least) = match setback {
            Setback::Throttled => (self.throttle_base, 0.0),
            // Here a wait must be one: chance shall not use up all tries within a second.
            Setback::Down => (self.throttle_base, 0.5),
            Setback::Failed | Setback::Silent => (self.backoff_base, 0.0),
        };
        let most = base.saturating_mul(1 << self.exponent.min(16)).min(self.backoff_cap);
        self.exponent += 1;
        most.mul_f64(least + (1.0 - least) * random_share())
    }
}

/// Bits that differ from call to call. Enough to spread retries and to make names nobody uses; no secret.
pub(crate) fn random_bits() -> u64 {
    RandomState::new().hash_one(0)
}

/// Evenly spread over 0..1.
pub(crate) fn random_share() -> f64 {
    f64::from((random_bits() >> 32) as u32) / f64::from(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(value: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(RETRY_AFTER, value.parse().unwrap());
        headers
    }

    #[test]
    fn reads_both_forms_of_retry_after() {
        let now: Timestamp = "1994-11-06T08:49:30Z".parse().unwrap();
        for (value, expected) in [
            ("7", Some(7)),
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some(7)),
            ("Sun, 06 Nov 1994 08:49:00 GMT", Some(0)),
            ("soon", None),
            ("-1", None),
        ] {
            assert_eq!(
                retry_after(&headers(value), now),
                expected.map(Duration::from_secs),
                "{value}"
            );
        }
        assert_eq!(retry_after(&HeaderMap::new(), now), None);
    }

    /// An hour between the two clocks changes nothing.
    #[test]
    fn a_date_is_read_by_the_clock_of_who_wrote_it() {
        let now: Timestamp = "1994-11-06T08:49:30Z".parse().unwrap();
        for hour in ["07", "08", "09"] {
            let at = |second: u8| format!("Sun, 06 Nov 1994 {hour}:49:{second:02} GMT");
            let mut headers = headers(&at(37));
            headers.insert(DATE, at(30).parse().unwrap());
            assert_eq!(retry_after(&headers, now), Some(Duration::from_secs(7)), "{hour}");
        }
    }

    #[test]
    fn a_pause_of_nothing_is_no_leave_to_hammer() {
        let mut patience = Patience::new(&Limits::default());
        let waits = std::iter::from_fn(|| patience.next(Setback::Throttled, Some(Duration::ZERO)));
        assert!(waits.sum::<Duration>() > Duration::from_millis(1));
    }

    #[test]
    fn silence_is_tried_less_often_and_a_restart_is_waited_for() {
        let mut patience = Patience::new(&Limits::default());
        assert_eq!(std::iter::from_fn(|| patience.next(Setback::Silent, None)).count(), 1);
        let mut patience = Patience::new(&Limits::default());
        let waits: Duration = std::iter::from_fn(|| patience.next(Setback::Down, None)).sum();
        assert!(waits >= Duration::from_secs(6), "{waits:?}");
    }

    #[test]
    fn gives_up_after_its_tries() {
        let mut patience = Patience::new(&Limits {
            tries: 5,
            ..Limits::default()
        });
        assert_eq!(std::iter::from_fn(|| patience.next(Setback::Failed, None)).count(), 4);
    }

    #[test]
    fn waits_grow_but_not_beyond_the_cap() {
        let limits = Limits {
            tries: 100,
            ..Limits::default()
        };
        for _ in 0..20 {
            let mut patience = Patience::new(&limits);
            let mut most = limits.backoff_base;
            while let Some(wait) = patience.next(Setback::Failed, None) {
                assert!(wait <= most);
                most = (most * 2).min(limits.backoff_cap);
            }
        }
    }

    #[test]
    fn waits_differ() {
        let mut shares: Vec<u64> = (0..50).map(|_| random_bits()).collect();
        shares.sort_unstable();
        shares.dedup();
        assert_eq!(shares.len(), 50);
    }

    #[test]
    fn asked_pauses_are_kept_and_bounded_in_total() {
        let mut patience = Patience::new(&Limits {
            tries: 100,
            pause_cap: Duration::from_secs(120),
            ..Limits::default()
        });
        let ask = Some(Duration::from_secs(50));
        assert_eq!(patience.next(Setback::Throttled, ask), ask);
        assert_eq!(patience.next(Setback::Throttled, ask), ask);
        assert_eq!(patience.next(Setback::Throttled, ask), None);
    }
}

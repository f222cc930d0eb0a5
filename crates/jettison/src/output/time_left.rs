//! How long a piece of work still takes, judged by what was done last.
//!
//! Parts may be of different classes, which take different times: a delete in a repository of 30,000 tags is not one in
//! a repository of 30. Nothing is claimed of a class before some of its parts are done. Knows no clock.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

/// Parts that are looked back on: when each takes longer or shorter than before, so many later that is noticed.
const WINDOW: usize = 50;

/// Nothing is claimed on the strength of fewer.
const ENOUGH: usize = 8;

/// What is left of a piece of work, and how long parts took.
#[derive(Debug)]
pub(super) struct TimeLeft {
    classes: BTreeMap<u32, Class>,
    now_at: u32,
    last: Instant,
}

#[derive(Debug, Default)]
struct Class {
    left: u64,
    took: VecDeque<Duration>,
}

/// How long it still takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Estimate {
    /// Nobody can tell yet.
    Unknown,
    /// About so long.
    About(Duration),
    /// So long for what is known, and something of another class comes after that.
    MoreThan(Duration),
}

impl TimeLeft {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            classes: BTreeMap::new(),
            now_at: 0,
            last: now,
        }
    }

    /// More parts of a class came to light.
    pub(super) fn expect(&mut self, class: u32, more: u64) {
        let class = self.classes.entry(class).or_default();
        class.left = class.left.saturating_add(more);
    }

    /// Work begins on parts of a class.
    pub(super) fn turn_to(&mut self, class: u32, now: Instant) {
        self.now_at = class;
        self.last = now;
    }

    /// One part is done.
    pub(super) fn advance(&mut self, now: Instant) {
        let took = now.saturating_duration_since(self.last);
        self.last = now;
        let class = self.classes.entry(self.now_at).or_default();
        class.left = class.left.saturating_sub(1);
        class.took.push_back(took);
        if class.took.len() > WINDOW {
            class.took.pop_front();
        }
    }

    /// Parts fell away without any work.
    pub(super) fn pass(&mut self, parts: u64) {
        let class = self.classes.entry(self.now_at).or_default();
        class.left = class.left.saturating_sub(parts);
    }

    /// What can be said now. A part that takes unusually long counts before it is done.
    pub(super) fn estimate(&self, now: Instant) -> Estimate {
        let waiting = now.saturating_duration_since(self.last);
        let mut total = Duration::ZERO;
        let mut all_known = true;
        for (number, class) in self.classes.iter().filter(|(_, class)| class.left > 0) {
            let here = *number == self.now_at;
            match class.each(if here { waiting } else { Duration::ZERO }) {
                Some(each) => total = total.saturating_add(each.mul_f64(class.left as f64)),
                None if here => return Estimate::Unknown,
                None => all_known = false,
            }
        }
        match (total.is_zero(), all_known) {
            (true, _) => Estimate::Unknown,
            (false, true) => Estimate::About(total),
            (false, false) => Estimate::MoreThan(total),
        }
    }
}

impl Class {
    fn each(&self, waiting: Duration) -> Option<Duration> {
        let parts = u32::try_from(self.took.len())
            .ok()
            .filter(|_| self.took.len() >= ENOUGH)?;
        let sum: Duration = self.took.iter().sum();
        let each = sum / parts;
        let with_waiting = (sum + waiting) / (parts + 1);
        Some(each.max(with_waiting))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// So many parts of a class, each taking so long.
    fn done(left: &mut TimeLeft, now: &mut Instant, parts: u32, each: Duration) {
        for _ in 0..parts {
            *now += each;
            left.advance(*now);
        }
    }

    fn begun(classes: &[(u32, u64)]) -> (TimeLeft, Instant) {
        let now = Instant::now();
        let mut left = TimeLeft::new(now);
        classes.iter().for_each(|(class, parts)| left.expect(*class, *parts));
        left.turn_to(classes[0].0, now);
        (left, now)
    }

    #[test]
    fn nothing_is_claimed_before_there_is_something_to_go_by() {
        let (mut left, mut now) = begun(&[(0, 100)]);
        assert_eq!(left.estimate(now), Estimate::Unknown);
        done(&mut left, &mut now, 7, SECOND);
        assert_eq!(left.estimate(now), Estimate::Unknown);
        done(&mut left, &mut now, 1, SECOND);
        assert_eq!(left.estimate(now), Estimate::About(92 * SECOND));
        done(&mut left, &mut now, 92, SECOND);
        assert_eq!(left.estimate(now), Estimate::Unknown, "nothing is left");
    }

    #[test]
    fn what_was_done_last_counts_when_parts_get_slower_or_faster() {
        for (first, then) in [(SECOND, 10 * SECOND), (10 * SECOND, SECOND)] {
            let (mut left, mut now) = begun(&[(0, 1000)]);
            done(&mut left, &mut now, 500, first);
            done(&mut left, &mut now, 50, then);
            assert_eq!(left.estimate(now), Estimate::About(450 * then));
        }
    }

    #[test]
    fn a_part_that_hangs_counts_before_it_is_done() {
        let (mut left, mut now) = begun(&[(0, 20)]);
        done(&mut left, &mut now, 10, SECOND);
        assert_eq!(left.estimate(now), Estimate::About(10 * SECOND));
        assert_eq!(left.estimate(now + 100 * SECOND), Estimate::About(100 * SECOND));
    }

    #[test]
    fn a_class_is_judged_by_its_own_parts_alone() {
        let (mut left, mut now) = begun(&[(4, 100), (1, 10)]);
        done(&mut left, &mut now, 10, 10 * SECOND);
        assert_eq!(left.estimate(now), Estimate::MoreThan(900 * SECOND));
        left.turn_to(1, now + 60 * SECOND);
        now += 60 * SECOND;
        assert_eq!(left.estimate(now), Estimate::Unknown);
        done(&mut left, &mut now, 8, SECOND);
        assert_eq!(left.estimate(now), Estimate::About(902 * SECOND));
        left.pass(2);
        assert_eq!(left.estimate(now), Estimate::About(900 * SECOND));
    }
}

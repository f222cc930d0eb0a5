//! Progress of long work: a bar on a terminal, a plain line every few seconds elsewhere, nothing when quiet.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use indicatif::style::TemplateError;
use indicatif::{HumanDuration, ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};

use super::stream;
use super::text::number;
use super::time_left::{Estimate, TimeLeft};

/// How often a log gets a line.
const LINE_EVERY: Duration = Duration::from_secs(10);

/// Where progress goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Face {
    /// A bar that is redrawn: a terminal.
    Bar,
    /// A line now and then: a log.
    Lines,
    /// Nowhere.
    Silent,
}

/// The progress of one piece of work.
#[derive(Debug)]
pub struct Progress {
    bar: ProgressBar,
    what: String,
    lines: Option<Mutex<Instant>>,
    left: Shared,
}

type Shared = Arc<Mutex<TimeLeft>>;

impl Progress {
    /// Begins to report on `what`, of which `total` parts are known so far.
    pub fn start(face: Face, what: &str, total: u64) -> Self {
        Self::in_classes(face, what, [(0, total)])
    }

    /// The same of parts of different classes: those of one take about the same time each.
    pub fn in_classes(face: Face, what: &str, parts: impl IntoIterator<Item = (u32, u64)>) -> Self {
        let mut left = TimeLeft::new(Instant::now());
        let mut total: u64 = 0;
        for (class, parts) in parts {
            left.expect(class, parts);
            total = total.saturating_add(parts);
        }
        let target = match face {
            Face::Bar => ProgressDrawTarget::stderr_with_hz(8),
            Face::Lines | Face::Silent => ProgressDrawTarget::hidden(),
        };
        let left = Arc::new(Mutex::new(left));
        // Of nothing all would be done: a full bar, before it is known how much there is.
        let bar = ProgressBar::with_draw_target(Some(total).filter(|total| *total > 0), target);
        if let Ok(style) = style(Arc::clone(&left)) {
            bar.set_style(style);
        }
        bar.set_message(what.to_owned());
        let lines = (face == Face::Lines).then(|| Mutex::new(Instant::now()));
        Self {
            bar,
            what: what.to_owned(),
            lines,
            left,
        }
    }

    /// More work came to light.
    pub fn expect(&self, more: u64) {
        self.bar
            .set_length(self.bar.length().unwrap_or_default().saturating_add(more));
        lock(&self.left).expect(0, more);
    }

    /// Work begins on parts of a class.
    pub fn turn_to(&self, class: u32) {
        lock(&self.left).turn_to(class, Instant::now());
    }

    /// Parts that are done.
    pub fn done(&self) -> u64 {
        self.bar.position()
    }

    /// Parts fell away without any work.
    pub fn pass(&self, parts: u64) {
        self.bar.inc(parts);
        lock(&self.left).pass(parts);
    }

    /// One more part is done.
    pub fn advance(&self) {
        self.bar.inc(1);
        lock(&self.left).advance(Instant::now());
        let Some(lines) = &self.lines else { return };
        let Ok(mut last) = lines.lock() else { return };
        if last.elapsed() >= LINE_EVERY {
            *last = Instant::now();
            self.line();
        }
    }

    /// Does `work`, and says so when it does not get on for a while.
    pub async fn while_watched<T>(&self, work: impl Future<Output = T>) -> T {
        let mut work = std::pin::pin!(work);
        let (mut since, mut position) = (tokio::time::Instant::now(), self.bar.position());
        loop {
            match tokio::time::timeout(LINE_EVERY, &mut work).await {
                Ok(done) => return done,
                Err(_) if self.bar.position() == position => self.stands_still(since.elapsed()),
                Err(_) => {
                    (since, position) = (tokio::time::Instant::now(), self.bar.position());
                    self.bar.set_message(self.what.clone());
                }
            }
        }
    }

    fn stands_still(&self, time: Duration) {
        let text = format!("{}: no answer for {} s, still waiting", self.what, time.as_secs());
        if self.lines.is_some() {
            stream::error(&format!("{text}\n"));
        }
        self.bar.set_message(text);
    }

    fn line(&self) {
        let total = self.bar.length().unwrap_or_default();
        let rate = self.bar.per_sec();
        let done = self.bar.position();
        let left = match told(&self.left) {
            left if left.is_empty() => left,
            left => format!(", {left}"),
        };
        let (done, total) = (number(done), number(total));
        stream::error(&format!("{}: {done} of {total}, {rate:.0}/s{left}\n", self.what));
    }

    /// Ends the report and clears the bar.
    pub fn finish(self) {
        self.bar.finish_and_clear();
    }
}

fn style(left: Shared) -> Result<ProgressStyle, TemplateError> {
    let style = ProgressStyle::with_template("{msg} [{bar:30}] {human_pos}/{human_len}  {rate}  {left}")?;
    let style = style.with_key("rate", |state: &ProgressState, out: &mut dyn std::fmt::Write| {
        let _ = write!(out, "{:.0}/s", state.per_sec());
    });
    let style = style.with_key("left", move |_: &ProgressState, out: &mut dyn std::fmt::Write| {
        let _ = out.write_str(&told(&left));
    });
    Ok(style.progress_chars("=> "))
}

fn lock(left: &Shared) -> MutexGuard<'_, TimeLeft> {
    left.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The time left, for people; nothing where nobody can tell.
fn told(left: &Shared) -> String {
    match lock(left).estimate(Instant::now()) {
        Estimate::Unknown => String::new(),
        Estimate::About(time) => format!("{:#} left", HumanDuration(time)),
        Estimate::MoreThan(time) => format!("more than {:#} left", HumanDuration(time)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn who_waits_is_told_so_until_it_goes_on() {
        let progress = Progress::start(Face::Silent, "scanning", 2);
        let pause = |seconds| tokio::time::sleep(Duration::from_secs(seconds));
        let work = async {
            pause(25).await;
            assert_eq!(progress.bar.message(), "scanning: no answer for 20 s, still waiting");
            progress.advance();
            pause(10).await;
            assert_eq!(progress.bar.message(), "scanning");
            "done"
        };
        assert_eq!(progress.while_watched(work).await, "done");
    }
}

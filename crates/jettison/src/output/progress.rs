//! Progress of long work: a bar on a terminal, a plain line every few seconds elsewhere, nothing when quiet.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};

use super::text::number;

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
}

impl Progress {
    /// Begins to report on `what`, of which `total` parts are known so far.
    pub fn start(face: Face, what: &str, total: u64) -> Self {
        let target = match face {
            Face::Bar => ProgressDrawTarget::stderr_with_hz(8),
            Face::Lines | Face::Silent => ProgressDrawTarget::hidden(),
        };
        let bar = ProgressBar::with_draw_target(Some(total), target);
        let template = "{msg} [{bar:30}] {human_pos}/{human_len}  {rate}  {eta} left";
        if let Ok(style) = ProgressStyle::with_template(template) {
            let style = style.with_key("rate", |state: &ProgressState, out: &mut dyn std::fmt::Write| {
                let _ = write!(out, "{:.0}/s", state.per_sec());
            });
            bar.set_style(style.progress_chars("=> "));
        }
        bar.set_message(what.to_owned());
        let lines = (face == Face::Lines).then(|| Mutex::new(Instant::now()));
        Self {
            bar,
            what: what.to_owned(),
            lines,
        }
    }

    /// More work came to light.
    pub fn expect(&self, more: u64) {
        self.bar.inc_length(more);
    }

    /// One more part is done.
    pub fn advance(&self) {
        self.bar.inc(1);
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
            anstream::eprintln!("{text}");
        }
        self.bar.set_message(text);
    }

    fn line(&self) {
        let total = self.bar.length().unwrap_or_default();
        let rate = self.bar.per_sec();
        let left = indicatif::HumanDuration(self.bar.eta());
        let done = self.bar.position();
        anstream::eprintln!(
            "{}: {} of {}, {rate:.0}/s, {left:#} left",
            self.what,
            number(done),
            number(total)
        );
    }

    /// Ends the report and clears the bar.
    pub fn finish(self) {
        self.bar.finish_and_clear();
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

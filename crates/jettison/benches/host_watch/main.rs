//! What `jettison host watch` costs a server: its memory before, while and after an engine tells it of thousands of events, and
//! its processor time while nothing happens: `cargo xtask bench host-watch`. Figures and method stand in
//! `docs/benchmarks.md`.
//!
//! It measures and asserts nothing about time or memory. Without `--bench`, as `cargo test` starts it, it runs over a few
//! events, so that it does not rot unseen. The engine is this program, on a socket; what is measured is another.

mod engine;

use std::fs;
use std::io;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use clap::Parser;

use engine::Engine;

/// Uses are written after some seconds: after so many it is at rest.
const SETTLED: Duration = Duration::from_secs(7);

/// The kernel counts processor time in this many parts of a second.
const TICKS: f64 = 100.0;

/// Measures the agent of a server.
#[derive(Debug, Parser)]
struct Arguments {
    /// Events of a round
    #[arg(long, default_value_t = 10_000)]
    events: usize,
    /// How often so many events come
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Images of the engine
    #[arg(long, default_value_t = 2_000)]
    images: usize,
    /// For how many seconds nothing happens
    #[arg(long, default_value_t = 60)]
    idle: u64,
    /// Another build of jettison
    #[arg(long, default_value = env!("CARGO_BIN_EXE_jettison"))]
    program: PathBuf,
    /// Given by `cargo bench`
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> io::Result<()> {
    let mut arguments = Arguments::parse();
    if !arguments.bench {
        (arguments.events, arguments.rounds, arguments.images, arguments.idle) = (200, 1, 20, 0);
    }
    let folder = tempfile::tempdir()?;
    let engine = Engine::start(&folder.path().join("engine.sock"), arguments.images)?;
    let agent = Agent::start(&arguments.program, folder.path())?;
    engine.is_listened_to()?;
    let settled = if arguments.bench {
        SETTLED
    } else {
        Duration::from_millis(100)
    };
    sleep(settled);
    say("| what | processor time | memory now | without files |\n|---|---|---|---|");
    agent.row(&format!("at the start, {} images", arguments.images), agent.ticks()?)?;
    agent.idle(arguments.idle)?;
    for round in 1..=arguments.rounds {
        let (before, begun) = (agent.ticks()?, Instant::now());
        engine.tell(arguments.events)?;
        let heard = begun.elapsed();
        sleep(settled);
        let what = format!(
            "{} events, round {round}, heard in {:.2} s",
            arguments.events,
            heard.as_secs_f64()
        );
        agent.row(&what, agent.ticks()? - before)?;
    }
    agent.idle(arguments.idle)
}

/// The program that is measured. It ends with this.
struct Agent(Child);

impl Agent {
    fn start(program: &Path, folder: &Path) -> io::Result<Self> {
        let socket = format!("unix://{}", folder.join("engine.sock").display());
        let child = Command::new(program)
            .args([
                "host",
                "watch",
                "--observe-only",
                "--on-kubernetes-node",
                "--every",
                "1d",
            ])
            .args(["--host", &socket, "--state", "state"])
            .env_clear()
            .env("HOME", folder)
            .current_dir(folder)
            .stdout(Stdio::null())
            .spawn()?;
        Ok(Self(child))
    }

    /// Waits, and tells what that took.
    fn idle(&self, seconds: u64) -> io::Result<()> {
        let before = self.ticks()?;
        sleep(Duration::from_secs(seconds));
        self.row(&format!("nothing for {seconds} s"), self.ticks()? - before)
    }

    fn row(&self, what: &str, ticks: f64) -> io::Result<()> {
        let [all, own] = [self.memory("VmRSS:")?, self.memory("RssAnon:")?].map(|kilobytes| kilobytes / 1000.0);
        say(&format!(
            "| {what} | {:.2} s | {all:.1} MB | {own:.1} MB |",
            ticks / TICKS
        ));
        Ok(())
    }

    /// A part of what it has in memory, in kB: all of it (`VmRSS`), or without pages of files, such as of the program itself,
    /// which the kernel may take back at any moment (`RssAnon`).
    fn memory(&self, part: &str) -> io::Result<f64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.0.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix(part));
        let number = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<f64>().ok());
        // The kernel's kB are KiB.
        number
            .map(|kib| kib * 1.024)
            .ok_or_else(|| io::ErrorKind::InvalidData.into())
    }

    /// Its processor time so far.
    fn ticks(&self) -> io::Result<f64> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.0.id()))?;
        // Behind the name, which is in brackets and may hold anything: proc_pid_stat(5), utime and stime.
        let fields = stat.rsplit_once(") ").map(|(_, rest)| rest.split(' ').skip(11).take(2));
        let numbers = fields
            .into_iter()
            .flatten()
            .filter_map(|field| field.parse::<f64>().ok());
        Ok(numbers.sum())
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// A line of the result.
fn say(line: &str) {
    // A reader that has gone has read enough.
    drop(writeln!(std::io::stdout(), "{line}"));
}

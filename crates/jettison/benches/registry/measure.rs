//! Times programs and servers: wall clock, processor, the most memory. Reads `/proc`, so that nothing has to be
//! installed, and changes nothing.

use std::fs;
use std::io;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Clock ticks a second in `/proc`: 100 on every Linux that Rust runs on.
const TICKS: f64 = 100.0;

/// How often a program is asked how much memory it has used at most; what it takes in its last moment goes unseen.
const LOOK: Duration = Duration::from_millis(5);

/// What something cost.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Cost {
    pub(crate) wall: Duration,
    /// Processor seconds of the client.
    pub(crate) client: f64,
    /// Processor seconds of the registry meanwhile.
    pub(crate) registry: f64,
    /// The most memory of the client, in bytes.
    pub(crate) memory: u64,
}

/// Runs `work` and says what it cost. Its own threads count as the client, and so do programs that it waits for.
pub(crate) fn measured<T>(registry: Option<u32>, work: impl FnOnce() -> io::Result<T>) -> io::Result<(T, Cost)> {
    let cpu_before = cpu_of_all();
    let registry_before = registry.map_or(0.0, cpu_of);
    let started = Instant::now();
    let done = work()?;
    let cost = Cost {
        wall: started.elapsed(),
        client: cpu_of_all() - cpu_before,
        registry: registry.map_or(0.0, cpu_of) - registry_before,
        memory: 0,
    };
    Ok((done, cost))
}

/// Runs a program to its end and says how much memory it used at most. Whether its exit code is right is for the caller.
pub(crate) fn run(command: &mut Command) -> io::Result<(Option<i32>, u64)> {
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn()?;
    let (ended, peak) = (AtomicBool::new(false), AtomicU64::new(0));
    let status_file = format!("/proc/{}/status", child.id());
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !ended.load(Ordering::Relaxed) {
                peak.fetch_max(peak_memory(&status_file).unwrap_or(0), Ordering::Relaxed);
                std::thread::sleep(LOOK);
            }
        });
        let status = child.wait();
        ended.store(true, Ordering::Relaxed);
        status.map(|status| (status.code(), peak.load(Ordering::Relaxed)))
    })
}

/// `VmHWM` in bytes.
fn peak_memory(status_file: &str) -> Option<u64> {
    let status = fs::read_to_string(status_file).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: u64 = line.trim().trim_end_matches(" kB").parse().ok()?;
    Some(kibibytes * 1024)
}

/// Processor seconds of a process so far.
fn cpu_of(process: u32) -> f64 {
    ticks(&format!("/proc/{process}/stat"), 11..13)
}

/// Processor seconds of this process and of the programs that it has waited for.
fn cpu_of_all() -> f64 {
    ticks("/proc/self/stat", 11..15)
}

/// The sum of some fields of a `stat` file (proc_pid_stat(5)), counted from behind the name in parentheses.
fn ticks(file: &str, fields: std::ops::Range<usize>) -> f64 {
    let stat = fs::read_to_string(file).unwrap_or_default();
    let behind = stat.rsplit_once(") ").map_or("", |(_, behind)| behind);
    let all: Vec<f64> = behind.split(' ').filter_map(|field| field.parse().ok()).collect();
    // The first field, the state, is a letter and not among the numbers.
    let numbers = fields.start - 1..fields.end - 1;
    all.get(numbers).map_or(0.0, |ticks| ticks.iter().sum::<f64>() / TICKS)
}

/// The one in the middle.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

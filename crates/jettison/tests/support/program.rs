//! Runs a program to its end, or ends it: no test waits for a program for ever.

use std::fmt;
use std::fs::File;
use std::io::{Read, Seek};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// Well beyond what any of these programs needs here (a second), and short enough for a person to wait.
const LONGEST_RUN: Duration = Duration::from_secs(60);

/// A server that does not answer by then will not: the slowest takes five seconds on a busy machine.
const LONGEST_START: Duration = Duration::from_secs(40);

const POLL: Duration = Duration::from_millis(5);

/// Why a program gave no result. Shown alike by `unwrap` and by a message: a test's failure is read by people.
#[derive(thiserror::Error)]
pub(crate) enum ProgramFailure {
    /// It could not be started.
    #[error("{command} does not start: {source}")]
    NotStarted { command: String, source: std::io::Error },
    /// It was ended, having taken too long.
    #[error("{command} was ended after {LONGEST_RUN:?}; it had said: {said}")]
    TimedOut { command: String, said: String },
    /// It ended with another status than 0.
    #[error("{command} failed ({status}): {said}")]
    Failed {
        command: String,
        status: ExitStatus,
        said: String,
    },
    /// Its answer is not what its documentation promises.
    #[error("{command} answered what cannot be read: {answer}")]
    Unreadable { command: String, answer: String },
}

impl fmt::Debug for ProgramFailure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

/// Runs `command` and returns its standard output.
pub(crate) fn run(command: &mut Command) -> Result<String, ProgramFailure> {
    run_within(command, LONGEST_RUN)
}

/// As [`run`], with a limit of its own. Output goes to unnamed files, so that no full pipe can block the program.
pub(crate) fn run_within(command: &mut Command, limit: Duration) -> Result<String, ProgramFailure> {
    let shown = format!("{command:?}");
    let not_started = |source| ProgramFailure::NotStarted {
        command: shown.clone(),
        source,
    };
    let mut output = tempfile::tempfile().map_err(not_started)?;
    let mut errors = tempfile::tempfile().map_err(not_started)?;
    command.stdin(Stdio::null());
    command.stdout(output.try_clone().map_err(not_started)?);
    command.stderr(errors.try_clone().map_err(not_started)?);
    let mut child = command.spawn().map_err(not_started)?;
    match wait_within(&mut child, limit).map_err(not_started)? {
        Some(status) if status.success() => read_from_start(&mut output).map_err(not_started),
        Some(status) => Err(ProgramFailure::Failed {
            command: shown.clone(),
            status,
            said: last_words(&mut output, &mut errors),
        }),
        None => {
            end(&mut child);
            Err(ProgramFailure::TimedOut {
                command: shown.clone(),
                said: last_words(&mut output, &mut errors),
            })
        }
    }
}

/// Waits until a server answers `question`; tells what it wrote to its log if it does not.
pub(crate) fn wait_until_up(server: &mut Child, question: &mut Command, log: &Path) {
    let started = Instant::now();
    while let Err(failure) = run(question) {
        let ended = server.try_wait().ok().flatten();
        let log = || std::fs::read_to_string(log).unwrap_or_default();
        assert!(ended.is_none(), "{failure}; the server ended at once: {}", log());
        assert!(
            started.elapsed() < LONGEST_START,
            "{failure}; the server does not answer: {}",
            log()
        );
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Ends a child by its own process id and waits until it is gone.
pub(crate) fn end(child: &mut Child) {
    // Both fail only where the child has been waited for already, which is what they are for.
    drop(child.kill());
    drop(child.wait());
}

/// Where the search path has `program`.
pub(crate) fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|directory| directory.join(program))
        .find(|candidate| candidate.is_file())
}

fn wait_within(child: &mut Child, limit: Duration) -> std::io::Result<Option<ExitStatus>> {
    let started = Instant::now();
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if started.elapsed() >= limit {
            return Ok(None);
        }
        std::thread::sleep(POLL);
    }
}

/// The file is shared with the child, position included.
fn read_from_start(file: &mut File) -> std::io::Result<String> {
    let mut bytes = Vec::new();
    file.rewind()?;
    file.read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn last_words(output: &mut File, errors: &mut File) -> String {
    let spoken = [errors, output].map(|file| read_from_start(file).unwrap_or_default().trim().to_owned());
    spoken.join("\n").trim().to_owned()
}

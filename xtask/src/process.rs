//! Runs programs, says what it runs, and names what went wrong.

use std::ffi::OsString;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};

/// Why a chore was not done.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// The words on the command line are no chore.
    #[error("no such chore")]
    Usage,
    /// A program could not be started.
    #[error("`{command}` does not start: {source}")]
    NotStarted { command: String, source: std::io::Error },
    /// A program ended with another status than 0.
    #[error("`{command}` failed ({status})")]
    Failed { command: String, status: ExitStatus },
    /// Packages are missing, and nobody here may install them.
    #[error(
        "these Debian packages are missing: {0}; install them, or run this as root or where sudo asks for no password"
    )]
    NotPermitted(String),
    /// Packages are missing, and this is no Debian.
    #[error("there is no apt-get here; install what the Debian packages {0} hold in another way")]
    NotDebian(String),
    /// The packages are installed, and what they should bring is not there.
    #[error("after the installation these programs are still not in the search path: {0}")]
    StillMissing(String),
    /// At least one test failed, or nothing was tested.
    #[error("{0}")]
    Tests(String),
    /// The steps of the gate that failed.
    #[error("failed: {0}")]
    Gate(String),
    /// House rules that are broken, one a line.
    #[error("these are broken:\n{0}")]
    Untidy(String),
    /// A file of the project cannot be read.
    #[error("{path} cannot be read: {source}")]
    Unreadable { path: PathBuf, source: std::io::Error },
    /// A file below `target/` cannot be written.
    #[error("{path} cannot be written: {source}")]
    Unwritable { path: PathBuf, source: std::io::Error },
}

/// Writes a line to standard output.
pub(crate) fn say(line: &str) {
    // When nobody listens any more there is nobody to tell.
    drop(writeln!(std::io::stdout().lock(), "{line}"));
}

/// The cargo that runs this chore, in the workspace's root.
pub(crate) fn cargo(root: &Path) -> Command {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
    let mut command = Command::new(program);
    command.current_dir(root);
    command
}

/// Runs a command that speaks for itself.
pub(crate) fn run(command: &mut Command) -> Result<(), Failure> {
    say(&format!("$ {}", shown(command)));
    let status = command.status().map_err(|source| Failure::NotStarted {
        command: shown(command),
        source,
    })?;
    if status.success() {
        Ok(())
    } else {
        Err(Failure::Failed {
            command: shown(command),
            status,
        })
    }
}

/// What a command prints when it succeeds; nothing when it fails or does not exist.
pub(crate) fn answer(command: &mut Command) -> Option<String> {
    let output = command.output().ok().filter(|output| output.status.success())?;
    Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// A command as a person would type it.
pub(crate) fn shown(command: &Command) -> String {
    let program = Path::new(command.get_program()).file_name().unwrap_or_default();
    let words = std::iter::once(program).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}

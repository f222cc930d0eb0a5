//! How a command fails: an exit code, and a text that says what, where and what to do.

use std::error::Error;
use std::ffi::OsString;
use std::fmt::Display;

use serde_json::json;

use crate::apply::ApplyError;
use crate::exit::Exit;
use crate::host::HostError;
use crate::host::engine::EngineError;
use crate::output::text::with_causes;
use crate::output::{Format, aside, stream, style};
use crate::registry::RegistryError;
use crate::store::StoreError;

/// Why a command ended early.
#[derive(Debug)]
pub(crate) struct Failure {
    exit: Exit,
    text: String,
    /// The text is a rendered diagnostic that brings its own heading.
    rendered: bool,
}

impl Failure {
    /// A failure with a text.
    pub(crate) fn new(exit: Exit, text: impl Display) -> Self {
        Self {
            exit,
            text: text.to_string(),
            rendered: false,
        }
    }

    /// A failure with an error and its causes.
    pub(crate) fn caused(exit: Exit, error: &dyn Error) -> Self {
        Self::new(exit, with_causes(error))
    }

    /// Bad usage or configuration.
    pub(crate) fn usage(text: impl Display) -> Self {
        Self::new(Exit::Usage, text)
    }

    /// Diagnostics that are rendered already.
    pub(crate) fn diagnostics(text: String) -> Self {
        Self {
            exit: Exit::Usage,
            text,
            rendered: true,
        }
    }

    /// What it says.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// Prints the failure on standard error, in one line of JSON where programs read, and gives its exit code.
    pub(crate) fn report(&self, format: Format) -> Exit {
        match (format, self.rendered) {
            (Format::Json, _) => stream::error_json(&format!("{}\n", self.json())),
            (Format::Human | Format::Csv, true) => stream::error(&format!("{}\n", self.text.trim_end())),
            (Format::Human | Format::Csv, false) => aside(style::GOES, "error:", &self.text),
        }
        self.exit
    }

    fn json(&self) -> serde_json::Value {
        let message = anstream::adapter::strip_str(&self.text).to_string();
        json!({"schema": 1, "error": {"exit": self.exit.code(), "message": message.trim_end()}})
    }
}

/// What the parser says about a command line: a mistake, or what was asked of it (`--help`, `--version`).
pub fn misread(error: &clap::Error) -> Exit {
    if !error.use_stderr() {
        // A reader that has gone has read enough.
        let _ = error.print();
        return Exit::Done;
    }
    if asks_for_json(std::env::args_os().skip(1)) {
        let text = error.render().to_string();
        return Failure::usage(text.strip_prefix("error: ").unwrap_or(&text)).report(Format::Json);
    }
    let _ = error.print();
    Exit::Usage
}

/// Whether `--output json` stands among words that could not be parsed as a whole.
fn asks_for_json(words: impl Iterator<Item = OsString>) -> bool {
    let words: Vec<OsString> = words.collect();
    let apart = words.windows(2).any(|pair| pair[0] == "--output" && pair[1] == "json");
    apart || words.iter().any(|word| word == "--output=json")
}

/// What went wrong, without a heading.
impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        let exit = match &error {
            StoreError::Ambiguous { .. } => Exit::Usage,
            _ => Exit::Unexpected,
        };
        Self::caused(exit, &error)
    }
}

impl From<RegistryError> for Failure {
    fn from(error: RegistryError) -> Self {
        Self::caused(Exit::Usage, &error)
    }
}

impl From<serde_json::Error> for Failure {
    fn from(error: serde_json::Error) -> Self {
        Self::caused(Exit::Unexpected, &error)
    }
}

impl From<HostError> for Failure {
    fn from(error: HostError) -> Self {
        let exit = match &error {
            HostError::Engine(EngineError::Unreachable(_)) => Exit::Usage,
            HostError::Engine(EngineError::Failed(_))
            | HostError::Store(_)
            | HostError::Locked { .. }
            | HostError::NoLock { .. } => Exit::Unexpected,
        };
        Self::caused(exit, &error)
    }
}

impl From<EngineError> for Failure {
    fn from(error: EngineError) -> Self {
        HostError::from(error).into()
    }
}

impl From<ApplyError> for Failure {
    fn from(error: ApplyError) -> Self {
        let exit = match &error {
            ApplyError::Refused(_) => Exit::Refused,
            ApplyError::Store(_) => Exit::Unexpected,
        };
        Self::caused(exit, &error)
    }
}

//! How a command fails: an exit code, and a text that says what, where and what to do.

use std::error::Error;
use std::fmt::Display;

use crate::apply::ApplyError;
use crate::exit::Exit;
use crate::output::text::with_causes;
use crate::output::{style, styled};
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

    /// Prints the failure and gives its exit code.
    pub(crate) fn report(&self) -> Exit {
        if self.rendered {
            anstream::eprintln!("{}", self.text.trim_end());
        } else {
            anstream::eprintln!("{} {}", styled(style::GOES, "error:"), self.text);
        }
        self.exit
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::caused(Exit::Unexpected, &error)
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

impl From<ApplyError> for Failure {
    fn from(error: ApplyError) -> Self {
        let exit = match &error {
            ApplyError::Refused(_) => Exit::Refused,
            ApplyError::Store(_) => Exit::Unexpected,
        };
        Self::caused(exit, &error)
    }
}

//! Where words go: results to standard output, everything else to standard error.

use std::fmt::Display;
use std::io::IsTerminal as _;

use anstyle::{AnsiColor, Style};
use serde::Serialize;

use super::Face;

/// Width used where there is no terminal to ask.
const DEFAULT_WIDTH: usize = 100;

/// How results are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Format {
    /// For people.
    #[default]
    Human,
    /// For programs: the documented JSON forms.
    Json,
}

/// The way out of the program.
#[derive(Debug, Clone, Copy)]
pub struct Console {
    /// How results are printed.
    pub format: Format,
    /// Results only.
    pub quiet: bool,
    /// Every item, not only the first ones.
    pub verbose: bool,
}

/// What stands out.
pub mod style {
    use super::{AnsiColor, Style};

    /// Headings.
    pub const HEADING: Style = Style::new().bold();
    /// What goes.
    pub const GOES: Style = AnsiColor::Red.on_default().bold();
    /// What stays.
    pub const STAYS: Style = AnsiColor::Green.on_default().bold();
    /// What wants attention.
    pub const NOTE: Style = AnsiColor::Yellow.on_default().bold();
    /// What may be skipped in reading.
    pub const FAINT: Style = Style::new().dimmed();
}

/// `text` in a style; colours vanish where they are not wanted (`NO_COLOR`, pipes).
pub fn styled(style: Style, text: impl Display) -> String {
    format!("{style}{text}{style:#}")
}

impl Console {
    /// A result for people; nothing where programs read.
    pub fn say(&self, text: impl Display) {
        if self.format == Format::Human {
            anstream::println!("{text}");
        }
    }

    /// A result for programs; nothing where people read.
    ///
    /// # Errors
    /// If the value cannot be serialised.
    pub fn json(&self, value: &impl Serialize) -> Result<(), serde_json::Error> {
        if self.format == Format::Json {
            anstream::println!("{}", serde_json::to_string_pretty(value)?);
        }
        Ok(())
    }

    /// Text that is the same for people and programs.
    pub fn raw(&self, text: impl Display) {
        anstream::print!("{text}");
    }

    /// Something that is worth knowing and no result.
    pub fn note(&self, text: impl Display) {
        if !self.quiet {
            anstream::eprintln!("{} {text}", styled(style::NOTE, "note:"));
        }
    }

    /// Something that needs attention; also when quiet.
    pub fn warn(&self, text: impl Display) {
        anstream::eprintln!("{} {text}", styled(style::NOTE, "warning:"));
    }

    /// How to report progress.
    pub fn face(&self) -> Face {
        match (self.quiet, std::io::stderr().is_terminal()) {
            (true, _) => Face::Silent,
            (false, true) => Face::Bar,
            (false, false) => Face::Lines,
        }
    }

    /// How many columns results may take.
    pub fn width(&self) -> usize {
        let columns = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
        let terminal = || comfy_table::Table::new().width().map(usize::from);
        columns.or_else(terminal).unwrap_or(DEFAULT_WIDTH).clamp(40, 400)
    }
}

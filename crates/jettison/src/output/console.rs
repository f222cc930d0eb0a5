//! Where words go: results to standard output, everything else to standard error.

use std::fmt::Display;
use std::io::IsTerminal as _;

use anstyle::{AnsiColor, Style};
use serde::Serialize;

use super::Face;
use super::text::is_treacherous;

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

/// JSON in which what could steer a terminal stands as an escape: outside its texts there is none of that but line ends.
fn escaped(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    for c in json.chars() {
        if c == '\n' || !is_treacherous(c) {
            text.push(c);
        } else {
            c.encode_utf16(&mut [0; 2])
                .iter()
                .for_each(|unit| text.push_str(&format!("\\u{unit:04x}")));
        }
    }
    text
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
            anstream::println!("{}", escaped(&serde_json::to_string_pretty(value)?));
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escaped_json_means_the_same_and_steers_no_terminal() {
        let value = serde_json::json!({"a\u{202e}": ["\u{1b}[2J", "\u{9b}2J\n\u{e0041}", "grün 🚀"]});
        let text = escaped(&serde_json::to_string_pretty(&value).unwrap());
        assert!(!text.replace('\n', "").contains(is_treacherous), "{text}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&text).unwrap(), value);
    }
}

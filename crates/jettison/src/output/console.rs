//! Where words go: results to standard output, everything else to standard error.

use std::fmt::Display;
use std::io::IsTerminal as _;

use anstyle::{AnsiColor, Style};
use serde::Serialize;

use super::{Face, hanging, stream};

/// Width used where there is no terminal to ask.
const DEFAULT_WIDTH: usize = 100;

/// Nothing is laid out for less.
const NARROWEST: usize = 40;

/// Longer lines are hard to read.
const WIDEST: usize = 400;

/// No line is broken.
const UNBROKEN: usize = u16::MAX as usize;

/// How results are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Format {
    /// For people.
    #[default]
    Human,
    /// For programs: the documented JSON forms.
    Json,
    /// For data frames and databases: comma-separated values; where there are rows (`audit`, `find`).
    Csv,
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
            stream::out(&format!("{text}\n"));
        }
    }

    /// A result for people behind a label, in lines that fit: `freed: after …`. The text may come from anywhere.
    pub fn remark(&self, style: Style, label: &str, text: impl Display) {
        self.say(hanging(&lead(style, label), &text.to_string(), self.line_width()));
    }

    /// A result for programs; nothing where people read.
    ///
    /// # Errors
    /// If the value cannot be serialised.
    pub fn json(&self, value: &impl Serialize) -> Result<(), serde_json::Error> {
        if self.format == Format::Json {
            stream::out_json(&format!("{}\n", serde_json::to_string_pretty(value)?));
        }
        Ok(())
    }

    /// Text that is the same for people and programs.
    pub fn raw(&self, text: impl Display) {
        stream::out(&text.to_string());
    }

    /// Something that is worth knowing and no result.
    pub fn note(&self, text: impl Display) {
        if !self.quiet {
            aside(style::NOTE, "note:", text);
        }
    }

    /// Something that needs attention; also when quiet.
    pub fn warn(&self, text: impl Display) {
        aside(style::NOTE, "warning:", text);
    }

    /// How to report progress.
    pub fn face(&self) -> Face {
        match (self.quiet, std::io::stderr().is_terminal()) {
            (true, _) => Face::Silent,
            (false, true) => Face::Bar,
            (false, false) => Face::Lines,
        }
    }

    /// How many columns a layout may take.
    pub fn width(&self) -> usize {
        screen_width()
    }

    /// Where lines break: at the width of a terminal. What another program reads is not broken, unless `COLUMNS` says
    /// where.
    pub fn line_width(&self) -> usize {
        if asked_width().is_some() || std::io::stdout().is_terminal() {
            self.width()
        } else {
            UNBROKEN
        }
    }
}

/// Something on standard error behind a label, in lines that fit a terminal. The text may come from anywhere.
pub(crate) fn aside(style: Style, label: &str, text: impl Display) {
    let terminal = std::io::stderr().is_terminal();
    let width = match asked_width() {
        Some(columns) => columns.clamp(NARROWEST, WIDEST),
        None if terminal => comfy_table::Table::new().width().map_or(DEFAULT_WIDTH, usize::from),
        None => UNBROKEN,
    };
    stream::error(&format!("{}\n", hanging(&lead(style, label), &text.to_string(), width)));
}

/// How many columns a layout may take, for those who say why they fail.
pub(crate) fn screen_width() -> usize {
    let terminal = || comfy_table::Table::new().width().map(usize::from);
    asked_width()
        .or_else(terminal)
        .unwrap_or(DEFAULT_WIDTH)
        .clamp(NARROWEST, WIDEST)
}

fn lead(style: Style, label: &str) -> String {
    format!("{} ", styled(style, label))
}

/// What the environment says of the width.
fn asked_width() -> Option<usize> {
    std::env::var("COLUMNS")
        .ok()?
        .parse()
        .ok()
        .filter(|columns| *columns > 0)
}

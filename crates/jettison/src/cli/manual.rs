//! `jettison man`: the manual, made from what `--help` says.

use std::path::{Path, PathBuf};

use clap::{Args, Command, CommandFactory as _};
use clap_mangen::Man;

use super::Cli;
use super::failure::Failure;
use crate::exit::Exit;
use crate::output::Console;
use crate::output::text::count;

/// Print the manual, or write a page for every command.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  jettison man | man -l -                                the main page
  jettison man --out ~/.local/share/man/man1             then: man jettison-plan")]
pub(crate) struct Manual {
    /// Write a page for every command into this folder
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

impl Manual {
    pub(crate) fn run(self, console: &Console) -> Result<Exit, Failure> {
        let mut program = Cli::command().disable_help_subcommand(true);
        program.build();
        let Some(folder) = &self.out else {
            console.raw(page(&program)?.text);
            return Ok(Exit::Done);
        };
        std::fs::create_dir_all(folder).map_err(|error| unwritten(folder, &error))?;
        let pages = pages(&program)?;
        for page in &pages {
            let file = folder.join(&page.name);
            std::fs::write(&file, &page.text).map_err(|error| unwritten(&file, &error))?;
        }
        console.note(format!("{} in {}", count(pages.len() as u64, "page"), folder.display()));
        Ok(Exit::Done)
    }
}

/// One page of the manual.
struct Page {
    name: String,
    text: String,
}

/// A page for a command, and one for each command below it.
fn pages(command: &Command) -> Result<Vec<Page>, Failure> {
    let mut all = vec![page(command)?];
    for below in command.get_subcommands() {
        all.extend(pages(below)?);
    }
    Ok(all)
}

fn page(command: &Command) -> Result<Page, Failure> {
    let man = Man::new(command.clone());
    let mut text = Vec::new();
    man.render(&mut text)
        .map_err(|error| Failure::new(Exit::Unexpected, format!("the manual could not be made: {error}")))?;
    Ok(Page {
        name: man.get_filename(),
        text: escaped(&String::from_utf8_lossy(&text)),
    })
}

/// Not every reader of manual pages expects more than ASCII; all know `\[uXXXX]` (groff_char(7)).
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character.is_ascii() {
            true => escaped.push(character),
            false => escaped.push_str(&format!("\\[u{:04X}]", u32::from(character))),
        }
    }
    escaped
}

fn unwritten(path: &Path, error: &std::io::Error) -> Failure {
    Failure::new(
        Exit::Unexpected,
        format!("{} could not be written: {error}", path.display()),
    )
}

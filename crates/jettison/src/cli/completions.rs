//! `jettison completions`: scripts that let a shell complete commands and flags.

use clap::{Args, CommandFactory as _};
use clap_complete::Shell;

use super::Cli;
use super::failure::Failure;
use crate::exit::Exit;
use crate::output::Console;

/// Print a completion script for a shell.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  jettison completions bash >> ~/.bash_completion
  jettison completions zsh > ~/.zfunc/_jettison        with ~/.zfunc in $fpath
  jettison completions fish > ~/.config/fish/completions/jettison.fish")]
pub(crate) struct Completions {
    /// Which shell
    #[arg(value_name = "SHELL", value_enum)]
    shell: Shell,
}

impl Completions {
    pub(crate) fn run(self, console: &Console) -> Result<Exit, Failure> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Cli::command(), "jettison", &mut script);
        console.raw(String::from_utf8_lossy(&script));
        Ok(Exit::Done)
    }
}

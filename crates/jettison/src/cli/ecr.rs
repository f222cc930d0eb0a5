//! `jettison ecr`: the lifecycle policies of Amazon ECR.
//!
//! Here `--policy` names a lifecycle policy (JSON), and never a file of jettison.

mod evaluate;

use std::path::Path;

use clap::Subcommand;
use jettison_core::lifecycle::LifecyclePolicy;

use super::Globals;
use super::context::read_text;
use super::failure::Failure;
use crate::exit::Exit;
use crate::output::Console;

/// Examples for the whole group.
pub(crate) const HELP: &str = "\
Examples:
  jettison ecr evaluate --inventory inventory.json --policy policy.json
                                 what AWS would do, and nothing else";

/// Understand, check and write the lifecycle policies of Amazon ECR.
#[derive(Debug, Subcommand)]
pub(crate) enum EcrCommand {
    /// Say what a lifecycle policy does to the images of a saved inventory, as AWS would
    Evaluate(evaluate::Evaluate),
}

impl EcrCommand {
    pub(crate) fn run(self, _globals: &Globals, console: &Console) -> Result<Exit, Failure> {
        match self {
            Self::Evaluate(command) => command.run(console),
        }
    }
}

/// Reads a lifecycle policy; everything for which AWS would refuse it is the failure.
pub(super) fn read_policy(file: &Path) -> Result<LifecyclePolicy, Failure> {
    let text = read_text(file)?;
    LifecyclePolicy::parse(&text)
        .map_err(|mistakes| Failure::usage(format!("AWS would refuse {}:\n{mistakes}", file.display())))
}

//! `jettison ecr`: the lifecycle policies of Amazon ECR.
//!
//! Here `--policy` names a lifecycle policy (JSON), and never a file of jettison.

mod apply_policy;
mod evaluate;

use std::path::Path;

use clap::Subcommand;
use jettison_core::lifecycle::LifecyclePolicy;

use super::Globals;
use super::context::{Context, read_text};
use super::failure::Failure;
use crate::exit::Exit;
use crate::output::Console;

/// Examples for the whole group.
pub(crate) const HELP: &str = "\
Examples:
  jettison ecr evaluate --inventory inventory.json --policy policy.json
                                 what AWS would do, and nothing else
  jettison ecr apply-policy policy.json \\
      123456789012.dkr.ecr.eu-west-1.amazonaws.com/apps/web
                                 shows what changes, and writes it";

/// Understand, check and write the lifecycle policies of Amazon ECR.
#[derive(Debug, Subcommand)]
pub(crate) enum EcrCommand {
    /// Say what a lifecycle policy does to the images of a saved inventory, as AWS would
    Evaluate(evaluate::Evaluate),
    /// Write a lifecycle policy to repositories, or take that back
    ApplyPolicy(apply_policy::ApplyPolicy),
}

impl EcrCommand {
    pub(crate) async fn run(self, globals: &Globals, console: &Console) -> Result<Exit, Failure> {
        match self {
            Self::Evaluate(command) => command.run(console),
            Self::ApplyPolicy(command) => command.run(context(globals, console)?).await,
        }
    }
}

/// What a command here starts from that names its lifecycle policy as FILE.
fn context(globals: &Globals, console: &Console) -> Result<Context, Failure> {
    match &globals.policy {
        None => Context::load(globals.clone(), *console),
        Some(_) => Err(Failure::usage(
            "--policy has no meaning here: give the lifecycle policy as FILE, and policies of jettison in the configuration",
        )),
    }
}

/// Reads a lifecycle policy; everything for which AWS would refuse it is the failure.
pub(super) fn read_policy(file: &Path) -> Result<LifecyclePolicy, Failure> {
    parsed(file, &read_text(file)?)
}

/// The same of its text.
fn parsed(file: &Path, text: &str) -> Result<LifecyclePolicy, Failure> {
    LifecyclePolicy::parse(text)
        .map_err(|mistakes| Failure::usage(format!("AWS would refuse {}:\n{mistakes}", file.display())))
}

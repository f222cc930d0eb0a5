//! `jettison ecr`: the lifecycle policies of Amazon ECR.
//!
//! Here `--policy` names a lifecycle policy (JSON), and never a file of jettison.

mod apply_policy;
mod evaluate;
mod lint;
mod preview;
mod stored;

use std::path::Path;

use clap::Subcommand;
use jettison_core::config::{Outline, Report, Severity};
use jettison_core::lifecycle::{LifecycleMistakes, LifecyclePolicy};

use super::Globals;
use super::context::{Context, MAX_LIFECYCLE_BYTES, read_text_within};
use super::failure::Failure;
use crate::exit::Exit;
use crate::output::text::count;
use crate::output::{Console, hanging, screen_width};

/// Examples for the whole group.
pub(crate) const HELP: &str = "\
Examples:
  jettison ecr preview           what the stored policies would do, explained
  jettison ecr lint policy.json  what a policy hardly means
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
    /// Explain what lifecycle policies would do now: who uses it, what it is, how far a roll-back reaches
    Preview(preview::Preview),
    /// Find what a lifecycle policy hardly means, by itself and held against repositories
    Lint(lint::Lint),
    /// Write a lifecycle policy to repositories, or take that back
    ApplyPolicy(apply_policy::ApplyPolicy),
}

impl EcrCommand {
    pub(crate) async fn run(self, globals: &Globals, console: &Console) -> Result<Exit, Failure> {
        match self {
            Self::Evaluate(command) => command.run(console),
            Self::Preview(command) => command.run(without_policy(globals, console)?).await,
            Self::Lint(command) => command.run(without_policy(globals, console)?).await,
            Self::ApplyPolicy(command) => command.run(context(globals, console)?).await,
        }
    }
}

/// What commands of this group start from: the policy that they are given is none of jettison's.
fn without_policy(globals: &Globals, console: &Console) -> Result<Context, Failure> {
    let globals = Globals {
        policy: None,
        ..globals.clone()
    };
    Context::load(globals, *console)
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
    parsed(file, &read_text_within(file, MAX_LIFECYCLE_BYTES)?)
}

/// The same of its text.
fn parsed(file: &Path, text: &str) -> Result<LifecyclePolicy, Failure> {
    LifecyclePolicy::parse(text).map_err(|mistakes| refused(file, text, &mistakes))
}

/// What AWS would say to a file, each mistake at its place.
fn refused(file: &Path, text: &str, mistakes: &LifecycleMistakes) -> Failure {
    let name = file.display().to_string();
    let outline = Outline::new(&name, text);
    let mut reports: Vec<String> = Vec::with_capacity(mistakes.0.len() + 1);
    let room = screen_width().saturating_sub("error[refused-by-aws]: ".len());
    for mistake in &mistakes.0 {
        let report = Report {
            severity: Severity::Error,
            code: "refused-by-aws",
            message: &hanging("", &mistake.to_string(), room),
            notes: &[],
            hint: None,
        };
        reports.push(report.render(outline.at(&mistake.path).as_ref(), true));
    }
    let number_of = count(mistakes.0.len() as u64, "mistake");
    reports.push(format!("AWS would refuse {name}: {number_of}"));
    Failure::diagnostics(reports.join("\n\n"))
}

//! `jettison aws setup`: what the role needs that jettison runs as, and the calls that keep its reads from counting as pulls.
//!
//! Prints; nothing is changed without `--apply`, and then nothing but the list of those whose pulls leave no trace.
//!
//! - `account`: from the configuration, which accounts are reached, how, and for what.
//! - `permissions`: every action, with its reason. `document`: policies as IAM reads them.
//! - `arn`: names of AWS: who somebody is, and which repositories a glob may mean.
//! - `exclusion`: the calls. `setup` brings all of it together, `drawn` shows it to people.

mod account;
mod arn;
mod document;
mod drawn;
mod exclusion;
mod permissions;
mod setup;

use clap::{Args, Subcommand};

use super::context::Context;
use super::failure::Failure;
use crate::exit::Exit;
use arn::Principal;

/// Examples for the whole group.
pub(crate) const HELP: &str = "\
Examples:
  jettison aws setup             the policies that IAM needs; changes nothing
  jettison aws setup --apply     and keep jettison's own reads from being pulls";

/// Prepare AWS for jettison.
#[derive(Debug, Subcommand)]
pub(crate) enum AwsCommand {
    /// Print the least policy for the role of jettison, and keep its reads from counting as pulls
    Setup(Setup),
}

/// Print the least policy for the role of jettison, and keep its reads from counting as pulls.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  jettison aws setup               policies and calls, for each account
  jettison aws setup --read-only   what scan, plan and usage need, and no more
  jettison aws setup --lifecycle-policies   what `jettison ecr` needs besides
  jettison aws setup --apply       make the calls too; again is no harm
  jettison aws setup --apply --runs-as arn:aws:iam::123456789012:role/jettison
  jettison aws setup --output json | jq '.accounts[0].policy' > policy.json

Accounts, regions and repositories are those of jettison.yaml. Printing needs no
login. ECR counts reading a manifest as a pull: --apply adds the role to ECR's
pull-time update exclusions, and makes no other change.

Exit codes: 0 done; 2 nothing of AWS is configured; 4 a call failed.")]
pub(crate) struct Setup {
    /// Make the calls that are printed
    #[arg(long)]
    apply: bool,
    /// Leave out what deletes, archives and puts back
    #[arg(long)]
    read_only: bool,
    /// Print a further policy: to read, preview and replace ECR's own lifecycle policies
    #[arg(long)]
    lifecycle_policies: bool,
    /// The role or user that jettison runs as, before it takes on a role-arn [default: whoever is logged in]
    #[arg(long, value_name = "ARN")]
    runs_as: Option<Principal>,
}

impl AwsCommand {
    pub(crate) async fn run(self, context: &Context) -> Result<Exit, Failure> {
        match self {
            Self::Setup(command) => command.run(context).await,
        }
    }
}

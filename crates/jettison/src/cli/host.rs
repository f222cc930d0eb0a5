//! `jettison host`: the images on a server's disk, whatever registry they came from.

mod drawn;
mod plan;
mod prune;
mod reach;
mod status;
mod watch;

use clap::Subcommand;

use super::context::Context;
use super::failure::Failure;
use crate::exit::Exit;

/// Examples for the whole group.
pub(crate) const HELP: &str = "\
Examples:
  jettison host status           what is on this disk, and who uses it
  jettison host plan             what can go, and why
  jettison host prune --yes      make it go: looks twice, forces nothing
  jettison host watch --yes      the agent: notes uses, prunes every hour

An image goes when nothing has used it for 7 days (24 hours, if it has no tag),
as far as jettison has seen: it remembers when each was first seen and last used
(--state), so that nothing goes in its first days. What a container of any
state, a service or a Compose project uses stays, and the newest 2 of each
repository, and what could not be pulled again. `host` in jettison.yaml changes
that.";

/// What lies on a server's disk, what of that can go, and making it go.
#[derive(Debug, Subcommand)]
pub(crate) enum HostCommand {
    /// Say what can go, and why; removes nothing
    Plan(plan::PlanCommand),
    /// Look, look again, and remove what nobody needs
    Prune(prune::Prune),
    /// Say what is on the disk, who uses it, and what went lately
    Status(status::Status),
    /// Stay, note every use, and prune every hour or when the disk is full
    Watch(watch::WatchCommand),
}

impl HostCommand {
    pub(crate) async fn run(self, context: Context) -> Result<Exit, Failure> {
        match self {
            Self::Plan(command) => command.run(context).await,
            Self::Prune(command) => command.run(context).await,
            Self::Status(command) => command.run(context).await,
            Self::Watch(command) => command.run(context).await,
        }
    }
}

//! `jettison host status`: what is on a server's disk, who uses it, and what went lately.

use clap::Args;
use jettison_core::host::{HostFacts, HostPlan};
use jiff::Timestamp;
use serde::Serialize;

use super::drawn;
use super::plan::{Looked, looked, warn_of_gaps};
use super::reach::Reach;
use crate::cli::context::Context;
use crate::cli::failure::Failure;
use crate::exit::Exit;
use crate::host::ledger::{HostLedger, HostRun};

/// Runs that are told.
const RUNS: usize = 10;

/// Say what is on the disk, who uses it, and what went lately.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  jettison host status              the largest images first
  jettison host status -v           all of them, and every user
  jettison host status --output json

Exit codes: 0; 2 the engine cannot be reached; 5 not everything could be read.")]
pub(crate) struct Status {
    #[command(flatten)]
    reach: Reach,
}

/// The JSON form.
#[derive(Serialize)]
struct Form<'a> {
    schema: u32,
    facts: &'a HostFacts,
    plan: &'a HostPlan,
    runs: &'a [HostRun],
}

impl Status {
    pub(super) async fn run(self, context: Context) -> Result<Exit, Failure> {
        let settings = self.reach.settings(&context);
        let store = context.store_of_server().await?;
        let Looked { facts, plan } = looked(&self.reach, &settings, &context, &store).await?;
        let runs = HostLedger::runs(&store, &facts.engine.id, RUNS).await?;
        store.close().await;
        let console = context.console;
        console.json(&Form {
            schema: 1,
            facts: &facts,
            plan: &plan,
            runs: &runs,
        })?;
        console.say(drawn::status(
            &plan,
            facts.disk.as_ref(),
            &runs,
            Timestamp::now(),
            &console,
        ));
        warn_of_gaps(&plan, &context);
        Ok(Exit::of_looking(false, plan.gaps.is_empty()))
    }
}

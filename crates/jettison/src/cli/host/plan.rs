//! `jettison host plan`: what can go from a server's disk, and why.

use clap::Args;
use jettison_core::host::{HostFacts, HostPlan, HostSettings, decide};
use jiff::Timestamp;

use super::drawn;
use super::reach::Reach;
use crate::cli::context::Context;
use crate::cli::failure::Failure;
use crate::exit::Exit;
use crate::host::look::look;
use crate::output::told_once;
use crate::store::Store;

/// Say what can go, and why; removes nothing.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  jettison host plan                          the engine of this machine
  jettison host plan --unused-for 2d -v       every image with its reason
  jettison host plan --host ssh://me@web-1    another machine's engine

A first look finds everything just arrived, so that nothing goes. With
--trust-engine-times it counts from what the engine says.

Exit codes: 0; 2 the engine cannot be reached; 5 not
everything could be read, so that nothing goes.")]
pub(crate) struct PlanCommand {
    #[command(flatten)]
    reach: Reach,
    /// Exit with 10 if something would go
    #[arg(long)]
    detailed_exit_code: bool,
}

/// What was seen and decided.
pub(super) struct Looked {
    pub(super) facts: HostFacts,
    pub(super) plan: HostPlan,
}

impl PlanCommand {
    pub(super) async fn run(self, context: Context) -> Result<Exit, Failure> {
        let settings = self.reach.settings(&context);
        let store = context.store_of_server().await?;
        let Looked { facts, plan } = looked(&self.reach, &settings, &context, &store).await?;
        store.close().await;
        let console = context.console;
        console.json(&plan)?;
        console.say(drawn::plan(&plan, facts.disk.as_ref(), &console));
        warn_of_gaps(&plan, &context);
        if self.reach.verifies(&plan.engine, &settings) && !plan.go.is_empty() {
            console.note("registries are asked when images go, and what they do not have stays then: not by this plan");
        }
        let changes = self.detailed_exit_code && !plan.go.is_empty();
        Ok(Exit::of_looking(changes, plan.gaps.is_empty()))
    }
}

/// Looks at the engine and decides.
pub(super) async fn looked(
    reach: &Reach,
    settings: &HostSettings,
    context: &Context,
    store: &Store,
) -> Result<Looked, Failure> {
    let (engine, _) = reach.engine(context).await?;
    let options = reach.options(context, settings);
    let now = Timestamp::now();
    let facts = look(engine.as_ref(), store, &options, now).await?;
    let plan = decide(&facts, settings, &context.config.protect, now);
    Ok(Looked { facts, plan })
}

/// Why nothing goes.
pub(super) fn warn_of_gaps(plan: &HostPlan, context: &Context) {
    let gaps: Vec<String> = plan.gaps.iter().map(ToString::to_string).collect();
    told_once(&gaps).iter().for_each(|gap| context.console.warn(gap));
    if !gaps.is_empty() {
        context
            .console
            .warn("nothing goes while not everything is known that could need it");
    }
}

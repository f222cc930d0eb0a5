//! `jettison host prune`: removes what two looks agree on.

use std::io::IsTerminal as _;

use clap::Args;
use jettison_core::host::{HostSettings, decide};
use jettison_core::model::RegistryHost;
use jiff::Timestamp;
use tokio::sync::watch;

use super::drawn;
use super::plan::warn_of_gaps;
use super::reach::Reach;
use crate::cli::Access;
use crate::cli::context::{Context, confirm};
use crate::cli::failure::Failure;
use crate::cli::signals::awaited;
use crate::exit::Exit;
use crate::host::engine::HostEngine;
use crate::host::look::look;
use crate::host::pullable::AskRegistries;
use crate::host::sweep::{HostReport, Sweep};
use crate::output::text::count;
use crate::store::Store;

/// Look, look again, and remove what nobody needs.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  jettison host prune                    shows what goes, and asks
  jettison host prune --yes              for timers; waits between two looks
  jettison host prune --yes --verify-pullable
                                         only what its registry still has

Nothing is forced: what the engine refuses, because something uses it, stays.
`jettison host status` tells what went, and how to pull it again.

Exit codes: 0, also where a pull in progress postpones it; 1 another jettison is
at work; 2 the engine cannot be reached; 3 a Kubernetes node; 4 some could not
be removed; 5 not everything could be read, so that nothing went.")]
pub(crate) struct Prune {
    #[command(flatten)]
    reach: Reach,
    /// Do not ask
    #[arg(long)]
    yes: bool,
}

impl Prune {
    pub(super) async fn run(self, context: Context) -> Result<Exit, Failure> {
        self.reach.check_node()?;
        if !self.yes && !std::io::stdin().is_terminal() {
            return Err(Failure::usage("there is no terminal to ask on; say --yes to go ahead"));
        }
        let settings = self.reach.settings(&context);
        let store = context.store_of_server().await?;
        let (engine, _) = self.reach.engine(&context).await?;
        if !self.yes
            && let Some(exit) = self.declined(engine.as_ref(), &settings, &context, &store).await?
        {
            store.close().await;
            return Ok(exit);
        }
        let report = self.sweep(engine.as_ref(), &settings, &context, &store).await;
        store.close().await;
        let report = report?;
        context.console.json(&report)?;
        context.console.say(drawn::report(&report, &context.console));
        warn_of_gaps(&report.plan, &context);
        Ok(ended(&report))
    }

    /// Shows what would go, and asks; how it ends if nothing is to be done.
    async fn declined(
        &self,
        engine: &dyn HostEngine,
        settings: &HostSettings,
        context: &Context,
        store: &Store,
    ) -> Result<Option<Exit>, Failure> {
        let now = Timestamp::now();
        let facts = look(engine, store, &self.reach.options(context, settings), now).await?;
        let plan = decide(&facts, settings, &context.config.protect, now);
        context
            .console
            .say(drawn::plan(&plan, facts.disk.as_ref(), &context.console));
        warn_of_gaps(&plan, context);
        if plan.go.is_empty() && plan.build_cache.go.is_empty() {
            return Ok(Some(Exit::of_looking(false, plan.gaps.is_empty())));
        }
        let question = format!("Remove {}?", count(plan.go.len() as u64, "image"));
        if confirm(&question, false)? {
            return Ok(None);
        }
        context.console.say("nothing was done");
        Ok(Some(Exit::Done))
    }

    async fn sweep(
        &self,
        engine: &dyn HostEngine,
        settings: &HostSettings,
        context: &Context,
        store: &Store,
    ) -> Result<HostReport, Failure> {
        let connect = |host: &RegistryHost| context.connection(host, &Access::default(), None);
        let registries = AskRegistries::new(&connect);
        let progress = drawn::progress(context.console.face());
        let sweep = Sweep {
            engine,
            ledger: store,
            settings,
            protect: &context.config.protect,
            options: self.reach.options(context, settings),
            verify: self
                .reach
                .verifies(&engine.facts().await?, settings)
                .then_some(&registries as _),
            clock: &Timestamp::now,
            progress: &|step| progress.tell(step),
        };
        let (stop, stopped) = watch::channel(false);
        let sweeping = sweep.run(&stopped);
        tokio::pin!(sweeping);
        // The first signal ends it before the next image, a second one the program.
        let ended = tokio::select! {
            biased;
            ended = &mut sweeping => ended,
            _ = signalled() => {
                let _ = stop.send(true);
                tokio::select! {
                    biased;
                    ended = &mut sweeping => ended,
                    exit = signalled() => {
                        let text = "ended in the middle of an image; the next run finishes or puts back what it had begun";
                        return Err(Failure::new(exit, text));
                    }
                }
            }
        };
        progress.end();
        Ok(ended?)
    }
}

/// The first signal to end; never, if none can be listened for.
pub(super) async fn signalled() -> Exit {
    match awaited() {
        Ok(signal) => signal.await,
        Err(_) => std::future::pending().await,
    }
}

/// The exit code of a sweep.
pub(super) fn ended(report: &HostReport) -> Exit {
    let failed = !report.failed.is_empty() || report.interrupted.is_some();
    let whole = Exit::of_looking(false, report.plan.gaps.is_empty());
    if failed { Exit::Failed.and(whole) } else { whole }
}

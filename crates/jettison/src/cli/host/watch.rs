//! `jettison host watch`: the agent of a server.

use std::time::Duration;

use async_trait::async_trait;
use clap::Args;
use jettison_core::model::RegistryHost;
use jettison_core::policy::Period;
use jiff::Timestamp;

use super::prune::signalled;
use super::reach::Reach;
use crate::cli::Access;
use crate::cli::context::Context;
use crate::cli::failure::Failure;
use crate::exit::Exit;
use crate::host::pullable::AskRegistries;
use crate::host::sweep::{HostReport, Sweep};
use crate::host::watch::{Listener, Watch};
use crate::output::Console;
use crate::output::text::{bytes, count};

/// Stay, note every use, and prune every hour or when the disk is full.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  jettison host watch --yes                 prunes every hour
  jettison host watch --yes --every 6h
  jettison host watch --observe-only        only remembers what is used

It follows the engine's events, so that a container that ran for a second counts
as a use. Units for systemd and a DaemonSet: deploy/. Ends with SIGTERM, between
two images.

Exit codes: 0; 2 the engine cannot be reached at the start; 3 a Kubernetes node.")]
pub(crate) struct WatchCommand {
    #[command(flatten)]
    reach: Reach,
    /// Prune without asking
    #[arg(long, required_unless_present = "observe_only")]
    yes: bool,
    /// Remove nothing: only remember what is used
    #[arg(long, conflicts_with = "yes")]
    observe_only: bool,
    /// How long from one pruning to the next
    #[arg(long, value_name = "DURATION", default_value = "1h")]
    every: Period,
}

impl WatchCommand {
    pub(super) async fn run(self, context: Context) -> Result<Exit, Failure> {
        self.reach.check_node()?;
        let settings = self.reach.settings(&context);
        let store = context.store_of_server().await?;
        let (engine, facts) = self.reach.engine(&context).await?;
        let connect = |host: &RegistryHost| context.connection(host, &Access::default(), None);
        let registries = AskRegistries::new(&connect);
        let round = Sweep {
            engine: engine.as_ref(),
            ledger: &store,
            settings: &settings,
            protect: &context.config.protect,
            options: self.reach.options(&context, &settings),
            verify: self.reach.verifies(&facts, &settings).then_some(&registries as _),
            clock: &Timestamp::now,
            progress: &|_| (),
        };
        let log = Log(context.console);
        log.said(&format!("watching {}", engine.told()));
        let watch = Watch {
            engine: engine.as_ref(),
            ledger: &store,
            round: &round,
            listener: &log,
            every: Duration::from_secs(self.every.seconds().unsigned_abs()),
            observe_only: self.observe_only,
            now: Timestamp::now,
        };
        let stop = async {
            signalled().await;
        };
        watch.run(stop).await;
        store.close().await;
        Ok(Exit::Done)
    }
}

/// Tells a log, such as that of systemd.
struct Log(Console);

#[async_trait]
impl Listener<HostReport> for Log {
    fn said(&self, line: &str) {
        self.0.say(line);
    }

    fn warned(&self, line: &str) {
        self.0.warn(line);
    }

    async fn report(&self, report: &HostReport) {
        // A report that cannot be printed is still in the journal.
        let _ = self.0.json(report);
        for gone in &report.removed {
            let name = super::drawn::name(&gone.names, &gone.digests, &gone.id);
            self.0
                .say(format!("removed {name} ({}): {}", bytes(gone.bytes), gone.reason));
        }
        for left in report.skipped.iter().chain(&report.failed) {
            let name = super::drawn::name(&left.names, &[], &left.id);
            self.0.say(format!("kept {name}: {}", left.why));
        }
        for gap in &report.plan.gaps {
            self.0.warn(format!("nothing goes: {gap}"));
        }
        self.0.say(summary(report));
    }
}

fn summary(report: &HostReport) -> String {
    if let Some(why) = &report.postponed {
        return format!("postponed: {why}");
    }
    let freed = report.freed_bytes.map(|freed| format!(", {} came free", bytes(freed)));
    let free = report
        .disk_after
        .as_ref()
        .map(|disk| format!(", {} free now", bytes(disk.free_bytes)));
    let full = match report.plan.pressure.is_some_and(|pressure| pressure.is_high) {
        true => "; the disk was above its high mark",
        false => "",
    };
    format!(
        "{} removed, {} stay{}{}{full}",
        count(report.removed.len() as u64, "image"),
        report.plan.stay.len(),
        freed.unwrap_or_default(),
        free.unwrap_or_default()
    )
}

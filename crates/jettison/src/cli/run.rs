//! `jettison run`: scan, plan and apply in one.

use clap::Args;

use super::Sources;
use super::apply::{Consent, Work, settle_interrupted};
use super::context::Context;
use super::facts::{Reach, detailed, gather, remember};
use super::failure::Failure;
use crate::exit::Exit;
use crate::output::{Summary, draw};

/// Scan, plan and apply in one.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  jettison run --yes                               what jettison.yaml configures
  jettison run registry.example.com/apps/web --usage in-use.txt
  jettison run --dry-run                           stop after the plan")]
pub(crate) struct Run {
    #[command(flatten)]
    sources: Sources,
    #[command(flatten)]
    consent: Consent,
    /// Stop after the plan
    #[arg(long)]
    dry_run: bool,
    /// With --dry-run: exit with 10 if something would be deleted or untagged
    #[arg(long, requires = "dry_run")]
    detailed_exit_code: bool,
    /// Take a plausible build date for the arrival of images without a push time
    #[arg(long)]
    trust_created: bool,
}

impl Run {
    pub(crate) async fn run(self, mut context: Context) -> Result<Exit, Failure> {
        context.add_new_usage_files(&self.sources.asked.usage)?;
        if !self.dry_run {
            self.consent.can_be_asked()?;
        }
        let choice = context.choice(&self.sources)?;
        if self.trust_created {
            context.config.trust_created_of(&choice.hosts());
        }
        let store = match self.dry_run {
            true => context.store().await?,
            false => context.store_to_settle().await?,
        };
        let registries = context.registries(choice, &store)?;
        if !self.dry_run {
            // Before the scan, which shall see the tags that are put back; and no scan is for nothing, where another run
            // is at work.
            settle_interrupted(&context, &store, &registries.open).await?;
        }
        let reach = if self.dry_run { Reach::Looking } else { Reach::Probing };
        let gathered = gather(&context, &store, &registries, &self.sources, reach).await?;
        let plan = gathered.plan(&context.config);
        remember(&store, &plan, &context.config).await?;
        let console = context.console;
        let summary = Summary::of(&plan, Some(&gathered.inventory));
        let remarks = gathered.remarks(&plan, &context.config, Some(&registries));
        console.say(draw(&plan, &summary, &remarks, &console));
        let exit = if self.dry_run {
            console.json(&plan)?;
            Ok(detailed(&plan, self.detailed_exit_code))
        } else {
            let work = Work {
                context: &context,
                store: &store,
                registries: &registries,
                consent: &self.consent,
            };
            work.apply(&plan, &summary, "run").await
        };
        store.close().await;
        exit
    }
}

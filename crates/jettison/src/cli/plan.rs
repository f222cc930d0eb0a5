//! `jettison plan`: what can go, and why. Changes nothing.

use std::path::PathBuf;

use clap::Args;
use jettison_core::facts::Origin;
use jettison_core::plan::Plan;
use jiff::Timestamp;

use super::Sources;
use super::context::{Context, Registries, write_json};
use super::facts::{Gathered, Reach, detailed, gather, remember, saved};
use super::failure::Failure;
use crate::exit::Exit;
use crate::output::{Summary, draw};

/// Say what can go, and why; changes nothing.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  jettison plan registry.example.com/apps/web          with the built-in policy
  jettison plan 'registry.example.com/apps/**' --usage list.txt --out plan.json
  jettison plan --inventory inventory.json --usage usage.json \\
    --policy jettison.yaml --now 2026-11-21T00:00:00Z

Exit codes: 0; 5 if a registry, repository or usage source could not be read
wholly. With --detailed-exit-code 10 if something would go, whatever else.")]
pub(crate) struct PlanCommand {
    #[command(flatten)]
    sources: Sources,
    /// Also write the plan to a file
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Exit with 10 if something would be deleted or untagged, even where facts were incomplete (else 5)
    #[arg(long)]
    detailed_exit_code: bool,
    /// Take a plausible build date for the arrival of images without a push time
    #[arg(long)]
    trust_created: bool,
    /// Plan from a saved inventory; asks no registry
    #[arg(long, value_name = "FILE", conflicts_with = "targets")]
    inventory: Option<PathBuf>,
    /// Decide for this moment; such a plan cannot be applied
    #[arg(long, value_name = "TIME")]
    now: Option<Timestamp>,
}

impl PlanCommand {
    pub(crate) async fn run(self, mut context: Context) -> Result<Exit, Failure> {
        if let Some(inventory) = &self.inventory {
            let gathered = saved(inventory, &self.sources.asked.usage, self.now)?;
            let plan = self.decide(&gathered, &mut context);
            return self.finish(&context, &gathered, &plan, None);
        }
        context.add_new_usage_files(&self.sources.asked.usage)?;
        let choice = context.choice(&self.sources)?;
        let store = context.store().await?;
        let registries = context.registries(choice, &store)?;
        let mut gathered = gather(&context, &store, &registries, &self.sources, Reach::Looking).await?;
        if let Some(now) = self.now {
            gathered.now = now;
            gathered.origin = Origin::SavedFacts;
        }
        let plan = self.decide(&gathered, &mut context);
        remember(&store, &plan, &context.config).await?;
        let exit = self.finish(&context, &gathered, &plan, Some(&registries));
        store.close().await;
        exit
    }

    fn decide(&self, gathered: &Gathered, context: &mut Context) -> Plan {
        if self.trust_created {
            context.config.trust_created_of(&gathered.hosts());
        }
        gathered.plan(&context.config)
    }

    fn finish(
        &self,
        context: &Context,
        gathered: &Gathered,
        plan: &Plan,
        registries: Option<&Registries>,
    ) -> Result<Exit, Failure> {
        if let Some(file) = &self.out {
            write_json(file, plan)?;
        }
        let console = &context.console;
        console.json(plan)?;
        let summary = Summary::of(plan, Some(&gathered.inventory));
        let remarks = gathered.remarks(plan, &context.config, registries);
        console.say(draw(plan, &summary, &remarks, console).trim_end());
        if let (Some(file), 1..) = (&self.out, plan.actions.len()) {
            console.note(format!("apply it within 24 hours: jettison apply {}", file.display()));
        }
        Ok(detailed(plan, self.detailed_exit_code))
    }
}

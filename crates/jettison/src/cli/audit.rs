//! `jettison audit`: what registries hold, what it costs, and what would be saved. Changes nothing.

mod billing;
mod drawn;
mod forecast;
mod prices;
mod spread_sheet;

use std::path::PathBuf;

use clap::{Args, Subcommand};
use jettison_core::audit::{
    Audit, AuditFinding, AuditQuestion, Division, FactsFrom, GrowthPoint, RegistryAudit, audit, savings,
};
use jettison_core::config::Severity;
use jettison_core::evaluate::evaluate;
use jettison_core::facts::Facts;
use jettison_core::lint::{Code, Finding, lint};
use jettison_core::model::{Inventory, RegistryHost, Sharing};

use super::context::{Context, write_json, write_text};
use super::facts::Gathered;
use super::failure::Failure;
use super::look::{Look, Looked};
use crate::exit::Exit;
use crate::output::{Format, page, told_once};
use crate::store::Store;

use billing::Billing;

/// Say what registries hold, what it costs, and what would be saved; changes nothing.
#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "\
Examples:
  jettison audit 'registry.example.com/**'      by repository, kind and age
  jettison audit --by team --by branch --html audit.html
  jettison audit --recorded                     the last scan, asks nobody
  jettison audit --policy cleaner.yaml          what each rule would free
  jettison audit 'registry.example.com/**' --price 0.10
  jettison audit --output csv > audit.csv       one row a part
  jettison audit forecast --growth 1GB/day --price 0.10

Every figure with its formula: docs/audit.md. Exit codes: 0; 5 if a registry,
repository or usage source could not be read wholly."
)]
pub(crate) struct AuditCommand {
    #[command(subcommand)]
    about: Option<About>,
    #[command(flatten)]
    look: Look,
    /// Also divide by `team` (first part of the name), `path:2`, `branch`, `label:NAME` or `regex:EXPRESSION`
    #[arg(long, value_name = "WHAT")]
    by: Vec<Division>,
    /// Also write a page to look at in a browser; it needs no network
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Also write the report to a file, in the JSON form
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    #[command(flatten)]
    billing: Billing,
    #[command(flatten)]
    ahead: forecast::Ahead,
    /// Within what a blob is stored once [default: what is known of the registry]
    #[arg(long, value_name = "WHAT")]
    sharing: Option<SharingWord>,
    /// Read every manifest, so that layers are told apart where the registry's list does not tell them (ECR)
    #[arg(long, conflicts_with_all = ["recorded", "inventory"])]
    layers: bool,
    /// Also say what each rule of the built-in policy would free
    #[arg(long)]
    standard: bool,
    /// Take a plausible build date for the arrival of images without a push time
    #[arg(long)]
    trust_created: bool,
}

/// What else there is to say of money.
#[derive(Debug, Subcommand)]
enum About {
    /// Say what registries will hold and cost, month by month; changes nothing
    Forecast(Box<forecast::ForecastCommand>),
    /// Print the prices in force
    Prices(prices::PricesCommand),
}

/// Within what a blob is stored once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum SharingWord {
    /// The whole registry
    Registry,
    /// Each repository by itself
    Repository,
}

/// How many images of a sort are listed, unless all are asked for.
const MOST: usize = 20;

impl AuditCommand {
    pub(crate) async fn run(mut self, mut context: Context) -> Result<Exit, Failure> {
        match self.about.take() {
            Some(About::Forecast(command)) => return command.run(context).await,
            Some(About::Prices(command)) => return command.run(&context.console),
            None => {}
        }
        let inside = self.layers || self.by.iter().any(Division::looks_inside);
        let Looked { gathered, from, store } = self.look.gather(&mut context, inside).await?;
        if self.trust_created {
            context.config.trust_created_of(&gathered.hosts());
        }
        let report = self.report(&context, &gathered, from, store.as_ref()).await?;
        if let Some(store) = store {
            store.close().await;
        }
        if let Some(file) = &self.out {
            write_json(file, &report)?;
        }
        if let Some(file) = &self.html {
            write_text(file, &page(&report)?)?;
        }
        let console = &context.console;
        console.json(&report)?;
        if console.format == Format::Csv {
            console.raw(spread_sheet::rows(&report)?);
        }
        console.say(drawn::draw(&report, console).trim_end());
        if let Some(ahead) = forecast::in_brief(&report, console) {
            console.say(format!("\n{ahead}"));
        }
        if let Some(file) = &self.html {
            console.note(format!("{} shows it in a browser", file.display()));
        }
        told_once(&report.gaps).iter().for_each(|gap| console.warn(gap));
        Ok(Exit::of_looking(false, report.gaps.is_empty()))
    }

    async fn report(
        &self,
        context: &Context,
        gathered: &Gathered,
        from: FactsFrom,
        store: Option<&Store>,
    ) -> Result<Audit, Failure> {
        let config = &context.config;
        let sharing = self.sharing.map(|word| match word {
            SharingWord::Registry => Sharing::Registry,
            SharingWord::Repository => Sharing::Repository,
        });
        let question = AuditQuestion {
            divisions: self.by.clone(),
            sharing,
            most: if context.console.verbose { 0 } else { MOST },
        };
        let facts = gathered.facts(config);
        let (mut report, wasted) = rayon::join(
            || audit(&facts, (gathered.inventory.taken_at, from), &question),
            || wasted(&facts, &gathered.inventory).collect::<Vec<_>>(),
        );
        let hosts: Vec<RegistryHost> = report.registries.iter().map(|it| it.registry.clone()).collect();
        let products = self.billing.products(hosts.iter(), (config, &context.console))?;
        if self.standard || config.policies.is_some() {
            report.savings = Some(savings(&facts, sharing, &products.of));
        }
        report.price(&products.of, products.note);
        report.findings.extend(wasted);
        if let Some(store) = store {
            report.growth = growth(store, gathered, &report).await?;
        }
        report.forecasts = self.ahead.forecasts(&report, &products.of, &gathered.inventory);
        Ok(report)
    }
}

/// What the lint says of money. What is idle in the built-in policy costs nothing.
fn wasted<'a>(facts: &'a Facts<'_>, inventory: &'a Inventory) -> impl Iterator<Item = AuditFinding> + use<> {
    let findings = lint(facts, &evaluate(facts, inventory)).into_iter();
    let costs = |finding: &Finding| finding.code.is_about_money() && finding.code != Code::UnmatchedRule;
    let is_own = |finding: &Finding| finding.code == Code::UnmatchedRule && finding.severity != Severity::Note;
    findings
        .filter(move |finding| costs(finding) || is_own(finding))
        .map(AuditFinding::from)
}

/// What the repositories that were looked at held, scan by scan.
///
/// Recorded is what each held for itself. Where the registry stores a blob once for all of them, that is more than it stores:
/// it is scaled by how much they share today, `stored bytes of the registry ÷ Σ stored bytes of its repositories`.
async fn growth(store: &Store, gathered: &Gathered, report: &Audit) -> Result<Vec<GrowthPoint>, Failure> {
    let mut growth = Vec::new();
    for RegistryAudit { registry, totals, .. } in &report.registries {
        let here = gathered
            .inventory
            .repositories
            .iter()
            .filter(|repository| repository.registry == *registry);
        let names: std::collections::BTreeSet<_> = here.map(|repository| &repository.name).collect();
        let points = store.growth(registry, |name| names.contains(name)).await?;
        let rows = report
            .rows
            .iter()
            .filter(|row| row.registry == *registry && row.by == "repository");
        let apart: u128 = rows.map(|row| u128::from(row.holdings.stored_bytes)).sum();
        let scaled = |bytes: u64| {
            let bytes = u128::from(bytes) * u128::from(totals.stored_bytes) / apart.max(1);
            u64::try_from(bytes).unwrap_or(u64::MAX)
        };
        growth.extend(points.into_iter().map(|(at, bytes)| GrowthPoint {
            registry: registry.clone(),
            at,
            stored_bytes: scaled(bytes),
        }));
    }
    Ok(growth)
}

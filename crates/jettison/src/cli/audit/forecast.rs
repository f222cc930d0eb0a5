//! `jettison audit forecast`: what registries will hold and cost, month by month. Changes nothing.

mod drawn;
mod rows;

use clap::{Args, ValueEnum};
use jettison_core::audit::{Audit, AuditQuestion, Cohort, PriceNote, RegistryAudit, audit, savings};
use jettison_core::forecast::{Convention, Forecast, Growth, MOST_MONTHS, Outlook, forecast};
use jettison_core::model::{RegistryHost, Schema};
use jettison_core::money::{Money, Product};
use jettison_core::policy::ByteSize;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::Serialize;

use super::billing::{Billing, Products};
use super::growth;
use crate::cli::context::Context;
use crate::cli::failure::Failure;
use crate::cli::look::{Look, Looked};
use crate::exit::Exit;
use crate::output::{Console, Format, Strokes, style, styled, told_once};
use drawn::{Drawing, draw};

/// Say what registries will hold and cost, month by month; changes nothing.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  jettison audit forecast --growth 1GB/day --price 0.10     asks no registry
  jettison audit forecast --growth 1GB/day --price 0.10 --convention end
  jettison audit forecast 'registry.example.com/**'      as it grew so far
  jettison audit forecast --recorded --quota 2TB --budget 100
  jettison audit forecast --recorded --policy cleaner.yaml   with and without
  jettison audit forecast --growth 1GB/day --price 0.10 --output csv > year.csv

Growth is what recorded scans saw, the last against the first. A month is 365/12
days, and is billed for what is stored on average. Every figure with its formula:
docs/audit.md. Exit codes: 0; 5 if a registry, repository or usage source could
not be read wholly, or the growth of a registry is not known.")]
pub(crate) struct ForecastCommand {
    #[command(flatten)]
    look: Look,
    #[command(flatten)]
    billing: Billing,
    #[command(flatten)]
    ahead: Ahead,
    /// Without a TARGET: what is stored today [default: nothing]
    #[arg(long, value_name = "SIZE", value_parser = size, requires = "growth", conflicts_with_all = ["targets", "recorded", "inventory"])]
    start: Option<ByteSize>,
    /// Also say what comes with the built-in policy, where none is configured
    #[arg(long)]
    standard: bool,
}

/// What is asked of the future.
#[derive(Debug, Clone, Args)]
pub(crate) struct Ahead {
    /// By how much storage grows: `1GB/day`, `300MB/week`, `1TB/month` [default: as recorded scans saw]
    #[arg(long, value_name = "SIZE/TIME", allow_hyphen_values = true, value_parser = growth_of)]
    growth: Option<Growth>,
    /// How far to look ahead
    #[arg(long, value_name = "N", default_value_t = 12, value_parser = clap::value_parser!(u32).range(1..=i64::from(MOST_MONTHS)))]
    months: u32,
    /// Which bytes of a month are billed
    #[arg(long, value_name = "WHICH", value_enum, default_value_t = ConventionWord::Average)]
    convention: ConventionWord,
    /// Say when as much is stored
    #[arg(long, value_name = "SIZE", value_parser = size)]
    quota: Option<ByteSize>,
    /// Say when a month costs more
    #[arg(long, value_name = "AMOUNT", allow_hyphen_values = true, value_parser = amount)]
    budget: Option<Money>,
}

/// Which bytes of a month are billed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ConventionWord {
    /// What is stored on average over it, as the vendors bill
    Average,
    /// What is stored at its end
    End,
}

fn growth_of(text: &str) -> Result<Growth, String> {
    text.parse()
        .map_err(|error: jettison_core::forecast::InvalidGrowth| format!("{error}: {}", error.hint()))
}

fn size(text: &str) -> Result<ByteSize, String> {
    text.parse()
        .map_err(|error: jettison_core::policy::InvalidSize| format!("{error}: {}", error.hint()))
}

fn amount(text: &str) -> Result<Money, String> {
    text.parse()
        .map_err(|error: jettison_core::money::InvalidMoney| format!("{error}: {}", error.hint()))
}

/// The JSON form.
#[derive(Debug, Serialize)]
struct Report {
    schema: Schema,
    prices: Option<PriceNote>,
    forecasts: Vec<Told>,
    gaps: Vec<String>,
}

/// The forecast of one registry, or of none in particular.
#[derive(Debug, Serialize)]
struct Told {
    registry: Option<RegistryHost>,
    #[serde(flatten)]
    forecast: Forecast,
    /// Whose prices, for people.
    #[serde(skip)]
    prices: Option<String>,
}

impl ForecastCommand {
    pub(crate) async fn run(self, context: Context) -> Result<Exit, Failure> {
        let console = context.console;
        let report = match self.ahead.growth {
            Some(growth) if self.asks_nobody() => self.of_nothing(growth, &console)?,
            _ => self.of_registries(context).await?,
        };
        console.json(&report)?;
        if console.format == Format::Csv {
            console.raw(rows::rows(&report)?);
        }
        console.say(shown(&report, &console));
        told_once(&report.gaps).iter().for_each(|gap| console.warn(gap));
        Ok(Exit::of_looking(false, report.gaps.is_empty()))
    }

    fn asks_nobody(&self) -> bool {
        self.look.sources.targets.is_empty() && !self.look.known.recorded && self.look.known.inventory.is_none()
    }

    /// What would come of a growth, wherever that is.
    fn of_nothing(&self, growth: Growth, console: &Console) -> Result<Report, Failure> {
        let table = self.billing.table(console)?;
        let product = self.billing.asked(&table)?;
        let outlook = Outlook {
            standard_bytes: self.start.map_or(0, ByteSize::bytes),
            product: product.as_ref(),
            ..self
                .ahead
                .outlook(day_of(self.look.known.now.unwrap_or_else(Timestamp::now)), growth)
        };
        let prices = product.as_ref().map(|product| PriceNote {
            currency: table.currency.clone(),
            as_of: product.as_of.unwrap_or(outlook.today),
        });
        Ok(Report {
            schema: Schema,
            prices,
            forecasts: vec![Told::of(None, forecast(&outlook), product.as_ref())],
            gaps: Vec::new(),
        })
    }

    async fn of_registries(&self, mut context: Context) -> Result<Report, Failure> {
        let Looked { gathered, from, store } = self.look.gather(&mut context, false).await?;
        let question = AuditQuestion {
            divisions: Vec::new(),
            sharing: None,
            most: 1,
        };
        let facts = gathered.facts(&context.config);
        let mut report = audit(&facts, (gathered.inventory.taken_at, from), &question);
        let hosts: Vec<RegistryHost> = report.registries.iter().map(|it| it.registry.clone()).collect();
        let products = self
            .billing
            .products(hosts.iter(), (&context.config, &context.console))?;
        if self.standard || context.config.policies.is_some() {
            report.savings = Some(savings(&facts, None, &products.of));
        }
        if let Some(store) = store {
            report.growth = growth(&store, &gathered, &hosts).await?;
            store.close().await;
        }
        self.ahead.of_audit(report, products)
    }
}

impl Ahead {
    /// What is asked, of nothing so far.
    fn outlook(&self, today: Date, growth: Growth) -> Outlook<'static> {
        Outlook {
            today,
            months: self.months,
            standard_bytes: 0,
            archived_bytes: 0,
            growth,
            product: None,
            convention: match self.convention {
                ConventionWord::Average => Convention::Average,
                ConventionWord::End => Convention::End,
            },
            quota: self.quota,
            budget: self.budget,
            cohorts: None,
        }
    }

    /// The forecasts of the registries of an audit. One whose growth nobody knows is a gap; if that is so of all, there
    /// is nothing to say.
    fn of_audit(&self, mut report: Audit, products: Products) -> Result<Report, Failure> {
        let mut forecasts = Vec::new();
        let mut unknown = Vec::new();
        for registry in &report.registries {
            let product = products.of.get(&registry.registry);
            match self.of_registry(registry, &report, product) {
                Some(forecast) => forecasts.push(Told::of(Some(registry.registry.clone()), forecast, product)),
                None => unknown.push(format!(
                    "{}: how fast it grows is not known: that takes two recorded scans a day apart, or --growth 1GB/day",
                    registry.registry
                )),
            }
        }
        if forecasts.is_empty() && !unknown.is_empty() {
            return Err(Failure::usage(unknown.join("\n")));
        }
        report.gaps.extend(unknown);
        let priced = forecasts.iter().any(|told| told.forecast.product.is_some());
        Ok(Report {
            schema: Schema,
            prices: priced.then_some(products.note),
            forecasts,
            gaps: report.gaps,
        })
    }

    /// The forecast of one registry. `None` if nobody knows how fast it grows.
    pub(super) fn of_registry(
        &self,
        registry: &RegistryAudit,
        report: &Audit,
        product: Option<&Product>,
    ) -> Option<Forecast> {
        let seen: Vec<(Timestamp, u64)> = report
            .growth
            .iter()
            .filter(|point| point.registry == registry.registry)
            .map(|point| (point.at, point.stored_bytes))
            .collect();
        let growth = self.growth.or_else(|| Growth::measured(&seen))?;
        let totals = &registry.totals;
        let mut told = forecast(&Outlook {
            standard_bytes: totals.stored_bytes.saturating_sub(totals.archived_bytes),
            archived_bytes: totals.archived_bytes,
            product,
            cohorts: cohorts(report, &registry.registry),
            ..self.outlook(day_of(report.now), growth)
        });
        if totals.at_least || totals.at_most {
            told.notes.push(format!(
                "what is stored today is not known exactly: {}",
                registry.because.join("; ")
            ));
        }
        if self.growth.is_none() {
            told.notes.push(measured(&seen));
        }
        Some(told)
    }
}

impl Default for Ahead {
    fn default() -> Self {
        Self {
            growth: None,
            months: 12,
            convention: ConventionWord::Average,
            quota: None,
            budget: None,
        }
    }
}

/// What the policy keeps of what arrived when.
fn cohorts<'r>(report: &'r Audit, host: &RegistryHost) -> Option<&'r [Cohort]> {
    let of_registries = &report.savings.as_ref()?.cohorts;
    let of_registry = of_registries.iter().find(|of_registry| of_registry.registry == *host)?;
    Some(&of_registry.cohorts)
}

/// Between what the growth was measured.
fn measured(seen: &[(Timestamp, u64)]) -> String {
    let days = seen.iter().map(|(at, _)| day_of(*at));
    let (first, last) = (days.clone().min(), days.max());
    let (first, last) = first.zip(last).unwrap_or_default();
    format!("the growth is that between the recorded scans of {first} and {last}, what was deleted in between included")
}

impl Told {
    fn of(registry: Option<RegistryHost>, forecast: Forecast, product: Option<&Product>) -> Self {
        let prices = product.map(|product| {
            let mut text = product.title.clone();
            if let Some(day) = product.as_of {
                text.push_str(&format!(", as of {day}"));
            }
            if let Some(note) = &product.note {
                text.push_str(&format!(": {note}"));
            }
            text
        });
        Self {
            registry,
            forecast,
            prices,
        }
    }
}

fn shown(report: &Report, console: &Console) -> String {
    let currency = report.prices.as_ref().map_or("", |prices| &prices.currency);
    let blocks = report.forecasts.iter().map(|told| {
        let drawing = Drawing {
            currency,
            prices: told.prices.as_deref(),
            width: console.width(),
            line_width: console.line_width(),
            strokes: Strokes::of_terminal(),
            every_month: console.verbose,
        };
        let heading = told
            .registry
            .as_ref()
            .map(|host| format!("{}\n", styled(style::HEADING, host)));
        heading.unwrap_or_default() + &draw(&told.forecast, drawing)
    });
    blocks.collect::<Vec<_>>().join("\n\n")
}

fn day_of(at: Timestamp) -> Date {
    at.to_zoned(TimeZone::UTC).date()
}

//! `jettison audit forecast`: what registries will hold and cost, month by month. Changes nothing.

mod drawn;
mod rows;

use std::collections::BTreeMap;

use clap::{Args, ValueEnum};
use jettison_core::audit::{Audit, AuditQuestion, Cohort, PriceNote, RegistryAudit, RegistryForecast, audit, savings};
use jettison_core::facts::Repositories;
use jettison_core::forecast::{Convention, Forecast, Growth, MOST_MONTHS, Outlook, forecast};
use jettison_core::growth::{GrowthFrom, GrowthRate, arrivals, measured};
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
use drawn::{Drawing, brief, draw};

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

Growth is what was added between recorded scans, else what arrived in 30 days. A
month is 365/12 days, and is billed for what is stored on average. Every figure
with its formula: docs/audit.md. Exit codes: 0; 2 if nobody knows how fast any
registry grows; 5 if that is so of one, or if a registry, repository or usage
source could not be read wholly.")]
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
    /// By how much storage grows: `1GB/day`, `300MB/week`, `1TB/month` [default: as recorded scans tell]
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
            as_of: product.as_of,
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
            report.growth = growth(&store, &gathered, &report).await?;
            store.close().await;
        }
        let forecasts = self.ahead.forecasts(&report, &products.of, &gathered.inventory);
        self.told(report, forecasts, products)
    }

    /// What is to be told. A registry whose growth nobody knows is a gap; if that is so of all, there is nothing to say.
    fn told(&self, report: Audit, forecasts: Vec<RegistryForecast>, products: Products) -> Result<Report, Failure> {
        let known = |host: &RegistryHost| forecasts.iter().any(|forecast| forecast.registry == *host);
        let hosts = report.registries.iter().map(|registry| &registry.registry);
        let unknown: Vec<String> = hosts
            .filter(|host| !known(host))
            .map(|host| {
                format!(
                    "{host}: how fast it grows is not known yet: scan again on another day, or give --growth 1GB/day"
                )
            })
            .collect();
        if forecasts.is_empty() && !unknown.is_empty() {
            return Err(Failure::usage(unknown.join("; ")));
        }
        let priced = forecasts.iter().any(|told| told.forecast.product.is_some());
        let told = |of: RegistryForecast| {
            let product = products.of.get(&of.registry);
            Told::of(Some(of.registry), of.forecast, product)
        };
        Ok(Report {
            schema: Schema,
            forecasts: forecasts.into_iter().map(told).collect(),
            prices: priced.then_some(products.note),
            gaps: [report.gaps, unknown].concat(),
        })
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

    /// The forecasts of the registries of an audit; none of one whose growth nobody knows.
    ///
    /// The growth is the one that is given; else that between recorded scans; else what arrived lately.
    pub(super) fn forecasts(
        &self,
        report: &Audit,
        products: &BTreeMap<RegistryHost, Product>,
        inventory: &dyn Repositories,
    ) -> Vec<RegistryForecast> {
        let of = |registry: &RegistryAudit| {
            let host = &registry.registry;
            let rate = match self.growth {
                Some(_) => None,
                None => Some(rate(report, host, inventory)?),
            };
            let told = |rate: &GrowthRate| Growth::per_day(i64::try_from(rate.bytes_per_day).unwrap_or(i64::MAX));
            let growth = self.growth.or_else(|| rate.as_ref().map(told))?;
            let mut forecast = self.of_registry(registry, report, (growth, products.get(host)));
            forecast.notes.extend(rate.as_ref().map(how_known));
            Some(RegistryForecast {
                registry: host.clone(),
                forecast,
            })
        };
        report.registries.iter().filter_map(of).collect()
    }

    fn of_registry(
        &self,
        registry: &RegistryAudit,
        report: &Audit,
        (growth, product): (Growth, Option<&Product>),
    ) -> Forecast {
        let totals = &registry.totals;
        let mut told = forecast(&Outlook {
            standard_bytes: totals.stored_bytes.saturating_sub(totals.archived_bytes),
            archived_bytes: totals.archived_bytes,
            product,
            cohorts: cohorts(report, &registry.registry),
            ..self.outlook(day_of(report.now), growth)
        });
        if totals.at_least || totals.at_most {
            let why = registry.because.join("; ");
            told.notes
                .push(format!("what is stored today is not known exactly: {why}"));
        }
        told
    }
}

/// How fast a registry grows, as its recorded scans tell, else what arrived lately. `None` if neither says anything.
fn rate(report: &Audit, host: &RegistryHost, inventory: &dyn Repositories) -> Option<GrowthRate> {
    let points = report.growth.iter().filter(|point| point.registry == *host);
    let points: Vec<(Timestamp, u64)> = points.map(|point| (point.at, point.stored_bytes)).collect();
    let arrived = || Some(arrivals(inventory, host, report.now)).filter(|rate| rate.points > 0);
    measured(&points).or_else(arrived)
}

/// What a measured growth rests on.
fn how_known(rate: &GrowthRate) -> String {
    let (since, until) = (day_of(rate.since), day_of(rate.until));
    match rate.from {
        GrowthFrom::RecordedScans => {
            format!("growth: what was added between the recorded scans of {since} and {until}, clean-ups left out")
        }
        GrowthFrom::Arrivals => format!(
            "growth: what arrived since {since} and is still there, so it is at least that; scans on two days tell more"
        ),
    }
}

/// What the policy keeps of what arrived when.
fn cohorts<'r>(report: &'r Audit, host: &RegistryHost) -> Option<&'r [Cohort]> {
    let of_registries = &report.savings.as_ref()?.cohorts;
    let of_registry = of_registries.iter().find(|of_registry| of_registry.registry == *host)?;
    Some(&of_registry.cohorts)
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
    let blocks = report.forecasts.iter().map(|told| {
        let drawing = drawing(report.prices.as_ref(), told.prices.as_deref(), console);
        heading(told.registry.as_ref()) + &draw(&told.forecast, drawing)
    });
    blocks.collect::<Vec<_>>().join("\n\n")
}

/// What an audit says of the future, without the months. Nothing if it knows of none.
pub(super) fn in_brief(report: &Audit, console: &Console) -> Option<String> {
    let blocks = report.forecasts.iter().map(|told| {
        let drawing = drawing(report.prices.as_ref(), None, console);
        heading(Some(&told.registry)) + &brief(&told.forecast, drawing)
    });
    let blocks: Vec<String> = blocks.collect();
    let title = styled(
        style::HEADING,
        "What is to come (month by month: jettison audit forecast)",
    );
    (!blocks.is_empty()).then(|| format!("{title}\n\n{}", blocks.join("\n\n")))
}

fn heading(registry: Option<&RegistryHost>) -> String {
    registry
        .map(|host| format!("{}\n", styled(style::HEADING, host)))
        .unwrap_or_default()
}

fn drawing<'a>(applied: Option<&'a PriceNote>, prices: Option<&'a str>, console: &Console) -> Drawing<'a> {
    Drawing {
        currency: applied.map_or("", |note| &note.currency),
        prices,
        width: console.width(),
        line_width: console.line_width(),
        strokes: Strokes::of_terminal(),
        every_month: console.verbose,
    }
}

fn day_of(at: Timestamp) -> Date {
    at.to_zoned(TimeZone::UTC).date()
}

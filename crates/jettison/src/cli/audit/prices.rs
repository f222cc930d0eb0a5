//! `jettison audit prices`: by what registries are billed. Asks nobody.

use std::path::PathBuf;

use clap::Args;
use jettison_core::config::prices_schema;
use jettison_core::model::Schema;
use jettison_core::money::{BUILT_IN_YAML, PriceTable, Product, Tier};
use jettison_core::policy::ByteSize;
use serde::Serialize;

use super::billing::{Billing, today};
use crate::cli::failure::Failure;
use crate::exit::Exit;
use crate::output::{Column, Console, style, table};

/// Print the prices in force.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  jettison audit prices
  jettison audit prices --prices prices.yaml     yours before the built-in ones
  jettison audit prices --file > prices.yaml     to start from
  jettison audit prices --schema > prices.schema.json            for editors

A registry that no product fits has no price: nothing is guessed, and nothing is
converted from one currency to another.")]
pub(crate) struct PricesCommand {
    /// A file with prices, which come before the built-in ones
    #[arg(long, value_name = "FILE")]
    prices: Option<PathBuf>,
    /// Print the built-in prices as such a file, to start from
    #[arg(long, conflicts_with = "prices")]
    file: bool,
    /// Print the JSON Schema of such a file, for editors
    #[arg(long, conflicts_with_all = ["prices", "file"])]
    schema: bool,
}

/// The JSON form.
#[derive(Serialize)]
struct Report<'t> {
    schema: Schema,
    #[serde(flatten)]
    table: &'t PriceTable,
}

impl PricesCommand {
    pub(crate) fn run(self, console: &Console) -> Result<Exit, Failure> {
        if self.file {
            console.raw(BUILT_IN_YAML);
            return Ok(Exit::Done);
        }
        if self.schema {
            console.raw(format!("{}\n", serde_json::to_string_pretty(&prices_schema())?));
            return Ok(Exit::Done);
        }
        let billing = Billing {
            prices: self.prices,
            price: None,
        };
        let prices = billing.table(console)?;
        console.json(&Report {
            schema: Schema,
            table: &prices,
        })?;
        show(&prices, console);
        Ok(Exit::Done)
    }
}

fn show(prices: &PriceTable, console: &Console) {
    console.say(format!(
        "In {}, without taxes, discounts and transfer.\n",
        prices.currency
    ));
    let columns = [
        Column::Whole("PRODUCT"),
        Column::Text("A GB-MONTH"),
        Column::Figure("FREE"),
        Column::Figure("FEE"),
        Column::Whole("AS OF"),
    ];
    let rows = prices.products.iter().map(row).collect();
    console.say(table(&columns, rows, console.width()));
    console.say("");
    for product in &prices.products {
        let label = format!("{}:", product.name);
        console.remark(style::FAINT, &label, told(product));
    }
    for product in prices.products.iter().filter(|product| product.is_old(today())) {
        console.warn(format!("the prices of {} are more than a year old", product.name));
    }
}

/// What it is, for which hosts, what to know, and where to look it up.
fn told(product: &Product) -> String {
    let hosts = match &product.hosts {
        Some(hosts) => format!("on {}", hosts.patterns().join(", ")),
        None => "if asked for by name".to_owned(),
    };
    let note = product.note.as_deref().map(|note| format!("; {note}"));
    let source = product.source.as_deref().map(|source| format!(" ({source})"));
    let more = [note, source].into_iter().flatten().collect::<String>();
    format!("{}, {hosts}{more}", product.title)
}

fn row(product: &Product) -> Vec<String> {
    let archive = product.archive.as_ref().map(|archive| {
        let days = archive.minimum_days;
        format!("; archived {}, for {days} days at least", tiers(&archive.storage))
    });
    let unit = match product.unit.bytes() {
        1_000_000_000 => "",
        _ => " (GiB)",
    };
    let amount = |amount: jettison_core::money::Money| {
        if amount.is_zero() {
            String::new()
        } else {
            amount.to_string()
        }
    };
    vec![
        product.name.clone(),
        format!("{}{unit}{}", tiers(&product.storage), archive.unwrap_or_default()),
        if product.free == ByteSize(0) {
            String::new()
        } else {
            product.free.to_string()
        },
        amount(product.base),
        product.as_of.map(|day| day.to_string()).unwrap_or_default(),
    ]
}

/// `0.10 up to 150TB, then 0.07`.
fn tiers(tiers: &[Tier]) -> String {
    let told = tiers.iter().map(|tier| match tier.up_to {
        Some(end) => format!("{} up to {end}", tier.per_gb_month),
        None => tier.per_gb_month.to_string(),
    });
    let told: Vec<String> = told.collect();
    if told.is_empty() {
        "in the fee".to_owned()
    } else {
        told.join(", then ")
    }
}

//! By whose prices registries are billed: those that come with jettison, those of a file, or one that is given.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::Args;
use jettison_core::audit::PriceNote;
use jettison_core::config::Config;
use jettison_core::model::{RegistryHost, legible};
use jettison_core::money::{Money, PriceTable, Product};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::cli::context::{print_warnings, read_text_within};
use crate::cli::failure::Failure;
use crate::output::Console;

/// A price list of more than a megabyte is none.
const MAX_PRICE_FILE: u64 = 1024 * 1024;

/// Which prices to take.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct Billing {
    /// A file with prices, which come before the built-in ones (`jettison audit prices`)
    #[arg(long, value_name = "FILE")]
    pub(crate) prices: Option<PathBuf>,
    /// A product of the price list, or what a GB costs a month [default: by the registry's host]
    #[arg(long, value_name = "NAME|AMOUNT")]
    pub(crate) price: Option<String>,
}

/// What registries are billed by.
#[derive(Debug)]
pub(crate) struct Products {
    pub(crate) of: BTreeMap<RegistryHost, Product>,
    pub(crate) note: PriceNote,
}

impl Billing {
    /// The prices in force: those of the file before the built-in ones.
    pub(crate) fn table(&self, console: &Console) -> Result<PriceTable, Failure> {
        let built_in = PriceTable::built_in();
        let Some(file) = &self.prices else { return Ok(built_in) };
        let text = read_text_within(file, MAX_PRICE_FILE)?;
        match PriceTable::parse(&file.display().to_string(), &text, today()) {
            Ok((table, warnings)) => {
                print_warnings(&warnings, console);
                Ok(built_in.overridden_by(table))
            }
            Err(mistakes) => Err(Failure::diagnostics(mistakes.render(true))),
        }
    }

    /// The product that is asked for by name or by its price, if one is.
    pub(crate) fn asked(&self, table: &PriceTable) -> Result<Option<Product>, Failure> {
        let Some(text) = &self.price else { return Ok(None) };
        if let Some(product) = table.named(text) {
            return Ok(Some(product.clone()));
        }
        if text.starts_with(|first: char| first.is_ascii_digit() || first == '.' || first == '-') {
            let amount = text.parse::<Money>();
            return amount
                .map(|amount| Some(Product::flat(amount)))
                .map_err(|error| Failure::usage(format!("--price {}: {error}", legible(text))));
        }
        let known: Vec<&str> = table.products.iter().map(|product| product.name.as_str()).collect();
        Err(Failure::usage(format!(
            "--price {}: no product has that name; there is {}; or give what a GB costs a month: 0.10",
            legible(text),
            known.join(", ")
        )))
    }

    /// By what each of these registries is billed: as asked for, as configured, or by its host.
    pub(crate) fn products<'h>(
        &self,
        hosts: impl Iterator<Item = &'h RegistryHost>,
        (config, console): (&Config, &Console),
    ) -> Result<Products, Failure> {
        let table = self.table(console)?;
        let asked = self.asked(&table)?;
        let mut of = BTreeMap::new();
        for host in hosts {
            let configured = config.registry(host).and_then(|registry| registry.product.as_deref());
            let product = match (&asked, configured) {
                (Some(asked), _) => Some(asked.clone()),
                (None, Some(name)) => Some(table.named(name).cloned().ok_or_else(|| {
                    Failure::usage(format!(
                        "`product: {}` of {host} in the configuration: no price list has that product; see `jettison audit prices`",
                        legible(name)
                    ))
                })?),
                (None, None) => table.product_of(host).cloned(),
            };
            of.extend(product.map(|product| (host.clone(), product)));
        }
        let days = of.values().filter_map(|product: &Product| product.as_of);
        let note = PriceNote {
            currency: table.currency.clone(),
            as_of: days.min(),
        };
        Ok(Products { of, note })
    }
}

/// The day it is, UTC.
pub(crate) fn today() -> Date {
    Timestamp::now().to_zoned(TimeZone::UTC).date()
}

//! Money: exact amounts, dated prices of registry products, and the bill for so many bytes.
//!
//! Prices are data. [`PriceTable::built_in`] holds what the vendors' pages said on its day; a file of the same form
//! overrides it:
//!
//! ```yaml
//! as-of: 2026-11-01                   # the day on which the prices were read
//! currency: USD
//! products:
//!   - name: ecr
//!     title: Amazon ECR, private repositories
//!     hosts: ["*.dkr.ecr.*.amazonaws.com"]
//!     source: https://aws.amazon.com/ecr/pricing/
//!     as-of: 2026-10-01               # of this product, where it differs
//!     note: of one region; others may cost more
//!     unit: GB                        # what "gb" below means: GB (10^9 bytes) or GiB (2^30)
//!     base: 20                        # a fee a month
//!     free: 500MB                     # what costs nothing beyond it: the first bytes
//!     storage:                        # ends are counted from the first byte; the last tier has none
//!       - { up-to: 50TB, per-gb-month: 0.10 }
//!       - { from: 50TB, per-gb-month: 0.09 }      # `from` may be left out
//!     archive:
//!       storage: [ { up-to: 150TB, per-gb-month: 0.10 }, { per-gb-month: 0.07 } ]
//!       minimum-days: 90
//!       retrieval-per-gb: 0.03
//! ```
//!
//! Nothing is converted between currencies, and a registry that no product fits has no price: no figure, never 0. No
//! clock here: what day it is, is an argument.

mod amount;
pub(crate) mod keys;
mod product;
mod read;
#[cfg(test)]
mod tests;

use jiff::civil::Date;
use serde::Serialize;

use crate::config::reader::{Reader, nowhere};
use crate::config::{Diagnostic, Diagnostics, Source, tree};
use crate::model::RegistryHost;

pub use amount::{InvalidMoney, Money};
pub use product::{ArchivePrices, Bill, BillLine, PriceUnit, Product, Tier};

/// The built-in prices, as a file. The tests read them.
pub const BUILT_IN_YAML: &str = include_str!("prices.yaml");

/// What registry products cost.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PriceTable {
    /// The day on which the prices were read. Each product has its own.
    pub as_of: Date,
    /// What they are in: ISO 4217, `USD`.
    pub currency: String,
    /// The products; the first whose hosts fit a registry prices it.
    pub products: Vec<Product>,
}

impl PriceTable {
    /// Reads a price file, and says what is hardly meant. `file` only serves the messages; prices of a day after `today`
    /// are a mistake, those of more than a year before it a warning.
    ///
    /// # Errors
    /// Everything that is wrong in the file, and the warnings with it, in the order of their places.
    pub fn parse(file: &str, text: &str, today: Date) -> Result<(Self, Vec<Diagnostic>), Diagnostics> {
        let source = Source::new(file, text);
        let mut found = Vec::new();
        let root = tree::parse(&source, &mut found);
        let mut reader = Reader::new(&source, found, &nowhere);
        if root.is_none() && reader.found.is_empty() {
            reader.error_with(
                "missing-key",
                &(0..0),
                "the file is empty",
                "a price file has the keys `as-of`, `currency` and `products`",
            );
        }
        let table = root.and_then(|root| read::table(&mut reader, &root, today));
        let found = Diagnostics::from(reader.found);
        match table {
            Some(table) if !found.has_errors() => Ok((table, found.into_vec())),
            _ => Err(found),
        }
    }

    /// The prices that come with jettison.
    pub fn built_in() -> Self {
        let none = Self {
            as_of: Date::ZERO,
            currency: String::new(),
            products: Vec::new(),
        };
        // That the file is read, and without a warning on its own day, is tested.
        Self::parse("prices.yaml", BUILT_IN_YAML, Date::MAX).map_or(none, |(table, _)| table)
    }

    /// The prices of a registry. `None`: nobody knows them.
    pub fn product_of(&self, host: &RegistryHost) -> Option<&Product> {
        let fits = |product: &&Product| product.hosts.as_ref().is_some_and(|hosts| hosts.fits(host.as_str()));
        self.products.iter().find(fits)
    }

    /// The product of a name.
    pub fn named(&self, name: &str) -> Option<&Product> {
        self.products.iter().find(|product| product.name == name)
    }

    /// These prices with those of `other` before them: its products come first, and take the place of those that have
    /// the same name here. Where the currencies differ, only `other` remains: nothing is converted.
    #[must_use]
    pub fn overridden_by(self, other: Self) -> Self {
        if self.currency != other.currency {
            return other;
        }
        let mut table = other;
        let kept: Vec<Product> = self
            .products
            .into_iter()
            .filter(|product| table.named(&product.name).is_none())
            .collect();
        table.products.extend(kept);
        table
    }

    /// The day of the oldest price in it.
    pub fn oldest(&self) -> Date {
        let days = self.products.iter().filter_map(|product| product.as_of);
        days.min().unwrap_or(self.as_of)
    }
}

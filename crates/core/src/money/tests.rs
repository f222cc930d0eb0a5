//! Amounts, bills and price files.

mod amounts;
mod bills;
mod files;

use super::*;

/// The day on which the tests read prices.
fn today() -> Date {
    jiff::civil::date(2026, 11, 22)
}

fn amount(text: &str) -> Money {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// A table with one product, of these keys.
fn product(keys: &str) -> Product {
    let text = format!("as-of: 2026-11-01\ncurrency: USD\nproducts: [ {{ name: p, {keys} }} ]");
    match PriceTable::parse("prices.yaml", &text, today()) {
        Ok((table, warnings)) => {
            assert_eq!(warnings, [], "{text}");
            table.products[0].clone()
        }
        Err(found) => panic!("{}", found.render(false)),
    }
}

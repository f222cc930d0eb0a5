//! What forecasts say, and the same by other means.

mod courses;
mod growths;
mod laws;

use jiff::civil::date;

use super::*;

const GB: u64 = 1_000_000_000;

fn money(text: &str) -> Money {
    text.parse().unwrap()
}

/// The exercise: 1 GB a day from nothing, looked at for a year.
fn exercise(product: Option<&Product>) -> Outlook<'_> {
    Outlook {
        today: date(2026, 1, 1),
        months: 12,
        standard_bytes: 0,
        archived_bytes: 0,
        growth: "1GB/day".parse().unwrap(),
        product,
        convention: Convention::Average,
        quota: None,
        budget: None,
        cohorts: None,
    }
}

fn tenth() -> Product {
    Product::flat(money("0.10"))
}

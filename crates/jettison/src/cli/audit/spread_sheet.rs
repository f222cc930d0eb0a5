//! The rows of an audit as comma-separated values (RFC 4180): one line a part of a registry, so that data frames and
//! databases take it as it is. Empty means that nobody knows.

use jettison_core::audit::{Audit, Holdings};

use crate::cli::failure::Failure;
use crate::output::text::cell;

const COLUMNS: [&str; 20] = [
    "registry",
    "by",
    "name",
    "images",
    "manifests",
    "tags",
    "untagged",
    "stored_bytes",
    "exclusive_bytes",
    "shared_bytes",
    "archived_bytes",
    "image_bytes",
    "never_pulled_images",
    "never_pulled_bytes",
    "not_in_use_images",
    "not_in_use_bytes",
    "cost_per_month",
    "currency",
    "at_least",
    "at_most",
];

/// Every registry as a whole (`by` is `registry`), and every part of it.
pub(super) fn rows(audit: &Audit) -> Result<String, Failure> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let currency = audit.prices.as_ref().map_or("", |prices| prices.currency.as_str());
    let wholes = audit
        .registries
        .iter()
        .map(|it| (&it.registry, "registry", it.registry.as_str(), &it.totals));
    let parts = audit
        .rows
        .iter()
        .map(|row| (&row.registry, row.by.as_str(), row.name.as_str(), &row.holdings));
    let lost = |error: csv::Error| Failure::new(crate::exit::Exit::Unexpected, error);
    writer.write_record(COLUMNS).map_err(lost)?;
    for (registry, by, name, holdings) in wholes.chain(parts) {
        let mut record = vec![registry.to_string(), cell(by).into_owned(), cell(name).into_owned()];
        record.extend(figures(holdings, currency));
        writer.write_record(record).map_err(lost)?;
    }
    let bytes = writer
        .into_inner()
        .map_err(|error| Failure::new(crate::exit::Exit::Unexpected, error.error()))?;
    String::from_utf8(bytes).map_err(|error| Failure::new(crate::exit::Exit::Unexpected, error))
}

fn figures(holdings: &Holdings, currency: &str) -> Vec<String> {
    let known = |figure: Option<u64>| figure.map(|figure| figure.to_string()).unwrap_or_default();
    let cost = holdings
        .cost_per_month
        .map(|cost| cost.decimal().round_dp(12).normalize().to_string());
    vec![
        holdings.images.to_string(),
        holdings.manifests.to_string(),
        holdings.tags.to_string(),
        holdings.untagged.to_string(),
        holdings.stored_bytes.to_string(),
        holdings.exclusive_bytes.to_string(),
        holdings.shared_bytes.to_string(),
        holdings.archived_bytes.to_string(),
        holdings.image_bytes.to_string(),
        known(holdings.never_pulled_images),
        known(holdings.never_pulled_bytes),
        known(holdings.not_in_use_images),
        known(holdings.not_in_use_bytes),
        cost.clone().unwrap_or_default(),
        cost.map(|_| currency.to_owned()).unwrap_or_default(),
        holdings.at_least.to_string(),
        holdings.at_most.to_string(),
    ]
}

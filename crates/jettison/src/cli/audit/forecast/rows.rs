//! Forecasts as comma-separated values (RFC 4180): one line a month of a registry. Empty means that nobody knows.

use jettison_core::forecast::ForecastMonth;
use jettison_core::money::Money;

use super::Report;
use crate::cli::failure::Failure;
use crate::exit::Exit;

const COLUMNS: [&str; 13] = [
    "registry",
    "month",
    "from",
    "until",
    "stored_bytes",
    "billed_bytes",
    "bill",
    "total",
    "policy_stored_bytes",
    "policy_billed_bytes",
    "policy_bill",
    "policy_total",
    "currency",
];

/// Every month of every registry.
pub(super) fn rows(report: &Report) -> Result<String, Failure> {
    let lost = |error: csv::Error| Failure::new(Exit::Unexpected, error);
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(COLUMNS).map_err(lost)?;
    let currency = report.prices.as_ref().map_or("", |prices| prices.currency.as_str());
    for told in &report.forecasts {
        let registry = told.registry.as_ref().map_or("", |host| host.as_str());
        let with = told.forecast.with_policy.as_ref().map(|course| &course.months);
        for (place, month) in told.forecast.unchanged.months.iter().enumerate() {
            let mut record = vec![
                registry.to_owned(),
                month.month.to_string(),
                month.from.to_string(),
                month.until.to_string(),
            ];
            record.extend(figures(Some(month)));
            record.extend(figures(with.and_then(|months| months.get(place))));
            record.push(month.bill.map_or("", |_| currency).to_owned());
            writer.write_record(record).map_err(lost)?;
        }
    }
    let bytes = writer
        .into_inner()
        .map_err(|error| Failure::new(Exit::Unexpected, error.error()))?;
    String::from_utf8(bytes).map_err(|error| Failure::new(Exit::Unexpected, error))
}

fn figures(month: Option<&ForecastMonth>) -> [String; 4] {
    let amount = |of: fn(&ForecastMonth) -> Option<Money>| {
        let amount = month.and_then(of);
        amount
            .map(|amount| amount.decimal().round_dp(12).normalize().to_string())
            .unwrap_or_default()
    };
    let bytes = |of: fn(&ForecastMonth) -> u64| month.map(|month| of(month).to_string()).unwrap_or_default();
    [
        bytes(|month| month.stored_bytes),
        bytes(|month| month.billed_bytes),
        amount(|month| month.bill),
        amount(|month| month.total),
    ]
}

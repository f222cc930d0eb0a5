//! Where the curve goes: stored bytes and bills, month by month, with and without the policy.

use std::iter::repeat_n;

use jettison_core::audit::{Audit, RegistryForecast};
use jettison_core::forecast::{Course, Forecast, ForecastMonth};
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::super::text::bytes;
use super::cell::{Cell, Unit};
use super::charts::{Chart, Line, Series, lines};

/// More registries than that have no charts of their own: the JSON form has all of them.
const MOST: usize = 6;

/// For each registry what will be stored, and what it will cost if that is known.
pub(super) fn charts(audit: &Audit) -> Vec<Chart> {
    let several = audit.forecasts.len() > 1;
    let currency = audit.prices.as_ref().map_or("", |prices| prices.currency.as_str());
    let forecasts = audit.forecasts.iter().take(MOST).enumerate();
    forecasts
        .flat_map(|(at, forecast)| {
            let of = Of {
                forecast: &forecast.forecast,
                suffix: if at == 0 { String::new() } else { format!("-{}", at + 1) },
                whose: whose(forecast, several),
                currency,
            };
            of.stored().into_iter().chain(of.bills())
        })
        .collect()
}

fn whose(forecast: &RegistryForecast, several: bool) -> String {
    if several {
        format!(" in {}", forecast.registry)
    } else {
        String::new()
    }
}

/// The forecast of one registry.
struct Of<'f> {
    forecast: &'f Forecast,
    suffix: String,
    whose: String,
    currency: &'f str,
}

impl Of<'_> {
    fn stored(&self) -> Option<Chart> {
        let unchanged = &self.forecast.unchanged;
        let last = unchanged.months.last()?;
        let mut says = format!("{} on {} as things are", bytes(last.stored_bytes), last.until);
        if let Some(kept) = self
            .forecast
            .with_policy
            .as_ref()
            .and_then(|course| course.months.last())
        {
            says.push_str(&format!(", {} with the policy", bytes(kept.stored_bytes)));
        }
        says.push('.');
        if let (Some(quota), Some(day)) = (self.forecast.quota_bytes, unchanged.quota_reached_on) {
            says.push_str(&format!(
                " As things are, the quota of {} is reached on {day}.",
                bytes(quota)
            ));
        }
        let values = |course: &Course| {
            course
                .months
                .iter()
                .map(|month| Cell::Bytes(month.stored_bytes))
                .collect()
        };
        let mut series = self.courses(Unit::Bytes, values);
        series.extend(
            self.forecast
                .quota_bytes
                .map(|quota| self.mark("quota", Unit::Bytes, Cell::Bytes(quota))),
        );
        self.chart("stored", "What will be stored", says, |month| month.until, series)
    }

    fn bills(&self) -> Option<Chart> {
        let unchanged = &self.forecast.unchanged;
        let (last, total) = (unchanged.months.last()?, unchanged.total?);
        let currency = self.currency;
        let mut says = format!(
            "{} {currency} in the month from {}, {total} {currency} over all months as things are",
            last.bill?, last.from
        );
        if let Some(total) = self.forecast.with_policy.as_ref().and_then(|course| course.total) {
            says.push_str(&format!(", {total} {currency} with the policy"));
        }
        says.push_str(&format!("; {}.", self.forecast.convention_in_words));
        let exceeded = unchanged
            .budget_exceeded_in
            .and_then(|number| unchanged.months.iter().find(|month| month.month == number));
        if let (Some(budget), Some(month)) = (self.forecast.budget, exceeded) {
            says.push_str(&format!(
                " As things are, the budget of {budget} {currency} is exceeded in the month from {}.",
                month.from
            ));
        }
        let values = |course: &Course| {
            let bills = course
                .months
                .iter()
                .map(|month| Cell::optional(month.bill, Cell::Money));
            bills.collect()
        };
        let mut series = self.courses(Unit::Money, values);
        series.extend(
            self.forecast
                .budget
                .map(|budget| self.mark("budget", Unit::Money, Cell::Money(budget))),
        );
        let title = format!("What a month will cost ({currency})");
        self.chart("bills", &title, says, |month| month.from, series)
    }

    fn courses(&self, unit: Unit, values: impl Fn(&Course) -> Vec<Cell>) -> Vec<Series> {
        let mut series = vec![Series::new("as things are", unit, 2, values(&self.forecast.unchanged))];
        if let Some(course) = &self.forecast.with_policy {
            series.push(Series {
                line: Line::Dashed,
                ..Series::new("with the policy", unit, 3, values(course))
            });
        }
        series
    }

    /// A height to hold the curves against.
    fn mark(&self, name: &str, unit: Unit, height: Cell) -> Series {
        Series {
            line: Line::Dotted,
            ..Series::new(
                name,
                unit,
                0,
                repeat_n(height, self.forecast.unchanged.months.len()).collect(),
            )
        }
    }

    fn chart(
        &self,
        id: &str,
        title: &str,
        says: String,
        day: impl Fn(&ForecastMonth) -> Date,
        series: Vec<Series>,
    ) -> Option<Chart> {
        let days: Option<Vec<Cell>> = self
            .forecast
            .unchanged
            .months
            .iter()
            .map(|month| cell(day(month)))
            .collect();
        Some(lines(
            &format!("{id}{}", self.suffix),
            &format!("{title}{}", self.whose),
            says,
            days?,
            series,
        ))
    }
}

fn cell(day: Date) -> Option<Cell> {
    Some(Cell::Day(day.to_zoned(TimeZone::UTC).ok()?.timestamp()))
}

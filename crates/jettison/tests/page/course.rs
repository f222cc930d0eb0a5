//! Where a world would go: as much a day as it grew, and with a policy half of what is stored.

use jettison_core::audit::RegistryForecast;
use jettison_core::forecast::{Convention, Course, Forecast, ForecastMonth};
use jettison_core::money::Money;
use jiff::{ToSpan, civil::Date};

use super::world::cost;

const FROM: Date = jiff::civil::date(2026, 11, 22);

/// A forecast of so many months from `stored` bytes on, growing by `a_day`.
pub(crate) fn forecast(stored: u64, a_day: u64, months: u32) -> RegistryForecast {
    let growing = course(stored, a_day, months);
    let quota = stored + u64::from(months) * 20 * a_day;
    let reached = growing
        .months
        .iter()
        .find(|month| month.stored_bytes >= quota)
        .map(|month| month.until);
    RegistryForecast {
        registry: "registry.example.com".parse().unwrap(),
        forecast: Forecast {
            from: FROM,
            convention: Convention::End,
            convention_in_words: Convention::End.in_words().to_owned(),
            growth_bytes_per_day: i64::try_from(a_day).unwrap(),
            product: Some("example".to_owned()),
            quota_bytes: Some(quota),
            budget: Some(cost(quota)),
            unchanged: Course {
                quota_reached_on: reached,
                budget_exceeded_in: growing
                    .months
                    .iter()
                    .find(|month| month.stored_bytes > quota)
                    .map(|month| month.month),
                ..growing
            },
            with_policy: Some(course(stored / 2, a_day / 8, months)),
            notes: Vec::new(),
        },
    }
}

fn course(stored: u64, a_day: u64, months: u32) -> Course {
    let mut total = Money::ZERO;
    let month = |number: u32| {
        let stored_bytes = stored + a_day * u64::from(number) * 365 / 12;
        let bill = cost(stored_bytes);
        total = total + bill;
        ForecastMonth {
            month: number,
            from: FROM + i64::from(number - 1).months(),
            until: FROM + i64::from(number).months(),
            stored_bytes,
            billed_bytes: stored_bytes,
            bill: Some(bill),
            total: Some(total),
        }
    };
    let months: Vec<ForecastMonth> = (1..=months).map(month).collect();
    Course {
        months,
        total: Some(total),
        quota_reached_on: None,
        budget_exceeded_in: None,
    }
}

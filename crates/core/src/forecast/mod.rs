//! Where storage and its bill go, month by month. Pure: what day it is and how fast things grow are arguments.
//!
//! Stored bytes grow in a straight line, by the same amount each day, and never fall below nothing. A month is 365/12 days
//! long, so that twelve are a year. A bill is made for the bytes stored on average over the month, or at its end
//! ([`Convention`]): 1 GB a day from nothing at 0.10 a GB-month costs 34.98 in month 12 and 219.00 in the year on average,
//! 36.50 and 237.25 by the end of months. Figures are exact until the last step, which rounds to whole bytes, halves
//! upwards; a bill is that of the bytes shown beside it.
//!
//! With a policy, what is there and what arrives is kept as long as the policy keeps what is there today; the rules are
//! those of [`Cohort`]s, in `retention.rs`. That is an estimate, and never more than without the policy.

mod course;
mod form;
mod growth;
mod parts;
mod retention;
#[cfg(test)]
mod tests;

use jiff::civil::Date;

use crate::audit::Cohort;
use crate::money::{Money, Product};
use crate::policy::ByteSize;
use course::{Line, courses_of};

pub use form::{Convention, Course, Forecast, ForecastMonth};
pub use growth::{Growth, InvalidGrowth};

/// How many months are looked ahead at most: nobody knows more.
pub const MOST_MONTHS: u32 = 120;

/// What a forecast starts from.
#[derive(Debug, Clone, Copy)]
pub struct Outlook<'a> {
    /// The day on which it begins (UTC).
    pub today: Date,
    /// How many months to look ahead: at least 1, at most [`MOST_MONTHS`].
    pub months: u32,
    /// What is stored today, without what is archived.
    pub standard_bytes: u64,
    /// What is archived; it stays.
    pub archived_bytes: u64,
    /// By how much storage grows.
    pub growth: Growth,
    /// What the bills are made by, if the prices are known.
    pub product: Option<&'a Product>,
    /// Which bytes are billed.
    pub convention: Convention,
    /// The most that may be stored, archived or not.
    pub quota: Option<ByteSize>,
    /// The most that a month may cost.
    pub budget: Option<Money>,
    /// What a policy keeps of what arrived when, if it is asked about one.
    pub cohorts: Option<&'a [Cohort]>,
}

/// Looks ahead.
pub fn forecast(outlook: &Outlook<'_>) -> Forecast {
    let (unchanged, with_policy) = courses_of(outlook);
    Forecast {
        from: outlook.today,
        convention: outlook.convention,
        convention_in_words: outlook.convention.in_words().to_owned(),
        growth_bytes_per_day: outlook.growth.bytes_per_day(),
        product: outlook.product.map(|product| product.name.clone()),
        quota_bytes: outlook.quota.map(ByteSize::bytes),
        budget: outlook.budget,
        unchanged,
        with_policy,
        notes: notes(outlook),
    }
}

/// What to know before relying on it.
fn notes(outlook: &Outlook<'_>) -> Vec<String> {
    let mut notes = Vec::new();
    let mut note = |said: bool, text: &str| {
        if said {
            notes.push(text.to_owned());
        }
    };
    note(
        outlook.product.is_none(),
        "no price is known for this registry, so there are no bills: `--price 0.10` or a price file gives one",
    );
    note(
        outlook.growth.bytes_per_day() < 0,
        "what is stored shrinks: something cleans up already, and goes on doing so here until nothing is left",
    );
    note(
        outlook.archived_bytes > 0,
        "what is archived stays as it is; growth goes to storage",
    );
    note(
        outlook.cohorts.is_some(),
        "with the policy: what arrives is kept as what arrived before it was; this is an estimate",
    );
    note(
        Line::of(outlook).at_end(outlook.months.clamp(1, MOST_MONTHS)) > parts::parts(u64::MAX),
        "more would be stored than can be counted: the figures stay at the most that can be",
    );
    notes
}

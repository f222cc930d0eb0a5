//! A forecast as a value, which is its JSON form too. Nothing here computes.

use std::fmt;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::money::Money;

/// Where the curve goes: what is stored month by month, and what it costs.
///
/// A month is 365/12 days long. Bytes and money are as the bill counts them; a product without known prices leaves every
/// amount absent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Forecast {
    /// The day on which it begins (UTC).
    pub from: Date,
    /// Which bytes of a month are billed.
    pub convention: Convention,
    /// The same in words.
    pub convention_in_words: String,
    /// By how much the stored bytes grow a day, to the nearest byte; negative if they shrink.
    pub growth_bytes_per_day: i64,
    /// The product by whose prices the bills are made.
    pub product: Option<String>,
    /// The quota that was asked about, in bytes.
    pub quota_bytes: Option<u64>,
    /// The budget of a month that was asked about.
    pub budget: Option<Money>,
    /// What comes if nothing is cleaned up beyond what is today.
    pub unchanged: Course,
    /// What comes if the policy is applied from the first day on.
    pub with_policy: Option<Course>,
    /// What to know before relying on it.
    pub notes: Vec<String>,
}

/// One way that things may go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Course {
    /// Month by month.
    pub months: Vec<ForecastMonth>,
    /// All bills together.
    pub total: Option<Money>,
    /// The first day on which as much is stored as the quota allows, if one of these days is.
    pub quota_reached_on: Option<Date>,
    /// The number of the first month whose bill is more than the budget, if there is one.
    pub budget_exceeded_in: Option<u32>,
}

/// One month.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ForecastMonth {
    /// Its number, from 1.
    pub month: u32,
    /// Its first day.
    pub from: Date,
    /// The day on which the next one begins.
    pub until: Date,
    /// What is stored at its end, archived or not.
    pub stored_bytes: u64,
    /// What its bill is for: see [`Convention`].
    pub billed_bytes: u64,
    /// What is due for it.
    pub bill: Option<Money>,
    /// What is due for it and all months before it.
    pub total: Option<Money>,
}

/// Which bytes of a month are billed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Convention {
    /// What is stored on average over the month, as the vendors bill.
    #[default]
    Average,
    /// What is stored at its end: simpler, and a little more where storage grows.
    End,
}

impl Convention {
    /// What it is called.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Average => "average",
            Self::End => "end",
        }
    }

    /// What it means.
    pub const fn in_words(self) -> &'static str {
        match self {
            Self::Average => "each month is billed for the bytes stored on average over it; a month is 365/12 days",
            Self::End => "each month is billed for the bytes stored at its end; a month is 365/12 days",
        }
    }
}

impl fmt::Display for Convention {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

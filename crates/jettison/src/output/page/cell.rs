//! One value of a chart or a table: as JSON for the script, and in words for whoever reads without it.

use jettison_core::money::Money;
use jiff::Timestamp;
use serde::{Serialize, Serializer};

use super::super::text::{bytes, number, plain};

/// What the values of a column or a series are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Unit {
    Text,
    Count,
    Bytes,
    Money,
    Day,
}

impl Unit {
    /// Whether its values are read from the right.
    pub(super) fn is_number(self) -> bool {
        matches!(self, Self::Count | Self::Bytes | Self::Money)
    }
}

/// A value.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Cell {
    /// Nobody knows.
    Unknown,
    Text(String),
    Count(u64),
    Bytes(u64),
    Money(Money),
    Day(Timestamp),
}

impl Cell {
    /// Text of others: what would turn the order of reading is made visible.
    pub(super) fn text(text: &str) -> Self {
        Self::Text(plain(text).into_owned())
    }

    pub(super) fn optional<T>(value: Option<T>, cell: impl FnOnce(T) -> Self) -> Self {
        value.map_or(Self::Unknown, cell)
    }

    /// As the script shows it too; `page.js` has the same words.
    pub(super) fn shown(&self) -> String {
        match self {
            Self::Unknown => "–".to_owned(),
            Self::Text(text) => text.clone(),
            Self::Count(count) => number(*count),
            Self::Bytes(size) => bytes(*size),
            Self::Money(amount) => amount.to_string(),
            Self::Day(at) => at.strftime("%Y-%m-%d").to_string(),
        }
    }
}

/// Bare values; the column says what they are. Money is as exact as it is shown, days are seconds since 1970.
impl Serialize for Cell {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Unknown => serializer.serialize_none(),
            Self::Text(text) => serializer.serialize_str(text),
            Self::Count(value) | Self::Bytes(value) => serializer.serialize_u64(*value),
            Self::Money(amount) => serializer.serialize_f64(rounded(*amount)),
            Self::Day(at) => serializer.serialize_i64(at.as_second()),
        }
    }
}

/// What is shown of an amount, as a number.
fn rounded(amount: Money) -> f64 {
    amount.to_string().replace(',', "").parse().unwrap_or_default()
}

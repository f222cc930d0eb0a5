//! Amounts of money: exact decimals that neither overflow nor lose a cent. Knows no currency and no prices.

use std::fmt;
use std::iter::Sum;
use std::ops::{Add, Sub};
use std::str::FromStr;

use rust_decimal::{Decimal, RoundingStrategy};
use serde::de::Visitor;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::words;

/// How many decimals an amount may be written with, and has in JSON: one byte at a tenth of a cent per GB still shows.
const DECIMALS: u32 = 12;

/// An amount of money in whatever currency its prices are in.
///
/// A decimal of 28 digits. Sums never wrap or panic: beyond [`Money::MOST`], or below its negative, they stay there. In
/// JSON it is a number, rounded to 12 decimals.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Money(Decimal);

impl Money {
    /// Nothing.
    pub const ZERO: Self = Self(Decimal::ZERO);

    /// The largest amount there is, 10^18: what is more counts as this much. Ten digits are left behind its point.
    pub const MOST: Self = Self(Decimal::from_parts(0xA764_0000, 0x0DE0_B6B3, 0, false, 0));

    /// A decimal as an amount, brought within [`MOST`](Self::MOST).
    pub fn new(amount: Decimal) -> Self {
        Self(amount.clamp(-Self::MOST.0, Self::MOST.0))
    }

    /// The amount as a decimal.
    pub const fn decimal(self) -> Decimal {
        self.0
    }

    /// Whether it is neither more nor less than nothing.
    pub fn is_zero(self) -> bool {
        self.0.is_zero()
    }

    /// What `part` of `whole` comes to, if the whole comes to this. `None` if the whole is nothing.
    pub fn share(self, part: u64, whole: u64) -> Option<Self> {
        let (part, whole) = (Decimal::from(part), Decimal::from(whole));
        let exact = self.0.checked_mul(part).and_then(|product| product.checked_div(whole));
        // Only where the product has more than 28 digits before its point; then its last digits are lost.
        let rounded = || part.checked_div(whole)?.checked_mul(self.0);
        let share = exact.or_else(rounded).map_or_else(|| self.beyond(), Self::new);
        (!whole.is_zero()).then_some(share)
    }

    /// The amount `times` over.
    pub fn times(self, times: u64) -> Self {
        self.0
            .checked_mul(Decimal::from(times))
            .map_or_else(|| self.beyond(), Self::new)
    }

    /// What an amount of this sign is that is too large to be one.
    fn beyond(self) -> Self {
        if self.0.is_sign_negative() {
            Self(-Self::MOST.0)
        } else {
            Self::MOST
        }
    }
}

/// Stays at [`Money::MOST`] when it would be more.
impl Add for Money {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        // Two amounts within `MOST` have a sum that a decimal can hold.
        self.0.checked_add(other.0).map_or_else(|| self.beyond(), Self::new)
    }
}

/// Stays at the negative of [`Money::MOST`] when it would be less.
impl Sub for Money {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        self.0.checked_sub(other.0).map_or_else(|| self.beyond(), Self::new)
    }
}

impl Sum for Money {
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        amounts.fold(Self::ZERO, Add::add)
    }
}

/// `1,234.50`: two places, rounded half away from zero. What is less than a cent shows its first two digits, `0.0004`,
/// so that a price never reads as nothing.
impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cents = rounded(self.0, 2);
        let size = self.0.abs();
        let text = if size.is_zero() || size >= Decimal::new(1, 2) {
            grouped(&format!("{:.2}", cents.abs()))
        } else if size < Decimal::new(1, DECIMALS) {
            return f.pad(if self.0.is_sign_negative() {
                "> -0.000000000001"
            } else {
                "< 0.000000000001"
            });
        } else {
            let two_digits = size.round_sf_with_strategy(2, RoundingStrategy::MidpointAwayFromZero);
            two_digits.unwrap_or(size).normalize().to_string()
        };
        let sign = if self.0.is_sign_negative() && !size.is_zero() {
            "-"
        } else {
            ""
        };
        f.pad(&format!("{sign}{text}"))
    }
}

fn rounded(amount: Decimal, decimals: u32) -> Decimal {
    amount.round_dp_with_strategy(decimals, RoundingStrategy::MidpointAwayFromZero)
}

/// `1234.50` as `1,234.50`.
fn grouped(text: &str) -> String {
    let (whole, cents) = text.split_once('.').unwrap_or((text, "00"));
    let whole = whole.parse().map_or_else(|_| whole.to_owned(), words::number);
    format!("{whole}.{cents}")
}

/// A JSON number. Its 12 decimals are the nearest that a double can hold.
impl Serialize for Money {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let text = rounded(self.0, DECIMALS).normalize().to_string();
        serializer.serialize_f64(text.parse().map_err(serde::ser::Error::custom)?)
    }
}

impl<'de> Deserialize<'de> for Money {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_f64(Number)
    }
}

/// Takes numbers alone: a text that looks like an amount may mean another one elsewhere (`1.234,50`).
struct Number;

impl Visitor<'_> for Number {
    type Value = Money;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an amount of money as a number")
    }

    fn visit_f64<E: serde::de::Error>(self, number: f64) -> Result<Money, E> {
        // The shortest text that means this double, without an exponent: what was written, where a person wrote it.
        let amount = Decimal::from_str(&number.to_string()).map_err(E::custom)?;
        Ok(Money::new(rounded(amount, DECIMALS)))
    }

    fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<Money, E> {
        Ok(Money::new(Decimal::from(number)))
    }

    fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<Money, E> {
        Ok(Money::new(Decimal::from(number)))
    }
}

/// Why a text is not an amount of money.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{problem}")]
pub struct InvalidMoney {
    problem: &'static str,
    hint: &'static str,
}

impl InvalidMoney {
    /// What to write instead.
    pub const fn hint(&self) -> &'static str {
        self.hint
    }
}

/// The largest amount that anybody may write: a budget of ten to the twelve is a slip of the pen.
const MOST_WRITTEN: Decimal = Decimal::from_parts(0xD4A5_1000, 0xE8, 0, false, 0);

/// Digits with at most one point: `0.10`, `150`. No sign, no exponent, no currency, nothing between the digits.
impl FromStr for Money {
    type Err = InvalidMoney;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let error = |problem, hint| Err(InvalidMoney { problem, hint });
        if text.starts_with('-') {
            return error("an amount cannot be negative", "write what is paid, `0.10`");
        }
        let (whole, decimals) = text.split_once('.').unwrap_or((text, "0"));
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        if !digits(whole) || !digits(decimals) {
            return error(
                "not an amount of money",
                "write digits with a point before the decimals and nothing else: `0.10`, `1500`",
            );
        }
        if decimals.trim_end_matches('0').len() > DECIMALS as usize {
            return error("an amount with more than 12 decimals", "write fewer digits");
        }
        let plain = format!("{whole}.{}", decimals.trim_end_matches('0'));
        match Decimal::from_str(plain.trim_end_matches('.')) {
            Ok(amount) if amount <= MOST_WRITTEN => Ok(Self(amount)),
            _ => error("an amount that nobody pays", "write fewer digits"),
        }
    }
}

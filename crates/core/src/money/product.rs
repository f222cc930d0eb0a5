//! What a registry product charges for storage, and the bill for what it holds. Reads no files.

use std::borrow::Cow;

use jiff::civil::Date;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize, Serializer};

use super::Money;
use crate::policy::{ByteSize, NameGlobs};

/// What a product costs a month.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Product {
    /// By what it is asked for, `ecr`.
    pub name: String,
    /// What people call it.
    pub title: String,
    /// The hosts that are billed by it. `None`: only who names it means it.
    #[serde(serialize_with = "patterns")]
    pub hosts: Option<NameGlobs>,
    /// Where the prices can be looked up.
    pub source: Option<String>,
    /// The day on which they were read. `None` if they were given by hand.
    pub as_of: Option<Date>,
    /// What to know before relying on them.
    pub note: Option<String>,
    /// What sizes are priced in.
    pub unit: PriceUnit,
    /// The fee that is due whatever is stored.
    pub base: Money,
    /// How many bytes cost nothing beyond the fee.
    pub free: ByteSize,
    /// The price of what is stored. Empty if the fee covers it all.
    pub storage: Vec<Tier>,
    /// The price of what lies in the archive. `None`: the product has none, and what is archived is billed as stored.
    pub archive: Option<ArchivePrices>,
}

/// The globs of hosts, as written.
fn patterns<S: Serializer>(hosts: &Option<NameGlobs>, serializer: S) -> Result<S::Ok, S::Error> {
    hosts.as_ref().map(NameGlobs::patterns).serialize(serializer)
}

/// What sizes are priced in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum PriceUnit {
    /// 10^9 bytes.
    #[default]
    GB,
    /// 2^30 bytes.
    GiB,
}

impl PriceUnit {
    /// How many bytes it is.
    pub const fn bytes(self) -> u64 {
        match self {
            Self::GB => 1_000_000_000,
            Self::GiB => 1 << 30,
        }
    }

    /// What it is called.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::GB => "GB",
            Self::GiB => "GiB",
        }
    }

    /// What so many bytes cost. To 28 digits: exact for prices of up to four decimals and all that a disk can hold.
    fn price(self, bytes: u64, each: Money) -> Money {
        let bytes = Decimal::from(bytes);
        let product = bytes.checked_mul(each.decimal());
        let amount = product.and_then(|product| product.checked_div(Decimal::from(self.bytes())));
        // A price is at most 10^6 and there are fewer than 10^20 bytes: the product has at most 26 digits before its point.
        amount.map_or(Money::MOST, Money::new)
    }
}

/// A price for the bytes between the end of the tier before and its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Tier {
    /// Where it ends, counted from the first byte stored. `None`: nowhere.
    pub up_to: Option<ByteSize>,
    /// What a unit of bytes costs a month.
    pub per_gb_month: Money,
}

/// What the archive of a product costs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ArchivePrices {
    /// The price of what lies there.
    pub storage: Vec<Tier>,
    /// For how many days at least what is archived is paid for.
    pub minimum_days: u32,
    /// What a unit of bytes costs when it is brought back.
    pub retrieval_per_gb: Option<Money>,
}

/// What is due for one month.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bill {
    /// The sum of the lines.
    pub total: Money,
    /// What it is made of.
    pub lines: Vec<BillLine>,
}

/// One line of a bill.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BillLine {
    /// What is charged, in words.
    pub what: String,
    /// How many bytes it is about; none for a fee.
    pub bytes: u64,
    /// What is due for them.
    pub amount: Money,
}

/// Which part of what is stored a line is about.
struct Part<'p> {
    name: &'static str,
    tiers: &'p [Tier],
    bytes: u64,
    /// How many of the first bytes cost nothing.
    free: u64,
}

impl Product {
    /// A product that charges the same for every GB and nothing else.
    pub fn flat(per_gb: Money) -> Self {
        Self {
            name: "flat".to_owned(),
            title: format!("{per_gb} a GB-month"),
            hosts: None,
            source: None,
            as_of: None,
            note: None,
            unit: PriceUnit::GB,
            base: Money::ZERO,
            free: ByteSize(0),
            storage: vec![Tier {
                up_to: None,
                per_gb_month: per_gb,
            }],
            archive: None,
        }
    }

    /// The bill for a month in which so many bytes are stored all along.
    ///
    /// `base + Σ (bytes of the tier − those that are free) ÷ unit × price of the tier`, and the same for the archive. The
    /// free bytes are the first ones, and tiers are counted from the first byte, free or not.
    pub fn monthly(&self, standard_bytes: u64, archived_bytes: u64) -> Bill {
        // An archive without a price of its own: no less than what stored bytes cost.
        let (standard, archived) = match &self.archive {
            Some(_) => (standard_bytes, archived_bytes),
            None => (standard_bytes.saturating_add(archived_bytes), 0),
        };
        let mut lines = Vec::new();
        if !self.base.is_zero() {
            lines.push(BillLine {
                what: "monthly fee".to_owned(),
                bytes: 0,
                amount: self.base,
            });
        }
        lines.extend(self.lines(&Part {
            name: "storage",
            tiers: &self.storage,
            bytes: standard,
            free: self.free.bytes(),
        }));
        if let Some(archive) = &self.archive {
            lines.extend(self.lines(&Part {
                name: "archive",
                tiers: &archive.storage,
                bytes: archived,
                free: 0,
            }));
        }
        Bill {
            total: lines.iter().map(|line| line.amount).sum(),
            lines,
        }
    }

    /// What the bill is less by each month when what is stored goes from `now` to `then`: bytes in storage and in the
    /// archive, as [`monthly`](Self::monthly) takes them. Negative if the bill grows.
    pub fn marginal(&self, now: (u64, u64), then: (u64, u64)) -> Money {
        self.monthly(now.0, now.1).total - self.monthly(then.0, then.1).total
    }

    /// Whether the archive costs no less than storage for so many bytes in it: then archiving them saves nothing. False
    /// if the product has no archive.
    pub fn archive_saves_nothing(&self, archived_bytes: u64) -> bool {
        self.archive.is_some() && self.marginal((archived_bytes, 0), (0, archived_bytes)) <= Money::ZERO
    }

    /// Whether its prices are of more than a year before `today`.
    pub fn is_old(&self, today: Date) -> bool {
        self.as_of.is_some_and(|as_of| is_old(as_of, today))
    }

    fn lines(&self, part: &Part<'_>) -> Vec<BillLine> {
        let mut lines = Vec::new();
        let free = part.free.min(part.bytes);
        if free > 0 {
            lines.push(BillLine {
                what: format!("{}, free", part.name),
                bytes: free,
                amount: Money::ZERO,
            });
        }
        let mut from = 0;
        for tier in part.tiers {
            let end = tier.up_to.map_or(u64::MAX, ByteSize::bytes);
            let bytes = part.bytes.min(end).saturating_sub(from.max(free));
            if bytes > 0 {
                lines.push(self.line(part, tier, bytes));
            }
            from = end;
        }
        lines
    }

    fn line(&self, part: &Part<'_>, tier: &Tier, bytes: u64) -> BillLine {
        let range = match tier.up_to {
            Some(end) => Cow::Owned(format!(" up to {end}")),
            None if part.tiers.len() > 1 => Cow::Borrowed(" beyond that"),
            None => Cow::Borrowed(""),
        };
        let price = format!("{} a {}-month", tier.per_gb_month, self.unit.as_str());
        BillLine {
            what: format!("{}{range}, {price}", part.name),
            bytes,
            amount: self.unit.price(bytes, tier.per_gb_month),
        }
    }
}

/// Whether a day is more than a year before another.
pub(super) fn is_old(as_of: Date, today: Date) -> bool {
    as_of
        .checked_add(jiff::Span::new().years(1))
        .is_ok_and(|until| until < today)
}

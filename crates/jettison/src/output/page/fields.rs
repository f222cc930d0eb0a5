//! The cells of a row with the columns they stand in, and the words that several tables have in common.

use std::cmp::Reverse;

use jettison_core::audit::Holdings;
use jettison_core::model::Digest;

use super::super::text::number;
use super::cell::{Cell, Unit};

/// How many of those who use an image are named.
const NAMED_USERS: usize = 5;

/// Columns with the cells of a row: written side by side, so that they cannot part.
pub(super) type Fields = Vec<(&'static str, &'static str, Unit, Cell)>;

/// The figures of a part, in the order in which one asks for them.
pub(super) fn holdings(holdings: &Holdings) -> Fields {
    vec![
        ("images", "Images", Unit::Count, Cell::Count(holdings.images)),
        (
            "stored_bytes",
            "Stored",
            Unit::Bytes,
            Cell::Bytes(holdings.stored_bytes),
        ),
        (
            "exclusive_bytes",
            "Alone",
            Unit::Bytes,
            Cell::Bytes(holdings.exclusive_bytes),
        ),
        (
            "cost_per_month",
            "A month",
            Unit::Money,
            Cell::optional(holdings.cost_per_month, Cell::Money),
        ),
        (
            "not_in_use_images",
            "Images not in use",
            Unit::Count,
            Cell::optional(holdings.not_in_use_images, Cell::Count),
        ),
        (
            "not_in_use_bytes",
            "Not in use",
            Unit::Bytes,
            Cell::optional(holdings.not_in_use_bytes, Cell::Bytes),
        ),
        (
            "never_pulled_images",
            "Images never pulled",
            Unit::Count,
            Cell::optional(holdings.never_pulled_images, Cell::Count),
        ),
        (
            "never_pulled_bytes",
            "Never pulled",
            Unit::Bytes,
            Cell::optional(holdings.never_pulled_bytes, Cell::Bytes),
        ),
        ("tags", "Tags", Unit::Count, Cell::Count(holdings.tags)),
        ("untagged", "Untagged", Unit::Count, Cell::Count(holdings.untagged)),
        (
            "shared_bytes",
            "Shared",
            Unit::Bytes,
            Cell::Bytes(holdings.shared_bytes),
        ),
        (
            "archived_bytes",
            "Archived",
            Unit::Bytes,
            known_if(holdings.archived_bytes),
        ),
        (
            "exact",
            "Exact",
            Unit::Text,
            Cell::optional(qualifier(holdings), Cell::text),
        ),
    ]
}

/// Nothing is not worth a column.
pub(super) fn known_if(bytes: u64) -> Cell {
    if bytes == 0 { Cell::Unknown } else { Cell::Bytes(bytes) }
}

/// How exact the figures are, unless they are.
pub(super) fn qualifier(holdings: &Holdings) -> Option<&'static str> {
    match (holdings.at_least, holdings.at_most) {
        (true, true) => Some("about"),
        (true, false) => Some("at least"),
        (false, true) => Some("at most"),
        (false, false) => None,
    }
}

pub(super) fn by_stored(rows: &mut [Fields]) {
    rows.sort_by_key(|row| Reverse(count_in(row, "stored_bytes")));
}

pub(super) fn count_in(row: &Fields, key: &str) -> u64 {
    let cell = row.iter().find(|field| field.0 == key).map(|field| &field.3);
    match cell {
        Some(Cell::Bytes(value) | Cell::Count(value)) => *value,
        _ => 0,
    }
}

/// `sha256:1a2b3c4d5e6f`.
pub(super) fn short(digest: &Digest) -> String {
    digest.to_string().chars().take("sha256:".len() + 12).collect()
}

/// The first few, and how many more.
pub(super) fn some_of<T: AsRef<str>>(names: &[T], between: &str) -> String {
    let named: Vec<&str> = names.iter().take(NAMED_USERS).map(AsRef::as_ref).collect();
    let more = names.len() - named.len();
    let named = named.join(between);
    if more == 0 {
        named
    } else {
        format!("{named}{between}{} more", number(more as u64))
    }
}

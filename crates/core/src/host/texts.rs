//! Reasons in words, for people: short, with the rule and what was measured.

use std::fmt;

use super::plan::{GoReason, StayReason};
use crate::reason::Ruling;
use crate::words::count;

/// So many users are told by name.
const TOLD_USERS: usize = 3;

/// `unused for 12 days; rule unused (unused-for: 7d)`.
impl fmt::Display for GoReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Expired(ruling) => write!(f, "{}{}", Unused(ruling), Rule(ruling)),
            Self::DiskPressure(ruling) => {
                write!(
                    f,
                    "the disk is too full; {}{} would take it later",
                    Unused(ruling),
                    Rule(ruling)
                )
            }
        }
    }
}

/// `in use by container web`, `among the newest 2 of docker.io/library/nginx`.
impl fmt::Display for StayReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InUse { used_by } => write_users(used_by, f),
            Self::Pinned { why } => write!(f, "pinned: {why}"),
            Self::Protected { by } => write!(f, "protected: {by}"),
            Self::UnknownName { name } => write!(f, "its name `{name}` cannot be understood"),
            Self::UnknownAge => f.write_str("nobody knows since when it is unused"),
            Self::LocalOnly => f.write_str("no registry is known to have it"),
            Self::KeepNewest {
                repository,
                place,
                keep,
            } => {
                write!(f, "number {place} of the newest {keep} of {repository}, which stay")
            }
            Self::KeepAlways(ruling) => write!(f, "{} always keeps it", Rule(ruling)),
            Self::Unless(ruling) => write!(f, "{} spares it", Rule(ruling)),
            Self::NotExpired(ruling) => write!(f, "{}{} keeps it for now", Unused(ruling), Rule(ruling)),
            Self::NoRule => f.write_str("no rule speaks of it"),
            Self::Incomplete => f.write_str("it would go, but not everything could be read that might need it"),
        }
    }
}

fn write_users(used_by: &[String], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let told = &used_by[..used_by.len().min(TOLD_USERS)];
    write!(f, "in use by {}", told.join(", "))?;
    match used_by.len() - told.len() {
        0 => Ok(()),
        more => write!(f, " and {more} more"),
    }
}

/// `rule unused (unused-for: 7d)`, with what was found where that is no age.
struct Rule<'r>(&'r Ruling);

impl fmt::Display for Rule<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "rule {}", self.0.rule())?;
        let conditions = self.0.conditions();
        for (place, (name, finding)) in conditions.iter().enumerate() {
            let before = if place == 0 { " (" } else { "; " };
            write!(f, "{before}{name}: {}", finding.limit)?;
            if spoken(&finding.found).is_none() {
                write!(f, ", {}", finding.found)?;
            }
        }
        f.write_str(if conditions.is_empty() { "" } else { ")" })
    }
}

/// `unused for 12 days; `, if the rule asked for that.
struct Unused<'r>(&'r Ruling);

impl fmt::Display for Unused<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let conditions = self.0.conditions();
        match conditions.values().find_map(|finding| spoken(&finding.found)) {
            Some(age) => write!(f, "unused for {age}; "),
            None => Ok(()),
        }
    }
}

/// `12 days` of `12d 3h`: the greatest unit says enough. `None` of what is no age.
fn spoken(found: &str) -> Option<String> {
    let first = found.split(' ').next()?;
    let unit = [("d", "day"), ("h", "hour"), ("m", "minute")];
    let mut numbers = unit.iter().filter_map(|(letter, word)| {
        let number: u64 = first.strip_suffix(letter)?.parse().ok()?;
        Some(count(number, word))
    });
    numbers.next()
}

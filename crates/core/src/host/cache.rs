//! What of a build cache is likely to go. The engine chooses by itself; this tells beforehand how much that will be.

use jiff::Timestamp;

use super::facts::CacheRecord;
use super::plan::CachePlan;
use super::settings::CacheSettings;
use crate::policy::Period;

/// What goes: what no build used for too long, then the rest in the order of last uses until it is small enough. Never
/// what a build uses now, nor what nobody knows the age of.
pub(super) fn plan(records: &[CacheRecord], settings: Option<&CacheSettings>, now: Timestamp) -> CachePlan {
    let settings = settings.copied().unwrap_or_default();
    let of_bytes = sum(records.iter());
    let mut idle: Vec<(Timestamp, &CacheRecord)> = records
        .iter()
        .filter(|record| !record.in_use)
        .filter_map(|record| Some((last_use(record)?, record)))
        .collect();
    idle.sort_by(|a, b| (a.0, &a.1.id).cmp(&(b.0, &b.1.id)));
    let mut left = of_bytes;
    // What is unused for too long comes first in this order, so that it goes before the size is asked for.
    idle.retain(|(used_at, record)| {
        let unused = settings.unused_for.is_some_and(|limit| is_over(*used_at, limit, now));
        let too_much = settings.keep_at_most.is_some_and(|most| left > most.bytes());
        if unused || too_much {
            left = left.saturating_sub(record.bytes);
        }
        unused || too_much
    });
    let go: Vec<CacheRecord> = idle.into_iter().map(|(_, record)| record.clone()).collect();
    CachePlan {
        bytes: sum(go.iter()),
        go,
        of_bytes,
    }
}

/// When a build last used it, else when it was made.
fn last_use(record: &CacheRecord) -> Option<Timestamp> {
    record.last_used_at.or(record.created_at)
}

fn is_over(used_at: Timestamp, limit: Period, now: Timestamp) -> bool {
    now.as_nanosecond() - used_at.as_nanosecond() > i128::from(limit.seconds()) * 1_000_000_000
}

fn sum<'r>(records: impl Iterator<Item = &'r CacheRecord>) -> u64 {
    records.fold(0, |sum, record| sum.saturating_add(record.bytes))
}

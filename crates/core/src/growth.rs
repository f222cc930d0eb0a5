//! How fast what is stored grows: measured between recorded scans, else told from what arrived lately.
//!
//! Pure arithmetic on facts. It says nothing of what will be: that is for a forecast, which starts from here.

use jiff::{SignedDuration, Timestamp};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::evaluate::Dates;
use crate::facts::Repositories;
use crate::graph::Graph;
use crate::model::{RegistryHost, Repository};

const DAY: SignedDuration = SignedDuration::from_hours(24);

/// Arrivals are looked at over so many days.
const ARRIVAL_DAYS: i64 = 30;

/// Bytes that are added each day, clean-ups left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct GrowthRate {
    /// Bytes added a day, rounded down.
    pub bytes_per_day: u64,
    /// From when on it was looked at.
    pub since: Timestamp,
    /// Until when.
    pub until: Timestamp,
    /// The readings it rests on; of arrivals, the manifests that arrived.
    pub points: u64,
    /// How it is known.
    pub from: GrowthFrom,
}

/// How a rate is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GrowthFrom {
    /// From what recorded scans found, one after the other.
    RecordedScans,
    /// From what arrived lately and is still there: at least so much was added.
    Arrivals,
}

impl GrowthRate {
    /// Whether more may have been added.
    pub fn at_least(&self) -> bool {
        self.from == GrowthFrom::Arrivals
    }
}

/// The rate between readings of what was stored, in any order.
///
/// `bytes_per_day = Σ max(0, bytes[i] − bytes[i−1]) ÷ ((time[last] − time[first]) ÷ 24 h)`
///
/// A drop is a clean-up and left out, so that the rate is what is pushed and not what is left. What came and went between
/// two readings is not seen. `None` of fewer than two readings, or of less than a day.
pub fn measured(points: &[(Timestamp, u64)]) -> Option<GrowthRate> {
    let mut points = points.to_vec();
    points.sort_by_key(|(at, _)| *at);
    let ((since, _), (until, _)) = (*points.first()?, *points.last()?);
    if until.duration_since(since) < DAY {
        return None;
    }
    let risen = points
        .windows(2)
        .map(|pair| u128::from(pair[1].1.saturating_sub(pair[0].1)));
    Some(GrowthRate {
        bytes_per_day: a_day(risen.sum(), until.duration_since(since)),
        since,
        until,
        points: points.len() as u64,
        from: GrowthFrom::RecordedScans,
    })
}

/// The rate told from one inventory: what arrived in a registry within the last 30 days and is still there.
///
/// `bytes_per_day = Σ size of each manifest and blob that is held only by manifests that arrived then ÷ 30`
///
/// Each counts once in the registry; of two sizes of the same digest the larger. A manifest arrived as the policies say
/// (push time, else first sight after a complete scan, else build date); one of which nobody knows counts as older, and
/// what it shares with newer ones too. What arrived and was deleted since is not seen: the rate is at least this.
pub fn arrivals(inventory: &dyn Repositories, registry: &RegistryHost, now: Timestamp) -> GrowthRate {
    let since = now.saturating_sub(DAY * ARRIVAL_DAYS as i32).unwrap_or(Timestamp::MIN);
    let positions: Vec<usize> = (0..inventory.count())
        .filter(|position| inventory.place(*position).0 == registry)
        .collect();
    let held = positions
        .par_iter()
        .map(|position| held(&inventory.repository(*position), since, now));
    let (mut held, points) = held.reduce(Default::default, |(mut all, sum), (more, count)| {
        all.extend(more);
        (all, sum + count)
    });
    held.par_sort_unstable();
    let each = held.chunk_by(|one, next| one.0 == next.0);
    let fresh = each.filter(|same| same.iter().all(|(_, _, fresh)| *fresh));
    let bytes = fresh
        .filter_map(<[_]>::last)
        .map(|(_, size, _)| u128::from(*size))
        .sum();
    GrowthRate {
        bytes_per_day: a_day(bytes, DAY * ARRIVAL_DAYS as i32),
        since,
        until: now,
        points,
        from: GrowthFrom::Arrivals,
    }
}

/// Everything a repository holds: the first bytes of its digest, its size, and whether its holder is new; and how many
/// manifests are.
fn held(repository: &Repository, since: Timestamp, now: Timestamp) -> (Vec<(u64, u64, bool)>, u64) {
    let graph = Graph::of(repository);
    let dates = Dates::new(repository, &graph, now);
    let (mut held, mut new) = (Vec::new(), 0);
    for node in graph.nodes() {
        let Some(manifest) = graph.manifest(node) else { continue };
        let fresh = dates.arrival(node).is_some_and(|at| at > since);
        new += u64::from(fresh);
        let blobs = manifest
            .blobs
            .iter()
            .map(|blob| (blob.digest.leading(), blob.size, fresh));
        held.extend(blobs.chain([(manifest.digest.leading(), manifest.size, fresh)]));
    }
    (held, new)
}

fn a_day(bytes: u128, over: SignedDuration) -> u64 {
    let nanoseconds = u128::try_from(over.as_nanos()).unwrap_or(0);
    let rate = bytes
        .saturating_mul(DAY.as_nanos().unsigned_abs())
        .checked_div(nanoseconds);
    u64::try_from(rate.unwrap_or(0)).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::model::{Blob, Digest, Inventory, Kind, Manifest, Schema};

    fn hour(hours: i64) -> Timestamp {
        "2026-01-01T00:00:00Z".parse::<Timestamp>().unwrap() + SignedDuration::from_hours(hours)
    }

    #[test]
    fn rises_count_and_drops_do_not() {
        let rate = |points: &[(i64, u64)]| {
            let points: Vec<_> = points.iter().map(|(at, bytes)| (hour(*at), *bytes)).collect();
            measured(&points).map(|rate| rate.bytes_per_day)
        };
        for (points, expected) in [
            (&[][..], None),
            (&[(0, 5)], None),
            (&[(0, 5), (23, 10)], None),
            (&[(0, 5), (24, 10)], Some(5)),
            (&[(24, 10), (0, 5)], Some(5)),
            (&[(0, 5), (48, 10)], Some(2)),
            (&[(0, 100), (24, 0), (48, 100)], Some(50)),
            (&[(0, 100), (24, 0)], Some(0)),
            (&[(0, 0), (24, u64::MAX)], Some(u64::MAX)),
            (&[(0, 0), (12, u64::MAX), (18, 0), (24, u64::MAX)], Some(u64::MAX)),
            (&[(0, 7), (0, 9), (24, 9)], Some(2)),
        ] {
            assert_eq!(rate(points), expected, "{points:?}");
        }
        let known = measured(&[(hour(0), 1), (hour(30), 2), (hour(36), 2)]).unwrap();
        assert_eq!((known.since, known.until, known.points), (hour(0), hour(36), 3));
        assert!(!known.at_least());
    }

    fn manifest(name: &str, pushed_at: Option<Timestamp>, blobs: &[(&str, u64)]) -> Manifest {
        let blob = |(name, size): &(&str, u64)| Blob {
            digest: Digest::of(name.as_bytes()),
            size: *size,
        };
        let digest = Digest::of(name.as_bytes());
        let mut manifest: Manifest =
            serde_json::from_value(serde_json::json!({"digest": digest, "kind": Kind::Image})).unwrap();
        manifest.pushed_at = pushed_at;
        manifest.blobs = blobs.iter().map(blob).collect();
        manifest
    }

    #[test]
    fn only_what_none_but_new_manifests_hold_has_arrived() {
        let day = |days: i64| Some(hour(24 * days));
        let (old, new) = (day(100), day(350));
        for (name, manifests, expected) in [
            ("nothing", vec![], (0, 0)),
            ("new", vec![manifest("a", new, &[("x", 300)])], (10, 1)),
            ("old", vec![manifest("a", old, &[("x", 300)])], (0, 0)),
            ("unknown", vec![manifest("a", None, &[("x", 300)])], (0, 0)),
            (
                "twice",
                vec![manifest("a", new, &[("x", 300)]), manifest("b", new, &[("x", 300)])],
                (10, 2),
            ),
            (
                "shared",
                vec![
                    manifest("a", old, &[("x", 300)]),
                    manifest("b", new, &[("x", 300), ("y", 60)]),
                ],
                (2, 1),
            ),
            (
                "shared with unknown",
                vec![manifest("a", None, &[("x", 300)]), manifest("b", new, &[("x", 300)])],
                (0, 1),
            ),
            (
                "two sizes",
                vec![manifest("a", new, &[("x", 30)]), manifest("b", new, &[("x", 300)])],
                (10, 2),
            ),
            ("just too old", vec![manifest("a", day(335), &[("x", 300)])], (0, 0)),
        ] {
            let host: RegistryHost = "r.io".parse().unwrap();
            let repository: Repository =
                serde_json::from_value(serde_json::json!({"registry": "r.io", "name": "web"})).unwrap();
            let other = Repository {
                registry: "other.io".parse().unwrap(),
                ..repository.clone()
            };
            let other = Repository {
                manifests: vec![manifest("z", new, &[("z", 3_000)])],
                ..other
            };
            let inventory = Inventory {
                schema: Schema,
                taken_at: hour(0),
                complete_registries: BTreeSet::new(),
                repositories: vec![
                    other,
                    Repository {
                        manifests,
                        ..repository
                    },
                ],
                gaps: Vec::new(),
            };
            let rate = arrivals(&inventory, &host, hour(24 * 365));
            assert_eq!((rate.bytes_per_day, rate.points), expected, "{name}");
            assert!(rate.at_least());
        }
    }
}

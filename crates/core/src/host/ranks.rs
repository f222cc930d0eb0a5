//! The newest images of each repository, which stay: the one that runs, and the one to roll back to.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::images::{Image, Place};
use super::plan::StayReason;

/// For each image the reason if it is among the `keep` newest of any of its repositories; the best of its places.
///
/// The ledger's times alone rank, in which what is in use was used just now. That somebody is seen to use an image in
/// these facts moves no other image: a use never makes anything go.
pub(super) fn newest(images: &[Image<'_>], keep: u64) -> Vec<Option<StayReason>> {
    let mut places: BTreeMap<&Place, Vec<usize>> = BTreeMap::new();
    for (at, image) in images.iter().enumerate() {
        for place in image.places.keys() {
            places.entry(place).or_default().push(at);
        }
    }
    let mut best: Vec<Option<(u64, &Place)>> = vec![None; images.len()];
    for (place, mut members) in places {
        // Those of unknown age come last, and so take nobody's place.
        members.sort_by_key(|at| (Reverse(images[*at].used_at), *at));
        for (rank, at) in (1..=keep).zip(members) {
            let found = (rank, place);
            best[at] = Some(best[at].map_or(found, |before| before.min(found)));
        }
    }
    let reason = |(place, (host, name)): (u64, &Place)| StayReason::KeepNewest {
        repository: format!("{host}/{name}"),
        place,
        keep,
    };
    best.into_iter().map(|best| best.map(reason)).collect()
}

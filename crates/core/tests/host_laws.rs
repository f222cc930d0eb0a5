//! The laws of what goes from a server's disk, on servers where everything collides.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests: a failure is a failed test"
)]

mod hosts;

use std::collections::BTreeSet;

use jettison_core::host::{Departure, GoReason, HostPlan, StayReason};
use jettison_core::model::Digest;
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;

use hosts::generated::{a_use, hosts};
use hosts::naive::Expected;
use hosts::{Host, PROTECT, digest};

fn config() -> ProptestConfig {
    ProptestConfig {
        failure_persistence: None,
        max_shrink_iters: 5_000,
        ..ProptestConfig::default()
    }
}

/// All that goes, or may go.
fn at_risk(plan: &HostPlan) -> BTreeSet<Digest> {
    plan.go.iter().chain(&plan.reserve).map(|it| it.id.clone()).collect()
}

fn number(id: &Digest) -> u8 {
    (0..u8::MAX).find(|number| digest(*number) == *id).unwrap()
}

fn numbers(departures: &[Departure]) -> Vec<u8> {
    departures.iter().map(|it| number(&it.id)).collect()
}

fn code(reason: &StayReason) -> &'static str {
    match reason {
        StayReason::InUse { .. } => "in-use",
        StayReason::Pinned { .. } => "pinned",
        StayReason::Protected { .. } => "protected",
        StayReason::UnknownName { .. } => "unknown-name",
        StayReason::UnknownAge => "unknown-age",
        StayReason::LocalOnly => "local-only",
        StayReason::KeepNewest { .. } => "keep-newest",
        StayReason::KeepAlways(_) => "keep-always",
        StayReason::Unless(_) => "unless",
        StayReason::NotExpired(_) => "not-expired",
        StayReason::NoRule => "no-rule",
        StayReason::Incomplete => "incomplete",
    }
}

/// Something more that speaks for staying.
#[derive(Debug, Clone)]
enum More {
    Use(hosts::Use),
    Gap,
    Partial,
    Protect(usize),
    Label(Index),
    Pinned(Index),
    Unreadable(Index),
    Used(Index),
    Local,
}

fn more() -> impl Strategy<Value = More> {
    prop_oneof![
        5 => a_use().prop_map(More::Use),
        1 => Just(More::Gap),
        1 => Just(More::Partial),
        2 => (0..PROTECT.len()).prop_map(More::Protect),
        2 => any::<Index>().prop_map(More::Label),
        2 => any::<Index>().prop_map(More::Pinned),
        1 => any::<Index>().prop_map(More::Unreadable),
        1 => Just(More::Local),
    ]
}

fn with(host: &Host, more: More) -> Host {
    let mut host = host.clone();
    let count = host.images.len();
    let mut image = |at: Index, change: fn(&mut hosts::Img)| {
        if count > 0 {
            change(&mut host.images[at.index(count)]);
        }
    };
    match more {
        More::Label(at) => image(at, |image| image.keep_label = true),
        More::Pinned(at) => image(at, |image| image.pinned = true),
        More::Unreadable(at) => image(at, |image| image.bad_name = true),
        More::Used(at) => image(at, |image| image.last_used = Some(0)),
        More::Use(used) => host.uses.push(used),
        More::Gap => host.has_gap = true,
        More::Partial => host.is_partial = true,
        More::Protect(at) => host.protect.push(at),
        More::Local => host.local_images = false,
    }
    host
}

/// The server after these have gone, with as much more room as they held.
fn without(host: &Host, gone: &[Departure]) -> Host {
    let mut left = host.clone();
    left.images
        .retain(|image| gone.iter().all(|it| it.id != digest(image.id)));
    let bytes: u64 = gone.iter().map(|it| it.bytes).sum();
    left.used = left.used.map(|(used, inodes)| (used.saturating_sub(bytes), inodes));
    left
}

/// A law that nothing comes near to proves nothing.
#[test]
fn the_servers_show_every_fate() {
    let mut runner = TestRunner::deterministic();
    let mut seen = BTreeSet::new();
    for _ in 0..600 {
        let plan = hosts().new_tree(&mut runner).unwrap().current().decide();
        seen.extend(plan.stay.iter().map(|it| code(&it.reason)));
        seen.extend(plan.go.iter().map(|it| match it.reason {
            GoReason::Expired(_) => "expired",
            GoReason::DiskPressure(_) => "disk-pressure",
        }));
        seen.extend(plan.reserve.iter().map(|_| "reserve"));
    }
    assert_eq!(seen.len(), 15, "{seen:?}");
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn it_decides_as_a_person_would(host in hosts()) {
        let plan = host.decide();
        let mut stay: Vec<(u8, &str)> = plan.stay.iter().map(|it| (number(&it.id), code(&it.reason))).collect();
        stay.sort_unstable();
        let found = Expected { go: numbers(&plan.go), reserve: numbers(&plan.reserve), stay };
        prop_assert_eq!(found, host.expected());
    }

    #[test]
    fn nothing_that_somebody_needs_goes(host in hosts()) {
        let plan = host.decide();
        for image in host.images.iter().filter(|image| at_risk(&plan).contains(&digest(image.id))) {
            prop_assert!(!host.uses.iter().any(|used| host.is_use(used, image)));
            prop_assert!(!image.pinned && !image.keep_label && !image.bad_name && image.first_seen.is_some());
            prop_assert!(host.local_images || !image.digests.is_empty());
            prop_assert!(!host.has_gap && !host.is_partial);
        }
    }

    #[test]
    fn what_speaks_for_staying_makes_nothing_else_go(host in hosts(), more in prop::collection::vec(more(), 1..3)) {
        let before = host.decide();
        let more_host = more.into_iter().fold(host.clone(), |host, more| with(&host, more));
        let after = more_host.decide();
        prop_assert!(at_risk(&after).is_subset(&at_risk(&before)));
        // But for a disk that is too full, not even the order among those at risk matters.
        let expired = |plan: &HostPlan| -> BTreeSet<Digest> {
            let go = plan.go.iter().filter(|it| matches!(it.reason, GoReason::Expired(_)));
            go.map(|it| it.id.clone()).collect()
        };
        prop_assert!(expired(&after).is_subset(&expired(&before)));
    }

    #[test]
    fn a_use_of_an_image_lets_it_stay(host in hosts(), at: Index) {
        prop_assume!(!host.images.is_empty());
        let id = digest(host.images[at.index(host.images.len())].id);
        let plan = with(&host, More::Used(at)).decide();
        // Only rules that ask for no age take what was used just now, and no full disk does.
        let for_room = plan.go.iter().chain(&plan.reserve).filter(|it| matches!(it.reason, GoReason::DiskPressure(_)));
        prop_assert!(for_room.into_iter().all(|it| it.id != id));
    }

    #[test]
    fn the_order_of_the_facts_changes_nothing(host in hosts(), turn: Index) {
        let mut turned = host.clone();
        turned.images.reverse();
        turned.uses.reverse();
        turned.protect.reverse();
        let count = turned.images.len();
        turned.images.rotate_left(turn.index(count + 1));
        for image in &mut turned.images {
            image.tags.reverse();
            image.digests.reverse();
        }
        let text = |host: &Host| serde_json::to_string(&host.decide()).unwrap();
        prop_assert_eq!(text(&turned), text(&host));
    }

    #[test]
    fn once_it_is_done_there_is_nothing_left_to_do(host in hosts()) {
        let plan = host.decide();
        let left = without(&host, &plan.go);
        let again = left.decide();
        let enough = plan.pressure.is_none_or(|pressure| {
            !pressure.is_high || (pressure.inodes_to_free == 0 && pressure.bytes_going >= pressure.bytes_to_free)
        });
        let expired: Vec<&Departure> = again.go.iter().filter(|it| matches!(it.reason, GoReason::Expired(_))).collect();
        prop_assert!(expired.is_empty(), "{:?}", expired);
        prop_assert!(!enough || again.go.is_empty(), "{:?}", again.go);
    }

    #[test]
    fn a_full_disk_takes_no_more_than_it_needs(host in hosts()) {
        let plan = host.decide();
        let for_room: Vec<&Departure> = plan.go.iter().filter(|it| matches!(it.reason, GoReason::DiskPressure(_))).collect();
        let sum: u64 = plan.go.iter().map(|it| it.bytes).sum();
        match (plan.pressure, for_room.last()) {
            (_, None) => prop_assert!(plan.reserve.is_empty() || plan.pressure.is_some_and(|it| it.is_high)),
            (None, Some(_)) => prop_assert!(false, "there is no pressure"),
            (Some(pressure), Some(last)) => {
                prop_assert!(pressure.is_high);
                prop_assert!(pressure.inodes_to_free > 0 || sum - last.bytes < pressure.bytes_to_free);
            }
        }
        prop_assert_eq!(plan.pressure.map(|pressure| pressure.bytes_going), plan.pressure.map(|_| sum));
    }

    #[test]
    fn every_image_has_one_fate(host in hosts()) {
        let plan = host.decide();
        let mut all: Vec<Digest> = plan.go.iter().chain(&plan.reserve).map(|it| it.id.clone()).collect();
        all.extend(plan.stay.iter().map(|it| it.id.clone()));
        all.sort();
        let mut expected: Vec<Digest> = host.images.iter().map(|image| digest(image.id)).collect();
        expected.sort();
        prop_assert_eq!(all, expected);
    }
}

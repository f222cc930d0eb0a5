//! Servers by chance.

use proptest::option::weighted;
use proptest::prelude::*;
use proptest::sample::select;

use super::{Cond, Covers, Fits, Host, Img, OF_REGISTRIES, PLACEHOLDER, PROTECT, Pol, REPOSITORIES, Rul, TAGS, Use};

/// Hours before now at which anything happened; negative ones are in the future.
const HOURS: [i64; 10] = [-5, 0, 1, 2, 23, 24, 48, 72, 240, 700];

fn hours() -> impl Strategy<Value = i64> {
    select(&HOURS[..])
}

fn named() -> impl Strategy<Value = (usize, usize)> {
    (0..REPOSITORIES.len(), 0..TAGS.len())
}

fn image(id: u8) -> impl Strategy<Value = Img> {
    let names = (
        prop::collection::vec(named(), 0..3),
        prop::collection::vec((0..REPOSITORIES.len(), 0..4_u8), 0..3),
        prop::bool::weighted(0.03),
    );
    let created = weighted(0.6, select(vec![PLACEHOLDER, -100, -5, 700, 900]));
    let times = (
        created,
        weighted(0.3, hours()),
        weighted(0.95, hours()),
        weighted(0.4, hours()),
    );
    let flags = (
        prop::bool::weighted(0.05),
        prop::bool::weighted(0.3),
        prop::bool::weighted(0.03),
    );
    (names, times, flags, select(vec![0, 100, 400, 900])).prop_map(move |(names, times, flags, bytes)| Img {
        id,
        tags: names.0,
        digests: names.1,
        bad_name: names.2,
        bytes,
        created: times.0,
        engine: times.1,
        first_seen: times.2,
        last_used: times.3,
        keep_label: flags.0,
        team_label: flags.1,
        pinned: flags.2,
    })
}

/// A use of anything, be it there or not.
pub(crate) fn a_use() -> impl Strategy<Value = Use> {
    let number = || prop_oneof![0..10_u8, OF_REGISTRIES..OF_REGISTRIES + 5];
    prop_oneof![
        number().prop_map(Use::Digest),
        named().prop_map(|(repository, tag)| Use::Tag(repository, tag)),
        (named(), number()).prop_map(|((repository, tag), number)| Use::Both(repository, tag, number)),
    ]
}

fn conditions() -> impl Strategy<Value = Cond> {
    let given = (
        weighted(0.7, select(vec![0, 1, 2, 10])),
        weighted(0.3, 0..3_u64),
        weighted(0.2, select(vec![0, 100, 400])),
    );
    given
        .prop_filter("at least one", |(unused, beyond, larger)| {
            unused.is_some() || beyond.is_some() || larger.is_some()
        })
        .prop_map(|(unused_days, beyond, larger)| Cond {
            unused_days,
            beyond,
            larger,
        })
}

fn rule() -> impl Strategy<Value = Rul> {
    let fits = select(vec![
        Fits::All,
        Fits::All,
        Fits::Dangling,
        Fits::Prefix("main-"),
        Fits::Prefix("v"),
        Fits::Team,
    ]);
    let expire = prop_oneof![
        1 => Just(Vec::new()),
        6 => prop::collection::vec(conditions(), 1..3),
    ];
    (fits, expire, prop_oneof![3 => Just(0), 1 => 1..3_u64]).prop_map(|(fits, expire, newest_days)| Rul {
        fits,
        expire,
        newest_days,
    })
}

fn policy() -> impl Strategy<Value = Pol> {
    let covers = select(vec![Covers::All, Covers::All, Covers::App, Covers::Hub]);
    (covers, prop::collection::vec(rule(), 1..4)).prop_map(|(covers, rules)| Pol { covers, rules })
}

fn images() -> impl Strategy<Value = Vec<Img>> {
    (0..9_u8).prop_flat_map(|count| (0..count).map(image).collect::<Vec<_>>())
}

/// A server.
pub(crate) fn hosts() -> impl Strategy<Value = Host> {
    let uses = prop::collection::vec(a_use(), 0..3);
    let unread = (prop::bool::weighted(0.1), prop::bool::weighted(0.1), any::<bool>());
    let used = weighted(0.8, (6_000..9_000_u64, prop_oneof![4 => Just(0), 1 => 0..10_000_u64]));
    let marks = (60..80_u8, 1..8_u8).prop_map(|(high, below)| (high, high - below));
    let disk = (used, weighted(0.8, marks), weighted(0.9, hours()));
    let protect = prop_oneof![4 => Just(Vec::new()), 1 => prop::collection::vec(0..PROTECT.len(), 1)];
    let settings = (
        prop::collection::vec(policy(), 0..3),
        protect,
        0..3_u64,
        any::<bool>(),
        any::<bool>(),
    );
    (images(), uses, unread, disk, settings).prop_map(|(images, uses, unread, disk, settings)| Host {
        images,
        uses,
        is_partial: unread.0,
        has_gap: unread.1,
        podman: unread.2,
        used: disk.0,
        marks: disk.1,
        known_since: disk.2,
        policies: settings.0,
        protect: settings.1,
        keep_newest: settings.2,
        local_images: settings.3,
        trust: settings.4,
    })
}

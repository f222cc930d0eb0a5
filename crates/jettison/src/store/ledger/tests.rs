//! The ledger: what scans remember, through a database, and by the rules that err to the young side.

use std::collections::{BTreeMap, BTreeSet};

use jettison_core::model::{Digest, RegistryHost, RepositoryName, Tag};
use jiff::{SignedDuration, Timestamp};

use super::{ManifestMemory, Observation, RepositoryMemory};
use crate::store::tests::{digest, hour, open_new, registry, repository, tag};
use crate::store::{ImageName, StoreError};

/// `tags` as `tag=image`, separated by blanks; the images of all tags are seen, and those in `untagged` besides.
fn scan(at: i64, complete: bool, tags: &str, untagged: &str, gone: &str) -> Observation {
    let tags: BTreeMap<Tag, Digest> = tags
        .split_whitespace()
        .filter_map(|pair| pair.split_once('='))
        .map(|(name, image)| (tag(name), digest(image)))
        .collect();
    let images = |names: &str| names.split_whitespace().map(digest).collect::<BTreeSet<_>>();
    Observation {
        registry: registry(),
        repository: repository(),
        taken_at: hour(at),
        complete,
        manifests: tags.values().cloned().chain(images(untagged)).collect(),
        tags,
        gone: images(gone),
        referrers: BTreeMap::new(),
    }
}

fn complete(at: i64, tags: &str, untagged: &str, gone: &str) -> Observation {
    scan(at, true, tags, untagged, gone)
}

fn incomplete(at: i64, tags: &str, untagged: &str, gone: &str) -> Observation {
    scan(at, false, tags, untagged, gone)
}

fn hours(time: Option<Timestamp>) -> String {
    time.map_or("-".to_owned(), |time| {
        (time.duration_since(hour(0)).as_hours()).to_string()
    })
}

/// `since=2 | x=a set - seen 1 | a 1..2 untagged -`
fn draw(memory: &RepositoryMemory) -> String {
    let mut parts = vec![format!("since={}", hours(memory.scanned_since))];
    let names: BTreeMap<Digest, &str> = ["a", "b", "c", "d"]
        .into_iter()
        .map(|name| (digest(name), name))
        .collect();
    for (tag, known) in &memory.tags {
        let (set, seen) = (hours(known.set_at), hours(Some(known.first_seen_at)));
        parts.push(format!("{tag}={} set {set} seen {seen}", names[&known.digest]));
    }
    let by_name: BTreeMap<_, _> = memory
        .manifests
        .iter()
        .map(|(digest, known)| (names[digest], known))
        .collect();
    for (name, known) in by_name {
        let (first, last) = (hours(Some(known.first_seen_at)), hours(Some(known.last_seen_at)));
        parts.push(format!("{name} {first}..{last} untagged {}", hours(known.untagged_at)));
    }
    parts.join(" | ")
}

#[test]
fn what_scans_leave_in_memory() {
    let table: &[(&str, &[Observation], &str)] = &[
        (
            "the first complete scan cannot know when a tag was set",
            &[complete(1, "x=a", "b", "")],
            "since=1 | x=a set - seen 1 | a 1..1 untagged - | b 1..1 untagged -",
        ),
        (
            "scanned_since is the first complete scan, not the first and not the last",
            &[
                incomplete(1, "x=a", "", ""),
                complete(2, "x=a", "", ""),
                complete(3, "x=a", "", ""),
            ],
            "since=2 | x=a set - seen 1 | a 1..3 untagged -",
        ),
        (
            "a tag that appears after a complete scan was set",
            &[complete(1, "x=a", "", ""), complete(2, "x=a y=a", "", "")],
            "since=1 | x=a set - seen 1 | y=a set 2 seen 2 | a 1..2 untagged -",
        ),
        (
            "a tag that appears in the first complete scan may be old",
            &[incomplete(1, "x=a", "", ""), complete(2, "x=a y=a", "", "")],
            "since=2 | x=a set - seen 1 | y=a set - seen 2 | a 1..2 untagged -",
        ),
        (
            "a tag that moves was set, and its old image lost it",
            &[complete(1, "x=a", "", ""), complete(2, "x=b", "a", "")],
            "since=1 | x=b set 2 seen 2 | a 1..2 untagged 2 | b 2..2 untagged -",
        ),
        (
            "an image that is not listed any more is remembered until it is proven gone",
            &[complete(1, "x=a y=b", "", ""), complete(2, "y=b", "", "")],
            "since=1 | y=b set - seen 1 | a 1..1 untagged 2 | b 1..2 untagged -",
        ),
        (
            "the loss of a last tag keeps its time",
            &[
                complete(1, "x=a", "", ""),
                complete(2, "", "a", ""),
                complete(3, "", "a", ""),
            ],
            "since=1 | a 1..3 untagged 2",
        ),
        (
            "an image that never had a tag has lost none",
            &[complete(1, "", "a", ""), complete(2, "", "a", "")],
            "since=1 | a 1..2 untagged -",
        ),
        (
            "one of two tags is not the last",
            &[complete(1, "x=a y=a", "", ""), complete(2, "y=a", "", "")],
            "since=1 | y=a set - seen 1 | a 1..2 untagged -",
        ),
        (
            "an image that is tagged again is not untagged",
            &[
                complete(1, "x=a", "", ""),
                complete(2, "", "a", ""),
                complete(3, "x=a", "", ""),
            ],
            "since=1 | x=a set 3 seen 3 | a 1..3 untagged -",
        ),
        (
            "what is gone is forgotten, and new when it comes back",
            &[
                complete(1, "x=a", "", ""),
                complete(2, "", "", "a"),
                complete(3, "", "a", ""),
            ],
            "since=1 | a 3..3 untagged -",
        ),
        (
            "an incomplete scan forgets no tag, takes none for lost, and forgets nothing gone",
            &[complete(1, "x=a y=b", "", ""), incomplete(2, "y=b", "", "a")],
            "since=1 | x=a set - seen 1 | y=b set - seen 1 | a 1..1 untagged - | b 1..2 untagged -",
        ),
        (
            "an incomplete scan adds what it saw",
            &[complete(1, "x=a", "", ""), incomplete(2, "y=b", "c", "")],
            "since=1 | x=a set - seen 1 | y=b set 2 seen 2 | a 1..1 untagged - | b 2..2 untagged - | c 2..2 untagged -",
        ),
        (
            "an incomplete scan that sees a tag move saw an image lose it, which no later scan could tell",
            &[
                complete(1, "x=a", "", ""),
                incomplete(2, "x=b", "", ""),
                complete(3, "x=b", "a", ""),
            ],
            "since=1 | x=b set 2 seen 2 | a 1..3 untagged 2 | b 2..3 untagged -",
        ),
        (
            "a clock that went back moves no time",
            &[complete(5, "x=a", "", ""), complete(1, "x=a", "", "")],
            "since=5 | x=a set - seen 5 | a 5..5 untagged -",
        ),
        (
            "a clock that went back makes nothing new look old",
            &[complete(5, "x=a", "", ""), complete(1, "x=b y=c", "a d", "")],
            "since=5 | x=b set 5 seen 5 | y=c set 5 seen 5 | a 5..5 untagged 5 | b 5..5 untagged - \
             | c 5..5 untagged - | d 5..5 untagged -",
        ),
        (
            "a first complete scan by a clock that went back is not older than what was seen before",
            &[incomplete(5, "x=a", "", ""), complete(1, "x=a", "b", "")],
            "since=5 | x=a set - seen 5 | a 5..5 untagged - | b 5..5 untagged -",
        ),
        (
            "a clock that was ahead is caught up with",
            &[
                complete(9, "x=a", "", ""),
                complete(2, "x=b", "", ""),
                complete(10, "x=c", "", ""),
            ],
            "since=9 | x=c set 10 seen 10 | a 9..9 untagged 9 | b 9..9 untagged 10 | c 10..10 untagged -",
        ),
    ];
    for (rule, scans, expected) in table {
        let memory = scans
            .iter()
            .fold(RepositoryMemory::default(), |memory, scan| memory.after(scan));
        assert_eq!(draw(&memory), *expected, "{rule}");
    }
}

#[test]
fn what_was_put_back_during_a_scan_is_not_forgotten_by_it() {
    let mut memory = RepositoryMemory::default().after(&complete(1, "", "a", ""));
    for (restored_at, stays) in [(2, false), (3, true), (4, true)] {
        let known = ManifestMemory {
            restored_at: Some(hour(restored_at)),
            ..ManifestMemory::first_seen(hour(1))
        };
        memory.manifests.insert(digest("a"), known);
        let after = memory.after(&complete(3, "", "", "a"));
        assert_eq!(
            after.manifests.contains_key(&digest("a")),
            stays,
            "restored at {restored_at}, scanned at 3"
        );
    }
}

#[test]
fn a_scan_that_began_before_an_undo_does_not_take_its_sight_back() {
    let mut memory = RepositoryMemory::default();
    memory
        .manifests
        .insert(digest("a"), ManifestMemory::first_seen(hour(4)));
    assert_eq!(
        memory.after(&complete(3, "", "a", "")).manifests[&digest("a")].last_seen_at,
        hour(4)
    );
}

#[test]
fn referrers_are_replaced_by_a_complete_scan_and_added_to_by_another() {
    let answer = |scan: Observation, referrers: &str| Observation {
        referrers: BTreeMap::from([(digest("a"), referrers.split_whitespace().map(digest).collect())]),
        ..scan
    };
    let first = RepositoryMemory::default().after(&answer(complete(1, "x=a", "", ""), "b"));
    let table = [
        (answer(complete(2, "x=a", "", ""), "c"), Some(vec!["c"])),
        (answer(incomplete(2, "x=a", "", ""), "c"), Some(vec!["b", "c"])),
        (complete(2, "x=a", "", ""), Some(vec!["b"])),
        (complete(2, "", "", "a"), None),
        (incomplete(2, "", "", "a"), Some(vec!["b"])),
    ];
    for (scan, expected) in table {
        let found = first
            .after(&scan)
            .referrers
            .remove(&digest("a"))
            .map(|memory| memory.referrers);
        let expected = expected.map(|names| {
            let mut digests: Vec<_> = names.into_iter().map(digest).collect();
            digests.sort();
            digests
        });
        assert_eq!(found, expected, "{scan:?}");
    }
}

#[tokio::test]
async fn what_observe_returns_is_what_is_read_afterwards() {
    let (_directory, store) = open_new().await;
    assert_eq!(
        store.repository_memory(&registry(), &repository()).await.unwrap(),
        RepositoryMemory::default()
    );
    let mut pure = RepositoryMemory::default();
    let half_a_microsecond = SignedDuration::from_nanos(500);
    for mut scan in [
        complete(1, "x=a y=b", "c", ""),
        incomplete(2, "x=b", "d", "c"),
        complete(3, "x=b z=d", "a", "c"),
        complete(4, "", "", "b"),
    ] {
        scan.taken_at += half_a_microsecond;
        scan.referrers = BTreeMap::from([(digest("a"), vec![digest("d"), digest("b")])]);
        pure = pure.after(&scan);
        let returned = store.observe(&scan).await.unwrap();
        assert_eq!(returned, pure);
        assert_eq!(store.repository_memory(&registry(), &repository()).await.unwrap(), pure);
    }
    let other: RepositoryName = "apps/other".parse().unwrap();
    assert_eq!(
        store.repository_memory(&registry(), &other).await.unwrap(),
        RepositoryMemory::default()
    );
    let elsewhere: RegistryHost = "other.example.com".parse().unwrap();
    assert_eq!(
        store.repository_memory(&elsewhere, &repository()).await.unwrap(),
        RepositoryMemory::default()
    );
}

#[tokio::test]
async fn a_clock_before_containers_is_refused() {
    let (_directory, store) = open_new().await;
    let observation = Observation {
        taken_at: Timestamp::UNIX_EPOCH,
        ..complete(1, "x=a", "", "")
    };
    assert!(matches!(
        store.observe(&observation).await,
        Err(StoreError::ImplausibleTime { .. })
    ));
    assert_eq!(
        store.repository_memory(&registry(), &repository()).await.unwrap(),
        RepositoryMemory::default()
    );
}

#[tokio::test]
async fn restored_and_pulled_manifests_are_marked() {
    let (_directory, store) = open_new().await;
    store.observe(&complete(1, "x=a", "", "")).await.unwrap();
    let (host, name) = (registry(), repository());
    store
        .mark_restored(&host, &name, &[digest("a"), digest("b")], hour(5))
        .await
        .unwrap();
    let pulls = |at| BTreeMap::from([(digest("a"), hour(at)), (digest("c"), hour(at))]);
    store.record_pulls(&host, &name, &pulls(7)).await.unwrap();
    store.record_pulls(&host, &name, &pulls(6)).await.unwrap();
    let memory = store.repository_memory(&host, &name).await.unwrap().manifests;
    let (a, b) = (&memory[&digest("a")], &memory[&digest("b")]);
    assert_eq!(
        (a.first_seen_at, a.restored_at, a.last_pulled_at),
        (hour(1), Some(hour(5)), Some(hour(7)))
    );
    assert_eq!(
        (b.first_seen_at, b.restored_at, b.last_pulled_at),
        (hour(5), Some(hour(5)), None)
    );
    assert!(
        !memory.contains_key(&digest("c")),
        "a pull alone does not make a manifest known"
    );

    store.observe(&complete(9, "x=a", "", "")).await.unwrap();
    store
        .mark_restored(&host, &name, &[digest("d")], hour(2))
        .await
        .unwrap();
    let back = &store.repository_memory(&host, &name).await.unwrap().manifests[&digest("d")];
    assert_eq!(
        (back.first_seen_at, back.restored_at),
        (hour(9), Some(hour(9))),
        "the clock went back"
    );
    let early = store
        .mark_restored(&host, &name, &[digest("d")], Timestamp::UNIX_EPOCH)
        .await;
    assert!(matches!(early, Err(StoreError::ImplausibleTime { .. })));

    store
        .release_restored(&host, &name, &[digest("a"), digest("c")])
        .await
        .unwrap();
    let memory = store.repository_memory(&host, &name).await.unwrap().manifests;
    assert_eq!(memory[&digest("a")].restored_at, None);
    assert_eq!(memory[&digest("b")].restored_at, Some(hour(5)));
    assert!(
        !memory.contains_key(&digest("c")),
        "a release does not make a manifest known"
    );
}

#[tokio::test]
async fn the_history_of_a_tag_is_told_newest_first() {
    let (_directory, store) = open_new().await;
    for scan in [
        complete(1, "x=a y=a", "", ""),
        complete(2, "x=a y=a", "", ""),
        complete(3, "x=b y=a", "", ""),
        complete(4, "y=a", "", ""),
        complete(5, "x=a y=a", "", ""),
    ] {
        store.observe(&scan).await.unwrap();
    }
    let told = async |image: ImageName| {
        let periods = store.tag_history(&registry(), &repository(), &image).await.unwrap();
        let draw = |(tag, from, until)| format!("{tag} {}..{}", hours(Some(from)), hours(until));
        periods
            .into_iter()
            .map(|period| draw((period.tag, period.from, period.until)))
            .collect::<Vec<_>>()
    };
    assert_eq!(told(ImageName::Tag(tag("x"))).await, ["x 5..-", "x 3..4", "x 1..3"]);
    assert_eq!(
        told(ImageName::Digest(digest("a"))).await,
        ["x 5..-", "y 1..-", "x 1..3"]
    );
}

#[tokio::test]
async fn the_history_of_tags_is_bounded_in_number_and_in_time() {
    let (_directory, store) = open_new().await;
    let count = async |name: &str| {
        store
            .tag_history(&registry(), &repository(), &ImageName::Tag(tag(name)))
            .await
            .unwrap()
            .len()
    };
    for at in 1..=60 {
        let image = if at % 2 == 0 { "a" } else { "b" };
        store
            .observe(&complete(at, &format!("moving={image} staying=a"), "", ""))
            .await
            .unwrap();
    }
    assert_eq!((count("moving").await, count("staying").await), (50, 1));
    store
        .observe(&complete(60 + 90 * 24, "moving=a staying=a", "", ""))
        .await
        .unwrap();
    assert_eq!(
        (count("moving").await, count("staying").await),
        (2, 1),
        "the period that ended at 60 is at the edge"
    );
    store
        .observe(&complete(61 + 90 * 24, "moving=a staying=a", "", ""))
        .await
        .unwrap();
    assert_eq!((count("moving").await, count("staying").await), (1, 1));
}

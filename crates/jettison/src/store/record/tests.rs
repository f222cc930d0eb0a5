//! What is recorded, and what is told of it.

use std::time::Instant;

use super::made_up::{Dice, usage, usual};
use super::*;
use crate::store::tests::{hour, open_new, registry};

fn host(name: &str) -> RegistryHost {
    name.parse().unwrap()
}

fn scan_of(at: Timestamp, repositories: Vec<Repository>) -> Inventory {
    Inventory {
        schema: Schema,
        taken_at: at,
        complete_registries: repositories
            .iter()
            .map(|repository| repository.registry.clone())
            .collect(),
        repositories,
        gaps: Vec::new(),
    }
}

/// A scan that did not look at all of the registry.
fn part_of(at: Timestamp, repositories: Vec<Repository>) -> Inventory {
    Inventory {
        complete_registries: BTreeSet::new(),
        ..scan_of(at, repositories)
    }
}

fn made(name: &str, seed: u64) -> Repository {
    usual(&registry(), name, 3 + seed)
}

fn unread(name: &str, gap: &str) -> Repository {
    let repository = made(name, 0);
    Repository {
        gaps: vec![Gap::of(gap)],
        tags: Vec::new(),
        manifests: Vec::new(),
        ..repository
    }
}

async fn record(store: &Store, inventory: &Inventory) {
    store.record_scan(inventory, &[registry()].into()).await.unwrap();
}

async fn recorded(store: &Store) -> Inventory {
    let recorded = store.recorded(&|_, _| true).await.unwrap().unwrap();
    assert_eq!(recorded.taken_at, recorded.inventory.taken_at);
    recorded.inventory
}

fn gaps(inventory: &Inventory) -> Vec<&str> {
    inventory.gaps.iter().map(|gap| gap.0.as_str()).collect()
}

#[tokio::test]
async fn what_is_read_back_equals_what_was_recorded() {
    let (_directory, store) = open_new().await;
    assert_eq!(store.recorded(&|_, _| true).await.unwrap(), None);
    let mut dice = Dice(1);
    for round in 0..10 {
        let hosts = [host("a.example.com"), host("b.example.com:5000")];
        let repositories = hosts.iter().flat_map(|host| {
            let names = (0..dice.below(9) + 1).map(|number| format!("apps/{number}"));
            names.map(|name| dice.repository(host, &name)).collect::<Vec<_>>()
        });
        let inventory = scan_of(hour(round), repositories.collect());
        store.record_scan(&inventory, &hosts.into()).await.unwrap();
        store.record_usage(&usage(hour(round))).await.unwrap();
        let found = store.recorded(&|_, _| true).await.unwrap().unwrap();
        assert_eq!(found.inventory, inventory, "round {round}");
        assert_eq!(found.usage, Some(usage(hour(round))));
    }
}

#[tokio::test]
async fn what_was_read_last_counts_and_the_oldest_part_gives_the_time() {
    let (_directory, store) = open_new().await;
    record(&store, &scan_of(hour(1), vec![made("a", 1), made("b", 1)])).await;
    record(&store, &part_of(hour(5), vec![made("b", 2)])).await;
    record(&store, &part_of(hour(3), vec![made("b", 3)])).await;
    let found = recorded(&store).await;
    assert_eq!(found, scan_of(hour(1), vec![made("a", 1), made("b", 2)]));
    let found = store
        .recorded(&|_, name| name.as_str() == "b")
        .await
        .unwrap()
        .unwrap()
        .inventory;
    assert_eq!(
        found,
        part_of(hour(5), vec![made("b", 2)]),
        "not all of the registry is wanted"
    );
    assert_eq!(store.recorded(&|_, name| name.as_str() == "c").await.unwrap(), None);
}

#[tokio::test]
async fn an_older_usage_replaces_no_newer_one() {
    let (_directory, store) = open_new().await;
    record(&store, &scan_of(hour(1), vec![made("a", 1)])).await;
    for at in [4, 2] {
        store.record_usage(&usage(hour(at))).await.unwrap();
    }
    let found = store.recorded(&|_, _| true).await.unwrap().unwrap();
    assert_eq!(found.usage, Some(usage(hour(4))));
}

#[tokio::test]
async fn a_repository_that_could_not_be_read_keeps_its_record_and_says_so() {
    let (_directory, store) = open_new().await;
    record(&store, &scan_of(hour(1), vec![made("a", 1), made("b", 1)])).await;
    record(
        &store,
        &part_of(hour(2), vec![made("a", 1), unread("b", "401"), unread("c", "403")]),
    )
    .await;
    let found = recorded(&store).await;
    assert_eq!(found.repositories, [made("a", 1), made("b", 1), unread("c", "403")]);
    let told = "registry.example.com/b could not be read at 2026-01-01T02:00:00Z, and is shown as of \
                2026-01-01T01:00:00Z: 401";
    assert_eq!((gaps(&found), found.taken_at), (vec![told], hour(1)));
    assert!(found.complete_registries.is_empty());
    record(
        &store,
        &scan_of(hour(3), vec![made("a", 1), made("b", 1), made("c", 1)]),
    )
    .await;
    assert_eq!(
        recorded(&store).await,
        scan_of(hour(3), vec![made("a", 1), made("b", 1), made("c", 1)])
    );
}

#[tokio::test]
async fn what_was_read_in_part_is_recorded_with_its_gaps() {
    let (_directory, store) = open_new().await;
    record(&store, &scan_of(hour(1), vec![made("a", 5)])).await;
    let partly = Repository {
        gaps: vec![Gap::of("a page did not come")],
        ..made("a", 1)
    };
    record(&store, &part_of(hour(2), vec![partly.clone()])).await;
    assert_eq!(recorded(&store).await, part_of(hour(2), vec![partly]));
}

#[tokio::test]
async fn a_registry_is_whole_where_a_scan_of_it_was_and_nothing_is_in_the_way() {
    let failed = |gap: &str| Inventory {
        gaps: vec![Gap::of(gap)],
        ..part_of(hour(2), Vec::new())
    };
    for (what, then, whole, told) in [
        ("a part of it", part_of(hour(2), vec![made("b", 1)]), true, vec![]),
        (
            "no answer",
            failed("registry.example.com: no answer"),
            false,
            vec!["registry.example.com: no answer"],
        ),
        ("no name", failed("no answer"), false, vec!["no answer"]),
        (
            "another",
            part_of(
                hour(2),
                vec![Repository {
                    registry: host("x.io"),
                    ..made("b", 1)
                }],
            ),
            true,
            vec![],
        ),
    ] {
        let (_directory, store) = open_new().await;
        record(&store, &part_of(hour(0), vec![made("a", 1)])).await;
        assert!(recorded(&store).await.complete_registries.is_empty());
        record(&store, &scan_of(hour(1), vec![made("a", 1)])).await;
        assert_eq!(recorded(&store).await.complete_registries, [registry()].into());
        record(&store, &then).await;
        let found = recorded(&store).await;
        assert_eq!(
            (found.complete_registries.contains(&registry()), gaps(&found)),
            (whole, told),
            "{what}"
        );
    }
}

#[tokio::test]
async fn a_gap_is_told_of_the_registry_that_it_names() {
    let (_directory, store) = open_new().await;
    let (a, b) = (host("a.io"), host("b.io"));
    let both = vec![Dice(1).repository(&a, "web"), Dice(2).repository(&b, "web")];
    let mut inventory = Inventory {
        gaps: vec![Gap::of("b.io is slow")],
        ..scan_of(hour(1), both)
    };
    inventory.complete_registries = [a.clone()].into();
    store.record_scan(&inventory, &[a.clone(), b].into()).await.unwrap();
    assert_eq!(recorded(&store).await, inventory);
    let of_a = store.recorded(&|host, _| *host == a).await.unwrap().unwrap().inventory;
    assert_eq!((gaps(&of_a), &of_a.complete_registries), (vec![], &[a.clone()].into()));
}

#[tokio::test]
async fn what_a_scan_of_the_whole_registry_does_not_find_is_forgotten() {
    let (_directory, store) = open_new().await;
    record(&store, &scan_of(hour(1), vec![made("a", 1), made("b", 1)])).await;
    record(&store, &part_of(hour(2), vec![made("a", 2)])).await;
    assert_eq!(recorded(&store).await.repositories.len(), 2, "nobody looked for b");
    record(&store, &scan_of(hour(3), vec![made("a", 2)])).await;
    assert_eq!(recorded(&store).await, scan_of(hour(3), vec![made("a", 2)]));
    let parts: i64 = sqlx::query_scalar("SELECT count(DISTINCT repository) FROM recorded_part")
        .fetch_one(&store.readers)
        .await
        .unwrap();
    assert_eq!(parts, 1);
}

/// A repository that holds so many bytes.
fn holding(name: &str, bytes: u64) -> Repository {
    let mut repository = made(name, 0);
    repository.manifests.truncate(1);
    let manifest = &mut repository.manifests[0];
    manifest.blobs.truncate(1);
    (manifest.size, manifest.blobs[0].size) = (0, bytes);
    repository
}

async fn growth(store: &Store) -> Vec<(i64, u64)> {
    let growth = store.growth(&registry(), |_| true).await.unwrap();
    let hours = |at: Timestamp| at.duration_since(hour(0)).as_hours();
    growth.into_iter().map(|(at, bytes)| (hours(at), bytes)).collect()
}

#[tokio::test]
async fn growth_is_a_step_function_over_all_repositories() {
    let (_directory, store) = open_new().await;
    assert_eq!(growth(&store).await, []);
    record(&store, &part_of(hour(0), vec![holding("a", 1)])).await;
    assert_eq!(growth(&store).await, [(0, 1)]);
    // Nobody knows what b held before.
    record(&store, &part_of(hour(1), vec![holding("b", 10)])).await;
    assert_eq!(growth(&store).await, [(1, 11)]);
    record(&store, &scan_of(hour(2), vec![holding("a", 2), holding("b", 10)])).await;
    // c was not there when all was read.
    record(
        &store,
        &scan_of(hour(3), vec![holding("a", 2), holding("b", 10), holding("c", 100)]),
    )
    .await;
    assert_eq!(growth(&store).await, [(2, 12), (3, 112)]);
    record(&store, &scan_of(hour(4), vec![holding("a", 2), holding("c", 100)])).await;
    let partly = Repository {
        gaps: vec![Gap::of("half of it")],
        ..holding("c", 50)
    };
    record(&store, &part_of(hour(5), vec![partly])).await;
    record(&store, &scan_of(hour(6), vec![holding("a", 2), holding("c", 100)])).await;
    assert_eq!(growth(&store).await, [(2, 12), (3, 112), (4, 102), (6, 102)]);
    let only_a = store.growth(&registry(), |name| name.as_str() == "a").await.unwrap();
    assert_eq!(only_a, [(hour(0), 1), (hour(2), 2), (hour(6), 2)]);
    assert_eq!(store.growth(&host("x.io"), |_| true).await.unwrap(), []);
}

#[tokio::test]
async fn a_blob_counts_once_in_a_repository_and_impossible_sizes_overflow_nothing() {
    let (_directory, store) = open_new().await;
    let mut twice = holding("a", 7);
    twice.manifests.push(twice.manifests[0].clone());
    record(&store, &scan_of(hour(0), vec![twice.clone()])).await;
    assert_eq!(growth(&store).await, [(0, 7)]);
    twice.manifests[1].blobs[0].size = u64::MAX;
    twice.manifests[1].size = u64::MAX;
    record(&store, &scan_of(hour(1), vec![twice])).await;
    assert_eq!(growth(&store).await, [(0, 7), (1, i64::MAX.unsigned_abs())]);
}

async fn rows(store: &Store) -> Vec<i64> {
    let rows: Vec<i64> = sqlx::query_scalar("SELECT taken_at FROM recorded_total ORDER BY taken_at")
        .fetch_all(&store.readers)
        .await
        .unwrap();
    rows.into_iter()
        .map(|at| time(at).unwrap().duration_since(hour(0)).as_hours())
        .collect()
}

#[tokio::test]
async fn totals_are_kept_where_they_change_and_thinned_out_as_they_age() {
    let (_directory, store) = open_new().await;
    for (at, bytes) in [(0, 1), (1, 1), (2, 2), (3, 3), (24, 4)] {
        record(&store, &part_of(hour(at), vec![holding("a", bytes)])).await;
    }
    assert_eq!(rows(&store).await, [0, 2, 3, 24]);
    // Behind a week, the last of each day.
    record(&store, &part_of(hour(9 * 24), vec![holding("a", 5)])).await;
    assert_eq!(rows(&store).await, [3, 24, 9 * 24]);
    // Behind two years, only what held then.
    let years = 2 * 365 * 24;
    record(&store, &part_of(hour(years + 30), vec![holding("a", 6)])).await;
    assert_eq!(rows(&store).await, [24, 9 * 24, years + 30]);
    // Of what is gone, nothing in the end.
    store
        .record_scan(
            &Inventory {
                complete_registries: [registry()].into(),
                ..part_of(hour(years + 32), vec![])
            },
            &BTreeSet::new(),
        )
        .await
        .unwrap();
    assert_eq!(rows(&store).await.last(), Some(&(years + 32)));
    record(&store, &part_of(hour(2 * years + 40), vec![holding("b", 1)])).await;
    let left: Vec<String> = sqlx::query_scalar(
        "SELECT DISTINCT name FROM recorded_total WHERE taken_at = (SELECT max(taken_at) FROM recorded_total)",
    )
    .fetch_all(&store.readers)
    .await
    .unwrap();
    assert_eq!(left, ["b"]);
}

#[tokio::test]
async fn what_has_not_changed_is_not_written_again() {
    let (_directory, store) = open_new().await;
    record(&store, &scan_of(hour(1), vec![made("a", 1), made("b", 1)])).await;
    // A part that is written is not this one any more.
    sqlx::query("UPDATE recorded_part SET part = part + 7")
        .execute(&store.writer)
        .await
        .unwrap();
    record(&store, &scan_of(hour(2), vec![made("a", 1), made("b", 2)])).await;
    assert_eq!(
        recorded(&store).await,
        scan_of(hour(2), vec![made("a", 1), made("b", 2)])
    );
    let first_parts: Vec<i64> =
        sqlx::query_scalar("SELECT min(part) FROM recorded_part GROUP BY repository ORDER BY repository")
            .fetch_all(&store.readers)
            .await
            .unwrap();
    assert_eq!(first_parts, [7, 0]);
}

#[tokio::test]
async fn damage_is_said_and_the_check_names_the_repository() {
    let (_directory, store) = open_new().await;
    record(&store, &scan_of(hour(1), vec![made("a", 1), made("b", 1)])).await;
    assert!(store.check().await.unwrap().ok);
    sqlx::query("UPDATE recorded_part SET bytes = x'00' WHERE rowid = (SELECT max(rowid) FROM recorded_part)")
        .execute(&store.writer)
        .await
        .unwrap();
    let error = store.recorded(&|_, _| true).await.unwrap_err();
    assert!(matches!(error, StoreError::Corrupt { .. }), "{error:?}");
    assert!(store.recorded(&|_, name| name.as_str() == "a").await.is_ok());
    let checkup = store.check().await.unwrap();
    assert!(!checkup.ok && checkup.damage.len() == 1, "{checkup:?}");
    assert!(
        checkup.damage[0].starts_with("what is recorded of registry.example.com/b: "),
        "{checkup:?}"
    );
    record(&store, &scan_of(hour(2), vec![made("a", 1), made("b", 1)])).await;
    assert!(store.check().await.unwrap().ok, "the next scan mends it");
}

/// `cargo test --release -p jettison record::tests::cost -- --ignored --nocapture`, with `RAYON_NUM_THREADS=1` for one core.
#[tokio::test]
#[ignore = "measures, and asserts nothing about time"]
async fn cost_of_recording_and_reading() {
    for (repositories, images) in [(1, 36_500), (365, 100), (1_000, 100)] {
        let (_directory, store) = open_new().await;
        let made = (0..repositories)
            .map(|number| usual(&registry(), &format!("apps/{number}"), images))
            .collect();
        let inventory = scan_of(hour(1), made);
        let timed = |what: &str, since: Instant| println!("{repositories} x {images}: {what}: {:?}", since.elapsed());
        let begun = Instant::now();
        record(&store, &inventory).await;
        timed("recorded", begun);
        let begun = Instant::now();
        record(
            &store,
            &Inventory {
                taken_at: hour(2),
                ..inventory.clone()
            },
        )
        .await;
        timed("recorded again, unchanged", begun);
        let begun = Instant::now();
        let found = recorded(&store).await;
        timed("read", begun);
        assert!(found.repositories == inventory.repositories);
        let bytes: i64 = sqlx::query_scalar("SELECT sum(length(bytes)) FROM recorded_part")
            .fetch_one(&store.readers)
            .await
            .unwrap();
        println!("{repositories} x {images}: {bytes} bytes in the store");
    }
}

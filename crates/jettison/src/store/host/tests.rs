//! The ledger of servers: what looks and events leave, through a database; runs; and a naive ledger that agrees.

use std::collections::{BTreeMap, BTreeSet};

use jettison_core::model::Digest;
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

use super::tables;
use crate::host::ledger::{HostLedger, HostRemoval, HostUse, KnownImage, SeenImage};
use crate::store::tests::{digest, hour, open_new};
use crate::store::{Store, StoreError};

const ENGINE: &str = "ABCD:EFGH";

/// `a=web:1,web:2` an image with its names, `b` one without, `a@container web` one that is in use.
fn seen(images: &str) -> Vec<SeenImage> {
    let image = |text: &str| {
        let (text, used_by) = text.split_once('@').map_or((text, None), |(text, by)| (text, Some(by)));
        let (id, names) = text.split_once('=').unwrap_or((text, ""));
        SeenImage {
            id: digest(id),
            names: names
                .split(',')
                .filter(|name| !name.is_empty())
                .map(str::to_owned)
                .collect(),
            used_by: used_by.map(str::to_owned),
        }
    };
    images.split_whitespace().map(image).collect()
}

fn used(id: &str, at: Timestamp, what: &str) -> HostUse {
    HostUse {
        id: digest(id),
        at,
        what: what.to_owned(),
    }
}

/// The store has methods of its own by the same names.
fn ledger(store: &Store) -> &dyn HostLedger {
    store
}

enum Step {
    Look(i64, &'static str),
    Use(i64, &'static str),
}
use Step::{Look, Use};

fn hours(at: Timestamp) -> i64 {
    at.duration_since(hour(0)).as_hours()
}

/// `a first 1 used 2 by container web`
fn draw(known: &BTreeMap<Digest, KnownImage>) -> String {
    let draw = |name: &&str| {
        let image = known.get(&digest(name))?;
        let used = image.last_used_at.map(|at| {
            let what = image.last_use.as_deref().unwrap_or("?");
            format!(" used {} ({what})", hours(at))
        });
        Some(format!(
            "{name} first {}{}",
            hours(image.first_seen_at),
            used.unwrap_or_default()
        ))
    };
    ["a", "b", "c"].iter().filter_map(draw).collect::<Vec<_>>().join(" | ")
}

#[tokio::test]
async fn what_looks_and_events_leave_in_memory() {
    let table: &[(&str, &[Step], &str)] = &[
        (
            "the first look sees everything for the first time, and that is no use",
            &[Look(1, "a=x b")],
            "a first 1 | b first 1",
        ),
        (
            "what is only there is not used",
            &[Look(1, "a=x"), Look(9, "a=x")],
            "a first 1",
        ),
        (
            "whoever uses it at a look uses it then",
            &[Look(1, "a=x"), Look(5, "a=x@web"), Look(9, "a=x")],
            "a first 1 used 5 (web)",
        ),
        (
            "a name that moved was set since the last look",
            &[Look(1, "a=x b=y"), Look(5, "a b=y,x")],
            "a first 1 | b first 1 used 5 (x was set to it)",
        ),
        (
            "a name that is new was set since the last look",
            &[Look(1, "a=x"), Look(5, "a=x,y")],
            "a first 1 used 5 (y was set to it)",
        ),
        (
            "a name that went and came again was set again",
            &[Look(1, "a=x"), Look(2, "a"), Look(5, "a=x")],
            "a first 1 used 5 (x was set to it)",
        ),
        (
            "the loss of a name is no use",
            &[Look(1, "a=x,y"), Look(5, "a=x"), Look(6, "a")],
            "a first 1",
        ),
        (
            "two images of one name, which no engine has, do not fight for it",
            &[Look(1, "a=x b=x"), Look(5, "a=x b=x")],
            "a first 1 | b first 1",
        ),
        (
            "one that was gone and is back was pulled again, name or not",
            &[Look(1, "a b"), Look(2, "b"), Look(9, "a b")],
            "a first 1 used 9 (came back: pulled, loaded or built again) | b first 1",
        ),
        (
            "an event is a use at its time",
            &[Look(1, "a=x"), Use(3, "a pull"), Look(9, "a=x")],
            "a first 1 used 3 (pull)",
        ),
        (
            "an event of what no look has seen yet",
            &[Look(1, "b"), Use(3, "a pull"), Look(9, "a b")],
            "a first 3 used 3 (pull) | b first 1",
        ),
        (
            "an event from before the first look does not make anything older",
            &[Use(1, "a pull"), Look(9, "a b")],
            "a first 9 used 1 (pull) | b first 9",
        ),
        (
            "of events out of order the latest counts",
            &[Look(1, "a"), Use(5, "a start"), Use(3, "a pull"), Look(9, "a")],
            "a first 1 used 5 (start)",
        ),
        (
            "an event that comes late moves nothing backwards",
            &[Look(1, "a"), Look(5, "a@web"), Use(3, "a pull"), Look(9, "a")],
            "a first 1 used 5 (web)",
        ),
        (
            "an old event does not hide that an image was gone meanwhile",
            &[Look(1, "b"), Look(5, "b"), Use(3, "a pull"), Look(9, "a b")],
            "a first 3 used 9 (came back: pulled, loaded or built again) | b first 1",
        ),
        (
            "a clock that was set back does not make what is new look old later",
            &[Look(100, "b"), Look(10, "a b"), Look(101, "a b")],
            "a first 100 | b first 100",
        ),
        (
            "a clock that was ahead is believed again afterwards",
            &[Look(1, "a"), Look(90_000, "a@web"), Look(10, "a b"), Look(11, "a b")],
            "a first 1 used 11 (web) | b first 10",
        ),
    ];
    let (_directory, store) = open_new().await;
    for (number, (what, steps, expected)) in table.iter().enumerate() {
        let engine = format!("engine {number}");
        let mut known = BTreeMap::new();
        for step in *steps {
            match step {
                Look(at, images) => known = ledger(&store).observe(&engine, &seen(images), hour(*at)).await.unwrap(),
                Use(at, text) => {
                    let (id, what) = text.split_once(' ').unwrap();
                    let now = hour(*at);
                    let uses = [used(id, now, what)];
                    store.note_uses_at(&engine, &uses, now).await.unwrap();
                }
            }
        }
        assert_eq!(draw(&known), *expected, "{what}");
        // What the clock did in one case must not make another one forget.
        sqlx::query("DELETE FROM host_engine")
            .execute(&store.writer)
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn events_from_the_future_happened_now_at_the_latest() {
    let (_directory, store) = open_new().await;
    ledger(&store).observe(ENGINE, &seen("a b"), hour(1)).await.unwrap();
    let uses = [used("a", hour(900_000), "pull"), used("b", hour(2), "start")];
    store.note_uses_at(ENGINE, &uses, hour(3)).await.unwrap();
    let known = ledger(&store).observe(ENGINE, &seen("a b"), hour(9)).await.unwrap();
    assert_eq!(draw(&known), "a first 1 used 3 (pull) | b first 1 used 2 (start)");
    let ahead = Timestamp::now() + SignedDuration::from_hours(9999);
    ledger(&store)
        .note_uses(ENGINE, &[used("a", ahead, "start")])
        .await
        .unwrap();
    let known = ledger(&store).observe(ENGINE, &seen("a"), ahead).await.unwrap();
    assert!(known[&digest("a")].last_used_at.unwrap() <= Timestamp::now());
}

#[tokio::test]
async fn a_clock_from_before_containers_is_refused() {
    let (_directory, store) = open_new().await;
    let early = ledger(&store).observe(ENGINE, &seen("a"), Timestamp::UNIX_EPOCH).await;
    assert!(matches!(early, Err(StoreError::ImplausibleTime { .. })), "{early:?}");
}

#[tokio::test]
async fn what_is_written_is_there_for_the_next_process_and_engines_do_not_mix() {
    let (directory, store) = open_new().await;
    ledger(&store).observe(ENGINE, &seen("a=x@web"), hour(1)).await.unwrap();
    ledger(&store).observe("other", &seen("a=y b"), hour(2)).await.unwrap();
    store.close().await;
    let store = Store::open(directory.path()).await.unwrap();
    let known = ledger(&store).observe(ENGINE, &seen("a=x b"), hour(3)).await.unwrap();
    assert_eq!(draw(&known), "a first 1 used 1 (web) | b first 3");
    let known = ledger(&store).observe("other", &seen("a=x b"), hour(3)).await.unwrap();
    assert_eq!(draw(&known), "a first 2 used 3 (x was set to it) | b first 2");
}

async fn rows(store: &Store, table: &'static str) -> i64 {
    let sql = match table {
        "engine" => "SELECT count(*) FROM host_engine",
        "image" => "SELECT count(*) FROM host_image",
        "name" => "SELECT count(*) FROM host_name",
        "mark" => "SELECT count(*) FROM host_mark",
        "run" => "SELECT count(*) FROM host_run",
        _ => "SELECT count(*) FROM host_removal",
    };
    sqlx::query_scalar(sql).fetch_one(&store.readers).await.unwrap()
}

#[tokio::test]
async fn what_is_gone_is_forgotten_after_30_days_and_names_at_once() {
    let (_directory, store) = open_new().await;
    let day = 24;
    ledger(&store).observe(ENGINE, &seen("a=x b=y"), hour(0)).await.unwrap();
    ledger(&store).mark(ENGINE, &[digest("a")], hour(0)).await.unwrap();
    ledger(&store)
        .observe(ENGINE, &seen("b=y"), hour(30 * day))
        .await
        .unwrap();
    assert_eq!(
        [rows(&store, "image").await, rows(&store, "name").await],
        [2, 1],
        "not yet"
    );
    let known = ledger(&store)
        .observe(ENGINE, &seen("b=y"), hour(30 * day + 1))
        .await
        .unwrap();
    assert_eq!(
        (rows(&store, "image").await, draw(&known).as_str()),
        (1, "b first 0"),
        "what is there stays known"
    );
    ledger(&store).observe("other", &[], hour(61 * day)).await.unwrap();
    for table in ["image", "name", "mark"] {
        assert_eq!(rows(&store, table).await, 0, "{table}s of an engine that is gone");
    }
    assert_eq!(rows(&store, "engine").await, 1);
}

#[tokio::test]
async fn whoever_makes_up_images_and_names_without_end_fills_no_disk() {
    let (_directory, store) = open_new().await;
    let many = |round: usize| -> Vec<SeenImage> {
        let image = |n: usize| SeenImage {
            id: digest(&format!("{round} {n}")),
            names: vec![format!("{round}:{n}"), "long".repeat(1_000_000 / 50)],
            used_by: Some("u".repeat(100_000)),
        };
        (0..50).map(image).collect()
    };
    for round in 0..4_u8 {
        ledger(&store)
            .observe(ENGINE, &many(round.into()), hour(round.into()))
            .await
            .unwrap();
    }
    let longest = "SELECT max(length(name)) FROM host_name UNION ALL SELECT max(length(last_use)) FROM host_image";
    let longest: Vec<i64> = sqlx::query_scalar(longest).fetch_all(&store.readers).await.unwrap();
    assert!(longest.iter().all(|length| *length <= 1024), "{longest:?}");
    let mut transaction = store.begin().await.unwrap();
    tables::forget(&mut transaction, hour(4), 60).await.unwrap();
    transaction.commit().await.unwrap();
    assert_eq!([rows(&store, "image").await, rows(&store, "name").await], [60, 60]);
    let last: i64 = sqlx::query_scalar("SELECT count(*) FROM host_image WHERE last_seen_at = $1")
        .bind(hour(3).as_microsecond())
        .fetch_one(&store.readers)
        .await
        .unwrap();
    assert_eq!(last, 50, "those seen last stay");
}

#[tokio::test]
async fn marks_keep_their_time_until_they_are_taken_off() {
    let (_directory, store) = open_new().await;
    let mark = async |ids: &[&str], at: i64| {
        let going: Vec<Digest> = ids.iter().map(|id| digest(id)).collect();
        let marks = ledger(&store).mark(ENGINE, &going, hour(at)).await.unwrap();
        let told = |id: &&str| Some(format!("{id}{}", hours(*marks.get(&digest(id))?)));
        ["a", "b"].iter().filter_map(told).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(mark(&["a", "a"], 1).await, "a1");
    assert_eq!(mark(&["a", "b"], 2).await, "a1 b2");
    ledger(&store).mark("other", &[], hour(3)).await.unwrap();
    assert_eq!(mark(&["b"], 3).await, "b2", "engines do not mix");
    assert_eq!(mark(&["a", "b"], 4).await, "a4 b2", "a mark that was off is a new one");
    assert_eq!(mark(&["a", "b"], 3).await, "a3 b2", "none is from the future");
    assert_eq!(mark(&[], 5).await, "");
}

fn removal(id: &str) -> HostRemoval {
    HostRemoval {
        id: digest(id),
        names: vec![format!("{id}:1")],
        digests: vec![format!("{id}@{}", digest("remote"))],
        bytes: 7,
        reason: "not used for 8 days".to_owned(),
        outcome: None,
    }
}

#[tokio::test]
async fn runs_tell_what_they_took_and_an_interrupted_one_what_it_meant_to() {
    let (directory, store) = open_new().await;
    let ledger = ledger(&store);
    let first = ledger.begin_run(ENGINE, hour(1)).await.unwrap();
    for id in ["b", "a"] {
        ledger.removing(first, &removal(id)).await.unwrap();
    }
    ledger.removed(first, &digest("b"), "removed").await.unwrap();
    ledger.end_run(first, Some(5), hour(2)).await.unwrap();
    let second = ledger.begin_run(ENGINE, hour(3)).await.unwrap();
    ledger.removing(second, &removal("c")).await.unwrap();
    store.close().await;

    let store = Store::open(directory.path()).await.unwrap();
    let ledger = self::ledger(&store);
    let runs = ledger.runs(ENGINE, 9).await.unwrap();
    assert_eq!(runs.iter().map(|run| run.id).collect::<Vec<_>>(), [second, first]);
    assert_eq!((runs[0].ended_at, &runs[0].removals), (None, &vec![removal("c")]));
    let gone = HostRemoval {
        outcome: Some("removed".to_owned()),
        ..removal("b")
    };
    assert_eq!((runs[1].ended_at, runs[1].freed_bytes), (Some(hour(2)), Some(5)));
    assert_eq!(runs[1].removals, [gone, removal("a")]);
    assert_eq!(ledger.runs(ENGINE, 1).await.unwrap().len(), 1);
    assert_eq!(ledger.runs("other", 9).await.unwrap(), []);
    assert!(store.check().await.unwrap().ok);
}

#[tokio::test]
async fn nothing_is_written_of_a_run_that_is_not_open() {
    let (_directory, store) = open_new().await;
    let ledger = ledger(&store);
    let run = ledger.begin_run(ENGINE, hour(1)).await.unwrap();
    let error = ledger.removed(run, &digest("a"), "removed").await.unwrap_err();
    assert!(matches!(error, StoreError::NotRemoving { .. }), "{error}");
    ledger.end_run(run, None, hour(2)).await.unwrap();
    let after = [
        ledger.removing(run, &removal("a")).await.unwrap_err(),
        ledger.removing(run + 1, &removal("a")).await.unwrap_err(),
        ledger.end_run(run, Some(1), hour(3)).await.unwrap_err(),
    ];
    for error in after {
        assert!(matches!(error, StoreError::RunNotOpen { .. }), "{error}");
    }
    assert_eq!(rows(&store, "removal").await, 0);
}

#[tokio::test]
async fn runs_are_kept_for_90_days_and_what_one_writes_is_bounded() {
    let (_directory, store) = open_new().await;
    let ledger = ledger(&store);
    let day = 24;
    let old = ledger.begin_run(ENGINE, hour(0)).await.unwrap();
    let huge = HostRemoval {
        names: (0..5000).map(|n| format!("{n}{}", "x".repeat(2000))).collect(),
        reason: "y".repeat(100_000),
        ..removal("a")
    };
    ledger.removing(old, &huge).await.unwrap();
    let written = &ledger.runs(ENGINE, 9).await.unwrap()[0].removals[0];
    assert_eq!(written.names.len(), 1000);
    assert!(
        written
            .names
            .iter()
            .chain([&written.reason])
            .all(|text| text.len() < 1100)
    );
    ledger.begin_run(ENGINE, hour(90 * day)).await.unwrap();
    assert_eq!(rows(&store, "run").await, 2);
    let newest = ledger.begin_run("other", hour(90 * day + 1)).await.unwrap();
    assert_eq!([rows(&store, "run").await, rows(&store, "removal").await], [2, 0]);
    assert_eq!(newest, old + 2, "no number is given twice");
}

#[tokio::test]
async fn the_check_of_the_store_sees_what_cannot_be_read() {
    let (_directory, store) = open_new().await;
    let ledger = ledger(&store);
    ledger.observe(ENGINE, &seen("a=x"), hour(1)).await.unwrap();
    let run = ledger.begin_run(ENGINE, hour(1)).await.unwrap();
    ledger.removing(run, &removal("a")).await.unwrap();
    assert_eq!(store.check().await.unwrap().damage, Vec::<String>::new());
    for damage in [
        "UPDATE host_image SET image = 'x'",
        "UPDATE host_removal SET names = '{'",
    ] {
        sqlx::query(damage).execute(&store.writer).await.unwrap();
    }
    let found = store.check().await.unwrap().damage;
    let expected = [
        format!("what is remembered of the images of engine {ENGINE} cannot be read"),
        format!("what run {run} took from a server cannot be read"),
    ];
    assert_eq!(found, expected);
}

/// The same by brute force: the whole history, walked through for every answer.
#[derive(Default)]
struct Naive {
    /// When, and the images with their names and users.
    looks: Vec<(Timestamp, Vec<SeenImage>)>,
    uses: Vec<(usize, HostUse)>,
}

impl Naive {
    fn known(&self, image: &Digest, now: Timestamp) -> KnownImage {
        let there = |look: &(Timestamp, Vec<SeenImage>)| look.1.iter().any(|seen| seen.id == *image);
        let names = |look: &(Timestamp, Vec<SeenImage>)| -> BTreeSet<String> {
            let of = look.1.iter().filter(|seen| seen.id == *image);
            of.flat_map(|seen| seen.names.clone()).collect()
        };
        let mut moments: Vec<Timestamp> = Vec::new();
        for (number, look) in self.looks.iter().enumerate().filter(|(_, look)| there(look)) {
            let is_used = look.1.iter().any(|seen| seen.id == *image && seen.used_by.is_some());
            let was_set = number > 0 && names(look).difference(&names(&self.looks[number - 1])).next().is_some();
            // Known before, and neither at the last look nor in an event since.
            let known = self.looks[..number].iter().any(there)
                || self
                    .uses
                    .iter()
                    .any(|(looks, used)| *looks <= number && used.id == *image);
            let lately = number > 0
                && (there(&self.looks[number - 1])
                    || self.uses.iter().any(|(looks, used)| {
                        *looks <= number && used.id == *image && used.at >= self.looks[number - 1].0
                    }));
            if is_used || was_set || (number > 0 && known && !lately) {
                moments.push(look.0);
            }
        }
        let events = || self.uses.iter().filter(|(_, used)| used.id == *image);
        moments.extend(events().map(|(_, used)| used.at));
        let first_look = self.looks.iter().position(there).unwrap();
        let first_event = events().find(|(looks, _)| 0 < first_look && *looks <= first_look);
        let first = first_event.map_or(self.looks[first_look].0, |(_, used)| used.at);
        KnownImage {
            first_seen_at: first.min(now),
            last_used_at: moments.into_iter().max(),
            last_use: None,
        }
    }
}

/// Minutes since the last step; then a look at some images, or an event of one that long ago.
#[derive(Debug, Clone)]
enum Move {
    Look(i64, Vec<(u8, BTreeSet<u8>, bool)>),
    Use(i64, u8, i64),
}

fn moves() -> impl Strategy<Value = Vec<Move>> {
    let names = proptest::collection::btree_set(0..4_u8, 0..3);
    let image = (0..4_u8, names, prop::bool::weighted(0.2));
    let images = proptest::collection::vec(image, 0..4);
    let one = prop_oneof![
        // Two looks of the same moment cannot be told apart.
        (1..90_i64, images).prop_map(|(after, images)| Move::Look(after, images)),
        (0..90_i64, 0..4_u8, 0..200_i64).prop_map(|(after, image, ago)| Move::Use(after, image, ago)),
    ];
    proptest::collection::vec(one, 1..14)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_naive_ledger_agrees(moves in moves()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(agree(&moves))?;
    }
}

async fn agree(moves: &[Move]) -> Result<(), TestCaseError> {
    let (_directory, store) = open_new().await;
    let mut naive = Naive::default();
    let mut now = hour(0);
    for step in moves {
        match step {
            Move::Look(after, images) => {
                now += SignedDuration::from_mins(*after);
                let image = |(id, names, is_used): &(u8, BTreeSet<u8>, bool)| SeenImage {
                    id: digest(&id.to_string()),
                    names: names.iter().map(u8::to_string).collect(),
                    used_by: is_used.then(|| "web".to_owned()),
                };
                let images: Vec<SeenImage> = images.iter().map(image).collect();
                let known = ledger(&store).observe(ENGINE, &images, now).await.unwrap();
                naive.looks.push((now, images.clone()));
                let ids: BTreeSet<&Digest> = images.iter().map(|image| &image.id).collect();
                prop_assert_eq!(known.keys().collect::<BTreeSet<_>>(), ids);
                for (id, known) in known {
                    let known = KnownImage {
                        last_use: None,
                        ..known
                    };
                    prop_assert_eq!(known, naive.known(&id, now));
                }
            }
            Move::Use(after, image, ago) => {
                now += SignedDuration::from_mins(*after);
                let at = now - SignedDuration::from_mins(*ago);
                let used = used(&image.to_string(), at, "start");
                store
                    .note_uses_at(ENGINE, std::slice::from_ref(&used), now)
                    .await
                    .unwrap();
                naive.uses.push((naive.looks.len(), used));
            }
        }
    }
    Ok(())
}

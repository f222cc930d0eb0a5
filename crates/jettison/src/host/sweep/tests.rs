//! Sweeps of an engine that does what a test wants: its marks, gaps, conflicts and silences.

mod fake;

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

use jettison_core::config::Share;
use jettison_core::host::DiskMarks;
use jettison_core::model::SourceStatus;

use super::*;
use crate::store::Store;
use fake::{Fake, day, id};

/// Somebody with a memory, who sweeps an engine on some day.
struct Sweeping {
    home: tempfile::TempDir,
    ledger: Store,
    settings: HostSettings,
}

impl Sweeping {
    async fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        let settings = HostSettings {
            keep_newest: 0,
            recheck_after_seconds: 0,
            ..HostSettings::default()
        };
        Self {
            ledger: Store::open(home.path().join("state")).await.unwrap(),
            home,
            settings,
        }
    }

    async fn look(&self, engine: &Fake, days: i64) {
        let options = LookOptions::default();
        look(engine, &self.ledger, &options, day(days)).await.unwrap();
    }

    async fn prune(&self, engine: &Fake, days: i64) -> HostReport {
        let (_stop, stopped) = watch::channel(false);
        let clock = move || day(days);
        self.sweep(engine, &clock).run(&stopped).await.unwrap()
    }

    fn sweep<'s>(&'s self, engine: &'s Fake, clock: &'s (dyn Fn() -> Timestamp + Send + Sync)) -> Sweep<'s> {
        Sweep {
            engine,
            ledger: &self.ledger,
            settings: &self.settings,
            protect: &[],
            options: LookOptions {
                base: self.home.path().to_owned(),
                ..LookOptions::default()
            },
            verify: None,
            clock,
            progress: &|_| (),
        }
    }
}

fn whys(left: &[Left]) -> Vec<&str> {
    left.iter().map(|left| left.why.as_str()).collect()
}

#[tokio::test]
async fn what_is_old_goes_with_all_its_names_and_what_is_used_stays() {
    let (sweeping, engine) = (Sweeping::new().await, Fake::new(&["a:1", "a:2 b:2", "used:1"]));
    engine.run("used:1");
    sweeping.look(&engine, 0).await;
    assert_eq!(sweeping.prune(&engine, 7).await.removed, []);
    let report = sweeping.prune(&engine, 8).await;
    assert_eq!(engine.names(), ["used:1"]);
    assert_eq!(
        (report.removed.len(), report.skipped.len(), report.failed.len()),
        (2, 0, 0),
        "{report:?}"
    );
    let runs = HostLedger::runs(&sweeping.ledger, &engine.id, 10).await.unwrap();
    assert_eq!(runs.len(), 1);
    assert!(runs[0].ended_at.is_some());
    let outcomes = runs[0].removals.iter().map(|removal| removal.outcome.as_deref());
    assert_eq!(outcomes.collect::<Vec<_>>(), [Some("removed"), Some("removed")]);
}

#[tokio::test]
async fn whatever_could_not_be_read_lets_nothing_go() {
    for spoilt in ["usage", "images", "containers"] {
        for (at, code) in [(0, "the first look"), (1, "the second look")] {
            let (sweeping, engine) = (Sweeping::new().await, Fake::new(&["a:1"]));
            sweeping.look(&engine, 0).await;
            engine.spoil(spoilt, at);
            let report = sweeping.prune(&engine, 8).await;
            assert_eq!(engine.names(), ["a:1"], "{spoilt} at {code}: {report:?}");
            assert!(
                !report.plan.gaps.is_empty() && report.run.is_none(),
                "{spoilt} at {code}: {report:?}"
            );
        }
    }
}

#[tokio::test]
async fn a_source_that_says_nothing_is_missing_and_is_partial_all_the_same_lets_nothing_go() {
    let (sweeping, engine) = (Sweeping::new().await, Fake::new(&["a:1"]));
    sweeping.look(&engine, 0).await;
    engine.state().status = Some(SourceStatus::Partial);
    sweeping.prune(&engine, 8).await;
    assert_eq!(engine.names(), ["a:1"]);
}

#[tokio::test]
async fn nothing_goes_before_its_mark_is_old_enough() {
    let (mut sweeping, engine) = (Sweeping::new().await, Fake::new(&["a:1"]));
    sweeping.settings.recheck_after_seconds = 1;
    sweeping.look(&engine, 0).await;
    // A clock that stands still: it waits, and then the mark is as young as before.
    let started = Instant::now();
    let report = sweeping.prune(&engine, 8).await;
    assert!(started.elapsed() >= Duration::from_secs(1));
    assert_eq!(
        (engine.names(), report.run),
        (vec!["a:1".to_owned()], None),
        "{report:?}"
    );
    // A mark of the day before is old enough, however long it would have to wait for a new one.
    sweeping.settings.recheck_after_seconds = 3600;
    sweeping.prune(&engine, 9).await;
    assert_eq!(engine.names(), [""; 0]);
}

#[tokio::test]
async fn something_that_comes_in_postpones() {
    let (sweeping, engine) = (Sweeping::new().await, Fake::new(&["a:1"]));
    sweeping.look(&engine, 0).await;
    engine.state().busy = Some("a pull is in progress".to_owned());
    let report = sweeping.prune(&engine, 8).await;
    assert_eq!(report.postponed.as_deref(), Some("a pull is in progress"));
    assert_eq!((engine.names(), report.run), (vec!["a:1".to_owned()], None));
}

#[tokio::test]
async fn a_conflict_keeps_the_image_with_all_its_names() {
    for (refuses, expected) in [("by id", "is needed"), ("second name", "is needed")] {
        let (sweeping, engine) = (Sweeping::new().await, Fake::new(&["a:1 b:1 c:1"]));
        sweeping.look(&engine, 0).await;
        let refused = if refuses == "by id" {
            id("a:1 b:1 c:1").to_string()
        } else {
            "b:1".to_owned()
        };
        engine.state().refuses = Some(refused);
        let report = sweeping.prune(&engine, 8).await;
        assert_eq!(engine.names(), ["a:1", "b:1", "c:1"], "{refuses}: {report:?}");
        assert_eq!(whys(&report.skipped), [expected], "{refuses}");
    }
}

#[tokio::test]
async fn a_failure_counts_and_the_others_go_all_the_same() {
    let (sweeping, engine) = (Sweeping::new().await, Fake::new(&["a:1", "b:1", "c:1"]));
    sweeping.look(&engine, 0).await;
    engine.state().fails = Some(id("b:1").to_string());
    let report = sweeping.prune(&engine, 8).await;
    assert_eq!(engine.names(), ["b:1"]);
    assert_eq!(
        (report.removed.len(), whys(&report.failed)),
        (2, vec!["the disk is broken"])
    );
    assert_eq!(report.interrupted, None);
}

#[tokio::test]
async fn an_image_that_is_gone_already_is_no_failure() {
    let (sweeping, engine) = (Sweeping::new().await, Fake::new(&["a:1"]));
    sweeping.look(&engine, 0).await;
    engine.state().vanishes = Some(id("a:1"));
    let report = sweeping.prune(&engine, 8).await;
    assert_eq!(
        (report.removed.len() + report.skipped.len(), report.failed.len()),
        (1, 0),
        "{report:?}"
    );
}

#[tokio::test]
async fn where_digests_prove_nothing_an_image_goes_only_when_a_registry_was_asked() {
    struct Has(bool);
    #[async_trait::async_trait]
    impl Pullable for Has {
        async fn can_be_pulled(&self, _: &[String]) -> Result<(), String> {
            if self.0 {
                Ok(())
            } else {
                Err("r.io does not have it".to_owned())
            }
        }
    }
    for store in [ImageStore::GraphDriver, ImageStore::Containerd, ImageStore::Podman] {
        for (verify, goes) in [
            (None, store == ImageStore::GraphDriver),
            (Some(Has(true)), true),
            (Some(Has(false)), false),
        ] {
            let (sweeping, engine) = (Sweeping::new().await, Fake::new(&["a:1"]));
            engine.state().store = Some(store);
            sweeping.look(&engine, 0).await;
            let (_stop, stopped) = watch::channel(false);
            let clock = || day(8);
            let sweep = Sweep {
                verify: verify.as_ref().map(|has| has as &dyn Pullable),
                ..sweeping.sweep(&engine, &clock)
            };
            let report = sweep.run(&stopped).await.unwrap();
            assert_eq!(engine.names().is_empty(), goes, "{store:?}: {report:?}");
            let whys = whys(&report.skipped);
            assert!(
                whys.iter().all(|why| why.starts_with("cannot be pulled again: ")),
                "{whys:?}"
            );
        }
    }
}

#[tokio::test]
async fn a_disk_that_is_not_too_full_by_now_loses_no_more() {
    // This machine's own disk is neither empty nor full: marks around what it holds are met, or are not.
    for (low, goes) in [(Share::percent(100), 0), (Share::percent(0), 2)] {
        let (mut sweeping, engine) = (Sweeping::new().await, Fake::new(&["a:1", "b:1"]));
        engine.state().root = Some(sweeping.home.path().display().to_string());
        sweeping.look(&engine, 0).await;
        let high = Share::percent(0);
        sweeping.settings.disk = Some(DiskMarks { high, low });
        let report = sweeping.prune(&engine, 2).await;
        assert_eq!(report.removed.len(), goes, "{report:?}");
    }
}

/// Wherever it is killed, what is used stays, and the next run does the rest.
#[tokio::test]
async fn a_run_may_end_at_any_call_and_the_next_one_does_the_rest() {
    let mut ends = 0;
    for calls in 0.. {
        let (sweeping, engine) = (Sweeping::new().await, Fake::new(&["a:1", "b:1 b:2", "used:1"]));
        engine.run("used:1");
        sweeping.look(&engine, 0).await;
        engine.silent_after.store(calls, Ordering::SeqCst);
        let killed = tokio::select! {
            _ = sweeping.prune(&engine, 8) => false,
            () = engine.is_silent.notified() => true,
        };
        engine.silent_after.store(usize::MAX, Ordering::SeqCst);
        assert!(engine.names().contains(&"used:1".to_owned()), "after {calls} calls");
        let whole: BTreeMap<String, Digest> = engine.state().names.clone();
        let report = sweeping.prune(&engine, 8).await;
        assert_eq!(
            engine.names(),
            ["used:1"],
            "after {calls} calls ({whole:?}): {report:?}"
        );
        if !killed {
            break;
        }
        ends += 1;
    }
    assert!(ends > 20, "{ends}");
}

#[tokio::test]
async fn an_image_that_a_killed_run_had_begun_to_take_gets_its_names_back_where_somebody_uses_it_by_now() {
    let mut halves = 0;
    for calls in 0.. {
        let (sweeping, engine) = (Sweeping::new().await, Fake::new(&["b:1 b:2 b:3"]));
        sweeping.look(&engine, 0).await;
        engine.silent_after.store(calls, Ordering::SeqCst);
        let killed = tokio::select! {
            _ = sweeping.prune(&engine, 8) => false,
            () = engine.is_silent.notified() => true,
        };
        engine.silent_after.store(usize::MAX, Ordering::SeqCst);
        let left = engine.names();
        if !left.is_empty() {
            halves += usize::from(left.len() < 3);
            engine.run(&left[0]);
            let report = sweeping.prune(&engine, 8).await;
            assert!(report.removed.is_empty(), "after {calls} calls: {report:?}");
            assert_eq!(
                engine.names(),
                ["b:1", "b:2", "b:3"],
                "after {calls} calls, when {left:?} were left"
            );
        }
        if !killed {
            break;
        }
    }
    assert!(halves > 0, "no run ended between two names");
}

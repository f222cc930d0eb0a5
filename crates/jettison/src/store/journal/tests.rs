//! The journal: written before anything goes, never changed afterwards, read back byte by byte.

use jettison_core::model::Digest;
use jiff::Timestamp;

use super::{Action, EntryId, Intent, Outcome, RunId, RunStart, RunStatus};
use crate::store::tests::{digest, hour, open_new, registry, repository, tag};
use crate::store::{ImageName, Store, StoreError};

fn start(id: &str, at: i64) -> RunStart {
    RunStart {
        id: RunId(id.to_owned()),
        plan_id: Some("p1".to_owned()),
        started_at: hour(at),
        command: "apply".to_owned(),
    }
}

/// To delete the image whose bytes are its name.
fn intent(sequence: u64, name: &str) -> Intent {
    Intent {
        registry: registry(),
        repository: repository(),
        digest: digest(name),
        action: Action::Delete,
        root: digest(name),
        tags: vec![tag(&format!("{name}-1")), tag(&format!("{name}-2"))],
        media_type: "application/vnd.oci.image.manifest.v1+json".to_owned(),
        bytes: name.as_bytes().to_vec(),
        referrers: vec![digest("signature")],
        reason_json: r#"{"code":"expired"}"#.to_owned(),
        sequence,
    }
}

fn failed() -> Outcome {
    Outcome::Failed {
        error: "500".to_owned(),
    }
}

fn skipped() -> Outcome {
    Outcome::Skipped {
        why: "in use".to_owned(),
    }
}

#[test]
fn run_ids_sort_by_time() {
    let at = |text: &str| RunId::new(text.parse::<Timestamp>().unwrap(), [0x4f, 0x2a]);
    assert_eq!(at("2026-11-21T22:33:11.9Z").as_str(), "20261121-223311-4f2a");
    assert!(at("2026-11-21T22:33:11Z") < at("2026-11-21T22:33:12Z"));
    assert!(at("2026-09-30T23:59:59Z") < at("2026-10-01T00:00:00Z"));
}

#[tokio::test]
async fn a_run_is_told_as_it_was_recorded() {
    let (_directory, store) = open_new().await;
    let run = store.begin_run(&start("r1", 1)).await.unwrap();
    let untag = Intent {
        action: Action::Untag,
        ..intent(0, "b")
    };
    let entries = store
        .record_intent(&run, &[intent(1, "a"), untag.clone()])
        .await
        .unwrap();
    store.record_outcome(entries[0], failed(), hour(2)).await.unwrap();
    store.record_outcome(entries[0], Outcome::Done, hour(3)).await.unwrap();
    store
        .record_outcome(entries[1], Outcome::AlreadyGone, hour(3))
        .await
        .unwrap();
    store.end_run(&run, RunStatus::Done, hour(4)).await.unwrap();

    let detail = store.run("r1").await.unwrap().unwrap();
    assert_eq!(
        (detail.summary.started_at, detail.summary.ended_at),
        (hour(1), Some(hour(4)))
    );
    assert_eq!(
        (detail.summary.plan.as_deref(), detail.summary.command.as_str()),
        (Some("p1"), "apply")
    );
    let [first, second] = detail.entries.as_slice() else {
        panic!("two entries, not {:?}", detail.entries)
    };
    assert_eq!(
        (first.id, second.id),
        (entries[1], entries[0]),
        "in the order of the plan"
    );
    let told = Intent {
        registry: first.registry.clone(),
        repository: first.repository.clone(),
        digest: first.digest.clone(),
        action: first.action,
        root: first.root.clone(),
        tags: first.tags.clone(),
        media_type: first.media_type.clone(),
        bytes: store.saved_manifest(first.id).await.unwrap().bytes,
        referrers: first.referrers.clone(),
        reason_json: first.reason_json.clone(),
        sequence: first.sequence,
    };
    assert_eq!(told, untag);
    let outcomes: Vec<_> = second
        .outcomes
        .iter()
        .map(|record| (record.outcome.clone(), record.at))
        .collect();
    assert_eq!(outcomes, [(failed(), hour(2)), (Outcome::Done, hour(3))]);
    assert_eq!(second.outcome(), Some(&Outcome::Done));
}

#[tokio::test]
async fn what_was_archived_is_counted_by_itself_and_counts_as_taken() {
    let (_directory, store) = open_new().await;
    let run = store.begin_run(&start("r", 1)).await.unwrap();
    let intent = Intent {
        action: Action::Archive,
        ..intent(0, "a")
    };
    let entry = store.record_intent(&run, &[intent]).await.unwrap()[0];
    store.record_outcome(entry, Outcome::Done, hour(2)).await.unwrap();
    let detail = store.run(run.as_str()).await.unwrap().unwrap();
    let counted = &detail.summary;
    assert_eq!((counted.deleted, counted.archived, counted.failed), (0, 1, 0));
    assert!(detail.entries[0].was_taken() && detail.entries[0].is_archived());
    store.record_outcome(entry, Outcome::PutBack, hour(3)).await.unwrap();
    let detail = store.run(run.as_str()).await.unwrap().unwrap();
    assert!(!detail.entries[0].is_archived(), "until it was brought back");
}

#[tokio::test]
async fn a_run_counts_what_it_did() {
    /// Deleted, untagged, put back, gone already, left, failed.
    type Counts = (u64, u64, u64, u64, u64, u64);
    let asked = || Outcome::Asked {
        why: "no answer".to_owned(),
    };
    let table: &[(Action, &[Outcome], Counts)] = &[
        (Action::Delete, &[], (0, 0, 0, 0, 0, 0)),
        (Action::Delete, &[Outcome::Done], (1, 0, 0, 0, 0, 0)),
        (Action::Delete, &[Outcome::AlreadyGone], (0, 0, 0, 1, 0, 0)),
        (
            Action::Delete,
            &[Outcome::AlreadyGone, Outcome::PutBack],
            (0, 0, 0, 1, 0, 0),
        ),
        (Action::Delete, &[failed(), Outcome::AlreadyGone], (0, 0, 0, 1, 0, 0)),
        (Action::Untag, &[Outcome::Done], (0, 1, 0, 0, 0, 0)),
        (Action::Untag, &[Outcome::AlreadyGone], (0, 0, 0, 1, 0, 0)),
        (Action::Delete, &[failed()], (0, 0, 0, 0, 0, 1)),
        (Action::Untag, &[skipped()], (0, 0, 0, 0, 1, 0)),
        (Action::Delete, &[failed(), skipped()], (0, 0, 0, 0, 0, 1)),
        (Action::Delete, &[failed(), Outcome::Done], (1, 0, 0, 0, 0, 0)),
        (Action::Delete, &[asked()], (0, 0, 0, 0, 0, 1)),
        (Action::Delete, &[asked(), skipped()], (0, 0, 0, 0, 1, 0)),
        (Action::Delete, &[asked(), Outcome::Done], (1, 0, 0, 0, 0, 0)),
        (Action::Delete, &[skipped(), Outcome::PutBack], (0, 0, 0, 0, 1, 0)),
        (Action::Delete, &[Outcome::Done, Outcome::PutBack], (1, 0, 0, 0, 0, 0)),
        (Action::Archive, &[failed()], (0, 0, 0, 0, 0, 1)),
        (Action::Restore, &[], (0, 0, 0, 0, 0, 0)),
        (Action::Restore, &[Outcome::PutBack], (0, 0, 1, 0, 0, 0)),
        (Action::Restore, &[failed()], (0, 0, 0, 0, 0, 1)),
        (Action::Restore, &[skipped()], (0, 0, 0, 0, 1, 0)),
        (Action::Restore, &[failed(), Outcome::PutBack], (0, 0, 1, 0, 0, 0)),
    ];
    let (_directory, store) = open_new().await;
    for (number, (action, outcomes, expected)) in table.iter().enumerate() {
        let run = store.begin_run(&start(&format!("r{number}"), 1)).await.unwrap();
        let intent = Intent {
            action: *action,
            ..intent(0, "a")
        };
        let entry = store.record_intent(&run, &[intent]).await.unwrap()[0];
        for outcome in *outcomes {
            store.record_outcome(entry, outcome.clone(), hour(2)).await.unwrap();
        }
        let summary = store.run(run.as_str()).await.unwrap().unwrap().summary;
        let counts = (
            summary.deleted,
            summary.untagged,
            summary.restored,
            summary.already_gone,
            summary.left,
            summary.failed,
        );
        assert_eq!(counts, *expected, "{action} {outcomes:?}");
        assert_eq!(summary.archived, 0, "{action} {outcomes:?}");
        assert_eq!(store.plans_of_runs().await.unwrap()[&run], summary.plan);
        let listed = store.runs().await.unwrap().into_iter().find(|listed| listed.id == run);
        assert_eq!(listed, Some(summary));
    }
}

#[tokio::test]
async fn what_could_not_be_put_back_is_not_recorded() {
    let (_directory, store) = open_new().await;
    let run = store.begin_run(&start("r1", 1)).await.unwrap();
    let wrong = Intent {
        bytes: b"other".to_vec(),
        ..intent(1, "b")
    };
    let refused = store.record_intent(&run, &[intent(0, "a"), wrong]).await;
    assert!(matches!(refused, Err(StoreError::WrongBytes { digest: named }) if named == digest("b")));
    assert!(store.run("r1").await.unwrap().unwrap().entries.is_empty());
}

#[tokio::test]
async fn only_an_open_run_can_be_written_to() {
    let (_directory, store) = open_new().await;
    let not_open = |result: Result<(), StoreError>| matches!(result, Err(StoreError::RunNotOpen { .. }));
    let unknown = RunId("r0".to_owned());
    assert!(not_open(
        store.record_intent(&unknown, &[intent(0, "a")]).await.map(drop)
    ));
    let run = store.begin_run(&start("r1", 1)).await.unwrap();
    assert!(matches!(
        store.begin_run(&start("r1", 2)).await,
        Err(StoreError::RunExists { .. })
    ));
    let other = store.begin_new_run(start("r1", 2)).await.unwrap();
    assert_ne!(other, run);
    store.end_run(&run, RunStatus::Refused, hour(2)).await.unwrap();
    assert!(not_open(store.record_intent(&run, &[intent(0, "a")]).await.map(drop)));
    assert!(not_open(store.end_run(&run, RunStatus::Done, hour(3)).await));
    assert_eq!(
        store.run("r1").await.unwrap().unwrap().summary.status,
        RunStatus::Refused
    );
}

#[tokio::test]
async fn outcomes_of_unknown_entries_are_refused_with_the_others() {
    let (_directory, store) = open_new().await;
    let run = store.begin_run(&start("r1", 1)).await.unwrap();
    let entry = store.record_intent(&run, &[intent(0, "a")]).await.unwrap()[0];
    let outcome = |entry| super::NewOutcome {
        entry,
        outcome: Outcome::Done,
        at: hour(2),
    };
    let refused = store.record_outcomes(&[outcome(entry), outcome(EntryId(99))]).await;
    assert!(matches!(refused, Err(StoreError::NoEntry { entry: 99 })));
    assert_eq!(store.run("r1").await.unwrap().unwrap().entries[0].outcome(), None);
    assert!(matches!(
        store.saved_manifest(EntryId(99)).await,
        Err(StoreError::NoEntry { entry: 99 })
    ));
}

#[tokio::test]
async fn the_database_itself_refuses_to_change_the_journal() {
    let (_directory, store) = open_new().await;
    let run = store.begin_run(&start("r1", 1)).await.unwrap();
    let entry = store.record_intent(&run, &[intent(0, "a")]).await.unwrap()[0];
    store.record_outcome(entry, Outcome::Done, hour(2)).await.unwrap();
    for sql in [
        "UPDATE journal_entry SET tags = '[]'",
        "UPDATE journal_outcome SET outcome = 'failed'",
    ] {
        let error = sqlx::query(sql).execute(&store.writer).await.unwrap_err();
        assert!(error.to_string().contains("append-only"), "{error}");
    }
}

#[tokio::test]
async fn saved_bytes_that_do_not_fit_are_not_handed_out_and_are_healed_by_the_next_save() {
    let (_directory, store) = open_new().await;
    let run = store.begin_run(&start("r1", 1)).await.unwrap();
    let entry = store.record_intent(&run, &[intent(0, "a")]).await.unwrap()[0];
    sqlx::query("UPDATE saved_manifest SET bytes = x'00'")
        .execute(&store.writer)
        .await
        .unwrap();
    assert!(matches!(
        store.saved_manifest(entry).await,
        Err(StoreError::Corrupt { .. })
    ));
    store.record_intent(&run, &[intent(1, "a")]).await.unwrap();
    assert_eq!(store.saved_manifest(entry).await.unwrap().bytes, b"a");
}

#[tokio::test]
async fn runs_are_listed_newest_first_and_found_by_a_prefix() {
    let (_directory, store) = open_new().await;
    for (id, at) in [("r10", 2), ("r1", 1), ("s1", 3)] {
        store.begin_run(&start(id, at)).await.unwrap();
    }
    let listed: Vec<String> = store
        .runs()
        .await
        .unwrap()
        .into_iter()
        .map(|run| run.id.to_string())
        .collect();
    assert_eq!(listed, ["s1", "r10", "r1"]);
    let found = async |id: &str| store.run(id).await.map(|run| run.map(|run| run.summary.id.to_string()));
    assert_eq!(found("s").await.unwrap().as_deref(), Some("s1"));
    assert_eq!(
        found("r1").await.unwrap().as_deref(),
        Some("r1"),
        "a whole id is not ambiguous"
    );
    assert_eq!(found("x").await.unwrap(), None);
    assert_eq!(found("%").await.unwrap(), None);
    assert!(matches!(
        found("r").await,
        Err(StoreError::Ambiguous { what: "run", .. })
    ));
}

#[tokio::test]
async fn entries_are_found_by_digest_and_by_lost_tag() {
    let (_directory, store) = open_new().await;
    for (id, at) in [("r1", 1), ("r2", 2)] {
        let run = store.begin_run(&start(id, at)).await.unwrap();
        store
            .record_intent(&run, &[intent(0, "a"), intent(1, "b")])
            .await
            .unwrap();
    }
    let runs_of = async |image: ImageName| {
        let entries = store
            .entries_of_image(&registry(), &repository(), &image)
            .await
            .unwrap();
        entries
            .into_iter()
            .map(|entry| format!("{} {}", entry.run, entry.tags[0]))
            .collect::<Vec<_>>()
    };
    assert_eq!(runs_of(ImageName::Digest(digest("a"))).await, ["r2 a-1", "r1 a-1"]);
    assert_eq!(runs_of(ImageName::Tag(tag("b-2"))).await, ["r2 b-1", "r1 b-1"]);
    assert!(runs_of(ImageName::Tag(tag("b"))).await.is_empty());
    let elsewhere = "apps/other".parse().unwrap();
    let image = ImageName::Digest(digest("a"));
    assert!(
        store
            .entries_of_image(&registry(), &elsewhere, &image)
            .await
            .unwrap()
            .is_empty()
    );
}

#[tokio::test]
async fn a_run_without_an_end_is_running_only_while_the_lock_is_held() {
    let (directory, store) = open_new().await;
    let run = store.begin_run(&start("r1", 1)).await.unwrap();
    let status = async || store.runs().await.unwrap()[0].status;
    let other = Store::open(directory.path()).await.unwrap();
    let lock = other.lock_for_run("run r1").unwrap();
    assert_eq!(status().await, RunStatus::Running);
    drop(lock);
    assert_eq!(status().await, RunStatus::Interrupted);
    assert_eq!(store.interrupted_runs().await.unwrap().len(), 1);
    store.end_run(&run, RunStatus::Interrupted, hour(2)).await.unwrap();
    assert!(store.interrupted_runs().await.unwrap().is_empty());
}

#[tokio::test]
async fn old_runs_are_forgotten_with_what_only_they_saved() {
    let (_directory, store) = open_new().await;
    for (id, at, saved) in [("old", 1, ["a", "b"]), ("new", 5, ["b", "c"])] {
        let run = store
            .begin_run(&RunStart {
                plan_id: Some(format!("plan-{id}")),
                ..start(id, at)
            })
            .await
            .unwrap();
        let entries = store
            .record_intent(&run, &[intent(0, saved[0]), intent(1, saved[1])])
            .await
            .unwrap();
        store.record_outcome(entries[0], Outcome::Done, hour(at)).await.unwrap();
        store.end_run(&run, RunStatus::Done, hour(at + 1)).await.unwrap();
    }
    for (id, at) in [("plan-old", 0), ("plan-new", 0), ("plan-unused", 0), ("plan-recent", 9)] {
        store.save_plan(id, hour(at), "{}").await.unwrap();
    }
    store.forget_runs_before(hour(2)).await.unwrap();
    assert_eq!(store.runs().await.unwrap().len(), 2, "it ended at 2, not before");
    store.forget_runs_before(hour(3)).await.unwrap();
    let left: Vec<_> = store
        .runs()
        .await
        .unwrap()
        .into_iter()
        .map(|run| run.id.to_string())
        .collect();
    assert_eq!(left, ["new"]);
    let saved: Vec<String> = sqlx::query_scalar("SELECT digest FROM saved_manifest")
        .fetch_all(&store.readers)
        .await
        .unwrap();
    let mut expected: Vec<Digest> = vec![digest("b"), digest("c")];
    expected.sort();
    assert_eq!(saved, expected.iter().map(Digest::to_string).collect::<Vec<_>>());
    let mut plans = Vec::new();
    for id in ["plan-old", "plan-new", "plan-unused", "plan-recent"] {
        plans.extend(store.plan(id).await.unwrap().map(|plan| plan.id));
    }
    assert_eq!(plans, ["plan-new", "plan-recent"]);
}

#[tokio::test]
async fn a_run_that_was_interrupted_is_never_forgotten_before_it_is_settled() {
    let (_directory, store) = open_new().await;
    let run = store.begin_run(&start("old", 1)).await.unwrap();
    let entry = store.record_intent(&run, &[intent(0, "a")]).await.unwrap()[0];
    store.forget_runs_before(hour(1000)).await.unwrap();
    assert_eq!(store.interrupted_runs().await.unwrap().len(), 1);
    assert_eq!(store.saved_manifest(entry).await.unwrap().bytes, b"a");
    store.end_run(&run, RunStatus::Interrupted, hour(1001)).await.unwrap();
    store.forget_runs_before(hour(1002)).await.unwrap();
    assert!(store.runs().await.unwrap().is_empty());
}

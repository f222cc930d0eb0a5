//! Tests of the store as a whole, and what the tests of its parts share.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use jettison_core::model::{Digest, RegistryHost, RepositoryName, Tag};
use jiff::{SignedDuration, Timestamp};
use tempfile::TempDir;

use super::{Action, CachedManifest, EntryRecord, Intent, Observation, RunId, RunStart, Store, StoreError};

pub(crate) fn digest(name: &str) -> Digest {
    Digest::of(name.as_bytes())
}

pub(crate) fn tag(name: &str) -> Tag {
    name.parse().unwrap()
}

pub(crate) fn registry() -> RegistryHost {
    "registry.example.com".parse().unwrap()
}

pub(crate) fn repository() -> RepositoryName {
    "apps/web".parse().unwrap()
}

/// Hours after some day.
pub(crate) fn hour(hours: i64) -> Timestamp {
    "2026-01-01T00:00:00Z".parse::<Timestamp>().unwrap() + SignedDuration::from_hours(hours)
}

pub(crate) async fn open_new() -> (TempDir, Store) {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path()).await.unwrap();
    (directory, store)
}

pub(crate) fn manifest(name: &str) -> CachedManifest {
    CachedManifest {
        digest: digest(name),
        media_type: "m".to_owned(),
        bytes: name.as_bytes().to_vec(),
    }
}

/// An entry of a run of its own, about the image whose bytes are this name.
pub(crate) async fn stored_entry(store: &Store, name: &str) -> EntryRecord {
    let apart = [0, 2].map(|at| u8::from_str_radix(&digest(name).hex()[at..at + 2], 16).unwrap());
    let start = RunStart {
        id: RunId::new(hour(1), apart),
        plan_id: None,
        started_at: hour(1),
        command: "apply".to_owned(),
    };
    let run = store.begin_run(&start).await.unwrap();
    let CachedManifest {
        digest,
        media_type,
        bytes,
    } = manifest(name);
    let intent = Intent {
        registry: registry(),
        repository: repository(),
        root: digest.clone(),
        digest,
        action: Action::Delete,
        tags: Vec::new(),
        media_type,
        bytes,
        referrers: Vec::new(),
        reason_json: "{}".to_owned(),
        sequence: 0,
    };
    store.record_intent(&run, &[intent]).await.unwrap();
    store.run(run.as_str()).await.unwrap().unwrap().entries.remove(0)
}

/// An error and its sources, as they are printed.
fn told(error: &dyn std::error::Error) -> String {
    std::iter::successors(Some(error), |error| error.source())
        .map(|e| e.to_string())
        .collect::<Vec<_>>()
        .join(": ")
}

#[test]
fn its_futures_can_be_spawned() {
    fn is_send<T: Send>(_: T) {}
    fn check(store: &Store, observation: &Observation) {
        is_send(Store::open("."));
        is_send(store.observe(observation));
        is_send(store.mark_restored(&observation.registry, &observation.repository, &[], hour(0)));
        is_send(store.manifests(&[]));
        is_send(store.run(""));
    }
    let _ = check;
}

#[tokio::test]
async fn a_store_is_new_once_and_private() {
    let parent = tempfile::tempdir().unwrap();
    let directory = parent.path().join("a/b");
    let first = Store::open(&directory).await.unwrap();
    first.put_manifests(&[manifest("a")]).await.unwrap();
    let second = Store::open(&directory).await.unwrap();
    assert!(first.is_new() && !second.is_new());
    assert_eq!(first.created_at(), second.created_at());
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&directory), 0o700);
    for entry in fs::read_dir(&directory).unwrap() {
        let path = entry.unwrap().path();
        assert_eq!(mode(&path), 0o600, "{}", path.display());
    }
}

/// Only root can give files away, so that others see nothing here.
#[tokio::test]
async fn what_root_creates_in_the_store_of_another_user_is_that_users() {
    const SERVICE: u32 = 65_532;
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    fs::create_dir(&state).unwrap();
    if chown(&state, Some(SERVICE), Some(SERVICE)).is_err() {
        return;
    }
    let store = Store::open(&state).await.unwrap();
    store.remember_usage("nodes", &[], 1, hour(1)).await.unwrap();
    let lock = store.lock_for_run("run").unwrap();
    for file in fs::read_dir(&state).unwrap() {
        let file = file.unwrap();
        assert_eq!(file.metadata().unwrap().uid(), SERVICE, "{}", file.path().display());
    }
    drop(lock);
}

#[tokio::test]
async fn commits_are_synced_and_references_are_checked() {
    let (_directory, store) = open_new().await;
    for (pragma, expected) in [("PRAGMA synchronous", 2), ("PRAGMA foreign_keys", 1)] {
        let value: i64 = sqlx::query_scalar(pragma).fetch_one(&store.writer).await.unwrap();
        assert_eq!(value, expected, "{pragma}");
    }
    let mode: String = sqlx::query_scalar("PRAGMA journal_mode")
        .fetch_one(&store.writer)
        .await
        .unwrap();
    assert_eq!(mode, "wal");
    let write = sqlx::query("DELETE FROM plan").execute(&store.readers).await;
    assert!(write.is_err(), "readers cannot write");
}

#[tokio::test]
async fn a_damaged_file_is_named_with_what_to_do() {
    let garbage = async |store: &Path| fs::write(store, "no database ".repeat(1000)).unwrap();
    let pages = async |store: &Path| {
        let mut bytes = fs::read(store).unwrap();
        let end = bytes.len();
        bytes[4096..end].fill(0xff);
        fs::write(store, bytes).unwrap();
    };
    for number in 0..2 {
        let (directory, store) = open_new().await;
        let many: Vec<_> = (0..100).map(|n| manifest(&n.to_string())).collect();
        store.put_manifests(&many).await.unwrap();
        let file = store.file().to_owned();
        store.close().await;
        if number == 0 {
            garbage(&file).await
        } else {
            pages(&file).await
        }
        let error = Store::open(directory.path()).await.unwrap_err();
        assert!(matches!(error, StoreError::Corrupt { .. }), "{error:?}");
        let text = told(&error);
        assert!(
            text.contains(&file.display().to_string()) && text.contains("move it away and run again"),
            "{text}"
        );
        fs::rename(&file, directory.path().join("moved")).unwrap();
        assert!(
            Store::open(directory.path()).await.unwrap().is_new(),
            "what the message says helps"
        );
    }
}

#[tokio::test]
async fn a_row_that_jettison_never_wrote_is_damage() {
    let (_directory, store) = open_new().await;
    store.begin_run(&start("r1")).await.unwrap();
    sqlx::query("UPDATE run SET status = 'dancing'")
        .execute(&store.writer)
        .await
        .unwrap();
    let error = store.runs().await.unwrap_err();
    assert!(matches!(error, StoreError::Corrupt { .. }), "{error:?}");
    assert!(told(&error).contains("dancing"), "{error}");
}

#[tokio::test]
async fn a_store_of_a_newer_version_is_left_alone() {
    for sql in [
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
         VALUES (9999, 'later', TRUE, x'00', 0)",
        "UPDATE _sqlx_migrations SET checksum = x'00'",
    ] {
        let (directory, store) = open_new().await;
        sqlx::query(sql).execute(&store.writer).await.unwrap();
        store.close().await;
        let error = Store::open(directory.path()).await.unwrap_err();
        assert!(matches!(error, StoreError::Newer { .. }), "{error:?}");
        assert!(error.to_string().contains("newer"), "{error}");
    }
}

#[tokio::test]
async fn a_full_disk_is_said_and_nothing_is_half_written() {
    let (_directory, store) = open_new().await;
    sqlx::query("PRAGMA max_page_count = 60")
        .execute(&store.writer)
        .await
        .unwrap();
    let big: Vec<_> = (0..100).map(|n| manifest(&n.to_string().repeat(5000))).collect();
    let error = store.put_manifests(&big).await.unwrap_err();
    assert!(matches!(error, StoreError::DiskFull { .. }), "{error:?}");
    sqlx::query("PRAGMA max_page_count = 100000")
        .execute(&store.writer)
        .await
        .unwrap();
    let digests: Vec<_> = big.iter().map(|manifest| manifest.digest.clone()).collect();
    assert!(store.manifests(&digests).await.unwrap().is_empty());
    store.put_manifests(&big).await.unwrap();
    assert_eq!(
        store.manifests(&digests).await.unwrap().len(),
        100,
        "with room again, the same store works on"
    );
}

#[tokio::test]
async fn a_directory_that_cannot_be_made_is_named() {
    let parent = tempfile::tempdir().unwrap();
    let file = parent.path().join("file");
    fs::write(&file, "").unwrap();
    let error = Store::open(file.join("store")).await.unwrap_err();
    assert!(error.to_string().contains("file/store"), "{error}");
}

fn start(id: &str) -> RunStart {
    RunStart {
        id: RunId::new(hour(0), [0, 0]),
        plan_id: None,
        started_at: hour(1),
        command: id.to_owned(),
    }
}

fn observation(number: usize) -> Observation {
    let name = format!("image-{number}");
    Observation {
        registry: registry(),
        repository: repository(),
        taken_at: hour(1),
        complete: false,
        tags: [(tag(&name), digest(&name))].into(),
        manifests: [digest(&name)].into(),
        gone: Default::default(),
        referrers: Default::default(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_stores_that_write_at_once_lose_nothing() {
    let (directory, store) = open_new().await;
    let other = Store::open(directory.path()).await.unwrap();
    let writers = [(store.clone(), 0), (other, 100)].map(|(store, from)| {
        tokio::spawn(async move {
            for number in from..from + 50 {
                store.observe(&observation(number)).await.unwrap();
            }
        })
    });
    for writer in writers {
        writer.await.unwrap();
    }
    let memory = store.repository_memory(&registry(), &repository()).await.unwrap();
    assert_eq!((memory.tags.len(), memory.manifests.len()), (100, 100));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_that_is_dropped_leaves_nothing_and_blocks_nobody() {
    let (_directory, store) = open_new().await;
    let mut transaction = store.begin().await.unwrap();
    sqlx::query("INSERT INTO plan (id, created_at, json) VALUES ('a', 1, '{}')")
        .execute(&mut *transaction)
        .await
        .unwrap();
    drop(transaction);
    store.save_plan("b", hour(1), "{}").await.unwrap();
    assert_eq!(store.plan("a").await.unwrap(), None);
}

#[tokio::test]
async fn a_registry_of_36_000_images_is_written_and_read() {
    let (_directory, store) = open_new().await;
    let body = "x".repeat(1500);
    let manifests: Vec<_> = (0..36_000).map(|n| manifest(&format!("{n} {body}"))).collect();
    let digests: Vec<_> = manifests.iter().map(|manifest| manifest.digest.clone()).collect();
    let timed = |what: &str, since: Instant| println!("{what}: {:?}", since.elapsed());
    let begun = Instant::now();
    store.put_manifests(&manifests).await.unwrap();
    timed("36,000 manifests put into the cache", begun);
    let begun = Instant::now();
    assert_eq!(store.manifests(&digests).await.unwrap().len(), 36_000);
    timed("36,000 manifests read from the cache", begun);
    let observation = Observation {
        complete: true,
        tags: digests
            .iter()
            .enumerate()
            .map(|(n, digest)| (tag(&format!("t{n}")), digest.clone()))
            .collect(),
        manifests: digests.into_iter().collect(),
        ..observation(0)
    };
    for scan in ["first", "second"] {
        let begun = Instant::now();
        assert_eq!(store.observe(&observation).await.unwrap().tags.len(), 36_000);
        timed(&format!("{scan} observation"), begun);
    }
}

/// Set for a process that [`other_process`] starts: the store it works on.
const DIRECTORY: &str = "JETTISON_STORE_TEST_DIRECTORY";

/// Not a test by itself: what the second process does.
#[tokio::test]
async fn as_second_process() {
    let Some(directory) = std::env::var_os(DIRECTORY) else {
        return;
    };
    let store = Store::open(directory).await.unwrap();
    let _lock = store.lock_for_run("run r1").unwrap();
    for number in 0..50 {
        store.observe(&observation(number)).await.unwrap();
    }
    store.save_plan("committed", hour(1), "{}").await.unwrap();
    std::io::stdin().read_line(&mut String::new()).unwrap();
    let mut transaction = store.begin().await.unwrap();
    sqlx::query("INSERT INTO plan (id, created_at, json) VALUES ('uncommitted', 1, '{}')")
        .execute(&mut *transaction)
        .await
        .unwrap();
    println!("\nin the middle");
    std::future::pending::<()>().await;
}

/// Killed when it goes, however the test ends.
struct OtherProcess(Child);

impl Drop for OtherProcess {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn other_process(directory: &Path) -> OtherProcess {
    let child = Command::new(std::env::current_exe().unwrap())
        .args([
            "store::tests::as_second_process",
            "--exact",
            "--nocapture",
            "--test-threads=1",
        ])
        .env(DIRECTORY, directory)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn();
    OtherProcess(child.unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn two_processes_share_a_store_and_one_that_is_killed_leaves_it_whole() {
    let directory = tempfile::tempdir().unwrap();
    // It opens the fresh store at the same time as this one.
    let mut other = other_process(directory.path());
    let store = Store::open(directory.path()).await.unwrap();
    for number in 100..150 {
        store.observe(&observation(number)).await.unwrap();
    }
    writeln!(other.0.stdin.as_ref().unwrap(), "go on").unwrap();
    let output = BufReader::new(other.0.stdout.take().unwrap());
    assert!(output.lines().map_while(Result::ok).any(|line| line == "in the middle"));
    let locked = store.lock_for_run("run r2").unwrap_err();
    assert!(
        locked
            .to_string()
            .contains(&format!("run r1, process {}", other.0.id())),
        "{locked}"
    );
    let memory = store.repository_memory(&registry(), &repository()).await.unwrap();
    assert_eq!(memory.tags.len(), 100);

    other.0.kill().unwrap();
    other.0.wait().unwrap();
    drop(store.lock_for_run("run r2").unwrap());
    assert!(store.plan("committed").await.unwrap().is_some());
    assert_eq!(store.plan("uncommitted").await.unwrap(), None);
    store.save_plan("afterwards", hour(2), "{}").await.unwrap();
}

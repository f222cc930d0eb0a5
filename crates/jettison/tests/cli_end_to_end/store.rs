//! Looking after the store: what is damaged is found and named, and compacting never costs anything.

use std::fs;

use jettison::store::{Outcome, Store};
use jettison_core::model::Digest;
use jiff::Timestamp;
use serde_json::Value;

use crate::place::{Journal, Place, manifest, run_id};

/// Flips a byte of what is saved of an image.
pub(crate) async fn damage(place: &Place, name: &str) {
    let file = place.store().await.file().to_owned();
    place.store().await.close().await;
    let mut bytes = fs::read(&file).unwrap();
    let at = find(&bytes, &manifest(name));
    bytes[at] ^= 1;
    fs::write(&file, bytes).unwrap();
}

fn find(bytes: &[u8], part: &[u8]) -> usize {
    bytes.windows(part.len()).position(|window| window == part).unwrap()
}

fn check(place: &Place, code: i32) -> Value {
    place.call(&["store", "check", "--output", "json"]).exits(code).json()
}

#[tokio::test]
async fn a_whole_store_is_whole() {
    let place = Place::with_facts();
    place.remember().await;
    let found = check(&place, 0);
    assert_eq!(found["ok"], true);
    for (field, expected) in [("runs", 2), ("entries", 8), ("saved_manifests", 8), ("plans", 1)] {
        assert_eq!(found[field], expected, "{field}: {found}");
    }
}

#[tokio::test]
async fn a_flipped_byte_is_told_by_the_image_that_cannot_be_put_back() {
    let place = Place::with_facts();
    place.remember().await;
    damage(&place, "amd").await;
    let found = check(&place, 1);
    assert_eq!(
        (&found["ok"], found["damage"].as_array().unwrap().len()),
        (&Value::Bool(false), 0)
    );
    let lost = found["lost"].as_array().unwrap();
    assert_eq!(lost.len(), 1, "{found}");
    assert_eq!(lost[0]["digest"], Digest::of(&manifest("amd")).to_string());
    assert_eq!(lost[0]["root"], Digest::of(&manifest("idx")).to_string());
    assert_eq!(lost[0]["tags"][0], "feature-login-5a2b3c4");
    let said = place.call(&["store", "check"]).exits(1);
    assert!(
        said.stdout.contains("r.example.com/apps/web:feature-login-5a2b3c4"),
        "{}",
        said.stdout
    );
}

#[tokio::test]
async fn what_was_put_back_or_never_went_is_not_lost() {
    for name in ["m3", "w1", "w2"] {
        let place = Place::with_facts();
        place.remember().await;
        damage(&place, name).await;
        let found = check(&place, 1);
        assert_eq!(found["lost"].as_array().unwrap().len(), 0, "{name}: {found}");
        assert_eq!(found["damage"].as_array().unwrap().len(), 1, "{name}: {found}");
    }
}

#[tokio::test]
async fn what_may_be_gone_and_could_not_be_put_back_is_lost() {
    let place = Place::with_facts();
    place.remember().await;
    let store = place.store().await;
    let run = store.run("20261121-13").await.unwrap().unwrap();
    let digest = Digest::of(&manifest("w1"));
    let entry = run.entries.iter().find(|entry| entry.digest == digest).unwrap();
    let why = "no answer".to_owned();
    let asked = store.record_outcome(entry.id, Outcome::Asked { why }, Timestamp::now());
    asked.await.unwrap();
    store.close().await;
    damage(&place, "w1").await;
    assert_eq!(check(&place, 1)["lost"][0]["digest"], digest.to_string());
}

/// Fills the page that holds `part` with rubbish.
async fn corrupt(place: &Place, part: &[u8]) {
    let store = place.store().await;
    let file = store.file().to_owned();
    store.close().await;
    let mut bytes = fs::read(&file).unwrap();
    let page = find(&bytes, part) / 4096;
    bytes[page * 4096..(page + 1) * 4096].fill(0xff);
    fs::write(&file, bytes).unwrap();
}

#[tokio::test]
async fn a_corrupt_page_is_damage_and_the_rest_is_still_told() {
    // A page of saved manifests, and the last one of a plan, which nothing but the check reads.
    for part in [&manifest("m2")[..], b"\"violations\":[]"] {
        let place = Place::with_facts();
        place.remember().await;
        corrupt(&place, part).await;
        let found = check(&place, 1);
        assert!(!found["damage"].as_array().unwrap().is_empty(), "{found}");
        assert_eq!(found["runs"], 2, "{found}");
        let said = place.call(&["store", "check"]).exits(1);
        assert!(said.stdout.contains("what to do:"), "{}", said.stdout);
    }
}

#[test]
fn a_store_that_is_not_there_is_not_made() {
    let place = Place::empty();
    for words in [["store", "check"], ["store", "compact"]] {
        let said = place.call(&words).exits(2);
        assert!(said.stderr.contains("--state"), "{}", said.stderr);
    }
    assert!(!place.path("state").exists());
}

/// A link to itself stands for a folder that this user may not enter: the tests may be run by one who may enter all.
#[test]
fn a_store_that_cannot_be_looked_at_is_not_called_absent() {
    let place = Place::empty();
    std::os::unix::fs::symlink(place.path("loop"), place.path("loop")).unwrap();
    let said = place.call(&["store", "check", "--state", "loop"]).exits(1);
    assert!(!said.stderr.contains("there is no store"), "{}", said.stderr);
    assert!(said.stderr.contains("Too many levels"), "{}", said.stderr);
}

#[tokio::test]
async fn two_runs_that_begin_alike_are_bad_usage() {
    let place = Place::with_facts();
    place.remember().await;
    let said = place.call(&["history", "202611"]).exits(2);
    assert!(said.stderr.contains("more than one run begins with"), "{}", said.stderr);
}

#[tokio::test]
async fn an_interrupted_run_is_told_and_no_damage() {
    let place = Place::with_facts();
    let plan = place.remember().await;
    let store = place.store().await;
    let journal = Journal {
        store: &store,
        plan: &plan,
    };
    let start = jettison::store::RunStart {
        id: run_id(3, 2),
        plan_id: None,
        started_at: crate::place::now(),
        command: "apply".to_owned(),
    };
    let run = store.begin_run(&start).await.unwrap();
    let told = |text: &str| {
        let text = format!("run {} was interrupted: {text}", start.id);
        let found = check(&place, 0);
        assert_eq!(found["interrupted"][0], start.id.as_str());
        let said = place.call(&["store", "check"]).exits(0);
        assert!(said.stdout.contains(&text), "{}", said.stdout);
        // Whoever only looks says it too.
        let said = place.call(&["history"]).exits(0);
        assert!(said.stderr.contains(&text), "{}", said.stderr);
        let said = place.call(&["history", "--quiet"]).exits(0);
        assert!(!said.stderr.contains(&text), "{}", said.stderr);
    };
    told("the next `jettison apply`, `run` or `undo` finishes or drops it");
    // Two lost their tags, of one it is known that it is gone; a part of an index never had a tag.
    let intents = ["m2", "idx", "w3", "amd"].into_iter().zip(0..);
    let intents: Vec<_> = intents.map(|(name, sequence)| journal.intent(sequence, name)).collect();
    let entries = store.record_intent(&run, &intents).await.unwrap();
    store
        .record_outcome(entries[2], Outcome::Done, crate::place::now())
        .await
        .unwrap();
    told(
        "2 images may be without their tags until the next `jettison apply`, `run` or `undo`; they can still be pulled \
         by digest",
    );
    let lock = store.lock_for_run("run").unwrap();
    assert_eq!(
        check(&place, 0)["interrupted"].as_array().unwrap().len(),
        0,
        "it is at work"
    );
    drop(lock);
    store.close().await;
}

/// Fills the store, and forgets it again: room to give back.
async fn with_room(place: &Place) {
    place.remember().await;
    let store = place.store().await;
    for number in 0..40 {
        let json = format!("\"{}\"", "x".repeat(40_000));
        store
            .save_plan(&format!("{number:064}"), crate::place::now(), &json)
            .await
            .unwrap();
    }
    store.keep_newest_plans(1).await.unwrap();
    store.close().await;
}

#[tokio::test]
async fn compacting_gives_space_back_and_keeps_every_row() {
    let place = Place::with_facts();
    with_room(&place).await;
    let before = check(&place, 0);
    let done = place.call(&["store", "compact", "--output", "json"]).exits(0).json();
    let size = |form: &Value, field: &str| form[field].as_u64().unwrap();
    assert!(size(&done, "bytes_after") * 2 < size(&done, "bytes_before"), "{done}");
    let after = check(&place, 0);
    assert_eq!(
        (&after["bytes"], &after["free_bytes"]),
        (&done["bytes_after"], &Value::from(0))
    );
    for field in ["runs", "entries", "saved_manifests", "saved_bytes", "plans"] {
        assert_eq!(before[field], after[field], "{field}");
    }
}

#[tokio::test]
async fn compacting_is_refused_while_a_run_is_active_and_names_it() {
    let place = Place::with_facts();
    with_room(&place).await;
    let store = place.store().await;
    let lock = store.lock_for_run("run 20261121-223311-4f2a").unwrap();
    let size = fs::metadata(store.file()).unwrap().len();
    let said = place.call(&["store", "compact"]).exits(1);
    assert!(said.stderr.contains("20261121-223311-4f2a"), "{}", said.stderr);
    assert_eq!(fs::metadata(store.file()).unwrap().len(), size);
    drop(lock);
    store.close().await;
    place.call(&["store", "compact"]).exits(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn compacting_and_another_writer_wait_for_each_other() {
    let place = Place::with_facts();
    with_room(&place).await;
    let store = place.store().await;
    let writer = {
        let store: Store = store.clone();
        tokio::spawn(async move {
            let mut written = 0;
            for number in 0..60 {
                store
                    .save_plan(&format!("{number:060}next"), crate::place::now(), "{}")
                    .await
                    .unwrap();
                written += 1;
            }
            written
        })
    };
    let program = place.program(&["store", "compact"]);
    let ended = tokio::process::Command::from(program).output().await.unwrap();
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
    assert_eq!(writer.await.unwrap(), 60);
    store.close().await;
    assert_eq!(check(&place, 0)["plans"], 61);
}

/// A limit on the size of files stands for a disk that is full.
#[tokio::test]
async fn a_full_disk_leaves_everything_as_it_was() {
    let place = Place::with_facts();
    place.remember().await;
    let before = check(&place, 0);
    let program = place.program(&["store", "compact"]);
    let words: Vec<_> = [program.get_program()].into_iter().chain(program.get_args()).collect();
    let mut limited = std::process::Command::new("bash");
    limited
        .args(["-c", "trap '' XFSZ; ulimit -f 16; exec \"$@\"", "bash"])
        .args(words)
        .current_dir(place.folder())
        .env("XDG_STATE_HOME", place.path("state"));
    let ended = limited.output().unwrap();
    assert_eq!(
        ended.status.code(),
        Some(1),
        "{}",
        String::from_utf8_lossy(&ended.stderr)
    );
    let mut after = check(&place, 0);
    // The log may have grown or gone: it holds nothing that counts.
    after["bytes"] = before["bytes"].clone();
    assert_eq!(after, before);
}

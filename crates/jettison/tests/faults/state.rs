//! A disk that is full and a file that is damaged, under what jettison remembers: it stops with a text that names the
//! file and exit code 1, and whatever went before is in the journal. (That a full disk is called so, and that nothing is
//! half written: `store/tests.rs`.) And a folder that somebody takes away under a run, which ends before the next removal.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use jettison::store::Store;
use jettison_testkit::registry::{Fault, Options};
use tokio::process::Command;

use crate::common::desk::{Desk, Ended};
use crate::world::{WEB, World, image};

/// Room for the world's plan, and for nothing to spare: no file may grow beyond `blocks` of 512 bytes.
async fn run_with_room(desk: &Desk, blocks: u64, arguments: &[&str]) -> Ended {
    let output = Command::new("sh")
        // A write beyond the limit fails, and ends the program unless the signal is ignored.
        .args(["-c", "trap '' XFSZ; ulimit -f \"$0\" || exit 99; exec \"$@\""])
        .arg(blocks.to_string())
        .arg(env!("CARGO_BIN_EXE_jettison"))
        .args(arguments)
        .args(["--state", "state"])
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("HOME", desk.folder())
        .env("DOCKER_CONFIG", desk.path("docker"))
        .current_dir(desk.folder())
        .output()
        .await
        .unwrap();
    Ended {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

#[track_caller]
fn stopped_with_a_clear_word(ended: &Ended, shown: &str) {
    assert_eq!(ended.code, 1, "{shown}: {}{}", ended.stdout, ended.stderr);
    assert!(!ended.stderr.contains("panicked"), "{shown}: {}", ended.stderr);
    let named = ["the store `state", "run again"]
        .iter()
        .all(|word| ended.stderr.contains(word));
    assert!(named, "{shown}: {}", ended.stderr);
}

fn images_of(world: &World) -> BTreeSet<String> {
    world.registry.manifests(WEB).into_iter().collect()
}

/// Whatever is gone from the registry was saved before, byte by byte.
async fn what_is_gone_was_saved(world: &World, shown: &str) {
    let left = images_of(world);
    assert!(left.contains(&image(0).digest), "{shown}");
    let store = Store::open(world.desk.state()).await.unwrap();
    let mut saved = BTreeSet::new();
    for run in store.runs().await.unwrap() {
        let detail = store.run(run.id.as_str()).await.unwrap().unwrap();
        for entry in &detail.entries {
            let manifest = store.saved_manifest(entry.id).await.unwrap();
            assert!((1..=3).map(image).any(|image| image.bytes == manifest.bytes), "{shown}");
            saved.insert(entry.digest.to_string());
        }
    }
    store.close().await;
    for gone in (1..=3)
        .map(|seed| image(seed).digest)
        .filter(|digest| !left.contains(digest))
    {
        assert!(saved.contains(&gone), "{shown}: {gone} is gone and not in the journal");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scan_without_room_stops_and_the_next_one_with_room_is_whole() {
    let world = World::start(Options::default()).await;
    let mut stopped = 0;
    for blocks in [0, 40, 200, 300] {
        let ended = run_with_room(&world.desk, blocks, &["scan"]).await;
        if ended.code != 0 {
            stopped_with_a_clear_word(&ended, &format!("{blocks} blocks"));
            stopped += 1;
        }
    }
    assert!(stopped >= 2, "the disk was never full");
    world.desk.run(&["scan"]).await.exits(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_apply_without_room_deletes_nothing_that_is_not_saved() {
    let world = World::start(Options::default()).await;
    world.desk.plan().await;
    let before = copy_of_state(&world);
    let mut stopped = 0;
    for blocks in [8, 20, 40, 60, 80, 120, 160] {
        restore(&world, &before).await;
        let arguments = ["apply", "plan.json", "--yes", "--output", "json"];
        let ended = run_with_room(&world.desk, blocks, &arguments).await;
        let shown = format!("{blocks} blocks");
        if ended.code != 0 {
            stopped_with_a_clear_word(&ended, &shown);
            stopped += 1;
        }
        what_is_gone_was_saved(&world, &shown).await;
        world.desk.apply(&[]).await.exits(0);
        assert_eq!(images_of(&world), BTreeSet::from([image(0).digest]), "{shown}");
    }
    assert!(stopped >= 2, "the disk was never full");
}

/// A dozen pages spread over the file, one at a time: a few bytes at the beginning of each.
#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_page_is_noticed_or_harmless() {
    const PAGE: usize = 4096;
    let world = World::start(Options::default()).await;
    world.desk.plan().await;
    let before = copy_of_state(&world);
    let pages = fs::metadata(before.join("jettison.db")).unwrap().len() as usize / PAGE;
    let (mut noticed, mut harmless) = (0, 0);
    // About a dozen runs, spread over the file.
    for page in (1..pages).step_by((pages / 12).max(1)) {
        restore(&world, &before).await;
        let file = world.desk.path("state/jettison.db");
        let mut bytes = fs::read(&file).unwrap();
        for byte in &mut bytes[page * PAGE..page * PAGE + 64] {
            *byte ^= 0xa5;
        }
        fs::write(&file, bytes).unwrap();
        let shown = format!("page {page} of {pages}");
        for line in [&["scan"][..], &["apply", "plan.json", "--yes", "--output", "json"]] {
            let ended = world.desk.run(line).await;
            if ended.code == 0 {
                harmless += 1;
                continue;
            }
            stopped_with_a_clear_word(&ended, &shown);
            assert!(
                ended.stderr.contains("damaged") && ended.stderr.contains("move it away"),
                "{shown}: {}",
                ended.stderr
            );
            noticed += 1;
        }
        assert!(images_of(&world).contains(&image(0).digest), "{shown}");
    }
    assert!(noticed > 0, "no damage was ever noticed, {harmless} times");
}

/// Nobody could undo what went on, and another run could begin beside it.
#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_is_taken_away_under_a_run_ends_it_before_the_next_removal() {
    const IMAGES: u64 = 30;
    // So many removals are under way at once.
    const UNDER_WAY: usize = 8;
    let ways: [fn(&Path); 3] = [
        |state| fs::remove_dir_all(state).unwrap(),
        |state| {
            fs::rename(state, state.with_extension("old")).unwrap();
            copy(&state.with_extension("old"), state);
        },
        |state| fs::remove_file(state.join("run.lock")).unwrap(),
    ];
    for take_away in ways {
        let world = World::empty(Options::default()).await;
        world.push(&["keep"], &image(0)).await;
        for number in 1..=IMAGES {
            world.push(&[&format!("old-{number}")], &image(number)).await;
        }
        world.desk.plan().await;
        let state = world.desk.state();
        let taken_away = Fault::call(move |_| take_away(&state));
        // Two of the DELETEs only find out whether deletes are on.
        world.registry.fail(taken_away.method("DELETE").skip(3).times(1));
        let ended = world.desk.run(&["apply", "plan.json", "--yes"]).await;
        ended.exits(1).says("the store `state` was deleted or replaced");
        let gone = IMAGES as usize + 1 - images_of(&world).len();
        assert!(gone <= 2 + UNDER_WAY, "{gone} are gone");
        world.puller.pull_whole(WEB, "keep").await.unwrap();
    }
}

/// The state as it is now, kept beside it.
fn copy_of_state(world: &World) -> PathBuf {
    let kept = world.desk.path("kept");
    copy(&world.desk.state(), &kept);
    kept
}

/// The state as it was, and all images back in the registry.
async fn restore(world: &World, before: &Path) {
    fs::remove_dir_all(world.desk.state()).unwrap();
    copy(before, &world.desk.state());
    for number in 1..=3 {
        world.push(&[&format!("old-{number}")], &image(number)).await;
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for file in fs::read_dir(from).unwrap() {
        let file = file.unwrap();
        fs::copy(file.path(), to.join(file.file_name())).unwrap();
    }
}

//! What people use today: `docker image prune` in a cron job, and docuum.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::{Map, Value, json};
use tempfile::TempDir;

use crate::support::dockerd::Dockerd;
use crate::support::program;

/// What it prints when its vacuum is over.
const DONE: &str = "Listening for Docker events";

/// As the usual cron job calls it.
pub(crate) fn docker_prune(engine: &Dockerd) {
    engine.docker("image prune --all --force --filter until=168h");
}

/// Lets docuum make room until images hold no more than so many bytes, with what it would have seen of their uses: by id, in
/// seconds before now.
pub(crate) fn docuum(program: &Path, engine: &Dockerd, seen: &[(String, u64)], threshold: u64) {
    let home = TempDir::new().expect("a folder");
    let folder = home.path().join("docuum");
    fs::create_dir(&folder).expect("its folder");
    fs::write(folder.join("state.yml"), state(seen).to_string()).expect("its state");
    let mut docuum = Command::new(program)
        .args(["--threshold", &format!("{threshold} B")])
        .env("XDG_DATA_HOME", home.path())
        .env("DOCKER_HOST", engine.host())
        .env_remove("DOCKER_CONTEXT")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("docuum starts");
    let said = docuum.stderr.take().expect("what it says");
    let lines = BufReader::new(said).lines().map_while(Result::ok);
    // It begins anew by itself where something fails, so that this ends in any case.
    let is_done = lines.take(100_000).any(|line| line.contains(DONE));
    program::end(&mut docuum);
    assert!(is_done, "docuum ended before its vacuum did");
}

/// YAML reads JSON.
fn state(seen: &[(String, u64)]) -> Value {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let now = now.unwrap_or(Duration::ZERO).as_secs();
    let images = seen.iter().map(|(id, before)| {
        let image = json!({"parent_id": null, "last_used_since_epoch": {"secs": now - before, "nanos": 0}});
        (id.clone(), image)
    });
    json!({"images": images.collect::<Map<String, Value>>()})
}

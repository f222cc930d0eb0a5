//! The program on a real engine: what it prints fits its forms, and whatever ends it, the next run goes on.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use jettison::host::ledger::{HostLedger, SeenImage};
use jettison::store::Store;
use jettison_core::config::ContainerEngine;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::docker::import;
use super::ground::opened;
use crate::support::dockerd::Dockerd;
use crate::support::jettison::{Jettison, list, text};
use crate::support::real_engines_ready;

/// Images that nobody uses.
const OLD: usize = 12;

/// An engine with old images that no registry has, one of them in use, and somebody who has watched them for 40 days.
struct World {
    engine: Dockerd,
    user: Jettison,
}

impl World {
    async fn new() -> Self {
        let (mut engine, user) = (Dockerd::start(), Jettison::new());
        let folder = tempfile::tempdir().unwrap();
        for number in 0..OLD {
            import(&engine, folder.path(), &format!("old{number}:v1"), &[]);
        }
        import(&engine, folder.path(), "used:v1", &[]);
        engine.docker("create --network none --name somebody used:v1 /x");
        // It forgets its events: what came in a moment ago would postpone everything.
        engine.restart();
        user.write(
            "jettison.yaml",
            "host: { recheck-after-seconds: 1, keep-newest: 0, local-images: true }",
        );
        let world = Self { engine, user };
        world.remember().await;
        world
    }

    /// What it would know of them after 40 days.
    async fn remember(&self) {
        let store = Store::open(self.user.at("state")).await.unwrap();
        let engine = opened(ContainerEngine::Docker, &self.engine.host()).await.unwrap();
        let images = engine.images(false).await.unwrap();
        let seen: Vec<SeenImage> = images
            .into_iter()
            .map(|image| SeenImage {
                id: image.id,
                names: image.names,
                used_by: None,
            })
            .collect();
        let id = engine.facts().await.unwrap().id;
        let before = Timestamp::now() - SignedDuration::from_hours(40 * 24);
        HostLedger::observe(&store, &id, &seen, before).await.unwrap();
        store.close().await;
    }

    fn line(&self, words: &str) -> String {
        format!("host {words} --on-kubernetes-node --host {}", self.engine.host())
    }

    fn names(&self) -> BTreeSet<String> {
        let names = self.engine.docker("images --format {{.Repository}}:{{.Tag}}");
        names.lines().map(str::to_owned).collect()
    }

    /// Begins to prune, and kills it once `when` says so or it has ended by itself.
    fn prune_and_kill(&self, when: impl Fn() -> bool) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_jettison"));
        command.args(self.line("prune --yes --state state").split_whitespace());
        command.current_dir(self.user.at("")).stdin(Stdio::null());
        let mut running = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        while !when() && running.try_wait().unwrap().is_none() {
            std::thread::sleep(Duration::from_millis(2));
        }
        running.kill().unwrap();
        running.wait().unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whenever_it_is_killed_the_next_run_does_the_rest_and_what_went_is_told() {
    if !real_engines_ready() {
        return;
    }
    let world = World::new().await;
    let check = |left: &BTreeSet<String>| {
        assert!(left.contains("used:v1"), "{left:?}");
        assert!(
            !left.contains("<none>:<none>"),
            "an image lost its name and stayed: {left:?}"
        );
    };
    // At the begin, at the first look, between the looks; where exactly is the machine's choice.
    for milliseconds in [1, 30, 100, 300, 1_200] {
        let started = Instant::now();
        world.prune_and_kill(|| started.elapsed() > Duration::from_millis(milliseconds));
        check(&world.names());
    }
    // Among the removals.
    for _ in 0..3 {
        let before = world.names();
        world.prune_and_kill(|| world.names().len() < before.len());
        let left = world.names();
        check(&left);
        assert!(left.len() < before.len() || left.len() == 1, "{left:?}");
    }
    let report = world.user.json(&world.line("prune --yes"), 0);
    assert_eq!(world.names(), BTreeSet::from(["used:v1".to_owned()]), "{report:#}");
    let status = world.user.json(&world.line("status"), 0);
    let told: Vec<&Value> = list(&status, "runs").flat_map(|run| list(run, "removals")).collect();
    let names: BTreeSet<String> = told
        .iter()
        .flat_map(|removal| list(removal, "names"))
        .map(text)
        .collect();
    // All that went is in the journal, also what a killed run took last.
    assert_eq!(names.len(), OLD, "{names:?}: {status:#}");
    assert_eq!(world.user.json("store check", 0)["ok"], true);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_it_prints_fits_the_published_forms() {
    if !real_engines_ready() {
        return;
    }
    let world = World::new().await;
    for (form, words) in [
        ("host-plan", "plan"),
        ("host-prune", "prune --yes"),
        ("host-status", "status"),
        ("host-plan", "plan"),
    ] {
        let schema: Value = serde_json::from_str(&world.user.run(&format!("schema {form}")).output).unwrap();
        let schema = jsonschema::draft202012::new(&schema).unwrap();
        let mut printed = world.user.json(&world.line(words), 0);
        let wrong: Vec<String> = schema
            .iter_errors(&printed)
            .map(|error| format!("{}: {error}", error.instance_path()))
            .collect();
        assert!(wrong.is_empty(), "{form}: {wrong:#?}\n{printed:#}");
        printed["something"] = Value::Null;
        assert!(!schema.is_valid(&printed), "{form} takes any field");
    }
    let said = world.user.run(&world.line("status"));
    assert_eq!(said.code, 0, "{}", said.said);
    let trusting = world.user.run(&world.line("plan --trust-engine-times"));
    assert!(
        trusting
            .said
            .contains("notes when an image was last tagged or built here"),
        "{}",
        trusting.said
    );
    for words in ["used:v1", "container somebody (created)", "what went lately", "old3:v1"] {
        assert!(said.output.contains(words), "{words}: {}", said.output);
    }
}

#[test]
fn a_socket_without_permission_or_without_an_engine_ends_with_two_and_a_hint() {
    let user = Jettison::new();
    let said = user.run("host plan --host unix:///nowhere/docker.sock");
    assert_eq!(said.code, 2, "{}", said.said);
    assert!(said.said.contains("is the engine installed there"), "{}", said.said);

    let home = tempfile::tempdir().unwrap();
    let socket = home.path().join("engine.sock");
    let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    fs::set_permissions(&socket, fs::Permissions::from_mode(0o000)).unwrap();
    fs::set_permissions(home.path(), fs::Permissions::from_mode(0o777)).unwrap();
    let program = home.path().join("jettison");
    let own = Path::new(env!("CARGO_BIN_EXE_jettison"));
    if fs::hard_link(own, &program).is_err() {
        fs::copy(own, &program).unwrap();
    }
    let mut command = Command::new(&program);
    command.args(["host", "plan", "--state", "state", "--host"]);
    command.arg(format!("unix://{}", socket.display()));
    command.current_dir(home.path()).env_clear();
    // Nothing is denied to root.
    if fs::metadata("/proc/self").is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) == 0) {
        command.uid(65_534).gid(65_534);
    }
    let ended = command.output().unwrap();
    let said = String::from_utf8_lossy(&ended.stderr);
    assert_eq!(ended.status.code(), Some(2), "{said}");
    assert!(
        said.contains("permission denied on the socket") && said.contains("`docker`"),
        "{said}"
    );
}

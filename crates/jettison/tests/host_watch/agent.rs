//! The program as systemd runs it, beside an engine on which things happen.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use super::scene::Scene;
use crate::support::dockerd::Dockerd;
use crate::support::jettison::{list, text};
use crate::support::program::end;
use crate::support::real_engines_ready;

/// Whoever waits does not wait longer.
const PATIENCE: Duration = Duration::from_secs(60);

/// The agent. However a test ends, it ends too.
struct Agent(Child);

impl Agent {
    fn start(scene: &Scene, engine: &Dockerd) -> Self {
        let child = Command::new(env!("CARGO_BIN_EXE_jettison"))
            .args([
                "host",
                "watch",
                "--observe-only",
                "--on-kubernetes-node",
                "--every",
                "1d",
            ])
            .args(["--host", &engine.host(), "--state"])
            .arg(scene.user.at("state"))
            .stdout(Stdio::null())
            .spawn();
        Self(child.unwrap())
    }

    /// As systemd does it.
    fn stop(mut self) -> Option<i32> {
        let process = Pid::from_raw(self.0.id().try_into().unwrap()).unwrap();
        kill_process(process, Signal::TERM).unwrap();
        self.0.wait().unwrap().code()
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        end(&mut self.0);
    }
}

/// Waits until somebody listens to the events of an engine.
fn wait_for_listener(engine: &Dockerd) {
    let begun = Instant::now();
    while engine.docker("info --format {{.NEventsListener}}") == "0" {
        assert!(begun.elapsed() < PATIENCE, "nobody listens");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// When an image of a plan was last used, else first seen.
fn last_used(plan: &Value, image: &str) -> Timestamp {
    let named = |entry: &&Value| list(entry, "names").any(|name| name == image);
    let entry = list(plan, "stay").find(named).unwrap();
    text(&entry["last_used_at"]).parse().unwrap()
}

#[test]
fn a_container_that_ran_and_ended_between_two_looks_used_its_image() {
    if !real_engines_ready() {
        return;
    }
    let (scene, engine) = (Scene::new(), Dockerd::start());
    let images = ["used", "idle"].map(|tag| scene.push(tag, tag).image);
    for image in &images {
        engine.docker(&format!("pull --quiet {image}"));
    }
    let plan = || scene.user.json(&format!("host plan --host {}", engine.host()), 0);
    let before = plan();
    let agent = Agent::start(&scene, &engine);
    wait_for_listener(&engine);
    let begun = Timestamp::now();
    engine.docker(&format!("run --rm --network host {} /bin/busybox true", images[0]));
    assert_eq!(
        engine.docker("ps --all --quiet"),
        "",
        "nothing of it is left to be seen"
    );
    assert_eq!(agent.stop(), Some(0));
    let after = plan();
    assert!(last_used(&before, &images[0]) < begun);
    assert!(last_used(&after, &images[0]) >= begun, "{after:#}");
    assert_eq!(last_used(&after, &images[1]), last_used(&before, &images[1]));
}

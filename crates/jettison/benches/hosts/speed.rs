//! How long `jettison host plan` takes beside the questions that it asks.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tokio::runtime::Builder;

use crate::plain;
use crate::say;
use crate::support::dockerd::Dockerd;
use crate::world::load;

/// Measures on an engine with so many images and containers, and prints medians.
pub(crate) fn run(program: &Path, images: usize, containers: usize, rounds: usize) {
    let engine = Dockerd::start();
    load(&engine, images);
    for number in 0..containers {
        engine.docker(&format!(
            "create --network none --name c{number} bench/app{number}:v1 /x"
        ));
    }
    let state = TempDir::new().expect("a folder");
    let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
    let (mut bare, mut plans, mut asked) = (Vec::new(), Vec::new(), 0);
    // The first of each warms up: the engine, and jettison's store.
    for round in 0..=rounds {
        let started = Instant::now();
        asked = runtime.block_on(plain::ask(&engine.socket()));
        let bare_time = started.elapsed();
        let started = Instant::now();
        plan(program, &engine, state.path());
        let plan_time = started.elapsed();
        if round > 0 {
            bare.push(bare_time);
            plans.push(plan_time);
        }
    }
    let (bare, plan) = (median(bare), median(plans));
    say(&format!(
        "{images} images, {containers} containers, medians of {rounds}"
    ));
    say(&format!("  {asked} questions alone   {:>8.1} ms", milliseconds(bare)));
    say(&format!("  jettison host plan   {:>8.1} ms", milliseconds(plan)));
    say(&format!(
        "  ratio                {:>8.2}",
        plan.as_secs_f64() / bare.as_secs_f64()
    ));
}

fn plan(program: &Path, engine: &Dockerd, state: &Path) {
    let output = Command::new(program)
        .args([
            "host",
            "plan",
            "--on-kubernetes-node",
            "--output",
            "json",
            "--host",
            &engine.host(),
        ])
        .arg("--state")
        .arg(state)
        .current_dir(state)
        .output()
        .expect("jettison");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

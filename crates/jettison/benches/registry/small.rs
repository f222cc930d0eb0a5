//! What people wait for at a terminal: the version, and why an image stays or goes.

use std::io;
use std::time::Instant;

use crate::measure::{self, median};
use crate::report::say;
use crate::scan::STATE;
use crate::world::World;

/// Runs of each; one alone is shorter than the clock's steps.
const RUNS: usize = 20;

/// Plans that the store has when an image is explained.
const PLANS: usize = 3;

/// Measures both.
pub(crate) fn commands(world: &World) -> io::Result<()> {
    let (_, cost) = measure::measured(None, || times(world, STATE, &["--version"]))?;
    say(&format!(
        "\n`jettison --version`: {:.1} ms of processor time",
        cost.client * 1e3 / RUNS as f64
    ))?;
    let repository = world.one()?;
    let target = format!("{}/big/one", world.host());
    for _ in 0..PLANS {
        world.run(STATE, &["plan", &target])?;
    }
    let images = repository.first().map_or(&[][..], |(_, images)| images);
    let ends = [
        ("the oldest image", images.last()),
        ("the newest image", images.first()),
    ];
    for (which, image) in ends {
        let Some(image) = image else { continue };
        explain(world, STATE, which, &format!("{target}:{}", image.tag))?;
    }
    Ok(())
}

/// Measures what is said of an image.
pub(crate) fn explain(world: &World, state: &str, which: &str, image: &str) -> io::Result<()> {
    let (walls, cost) = measure::measured(None, || times(world, state, &["explain", image]))?;
    say(&format!(
        "`jettison explain` of {which}: {:.0} ms, {:.0} ms of processor time",
        median(walls) * 1e3,
        cost.client * 1e3 / RUNS as f64
    ))
}

/// How long each run took, in seconds.
fn times(world: &World, state: &str, arguments: &[&str]) -> io::Result<Vec<f64>> {
    let run = |_| {
        let mut command = world.jettison(state, arguments);
        let started = Instant::now();
        let ended = command.output()?;
        if !ended.status.success() {
            return Err(io::Error::other(format!(
                "{command:?}: {}",
                String::from_utf8_lossy(&ended.stderr)
            )));
        }
        Ok(started.elapsed().as_secs_f64())
    };
    (0..RUNS).map(run).collect()
}

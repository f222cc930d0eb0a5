//! What people wait for at a terminal: the version, and why an image stays or goes.

use std::io;
use std::time::Instant;

use crate::measure::{self, median};
use crate::report::say;
use crate::world::World;

const STATE: &str = "small";

/// Runs of each; one alone is shorter than the clock's steps.
const RUNS: usize = 20;

/// Plans that the store has when an image is explained.
const PLANS: usize = 3;

/// Measures both.
pub(crate) fn commands(world: &World) -> io::Result<()> {
    let (_, cost) = measure::measured(None, || times(world, &["--version"]))?;
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
    for (which, image) in [("oldest", images.last()), ("newest", images.first())] {
        let Some(image) = image else { continue };
        let (walls, cost) = measure::measured(None, || times(world, &["explain", &format!("{target}:{}", image.tag)]))?;
        say(&format!(
            "`jettison explain` of the {which} image, {PLANS} plans in the store: {:.0} ms, {:.0} ms of processor time",
            median(walls) * 1e3,
            cost.client * 1e3 / RUNS as f64
        ))?;
    }
    Ok(())
}

/// How long each run took, in seconds.
fn times(world: &World, arguments: &[&str]) -> io::Result<Vec<f64>> {
    let run = |_| {
        let mut command = world.jettison(STATE, arguments);
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

//! How long jettison takes on a real registry, beside a plain client that sends the same requests with as many in
//! flight: `cargo xtask bench registry`. Figures and method stand in `docs/benchmarks.md`.
//!
//! It measures and asserts nothing about time. Without `--bench`, as `cargo test` starts it, it runs once over a few
//! images, so that it does not rot unseen.

mod apply;
mod measure;
mod plain;
mod report;
mod scan;
mod small;
mod storage;
#[cfg(test)]
#[path = "../../tests/support/mod.rs"]
#[expect(dead_code, reason = "of the real parts only the registry is wanted here")]
mod support;
mod tags_first;
mod world;

use std::io;
use std::path::PathBuf;

use clap::Parser;

use report::say;
use support::real_parts_ready;
use world::World;

/// Measures jettison on a real registry.
#[derive(Debug, Parser)]
struct Arguments {
    /// Images of the largest repository
    #[arg(long, default_value_t = 36_500)]
    images: usize,
    /// How often everything is measured; the table gives medians
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Where the registry and jettison keep their data; a tmpfs makes the figures independent of the disk
    #[arg(long, default_value = "/dev/shm")]
    folder: PathBuf,
    /// Another build of jettison to measure
    #[arg(long, default_value = env!("CARGO_BIN_EXE_jettison"))]
    program: PathBuf,
    /// Only these parts
    #[arg(long, value_enum)]
    only: Vec<Part>,
    /// Given by `cargo bench`
    #[arg(long, hide = true)]
    bench: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Part {
    /// Scans of one repository that holds all images
    One,
    /// Scans of repositories of a hundred images each
    Many,
    /// Removals from repositories of a hundred images each
    Apply,
    /// A few removals from the one large repository
    ApplyOne,
    /// Removal of nearly all of one large repository where single tags can be removed
    TagsFirst,
    /// What has to be quick: the version, an explanation
    Small,
}

fn main() -> io::Result<()> {
    let mut arguments = Arguments::parse();
    if !real_parts_ready() {
        return Ok(());
    }
    if !arguments.bench {
        (arguments.images, arguments.rounds) = (40, 1);
        arguments.folder = std::env::temp_dir();
    }
    let wanted = |part| arguments.only.is_empty() || arguments.only.contains(&part);
    let mut world = World::start(
        &arguments.folder,
        &arguments.program,
        [arguments.images, arguments.rounds],
    )?;
    say(&format!("{} images, {} rounds", arguments.images, arguments.rounds))?;
    say(report::HEAD)?;
    if wanted(Part::One) {
        let one = world.one()?;
        scan::cold_and_warm(&world, "one repository", "big/one", &one)?;
    }
    if wanted(Part::Many) {
        let many = world.many("many")?;
        scan::cold_and_warm(&world, "repositories of 100", "many/*", &many)?;
    }
    if wanted(Part::Apply) {
        apply::hundreds(&mut world)?;
    }
    if wanted(Part::ApplyOne) {
        apply::one(&mut world)?;
    }
    if wanted(Part::TagsFirst) {
        tags_first::one(&world)?;
    }
    if wanted(Part::Small) {
        small::commands(&world)?;
    }
    Ok(())
}

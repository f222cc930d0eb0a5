//! `jettison host` on real engines: how long a plan takes beside the bare questions (`cargo xtask bench hosts`), and what it
//! removes beside what others do (`cargo xtask compare-hosts`). Figures and method stand in `docs/benchmarks.md` and
//! `docs/hosts.md`.
//!
//! It measures and asserts nothing about time. Without `--bench`, as `cargo test` starts it, it runs over a few images, so
//! that it does not rot unseen.

#[cfg(test)]
mod compare;
#[cfg(test)]
mod others;
#[cfg(test)]
mod plain;
#[cfg(test)]
mod speed;
#[cfg(test)]
#[path = "../../tests/support/mod.rs"]
#[expect(dead_code, reason = "of the real parts only some are wanted here")]
mod support;
#[cfg(test)]
mod world;

use std::io::Write as _;
use std::path::PathBuf;

use clap::Parser;

use support::real_engines_ready;

/// Measures jettison on real engines.
#[derive(Debug, Parser)]
struct Arguments {
    /// Images of the engine that is looked at
    #[arg(long, default_value_t = 2_000)]
    images: usize,
    /// Its containers
    #[arg(long, default_value_t = 200)]
    containers: usize,
    /// How often everything is measured; the table gives medians
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Another build of jettison
    #[arg(long, default_value = env!("CARGO_BIN_EXE_jettison"))]
    program: PathBuf,
    /// In place of times: what jettison, `docker image prune` and docuum remove of the same images
    #[arg(long)]
    compare: bool,
    /// docuum's program; without it the comparison leaves it out
    #[arg(long)]
    docuum: Option<PathBuf>,
    /// Given by `cargo bench`
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() {
    let arguments = Arguments::parse();
    if !real_engines_ready() {
        return;
    }
    match (arguments.bench, arguments.compare) {
        (false, _) => {
            speed::run(&arguments.program, 12, 3, 1);
            // A tenth of each kind.
            compare::run(&arguments.program, None, 10);
        }
        (true, false) => speed::run(
            &arguments.program,
            arguments.images,
            arguments.containers,
            arguments.rounds,
        ),
        (true, true) => compare::run(&arguments.program, arguments.docuum.as_deref(), 1),
    }
}

/// A line of the result.
pub(crate) fn say(line: &str) {
    // A reader that has gone has read enough.
    drop(writeln!(std::io::stdout(), "{line}"));
}

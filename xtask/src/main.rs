//! The project's chores, as `cargo xtask CHORE`.
//!
//! - [`packages`]: the Debian packages that the tests need, and how they are installed without side effects; [`moto`]: what
//!   comes from PyPI; [`later`]: a later Debian, for its dockerd.
//! - [`suite`]: every test, and a summary.
//! - [`gate`]: what has to hold besides the tests; [`tidy`] is the part of it that no tool knows.
//! - [`mod@bench`]: how long deciding takes, and jettison on a real registry.
//! - [`fuzz`] and [`mutants`]: long hunts that nobody waits for in a gate.
//! - [`tools`]: the tools that all of these call, kept below `target/`.
//! - [`process`]: how all of them run programs and speak.
//!
//! It must stay quick to build: no dependency that jettison itself does not have.

mod bench;
mod fuzz;
mod gate;
mod later;
mod moto;
mod mutants;
mod packages;
mod process;
mod suite;
mod tidy;
mod tools;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use process::{Failure, say};

const HELP: &str = "cargo xtask CHORE

  test              install the Debian packages that are missing, moto from PyPI and a later Debian below target/, then run every
                    test, those on real registries and engines included
  install-packages  only the first half of it; with --dry-run, print the commands and run none
  install-tools     build the tools that `ci` needs into target/tools (about 4 minutes, once)
  bench core [N…]   how long deciding takes beside sorting, for N entries each (default: 10 thousand to 10 million)
  bench registry    measure jettison on a real registry beside a plain client; with --images N, --rounds N, --only PART
  bench ecr         measure how long a scan of ECR takes beside the bare calls; with --images N, --rounds N, --delay MILLISECONDS
  bench audit       measure how long reports on what a scan recorded take; with --tags N, --rounds N
  bench usage       measure how long asking a cluster what it uses takes; with --pods N, --rounds N
  bench hosts       measure how long `host plan` takes beside the bare questions; with --images N, --containers N, --rounds N
  bench host-watch  measure what `host watch` costs while an engine tells it of events, and at rest; with --events N, --rounds N, --idle SECONDS
  compare-hosts     what `host prune`, `docker image prune` and docuum remove of the same 300 images on a real Docker
  ci                format, lints, documentation, dependencies and house rules: what .ci/run does after the tests
  fuzz              runs the fuzz targets with libFuzzer, a minute each; `fuzz TARGET SECONDS` one of them (needs a C++ compiler)
  mutants           breaks the core in one place at a time and says which breaks no test notices; takes hours: see docs/testing.md";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match words.as_slice() {
        ["test"] => suite::install_and_run(&root()),
        ["install-packages"] => install(&root()).map(drop),
        ["install-packages", "--dry-run"] => show(&root()),
        ["install-tools"] => tools::CARGO_DENY.program(&root()).map(drop),
        ["bench", "core", sizes @ ..] => bench::core(&root(), sizes),
        ["bench", "registry", arguments @ ..] => bench::registry(&root(), arguments),
        ["bench", "ecr", arguments @ ..] => bench::ecr(&root(), arguments),
        ["bench", "audit", arguments @ ..] => bench::audit(&root(), arguments),
        ["bench", "usage", arguments @ ..] => bench::usage(&root(), arguments),
        ["bench", "hosts", arguments @ ..] => bench::hosts(&root(), arguments),
        ["bench", "host-watch", arguments @ ..] => bench::host_watch(&root(), arguments),
        ["compare-hosts"] => bench::compare_hosts(&root()),
        ["ci"] => gate::check(&root()),
        ["fuzz", words @ ..] => fuzz::fuzz(&root(), words),
        ["mutants", words @ ..] => mutants::mutants(&root(), words),
        ["help" | "--help" | "-h"] => {
            say(HELP);
            Ok(())
        }
        _ => Err(Failure::Usage),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Usage) => {
            say(HELP);
            ExitCode::from(2)
        }
        Err(failure) => {
            say(&format!("xtask: {failure}"));
            ExitCode::FAILURE
        }
    }
}

/// Installs what the tests need and is not there; says what.
fn install(root: &Path) -> Result<Vec<&'static str>, Failure> {
    let mut installed = packages::install()?;
    if moto::install(root)? {
        installed.push("moto");
    }
    if later::install(root)? {
        installed.push("a later Debian");
    }
    Ok(installed)
}

/// Says what [`install`] would run.
fn show(root: &Path) -> Result<(), Failure> {
    packages::show()?;
    moto::show(root)?;
    later::show(root);
    Ok(())
}

/// The workspace's root.
fn root() -> PathBuf {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    own.parent().unwrap_or(own).to_owned()
}

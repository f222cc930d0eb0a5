//! Benchmarks: built for release, run one at a time, figures on standard output.
//!
//! Nothing is judged here; what figures mean stands in `docs/benchmarks.md`.

use std::path::Path;

use crate::packages;
use crate::process::{Failure, cargo, run};
use crate::tools::DOCUUM;

/// Deciding: evaluate, plan and verify, beside sorting the same number of moments and digests. `sizes` are numbers of
/// entries; none: ten thousand to ten million.
pub(crate) fn core(root: &Path, sizes: &[&str]) -> Result<(), Failure> {
    let mut command = cargo(root);
    command.args(["bench", "--package", "jettison-core", "--bench", "decide", "--"]);
    run(command.args(sizes))
}

/// Scans and removals on Debian's `docker-registry`, which is installed if need be, beside a plain client. `arguments` go
/// to the bench: `--images N`, `--rounds N`, `--only PART`.
pub(crate) fn registry(root: &Path, arguments: &[&str]) -> Result<(), Failure> {
    packages::install()?;
    of_jettison(root, "registry", arguments)
}

/// Asking a cluster in this machine what it uses, beside a plain client. `arguments` go to the bench: `--pods N`, `--rounds N`.
pub(crate) fn usage(root: &Path, arguments: &[&str]) -> Result<(), Failure> {
    of_jettison(root, "usage", arguments)
}

/// Scans of ECR in this machine, beside the bare calls. `arguments` go to the bench: `--images N`, `--rounds N`, `--delay N`.
pub(crate) fn ecr(root: &Path, arguments: &[&str]) -> Result<(), Failure> {
    of_jettison(root, "ecr", arguments)
}

/// Reports on what a scan recorded. `arguments` go to the bench: `--tags N`, `--rounds N`.
pub(crate) fn audit(root: &Path, arguments: &[&str]) -> Result<(), Failure> {
    of_jettison(root, "audit", arguments)
}

/// Plans for the disk of a real engine, beside the bare questions. `arguments` go to the bench: `--images N`,
/// `--containers N`, `--rounds N`.
pub(crate) fn hosts(root: &Path, arguments: &[&str]) -> Result<(), Failure> {
    packages::install()?;
    of_jettison(root, "hosts", arguments)
}

/// The agent of a server, through the events of an engine and at rest. `arguments` go to the bench: `--events N`, `--rounds N`,
/// `--images N`, `--idle SECONDS`.
pub(crate) fn host_watch(root: &Path, arguments: &[&str]) -> Result<(), Failure> {
    of_jettison(root, "host_watch", arguments)
}

/// What jettison removes from a server beside what `docker image prune` and docuum remove: the table of `docs/hosts.md`.
pub(crate) fn compare_hosts(root: &Path) -> Result<(), Failure> {
    packages::install()?;
    let docuum = DOCUUM.program(root)?.display().to_string();
    of_jettison(root, "hosts", &["--compare", "--docuum", &docuum])
}

fn of_jettison(root: &Path, bench: &str, arguments: &[&str]) -> Result<(), Failure> {
    let mut command = cargo(root);
    command.args(["bench", "--package", "jettison", "--bench", bench, "--"]);
    run(command.args(arguments))
}

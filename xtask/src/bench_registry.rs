//! `cargo xtask bench registry`: jettison on Debian's `docker-registry`, beside a plain client.
//!
//! The measuring itself is a bench of the package `jettison`; this installs the registry and starts it.

use std::path::Path;

use crate::packages;
use crate::process::{Failure, cargo, run};

/// Installs what is missing and measures. `arguments` go to the bench: `--images N`, `--rounds N`, `--only PART`.
pub(crate) fn measure(root: &Path, arguments: &[&str]) -> Result<(), Failure> {
    packages::install()?;
    let mut command = cargo(root);
    command.args(["bench", "--package", "jettison", "--bench", "registry", "--"]);
    run(command.args(arguments))
}

//! The tools of the gate, in exact versions, below `target/`: the cargo home of whoever runs this stays as it is.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::process::{Failure, answer, cargo, run, say};

/// Raised by hand, together with what a new version has to say about the tree.
const CARGO_DENY: &str = "0.20.2";

/// Where cargo-deny is; builds it when it is not there in the right version.
pub(crate) fn cargo_deny(root: &Path) -> Result<PathBuf, Failure> {
    let tools = root.join("target/tools");
    let program = tools.join("bin/cargo-deny");
    let wanted = format!("cargo-deny {CARGO_DENY}");
    if answer(Command::new(&program).arg("--version")) == Some(wanted) {
        return Ok(program);
    }
    say(&format!(
        "building cargo-deny {CARGO_DENY} into target/tools, once; this takes about 4 minutes"
    ));
    // A debug build is made in a third of the time, and checks the tree in a second.
    let mut install = cargo(root);
    install.args([
        "install",
        "--locked",
        "--debug",
        "--force",
        "cargo-deny",
        "--version",
        CARGO_DENY,
    ]);
    // cargo says that its directory is not in the search path; nothing here needs it there.
    run(install.arg("--root").arg(&tools))?;
    Ok(program)
}

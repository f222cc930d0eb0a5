//! Cargo's tools that chores call, in exact versions, below `target/`: the cargo home of whoever runs this stays as it is.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::process::{Failure, answer, cargo, run, say};

/// One tool. Versions are raised by hand, together with what a new one has to say about the tree.
#[derive(Debug)]
pub(crate) struct Tool {
    name: &'static str,
    version: &'static str,
    /// How it is asked for its version.
    asked: &'static [&'static str],
    /// How long it takes to build, for whoever waits.
    minutes: u32,
}

pub(crate) const CARGO_DENY: Tool = Tool {
    name: "cargo-deny",
    version: "0.20.2",
    asked: &["--version"],
    minutes: 4,
};

pub(crate) const CARGO_FUZZ: Tool = Tool {
    name: "cargo-fuzz",
    version: "0.13.2",
    asked: &["--version"],
    minutes: 1,
};

pub(crate) const CARGO_MUTANTS: Tool = Tool {
    name: "cargo-mutants",
    version: "27.1.0",
    asked: &["mutants", "--version"],
    minutes: 2,
};

/// What jettison is compared with on servers.
pub(crate) const DOCUUM: Tool = Tool {
    name: "docuum",
    version: "0.27.3",
    asked: &["--version"],
    minutes: 2,
};

impl Tool {
    /// Where its program is; builds it when it is not there in the right version.
    pub(crate) fn program(&self, root: &Path) -> Result<PathBuf, Failure> {
        let Self {
            name,
            version,
            asked,
            minutes,
        } = self;
        let tools = root.join("target/tools");
        let program = tools.join("bin").join(name);
        let said = answer(Command::new(&program).args(*asked)).unwrap_or_default();
        // docuum writes its name with a capital letter.
        if said.eq_ignore_ascii_case(&format!("{name} {version}")) {
            return Ok(program);
        }
        say(&format!(
            "building {name} {version} into target/tools, once; this takes about {minutes} min"
        ));
        // A debug build is made in a third of the time, and is quick enough.
        let mut install = cargo(root);
        install.args(["install", "--locked", "--debug", "--force", name, "--version", version]);
        // cargo says that its directory is not in the search path; nothing here needs it there.
        run(install.arg("--root").arg(&tools))?;
        Ok(program)
    }
}

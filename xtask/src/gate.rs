//! What has to hold besides the tests. Every step runs, so that one round of work can mend all of them.

use std::path::Path;
use std::process::Command;

use crate::process::{Failure, cargo, run, say};
use crate::{tidy, tools};

type Step = fn(&Path) -> Result<(), Failure>;

const STEPS: [(&str, Step); 5] = [
    ("house rules", tidy::check),
    ("format", format),
    ("lints", lint),
    ("documentation", document),
    ("dependencies", deny),
];

/// Runs the whole gate and names the steps that failed.
fn run_steps(root: &Path, steps: &[(&'static str, Step)]) -> Result<(), Failure> {
    let mut failed = Vec::new();
    for (name, step) in steps {
        if let Err(failure) = step(root) {
            say(&format!("{name}: {failure}"));
            failed.push(*name);
        }
    }
    if failed.is_empty() {
        Ok(())
    } else {
        Err(Failure::Gate(failed.join(", ")))
    }
}

/// Runs every step on the project.
pub(crate) fn check(root: &Path) -> Result<(), Failure> {
    run_steps(root, &STEPS)?;
    say("the gate holds: house rules, format, lints, documentation, dependencies");
    Ok(())
}

fn format(root: &Path) -> Result<(), Failure> {
    run(cargo(root).args(["fmt", "--all", "--check"]))
}

fn lint(root: &Path) -> Result<(), Failure> {
    run(cargo(root).args(["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]))
}

fn document(root: &Path) -> Result<(), Failure> {
    let mut command = cargo(root);
    command.args(["doc", "--workspace", "--no-deps", "--document-private-items"]);
    run(command.env("RUSTDOCFLAGS", "-D warnings"))
}

/// Advisories are left out: see `deny.toml`.
fn deny(root: &Path) -> Result<(), Failure> {
    let program = tools::CARGO_DENY.program(root)?;
    run(Command::new(program)
        .args(["check", "licenses", "bans", "sources"])
        .current_dir(root))
}

#[cfg(test)]
mod tests {
    //! No failure of a step is lost.

    use super::*;

    #[test]
    fn every_step_runs_and_every_failure_is_named() {
        let steps: [(&str, Step); 3] = [
            ("first", |_| Err(Failure::Usage)),
            ("second", |_| Ok(())),
            ("third", |_| Err(Failure::Usage)),
        ];
        let outcome = run_steps(Path::new("."), &steps).unwrap_err();
        assert_eq!(outcome.to_string(), "failed: first, third");
        assert!(run_steps(Path::new("."), &steps[1..2]).is_ok());
    }
}

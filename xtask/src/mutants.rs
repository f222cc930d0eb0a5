//! Mutation tests of the core: breaks it in one place at a time, and names the places that no test notices.
//!
//! What is left out, and why, stands in `.cargo/mutants.toml`; how to read the outcome, in
//! `docs/testing.md`.

use std::path::Path;
use std::process::Command;

use crate::process::{Failure, run, say};
use crate::tools::CARGO_MUTANTS;

/// The unit tests first, which are quick to build; whatever they do not notice has to stand the laws as well.
const ROUNDS: [&[&str]; 2] = [&["--cargo-arg=--lib"], &["--iterate", "--cargo-arg=--test=laws"]];

/// What cargo-mutants ends with when a mutant lived, or ran into its time limit.
const SURVIVORS: [Option<i32>; 2] = [Some(2), Some(3)];

/// Passes `words` on to cargo-mutants: `--file`, `--shard` and the like.
pub(crate) fn mutants(root: &Path, words: &[&str]) -> Result<(), Failure> {
    let program = CARGO_MUTANTS.program(root)?;
    let mut survivors = Ok(());
    for round in ROUNDS {
        let mut command = Command::new(&program);
        command.args(["mutants", "--package", "jettison-core", "--output", "target/mutants"]);
        command.args(round).args(words).current_dir(root);
        // A mutant that one case in four thousand would find is looked for by `cargo test`, not a thousand times here.
        survivors = match run(command.env("PROPTEST_CASES", "64").env("INSTA_UPDATE", "no")) {
            Err(Failure::Failed { command, status }) if SURVIVORS.contains(&status.code()) => {
                Err(Failure::Failed { command, status })
            }
            other => {
                other?;
                Ok(())
            }
        };
    }
    say("the survivors are listed in target/mutants/mutants.out/missed.txt");
    survivors
}

//! Mutation tests of the core: breaks it in one place at a time, and names the places that no test notices.
//!
//! What is left out, and why, stands in `.cargo/mutants.toml`; how to read the outcome, in
//! `docs/testing.md`.

use std::path::Path;
use std::process::Command;

use crate::process::{Failure, run, say};
use crate::tools::CARGO_MUTANTS;

/// The unit tests come first; only what they let pass has to stand the laws as well.
const TESTS: [&str; 2] = ["--cargo-arg=--lib", "--cargo-arg=--test=laws"];

/// Passes `words` on to cargo-mutants: `--file`, `--shard` and the like.
pub(crate) fn mutants(root: &Path, words: &[&str]) -> Result<(), Failure> {
    let program = CARGO_MUTANTS.program(root)?;
    let mut command = Command::new(&program);
    command.args(["mutants", "--package", "jettison-core", "--output", "target/mutants"]);
    command.args(TESTS).args(words).current_dir(root);
    // A mutant that one case in four thousand would find is looked for by `cargo test`, not a thousand times here.
    let outcome = run(command.env("PROPTEST_CASES", "64").env("INSTA_UPDATE", "no"));
    say("the survivors are listed in target/mutants/mutants.out/missed.txt");
    outcome
}

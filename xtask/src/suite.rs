//! Runs every test and sums up.
//!
//! The tests start their own servers on loopback and end them; nothing is started here.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use crate::process::{Failure, cargo, say, shown};

/// Makes a real server or client that is missing a failure instead of a skipped test.
const REQUIRE_REAL_PARTS: &str = "JETTISON_REAL_TESTS";

/// Property tests draw the same worlds each time here, so that the gate says the same of the same code. `cargo test` draws new
/// ones, and `PROPTEST_CASES` more of them (docs/testing.md).
const SEED: (&str, &str) = ("PROPTEST_RNG_SEED", "20131120");

/// Installs what is missing, runs unit, integration and documentation tests, and prints a summary.
pub(crate) fn install_and_run(root: &Path) -> Result<(), Failure> {
    let started = Instant::now();
    let installed = crate::install(root)?;
    let mut tally = Tally::default();
    let mut succeeded = true;
    for targets in ["--all-targets", "--doc"] {
        succeeded &= run_tests(root, targets, &mut tally)?;
    }
    say("");
    say(&match installed.as_slice() {
        [] => "installed nothing: every program was there".to_owned(),
        packages => format!("installed {}", packages.join(", ")),
    });
    for test in &tally.failures {
        say(&format!("failed: {test}"));
    }
    say(&format!("{tally}, in {} s", started.elapsed().as_secs()));
    verdict(succeeded, &tally)
}

fn run_tests(root: &Path, targets: &str, tally: &mut Tally) -> Result<bool, Failure> {
    let mut command = cargo(root);
    command
        .args(["test", "--workspace", "--no-fail-fast", targets])
        .env(REQUIRE_REAL_PARTS, "1")
        .env(SEED.0, SEED.1);
    say(&format!(
        "$ {REQUIRE_REAL_PARTS}=1 {}={} {}",
        SEED.0,
        SEED.1,
        shown(&command)
    ));
    let passed_on = &mut std::io::stdout();
    run_counted(&mut command, tally, passed_on).map_err(|source| Failure::NotStarted {
        command: shown(&command),
        source,
    })
}

/// Passes the output on as it comes, and counts.
fn run_counted(command: &mut Command, tally: &mut Tally, passed_on: &mut impl Write) -> std::io::Result<bool> {
    let mut child = command.stdout(Stdio::piped()).spawn()?;
    if let Some(output) = child.stdout.take() {
        for line in BufReader::new(output).split(b'\n') {
            let line = line?;
            tally.read(&String::from_utf8_lossy(&line));
            passed_on.write_all(&line)?;
            passed_on.write_all(b"\n")?;
        }
    }
    Ok(child.wait()?.success())
}

fn verdict(succeeded: bool, tally: &Tally) -> Result<(), Failure> {
    match (succeeded, tally.failed, tally.passed) {
        (true, 0, 1..) => Ok(()),
        (true, 0, 0) => Err(Failure::Tests("no test was run".to_owned())),
        (false, 0, _) => Err(Failure::Tests(
            "the tests did not run to their end: see above".to_owned(),
        )),
        (_, failed, _) => Err(Failure::Tests(format!("{failed} tests failed"))),
    }
}

/// What the test harnesses said.
#[derive(Debug, Default, PartialEq, Eq)]
struct Tally {
    passed: u64,
    failed: u64,
    ignored: u64,
    failures: Vec<String>,
}

impl Tally {
    /// Reads `test result: ok. 3 passed; 0 failed; 1 ignored; …` and `test NAME ... FAILED`.
    fn read(&mut self, line: &str) {
        if let Some(counts) = line.strip_prefix("test result: ") {
            for count in counts.split([';', '.']) {
                self.add(count.trim());
            }
        } else if let Some(name) = line
            .strip_prefix("test ")
            .and_then(|rest| rest.strip_suffix(" ... FAILED"))
        {
            self.failures.push(name.to_owned());
        }
    }

    fn add(&mut self, count: &str) {
        let Some((number, what)) = count.split_once(' ') else {
            return;
        };
        let Ok(number) = number.parse::<u64>() else { return };
        match what {
            "passed" => self.passed += number,
            "failed" => self.failed += number,
            "ignored" => self.ignored += number,
            _ => {}
        }
    }
}

impl std::fmt::Display for Tally {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            formatter,
            "{} tests passed, {} failed, {} ignored",
            self.passed, self.failed, self.ignored
        )
    }
}

#[cfg(test)]
mod tests {
    //! The summary says what the harnesses said.

    use super::*;

    #[test]
    fn the_counts_of_all_harnesses_are_added_up() {
        let mut tally = Tally::default();
        for line in [
            "test a_name ... ok",
            "test other ... FAILED",
            "test result: FAILED. 3 passed; 1 failed; 1 ignored; 0 measured; 7 filtered out; finished in 0.42s",
            "test result: ok. 20 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 1.00s",
        ] {
            tally.read(line);
        }
        assert_eq!(
            tally,
            Tally {
                passed: 23,
                failed: 1,
                ignored: 1,
                failures: vec!["other".to_owned()]
            }
        );
    }

    #[test]
    fn success_needs_a_test_that_ran_and_none_that_failed() {
        let tally = |passed, failed| Tally {
            passed,
            failed,
            ..Tally::default()
        };
        assert!(verdict(true, &tally(1, 0)).is_ok());
        for (succeeded, passed, failed) in [(true, 0, 0), (false, 5, 0), (false, 5, 1), (true, 5, 1)] {
            assert!(
                verdict(succeeded, &tally(passed, failed)).is_err(),
                "{succeeded} {passed} {failed}"
            );
        }
    }

    #[test]
    fn a_command_that_fails_is_no_success_whatever_it_printed() {
        let mut tally = Tally::default();
        let said = "test result: ok. 2 passed; 0 failed";
        let script = format!("echo '{said}'; exit 101");
        let mut passed_on = Vec::new();
        assert!(!run_counted(Command::new("sh").args(["-c", &script]), &mut tally, &mut passed_on).unwrap());
        assert_eq!(passed_on, format!("{said}\n").into_bytes());
        assert_eq!(tally.passed, 2);
    }
}

//! Long runs of the fuzz targets: libFuzzer, guided by coverage, on the stable toolchain.
//!
//! Sanitizers need nightly and find little where `unsafe` is forbidden; without them cargo-fuzz needs nothing but a C++
//! compiler. The tests run the same targets briefly (`fuzz/tests/short.rs`), without any of this.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::process::{Failure, run, say};
use crate::tools::CARGO_FUZZ;

/// How long each target runs unless somebody says otherwise.
const SECONDS: &str = "60";

/// Runs `target`, or every one in turn, for so many seconds. What is found lies in `fuzz/artifacts/`.
pub(crate) fn fuzz(root: &Path, words: &[&str]) -> Result<(), Failure> {
    let (target, seconds) = match words {
        [] => (None, SECONDS),
        [target] => (Some(*target), SECONDS),
        [target, seconds] => (Some(*target).filter(|target| *target != "all"), *seconds),
        _ => return Err(Failure::Usage),
    };
    if seconds.parse::<u32>().is_err() {
        return Err(Failure::Usage);
    }
    let program = CARGO_FUZZ.program(root)?;
    let targets = match target {
        Some(target) => vec![target.to_owned()],
        None => targets(root)?,
    };
    for target in &targets {
        one(root, &program, target, seconds)?;
    }
    say(&format!("nothing found in {}", targets.join(", ")));
    Ok(())
}

/// The targets, by their folders of seeds.
fn targets(root: &Path) -> Result<Vec<String>, Failure> {
    let path = root.join("fuzz/seeds");
    let unreadable = |source| Failure::Unreadable {
        path: path.clone(),
        source,
    };
    let folders = fs::read_dir(&path).map_err(unreadable)?.flatten();
    let mut names: Vec<String> = folders
        .map(|folder| folder.file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    Ok(names)
}

fn one(root: &Path, program: &Path, target: &str, seconds: &str) -> Result<(), Failure> {
    let corpus = format!("fuzz/corpus/{target}");
    let unwritable = |source| Failure::Unreadable {
        path: root.join(&corpus),
        source,
    };
    fs::create_dir_all(root.join(&corpus)).map_err(unwritable)?;
    let mut command = Command::new(program);
    command.args(["run", "--sanitizer", "none", "--features", "libfuzzer", target]);
    command.args([&corpus, &format!("fuzz/seeds/{target}"), "--"]);
    // An input that takes ten seconds is a hang, and one that takes a gigabyte is a growth without bound.
    command.args(["-timeout=10", "-rss_limit_mb=1024", "-max_len=65536"]);
    command.arg(format!("-max_total_time={seconds}"));
    // The release profile is made for a small binary; this one is to be built in a bearable time.
    command.env("CARGO_PROFILE_RELEASE_LTO", "off");
    command.env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "2");
    run(command.current_dir(root))
}

//! How long `jettison audit --recorded`, `audit forecast --recorded` and `find --recorded` take on what a scan of a year of
//! pushes recorded: `cargo xtask bench audit`. Figures and method stand in `docs/benchmarks.md`.
//!
//! It measures the whole program and asserts nothing about time. Without `--bench`, as `cargo test` starts it, it runs once
//! on little, so that it does not rot unseen.

#[path = "../registry/measure.rs"]
#[expect(dead_code, reason = "shared with benchmarks of registries: there is none here")]
mod measure;
mod year;

use std::collections::BTreeSet;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command;

use clap::Parser;
use jettison::store::Store;
use jiff::Timestamp;

use measure::{Cost, measured, median};

const HEAD: &str = "\
| what | time | processor time | most memory |
|---|---|---|---|";

/// A policy that makes the audit plan three times: all rules together, and each of two alone.
const POLICY: &str = "
policies:
  - name: cleaner
    rules:
      - { name: releases, match: { tags: [\"v*\"] }, keep: always }
      - { name: caches, match: { kinds: [build-cache] }, expire: { older-than: 30d } }
      - { name: builds, match: { tags: [\"*\"] }, group-by: branch, expire: { beyond-newest: 10, older-than: 30d } }
";

/// Measures reports on what was recorded.
#[derive(Debug, Parser)]
struct Arguments {
    /// Tags; a hundred a day
    #[arg(long, default_value_t = 36_500)]
    tags: usize,
    /// How often everything is measured; the table gives medians
    #[arg(long, default_value_t = 7)]
    rounds: usize,
    /// Another build of jettison to measure
    #[arg(long, default_value = env!("CARGO_BIN_EXE_jettison"))]
    program: PathBuf,
    /// Given by `cargo bench`
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> io::Result<()> {
    let mut arguments = Arguments::parse();
    if !arguments.bench {
        (arguments.tags, arguments.rounds) = (200, 1);
    }
    let folder = tempfile::tempdir()?;
    record(&arguments, folder.path())?;
    std::fs::write(folder.path().join("policy.yaml"), POLICY)?;
    let mut out = io::stdout().lock();
    writeln!(out, "{} tags\n{HEAD}", arguments.tags)?;
    let commands: [&[&str]; 5] = [
        &["audit", "--recorded"],
        &["audit", "--recorded", "--policy", "policy.yaml"],
        &["audit", "--recorded", "--by", "branch", "--html", "audit.html"],
        &["audit", "forecast", "--recorded"],
        &["find", "--recorded", "tag:v1.2.*"],
    ];
    for words in commands {
        let mut costs = Vec::new();
        for _ in 0..arguments.rounds {
            costs.push(cost(&arguments, folder.path(), words)?);
        }
        let middle = |of: fn(&Cost) -> f64| median(costs.iter().map(of).collect());
        writeln!(
            out,
            "| `{}` | {:.2} s | {:.2} s | {} MB |",
            words.join(" "),
            middle(|cost| cost.wall.as_secs_f64()),
            middle(|cost| cost.client),
            costs.iter().map(|cost| cost.memory).max().unwrap_or(0) / 1_000_000
        )?;
    }
    Ok(())
}

/// Records a scan, as the program itself does at the end of one.
fn record(arguments: &Arguments, folder: &Path) -> io::Result<()> {
    let inventory = year::inventory(arguments.tags, Timestamp::now());
    let asked: BTreeSet<_> = inventory.complete_registries.clone();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let recorded = runtime.block_on(async {
        let store = Store::open(&folder.join("state")).await?;
        store.record_scan(&inventory, &asked).await?;
        store.close().await;
        Ok::<(), jettison::store::StoreError>(())
    });
    recorded.map_err(io::Error::other)
}

fn cost(arguments: &Arguments, folder: &Path, words: &[&str]) -> io::Result<Cost> {
    let target = if words[0] == "find" {
        ["--in", year::TARGET]
    } else {
        ["--quiet", year::TARGET]
    };
    let mut command = Command::new(&arguments.program);
    command.args(words).args(target).args(["--state", "state"]);
    let asking = command.env_clear().env("HOME", folder).current_dir(folder);
    let ((code, memory), cost) = measured(None, || measure::run(asking))?;
    match code {
        Some(0) => Ok(Cost { memory, ..cost }),
        other => Err(io::Error::other(format!("{command:?} ended with {other:?}"))),
    }
}

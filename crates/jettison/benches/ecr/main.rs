//! How long jettison takes to scan a large repository of ECR, beside the bare paged calls of the official client:
//! `cargo xtask bench ecr`. Figures and method stand in `docs/benchmarks.md`.
//!
//! It measures and asserts nothing about time. Without `--bench`, as `cargo test` starts it, it runs once on a small
//! repository, so that it does not rot unseen. AWS and the bare client are this program again, in other roles.

#[path = "../registry/measure.rs"]
mod measure;
mod plain;
mod serve;

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command;

use clap::{Parser, Subcommand};

use measure::{Cost, measured, median};
use serve::Server;

const HEAD: &str = "\
| what | jettison | bare calls | ratio | of the clients' processor time | with AWS's | most memory: jettison | bare calls | requests of jettison | of the bare calls |
|---|---|---|---|---|---|---|---|---|---|";

/// Measures jettison on ECR.
#[derive(Debug, Parser)]
struct Arguments {
    /// Images in the one repository
    #[arg(long, default_value_t = 100_000)]
    images: usize,
    /// How often everything is measured; the table gives medians
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// How long AWS takes for each answer besides, in milliseconds
    #[arg(long, default_value_t = 0)]
    delay: u64,
    /// Another build of jettison to measure
    #[arg(long, default_value = env!("CARGO_BIN_EXE_jettison"))]
    program: PathBuf,
    /// Given by `cargo bench`
    #[arg(long, hide = true)]
    bench: bool,
    #[command(subcommand)]
    role: Option<Role>,
}

/// What this program is for somebody who started it.
#[derive(Debug, Subcommand)]
enum Role {
    /// AWS
    #[command(hide = true)]
    Serve { images: usize, delay: u64 },
    /// The bare calls
    #[command(hide = true)]
    Plain,
}

/// One line of the table.
struct Line {
    what: &'static str,
    jettison: Vec<Cost>,
    plain: Vec<Cost>,
    requests: (u64, u64),
}

fn main() -> io::Result<()> {
    let mut arguments = Arguments::parse();
    match &arguments.role {
        Some(Role::Serve { images, delay }) => return serve::serve(*images, *delay),
        Some(Role::Plain) => return plain::list(),
        None => {}
    }
    if !arguments.bench {
        (arguments.images, arguments.rounds) = (1_500, 1);
    }
    let folder = tempfile::tempdir()?;
    let mut server = Server::start(arguments.images, arguments.delay)?;
    let host = serve::host();
    std::fs::write(
        folder.path().join("jettison.yaml"),
        format!("registries: [ {{ host: {host}, expects: none }} ]\n"),
    )?;
    let mut out = io::stdout().lock();
    writeln!(
        out,
        "{} images, {} ms an answer\n{HEAD}",
        arguments.images, arguments.delay
    )?;
    for line in compare(&arguments, folder.path(), &mut server)? {
        line.write(&mut out)?;
    }
    Ok(())
}

/// A first scan, a second one, and the bare calls after each.
fn compare(arguments: &Arguments, folder: &Path, server: &mut Server) -> io::Result<[Line; 2]> {
    let line = |what| Line {
        what,
        jettison: Vec::new(),
        plain: Vec::new(),
        requests: (0, 0),
    };
    let mut lines = [line("first scan"), line("second scan")];
    for round in 0..arguments.rounds {
        for line in &mut lines {
            let mut command = Command::new(&arguments.program);
            command.args(["scan", "--quiet", "--state", &format!("state-{round}")]);
            line.jettison
                .push(cost(server, command.current_dir(folder).env("HOME", folder))?);
            line.requests.0 = server.requests()?;
            let mut command = Command::new(std::env::current_exe()?);
            line.plain.push(cost(server, command.arg("plain"))?);
            line.requests.1 = server.requests()?;
        }
    }
    Ok(lines)
}

impl Line {
    fn write(&self, out: &mut impl io::Write) -> io::Result<()> {
        let middle = |costs: &[Cost]| median(costs.iter().map(|cost| cost.wall.as_secs_f64()).collect());
        let most = |costs: &[Cost]| costs.iter().map(|cost| cost.memory).max().unwrap_or(0) / 1_000_000;
        let ratio = |of: fn(&Cost) -> f64| {
            let pairs = self.jettison.iter().zip(&self.plain);
            median(pairs.map(|(ours, theirs)| of(ours) / of(theirs)).collect())
        };
        writeln!(
            out,
            "| {} | {:.2} s | {:.2} s | {:.2} | {:.2} | {:.2} | {} MB | {} MB | {} | {} |",
            self.what,
            middle(&self.jettison),
            middle(&self.plain),
            ratio(|cost| cost.wall.as_secs_f64()),
            ratio(|cost| cost.client),
            ratio(|cost| cost.client + cost.registry),
            most(&self.jettison),
            most(&self.plain),
            self.requests.0,
            self.requests.1,
        )
    }
}

/// What a program cost that has to succeed.
fn cost(server: &Server, command: &mut Command) -> io::Result<Cost> {
    let command = command.envs(server.environment());
    let ((code, memory), cost) = measured(Some(server.id()), || measure::run(command))?;
    match code {
        Some(0) => Ok(Cost { memory, ..cost }),
        other => Err(io::Error::other(format!("{command:?} ended with {other:?}"))),
    }
}

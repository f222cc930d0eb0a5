//! How long jettison takes to ask a cluster what it uses, beside a client that downloads the same lists and parses them into
//! JSON values: `cargo xtask bench usage`. Figures and method stand in `docs/benchmarks.md`.
//!
//! It measures and asserts nothing about time. Without `--bench`, as `cargo test` starts it, it runs once on a small cluster,
//! so that it does not rot unseen. The cluster and the plain client are this program again, in other roles.

mod cluster;
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

const CONFIG: &str = "
registries: [ { host: registry.example.com } ]
usage: [ { name: cluster, kind: kubernetes, kubeconfig: kubeconfig } ]
";

const HEAD: &str = "\
| what | jettison | plain client | ratio | of the clients' processor time | with the cluster's | most memory: jettison | plain | requests |
|---|---|---|---|---|---|---|---|---|";

/// Measures jettison on a cluster.
#[derive(Debug, Parser)]
struct Arguments {
    /// Pods; a fifth as many workloads, each with a rollback
    #[arg(long, default_value_t = 10_000)]
    pods: usize,
    /// How often everything is measured; the table gives medians
    #[arg(long, default_value_t = 5)]
    rounds: usize,
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
    /// The cluster
    #[command(hide = true)]
    Serve { pods: usize },
    /// The plain client
    #[command(hide = true)]
    Plain { targets: PathBuf },
}

fn main() -> io::Result<()> {
    let mut arguments = Arguments::parse();
    match &arguments.role {
        Some(Role::Serve { pods }) => return serve::serve(*pods),
        Some(Role::Plain { targets }) => return plain::download(targets),
        None => {}
    }
    if !arguments.bench {
        (arguments.pods, arguments.rounds) = (100, 1);
    }
    let folder = tempfile::tempdir()?;
    let mut server = Server::start(arguments.pods)?;
    std::fs::write(folder.path().join("jettison.yaml"), CONFIG)?;
    std::fs::write(folder.path().join("kubeconfig"), server.kubeconfig())?;
    compare(&arguments, folder.path(), &mut server)
}

fn compare(arguments: &Arguments, folder: &Path, server: &mut Server) -> io::Result<()> {
    let (mut jettison, mut plain) = (Vec::new(), Vec::new());
    let mut requests = 0;
    for _ in 0..arguments.rounds {
        let mut command = Command::new(&arguments.program);
        command.args(["usage", "--check", "--quiet", "--state", "state"]);
        let asking = command.env_clear().env("HOME", folder).current_dir(folder);
        jettison.push(cost(server.id(), asking)?);
        let targets = server.requests()?;
        requests = targets.len();
        std::fs::write(folder.join("targets"), targets.join("\n"))?;
        let mut command = Command::new(std::env::current_exe()?);
        plain.push(cost(server.id(), command.arg("plain").arg(folder.join("targets")))?);
        server.requests()?;
    }
    let wall = |cost: &Cost| cost.wall.as_secs_f64();
    let middle = |costs: &[Cost]| median(costs.iter().map(wall).collect());
    let most = |costs: &[Cost]| costs.iter().map(|cost| cost.memory).max().unwrap_or(0) / 1_000_000;
    let ratio = |of: fn(&Cost) -> f64| {
        median(
            jettison
                .iter()
                .zip(&plain)
                .map(|(ours, theirs)| of(ours) / of(theirs))
                .collect(),
        )
    };
    let mut out = io::stdout().lock();
    writeln!(
        out,
        "{} pods in {} workloads\n{HEAD}",
        arguments.pods,
        arguments.pods / 5
    )?;
    writeln!(
        out,
        "| usage of a cluster | {:.2} s | {:.2} s | {:.2} | {:.2} | {:.2} | {} MB | {} MB | {requests} |",
        middle(&jettison),
        middle(&plain),
        ratio(wall),
        ratio(|cost| cost.client),
        ratio(|cost| cost.client + cost.registry),
        most(&jettison),
        most(&plain),
    )
}

/// What a program cost that has to succeed.
fn cost(server: u32, command: &mut Command) -> io::Result<Cost> {
    let ((code, memory), cost) = measured(Some(server), || measure::run(command))?;
    match code {
        Some(0) => Ok(Cost { memory, ..cost }),
        other => Err(io::Error::other(format!("{command:?} ended with {other:?}"))),
    }
}

//! The `jettison` command: parses, runs, and ends with the documented exit code. Only this file ends the process.

use std::process::ExitCode;

use clap::Parser as _;
use jettison::cli::Cli;
use tracing_subscriber::EnvFilter;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let default = if cli.is_verbose() {
        "jettison=debug"
    } else {
        "jettison=warn"
    };
    let filter = EnvFilter::try_from_env("JETTISON_LOG").unwrap_or_else(|_| EnvFilter::new(default));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_target(false)
        .init();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            anstream::eprintln!("error: the runtime could not be started: {error}");
            return jettison::exit::Exit::Unexpected.into();
        }
    };
    runtime.block_on(cli.run()).into()
}

//! The `jettison` command: parses, runs, and ends with the documented exit code. Only this file ends the process.

use std::process::ExitCode;

use clap::Parser as _;
use jettison::cli::Cli;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return jettison::cli::misread(&error).into(),
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            use std::io::Write as _;
            let _ = writeln!(std::io::stderr(), "error: the runtime could not be started: {error}");
            return jettison::exit::Exit::Unexpected.into();
        }
    };
    runtime.block_on(cli.run()).into()
}

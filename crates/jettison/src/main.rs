//! The `jettison` command: parses, runs, and ends with the documented exit code. Only this file ends the process.

use std::process::ExitCode;

use clap::Parser as _;
use jettison::cli::Cli;
use tokio::runtime::Builder;

/// How long what still runs beside the work may take to end.
const GRACE: std::time::Duration = std::time::Duration::from_secs(1);

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return jettison::cli::misread(&error).into(),
    };
    // The work waits for registries. On one thread no answer has to wake another thread, which took four system calls
    // more for each.
    let mut builder = match cli.needs_threads() {
        true => Builder::new_multi_thread(),
        false => Builder::new_current_thread(),
    };
    let runtime = match builder.enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            use std::io::Write as _;
            let _ = writeln!(std::io::stderr(), "error: the runtime could not be started: {error}");
            return jettison::exit::Exit::Unexpected.into();
        }
    };
    let exit = runtime.block_on(cli.run());
    // Whoever interrupts does not wait for a name server.
    runtime.shutdown_timeout(GRACE);
    exit.into()
}

//! The command line: one file a command. Each gathers, lets the core decide, and prints.

mod apply;
mod audit;
mod aws;
mod check;
mod completions;
mod context;
mod demo;
mod ecr;
mod explain;
mod facts;
mod failure;
mod find;
mod glance;
mod history;
mod host;
mod look;
mod manual;
mod nearby;
mod plan;
mod policy;
mod run;
mod scan;
mod schema;
mod signals;
mod store;
mod undo;
mod usage;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::exit::Exit;
use crate::output::{Console, Format, stream};
use crate::scan::Target;

use context::Context;
use failure::Failure;

pub use failure::misread;

/// Keeps container registries free of images nobody needs, and never deletes one that somebody does.
#[derive(Debug, Parser)]
#[command(name = "jettison", version, max_term_width = 100, after_help = EXAMPLES)]
pub struct Cli {
    #[command(flatten)]
    globals: Globals,
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "\
Examples:
  jettison demo                    see all of it on a registry made up for you
  jettison plan registry.example.com/apps/web            what can go, and why
  jettison plan 'registry.example.com/apps/**' --out plan.json
  jettison apply plan.json         make it go; asks first
  jettison explain registry.example.com/apps/web:v1.2.3
  jettison run --yes               scan, plan and apply as jettison.yaml says

Exit codes: 0 done; 1 unexpected; 2 bad usage or configuration; 3 refused;
4 some actions failed; 5 done, but facts were incomplete. Of 4, 3 and 5 the
first that fits.";

/// Headings in the help, below what only one command has.
const EVERYWHERE: &str = "Everywhere";
const CONNECTING: &str = "Logging in";

/// What every command understands.
#[derive(Debug, Clone, Args)]
pub(crate) struct Globals {
    /// Configuration file [default: ./jettison.yaml, if it is there]
    #[arg(long, global = true, help_heading = EVERYWHERE, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Another file of the same form: replaces what it names, adds to what is protected
    #[arg(long, global = true, help_heading = EVERYWHERE, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// Where jettison remembers [default: $XDG_STATE_HOME/jettison or ~/.local/state/jettison]
    #[arg(long, global = true, help_heading = EVERYWHERE, value_name = "DIR")]
    state: Option<PathBuf>,
    /// For people or for programs
    #[arg(long, global = true, help_heading = EVERYWHERE, value_enum, default_value_t, value_name = "FORM")]
    output: Format,
    /// Results only: no progress, no notes
    #[arg(long, short, global = true, help_heading = EVERYWHERE)]
    quiet: bool,
    /// List every item, not only the first ones
    #[arg(long, short, global = true, help_heading = EVERYWHERE)]
    verbose: bool,
}

/// How to log in and connect, for the registries of this call.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct Access {
    /// User name [default: what `docker login` stored]
    #[arg(long, help_heading = CONNECTING, value_name = "NAME", requires = "password_stdin")]
    username: Option<String>,
    /// Read the password from standard input
    #[arg(long, help_heading = CONNECTING, requires = "username")]
    password_stdin: bool,
    /// PEM file of certificate authorities to trust besides the system's
    #[arg(long, help_heading = CONNECTING, value_name = "FILE")]
    ca_file: Option<PathBuf>,
    /// PEM file of the client certificate
    #[arg(long, help_heading = CONNECTING, value_name = "FILE")]
    client_certificate: Option<PathBuf>,
    /// PEM file of its key, unless the certificate's file holds it
    #[arg(long, help_heading = CONNECTING, value_name = "FILE", requires = "client_certificate")]
    client_key: Option<PathBuf>,
}

/// Which repositories, and whom to ask who uses them.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct Sources {
    // As an attribute: in a doc comment the brackets would be a link.
    #[arg(
        value_name = "TARGET",
        help = "HOST[:PORT]/REPOSITORY-GLOB [default: the configured registries]"
    )]
    targets: Vec<Target>,
    #[command(flatten)]
    asked: Asked,
}

/// Whom to ask who uses what, and how to log in.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct Asked {
    /// A file that tells what is in use: one image a line, or the usage form
    #[arg(long, value_name = "FILE")]
    usage: Vec<PathBuf>,
    /// Accept that this usage source names far fewer images than before
    #[arg(long, value_name = "NAME")]
    accept_shrunk_usage: Vec<String>,
    #[command(flatten)]
    access: Access,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Read registries and write down what is there; changes nothing
    Scan(scan::Scan),
    /// Ask the usage sources who uses what
    Usage(usage::UsageCommand),
    /// Say what can go, and why; changes nothing
    Plan(plan::PlanCommand),
    /// Carry out a plan
    Apply(apply::Apply),
    /// Scan, plan and apply in one
    Run(run::Run),
    /// Put back what a run took
    Undo(undo::Undo),
    /// List runs, or show one action by action
    History(history::History),
    /// Say which rule or hold decided on an image, and what would have to change
    Explain(explain::Explain),
    /// Say what registries hold, what it costs, and what would be saved; changes nothing
    Audit(audit::AuditCommand),
    /// Find images by tag, label, digest, age, size, or who uses them
    Find(find::FindCommand),
    /// Prune the images on a server's disk: what is there, what can go, making it go
    #[command(subcommand, after_help = host::HELP)]
    Host(host::HostCommand),
    /// Check, show and test policies
    #[command(subcommand, after_help = policy::HELP)]
    Policy(policy::PolicyCommand),
    /// Prepare AWS: the least policies for IAM, and reads that are no pulls
    #[command(subcommand, after_help = aws::HELP)]
    Aws(aws::AwsCommand),
    /// Understand, check and write the lifecycle policies of Amazon ECR
    #[command(subcommand, after_help = ecr::HELP)]
    Ecr(ecr::EcrCommand),
    /// Show all of it on a registry made up for you
    Demo(demo::Demo),
    /// Check or compact what jettison remembers
    #[command(subcommand, after_help = store::HELP)]
    Store(store::StoreCommand),
    /// Print the JSON Schema of what `--output json` prints
    Schema(schema::SchemaCommand),
    /// Print a completion script for a shell
    Completions(completions::Completions),
    /// Print the manual, or write a page for every command
    Man(manual::Manual),
}

impl Command {
    /// Whether what it prints are rows that a table of values can hold.
    fn has_rows(&self) -> bool {
        matches!(self, Self::Audit(_) | Self::Find(_))
    }
}

impl Cli {
    /// Whether something runs beside the work that would have to wait for it: the registry of the demo.
    pub fn needs_threads(&self) -> bool {
        matches!(self.command, Command::Demo(_))
    }

    /// Runs the command and says how it ended.
    pub async fn run(self) -> Exit {
        let console = Console {
            format: self.globals.output,
            quiet: self.globals.quiet,
            verbose: self.globals.verbose,
        };
        if console.format == Format::Csv && !self.command.has_rows() {
            let text = "--output csv: only `audit` and `find` have rows; take --output json";
            return Failure::usage(text).report(console.format);
        }
        let ended = match self.command {
            Command::Policy(command) => command.run(&self.globals, &console).await,
            Command::Demo(command) => command.run(&self.globals, &console).await,
            Command::Ecr(command) => command.run(&self.globals, &console).await,
            Command::Schema(command) => command.run(&console),
            Command::Completions(command) => command.run(&console),
            Command::Man(command) => command.run(&console),
            command => with_context(command, self.globals, console).await,
        };
        let exit = ended.unwrap_or_else(|failure| failure.report(console.format));
        match stream::failed() {
            Some(error) => exit.and(unwritten(error).report(console.format)),
            None => exit,
        }
    }
}

/// What was to be printed got lost; what was to be done was done.
fn unwritten(error: &std::io::Error) -> Failure {
    let text = format!("standard output could not be written: {error}; what was to be done was done");
    Failure::new(Exit::Unexpected, text)
}

async fn with_context(command: Command, globals: Globals, console: Console) -> Result<Exit, Failure> {
    let context = Context::load(globals, console)?;
    match command {
        Command::Scan(command) => command.run(context).await,
        Command::Usage(command) => command.run(context).await,
        Command::Plan(command) => command.run(context).await,
        Command::Apply(command) => command.run(context).await,
        Command::Run(command) => command.run(context).await,
        Command::Undo(command) => command.run(context).await,
        Command::History(command) => command.run(&context).await,
        Command::Explain(command) => command.run(&context).await,
        Command::Find(command) => command.run(context).await,
        Command::Host(command) => command.run(context).await,
        Command::Store(command) => command.run(&context).await,
        Command::Aws(command) => command.run(&context).await,
        Command::Audit(command) => command.run(context).await,
        Command::Policy(_)
        | Command::Ecr(_)
        | Command::Demo(_)
        | Command::Schema(_)
        | Command::Completions(_)
        | Command::Man(_) => Ok(Exit::Done),
    }
}

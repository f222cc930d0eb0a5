//! `jettison store`: looks after what jettison remembers.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde::Serialize;

use super::context::Context;
use super::failure::Failure;
use crate::exit::Exit;
use crate::output::text::{bytes, count, number};
use crate::output::{Console, hanging, style, styled};
use crate::store::{Checkup, Compaction, Lost, Store, default_directory};

/// Lost images that are listed.
const LISTED: usize = 20;

/// Examples for the whole group.
pub(crate) const HELP: &str = "\
Examples:
  jettison store check           is all whole, and could what went be put back?
  jettison store compact         give back the space of what was forgotten
  jettison store check --state /var/lib/jettison --output json";

/// Check or compact what jettison remembers.
#[derive(Debug, Subcommand)]
pub(crate) enum StoreCommand {
    /// Say whether the database is whole and everything deleted could be put back; changes nothing
    Check(Check),
    /// Give back the space of what was forgotten
    Compact(Compact),
}

/// Say whether the database is whole and everything deleted could be put back.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  jettison store check
  jettison store check --output json

Exit codes: 0 all is whole; 1 something is damaged: it says what, and what to
do.")]
pub(crate) struct Check {}

/// Give back the space of what was forgotten.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  jettison store compact

Not while a run is active (exit code 1, naming it). It needs as much free space
as the store itself, beside it and in the folder for temporary files; where that
is not there, everything stays as it was.")]
pub(crate) struct Compact {}

/// A form with its version.
#[derive(Serialize)]
struct Versioned<T> {
    schema: u8,
    #[serde(flatten)]
    form: T,
}

impl StoreCommand {
    pub(crate) async fn run(self, context: &Context) -> Result<Exit, Failure> {
        let directory = existing(context)?;
        let console = &context.console;
        let store = Store::open(&directory).await?;
        let ended = match self {
            Self::Check(_) => check(&store, console).await,
            Self::Compact(_) => compact(&store, console).await,
        };
        store.close().await;
        ended
    }
}

/// The folder of the store. Looking after one must not make one.
fn existing(context: &Context) -> Result<PathBuf, Failure> {
    let directory = match &context.globals.state {
        Some(directory) => directory.clone(),
        None => default_directory()?,
    };
    if Store::exists(&directory)? {
        return Ok(directory);
    }
    Err(Failure::usage(format!(
        "there is no store in {}: name its folder with --state",
        directory.display()
    )))
}

async fn check(store: &Store, console: &Console) -> Result<Exit, Failure> {
    let form = store.check().await?;
    console.say(checked(&form, console));
    let exit = if form.ok { Exit::Done } else { Exit::Unexpected };
    console.json(&Versioned { schema: 1, form })?;
    Ok(exit)
}

async fn compact(store: &Store, console: &Console) -> Result<Exit, Failure> {
    let form = store.compact().await?;
    let Compaction {
        file,
        bytes_before,
        bytes_after,
    } = &form;
    let sizes = format!(
        "{}: {} before, {} now",
        file.display(),
        bytes(*bytes_before),
        bytes(*bytes_after)
    );
    console.remark(style::HEADING, "Store", sizes);
    console.json(&Versioned { schema: 1, form })?;
    Ok(Exit::Done)
}

/// What was found, for people.
fn checked(found: &Checkup, console: &Console) -> String {
    let width = console.line_width();
    let line = |style, label: &str, text: &str| hanging(&format!("{} ", styled(style, label)), text, width);
    let room = match found.free_bytes {
        0 => String::new(),
        free => format!(", of which {} hold nothing", bytes(free)),
    };
    let size = format!("{}: {}{room}", found.file.display(), bytes(found.bytes));
    let kept = format!(
        "{} with {}; {} saved, {}; {}; {}",
        count(found.runs, "run"),
        count(found.entries, "action"),
        count(found.saved_manifests, "manifest"),
        bytes(found.saved_bytes),
        count(found.plans, "plan"),
        count(found.repositories, "repository")
    );
    let mut lines = vec![line(style::HEADING, "Store", &size), hanging("  ", &kept, width)];
    for run in &found.interrupted {
        lines.push(line(style::NOTE, "interrupted:", &run.to_string()));
    }
    for damage in &found.damage {
        lines.push(line(style::GOES, "damaged:", damage));
    }
    if !found.damage.is_empty() {
        lines.push(line(style::HEADING, "what to do:", REPAIR));
    }
    let shown = if console.verbose { usize::MAX } else { LISTED };
    for lost in found.lost.iter().take(shown) {
        lines.push(line(style::GOES, "cannot be put back:", &told(lost)));
    }
    if found.lost.len() > shown {
        lines.push(format!(
            "and {} more: --verbose",
            number((found.lost.len() - shown) as u64)
        ));
    }
    if !found.lost.is_empty() {
        lines.push(line(style::HEADING, "what to do:", PUSH));
    }
    if found.ok {
        let ok = "every page, every reference and every saved manifest is as it should be";
        lines.push(line(style::STAYS, "ok:", ok));
    }
    lines.join("\n")
}

const REPAIR: &str = "no image is lost with the store, only what jettison remembers and could undo. Keep a copy of the folder, \
    then take it from a backup, or try `sqlite3 jettison.db .recover`, or move it away and start anew";

const PUSH: &str = "nothing else is affected. If such an image is needed, push it again from where it was built, or take the store \
    from a backup";

/// One manifest that is lost, by the image it belongs to.
fn told(lost: &Lost) -> String {
    let Lost {
        run,
        registry,
        repository,
        root,
        tags,
        digest,
        why,
    } = lost;
    let image = match tags.first() {
        Some(tag) => format!("{registry}/{repository}:{tag}"),
        None => format!("{registry}/{repository}@{}", root.short()),
    };
    let part = if digest == root {
        digest.short()
    } else {
        format!("{} of it", digest.short())
    };
    format!("{image}, deleted by run {run}: {part}: {why}")
}

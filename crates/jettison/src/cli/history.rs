//! `jettison history`: the runs, one of them action by action, or what became of one image.

mod image;

use std::collections::BTreeMap;

use clap::Args;
use jettison_core::model::ImageReference;
use serde_json::json;

use super::context::Context;
use super::explain;
use super::failure::Failure;
use crate::exit::Exit;
use crate::output::text::{moment, number};
use crate::output::{Column, Console, hanging, style, styled, table};
use crate::store::{EntryRecord, ImageName, Outcome, RunDetail, RunSummary, Store};

/// List runs, or show one action by action.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  jettison history
  jettison history 20261121-223311-4f2a       every action and what became of it
  jettison history --image registry.example.com/apps/web:main
  jettison history 20261121-2233 --image registry.example.com/apps/web:main

With --image: every run that touched it, and where its tag pointed when.")]
pub(crate) struct History {
    /// The run's id, or the beginning of it
    #[arg(value_name = "RUN")]
    run: Option<String>,
    /// Only what was done to this image, with where its tag pointed and when
    #[arg(long, value_name = "IMAGE")]
    image: Option<String>,
}

impl History {
    pub(crate) async fn run(self, context: &Context) -> Result<Exit, Failure> {
        let image = match &self.image {
            Some(text) => Some(explain::image(text, context)?),
            None => None,
        };
        let store = context.store().await?;
        let console = &context.console;
        let shown = match (&self.run, &image, &self.image) {
            (None, Some(image), Some(text)) => image::show(&store, console, image, text).await,
            (Some(run), image, _) => show(&store, console, run, image.as_ref()).await,
            (None, ..) => list(&store, console).await,
        };
        store.close().await;
        shown.map(|()| Exit::Done)
    }
}

async fn list(store: &Store, console: &Console) -> Result<(), Failure> {
    let runs = store.runs().await?;
    console.json(&json!({"schema": 1, "runs": runs.iter().map(summary).collect::<Vec<_>>()}))?;
    if runs.is_empty() {
        console.say("no runs yet");
        return Ok(());
    }
    let figures = figures(&runs);
    // The id tells when the run began.
    let words = [Column::Whole("RUN"), Column::Text("COMMAND"), Column::Whole("STATUS")];
    let headings = figures.iter().map(|(heading, _)| Column::Figure(heading));
    let columns: Vec<Column> = words.into_iter().chain(headings).collect();
    let rows = runs.iter().map(|run| {
        let words = [run.id.to_string(), run.command.clone(), run.status.to_string()];
        let figures = figures.iter().map(|(_, figure)| number(figure(run)));
        words.into_iter().chain(figures).collect()
    });
    console.say(table(&columns, rows.collect(), console.line_width()));
    Ok(())
}

/// A heading, and what stands below it.
type Figure = (&'static str, fn(&RunSummary) -> u64);

/// The figures of a list of runs: what most runs do, and of the rest what one of them did. All would not fit a line.
fn figures(runs: &[RunSummary]) -> Vec<Figure> {
    let all: [(bool, Figure); 7] = [
        (true, ("DELETED", |run| run.deleted)),
        (false, ("ARCHIVED", |run| run.archived)),
        (false, ("UNTAGGED", |run| run.untagged)),
        (false, ("PUT BACK", |run| run.restored)),
        (false, ("GONE", |run| run.already_gone)),
        (false, ("LEFT", |run| run.left)),
        (true, ("FAILED", |run| run.failed)),
    ];
    let told = |(always, (_, figure)): &(bool, Figure)| *always || runs.iter().any(|run| figure(run) > 0);
    all.into_iter().filter(told).map(|(_, figure)| figure).collect()
}

fn summary(run: &RunSummary) -> serde_json::Value {
    json!({
        "id": run.id, "plan": run.plan, "command": run.command, "started_at": run.started_at, "ended_at": run.ended_at,
        "status": run.status, "deleted": run.deleted, "archived": run.archived, "untagged": run.untagged, "failed": run.failed,
        "restored": run.restored, "already_gone": run.already_gone, "left": run.left,
    })
}

/// One run; of an image, if one is given, only what was done to that.
async fn show(store: &Store, console: &Console, id: &str, image: Option<&ImageReference>) -> Result<(), Failure> {
    let Some(mut run) = store.run(id).await? else {
        return Err(Failure::usage(format!(
            "there is no run `{id}`; `jettison history` lists them"
        )));
    };
    if let Some(image) = image {
        run.entries.retain(|entry| is_about(entry, image));
        if run.entries.is_empty() {
            let run = &run.summary.id;
            return Err(Failure::usage(format!("run {run} did nothing to {image}")));
        }
    }
    console.json(&detail(&run))?;
    let width = console.line_width();
    let heading = styled(style::HEADING, format!("Run {}", run.summary.id));
    let counts = format!(
        "{} {}, {}: {} deleted, {}{} untagged, {} put back, {} gone already, {} left, {} failed",
        run.summary.command,
        moment(run.summary.started_at),
        run.summary.status,
        number(run.summary.deleted),
        match run.summary.archived {
            0 => String::new(),
            archived => format!("{} archived, ", number(archived)),
        },
        number(run.summary.untagged),
        number(run.summary.restored),
        number(run.summary.already_gone),
        number(run.summary.left),
        number(run.summary.failed)
    );
    console.say(hanging(&format!("{heading} "), &counts, width));
    for (repository, entries) in by_repository(&run.entries) {
        console.say(format!("\n{}", styled(style::HEADING, repository)));
        console.say(actions(&entries, width));
    }
    Ok(())
}

/// The entries by repository, each in the order of the plan: a name that stands above breaks no line below.
fn by_repository(entries: &[EntryRecord]) -> BTreeMap<String, Vec<&EntryRecord>> {
    let mut repositories: BTreeMap<String, Vec<&EntryRecord>> = BTreeMap::new();
    for entry in entries {
        let name = format!("{}/{}", entry.registry, entry.repository);
        repositories.entry(name).or_default().push(entry);
    }
    repositories
}

fn actions(entries: &[&EntryRecord], width: usize) -> String {
    let columns = [
        Column::Whole("ACTION"),
        Column::Whole("IMAGE"),
        Column::Text("TAGS"),
        Column::Text("OUTCOME"),
    ];
    let rows = entries.iter().map(|entry| {
        let tags: Vec<&str> = entry.tags.iter().map(|tag| tag.as_str()).collect();
        vec![
            entry.action.to_string(),
            entry.digest.short(),
            tags.join(" "),
            outcome(entry),
        ]
    });
    table(&columns, rows.collect(), width)
}

fn is_about(entry: &EntryRecord, image: &ImageReference) -> bool {
    let named = match explain::name_of(image) {
        Some(ImageName::Digest(digest)) => entry.digest == digest,
        Some(ImageName::Tag(tag)) => entry.tags.contains(&tag),
        None => false,
    };
    named && entry.registry == image.registry && entry.repository == image.repository
}

fn detail(run: &RunDetail) -> serde_json::Value {
    let actions: Vec<serde_json::Value> = run.entries.iter().map(action).collect();
    let mut value = summary(&run.summary);
    if let Some(object) = value.as_object_mut() {
        object.insert("schema".to_owned(), json!(1));
        object.insert("actions".to_owned(), json!(actions));
    }
    value
}

fn action(entry: &EntryRecord) -> serde_json::Value {
    json!({
        "action": entry.action, "registry": entry.registry, "repository": entry.repository,
        "digest": entry.digest, "root": entry.root, "tags": entry.tags, "media_type": entry.media_type,
        "reason": serde_json::from_str::<serde_json::Value>(&entry.reason_json).unwrap_or_default(),
        "outcome": outcome_code(entry), "why": outcome_why(entry),
    })
}

/// The word of the JSON forms for what became of an entry.
pub(crate) fn outcome_code(entry: &EntryRecord) -> &'static str {
    match entry.outcome() {
        None | Some(Outcome::Asked { .. }) => "unknown",
        Some(Outcome::Done) => "done",
        Some(Outcome::AlreadyGone) => "already-gone",
        Some(Outcome::Skipped { .. }) => "left",
        Some(Outcome::Failed { .. }) => "failed",
        Some(Outcome::PutBack) => "put-back",
    }
}

/// Why an entry was not done.
pub(crate) fn outcome_why(entry: &EntryRecord) -> Option<&str> {
    match entry.outcome() {
        Some(Outcome::Asked { why } | Outcome::Skipped { why }) => Some(why),
        Some(Outcome::Failed { error }) => Some(error),
        _ => None,
    }
}

/// What became of an entry, in plain words.
pub(crate) fn outcome(entry: &EntryRecord) -> String {
    let words = match entry.outcome() {
        None => "interrupted before the outcome was known",
        Some(Outcome::Done) => "done",
        Some(Outcome::AlreadyGone) => "was gone already",
        Some(Outcome::Asked { .. }) => "asked for; not known whether it is gone",
        Some(Outcome::Skipped { .. }) => "left",
        Some(Outcome::Failed { .. }) => "failed",
        Some(Outcome::PutBack) => "put back",
    };
    match outcome_why(entry) {
        Some(why) => format!("{words}: {why}"),
        None => words.to_owned(),
    }
}

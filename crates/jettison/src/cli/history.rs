//! `jettison history`: the runs, or one of them action by action.

use std::io::IsTerminal as _;

use clap::Args;
use serde_json::json;

use super::context::Context;
use super::failure::Failure;
use crate::exit::Exit;
use crate::output::text::{moment, number};
use crate::output::{Column, image_name, style, styled, table};
use crate::store::{EntryRecord, Outcome, RunDetail, RunSummary, Store};

/// List runs, or show one action by action.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  jettison history
  jettison history 20261121-223311-4f2a        every action and what became of it")]
pub(crate) struct History {
    /// The run's id, or the beginning of it
    #[arg(value_name = "RUN")]
    run: Option<String>,
}

impl History {
    pub(crate) async fn run(self, context: &Context) -> Result<Exit, Failure> {
        let store = context.store().await?;
        let shown = match &self.run {
            None => list(&store, context).await,
            Some(run) => show(&store, context, run).await,
        };
        store.close().await;
        shown
    }
}

async fn list(store: &Store, context: &Context) -> Result<Exit, Failure> {
    let runs = store.runs().await?;
    context
        .console
        .json(&json!({"schema": 1, "runs": runs.iter().map(summary).collect::<Vec<_>>()}))?;
    if runs.is_empty() {
        context.console.say("no runs yet");
        return Ok(Exit::Done);
    }
    let columns = [
        Column::Text("RUN"),
        Column::Text("STARTED"),
        Column::Text("STATUS"),
        Column::Figure("DELETED"),
        Column::Figure("UNTAGGED"),
        Column::Figure("PUT BACK"),
        Column::Figure("FAILED"),
    ];
    let rows = runs.iter().map(|run| {
        vec![
            run.id.to_string(),
            moment(run.started_at),
            run.status.to_string(),
            number(run.deleted),
            number(run.untagged),
            number(run.restored),
            number(run.failed),
        ]
    });
    context
        .console
        .say(table(&columns, rows.collect(), context.console.width()));
    Ok(Exit::Done)
}

fn summary(run: &RunSummary) -> serde_json::Value {
    json!({
        "id": run.id, "plan": run.plan, "started_at": run.started_at, "ended_at": run.ended_at,
        "status": run.status, "deleted": run.deleted, "untagged": run.untagged, "failed": run.failed,
        "command": run.command, "restored": run.restored,
    })
}

async fn show(store: &Store, context: &Context, id: &str) -> Result<Exit, Failure> {
    let Some(run) = store.run(id).await? else {
        return Err(Failure::usage(format!(
            "there is no run `{id}`; `jettison history` lists them"
        )));
    };
    context.console.json(&detail(&run))?;
    context.console.say(format!(
        "{} {}, {}: {} deleted, {} untagged, {} put back, {} failed",
        styled(style::HEADING, format!("Run {}", run.summary.id)),
        moment(run.summary.started_at),
        run.summary.status,
        number(run.summary.deleted),
        number(run.summary.untagged),
        number(run.summary.restored),
        number(run.summary.failed)
    ));
    // What is read by another program is not broken across lines.
    let width = if std::io::stdout().is_terminal() {
        context.console.width()
    } else {
        usize::from(u16::MAX)
    };
    let columns = [
        Column::Text("ACTION"),
        Column::Text("IMAGE"),
        Column::Text("TAGS"),
        Column::Text("OUTCOME"),
    ];
    let rows = run.entries.iter().map(|entry| {
        let tags: Vec<&str> = entry.tags.iter().map(|tag| tag.as_str()).collect();
        vec![
            entry.action.to_string(),
            format!(
                "{}/{}",
                entry.registry,
                image_name(&entry.repository, None, &entry.digest)
            ),
            tags.join(" "),
            outcome(entry),
        ]
    });
    context.console.say(table(&columns, rows.collect(), width));
    Ok(Exit::Done)
}

fn detail(run: &RunDetail) -> serde_json::Value {
    let actions: Vec<serde_json::Value> = run
        .entries
        .iter()
        .map(|entry| {
            json!({
                "action": entry.action, "registry": entry.registry, "repository": entry.repository,
                "digest": entry.digest, "root": entry.root, "tags": entry.tags, "media_type": entry.media_type,
                "reason": serde_json::from_str::<serde_json::Value>(&entry.reason_json).unwrap_or_default(),
                "outcome": outcome_code(entry), "why": outcome_why(entry),
            })
        })
        .collect();
    let mut value = summary(&run.summary);
    if let Some(object) = value.as_object_mut() {
        object.insert("schema".to_owned(), json!(1));
        object.insert("actions".to_owned(), json!(actions));
    }
    value
}

fn outcome_code(entry: &EntryRecord) -> &'static str {
    match entry.outcome() {
        None => "unknown",
        Some(Outcome::Done) => "done",
        Some(Outcome::AlreadyGone) => "already-gone",
        Some(Outcome::Skipped { .. }) => "left",
        Some(Outcome::Failed { .. }) => "failed",
        Some(Outcome::PutBack) => "put-back",
    }
}

fn outcome_why(entry: &EntryRecord) -> Option<&str> {
    match entry.outcome() {
        Some(Outcome::Skipped { why }) => Some(why),
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
        Some(Outcome::Skipped { .. }) => "left",
        Some(Outcome::Failed { .. }) => "failed",
        Some(Outcome::PutBack) => "put back",
    };
    match outcome_why(entry) {
        Some(why) => format!("{words}: {why}"),
        None => words.to_owned(),
    }
}

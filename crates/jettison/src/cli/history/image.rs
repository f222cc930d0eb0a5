//! `jettison history --image`: every run that touched an image, and where its tags pointed.

use jettison_core::model::{ImageReference, Tag};
use serde_json::json;

use super::{action, outcome, summary};
use crate::cli::explain::name_of;
use crate::cli::failure::Failure;
use crate::cli::nearby;
use crate::output::text::moment;
use crate::output::{Column, Console, style, styled, table};
use crate::store::{EntryRecord, RunSummary, Store, TagPeriod};

/// Shows an image that was asked for as `text`.
pub(super) async fn show(store: &Store, console: &Console, image: &ImageReference, text: &str) -> Result<(), Failure> {
    let Some(name) = name_of(image) else {
        return Err(nearby::unknown(store, image, text).await?);
    };
    let periods = store.tag_history(&image.registry, &image.repository, &name).await?;
    let entries = store
        .entries_of_image(&image.registry, &image.repository, &name)
        .await?;
    if periods.is_empty() && entries.is_empty() {
        return Err(nearby::unknown(store, image, text).await?);
    }
    let touched = touched(store.runs().await?, entries);
    console.json(&json!({
        "schema": 1, "image": image.to_string(), "runs": touched.iter().map(run).collect::<Vec<_>>(),
        "tag_history": periods.iter().map(period).collect::<Vec<_>>(),
    }))?;
    print(console, image, &touched, &periods);
    Ok(())
}

/// The runs that have entries about the image, newest first, with these.
fn touched(runs: Vec<RunSummary>, entries: Vec<EntryRecord>) -> Vec<(RunSummary, Vec<EntryRecord>)> {
    let with_entries = |run: RunSummary| {
        let own = entries.iter().filter(|entry| entry.run == run.id).cloned().collect();
        (run, own)
    };
    let touched = runs.into_iter().map(with_entries);
    touched
        .filter(|(_, entries): &(_, Vec<_>)| !entries.is_empty())
        .collect()
}

fn run((run, entries): &(RunSummary, Vec<EntryRecord>)) -> serde_json::Value {
    let mut value = summary(run);
    if let Some(object) = value.as_object_mut() {
        object.insert("actions".to_owned(), entries.iter().map(action).collect());
    }
    value
}

fn period(period: &TagPeriod) -> serde_json::Value {
    json!({"tag": period.tag, "digest": period.digest, "from": period.from, "until": period.until})
}

fn print(console: &Console, image: &ImageReference, touched: &[(RunSummary, Vec<EntryRecord>)], periods: &[TagPeriod]) {
    let width = console.line_width();
    console.say(styled(style::HEADING, image));
    if touched.is_empty() {
        console.say("no run has touched it");
    } else {
        let columns = [
            Column::Whole("RUN"),
            Column::Whole("ACTION"),
            Column::Whole("IMAGE"),
            Column::Text("TAGS"),
            Column::Text("OUTCOME"),
        ];
        let rows = touched.iter().flat_map(|(run, entries)| {
            entries.iter().map(move |entry| {
                let tags: Vec<&str> = entry.tags.iter().map(Tag::as_str).collect();
                vec![
                    run.id.to_string(),
                    entry.action.to_string(),
                    entry.digest.short(),
                    tags.join(" "),
                    outcome(entry),
                ]
            })
        });
        console.say(table(&columns, rows.collect(), width));
    }
    if !periods.is_empty() {
        let columns = [
            Column::Text("TAG"),
            Column::Whole("POINTED TO"),
            Column::Text("FROM"),
            Column::Text("UNTIL"),
        ];
        let rows = periods.iter().map(|period| {
            vec![
                period.tag.to_string(),
                period.digest.short(),
                moment(period.from),
                period.until.map_or_else(|| "now".to_owned(), moment),
            ]
        });
        console.say(format!("\n{}", table(&columns, rows.collect(), width)));
    }
}

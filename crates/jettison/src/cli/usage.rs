//! `jettison usage`: asks the usage sources who uses what.

use std::path::PathBuf;

use clap::Args;
use jettison_core::model::{Schema, SourceStatus, Usage};
use jiff::Timestamp;

use super::context::{Context, write_json};
use super::failure::Failure;
use crate::exit::Exit;
use crate::output::text::number;
use crate::output::{Column, table};
use crate::usage::Collector;

/// Ask the usage sources who uses what.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  jettison usage --out usage.json
  jettison usage --check      exit with 5 unless every source answers completely")]
pub(crate) struct UsageCommand {
    /// Also write what the sources say to a file, in the usage form
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Only say whether every source answers completely
    #[arg(long)]
    check: bool,
    /// Another file that tells what is in use
    #[arg(long, value_name = "FILE")]
    usage: Vec<PathBuf>,
    /// Accept that this usage source names far fewer images than before
    #[arg(long, value_name = "NAME")]
    accept_shrunk_usage: Vec<String>,
}

impl UsageCommand {
    pub(crate) async fn run(self, mut context: Context) -> Result<Exit, Failure> {
        context.add_new_usage_files(&self.usage)?;
        if context.config.usage.is_empty() {
            return Err(Failure::usage(
                "no usage source is configured: list `usage` in jettison.yaml, or give --usage FILE",
            ));
        }
        let store = context.store().await?;
        let managed = context
            .config
            .registries
            .iter()
            .map(|registry| registry.host.clone())
            .collect();
        let collector = Collector {
            config: &context.config,
            base: &context.base,
            store: &store,
            managed: &managed,
            accepted: &self.accept_shrunk_usage,
        };
        let now = Timestamp::now();
        let none = Usage {
            schema: Schema,
            taken_at: now,
            sources: Vec::new(),
        };
        let usage = collector.collect(now).await?.unwrap_or(none);
        store.close().await;
        if let Some(file) = &self.out {
            write_json(file, &usage)?;
        }
        context.console.json(&usage)?;
        context.console.say(draw(&usage, context.console.width()));
        for source in &usage.sources {
            source
                .gaps
                .iter()
                .for_each(|gap| context.console.warn(format!("{}: {gap}", source.name)));
        }
        let complete = usage
            .sources
            .iter()
            .all(|source| source.status == SourceStatus::Complete && source.gaps.is_empty());
        Ok(if complete { Exit::Done } else { Exit::Incomplete })
    }
}

fn draw(usage: &Usage, width: usize) -> String {
    let columns = [
        Column::Text("SOURCE"),
        Column::Text("KIND"),
        Column::Text("STATUS"),
        Column::Figure("REFERENCES"),
    ];
    let rows = usage.sources.iter().map(|source| {
        let status = match source.status {
            SourceStatus::Complete if source.gaps.is_empty() => "complete",
            _ => "partial",
        };
        vec![
            source.name.clone(),
            source.kind.clone(),
            status.to_owned(),
            number(source.references.len() as u64),
        ]
    });
    table(&columns, rows.collect(), width)
}

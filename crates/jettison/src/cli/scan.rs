//! `jettison scan`: reads registries and writes down what is there.

use std::path::PathBuf;

use clap::Args;
use jettison_core::model::Inventory;
use jiff::Timestamp;

use super::Sources;
use super::context::{Context, write_json};
use super::failure::Failure;
use crate::exit::Exit;
use crate::output::text::{bytes, count, number};
use crate::output::{Column, table, told_once};
use crate::scan::{ScanLimits, ScanOptions, scan};

/// Read registries and write down what is there; changes nothing.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  jettison scan 'registry.example.com/apps/**' --out inventory.json
  jettison scan registry.example.com/apps/web --probe    are deletes on, too?")]
pub(crate) struct Scan {
    #[command(flatten)]
    sources: Sources,
    /// Also write the inventory to a file
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Ask what can be deleted, with a DELETE of a digest and a tag that nobody has
    #[arg(long)]
    probe: bool,
}

impl Scan {
    pub(crate) async fn run(self, context: Context) -> Result<Exit, Failure> {
        let choice = context.choice(&self.sources)?;
        let store = context.store().await?;
        let registries = context.registries(choice, &store)?;
        let options = ScanOptions {
            config: &context.config,
            taken_at: Timestamp::now(),
            probe: self.probe,
            inside: false,
            face: context.console.face(),
            limits: ScanLimits::default(),
        };
        let inventory = scan(&store, &registries.targets, options).await?;
        store.record_scan(&inventory, &registries.hosts()).await?;
        store.close().await;
        if let Some(file) = &self.out {
            write_json(file, &inventory)?;
        }
        context.console.json(&inventory)?;
        context.console.say(draw(&inventory, context.console.width()));
        let gaps = inventory.repositories.iter().map(|repository| {
            let name = format!("{}/{}", repository.registry, repository.name);
            repository.gaps.iter().map(move |gap| format!("{name}: {gap}"))
        });
        let gaps: Vec<String> = inventory
            .gaps
            .iter()
            .map(ToString::to_string)
            .chain(gaps.flatten())
            .collect();
        told_once(&gaps).iter().for_each(|gap| context.console.warn(gap));
        Ok(if gaps.is_empty() { Exit::Done } else { Exit::Incomplete })
    }
}

fn draw(inventory: &Inventory, width: usize) -> String {
    let columns = [
        Column::Text("REPOSITORY"),
        Column::Figure("TAGS"),
        Column::Figure("MANIFESTS"),
        Column::Figure("SIZE"),
        Column::Text("NOTES"),
    ];
    let rows: Vec<Vec<String>> = inventory
        .repositories
        .iter()
        .map(|repository| {
            let blobs: std::collections::BTreeMap<_, u64> = repository
                .manifests
                .iter()
                .flat_map(|manifest| &manifest.blobs)
                .map(|blob| (&blob.digest, blob.size))
                .collect();
            let mut notes = Vec::new();
            if !repository.gaps.is_empty() {
                notes.push(count(repository.gaps.len() as u64, "gap"));
            }
            match (repository.capabilities.delete, repository.capabilities.delete_tag) {
                (Some(false), _) => notes.push("deletes are switched off".to_owned()),
                (Some(true), Some(false)) => notes.push("no removal of single tags".to_owned()),
                (Some(true), _) => notes.push("deletes are on".to_owned()),
                (None, _) => {}
            }
            if !repository.dangling.is_empty() {
                notes.push(format!(
                    "{} without a manifest",
                    count(repository.dangling.len() as u64, "tag")
                ));
            }
            if !repository.missing.is_empty() {
                notes.push(format!(
                    "{} missing",
                    count(repository.missing.len() as u64, "manifest")
                ));
            }
            vec![
                format!("{}/{}", repository.registry, repository.name),
                number(repository.tags.len() as u64),
                number(repository.manifests.len() as u64),
                bytes(blobs.values().fold(0, |sum, size| sum.saturating_add(*size))),
                notes.join(", "),
            ]
        })
        .collect();
    table(&columns, rows, width)
}

//! `jettison schema`: the JSON Schemas of what `--output json` prints.

use clap::Args;
use serde_json::{Value, json};

use super::failure::Failure;
use crate::exit::Exit;
use crate::output::{Column, Console, table};

/// Includes the schemas by their names; each is the file of that name in `docs/schemas`.
macro_rules! schemas {
    ($($name:literal),+ $(,)?) => {
        [$(($name, include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/schemas/", $name, ".json")))),+]
    };
}

/// Every form, in the order of a reader who comes from `plan`.
const SCHEMAS: [(&str, &str); 31] = schemas![
    "plan",
    "run",
    "explanation",
    "find",
    "audit",
    "forecast",
    "prices",
    "history",
    "history-run",
    "history-image",
    "undo",
    "inventory",
    "usage",
    "policy-check",
    "policy-test",
    "policy-import",
    "policy-export",
    "store-check",
    "store-compact",
    "aws-setup",
    "ecr-evaluate",
    "ecr-preview",
    "ecr-lint",
    "ecr-apply-policy",
    "ecr-apply-policy-undo",
    "ecr-apply-policy-list",
    "host-plan",
    "host-prune",
    "host-status",
    "schemas",
    "error",
];

/// Print the JSON Schema of what `--output json` prints.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  jettison schema                        the forms there are
  jettison schema plan > plan.schema.json
The form of jettison.yaml: jettison policy schema")]
pub(crate) struct SchemaCommand {
    /// Which form [default: list them]
    #[arg(value_name = "NAME", value_parser = SCHEMAS.map(|(name, _)| name))]
    name: Option<String>,
}

impl SchemaCommand {
    pub(crate) fn run(self, console: &Console) -> Result<Exit, Failure> {
        match &self.name {
            Some(wanted) => {
                let text = SCHEMAS
                    .iter()
                    .find(|(name, _)| name == wanted)
                    .map_or("", |(_, text)| text);
                console.raw(text);
            }
            None => list(console)?,
        }
        Ok(Exit::Done)
    }
}

fn list(console: &Console) -> Result<(), Failure> {
    let mut listed = Vec::with_capacity(SCHEMAS.len());
    for (name, text) in SCHEMAS {
        let schema: Value = serde_json::from_str(text)?;
        listed.push((name, schema["title"].as_str().unwrap_or_default().to_owned()));
    }
    let rows = listed
        .iter()
        .map(|(name, title)| vec![(*name).to_owned(), title.clone()]);
    let columns = [Column::Text("NAME"), Column::Text("PRINTED BY")];
    console.say(table(&columns, rows.collect(), console.line_width()));
    let form: Vec<Value> = listed
        .iter()
        .map(|(name, title)| json!({"name": name, "title": title}))
        .collect();
    console.json(&json!({"schema": 1, "schemas": form}))?;
    Ok(())
}

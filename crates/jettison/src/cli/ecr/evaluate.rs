//! `jettison ecr evaluate`: what AWS would do by a lifecycle policy, traps included. No hold, no use, no limit.

use std::path::PathBuf;

use clap::Args;
use jettison_core::graph::Graph;
use jettison_core::lifecycle::{LifecycleAction, LifecycleImages, LifecyclePolicy, LifecycleVerdict};
use jettison_core::model::{Digest, RegistryHost, Repository, RepositoryName};
use jiff::Timestamp;
use serde::Serialize;

use super::super::facts::saved;
use super::super::failure::Failure;
use super::read_policy;
use crate::exit::Exit;
use crate::output::text::{ago, count};
use crate::output::{Column, Console, image_name, table};

/// Say what a lifecycle policy does to the images of a saved inventory, as AWS would.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  jettison scan --out inventory.json
  jettison ecr evaluate --inventory inventory.json --policy policy.json
  jettison ecr evaluate --inventory inventory.json --policy policy.json \\
      --now 2027-01-01T00:00:00Z --output json

AWS's verdict alone: it knows nothing of use, and counts children of indexes,
signatures and caches as images. Nothing is asked, nothing is changed.

Exit codes: 0 done; 2 a file cannot be read, or AWS would refuse the policy.")]
pub(crate) struct Evaluate {
    /// A saved inventory: what `jettison scan --out` wrote
    #[arg(long, value_name = "FILE")]
    inventory: PathBuf,
    /// A lifecycle policy of Amazon ECR (JSON)
    #[arg(long, value_name = "FILE")]
    policy: PathBuf,
    /// The moment to evaluate for [default: the present]
    #[arg(long, value_name = "TIME")]
    now: Option<Timestamp>,
}

/// What is printed for programs.
#[derive(Debug, Serialize)]
struct Form<'a> {
    schema: u8,
    images: Vec<ImageForm<'a>>,
}

/// One image, as ECR counts them: any manifest.
#[derive(Debug, Serialize)]
struct ImageForm<'a> {
    /// Given where the inventory has several repositories.
    #[serde(skip_serializing_if = "Option::is_none")]
    registry: Option<&'a RegistryHost>,
    /// The same.
    #[serde(skip_serializing_if = "Option::is_none")]
    repository: Option<&'a RepositoryName>,
    digest: Digest,
    tags: Vec<String>,
    action: &'static str,
    rule_priority: Option<u64>,
    #[serde(skip)]
    place: &'a RepositoryName,
    #[serde(skip)]
    pushed_at: Option<Timestamp>,
}

impl Evaluate {
    pub(super) fn run(self, console: &Console) -> Result<Exit, Failure> {
        let policy = read_policy(&self.policy)?;
        let gathered = saved(&self.inventory, &[], self.now)?;
        let repositories = &gathered.inventory.repositories;
        let images = repositories
            .iter()
            .flat_map(|repository| judged(repository, &policy, gathered.now, repositories.len() > 1));
        let form = Form {
            schema: 1,
            images: images.collect(),
        };
        console.json(&form)?;
        drawn(&form, gathered.now, console);
        Ok(Exit::Done)
    }
}

fn judged<'a>(
    repository: &'a Repository,
    policy: &LifecyclePolicy,
    now: Timestamp,
    is_one_of_many: bool,
) -> Vec<ImageForm<'a>> {
    let graph = Graph::of(repository);
    let LifecycleImages { nodes, images } = LifecycleImages::of(repository, &graph, now);
    let verdicts = policy.evaluate(&images, now);
    let judged = nodes.into_iter().zip(images).zip(verdicts);
    judged
        .map(|((node, image), verdict)| ImageForm {
            registry: is_one_of_many.then_some(&repository.registry),
            repository: is_one_of_many.then_some(&repository.name),
            digest: graph.digest(node).clone(),
            tags: image.tags.iter().map(|tag| (*tag).to_owned()).collect(),
            action: action(verdict),
            rule_priority: verdict.map(|verdict| verdict.rule_priority),
            place: &repository.name,
            pushed_at: image.pushed_at,
        })
        .collect()
}

/// What becomes of an image, as forms name it.
pub(super) fn action(verdict: Option<LifecycleVerdict>) -> &'static str {
    match verdict.map(|verdict| verdict.action) {
        Some(LifecycleAction::Expire) => "expire",
        Some(LifecycleAction::Transition) => "transition",
        None => "none",
    }
}

/// `apps/web:v1 and 2 more tags`.
fn shown(image: &ImageForm<'_>) -> String {
    let name = image_name(image.place, image.tags.first().cloned(), &image.digest);
    match image.tags.len() as u64 {
        0 | 1 => name,
        tags => format!("{name} and {} more", count(tags - 1, "tag")),
    }
}

fn drawn(form: &Form<'_>, now: Timestamp, console: &Console) {
    let mut marked: Vec<&ImageForm<'_>> = form
        .images
        .iter()
        .filter(|image| image.rule_priority.is_some())
        .collect();
    // Within a repository by rule, the oldest first.
    marked.sort_by_key(|image| (image.repository, image.rule_priority, image.pushed_at));
    let columns = [
        Column::Text("ACTION"),
        Column::Figure("RULE"),
        Column::Text("PUSHED"),
        Column::Text("IMAGE"),
    ];
    let rows = marked.iter().map(|image| {
        vec![
            image.action.to_owned(),
            image
                .rule_priority
                .map(|priority| priority.to_string())
                .unwrap_or_default(),
            image.pushed_at.map_or_else(|| "unknown".to_owned(), |at| ago(at, now)),
            shown(image),
        ]
    });
    if !marked.is_empty() {
        console.say(table(&columns, rows.collect(), console.line_width()));
    }
    let of = |wanted: &str| form.images.iter().filter(|image| image.action == wanted).count() as u64;
    console.say(format!(
        "AWS would expire {} of {} and archive {}",
        of("expire"),
        count(form.images.len() as u64, "image"),
        of("transition")
    ));
}

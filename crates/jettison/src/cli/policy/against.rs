//! What both directions share: the images to hold two policies against, and those that they judge differently.

use std::path::PathBuf;

use clap::Args;
use jettison_core::lifecycle::{Comparison, Difference, LifecycleAction, Said};
use jettison_core::model::{Digest, Inventory, RegistryHost, RepositoryName, Tag};
use jiff::Timestamp;
use serde::Serialize;

use super::super::context::Context;
use super::super::facts::saved;
use super::super::failure::Failure;
use super::super::{Access, Asked, Globals, Sources};
use crate::exit::Exit;
use crate::output::text::count;
use crate::output::{Column, Console, Format, image_name, stream, table, told_once};
use crate::scan::{ScanLimits, ScanOptions, Target, scan};

/// So many differences are shown unless all are asked for.
const SHOWN: usize = 10;

/// What the policies are held against.
#[derive(Debug, Args)]
pub(super) struct Against {
    /// Show on a saved inventory what is judged differently; asks no registry
    #[arg(long, value_name = "FILE")]
    inventory: Option<PathBuf>,
    /// Judge as of this moment [default: the present]
    #[arg(long, value_name = "TIME")]
    now: Option<Timestamp>,
    /// Exit with 10 if something is not exact, or judged differently
    #[arg(long)]
    detailed_exit_code: bool,
    #[command(flatten)]
    access: Access,
}

/// The images, and the moment to judge them for.
pub(super) struct Images {
    pub(super) inventory: Inventory,
    pub(super) now: Timestamp,
    is_whole: bool,
}

impl Against {
    /// The images of the inventory or the targets; `None` if neither is given. Only targets need the configuration.
    pub(super) async fn images(
        &self,
        targets: Vec<Target>,
        (globals, console): (&Globals, &Console),
    ) -> Result<Option<Images>, Failure> {
        match (&self.inventory, targets.is_empty()) {
            (Some(_), false) => Err(Failure::usage("give a target or --inventory, not both")),
            (Some(file), true) => {
                let gathered = saved(file, &[], self.now)?;
                Ok(Some(Images::of(gathered.inventory, gathered.now, console)))
            }
            (None, true) => Ok(None),
            (None, false) => {
                let context = Context::load(globals.clone(), *console)?;
                self.scanned(&context, targets).await.map(Some)
            }
        }
    }

    async fn scanned(&self, context: &Context, targets: Vec<Target>) -> Result<Images, Failure> {
        let sources = Sources {
            targets,
            asked: Asked {
                access: self.access.clone(),
                ..Asked::default()
            },
        };
        let choice = context.choice(&sources)?;
        let store = context.store().await?;
        let registries = context.registries(choice, &store)?;
        let taken_at = Timestamp::now();
        let options = ScanOptions {
            config: &context.config,
            taken_at,
            probe: false,
            inside: false,
            face: context.console.face(),
            limits: ScanLimits::default(),
        };
        let inventory = scan(&store, &registries.targets, options).await?;
        store.close().await;
        Ok(Images::of(inventory, self.now.unwrap_or(taken_at), &context.console))
    }

    /// How the command ends.
    pub(super) fn exit(&self, is_exact: bool, images: Option<&Images>, comparison: Option<&Comparison>) -> Exit {
        let differs = comparison.is_some_and(|comparison| !comparison.differences.is_empty());
        let changes = self.detailed_exit_code && (!is_exact || differs);
        Exit::of_looking(changes, images.is_none_or(|images| images.is_whole))
    }
}

impl Images {
    fn of(inventory: Inventory, now: Timestamp, console: &Console) -> Self {
        let gaps = inventory.repositories.iter().flat_map(|repository| {
            let name = format!("{}/{}", repository.registry, repository.name);
            repository.gaps.iter().map(move |gap| format!("{name}: {gap}"))
        });
        let gaps: Vec<String> = inventory.gaps.iter().map(ToString::to_string).chain(gaps).collect();
        told_once(&gaps).iter().for_each(|gap| console.warn(gap));
        Self {
            is_whole: gaps.is_empty(),
            inventory,
            now,
        }
    }
}

/// An image that is judged differently, for programs.
#[derive(Debug, Serialize)]
pub(super) struct DifferenceForm<'a> {
    registry: &'a RegistryHost,
    repository: &'a RepositoryName,
    digest: &'a Digest,
    tags: &'a [Tag],
    jettison: SaidForm<'a>,
    aws: SaidForm<'a>,
}

#[derive(Debug, Serialize)]
struct SaidForm<'a> {
    action: &'static str,
    rule: Option<&'a str>,
}

impl<'a> SaidForm<'a> {
    fn of(said: &'a Said) -> Self {
        Self {
            action: match said.action {
                Some(LifecycleAction::Expire) => "expire",
                Some(LifecycleAction::Transition) => "transition",
                None => "none",
            },
            rule: said.rule.as_deref(),
        }
    }
}

pub(super) fn forms(comparison: &Comparison) -> Vec<DifferenceForm<'_>> {
    comparison.differences.iter().map(DifferenceForm::of).collect()
}

impl<'a> DifferenceForm<'a> {
    fn of(difference: &'a Difference) -> Self {
        Self {
            registry: &difference.registry,
            repository: &difference.repository,
            digest: &difference.digest,
            tags: &difference.tags,
            jettison: SaidForm::of(&difference.jettison),
            aws: SaidForm::of(&difference.aws),
        }
    }
}

/// Tells people on standard error what is judged differently: standard output is the policy, and may go to a file.
pub(super) fn draw(comparison: &Comparison, console: &Console) {
    if console.format == Format::Json {
        return;
    }
    let differences = &comparison.differences;
    let all = count(comparison.images, "image");
    if differences.is_empty() {
        console.note(match comparison.images {
            0 => "no image to judge: the policy covers no repository of the inventory that has one".to_owned(),
            1 => "1 image is judged alike".to_owned(),
            _ => format!("all {all} are judged alike"),
        });
        return;
    }
    console.warn(match differences.len() {
        1 => format!("1 of {all} is judged differently:"),
        differing => format!("{differing} of {all} are judged differently:"),
    });
    let shown = if console.verbose { differences.len() } else { SHOWN };
    let columns = [Column::Text("IMAGE"), Column::Text("JETTISON"), Column::Text("AWS")];
    let rows = differences.iter().take(shown).map(|difference| {
        let tag = difference.tags.first().map(ToString::to_string);
        vec![
            image_name(&difference.repository, tag, &difference.digest),
            words(&difference.jettison),
            words(&difference.aws),
        ]
    });
    stream::error(&format!("{}\n", table(&columns, rows.collect(), console.width())));
    if differences.len() > shown {
        let more = count((differences.len() - shown) as u64, "more image");
        stream::error(&format!("and {more} (--verbose shows all)\n"));
    }
}

/// `expires by priority 3`, `stays`.
fn words(said: &Said) -> String {
    let action = match said.action {
        Some(LifecycleAction::Expire) => "expires",
        Some(LifecycleAction::Transition) => "is archived",
        None => "stays",
    };
    match &said.rule {
        Some(rule) => format!("{action} by {rule}"),
        None => action.to_owned(),
    }
}

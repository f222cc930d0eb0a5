//! `jettison undo`: puts back what a run took.

use clap::Args;
use jettison_core::model::Tag;

use super::Access;
use super::apply::{Consent, settle_interrupted};
use super::context::{Context, confirm};
use super::failure::Failure;
use super::signals::unless_interrupted;
use crate::exit::Exit;
use crate::output::text::count;
use crate::output::{Console, hanging, image_name, style, styled};
use crate::restore::{BACK_WITHIN, Came, ImageReport, MovedTag, Selection, SelectionError, UndoReport, Undoer, select};
use crate::store::StoreError;

/// Images that are told one by one.
const TOLD_IMAGES: usize = 20;

/// Put back what a run took.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  jettison undo 20261121-223311-4f2a                   all that this run took
  jettison undo registry.example.com/apps/web:v1.2.3   one image, signatures too
  jettison undo registry.example.com/apps/web@sha256:… --yes

What comes back is held as `restored` for 30 days. A tag that points elsewhere
by now stays there.")]
pub(crate) struct Undo {
    /// Runs by their id or its beginning, or images by tag or digest
    #[arg(value_name = "RUN|IMAGE", required = true)]
    what: Vec<String>,
    /// Do not ask
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    access: Access,
}

impl Undo {
    pub(crate) async fn run(self, context: Context) -> Result<Exit, Failure> {
        let consent = Consent {
            yes: self.yes,
            no_usage: false,
            accept_share: None,
        };
        let store = context.store_to_settle().await?;
        let console = &context.console;
        let selection = select(&store, &context.config, &self.what).await?;
        consent.can_be_asked()?;
        let registries = context.open(selection.registries().iter(), &self.access, &store)?;
        settle_interrupted(&context, &store, &registries).await?;
        if !self.agreed(&selection, console)? {
            console.say("nothing was done");
            return Ok(Exit::Done);
        }
        let undoer = Undoer {
            store: &store,
            registries: &registries,
            config: &context.config,
            face: console.face(),
            back_within: BACK_WITHIN,
        };
        let report = unless_interrupted(&store, undoer.undo(&self.what)).await?;
        store.close().await;
        console.json(&report)?;
        console.say(told(&report, console));
        Ok(if report.is_short() { Exit::Failed } else { Exit::Done })
    }

    /// Shows what would come back, and asks.
    fn agreed(&self, selection: &Selection, console: &Console) -> Result<bool, Failure> {
        if self.yes || selection.manifests() == 0 {
            return Ok(true);
        }
        let images = selection.images();
        let shown = if console.verbose { images.len() } else { TOLD_IMAGES };
        for image in images.iter().take(shown) {
            console.say(format!("  {image}"));
        }
        if images.len() > shown {
            console.say(format!("  and {} more", images.len() - shown));
        }
        let question = format!(
            "Put back {} ({} in all), as far as the registry still has {} layers?",
            count(images.len() as u64, "image"),
            count(selection.manifests() as u64, "manifest"),
            if images.len() == 1 { "its" } else { "their" }
        );
        confirm(&question, false)
    }
}

impl From<SelectionError> for Failure {
    fn from(error: SelectionError) -> Self {
        let exit = match &error {
            SelectionError::Neither { .. }
            | SelectionError::NotRemoved { .. }
            | SelectionError::TooShort { .. }
            | SelectionError::IsUndo { .. }
            | SelectionError::TookNothing { .. }
            | SelectionError::Store(StoreError::Ambiguous { .. }) => Exit::Usage,
            SelectionError::Store(_) => Exit::Unexpected,
        };
        Self::caused(exit, &error)
    }
}

/// What an undo did, for people: first what is not back.
fn told(report: &UndoReport, console: &Console) -> String {
    let width = console.line_width();
    let remark = |style, label: &str, text: &str| hanging(&format!("{} ", styled(style, label)), text, width);
    let mut lines: Vec<String> = Vec::new();
    for image in &report.images {
        if let Some(why) = &image.why {
            let word = if image.outcome == Came::Failed {
                "not back:"
            } else {
                "not all back:"
            };
            lines.push(remark(style::GOES, word, &format!("{}: {why}", name(image))));
        }
    }
    for image in &report.images {
        lines.extend(image.moved_tags.iter().map(|moved| {
            let tag = format!("{}/{}:{}", image.registry, moved.repository, moved.tag);
            let text = format!("tag {tag} points to {} now, and stays there", moved.digest);
            remark(style::NOTE, "note:", &text)
        }));
    }
    let back = report.images.iter().filter(|image| image.outcome == Came::Restored);
    lines.extend(back.map(|image| {
        let manifests = image
            .manifests
            .iter()
            .filter(|manifest| manifest.outcome == Came::Restored);
        let manifests = count(manifests.count() as u64, "manifest");
        remark(style::STAYS, "back:", &format!("{} ({manifests})", name(image)))
    }));
    let untold = lines.len().saturating_sub(TOLD_IMAGES);
    if !console.verbose && untold > 0 {
        lines.truncate(TOLD_IMAGES);
        lines.push(format!("and {untold} more: jettison history {}", report.run));
    }
    lines.push(summed_up(report));
    if report.restored > 0 {
        lines.push("What was put back is held as `restored` for 30 days.".to_owned());
    }
    lines.join("\n")
}

fn summed_up(report: &UndoReport) -> String {
    let heading = styled(style::HEADING, format!("Run {}:", report.run));
    if report.restored + report.failed == 0 {
        return format!("{heading} nothing left to put back");
    }
    let mut line = format!("{heading} {} put back", count(report.restored, "image"));
    if report.already_there > 0 {
        line.push_str(&format!(", {} there already", report.already_there));
    }
    if report.failed > 0 {
        line.push_str(&format!(", {} could not be", report.failed));
    }
    line
}

/// By a tag that it has again; by its digest where all that it had point elsewhere by now.
fn name(image: &ImageReport) -> String {
    let elsewhere = |tag: &&Tag| {
        let here = |moved: &MovedTag| {
            moved.repository == image.repository && moved.tag == **tag && moved.digest != image.digest
        };
        image.moved_tags.iter().any(here)
    };
    let tag = image.tags.iter().find(|tag| !elsewhere(tag)).map(ToString::to_string);
    format!(
        "{}/{}",
        image.registry,
        image_name(&image.repository, tag, &image.digest)
    )
}

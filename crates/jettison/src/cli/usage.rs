//! `jettison usage`: asks the usage sources who uses what, and what is wrong with what they use.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use jettison_core::config::Config;
use jettison_core::model::{ImageReference, Reference, RegistryHost, Schema, SourceReport, Usage};
use jettison_core::policy::NameGlobs;
use jiff::Timestamp;
use serde::Serialize;

use super::Sources;
use super::context::{Context, write_json};
use super::failure::Failure;
use crate::exit::Exit;
use crate::output::{Progress, usage as drawn};
use crate::usage::{Found, ImagesInUse};

/// Ask the usage sources who uses what.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  jettison usage                   which source knows how much
  jettison usage --check           exit with 5 unless all answer completely
  jettison usage --by image 'registry.example.com/apps/**'
  jettison usage --by workload     what each workload uses
  jettison usage --find missing    images that the registry does not have
  jettison usage --find tag-only   images of which nobody knows the digest
  jettison usage --out usage.json  for `jettison plan --usage usage.json`

A target chooses what is shown and looked for; --out and --output json have
everything.

Exit codes: 0 done (10 with --detailed-exit-code if something was found); 5 a
source did not answer completely, or a registry could not be asked.")]
pub(crate) struct UsageCommand {
    #[command(flatten)]
    sources: Sources,
    /// List what is in use, one row for each of these
    #[arg(long, value_name = "WHAT", default_value = "source", hide_default_value = true)]
    by: By,
    /// List images in use that are missing in the registry, or that are used by tag only
    #[arg(long, value_name = "WHAT", value_delimiter = ',', conflicts_with = "by")]
    find: Vec<Find>,
    /// Exit with 10 if --find found something
    #[arg(long, requires = "find")]
    detailed_exit_code: bool,
    /// Also write what the sources say to a file, in the usage form
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Only say whether every source answers completely
    #[arg(long, conflicts_with_all = ["by", "find"])]
    check: bool,
}

/// What has a row of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum By {
    /// Sources: how each answered, and how much it names
    Source,
    /// Workloads, with each image that they use
    Workload,
    /// Images, with those who use them
    Image,
}

/// What is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Find {
    /// Images that their registry does not have: what uses them cannot start again
    Missing,
    /// Images of which neither a specification nor a source knows the digest
    TagOnly,
}

/// The usage form, and what was looked for.
#[derive(Debug, Serialize)]
struct Answer<'a> {
    #[serde(flatten)]
    usage: &'a Usage,
    #[serde(skip_serializing_if = "Option::is_none")]
    findings: Option<&'a [Found]>,
}

impl UsageCommand {
    pub(crate) async fn run(self, mut context: Context) -> Result<Exit, Failure> {
        context.add_new_usage_files(&self.sources.asked.usage)?;
        if context.config.usage.is_empty() {
            return Err(Failure::usage(
                "no usage source is configured: list `usage` in jettison.yaml, or give --usage FILE",
            ));
        }
        context.check_accepted(&self.sources.asked.accept_shrunk_usage)?;
        let shown = Shown::by(&self.sources, &context)?;
        let usage = self.ask(&context).await?;
        let mut gaps: Vec<String> = Vec::new();
        for source in &usage.sources {
            gaps.extend(source.gaps.iter().map(|gap| format!("{}: {gap}", source.name)));
        }
        let found = match self.find.as_slice() {
            [] => None,
            _ => Some(self.look(&context, &usage, &shown, &mut gaps).await?),
        };
        if let Some(file) = &self.out {
            write_json(file, &usage)?;
        }
        context.console.json(&Answer {
            usage: &usage,
            findings: found.as_deref(),
        })?;
        context
            .console
            .say(self.drawn(&usage, found.as_deref(), &shown, context.console.width()));
        gaps.iter().for_each(|gap| context.console.warn(gap));
        let complete = usage.sources.iter().all(SourceReport::is_complete);
        let changes = self.detailed_exit_code && found.is_some_and(|found| !found.is_empty());
        Ok(Exit::of_looking(changes, complete && gaps.is_empty()))
    }

    async fn ask(&self, context: &Context) -> Result<Usage, Failure> {
        let store = context.store().await?;
        let managed = &context.config.registries;
        let managed = managed.iter().map(|registry| registry.host.clone()).collect();
        let collector = context.collector(&store, &managed, &self.sources.asked.accept_shrunk_usage);
        let now = Timestamp::now();
        let usage = collector.collect(now).await?;
        store.close().await;
        Ok(usage.unwrap_or(Usage {
            schema: Schema,
            taken_at: now,
            sources: Vec::new(),
        }))
    }

    async fn look(
        &self,
        context: &Context,
        usage: &Usage,
        shown: &Shown<'_>,
        gaps: &mut Vec<String>,
    ) -> Result<Vec<Found>, Failure> {
        let images = ImagesInUse::of(usage, |image| shown.finds(image));
        let mut found = Vec::new();
        if self.find.contains(&Find::Missing) {
            let choice = context.choice(&self.sources)?;
            let store = context.store().await?;
            let registries = context.registries(choice, &store)?;
            let progress = Progress::start(context.console.face(), "images looked for", 0);
            let looked = images.missing(&context.config, &registries.open, &progress);
            let (missing, unknown) = progress.while_watched(looked).await;
            found.extend(missing);
            gaps.extend(unknown);
        }
        if self.find.contains(&Find::TagOnly) {
            found.extend(images.by_tag_only());
        }
        Ok(found)
    }

    fn drawn(&self, usage: &Usage, found: Option<&[Found]>, shown: &Shown<'_>, width: usize) -> String {
        let wanted = |reference: &Reference| shown.lists(reference);
        match (found, self.by) {
            (Some([]), _) => "nothing found".to_owned(),
            (Some(found), _) => drawn::findings(found, width),
            (None, By::Source) => drawn::sources(usage, width),
            (None, By::Workload) => drawn::workloads(usage, wanted, width),
            (None, By::Image) => drawn::images(usage, wanted, width),
        }
    }
}

/// What the targets choose.
#[derive(Debug)]
struct Shown<'a> {
    config: &'a Config,
    targets: Vec<(RegistryHost, NameGlobs)>,
}

impl<'a> Shown<'a> {
    fn by(sources: &Sources, context: &'a Context) -> Result<Self, Failure> {
        let config = &context.config;
        let targets = sources.targets.iter().map(|target| {
            let globs = NameGlobs::new(&[&target.pattern]).map_err(|error| Failure::caused(Exit::Usage, &error))?;
            Ok((context.host_of(target)?, globs))
        });
        let targets = targets.collect::<Result<_, Failure>>()?;
        Ok(Self { config, targets })
    }

    /// Whether an image is listed: all are, unless targets choose.
    fn lists(&self, reference: &Reference) -> bool {
        self.targets.is_empty() || reference.image.parse().is_ok_and(|image| self.chooses(&image))
    }

    /// Whether something is looked for in an image: it is of a target, else of a registry that is managed.
    fn finds(&self, image: &ImageReference) -> bool {
        if !self.targets.is_empty() {
            return self.chooses(image);
        }
        let mut places = self.config.places_of(image);
        self.config.registries.is_empty() || places.any(|(host, _)| self.config.registry(&host).is_some())
    }

    fn chooses(&self, image: &ImageReference) -> bool {
        self.config.places_of(image).any(|(host, repository)| {
            let mut targets = self.targets.iter();
            targets.any(|(target, globs)| *target == host && globs.fits(repository.as_str()))
        })
    }
}

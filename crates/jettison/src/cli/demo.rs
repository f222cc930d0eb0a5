//! `jettison demo`: the whole flow on a registry made up for the occasion, in this process, on loopback.
//!
//! It uses the same functions as the other commands, so that what it shows is what they do.

use std::path::Path;
use std::time::Instant;

use clap::Args;
use jettison_core::plan::Plan;
use jettison_core::reason::{Hold, Reason};
use jettison_testkit::company::{Company, DEFAULT_IMAGES};
use jettison_testkit::pull::Puller;
use jettison_testkit::push::Pusher;
use jettison_testkit::registry::{Options, TestRegistry};
use jiff::Timestamp;

use super::apply::{Consent, Work};
use super::context::Context;
use super::explain::Explain;
use super::facts::{Reach, gather, remember};
use super::failure::Failure;
use super::{Globals, Sources, signals};
use crate::exit::Exit;
use crate::output::text::{bytes, count};
use crate::output::{Console, Format, Progress, Summary, draw, style, styled};

/// Images of which an example is explained, of each kind of reason.
const SEED: u64 = 20_260_101;

/// Show all of it on a registry made up for you.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  jettison demo
  jettison demo --images 20000
  jettison demo --keep          leave it running, to try the other commands on")]
pub(crate) struct Demo {
    /// How many images to push
    #[arg(long, value_name = "N", default_value_t = DEFAULT_IMAGES, value_parser = images)]
    images: usize,
    /// Leave the registry running until Ctrl-C
    #[arg(long)]
    keep: bool,
}

fn images(text: &str) -> Result<usize, String> {
    const RANGE: std::ops::RangeInclusive<usize> = 50..=200_000;
    let images: usize = text.parse().map_err(|_| "not a number".to_owned())?;
    if RANGE.contains(&images) {
        Ok(images)
    } else {
        Err(format!("from {} to {}", RANGE.start(), RANGE.end()))
    }
}

impl Demo {
    pub(crate) async fn run(self, globals: &Globals, console: &Console) -> Result<Exit, Failure> {
        let started = Instant::now();
        let broken = |error: &dyn std::error::Error| Failure::caused(Exit::Unexpected, error);
        let registry = TestRegistry::start(Options {
            delete_tag: true,
            ..Options::default()
        })
        .await
        .map_err(|error| broken(&error))?;
        let handle = registry.handle();
        let (host, url) = (handle.host(), handle.url());
        heading(
            console,
            &format!("1. A registry at {host}, with a year of pushes by a small company"),
        );
        let company = Company::year(self.images, Timestamp::now(), SEED);
        let pusher = Pusher::new(&url).map_err(|error| broken(&error))?;
        let progress = Progress::start(console.face(), "pushing", company.pushes().len() as u64);
        company
            .fill(&pusher, |_, _| progress.advance())
            .await
            .map_err(|error| broken(&error))?;
        progress.finish();
        let held = || handle.stored_bytes() + handle.manifest_bytes();
        let before = held();
        console.say(format!(
            "{} in {}, {}; {} of them run somewhere, as the file in-use.txt tells",
            count(self.images as u64, "image"),
            count(handle.repositories().len() as u64, "repository"),
            bytes(before),
            company.in_use().len()
        ));

        let folder = tempfile::Builder::new()
            .prefix("jettison-demo-")
            .tempdir()
            .map_err(|error| broken(&error))?;
        write_files(folder.path(), &host, &company)?;
        let mut globals = globals.clone();
        globals.config = Some(folder.path().join("jettison.yaml"));
        globals.state = Some(folder.path().join("state"));
        let context = Context::load(globals, *console)?;
        let shown = Show {
            context: &context,
            console,
            host: &host,
            url: &url,
            company: &company,
        };
        if self.keep {
            // Whoever wants to try the commands wants something to be there.
            let signalled = signals::awaited().map_err(|error| broken(&error))?;
            shown.invite(folder.path());
            // It was asked to stay until then, so that either is the end that was meant.
            let _ = signalled.await;
            registry.stop().await;
            return Ok(Exit::Done);
        }
        shown.flow().await?;
        handle.collect_garbage();
        heading(console, "6. What was saved");
        let after = held();
        console.say(format!(
            "After the registry's own garbage collection it holds {} instead of {}: {} less ({}%). It took {:.1} s in all.",
            bytes(after),
            bytes(before),
            bytes(before.saturating_sub(after)),
            before.saturating_sub(after) * 100 / before.max(1),
            started.elapsed().as_secs_f64()
        ));
        shown.pull_everything_in_use().await?;
        console.say("\nNext: jettison plan YOUR-REGISTRY/YOUR-REPOSITORY. It changes nothing.");
        registry.stop().await;
        Ok(Exit::Done)
    }
}

fn heading(console: &Console, text: &str) {
    console.say(format!("\n{}", styled(style::HEADING, text)));
}

/// The configuration and the list of what is in use.
fn write_files(folder: &Path, host: &str, company: &Company) -> Result<(), Failure> {
    let write = |name: &str, text: String| {
        let file = folder.join(name);
        std::fs::write(&file, text).map_err(|error| {
            Failure::new(
                Exit::Unexpected,
                format!("{} could not be written: {error}", file.display()),
            )
        })
    };
    let lines: Vec<String> = company
        .in_use()
        .iter()
        .map(|used| format!("{host}/{}  # {}", used.image, used.used_by))
        .collect();
    write("in-use.txt", format!("{}\n", lines.join("\n")))?;
    // The year was pushed in a few seconds: without trust in build dates everything would be new, and stay.
    let config = format!(
        "registries:\n  - host: \"{host}\"\n    expects: [in-use]\n    trust-created: true\nusage:\n  - {{ name: in-use, kind: file, paths: [in-use.txt] }}\nlimits: {{ max-share: 97% }}\n"
    );
    write("jettison.yaml", config)
}

/// The flow, shown step by step.
struct Show<'a> {
    context: &'a Context,
    console: &'a Console,
    host: &'a str,
    url: &'a str,
    company: &'a Company,
}

impl Show<'_> {
    async fn flow(&self) -> Result<(), Failure> {
        let (context, console) = (self.context, self.console);
        let sources = Sources::default();
        let choice = context.choice(&sources)?;
        let store = context.store().await?;
        let registries = context.registries(choice, &store)?;
        heading(console, "2. jettison plan: what can go, and why");
        let gathered = gather(context, &store, &registries, &sources, Reach::Probing).await?;
        let plan = gathered.plan(&context.config);
        remember(&store, &plan, &context.config).await?;
        let summary = Summary::of(&plan, Some(&gathered.inventory));
        let remarks = gathered.remarks(&plan, &context.config, Some(&registries));
        console.say(draw(&plan, &summary, &remarks, console).trim_end());
        heading(console, "3. jettison explain: three of them");
        // Programs get one document: the report of the run.
        let examples = if console.format == Format::Human {
            self.examples(&plan)
        } else {
            Vec::new()
        };
        for image in examples {
            Explain::of(&image).run(context).await?;
        }
        heading(console, "4. jettison apply: make it go, safely");
        let consent = Consent {
            yes: true,
            no_usage: false,
            accept_share: None,
        };
        let work = Work {
            context,
            store: &store,
            registries: &registries,
            consent: &consent,
        };
        work.apply(&plan, &summary, "demo").await?;
        store.close().await;
        heading(console, "5. What is in use still pulls whole");
        self.pull_everything_in_use().await
    }

    /// One that goes, one that is in use, one that a rule keeps.
    fn examples(&self, plan: &Plan) -> Vec<String> {
        let goes = plan
            .actions
            .iter()
            .find(|action| !action.tags.is_empty() && matches!(action.reason, Reason::Expired(_)));
        let goes = goes.and_then(|action| Some(format!("{}:{}", action.repository, action.tags.first()?)));
        let tagged = |fits: &dyn Fn(&Reason) -> bool| {
            let kept = plan.kept.iter().find(|kept| kept.tag.is_some() && fits(&kept.reason))?;
            Some(format!("{}:{}", kept.repository, kept.tag.as_ref()?))
        };
        let used = tagged(&|reason| matches!(reason, Reason::Hold { hold: Hold::InUse, .. }));
        let young = tagged(&|reason| matches!(reason, Reason::NotExpired(_)));
        [goes, used, young]
            .into_iter()
            .flatten()
            .map(|image| format!("{}/{image}", self.host))
            .collect()
    }

    async fn pull_everything_in_use(&self) -> Result<(), Failure> {
        let broken = |error: &dyn std::error::Error| Failure::caused(Exit::Unexpected, error);
        let puller = Puller::new(self.url).map_err(|error| broken(&error))?;
        let mut pulled = 0;
        for used in self.company.in_use() {
            // What a node reports as an image's id is its config's digest, which nobody can pull by.
            let (repository, reference) = match used.image.split_once('@') {
                Some((repository, digest)) => (repository, digest),
                None => used.image.rsplit_once(':').unwrap_or((&used.image, "latest")),
            };
            if self.is_config(reference) {
                continue;
            }
            puller
                .pull_whole(repository, reference)
                .await
                .map_err(|error| broken(&error))?;
            pulled += 1;
        }
        self.console.say(format!(
            "{} in use pulled whole, layer by layer, every digest checked",
            count(pulled, "image")
        ));
        Ok(())
    }

    fn is_config(&self, reference: &str) -> bool {
        self.company.pushes().iter().all(|push| {
            push.manifest.all().iter().all(|manifest| manifest.digest != reference)
                && !push.tags.iter().any(|tag| tag == reference)
        })
    }

    fn invite(&self, folder: &Path) {
        let common = format!(
            "--config {} --state {}",
            folder.join("jettison.yaml").display(),
            folder.join("state").display()
        );
        let program = std::env::args().next().unwrap_or_else(|| "jettison".to_owned());
        heading(self.console, "It stays until you press Ctrl-C. In another terminal:");
        for command in [
            "plan --out plan.json",
            "apply plan.json",
            "history",
            "scan --out inventory.json",
            "audit --price 0.10 --standard --html audit.html",
            "find web 'tag:prod-*' used",
            "run --dry-run --verbose",
        ] {
            self.console.say(format!("  {program} {common} {command}"));
        }
        self.console
            .say(format!("  {program} {common} explain {}/shop/web:latest", self.host));
    }
}

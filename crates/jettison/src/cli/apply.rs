//! `jettison apply`: carries out a plan that was made before.

use std::collections::{BTreeMap, BTreeSet};
use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use jettison_core::config::Share;
use jettison_core::model::RegistryHost;
use jettison_core::plan::{ActionKind, Plan};
use jiff::Timestamp;

use super::Access;
use super::context::{Context, Registries, confirm, read_json};
use super::facts::completeness;
use super::failure::Failure;
use super::signals::unless_interrupted;
use crate::apply::{ActionReport, Applier, ApplyOptions, GONE_WITHIN, Happened, RunReport, interrupted_hosts, settle};
use crate::exit::Exit;
use crate::output::text::{bytes, count, number};
use crate::output::{Console, Remarks, Summary, draw, hanging, image_name, percent, style, styled};
use crate::registry::Registry;
use crate::store::{Store, is_short, too_short};

/// Failures that are told one by one.
const TOLD_FAILURES: usize = 20;

/// Carry out a plan.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  jettison apply plan.json
  jettison apply 3f2a9c1b --yes                 by the beginning of its id
  jettison apply plan.json --accept-share 97%   although 97% of a repository go
  jettison apply plan.json --no-usage           nobody runs anything from it")]
pub(crate) struct Apply {
    /// A plan's file, or its id
    #[arg(value_name = "PLAN")]
    plan: String,
    /// A file that tells what is in use, the same as for the plan
    #[arg(long, value_name = "FILE")]
    usage: Vec<PathBuf>,
    /// Accept that this usage source names far fewer images than before
    #[arg(long, value_name = "NAME")]
    accept_shrunk_usage: Vec<String>,
    #[command(flatten)]
    consent: Consent,
    #[command(flatten)]
    access: Access,
}

/// What somebody agrees to beforehand.
#[derive(Debug, Clone, Args)]
pub(crate) struct Consent {
    /// Do not ask
    #[arg(long)]
    pub(crate) yes: bool,
    /// Nobody has to be asked what is in use
    #[arg(long)]
    pub(crate) no_usage: bool,
    /// Let up to this share of a repository go, such as 97%
    #[arg(long, value_name = "SHARE")]
    pub(crate) accept_share: Option<Share>,
}

impl Consent {
    /// Whether there is a terminal to ask on, or nothing to ask: told before any work is done.
    pub(crate) fn can_be_asked(&self) -> Result<(), Failure> {
        if self.yes || std::io::stdin().is_terminal() {
            return Ok(());
        }
        Err(Failure::usage("there is no terminal to ask on; say --yes to go ahead"))
    }
}

impl Apply {
    pub(crate) async fn run(self, mut context: Context) -> Result<Exit, Failure> {
        context.add_usage_files(&self.usage)?;
        context.check_accepted(&self.accept_shrunk_usage)?;
        let store = context.store_to_settle().await?;
        let plan = find(&store, &self.plan).await?;
        self.consent.can_be_asked()?;
        let hosts: BTreeSet<_> = plan.actions.iter().map(|action| action.registry.clone()).collect();
        let open = context.open(hosts.iter(), &self.access, &store)?;
        let registries = Registries {
            targets: Vec::new(),
            open,
        };
        settle_interrupted(&context, &store, &registries.open).await?;
        if !self.accept_shrunk_usage.is_empty() {
            let managed = registries.hosts();
            let accepting = context.collector(&store, &managed, &self.accept_shrunk_usage);
            accepting.collect(Timestamp::now()).await?;
        }
        let console = context.console;
        let summary = Summary::of(&plan, None);
        if !self.consent.yes && !console.quiet {
            let freed = registries
                .open
                .values()
                .map(|registry| registry.aftermath().bytes_freed)
                .collect();
            console.say(draw(
                &plan,
                &summary,
                &Remarks {
                    freed,
                    ..Remarks::default()
                },
                &console,
            ));
        }
        let work = Work {
            context: &context,
            store: &store,
            registries: &registries,
            consent: &self.consent,
        };
        let exit = work.apply(&plan, &summary, "apply").await;
        store.close().await;
        exit
    }
}

/// A file, else the id of a plan in the store.
async fn find(store: &Store, plan: &str) -> Result<Plan, Failure> {
    let file = Path::new(plan);
    if file.exists() {
        return read_json(file, "a plan (schema 1)");
    }
    if is_short(plan) {
        return Err(Failure::usage(too_short("plan", plan)));
    }
    let Some(saved) = store.plan(plan).await? else {
        return Err(Failure::usage(format!(
            "there is no file `{plan}`, and no plan with that id in {}",
            store.directory().display()
        )));
    };
    serde_json::from_str(&saved.json)
        .map_err(|error| Failure::new(Exit::Refused, format!("the saved plan {plan} cannot be read: {error}")))
}

/// Settles runs that were interrupted, before anything is read or removed, and says what became of them. Registries that
/// the command does not open are opened for it.
///
/// # Errors
/// If another run holds the store, or the store fails.
pub(crate) async fn settle_interrupted(
    context: &Context,
    store: &Store,
    open: &BTreeMap<RegistryHost, Arc<dyn Registry>>,
) -> Result<(), Failure> {
    let lock = store.lock_for_run("settling interrupted runs")?;
    let mut registries = open.clone();
    for host in interrupted_hosts(store, &lock).await? {
        if registries.contains_key(&host) {
            continue;
        }
        match context.open(std::iter::once(&host), &Access::default(), store) {
            Ok(opened) => registries.extend(opened),
            Err(failure) => context.console.note(format!("{host} could not be opened: {failure}")),
        }
    }
    for run in settle(store, &registries, &lock, context.console.face()).await?.runs {
        match run.open.is_empty() {
            true => context.console.note(run),
            false => context.console.warn(run),
        }
    }
    Ok(())
}

/// An apply with everything it needs.
pub(crate) struct Work<'a> {
    pub(crate) context: &'a Context,
    pub(crate) store: &'a Store,
    pub(crate) registries: &'a Registries,
    pub(crate) consent: &'a Consent,
}

impl Work<'_> {
    /// Asks, applies, and prints what was done.
    pub(crate) async fn apply(&self, plan: &Plan, summary: &Summary, command: &str) -> Result<Exit, Failure> {
        let managed = self.registries.hosts();
        let applier = Applier {
            store: self.store,
            registries: &self.registries.open,
            // Accepted once, before: what shrinks from now on is looked at anew.
            usage: self.context.collector(self.store, &managed, &[]),
            config: &self.context.config,
            options: ApplyOptions {
                command: command.to_owned(),
                accept_share: self.consent.accept_share,
                no_usage: self.consent.no_usage,
                face: self.context.console.face(),
                gone_within: GONE_WITHIN,
            },
        };
        applier.check(plan)?;
        if !plan.actions.is_empty() {
            let tags = if summary.untagged > 0 {
                format!(" and take tags off {}", summary.untagged)
            } else {
                String::new()
            };
            let archived = if summary.archived > 0 {
                let archived = count(summary.archived, "image");
                format!(
                    " and archive {archived} ({} with what belongs to them)",
                    manifests(plan, ActionKind::Archive)
                )
            } else {
                String::new()
            };
            let question = format!(
                "Delete {} ({} with what belongs to them){archived}{tags}?",
                count(summary.go, "image"),
                manifests(plan, ActionKind::Delete)
            );
            if !confirm(&question, self.consent.yes)? {
                self.context.console.say("nothing was done");
                return Ok(Exit::Done);
            }
        }
        let report = unless_interrupted(self.store, applier.apply(plan)).await?;
        self.context.console.json(&report)?;
        self.context.console.say(told(&report, plan, &self.context.console));
        Ok(ended(&report).and(completeness(plan)))
    }
}

/// How many manifests that is done to.
fn manifests(plan: &Plan, done: ActionKind) -> String {
    let actions = plan.actions.iter().filter(|action| action.action == done);
    count(actions.count() as u64, "manifest")
}

/// The exit code of a run. What was left because something else failed or was refused is told with that.
fn ended(report: &RunReport) -> Exit {
    match (
        report.failed + report.unknown,
        report.refused + report.blocked,
        report.left,
    ) {
        (1.., _, _) => Exit::Failed,
        (0, 1.., _) => Exit::Refused,
        (0, 0, 1..) => Exit::Failed,
        (0, 0, 0) => Exit::Done,
    }
}

/// What a run did, for people.
fn told(report: &RunReport, plan: &Plan, console: &Console) -> String {
    let width = console.line_width();
    let remark = |style, label: &str, text: &str| hanging(&format!("{} ", styled(style, label)), text, width);
    let mut lines = Vec::new();
    let untold = [Happened::Done, Happened::AlreadyGone];
    // Whatever else refuses comes first, and the fuse last: accepting the share would not help there.
    let failures = report
        .actions
        .iter()
        .filter(|action| !untold.contains(&action.outcome) && !action.is_behind_the_fuse());
    let told = if console.verbose { usize::MAX } else { TOLD_FAILURES };
    let mut equal: BTreeMap<String, Vec<&ActionReport>> = BTreeMap::new();
    for action in failures {
        equal
            .entry(action.why.clone().unwrap_or_default())
            .or_default()
            .push(action);
    }
    let untold = equal.len().saturating_sub(told);
    for (why, actions) in equal.iter().take(told) {
        let unknown = actions.iter().all(|action| action.outcome == Happened::Unknown);
        let lead = if unknown { "not known:" } else { "left:" };
        lines.push(remark(style::NOTE, lead, &format!("{}: {why}", some_images(actions))));
    }
    if untold > 0 {
        lines.push(format!(
            "and {} more: jettison history {}",
            number(untold as u64),
            report.run
        ));
    }
    for refused in &plan.limits.refused {
        let of_it =
            |action: &&ActionReport| action.registry == refused.registry && action.repository == refused.repository;
        if report
            .actions
            .iter()
            .filter(of_it)
            .any(ActionReport::is_behind_the_fuse)
        {
            let share = percent(refused.share);
            let place = format!("{}/{}", refused.registry, refused.repository);
            let text = format!("{place} was left: {share} of it would go; accept it with --accept-share {share}");
            lines.push(remark(style::NOTE, "fuse:", &text));
        }
    }
    let mut done = format!("{} deleted", count(report.deleted, "manifest"));
    if report.archived > 0 {
        done.push_str(&format!(", {} archived", count(report.archived, "manifest")));
    }
    if report.untagged > 0 {
        done.push_str(&format!(", {} untagged", count(report.untagged, "image")));
    }
    if report.failed > 0 {
        done.push_str(&format!(
            ", {} left because something failed or changed",
            number(report.failed)
        ));
    }
    // Beside failures, what is left hangs on them.
    if report.left > 0 && report.failed == 0 {
        done.push_str(&format!(", {} left because something keeps it", number(report.left)));
    }
    if report.unknown > 0 {
        done.push_str(&format!(
            ", {} asked for and not known whether gone",
            number(report.unknown)
        ));
    }
    let done = format!("{done}; {} to be freed", bytes(report.bytes));
    lines.push(remark(style::HEADING, &format!("Run {}:", report.run), &done));
    lines.push(format!("All of it: jettison history {}", report.run));
    lines.join("\n")
}

/// One image by name, several by number and an example.
fn some_images(actions: &[&ActionReport]) -> String {
    let Some(first) = actions.first() else {
        return String::new();
    };
    let tag = first.tags.first().map(ToString::to_string);
    let name = format!(
        "{}/{}",
        first.registry,
        image_name(&first.repository, tag, &first.digest)
    );
    if actions.len() == 1 {
        name
    } else {
        format!("{} such as {name}", count(actions.len() as u64, "manifest"))
    }
}

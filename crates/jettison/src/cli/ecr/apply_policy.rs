//! `jettison ecr apply-policy`: writes a lifecycle policy to repositories, and takes that back.
//!
//! AWS acts on such a policy by itself, without our holds: so what it would take, and who uses that, is shown and refused
//! before it is written.
//!
//! - `difference`: what changes on one repository. `planned`: what is to be done about each.
//! - `write`: the old text on the disk, then the call. `undo`: the way back. `drawn`: for people.

mod difference;
mod drawn;
mod planned;
mod undo;
mod write;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::Args;
use futures_util::{StreamExt as _, stream};
use jettison_core::evaluate::used;
use jettison_core::lifecycle::LifecyclePolicy;
use jettison_core::model::RegistryHost;
use jiff::Timestamp;

use super::super::apply::Consent;
use super::super::context::{Context, MAX_LIFECYCLE_BYTES, confirm, read_text_within};
use super::super::facts::{Gathered, Reach, before, gather};
use super::super::failure::Failure;
use super::super::{Access, Asked, Sources};
use crate::exit::Exit;
use crate::output::text::{count, with_causes};
use crate::registry::LifecyclePolicies;
use crate::scan::{InvalidTarget, Target};
use planned::{Decision, Planned, Planner};
use write::Writer;

/// Repositories that are asked or written at once.
const AT_ONCE: usize = 4;

/// Write a lifecycle policy to repositories of Amazon ECR, or take that back.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  jettison ecr apply-policy policy.json \\
      123456789012.dkr.ecr.eu-west-1.amazonaws.com/apps/web
  jettison ecr apply-policy policy.json \\
      '123456789012.dkr.ecr.eu-west-1.amazonaws.com/apps/**' --yes
  jettison ecr apply-policy policy.json \\
      '123456789012.dkr.ecr.eu-west-1.amazonaws.com/apps/**' --dry-run
  jettison ecr apply-policy --list
  jettison ecr apply-policy --undo 20261121-223311-4f2a

For each repository it shows which rules come, go and change, and what the old
policy and the new one would expire and archive of what is there now. A policy
that would take an image in use is refused, and so it is where nobody knows
what is in use: AWS acts on it within a day, and asks nobody. That holds for
the images of today: as they grow older, AWS takes more.

The text that was there is kept in the state folder before the new one is
written. --undo puts it back where nobody has changed the policy since; images
that AWS has deleted meanwhile stay deleted.

Exit codes: 0 done; 2 AWS would refuse the policy, or bad usage; 3 refused in
some repositories; 4 failed or left in some; 5 some could not be listed.")]
pub(crate) struct ApplyPolicy {
    /// A lifecycle policy of Amazon ECR (JSON)
    #[arg(value_name = "FILE", required_unless_present_any = ["undo", "list"])]
    file: Option<PathBuf>,
    /// HOST/REPOSITORY-GLOB, each in a registry of Amazon ECR
    #[arg(value_name = "TARGET", required_unless_present_any = ["undo", "list"], value_parser = with_repositories)]
    targets: Vec<Target>,
    /// Do not ask
    #[arg(long)]
    yes: bool,
    /// Show the difference, and write nothing
    #[arg(long, conflicts_with_all = ["yes", "undo", "list"])]
    dry_run: bool,
    /// Write it although it would take images in use, or nobody knows which are
    #[arg(long)]
    despite_use: bool,
    /// A file that tells what is in use: one image a line, or the usage form
    #[arg(long, value_name = "FILE")]
    usage: Vec<PathBuf>,
    /// Accept that this usage source names far fewer images than before
    #[arg(long, value_name = "NAME")]
    accept_shrunk_usage: Vec<String>,
    /// Put back what was there before a call, by the id that it printed
    #[arg(long, value_name = "ID", conflicts_with_all = ["file", "targets", "despite_use", "usage", "accept_shrunk_usage"])]
    undo: Option<String>,
    /// List the calls that can be taken back
    #[arg(long, conflicts_with_all = ["file", "targets", "despite_use", "usage", "accept_shrunk_usage", "undo", "yes"])]
    list: bool,
}

/// A target that says which repositories are meant: AWS deletes in all of them.
fn with_repositories(text: &str) -> Result<Target, String> {
    match text.contains('/') {
        true => text.parse().map_err(|error: InvalidTarget| with_causes(&error)),
        false => Err(format!(
            "say which repositories: {text}/apps/**, or {text}/** for all of them"
        )),
    }
}

/// The lifecycle policies of each registry.
type Policies = BTreeMap<RegistryHost, LifecyclePolicies>;

/// A policy that is to be written.
struct Wanted {
    text: String,
    policy: LifecyclePolicy,
}

impl Wanted {
    /// Everything for which AWS would refuse it is the failure.
    fn read(file: &Path) -> Result<Self, Failure> {
        let text = read_text_within(file, MAX_LIFECYCLE_BYTES)?;
        let policy = super::parsed(file, &text)?;
        Ok(Self { text, policy })
    }
}

impl ApplyPolicy {
    pub(super) async fn run(self, context: Context) -> Result<Exit, Failure> {
        match (&self.undo, &self.file) {
            (Some(id), _) => undo::undo(&context, id, self.yes).await,
            (None, Some(file)) => {
                let wanted = Wanted::read(file)?;
                self.apply(context, &wanted).await
            }
            (None, None) => undo::list(&context).await,
        }
    }

    async fn apply(self, mut context: Context, wanted: &Wanted) -> Result<Exit, Failure> {
        context.add_new_usage_files(&self.usage)?;
        let sources = Sources {
            targets: self.targets,
            asked: Asked {
                usage: self.usage,
                accept_shrunk_usage: self.accept_shrunk_usage,
                access: Access::default(),
            },
        };
        let choice = context.choice(&sources)?;
        let policies = policies(&context, choice.hosts())?;
        can_be_asked(self.yes || self.dry_run)?;
        let store = context.store().await?;
        let registries = context.registries(choice, &store)?;
        let gathered = gather(&context, &store, &registries, &sources, Reach::Looking).await?;
        let exit = complete(&context, &gathered)?;
        let planned = plan(&context, &gathered, &policies, (wanted, self.despite_use)).await;
        let console = &context.console;
        console.say(drawn::planned(&planned, console));
        let writes = planned
            .iter()
            .filter(|planned| planned.decision == Decision::Write)
            .count() as u64;
        if self.dry_run {
            store.close().await;
            let report = write::Report::of_dry_run(planned);
            console.json(&report)?;
            console.say("a dry run: nothing was written");
            return Ok(report.exit().and(exit));
        }
        let question = format!(
            "Write this policy to {}? AWS acts on it within a day, and asks nobody.",
            count(writes, "repository")
        );
        if writes > 0 && !confirm(&question, self.yes)? {
            console.say("nothing was done");
            return Ok(Exit::Done);
        }
        // What is older than the journal is kept cannot be taken back.
        let forgotten = before(Timestamp::now(), context.config.journal_memory);
        store.forget_lifecycle_changes_before(forgotten).await?;
        let writer = Writer {
            store: &store,
            policies: &policies,
            wanted,
        };
        let report = writer.write(planned).await?;
        store.close().await;
        console.json(&report)?;
        console.say(format!("\n{}", drawn::written(&report, console)));
        Ok(report.exit().and(exit))
    }
}

/// The registries of these hosts, which have to be ECR.
fn policies(context: &Context, hosts: impl IntoIterator<Item = RegistryHost>) -> Result<Policies, Failure> {
    let opened = hosts.into_iter().map(|host| {
        let policies = context.lifecycle_policies(&host)?;
        Ok((host, policies))
    });
    opened.collect()
}

/// Whether there is a terminal to ask on, or nothing to ask: told before any work is done.
fn can_be_asked(yes: bool) -> Result<(), Failure> {
    let consent = Consent {
        yes,
        no_usage: false,
        accept_share: None,
    };
    consent.can_be_asked()
}

/// Whether all repositories are known that were meant; it is a failure if none is.
fn complete(context: &Context, gathered: &Gathered) -> Result<Exit, Failure> {
    let gaps = &gathered.inventory.gaps;
    if gathered.inventory.repositories.is_empty() {
        let gaps: Vec<String> = gaps.iter().map(ToString::to_string).collect();
        return Err(Failure::usage(gaps.join("; ")));
    }
    for gap in gaps {
        context.console.warn(gap);
    }
    Ok(if gaps.is_empty() { Exit::Done } else { Exit::Incomplete })
}

/// What is to be done about each repository, in the order of the inventory.
async fn plan<'g>(
    context: &Context,
    gathered: &'g Gathered,
    policies: &Policies,
    (wanted, despite_use): (&Wanted, bool),
) -> Vec<Planned<'g>> {
    let facts = gathered.facts(&context.config);
    let used = gathered.usage.as_ref().map(|_| used(&facts));
    let planner = Planner {
        wanted,
        used: used.as_ref(),
        now: gathered.now,
        despite_use,
    };
    let asked = stream::iter(&gathered.inventory.repositories).map(|repository| async move {
        let stored = policies.get(&repository.registry)?.stored(&repository.name).await;
        Some((repository, stored))
    });
    let asked: Vec<_> = asked.buffered(AT_ONCE).collect().await;
    let asked = asked.into_iter().flatten();
    asked
        .map(|(repository, stored)| planner.plan(repository, stored))
        .collect()
}

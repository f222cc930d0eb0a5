//! Gathers the facts for one decision, and lets the core decide.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use jettison_core::config::Config;
use jettison_core::evaluate::may_matter;
use jettison_core::facts::{Facts, Origin};
use jettison_core::model::{Gap, Inventory, RegistryHost, RepositoryName, Usage};
use jettison_core::plan::{Plan, plan};
use jettison_core::policy::Period;
use jettison_core::reason::{Hold, Reason};
use jiff::{SignedDuration, Timestamp};

use super::Sources;
use super::context::{Choice, Context, Registries, read_json};
use super::failure::Failure;
use crate::exit::Exit;
use crate::output::text::count;
use crate::output::{Remarks, Summary};
use crate::scan::{ScanLimits, ScanOptions, Selection, scan};
use crate::store::{Recorded, Store};

/// Plans that the store keeps to look at; the journal keeps the reasons of what was really done.
const KEPT_PLANS: u32 = 20;

/// Manifests and configs that no scan has asked for in so long are read anew if they turn up again.
const CACHED_DAYS: u16 = 90;

/// The facts for one decision.
#[derive(Debug)]
pub(crate) struct Gathered {
    pub(crate) inventory: Inventory,
    pub(crate) usage: Option<Usage>,
    pub(crate) now: Timestamp,
    pub(crate) origin: Origin,
}

/// How far a scan goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    /// As far as the policies need it.
    Looking,
    /// Into every manifest, also where the registry's own list would do.
    Inside,
    /// As far as the policies need it, and it asks what can be deleted.
    Probing,
}

/// Scans the registries and asks the usage sources.
pub(crate) async fn gather(
    context: &Context,
    store: &Store,
    registries: &Registries,
    sources: &Sources,
    reach: Reach,
) -> Result<Gathered, Failure> {
    context.check_accepted(&sources.asked.accept_shrunk_usage)?;
    let now = Timestamp::now();
    let managed = registries.hosts();
    let collector = context.collector(store, &managed, &sources.asked.accept_shrunk_usage);
    let usage = collector.collect(now).await?;
    let options = ScanOptions {
        config: &context.config,
        taken_at: now,
        probe: reach == Reach::Probing,
        inside: reach == Reach::Inside,
        face: context.console.face(),
        limits: ScanLimits::default(),
    };
    let inventory = scan(store, &registries.targets, options).await?;
    store.record_scan(&inventory, &managed).await?;
    if let Some(usage) = &usage {
        store.record_usage(usage).await?;
    }
    Ok(Gathered {
        inventory,
        usage,
        now,
        origin: Origin::Registries,
    })
}

/// What the last scans of the chosen repositories recorded; asks nobody. For looking only, as saved facts are.
pub(crate) async fn recorded(store: &Store, choice: &Choice) -> Result<Gathered, Failure> {
    let chosen = |host: &RegistryHost, name: &RepositoryName| {
        let selection = choice.selections().get(host);
        selection.is_some_and(|selection| selection.fits(name))
    };
    let Some(Recorded {
        mut inventory, usage, ..
    }) = store.recorded(&chosen).await?
    else {
        let nothing: Vec<String> = choice
            .selections()
            .iter()
            .map(|(host, selection)| nothing_of(host, selection))
            .collect();
        return Err(Failure::usage(nothing.join("; ")));
    };
    let known: BTreeSet<&RegistryHost> = inventory
        .repositories
        .iter()
        .map(|repository| &repository.registry)
        .collect();
    let unknown = choice.selections().iter().filter(|(host, _)| !known.contains(host));
    let gaps: Vec<Gap> = unknown
        .map(|(host, selection)| Gap::of(&nothing_of(host, selection)))
        .collect();
    inventory.gaps.extend(gaps);
    Ok(Gathered {
        inventory,
        usage,
        now: Timestamp::now(),
        origin: Origin::SavedFacts,
    })
}

/// That nobody has looked yet, and how to.
fn nothing_of(host: &RegistryHost, selection: &Selection) -> String {
    let patterns = selection.to_string();
    // Several patterns are no target, and an exclusion is none.
    let target = match patterns.contains([',', '!']) {
        true => host.to_string(),
        false => format!("'{host}/{patterns}'"),
    };
    format!("nothing is recorded of {host}/{patterns}; run `jettison scan {target}` first, or leave --recorded away")
}

/// The facts in files; what nobody gives is not asked for.
pub(crate) fn saved(inventory: &Path, usage: &[PathBuf], now: Option<Timestamp>) -> Result<Gathered, Failure> {
    let usage = match usage {
        [] => None,
        files => {
            let mut usages = files.iter().map(|file| {
                read_json::<Usage>(
                    file,
                    "a usage form (schema 1), which saved facts need and `jettison usage --out` writes",
                )
            });
            let mut usage = usages.next().unwrap_or_else(|| Err(Failure::usage("no usage file")))?;
            for more in usages {
                usage.sources.extend(more?.sources);
            }
            Some(usage)
        }
    };
    let facts: Inventory = read_json(inventory, "an inventory (schema 1)")?;
    if let Some((registry, name)) = facts.repeated() {
        let file = inventory.display();
        return Err(Failure::usage(format!(
            "{file} lists {registry}/{name} more than once; scan it anew"
        )));
    }
    Ok(Gathered {
        inventory: facts,
        usage,
        now: now.unwrap_or_else(Timestamp::now),
        origin: Origin::SavedFacts,
    })
}

impl Gathered {
    /// What to decide on.
    pub(crate) fn facts<'a>(&'a self, config: &'a Config) -> Facts<'a> {
        Facts {
            inventory: &self.inventory,
            usage: self.usage.as_ref(),
            config,
            now: self.now,
            origin: self.origin,
        }
    }

    /// Decides.
    pub(crate) fn plan(&self, config: &Config) -> Plan {
        plan(&self.facts(config))
    }

    /// The registries of the inventory.
    pub(crate) fn hosts(&self) -> Vec<RegistryHost> {
        self.inventory
            .repositories
            .iter()
            .map(|repository| repository.registry.clone())
            .collect()
    }

    /// What is worth saying about a plan beyond it.
    pub(crate) fn remarks(&self, plan: &Plan, config: &Config, registries: Option<&Registries>) -> Remarks {
        let mut remarks = Remarks::default();
        let aftermath = registries.into_iter().flat_map(|registries| registries.open.values());
        remarks.freed = aftermath.map(|registry| registry.aftermath().bytes_freed).collect();
        remarks.freed.dedup();
        if registries.is_none() {
            remarks.freed.push("after the registry's garbage collection".to_owned());
        }
        remarks.unknown = self.unknown();
        if self.usage.is_none() {
            remarks
                .notes
                .push("nobody was asked what is in use: configure `usage`, or give --usage FILE".to_owned());
        }
        remarks.notes.extend(self.holding_nothing(config));
        remarks.notes.extend(self.first_look(plan, config));
        remarks
    }

    /// Sources that did not tell everything and cover nothing of what was looked at: right for another registry, and a
    /// mistake in `covers` for this one.
    fn holding_nothing(&self, config: &Config) -> Vec<String> {
        let sources = self.usage.iter().flat_map(|usage| &usage.sources);
        let silent = sources.filter(|source| !source.is_complete());
        let idle = silent.filter(|source| {
            let repositories = self.inventory.repositories.iter();
            let mut places = repositories.map(|repository| (&repository.registry, &repository.name));
            !self.inventory.repositories.is_empty() && !places.any(|place| may_matter(config, source, place))
        });
        idle.map(|source| {
            format!(
                "usage source {} did not tell everything, and holds nothing here: its `covers` ({}) fit none of these repositories",
                source.name,
                source.covers.join(", ")
            )
        })
        .collect()
    }

    /// What the bytes cannot account for.
    fn unknown(&self) -> Vec<String> {
        let repositories = || self.inventory.repositories.iter();
        let complete =
            repositories().all(|repository| self.inventory.complete_registries.contains(&repository.registry));
        let listed = repositories().all(|repository| repository.capabilities.list_untagged == Some(true));
        let mut unknown = Vec::new();
        if !complete {
            unknown.push("repositories that were not scanned may share layers, which then stay: the figure is the most that is freed".to_owned());
        }
        if !listed {
            unknown.push(
                "the registry does not list manifests without a tag: those that were never seen are not counted"
                    .to_owned(),
            );
        }
        unknown
    }

    /// A registry without push times shows everything for the first time on the first scan.
    fn first_look(&self, plan: &Plan, config: &Config) -> Option<String> {
        if self.hosts().iter().all(|host| config.trusts_created(host)) {
            return None;
        }
        let first_seen = plan.kept.iter().filter(|kept| {
            matches!(&kept.reason, Reason::Hold { hold: Hold::Grace, because, .. } if because.contains("first seen"))
        });
        let held = first_seen.count() as u64;
        if held == 0 {
            return None;
        }
        let mut trusting = config.clone();
        trusting.trust_created_of(&self.hosts());
        let would_go = Summary::of(&self.plan(&trusting), None).go;
        let already = Summary::of(plan, None).go;
        Some(format!(
            "this registry tells no push times, and {} seen for the first time less than {} ago, so they stay for now; {} more would go then. \
             --trust-created takes their build date instead, and would not notice an old image that was pushed today",
            if held == 1 {
                "1 entry was".to_owned()
            } else {
                format!("{} were", count(held, "entry"))
            },
            config.grace,
            crate::output::text::number(would_go.saturating_sub(already)),
        ))
    }
}

/// Keeps a plan to look at, to explain, and to apply by its id; forgets what is remembered for too long.
pub(crate) async fn remember(store: &Store, plan: &Plan, config: &Config) -> Result<(), Failure> {
    let now = Timestamp::now();
    store.save_plan(&plan.id, now, &serde_json::to_string(plan)?).await?;
    store.keep_newest_plans(KEPT_PLANS).await?;
    store.forget_usage_before(before(now, config.usage_memory)).await?;
    store.forget_runs_before(before(now, config.journal_memory)).await?;
    store.prune_cache(before(now, Period::days(CACHED_DAYS))).await?;
    Ok(())
}

/// The moment that far back.
pub(super) fn before(now: Timestamp, period: Period) -> Timestamp {
    now.saturating_sub(SignedDuration::from_secs(period.seconds()))
        .unwrap_or(Timestamp::MIN)
}

/// Done, or done with facts that were incomplete.
pub(crate) fn completeness(plan: &Plan) -> Exit {
    detailed(plan, false)
}

/// With `--detailed-exit-code`, 10 if something would be deleted or untagged; else, and without it, whether the facts
/// were complete.
pub(crate) fn detailed(plan: &Plan, wanted: bool) -> Exit {
    Exit::of_looking(wanted && !plan.actions.is_empty(), plan.gaps.is_empty())
}

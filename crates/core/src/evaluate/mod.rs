//! Facts in, verdicts out: which entry stays, which expires, and why.
//!
//! A pure function of its argument. It decides for each entry alone; what follows from that for whole
//! manifests, for tags that share one and for what hangs together, is the plan's to say.

mod entries;
mod holds;
mod rules;
mod uses;

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use crate::config::ImmutableTags;
use crate::facts::Facts;
use crate::graph::{Graph, Node};
use crate::model::{Digest, Kind, RegistryHost, Repository, RepositoryName, Tag, TagEntry};
use crate::policy::Period;
use crate::reason::{Hold, Reason, Ruling};

use entries::{Entry, Roots};
pub use holds::{Holds, RESTORED_FOR};
use rules::RepositoryRules;
use uses::Uses;

/// What was decided, for every repository.
#[derive(Debug)]
pub struct Evaluation<'a> {
    /// One for each repository of the inventory, ordered by registry and name.
    pub repositories: Vec<RepositoryEvaluation<'a>>,
    /// What could not be read: registries, repositories, sources.
    pub gaps: Vec<String>,
    /// What else a reader should know.
    pub warnings: Vec<String>,
}

/// What was decided in one repository.
#[derive(Debug)]
pub struct RepositoryEvaluation<'a> {
    /// The facts.
    pub repository: &'a Repository,
    /// Their relations.
    pub graph: Graph<'a>,
    /// What is held.
    pub holds: Holds,
    /// The roots, in the order of their digests.
    pub roots: Vec<RootVerdicts>,
    /// Whether its policy takes expired tags off images that stay.
    pub untag: bool,
}

/// The verdicts on the entries of one root.
#[derive(Debug)]
pub struct RootVerdicts {
    /// The root.
    pub node: Node,
    /// What it is; `orphan` if its subject is gone.
    pub kind: Kind,
    /// The time of its newest entry.
    pub time: Option<Timestamp>,
    /// Whether it stays by its rules alone, whatever holds it besides.
    pub ruled_to_stay: bool,
    /// One for each entry.
    pub entries: Vec<Verdict>,
}

/// The verdict on one entry.
#[derive(Debug, Clone)]
pub struct Verdict {
    /// The entry's tag; `None` for a root without an ordinary tag.
    pub tag: Option<Tag>,
    /// The entry's time.
    pub time: Option<Timestamp>,
    /// Stay or go.
    pub decision: Decision,
}

/// Stay or go.
#[derive(Debug, Clone)]
pub enum Decision {
    /// It stays, and why.
    Keep(Reason),
    /// It goes, if nothing else needs it, and which rule says so.
    Expire(Ruling),
}

/// All copies of a digest in the repositories of one registry.
pub(crate) type Copies = (RegistryHost, Digest);

/// Decides every entry of the inventory.
pub fn evaluate<'a>(facts: &'a Facts<'a>) -> Evaluation<'a> {
    evaluate_without(facts, &BTreeSet::new())
}

/// The same where some digests will be gone: what was attached to them is an orphan.
pub(crate) fn evaluate_without<'a>(facts: &'a Facts<'a>, taken: &BTreeSet<Copies>) -> Evaluation<'a> {
    let uses = Uses::of(facts);
    let graphs: Vec<Graph<'a>> = facts.inventory.repositories.iter().map(Graph::of).collect();
    let roots = Roots::new(facts, &graphs, taken);
    let repositories = facts.inventory.repositories.iter().zip(graphs);
    let mut repositories: Vec<_> = repositories
        .map(|(repository, graph)| one(facts, &uses, &roots, repository, graph))
        .collect();
    repositories.sort_by_key(|evaluation| (&evaluation.repository.registry, &evaluation.repository.name));
    let gaps = gaps(facts, &uses, &repositories);
    let warnings = missing_aliases(&uses, &repositories);
    Evaluation {
        repositories,
        gaps,
        warnings,
    }
}

/// What usage alone holds: the question that an apply asks again before it deletes.
///
/// Needs of the inventory only manifests (with children, subjects and config digests) and tags.
pub fn used(facts: &Facts<'_>) -> BTreeMap<ImageKey, Reason> {
    let uses = Uses::of(facts);
    let mut used = BTreeMap::new();
    for repository in &facts.inventory.repositories {
        let graph = Graph::of(repository);
        let holds = Holds::of_usage(facts, repository, &graph, &uses);
        for node in graph.nodes() {
            if let Some(reason) = holds.reason(node) {
                let digest = graph.digest(node).clone();
                used.insert((repository.registry.clone(), repository.name.clone(), digest), reason);
            }
        }
    }
    used
}

/// A manifest in its repository.
pub type ImageKey = (RegistryHost, RepositoryName, Digest);

fn one<'a>(
    facts: &'a Facts<'a>,
    uses: &Uses,
    roots: &Roots<'a>,
    repository: &'a Repository,
    graph: Graph<'a>,
) -> RepositoryEvaluation<'a> {
    let mut holds = Holds::of(facts, repository, &graph, uses);
    let roots = roots.of(repository, &graph);
    holds.add_unproven(&graph, roots.iter().filter(|root| root.unproven).map(|root| root.node));
    let rules = RepositoryRules::new(facts, repository, &graph, &roots);
    let untag = rules.untag();
    let decisions = rules.decide();
    let verdict = |entry: &Entry<'_>, decision: &Decision| Verdict {
        tag: entry.tag.map(|tag| tag.name.clone()),
        time: entry.time,
        decision: held(facts, repository, &holds, entry).map_or_else(|| decision.clone(), Decision::Keep),
    };
    let roots = roots
        .iter()
        .zip(&decisions)
        .map(|(root, decisions)| RootVerdicts {
            node: root.node,
            kind: root.kind,
            time: root.newest(),
            ruled_to_stay: decisions.iter().any(|decision| matches!(decision, Decision::Keep(_))),
            entries: root
                .entries
                .iter()
                .zip(decisions)
                .map(|(entry, decision)| verdict(entry, decision))
                .collect(),
        })
        .collect();
    RepositoryEvaluation {
        repository,
        graph,
        holds,
        roots,
        untag,
    }
}

/// Where a rule and a hold both keep, the hold is the reason.
fn held(facts: &Facts<'_>, repository: &Repository, holds: &Holds, entry: &Entry<'_>) -> Option<Reason> {
    let immutable = || {
        let tag = entry.tag.filter(|tag| is_immutable(facts, repository, tag))?;
        let because = format!("tag {} must not be removed", tag.name);
        Some(Reason::Hold {
            hold: Hold::Immutable,
            used_by: Vec::new(),
            because,
            also: Vec::new(),
        })
    };
    holds.reason(entry.root).or_else(immutable)
}

/// A tag that the configuration lists as immutable, or that the registry would refuse to remove.
pub(crate) fn is_immutable(facts: &Facts<'_>, repository: &Repository, tag: &TagEntry) -> bool {
    let listed = |rule: &ImmutableTags| {
        let mut hosts = facts.config.names_of(&repository.registry);
        hosts.any(|host| rule.fits(host, &repository.name, &tag.name))
    };
    tag.immutable || facts.config.immutable.iter().any(listed)
}

/// Nanoseconds from `from` to `to`; negative where `from` is in the future.
fn elapsed(from: Timestamp, to: Timestamp) -> i128 {
    to.as_nanosecond() - from.as_nanosecond()
}

/// A period in nanoseconds.
fn length(period: Period) -> i128 {
    i128::from(period.seconds()) * 1_000_000_000
}

fn gaps(facts: &Facts<'_>, uses: &Uses, repositories: &[RepositoryEvaluation<'_>]) -> Vec<String> {
    let mut gaps: BTreeSet<String> = facts.inventory.gaps.iter().map(ToString::to_string).collect();
    gaps.extend(uses.gaps());
    for evaluation in repositories {
        let Repository {
            registry,
            name,
            gaps: unread,
            ..
        } = evaluation.repository;
        let unread = unread
            .iter()
            .map(ToString::to_string)
            .chain(evaluation.graph.contradictions().iter().cloned());
        gaps.extend(unread.map(|gap| format!("{registry}/{name}: {gap}")));
    }
    gaps.into_iter().collect()
}

fn missing_aliases(uses: &Uses, repositories: &[RepositoryEvaluation<'_>]) -> Vec<String> {
    let mut warnings = BTreeSet::new();
    for evaluation in repositories {
        let repository = evaluation.repository;
        for tag in &repository.tags {
            for host in uses.missing_aliases(&repository.name, &tag.name) {
                warnings.insert(format!(
                    "{host} is used for {}:{} and is no registry that was scanned; if it is another name of {}, list it there under `aliases`",
                    repository.name, tag.name, repository.registry
                ));
            }
        }
    }
    warnings.into_iter().collect()
}

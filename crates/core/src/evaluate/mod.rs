//! Facts in, verdicts out: which entry stays, which expires, and why.
//!
//! A pure function of its argument. It decides for each entry alone; what follows from that for whole
//! manifests, for tags that share one and for what hangs together, is the plan's to say.

mod archiving;
mod dates;
mod entries;
mod ground;
mod groups;
mod holds;
mod lifecycle;
mod rules;
mod sight;
mod survey;
mod uses;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

use jiff::Timestamp;
use rayon::prelude::*;

use crate::facts::Facts;
use crate::graph::{Graph, Node};
use crate::model::{Digest, Inventory, Kind, RegistryHost, Repository, RepositoryName, Tag};
use crate::policy::{Period, Policy, RuleAction};
use crate::reason::{Hold, Reason, Ruling};

pub use archiving::Archiving;
pub(crate) use archiving::{archived_lately, saves_nothing, stored};
pub(crate) use dates::Dates;
pub(crate) use dates::{FIRST_RELEASE, given, plausible};
use entries::{Entry, Roots};
use ground::Ground;
pub(crate) use groups::{Groups, Member};
pub use holds::{Holds, RESTORED_FOR, says_keep};
use rules::RepositoryRules;
pub(crate) use sight::{Observer, Sight};
pub(crate) use survey::{Copies, Survey};
use uses::Uses;
pub use uses::may_matter;
pub(crate) use uses::{bare, describe};

/// What is the same for all repositories, worked out once; then it decides one after the other.
#[derive(Debug)]
pub(crate) struct Evaluator<'a> {
    facts: &'a Facts<'a>,
    uses: Uses,
    /// The bytes of each registry, once somebody asks.
    stored: OnceLock<BTreeMap<RegistryHost, u64>>,
    /// What any other rule would expire stays.
    alone: Option<&'a RuleName>,
}

/// A rule by its name and that of its policy.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct RuleName {
    pub(crate) policy: String,
    pub(crate) rule: String,
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
    /// The verdicts on the entries of all roots, in their order.
    pub verdicts: Vec<Verdict<'a>>,
    /// Whether its policy takes expired tags off images that stay.
    pub untag: bool,
    /// Whether what its rules archive can be archived.
    pub archiving: Archiving,
}

/// What was decided on one root.
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
    /// Where the verdicts on its entries are.
    pub entries: std::ops::Range<usize>,
}

/// The verdict on one entry.
#[derive(Debug, Clone)]
pub struct Verdict<'a> {
    /// The entry's tag; `None` for a root without an ordinary tag.
    pub tag: Option<&'a Tag>,
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
    /// It goes, if nothing else needs it, which rule says so, and what is done with it.
    Expire(Ruling, RuleAction),
}

impl Decision {
    /// Whether the entry goes, if nothing else needs it.
    pub fn expires(&self) -> bool {
        matches!(self, Self::Expire(..))
    }

    /// What its rule wants done with the image; `None` if it is to stay as it is. What is archived already is to be archived.
    pub fn wants(&self) -> Option<RuleAction> {
        match self {
            Self::Expire(_, action) => Some(*action),
            Self::Keep(Reason::Archived(_)) => Some(RuleAction::Archive),
            Self::Keep(_) => None,
        }
    }
}

impl<'a> RepositoryEvaluation<'a> {
    /// The verdicts on the entries of a root.
    pub fn entries(&self, root: &RootVerdicts) -> &[Verdict<'a>] {
        &self.verdicts[root.entries.clone()]
    }
}

impl<'a> Evaluator<'a> {
    /// Reads what the facts say of more than one repository.
    pub(crate) fn new(facts: &'a Facts<'a>) -> Self {
        Self {
            facts,
            uses: Uses::of(facts),
            stored: OnceLock::new(),
            alone: None,
        }
    }

    /// Decides as if no rule but this one expired anything: what it governs it still governs, and no more.
    pub(crate) fn with_rule_alone(self, rule: &'a RuleName) -> Self {
        Self {
            alone: Some(rule),
            ..self
        }
    }

    /// The decisions of the rules, but for those of rules that are left out.
    fn allowed(&self, decision: Decision) -> Decision {
        let is_left_out = |ruling: &Ruling| {
            self.alone
                .is_some_and(|alone| (&*alone.policy, &*alone.rule) != (ruling.policy(), ruling.rule()))
        };
        match decision {
            Decision::Expire(ruling, _) if is_left_out(&ruling) => Decision::Keep(Reason::NotExpired(ruling)),
            decision => decision,
        }
    }

    /// Decides every entry of one repository.
    pub(crate) fn decide<'r>(&self, repository: &'r Repository, survey: &Survey<'_>) -> RepositoryEvaluation<'r> {
        let graph = Graph::of(repository);
        let policy = self.facts.config.policy_of(&repository.registry, &repository.name);
        let (holds, roots, verdicts) = self.judge(repository, &graph, (survey, policy));
        RepositoryEvaluation {
            repository,
            graph,
            holds,
            roots,
            verdicts,
            untag: policy.is_some_and(|policy| policy.untag),
            archiving: Archiving::of(repository, policy, || self.stored(&repository.registry)),
        }
    }

    /// The bytes of all manifests and blobs of a registry.
    fn stored(&self, registry: &RegistryHost) -> u64 {
        let stored = self.stored.get_or_init(|| archiving::stored(self.facts.inventory));
        stored.get(registry).copied().unwrap_or_default()
    }

    fn judge<'r>(
        &self,
        repository: &'r Repository,
        graph: &Graph<'r>,
        (survey, policy): (&Survey<'_>, Option<&Policy>),
    ) -> (Holds, Vec<RootVerdicts>, Vec<Verdict<'r>>) {
        let ground = Ground::new(self.facts, repository, graph);
        let dates = Dates::new(repository, graph, self.facts.now);
        let mut holds = Holds::of(&ground, &dates, &self.uses);
        let roots = Roots::of(repository, graph, &dates, survey);
        let unproven = roots.roots.iter().filter(|root| root.unproven);
        holds.add_unproven(graph, unproven.map(|root| root.node));
        let rules = RepositoryRules {
            now: self.facts.now,
            repository,
            graph,
            dates: &dates,
            roots: &roots,
            policy,
        };
        let decisions: Vec<Decision> = rules.decide().into_iter().map(|it| self.allowed(it)).collect();
        let of_roots = roots.roots.iter().map(|root| RootVerdicts {
            node: root.node,
            kind: root.kind,
            time: root.time,
            ruled_to_stay: decisions[root.entries.clone()].iter().any(|it| it.wants().is_none()),
            entries: root.entries.clone(),
        });
        let of_roots = of_roots.collect();
        let verdicts = roots.entries.iter().zip(decisions).map(|(entry, decision)| Verdict {
            tag: entry.tag.map(|tag| &tag.name),
            time: entry.time,
            decision: held(&ground, &holds, entry).map_or(decision, Decision::Keep),
        });
        let verdicts = verdicts.collect();
        (holds, of_roots, verdicts)
    }

    /// What could not be read of the registries as a whole, and of usage.
    pub(crate) fn gaps(&self) -> impl Iterator<Item = String> {
        let gaps = self.facts.inventory.gaps().iter().map(ToString::to_string);
        gaps.chain(self.uses.gaps())
    }

    /// What else a reader should know of one repository.
    pub(crate) fn warnings(&self, repository: &Repository) -> BTreeSet<String> {
        let Some(hosts_for) = self.uses.missing_aliases(&repository.name) else {
            return BTreeSet::new();
        };
        let Repository { name, registry, .. } = repository;
        let tags = repository.tags.iter().map(|tag| &tag.name);
        let hosts = tags.flat_map(|tag| hosts_for(tag).into_iter().map(move |host| (tag, host)));
        let warn = |(tag, host)| {
            format!(
                "{host} is used for {name}:{tag} and is no registry that was scanned; if it is another name of {registry}, \
                 list it there under `aliases`"
            )
        };
        hosts.map(warn).collect()
    }
}

impl RepositoryEvaluation<'_> {
    /// What could not be read of the repository.
    pub(crate) fn gaps(&self) -> impl Iterator<Item = String> {
        let Repository {
            registry, name, gaps, ..
        } = self.repository;
        let unread = gaps.iter().map(ToString::to_string);
        let unread = unread.chain(self.graph.contradictions().iter().cloned());
        unread.map(move |gap| format!("{registry}/{name}: {gap}"))
    }
}

/// Decides every entry of an inventory, for those who want to see each verdict; a plan needs nothing of it.
///
/// The facts speak of that inventory.
pub fn evaluate<'a>(facts: &Facts<'_>, inventory: &'a Inventory) -> Vec<RepositoryEvaluation<'a>> {
    let (evaluator, mut survey) = (Evaluator::new(facts), Survey::of(facts.inventory));
    let repositories = inventory.repositories.par_iter();
    let contradictory = repositories.filter(|repository| !Graph::of(repository).contradictions().is_empty());
    for repository in contradictory.collect::<Vec<_>>() {
        survey.doubt(&repository.registry);
    }
    let repositories = inventory.repositories.par_iter();
    repositories
        .map(|repository| evaluator.decide(repository, &survey))
        .collect()
}

/// What the rules of one policy alone say of the roots of a repository, entry by entry: no hold, no limit, no other policy.
pub(crate) fn ruled(
    (repository, graph): (&Repository, &Graph<'_>),
    (policy, now): (&Policy, Timestamp),
    survey: &Survey<'_>,
) -> Vec<(Node, Vec<Decision>)> {
    let dates = Dates::new(repository, graph, now);
    let roots = Roots::of(repository, graph, &dates, survey);
    let rules = RepositoryRules {
        now,
        repository,
        graph,
        dates: &dates,
        roots: &roots,
        policy: Some(policy),
    };
    let decisions = rules.decide();
    let of_root = |root: &entries::Root| (root.node, decisions[root.entries.clone()].to_vec());
    roots.roots.iter().map(of_root).collect()
}

/// What could not be read: registries, sources, repositories; of those that were evaluated.
pub fn gaps(facts: &Facts<'_>, evaluated: &[RepositoryEvaluation<'_>]) -> Vec<String> {
    let evaluator = Evaluator::new(facts);
    let of_repositories = evaluated.iter().flat_map(RepositoryEvaluation::gaps);
    evaluator.gaps().chain(of_repositories).collect()
}

/// What usage alone holds: the question that an apply asks again before it deletes.
///
/// Needs of the inventory only manifests (with children, subjects and config digests) and tags.
pub fn used(facts: &Facts<'_>) -> BTreeMap<ImageKey, Reason> {
    let uses = Uses::of(facts);
    let mut used = BTreeMap::new();
    for position in 0..facts.inventory.count() {
        let repository = facts.inventory.repository(position);
        let graph = Graph::of(&repository);
        let holds = Holds::of_usage(&Ground::new(facts, &repository, &graph), &uses);
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

/// Where a rule and a hold both keep, the hold is the reason.
fn held(ground: &Ground<'_>, holds: &Holds, entry: &Entry<'_>) -> Option<Reason> {
    let immutable = || {
        let tag = entry.tag.filter(|tag| ground.is_immutable(tag))?;
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

/// Nanoseconds from `from` to `to`; negative where `from` is in the future.
fn elapsed(from: Timestamp, to: Timestamp) -> i128 {
    to.as_nanosecond() - from.as_nanosecond()
}

/// A period in nanoseconds.
fn length(period: Period) -> i128 {
    i128::from(period.seconds()) * 1_000_000_000
}

#[cfg(test)]
mod tests;

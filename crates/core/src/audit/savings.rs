//! What the rules would free: each alone, and all together.
//!
//! Planned as a run would plan it, with every hold and limit but the brake, which only delays; then everything is counted
//! again as if the plan had been carried out.

use std::collections::BTreeMap;

use super::form::{Cohort, RegistryCohorts, RuleSaving, Saving, Savings};
use super::marks::spread;
use super::weigh::{Marked, Marks, Parts, Question, Weighed, weigh};
use crate::evaluate::{Dates, RuleName};
use crate::facts::Facts;
use crate::graph::Graph;
use crate::hashed::Map;
use crate::model::{Digest, RegistryHost, Repository, Sharing};
use crate::money::{Money, Product};
use crate::plan::{ActionKind, Plan, draft, draft_of_rule_alone};
use crate::policy::Policy;
use crate::reason::Reason;

/// A month of an audit: a twelfth of 365 days, in seconds.
const MONTH: i64 = 365 * 86_400 / 12;

/// Something refers to it that could be pulled before.
const PULLABLE_BEFORE: Marks = 1;
/// Something refers to it that can be pulled afterwards.
const PULLABLE_AFTER: Marks = 2;
/// Something refers to it that is in the archive afterwards.
const ARCHIVED_AFTER: Marks = 4;

/// What the policies of the facts would free.
///
/// `products` are those by whose prices the registries are billed.
pub fn savings(facts: &Facts<'_>, sharing: Option<Sharing>, products: &BTreeMap<RegistryHost, Product>) -> Savings {
    let mut config = facts.config.clone();
    config.limits.max_deletions = None;
    let facts = Facts {
        config: &config,
        ..*facts
    };
    let facts = &facts;
    let sharing = super::sharing(facts, sharing);
    let outlook = Outlook {
        facts,
        sharing: &sharing,
        products,
    };
    let plan = draft(facts);
    let rules = expiring_rules(facts).into_iter().map(|rule| RuleSaving {
        saving: outlook.saving(&draft_of_rule_alone(facts, &rule)),
        policy: rule.policy,
        rule: rule.rule,
    });
    Savings {
        rules: rules.collect(),
        all: outlook.saving(&plan),
        cohorts: outlook.cohorts(&plan),
    }
}

/// The rules that may expire something in any of the repositories, in their order.
fn expiring_rules(facts: &Facts<'_>) -> Vec<RuleName> {
    let governs = |policy: &&Policy| {
        let mut places = (0..facts.inventory.count()).map(|position| facts.inventory.place(position));
        places.any(|(host, name)| {
            facts
                .config
                .policy_of(host, name)
                .is_some_and(|other| std::ptr::eq(other, *policy))
        })
    };
    let policies = facts.config.policies().iter().filter(governs);
    let of_policy = |policy: &Policy| {
        let names = policy.rules.expiring().into_iter();
        let named = names.map(|rule| RuleName {
            policy: policy.name.clone(),
            rule,
        });
        named.collect::<Vec<_>>()
    };
    policies.flat_map(of_policy).collect()
}

struct Outlook<'o, 'f> {
    facts: &'o Facts<'f>,
    sharing: &'o BTreeMap<RegistryHost, Sharing>,
    products: &'o BTreeMap<RegistryHost, Product>,
}

impl Outlook<'_, '_> {
    fn saving(&self, plan: &Plan) -> Saving {
        let fates = Fates::of(self.facts, plan);
        let weighed = weigh(self.facts.inventory, self.sharing, &fates);
        let goes = |action: &&crate::plan::Action| {
            action.action == ActionKind::Delete && !matches!(action.reason, Reason::Follows { .. })
        };
        let mut saving = Saving {
            images: plan.actions.iter().filter(goes).count() as u64,
            per_month: Some(Money::ZERO),
            ..Saving::default()
        };
        for (host, weighed) in &weighed {
            let (before, after) = Stock::of(weighed);
            saving.bytes = saving.bytes.saturating_add(before.all().saturating_sub(after.all()));
            let moved = after.archived.saturating_sub(before.archived);
            saving.archived_bytes = saving.archived_bytes.saturating_add(moved);
            let product = self.products.get(host);
            let less = product
                .map(|product| product.marginal((before.pullable, before.archived), (after.pullable, after.archived)));
            saving.per_month = saving.per_month.zip(less).map(|(sum, less)| sum + less);
        }
        saving
    }

    fn cohorts(&self, plan: &Plan) -> Vec<RegistryCohorts> {
        let arrivals = Arrivals {
            facts: self.facts,
            fates: Fates::of(self.facts, plan),
        };
        let weighed = weigh(self.facts.inventory, self.sharing, &arrivals);
        let of_registry = |(registry, weighed): (RegistryHost, Weighed)| {
            let mut cohorts: BTreeMap<u64, Cohort> = BTreeMap::new();
            for (marks, bytes) in weighed.whole {
                let months = marks & MONTHS;
                let cohort = cohorts.entry(months).or_insert(Cohort {
                    months: u32::try_from(months).ok().filter(|_| months != UNKNOWN_MONTH),
                    bytes: 0,
                    kept_bytes: 0,
                });
                cohort.bytes = cohort.bytes.saturating_add(bytes);
                if marks & KEPT != 0 {
                    cohort.kept_bytes = cohort.kept_bytes.saturating_add(bytes);
                }
            }
            RegistryCohorts {
                registry,
                cohorts: cohorts.into_values().collect(),
            }
        };
        weighed.into_iter().map(of_registry).collect()
    }
}

/// What one registry stores, in bytes.
#[derive(Debug, Clone, Copy, Default)]
struct Stock {
    pullable: u64,
    archived: u64,
}

impl Stock {
    /// Before the plan, and after it.
    fn of(weighed: &Weighed) -> (Self, Self) {
        let (mut before, mut after) = (Self::default(), Self::default());
        let add = |sum: &mut u64, bytes: u64| *sum = sum.saturating_add(bytes);
        for (marks, bytes) in &weighed.whole {
            match marks & PULLABLE_BEFORE != 0 {
                true => add(&mut before.pullable, *bytes),
                false => add(&mut before.archived, *bytes),
            }
            if marks & PULLABLE_AFTER != 0 {
                add(&mut after.pullable, *bytes);
            } else if marks & ARCHIVED_AFTER != 0 {
                add(&mut after.archived, *bytes);
            }
        }
        (before, after)
    }

    fn all(self) -> u64 {
        self.pullable.saturating_add(self.archived)
    }
}

/// What becomes of every manifest by a plan.
struct Fates<'p>(BTreeMap<usize, Map<&'p Digest, ActionKind>>);

impl<'p> Fates<'p> {
    fn of(facts: &Facts<'_>, plan: &'p Plan) -> Self {
        let places = (0..facts.inventory.count()).map(|position| (facts.inventory.place(position), position));
        let places: BTreeMap<_, usize> = places.collect();
        let mut fates: BTreeMap<usize, Map<&Digest, ActionKind>> = BTreeMap::new();
        for action in &plan.actions {
            if let Some(position) = places.get(&(&action.registry, &action.repository)) {
                fates
                    .entry(*position)
                    .or_default()
                    .insert(&action.digest, action.action);
            }
        }
        Self(fates)
    }

    fn of_manifest(&self, position: usize, digest: &Digest) -> Option<ActionKind> {
        self.0.get(&position)?.get(digest).copied()
    }
}

impl Question for Fates<'_> {
    fn mark<'r>(&self, position: usize, repository: &'r Repository) -> (Graph<'r>, Marked) {
        let graph = Graph::of(repository);
        let mark = |node| {
            let is_archived = graph
                .manifest(node)
                .is_some_and(|manifest| manifest.archived_at.is_some());
            let before = if is_archived { 0 } else { PULLABLE_BEFORE };
            let after = match self.of_manifest(position, graph.digest(node)) {
                Some(ActionKind::Delete) => 0,
                Some(ActionKind::Archive) => ARCHIVED_AFTER,
                Some(ActionKind::Untag) | None if is_archived => ARCHIVED_AFTER,
                Some(ActionKind::Untag) | None => PULLABLE_AFTER,
            };
            before | after
        };
        let marks = graph.nodes().map(mark).collect();
        let parts = Parts::One(0);
        (graph, Marked { marks, parts })
    }
}

/// The bits that hold in which month something arrived.
const MONTHS: Marks = 0xffff;
/// Nobody knows when it arrived.
const UNKNOWN_MONTH: Marks = MONTHS;
/// Something has marks at all.
const MARKED: Marks = 1 << 16;
/// Something that refers to it stays.
const KEPT: Marks = 1 << 17;

/// When every manifest arrived, and whether it stays.
struct Arrivals<'a, 'f> {
    facts: &'a Facts<'f>,
    fates: Fates<'a>,
}

impl Arrivals<'_, '_> {
    /// Months ago, of a manifest that stands for itself.
    fn months(&self, dates: &Dates<'_>, node: usize) -> Marks {
        let Some(arrived) = dates.arrival(node) else {
            return UNKNOWN_MONTH;
        };
        let months = self.facts.now.duration_since(arrived).as_secs().max(0) / MONTH;
        u64::try_from(months).unwrap_or_default().min(UNKNOWN_MONTH - 1)
    }
}

impl Question for Arrivals<'_, '_> {
    fn mark<'r>(&self, position: usize, repository: &'r Repository) -> (Graph<'r>, Marked) {
        let graph = Graph::of(repository);
        let mut marks = vec![0; graph.nodes().len()];
        {
            let dates = Dates::new(repository, &graph, self.facts.now);
            for node in graph.nodes() {
                let belongs = !graph.parents(node).is_empty() || !graph.subjects(node).is_empty();
                if graph.manifest(node).is_some() && (!belongs || graph.ordinary_tags(node).next().is_some()) {
                    marks[node] = MARKED | self.months(&dates, node);
                }
            }
        }
        let mut marks = spread(&graph, marks, |one, other| self.join(one, other));
        for node in graph.nodes() {
            if marks[node] == 0 {
                marks[node] = MARKED | UNKNOWN_MONTH;
            }
            if self.fates.of_manifest(position, graph.digest(node)) != Some(ActionKind::Delete) {
                marks[node] |= KEPT;
            }
        }
        let parts = Parts::One(0);
        (graph, Marked { marks, parts })
    }

    /// A blob came with the oldest image that holds it.
    fn join(&self, one: Marks, other: Marks) -> Marks {
        let month = match ((one & MARKED, one & MONTHS), (other & MARKED, other & MONTHS)) {
            ((0, _), (_, month)) | ((_, month), (0, _)) => month,
            ((_, UNKNOWN_MONTH), (_, month)) | ((_, month), (_, UNKNOWN_MONTH)) => month,
            ((_, one), (_, other)) => one.max(other),
        };
        ((one | other) & !MONTHS) | month
    }
}

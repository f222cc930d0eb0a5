//! From verdicts to a plan: decide per digest, act per tag (design, section 6).
//!
//! A pure function of the facts and their evaluation. What stays keeps what it needs; the limits come on
//! top; every entry ends up in exactly one of `actions`, `kept` and `blocked`.

mod bytes;
mod draft;
mod limits;
mod model;
mod order;
mod stays;

use std::collections::{BTreeMap, BTreeSet};

use crate::evaluate::{Copies, Evaluation, evaluate_without};
use crate::facts::Facts;
use crate::model::{Digest, RegistryHost, Schema};
use crate::verify::verify;

pub use model::{Action, ActionKind, ExpiredTag, Kept, LimitsReport, Plan, Refused};

/// Makes the plan that follows from an evaluation of `facts`, checked by the second opinion.
pub fn plan(facts: &Facts<'_>, evaluation: &Evaluation<'_>) -> Plan {
    let mut plan = with_new_orphans(facts, drafted(facts, evaluation));
    bytes::count(&mut plan.actions, facts.inventory);
    plan.id = plan.compute_id();
    plan.violations = verify(&plan, facts);
    if !plan.violations.is_empty() {
        plan.id = plan.compute_id();
    }
    plan
}

/// A signature may lie in another repository than its subject. Where a plan takes the last copies of a subject, what
/// is attached to it elsewhere is an orphan from then on, and goes by the rules for orphans in the same plan:
/// otherwise planning again after the apply would delete more (law 4).
fn with_new_orphans(facts: &Facts<'_>, first: Plan) -> Plan {
    // Under the brake an orphan could take the place of its own subject.
    if facts.config.limits.max_deletions.is_some() {
        return first;
    }
    let mut plan = first;
    let mut taken = BTreeSet::new();
    loop {
        let more = orphaning(&plan, facts);
        if more.is_subset(&taken) {
            return plan;
        }
        taken.extend(more);
        let again = drafted(facts, &evaluate_without(facts, &taken));
        // More deletions can blow a fuse, which then refuses what the proof relied on.
        if !taken.is_subset(&orphaning(&again, facts)) {
            return plan;
        }
        plan = again;
    }
}

/// Digests of which the plan deletes every copy, and that another repository of the registry asked for in vain.
fn orphaning(plan: &Plan, facts: &Facts<'_>) -> BTreeSet<Copies> {
    let inventory = &facts.inventory.repositories;
    let missing: BTreeSet<(&RegistryHost, &Digest)> = inventory
        .iter()
        .flat_map(|repository| repository.missing.iter().map(|digest| (&repository.registry, digest)))
        .collect();
    if missing.is_empty() {
        return BTreeSet::new();
    }
    let deletes = plan
        .actions
        .iter()
        .filter(|action| action.action == ActionKind::Delete && !action.refused);
    let goes: BTreeSet<_> = deletes
        .map(|action| (&action.registry, &action.repository, &action.digest))
        .collect();
    let mut copies: BTreeMap<(&RegistryHost, &Digest), bool> = BTreeMap::new();
    for repository in inventory {
        for manifest in &repository.manifests {
            let key = (&repository.registry, &manifest.digest);
            if missing.contains(&key) {
                let gone = goes.contains(&(&repository.registry, &repository.name, &manifest.digest));
                *copies.entry(key).or_insert(true) &= gone;
            }
        }
    }
    let all_gone = copies.into_iter().filter(|(_, gone)| *gone);
    all_gone
        .map(|((registry, digest), _)| (registry.clone(), digest.clone()))
        .collect()
}

fn drafted(facts: &Facts<'_>, evaluation: &Evaluation<'_>) -> Plan {
    let limited = limits::limit(facts, evaluation);
    let mut plan = Plan {
        schema: Schema,
        id: String::new(),
        now: facts.now,
        origin: facts.origin,
        usage_sources: usage_sources(facts),
        actions: Vec::new(),
        kept: Vec::new(),
        blocked: Vec::new(),
        limits: LimitsReport {
            refused: limited.refused,
            waiting: limited.waiting,
        },
        violations: Vec::new(),
        gaps: evaluation.gaps.clone(),
        warnings: evaluation.warnings.clone(),
    };
    for repository in &limited.repositories {
        draft::write(&mut plan, repository);
    }
    plan
}

fn usage_sources(facts: &Facts<'_>) -> Vec<String> {
    let sources = facts.usage.map_or(&[][..], |usage| &usage.sources);
    let mut names: Vec<String> = sources.iter().map(|source| source.name.clone()).collect();
    names.sort();
    names.dedup();
    names
}

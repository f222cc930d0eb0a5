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

use crate::evaluate::Evaluation;
use crate::facts::Facts;
use crate::model::Schema;
use crate::verify::verify;

pub use model::{Action, ActionKind, ExpiredTag, Kept, LimitsReport, Plan, Refused};

/// Makes the plan that follows from an evaluation of `facts`, checked by the second opinion.
pub fn plan(facts: &Facts<'_>, evaluation: &Evaluation<'_>) -> Plan {
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
    bytes::count(&mut plan.actions, facts.inventory);
    plan.id = plan.compute_id();
    plan.violations = verify(&plan, facts);
    if !plan.violations.is_empty() {
        plan.id = plan.compute_id();
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

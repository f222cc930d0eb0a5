//! From verdicts to a plan: decide per digest, act per tag (design, section 6).
//!
//! A pure function of the facts. What stays keeps what it needs; the limits come on top; every entry ends up in
//! exactly one of `actions`, `kept` and `blocked`. Repositories are decided one by one, several at a time, and of
//! each only its share of the plan is kept: facts may be larger than the memory.

mod bytes;
mod circles;
mod draft;
mod fates;
mod limits;
mod model;
mod order;
mod orphans;
mod stays;

use std::collections::BTreeSet;

use rayon::prelude::*;

use crate::evaluate::{Evaluator, RuleName, Survey};
use crate::facts::Facts;
use crate::model::{RegistryHost, Schema};
use crate::verify::verify_laws;

use bytes::{Ledger, Release, Spread};
use draft::Share;
use limits::{Brake, limit};
pub use model::{Action, ActionKind, ExpiredTag, Kept, LimitsReport, Plan, Refused};

/// How many repositories are decided before their shares are put together: more than there are threads, so that a
/// large one keeps nobody waiting.
const BATCH: usize = 128;

/// Makes the plan that follows from the facts, checked by the second opinion.
pub fn plan(facts: &Facts<'_>) -> Plan {
    let mut plan = draft(facts);
    plan.violations = verify_laws(&plan, facts);
    plan.id = plan.compute_id();
    plan
}

/// The plan before the second opinion, and without its id.
pub fn draft(facts: &Facts<'_>) -> Plan {
    draft_by(facts, &Evaluator::new(facts))
}

/// What would be done if no rule but this one expired anything. Only to look at.
pub(crate) fn draft_of_rule_alone(facts: &Facts<'_>, rule: &RuleName) -> Plan {
    draft_by(facts, &Evaluator::new(facts).with_rule_alone(rule))
}

fn draft_by(facts: &Facts<'_>, evaluator: &Evaluator<'_>) -> Plan {
    let spread = Spread::of(facts.inventory);
    let mut order: Vec<usize> = (0..facts.inventory.count()).collect();
    order.sort_by_key(|position| facts.inventory.place(*position));
    let mut doubted = BTreeSet::new();
    loop {
        let mut survey = Survey::of(facts.inventory);
        for host in &doubted {
            survey.doubt(host);
        }
        orphans::find(facts, evaluator, &mut survey);
        let draft = Draft {
            facts,
            evaluator,
            survey: &survey,
            spread: &spread,
            order: &order,
        };
        let (plan, contradictory) = draft.run();
        // A repository that contradicts itself comes to light when it is decided. Then nothing is proven to be absent
        // from its registry, and what relied on that is decided again.
        let before = doubted.len();
        doubted.extend(contradictory.into_iter().filter(|host| survey.doubt(host)));
        if doubted.len() == before {
            return plan;
        }
    }
}

/// Everything that has to be known before the shares of the repositories can be written.
struct Draft<'d> {
    facts: &'d Facts<'d>,
    evaluator: &'d Evaluator<'d>,
    survey: &'d Survey<'d>,
    spread: &'d Spread<'d>,
    /// The repositories in the order of the plan.
    order: &'d [usize],
}

/// One repository's share, and what concerns the whole plan.
struct Part {
    share: Share,
    refused: Option<Refused>,
    waiting: usize,
    releases: Vec<Release>,
    gaps: Vec<String>,
    warnings: BTreeSet<String>,
    contradictory: bool,
}

impl Draft<'_> {
    /// The plan, and the registries with a repository that contradicts itself.
    fn run(&self) -> (Plan, BTreeSet<RegistryHost>) {
        let brake = self.brake();
        let mut plan = self.empty();
        let mut gaps: BTreeSet<String> = self.evaluator.gaps().collect();
        let mut warnings = BTreeSet::new();
        let mut contradictory = BTreeSet::new();
        let mut ledger = Ledger::default();
        let mut put_together = |parts: Vec<(usize, Part)>| {
            for (place, part) in parts {
                let (host, _) = self.facts.inventory.place(self.order[place]);
                ledger.note(host, part.releases, plan.actions.len());
                plan.actions.extend(part.share.actions);
                plan.kept.extend(part.share.kept);
                plan.blocked.extend(part.share.blocked);
                plan.limits.refused.extend(part.refused);
                plan.limits.waiting += part.waiting as u64;
                gaps.extend(part.gaps);
                warnings.extend(part.warnings);
                if part.contradictory {
                    contradictory.insert(host.clone());
                }
            }
        };
        let mut ready = Vec::new();
        for first in (0..self.order.len()).step_by(BATCH) {
            let batch = first..self.order.len().min(first + BATCH);
            let part = |place: usize| (place, self.part(place, brake));
            // While a batch is decided, the one before is put where it belongs.
            let before = std::mem::take(&mut ready);
            let (_, parts) = rayon::join(|| put_together(before), || batch.into_par_iter().map(part).collect());
            ready = parts;
        }
        put_together(ready);
        ledger.settle(&mut plan.actions);
        plan.gaps = gaps.into_iter().collect();
        plan.warnings = warnings.into_iter().collect();
        (plan, contradictory)
    }

    fn part(&self, place: usize, brake: Brake) -> Part {
        let repository = self.facts.inventory.repository(self.order[place]);
        let mut limited = limit(self.facts, self.evaluator.decide(&repository, self.survey));
        limited.brake(brake, place);
        let mut share = draft::write(&limited);
        let releases = bytes::count(&mut share.actions, &limited, self.spread);
        Part {
            share,
            waiting: limited.waiting.len(),
            releases,
            gaps: limited.evaluation.gaps().collect(),
            warnings: self.evaluator.warnings(&repository),
            contradictory: !limited.evaluation.graph.contradictions().is_empty(),
            refused: limited.refused,
        }
    }

    /// The brake has to see every root that could go before it lets any.
    fn brake(&self) -> Brake {
        let Some(most) = self.facts.config.limits.max_deletions else {
            return Brake::Off;
        };
        let turns = |(place, position): (usize, &usize)| {
            let repository = self.facts.inventory.repository(*position);
            let limited = limit(self.facts, self.evaluator.decide(&repository, self.survey));
            limited.turns(place).collect::<Vec<_>>()
        };
        Brake::on(self.order.par_iter().enumerate().flat_map_iter(turns).collect(), most)
    }

    fn empty(&self) -> Plan {
        Plan {
            schema: Schema,
            id: String::new(),
            now: self.facts.now,
            origin: self.facts.origin,
            usage_sources: usage_sources(self.facts),
            actions: Vec::new(),
            kept: Vec::new(),
            blocked: Vec::new(),
            limits: LimitsReport::default(),
            violations: Vec::new(),
            gaps: Vec::new(),
            warnings: Vec::new(),
        }
    }
}

fn usage_sources(facts: &Facts<'_>) -> Vec<String> {
    let sources = facts.usage.map_or(&[][..], |usage| &usage.sources);
    let mut names: Vec<String> = sources.iter().map(|source| source.name.clone()).collect();
    names.sort();
    names.dedup();
    names
}

#[cfg(test)]
mod tests;

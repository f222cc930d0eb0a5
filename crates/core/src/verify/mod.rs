//! A second opinion on a plan: a list of the laws it would break (design, section 6).
//!
//! It shares no code with the evaluation, the graph or the planner: what follows from the facts is worked out here
//! once more, from the design alone, so that one mistake cannot pass both. It does not judge rules; it checks that
//! whatever goes is free to go, whatever the rules say. Where the design leaves a choice, it takes the safe one.
//! Pure: no clock, no input, no output.

mod actions;
mod configured;
mod doings;
mod entries;
mod holds;
mod limits;
mod needs;
mod reasons;
mod times;
mod uses;
mod world;

#[cfg(test)]
mod tests;

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::facts::Facts;
use crate::model::{Digest, RegistryHost, RepositoryName, Tag};
use crate::plan::Plan;
use crate::policy::Policy;
use configured::Configured;
use doings::Doings;
use holds::Holds;
use world::{Contents, Place, World};

/// A law that a plan would break, and where.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Violation {
    /// The law.
    pub law: Law,
    /// The registry, if it concerns one.
    pub registry: Option<RegistryHost>,
    /// The repository, if it concerns one.
    pub repository: Option<RepositoryName>,
    /// The manifest, if it concerns one.
    pub digest: Option<Digest>,
    /// The tag, if it concerns one.
    pub tag: Option<Tag>,
    /// What is wrong, in plain words.
    pub detail: String,
}

/// What every plan must obey.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Law {
    /// Law 1: nothing in use or otherwise held goes; no child, subject or referrer of what stays.
    NothingNeededGoes,
    /// Law 5: every verdict has a reason that names its rule or its hold with the evidence; none is missing.
    EveryVerdictHasAReason,
    /// Law 6: no tag of a kept entry disappears.
    KeptTagsStay,
    /// What the configured limits say.
    Limits,
    /// What the plan says of the inventory is so, and it can be carried out in its order.
    Facts,
}

impl fmt::Display for Law {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NothingNeededGoes => "something held or needed would go",
            Self::EveryVerdictHasAReason => "a verdict has no good reason",
            Self::KeptTagsStay => "a tag that is kept would go",
            Self::Limits => "a limit is not kept",
            Self::Facts => "the plan contradicts the facts",
        })
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.law)?;
        if let Some(registry) = &self.registry {
            write!(f, "{registry}")?;
            if let Some(repository) = &self.repository {
                write!(f, "/{repository}")?;
            }
            if let Some(tag) = &self.tag {
                write!(f, ":{tag}")?;
            }
            if let Some(digest) = &self.digest {
                write!(f, "@{digest}")?;
            }
            f.write_str(": ")?;
        }
        f.write_str(&self.detail)
    }
}

impl Violation {
    fn of_plan(law: Law, detail: String) -> Self {
        Self {
            law,
            registry: None,
            repository: None,
            digest: None,
            tag: None,
            detail,
        }
    }

    fn of_registry(law: Law, registry: &RegistryHost, detail: String) -> Self {
        Self {
            registry: Some(registry.clone()),
            ..Self::of_plan(law, detail)
        }
    }

    fn of_repository(law: Law, (registry, name): Place<'_>, detail: String) -> Self {
        Self {
            repository: Some(name.clone()),
            ..Self::of_registry(law, registry, detail)
        }
    }
}

/// Every law that the plan would break on these facts, in a fixed order; none means that it may be applied.
pub fn verify(plan: &Plan, facts: &Facts<'_>) -> Vec<Violation> {
    let world = World::new(*facts, plan);
    let configured = Configured::new(facts.config);
    let holds = Holds::new(&world, &configured);
    let all = Doings::of(plan);
    let nothing = Doings::default();
    let mut violations = limits::check_run(plan, &configured);
    violations.extend(actions::bytes_add_up(plan, &world));
    violations.extend(whole_plan(plan, &world, &all));
    for (&place, contents) in &world.repositories {
        let doings = all.get(&place).unwrap_or(&nothing);
        let (world, configured, holds) = (&world, &configured, &holds);
        let mut inspection = Inspection {
            world,
            configured,
            holds,
            place,
            contents,
            doings,
            violations: Vec::new(),
        };
        inspection.run(plan);
        violations.append(&mut inspection.violations);
    }
    violations.sort_unstable();
    violations.dedup();
    violations
}

/// What concerns the plan as a whole.
fn whole_plan(
    plan: &Plan,
    world: &World<'_>,
    all: &std::collections::BTreeMap<Place<'_>, Doings<'_>>,
) -> Vec<Violation> {
    let mut violations = Vec::new();
    if plan.id != plan.compute_id() {
        violations.push(Violation::of_plan(
            Law::Facts,
            "its id is not the hash of its content".to_owned(),
        ));
    }
    if plan.now != world.facts.now {
        violations.push(Violation::of_plan(
            Law::Facts,
            format!("it is made for {}, not for {}", plan.now, world.facts.now),
        ));
    }
    for &place in all.keys().filter(|&place| !world.repositories.contains_key(place)) {
        violations.push(Violation::of_repository(
            Law::Facts,
            place,
            "the inventory does not have it".to_owned(),
        ));
    }
    violations
}

/// One repository under inspection: what is known, what is to be done, and what is wrong with that.
struct Inspection<'w, 'a> {
    world: &'w World<'a>,
    configured: &'w Configured<'a>,
    holds: &'w Holds<'w, 'a>,
    place: Place<'a>,
    contents: &'w Contents<'a>,
    doings: &'w Doings<'a>,
    violations: Vec<Violation>,
}

impl<'a> Inspection<'_, 'a> {
    fn run(&mut self, plan: &Plan) {
        let held = self.holds.of(self.place, self.contents);
        needs::check(self, &held);
        entries::check(self, &held);
        reasons::check(self);
        limits::check(self, plan);
        actions::check(self);
        if let Some(why) = self
            .contents
            .incomplete
            .as_ref()
            .filter(|_| !self.doings.actions.is_empty())
        {
            self.report_all(
                Law::NothingNeededGoes,
                format!("it has actions, and was not read wholly: {why}"),
            );
        }
    }

    /// The policy that governs the repository.
    fn policy(&self) -> Option<&'a Policy> {
        self.configured.policy(self.place)
    }

    fn report(&mut self, law: Law, digest: &Digest, detail: String) {
        self.report_tag(law, digest, None, detail);
    }

    fn report_tag(&mut self, law: Law, digest: &Digest, tag: Option<&Tag>, detail: String) {
        let violation = Violation::of_repository(law, self.place, detail);
        self.violations.push(Violation {
            digest: Some(digest.clone()),
            tag: tag.cloned(),
            ..violation
        });
    }

    fn report_all(&mut self, law: Law, detail: String) {
        self.violations.push(Violation::of_repository(law, self.place, detail));
    }
}

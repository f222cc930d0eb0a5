//! A second opinion on a plan: a list of the laws it would break (design, section 6).
//!
//! It shares no code with the evaluation, the graph or the planner: what follows from the facts is worked out here
//! once more, from the design alone, so that one mistake cannot pass both. It does not judge rules; it checks that
//! whatever goes is free to go, whatever the rules say. Where the design leaves a choice, it takes the safe one.
//! Pure: no clock, no input, no output.

mod actions;
mod archive;
mod bytes;
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

use std::collections::BTreeSet;
use std::fmt;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::facts::Facts;
use crate::model::{Digest, RegistryHost, RepositoryName, Tag};
use crate::plan::{ActionKind, Plan};
use bytes::{Freed, Tally};
use configured::{Configured, Local};
use doings::{AllDoings, Doings};
use holds::Holds;
use world::{Contents, Id, Node, Place, Standing, World};

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
    let mut violations = verify_laws(plan, facts);
    if !plan.is_unaltered() {
        let detail = "its id is not the hash of its content".to_owned();
        violations.push(Violation::of_plan(Law::Facts, detail));
        violations.sort_unstable();
    }
    violations
}

/// Everything but the plan's id, which is only given to a plan that was looked at.
pub fn verify_laws(plan: &Plan, facts: &Facts<'_>) -> Vec<Violation> {
    let all = AllDoings::new(plan);
    let mut world = World::new(*facts, plan, &all);
    let configured = Configured::new(facts.config);
    let tally = Tally::new(&world);
    let mut looks = look_everywhere(&world, &configured, &tally, (plan, &all));
    // Where a repository was not read wholly, nothing is proven to be absent from its registry.
    let incomplete: BTreeSet<RegistryHost> = looks
        .iter()
        .filter(|(_, look)| look.incomplete)
        .map(|(host, _)| (*host).clone())
        .collect();
    let disproved = incomplete.iter().filter(|host| world.disprove(host)).count();
    if disproved > 0 {
        looks = look_everywhere(&world, &configured, &tally, (plan, &all));
    }
    let mut violations = limits::check_run(plan, &configured);
    violations.extend(whole_plan(plan, &world, &all));
    let mut freed = Vec::new();
    for (host, look) in looks {
        violations.extend(look.violations);
        freed.push((host, look.freed));
    }
    violations.extend(bytes::add_up(plan, freed));
    violations.sort_unstable();
    violations.dedup();
    violations
}

/// What was seen in one repository.
struct Look {
    violations: Vec<Violation>,
    freed: Freed,
    incomplete: bool,
}

/// Inspects every repository of the inventory.
fn look_everywhere<'a>(
    world: &World<'a>,
    configured: &Configured<'a>,
    tally: &Tally<'_>,
    (plan, all): (&Plan, &AllDoings<'_>),
) -> Vec<(&'a RegistryHost, Look)> {
    let holds = Holds::new(world, configured);
    let look = |(place, positions): (&Place<'a>, &Vec<usize>)| {
        let records = world.records(positions);
        let contents = Contents::new(&records)?;
        let mut inspection = Inspection::new((world, &holds), *place, &contents, (plan, all.of(*place)));
        inspection.run();
        let look = Look {
            freed: tally.freed(&inspection),
            violations: inspection.violations,
            incomplete: contents.incomplete.is_some(),
        };
        Some((place.0, look))
    };
    world.places.par_iter().filter_map(look).collect()
}

/// What concerns the plan as a whole.
fn whole_plan(plan: &Plan, world: &World<'_>, all: &AllDoings<'_>) -> Vec<Violation> {
    let mut violations = Vec::new();
    if plan.now != world.facts.now {
        violations.push(Violation::of_plan(
            Law::Facts,
            format!("it is made for {}, not for {}", plan.now, world.facts.now),
        ));
    }
    for place in all.places().filter(|place| !world.places.contains_key(place)) {
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
    holds: &'w Holds<'w, 'a>,
    local: Local<'w>,
    place: Place<'a>,
    contents: &'w Contents<'w>,
    /// What each manifest is to the rules.
    standings: Vec<Standing>,
    plan: &'w Plan,
    doings: &'w Doings,
    /// For each manifest that is deleted, the place of its (first) action in the plan.
    deleted: Vec<Option<usize>>,
    /// For each manifest that the plan archives, the place of its (first) action.
    archived: Vec<Option<usize>>,
    /// Whether each tag is in an action.
    lost: Vec<bool>,
    violations: Vec<Violation>,
}

impl<'w, 'a> Inspection<'w, 'a> {
    fn new(
        (world, holds): (&'w World<'a>, &'w Holds<'w, 'a>),
        place: Place<'a>,
        contents: &'w Contents<'w>,
        (plan, doings): (&'w Plan, &'w Doings),
    ) -> Self {
        let mut deleted = vec![None; contents.nodes.len()];
        let mut archived = vec![None; contents.nodes.len()];
        let mut lost = vec![false; contents.tags.len()];
        for (number, action) in doings.actions(plan) {
            let taken = match action.action {
                ActionKind::Delete => Some(&mut deleted),
                ActionKind::Archive => Some(&mut archived),
                ActionKind::Untag => None,
            };
            if let (Some(taken), Some(id)) = (taken, contents.id(&action.digest)) {
                taken[id].get_or_insert(number);
            }
            for tag in action.tags.iter().filter_map(|tag| contents.tag_id(tag)) {
                lost[tag] = true;
            }
        }
        Self {
            world,
            holds,
            local: holds.local(place),
            place,
            contents,
            standings: world.standings(contents),
            plan,
            doings,
            deleted,
            archived,
            lost,
            violations: Vec::new(),
        }
    }

    fn run(&mut self) {
        let held = self.holds.of(self);
        needs::check(self, &held);
        entries::check(self, &held);
        reasons::check(self);
        limits::check(self);
        actions::check(self);
        archive::check(self);
        let acts = self.doings.actions(self.plan).next().is_some();
        if let Some(why) = self.contents.incomplete.as_ref().filter(|_| acts) {
            let detail = format!("it has actions, and was not read wholly: {why}");
            self.report_all(Law::NothingNeededGoes, detail);
        }
    }

    fn node(&self, id: Id) -> &'w Node<'w> {
        &self.contents.nodes[id]
    }

    fn digest(&self, id: Id) -> &'w Digest {
        &self.contents.nodes[id].manifest.digest
    }

    fn deletes(&self, id: Id) -> bool {
        self.deleted[id].is_some()
    }

    fn archives(&self, id: Id) -> bool {
        self.archived[id].is_some()
    }

    /// It is deleted or archived: where its action stands.
    fn goes(&self, id: Id) -> Option<usize> {
        self.deleted[id].or(self.archived[id])
    }

    /// It is in the archive once the plan is carried out.
    fn ends_archived(&self, id: Id) -> bool {
        let before = self.contents.nodes[id].manifest.archived_at.is_some();
        !self.deletes(id) && (before || self.archives(id))
    }

    fn goes_digest(&self, digest: &Digest) -> bool {
        self.contents.id(digest).is_some_and(|id| self.goes(id).is_some())
    }

    /// Whether the plan takes a tag away.
    fn loses(&self, tag: &Tag) -> bool {
        self.contents.tag_id(tag).is_some_and(|tag| self.lost[tag])
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

//! What is held, whatever the rules say (design, section 5).

use std::fmt;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::Inspection;
use super::configured::{Configured, Local};
use super::times::{Times, since};
use super::uses::{Uses, partial_sources};
use super::world::{Id, Place, Standing, World};
use crate::model::Manifest;
use crate::reason::Hold;

const KEEP: &str = "io.jettison.keep";
const RESTORED_FOR: SignedDuration = SignedDuration::from_hours(30 * 24);

/// Why a manifest is held, and on account of which manifest.
#[derive(Debug, Clone)]
pub(super) struct Held<'a> {
    pub(super) hold: Hold,
    pub(super) origin: Id,
    pub(super) because: Because<'a>,
}

/// The evidence for a hold; words are made of it only where it matters.
#[derive(Debug, Clone)]
pub(super) enum Because<'a> {
    UsedBy(&'a str),
    PutBack(Timestamp),
    Since(Timestamp),
    Says(&'a str),
    Text(Arc<str>),
}

impl fmt::Display for Because<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UsedBy(by) => write!(f, "used by `{by}`"),
            Self::PutBack(at) => write!(f, "put back at {at}"),
            Self::Since(from) => write!(f, "since {from}"),
            Self::Says(what) => f.write_str(what),
            Self::Text(text) => f.write_str(text),
        }
    }
}

type Why<'a> = (Hold, Because<'a>);

/// What decides about holds, worked out once for the whole plan.
pub(super) struct Holds<'w, 'a> {
    world: &'w World<'a>,
    configured: &'w Configured<'a>,
    uses: Uses<'a>,
}

impl<'w, 'a> Holds<'w, 'a> {
    pub(super) fn new(world: &'w World<'a>, configured: &'w Configured<'a>) -> Self {
        Self {
            world,
            configured,
            uses: Uses::new(world, configured),
        }
    }

    pub(super) fn configured(&self) -> &'w Configured<'a> {
        self.configured
    }

    /// What the configuration says of one repository.
    pub(super) fn local(&self, place: Place<'_>) -> Local<'_> {
        self.configured.local(place)
    }

    /// For each manifest of a repository why it is held, by itself or on account of another, if it is.
    pub(super) fn of<'i>(&'i self, inspection: &Inspection<'i, 'a>) -> Vec<Option<Held<'i>>> {
        let contents = inspection.contents;
        if let Some((hold, because)) = self.whole_repository(inspection) {
            let held = |origin| {
                let because = because.clone();
                Some(Held { hold, origin, because })
            };
            return (0..contents.nodes.len()).map(held).collect();
        }
        let times = Times::new(contents, self.world.facts.now);
        let tags = self.uses.of_tags(inspection.place, self.configured);
        let mut held = Vec::with_capacity(contents.nodes.len());
        let mut used = vec![None; contents.nodes.len()];
        for (id, used) in used.iter_mut().enumerate() {
            let by_itself = match self.uses.of(inspection, id, tags) {
                Some(using) => Some((using.hold, Because::UsedBy(using.by))),
                None => self.by_itself(inspection, id, &times),
            };
            let why = by_itself.map(|(hold, because)| Held {
                hold,
                origin: id,
                because,
            });
            if matches!(&why, Some(why) if matches!(why.hold, Hold::InUse | Hold::RecentlyUsed)) {
                used.clone_from(&why);
            }
            held.push(why);
        }
        spread(&mut held, |id| contents.above(id).collect());
        spread(&mut used, |id| contents.nodes[id].children.clone());
        for (known, used) in held.iter_mut().zip(used) {
            if known.is_none() {
                *known = used;
            }
        }
        held
    }

    /// A hold on everything in the repository.
    fn whole_repository(&self, inspection: &Inspection<'_, 'a>) -> Option<Why<'static>> {
        let incomplete = inspection.contents.incomplete.as_deref();
        let incomplete = incomplete.map(|why| (Hold::Incomplete, Because::Text(Arc::from(why))));
        incomplete.or_else(|| {
            let usage = self.world.facts.usage;
            let partial = usage
                .map(|usage| partial_sources(usage, &self.uses))
                .unwrap_or_default();
            let why = self.configured.usage_unclear(inspection.place, usage, &partial)?;
            Some((Hold::UsageIncomplete, Because::Text(Arc::from(why))))
        })
    }

    /// A hold on the manifest itself, uses apart.
    fn by_itself<'i>(&self, inspection: &Inspection<'i, '_>, id: Id, times: &Times<'_>) -> Option<Why<'i>> {
        let manifest = inspection.node(id).manifest;
        self.restored(manifest)
            .or_else(|| protected(inspection, id))
            .or_else(|| self.grace(inspection, id, times))
            .or_else(|| unproven(inspection, id))
    }

    fn restored(&self, manifest: &Manifest) -> Option<Why<'static>> {
        let restored_at = manifest.restored_at?;
        let recent = since(restored_at, self.world.facts.now) < RESTORED_FOR;
        recent.then_some((Hold::Restored, Because::PutBack(restored_at)))
    }

    fn grace(&self, inspection: &Inspection<'_, '_>, id: Id, times: &Times<'_>) -> Option<Why<'static>> {
        match times.grace_from(id, inspection.local.trusts_created) {
            None => Some((Hold::Grace, Because::Says("nobody knows when it came"))),
            Some(from) => {
                let recent = since(from, self.world.facts.now) < self.configured.grace();
                recent.then_some((Hold::Grace, Because::Since(from)))
            }
        }
    }
}

fn unproven(inspection: &Inspection<'_, '_>, id: Id) -> Option<Why<'static>> {
    let because = Because::Says("its subject is not here and not proven to be gone");
    (inspection.standings[id] == Standing::Unproven).then_some((Hold::Incomplete, because))
}

fn protected<'i>(inspection: &Inspection<'i, '_>, id: Id) -> Option<Why<'i>> {
    let node = inspection.node(id);
    let says_keep = [&node.manifest.labels, &node.manifest.annotations].iter().any(|texts| {
        let word = texts.get(KEEP);
        word.is_some_and(|word| word == "true")
    });
    if says_keep {
        return Some((Hold::Protected, Because::Says("it says io.jettison.keep")));
    }
    let tags = || inspection.contents.tags_of(node).map(|tag| &tag.name);
    let digest = &node.manifest.digest;
    let pattern = inspection.local.protects(digest, tags)?;
    let text = format!("`protect` lists {pattern}");
    Some((Hold::Protected, Because::Text(text.into())))
}

/// What else each held manifest holds, to the end. The first reason found is as good as any other.
fn spread(held: &mut [Option<Held<'_>>], next: impl Fn(Id) -> Vec<Id>) {
    let mut open: Vec<Id> = (0..held.len()).filter(|id| held[*id].is_some()).collect();
    while let Some(id) = open.pop() {
        for other in next(id) {
            if held[other].is_none() {
                held[other] = held[id].clone();
                open.push(other);
            }
        }
    }
}

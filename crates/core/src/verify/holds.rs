//! What is held, whatever the rules say (design, section 5).

use std::collections::HashMap;

use super::configured::Configured;
use super::times::{grace_from, since};
use super::uses::{Uses, partial_sources};
use super::world::{Contents, Node, Place, Standing, World};
use crate::model::{Digest, Manifest, Tag};
use crate::reason::Hold;
use jiff::SignedDuration;

const KEEP: &str = "io.jettison.keep";
const RESTORED_FOR: SignedDuration = SignedDuration::from_hours(30 * 24);

/// Why a manifest is held, and on account of which manifest.
#[derive(Debug, Clone)]
pub(super) struct Held<'a> {
    pub(super) hold: Hold,
    pub(super) origin: &'a Digest,
    pub(super) because: String,
}

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

    /// Every held manifest of a repository: those held themselves, and those held on account of others.
    pub(super) fn of(&self, place: Place<'a>, contents: &Contents<'a>) -> HashMap<&'a Digest, Held<'a>> {
        if let Some((hold, because)) = self.whole_repository(place, contents) {
            let all = contents.nodes.keys();
            return all
                .map(|&origin| {
                    (
                        origin,
                        Held {
                            hold,
                            origin,
                            because: because.clone(),
                        },
                    )
                })
                .collect();
        }
        let mut held = HashMap::new();
        let mut used = HashMap::new();
        for (&origin, node) in &contents.nodes {
            if let Some((hold, because)) = self.itself(place, contents, node) {
                let known = Held { hold, origin, because };
                if matches!(hold, Hold::InUse | Hold::RecentlyUsed) {
                    used.insert(origin, known.clone());
                }
                held.insert(origin, known);
            }
        }
        spread(&mut held, |digest| contents.above(digest));
        spread(&mut used, |digest| below(contents, digest));
        for (digest, why) in used {
            held.entry(digest).or_insert(why);
        }
        held
    }

    /// A hold on everything in the repository.
    fn whole_repository(&self, place: Place<'a>, contents: &Contents<'a>) -> Option<(Hold, String)> {
        let usage = self.world.facts.usage;
        let partial = usage
            .map(|usage| partial_sources(usage, &self.uses))
            .unwrap_or_default();
        let unclear = self.configured.usage_unclear(place, usage, &partial);
        let incomplete = contents.incomplete.clone().map(|why| (Hold::Incomplete, why));
        incomplete.or_else(|| unclear.map(|why| (Hold::UsageIncomplete, why)))
    }

    /// A hold on the manifest itself.
    fn itself(&self, place: Place<'a>, contents: &Contents<'a>, node: &Node<'a>) -> Option<(Hold, String)> {
        let used = self.uses.of(place, node, self.configured);
        used.map(|used| (used.hold, format!("used by `{}`", used.by)))
            .or_else(|| self.restored(node.manifest))
            .or_else(|| self.protected(place, node))
            .or_else(|| self.grace(place, contents, node))
            .or_else(|| self.unproven(contents, node))
    }

    fn unproven(&self, contents: &Contents<'a>, node: &Node<'a>) -> Option<(Hold, String)> {
        let unproven = self.world.standing(contents, node) == Standing::Unproven;
        unproven.then(|| {
            (
                Hold::Incomplete,
                "its subject is not here and not proven to be gone".to_owned(),
            )
        })
    }

    fn restored(&self, manifest: &Manifest) -> Option<(Hold, String)> {
        let restored_at = manifest.restored_at?;
        let recent = since(restored_at, self.world.facts.now) < RESTORED_FOR;
        recent.then(|| (Hold::Restored, format!("put back at {restored_at}")))
    }

    fn protected(&self, place: Place<'a>, node: &Node<'a>) -> Option<(Hold, String)> {
        let says_keep = [&node.manifest.labels, &node.manifest.annotations].iter().any(|texts| {
            let word = texts.get(KEEP);
            word.is_some_and(|word| word == "true")
        });
        let why = if says_keep {
            Some(format!("it says {KEEP}"))
        } else {
            self.configured.protects(place, node)
        };
        why.map(|why| (Hold::Protected, why))
    }

    fn grace(&self, place: Place<'a>, contents: &Contents<'a>, node: &Node<'a>) -> Option<(Hold, String)> {
        let now = self.world.facts.now;
        match grace_from(contents, node, self.configured.trusts_created(place.0), now) {
            None => Some((Hold::Grace, "nobody knows when it came".to_owned())),
            Some(from) => (since(from, now) < self.configured.grace()).then(|| (Hold::Grace, format!("since {from}"))),
        }
    }

    /// Whether the tag must stay where it is.
    pub(super) fn immutable(&self, place: Place<'a>, node: &Node<'a>, tag: &Tag) -> bool {
        node.tags.iter().any(|entry| entry.name == *tag && entry.immutable) || self.configured.immutable(place, tag)
    }
}

/// What else each held manifest holds, to the end. The first reason found is as good as any other.
fn spread<'a>(held: &mut HashMap<&'a Digest, Held<'a>>, next: impl Fn(&Digest) -> Vec<&'a Digest>) {
    let mut open: Vec<&'a Digest> = held.keys().copied().collect();
    open.sort_unstable();
    while let Some(digest) = open.pop() {
        let Some(why) = held.get(digest).cloned() else { continue };
        for other in next(digest) {
            if !held.contains_key(other) {
                held.insert(other, why.clone());
                open.push(other);
            }
        }
    }
}

fn below<'a>(contents: &Contents<'a>, digest: &Digest) -> Vec<&'a Digest> {
    contents
        .nodes
        .get(digest)
        .map(|node| node.manifest.children.iter().collect())
        .unwrap_or_default()
}

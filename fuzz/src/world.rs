//! A small world to plan on, and the laws that every plan obeys, in words that need no planner.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use jettison_core::config::Config;
use jettison_core::facts::{Facts, Origin};
use jettison_core::model::{Digest, Inventory, Repository, Usage};
use jettison_core::plan::{Action, ActionKind, Plan, plan};
use jiff::Timestamp;

use crate::oracle::assert_message;

/// A repository in which something is held, needed, in use, attached, and free to go.
const INVENTORY: &str = include_str!("../seeds/facts/shop.json");

const USAGE: &str = r#"{"schema":1,"taken_at":"2026-03-10T11:00:00Z","sources":[{"name":"prod","kind":"file","status":"complete",
    "references":[{"image":"registry.example.com/apps/web:main-1a2b3c4","used_by":"Pod shop/web-0"}]}]}"#;

/// Takes all that it may.
const EAGER: &str = "
policies:
  - name: eager
    untag: true
    rules:
      - { name: kept, match: { tags: ['keep-*'], kinds: [image, build-cache, chart, artifact] }, keep: always }
      - { name: gone, match: { kinds: [image, build-cache, chart, artifact, orphan] }, expire: { older-than: 12h } }
limits: { max-share: 100%, keep-at-least: 0 }
";

/// What is known when nothing else is asked for.
pub(crate) struct World {
    pub(crate) inventory: Inventory,
    pub(crate) usage: Usage,
    pub(crate) eager: Config,
}

static WORLD: LazyLock<Option<World>> = LazyLock::new(|| {
    Some(World {
        inventory: serde_json::from_str(INVENTORY).ok()?,
        usage: serde_json::from_str(USAGE).ok()?,
        eager: Config::parse("eager.yaml", EAGER).ok()?.0,
    })
});

impl World {
    /// The one that there is.
    pub(crate) fn get() -> &'static Self {
        let Some(world) = WORLD.as_ref() else {
            unreachable!("the world's texts are legal");
        };
        world
    }

    /// Facts of this world.
    pub(crate) fn facts(&self) -> Facts<'_> {
        facts(&self.inventory, Some(&self.usage), &self.eager)
    }
}

/// Facts to plan on.
pub(crate) fn facts<'a>(inventory: &'a Inventory, usage: Option<&'a Usage>, config: &'a Config) -> Facts<'a> {
    Facts {
        inventory,
        usage,
        config,
        now: now(),
        origin: Origin::Registries,
    }
}

/// The moment of every decision here.
pub(crate) fn now() -> Timestamp {
    "2026-03-10T12:00:00Z".parse().unwrap_or_default()
}

/// The plan that follows from `facts`: one that breaks no law, as `verify` and as this file tells it.
pub(crate) fn planned(facts: &Facts<'_>) -> Plan {
    let plan = plan(facts);
    assert!(plan.violations.is_empty(), "{:?}", plan.violations);
    assert!(plan.is_unaltered());
    plan.gaps
        .iter()
        .chain(&plan.warnings)
        .for_each(|text| assert_message(text));
    assert!((0..facts.inventory.count()).all(|position| nothing_needed_goes(
        &facts.inventory.repository(position),
        &plan,
        facts
    )));
    plan
}

/// Law 1: nothing in use goes, and no child, subject or referrer of what stays.
fn nothing_needed_goes(repository: &Repository, plan: &Plan, facts: &Facts<'_>) -> bool {
    let deletes = |action: &&Action| action.action == ActionKind::Delete && !action.refused;
    let here = |action: &&Action| action.registry == repository.registry && action.repository == repository.name;
    let actions = plan.actions.iter().filter(deletes).filter(here);
    let gone: BTreeSet<&Digest> = actions.map(|action| &action.digest).collect();
    let sources = facts.usage.map_or(&[][..], |usage| &usage.sources);
    let mut used = sources
        .iter()
        .flat_map(|source| source.references.iter().filter_map(|it| it.digest.as_ref()));
    !used.any(|digest| gone.contains(digest))
        && repository.manifests.iter().all(|manifest| {
            let stays = !gone.contains(&manifest.digest);
            let needed = manifest
                .children
                .iter()
                .chain(&manifest.subject)
                .all(|needed| !gone.contains(needed));
            let subject = manifest
                .subject
                .as_ref()
                .filter(|subject| is_known(repository, subject));
            let attached = subject.is_none_or(|subject| gone.contains(subject));
            if stays { needed } else { attached }
        })
}

fn is_known(repository: &Repository, digest: &Digest) -> bool {
    repository.manifests.iter().any(|manifest| manifest.digest == *digest)
}

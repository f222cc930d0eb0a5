//! Worlds that differ a little: shuffled, after an apply, and with something more that protects.

use std::collections::BTreeSet;

use jettison_core::model::{Digest, Gap, Reference, Schema, SourceReport, SourceStatus, Tag, Usage};
use jettison_core::plan::{ActionKind, Plan};
use proptest::prelude::*;
use proptest::sample::Index;

use super::users::reference;
use super::{World, ago};

/// Something that may only add protection.
#[derive(Debug, Clone)]
pub(crate) enum Protection {
    /// Somebody refers to something.
    Reference(Reference),
    /// A manifest was put back yesterday.
    Restored(Index),
    /// A manifest says that it must stay.
    Label(Index),
    /// A tag must not be removed.
    Immutable(Index),
    /// Nothing may be deleted without the word of a source that says nothing.
    Expects,
    /// A source does not say everything.
    Partial(&'static str),
    /// A repository was not read wholly.
    Gap(Index),
    /// A registry was not read wholly.
    Incomplete,
    /// The configuration protects something.
    Protect(&'static str),
}

/// Any protection.
pub(crate) fn protections() -> impl Strategy<Value = Protection> {
    prop_oneof![
        6 => reference().prop_map(Protection::Reference),
        3 => any::<Index>().prop_map(Protection::Restored),
        3 => any::<Index>().prop_map(Protection::Label),
        3 => any::<Index>().prop_map(Protection::Immutable),
        1 => Just(Protection::Expects),
        1 => prop::sample::select(vec!["**", "r2.example:5000/**", "**/app"]).prop_map(Protection::Partial),
        1 => any::<Index>().prop_map(Protection::Gap),
        1 => Just(Protection::Incomplete),
        2 => prop::sample::select(vec!["app:main*", "**:v*", "lib/*"]).prop_map(Protection::Protect),
    ]
}

impl World {
    /// The same world with one protection more.
    pub(crate) fn protected_by(&self, protection: &Protection) -> Self {
        let mut world = self.clone();
        let repositories = &mut world.inventory.repositories;
        match protection {
            Protection::Reference(reference) => world.source().references.push(reference.clone()),
            Protection::Restored(index) => {
                if let Some(manifest) = pick(repositories.iter_mut().flat_map(|it| &mut it.manifests), *index) {
                    manifest.restored_at = Some(ago(24));
                }
            }
            Protection::Label(index) => {
                if let Some(manifest) = pick(repositories.iter_mut().flat_map(|it| &mut it.manifests), *index) {
                    manifest
                        .annotations
                        .insert("io.jettison.keep".to_owned(), "true".to_owned());
                }
            }
            Protection::Immutable(index) => {
                if let Some(tag) = pick(repositories.iter_mut().flat_map(|it| &mut it.tags), *index) {
                    tag.immutable = true;
                }
            }
            Protection::Expects => {
                return self.with_settings(|settings| settings.expects = Some("[prod, dev, nobody]"));
            }
            Protection::Partial(covers) => {
                let source = world.source();
                source.covers = vec![(*covers).to_owned()];
                source.status = SourceStatus::Partial;
            }
            Protection::Gap(index) => {
                if let Some(repository) = pick(repositories.iter_mut(), *index) {
                    repository.gaps.push(Gap("forbidden".to_owned()));
                }
            }
            Protection::Incomplete => world.inventory.complete_registries.clear(),
            Protection::Protect(pattern) => {
                return self.with_settings(|settings| settings.protect.push((*pattern).to_owned()));
            }
        }
        world
    }

    /// A further source, which knows of nothing yet.
    fn source(&mut self) -> &mut SourceReport {
        let usage = self.usage.get_or_insert_with(|| Usage {
            schema: Schema,
            taken_at: ago(0),
            sources: Vec::new(),
        });
        usage.sources.push(SourceReport {
            name: "further".to_owned(),
            kind: "file".to_owned(),
            status: SourceStatus::Complete,
            covers: vec!["**".to_owned()],
            answers_for: Vec::new(),
            gaps: Vec::new(),
            references: Vec::new(),
        });
        usage.sources.last_mut().unwrap()
    }

    /// The same world, told in another order.
    pub(crate) fn shuffled(&self, seed: u64) -> Self {
        let mut world = self.clone();
        let mut dice = Dice(seed);
        dice.shuffle(&mut world.inventory.repositories);
        for repository in &mut world.inventory.repositories {
            dice.shuffle(&mut repository.tags);
            dice.shuffle(&mut repository.manifests);
            dice.shuffle(&mut repository.gaps);
            for manifest in &mut repository.manifests {
                // Alike for all, so that what is listed twice does not come to contradict itself.
                Dice(seed).shuffle(&mut manifest.children);
                Dice(seed).shuffle(&mut manifest.blobs);
            }
        }
        for source in world.usage.iter_mut().flat_map(|usage| &mut usage.sources) {
            dice.shuffle(&mut source.references);
            dice.shuffle(&mut source.covers);
            dice.shuffle(&mut source.gaps);
        }
        if let Some(usage) = &mut world.usage {
            dice.shuffle(&mut usage.sources);
        }
        world
    }

    /// The world after the plan was carried out, refused actions only on demand.
    pub(crate) fn applied(&self, plan: &Plan, refused_too: bool) -> Self {
        let mut world = self.clone();
        for action in plan.actions.iter().filter(|action| refused_too || !action.refused) {
            let lost: BTreeSet<&Tag> = action.tags.iter().collect();
            let here = |it: &&mut jettison_core::model::Repository| {
                it.registry == action.registry && it.name == action.repository
            };
            for repository in world.inventory.repositories.iter_mut().filter(here) {
                if action.action == ActionKind::Archive {
                    let archived = repository.manifests.iter_mut().filter(|it| it.digest == action.digest);
                    archived.for_each(|manifest| manifest.archived_at = Some(ago(0)));
                    continue;
                }
                repository.tags.retain(|tag| !lost.contains(&tag.name));
                if action.action == ActionKind::Delete {
                    repository.manifests.retain(|manifest| manifest.digest != action.digest);
                }
            }
        }
        world
    }
}

/// What a plan deletes, refused or not.
pub(crate) fn deleted(plan: &Plan) -> BTreeSet<(String, Digest)> {
    taken(plan, |action| action == ActionKind::Delete)
}

/// What a plan deletes or archives, refused or not.
pub(crate) fn gone(plan: &Plan) -> BTreeSet<(String, Digest)> {
    taken(plan, |action| action != ActionKind::Untag)
}

fn taken(plan: &Plan, counts: impl Fn(ActionKind) -> bool) -> BTreeSet<(String, Digest)> {
    let actions = plan.actions.iter().filter(|action| counts(action.action));
    actions
        .map(|action| {
            (
                format!("{}/{}", action.registry, action.repository),
                action.digest.clone(),
            )
        })
        .collect()
}

fn pick<T>(items: impl Iterator<Item = T>, index: Index) -> Option<T> {
    let mut items: Vec<T> = items.collect();
    if items.is_empty() {
        None
    } else {
        Some(items.swap_remove(index.index(items.len())))
    }
}

/// Numbers that look random and depend on the seed alone (a linear congruential generator).
struct Dice(u64);

impl Dice {
    fn below(&mut self, most: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % most
    }

    fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last + 1));
        }
    }
}

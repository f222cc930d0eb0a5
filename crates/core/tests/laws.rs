//! The laws of design section 6, on worlds where everything collides.
//!
//! `verify` is held against the planner here, and the planner against `verify`: each must find the other's mistakes.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests: a failure is a failed test"
)]

mod worlds;

use std::collections::{BTreeMap, BTreeSet};

use jettison_core::model::{Digest, Kind, Manifest, Repository, SourceStatus, TagEntry};
use jettison_core::plan::{Action, ActionKind, Kept, Plan, plan};
use jettison_core::policy::RuleAction;
use jettison_core::reason::{Hold, Reason, Relation, Ruling};
use jettison_core::verify::{Law, Violation, verify};
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::strategy::ValueTree as _;

use worlds::{World, deleted, gone, protections, worlds, worlds_without_brake};

fn planned(world: &World) -> Plan {
    let facts = world.facts();
    plan(&facts)
}

fn config() -> ProptestConfig {
    ProptestConfig {
        failure_persistence: None,
        max_shrink_iters: 5_000,
        ..ProptestConfig::default()
    }
}

/// Everything of these, as the inventory knows it.
fn manifests<'w>(world: &'w World, taken: &BTreeSet<(String, Digest)>) -> Vec<(&'w Repository, &'w Manifest)> {
    let goes = |repository: &Repository, digest: &Digest| {
        taken.contains(&(format!("{}/{}", repository.registry, repository.name), digest.clone()))
    };
    let all = world
        .inventory
        .repositories
        .iter()
        .flat_map(|it| it.manifests.iter().map(move |manifest| (it, manifest)));
    all.filter(|(repository, manifest)| goes(repository, &manifest.digest))
        .collect()
}

/// A refused deletion of a digest which another repository of the registry has asked for in vain.
///
/// What is attached to that digest there is no orphan while the copy exists. A plan does not rely on what it
/// refuses itself; once somebody accepts the share, the next plan follows.
fn refuses_what_orphans_elsewhere(world: &World, plan: &Plan) -> bool {
    plan.actions.iter().filter(|action| action.refused).any(|action| {
        let elsewhere = |other: &&Repository| other.registry == action.registry && other.name != action.repository;
        let others = world.inventory.repositories.iter().filter(elsewhere);
        others.into_iter().any(|other| other.missing.contains(&action.digest))
    })
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn no_plan_breaks_a_law(world in worlds()) {
        let plan = planned(&world);
        let violations = verify(&plan, &world.facts());
        prop_assert!(violations.is_empty(), "{}\n{}", listed(&violations), serde_json::to_string(&plan).unwrap());
        prop_assert!(plan.violations.is_empty() && plan.is_unaltered());
    }

    /// Law 1, in words that need no graph.
    #[test]
    fn nothing_used_or_needed_is_deleted(world in worlds()) {
        let plan = planned(&world);
        let gone = manifests(&world, &gone(&plan));
        let deleted = deleted(&plan);
        let used: BTreeSet<&Digest> = world.usage.iter().flat_map(|usage| &usage.sources).flat_map(|source| &source.references)
            .filter(|reference| reference.last_seen_at.is_none()).filter_map(|reference| reference.digest.as_ref()).collect();
        for (repository, manifest) in &gone {
            prop_assert!(repository.gaps.is_empty() && repository.capabilities.delete != Some(false));
            prop_assert!(!used.contains(&manifest.digest) && !manifest.config_digest.iter().any(|it| used.contains(it)));
            prop_assert!(manifest.annotations.get("io.jettison.keep").is_none_or(|word| word != "true"));
            prop_assert!(!repository.tags.iter().any(|tag| tag.digest == manifest.digest && tag.immutable));
            for other in &repository.manifests {
                let goes = gone.iter().any(|(place, it)| place.name == repository.name && place.registry == repository.registry && it.digest == other.digest);
                let place = format!("{}/{}", repository.registry, repository.name);
                let is_deleted = |digest: &Digest| deleted.contains(&(place.clone(), digest.clone()));
                // What is in the archive only needs that the others are there.
                let stays = match is_deleted(&manifest.digest) {
                    true => !is_deleted(&other.digest),
                    false => !goes && other.archived_at.is_none(),
                };
                let related = other.children.contains(&manifest.digest) || other.subject.as_ref() == Some(&manifest.digest) || manifest.subject.as_ref() == Some(&other.digest);
                prop_assert!(!(stays && related), "{} goes, {} stays", manifest.digest, other.digest);
            }
        }
        let partial = |it: &jettison_core::model::SourceReport| it.status == SourceStatus::Partial && it.covers == ["**"];
        if world.usage.iter().flat_map(|usage| &usage.sources).any(partial) {
            prop_assert!(plan.actions.is_empty());
        }
    }

    /// Law 2.
    #[test]
    fn protecting_more_never_deletes_more(world in worlds_without_brake(), protection in protections()) {
        let plan = planned(&world);
        // A fuse that is blown keeps what it refuses, and so nothing elsewhere is an orphan for that. With more held it may
        // be whole, and then what it let go of makes orphans as in any other plan.
        prop_assume!(!refuses_what_orphans_elsewhere(&world, &plan));
        let after = planned(&world.protected_by(&protection));
        for (what, taken) in [("deleted", deleted as fn(&Plan) -> _), ("gone", gone)] {
            let (before, after) = (taken(&plan), taken(&after));
            let added: Vec<_> = after.difference(&before).collect();
            prop_assert!(added.is_empty(), "{what}: {added:?}");
        }
    }

    /// Law 3.
    #[test]
    fn the_order_of_the_input_changes_no_byte(world in worlds(), seed in any::<u64>()) {
        let (plan, other) = (planned(&world), planned(&world.shuffled(seed)));
        prop_assert_eq!(serde_json::to_string(&plan).unwrap(), serde_json::to_string(&other).unwrap());
    }

    /// Law 4.
    #[test]
    fn planning_again_after_an_apply_deletes_nothing_more(world in worlds_without_brake()) {
        let plan = planned(&world);
        prop_assume!(!refuses_what_orphans_elsewhere(&world, &plan));
        let again = gone(&planned(&world.applied(&plan, true)));
        prop_assert!(again.is_empty(), "after everything: {again:?}");
        let again = gone(&planned(&world.applied(&plan, false)));
        let before = gone(&plan);
        let added: Vec<_> = again.difference(&before).collect();
        prop_assert!(added.is_empty(), "after what is not refused: {added:?}");
    }

    /// Law 5: what is kept or goes says why, and says it in the words of the design.
    #[test]
    fn every_verdict_has_a_reason(world in worlds()) {
        let plan = planned(&world);
        for action in &plan.actions {
            let follows = matches!(action.reason, Reason::Follows { .. });
            prop_assert!(follows || matches!(&action.reason, Reason::Expired(rule) if !rule.conditions().is_empty()));
        }
        for kept in plan.kept.iter().chain(&plan.blocked) {
            let by_rule = kept.reason.ruling().is_some_and(|rule| !rule.rule().is_empty() && !rule.policy().is_empty());
            let by_hold = matches!(&kept.reason, Reason::Hold { because, .. } if !because.is_empty());
            prop_assert!(by_rule || by_hold || matches!(kept.reason, Reason::NoRule { .. }), "{:?}", kept.reason);
        }
    }

    /// Law 6.
    #[test]
    fn no_tag_of_a_kept_entry_disappears(world in worlds()) {
        let plan = planned(&world);
        for kept in plan.kept.iter().chain(&plan.blocked) {
            let takes = |action: &&Action| action.registry == kept.registry && action.repository == kept.repository
                && (kept.tag.as_ref().is_some_and(|tag| action.tags.contains(tag)) || (action.digest == kept.digest && action.action != ActionKind::Untag));
            prop_assert!(!plan.actions.iter().any(|action| takes(&action)), "{kept:?}");
        }
    }

    /// A plan survives being written to a file.
    #[test]
    fn a_plan_reads_as_it_was_written(world in worlds()) {
        let plan = planned(&world);
        let read: Plan = serde_json::from_str(&serde_json::to_string(&plan).unwrap()).unwrap();
        prop_assert_eq!(read, plan);
    }
}

fn listed(violations: &[Violation]) -> String {
    violations.iter().map(|violation| format!("\n  {violation}")).collect()
}

// ---- A verify that finds nothing would pass everything above. Here plans are spoilt, and it must find that.

/// Ways to spoil a plan.
#[derive(Debug, Clone, Copy)]
enum Spoil {
    /// Deletes something that the plan does not delete.
    Delete,
    /// Deletes something that is kept, and says no more that it is kept.
    DeleteKept,
    /// Takes away the tag of an entry that is kept, and says no more that it is kept.
    UntagKept,
    /// Leaves out an entry.
    ForgetKept,
    /// Says something twice.
    RepeatKept,
    /// Leaves out the deletion of something that goes along, or of an index.
    ForgetDelete,
    /// Changes the number of bytes.
    Bytes,
    /// Names no evidence.
    NoEvidence,
    /// Turns the order round.
    Reverse,
    /// Leaves out a tag of what is deleted.
    ForgetTag,
    /// Names another repository.
    Elsewhere,
    /// Marks an action as refused or as not refused.
    Refused,
    /// Deletes what is to be archived.
    DeleteInstead,
    /// Archives what is to be deleted.
    ArchiveInstead,
    /// Changes the content behind the id.
    Id,
}

const SPOILS: [Spoil; 15] = [
    Spoil::Delete,
    Spoil::DeleteKept,
    Spoil::UntagKept,
    Spoil::ForgetKept,
    Spoil::RepeatKept,
    Spoil::ForgetDelete,
    Spoil::Bytes,
    Spoil::NoEvidence,
    Spoil::Reverse,
    Spoil::ForgetTag,
    Spoil::Elsewhere,
    Spoil::Refused,
    Spoil::DeleteInstead,
    Spoil::ArchiveInstead,
    Spoil::Id,
];

/// The plan spoilt, if it can be in that way, and the law that it breaks, if only one comes in question.
fn spoilt(world: &World, plan: &Plan, spoil: Spoil, index: Index) -> Option<(Plan, Option<Law>)> {
    let mut bad = plan.clone();
    let at = |length: usize| (length > 0).then(|| index.index(length));
    let law = match spoil {
        Spoil::Delete => {
            let gone = deleted(plan);
            let all = world
                .inventory
                .repositories
                .iter()
                .flat_map(|it| it.manifests.iter().map(move |manifest| (it, manifest)));
            let stays: Vec<_> = all
                .filter(|(it, manifest)| {
                    !gone.contains(&(format!("{}/{}", it.registry, it.name), manifest.digest.clone()))
                })
                .collect();
            let (repository, manifest) = stays[at(stays.len())?];
            bad.actions.push(delete(repository, manifest));
            None
        }
        Spoil::DeleteKept => {
            let kept = bad.kept.swap_remove(at(plan.kept.len())?);
            let same = |other: &Kept| {
                other.registry == kept.registry && other.repository == kept.repository && other.digest == kept.digest
            };
            bad.kept.retain(|other| !same(other));
            bad.blocked.retain(|other| !same(other));
            bad.actions.push(delete_entry(world, &kept)?);
            // The planner lets holds and needs pass through what is missing as well; nothing is lost if it did not.
            let here =
                |it: &&Repository| it.registry == kept.registry && it.name == kept.repository && !it.missing.is_empty();
            let whole = !world.inventory.repositories.iter().any(|it| here(&it));
            let lost = match kept.reason {
                Reason::Hold { .. } => true,
                Reason::Needed {
                    relation: Relation::Index,
                    ..
                } => strands_a_child(world, &bad, &kept),
                Reason::Needed { .. } => true,
                _ => false,
            };
            let judged = whole && lost;
            judged.then_some(Law::NothingNeededGoes)
        }
        Spoil::UntagKept => {
            let kept = bad.kept.swap_remove(at(plan.kept.len())?);
            let tag = kept.tag.clone()?;
            // A root that is held loses no tag; one with an immutable tag may lose its others (design, section 5).
            let must_stay = match &kept.reason {
                Reason::Hold {
                    hold: Hold::Immutable,
                    because,
                    ..
                } => because.starts_with(&format!("tag {tag} ")),
                reason => matches!(reason, Reason::Hold { .. }),
            };
            bad.actions.push(Action {
                action: ActionKind::Untag,
                tags: vec![tag],
                bytes: 0,
                ..delete_entry(world, &kept)?
            });
            must_stay.then_some(Law::KeptTagsStay)
        }
        Spoil::ForgetKept => {
            bad.kept.swap_remove(at(plan.kept.len())?);
            Some(Law::EveryVerdictHasAReason)
        }
        Spoil::RepeatKept => {
            bad.kept.push(plan.kept[at(plan.kept.len())?].clone());
            Some(Law::EveryVerdictHasAReason)
        }
        Spoil::ForgetDelete => {
            let forgotten = bad.actions.remove(at(plan.actions.len())?);
            // Nothing is lost where something is left behind that could follow what was archived before.
            if let (ActionKind::Archive, Reason::Follows { root, .. }) = (forgotten.action, &forgotten.reason) {
                plan.actions.iter().any(|action| action.digest == *root).then_some(())?;
            }
            let root = matches!(forgotten.reason, Reason::Expired(_));
            root.then_some(Law::EveryVerdictHasAReason)
        }
        Spoil::Bytes => {
            bad.actions[at(plan.actions.len())?].bytes += 1;
            Some(Law::Facts)
        }
        Spoil::NoEvidence => {
            let index = at(plan.actions.len())?;
            let Reason::Expired(ruling) = &mut bad.actions[index].reason else {
                return None;
            };
            *ruling = Ruling::written(ruling.policy(), ruling.rule(), BTreeMap::new());
            Some(Law::EveryVerdictHasAReason)
        }
        Spoil::Reverse => {
            bad.actions.reverse();
            plan.actions
                .iter()
                .any(|action| {
                    // What is archived may follow what was archived before, and then the order says nothing.
                    let follows = matches!(
                        action.reason,
                        Reason::Follows {
                            relation: Relation::Child,
                            ..
                        }
                    );
                    follows && action.action == ActionKind::Delete
                })
                .then_some(())?;
            None
        }
        Spoil::ForgetTag => {
            bad.actions[at(plan.actions.len())?].tags.pop()?;
            None
        }
        Spoil::Elsewhere => {
            bad.actions[at(plan.actions.len())?].repository = "nowhere".parse().unwrap();
            Some(Law::Facts)
        }
        Spoil::Refused => {
            let index = at(plan.actions.len())?;
            bad.actions[index].refused = !plan.actions[index].refused;
            Some(Law::Limits)
        }
        Spoil::DeleteInstead => {
            let archived: Vec<usize> = (0..)
                .zip(&plan.actions)
                .filter(|(_, it)| it.action == ActionKind::Archive)
                .map(|(place, _)| place)
                .collect();
            bad.actions[archived[at(archived.len())?]].action = ActionKind::Delete;
            None
        }
        Spoil::ArchiveInstead => {
            let index = at(plan.actions.len())?;
            let repository =
                world.inventory.repositories.iter().find(|it| {
                    it.registry == plan.actions[index].registry && it.name == plan.actions[index].repository
                })?;
            // Beside something that is archived, or stays and else would be, this may be no mistake, only milder than it need
            // be.
            let facts = world.facts();
            let archives = |ruling: &Ruling| {
                let mut policies = facts.config.policies.iter().flatten();
                policies.any(|it| it.rules.action(ruling.rule()) == Some(Some(RuleAction::Archive)))
            };
            let mut waiting = plan.kept.iter().filter(|it| it.reason.ruling().is_some_and(archives));
            let waits = waiting.any(|it| it.registry == repository.registry && it.repository == repository.name);
            let mut others = plan
                .actions
                .iter()
                .filter(|it| it.registry == repository.registry && it.repository == repository.name);
            let archives = others.any(|it| it.action == ActionKind::Archive)
                || repository.manifests.iter().any(|it| it.archived_at.is_some());
            (!archives && !waits).then_some(())?;
            bad.actions[index].action = ActionKind::Archive;
            None
        }
        Spoil::Id => {
            bad.id = "0".repeat(64);
            return Some((bad, Some(Law::Facts)));
        }
    };
    bad.id = bad.compute_id();
    Some((bad, law))
}

/// An index is needed by each child that has no tag of its own, unless another that stays lists the child too: several
/// indexes may stay for one child, and then one of them can go without a loss.
fn strands_a_child(world: &World, bad: &Plan, index: &Kept) -> bool {
    let here = |it: &&Repository| it.registry == index.registry && it.name == index.repository;
    let Some(repository) = world.inventory.repositories.iter().find(here) else {
        return false;
    };
    let goes = |digest: &Digest| {
        let mut actions = bad.actions.iter().filter(|action| action.digest == *digest);
        actions.any(|it| {
            it.registry == index.registry && it.repository == index.repository && it.action != ActionKind::Untag
        })
    };
    let ordinary = |tag: &TagEntry| tag.name.subject().is_none_or(|subject| subject == tag.digest);
    let tagged = |digest: &Digest| repository.tags.iter().any(|tag| tag.digest == *digest && ordinary(tag));
    let listed = |child: &Digest| {
        let mut others = repository
            .manifests
            .iter()
            .filter(|other| other.children.contains(child));
        others.any(|other| other.digest != *child && !goes(&other.digest))
    };
    let indexes = repository.manifests.iter().filter(|it| it.digest == index.digest);
    let mut children = indexes.flat_map(|it| &it.children);
    children.any(|child| !goes(child) && !tagged(child) && !listed(child))
}

fn contradicts_itself(world: &World) -> bool {
    let repositories = &world.inventory.repositories;
    repositories.iter().any(|it| {
        it.manifests
            .iter()
            .collect::<Vec<_>>()
            .windows(2)
            .any(|two| two[0].digest == two[1].digest && two[0] != two[1])
    })
}

fn delete_entry(world: &World, kept: &Kept) -> Option<Action> {
    let here = |it: &&Repository| it.registry == kept.registry && it.name == kept.repository;
    let repository = world.inventory.repositories.iter().find(here)?;
    let manifest = repository.manifests.iter().find(|it| it.digest == kept.digest)?;
    Some(Action {
        kind: kept.kind,
        ..delete(repository, manifest)
    })
}

/// An action that is right in all but its being there.
fn delete(repository: &Repository, manifest: &Manifest) -> Action {
    let tags: BTreeSet<_> = repository
        .tags
        .iter()
        .filter(|tag| tag.digest == manifest.digest)
        .map(|tag| tag.name.clone())
        .collect();
    Action {
        action: ActionKind::Delete,
        registry: repository.registry.clone(),
        repository: repository.name.clone(),
        digest: manifest.digest.clone(),
        kind: if manifest.kind == Kind::Orphan {
            Kind::Image
        } else {
            manifest.kind
        },
        tags: tags.into_iter().collect(),
        bytes: manifest.size,
        refused: false,
        undo: repository.capabilities.undo,
        time: None,
        reason: Reason::Expired(Ruling::written("", "", BTreeMap::new())),
        entries: Vec::new(),
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn a_spoilt_plan_is_found_out(world in worlds(), spoil in prop::sample::select(SPOILS.to_vec()), index in any::<Index>()) {
        // What a record that contradicts itself holds is anybody's guess; it has no actions at all.
        if contradicts_itself(&world) {
            return Ok(());
        }
        let plan = planned(&world);
        let Some((bad, law)) = spoilt(&world, &plan, spoil, index) else { return Ok(()) };
        let violations = verify(&bad, &world.facts());
        prop_assert!(!violations.is_empty(), "nothing is found: {:#?}", bad.actions);
        if let Some(law) = law {
            prop_assert!(violations.iter().any(|violation| violation.law == law), "{law:?}: {}", listed(&violations));
        }
    }
}

/// Laws that hold because nothing ever happens say nothing: the worlds must reach every reason, and often delete.
#[test]
fn the_worlds_reach_every_reason() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let mut codes: BTreeMap<&'static str, usize> = BTreeMap::new();
    for _ in 0..1_000 {
        let world = worlds().new_tree(&mut runner).unwrap().current();
        let plan = planned(&world);
        let actions = plan.actions.iter().map(|action| match action.action {
            ActionKind::Delete => action.reason.code(),
            ActionKind::Archive if matches!(action.reason, Reason::Follows { .. }) => "archive along",
            ActionKind::Archive => "archive",
            ActionKind::Untag => "untag",
        });
        let stays = plan.kept.iter().chain(&plan.blocked).map(|kept| match &kept.reason {
            Reason::Hold { hold, .. } => hold.as_str(),
            other => other.code(),
        });
        let orphans = plan
            .actions
            .iter()
            .filter(|action| action.kind == Kind::Orphan)
            .map(|_| "orphan");
        let refused = plan.limits.refused.iter().map(|_| "refused");
        for code in actions
            .chain(stays)
            .chain(orphans)
            .chain(refused)
            .collect::<BTreeSet<_>>()
        {
            *codes.entry(code).or_default() += 1;
        }
    }
    let all = [
        "expired",
        "follows",
        "untag",
        "orphan",
        "refused",
        "keep-always",
        "not-expired",
        "unless",
        "no-rule",
        "needed",
        "keep-at-least",
        "shares-image",
        "brake",
        "cannot-untag",
        "cannot-delete",
        "archive",
        "archive along",
        "archived",
        "cannot-archive",
        "archive-saves-nothing",
        "archive-minimum",
        "in-use",
        "recently-used",
        "restored",
        "grace",
        "protected",
        "immutable",
        "usage-incomplete",
        "incomplete",
    ];
    let rare: Vec<_> = all
        .iter()
        .filter(|code| codes.get(**code).is_none_or(|count| *count < 3))
        .collect();
    assert!(
        rare.is_empty() && codes["expired"] > 250,
        "too rare: {rare:?} of {codes:#?}"
    );
}

//! Plan files, as `apply` is handed them.
//!
//! - What was read means the same when it is written again, and has the same id.
//! - A changed plan does not pass for unaltered; one that was given a new id is looked at by `verify` like any other.
//! - If `verify` finds nothing wrong, nothing in use is deleted, and nothing that is not there.
//! - Refusals and violations say why.

use jettison::apply::{ApplyOptions, GONE_WITHIN, check_at};
use jettison::output::Face;
use jettison_core::model::{Digest, InvalidJson, Repository};
use jettison_core::plan::{ActionKind, Plan};
use jettison_core::verify::verify;

use crate::oracle::{assert_error, assert_in_proportion, assert_message};
use crate::world::{World, now};

/// Looks at one input.
pub fn run(data: &[u8]) {
    let plan = match serde_json::from_slice::<Plan>(data) {
        Ok(plan) => plan,
        Err(error) => return assert_error(&InvalidJson::from(error)),
    };
    assert_in_proportion(&plan, data);
    let id = plan.compute_id();
    assert_eq!(plan.is_unaltered(), plan.id == id);
    let written = serde_json::to_vec_pretty(&plan).unwrap_or_default();
    let again = serde_json::from_slice::<Plan>(&written);
    assert!(
        again.is_ok_and(|again| again.compute_id() == id && again.id == plan.id),
        "{plan:?}"
    );
    check(&plan);
    let sealed = Plan { id, ..plan };
    assert!(sealed.is_unaltered());
    check(&sealed);
    judge(&sealed);
    let changed = Plan {
        gaps: [&sealed.gaps[..], &["another".to_owned()]].concat(),
        ..sealed
    };
    assert!(!changed.is_unaltered());
}

fn check(plan: &Plan) {
    let options = ApplyOptions {
        command: "apply".to_owned(),
        accept_share: None,
        no_usage: true,
        face: Face::Silent,
        gone_within: GONE_WITHIN,
    };
    match check_at(plan, &World::get().eager, &options, now()) {
        Ok(()) => assert!(plan.is_unaltered() && plan.violations.is_empty()),
        Err(refusal) => assert_message(&refusal.to_string()),
    }
}

fn judge(plan: &Plan) {
    let world = World::get();
    let violations = verify(plan, &world.facts());
    violations
        .iter()
        .for_each(|violation| assert_message(&violation.to_string()));
    if !violations.is_empty() {
        return;
    }
    let held = |digest: &Digest| {
        let entry = |repository: &Repository| {
            repository
                .tags
                .iter()
                .any(|tag| tag.name.as_str() == "main-1a2b3c4" && tag.digest == *digest)
        };
        world.inventory.repositories.iter().any(entry)
    };
    for action in plan.actions.iter().filter(|action| action.action == ActionKind::Delete) {
        let there = |repository: &Repository| {
            repository.name == action.repository && repository.manifests.iter().any(|it| it.digest == action.digest)
        };
        assert!(world.inventory.repositories.iter().any(there), "{action:?}");
        assert!(!held(&action.digest), "{action:?} is in use");
    }
}

#[cfg(test)]
mod tests {
    //! The seed is a plan that the planner makes.

    use super::*;
    use crate::world::planned;

    #[test]
    fn the_seed_is_the_plan_of_this_world() {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/seeds/plan/shop.json");
        let plan = serde_json::to_string_pretty(&planned(&World::get().facts())).unwrap();
        if std::env::var_os("JETTISON_FUZZ_REWRITE").is_some() {
            std::fs::write(file, &plan).unwrap();
        }
        let seed = std::fs::read_to_string(file).unwrap();
        assert!(
            seed == plan,
            "write it anew: JETTISON_FUZZ_REWRITE=1 cargo test -p jettison-fuzz --lib"
        );
    }
}

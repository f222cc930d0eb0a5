//! The test that counts: an aggressive policy deletes nothing of what is used and everything else. Then each permission is
//! taken away in turn: nothing is deleted that it could matter to.

use std::collections::BTreeSet;

use jettison_testkit::aws::Policy;

use crate::world::World;

/// Images that nobody needs, where their number means nothing.
const FEW: usize = 5;

/// Permissions that are tried at the same time.
const AT_ONCE: usize = 4;

/// What reading, and so deciding, does not need.
const FOR_UNDO_AND_ARCHIVING: [&str; 3] = [
    "ecr:PutImage",
    "ecr:BatchCheckLayerAvailability",
    "ecr:UpdateImageStorageClass",
];

/// Reads the policy that `jettison aws setup` prints for this account.
async fn least() -> Policy {
    let world = World::new(Policy::nothing(), 0).await;
    let printed = world.user.json("aws setup", 0);
    Policy::read(&printed["accounts"][0]["policy"].to_string()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_used_stays_and_everything_else_goes() {
    let world = World::new(least().await, 130).await;
    let before = world.held();
    assert!(
        before.is_superset(&world.used),
        "not everything that is used was pushed"
    );
    let run = world.user.json("run --yes", 0);
    assert_eq!(world.held(), world.used, "{run}");
    // Of more than a hundred images many go in one call.
    let gone = before.len() - world.used.len();
    let calls = world.aws.count("ecr:BatchDeleteImage");
    assert!(calls * 8 < gone, "{calls} calls for {gone} images");
    // And again: there is nothing left to do.
    world.user.json("run --yes", 0);
    assert_eq!(world.held(), world.used);
}

#[test]
fn without_any_one_permission_nothing_goes_that_it_could_matter_to() {
    let least = alone(least());
    let actions: BTreeSet<String> = least.actions().into_iter().collect();
    assert!(actions.len() > 10, "{actions:?}");
    let actions: Vec<String> = actions.into_iter().collect();
    for some in actions.chunks(AT_ONCE) {
        std::thread::scope(|scope| {
            for action in some {
                scope.spawn(|| alone(take_away(least.clone(), action.clone())));
            }
        });
    }
}

/// Runs something with threads of its own for the AWS in it: who waits for a program would keep those of others.
fn alone<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build();
    runtime.unwrap().block_on(work)
}

/// Runs without one permission, and then with it.
async fn take_away(least: Policy, action: String) {
    let world = World::new(least.without(&action), FEW).await;
    let before = world.held();
    let ended = world.user.run("run --yes");
    let after = world.held();
    let told = format!(
        "without {action}: exit {}\n{}\n{}",
        ended.code, ended.output, ended.said
    );
    if FOR_UNDO_AND_ARCHIVING.contains(&action.as_str()) {
        assert_eq!((ended.code, after), (0, world.used), "{told}");
        return;
    }
    let gone = before.difference(&after).count();
    assert_eq!((gone, after.len()), (0, before.len()), "{told}");
    assert_ne!(ended.code, 0, "{told}");
    assert!(
        format!("{}{}", ended.output, ended.said).contains(&action),
        "not named: {told}"
    );
    // Once it is given back, the work is done.
    world.allow(least);
    world.user.json("run --yes", 0);
    assert_eq!(world.held(), world.used, "{told}");
}

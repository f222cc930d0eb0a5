//! What becomes an orphan by the plan itself.

use super::{GOES, STAYS, planned};
use crate::worlds::World;

const ARCHIVES: &str = "name: cold, match: { tags: [a] }, expire: { older-than: 1d }, action: archive";

/// Image 0 in `app` is attached to 1, which lies in `lib` alone and goes; 2 is in `lib` as well.
fn world() -> World {
    let images = "untagged: true, pushed: 9d ago\ntags: [a], pushed: 9d ago\ntags: [keep], pushed: 9d ago";
    let mut world = World::new(&[STAYS, GOES], images);
    world.config += "limits: { keep-at-least: 0 }\n";
    world.attach(0, 1);
    let subject = world.digests[1].clone();
    world.move_to("lib", &[1, 2]);
    world.repository().missing.insert(subject);
    world
}

fn told(world: &World) -> Vec<String> {
    world.actions(&planned(world))
}

#[test]
fn what_is_attached_to_a_copy_that_goes_goes_in_the_same_plan() {
    let mut world = world();
    assert_eq!(told(&world), ["delete #0 [] expired", "delete #1 [a] expired"]);
    world.repository().missing.clear();
    assert_eq!(told(&world), ["delete #1 [a] expired"], "nobody asked for it there");
}

#[test]
fn what_is_attached_to_a_copy_that_stays_stays() {
    type Row = (&'static str, fn(&mut World));
    let table: &[Row] = &[
        ("it is held", |w| w.refer("r.example/lib:a", None)),
        ("its registry deletes nothing there", |w| {
            w.inventory.repositories[1].capabilities.delete = Some(false)
        }),
        ("another repository has it as well", |w| {
            let mut third = w.inventory.repositories[1].clone();
            third.name = "zoo".parse().unwrap();
            third.tags[0].name = "keep".parse().unwrap();
            third.tags.truncate(1);
            w.inventory.repositories.push(third);
        }),
        ("it is archived", |w| {
            w.config = w.config.replace(
                "    rules:\n",
                &format!("    archive-anyway: true\n    rules:\n      - {{ {ARCHIVES} }}\n"),
            );
            w.inventory.repositories[1].capabilities.archive = Some(true);
        }),
        ("the registry was not read wholly", |w| {
            w.inventory.complete_registries.clear()
        }),
    ];
    for (name, change) in table {
        let mut world = world();
        change(&mut world);
        let plan = planned(&world);
        assert!(
            !world.actions(&plan).iter().any(|told| told.starts_with("delete #0")),
            "{name}"
        );
        assert!(
            world.entries(&plan.kept).contains(&"#0 incomplete".to_owned()),
            "{name}"
        );
    }
}

/// Under the brake an orphan could take the place of its own subject.
#[test]
fn under_the_brake_orphans_wait_for_the_next_run() {
    let mut world = world();
    world.limits("keep-at-least: 0, max-deletions: 5");
    assert_eq!(told(&world), ["delete #1 [a] expired"]);
}

/// A chain over three repositories: 0 is attached to 1, and 1 to 2.
#[test]
fn orphans_of_orphans_go_as_well() {
    let images = "untagged: true, pushed: 9d ago\nuntagged: true, pushed: 9d ago\ntags: [a], pushed: 9d ago";
    let mut world = World::new(&[GOES], images);
    world.config += "limits: { keep-at-least: 0 }\n";
    world.attach(0, 1);
    world.attach(1, 2);
    let digests = world.digests.clone();
    world.move_to("lib", &[1]);
    world.move_to("zoo", &[2]);
    world.repository().missing.insert(digests[1].clone());
    world.inventory.repositories[1].missing.insert(digests[2].clone());
    let expected = ["delete #0 [] expired", "delete #1 [] expired", "delete #2 [a] expired"];
    assert_eq!(told(&world), expected);
    world.inventory.repositories[2].tags[0].immutable = true;
    assert_eq!(told(&world), [""; 0]);
}

/// The orphans blow the fuse of their repository, which then deletes nothing that another proof could rely on.
#[test]
fn where_orphans_blow_a_fuse_nothing_relies_on_what_it_refuses() {
    let orphans: Vec<&str> = (0..6).map(|_| "untagged: true, pushed: 9d ago").collect();
    let images = format!(
        "{}\ntags: [a], pushed: 9d ago\nuntagged: true, pushed: 9d ago",
        orphans.join("\n")
    );
    let mut world = World::new(&[GOES], &images);
    world.config += "limits: { keep-at-least: 0 }\n";
    (0..6).for_each(|number| world.attach(number, 6));
    // 7 is attached to 0, from a third repository.
    world.attach(7, 0);
    let digests = world.digests.clone();
    world.move_to("lib", &[6]);
    world.move_to("zoo", &[7]);
    world.repository().missing.insert(digests[6].clone());
    world.inventory.repositories[2].missing.insert(digests[0].clone());
    let plan = planned(&world);
    assert_eq!(plan.limits.refused.len(), 1);
    let going = plan
        .actions
        .iter()
        .filter(|action| !action.refused)
        .map(|action| world.number(&action.digest));
    assert_eq!(going.collect::<Vec<_>>(), [6]);
    assert_eq!(world.entries(&plan.kept), ["#7 incomplete"]);
}

/// Image 7 in `app` goes, and 8 in `zoo` is attached to it. Then six orphans blow the fuse of `app`, which refuses 7 too.
#[test]
fn what_a_proof_relied_on_is_taken_back_where_a_fuse_refuses_it() {
    let lines: Vec<&str> = (0..9).map(|_| "untagged: true, pushed: 9d ago").collect();
    let mut world = World::new(&[GOES], &lines.join("\n"));
    world.config += "limits: { keep-at-least: 0 }\n";
    (0..6).for_each(|number| world.attach(number, 6));
    world.attach(8, 7);
    let digests = world.digests.clone();
    world.move_to("lib", &[6]);
    world.move_to("zoo", &[8]);
    world.repository().missing.insert(digests[6].clone());
    world.inventory.repositories[2].missing.insert(digests[7].clone());
    assert_eq!(told(&world), ["delete #7 [] expired", "delete #6 [] expired"]);
    assert_eq!(world.kept().len(), 7, "what was attached is not proven to be orphaned");
}

//! A registry that does not want to be asked any more: the work ends soon, and what was not done is said.

use std::time::Duration;

use jettison::registry::Limits;
use jettison_testkit::registry::{Effect, Fault, Options};

use crate::inside::Inside;
use crate::world::{WEB, World, image};

const SECOND: Duration = Duration::from_secs(1);

fn too_many() -> Effect {
    Effect::Status {
        status: 429,
        retry_after: None,
        body: None,
    }
}

/// Limits that do not let a test wait.
fn quick(tags_first: usize) -> Limits {
    Limits {
        tries: 2,
        throttle_base: Duration::from_millis(1),
        // What a run makes of it is looked at here; that a host is left alone for a while has tests of its own.
        left_alone: Duration::ZERO,
        tags_first,
        ..Limits::default()
    }
}

async fn with_thirty_images() -> World {
    let world = World::start(Options {
        delete_tag: true,
        ..Options::default()
    })
    .await;
    for number in 4..=30 {
        world.push(&[&format!("old-{number}")], &image(number)).await;
    }
    world
}

/// Too many calls, and a registry that is down: those that are under way fail, and the rest is left.
#[tokio::test(flavor = "multi_thread")]
async fn a_repository_is_left_when_its_registry_wants_no_more_calls() {
    for effect in [too_many(), Effect::Reset] {
        for tags_first in [usize::MAX, 1] {
            let world = with_thirty_images().await;
            let inside = Inside::with(&world, quick(tags_first)).await;
            let tags = world.registry.tags(WEB);
            let digests = format!("/v2/{WEB}/manifests/sha256:*");
            // The first DELETE by digest only asks what can be deleted.
            world
                .registry
                .fail(Fault::new(effect.clone()).method("DELETE").path(&digests).skip(1));
            let report = inside.apply(&world, SECOND).await;
            assert_eq!((report.deleted, report.failed + report.left), (0, 30), "{effect:?}");
            assert!(report.left >= 20, "{effect:?}: {} were tried", report.failed);
            let left = report.actions.iter().filter_map(|action| action.why.as_deref());
            assert!(left.filter(|why| why.contains("left alone")).count() >= 20);
            assert_eq!(world.registry.tags(WEB), tags, "and keeps its tags, {tags_first}");
            inside.expect_settled().await;
        }
    }
}

/// Two repositories in a row, and the others are not asked about any more.
#[tokio::test(flavor = "multi_thread")]
async fn a_registry_is_left_when_two_repositories_had_to_be_left() {
    let world = World::start(Options::default()).await;
    for name in ["apps/aaa", "apps/bbb", "apps/ccc"] {
        world.pusher.push(name, &["old-1"], &image(31)).await.unwrap();
    }
    let inside = Inside::with(&world, quick(usize::MAX)).await;
    assert_eq!(inside.plan.actions.len(), 6);
    world.registry.clear_requests();
    world.registry.fail(Fault::new(too_many()).path("/v2/*/tags/list"));
    let report = inside.apply(&world, SECOND).await;
    assert_eq!((report.deleted, report.failed, report.left), (0, 2, 4), "{report:?}");
    let asked = |name: &str| {
        let path = format!("/v2/{name}/");
        world
            .registry
            .requests()
            .iter()
            .any(|request| request.path.starts_with(&path))
    };
    let names = ["apps/aaa", "apps/bbb", "apps/ccc", WEB];
    assert_eq!(names.map(asked), [true, true, false, false]);
}

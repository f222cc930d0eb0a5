//! A token that expires in the middle of a scan or an apply: fetched anew where that is possible, and else the work
//! ends as it does wherever a registry says no.

use std::time::Duration;

use jettison_testkit::registry::{Auth, Fault, Options};

use crate::world::{WEB, World, image};

const IMAGES: u64 = 6;

async fn six_images() -> World {
    let auth = Auth::Token {
        user: "robot".to_owned(),
        password: "correct-horse-battery".to_owned(),
        // As long as it likes: what ends a token here is the registry.
        expires_in: Duration::from_secs(3600),
        anonymous_pull: false,
    };
    let world = World::empty(Options {
        auth,
        ..Options::default()
    })
    .await;
    world.push(&["keep"], &image(0)).await;
    for number in 1..=IMAGES {
        world.push(&[&format!("old-{number}")], &image(number)).await;
    }
    world
}

/// Whether the registry has refused more than the first request, which has no token yet.
fn has_refused(world: &World) -> bool {
    let requests = world.registry.requests();
    requests.iter().filter(|request| request.status == Some(401)).count() > 1
}

/// From this request on all tokens of before are worthless. The token service gives out no more, if it is `closed`.
fn expire(world: &World, method: &str, skip: u64, closed: bool) {
    let expires = Fault::call(move |registry| {
        registry.expire_tokens();
        if closed {
            registry.fail(Fault::status(401).path("/token*"));
        }
    });
    let manifests = format!("/v2/{WEB}/manifests/*");
    world
        .registry
        .fail(expires.method(method).path(&manifests).skip(skip).times(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_expires_in_the_middle_of_a_scan_is_fetched_anew() {
    let world = six_images().await;
    let whole = world.desk.plan().await;
    for skip in [0, 3] {
        std::fs::remove_dir_all(world.desk.state()).unwrap();
        world.registry.clear_requests();
        expire(&world, "GET", skip, false);
        let plan = world.desk.plan().await;
        assert_eq!(plan["actions"], whole["actions"], "after {skip}");
        assert!(has_refused(&world), "after {skip}: the token has expired");
    }
}

/// A repository of which half was read has a gap, and nothing goes there.
#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_cannot_be_renewed_in_the_middle_of_a_scan_makes_a_gap() {
    let world = six_images().await;
    expire(&world, "GET", 3, true);
    let plan = world.desk.run(&["plan", "--output", "json"]).await.exits(5).json();
    assert_eq!(plan["actions"].as_array().unwrap().len(), 0, "{plan}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_expires_in_the_middle_of_an_apply_is_fetched_anew() {
    for (method, skip) in [("HEAD", 2), ("HEAD", 8), ("DELETE", 3)] {
        let world = six_images().await;
        world.desk.plan().await;
        world.registry.clear_requests();
        expire(&world, method, skip, false);
        let report = world.desk.apply(&[]).await.exits(0).json();
        assert!(has_refused(&world), "{method} {skip}: the token has expired");
        assert_eq!(report["deleted"], IMAGES, "{method} {skip}");
        assert_eq!(world.registry.manifests(WEB), [image(0).digest], "{method} {skip}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_cannot_be_renewed_in_the_middle_of_an_apply_stops_it() {
    for (method, skip) in [("HEAD", 2), ("HEAD", 10), ("DELETE", 3)] {
        let shown = format!("{method} {skip}");
        let world = six_images().await;
        world.desk.plan().await;
        expire(&world, method, skip, true);
        let report = world.desk.apply(&[]).await.exits(4).json();
        let gone = IMAGES + 1 - world.registry.manifests(WEB).len() as u64;
        let figure = |name: &str| report[name].as_u64().unwrap();
        assert!(
            figure("deleted") <= gone && gone <= figure("deleted") + figure("unknown"),
            "{shown}: {gone} are gone: {report}"
        );
        assert!(gone < IMAGES, "{shown}: {report}");
        world.registry.clear_faults();
        world.puller.pull_whole(WEB, "keep").await.unwrap();
        world.desk.apply(&[]).await.exits(0);
        assert_eq!(world.registry.manifests(WEB), [image(0).digest], "{shown}");
    }
}

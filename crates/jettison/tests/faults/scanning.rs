//! A registry in trouble during a scan: what could not be read is a gap that says what, where and why, after a bounded
//! number of requests, and the other repositories are read all the same.

use std::time::Duration;

use jettison_testkit::enemy::{Enemy, Said};
use jettison_testkit::registry::{Effect, Fault, Options};

use crate::scanner::{Scanner, gaps, repository};
use crate::world::{WEB, World, image};

const API: &str = "apps/api";
const TAGS: &str = "/v2/apps/web/tags/list";
const OLD_1: &str = "/v2/apps/web/manifests/old-1";

/// Two repositories: `apps/web` with four tags, in trouble, and `apps/api` with one, in none.
async fn two_repositories(options: Options) -> World {
    let world = World::start(options).await;
    world.pusher.push(API, &["old-9"], &image(9)).await.unwrap();
    world.registry.clear_requests();
    world
}

fn throttled(status: u16, retry_after: Option<&str>) -> Effect {
    Effect::Status {
        status,
        retry_after: retry_after.map(str::to_owned),
        body: None,
    }
}

/// A fault, what the gap says of it, and the most requests of the path that fails.
struct Case {
    effect: Effect,
    path: &'static str,
    /// So many requests of the path are answered as they should be first.
    skip: u64,
    says: &'static str,
    most: usize,
}

fn case(effect: Effect, path: &'static str, says: &'static str, most: usize) -> Case {
    Case {
        effect,
        path,
        skip: 0,
        says,
        most,
    }
}

fn cases() -> Vec<Case> {
    let list = "could not list the tags of apps/web on 127.0.0.1";
    let read = "could not read the manifest apps/web:old-1 on 127.0.0.1";
    let second_page = |status| Case {
        skip: 1,
        ..case(throttled(status, None), TAGS, list, 2)
    };
    vec![
        case(throttled(429, None), TAGS, "429 Too Many Requests", 5),
        case(throttled(429, Some("3600")), TAGS, "Retry-After: 3600", 1),
        case(throttled(500, None), TAGS, "500 Internal Server Error", 5),
        case(throttled(503, Some("0")), TAGS, "503 Service Unavailable", 5),
        case(throttled(401, None), TAGS, "401", 2),
        case(throttled(403, None), TAGS, "ask the registry's owner", 1),
        case(Effect::Reset, TAGS, list, 5),
        case(Effect::Hang, TAGS, "timed out", 2),
        case(Effect::SlowBody { bytes_per_second: 10 }, TAGS, "timed out", 2),
        case(Effect::TruncateBody { keep: 9 }, TAGS, list, 5),
        case(Effect::InvalidJson, TAGS, "a page is not in its form", 1),
        case(
            Effect::OversizedBody { size: 300_000 },
            TAGS,
            "longer than 262144 bytes",
            1,
        ),
        case(Effect::EndlessPages, TAGS, "beyond 20 pages", 20),
        second_page(400),
        second_page(404),
        case(throttled(404, None), TAGS, "404 Not Found", 1),
        case(Effect::WrongDigest, OLD_1, "does not have the digest sha256:000", 1),
        case(Effect::WrongBody, OLD_1, "does not have the digest", 1),
        case(Effect::OversizedBody { size: 300_000 }, OLD_1, read, 1),
        case(Effect::InvalidJson, OLD_1, read, 1),
        case(Effect::TruncateBody { keep: 9 }, OLD_1, read, 5),
        case(throttled(500, None), OLD_1, read, 5),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fault_becomes_a_gap_that_says_what_and_where_after_few_requests() {
    let world = two_repositories(Options {
        page_size: Some(3),
        ..Options::default()
    })
    .await;
    for case in cases() {
        let shown = format!("{:?} {}", case.effect, case.path);
        world.registry.clear_faults();
        world.registry.clear_requests();
        world
            .registry
            .fail(Fault::new(case.effect.clone()).path(case.path).skip(case.skip));
        let scanner = Scanner::of(&world.registry.host()).await;
        let inventory = scanner.scan(&["apps/*"]).await;
        let said = gaps(&inventory);
        assert!(said.contains(case.says), "{shown}: `{}` is not in {said}", case.says);
        assert!(!repository(&inventory, WEB).gaps.is_empty(), "{shown}");
        assert!(inventory.complete_registries.is_empty(), "{shown}");
        let requests = world.registry.requests();
        let asked = requests.iter().filter(|request| request.path == case.path).count();
        assert!((1..=case.most).contains(&asked), "{shown}: {asked} requests");
        assert!(requests.len() < 60, "{shown}: {} requests in all", requests.len());
        // Who asks all callers to wait, or lets nobody in, may have said so before the other was read.
        let stops_all = said.contains("429") || case.says == "503 Service Unavailable" || said.contains("not asked");
        if !stops_all {
            let api = repository(&inventory, API);
            assert!(api.gaps.is_empty() && api.tags.len() == 1, "{shown}: {said}");
        }
    }
}

/// Design, sections 5 and 8: nothing is planned where the facts have a gap, and the exit code says so.
#[tokio::test(flavor = "multi_thread")]
async fn one_repository_of_many_that_is_refused_loses_nothing_and_the_others_are_cleaned() {
    let world = two_repositories(Options::default()).await;
    world.registry.fail(Fault::status(401).path(TAGS));
    let ended = world.desk.run(&["run", "--yes"]).await.exits(5);
    ended.says("could not list the tags of apps/web").says("401");
    assert_eq!(world.registry.manifests(WEB).len(), 4);
    assert!(world.registry.manifests(API).is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_manifest_that_vanishes_during_the_scan_is_missing_and_no_gap() {
    let world = two_repositories(Options::default()).await;
    let digest = image(1).digest;
    let vanishes = Fault::call(move |registry| assert!(registry.remove_manifest(WEB, &digest)));
    world.registry.fail(vanishes.method("GET").path(OLD_1).times(1));
    let scanner = Scanner::of(&world.registry.host()).await;
    let inventory = scanner.scan(&["apps/*"]).await;
    assert_eq!(gaps(&inventory), "");
    let web = repository(&inventory, WEB);
    assert_eq!((web.tags.len(), web.dangling.len()), (3, 1));
}

/// Hundreds of repositories behind a registry that accepts connections and never answers: the first few calls wait, the
/// others do not.
#[tokio::test(flavor = "multi_thread")]
async fn a_registry_that_never_answers_is_found_out_once() {
    let world = two_repositories(Options::default()).await;
    world.registry.fail(Fault::new(Effect::Hang));
    let names: Vec<String> = (0..300).map(|number| format!("apps/r{number}")).collect();
    let globs: Vec<&str> = names.iter().map(String::as_str).collect();
    let scanner = Scanner::of(&world.registry.host()).await;
    let inventory = scanner.scan(&globs).await;
    assert_eq!(inventory.repositories.len(), 300);
    assert!(
        inventory
            .repositories
            .iter()
            .all(|repository| !repository.gaps.is_empty())
    );
    assert!(gaps(&inventory).contains("not asked, as it did not answer a moment ago (error sending request"));
    assert!(
        world.registry.requests().len() <= 16,
        "{}",
        world.registry.requests().len()
    );
}

/// A registry that asks for a pause with every answer is not slept through for hours.
#[tokio::test(flavor = "multi_thread")]
async fn a_registry_that_goes_on_asking_for_pauses_is_left_alone() {
    let world = two_repositories(Options::default()).await;
    world.registry.fail(Fault::new(throttled(429, Some("1"))));
    let mut scanner = Scanner::of(&world.registry.host()).await;
    scanner.connection.limits.pause_total = Duration::from_millis(1500);
    let names: Vec<String> = (0..100).map(|number| format!("apps/r{number}")).collect();
    let globs: Vec<&str> = names.iter().map(String::as_str).collect();
    let inventory = scanner.scan(&globs).await;
    assert!(
        gaps(&inventory).contains("wait a while and run it again"),
        "{}",
        gaps(&inventory)
    );
    assert!(
        world.registry.requests().len() <= 16,
        "{}",
        world.registry.requests().len()
    );
}

/// Each answer in time, and yet hours for all: the time of a scan has a bound.
#[tokio::test(flavor = "multi_thread")]
async fn a_registry_that_is_slow_with_everything_takes_no_more_than_its_time() {
    let world = two_repositories(Options {
        latency: Some(Duration::from_millis(300)),
        ..Options::default()
    })
    .await;
    let mut scanner = Scanner::of(&world.registry.host()).await;
    scanner.limits.time = Duration::from_millis(900);
    scanner.connection.limits.in_flight = 1;
    scanner.connection.limits.in_flight_ceiling = 1;
    let inventory = scanner.scan(&["apps/*"]).await;
    let said = gaps(&inventory);
    assert!(said.contains("took so long that the rest was not asked for"), "{said}");
    assert!(inventory.complete_registries.is_empty());
}

/// Tags and manifests may come from elsewhere too; a login does not go there.
#[tokio::test(flavor = "multi_thread")]
async fn a_redirect_to_another_host_is_followed_without_the_login() {
    let mirror = two_repositories(Options::default()).await;
    let front = Enemy::start({
        let mirror = mirror.registry.url();
        move |asked| match &asked.authorization {
            None => Said::whole(401, &[("www-authenticate", "Basic realm=\"front\"")], ""),
            Some(_) => Said::whole(307, &[("location", &format!("{mirror}{}", asked.target))], ""),
        }
    })
    .await
    .unwrap();
    let scanner = Scanner::of(&front.host()).await;
    let inventory = scanner.scan(&["apps/web"]).await;
    assert_eq!(gaps(&inventory), "");
    assert_eq!(repository(&inventory, WEB).tags.len(), 4);
    let requests = mirror.registry.requests();
    assert!(requests.len() >= 5 && requests.iter().all(|request| !request.had_authorization));
}

/// Who has asked for a long pause once is not asked for the other manifests.
#[tokio::test(flavor = "multi_thread")]
async fn the_first_call_too_many_ends_the_reading_of_a_repository() {
    let world = two_repositories(Options::default()).await;
    let tags: Vec<String> = (0..300).map(|number| format!("many-{number}")).collect();
    let tags: Vec<&str> = tags.iter().map(String::as_str).collect();
    world.push(&tags, &image(7)).await;
    world.registry.clear_requests();
    let manifests = Fault::new(throttled(429, Some("3600"))).path("/v2/apps/web/manifests/*");
    world.registry.fail(manifests.skip(20));
    let scanner = Scanner::of(&world.registry.host()).await;
    let said = gaps(&scanner.scan(&["apps/web"]).await);
    assert!(
        said.contains("failures the rest was not asked for") && said.contains("3600"),
        "{said}"
    );
    assert!(
        world.registry.requests().len() < 60,
        "{}",
        world.registry.requests().len()
    );
}

//! The company's year keeps its promises, before and after it is pushed.

use std::collections::{HashMap, HashSet};

use super::applications::APPLICATIONS;
use super::*;
use crate::pull::Puller;
use crate::registry::{Options, TestRegistry};

fn now() -> Timestamp {
    "2026-11-21T12:00:00Z".parse().unwrap()
}

#[test]
fn the_shares_of_the_applications_are_the_whole() {
    assert_eq!(
        APPLICATIONS.iter().map(|application| application.share).sum::<usize>(),
        100
    );
}

#[test]
fn there_are_exactly_as_many_images_as_asked_for() {
    for images in [0, 1, 10, 99, 1_000] {
        assert_eq!(Company::year(images, now(), 1).images().count(), images);
    }
}

#[test]
fn the_same_seed_gives_the_same_year() {
    let digests = |seed| -> Vec<String> {
        Company::year(100, now(), seed)
            .pushes()
            .iter()
            .map(|push| push.manifest.digest.clone())
            .collect()
    };
    assert_eq!(digests(1), digests(1));
    assert_ne!(digests(1), digests(2));
}

#[test]
fn no_tag_stands_on_two_images_and_no_push_lies_outside_the_year() {
    let company = Company::year(1_000, now(), 1);
    let mut seen = HashSet::new();
    for push in company.pushes() {
        for tag in &push.tags {
            assert!(seen.insert((&push.repository, tag)), "{}:{tag}", push.repository);
        }
        let age = now().as_second() - push.at.as_second();
        assert!((0..=365 * 86_400).contains(&age), "{}", push.at);
    }
}

#[test]
fn layers_are_shared_as_in_real_life() {
    let company = Company::year(1_000, now(), 1);
    let manifests = company.images().flat_map(|push| push.manifest.all());
    let mut users: HashMap<String, usize> = HashMap::new();
    for blob in manifests.flat_map(|manifest| &manifest.blobs) {
        *users.entry(blob.digest().to_owned()).or_default() += 1;
    }
    assert!(users.values().any(|count| *count > 20), "the company's base");
    let own = users.values().filter(|count| **count == 1).count();
    assert!(own > 2_000, "{own} blobs belong to one image alone");
}

#[test]
fn every_kind_of_thing_is_there() {
    let company = Company::year(1_000, now(), 1);
    for occasion in [
        Occasion::Main,
        Occasion::Feature,
        Occasion::PullRequest,
        Occasion::ReleaseBranch,
        Occasion::Release,
        Occasion::Nightly,
        Occasion::BuildCache,
        Occasion::Chart,
        Occasion::Artifact,
    ] {
        assert!(
            company.pushes().iter().any(|push| push.occasion == occasion),
            "{occasion:?}"
        );
    }
    let attached = || company.pushes().iter().flat_map(|push| &push.attached);
    assert!(attached().any(|attached| attached.tag.is_some()) && attached().any(|attached| attached.tag.is_none()));
    let children = || company.images().flat_map(|push| &push.manifest.children);
    let attestations = || children().filter(|child| child.platform.as_deref() == Some("unknown/unknown"));
    assert!(attestations().any(|child| child.subject.is_some()) && attestations().any(|child| child.subject.is_none()));
}

#[tokio::test]
async fn what_runs_is_named_in_all_four_ways_and_pulls_whole() {
    let registry = TestRegistry::start(Options::default()).await.unwrap();
    let company = Company::year(200, now(), 1);
    let told = Cell::new((0, 0));
    company
        .fill(&Pusher::new(&registry.url()).unwrap(), |done, all| {
            told.set((done, all))
        })
        .await
        .unwrap();
    assert_eq!(told.get(), (company.pushes().len(), company.pushes().len()));

    let puller = Puller::new(&registry.url()).unwrap();
    let mut ways = HashSet::new();
    for used in company.in_use() {
        let Some((repository, digest)) = used.image.split_once('@') else {
            let (repository, tag) = used.image.split_once(':').unwrap();
            puller.pull_whole(repository, tag).await.unwrap();
            ways.insert("tag");
            continue;
        };
        let push = company
            .images()
            .find(|push| push.repository == repository && names(push, digest))
            .unwrap();
        puller.pull_whole(repository, &push.manifest.digest).await.unwrap();
        ways.insert(if push.manifest.digest == digest {
            "digest"
        } else if push.manifest.config_digest.as_deref() == Some(digest) {
            "config"
        } else {
            "child"
        });
    }
    assert_eq!(ways, HashSet::from(["tag", "digest", "child", "config"]));
}

fn names(push: &Push, digest: &str) -> bool {
    let named = |manifest: &&Manifest| manifest.digest == digest || manifest.config_digest.as_deref() == Some(digest);
    push.manifest.all().iter().any(named)
}

#[test]
fn something_old_is_still_in_use() {
    let company = Company::year(2_000, now(), 1);
    let rollback = company
        .in_use()
        .into_iter()
        .find(|used| used.used_by.contains("rolled back"))
        .unwrap();
    let (repository, tag) = rollback.image.split_once(':').unwrap();
    let push = company
        .images()
        .find(|push| push.repository == repository && push.tags.iter().any(|own| own == tag));
    let push = push.unwrap();
    assert!(push.tags.len() == 1 && tag.starts_with("main-"));
    assert!(now().as_second() - push.at.as_second() > 200 * 86_400);
}

#[tokio::test]
async fn backdating_tells_the_registry_the_real_times() {
    let registry = TestRegistry::start(Options {
        push_times: true,
        ..Options::default()
    })
    .await
    .unwrap();
    let company = Company::year(30, now(), 1);
    company
        .fill(&Pusher::new(&registry.url()).unwrap(), |_, _| ())
        .await
        .unwrap();
    company.backdate(&registry);
    let push = company.images().next().unwrap();
    let url = format!("{}/v2/{}/_times", registry.url(), push.repository);
    let text = reqwest::Client::builder()
        .no_proxy()
        .tls_certs_only([])
        .build()
        .unwrap();
    let text = text.get(url).send().await.unwrap().text().await.unwrap();
    let times: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(times["times"][&push.manifest.digest], push.at.to_string());
}

/// Run by hand in a release build: `cargo test --release -p jettison-testkit -- --ignored --nocapture`.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement: 2,000 images in at most 8 s on two cores"]
async fn filling_is_quick() {
    let registry = TestRegistry::start(Options::default()).await.unwrap();
    let start = std::time::Instant::now();
    let company = Company::year(DEFAULT_IMAGES, now(), 1);
    let built = start.elapsed();
    company
        .fill(&Pusher::new(&registry.url()).unwrap(), |_, _| ())
        .await
        .unwrap();
    println!(
        "built in {built:?}, filled after {:?}, {:?} requests",
        start.elapsed(),
        registry.counts()
    );
    println!("{} bytes of blobs", registry.stored_bytes());
}

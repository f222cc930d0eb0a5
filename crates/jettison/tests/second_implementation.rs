//! A second opinion: the same work against a registry by other hands, the crate `ferro-oci-server`.
//!
//! It keeps the in-process registry honest: what both claim to do, both have to do alike.

#[cfg(test)]
#[expect(
    dead_code,
    reason = "this registry cannot be looked at from within, and nothing is raced here"
)]
mod common;
#[cfg(test)]
#[path = "second_implementation/other.rs"]
mod other;

use common::contents::{deletions, kept_pull_whole};
use common::desk::Desk;
use jettison_testkit::pull::Puller;
use jettison_testkit::push::Pusher;
use jettison_testkit::registry::{Options, TestRegistry};
use other::{CONFIG, World, start_other, statuses};

#[tokio::test(flavor = "multi_thread")]
async fn what_is_kept_pulls_whole_and_the_rest_is_gone() {
    let host = start_other().await;
    let url = format!("http://{host}");
    let (pusher, puller) = (Pusher::new(&url).unwrap(), Puller::new(&url).unwrap());
    let world = World::new();
    world.push(&pusher).await;
    let desk = Desk::new(&host, CONFIG);
    desk.write("in-use.txt", "{host}/apps/api:old-12\n");
    let plan = desk.plan().await;
    let gone = deletions(&plan);
    // 19 images of one repository; of the other the index, its own child and its signature.
    assert_eq!(gone.len(), 19 + 3, "{plan}");
    let report = desk.apply(&[]).await.exits(0).json();
    assert_eq!(report["deleted"], gone.len());
    assert_eq!(kept_pull_whole(&plan, &puller).await, 3);
    for manifest in [&world.shared, &world.signed[0]] {
        puller.pull_whole("apps/web", &manifest.digest).await.unwrap();
    }
    for manifest in [&world.old, &world.signed[1]] {
        assert!(puller.pull_whole("apps/web", &manifest.digest).await.is_err());
    }
    assert_eq!(deletions(&desk.plan().await), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn both_registries_answer_alike() {
    let ours = TestRegistry::start(Options {
        delete_tag: true,
        referrers: true,
        ..Options::default()
    })
    .await
    .unwrap();
    let (ours, other) = (statuses(&ours.host()).await, statuses(&start_other().await).await);
    let different: Vec<_> = ours.iter().zip(&other).filter(|(ours, other)| ours != other).collect();
    assert!(different.is_empty(), "{different:#?}");
}

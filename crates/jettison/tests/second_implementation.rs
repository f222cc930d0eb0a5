//! A second opinion: the same work against a registry by other hands, the crate `ferro-oci-server`.
//!
//! It keeps the in-process registry honest: what both claim to do, both have to do alike.

#[cfg(test)]
#[expect(
    dead_code,
    reason = "this registry cannot be looked at from within, and nothing is raced here"
)]
mod common;

use std::net::Ipv4Addr;
use std::sync::Arc;

use common::contents::{deletions, kept_pull_whole};
use common::desk::Desk;
use ferro_blob_store::InMemoryBlobStore;
use ferro_oci_server::{AppState, InMemoryRegistryMeta, router};
use jettison_testkit::images::{Image, Index, Manifest, sigstore_bundle};
use jettison_testkit::pull::Puller;
use jettison_testkit::push::Pusher;
use jettison_testkit::registry::{Options, TestRegistry};
use reqwest::{Client, Method};

/// The other registry; it ends with the test's runtime.
async fn start_other() -> String {
    let state = AppState::new(
        Arc::new(InMemoryBlobStore::new()),
        Arc::new(InMemoryRegistryMeta::new()),
    );
    let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let host = listener.local_addr().unwrap().to_string();
    let served = axum::serve(listener, router(state));
    drop(tokio::spawn(async move { served.await }));
    host
}

const CONFIG: &str = "
registries:
  - { host: '{host}', trust-created: true }
usage:
  - { name: lists, kind: file, paths: [in-use.txt] }
policies:
  - name: test
    rules:
      - { name: old, match: { tags: ['old-*'] }, expire: { older-than: 30d } }
limits: { max-share: 100%, keep-at-least: 0 }
";

fn image(seed: u64, platform: &str) -> Manifest {
    Image::new(seed)
        .platform(platform)
        .created("2025-01-01T00:00:00Z")
        .build()
}

/// Images, an index that shares a child with another, a signature on each.
struct World {
    kept: Manifest,
    old: Manifest,
    shared: Manifest,
    signed: [Manifest; 2],
}

impl World {
    fn new() -> Self {
        let shared = image(1, "linux/arm64");
        let kept = Index::new().children([image(2, "linux/amd64"), shared.clone()]).build();
        let old = Index::new().children([image(3, "linux/amd64"), shared.clone()]).build();
        let signed = [&kept, &old].map(|subject| sigstore_bundle(subject, "2025-01-01T00:00:00Z"));
        Self {
            kept,
            old,
            shared,
            signed,
        }
    }

    async fn push(&self, pusher: &Pusher) {
        pusher.push("apps/web", &["keep"], &self.kept).await.unwrap();
        pusher.push("apps/web", &["old-1"], &self.old).await.unwrap();
        for number in 10..30 {
            let tag = format!("old-{number}");
            pusher
                .push("apps/api", &[&tag], &image(number, "linux/amd64"))
                .await
                .unwrap();
        }
        pusher
            .push("apps/api", &["keep"], &image(30, "linux/amd64"))
            .await
            .unwrap();
        for signature in &self.signed {
            pusher.push_referrer("apps/web", signature).await.unwrap();
        }
    }
}

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

/// What jettison sends, with the status that each registry answers. Left out is what the other one does not claim to
/// do, removing a single tag (405), and the one thing that it does in its own way: it has no tags (200) where
/// distribution-spec has no repository (404).
async fn statuses(host: &str) -> Vec<(String, u16)> {
    let url = format!("http://{host}");
    let pusher = Pusher::new(&url).unwrap();
    World::new().push(&pusher).await;
    let world = World::new();
    let nobody = jettison_testkit::sha256(b"nobody");
    let manifest = |reference: &str| format!("/v2/apps/web/manifests/{reference}");
    let old = manifest(&world.old.digest);
    let client = Client::builder().no_proxy().build().unwrap();
    let mut statuses = Vec::new();
    for (method, path) in [
        (Method::GET, "/v2/".to_owned()),
        (Method::GET, "/v2/_catalog".to_owned()),
        (Method::GET, "/v2/apps/web/tags/list".to_owned()),
        (Method::GET, manifest("keep")),
        (Method::HEAD, manifest("keep")),
        (Method::GET, manifest("nobody")),
        (Method::HEAD, manifest("nobody")),
        (Method::GET, manifest(&nobody)),
        (Method::HEAD, manifest(&nobody)),
        (
            Method::GET,
            format!("/v2/apps/web/blobs/{}", world.shared.blobs[0].digest()),
        ),
        (Method::GET, format!("/v2/apps/web/blobs/{nobody}")),
        (Method::GET, format!("/v2/apps/web/referrers/{}", world.old.digest)),
        (Method::GET, format!("/v2/apps/web/referrers/{nobody}")),
        (Method::DELETE, manifest(&nobody)),
        (Method::DELETE, old.clone()),
        (Method::DELETE, old.clone()),
        (Method::HEAD, old.clone()),
        (Method::GET, manifest("old-1")),
        (Method::GET, manifest(&world.shared.digest)),
        (Method::GET, manifest(&world.kept.digest)),
    ] {
        let request = client.request(method.clone(), format!("{url}{path}"));
        let accept = jettison_testkit::images::media_type::ALL_MANIFESTS.join(", ");
        let response = request.header("accept", accept).send().await.unwrap();
        statuses.push((format!("{method} {path}"), response.status().as_u16()));
    }
    statuses
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

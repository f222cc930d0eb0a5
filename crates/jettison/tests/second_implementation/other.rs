//! The other registry, what is pushed to it, and what it answers.

use std::net::Ipv4Addr;
use std::sync::Arc;

use ferro_blob_store::InMemoryBlobStore;
use ferro_oci_server::{AppState, InMemoryRegistryMeta, router};
use jettison_testkit::images::{Image, Index, Manifest, sigstore_bundle};
use jettison_testkit::push::Pusher;
use reqwest::{Client, Method};

/// The other registry; it ends with the test's runtime.
pub(crate) async fn start_other() -> String {
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

pub(crate) const CONFIG: &str = "
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

pub(crate) fn image(seed: u64, platform: &str) -> Manifest {
    Image::new(seed)
        .platform(platform)
        .created("2025-01-01T00:00:00Z")
        .build()
}

/// Images, an index that shares a child with another, a signature on each.
pub(crate) struct World {
    pub(crate) kept: Manifest,
    pub(crate) old: Manifest,
    pub(crate) shared: Manifest,
    pub(crate) signed: [Manifest; 2],
}

impl World {
    pub(crate) fn new() -> Self {
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

    pub(crate) async fn push(&self, pusher: &Pusher) {
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

/// What jettison sends, with the status that each registry answers. Left out is what the other one does not claim to
/// do, removing a single tag (405), and the one thing that it does in its own way: it has no tags (200) where
/// distribution-spec has no repository (404).
pub(crate) async fn statuses(host: &str) -> Vec<(String, u16)> {
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

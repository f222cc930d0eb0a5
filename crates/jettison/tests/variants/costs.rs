//! What a scan costs: every request is counted.

use std::collections::BTreeMap;

use jettison_testkit::images::{Image, Index, sigstore_bundle};
use jettison_testkit::push::Pusher;
use jettison_testkit::registry::{Class, Options, TestRegistry};

use crate::common::contents::text;
use crate::common::desk::Desk;

/// A small world of which every request can be told beforehand.
struct Counted {
    registry: TestRegistry,
    pusher: Pusher,
    desk: Desk,
}

impl Counted {
    /// Three tags, one of them on an index of two children, one on a second name of the first image; four configs.
    async fn start(options: Options) -> Self {
        let registry = TestRegistry::start(options).await.unwrap();
        let pusher = Pusher::new(&registry.url()).unwrap();
        let index = Index::new().children([image(1), image(2)]).build();
        pusher.push("apps/web", &["main-1"], &image(3)).await.unwrap();
        pusher.push("apps/web", &["main-2", "latest"], &image(4)).await.unwrap();
        pusher.push("apps/web", &["v1.0"], &index).await.unwrap();
        let bundle = sigstore_bundle(&index, "2026-01-01T00:00:00Z");
        pusher.push_referrer("apps/web", &bundle).await.unwrap();
        let desk = Desk::new(
            &registry.host(),
            "registries:\n  - { host: '{host}', repositories: [apps/web] }\n",
        );
        Self { registry, pusher, desk }
    }

    /// What one scan asks, by method and kind of call.
    async fn scan(&self) -> BTreeMap<(String, Class), u64> {
        self.registry.clear_requests();
        self.desk.run(&["scan"]).await.exits(0);
        self.registry.counts()
    }

    /// The same without the calls that find out whether there is a referrers API.
    async fn scan_but_for_referrers(&self) -> BTreeMap<(String, Class), u64> {
        let mut counts = self.scan().await;
        let asked = counts.remove(&("GET".to_owned(), Class::Referrers));
        assert!(asked.is_some_and(|asked| asked >= 1));
        counts
    }

    fn manifests_asked(&self, method: &str) -> Vec<String> {
        let requests = self.registry.requests().into_iter();
        let asked = requests.filter(|request| request.method == method && request.path.contains("/manifests/"));
        asked
            .map(|request| request.path.rsplit('/').next().unwrap().to_owned())
            .collect()
    }
}

fn image(seed: u64) -> jettison_testkit::images::Manifest {
    Image::new(seed).created("2026-01-01T00:00:00Z").build()
}

fn counts<const N: usize>(of: [(&str, Class, u64); N]) -> BTreeMap<(String, Class), u64> {
    of.into_iter()
        .map(|(method, class, count)| ((method.to_owned(), class), count))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scan_fetches_each_manifest_once_and_the_next_one_only_looks() {
    let world = Counted::start(Options::default()).await;
    // Five tags with the fallback tag, two children, the signature.
    let first = world.scan_but_for_referrers().await;
    let expected = [
        ("GET", Class::Tags, 1),
        ("GET", Class::Manifest, 5 + 2 + 1),
        ("GET", Class::Blob, 4),
    ];
    assert_eq!(first, counts(expected), "{:#?}", world.registry.requests());
    let second = world.scan().await;
    assert_eq!(
        second,
        counts([("GET", Class::Tags, 1), ("HEAD", Class::Manifest, 5)]),
        "{:#?}",
        world.registry.requests()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn with_the_referrers_api_an_unchanged_repository_costs_no_more() {
    let world = Counted::start(Options {
        referrers: true,
        page_size: Some(2),
        ..Options::default()
    })
    .await;
    // One question settles whether there is such an API; then each manifest is asked about once.
    let first = world.scan().await;
    let expected = [
        ("GET", Class::Tags, 2),
        ("GET", Class::Manifest, 4 + 2 + 1),
        ("GET", Class::Blob, 4),
        ("GET", Class::Referrers, 1 + 6),
    ];
    assert_eq!(first, counts(expected), "{:#?}", world.registry.requests());
    let second = world.scan().await;
    assert_eq!(
        second,
        counts([("GET", Class::Tags, 2), ("HEAD", Class::Manifest, 4)]),
        "{:#?}",
        world.registry.requests()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tag_that_moved_costs_one_get_more() {
    let world = Counted::start(Options::default()).await;
    world.scan().await;
    let newer = image(5);
    world.pusher.push("apps/web", &["latest"], &newer).await.unwrap();
    let moved = world.scan_but_for_referrers().await;
    let expected = [
        ("GET", Class::Tags, 1),
        ("HEAD", Class::Manifest, 5),
        ("GET", Class::Manifest, 1),
        ("GET", Class::Blob, 1),
    ];
    assert_eq!(moved, counts(expected), "{:#?}", world.registry.requests());
    assert_eq!(world.manifests_asked("GET"), ["latest"]);
    // To a manifest that is known: where it points has to be asked, what that is has not.
    let known = image(3).digest;
    assert!(world.registry.move_tag("apps/web", "latest", &known));
    world.scan().await;
    let asked = world.manifests_asked("GET");
    assert!(asked.len() <= 1, "{asked:?}");
    let inventory = world.desk.run(&["scan", "--output", "json"]).await.exits(0).json();
    let tags = inventory["repositories"][0]["tags"].as_array().unwrap();
    let latest = tags.iter().find(|tag| tag["name"] == "latest").unwrap();
    assert_eq!(text(&latest["digest"]), known);
}

//! A small registry with a few old images in it, and what an apply did to it.

use std::collections::BTreeMap;

use jettison_testkit::images::{Image, Manifest};
use jettison_testkit::pull::Puller;
use jettison_testkit::push::Pusher;
use jettison_testkit::registry::{Auth, Options, TestRegistry};
use serde_json::Value;

use crate::common::contents::text;
use crate::common::desk::{Desk, Ended};

/// The repository that most tests are about.
pub(crate) const WEB: &str = "apps/web";

/// Tags that begin with `old-` go, every other one stays.
const CONFIG: &str = "
registries:
  - { host: '{host}', repositories: ['apps/*'], expects: none, trust-created: true }
usage:
  - { name: lists, kind: file, paths: [in-use.txt] }
policies:
  - name: test
    rules:
      - { name: old, match: { tags: ['old-*'], kinds: [image, artifact] }, expire: { older-than: 30d } }
";

/// Limits that do not get into the way.
const WIDE: &str = "limits: { max-share: 100%, keep-at-least: 0 }\n";

/// A registry, and a desk to look after it from.
pub(crate) struct World {
    pub(crate) registry: TestRegistry,
    pub(crate) pusher: Pusher,
    pub(crate) puller: Puller,
    pub(crate) desk: Desk,
}

impl World {
    /// `keep`, in use; `old-1` to `old-3`, which may go.
    pub(crate) async fn start(options: Options) -> Self {
        let world = Self::empty(options).await;
        world.push(&["keep"], &image(0)).await;
        for number in 1..=3 {
            world.push(&[&format!("old-{number}")], &image(number)).await;
        }
        world
    }

    /// Nothing yet but `keep` in the list of what is in use.
    pub(crate) async fn empty(options: Options) -> Self {
        let auth = options.auth.clone();
        let registry = TestRegistry::start(options).await.unwrap();
        let url = registry.url();
        let desk = Desk::new(&registry.host(), &configured(WIDE));
        desk.write("in-use.txt", "{host}/apps/web:keep\n");
        let (pusher, puller) = match &auth {
            Auth::None => (Pusher::new(&url), Puller::new(&url)),
            Auth::Basic { user, password } | Auth::Token { user, password, .. } => {
                desk.log_in(user, password);
                let pusher = Pusher::with_credentials(&url, user, password);
                (pusher, Puller::with_credentials(&url, user, password))
            }
        };
        Self {
            pusher: pusher.unwrap(),
            puller: puller.unwrap(),
            registry,
            desk,
        }
    }

    pub(crate) async fn push(&self, tags: &[&str], manifest: &Manifest) {
        self.pusher.push(WEB, tags, manifest).await.unwrap();
    }

    pub(crate) fn has(&self, manifest: &Manifest) -> bool {
        self.registry.manifests(WEB).contains(&manifest.digest)
    }

    /// Paths of the DELETE requests, but for those that only find out whether deletes are on.
    pub(crate) fn deletes(&self) -> Vec<String> {
        let deletes = self
            .registry
            .requests()
            .into_iter()
            .filter(|request| request.method == "DELETE");
        let known = |request: &jettison_testkit::registry::Request| !matches!(request.status, Some(400 | 404 | 405));
        deletes.filter(known).map(|request| request.path).collect()
    }
}

/// The configuration with other limits.
pub(crate) fn configured(limits: &str) -> String {
    format!("{CONFIG}{limits}")
}

/// An image of long ago.
pub(crate) fn image(seed: u64) -> Manifest {
    Image::new(seed).created("2025-01-01T00:00:00Z").build()
}

/// What became of every action of an apply, and why.
pub(crate) fn outcomes(ended: &Ended) -> BTreeMap<String, (String, String)> {
    let report = ended.json();
    let actions = report["actions"].as_array().unwrap().iter();
    let outcome = |action: &Value| {
        (
            text(&action["outcome"]),
            action["why"].as_str().unwrap_or_default().to_owned(),
        )
    };
    actions
        .map(|action| (text(&action["digest"]), outcome(action)))
        .collect()
}

/// Fails the test unless this is what became of these manifests, and of nothing else.
#[track_caller]
pub(crate) fn expect_outcomes(ended: &Ended, expected: &[(&Manifest, &str, &str)]) {
    let found = outcomes(ended);
    for (manifest, outcome, why) in expected {
        let (happened, because) = found
            .get(&manifest.digest)
            .unwrap_or_else(|| panic!("{}", ended.stdout));
        assert!(
            happened == outcome && because.contains(why),
            "not `{outcome}`, `{why}`: {}",
            ended.stdout
        );
    }
    assert_eq!(found.len(), expected.len(), "{}", ended.stdout);
}

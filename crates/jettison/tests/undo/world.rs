//! A registry with old images of every shape, and what an undo made of them.

use jettison_testkit::images::{
    Attestation, Cosign, Image, Index, Manifest, attestation, cosign, cosign_tag, sigstore_bundle,
};
use jettison_testkit::pull::Puller;
use jettison_testkit::push::Pusher;
use jettison_testkit::registry::{Options, TestRegistry};
use serde_json::Value;

use crate::common::contents::{Contents, text};
use crate::common::desk::{Desk, Ended};

/// The repository that most tests are about, and one that holds signatures alone.
pub(crate) const WEB: &str = "apps/web";
pub(crate) const SIGNATURES: &str = "apps/signatures";

const OLD: &str = "2025-01-01T00:00:00Z";

/// Tags that begin with `old-` go, and orphans; every other one stays.
pub(crate) const CONFIG: &str = "
registries:
  - { host: '{host}', repositories: ['**'], expects: none, trust-created: true }
usage:
  - { name: lists, kind: file, paths: [in-use.txt] }
policies:
  - name: test
    untag: true
    rules:
      - { name: old, match: { tags: ['old-*'], kinds: [image, artifact] }, expire: { older-than: 30d } }
      - { name: orphans, match: { kinds: [orphan] }, expire: { older-than: 7d } }
limits: { max-share: 100%, keep-at-least: 0 }
";

/// A registry, and a desk to look after it from.
pub(crate) struct World {
    pub(crate) registry: TestRegistry,
    pub(crate) pusher: Pusher,
    pub(crate) puller: Puller,
    pub(crate) desk: Desk,
}

/// What there is in the registry beside plain images.
pub(crate) struct Shapes {
    /// `old-index`: two platforms and an attestation of its own, and a child that `old-other` lists too.
    pub(crate) index: Manifest,
    /// `old-other`: shares a child with `old-index`, and another one with `newer`.
    pub(crate) other: Manifest,
    /// `newer` stays, and so does what it lists.
    pub(crate) newer: Manifest,
    /// Signatures of `old-index`: by a tag, as a referrer, and by a tag in another repository.
    pub(crate) signature: Manifest,
    pub(crate) bundle: Manifest,
    pub(crate) elsewhere: Manifest,
}

impl Shapes {
    pub(crate) fn new() -> Self {
        let shared = platform(12, "linux/arm64");
        let kept = platform(13, "linux/s390x");
        let own = platform(11, "linux/amd64");
        let attested = attestation(&own, Attestation::AsArtifact);
        let second = platform(15, "linux/ppc64le");
        let index = Index::new().children([own, attested, shared.clone(), second]).build();
        let other = Index::new().children([shared, kept.clone()]).build();
        let newer = Index::new().children([kept, platform(14, "linux/amd64")]).build();
        Self {
            signature: cosign(&index.digest, Cosign::Signature),
            bundle: sigstore_bundle(&index, OLD),
            elsewhere: sigstore_bundle(&index, "2025-01-02T00:00:00Z"),
            index,
            other,
            newer,
        }
    }

    pub(crate) fn signature_tag(&self) -> String {
        cosign_tag(&self.index.digest, Cosign::Signature)
    }
}

impl World {
    /// `keep`, in use; `old-1` to `old-3`, which may go.
    pub(crate) async fn start(options: Options) -> Self {
        let registry = TestRegistry::start(options).await.unwrap();
        let url = registry.url();
        let desk = Desk::new(&registry.host(), CONFIG);
        desk.write("in-use.txt", "{host}/apps/web:keep\n");
        let world = Self {
            pusher: Pusher::new(&url).unwrap(),
            puller: Puller::new(&url).unwrap(),
            registry,
            desk,
        };
        world.push(&["keep"], &image(0)).await;
        for number in 1..=3 {
            world.push(&[&format!("old-{number}")], &image(number)).await;
        }
        world
    }

    /// The same with [`Shapes`].
    pub(crate) async fn with_shapes(options: Options) -> (Self, Shapes) {
        let world = Self::start(options).await;
        let shapes = Shapes::new();
        world.push(&["old-index", "old-index-too"], &shapes.index).await;
        world.push(&["old-other"], &shapes.other).await;
        world.push(&["newer"], &shapes.newer).await;
        let tag = shapes.signature_tag();
        world.push(&[&tag], &shapes.signature).await;
        world.pusher.push(SIGNATURES, &[&tag], &shapes.elsewhere).await.unwrap();
        world.pusher.push_referrer(WEB, &shapes.bundle).await.unwrap();
        (world, shapes)
    }

    pub(crate) async fn push(&self, tags: &[&str], manifest: &Manifest) {
        self.pusher.push(WEB, tags, manifest).await.unwrap();
    }

    pub(crate) fn contents(&self) -> Contents {
        Contents::of(&self.registry)
    }

    pub(crate) fn has(&self, manifest: &Manifest) -> bool {
        self.registry.manifests(WEB).contains(&manifest.digest)
    }

    pub(crate) fn tag(&self, tag: &str) -> Option<String> {
        self.registry.tags(WEB).get(tag).cloned()
    }

    /// Plans and applies; the id of the run.
    pub(crate) async fn apply(&self) -> String {
        self.desk.plan().await;
        text(&self.desk.apply(&[]).await.exits(0).json()["run"])
    }

    /// Undoes a run or images.
    pub(crate) async fn undo(&self, what: &[&str]) -> Ended {
        let arguments = [&["undo"], what, &["--yes", "--output", "json"]].concat();
        self.desk.run(&arguments).await
    }

    /// Paths of the PUT requests that the registry was sent.
    pub(crate) fn puts(&self) -> Vec<String> {
        let requests = self.registry.requests().into_iter();
        let puts = requests.filter(|request| request.method == "PUT");
        puts.map(|request| request.path).collect()
    }
}

/// An image of long ago.
pub(crate) fn image(seed: u64) -> Manifest {
    Image::new(seed).created(OLD).build()
}

fn platform(seed: u64, platform: &str) -> Manifest {
    Image::new(seed).platform(platform).created(OLD).build()
}

/// Restored, already there, failed.
pub(crate) fn counts(report: &Value) -> (u64, u64, u64) {
    let count = |name: &str| report[name].as_u64().unwrap_or_else(|| panic!("no {name}: {report}"));
    (count("restored"), count("already_there"), count("failed"))
}

/// What an undo says of one image.
pub(crate) fn told<'r>(report: &'r Value, image: &Manifest) -> &'r Value {
    let images = report["images"].as_array().unwrap().iter();
    let mut here = images.filter(|told| told["digest"] == image.digest.as_str());
    here.next()
        .unwrap_or_else(|| panic!("nothing of {}: {report}", image.digest))
}

/// Digest and outcome of each manifest of an image.
pub(crate) fn outcome_of(told: &Value, manifest: &Manifest) -> String {
    let manifests = told["manifests"].as_array().unwrap().iter();
    let mut here = manifests.filter(|one| one["digest"] == manifest.digest.as_str());
    text(&here.next().unwrap_or_else(|| panic!("{told}"))["outcome"])
}

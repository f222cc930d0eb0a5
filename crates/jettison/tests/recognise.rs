//! Recognition held against the test kit, whose builders were written from the same specifications by other
//! hands: what each artifact looks like on the wire, and what jettison takes it for.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "helpers of tests: a failure is a failed test"
)]

use std::collections::BTreeMap;

use jettison_core::model::{Digest, Kind, Tag};
use jettison_core::recognise::{ConfigFacts, ParsedManifest, ReadManifest, assemble};
use jettison_testkit::images::{
    Attestation, CacheShape, Cosign, Image, Index, Manifest, artifact, attestation, buildkit_cache, buildpacks_cache,
    cosign, cosign_referrer, fallback_index, helm_chart, kaniko_cache, kaniko_tag, notation_signature, sigstore_bundle,
    wasm,
};

/// Reads a manifest with everything below it, as a scan would, and gives its facts.
fn recognised(manifest: &Manifest, tags: &[&str]) -> jettison_core::model::Manifest {
    let mut read = BTreeMap::new();
    for part in manifest.all() {
        let parsed = ParsedManifest::read(Some(&part.media_type), &part.bytes).unwrap();
        let config = parsed.wanted_config().map(|config| {
            let digest = config.digest.to_string();
            let blob = part
                .blobs
                .iter()
                .find(|blob| blob.digest() == digest)
                .expect("the config is among the blobs");
            ConfigFacts::read(blob.bytes()).unwrap()
        });
        let digest: Digest = part.digest.parse().unwrap();
        read.insert(
            digest,
            ReadManifest {
                parsed,
                size: part.bytes.len() as u64,
                config,
            },
        );
    }
    let digest: Digest = manifest.digest.parse().unwrap();
    let tags: BTreeMap<Tag, Digest> = tags.iter().map(|tag| (tag.parse().unwrap(), digest.clone())).collect();
    assemble(&read, &tags)
        .into_iter()
        .find(|facts| facts.digest == digest)
        .unwrap()
}

fn image() -> Manifest {
    Image::new(1)
        .created("2026-05-01T10:00:00Z")
        .platform("linux/amd64")
        .build()
}

#[test]
fn each_artifact_is_what_it_is() {
    let image = image();
    let arm = Image::new(2).platform("linux/arm64/v8").build();
    let platforms = || Index::new().children([image.clone(), arm.clone()]);
    let table = [
        ("an image", image.clone(), Kind::Image),
        ("a Docker image", Image::new(3).docker().build(), Kind::Image),
        (
            "an image with an inline cache",
            Image::new(4).inline_cache().build(),
            Kind::Image,
        ),
        (
            "an app image of buildpacks",
            Image::new(5).label("io.buildpacks.lifecycle.metadata", "{}").build(),
            Kind::Image,
        ),
        ("an index", platforms().build(), Kind::Image),
        (
            "a Docker list",
            Index::new().docker().children([Image::new(6).docker().build()]).build(),
            Kind::Image,
        ),
        (
            "a nested index",
            Index::new().child(platforms().build()).build(),
            Kind::Image,
        ),
        (
            "an index with an attestation",
            platforms().child(attestation(&image, Attestation::AsImage)).build(),
            Kind::Image,
        ),
        (
            "an old attestation",
            attestation(&image, Attestation::AsImage),
            Kind::Artifact,
        ),
        (
            "a new attestation",
            attestation(&image, Attestation::AsArtifact),
            Kind::Artifact,
        ),
        ("an index without images", Index::new().build(), Kind::Artifact),
        (
            "a cosign signature",
            cosign(&image.digest, Cosign::Signature),
            Kind::Artifact,
        ),
        ("a cosign referrer", cosign_referrer(&image), Kind::Artifact),
        (
            "a Sigstore bundle",
            sigstore_bundle(&image, "2026-05-01T10:00:00Z"),
            Kind::Artifact,
        ),
        ("a notation signature", notation_signature(&image), Kind::Artifact),
        (
            "a fallback index",
            fallback_index(&[notation_signature(&image).descriptor()]),
            Kind::Artifact,
        ),
        (
            "a BuildKit cache",
            buildkit_cache(1, CacheShape::Manifest, &[10, 20]),
            Kind::BuildCache,
        ),
        (
            "a BuildKit cache as an index",
            buildkit_cache(1, CacheShape::OciIndex, &[10, 20]),
            Kind::BuildCache,
        ),
        (
            "a BuildKit cache as a Docker list",
            buildkit_cache(1, CacheShape::DockerList, &[10, 20]),
            Kind::BuildCache,
        ),
        ("a buildpacks cache", buildpacks_cache(1, &[10]), Kind::BuildCache),
        ("a chart", helm_chart("shop", "1.2.3", 100), Kind::Chart),
        ("a WASM module", wasm(1, 100), Kind::Artifact),
        (
            "anything else",
            artifact("application/vnd.example.thing", 1, 100),
            Kind::Artifact,
        ),
    ];
    for (name, manifest, kind) in table {
        assert_eq!(recognised(&manifest, &["latest"]).kind, kind, "{name}");
    }
}

#[test]
fn a_kaniko_cache_is_known_by_its_key_and_its_history_together() {
    let cache = kaniko_cache(1, "2026-05-01T10:00:00Z", 100);
    let key = kaniko_tag(1);
    assert_eq!(recognised(&cache, &[&key]).kind, Kind::BuildCache);
    assert_eq!(
        recognised(&cache, &[&key, "v1"]).kind,
        Kind::Image,
        "somebody gave it a name"
    );
    assert_eq!(
        recognised(&cache, &[]).kind,
        Kind::Image,
        "nothing says that it was a key"
    );
    assert_eq!(
        recognised(&image(), &[&key]).kind,
        Kind::Image,
        "a content hash can be a tag of an image"
    );
}

#[test]
fn the_layers_of_a_cache_that_is_an_index_are_blobs_and_not_children() {
    for shape in [CacheShape::OciIndex, CacheShape::DockerList] {
        let facts = recognised(&buildkit_cache(1, shape, &[10, 20]), &["cache"]);
        assert!(facts.children.is_empty(), "{facts:?}");
        assert_eq!(facts.blobs.len(), 3, "two layers and the cache config: {facts:?}");
    }
}

#[test]
fn an_index_lists_what_it_lists_whatever_its_type() {
    let child = artifact("application/vnd.example.thing", 1, 10);
    let mut entry = child.descriptor();
    entry.media_type = "application/vnd.example.manifest.v1+json".to_owned();
    let parsed = ParsedManifest::read(None, &Index::new().entry(entry).build().bytes).unwrap();
    assert_eq!(parsed.children, [child.digest.parse().unwrap()]);
}

#[test]
fn indexes_may_be_nested_as_deep_as_an_enemy_likes() {
    let mut read = BTreeMap::new();
    let mut below = image();
    let config = |manifest: &Manifest| manifest.config_digest.is_some().then(ConfigFacts::default);
    for _ in 0..20_000 {
        let parsed = ParsedManifest::read(Some(&below.media_type), &below.bytes).unwrap();
        read.insert(
            below.digest.parse().unwrap(),
            ReadManifest {
                parsed,
                size: 0,
                config: config(&below),
            },
        );
        let next = Index::new().entry(below.descriptor()).build();
        below = next;
    }
    let top: Digest = below.digest.parse().unwrap();
    let parsed = ParsedManifest::read(None, &below.bytes).unwrap();
    let only = BTreeMap::from([(
        top,
        ReadManifest {
            parsed,
            size: 0,
            config: None,
        },
    )]);
    assert_eq!(assemble(&only, &BTreeMap::new())[0].kind, Kind::Artifact);
    read.extend(only);
    let nested = read.len();
    let sample: BTreeMap<_, _> = read.into_iter().collect();
    assert_eq!(sample.len(), nested);
    assert_eq!(
        assemble(&sample, &BTreeMap::new())
            .iter()
            .filter(|facts| facts.kind == Kind::Image)
            .count(),
        nested
    );
}

#[test]
fn an_image_tells_its_date_its_labels_and_its_platform() {
    let image = Image::new(1)
        .created("2026-05-01T10:00:00Z")
        .platform("linux/arm64/v8")
        .label("team", "web")
        .build();
    let facts = recognised(&image, &["v1"]);
    assert_eq!(facts.created_at.unwrap().to_string(), "2026-05-01T10:00:00Z");
    assert_eq!(facts.platform.as_deref(), Some("linux/arm64/v8"));
    assert_eq!(facts.labels["team"], "web");
    assert_eq!(facts.size, image.bytes.len() as u64);
}

#[test]
fn an_index_has_the_labels_on_which_its_images_agree() {
    let labelled = |seed, version| Image::new(seed).label("team", "web").label("version", version).build();
    let index = Index::new().children([labelled(1, "1"), labelled(2, "2")]);
    let index = index
        .child(attestation(&labelled(1, "1"), Attestation::AsImage))
        .build();
    let facts = recognised(&index, &["v1"]);
    assert_eq!(facts.labels, BTreeMap::from([("team".to_owned(), "web".to_owned())]));
}

#[test]
fn layers_that_a_registry_does_not_store_do_not_count() {
    let image = Image::new(1).layers(&[100]).foreign_layer(1_000_000).build();
    let facts = recognised(&image, &["v1"]);
    assert!(facts.blobs.iter().all(|blob| blob.size < 1_000_000), "{facts:?}");
}

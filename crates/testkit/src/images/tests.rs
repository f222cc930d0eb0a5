//! The builders keep to what the specifications and the tools say; fields are read back from the bytes.

use serde_json::Value;

use super::*;

fn read(manifest: &Manifest) -> Value {
    serde_json::from_slice(&manifest.bytes).unwrap()
}

fn config(manifest: &Manifest) -> Value {
    let digest = manifest.config_digest.as_deref().unwrap();
    let blob = manifest.blobs.iter().find(|blob| blob.digest() == digest).unwrap();
    serde_json::from_slice(blob.bytes()).unwrap()
}

#[test]
fn every_manifest_says_its_own_media_type_and_its_config_type() {
    let image = || Image::new(1).created("1970-01-01T00:00:00Z");
    let base = image().build();
    for (what, manifest, media_type, config_type) in [
        ("image", image().build(), media_type::MANIFEST, media_type::CONFIG),
        (
            "docker image",
            image().docker().build(),
            media_type::DOCKER_MANIFEST,
            media_type::DOCKER_CONFIG,
        ),
        (
            "old attestation",
            attestation(&base, Attestation::AsImage),
            media_type::MANIFEST,
            media_type::CONFIG,
        ),
        (
            "new attestation",
            attestation(&base, Attestation::AsArtifact),
            media_type::MANIFEST,
            media_type::EMPTY,
        ),
        (
            "cosign",
            cosign(&base.digest, Cosign::Signature),
            media_type::MANIFEST,
            media_type::CONFIG,
        ),
        (
            "cosign referrer",
            cosign_referrer(&base),
            media_type::MANIFEST,
            "application/vnd.dev.cosign.artifact.sig.v1+json",
        ),
        (
            "bundle",
            sigstore_bundle(&base, "2026-05-01T00:00:00Z"),
            media_type::MANIFEST,
            media_type::EMPTY,
        ),
        (
            "notation",
            notation_signature(&base),
            media_type::MANIFEST,
            "application/vnd.cncf.notary.signature",
        ),
        (
            "BuildKit cache",
            buildkit_cache(1, CacheShape::Manifest, &[9]),
            media_type::MANIFEST,
            "application/vnd.buildkit.cacheconfig.v0",
        ),
        (
            "Kaniko cache",
            kaniko_cache(1, "2026-05-01T00:00:00Z", 9),
            media_type::DOCKER_MANIFEST,
            media_type::DOCKER_CONFIG,
        ),
        (
            "buildpacks cache",
            buildpacks_cache(1, &[9]),
            media_type::MANIFEST,
            media_type::CONFIG,
        ),
        (
            "chart",
            helm_chart("web", "1.0.0", 9),
            media_type::MANIFEST,
            "application/vnd.cncf.helm.config.v1+json",
        ),
        (
            "wasm",
            wasm(1, 9),
            media_type::MANIFEST,
            "application/vnd.wasm.config.v0+json",
        ),
        (
            "artifact",
            artifact("application/vnd.example", 1, 9),
            media_type::MANIFEST,
            media_type::EMPTY,
        ),
    ] {
        let json = read(&manifest);
        assert_eq!(json["mediaType"], media_type, "{what}");
        assert_eq!(manifest.media_type, media_type, "{what}");
        assert_eq!(json["config"]["mediaType"], config_type, "{what}");
        assert_eq!(manifest.digest, crate::sha256(&manifest.bytes), "{what}");
    }
}

#[test]
fn descriptors_measure_the_blobs_they_name() {
    let image = Image::new(3).layers(&[10, 700]).build();
    let json = read(&image);
    let described: Vec<&Value> = json["layers"]
        .as_array()
        .unwrap()
        .iter()
        .chain([&json["config"]])
        .collect();
    assert_eq!(described.len(), 3);
    for descriptor in described {
        let blob = image
            .blobs
            .iter()
            .find(|blob| descriptor["digest"] == blob.digest())
            .unwrap();
        assert_eq!(descriptor["size"], blob.bytes().len());
        assert_eq!(blob.digest(), crate::sha256(blob.bytes()));
    }
}

#[test]
fn an_image_tells_its_platform_date_and_labels() {
    let image = Image::new(1)
        .platform("linux/arm64/v8")
        .created("1970-01-01T00:00:00Z")
        .label("team", "shop")
        .build();
    let config = config(&image);
    assert_eq!(
        [&config["os"], &config["architecture"], &config["variant"]],
        ["linux", "arm64", "v8"]
    );
    assert_eq!(config["created"], "1970-01-01T00:00:00Z");
    assert_eq!(config["config"]["Labels"]["team"], "shop");
    assert!(self::config(&Image::new(1).build()).get("created").is_none());
}

#[test]
fn both_forms_of_an_attestation_stand_in_the_index_the_same_way() {
    let image = Image::new(1).build();
    for form in [Attestation::AsImage, Attestation::AsArtifact] {
        let attestation = attestation(&image, form);
        let json = read(&attestation);
        let index = read(&Index::new().child(image.clone()).child(attestation).build());
        let entry = &index["manifests"][1];
        assert_eq!(
            [&entry["platform"]["os"], &entry["platform"]["architecture"]],
            ["unknown", "unknown"]
        );
        assert_eq!(
            entry["annotations"]["vnd.docker.reference.type"],
            "attestation-manifest"
        );
        assert_eq!(
            entry["annotations"]["vnd.docker.reference.digest"],
            image.digest.as_str()
        );
        assert_eq!(json["layers"][0]["mediaType"], "application/vnd.in-toto+json");
        assert!(json["layers"][0]["annotations"]["in-toto.io/predicate-type"].is_string());
        let (subject, artifact_type) = match form {
            Attestation::AsImage => (Value::Null, Value::Null),
            Attestation::AsArtifact => (
                image.digest.as_str().into(),
                "application/vnd.docker.attestation.manifest.v1+json".into(),
            ),
        };
        assert_eq!(
            (json["subject"]["digest"].clone(), json["artifactType"].clone()),
            (subject, artifact_type)
        );
    }
}

#[test]
fn the_old_cache_shapes_list_blobs_and_a_cache_config() {
    for (shape, media_type, layer) in [
        (CacheShape::OciIndex, media_type::INDEX, media_type::LAYER),
        (
            CacheShape::DockerList,
            media_type::DOCKER_LIST,
            media_type::DOCKER_LAYER,
        ),
    ] {
        let cache = buildkit_cache(1, shape, &[10, 20]);
        let json = read(&cache);
        let types: Vec<&Value> = json["manifests"]
            .as_array()
            .unwrap()
            .iter()
            .map(|entry| &entry["mediaType"])
            .collect();
        assert_eq!(types, [layer, layer, "application/vnd.buildkit.cacheconfig.v0"]);
        assert_eq!(json["mediaType"], media_type);
        assert_eq!((cache.blobs.len(), cache.children.len()), (3, 0));
    }
}

#[test]
fn a_kaniko_cache_is_one_layer_by_kaniko_under_a_tag_of_64_digits() {
    let cache = kaniko_cache(5, "2026-05-01T00:00:00Z", 100);
    let config = config(&cache);
    assert_eq!(read(&cache)["layers"].as_array().unwrap().len(), 1);
    assert_eq!(config["history"].as_array().unwrap().len(), 1);
    assert_eq!(config["history"][0]["author"], "kaniko");
    assert_eq!(config["config"], serde_json::json!({}));
    let tag = kaniko_tag(5);
    assert!(tag.len() == 64 && tag.bytes().all(|byte| byte.is_ascii_hexdigit()));
}

#[test]
fn caches_of_buildpacks_and_inline_caches_are_known_by_their_configs() {
    let cache = config(&buildpacks_cache(1, &[9]));
    assert!(cache["config"]["Labels"]["io.buildpacks.lifecycle.cache.metadata"].is_string());
    assert_eq!(cache["created"], "1980-01-01T00:00:01Z");
    assert!(config(&Image::new(1).inline_cache().build())["moby.buildkit.cache.v0"].is_string());
}

#[test]
fn what_is_attached_names_its_subject() {
    let image = Image::new(1).build();
    for referrer in [
        cosign_referrer(&image),
        sigstore_bundle(&image, "2026-05-01T00:00:00Z"),
        notation_signature(&image),
        referrer(&image, "application/spdx+json", "x"),
    ] {
        assert_eq!(read(&referrer)["subject"]["digest"], image.digest.as_str());
        assert_eq!(referrer.subject.as_deref(), Some(image.digest.as_str()));
    }
    let hex = image.digest.strip_prefix("sha256:").unwrap();
    assert_eq!(cosign_tag(&image.digest, Cosign::Sbom), format!("sha256-{hex}.sbom"));
    let signature = read(&cosign(&image.digest, Cosign::Signature));
    assert_eq!(
        signature["layers"][0]["mediaType"],
        "application/vnd.dev.cosign.simplesigning.v1+json"
    );
    assert!(signature["layers"][0]["annotations"]["dev.cosignproject.cosign/signature"].is_string());
    assert!(signature.get("subject").is_none());
}

#[test]
fn a_fallback_index_lists_the_types_of_the_referrers() {
    let image = Image::new(1).build();
    let bundle = sigstore_bundle(&image, "2026-05-01T00:00:00Z");
    let index = read(&fallback_index(&[bundle.referrer_descriptor()]));
    assert_eq!(index["manifests"][0]["digest"], bundle.digest.as_str());
    assert_eq!(
        index["manifests"][0]["artifactType"],
        "application/vnd.dev.sigstore.bundle.v0.3+json"
    );
    assert_eq!(
        fallback_tag(&format!("sha512:{}", "a".repeat(128))),
        format!("sha512-{}", "a".repeat(64))
    );
}

#[test]
fn a_foreign_layer_is_listed_and_not_stored() {
    let image = Image::new(1).docker().foreign_layer(1_000_000).layers(&[10]).build();
    assert_eq!(read(&image)["layers"].as_array().unwrap().len(), 2);
    assert_eq!(image.blobs.len(), 2);
}

#[test]
fn the_same_seed_gives_the_same_digest() {
    assert_eq!(Image::new(1).build().digest, Image::new(1).build().digest);
    assert_ne!(Image::new(1).build().digest, Image::new(2).build().digest);
}

//! What each part of a manifest decides, one at a time. Whole artifacts, made by other hands, are in
//! `crates/jettison/tests/recognise.rs`.

use serde_json::{Value, json};

use super::media_types::{
    BUILDKIT_CACHE_CONFIG, BUILDPACKS_CACHE_LABEL, COSIGN_SIMPLE_SIGNING, DOCKER_CONFIG, DOCKER_LIST, DOCKER_MANIFEST,
    DOCKER_SCHEMA1, DOCKER_SCHEMA1_SIGNED, HELM_CONFIG, IN_TOTO, OCI_ARTIFACT, OCI_CONFIG, OCI_INDEX, OCI_MANIFEST,
};
use super::*;

fn digest(name: &str) -> Digest {
    Digest::of(name.as_bytes())
}

fn listed(media_type: &str, name: &str, size: u64) -> Value {
    json!({"mediaType": media_type, "digest": digest(name), "size": size})
}

fn layer(name: &str) -> Value {
    listed("application/vnd.oci.image.layer.v1.tar+gzip", name, 10)
}

fn image(config: &str, layers: &[Value]) -> Value {
    json!({"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": listed(config, "config", 5), "layers": layers})
}

fn index(children: &[&str]) -> Value {
    let entries: Vec<Value> = children.iter().map(|name| listed(OCI_MANIFEST, name, 1)).collect();
    json!({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries})
}

/// `document` with more or other fields.
fn with(mut document: Value, more: Value) -> Value {
    let (Value::Object(fields), Value::Object(more)) = (&mut document, more) else {
        panic!("both are objects");
    };
    fields.extend(more);
    document
}

fn read(document: &Value) -> ParsedManifest {
    ParsedManifest::read(None, document.to_string().as_bytes()).unwrap()
}

fn refused(content_type: &str, document: &Value) -> InvalidManifest {
    ParsedManifest::read(Some(content_type), document.to_string().as_bytes()).unwrap_err()
}

fn config(document: &Value) -> ConfigFacts {
    ConfigFacts::read(document.to_string().as_bytes()).unwrap()
}

#[test]
fn the_kind_follows_from_config_type_and_layers() {
    let subject = || json!({"subject": listed(OCI_MANIFEST, "subject", 1)});
    let cache_entry = [json!({"mediaType": BUILDKIT_CACHE_CONFIG, "digest": digest("c"), "size": 1})];
    let cache_index = json!({"schemaVersion": 2, "manifests": cache_entry});
    let table = [
        ("OCI image", image(OCI_CONFIG, &[layer("a")]), Some(Kind::Image)),
        ("Docker image", image(DOCKER_CONFIG, &[layer("a")]), Some(Kind::Image)),
        ("chart", image(HELM_CONFIG, &[layer("a")]), Some(Kind::Chart)),
        (
            "cache",
            image(BUILDKIT_CACHE_CONFIG, &[layer("a")]),
            Some(Kind::BuildCache),
        ),
        (
            "attached cache",
            with(image(BUILDKIT_CACHE_CONFIG, &[]), subject()),
            Some(Kind::Artifact),
        ),
        (
            "typed",
            with(image(OCI_CONFIG, &[]), json!({"artifactType": "a/b"})),
            Some(Kind::Artifact),
        ),
        (
            "in-toto",
            image(OCI_CONFIG, &[listed(IN_TOTO, "a", 1)]),
            Some(Kind::Artifact),
        ),
        (
            "cosign",
            image(OCI_CONFIG, &[layer("a"), listed(COSIGN_SIMPLE_SIGNING, "b", 1)]),
            Some(Kind::Artifact),
        ),
        ("other config", image("a/b", &[]), Some(Kind::Artifact)),
        (
            "layers alone",
            json!({"schemaVersion": 2, "layers": []}),
            Some(Kind::Artifact),
        ),
        (
            "artifact manifest",
            json!({"mediaType": OCI_ARTIFACT, "blobs": [layer("a")]}),
            Some(Kind::Artifact),
        ),
        (
            "artifact without blobs",
            json!({"artifactType": "a/b"}),
            Some(Kind::Artifact),
        ),
        ("index", index(&["a"]), None),
        (
            "typed index",
            with(index(&["a"]), json!({"artifactType": "a/b"})),
            Some(Kind::Artifact),
        ),
        ("cache index", cache_index.clone(), Some(Kind::BuildCache)),
        ("attached cache index", with(cache_index, subject()), None),
        (
            "schema 1",
            json!({"schemaVersion": 1, "fsLayers": []}),
            Some(Kind::Image),
        ),
    ];
    for (name, document, kind) in table {
        assert_eq!(read(&document).kind, kind, "{name}");
    }
}

#[test]
fn the_media_type_is_the_stated_one_else_the_registrys_else_that_of_its_shape() {
    let bare = json!({"schemaVersion": 2, "layers": []});
    let told = |content_type: Option<&str>, document: &Value| {
        ParsedManifest::read(content_type, document.to_string().as_bytes())
            .unwrap()
            .media_type
    };
    assert_eq!(told(Some(OCI_MANIFEST), &image(OCI_CONFIG, &[])), OCI_MANIFEST);
    assert_eq!(
        told(Some(&format!("{DOCKER_MANIFEST}; charset=utf-8")), &bare),
        DOCKER_MANIFEST
    );
    assert_eq!(told(Some("text/plain"), &bare), OCI_MANIFEST);
    assert_eq!(told(None, &json!({"manifests": []})), OCI_INDEX);
    assert_eq!(told(None, &json!({"fsLayers": []})), DOCKER_SCHEMA1);
    assert_eq!(told(None, &json!({"blobs": []})), "");
    let signed = json!({"schemaVersion": 1, "mediaType": DOCKER_SCHEMA1, "fsLayers": []});
    assert_eq!(told(Some(DOCKER_SCHEMA1_SIGNED), &signed), DOCKER_SCHEMA1);
}

#[test]
fn what_could_be_read_in_two_ways_is_refused() {
    let both = with(image(OCI_CONFIG, &[]), json!({"manifests": []}));
    let ambiguous = [
        (OCI_MANIFEST, both.clone()),
        ("", both),
        ("", json!({"fsLayers": [], "layers": []})),
        ("", json!({"fsLayers": [], "manifests": []})),
        (OCI_MANIFEST, json!({"manifests": [listed(OCI_MANIFEST, "a", 1)]})),
        (DOCKER_MANIFEST, json!({"manifests": []})),
        (
            OCI_MANIFEST,
            json!({"manifests": [listed(OCI_MANIFEST, "a", 1), listed(BUILDKIT_CACHE_CONFIG, "b", 1)]}),
        ),
        (OCI_INDEX, with(image(OCI_CONFIG, &[]), json!({"mediaType": null}))),
        (DOCKER_LIST, with(image(OCI_CONFIG, &[]), json!({"mediaType": null}))),
    ];
    for (content_type, document) in ambiguous {
        let error = refused(content_type, &document);
        assert!(
            matches!(error, InvalidManifest::Ambiguous),
            "{content_type} {document}: {error}"
        );
    }
    assert!(matches!(
        refused(OCI_INDEX, &image(OCI_CONFIG, &[])),
        InvalidManifest::MediaTypes { .. }
    ));
}

#[test]
fn what_is_no_manifest_is_refused() {
    let too_many = vec!["a"; MAX_CHILDREN + 1];
    assert!(matches!(
        refused("", &index(&too_many)),
        InvalidManifest::TooManyChildren(_)
    ));
    assert_eq!(read(&index(&too_many[1..])).children.len(), MAX_CHILDREN);
    assert!(matches!(
        refused("", &json!({"schemaVersion": 2})),
        InvalidManifest::Unknown(_)
    ));
    assert!(matches!(
        refused("", &json!({"layers": [{"digest": "sha256:1"}]})),
        InvalidManifest::Json(_)
    ));
}

#[test]
fn blobs_are_config_and_layers_each_once_and_only_those_that_are_stored() {
    let foreign = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip";
    let elsewhere = with(layer("elsewhere"), json!({"urls": ["https://example.com/layer"]}));
    let layers = [
        layer("a"),
        layer("a"),
        listed(foreign, "f", 1),
        elsewhere,
        with(layer("b"), json!({"urls": []})),
    ];
    let manifest = read(&image(OCI_CONFIG, &layers));
    let mut stored: Vec<_> = manifest
        .blobs
        .iter()
        .map(|blob| (blob.digest.clone(), blob.size))
        .collect();
    stored.sort();
    let mut expected = [(digest("config"), 5), (digest("a"), 10), (digest("b"), 10)];
    expected.sort();
    assert_eq!((stored.as_slice(), manifest.layers), (expected.as_slice(), 5));
    // An empty config is often a layer as well.
    let twice = read(&image(OCI_CONFIG, &[listed("a/b", "config", 5)]));
    assert_eq!(twice.blobs.len(), 1);
}

#[test]
fn a_cache_that_is_an_index_lists_blobs_and_may_list_manifests() {
    let entries = [
        layer("a"),
        listed(BUILDKIT_CACHE_CONFIG, "c", 3),
        listed(OCI_MANIFEST, "m", 1),
    ];
    let cache = read(&json!({"manifests": entries}));
    assert_eq!(cache.children, [digest("m")]);
    assert_eq!(cache.blobs.len(), 2);
    let plain = read(&json!({"manifests": [layer("a"), listed(OCI_MANIFEST, "m", 1)]}));
    assert_eq!((plain.children.len(), plain.blobs.len()), (2, 0));
}

#[test]
fn schema_one_counts_its_layers_once_and_takes_its_date_from_the_newest_entry() {
    let entry = |created: &str| json!({"v1Compatibility": json!({"created": created}).to_string()});
    let manifest = read(&json!({
        "schemaVersion": 1,
        "fsLayers": [{"blobSum": digest("b")}, {"blobSum": digest("a")}, {"blobSum": digest("b")}],
        "history": [entry("2016-01-02T00:00:00Z"), entry("2016-01-01T00:00:00Z")],
    }));
    assert_eq!(manifest.created.unwrap().to_string(), "2016-01-02T00:00:00Z");
    assert_eq!((manifest.layers, manifest.blobs.len()), (2, 2));
    assert!(manifest.wanted_config().is_none());
}

#[test]
fn only_the_config_of_an_image_is_wanted() {
    let wanted = |document: &Value| read(document).wanted_config().map(|config| config.digest.clone());
    assert_eq!(wanted(&image(OCI_CONFIG, &[])), Some(digest("config")));
    assert_eq!(wanted(&image(HELM_CONFIG, &[])), None);
}

#[test]
fn a_config_tells_date_platform_and_labels_as_far_as_they_are_given() {
    let facts = config(&json!({"created": "2026-01-01T00:00:00Z", "config": {"Labels": {"a": "b"}}}));
    assert_eq!(facts.created.unwrap().to_string(), "2026-01-01T00:00:00Z");
    assert_eq!(facts.labels, BTreeMap::from([("a".to_owned(), "b".to_owned())]));
    assert_eq!(config(&json!({"created": 3})).created, None);
    assert_eq!(config(&json!({"created": "yesterday"})).created, None);
    for (os, architecture, variant, platform) in [
        ("linux", "arm", "v7", Some("linux/arm/v7")),
        ("linux", "amd64", "", Some("linux/amd64")),
        ("linux", "amd64", "unknown", Some("linux/amd64")),
        ("unknown", "unknown", "", None),
        ("linux", "", "", None),
    ] {
        let facts = config(&json!({"os": os, "architecture": architecture, "variant": variant}));
        assert_eq!(facts.platform.as_deref(), platform);
    }
    assert!(ConfigFacts::read(b"[]").is_err());
}

#[test]
fn kaniko_writes_one_entry_and_nothing_to_run() {
    let by = |author: &str| json!({"author": author});
    let kaniko = |history: &[Value], run: Value| config(&json!({"history": history, "config": run})).kaniko_layer;
    assert!(kaniko(&[by("kaniko")], json!({"Cmd": [], "Env": null})));
    assert!(!kaniko(&[by("kaniko"), by("kaniko")], json!({})));
    assert!(!kaniko(&[by("buildah")], json!({})));
    assert!(!kaniko(&[], json!({})));
    for run in [
        json!({"Cmd": ["a"]}),
        json!({"Entrypoint": ["a"]}),
        json!({"Env": ["A=b"]}),
    ] {
        assert!(!kaniko(&[by("kaniko")], run.clone()), "{run}");
    }
}

/// The facts of a repository of these manifests, each with its config and tags.
fn facts(parts: &[(&str, Value, Option<ConfigFacts>, &[&str])]) -> BTreeMap<Digest, Manifest> {
    let mut manifests = BTreeMap::new();
    let mut tags = BTreeMap::new();
    for (name, document, config, names) in parts {
        tags.extend(names.iter().map(|tag| (tag.parse().unwrap(), digest(name))));
        let parsed = read(document);
        let config = config.clone();
        manifests.insert(
            digest(name),
            ReadManifest {
                parsed,
                size: 7,
                config,
            },
        );
    }
    let facts = assemble(&manifests, &tags);
    facts.into_iter().map(|facts| (facts.digest.clone(), facts)).collect()
}

fn labelled(labels: &[(&str, &str)]) -> Option<ConfigFacts> {
    let labels = labels
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
    Some(ConfigFacts {
        labels: labels.collect(),
        ..ConfigFacts::default()
    })
}

#[test]
fn an_index_is_what_its_children_are() {
    let plain = || image(OCI_CONFIG, &[]);
    let found = facts(&[
        ("one", plain(), labelled(&[("team", "a"), ("version", "1")]), &[]),
        (
            "two",
            plain(),
            labelled(&[("team", "a"), ("version", "2"), ("more", "x")]),
            &[],
        ),
        ("chart", image(HELM_CONFIG, &[]), labelled(&[("team", "b")]), &[]),
        ("both", index(&["one", "two", "chart", "absent"]), None, &["v1"]),
        ("above", index(&["both", "one", "one"]), None, &[]),
        ("charts", index(&["chart"]), None, &[]),
        ("empty", index(&[]), None, &[]),
    ]);
    let kind = |name: &str| found[&digest(name)].kind;
    assert_eq!(["one", "both", "above"].map(kind), [Kind::Image; 3]);
    assert_eq!(["charts", "empty"].map(kind), [Kind::Artifact; 2]);
    let team = BTreeMap::from([("team".to_owned(), "a".to_owned())]);
    assert_eq!(found[&digest("both")].labels, team);
    assert_eq!(found[&digest("above")].labels, team);
    assert_eq!(found[&digest("one")].labels.len(), 2);
    assert!(found[&digest("charts")].labels.is_empty());
    assert_eq!(
        (
            found.len(),
            found[&digest("both")].children.len(),
            found[&digest("one")].size
        ),
        (7, 4, 7)
    );
}

#[test]
fn a_loop_of_indexes_ends_and_is_no_image() {
    let found = facts(&[
        ("a", index(&["b", "image"]), None, &[]),
        ("b", index(&["a"]), None, &[]),
        ("image", image(OCI_CONFIG, &[]), labelled(&[]), &[]),
    ]);
    assert_eq!(found[&digest("a")].kind, Kind::Artifact);
    assert_eq!(found[&digest("b")].kind, Kind::Artifact);
    assert_eq!(found[&digest("image")].kind, Kind::Image);
}

#[test]
fn caches_that_look_like_images_need_every_sign() {
    let key = "0123456789abcdef".repeat(4);
    let short = &key[1..];
    let wrong = key.replace('a', "g");
    let kaniko = || {
        Some(ConfigFacts {
            kaniko_layer: true,
            ..ConfigFacts::default()
        })
    };
    let one = || image(OCI_CONFIG, &[layer("a")]);
    let attached = |document| with(document, json!({"subject": listed(OCI_MANIFEST, "s", 1)}));
    let buildpacks = || labelled(&[(BUILDPACKS_CACHE_LABEL, "{}")]);
    let key = key.as_str();
    let table = [
        ("all signs", one(), kaniko(), vec![key], Kind::BuildCache),
        ("no key", one(), kaniko(), vec![], Kind::Image),
        ("a name besides", one(), kaniko(), vec![key, "v1"], Kind::Image),
        ("a short key", one(), kaniko(), vec![short], Kind::Image),
        ("no hex", one(), kaniko(), vec![wrong.as_str()], Kind::Image),
        (
            "two layers",
            image(OCI_CONFIG, &[layer("a"), layer("b")]),
            kaniko(),
            vec![key],
            Kind::Image,
        ),
        ("other hands", one(), labelled(&[]), vec![key], Kind::Image),
        ("config not read", one(), None, vec![key], Kind::Image),
        ("attached", attached(one()), kaniko(), vec![key], Kind::Image),
        ("buildpacks", one(), buildpacks(), vec!["v1"], Kind::BuildCache),
        (
            "attached buildpacks",
            attached(one()),
            buildpacks(),
            vec![],
            Kind::Image,
        ),
    ];
    for (name, document, config, tags, kind) in table {
        let found = facts(&[("it", document, config, &tags)]);
        assert_eq!(found[&digest("it")].kind, kind, "{name}");
    }
}

#[test]
fn facts_come_from_where_they_are_written() {
    let typed = with(
        image("a/b", &[]),
        json!({"artifactType": "c/d", "annotations": {"k": "v"}}),
    );
    let typed = with(typed, json!({"subject": listed(OCI_MANIFEST, "s", 1)}));
    let old = json!({"schemaVersion": 1, "fsLayers": [], "history": [{"v1Compatibility": r#"{"created":"2016-01-02T00:00:00Z"}"#}]});
    let dated = config(&json!({"created": "2026-01-01T00:00:00Z", "os": "linux", "architecture": "arm64"}));
    let found = facts(&[
        ("typed", typed, None, &[]),
        ("old", old, None, &[]),
        ("dated", image(OCI_CONFIG, &[]), Some(dated), &[]),
    ]);
    let typed = &found[&digest("typed")];
    assert_eq!(
        (typed.artifact_type.as_deref(), typed.config_media_type.as_deref()),
        (Some("c/d"), Some("a/b"))
    );
    assert_eq!(
        (&typed.subject, &typed.config_digest),
        (&Some(digest("s")), &Some(digest("config")))
    );
    assert_eq!(
        (typed.annotations["k"].as_str(), typed.media_type.as_str()),
        ("v", OCI_MANIFEST)
    );
    assert_eq!(typed.blobs.len(), 1);
    let dated = &found[&digest("dated")];
    assert_eq!(dated.created_at.unwrap().to_string(), "2026-01-01T00:00:00Z");
    assert_eq!(dated.platform.as_deref(), Some("linux/arm64"));
    assert_eq!(
        found[&digest("old")].created_at.unwrap().to_string(),
        "2016-01-02T00:00:00Z"
    );
}

#[test]
fn a_list_is_believed_only_where_it_leaves_no_doubt() {
    let (own, subject) = (digest("own"), digest("subject"));
    let key = "0123456789abcdef".repeat(4);
    let attaching = format!("sha256-{key}.sig");
    let tag = |text: &str| text.parse::<Tag>().unwrap();
    let (plain, key, attaching) = (tag("1.0"), tag(&key), tag(&attaching));
    let (image, cache, chart) = (Some(OCI_CONFIG), Some(BUILDKIT_CACHE_CONFIG), Some(HELM_CONFIG));
    let free = None;
    let table = [
        ("an image", OCI_MANIFEST, image, free, &plain, Some(Kind::Image)),
        (
            "Docker's",
            DOCKER_MANIFEST,
            Some(DOCKER_CONFIG),
            free,
            &plain,
            Some(Kind::Image),
        ),
        ("a cache", OCI_MANIFEST, cache, free, &plain, Some(Kind::BuildCache)),
        ("a chart", OCI_MANIFEST, chart, free, &plain, Some(Kind::Chart)),
        ("an index", OCI_INDEX, image, free, &plain, None),
        ("Docker's list", DOCKER_LIST, None, free, &plain, None),
        ("schema 1", DOCKER_SCHEMA1_SIGNED, image, free, &plain, None),
        ("of no type", "", image, free, &plain, None),
        ("of no config", OCI_MANIFEST, None, free, &plain, None),
        ("of a foreign config", OCI_MANIFEST, Some("a/b"), free, &plain, None),
        ("attached", OCI_MANIFEST, image, Some(&subject), &plain, None),
        ("attached by its tag", OCI_MANIFEST, image, free, &attaching, None),
        ("named like a layer of Kaniko", OCI_MANIFEST, image, free, &key, None),
    ];
    for (name, media_type, config_media_type, subject, tag, expected) in table {
        let listed = ListedManifest {
            digest: &own,
            media_type,
            config_media_type,
            subject,
            bytes: 7,
            tags: &[&plain, tag],
        };
        let recognised = listed.recognise();
        assert_eq!(recognised.as_ref().and_then(|parsed| parsed.kind), expected, "{name}");
        let Some(parsed) = recognised else { continue };
        let blobs: Vec<(&Digest, u64)> = parsed.blobs.iter().map(|blob| (&blob.digest, blob.size)).collect();
        assert_eq!(blobs, [(&own, 7)], "{name}");
        assert!(parsed.wanted_config().is_none(), "{name}: nobody knows its config");
    }
    assert!(
        [OCI_INDEX, DOCKER_LIST, DOCKER_SCHEMA1, ""]
            .into_iter()
            .all(may_list_others)
    );
    assert!(![OCI_MANIFEST, DOCKER_MANIFEST].into_iter().any(may_list_others));
}

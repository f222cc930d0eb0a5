//! Manifests, indexes and configs, as a registry sends them: the first line is the `Content-Type`, the rest the bytes.
//!
//! - Nothing that an index lists gets lost: what is no child is a blob. That is what keeps children alive.
//! - Every digest in the answer stands in the bytes; the subject is the one that is written there.
//! - The answer is in proportion to the bytes; refusals say why.

use std::collections::BTreeSet;

use jettison_core::model::Digest;
use jettison_core::recognise::{ConfigFacts, MAX_CHILDREN, ParsedManifest};
use serde_json::Value;

use crate::oracle::{assert_error, assert_in_proportion};

/// Looks at one input.
pub fn run(data: &[u8]) {
    let end = data.iter().position(|byte| *byte == b'\n').unwrap_or(0);
    let (header, bytes) = data.split_at(end);
    let header = std::str::from_utf8(header).ok().filter(|header| !header.is_empty());
    match ParsedManifest::read(header, bytes) {
        Ok(manifest) => manifest_says(&manifest, bytes),
        Err(error) => assert_error(&error),
    }
    match ConfigFacts::read(bytes) {
        Ok(config) => config_says(&config, bytes),
        Err(error) => assert_error(&error),
    }
}

fn manifest_says(manifest: &ParsedManifest, bytes: &[u8]) {
    assert_in_proportion(manifest, bytes);
    let Ok(written) = serde_json::from_slice::<Value>(bytes) else {
        // What stands in other fields need not be a number that fits.
        return;
    };
    let mut texts = BTreeSet::new();
    collect(&written, &mut texts);
    let stands = |digest: &Digest| assert!(texts.contains(&digest.to_string()), "{digest} is made up");
    let blobs: Vec<&Digest> = manifest.blobs.iter().map(|blob| &blob.digest).collect();
    let config = manifest.config.as_ref().map(|config| &config.digest);
    manifest
        .children
        .iter()
        .chain(config)
        .chain(blobs.iter().copied())
        .for_each(stands);
    assert!(manifest.children.len() <= MAX_CHILDREN);
    assert_eq!(
        blobs.len(),
        blobs.iter().collect::<BTreeSet<_>>().len(),
        "a blob is counted twice"
    );
    let subject = written["subject"]["digest"].as_str().map(str::to_owned);
    let schema_one = written["schemaVersion"] == 1;
    assert!(schema_one || manifest.subject.as_ref().map(Digest::to_string) == subject);
    if manifest.kind.is_none() || !manifest.children.is_empty() {
        for entry in written["manifests"].as_array().into_iter().flatten() {
            let listed = entry["digest"]
                .as_str()
                .and_then(|digest| digest.parse::<Digest>().ok());
            let known =
                |digest: &Digest| manifest.children.contains(digest) || is_left_out(entry) || blobs.contains(&digest);
            assert!(listed.as_ref().is_some_and(known), "{entry} is lost");
        }
    }
}

/// A blob that a registry does not store (image-spec, layer.md, "Non-Distributable Layers").
fn is_left_out(entry: &Value) -> bool {
    let kind = entry["mediaType"].as_str().unwrap_or_default();
    let elsewhere = entry["urls"].as_array().is_some_and(|urls| !urls.is_empty());
    elsewhere || kind.contains(".foreign.") || kind.contains(".nondistributable.")
}

fn config_says(config: &ConfigFacts, bytes: &[u8]) {
    assert_in_proportion(config, bytes);
    let Ok(written) = serde_json::from_slice::<Value>(bytes) else {
        return;
    };
    for (key, value) in &config.labels {
        assert_eq!(written["config"]["Labels"][key], Value::String(value.clone()));
    }
    let json = serde_json::to_string(config).unwrap_or_default();
    assert_eq!(serde_json::from_str::<ConfigFacts>(&json).ok().as_ref(), Some(config));
}

fn collect(value: &Value, texts: &mut BTreeSet<String>) {
    match value {
        Value::String(text) => drop(texts.insert(text.clone())),
        Value::Array(values) => values.iter().for_each(|value| collect(value, texts)),
        Value::Object(values) => values.values().for_each(|value| collect(value, texts)),
        _ => {}
    }
}

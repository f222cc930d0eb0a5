//! Images for engines: an archive of many for `docker load`, and small ones in a registry to pull.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::distribution::DistributionRegistry;
use crate::support::dockerd::Dockerd;
use crate::support::program::{find, run};
use crate::support::wire::Wire;

/// The media types of an image.
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar";

/// What an image has for itself.
pub(crate) const OWN_BYTES: usize = 100_000;

/// Loads so many images, `bench/app0:v1` and on, which share one layer.
pub(crate) fn load(engine: &Dockerd, images: usize) {
    let folder = TempDir::new().expect("a folder");
    fs::write(folder.path().join("layer.tar"), base()).expect("the layer");
    let listed: Vec<Value> = (0..images)
        .map(|number| {
            let config = config(
                &[&digest(base())],
                &format!("app{number}"),
                "2024-02-02T02:02:02Z",
                &json!({}),
            );
            let name = format!("{number}.json");
            fs::write(folder.path().join(&name), config.to_string()).expect("a config");
            json!({"Config": name, "RepoTags": [format!("bench/app{number}:v1")], "Layers": ["layer.tar"]})
        })
        .collect();
    fs::write(folder.path().join("manifest.json"), Value::from(listed).to_string()).expect("the list");
    let archive = TempDir::new().expect("a folder");
    let archive = archive.path().join("images.tar");
    pack(folder.path(), &archive);
    engine.docker(&format!("load --quiet --input {}", archive.display()));
}

/// Puts an image into a registry, and returns its name.
pub(crate) fn push(registry: &DistributionRegistry, image: &Made<'_>) -> String {
    let wire = Wire::new(&registry.host(), image.repository);
    let own = layer(|folder| {
        let seed = format!("{}:{} ", image.repository, image.tag);
        fs::write(folder.join("own"), seed.repeat(OWN_BYTES / seed.len())).expect("its own bytes");
    });
    let layers = [base(), &own].map(|layer| wire.push_blob(LAYER, layer));
    let config = config(
        &layers
            .each_ref()
            .map(|layer| layer["digest"].as_str().unwrap_or_default()),
        &format!("{}:{}", image.repository, image.tag),
        image.created,
        &image.labels,
    );
    let config = wire.push_blob(CONFIG, config.to_string().as_bytes());
    let manifest = json!({"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": layers});
    wire.push_manifest(Some(image.tag), MANIFEST, &manifest);
    format!("{}:{}", registry.image(image.repository), image.tag)
}

/// An image to make.
#[derive(Debug)]
pub(crate) struct Made<'a> {
    pub(crate) repository: &'a str,
    pub(crate) tag: &'a str,
    pub(crate) created: &'a str,
    pub(crate) labels: Value,
}

fn config(layers: &[&str], name: &str, created: &str, labels: &Value) -> Value {
    json!({"os": "linux", "architecture": "amd64", "created": created,
        "config": {"Cmd": ["/bin/busybox", "sleep", "600"], "Labels": labels, "Env": [format!("NAME={name}")]},
        "rootfs": {"type": "layers", "diff_ids": layers}})
}

/// A layer with a program that runs, shared by all.
fn base() -> &'static [u8] {
    static BASE: OnceLock<Vec<u8>> = OnceLock::new();
    BASE.get_or_init(|| {
        let busybox = find("busybox").expect("busybox is installed");
        layer(|folder| {
            fs::create_dir(folder.join("bin")).expect("its folder");
            fs::copy(busybox, folder.join("bin/busybox")).expect("busybox");
        })
    })
}

fn layer(fill: impl FnOnce(&Path)) -> Vec<u8> {
    let (folder, archive) = (TempDir::new().expect("a folder"), TempDir::new().expect("a folder"));
    fill(folder.path());
    let archive = archive.path().join("layer.tar");
    pack(folder.path(), &archive);
    fs::read(archive).expect("the layer")
}

fn pack(folder: &Path, archive: &Path) {
    run(Command::new("tar")
        .arg("-C")
        .arg(folder)
        .arg("-cf")
        .arg(archive)
        .arg("."))
    .expect("tar");
}

fn digest(bytes: &[u8]) -> String {
    jettison_core::model::Digest::of(bytes).to_string()
}

//! What these tests begin with: a registry with images that run, and what a source says of its engine.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::distribution::{DistributionOptions, DistributionRegistry};
use crate::support::jettison::{Jettison, list, text};
use crate::support::program::{find, run};
use crate::support::wire::Wire;

/// Old by any policy, and plausible.
pub(super) const OLD: &str = "2024-02-02T02:02:02Z";

const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar";

/// A registry with a repository of images that run, and somebody who uses jettison.
pub(super) struct Scene {
    pub(super) registry: DistributionRegistry,
    pub(super) web: Wire,
    pub(super) user: Jettison,
    /// `/bin/busybox` and nothing else.
    layer: Value,
}

/// An image in the registry, by the names it has.
#[derive(Debug, Clone)]
pub(super) struct Pushed {
    /// `127.0.0.1:PORT/apps/web:TAG`
    pub(super) image: String,
    /// What the tag names: a manifest or an index.
    pub(super) digest: String,
    /// The manifest of this machine's platform; the same where there is no index.
    pub(super) manifest: String,
    /// The config of that.
    pub(super) config: String,
}

impl Scene {
    pub(super) fn new() -> Self {
        let registry = DistributionRegistry::start(DistributionOptions::default());
        let web = Wire::new(&registry.host(), "apps/web");
        let layer = web.push_blob(LAYER, &root_file_system());
        Self {
            registry,
            web,
            user: Jettison::new(),
            layer,
        }
    }

    /// The repository of all these images.
    pub(super) fn repository(&self) -> String {
        self.registry.image("apps/web")
    }

    /// Pushes an image that runs under a tag. What it is called makes it another than others.
    pub(super) fn push(&self, tag: &str, name: &str) -> Pushed {
        self.push_of(tag, name, OLD)
    }

    /// The same, built at that time.
    pub(super) fn push_of(&self, tag: &str, name: &str, created: &str) -> Pushed {
        let config = self.push_config("amd64", name, created);
        let digest = self.web.push_manifest(Some(tag), MANIFEST, &self.manifest(&config));
        self.pushed(tag, &digest, &digest, &config)
    }

    /// Pushes an index of two platforms under a tag.
    pub(super) fn push_index(&self, tag: &str) -> Pushed {
        let platforms = ["amd64", "arm64"].map(|architecture| {
            let config = self.push_config(architecture, tag, OLD);
            let manifest = self.manifest(&config);
            let digest = self.web.push_manifest(None, MANIFEST, &manifest);
            let entry = json!({"mediaType": MANIFEST, "digest": digest, "size": manifest.to_string().len(),
                "platform": {"os": "linux", "architecture": architecture}});
            (entry, digest, config)
        });
        let entries = platforms.each_ref().map(|(entry, ..)| entry);
        let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": entries});
        let digest = self.web.push_manifest(Some(tag), INDEX, &index);
        let [(_, manifest, config), _] = &platforms;
        self.pushed(tag, &digest, manifest, config)
    }

    fn push_config(&self, architecture: &str, name: &str, created: &str) -> Value {
        let config = json!({"os": "linux", "architecture": architecture, "created": created,
            "config": {"Cmd": ["/bin/busybox"], "Labels": {"name": name}},
            "rootfs": {"type": "layers", "diff_ids": [self.layer["digest"]]}});
        self.web.push_blob(CONFIG, config.to_string().as_bytes())
    }

    fn manifest(&self, config: &Value) -> Value {
        json!({"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": [self.layer]})
    }

    fn pushed(&self, tag: &str, digest: &str, manifest: &str, config: &Value) -> Pushed {
        Pushed {
            image: format!("{}:{tag}", self.repository()),
            digest: digest.to_owned(),
            manifest: manifest.to_owned(),
            config: text(&config["digest"]),
        }
    }

    /// What a source says.
    pub(super) fn told(&self, source: &str) -> Told {
        told_to(&self.user, source)
    }
}

/// What a source says to somebody: its status, its gaps, and who uses which images and digests.
pub(super) fn told_to(user: &Jettison, source: &str) -> Told {
    user.write("jettison.yaml", &format!("usage: [ {source} ]"));
    let ended = user.run("usage --output json");
    let usage: Value = serde_json::from_str(&ended.output).unwrap_or_else(|error| panic!("{error}: {}", ended.said));
    let source = &usage["sources"][0];
    let mut used = BTreeMap::<String, BTreeSet<String>>::new();
    for reference in list(source, "references") {
        let names = [&reference["image"], &reference["digest"]];
        let names = names
            .into_iter()
            .filter_map(Value::as_str)
            .filter(|name| !name.is_empty());
        used.entry(text(&reference["used_by"]))
            .or_default()
            .extend(names.map(str::to_owned));
    }
    Told {
        code: ended.code,
        status: text(&source["status"]),
        gaps: list(source, "gaps").map(text).collect(),
        used,
    }
}

/// A layer of one program without libraries.
fn root_file_system() -> Vec<u8> {
    let folder = TempDir::new().expect("a folder for the layer");
    let busybox = find("busybox").expect("busybox is installed");
    std::fs::create_dir(folder.path().join("bin")).expect("its folder");
    std::fs::copy(busybox, folder.path().join("bin/busybox")).expect("busybox");
    let layer = folder.path().join("layer.tar");
    run(Command::new("tar")
        .arg("-C")
        .arg(folder.path())
        .arg("-cf")
        .arg(&layer)
        .arg("bin"))
    .expect("tar");
    std::fs::read(layer).expect("the layer")
}

/// What a source said.
#[derive(Debug)]
pub(super) struct Told {
    pub(super) code: i32,
    pub(super) status: String,
    pub(super) gaps: Vec<String>,
    /// Who, and the images and digests.
    pub(super) used: BTreeMap<String, BTreeSet<String>>,
}

impl Told {
    /// Asserts that somebody uses exactly these images and digests.
    pub(super) fn assert_uses<const N: usize>(&self, who: &str, names: [&str; N]) {
        let used = self
            .used
            .get(who)
            .unwrap_or_else(|| panic!("nothing of {who}: {self:?}"));
        assert_eq!(used, &BTreeSet::from(names.map(str::to_owned)), "{who}");
    }

    /// Asserts that it told everything.
    pub(super) fn assert_complete(&self) {
        assert_eq!((self.code, self.status.as_str()), (0, "complete"), "{:?}", self.gaps);
        assert_eq!(self.gaps, [""; 0]);
    }
}

/// Asserts that no process with this id is left.
pub(super) fn assert_gone(process: impl std::fmt::Display) {
    let left = std::path::PathBuf::from(format!("/proc/{process}"));
    assert!(!left.exists(), "the process {process} is still there");
}

//! The figures of an audit, each against a count on the disk of the registry, which knows nothing of jettison.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use jettison_testkit::images::{
    Blob, CacheShape, Cosign, Image, Index, Manifest, buildkit_cache, cosign, cosign_tag, helm_chart, sigstore_bundle,
};
use jettison_testkit::push::Pusher;
use serde_json::Value;

use super::scene::{OLD, Scene, scene};
use crate::support::jettison::{days_ago, list, number, text};

/// What one repository's links lead to, by the registry's own files: each tag with all that belongs to it.
struct Disk {
    storage: PathBuf,
}

/// A manifest or blob by its digest.
type Digests = BTreeSet<String>;

impl Disk {
    fn of(scene: &Scene) -> Self {
        Self {
            storage: scene.registry.storage().join("docker/registry/v2"),
        }
    }

    fn data(&self, digest: &str) -> PathBuf {
        let hex = digest.strip_prefix("sha256:").unwrap();
        self.storage.join("blobs/sha256").join(&hex[..2]).join(hex).join("data")
    }

    fn size(&self, digest: &str) -> u64 {
        fs::metadata(self.data(digest))
            .unwrap_or_else(|error| panic!("{digest}: {error}"))
            .len()
    }

    fn sum(&self, digests: &Digests) -> u64 {
        digests.iter().map(|digest| self.size(digest)).sum()
    }

    /// The tags of a repository and what each points to.
    fn tags(&self, repository: &str) -> BTreeMap<String, String> {
        let folder = self
            .storage
            .join("repositories")
            .join(repository)
            .join("_manifests/tags");
        let names = names_in(&folder);
        let link = |name: &String| fs::read_to_string(folder.join(name).join("current/link")).unwrap();
        names.into_iter().map(|name| (name.clone(), link(&name))).collect()
    }

    /// Everything that a manifest refers to, and itself. What is stored elsewhere has no file here.
    fn closure(&self, digest: &str) -> Digests {
        let mut found = BTreeSet::from([digest.to_owned()]);
        let manifest: Value = serde_json::from_slice(&fs::read(self.data(digest)).unwrap()).unwrap();
        let children = items(&manifest, "manifests").map(|child| text(&child["digest"]));
        for child in children.collect::<Vec<_>>() {
            // A build cache lists layers where others list manifests.
            let is_manifest = fs::read(self.data(&child)).is_ok_and(|bytes| {
                serde_json::from_slice::<Value>(&bytes).is_ok_and(|value| value["schemaVersion"] == 2)
            });
            if is_manifest {
                found.extend(self.closure(&child));
            } else {
                found.insert(child);
            }
        }
        let blobs = items(&manifest, "layers").chain([&manifest["config"]]);
        let blobs = blobs.filter_map(|blob| blob["digest"].as_str().map(str::to_owned));
        found.extend(blobs.filter(|blob| self.data(blob).exists()));
        found
    }

    /// What any of these tags of a repository lead to.
    fn holds(&self, repository: &str) -> Digests {
        self.tags(repository)
            .values()
            .flat_map(|digest| self.closure(digest))
            .collect()
    }
}

/// A list that may be missing.
fn items<'a>(manifest: &'a Value, name: &str) -> impl Iterator<Item = &'a Value> {
    manifest[name].as_array().into_iter().flatten()
}

fn names_in(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap());
    entries.collect()
}

const REPOSITORIES: [&str; 4] = ["apps/api", "apps/web", "base/debian", "charts/shop"];

/// Images that share layers within and between repositories, an index, signatures by tag and as referrers, a build
/// cache, a chart, a layer that is stored elsewhere, and an image under two names.
async fn fill(pusher: &Pusher) {
    let base = Blob::random(1, 50_000);
    let image = |seed: u64, created: &str| {
        let own = Blob::random(seed, 1_000 + usize::try_from(seed).unwrap());
        Image::new(seed).created(created).layer(base.clone()).layer(own).build()
    };
    let young = days_ago(1);
    let debian = Image::new(2).created(OLD).layer(base.clone()).build();
    pusher.push("base/debian", &["12", "bookworm"], &debian).await.unwrap();
    pusher.push("apps/web", &["from-base"], &debian).await.unwrap();
    for number in 0..6_u64 {
        let old = image(100 + number, OLD);
        pusher
            .push("apps/web", &[&format!("build-{number}")], &old)
            .await
            .unwrap();
        let signature = cosign(&old.digest, Cosign::Signature);
        let tag = cosign_tag(&old.digest, Cosign::Signature);
        pusher.push("apps/web", &[&tag], &signature).await.unwrap();
    }
    pusher
        .push("apps/web", &["keep-newest"], &image(200, &young))
        .await
        .unwrap();
    let platforms = ["linux/amd64", "linux/arm64"].map(|platform| {
        Image::new(300)
            .platform(platform)
            .created(OLD)
            .layer(base.clone())
            .foreign_layer(9_999)
            .build()
    });
    let index: Manifest = Index::new().children(platforms).build();
    pusher.push("apps/api", &["multi", "keep-multi"], &index).await.unwrap();
    pusher
        .push_referrer("apps/api", &sigstore_bundle(&index, OLD))
        .await
        .unwrap();
    pusher
        .push("apps/api", &["old-multi"], &image(301, OLD).clone())
        .await
        .unwrap();
    let cache = buildkit_cache(400, CacheShape::OciIndex, &[20_000, 30_000]);
    pusher.push("apps/api", &["buildcache"], &cache).await.unwrap();
    pusher
        .push("charts/shop", &["1.0.0"], &helm_chart("shop", "1.0.0", 3_000))
        .await
        .unwrap();
}

fn filled() -> Option<Scene> {
    let scene = scene()?;
    let pusher = Pusher::new(&format!("http://{}", scene.registry.host())).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(fill(&pusher));
    Some(scene)
}

fn row<'a>(audit: &'a Value, by: &str, name: &str) -> &'a Value {
    list(audit, "rows")
        .find(|row| row["by"] == by && row["name"] == name)
        .unwrap_or_else(|| panic!("no row {by} {name}: {audit}"))
}

#[test]
fn every_figure_is_what_the_disk_says_to_the_byte() {
    let Some(mut scene) = filled() else { return };
    scene.registry.garbage_collect(false);
    let disk = Disk::of(&scene);
    scene
        .user
        .write("in-use.txt", &scene.registry.image("apps/web:build-3"));
    let everything = scene.everything();
    let line = format!("audit {everything} --usage in-use.txt --by team --by branch --price 0.10");
    let audit = scene.user.json(&line, 0);
    let totals = &audit["registries"][0]["totals"];
    assert_eq!(
        number(&totals["stored_bytes"]),
        scene.registry.stored_bytes(),
        "bytes on disk"
    );

    let holds: BTreeMap<&str, Digests> = REPOSITORIES.iter().map(|name| (*name, disk.holds(name))).collect();
    let alone = |name: &str, digest: &String| {
        !holds
            .iter()
            .any(|(other, held)| *other != name && held.contains(digest))
    };
    let mut own = 0;
    for name in REPOSITORIES {
        let row = row(&audit, "repository", name);
        let exclusive: Digests = holds[name]
            .iter()
            .filter(|digest| alone(name, digest))
            .cloned()
            .collect();
        assert_eq!(number(&row["stored_bytes"]), disk.sum(&holds[name]), "{name}");
        assert_eq!(number(&row["exclusive_bytes"]), disk.sum(&exclusive), "{name}");
        assert_eq!(
            number(&row["shared_bytes"]),
            disk.sum(&holds[name]) - disk.sum(&exclusive),
            "{name}"
        );
        assert_eq!(number(&row["tags"]), disk.tags(name).len() as u64, "{name}");
        own += disk.sum(&exclusive);
    }
    assert_eq!(number(&totals["exclusive_bytes"]), own);
    let apps: Digests = holds["apps/web"].union(&holds["apps/api"]).cloned().collect();
    assert_eq!(number(&row(&audit, "team", "apps")["stored_bytes"]), disk.sum(&apps));

    // The image in use, with its signature: everything that nothing else than the rest holds is not in use.
    let web = disk.tags("apps/web");
    let used_image = &web["build-3"];
    let signature = format!("sha256-{}.sig", used_image.strip_prefix("sha256:").unwrap());
    let used: Digests = disk
        .closure(used_image)
        .union(&disk.closure(&web[&signature]))
        .cloned()
        .collect();
    let all: Digests = holds.values().flatten().cloned().collect();
    assert_eq!(number(&totals["not_in_use_bytes"]), disk.sum(&(&all - &used)));
    assert_eq!(number(&audit["heaviest_in_use"][0]["bytes"]), disk.sum(&used));
    assert_eq!(audit["heaviest_in_use"][0]["digest"], used_image.as_str());
    let roots = [
        "12",
        "from-base",
        "keep-newest",
        "multi",
        "old-multi",
        "buildcache",
        "1.0.0",
    ]
    .len()
        + 6;
    assert_eq!(number(&totals["images"]), roots as u64);
    assert_eq!(number(&totals["not_in_use_images"]), roots as u64 - 1);

    let copies = &audit["duplicates"][0];
    assert_eq!(text(&copies["digest"]), web["from-base"]);
    assert_eq!(number(&copies["bytes"]), disk.sum(&disk.closure(&web["from-base"])));
    assert_eq!(number(&copies["extra_bytes"]), 0, "the registry stores a blob once");
    let kinds = [
        ("chart", holds["charts/shop"].clone()),
        ("build-cache", disk.closure(&disk.tags("apps/api")["buildcache"])),
    ];
    for (kind, held) in kinds {
        assert_eq!(
            number(&row(&audit, "kind", kind)["stored_bytes"]),
            disk.sum(&held),
            "{kind}"
        );
    }
    let cost = audit["registries"][0]["bill"]["total"].as_f64().unwrap();
    let expected = scene.registry.stored_bytes() as f64 / 1e9 * 0.10;
    assert!((cost - expected).abs() < 1e-9, "{cost} is not {expected}");
    // Distribution shows no manifest without a tag, so that more may be there.
    assert_eq!(totals["at_least"], true);

    // Where each repository stores its own copies, they cost what they hold.
    let apart = scene.user.json(&format!("audit {everything} --sharing repository"), 0);
    let sum: u64 = REPOSITORIES.iter().map(|name| disk.sum(&holds[name])).sum();
    assert_eq!(number(&apart["registries"][0]["totals"]["stored_bytes"]), sum);
    assert_eq!(
        number(&apart["duplicates"][0]["extra_bytes"]),
        disk.sum(&disk.closure(&web["from-base"]))
    );

    // What was recorded says the same, and asks nobody.
    let asked = scene.registry.requests().len();
    let recorded = scene.user.json(&format!("audit {everything} --recorded --by team"), 0);
    assert_eq!(
        recorded["registries"][0]["totals"]["stored_bytes"],
        totals["stored_bytes"]
    );
    assert_eq!(
        recorded["registries"][0]["totals"]["not_in_use_bytes"],
        totals["not_in_use_bytes"]
    );
    assert_eq!(scene.registry.requests().len(), asked);
    // Repositories are recorded each for itself; the curve ends at what is stored all the same.
    let newest = list(&recorded, "growth").last().unwrap();
    assert_eq!(newest["stored_bytes"], totals["stored_bytes"], "{newest}");
}

#[test]
fn what_the_policy_is_said_to_free_is_free_after_the_collection_to_the_byte() {
    let Some(mut scene) = filled() else { return };
    scene.registry.garbage_collect(false);
    let rules = |alone: Option<&str>| {
        let rule = |name: &str, matches: &str| match alone.is_none_or(|alone| alone == name) {
            true => format!("      - {{ name: {name}, match: {matches}, expire: {{ older-than: 7d }} }}\n"),
            false => format!("      - {{ name: {name}, match: {matches}, keep: always }}\n"),
        };
        let kept = "      - { name: kept, match: { tags: [\"keep*\", \"from-base\"] }, keep: always }\n";
        let builds = rule("builds", "{ tags: [\"build-*\"] }");
        let others = rule("others", "{ tags: [\"*\"] }");
        format!(
            "grace: 0h\nlimits: {{ max-share: 100% }}\npolicies:\n  - name: tests\n    rules:\n{kept}{builds}{others}"
        )
    };
    scene.user.write("policy.yaml", &rules(None));
    let line = format!(
        "audit {} --policy policy.yaml --price 0.10 --trust-created",
        scene.everything()
    );
    let savings = scene.user.json(&line, 0)["savings"].clone();
    let before = scene.registry.stored_bytes();
    for (place, name) in ["builds", "others"].into_iter().enumerate() {
        let rule = &savings["rules"][place];
        assert_eq!(rule["rule"], name);
        scene.user.write("alone.yaml", &rules(Some(name)));
        let alone = scene.user.json(&line.replace("policy.yaml", "alone.yaml"), 0)["savings"]["all"].clone();
        assert_eq!(
            (&rule["bytes"], &rule["images"]),
            (&alone["bytes"], &alone["images"]),
            "{name}"
        );
    }
    assert!(
        number(&savings["rules"][0]["bytes"]) > 0 && number(&savings["rules"][1]["bytes"]) > 0,
        "{savings}"
    );

    let run = format!(
        "run {} --policy policy.yaml --trust-created --no-usage --yes",
        scene.everything()
    );
    let done = scene.user.json(&run, 0);
    assert_eq!(done["failed"], 0, "{done}");
    scene.registry.garbage_collect(false);
    assert_eq!(number(&savings["all"]["bytes"]), before - scene.registry.stored_bytes());
    let saved = savings["all"]["per_month"].as_f64().unwrap();
    let expected = (before - scene.registry.stored_bytes()) as f64 / 1e9 * 0.10;
    assert!((saved - expected).abs() < 1e-9, "{saved} is not {expected}");
}

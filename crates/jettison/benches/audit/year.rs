//! A year of pushes as a scan finds them: images of twenty blobs each, most of which they share. Always the same.

use std::collections::{BTreeMap, BTreeSet};

use jettison_core::model::{
    Blob, Capabilities, Digest, Inventory, Kind, Manifest, RegistryHost, Repository, Schema, Sharing, TagEntry, Undo,
};
use jiff::{SignedDuration, Timestamp};

/// Every repository of the registry.
pub(crate) const TARGET: &str = "registry.example.com/**";

const HOST: &str = "registry.example.com";
const REPOSITORIES: usize = 10;
/// What an image refers to.
const BLOBS: usize = 20;
/// The layers that every push adds: its config and two of its own.
const OWN: usize = 3;
const SECONDS_OF_A_YEAR: usize = 365 * 86_400;

fn digest(parts: [usize; 3]) -> Digest {
    Digest::of(format!("{parts:?}").as_bytes())
}

/// So many tags over ten repositories and one year before `now`.
pub(crate) fn inventory(tags: usize, now: Timestamp) -> Inventory {
    let host: Option<RegistryHost> = HOST.parse().ok();
    let complete: BTreeSet<RegistryHost> = host.iter().cloned().collect();
    let repositories = (0..REPOSITORIES).filter_map(|place| repository(host.clone()?, place, tags / REPOSITORIES, now));
    Inventory {
        schema: Schema,
        taken_at: now,
        repositories: repositories.collect(),
        complete_registries: complete,
        gaps: Vec::new(),
    }
}

fn repository(registry: RegistryHost, place: usize, tags: usize, now: Timestamp) -> Option<Repository> {
    let manifests: Vec<Manifest> = (0..tags).map(|number| image(place, number, tags, now)).collect();
    let entries = manifests.iter().enumerate().filter_map(|(number, manifest)| {
        Some(TagEntry {
            name: name(number).parse().ok()?,
            digest: manifest.digest.clone(),
            updated_at: manifest.pushed_at,
            immutable: false,
        })
    });
    Some(Repository {
        registry,
        name: format!("team-{}/service-{place}", place % 3).parse().ok()?,
        capabilities: Capabilities {
            delete: Some(true),
            delete_tag: Some(true),
            list_untagged: Some(true),
            push_time: Some(true),
            pull_time: Some(false),
            archive: Some(false),
            sharing: Some(Sharing::Registry),
            undo: Undo::UntilGarbageCollection,
        },
        pull_data_since: None,
        scanned_since: None,
        missing: BTreeSet::new(),
        dangling: BTreeSet::new(),
        gaps: Vec::new(),
        tags: entries.collect(),
        manifests,
    })
}

/// A third from `main`, the rest from forty branches, a release now and then.
fn name(number: usize) -> String {
    match number % 100 {
        50 => format!("v1.{}.0", number / 100),
        other if other % 3 == 0 => format!("main-{number:07x}"),
        _ => format!("feature-{}-{number:07x}", number % 40),
    }
}

fn image(place: usize, number: usize, of: usize, now: Timestamp) -> Manifest {
    let age = SECONDS_OF_A_YEAR * (of - number) / of.max(1);
    let age = SignedDuration::from_secs(i64::try_from(age).unwrap_or_default());
    let pushed = now.checked_sub(age).unwrap_or(now);
    let blob = |digest: Digest, size: usize| Blob {
        digest,
        size: size as u64,
    };
    let own = (0..OWN).map(|layer| blob(digest([place, number, layer]), 2_000 + 400_000 * layer + number % 1_000));
    // Dependencies change every fifty pushes, what they stand on once a season.
    let shared = (OWN..BLOBS).map(|layer| match layer % 3 {
        0 => blob(digest([place, number / 50, layer]), 3_000_000 + layer),
        _ => blob(digest([99, number * 4 / of.max(1), layer]), 9_000_000 + layer),
    });
    let blobs: Vec<Blob> = own.chain(shared).collect();
    Manifest {
        digest: digest([place, number, 1_000]),
        kind: Kind::Image,
        media_type: "application/vnd.oci.image.manifest.v1+json".to_owned(),
        artifact_type: None,
        config_media_type: Some("application/vnd.oci.image.config.v1+json".to_owned()),
        config_digest: blobs.first().map(|config| config.digest.clone()),
        size: 3_000,
        blobs,
        children: Vec::new(),
        subject: None,
        platform: Some("linux/amd64".to_owned()),
        created_at: Some(pushed),
        pushed_at: Some(pushed),
        untagged_at: None,
        last_pulled_at: None,
        first_seen_at: Some(pushed),
        archived_at: None,
        restored_at: None,
        labels: BTreeMap::from([("org.opencontainers.image.revision".to_owned(), format!("{number:040x}"))]),
        annotations: BTreeMap::new(),
    }
}

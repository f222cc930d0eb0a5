//! Repositories made up from a seed: branches with builds, releases, indexes, signatures, orphans, shared layers.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use jettison_core::facts::Repositories;
use jettison_core::model::{
    Blob, Capabilities, Digest, Gap, Inventory, Kind, Manifest, Reference, RegistryHost, Repository, RepositoryName,
    Schema, SourceReport, SourceStatus, TagEntry, Undo, Usage,
};
use jiff::{SignedDuration, Timestamp};
use rayon::prelude::*;

const HOST: &str = "registry.example.com";
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const HOUR: i64 = 3_600;

/// So many repositories, each with about so many entries.
#[derive(Debug)]
pub(crate) struct MadeUp {
    complete: BTreeSet<RegistryHost>,
    places: Vec<(RegistryHost, RepositoryName)>,
    entries: usize,
    pub(crate) now: Timestamp,
}

/// Numbers that look random and depend on the seed alone (splitmix64).
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub(crate) fn below(&mut self, most: u64) -> u64 {
        self.roll() % most
    }

    pub(crate) fn digest(&mut self) -> Digest {
        Digest::of(&self.roll().to_be_bytes())
    }
}

/// What stands in several repositories is made from a number.
fn base_layer(number: u64) -> Blob {
    Blob {
        digest: Dice(number).digest(),
        size: 30_000_000 + number,
    }
}

impl MadeUp {
    pub(crate) fn new(repositories: usize, entries: usize) -> Self {
        let host = || HOST.parse::<RegistryHost>();
        let place = |number| {
            Some((
                host().ok()?,
                format!("apps/team-{}/service-{number}", number % 97).parse().ok()?,
            ))
        };
        Self {
            complete: host().into_iter().collect(),
            places: (0..repositories).filter_map(place).collect(),
            entries,
            now: Timestamp::from_second(1_795_000_000).unwrap_or_default(),
        }
    }

    /// The entries of each repository.
    pub(crate) fn entries(&self) -> usize {
        self.entries
    }

    /// All of it at once.
    pub(crate) fn inventory(&self) -> Inventory {
        let positions = (0..self.count()).into_par_iter();
        Inventory {
            schema: Schema,
            taken_at: self.now,
            complete_registries: self.complete.clone(),
            repositories: positions.map(|position| Maker::new(self, position).make()).collect(),
            gaps: Vec::new(),
        }
    }

    /// Two of a hundred images are in use; as many references name what is not there.
    pub(crate) fn usage(&self) -> Usage {
        let mut references = Vec::new();
        for position in 0..self.count() {
            let mut dice = Dice(seed(position));
            for entry in 0..self.entries {
                let digest = dice.digest();
                if entry % 50 == 7 {
                    let (host, name) = self.place(position);
                    references.push(Reference {
                        image: format!("{host}/{name}@{digest}"),
                        digest: Some(digest),
                        used_by: format!("Pod shop/web-{entry} container web"),
                        last_seen_at: None,
                    });
                }
            }
        }
        self.usage_of(references)
    }

    /// A cluster that refers to these.
    pub(crate) fn usage_of(&self, references: Vec<Reference>) -> Usage {
        Usage {
            schema: Schema,
            taken_at: self.now,
            sources: vec![SourceReport {
                name: "prod".to_owned(),
                kind: "kubernetes".to_owned(),
                status: SourceStatus::Complete,
                covers: vec!["**".to_owned()],
                answers_for: Vec::new(),
                gaps: Vec::new(),
                references,
            }],
        }
    }
}

/// Digests are drawn first, so that usage can draw the same ones.
fn seed(position: usize) -> u64 {
    0x6a65_7474 ^ (position as u64) << 20
}

impl Repositories for MadeUp {
    fn complete_registries(&self) -> &BTreeSet<RegistryHost> {
        &self.complete
    }

    fn gaps(&self) -> &[Gap] {
        &[]
    }

    fn count(&self) -> usize {
        self.places.len()
    }

    fn place(&self, position: usize) -> (&RegistryHost, &RepositoryName) {
        let (host, name) = &self.places[position];
        (host, name)
    }

    fn repository(&self, position: usize) -> Cow<'_, Repository> {
        Cow::Owned(Maker::new(self, position).make())
    }
}

/// Makes one repository.
struct Maker<'m> {
    of: &'m MadeUp,
    position: usize,
    digests: std::vec::IntoIter<Digest>,
    dice: Dice,
    repository: Repository,
}

impl<'m> Maker<'m> {
    fn new(of: &'m MadeUp, position: usize) -> Self {
        let (registry, name) = of.places[position].clone();
        let mut dice = Dice(seed(position));
        let digests: Vec<Digest> = (0..of.entries).map(|_| dice.digest()).collect();
        let yes = Some(true);
        Self {
            of,
            position,
            digests: digests.into_iter(),
            dice,
            repository: Repository {
                registry,
                name,
                capabilities: Capabilities {
                    delete: yes,
                    delete_tag: yes,
                    list_untagged: yes,
                    push_time: yes,
                    pull_time: None,
                    archive: Some(false),
                    sharing: None,
                    undo: Undo::UntilGarbageCollection,
                },
                pull_data_since: None,
                scanned_since: None,
                missing: BTreeSet::new(),
                dangling: BTreeSet::new(),
                gaps: Vec::new(),
                tags: Vec::with_capacity(of.entries),
                manifests: Vec::with_capacity(of.entries + of.entries / 4),
            },
        }
    }

    fn make(mut self) -> Repository {
        let mut number = 0;
        while let Some(digest) = self.digests.next() {
            self.entry(number, digest);
            number += 1;
        }
        self.repository
    }

    /// Of a hundred entries four are indexes, ten are signed, two untagged, two orphans, five releases.
    fn entry(&mut self, number: usize, digest: Digest) {
        let pushed = self.moment();
        let mut manifest = self.image(digest, pushed);
        match number % 100 {
            0 | 25 | 50 | 75 => self.make_index(&mut manifest, pushed),
            3 | 13 | 23 | 33 | 43 | 53 | 63 | 73 | 83 | 93 => self.sign(&manifest, pushed),
            60 | 61 => return self.repository.manifests.push(manifest),
            62 | 64 => {
                let subject = self.dice.digest();
                self.repository.missing.insert(subject.clone());
                manifest.subject = Some(subject);
                manifest.kind = Kind::Artifact;
                return self.repository.manifests.push(manifest);
            }
            _ => {}
        }
        let commit = self.dice.below(1 << 28);
        let name = match number % 100 {
            10 | 30 | 40 | 70 | 90 => format!("v1.{}.{}", number / 100, number % 100),
            1 | 2 => format!("prod-{number}"),
            _ => format!("{}-{commit:07x}", self.branch()),
        };
        if let Ok(name) = name.parse() {
            self.repository.tags.push(TagEntry {
                name,
                digest: manifest.digest.clone(),
                updated_at: Some(pushed),
                immutable: false,
            });
        }
        self.repository.manifests.push(manifest);
    }

    /// Up to two years ago; three of a hundred within the last day.
    fn moment(&mut self) -> Timestamp {
        let age = match self.dice.below(100) {
            0..3 => self.dice.below(20),
            _ => 30 + self.dice.below(2 * 365 * 24),
        };
        let age =
            i64::try_from(age).unwrap_or_default() * HOUR + i64::try_from(self.dice.below(3_600)).unwrap_or_default();
        self.of
            .now
            .checked_sub(SignedDuration::from_secs(age))
            .unwrap_or(self.of.now)
    }

    /// A third is built from `main`, the rest from one of some forty branches.
    fn branch(&mut self) -> String {
        match self.dice.below(3) {
            0 => "main".to_owned(),
            _ => format!("feature-{}", self.dice.below(40)),
        }
    }

    fn image(&mut self, digest: Digest, pushed: Timestamp) -> Manifest {
        let config = self.dice.digest();
        let blob = |digest: Digest, size| Blob { digest, size };
        let blobs = vec![
            blob(config.clone(), 1_500),
            blob(self.dice.digest(), 1_000_000 + self.dice.below(9_000_000)),
            base_layer(self.position as u64 % 50),
        ];
        Manifest {
            digest,
            kind: Kind::Image,
            media_type: MANIFEST.to_owned(),
            artifact_type: None,
            config_media_type: Some(CONFIG.to_owned()),
            config_digest: Some(config),
            size: 500,
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
            labels: BTreeMap::new(),
            annotations: BTreeMap::new(),
        }
    }

    fn make_index(&mut self, manifest: &mut Manifest, pushed: Timestamp) {
        for platform in ["linux/amd64", "linux/arm64"] {
            let digest = self.dice.digest();
            let child = Manifest {
                platform: Some(platform.to_owned()),
                ..self.image(digest, pushed)
            };
            manifest.children.push(child.digest.clone());
            self.repository.manifests.push(child);
        }
        manifest.media_type = INDEX.to_owned();
        (manifest.config_digest, manifest.config_media_type, manifest.platform) = (None, None, None);
        manifest.blobs.clear();
    }

    fn sign(&mut self, subject: &Manifest, pushed: Timestamp) {
        let digest = self.dice.digest();
        let signature = Manifest {
            kind: Kind::Artifact,
            subject: Some(subject.digest.clone()),
            platform: None,
            ..self.image(digest, pushed)
        };
        self.repository.manifests.push(signature);
    }
}

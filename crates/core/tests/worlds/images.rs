//! Inventories.

use std::collections::{BTreeMap, BTreeSet};

use jettison_core::model::{
    Blob, Capabilities, Digest, Gap, Inventory, Kind, Manifest, Repository, Schema, Tag, TagEntry, Undo,
};
use jiff::Timestamp;
use proptest::collection::{btree_map, btree_set, vec};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

use super::{MANIFESTS, NAMES, PLACES, TAGS, ago, digest, settled, tricky};

/// A blob so large that archiving pays.
const HUGE: u8 = 56;

/// What a digest stands for; the same wherever it is stored.
#[derive(Debug, Clone)]
struct Content {
    kind: Kind,
    children: Vec<u8>,
    subject: Option<u8>,
    blobs: BTreeSet<u8>,
    config: Option<u8>,
    platform: Option<&'static str>,
    created: Option<Timestamp>,
    labels: BTreeMap<&'static str, &'static str>,
    annotations: BTreeMap<&'static str, &'static str>,
}

/// What a repository knows of a manifest that it has.
#[derive(Debug, Clone)]
struct Presence {
    pushed: Option<Timestamp>,
    seen: Option<Timestamp>,
    untagged: Option<Timestamp>,
    pulled: Option<Timestamp>,
    archived: Option<Timestamp>,
    restored: Option<Timestamp>,
}

#[derive(Debug, Clone)]
struct Shelf {
    place: (&'static str, &'static str),
    present: Vec<Option<Presence>>,
    tags: BTreeMap<String, (u8, Option<Timestamp>, bool)>,
    unasked: BTreeSet<u8>,
    gap: bool,
    twin: Option<bool>,
    capabilities: Capabilities,
    pull_data_since: Option<Timestamp>,
    scanned_since: Option<Timestamp>,
}

/// Inventories of one to three repositories.
pub(crate) fn inventories() -> impl Strategy<Value = Inventory> {
    let contents = prop_oneof![1 => contents(false), 2 => contents(true)];
    let places = subsequence(PLACES.to_vec(), 1..=3);
    let shelves = places.prop_flat_map(|places| places.into_iter().map(shelf).collect::<Vec<_>>());
    let complete = prop_oneof![
        4 => Just(vec!["r1.example", "r2.example:5000"]),
        1 => subsequence(vec!["r1.example", "r2.example:5000"], 0..=2),
    ];
    (contents, shelves, complete).prop_map(|(contents, shelves, complete)| Inventory {
        schema: Schema,
        taken_at: ago(0),
        complete_registries: complete.iter().map(|host| host.parse().unwrap()).collect(),
        repositories: shelves.iter().map(|shelf| shelf.repository(&contents)).collect(),
        gaps: Vec::new(),
    })
}

fn contents(woven: bool) -> BoxedStrategy<Vec<Content>> {
    (0..MANIFESTS)
        .map(|number| content(number, woven))
        .collect::<Vec<_>>()
        .boxed()
}

fn content(number: u8, woven: bool) -> BoxedStrategy<Content> {
    let kinds = prop_oneof![14 => Just(Kind::Image), 2 => Just(Kind::Artifact), 1 => Just(Kind::BuildCache), 1 => Just(Kind::Chart)];
    let (children, subject) = if woven {
        relations(number)
    } else {
        (Just(vec![]).boxed(), Just(None).boxed())
    };
    let labels = vec![("team", "ant"), ("team", "bee"), ("io.jettison.keep", "false")];
    let labels = prop_oneof![
        80 => subsequence(labels, 0..=2).prop_map(|labels| labels.into_iter().collect()),
        1 => Just(BTreeMap::from([("io.jettison.keep", "true")])),
    ];
    let created = "org.opencontainers.image.created";
    let annotations = prop_oneof![
        70 => Just(BTreeMap::new()),
        8 => Just(BTreeMap::from([(created, "2026-01-01T00:00:00Z")])),
        2 => Just(BTreeMap::from([(created, "yesterday")])),
        1 => Just(BTreeMap::from([("io.jettison.keep", "true")])),
    ];
    let config = prop_oneof![Just(None), (100..104_u8).prop_map(Some)];
    let platform = prop_oneof![Just(None), Just(Some("linux/amd64")), Just(Some("linux/arm64"))];
    (
        kinds,
        children,
        subject,
        btree_set(prop_oneof![30 => 50..56_u8, 1 => Just(HUGE)], 0..3),
        config,
        platform,
        moment(3, 6, 2),
        labels,
        annotations,
    )
        .prop_map(
            |(kind, children, subject, blobs, config, platform, created, labels, annotations)| Content {
                kind,
                children,
                subject,
                blobs,
                config,
                platform,
                created,
                labels,
                annotations,
            },
        )
        .boxed()
}

/// Mostly trees: children have higher numbers, subjects lower ones. Sometimes anything, loops included.
fn relations(number: u8) -> (BoxedStrategy<Vec<u8>>, BoxedStrategy<Option<u8>>) {
    let below = prop_oneof![
        16 => Just(vec![]),
        6 => vec(number.saturating_add(1).min(MANIFESTS - 1)..MANIFESTS, 1..3),
        1 => vec(0..NAMES, 1..3),
    ];
    let above = prop_oneof![
        22 => Just(None),
        4 => (0..number.max(1)).prop_map(Some),
        2 => (0..NAMES).prop_map(Some),
        2 => (MANIFESTS..NAMES).prop_map(Some),
    ];
    (below.boxed(), above.boxed())
}

/// A moment, by weights: none, long past, tricky.
fn moment(none: u32, past: u32, edge: u32) -> BoxedStrategy<Option<Timestamp>> {
    prop_oneof![none => Just(None), past => settled().prop_map(Some), edge => tricky().prop_map(Some)].boxed()
}

fn presence() -> impl Strategy<Value = Presence> {
    let seen =
        prop_oneof![80 => settled().prop_map(Some), 1 => Just(None), 1 => select(vec![ago(1), ago(24)]).prop_map(Some)];
    let restored =
        prop_oneof![120 => Just(None), 2 => select(vec![ago(24), ago(30 * 24), ago(40 * 24)]).prop_map(Some)];
    let archived = select(vec![
        ago(24),
        ago(89 * 24),
        ago(90 * 24),
        ago(200 * 24),
        Timestamp::UNIX_EPOCH,
    ]);
    let archived = option::weighted(0.07, archived);
    let times = (moment(16, 40, 1), seen, moment(40, 20, 1), moment(3, 3, 1));
    (times, archived, restored).prop_map(|((pushed, seen, untagged, pulled), archived, restored)| Presence {
        pushed,
        seen,
        untagged,
        pulled,
        archived,
        restored,
    })
}

fn shelf(place: (&'static str, &'static str)) -> BoxedStrategy<Shelf> {
    let present = vec(option::weighted(0.85, presence()), usize::from(MANIFESTS));
    let unasked = prop_oneof![16 => Just(BTreeSet::new()), 1 => btree_set(0..NAMES, 1..3), 1 => Just((MANIFESTS..NAMES).collect())];
    let facts = (
        prop::bool::weighted(0.03),
        option::weighted(0.04, any::<bool>()),
        capabilities(),
    );
    let since = (
        moment(2, 4, 0),
        prop_oneof![Just(None), Just(Some(ago(35 * 24))), Just(Some(ago(400 * 24)))],
    );
    (present, tags(), unasked, facts, since)
        .prop_map(
            move |(present, tags, unasked, (gap, twin, capabilities), (pull_data_since, scanned_since))| Shelf {
                place,
                present,
                tags,
                unasked,
                gap,
                twin,
                capabilities,
                pull_data_since,
                scanned_since,
            },
        )
        .boxed()
}

fn tags() -> impl Strategy<Value = BTreeMap<String, (u8, Option<Timestamp>, bool)>> {
    let attaching = (0..NAMES, select(vec!["", ".sig", ".att", ".sbom"]))
        .prop_map(|(number, suffix)| format!("sha256-{}{suffix}", digest(number).hex()));
    let ordinary = select(TAGS.to_vec()).prop_map(str::to_owned);
    let name = prop_oneof![7 => ordinary, 2 => attaching];
    let target = prop_oneof![20 => 0..MANIFESTS, 20 => 0..3_u8, 1 => 0..NAMES];
    let points = (target, moment(20, 14, 1), prop::bool::weighted(0.012));
    let own = option::weighted(0.1, 0..MANIFESTS);
    (btree_map(name, points, 0..11), own).prop_map(|(mut tags, own)| {
        if let Some(own) = own {
            tags.insert(format!("sha256-{}", digest(own).hex()), (own, None, false));
        }
        tags
    })
}

fn capabilities() -> impl Strategy<Value = Capabilities> {
    let delete = prop_oneof![4 => Just(None), 8 => Just(Some(true)), 1 => Just(Some(false))];
    let flag = || select(vec![Some(true), Some(false), None]);
    let undo = select(vec![Undo::UntilGarbageCollection, Undo::Native, Undo::None]);
    let archive = prop_oneof![5 => Just(Some(true)), 1 => Just(Some(false)), 1 => Just(None)];
    (delete, flag(), flag(), flag(), flag(), archive, undo).prop_map(
        |(delete, delete_tag, list_untagged, push_time, pull_time, archive, undo)| Capabilities {
            delete,
            delete_tag,
            list_untagged,
            push_time,
            pull_time,
            archive,
            sharing: None,
            undo,
        },
    )
}

impl Shelf {
    fn repository(&self, contents: &[Content]) -> Repository {
        let present = self.present.iter().zip(contents).zip(0..);
        let manifests: Vec<Manifest> = present
            .filter_map(|((presence, content), number)| Some(content.manifest(number, presence.as_ref()?)))
            .collect();
        let tags: Vec<TagEntry> = self
            .tags
            .iter()
            .map(|(name, (target, updated_at, immutable))| TagEntry {
                name: name.parse().unwrap(),
                digest: digest(*target),
                updated_at: *updated_at,
                immutable: *immutable,
            })
            .collect();
        let dangling = ["gone".parse().unwrap()]
            .into_iter()
            .filter(|_| self.gap || self.tags.len() > 6);
        let mut repository = Repository {
            registry: self.place.0.parse().unwrap(),
            name: self.place.1.parse().unwrap(),
            capabilities: self.capabilities,
            pull_data_since: self.pull_data_since,
            scanned_since: self.scanned_since,
            missing: self.missing(&manifests, &tags),
            dangling: dangling.collect(),
            gaps: if self.gap {
                vec![Gap("one page could not be read".to_owned())]
            } else {
                Vec::new()
            },
            tags,
            manifests,
        };
        if let Some(contradicts) = self.twin {
            add_twin(&mut repository, contradicts);
        }
        repository
    }

    /// Everything referred to that is not here, apart from what nobody asked for.
    fn missing(&self, manifests: &[Manifest], tags: &[TagEntry]) -> BTreeSet<Digest> {
        let mut missing: BTreeSet<Digest> = tags.iter().map(|tag| tag.digest.clone()).collect();
        missing.extend(tags.iter().filter_map(|tag| tag.name.subject()));
        missing.extend(
            manifests
                .iter()
                .flat_map(|manifest| manifest.children.iter().chain(&manifest.subject))
                .cloned(),
        );
        missing.retain(|digest| !manifests.iter().any(|manifest| manifest.digest == *digest));
        missing.retain(|missing| !self.unasked.iter().any(|number| digest(*number) == *missing));
        missing
    }
}

/// Lists something twice, alike or contradicting itself.
fn add_twin(repository: &mut Repository, contradicts: bool) {
    if let Some(mut twin) = repository.manifests.last().cloned() {
        if contradicts {
            (twin.size, twin.kind, twin.pushed_at) = (7, Kind::Artifact, Some(ago(9 * 24)));
            twin.children.push(digest(0));
        }
        repository.manifests.push(twin);
    }
    if let Some(mut twin) = repository.tags.first().cloned() {
        if contradicts {
            (twin.digest, twin.updated_at) = (digest(1), Some(ago(9 * 24)));
        }
        repository.tags.push(twin);
    }
}

impl Content {
    fn manifest(&self, number: u8, presence: &Presence) -> Manifest {
        let texts =
            |texts: &BTreeMap<&str, &str>| texts.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        Manifest {
            digest: digest(number),
            kind: self.kind,
            media_type: String::new(),
            artifact_type: None,
            config_media_type: None,
            config_digest: self.config.map(digest),
            size: 1000 + u64::from(number),
            blobs: self
                .blobs
                .iter()
                .map(|blob| Blob {
                    digest: digest(*blob),
                    size: size(*blob),
                })
                .collect(),
            children: self.children.iter().map(|child| digest(*child)).collect(),
            subject: self.subject.map(digest),
            platform: self.platform.map(str::to_owned),
            created_at: self.created,
            pushed_at: presence.pushed,
            untagged_at: presence.untagged,
            last_pulled_at: presence.pulled,
            first_seen_at: presence.seen,
            archived_at: presence.archived,
            restored_at: presence.restored,
            labels: texts(&self.labels),
            annotations: texts(&self.annotations),
        }
    }
}

fn size(blob: u8) -> u64 {
    match blob {
        HUGE => 150_000_000_000_000,
        _ => 1 << (blob - 50),
    }
}

/// A repository in few lines, manifests by their numbers.
pub(crate) fn sketch(repository: &Repository) -> String {
    let name = |digest: &Digest| match (0..=u8::MAX).find(|number| super::digest(*number) == *digest) {
        Some(number) => format!("#{number}"),
        None => digest.short(),
    };
    let tag_name = |tag: &Tag| match tag.subject() {
        Some(subject) => format!("sha256-({}){}", name(&subject), &tag.as_str()[71..]),
        None => tag.to_string(),
    };
    let mut lines = vec![format!(
        "{}/{}: {:?}",
        repository.registry, repository.name, repository.capabilities
    )];
    lines.push(format!(
        "  pull data since {:?}, scanned since {:?}",
        repository.pull_data_since, repository.scanned_since
    ));
    lines.push(format!(
        "  missing {:?}, gaps {:?}",
        repository.missing.iter().map(name).collect::<Vec<_>>(),
        repository.gaps
    ));
    for tag in &repository.tags {
        let immutable = if tag.immutable { " immutable" } else { "" };
        lines.push(format!(
            "  tag {} -> {} updated {:?}{immutable}",
            tag_name(&tag.name),
            name(&tag.digest),
            tag.updated_at
        ));
    }
    for manifest in &repository.manifests {
        let children: Vec<String> = manifest.children.iter().map(name).collect();
        let blobs: Vec<String> = manifest.blobs.iter().map(|blob| name(&blob.digest)).collect();
        lines.push(format!(
            "  {} {} size {} children {children:?} subject {:?} config {:?} blobs {blobs:?} platform {:?}",
            name(&manifest.digest),
            manifest.kind,
            manifest.size,
            manifest.subject.as_ref().map(name),
            manifest.config_digest.as_ref().map(name),
            manifest.platform,
        ));
        lines.push(format!(
            "     created {:?} pushed {:?} seen {:?} untagged {:?} pulled {:?} archived {:?} restored {:?} labels {:?} annotations {:?}",
            manifest.created_at, manifest.pushed_at, manifest.first_seen_at, manifest.untagged_at,
            manifest.last_pulled_at, manifest.archived_at, manifest.restored_at, manifest.labels, manifest.annotations,
        ));
    }
    lines.join("\n")
}

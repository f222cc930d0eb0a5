//! Repositories made up from a seed, with everything that may stand in one.

use jettison_core::model::{
    Blob, Capabilities, Digest, Gap, Kind, Manifest, Reference, RegistryHost, Repository, Schema, SourceReport,
    SourceStatus, TagEntry, Undo, Usage,
};
use jiff::Timestamp;

/// Numbers that look random and depend on the seed alone (splitmix64).
pub(super) struct Dice(pub(super) u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub(super) fn below(&mut self, most: u64) -> u64 {
        self.roll() % most
    }

    fn perhaps<T>(&mut self, value: impl FnOnce(&mut Self) -> T) -> Option<T> {
        (self.below(2) == 0).then(|| value(self))
    }

    fn list<T>(&mut self, most: u64, mut value: impl FnMut(&mut Self) -> T) -> Vec<T> {
        (0..self.below(most)).map(|_| value(self)).collect()
    }

    /// One of a few, so that some are alike.
    fn digest(&mut self) -> Digest {
        match self.below(40) {
            0 => format!("sha512:{}", "0a".repeat(64)).parse().unwrap(),
            number => Digest::of(&number.to_be_bytes()),
        }
    }

    fn time(&mut self) -> Timestamp {
        let seconds = i64::try_from(self.below(4_000_000_000)).unwrap() - 1_000_000_000;
        Timestamp::new(
            seconds,
            i32::try_from(self.below(1_000_000_000)).unwrap() * i32::from(seconds > 0),
        )
        .unwrap()
    }

    fn text(&mut self) -> String {
        let texts = [
            "",
            "linux/amd64",
            "ü\u{202e}\u{0}\n\"",
            "application/vnd.oci.image.manifest.v1+json",
        ];
        let text = texts[usize::try_from(self.below(4)).unwrap()];
        self.perhaps(|_| text.to_owned())
            .unwrap_or_else(|| format!("text {}", self.below(9)))
    }

    fn size(&mut self) -> u64 {
        self.perhaps(|dice| dice.below(100)).unwrap_or_else(|| self.roll())
    }

    fn manifest(&mut self) -> Manifest {
        Manifest {
            digest: self.digest(),
            kind: Kind::ALL[usize::try_from(self.below(5)).unwrap()],
            media_type: self.text(),
            artifact_type: self.perhaps(Self::text),
            config_media_type: self.perhaps(Self::text),
            config_digest: self.perhaps(Self::digest),
            size: self.size(),
            blobs: self.list(6, |dice| Blob {
                digest: dice.digest(),
                size: dice.size(),
            }),
            children: self.list(3, Self::digest),
            subject: self.perhaps(Self::digest),
            platform: self.perhaps(Self::text),
            created_at: self.perhaps(Self::time),
            pushed_at: self.perhaps(Self::time),
            untagged_at: self.perhaps(Self::time),
            last_pulled_at: self.perhaps(Self::time),
            first_seen_at: self.perhaps(Self::time),
            archived_at: self.perhaps(Self::time),
            restored_at: self.perhaps(Self::time),
            labels: self.list(4, |dice| (dice.text(), dice.text())).into_iter().collect(),
            annotations: self.list(4, |dice| (dice.text(), dice.text())).into_iter().collect(),
        }
    }

    fn tag(&mut self) -> TagEntry {
        TagEntry {
            name: format!("t{}", self.below(1_000)).parse().unwrap(),
            digest: self.digest(),
            updated_at: self.perhaps(Self::time),
            immutable: self.below(2) == 0,
        }
    }

    /// A repository without gaps.
    pub(super) fn repository(&mut self, registry: &RegistryHost, name: &str) -> Repository {
        Repository {
            registry: registry.clone(),
            name: name.parse().unwrap(),
            capabilities: Capabilities {
                delete: self.perhaps(|dice| dice.below(2) == 0),
                undo: Undo::Native,
                ..Capabilities::default()
            },
            pull_data_since: self.perhaps(Self::time),
            scanned_since: self.perhaps(Self::time),
            missing: self.list(3, Self::digest).into_iter().collect(),
            dangling: self.list(3, |dice| dice.tag().name).into_iter().collect(),
            gaps: Vec::new(),
            tags: self.list(30, Self::tag),
            manifests: self.list(30, Self::manifest),
        }
    }
}

/// A repository of so many tagged images of twenty blobs, shared as in real life: a base that all have, layers that a
/// branch has for a while, and a config and a layer of each image's own.
pub(super) fn usual(registry: &RegistryHost, name: &str, images: u64) -> Repository {
    let mut repository = Dice(7).repository(registry, name);
    let digest = |what: &str, number: u64| Digest::of(format!("{name} {what} {number}").as_bytes());
    let labels = |number: u64| {
        let label = |key: u64| {
            (
                format!("org.example.label-{key}"),
                format!("value {}", number / (1 << key)),
            )
        };
        (0..8).map(label).collect()
    };
    let image = |number: u64| {
        let shared = (0..10)
            .map(|layer| ("base", layer))
            .chain((0..7).map(|layer| ("branch", number / 50 * 7 + layer)));
        let own = [("own", number), ("build", number / 2), ("config", number)];
        Manifest {
            digest: digest("manifest", number),
            kind: Kind::Image,
            media_type: "application/vnd.oci.image.manifest.v1+json".to_owned(),
            config_media_type: Some("application/vnd.oci.image.config.v1+json".to_owned()),
            config_digest: Some(digest("config", number)),
            blobs: shared
                .chain(own)
                .map(|(what, part)| Blob {
                    digest: digest(what, part),
                    size: 1_000 + part,
                })
                .collect(),
            platform: Some("linux/amd64".to_owned()),
            created_at: Timestamp::from_second(1_750_000_000 + i64::try_from(number).unwrap() * 500).ok(),
            first_seen_at: Timestamp::from_microsecond(1_750_000_000_123_456 + i64::try_from(number).unwrap()).ok(),
            labels: labels(number),
            ..Dice(number).bare()
        }
    };
    let tag = |number: u64| TagEntry {
        name: format!("main-{number:07x}").parse().unwrap(),
        digest: digest("manifest", number),
        updated_at: None,
        immutable: false,
    };
    repository.manifests = (0..images).map(image).collect();
    repository.tags = (0..images).map(tag).collect();
    repository
}

impl Dice {
    /// A manifest of which little is known.
    fn bare(&mut self) -> Manifest {
        let digest = self.digest();
        serde_json::from_value(serde_json::json!({"digest": digest, "kind": Kind::Image, "size": 2_000})).unwrap()
    }
}

pub(super) fn usage(taken_at: Timestamp) -> Usage {
    Usage {
        schema: Schema,
        taken_at,
        sources: vec![SourceReport {
            name: "prod".to_owned(),
            kind: "kubernetes".to_owned(),
            status: SourceStatus::Partial,
            covers: vec!["**".to_owned()],
            answers_for: vec!["123456789012/eu-central-1".to_owned()],
            gaps: vec![Gap::of("not asked")],
            references: vec![Reference {
                image: "registry.example.com/apps/web:v1".to_owned(),
                digest: Some(Digest::of(b"web")),
                used_by: "Pod shop/web-0 container web".to_owned(),
                last_seen_at: Some(taken_at),
            }],
        }],
    }
}

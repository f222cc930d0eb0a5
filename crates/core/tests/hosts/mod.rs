//! Small servers to test on: few names, few digests and few moments, so that everything collides with everything.
//! Nothing here knows what jettison makes of them; `naive.rs` says what it should.

pub(crate) mod generated;
pub(crate) mod naive;

use std::sync::LazyLock;

use jettison_core::config::{Config, ProtectPattern, Share};
use jettison_core::host::{Disk, DiskMarks, EngineFacts, HostFacts, HostImage, HostPlan, HostSettings, ImageStore};
use jettison_core::model::{Digest, Gap, Reference, Schema, SourceReport, SourceStatus};
use jiff::{SignedDuration, Timestamp};

/// Where images can belong.
pub(crate) const REPOSITORIES: [&str; 4] = ["r1.example/app", "r1.example/lib/base", "nginx", "localhost/nginx"];
pub(crate) const HUB: usize = 2;
pub(crate) const ON_THE_SPOT: usize = 3;
/// What tags there are.
pub(crate) const TAGS: [&str; 5] = ["main-1", "main-2", "v1", "v2", "prod"];
/// Digests of registries count from here, those of images from 0.
pub(crate) const OF_REGISTRIES: u8 = 100;
/// What may stand under `protect`; `naive.rs` knows what each means.
pub(crate) const PROTECT: [&str; 4] = ["r1.example/app:prod", "lib/*", "**", "**/nginx:v*"];
/// A build date that says nothing.
pub(crate) const PLACEHOLDER: i64 = i64::MAX;

/// A server with everything that is decided by. Moments are hours before now.
#[derive(Debug, Clone)]
pub(crate) struct Host {
    pub(crate) images: Vec<Img>,
    pub(crate) uses: Vec<Use>,
    pub(crate) is_partial: bool,
    pub(crate) has_gap: bool,
    pub(crate) podman: bool,
    pub(crate) known_since: Option<i64>,
    /// The bytes and the files in use, of 10,000 each.
    pub(crate) used: Option<(u64, u64)>,
    pub(crate) marks: Option<(u8, u8)>,
    pub(crate) policies: Vec<Pol>,
    pub(crate) protect: Vec<usize>,
    pub(crate) keep_newest: u64,
    pub(crate) local_images: bool,
    pub(crate) trust: bool,
}

/// An image.
#[derive(Debug, Clone)]
pub(crate) struct Img {
    pub(crate) id: u8,
    pub(crate) tags: Vec<(usize, usize)>,
    pub(crate) digests: Vec<(usize, u8)>,
    pub(crate) bad_name: bool,
    pub(crate) bytes: u64,
    pub(crate) created: Option<i64>,
    pub(crate) engine: Option<i64>,
    pub(crate) first_seen: Option<i64>,
    pub(crate) last_used: Option<i64>,
    pub(crate) keep_label: bool,
    pub(crate) team_label: bool,
    pub(crate) pinned: bool,
}

/// A use of an image.
#[derive(Debug, Clone)]
pub(crate) enum Use {
    Digest(u8),
    Tag(usize, usize),
    Both(usize, usize, u8),
}

/// A policy: what it covers, and its rules.
#[derive(Debug, Clone)]
pub(crate) struct Pol {
    pub(crate) covers: Covers,
    pub(crate) rules: Vec<Rul>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Covers {
    All,
    App,
    Hub,
}

/// A rule; without conditions it keeps.
#[derive(Debug, Clone)]
pub(crate) struct Rul {
    pub(crate) fits: Fits,
    pub(crate) expire: Vec<Cond>,
    pub(crate) newest_days: u64,
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Fits {
    All,
    Dangling,
    Prefix(&'static str),
    Team,
}

/// Conditions; at least one is given.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cond {
    pub(crate) unused_days: Option<i64>,
    pub(crate) beyond: Option<u64>,
    pub(crate) larger: Option<u64>,
}

pub(crate) fn now() -> Timestamp {
    "2026-11-20T12:30:00Z".parse().unwrap()
}

pub(crate) fn digest(number: u8) -> Digest {
    static ALL: LazyLock<Vec<Digest>> = LazyLock::new(|| (0..=u8::MAX).map(|number| Digest::of(&[number])).collect());
    ALL[usize::from(number)].clone()
}

fn moment(hours_ago: i64) -> Timestamp {
    match hours_ago {
        PLACEHOLDER => Timestamp::UNIX_EPOCH,
        hours => now() - SignedDuration::from_hours(hours),
    }
}

impl Host {
    pub(crate) fn decide(&self) -> HostPlan {
        jettison_core::host::decide(&self.facts(), &self.settings(), &self.protect(), now())
    }

    pub(crate) fn protect(&self) -> Vec<ProtectPattern> {
        self.protect.iter().map(|at| PROTECT[*at].parse().unwrap()).collect()
    }

    pub(crate) fn facts(&self) -> HostFacts {
        let (status, gaps) = match self.is_partial {
            true => (SourceStatus::Partial, Vec::new()),
            false => (SourceStatus::Complete, Vec::new()),
        };
        HostFacts {
            schema: Schema,
            taken_at: now(),
            known_since: self.known_since.map(moment),
            engine: EngineFacts {
                id: "abc".to_owned(),
                kind: "docker".to_owned(),
                version: "1".to_owned(),
                store: if self.podman {
                    ImageStore::Podman
                } else {
                    ImageStore::GraphDriver
                },
                driver: "overlay2".to_owned(),
                root: None,
                layers_bytes: None,
            },
            disk: self.used.map(|(bytes, inodes)| Disk {
                path: "/".to_owned(),
                bytes: 10_000,
                free_bytes: 10_000 - bytes,
                inodes: 10_000,
                free_inodes: 10_000 - inodes,
            }),
            images: self.images.iter().map(Img::facts).collect(),
            build_cache: Vec::new(),
            usage: vec![SourceReport {
                name: "engine".to_owned(),
                kind: "docker".to_owned(),
                status,
                covers: vec!["**".to_owned()],
                answers_for: Vec::new(),
                gaps,
                references: self.uses.iter().map(Use::reference).collect(),
            }],
            gaps: if self.has_gap { vec![Gap::of("x")] } else { Vec::new() },
        }
    }

    pub(crate) fn settings(&self) -> HostSettings {
        let policies: String = self.policies.iter().map(Pol::text).collect();
        let text = match policies.as_str() {
            "" => "host: { policies: [] }".to_owned(),
            policies => format!("host:\n  policies:\n{policies}"),
        };
        let (config, _) = Config::parse("jettison.yaml", &text).unwrap_or_else(|found| panic!("{text}\n{found}"));
        HostSettings {
            keep_newest: self.keep_newest,
            local_images: self.local_images,
            trust_engine_times: self.trust,
            disk: self.marks.map(|(high, low)| DiskMarks {
                high: Share::percent(high),
                low: Share::percent(low),
            }),
            ..config.host
        }
    }
}

impl Img {
    fn facts(&self) -> HostImage {
        let mut names: Vec<String> = self
            .tags
            .iter()
            .map(|(repository, tag)| format!("{}:{}", REPOSITORIES[*repository], TAGS[*tag]))
            .collect();
        names.extend(self.bad_name.then(|| "<none>:<none>".to_owned()));
        let by_digest = |(repository, number): &(usize, u8)| {
            let digest = digest(OF_REGISTRIES + number);
            format!("{}@{digest}", REPOSITORIES[*repository])
        };
        let labels = [
            ("io.jettison.keep", "true", self.keep_label),
            ("team", "red", self.team_label),
        ];
        HostImage {
            id: digest(self.id),
            names,
            digests: self.digests.iter().map(by_digest).collect(),
            bytes: self.bytes,
            created_at: self.created.map(moment),
            engine_time: self.engine.map(moment),
            labels: labels
                .into_iter()
                .filter(|(.., has)| *has)
                .map(|(name, value, _)| (name.to_owned(), value.to_owned()))
                .collect(),
            pinned: self.pinned.then(|| "read only".to_owned()),
            first_seen_at: self.first_seen.map(moment),
            last_used_at: self.last_used.map(moment),
            last_use: None,
        }
    }
}

impl Use {
    fn reference(&self) -> Reference {
        let name = |repository: &usize, tag: &usize| format!("{}:{}", REPOSITORIES[*repository], TAGS[*tag]);
        let (image, of) = match self {
            Self::Digest(number) => (String::new(), Some(digest(*number))),
            Self::Tag(repository, tag) => (name(repository, tag), None),
            Self::Both(repository, tag, number) => (format!("{}@{}", name(repository, tag), digest(*number)), None),
        };
        Reference {
            image,
            digest: of,
            used_by: "container web".to_owned(),
            last_seen_at: None,
        }
    }
}

impl Pol {
    fn text(&self) -> String {
        let covers = match self.covers {
            Covers::All => "",
            Covers::App => "repositories: [app], ",
            Covers::Hub => "registries: [docker.io], ",
        };
        let rules: Vec<String> = self.rules.iter().map(Rul::text).collect();
        format!("  - {{ {covers}rules: [{}] }}\n", rules.join(", "))
    }
}

impl Rul {
    fn text(&self) -> String {
        let fits = match self.fits {
            Fits::All => "{}".to_owned(),
            Fits::Dangling => "{ dangling: true }".to_owned(),
            Fits::Prefix(prefix) => format!("{{ tags: [\"{prefix}*\"] }}"),
            Fits::Team => "{ labels: { team: red } }".to_owned(),
        };
        if self.expire.is_empty() {
            return format!("{{ match: {fits}, keep: always }}");
        }
        let conditions: Vec<String> = self.expire.iter().map(Cond::text).collect();
        let unless = match self.newest_days {
            0 => String::new(),
            days => format!(", unless: {{ newest-per: {{ day: {days} }} }}"),
        };
        format!("{{ match: {fits}, expire: [{}]{unless} }}", conditions.join(", "))
    }
}

impl Cond {
    fn text(&self) -> String {
        let given = [
            self.unused_days.map(|days| format!("unused-for: {days}d")),
            self.beyond.map(|number| format!("beyond-newest: {number}")),
            self.larger.map(|bytes| format!("larger-than: {bytes}B")),
        ];
        format!("{{ {} }}", given.into_iter().flatten().collect::<Vec<_>>().join(", "))
    }
}

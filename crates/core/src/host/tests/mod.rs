//! What is decided of servers, in small tables; the laws stand in `tests/host_laws.rs`.

mod caches;
mod disks;
mod held;
mod ruled;

use jiff::SignedDuration;

use super::*;
use crate::config::Config;
use crate::model::{Digest, Reference, Schema, SourceReport, SourceStatus};

fn now() -> Timestamp {
    "2026-11-20T12:00:00Z".parse().unwrap()
}

fn hours_ago(hours: i64) -> Timestamp {
    now() - SignedDuration::from_hours(hours)
}

fn days_ago(days: i64) -> Timestamp {
    hours_ago(24 * days)
}

fn digest(number: u8) -> Digest {
    Digest::of(&[number])
}

/// An image of that name, pulled from its registry, that nobody has used for 30 days.
fn image(number: u8, name: &str) -> HostImage {
    let repository = name.rsplit_once(':').map_or(name, |(repository, _)| repository);
    HostImage {
        id: digest(number),
        names: if name.is_empty() {
            Vec::new()
        } else {
            vec![name.to_owned()]
        },
        digests: vec![format!("{repository}@{}", digest(100 + number))],
        bytes: 1_000,
        created_at: None,
        engine_time: None,
        labels: Default::default(),
        pinned: None,
        first_seen_at: Some(days_ago(30)),
        last_used_at: None,
        last_use: None,
    }
}

/// An image that has lost its tag.
fn dangling(number: u8, repository: &str) -> HostImage {
    HostImage {
        names: Vec::new(),
        ..image(number, repository)
    }
}

fn used(image: HostImage, at: Timestamp) -> HostImage {
    HostImage {
        last_used_at: Some(at),
        ..image
    }
}

fn source(references: Vec<Reference>) -> SourceReport {
    SourceReport {
        name: "docker".to_owned(),
        kind: "docker".to_owned(),
        status: SourceStatus::Complete,
        covers: vec!["**".to_owned()],
        answers_for: Vec::new(),
        gaps: Vec::new(),
        references,
    }
}

fn reference(image: &str, digest: Option<Digest>) -> Reference {
    Reference {
        image: image.to_owned(),
        digest,
        used_by: "container web".to_owned(),
        last_seen_at: None,
    }
}

fn facts(images: Vec<HostImage>) -> HostFacts {
    HostFacts {
        schema: Schema,
        taken_at: now(),
        known_since: Some(days_ago(100)),
        engine: EngineFacts {
            id: "abc".to_owned(),
            kind: "docker".to_owned(),
            version: "20.10.24".to_owned(),
            store: ImageStore::GraphDriver,
            driver: "overlay2".to_owned(),
            root: None,
            layers_bytes: None,
        },
        disk: None,
        images,
        build_cache: Vec::new(),
        usage: vec![source(Vec::new())],
        gaps: Vec::new(),
    }
}

/// The built-in rules, and none of the newest stays by its place.
fn bare() -> HostSettings {
    HostSettings {
        keep_newest: 0,
        ..HostSettings::default()
    }
}

/// These rules in one policy.
fn ruled(rules: &str) -> HostSettings {
    let text = format!("host:\n  keep-newest: 0\n  policies:\n  - name: p\n    rules:\n{rules}");
    configured(&text)
}

fn configured(text: &str) -> HostSettings {
    let (config, warnings) = Config::parse("jettison.yaml", text).unwrap();
    assert_eq!(warnings, [], "{text}");
    config.host
}

/// What becomes of each image, by its number.
fn told(plan: &HostPlan) -> Vec<String> {
    let number = |id: &Digest| (0..=255).find(|number| digest(*number) == *id).unwrap();
    let go = plan
        .go
        .iter()
        .map(|it| (number(&it.id), format!("goes: {}", it.reason)));
    let reserve = plan
        .reserve
        .iter()
        .map(|it| (number(&it.id), format!("may go: {}", it.reason)));
    let stay = plan
        .stay
        .iter()
        .map(|it| (number(&it.id), format!("stays: {}", it.reason)));
    let mut all: Vec<(u8, String)> = go.chain(reserve).chain(stay).collect();
    all.sort();
    all.into_iter()
        .map(|(number, text)| format!("{number} {text}"))
        .collect()
}

fn decided(facts: &HostFacts, settings: &HostSettings) -> Vec<String> {
    told(&decide(facts, settings, &[], now()))
}

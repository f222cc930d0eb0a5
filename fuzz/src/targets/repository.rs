//! A repository as a registry serves it: manifests and configs, one behind the other, each below a line of `===` and
//! its tags. `@0` stands for the digest of the first, so that an index can name its children.
//!
//! Everything is recognised, put together as a scan does, and planned with a policy that takes all that it may: the
//! plan breaks no law.

use std::collections::BTreeMap;

use jettison_core::model::{Capabilities, Digest, Inventory, Repository, Schema, Tag, TagEntry};
use jettison_core::recognise::{ConfigFacts, ParsedManifest, ReadManifest, assemble};
use jiff::{SignedDuration, Timestamp};

use crate::oracle::assert_in_proportion;
use crate::world::{World, facts, now, planned};

/// Looks at one input.
pub fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let mut served = Served::default();
    for part in text.split("=== ").filter(|part| !part.is_empty()) {
        let (tags, document) = part.split_once('\n').unwrap_or((part, ""));
        served.add(tags, document);
    }
    let Some(inventory) = served.inventory() else {
        unreachable!("a constant registry and name");
    };
    assert_in_proportion(&inventory, &served.bytes);
    let world = World::get();
    planned(&facts(&inventory, Some(&world.usage), &world.eager));
}

/// What the registry has.
#[derive(Default)]
struct Served {
    digests: Vec<Digest>,
    tags: BTreeMap<Tag, Digest>,
    configs: BTreeMap<Digest, ConfigFacts>,
    manifests: BTreeMap<Digest, ReadManifest>,
    /// All documents, as they were served.
    bytes: Vec<u8>,
}

impl Served {
    fn add(&mut self, tags: &str, document: &str) {
        let mut document = document.to_owned();
        for (number, digest) in self.digests.iter().enumerate().rev() {
            document = document.replace(&format!("@{number}"), &digest.to_string());
        }
        self.bytes.extend(document.as_bytes());
        let digest = Digest::of(document.as_bytes());
        self.digests.push(digest.clone());
        if let Ok(parsed) = ParsedManifest::read(None, document.as_bytes()) {
            let config = parsed
                .wanted_config()
                .and_then(|config| self.configs.get(&config.digest));
            let read = ReadManifest {
                config: config.cloned(),
                size: document.len() as u64,
                parsed,
            };
            self.manifests.insert(digest.clone(), read);
            let tags = tags.split_whitespace().filter_map(|tag| tag.parse::<Tag>().ok());
            self.tags.extend(tags.map(|tag| (tag, digest.clone())));
        } else if let Ok(config) = ConfigFacts::read(document.as_bytes()) {
            self.configs.insert(digest, config);
        }
    }

    fn inventory(&self) -> Option<Inventory> {
        let mut manifests = assemble(&self.manifests, &self.tags);
        let seen = now() - SignedDuration::from_hours(24 * 40);
        manifests
            .iter_mut()
            .for_each(|manifest| manifest.first_seen_at = Some(seen));
        let named = manifests
            .iter()
            .flat_map(|manifest| manifest.children.iter().chain(&manifest.subject));
        let missing = named
            .filter(|digest| !self.manifests.contains_key(digest))
            .cloned()
            .collect();
        let tag = |(name, digest): (&Tag, &Digest)| TagEntry {
            name: name.clone(),
            digest: digest.clone(),
            updated_at: None,
            immutable: false,
        };
        Some(Inventory {
            schema: Schema,
            taken_at: now(),
            complete_registries: ["registry.example.com".parse().ok()?].into(),
            repositories: vec![Repository {
                registry: "registry.example.com".parse().ok()?,
                name: "apps/web".parse().ok()?,
                capabilities: Capabilities {
                    delete: Some(true),
                    delete_tag: Some(true),
                    ..Capabilities::default()
                },
                pull_data_since: None,
                scanned_since: Some(Timestamp::UNIX_EPOCH),
                missing,
                dangling: [].into(),
                gaps: Vec::new(),
                tags: self.tags.iter().map(tag).collect(),
                manifests,
            }],
            gaps: Vec::new(),
        })
    }
}

//! What each deletion frees, by reference counting over everything that was scanned.
//!
//! A blob counts for the action that takes its last reference, so that the figures add up. The dedup domain
//! is the registry. What the inventory does not know (other repositories, untagged manifests that a registry
//! does not list) may still hold a blob: the figure is the most that can be freed.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::model::{Action, ActionKind};
use crate::model::{Digest, Inventory, Manifest, RegistryHost, RepositoryName};

/// A blob or a manifest as stored content.
#[derive(Default)]
struct Content {
    references: u64,
    size: u64,
}

/// Fills in the bytes of each action.
pub(super) fn count(actions: &mut [Action], inventory: &Inventory) {
    let mut manifests: HashMap<(&RegistryHost, &RepositoryName, &Digest), &Manifest> = HashMap::new();
    let mut contents: HashMap<(&RegistryHost, &Digest), Content> = HashMap::new();
    for repository in &inventory.repositories {
        for manifest in &repository.manifests {
            let known = manifests.insert((&repository.registry, &repository.name, &manifest.digest), manifest);
            if known.is_some() {
                continue;
            }
            for (digest, size) in content_of(manifest) {
                let content = contents.entry((&repository.registry, digest)).or_default();
                content.references += 1;
                content.size = content.size.max(size);
            }
        }
    }
    let mut gone = BTreeSet::new();
    for action in actions.iter_mut().filter(|action| action.action == ActionKind::Delete) {
        let key = (&action.registry, &action.repository, &action.digest);
        let Some((key, manifest)) = manifests.get_key_value(&key) else {
            continue;
        };
        if !gone.insert(*key) {
            continue;
        }
        let freed = content_of(manifest).into_keys().filter_map(|digest| {
            let content = contents.get_mut(&(key.0, digest))?;
            content.references = content.references.saturating_sub(1);
            (content.references == 0).then_some(content.size)
        });
        action.bytes = freed.fold(0, u64::saturating_add);
    }
}

/// The manifest itself and its blobs, each once.
fn content_of(manifest: &Manifest) -> BTreeMap<&Digest, u64> {
    let mut contents: BTreeMap<&Digest, u64> = BTreeMap::from([(&manifest.digest, manifest.size)]);
    for blob in &manifest.blobs {
        let size = contents.entry(&blob.digest).or_default();
        *size = (*size).max(blob.size);
    }
    contents
}

//! What the registry holds: blobs, manifests with their exact bytes, tags, and the indexes that keep every
//! call quick with 50,000 images in one repository. Knows no HTTP.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use bytes::Bytes;
use jiff::Timestamp;

use super::links::{Links, Referrer};

/// Everything that is stored.
#[derive(Debug, Default)]
pub(super) struct Contents {
    pub(super) repositories: BTreeMap<String, Repository>,
    /// Bytes by digest, stored once for all repositories.
    blobs: HashMap<String, Bytes>,
    pub(super) uploads: HashMap<String, Upload>,
    uploads_begun: u64,
}

/// An upload session (distribution-spec, "Pushing blobs").
#[derive(Debug, Default)]
pub(super) struct Upload {
    pub(super) repository: String,
    pub(super) bytes: Vec<u8>,
}

/// One repository.
#[derive(Debug, Default)]
pub(super) struct Repository {
    pub(super) tags: BTreeMap<String, String>,
    pub(super) manifests: BTreeMap<String, Stored>,
    /// Blobs that can be pulled from this repository.
    blobs: HashSet<String>,
    parents: HashMap<String, BTreeSet<String>>,
    referrers: HashMap<String, BTreeSet<String>>,
    /// Whether a manifest was ever pushed: only then the repository shows, even when it is empty again.
    pub(super) shows: bool,
}

/// One manifest.
#[derive(Debug, Clone)]
pub(super) struct Stored {
    pub(super) bytes: Bytes,
    pub(super) content_type: String,
    /// Of the first push: an identical push later does not refresh it, as in most registries.
    pub(super) pushed_at: Timestamp,
    pub(super) tags: BTreeSet<String>,
    pub(super) links: Links,
}

/// What a garbage collection removed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Freed {
    /// Distinct blobs whose bytes went.
    pub blobs: usize,
    /// Their bytes.
    pub bytes: u64,
}

impl Contents {
    pub(super) fn repository(&mut self, name: &str) -> &mut Repository {
        self.repositories.entry(name.to_owned()).or_default()
    }

    /// The blob, if this repository may serve it.
    pub(super) fn blob(&self, repository: &str, digest: &str) -> Option<Bytes> {
        let linked = self.repositories.get(repository)?.blobs.contains(digest);
        linked.then(|| self.blobs.get(digest).cloned())?
    }

    pub(super) fn add_blob(&mut self, repository: &str, digest: &str, bytes: Bytes) {
        self.blobs.entry(digest.to_owned()).or_insert(bytes);
        self.repository(repository).blobs.insert(digest.to_owned());
    }

    /// Takes the blob out of one repository; its bytes stay until the garbage collection.
    pub(super) fn remove_blob(&mut self, repository: &str, digest: &str) -> bool {
        self.repositories
            .get_mut(repository)
            .is_some_and(|found| found.blobs.remove(digest))
    }

    /// Opens an upload session and names it.
    pub(super) fn begin_upload(&mut self, repository: &str) -> String {
        self.uploads_begun += 1;
        let id = format!("upload-{}", self.uploads_begun);
        self.uploads.insert(
            id.clone(),
            Upload {
                repository: repository.to_owned(),
                bytes: Vec::new(),
            },
        );
        id
    }

    /// Drops every blob that no manifest of its repository refers to. Manifests stay, tagged or not.
    pub(super) fn collect_garbage(&mut self) -> Freed {
        let mut live = HashSet::new();
        for repository in self.repositories.values_mut() {
            repository.forget_unreferenced_blobs();
            live.extend(repository.blobs.iter().cloned());
        }
        let before = (self.blobs.len(), self.stored_bytes());
        self.blobs.retain(|digest, _| live.contains(digest));
        Freed {
            blobs: before.0 - self.blobs.len(),
            bytes: before.1 - self.stored_bytes(),
        }
    }

    /// Bytes of all distinct blobs.
    pub(super) fn stored_bytes(&self) -> u64 {
        self.blobs.values().map(|bytes| bytes.len() as u64).sum()
    }
}

impl Repository {
    /// Digests that `links` needs and this repository does not hold. A subject may be missing
    /// (distribution-spec, "Pushing Manifests with Subject").
    pub(super) fn missing(&self, links: &Links) -> Vec<String> {
        let holds = |digest: &String| self.blobs.contains(digest) || self.manifests.contains_key(digest);
        let needed = links
            .blobs
            .iter()
            .chain(links.children.iter().map(|child| &child.digest));
        needed.filter(|digest| !holds(digest)).cloned().collect()
    }

    /// Stores a manifest; one that is there already keeps its first push time.
    pub(super) fn put_manifest(&mut self, digest: &str, manifest: Stored) {
        self.shows = true;
        if self.manifests.contains_key(digest) {
            return;
        }
        for child in &manifest.links.children {
            self.parents
                .entry(child.digest.clone())
                .or_default()
                .insert(digest.to_owned());
        }
        if let Some(subject) = &manifest.links.subject {
            self.referrers
                .entry(subject.clone())
                .or_default()
                .insert(digest.to_owned());
        }
        self.manifests.insert(digest.to_owned(), manifest);
    }

    /// Removes a manifest and every tag that points to it.
    pub(super) fn remove_manifest(&mut self, digest: &str) -> bool {
        let Some(manifest) = self.manifests.remove(digest) else {
            return false;
        };
        for tag in &manifest.tags {
            self.tags.remove(tag);
        }
        for child in &manifest.links.children {
            forget(&mut self.parents, &child.digest, digest);
        }
        if let Some(subject) = &manifest.links.subject {
            forget(&mut self.referrers, subject, digest);
        }
        true
    }

    /// Points `tag` at a manifest, taking it from wherever it was; false where there is no such manifest.
    pub(super) fn set_tag(&mut self, tag: &str, digest: &str) -> bool {
        if !self.manifests.contains_key(digest) {
            return false;
        }
        self.remove_tag(tag);
        self.tags.insert(tag.to_owned(), digest.to_owned());
        if let Some(manifest) = self.manifests.get_mut(digest) {
            manifest.tags.insert(tag.to_owned());
        }
        true
    }

    /// Removes one tag; the manifest stays.
    pub(super) fn remove_tag(&mut self, tag: &str) -> bool {
        let Some(digest) = self.tags.remove(tag) else {
            return false;
        };
        if let Some(manifest) = self.manifests.get_mut(&digest) {
            manifest.tags.remove(tag);
        }
        true
    }

    /// The digest behind a tag or a digest, if the manifest is here.
    pub(super) fn resolve(&self, reference: &str) -> Option<(&String, &Stored)> {
        let digest = self.tags.get(reference).map_or(reference, String::as_str);
        self.manifests.get_key_value(digest)
    }

    pub(super) fn is_child(&self, digest: &str) -> bool {
        self.parents.contains_key(digest)
    }

    pub(super) fn untagged(&self) -> Vec<String> {
        let untagged = self.manifests.iter().filter(|(_, manifest)| manifest.tags.is_empty());
        untagged.map(|(digest, _)| digest.clone()).collect()
    }

    /// The manifests whose subject is `subject`, ordered by digest.
    pub(super) fn referrers(&self, subject: &str) -> Vec<Referrer> {
        let digests = self.referrers.get(subject).into_iter().flatten();
        digests
            .filter_map(|digest| Some(referrer(digest, self.manifests.get(digest)?)))
            .collect()
    }

    fn forget_unreferenced_blobs(&mut self) {
        let links = self.manifests.values().map(|manifest| &manifest.links);
        let live: HashSet<&String> = links
            .flat_map(|links| {
                links
                    .blobs
                    .iter()
                    .chain(links.children.iter().map(|child| &child.digest))
            })
            .collect();
        self.blobs.retain(|digest| live.contains(digest));
    }
}

fn referrer(digest: &str, manifest: &Stored) -> Referrer {
    Referrer {
        media_type: manifest.content_type.clone(),
        digest: digest.to_owned(),
        size: manifest.bytes.len(),
        artifact_type: manifest.links.artifact_type.clone(),
        annotations: manifest.links.annotations.clone(),
    }
}

fn forget(index: &mut HashMap<String, BTreeSet<String>>, key: &str, digest: &str) {
    if let Some(digests) = index.get_mut(key) {
        digests.remove(digest);
        if digests.is_empty() {
            index.remove(key);
        }
    }
}

//! A repository: images with their exact bytes, tags, layers, and who refers to whom. Knows no wire form.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use bytes::Bytes;
use jiff::Timestamp;

use super::super::policy::fits;
use super::super::refusal::Refusal;
use super::image::{Image, Storage};
use super::lifecycle::Lifecycle;
use super::manifest::Manifest;
use crate::digest::sha256;

/// Service quota: "Tags per image".
const MOST_TAGS: usize = 1000;

/// One repository.
#[derive(Debug)]
pub(in crate::aws) struct Repository {
    pub(super) created_at: Timestamp,
    pub(super) mutability: Mutability,
    pub(super) lifecycle: Lifecycle,
    pub(in crate::aws) images: BTreeMap<String, Image>,
    pub(super) tags: BTreeMap<String, String>,
    pub(super) layers: HashMap<String, Layer>,
    parents: HashMap<String, BTreeSet<String>>,
    referrers: HashMap<String, BTreeSet<String>>,
    /// Referrers whose subject was deleted: they go within a day.
    doomed: BTreeSet<String>,
}

/// A layer that was uploaded.
#[derive(Debug, Clone)]
pub(super) struct Layer {
    pub(super) size: u64,
    /// None in a world that was filled with images nobody pulls.
    pub(super) bytes: Option<Bytes>,
}

/// Whether tags can be moved.
#[derive(Debug, Clone)]
pub(super) struct Mutability {
    /// `MUTABLE`, `IMMUTABLE_WITH_EXCLUSION`
    pub(super) mode: String,
    /// The patterns of the exclusions.
    pub(super) exclusions: Vec<String>,
}

/// A manifest that is pushed.
#[derive(Debug)]
pub(super) struct Push<'p> {
    pub(super) bytes: Bytes,
    /// As said beside the manifest; else what it says itself.
    pub(super) media_type: Option<&'p str>,
    pub(super) tag: Option<&'p str>,
    /// The digest that the client expects.
    pub(super) digest: Option<&'p str>,
}

impl Default for Mutability {
    fn default() -> Self {
        Self {
            mode: "MUTABLE".to_owned(),
            exclusions: Vec::new(),
        }
    }
}

impl Mutability {
    fn is_immutable(&self, tag: &str) -> bool {
        let excluded = self.exclusions.iter().any(|pattern| fits(pattern, tag));
        match self.mode.as_str() {
            "IMMUTABLE" => true,
            "IMMUTABLE_WITH_EXCLUSION" => !excluded,
            "MUTABLE_WITH_EXCLUSION" => excluded,
            _ => false,
        }
    }
}

impl Repository {
    pub(super) fn new(created_at: Timestamp) -> Self {
        Self {
            created_at,
            mutability: Mutability::default(),
            lifecycle: Lifecycle::default(),
            images: BTreeMap::new(),
            tags: BTreeMap::new(),
            layers: HashMap::new(),
            parents: HashMap::new(),
            referrers: HashMap::new(),
            doomed: BTreeSet::new(),
        }
    }

    /// The digest behind a tag.
    pub(in crate::aws) fn digest_of(&self, tag: &str) -> Option<String> {
        self.tags.get(tag).cloned()
    }

    /// Whether an index that is here lists it.
    pub(super) fn is_child(&self, digest: &str) -> bool {
        self.parents.contains_key(digest)
    }

    /// The indexes that list it.
    pub(super) fn parents(&self, digest: &str) -> impl Iterator<Item = &Image> {
        let parents = self.parents.get(digest).into_iter().flatten();
        parents.filter_map(|parent| self.images.get(parent))
    }

    /// What has it as its subject, ordered by digest.
    pub(super) fn referrers(&self, subject: &str) -> impl Iterator<Item = (&String, &Image)> {
        let referrers = self.referrers.get(subject).into_iter().flatten();
        referrers.filter_map(|referrer| self.images.get_key_value(referrer))
    }

    /// Takes a manifest in as `PutImage` does; its digest.
    pub(super) fn put(&mut self, push: &Push<'_>, now: Timestamp) -> Result<String, Refusal> {
        let digest = sha256(&push.bytes);
        let manifest =
            Manifest::read(&push.bytes).ok_or_else(|| Refusal::parameter("imageManifest", "Invalid JSON syntax"))?;
        if push.digest.is_some_and(|expected| expected != digest) {
            let message = format!("The image digest does not match the expected digest {digest}");
            return Err(Refusal::new("ImageDigestDoesNotMatchException", message));
        }
        self.check_references(&manifest)?;
        if let Some(tag) = push.tag {
            self.check_tag(tag, &digest)?;
        }
        let is_known = self.images.contains_key(&digest);
        if !is_known {
            self.insert(&digest, push, manifest, now);
        } else if let Some(image) = self.images.get_mut(&digest)
            && image.status(now) != super::Status::Active
        {
            // "When you push an image that is currently archived, it is restored immediately."
            image.storage.activate(now);
        } else if push.tag.is_none_or(|tag| self.tags.get(tag) == Some(&digest)) {
            let message = format!(
                "Image with digest '{digest}' and tag '{}' already exists",
                push.tag.unwrap_or("null")
            );
            return Err(Refusal::new("ImageAlreadyExistsException", message));
        }
        if let Some(tag) = push.tag {
            self.set_tag(tag, &digest);
        }
        Ok(digest)
    }

    /// Removes a tag; the image stays, even without any.
    pub(super) fn remove_tag(&mut self, tag: &str) {
        if let Some(digest) = self.tags.remove(tag)
            && let Some(image) = self.images.get_mut(&digest)
        {
            image.tags.remove(tag);
        }
    }

    /// Removes an image with its tags. What refers to it goes later.
    pub(super) fn remove(&mut self, digest: &str) -> bool {
        let Some(image) = self.images.remove(digest) else {
            return false;
        };
        for tag in &image.tags {
            self.tags.remove(tag);
        }
        for child in &image.children {
            forget(&mut self.parents, child, digest);
        }
        if let Some(subject) = &image.subject {
            forget(&mut self.referrers, subject, digest);
        }
        self.doomed.remove(digest);
        let referrers = self.referrers.get(digest).into_iter().flatten();
        self.doomed.extend(referrers.cloned());
        true
    }

    /// What ECR does "within 24 hours": removes the referrers of what was deleted, and archives those of what was archived.
    pub(super) fn follow_subjects(&mut self, now: Timestamp) {
        while let Some(digest) = self.doomed.pop_first() {
            self.remove(&digest);
        }
        let is_archived = |image: &Image| image.status(now) == super::Status::Archived;
        let subjects = self.referrers.keys();
        let subjects = subjects.filter(|subject| self.images.get(*subject).is_some_and(is_archived));
        let followers: Vec<String> = subjects.flat_map(|subject| self.referrers[subject].clone()).collect();
        for follower in followers {
            if let Some(image) = self.images.get_mut(&follower)
                && !is_archived(image)
            {
                image.storage.archive(now);
            }
        }
    }

    /// Drops every layer that no image needs ("unassociated image layers may be cleaned up at any time").
    pub(super) fn clean_up_layers(&mut self) {
        let manifests = self.images.values().filter_map(|image| Manifest::read(&image.bytes));
        let needed: BTreeSet<String> = manifests
            .flat_map(|manifest| manifest.layers.into_iter().map(|(digest, _)| digest))
            .collect();
        self.layers.retain(|digest, _| needed.contains(digest));
    }

    pub(super) fn set_tag(&mut self, tag: &str, digest: &str) {
        self.remove_tag(tag);
        if let Some(image) = self.images.get_mut(digest) {
            image.tags.insert(tag.to_owned());
            self.tags.insert(tag.to_owned(), digest.to_owned());
        }
    }

    fn insert(&mut self, digest: &str, push: &Push<'_>, manifest: Manifest, now: Timestamp) {
        let media_type = push
            .media_type
            .map(str::to_owned)
            .or_else(|| manifest.media_type.clone());
        for child in &manifest.children {
            self.parents.entry(child.clone()).or_default().insert(digest.to_owned());
        }
        if let Some(subject) = &manifest.subject {
            self.referrers
                .entry(subject.clone())
                .or_default()
                .insert(digest.to_owned());
        }
        let image = Image {
            bytes: push.bytes.clone(),
            media_type: media_type.unwrap_or_default(),
            size: self.size(&manifest),
            artifact_type: manifest.artifact_type,
            tags: BTreeSet::new(),
            children: manifest.children,
            subject: manifest.subject,
            pushed_at: now,
            pulled_at: None,
            storage: Storage::default(),
        };
        self.images.insert(digest.to_owned(), image);
    }

    /// "If the image is a manifest list, this will be the max size of all manifests in the list."
    fn size(&self, manifest: &Manifest) -> u64 {
        let children = manifest.children.iter().filter_map(|child| self.images.get(child));
        let largest = children.map(|child| child.size).max();
        largest.unwrap_or_else(|| manifest.size())
    }

    /// Everything but a subject has to be there before.
    fn check_references(&self, manifest: &Manifest) -> Result<(), Refusal> {
        let layers = manifest.layers.iter().map(|(digest, _)| digest.as_str());
        let missing: Vec<&str> = layers.filter(|digest| !self.layers.contains_key(*digest)).collect();
        if !missing.is_empty() {
            let message = format!(
                "Layers with digests '{}' required for pushing image do not exist",
                missing.join(", ")
            );
            return Err(Refusal::new("LayersNotFoundException", message));
        }
        let children = manifest.children.iter().map(String::as_str);
        let missing: Vec<&str> = children.filter(|digest| !self.images.contains_key(*digest)).collect();
        if !missing.is_empty() {
            let message = format!(
                "Images with digests '{}' required for pushing image do not exist",
                missing.join(", ")
            );
            return Err(Refusal::new("ReferencedImagesNotFoundException", message));
        }
        Ok(())
    }

    fn check_tag(&self, tag: &str, digest: &str) -> Result<(), Refusal> {
        if self.tags.get(tag).is_some_and(|current| current != digest) && self.mutability.is_immutable(tag) {
            let message =
                format!("The image tag '{tag}' already exists and cannot be overwritten because the tag is immutable.");
            return Err(Refusal::new("ImageTagAlreadyExistsException", message));
        }
        let tags = self.images.get(digest).map_or(0, |image| image.tags.len());
        if tags >= MOST_TAGS && self.tags.get(tag).is_none_or(|current| current != digest) {
            let message = format!("The image already has the most tags it can have: {MOST_TAGS}");
            return Err(Refusal::new("LimitExceededException", message));
        }
        Ok(())
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

//! One image as ECR keeps it, and what `DescribeImages` tells of it.

use std::collections::BTreeSet;

use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::super::place::Place;
use super::super::state::{epoch, object};

/// How long a restore takes ("within 20 minutes").
const RESTORE: SignedDuration = SignedDuration::from_mins(20);
/// How long a pull time may stay as it is although the image is pulled again ("at least once every 24 hours").
const REFRESH: SignedDuration = SignedDuration::from_hours(24);

/// Where an image is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// It can be pulled.
    Active,
    /// In the archive.
    Archived,
    /// On its way back from there.
    Activating,
}

/// One image: any manifest.
#[derive(Debug, Clone)]
pub(in crate::aws) struct Image {
    pub(super) bytes: Bytes,
    pub(super) media_type: String,
    pub(super) artifact_type: Option<String>,
    pub(super) size: u64,
    pub(super) tags: BTreeSet<String>,
    pub(super) children: Vec<String>,
    pub(super) subject: Option<String>,
    pub(super) pushed_at: Timestamp,
    pub(super) pulled_at: Option<Timestamp>,
    pub(super) storage: Storage,
}

/// What happened to an image between the storage classes.
#[derive(Debug, Clone, Default)]
pub(super) struct Storage {
    pub(super) archived_at: Option<Timestamp>,
    activated_at: Option<Timestamp>,
    is_archived: bool,
    /// Since when it is being restored.
    restored_since: Option<Timestamp>,
}

impl Status {
    /// As the API names it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Active => "ACTIVE",
            Self::Archived => "ARCHIVED",
            Self::Activating => "ACTIVATING",
        }
    }
}

impl Storage {
    pub(super) fn status(&self, now: Timestamp) -> Status {
        match self.restored_since {
            Some(since) if now < since + RESTORE => Status::Activating,
            None if self.is_archived => Status::Archived,
            _ => Status::Active,
        }
    }

    pub(super) fn archive(&mut self, now: Timestamp) {
        *self = Self {
            archived_at: Some(now),
            activated_at: self.activated_at(now),
            is_archived: true,
            restored_since: None,
        };
    }

    /// Begins the way back.
    pub(super) fn restore(&mut self, now: Timestamp) {
        self.restored_since = Some(now);
    }

    /// Ends the way back at once, as a push of the same manifest does.
    pub(super) fn activate(&mut self, now: Timestamp) {
        self.is_archived = false;
        self.restored_since = None;
        self.activated_at = Some(now);
    }

    pub(super) fn activated_at(&self, now: Timestamp) -> Option<Timestamp> {
        let finished = self.restored_since.map(|since| since + RESTORE);
        finished.filter(|finished| *finished <= now).or(self.activated_at)
    }
}

impl Image {
    pub(super) fn status(&self, now: Timestamp) -> Status {
        self.storage.status(now)
    }

    /// Takes note of a pull; with `lazily` only where the last one is a day old.
    pub(super) fn pulled(&mut self, now: Timestamp, lazily: bool) {
        let is_fresh = self.pulled_at.is_some_and(|pulled| now < pulled + REFRESH);
        if !(lazily && is_fresh) {
            self.pulled_at = Some(now);
        }
    }

    /// An `ImageDetail`.
    pub(super) fn detail(&self, place: &Place, repository: &str, digest: &str, now: Timestamp) -> Value {
        let tags = (!self.tags.is_empty()).then_some(&self.tags);
        object(json!({
            "registryId": place.account, "repositoryName": repository, "imageDigest": digest, "imageTags": tags,
            "imageSizeInBytes": self.size, "imagePushedAt": epoch(self.pushed_at),
            "imageManifestMediaType": self.media_type, "artifactMediaType": self.artifact_type,
            "lastRecordedPullTime": self.pulled_at.map(epoch), "subjectManifestDigest": self.subject,
            "imageStatus": self.status(now).name(), "lastArchivedAt": self.storage.archived_at.map(epoch),
            "lastActivatedAt": self.storage.activated_at(now).map(epoch)}))
    }
}

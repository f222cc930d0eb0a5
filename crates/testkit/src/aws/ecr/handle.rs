//! A registry from within: worlds are made here, and looked at, without a call.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::MutexGuard;

use bytes::Bytes;
use jiff::Timestamp;

use super::super::handle::Handle;
use super::super::place::Place;
use super::super::state::State;
use super::repository::{Layer, Mutability, Push, Repository};
use super::{Registry, Status, fill, lifecycle};
use crate::images::{Blob, Manifest};

/// The registry of one account in one region, from within.
#[derive(Debug, Clone)]
pub struct Ecr {
    aws: Handle,
    place: Place,
}

/// An image as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// Its digest.
    pub digest: String,
    /// Its tags.
    pub tags: BTreeSet<String>,
    /// When it was pushed.
    pub pushed_at: Timestamp,
    /// When it was pulled last, as far as that is recorded.
    pub pulled_at: Option<Timestamp>,
    /// Where it is kept.
    pub status: Status,
}

impl Ecr {
    pub(in crate::aws) fn new(aws: Handle, account: &str, region: &str) -> Self {
        Self {
            aws,
            place: Place::new(account, region),
        }
    }

    /// `111122223333.dkr.ecr.eu-central-1.amazonaws.com`, as it stands in image references.
    pub fn host(&self) -> String {
        self.place.host()
    }

    /// `HOST/REPOSITORY:TAG`, or with `@` for a digest.
    pub fn image(&self, repository: &str, reference: &str) -> String {
        let separator = if reference.contains(':') { '@' } else { ':' };
        format!("{}/{repository}{separator}{reference}", self.host())
    }

    /// Makes a repository; nothing happens if it is there.
    pub fn create(&self, repository: &str) {
        self.repository(repository, |_, _| ());
    }

    /// Pushes a manifest with all that is below it, now by the clock. Where it is already, only the tags change. Makes the
    /// repository if there is none. What is immutable or missing does not stop it.
    pub fn push(&self, repository: &str, tags: &[&str], manifest: &Manifest) {
        self.repository(repository, |found, now| {
            for one in manifest.all().into_iter().rev() {
                found.layers.extend(one.blobs.iter().map(layer));
                let push = Push {
                    bytes: one.bytes.clone(),
                    media_type: Some(&one.media_type),
                    tag: None,
                    digest: None,
                };
                // One that is there already is as good as pushed.
                let _ = found.put(&push, now);
            }
            for tag in tags {
                found.set_tag(tag, &manifest.digest);
            }
        });
    }

    /// Uploads a layer.
    pub fn push_blob(&self, repository: &str, blob: &Blob) {
        self.repository(repository, |found, _| found.layers.extend([layer(blob)]));
    }

    /// Fills a repository with `count` images of about 400 bytes, the n-th with the tag `main-N` (N in seven digits) and pushed
    /// at `pushed_at(n)`. They share three layers. 100,000 take some seconds in a debug build.
    pub fn fill(&self, repository: &str, count: usize, pushed_at: impl Fn(usize) -> Timestamp) {
        self.repository(repository, |found, _| fill::fill(found, count, pushed_at));
    }

    /// Sets when an image was pushed; false where there is none.
    pub fn set_pushed_at(&self, repository: &str, digest: &str, pushed_at: Timestamp) -> bool {
        self.repository(repository, |found, _| {
            let image = found.images.get_mut(digest);
            image.map(|image| image.pushed_at = pushed_at).is_some()
        })
    }

    /// Sets when an image was pulled last; false where there is none.
    pub fn set_pulled_at(&self, repository: &str, digest: &str, pulled_at: Option<Timestamp>) -> bool {
        self.repository(repository, |found, _| {
            let image = found.images.get_mut(digest);
            image.map(|image| image.pulled_at = pulled_at).is_some()
        })
    }

    /// Puts an image into the archive; false where there is none.
    pub fn archive(&self, repository: &str, digest: &str) -> bool {
        self.repository(repository, |found, now| {
            let image = found.images.get_mut(digest);
            image.map(|image| image.storage.archive(now)).is_some()
        })
    }

    /// Removes an image with its tags, as somebody else would; children of an index too.
    pub fn remove(&self, repository: &str, digest: &str) -> bool {
        self.repository(repository, |found, _| found.remove(digest))
    }

    /// Removes a tag; the image stays, even without any: that is how a tag that was pushed again leaves an image behind.
    pub fn remove_tag(&self, repository: &str, tag: &str) {
        self.repository(repository, |found, _| found.remove_tag(tag));
    }

    /// What ECR does "within 24 hours": the referrers of deleted images are deleted, those of archived ones archived.
    pub fn follow_subjects(&self) {
        self.registry(|registry, now| {
            let repositories = registry.repositories.values_mut();
            repositories.for_each(|repository| repository.follow_subjects(now));
        });
    }

    /// Drops the layers that no image needs any more, after which no undo brings the image back.
    pub fn clean_up_layers(&self, repository: &str) {
        self.repository(repository, |found, _| found.clean_up_layers());
    }

    /// Whether a pull time is refreshed but once a day, as the documentation allows. From the start it is always right.
    pub fn refresh_pull_times_daily(&self, daily: bool) {
        self.registry(|registry, _| registry.is_lazy = daily);
    }

    /// Sets the tag mutability: `IMMUTABLE`, or `IMMUTABLE_WITH_EXCLUSION` with patterns.
    pub fn set_mutability(&self, repository: &str, mode: &str, exclusions: &[&str]) {
        let mutability = Mutability {
            mode: mode.to_owned(),
            exclusions: exclusions.iter().map(|&pattern| pattern.to_owned()).collect(),
        };
        self.repository(repository, |found, _| found.mutability = mutability);
    }

    /// Gives a repository this lifecycle policy, made if there is none; one that ECR would not take is not kept.
    pub fn set_lifecycle(&self, repository: &str, text: &str) -> bool {
        let Ok(text) = lifecycle::kept(text) else {
            return false;
        };
        self.repository(repository, |found, _| found.lifecycle.text = Some(text));
        true
    }

    /// The lifecycle policy of a repository, as ECR gives it back.
    pub fn lifecycle(&self, repository: &str) -> Option<String> {
        self.registry(|registry, _| registry.repository(repository).ok()?.lifecycle.text.clone())
    }

    /// When ECR last acted on the lifecycle policy; none: never, as it is with every new one.
    pub fn set_lifecycle_evaluated_at(&self, repository: &str, at: Option<Timestamp>) {
        self.repository(repository, |found, _| found.lifecycle.evaluated_at = at);
    }

    /// How many questions previews that begin from now on answer with "in progress"; one from the start, and with the
    /// largest number they never end.
    pub fn set_preview_polls(&self, polls: u64) {
        self.registry(|registry, _| registry.preview_polls = polls);
    }

    /// Begins a preview as somebody else would, of a policy that is no policy of the repository; false where ECR refused it.
    pub fn begin_preview(&self, repository: &str, text: &str) -> bool {
        let polls = self.registry(|registry, _| registry.preview_polls);
        self.repository(repository, |found, now| {
            lifecycle::begin(found, text, polls, now).is_ok()
        })
    }

    /// Removes a whole repository, as somebody else would.
    pub fn remove_repository(&self, repository: &str) -> bool {
        self.registry(|registry, _| registry.repositories.remove(repository).is_some())
    }

    /// Lets another account in, as policies of all repositories would.
    pub fn share_with(&self, account: &str) {
        self.registry(|registry, _| registry.shared_with.insert(account.to_owned()));
    }

    /// Lets the pulls of somebody leave no trace, as if registered.
    pub fn exclude(&self, arn: &str) {
        self.registry(|registry, now| registry.exclusions.insert(arn.to_owned(), now));
    }

    /// Whose pulls leave no trace.
    pub fn exclusions(&self) -> Vec<String> {
        self.registry(|registry, _| registry.exclusions.keys().cloned().collect())
    }

    /// The images of a repository, ordered by digest.
    pub fn images(&self, repository: &str) -> Vec<Held> {
        self.registry(|registry, now| {
            let images = registry.repository(repository).map(|found| &found.images);
            let images = images.into_iter().flatten();
            let images = images.map(|(digest, image)| Held {
                digest: digest.clone(),
                tags: image.tags.clone(),
                pushed_at: image.pushed_at,
                pulled_at: image.pulled_at,
                status: image.status(now),
            });
            images.collect()
        })
    }

    /// One image.
    pub fn held(&self, repository: &str, digest: &str) -> Option<Held> {
        self.images(repository).into_iter().find(|held| held.digest == digest)
    }

    /// Tag to digest.
    pub fn tags(&self, repository: &str) -> BTreeMap<String, String> {
        self.registry(|registry, _| {
            let found = registry.repository(repository);
            found.map(|found| found.tags.clone()).unwrap_or_default()
        })
    }

    /// The exact bytes behind a tag or a digest.
    pub fn manifest(&self, repository: &str, reference: &str) -> Option<Bytes> {
        self.registry(|registry, _| {
            let found = registry.repository(repository).ok()?;
            let digest = found.tags.get(reference).map_or(reference, String::as_str);
            Some(found.images.get(digest)?.bytes.clone())
        })
    }

    fn repository<T>(&self, name: &str, act: impl FnOnce(&mut Repository, Timestamp) -> T) -> T {
        self.registry(|registry, now| {
            let found = registry.repositories.entry(name.to_owned());
            act(found.or_insert_with(|| Repository::new(now)), now)
        })
    }

    fn registry<T>(&self, act: impl FnOnce(&mut Registry, Timestamp) -> T) -> T {
        let mut state: MutexGuard<'_, State> = self.aws.state();
        let now = state.now;
        act(&mut state.region(&self.place).registry, now)
    }
}

fn layer(blob: &Blob) -> (String, Layer) {
    let layer = Layer {
        size: blob.bytes().len() as u64,
        bytes: Some(blob.bytes().clone()),
    };
    (blob.digest().to_owned(), layer)
}

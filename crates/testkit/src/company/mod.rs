//! A year in the registry of a small company: the world that `jettison demo` and the larger tests run on.
//!
//! Everything depends on the number of images, `now` and the seed alone. Blobs are tiny, but shared as in real
//! life: a base of the whole company, a runtime of each application, and a little of every image's own.
mod applications;
mod build;
mod extras;
#[cfg(test)]
mod tests;
mod year;

use std::cell::Cell;

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use jiff::Timestamp;

use crate::images::Manifest;
use crate::push::{Error, Pusher};
use crate::registry::Handle;

/// Pushes that [`Company::fill`] has under way at once.
const IN_FLIGHT: usize = 32;

/// The size of the demonstration.
pub const DEFAULT_IMAGES: usize = 2_000;

/// Everything that was pushed in a year, as it stands at its end.
#[derive(Debug, Clone)]
pub struct Company {
    pushes: Vec<Push>,
    in_use: Vec<InUse>,
}

/// One push, and what hangs on it.
#[derive(Debug, Clone)]
pub struct Push {
    /// The repository, without the host.
    pub repository: String,
    /// The tags that point to it at the end of the year; none where they all moved on.
    pub tags: Vec<String>,
    /// When it was pushed.
    pub at: Timestamp,
    /// Why it was pushed.
    pub occasion: Occasion,
    /// What was pushed.
    pub manifest: Manifest,
    /// Signatures and the like.
    pub attached: Vec<Attached>,
}

/// Why something was pushed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Occasion {
    /// A commit on the trunk: `main-1a2b3c4`.
    Main,
    /// A commit on a feature branch: `feature-search-1a2b3c4`.
    Feature,
    /// A commit of a pull request: `pr-123-1a2b3c4`.
    PullRequest,
    /// A commit on a release branch: `release-1.4-1a2b3c4`.
    ReleaseBranch,
    /// A release: `v1.4.2`, when it went live also `prod-2026-05-01`.
    Release,
    /// A nightly build; its tag moved on to the next one, so that it has none.
    Nightly,
    /// A build cache.
    BuildCache,
    /// A Helm chart.
    Chart,
    /// Something else that no engine runs.
    Artifact,
}

/// Something attached to a push.
#[derive(Debug, Clone)]
pub struct Attached {
    /// Its tag; none: it has a subject and is found by that.
    pub tag: Option<String>,
    /// The thing itself.
    pub manifest: Manifest,
}

/// An image that runs somewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InUse {
    /// `repository:tag` or `repository@digest`; the caller puts `host/` in front. A digest may be that of an index,
    /// of one platform's image, or of a config.
    pub image: String,
    /// Who runs it.
    pub used_by: String,
}

impl Push {
    /// Whether it counts as an image.
    pub fn is_image(&self) -> bool {
        !matches!(
            self.occasion,
            Occasion::BuildCache | Occasion::Chart | Occasion::Artifact
        )
    }

    async fn send(&self, pusher: &Pusher) -> Result<(), Error> {
        let tags: Vec<&str> = self.tags.iter().map(String::as_str).collect();
        pusher.push(&self.repository, &tags, &self.manifest).await?;
        for attached in &self.attached {
            match &attached.tag {
                Some(tag) => pusher.push(&self.repository, &[tag], &attached.manifest).await?,
                None => pusher.push_referrer(&self.repository, &attached.manifest).await?,
            }
        }
        Ok(())
    }
}

impl Company {
    /// A year that ends at `now`, with exactly `images` images, and caches and charts besides.
    pub fn year(images: usize, now: Timestamp, seed: u64) -> Self {
        year::generate(images, now, seed)
    }

    /// Every push, by repository and time.
    pub fn pushes(&self) -> &[Push] {
        &self.pushes
    }

    /// The pushes that are images.
    pub fn images(&self) -> impl Iterator<Item = &Push> {
        self.pushes.iter().filter(|push| push.is_image())
    }

    /// What runs: the current production of each application, named by tag, index, platform image or config, and
    /// one old build to roll back to that every retention rule would expire.
    pub fn in_use(&self) -> Vec<InUse> {
        self.in_use.clone()
    }

    /// Pushes everything over HTTP; `progress` is told how many pushes are done, and of how many.
    ///
    /// # Errors
    /// The first push that failed; those under way are given up.
    pub async fn fill(&self, pusher: &Pusher, progress: impl Fn(usize, usize)) -> Result<(), Error> {
        let done = Cell::new(0);
        let sent = stream::iter(&self.pushes)
            .map(|push| push.send(pusher))
            .buffer_unordered(IN_FLIGHT);
        sent.try_for_each(|()| {
            done.set(done.get() + 1);
            progress(done.get(), self.pushes.len());
            std::future::ready(Ok(()))
        })
        .await
    }

    /// Tells a test registry that answers `_times` when everything was really pushed.
    pub fn backdate(&self, registry: &Handle) {
        for push in &self.pushes {
            let attached = push.attached.iter().map(|attached| &attached.manifest);
            for manifest in std::iter::once(&push.manifest).chain(attached).flat_map(Manifest::all) {
                registry.set_pushed_at(&push.repository, &manifest.digest, push.at);
            }
        }
    }
}

//! Docker's API, as far as disks go: the calls that Docker and Podman share. What differs is in their own files.
//!
//! Every call has a time limit, every answer a bound, and what cannot be understood is an error.

mod answers;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use futures_util::stream::{self, StreamExt as _};
use jettison_core::host::HostImage;
use jettison_core::model::{Digest, SourceReport, legible};
use jiff::{SignedDuration, Timestamp};
use serde::de::{DeserializeOwned, IgnoredAny};

use super::happenings::Happenings;
use super::{EngineError, HostContainer, ImageNames, Removed};
use crate::engine::{Client, ClientError, ITEM_BYTES, LIST_BYTES};
use crate::usage::engine::report;
pub(super) use answers::{DiskUsage, Info};
use answers::{Inspected, Listed, ListedContainer, Removal};

/// Taking a large image away may take a slow disk that long.
const LONGEST_REMOVAL: Duration = Duration::from_secs(15 * 60);

/// So many questions are asked at the same time: an engine has other things to do.
const IN_FLIGHT: usize = 8;

/// What was written later than that may still be written to.
const RECENTLY: Duration = Duration::from_secs(10 * 60);

/// Image events of that time count as work in progress.
const JUST_NOW: Duration = Duration::from_secs(60);

/// So long Podman is listened to for what has happened already.
const END_OF_PODMAN: SignedDuration = SignedDuration::from_secs(1);

/// An engine that speaks Docker's API.
#[derive(Debug)]
pub(super) struct DockerApi {
    pub(super) client: Arc<Client>,
    /// Whether its files are those of this machine.
    pub(super) is_local: bool,
    limit: Duration,
}

impl DockerApi {
    pub(super) fn new(client: Client, is_local: bool, timeout_seconds: u64) -> Self {
        Self {
            client: Arc::new(client),
            is_local,
            limit: Duration::from_secs(timeout_seconds),
        }
    }

    pub(super) async fn info(&self) -> Result<Info, EngineError> {
        Ok(self.get("info", &[], ITEM_BYTES).await??)
    }

    /// Its images; a digest that `is_of_registry` says no to is none that a registry knows.
    pub(super) async fn images(&self, is_of_registry: fn(&str) -> bool) -> Result<Vec<HostImage>, EngineError> {
        let listed: Option<Vec<Listed>> = self.get("images/json", &[], LIST_BYTES).await??;
        let image = |listed: Listed| {
            let why = |id: &str| self.client.unreadable("images/json", format!("`{id}` is no digest"));
            listed.image(is_of_registry).map_err(|id| EngineError::from(why(&id)))
        };
        listed.into_iter().flatten().map(image).collect()
    }

    /// Adds what the engine says of when each was tagged.
    pub(super) async fn add_times(&self, images: &mut [HostImage]) -> Result<(), EngineError> {
        let ids: Vec<String> = images.iter().map(|image| image.id.to_string()).collect();
        let asked = ids.into_iter().map(|id| self.inspect(id));
        let answers: Vec<_> = stream::iter(asked).buffered(IN_FLIGHT).collect().await;
        for (image, answer) in images.iter_mut().zip(answers) {
            image.engine_time = answer?.and_then(|inspected| inspected.tagged_at());
        }
        Ok(())
    }

    pub(super) async fn find(&self, name: &str) -> Result<Option<Digest>, EngineError> {
        let Some(found) = self.inspect(name.to_owned()).await? else {
            return Ok(None);
        };
        let digest = Digest::of_image_id(&found.id);
        let no_digest = || {
            self.client
                .unreadable("an image", format!("`{}` is no digest", found.id))
        };
        digest.map(Some).ok_or_else(|| no_digest().into())
    }

    pub(super) async fn names(&self, image: &Digest) -> Result<Option<ImageNames>, EngineError> {
        Ok(self.inspect(image.to_string()).await?.map(Inspected::names))
    }

    async fn inspect(&self, name: String) -> Result<Option<Inspected>, EngineError> {
        match self.get(&format!("images/{name}/json"), &[], ITEM_BYTES).await? {
            Ok(image) => Ok(Some(image)),
            Err(error) if error.is_absence() => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    pub(super) async fn containers(&self) -> Result<Vec<HostContainer>, EngineError> {
        let listed: Option<Vec<ListedContainer>> =
            self.get("containers/json", &[("all", "true")], LIST_BYTES).await??;
        let container = |listed: ListedContainer| {
            let why = |id: &str| {
                self.client
                    .unreadable("containers/json", format!("`{id}` is no digest"))
            };
            listed.container().map_err(|id| EngineError::from(why(&id)))
        };
        listed.into_iter().flatten().map(container).collect()
    }

    pub(super) async fn usage(&self, now: Timestamp) -> SourceReport {
        report(&self.client, self.limit, now).await
    }

    pub(super) async fn remove(&self, name: &str) -> Result<Removed, EngineError> {
        let path = format!("images/{name}");
        // By its id goes the image itself: with it its nameless parents on which nothing else is built, as with `docker rmi`. The
        // engine refuses those that are used or named.
        let keeps_parents = if Digest::of_image_id(name).is_some() {
            "false"
        } else {
            "true"
        };
        let never_forced = [("force", "false"), ("noprune", keeps_parents)];
        let removal = self
            .client
            .delete::<Option<Vec<Removal>>>(&path, &never_forced, LIST_BYTES);
        match self.within(LONGEST_REMOVAL, &path, removal).await? {
            Ok(gone) => Ok(Removed::Gone {
                image: gone.iter().flatten().any(Removal::is_of_image),
            }),
            Err(error) if error.is_absence() => Ok(Removed::NotFound),
            Err(error) if error.is_conflict() => Ok(Removed::Conflict(error.to_string())),
            Err(error) => Err(error.into()),
        }
    }

    pub(super) async fn tag(&self, image: &Digest, name: &str) -> Result<(), EngineError> {
        let Some((repository, tag)) = name.rsplit_once(':') else {
            return Err(EngineError::Failed(format!(
                "`{}` is no name with a tag",
                legible(name)
            )));
        };
        let path = format!("images/{image}/tag");
        let query = [("repo", repository), ("tag", tag)];
        let tagged = self.client.post::<Option<IgnoredAny>>(&path, &query, ITEM_BYTES);
        self.within(self.limit, &path, tagged).await??;
        Ok(())
    }

    pub(super) async fn disk_usage(&self, of: &'static str) -> Result<DiskUsage, EngineError> {
        // Older engines tell all of it, which takes them longer.
        let query = [("type", of)];
        let query = if self.client.version.is_at_least(42) {
            &query[..]
        } else {
            &[]
        };
        Ok(self.get("system/df", query, LIST_BYTES).await??)
    }

    /// An event of the last minute that says that images come in.
    pub(super) async fn coming_in(&self) -> Result<Option<String>, EngineError> {
        let now = Timestamp::now();
        let since = now.saturating_sub(SignedDuration::try_from(JUST_NOW).unwrap_or_default());
        let mut happenings = self.happened(since.ok(), now).await?;
        let listen = async {
            while let Some(event) = happenings.event().await? {
                if matches!(
                    event.action.as_str(),
                    "pull" | "load" | "import" | "tag" | "loadfromarchive" | "build"
                ) {
                    return Ok(Some(format!(
                        "{} of {} at {}",
                        event.action,
                        legible(&event.image),
                        event.at
                    )));
                }
            }
            Ok(None)
        };
        tokio::time::timeout(self.limit, listen)
            .await
            .unwrap_or_else(|_| Err(self.late("events")))
    }

    /// What happens from then on.
    pub(super) async fn happenings(&self, since: Option<Timestamp>) -> Result<Happenings, EngineError> {
        self.listen(since.map(|at| ("since", seconds(at))).into_iter().collect())
            .await
    }

    /// What happened until now.
    async fn happened(&self, since: Option<Timestamp>, now: Timestamp) -> Result<Happenings, EngineError> {
        let since = since.map(|at| ("since", seconds(at)));
        // Podman stops at an end that has passed before it has read what there is.
        let patience = if self.client.is_podman {
            END_OF_PODMAN
        } else {
            SignedDuration::ZERO
        };
        let end = ("until", seconds(now.saturating_add(patience).unwrap_or(now)));
        self.listen(since.into_iter().chain([end]).collect()).await
    }

    async fn listen(&self, mut query: Vec<(&str, String)>) -> Result<Happenings, EngineError> {
        query.push(("filters", r#"{"type":["image","container"]}"#.to_owned()));
        let query: Vec<(&str, &str)> = query.iter().map(|(key, value)| (*key, value.as_str())).collect();
        let lines = self.client.lines("events", &query, ITEM_BYTES);
        Ok(Happenings::new(self.within(self.limit, "events", lines).await??))
    }

    async fn get<T: DeserializeOwned>(
        &self,
        path: &str,
        query: &[(&str, &str)],
        most: usize,
    ) -> Result<Result<T, ClientError>, EngineError> {
        self.within(self.limit, path, self.client.get(path, query, most)).await
    }

    pub(super) async fn within<T>(
        &self,
        limit: Duration,
        what: &str,
        answer: impl Future<Output = T>,
    ) -> Result<T, EngineError> {
        tokio::time::timeout(limit, answer).await.map_err(|_| self.late(what))
    }

    fn late(&self, what: &str) -> EngineError {
        let (place, what) = (&self.client.place, legible(what));
        EngineError::Failed(format!("{place} did not answer in time when asked for {what}"))
    }
}

/// A file in `folder` whose name begins so, and which was written to lately: somebody fills it.
pub(super) fn written_lately(folder: &Path, beginning: &str) -> Option<String> {
    let entries = std::fs::read_dir(folder).ok()?;
    let lately = SystemTime::now().checked_sub(RECENTLY)?;
    let is_written = |entry: &std::fs::DirEntry| {
        let changed = entry.metadata().and_then(|of| of.modified());
        entry.file_name().to_string_lossy().starts_with(beginning) && changed.is_ok_and(|at| at > lately)
    };
    let found = entries.flatten().find(is_written)?;
    Some(legible(&found.path().display().to_string()))
}

/// A moment as these APIs take it.
fn seconds(at: Timestamp) -> String {
    format!("{}.{:09}", at.as_second(), at.subsec_nanosecond())
}

/// Labels as engines write them: a label may have no value.
fn labels(of: Option<BTreeMap<String, Option<String>>>) -> BTreeMap<String, String> {
    let labels = of.into_iter().flatten();
    labels.map(|(name, value)| (name, value.unwrap_or_default())).collect()
}

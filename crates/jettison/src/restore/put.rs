//! One manifest, put back under its digest, or out of the archive, and then under its tags; what was put is looked up
//! again afterwards.

use std::collections::BTreeMap;
use std::time::Duration;

use jettison_core::model::{Digest, Tag};
use tokio::time::{Instant, sleep};

use super::look::Standing;
use super::saved::Place;
use super::{TagBack, put_tag_back};
use crate::registry::{ErrorKind, FetchedManifest, ManifestReference, Registry, RegistryError};

/// What is to be put back, and where.
pub(super) struct Put<'a> {
    pub(super) registry: &'a dyn Registry,
    pub(super) place: &'a Place,
    pub(super) manifest: FetchedManifest,
    pub(super) standing: &'a Standing,
    /// How long the registry may take to show what it accepted.
    pub(super) within: Duration,
}

/// What became of it.
#[derive(Debug, Default)]
pub(super) struct Done {
    /// Tags that somebody has set to something else since.
    pub(super) moved: BTreeMap<Tag, Digest>,
    /// The first thing that failed.
    pub(super) failed: Option<String>,
}

impl Put<'_> {
    /// Puts back what is missing. Tags are tried even if one of them is refused; without the manifest, none is.
    pub(super) async fn run(&self) -> Done {
        let mut done = Done {
            moved: self.standing.moved.clone(),
            failed: None,
        };
        if !self.standing.present
            && let Err(why) = self.put_by_digest().await
        {
            done.failed = Some(why);
            return done;
        }
        if self.standing.archived {
            let woken = self
                .registry
                .unarchive(&self.place.repository, &self.place.digest)
                .await;
            done.failed = woken.err().map(told);
        }
        for tag in &self.standing.missing_tags {
            match self.put_tag(tag).await {
                Ok(None) => {}
                Ok(Some(elsewhere)) => drop(done.moved.insert(tag.clone(), elsewhere)),
                Err(why) => drop(done.failed.get_or_insert(why)),
            }
        }
        done
    }

    async fn put_by_digest(&self) -> Result<(), String> {
        let reference = ManifestReference::Digest(self.place.digest.clone());
        let name = &self.place.repository;
        self.registry
            .put_manifest(name, &reference, &self.manifest)
            .await
            .map_err(told)?;
        let mut patience = Patience::new(self.within);
        loop {
            match self.registry.manifest(name, &reference).await.map_err(told)? {
                Some(stored) if stored == self.manifest => return Ok(()),
                Some(stored) => {
                    let type_now = stored.media_type;
                    return Err(format!(
                        "the registry accepted it, and holds something else now ({type_now})"
                    ));
                }
                None if patience.wait().await => {}
                None => return Err(patience.at_an_end()),
            }
        }
    }

    /// `None`: the tag points here. Else to what somebody has set it meanwhile.
    async fn put_tag(&self, tag: &Tag) -> Result<Option<Digest>, String> {
        let name = &self.place.repository;
        match self.try_tag(tag).await.map_err(told)? {
            TagBack::Elsewhere(elsewhere) => return Ok(Some(elsewhere)),
            TagBack::Set | TagBack::WasThere => {}
        }
        let mut patience = Patience::new(self.within);
        loop {
            match self.registry.resolve(name, tag).await.map_err(told)? {
                Some(digest) if digest == self.place.digest => return Ok(None),
                Some(elsewhere) => return Ok(Some(elsewhere)),
                None if patience.wait().await => {}
                None => return Err(patience.at_an_end()),
            }
        }
    }

    /// A few times if need be: each begins with a look at where the tag points.
    async fn try_tag(&self, tag: &Tag) -> Result<TagBack, RegistryError> {
        const PAUSES: [Duration; 2] = [Duration::from_millis(500), Duration::from_secs(3)];
        let name = &self.place.repository;
        for pause in PAUSES {
            match put_tag_back(self.registry, name, tag, &self.manifest).await {
                Err(error) if matches!(error.kind, ErrorKind::Transient | ErrorKind::RateLimited) => sleep(pause).await,
                ended => return ended,
            }
        }
        put_tag_back(self.registry, name, tag, &self.manifest).await
    }
}

fn told(error: RegistryError) -> String {
    error.to_string()
}

/// Some registries show later what they accept now.
struct Patience {
    within: Duration,
    deadline: Instant,
    pause: Duration,
}

impl Patience {
    fn new(within: Duration) -> Self {
        Self {
            within,
            deadline: Instant::now() + within,
            pause: Duration::from_millis(100),
        }
    }

    /// Waits a little longer each time; false at the end.
    async fn wait(&mut self) -> bool {
        if Instant::now() + self.pause > self.deadline {
            return false;
        }
        sleep(self.pause).await;
        self.pause = (self.pause * 2).min(Duration::from_secs(10));
        true
    }

    fn at_an_end(&self) -> String {
        let seconds = self.within.as_secs();
        format!("the registry accepted it, and {seconds} s later it is not there")
    }
}

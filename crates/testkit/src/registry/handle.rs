//! The registry from within: what a test looks at and changes without HTTP.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use jiff::Timestamp;
use tokio::sync::watch;

use super::contents::{Contents, Freed};
use super::endpoint::Class;
use super::faults::{Fault, Faults};
use super::observe::{Log, Request};
use super::options::Options;
use super::tokens::Tokens;

/// A cheap copy of the way into a running registry; faults get one too.
#[derive(Clone)]
pub struct Handle {
    shared: Arc<Shared>,
}

/// What all requests share.
struct Shared {
    address: SocketAddr,
    options: Options,
    state: Mutex<State>,
    stopping: watch::Sender<bool>,
}

/// Everything that changes; the lock is never held across an await.
#[derive(Default)]
pub(super) struct State {
    pub(super) contents: Contents,
    pub(super) faults: Faults,
    pub(super) log: Log,
    pub(super) tokens: Tokens,
    pub(super) read_only: bool,
}

impl Handle {
    pub(super) fn new(address: SocketAddr, options: Options) -> Self {
        let (stopping, _) = watch::channel(false);
        Self {
            shared: Arc::new(Shared {
                address,
                options,
                state: Mutex::default(),
                stopping,
            }),
        }
    }

    pub(super) fn options(&self) -> &Options {
        &self.shared.options
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn begin_stop(&self) {
        self.shared.stopping.send_replace(true);
    }

    /// Returns when the registry stops.
    pub(super) async fn stopped(&self) {
        // An error means that the sender is gone, which `self` rules out.
        let _ = self.shared.stopping.subscribe().wait_for(|stopping| *stopping).await;
    }

    /// `127.0.0.1:PORT`, as it stands in image references.
    pub fn host(&self) -> String {
        self.shared.address.to_string()
    }

    /// `http://127.0.0.1:PORT`
    pub fn url(&self) -> String {
        format!("http://{}", self.shared.address)
    }

    /// The requests so far, in order of arrival (the last 500,000).
    pub fn requests(&self) -> Vec<Request> {
        self.state().log.requests()
    }

    /// How often each method was used on each kind of call.
    pub fn counts(&self) -> BTreeMap<(String, Class), u64> {
        self.state().log.counts()
    }

    /// How often `method` was used on `class`.
    pub fn count(&self, method: &str, class: Class) -> u64 {
        self.counts().get(&(method.to_owned(), class)).copied().unwrap_or(0)
    }

    /// Forgets the requests and the counters.
    pub fn clear_requests(&self) {
        self.state().log.clear();
    }

    /// Adds a fault; those added before it come first.
    pub fn fail(&self, fault: Fault) {
        self.state().faults.add(fault);
    }

    /// Takes all faults back.
    pub fn clear_faults(&self) {
        self.state().faults = Faults::default();
    }

    /// Makes every token issued so far worthless; refresh tokens stay good.
    pub fn expire_tokens(&self) {
        self.state().tokens.expire();
    }

    /// Whether writes and deletes are refused: 405 UNSUPPORTED, as in Distribution's read-only mode.
    pub fn set_read_only(&self, read_only: bool) {
        self.state().read_only = read_only;
    }

    /// The repositories that ever held a manifest.
    pub fn repositories(&self) -> Vec<String> {
        let state = self.state();
        let shown = state
            .contents
            .repositories
            .iter()
            .filter(|(_, repository)| repository.shows);
        shown.map(|(name, _)| name.clone()).collect()
    }

    /// Tag to digest.
    pub fn tags(&self, repository: &str) -> BTreeMap<String, String> {
        let state = self.state();
        state
            .contents
            .repositories
            .get(repository)
            .map(|found| found.tags.clone())
            .unwrap_or_default()
    }

    /// The digests of all manifests, tagged or not, ordered.
    pub fn manifests(&self, repository: &str) -> Vec<String> {
        let state = self.state();
        let found = state.contents.repositories.get(repository);
        found
            .map(|found| found.manifests.keys().cloned().collect())
            .unwrap_or_default()
    }

    /// The exact bytes behind a tag or a digest.
    pub fn manifest(&self, repository: &str, reference: &str) -> Option<Bytes> {
        let state = self.state();
        Some(
            state
                .contents
                .repositories
                .get(repository)?
                .resolve(reference)?
                .1
                .bytes
                .clone(),
        )
    }

    /// Whether the blob can be pulled from the repository.
    pub fn has_blob(&self, repository: &str, digest: &str) -> bool {
        self.state().contents.blob(repository, digest).is_some()
    }

    /// Bytes of all distinct blobs, manifests not counted.
    pub fn stored_bytes(&self) -> u64 {
        self.state().contents.stored_bytes()
    }

    /// Bytes of all manifests, each counted once in each repository that has it.
    pub fn manifest_bytes(&self) -> u64 {
        let state = self.state();
        let manifests = state
            .contents
            .repositories
            .values()
            .flat_map(|repository| repository.manifests.values());
        manifests.map(|manifest| manifest.bytes.len() as u64).sum()
    }

    /// Points a tag at a manifest of the repository, as a push by somebody else would; false where it has no such
    /// manifest.
    pub fn move_tag(&self, repository: &str, tag: &str, digest: &str) -> bool {
        let mut state = self.state();
        state
            .contents
            .repositories
            .get_mut(repository)
            .is_some_and(|found| found.set_tag(tag, digest))
    }

    /// Removes a tag; the manifest stays.
    pub fn remove_tag(&self, repository: &str, tag: &str) -> bool {
        let mut state = self.state();
        state
            .contents
            .repositories
            .get_mut(repository)
            .is_some_and(|found| found.remove_tag(tag))
    }

    /// Removes a manifest and its tags.
    pub fn remove_manifest(&self, repository: &str, digest: &str) -> bool {
        let mut state = self.state();
        state
            .contents
            .repositories
            .get_mut(repository)
            .is_some_and(|found| found.remove_manifest(digest))
    }

    /// Takes a blob out of a repository, as a damaged store would.
    pub fn remove_blob(&self, repository: &str, digest: &str) -> bool {
        self.state().contents.remove_blob(repository, digest)
    }

    /// Sets when a manifest was pushed first; false where there is none. Seen through `_times` alone.
    pub fn set_pushed_at(&self, repository: &str, digest: &str, pushed_at: Timestamp) -> bool {
        let mut state = self.state();
        let found = state
            .contents
            .repositories
            .get_mut(repository)
            .and_then(|found| found.manifests.get_mut(digest));
        found.map(|manifest| manifest.pushed_at = pushed_at).is_some()
    }

    /// Drops every blob that no manifest refers to; manifests all stay, tagged or not.
    pub fn collect_garbage(&self) -> Freed {
        self.state().contents.collect_garbage()
    }
}

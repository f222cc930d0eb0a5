//! Which blobs can still be read: each is asked for once in each repository.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::{StreamExt as _, stream};

use super::saved::{Place, Saved};
use super::{LOOKUPS, Undoer};

/// The answers so far; a place is that of a blob here.
#[derive(Debug)]
pub(super) struct Blobs<'a> {
    undoer: &'a Undoer<'a>,
    answers: BTreeMap<Place, Result<bool, String>>,
}

impl<'a> Blobs<'a> {
    pub(super) fn new(undoer: &'a Undoer<'a>) -> Self {
        Self {
            undoer,
            answers: BTreeMap::new(),
        }
    }

    /// Asks for the blobs of some manifests, as far as nobody has.
    pub(super) async fn ask(&mut self, manifests: impl IntoIterator<Item = &Saved>) {
        let places: BTreeSet<Place> = manifests
            .into_iter()
            .flat_map(|saved| saved.relations.blobs.iter().map(|blob| saved.place.beside(blob)))
            .filter(|blob| !self.answers.contains_key(blob))
            .collect();
        let undoer = self.undoer;
        let ask = |blob: Place| async move {
            let answer = match undoer.registry(&blob.registry) {
                Ok(registry) => registry
                    .is_readable(&blob.repository, &blob.digest)
                    .await
                    .map_err(|error| error.to_string()),
                Err(why) => Err(why),
            };
            (blob, answer)
        };
        let answers: Vec<_> = stream::iter(places).map(ask).buffer_unordered(LOOKUPS).collect().await;
        self.answers.extend(answers);
    }

    /// Why a manifest that was asked for cannot come back, if one of its blobs is the reason.
    pub(super) fn problem(&self, saved: &Saved) -> Option<String> {
        saved.relations.blobs.iter().find_map(|blob| {
            let manifest = &saved.place.digest;
            match self.answers.get(&saved.place.beside(blob)) {
                Some(Ok(true)) => None,
                Some(Ok(false)) => Some(format!(
                    "the blob {blob} of manifest {manifest} is gone: the registry's garbage collection took it"
                )),
                Some(Err(why)) => Some(format!("the blob {blob} of manifest {manifest} may be gone: {why}")),
                None => Some(format!("the blob {blob} of manifest {manifest} was not looked for")),
            }
        })
    }
}

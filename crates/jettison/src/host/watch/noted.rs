//! Uses that were told and are not written yet: one an image, the latest.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use jettison_core::model::{Digest, legible};
use jiff::Timestamp;
use tokio::sync::Notify;

use crate::host::ledger::{HostLedger, HostUse};
use crate::store::StoreError;

/// The most images with uses that are not written yet.
pub(super) const MOST: usize = 4096;

#[derive(Debug, Default)]
pub(super) struct Noted {
    uses: Mutex<Uses>,
    something: Notify,
}

#[derive(Debug, Default)]
struct Uses {
    /// The engine that they were told by.
    engine: String,
    latest: BTreeMap<Digest, (Timestamp, String)>,
}

impl Noted {
    /// Whether uses are those on this engine.
    pub(super) fn is_of(&self, id: &str) -> bool {
        self.lock().engine == id
    }

    /// From now on uses are those on this engine. What another one told is to be written before.
    pub(super) fn of_engine(&self, id: &str) {
        let mut uses = self.lock();
        if uses.engine != id {
            id.clone_into(&mut uses.engine);
            uses.latest.clear();
        }
    }

    /// Notes a use. `false` if there is no more room: flush first.
    pub(super) fn add(&self, id: &Digest, at: Timestamp, what: &str) -> bool {
        let mut uses = self.lock();
        if uses.latest.len() >= MOST && !uses.latest.contains_key(id) {
            return false;
        }
        keep_latest(&mut uses.latest, id.clone(), (at, legible(what)));
        self.something.notify_one();
        true
    }

    /// Waits until something is noted.
    pub(super) async fn something(&self) {
        self.something.notified().await;
    }

    /// Writes everything that is noted. What cannot be written stays.
    pub(super) async fn flush(&self, ledger: &dyn HostLedger) -> Result<(), StoreError> {
        let (engine, taken) = {
            let mut uses = self.lock();
            (uses.engine.clone(), std::mem::take(&mut uses.latest))
        };
        if taken.is_empty() {
            return Ok(());
        }
        let told: Vec<HostUse> = taken
            .into_iter()
            .map(|(id, (at, what))| HostUse { id, at, what })
            .collect();
        let written = ledger.note_uses(&engine, &told).await;
        if written.is_err() {
            self.put_back(&engine, told);
        }
        written
    }

    fn put_back(&self, engine: &str, told: Vec<HostUse>) {
        let mut uses = self.lock();
        if uses.engine == engine {
            for HostUse { id, at, what } in told {
                keep_latest(&mut uses.latest, id, (at, what));
            }
            self.something.notify_one();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Uses> {
        // Each change is whole before anything can panic.
        self.uses.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn keep_latest(latest: &mut BTreeMap<Digest, (Timestamp, String)>, id: Digest, told: (Timestamp, String)) {
    let known = latest.entry(id).or_insert_with(|| told.clone());
    if known.0 < told.0 {
        *known = told;
    }
}

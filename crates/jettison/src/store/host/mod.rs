//! The ledger of servers: what is remembered of the images on their disks, what is marked to go, and the runs that took some.
//!
//! What a look changes is decided by a pure function (`memory.rs`). Each call is one transaction, synced when it commits, so
//! that an image is never taken before that is written down.

mod memory;
mod runs;
mod tables;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use async_trait::async_trait;
use jettison_core::model::Digest;
use jiff::Timestamp;
use sqlx::SqliteConnection;

use super::error::Problem;
use super::ledger::check_clock;
use super::row::as_stored;
use super::{Store, StoreError};
use crate::host::ledger::{HostLedger, HostRemoval, HostRun, HostUse, KnownImage, SeenImage};
use memory::ImageMemory;

#[async_trait]
impl HostLedger for Store {
    async fn observe(
        &self,
        engine: &str,
        seen: &[SeenImage],
        now: Timestamp,
    ) -> Result<BTreeMap<Digest, KnownImage>, StoreError> {
        check_clock(now)?;
        let mut transaction = self.begin().await?;
        let observed = observe(&mut transaction, engine, seen, as_stored(now)).await;
        self.finish(transaction, observed).await
    }

    async fn known_since(&self, engine: &str) -> Result<Option<Timestamp>, StoreError> {
        self.named(tables::first_look(&self.readers, engine).await)
    }

    async fn note_uses(&self, engine: &str, uses: &[HostUse]) -> Result<(), StoreError> {
        self.note_uses_at(engine, uses, Timestamp::now()).await
    }

    async fn mark(
        &self,
        engine: &str,
        going: &[Digest],
        now: Timestamp,
    ) -> Result<BTreeMap<Digest, Timestamp>, StoreError> {
        let now = as_stored(now);
        let mut transaction = self.begin().await?;
        let marked = async {
            let id = tables::ensure_engine(&mut transaction, engine, now).await?;
            tables::mark(&mut transaction, id, (going, now)).await
        }
        .await;
        self.finish(transaction, marked).await
    }

    async fn begin_run(&self, engine: &str, now: Timestamp) -> Result<i64, StoreError> {
        let mut transaction = self.begin().await?;
        let begun = runs::begin(&mut transaction, engine, now).await;
        self.finish(transaction, begun).await
    }

    async fn removing(&self, run: i64, removal: &HostRemoval) -> Result<(), StoreError> {
        let mut transaction = self.begin().await?;
        let written = runs::removing(&mut transaction, run, removal).await;
        self.finish(transaction, written).await
    }

    async fn removed(&self, run: i64, image: &Digest, outcome: &str) -> Result<(), StoreError> {
        let mut transaction = self.begin().await?;
        let written = runs::removed(&mut transaction, run, (image, outcome)).await;
        self.finish(transaction, written).await
    }

    async fn end_run(&self, run: i64, freed_bytes: Option<u64>, now: Timestamp) -> Result<(), StoreError> {
        let mut transaction = self.begin().await?;
        let ended = runs::end(&mut transaction, run, (freed_bytes, now)).await;
        self.finish(transaction, ended).await
    }

    async fn runs(&self, engine: &str, most: usize) -> Result<Vec<HostRun>, StoreError> {
        self.named(runs::latest(&self.readers, engine, most).await)
    }
}

impl Store {
    /// Notes uses that lie before `now`; what is said to be later happened now at the latest.
    async fn note_uses_at(&self, engine: &str, uses: &[HostUse], now: Timestamp) -> Result<(), StoreError> {
        let now = as_stored(now);
        let mut latest: BTreeMap<Digest, ImageMemory> = BTreeMap::new();
        for HostUse { id, at, what } in uses {
            let at = as_stored(*at).min(now);
            let memory = latest.entry(id.clone()).or_insert_with(|| ImageMemory::new(at));
            memory.used(at, what);
        }
        let mut transaction = self.begin().await?;
        let noted = async {
            let id = tables::ensure_engine(&mut transaction, engine, now).await?;
            tables::note_uses(&mut transaction, id, &latest).await?;
            tables::forget(&mut transaction, now, tables::MOST).await
        }
        .await;
        self.finish(transaction, noted).await
    }
}

async fn observe(
    connection: &mut SqliteConnection,
    engine: &str,
    seen: &[SeenImage],
    now: Timestamp,
) -> Result<BTreeMap<Digest, KnownImage>, Problem> {
    let id = tables::ensure_engine(connection, engine, now).await?;
    let before = tables::read(connection, id).await?;
    let mut after = before.clone();
    after.look(seen, now);
    tables::write(connection, id, (&before, &after)).await?;
    tables::forget(connection, now, tables::MOST).await?;
    let known = |image: &SeenImage| Some((image.id.clone(), after.images.get(&image.id)?.known(now)));
    Ok(seen.iter().filter_map(known).collect())
}

/// What of the ledger cannot be read, for the check of the store.
pub(super) async fn damaged(connection: &mut SqliteConnection) -> Result<Vec<String>, Problem> {
    let engines: Vec<(i64, String)> = sqlx::query_as("SELECT id, name FROM host_engine ORDER BY id")
        .fetch_all(&mut *connection)
        .await?;
    let mut found = Vec::new();
    for (id, engine) in engines {
        if tables::read(connection, id).await.is_err() {
            found.push(format!(
                "what is remembered of the images of engine {engine} cannot be read"
            ));
        }
    }
    let runs = runs::damaged(connection).await?;
    found.extend(
        runs.iter()
            .map(|run| format!("what run {run} took from a server cannot be read")),
    );
    Ok(found)
}

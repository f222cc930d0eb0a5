//! The ledger: what jettison remembers of repositories between scans.
//!
//! What an observation changes is decided by a pure function (`memory.rs`); this module reads and writes it, each
//! observation in one transaction, so that two processes never mix theirs.

mod history;
mod memory;
mod recall;
mod tables;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use jettison_core::model::{Digest, RegistryHost, RepositoryName, Tag};
use jiff::Timestamp;
use sqlx::SqliteConnection;

pub use history::TagPeriod;
pub use memory::{ManifestMemory, Observation, ReferrersMemory, RepositoryMemory, TagMemory};

use super::error::Problem;
use super::row::{as_stored, bulk, micros, optional_time};
use super::{Store, StoreError, own_reads};
use tables::{read_manifests, read_referrers, read_tags, write_manifests, write_referrers, write_tags};

/// The first public release of Docker, 2013-03-20: no image is older, and no clock that says so is right.
const EARLIEST: Timestamp = Timestamp::constant(1_363_737_600, 0);

impl Store {
    /// What is remembered of a repository; nothing of one that was never scanned.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn repository_memory(
        &self,
        registry: &RegistryHost,
        repository: &RepositoryName,
    ) -> Result<RepositoryMemory, StoreError> {
        // One transaction, so that all tables are read as they were at one moment.
        let mut transaction = self.named(self.readers.begin().await.map_err(Problem::from))?;
        let read = match find_repository(&mut transaction, registry, repository).await {
            Ok(Some(id)) => read_memory(&mut transaction, id).await,
            Ok(None) => Ok(RepositoryMemory::default()),
            Err(problem) => Err(problem),
        };
        self.named(read)
    }

    /// Remembers what a scan saw of a repository, and returns all that is remembered of it then.
    ///
    /// # Errors
    /// [`StoreError::ImplausibleTime`] if the observation is dated before containers existed, or if the database
    /// fails.
    pub async fn observe(&self, observation: &Observation) -> Result<RepositoryMemory, StoreError> {
        if observation.taken_at < EARLIEST {
            return Err(StoreError::ImplausibleTime {
                at: observation.taken_at,
            });
        }
        let mut transaction = self.begin().await?;
        let written = write_observation(&mut transaction, observation).await;
        self.finish(transaction, written).await
    }

    /// Forgets manifests that were deleted, and tags that were removed, by our own hand: whatever comes back under the
    /// same name is new.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn forget_removed(
        &self,
        registry: &RegistryHost,
        repository: &RepositoryName,
        digests: &BTreeSet<Digest>,
        tags: &BTreeSet<Tag>,
    ) -> Result<(), StoreError> {
        let mut transaction = self.begin().await?;
        let forgotten = forget_removed(&mut transaction, registry, repository, digests, tags).await;
        self.finish(transaction, forgotten).await
    }

    /// Marks manifests as put back by an undo at `at`, or at the latest time of any scan if the clock went back since.
    ///
    /// What the ledger knew of them and of their tags before they went is known again: they are no newer than they were,
    /// and take no other image's place among the newest. A tag that has gone to another image since stays there.
    ///
    /// # Errors
    /// [`StoreError::ImplausibleTime`] as for [`Store::observe`], or if the database fails.
    pub async fn mark_restored(
        &self,
        registry: &RegistryHost,
        repository: &RepositoryName,
        digests: &[Digest],
        at: Timestamp,
    ) -> Result<(), StoreError> {
        check_clock(at)?;
        let mut transaction = self.begin().await?;
        let written = async {
            recall::known_before(&mut transaction, (registry, repository), digests, at).await?;
            amend(
                &mut transaction,
                (registry, repository),
                digests,
                |_, memory, latest| {
                    let at = latest.map_or(as_stored(at), |latest| latest.max(as_stored(at)));
                    memory.get_or_insert(ManifestMemory::first_seen(at)).restored_at = Some(at);
                },
            )
            .await
        }
        .await;
        self.finish(transaction, written).await
    }

    /// Takes the mark of [`Store::mark_restored`] away.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn release_restored(
        &self,
        registry: &RegistryHost,
        repository: &RepositoryName,
        digests: &[Digest],
    ) -> Result<(), StoreError> {
        self.amend(registry, repository, digests, |_, memory, _| {
            if let Some(memory) = memory {
                memory.restored_at = None;
            }
        })
        .await
    }

    /// Remembers pulls. A manifest that no scan has seen is passed over, and an earlier pull changes nothing.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn record_pulls(
        &self,
        registry: &RegistryHost,
        repository: &RepositoryName,
        pulls: &BTreeMap<Digest, Timestamp>,
    ) -> Result<(), StoreError> {
        self.amend(registry, repository, pulls.keys(), |digest, memory, _| {
            if let (Some(memory), Some(at)) = (memory, pulls.get(digest)) {
                memory.last_pulled_at = memory.last_pulled_at.max(Some(as_stored(*at)));
            }
        })
        .await
    }

    async fn amend<'a>(
        &self,
        registry: &RegistryHost,
        repository: &RepositoryName,
        digests: impl IntoIterator<Item = &'a Digest>,
        change: impl Fn(&Digest, &mut Option<ManifestMemory>, Option<Timestamp>),
    ) -> Result<(), StoreError> {
        let mut transaction = self.begin().await?;
        let written = amend(&mut transaction, (registry, repository), digests, change).await;
        self.finish(transaction, written).await
    }
}

/// Changes what is remembered of single manifests; `change` is also told the latest time of any scan.
async fn amend<'a>(
    connection: &mut SqliteConnection,
    (registry, repository): (&RegistryHost, &RepositoryName),
    digests: impl IntoIterator<Item = &'a Digest>,
    change: impl Fn(&Digest, &mut Option<ManifestMemory>, Option<Timestamp>),
) -> Result<(), Problem> {
    let id = ensure_repository(connection, registry, repository).await?;
    let (_, latest) = read_times(connection, id).await?;
    let known = read_manifests(connection, id).await?;
    let mut changed = known.clone();
    for digest in digests {
        let mut memory = known.get(digest).cloned();
        change(digest, &mut memory, latest);
        changed.extend(memory.map(|memory| (digest.clone(), memory)));
    }
    write_manifests(connection, id, &known, &changed).await
}

async fn forget_removed(
    connection: &mut SqliteConnection,
    registry: &RegistryHost,
    repository: &RepositoryName,
    digests: &BTreeSet<Digest>,
    tags: &BTreeSet<Tag>,
) -> Result<(), Problem> {
    const MANIFESTS: &str =
        "DELETE FROM known_manifest WHERE repository = $1 AND digest IN (SELECT value FROM json_each($2))";
    const READ: &str = "DELETE FROM own_read WHERE repository = $1 AND digest IN (SELECT value FROM json_each($2))";
    const POINTING: &str =
        "DELETE FROM known_tag WHERE repository = $1 AND digest IN (SELECT value FROM json_each($2))";
    const TAGS: &str = "DELETE FROM known_tag WHERE repository = $1 AND tag IN (SELECT value FROM json_each($2))";
    // No scan will see that these periods ended: they end now.
    const ENDED: &str = "UPDATE tag_period SET until_at = CAST(unixepoch('subsec') * 1000000 AS INTEGER)
         WHERE repository = $1 AND until_at IS NULL AND digest IN (SELECT value FROM json_each($2))";
    const ENDED_TAGS: &str = "UPDATE tag_period SET until_at = CAST(unixepoch('subsec') * 1000000 AS INTEGER)
         WHERE repository = $1 AND until_at IS NULL AND tag IN (SELECT value FROM json_each($2))";
    let Some(id) = find_repository(connection, registry, repository).await? else {
        return Ok(());
    };
    let digests: Vec<&Digest> = digests.iter().collect();
    bulk(connection, MANIFESTS, id, &digests).await?;
    bulk(connection, READ, id, &digests).await?;
    bulk(connection, POINTING, id, &digests).await?;
    bulk(connection, ENDED, id, &digests).await?;
    let tags: Vec<&Tag> = tags.iter().collect();
    bulk(connection, ENDED_TAGS, id, &tags).await?;
    bulk(connection, TAGS, id, &tags).await
}

async fn write_observation(
    connection: &mut SqliteConnection,
    observation: &Observation,
) -> Result<RepositoryMemory, Problem> {
    let id = ensure_repository(connection, &observation.registry, &observation.repository).await?;
    let before = read_memory(connection, id).await?;
    let after = before.after(observation);
    sqlx::query("UPDATE repository SET scanned_since = $2, observed_at = $3 WHERE id = $1")
        .bind(id)
        .bind(after.scanned_since.map(micros))
        .bind(after.observed_at.map(micros))
        .execute(&mut *connection)
        .await?;
    write_manifests(connection, id, &before.manifests, &after.manifests).await?;
    if observation.complete {
        own_reads::forget_gone(connection, id, observation.taken_at).await?;
    }
    write_tags(connection, id, &before.tags, &after.tags).await?;
    write_referrers(connection, id, &before.referrers, &after.referrers).await?;
    if let Some(at) = after.observed_at {
        history::write(connection, id, history::changes(&before.tags, &after.tags), at).await?;
    }
    Ok(after)
}

pub(super) async fn find_repository(
    connection: &mut SqliteConnection,
    registry: &RegistryHost,
    repository: &RepositoryName,
) -> Result<Option<i64>, Problem> {
    let id = sqlx::query_scalar("SELECT id FROM repository WHERE registry = $1 AND name = $2")
        .bind(registry.as_str())
        .bind(repository.as_str())
        .fetch_optional(connection)
        .await?;
    Ok(id)
}

pub(super) async fn ensure_repository(
    connection: &mut SqliteConnection,
    registry: &RegistryHost,
    repository: &RepositoryName,
) -> Result<i64, Problem> {
    if let Some(id) = find_repository(connection, registry, repository).await? {
        return Ok(id);
    }
    let id = sqlx::query_scalar("INSERT INTO repository (registry, name) VALUES ($1, $2) RETURNING id")
        .bind(registry.as_str())
        .bind(repository.as_str())
        .fetch_one(connection)
        .await?;
    Ok(id)
}

async fn read_memory(connection: &mut SqliteConnection, id: i64) -> Result<RepositoryMemory, Problem> {
    let (scanned_since, observed_at) = read_times(connection, id).await?;
    Ok(RepositoryMemory {
        scanned_since,
        observed_at,
        manifests: read_manifests(connection, id).await?,
        tags: read_tags(connection, id).await?,
        referrers: read_referrers(connection, id).await?,
    })
}

/// When a repository was first read whole, and when it was last seen at all.
async fn read_times(
    connection: &mut SqliteConnection,
    id: i64,
) -> Result<(Option<Timestamp>, Option<Timestamp>), Problem> {
    let (scanned_since, observed_at) =
        sqlx::query_as("SELECT scanned_since, observed_at FROM repository WHERE id = $1")
            .bind(id)
            .fetch_one(connection)
            .await?;
    Ok((optional_time(scanned_since)?, optional_time(observed_at)?))
}

/// Refuses a time before containers existed.
pub(super) fn check_clock(at: Timestamp) -> Result<(), StoreError> {
    if at < EARLIEST {
        Err(StoreError::ImplausibleTime { at })
    } else {
        Ok(())
    }
}

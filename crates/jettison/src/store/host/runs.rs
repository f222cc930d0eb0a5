//! The journal of runs on servers: what each took, or meant to, and what became of it.

use jettison_core::model::{Digest, legible};
use jiff::{SignedDuration, Timestamp};
use sqlx::{SqliteConnection, SqlitePool};

use super::memory::bounded;
use crate::host::ledger::{HostRemoval, HostRun};
use crate::store::StoreError;
use crate::store::error::Problem;
use crate::store::row::{count, from_json, micros, optional_time, parse, stored_count, time, to_json};

/// For how long runs are kept.
const KEPT: SignedDuration = SignedDuration::from_hours(90 * 24);

/// The most names of an image that are written down, of each kind. It can be had again by any one of them.
const NAMES: usize = 1000;

pub(super) async fn begin(connection: &mut SqliteConnection, engine: &str, now: Timestamp) -> Result<i64, Problem> {
    sqlx::query("DELETE FROM host_run WHERE started_at < $1")
        .bind(micros(now.checked_sub(KEPT).unwrap_or(Timestamp::MIN)))
        .execute(&mut *connection)
        .await?;
    let inserted = sqlx::query("INSERT INTO host_run (engine, started_at) VALUES ($1, $2)")
        .bind(bounded(engine))
        .bind(micros(now))
        .execute(connection)
        .await?;
    Ok(inserted.last_insert_rowid())
}

/// An image that was begun with before in the same run begins anew: that it was kept once does not say what becomes of it now.
pub(super) async fn removing(
    connection: &mut SqliteConnection,
    run: i64,
    removal: &HostRemoval,
) -> Result<(), Problem> {
    let names = |names: &[String]| to_json(&names.iter().take(NAMES).map(|name| bounded(name)).collect::<Vec<_>>());
    let inserted = sqlx::query(
        "INSERT INTO host_removal (run, image, names, digests, bytes, reason, outcome)
         SELECT id, $2, $3, $4, $5, $6, $7 FROM host_run WHERE id = $1 AND ended_at IS NULL
         ON CONFLICT DO UPDATE SET names = excluded.names, digests = excluded.digests, bytes = excluded.bytes,
             reason = excluded.reason, outcome = excluded.outcome",
    )
    .bind(run)
    .bind(removal.id.to_string())
    .bind(names(&removal.names)?)
    .bind(names(&removal.digests)?)
    .bind(stored_count(removal.bytes))
    .bind(legible(&removal.reason))
    .bind(removal.outcome.as_deref().map(legible))
    .execute(connection)
    .await?;
    one(inserted.rows_affected(), || not_open(run))
}

pub(super) async fn removed(
    connection: &mut SqliteConnection,
    run: i64,
    (image, outcome): (&Digest, &str),
) -> Result<(), Problem> {
    let updated = sqlx::query("UPDATE host_removal SET outcome = $3 WHERE run = $1 AND image = $2")
        .bind(run)
        .bind(image.to_string())
        .bind(legible(outcome))
        .execute(connection)
        .await?;
    one(updated.rows_affected(), || StoreError::NotRemoving {
        run,
        image: image.clone(),
    })
}

pub(super) async fn end(
    connection: &mut SqliteConnection,
    run: i64,
    (freed_bytes, now): (Option<u64>, Timestamp),
) -> Result<(), Problem> {
    let updated = sqlx::query("UPDATE host_run SET ended_at = $2, freed_bytes = $3 WHERE id = $1 AND ended_at IS NULL")
        .bind(run)
        .bind(micros(now))
        .bind(freed_bytes.map(stored_count))
        .execute(connection)
        .await?;
    one(updated.rows_affected(), || not_open(run))
}

pub(super) async fn latest(readers: &SqlitePool, engine: &str, most: usize) -> Result<Vec<HostRun>, Problem> {
    // One transaction, so that runs and what they took are of one moment.
    let mut transaction = readers.begin().await?;
    let rows: Vec<(i64, i64, Option<i64>, Option<i64>)> = sqlx::query_as(
        "SELECT id, started_at, ended_at, freed_bytes FROM host_run WHERE engine = $1 ORDER BY id DESC LIMIT $2",
    )
    .bind(bounded(engine))
    .bind(i64::try_from(most).unwrap_or(i64::MAX))
    .fetch_all(&mut *transaction)
    .await?;
    let mut runs = Vec::with_capacity(rows.len());
    for (id, started_at, ended_at, freed_bytes) in rows {
        runs.push(HostRun {
            id,
            started_at: time(started_at)?,
            ended_at: optional_time(ended_at)?,
            freed_bytes: freed_bytes.map(count).transpose()?,
            removals: removals(&mut transaction, id).await?,
        });
    }
    Ok(runs)
}

/// What a run took, in the order in which it began with them.
async fn removals(connection: &mut SqliteConnection, run: i64) -> Result<Vec<HostRemoval>, Problem> {
    let rows: Vec<(String, String, String, i64, String, Option<String>)> = sqlx::query_as(
        "SELECT image, names, digests, bytes, reason, outcome FROM host_removal WHERE run = $1 ORDER BY id",
    )
    .bind(run)
    .fetch_all(connection)
    .await?;
    rows.into_iter()
        .map(|(image, names, digests, bytes, reason, outcome)| {
            Ok(HostRemoval {
                id: parse(&image)?,
                names: from_json(&names)?,
                digests: from_json(&digests)?,
                bytes: count(bytes)?,
                reason,
                outcome,
            })
        })
        .collect()
}

fn not_open(run: i64) -> StoreError {
    StoreError::RunNotOpen { run: run.to_string() }
}

fn one(rows: u64, otherwise: impl FnOnce() -> StoreError) -> Result<(), Problem> {
    match rows {
        0 => Err(otherwise().into()),
        _ => Ok(()),
    }
}

/// Runs that cannot be read, for the check of the store.
pub(super) async fn damaged(connection: &mut SqliteConnection) -> Result<Vec<i64>, Problem> {
    let runs: Vec<i64> = sqlx::query_scalar("SELECT id FROM host_run ORDER BY id")
        .fetch_all(&mut *connection)
        .await?;
    let mut found = Vec::new();
    for run in runs {
        if removals(connection, run).await.is_err() {
            found.push(run);
        }
    }
    Ok(found)
}

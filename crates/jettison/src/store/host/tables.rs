//! The ledger of servers in the database: reads and writes what `memory.rs` says, and forgets what is old or too much.

use std::collections::{BTreeMap, BTreeSet};

use jettison_core::model::Digest;
use jiff::{SignedDuration, Timestamp};
use sqlx::{SqliteConnection, SqlitePool};

use super::memory::{ImageMemory, Memory, bounded};
use crate::store::error::Problem;
use crate::store::row::{bulk, micros, optional_time, parse, time};

/// Images that have not been seen for so long are forgotten, and engines that have not been asked.
const KEPT: SignedDuration = SignedDuration::from_hours(30 * 24);

/// The most images, and the most names, that are remembered of all engines together. A server has some thousands; whoever
/// makes up millions fills no disk with them.
pub(super) const MOST: i64 = 500_000;

/// The number of an engine, which is new if nothing was ever noted of it.
pub(super) async fn ensure_engine(
    connection: &mut SqliteConnection,
    engine: &str,
    now: Timestamp,
) -> Result<i64, Problem> {
    let id = sqlx::query_scalar(
        "INSERT INTO host_engine (name, told_at) VALUES ($1, $2)
         ON CONFLICT DO UPDATE SET told_at = max(told_at, excluded.told_at) RETURNING id",
    )
    .bind(bounded(engine))
    .bind(micros(now))
    .fetch_one(connection)
    .await?;
    Ok(id)
}

pub(super) async fn read(connection: &mut SqliteConnection, engine: i64) -> Result<Memory, Problem> {
    let looked_at: Option<i64> = sqlx::query_scalar("SELECT looked_at FROM host_engine WHERE id = $1")
        .bind(engine)
        .fetch_one(&mut *connection)
        .await?;
    let names: Vec<(String, String)> = sqlx::query_as("SELECT name, image FROM host_name WHERE engine = $1")
        .bind(engine)
        .fetch_all(&mut *connection)
        .await?;
    Ok(Memory {
        looked_at: optional_time(looked_at)?,
        images: read_images(connection, engine).await?,
        names: names
            .into_iter()
            .map(|(name, image)| Ok((name, parse(&image)?)))
            .collect::<Result<BTreeSet<_>, Problem>>()?,
    })
}

type ImageRow = (String, i64, i64, Option<i64>, Option<String>);

async fn read_images(connection: &mut SqliteConnection, engine: i64) -> Result<BTreeMap<Digest, ImageMemory>, Problem> {
    let rows: Vec<ImageRow> = sqlx::query_as(
        "SELECT image, first_seen_at, last_seen_at, last_used_at, last_use FROM host_image WHERE engine = $1",
    )
    .bind(engine)
    .fetch_all(connection)
    .await?;
    rows.into_iter()
        .map(|(image, first_seen_at, last_seen_at, last_used_at, last_use)| {
            let memory = ImageMemory {
                first_seen_at: time(first_seen_at)?,
                last_seen_at: time(last_seen_at)?,
                last_use: optional_time(last_used_at)?.zip(last_use),
            };
            Ok((parse(&image)?, memory))
        })
        .collect()
}

/// When an engine was first looked at.
pub(super) async fn first_look(readers: &SqlitePool, engine: &str) -> Result<Option<Timestamp>, Problem> {
    let first: Option<Option<i64>> = sqlx::query_scalar("SELECT first_looked_at FROM host_engine WHERE name = $1")
        .bind(bounded(engine))
        .fetch_optional(readers)
        .await?;
    optional_time(first.flatten())
}

/// Writes what `after` has otherwise than `before`.
pub(super) async fn write(
    connection: &mut SqliteConnection,
    engine: i64,
    (before, after): (&Memory, &Memory),
) -> Result<(), Problem> {
    const UNNAME: &str = "DELETE FROM host_name WHERE engine = $1 AND (name, image) IN (
             SELECT value ->> 0, value ->> 1 FROM json_each($2))";
    const NAME: &str = "INSERT INTO host_name (engine, name, image)
         SELECT $1, value ->> 0, value ->> 1 FROM json_each($2) WHERE true ON CONFLICT DO NOTHING";
    sqlx::query("UPDATE host_engine SET looked_at = $2, first_looked_at = coalesce(first_looked_at, $2) WHERE id = $1")
        .bind(engine)
        .bind(after.looked_at.map(micros))
        .execute(&mut *connection)
        .await?;
    let changed: Vec<_> = after
        .images
        .iter()
        .filter(|(image, memory)| before.images.get(image) != Some(memory))
        .collect();
    write_images(connection, engine, &changed).await?;
    let gone: Vec<_> = before.names.difference(&after.names).collect();
    bulk(connection, UNNAME, engine, &gone).await?;
    let new: Vec<_> = after.names.difference(&before.names).collect();
    bulk(connection, NAME, engine, &new).await
}

async fn write_images(
    connection: &mut SqliteConnection,
    engine: i64,
    images: &[(&Digest, &ImageMemory)],
) -> Result<(), Problem> {
    const WRITE: &str = "INSERT INTO host_image (engine, image, first_seen_at, last_seen_at, last_used_at, last_use)
         SELECT $1, value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4 FROM json_each($2) WHERE true
         ON CONFLICT DO UPDATE SET
             first_seen_at = excluded.first_seen_at, last_seen_at = excluded.last_seen_at,
             last_used_at = excluded.last_used_at, last_use = excluded.last_use";
    let row = |(image, memory): &(&Digest, &ImageMemory)| {
        let [first, last] = [memory.first_seen_at, memory.last_seen_at].map(micros);
        let (used, what) = memory.last_use.clone().unzip();
        (image.to_string(), first, last, used.map(micros), what)
    };
    let rows: Vec<_> = images.iter().map(row).collect();
    bulk(connection, WRITE, engine, &rows).await
}

/// Notes uses of images, whether a look has seen them already or not.
pub(super) async fn note_uses(
    connection: &mut SqliteConnection,
    engine: i64,
    uses: &BTreeMap<Digest, ImageMemory>,
) -> Result<(), Problem> {
    const NOTE: &str = "INSERT INTO host_image (engine, image, first_seen_at, last_seen_at, last_used_at, last_use)
         SELECT $1, value ->> 0, value ->> 1, value ->> 1, value ->> 1, value ->> 2 FROM json_each($2) WHERE true
         ON CONFLICT DO UPDATE SET
             last_seen_at = max(last_seen_at, excluded.last_seen_at),
             last_used_at = excluded.last_used_at, last_use = excluded.last_use
         WHERE last_used_at IS NULL OR last_used_at <= excluded.last_used_at";
    let row = |(image, memory): (&Digest, &ImageMemory)| {
        let (at, what) = memory.last_use.clone()?;
        Some((image.to_string(), micros(at), what))
    };
    let rows: Vec<_> = uses.iter().filter_map(row).collect();
    bulk(connection, NOTE, engine, &rows).await
}

/// Forgets what is gone for long, and what is more than `most`, the longest gone first.
pub(super) async fn forget(connection: &mut SqliteConnection, now: Timestamp, most: i64) -> Result<(), Problem> {
    let before = micros(now.checked_sub(KEPT).unwrap_or(Timestamp::MIN));
    for sql in [
        "DELETE FROM host_image WHERE last_seen_at < $1",
        "DELETE FROM host_engine WHERE told_at < $1",
    ] {
        sqlx::query(sql).bind(before).execute(&mut *connection).await?;
    }
    for sql in [
        "DELETE FROM host_image WHERE (engine, image) IN (
             SELECT engine, image FROM host_image ORDER BY last_seen_at DESC, engine, image LIMIT -1 OFFSET $1)",
        "DELETE FROM host_name WHERE (engine, name, image) IN (
             SELECT engine, name, image FROM host_name ORDER BY engine DESC, name, image LIMIT -1 OFFSET $1)",
    ] {
        sqlx::query(sql).bind(most).execute(&mut *connection).await?;
    }
    Ok(())
}

/// Takes the marks off all but `going`, and marks those of them that are not. A mark from the future is set anew.
pub(super) async fn mark(
    connection: &mut SqliteConnection,
    engine: i64,
    (going, now): (&[Digest], Timestamp),
) -> Result<BTreeMap<Digest, Timestamp>, Problem> {
    const MARK: &str = "INSERT INTO host_mark (engine, image, marked_at)
         SELECT $1, value ->> 0, value ->> 1 FROM json_each($2) WHERE true ON CONFLICT DO NOTHING";
    let known: Vec<(String, i64)> = sqlx::query_as("SELECT image, marked_at FROM host_mark WHERE engine = $1")
        .bind(engine)
        .fetch_all(&mut *connection)
        .await?;
    let known = known
        .into_iter()
        .map(|(image, marked_at)| Ok((parse(&image)?, time(marked_at)?)))
        .collect::<Result<BTreeMap<Digest, Timestamp>, Problem>>()?;
    let since = |image: &Digest| known.get(image).copied().filter(|at| *at <= now).unwrap_or(now);
    let marks: BTreeMap<Digest, Timestamp> = going.iter().map(|image| (image.clone(), since(image))).collect();
    sqlx::query("DELETE FROM host_mark WHERE engine = $1")
        .bind(engine)
        .execute(&mut *connection)
        .await?;
    let rows: Vec<_> = marks.iter().map(|(image, at)| (image, micros(*at))).collect();
    bulk(connection, MARK, engine, &rows).await?;
    Ok(marks)
}

//! The tables of the ledger: reading them whole, and writing what changed.

use std::collections::BTreeMap;

use jettison_core::model::{Digest, Tag};
use sqlx::SqliteConnection;

use super::{ManifestMemory, ReferrersMemory, TagMemory};
use crate::store::error::Problem;
use crate::store::row::{bulk, from_json, micros, optional_time, parse, time, to_json};

#[derive(sqlx::FromRow)]
struct ManifestRow {
    digest: String,
    first_seen_at: i64,
    last_seen_at: i64,
    untagged_at: Option<i64>,
    restored_at: Option<i64>,
    last_pulled_at: Option<i64>,
}

pub(super) async fn read_manifests(
    connection: &mut SqliteConnection,
    id: i64,
) -> Result<BTreeMap<Digest, ManifestMemory>, Problem> {
    let rows: Vec<ManifestRow> = sqlx::query_as(
        "SELECT digest, first_seen_at, last_seen_at, untagged_at, restored_at, last_pulled_at
         FROM known_manifest WHERE repository = $1",
    )
    .bind(id)
    .fetch_all(connection)
    .await?;
    rows.into_iter().map(manifest_from).collect()
}

fn manifest_from(row: ManifestRow) -> Result<(Digest, ManifestMemory), Problem> {
    let ManifestRow {
        digest,
        first_seen_at,
        last_seen_at,
        untagged_at,
        restored_at,
        last_pulled_at,
    } = row;
    let memory = ManifestMemory {
        first_seen_at: time(first_seen_at)?,
        last_seen_at: time(last_seen_at)?,
        untagged_at: optional_time(untagged_at)?,
        restored_at: optional_time(restored_at)?,
        last_pulled_at: optional_time(last_pulled_at)?,
    };
    Ok((parse(&digest)?, memory))
}

pub(super) async fn write_manifests(
    connection: &mut SqliteConnection,
    id: i64,
    before: &BTreeMap<Digest, ManifestMemory>,
    after: &BTreeMap<Digest, ManifestMemory>,
) -> Result<(), Problem> {
    const DELETE: &str =
        "DELETE FROM known_manifest WHERE repository = $1 AND digest IN (SELECT value FROM json_each($2))";
    const WRITE: &str = "INSERT INTO known_manifest
             (repository, digest, first_seen_at, last_seen_at, untagged_at, restored_at, last_pulled_at)
         SELECT $1, value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5
         FROM json_each($2) WHERE true
         ON CONFLICT DO UPDATE SET
             first_seen_at = excluded.first_seen_at, last_seen_at = excluded.last_seen_at,
             untagged_at = excluded.untagged_at, restored_at = excluded.restored_at,
             last_pulled_at = excluded.last_pulled_at";
    bulk(connection, DELETE, id, &removed(before, after)).await?;
    let rows: Vec<_> = changed(before, after)
        .map(|(digest, memory)| {
            let ManifestMemory {
                first_seen_at,
                last_seen_at,
                untagged_at,
                restored_at,
                last_pulled_at,
            } = memory;
            let optional = [untagged_at, restored_at, last_pulled_at].map(|time| time.map(micros));
            let [untagged, restored, pulled] = optional;
            (
                digest,
                micros(*first_seen_at),
                micros(*last_seen_at),
                untagged,
                restored,
                pulled,
            )
        })
        .collect();
    bulk(connection, WRITE, id, &rows).await
}

pub(super) async fn read_tags(connection: &mut SqliteConnection, id: i64) -> Result<BTreeMap<Tag, TagMemory>, Problem> {
    let rows: Vec<(String, String, Option<i64>, i64)> =
        sqlx::query_as("SELECT tag, digest, set_at, first_seen_at FROM known_tag WHERE repository = $1")
            .bind(id)
            .fetch_all(connection)
            .await?;
    rows.into_iter()
        .map(|(tag, digest, set_at, first_seen_at)| {
            let memory = TagMemory {
                digest: parse(&digest)?,
                set_at: optional_time(set_at)?,
                first_seen_at: time(first_seen_at)?,
            };
            Ok((parse(&tag)?, memory))
        })
        .collect()
}

pub(super) async fn write_tags(
    connection: &mut SqliteConnection,
    id: i64,
    before: &BTreeMap<Tag, TagMemory>,
    after: &BTreeMap<Tag, TagMemory>,
) -> Result<(), Problem> {
    const DELETE: &str = "DELETE FROM known_tag WHERE repository = $1 AND tag IN (SELECT value FROM json_each($2))";
    const WRITE: &str = "INSERT INTO known_tag (repository, tag, digest, set_at, first_seen_at)
         SELECT $1, value ->> 0, value ->> 1, value ->> 2, value ->> 3 FROM json_each($2) WHERE true
         ON CONFLICT DO UPDATE SET
             digest = excluded.digest, set_at = excluded.set_at, first_seen_at = excluded.first_seen_at";
    bulk(connection, DELETE, id, &removed(before, after)).await?;
    let rows: Vec<_> = changed(before, after)
        .map(
            |(
                tag,
                TagMemory {
                    digest,
                    set_at,
                    first_seen_at,
                },
            )| { (tag, digest, set_at.map(micros), micros(*first_seen_at)) },
        )
        .collect();
    bulk(connection, WRITE, id, &rows).await
}

pub(super) async fn read_referrers(
    connection: &mut SqliteConnection,
    id: i64,
) -> Result<BTreeMap<Digest, ReferrersMemory>, Problem> {
    let rows: Vec<(String, String, i64)> =
        sqlx::query_as("SELECT subject, referrers, asked_at FROM known_referrers WHERE repository = $1")
            .bind(id)
            .fetch_all(connection)
            .await?;
    rows.into_iter()
        .map(|(subject, referrers, asked_at)| {
            let memory = ReferrersMemory {
                referrers: from_json(&referrers)?,
                asked_at: time(asked_at)?,
            };
            Ok((parse(&subject)?, memory))
        })
        .collect()
}

pub(super) async fn write_referrers(
    connection: &mut SqliteConnection,
    id: i64,
    before: &BTreeMap<Digest, ReferrersMemory>,
    after: &BTreeMap<Digest, ReferrersMemory>,
) -> Result<(), Problem> {
    const DELETE: &str =
        "DELETE FROM known_referrers WHERE repository = $1 AND subject IN (SELECT value FROM json_each($2))";
    const WRITE: &str = "INSERT INTO known_referrers (repository, subject, referrers, asked_at)
         SELECT $1, value ->> 0, value ->> 1, value ->> 2 FROM json_each($2) WHERE true
         ON CONFLICT DO UPDATE SET referrers = excluded.referrers, asked_at = excluded.asked_at";
    bulk(connection, DELETE, id, &removed(before, after)).await?;
    let rows = changed(before, after)
        .map(|(subject, ReferrersMemory { referrers, asked_at })| Ok((subject, to_json(referrers)?, micros(*asked_at))))
        .collect::<Result<Vec<_>, Problem>>()?;
    bulk(connection, WRITE, id, &rows).await
}

/// What `after` adds to `before`, or has otherwise.
fn changed<'a, K: Ord, V: PartialEq>(
    before: &'a BTreeMap<K, V>,
    after: &'a BTreeMap<K, V>,
) -> impl Iterator<Item = (&'a K, &'a V)> {
    after.iter().filter(|(key, value)| before.get(key) != Some(value))
}

/// What `after` has no longer.
fn removed<'a, K: Ord, V>(before: &'a BTreeMap<K, V>, after: &BTreeMap<K, V>) -> Vec<&'a K> {
    before.keys().filter(|key| !after.contains_key(key)).collect()
}

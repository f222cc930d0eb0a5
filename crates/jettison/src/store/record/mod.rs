//! The recorded scans: the last inventory of each repository, what was in use then, and what repositories held over time.
//!
//! For reports that ask no registry. Nothing of it may be applied: whoever reads it gives it the origin of saved facts.

#[cfg(test)]
mod made_up;
mod pack;
#[cfg(test)]
mod tests;
mod totals;

use std::collections::{BTreeMap, BTreeSet};

use jettison_core::model::{Gap, Inventory, RegistryHost, Repository, RepositoryName, Schema, Usage};
use jiff::Timestamp;
use rayon::prelude::*;
use sqlx::SqliteConnection;

use super::error::Problem;
use super::row::{from_json, micros, optional_time, parse, time, to_json};
use super::{Store, StoreError};
use pack::{Packed, compressed, decompressed};
use totals::Totals;

/// So many tags and manifests, or one repository, are packed and written at once.
const BATCH: usize = 100_000;

/// So many repositories are read at once.
const READ_AT_ONCE: usize = 1_000;

/// What was recorded of scans.
#[derive(Debug, Clone, PartialEq)]
pub struct Recorded {
    /// Of each repository what was last read. Taken when the oldest of it was.
    pub inventory: Inventory,
    /// What was last said to be in use, which has a time of its own; `None` if nobody was ever asked.
    pub usage: Option<Usage>,
    /// When the oldest part of the inventory was read.
    pub taken_at: Timestamp,
}

/// Which repositories are wanted.
pub type Wanted<'a> = &'a (dyn Fn(&RegistryHost, &RepositoryName) -> bool + Sync);

impl Store {
    /// Records a scan of the registries that were `asked`. A repository of which nothing could be read keeps what was
    /// recorded of it before, with what is in the way now. One that a scan of its whole registry did not find is forgotten.
    ///
    /// It packs on all processors and does not yield meanwhile.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn record_scan(&self, inventory: &Inventory, asked: &BTreeSet<RegistryHost>) -> Result<(), StoreError> {
        let at = micros(inventory.taken_at);
        for batch in batches(&inventory.repositories) {
            let packed = batch
                .par_iter()
                .map(|repository| Ok((repository, Packed::of(repository)?, Totals::of(repository))));
            let packed: Vec<_> = self.named(packed.collect::<Result<_, Problem>>())?;
            let mut transaction = self.begin().await?;
            let written = write_repositories(&mut transaction, &packed, at).await;
            self.finish(transaction, written).await?;
        }
        let mut transaction = self.begin().await?;
        let written = write_registries(&mut transaction, inventory, asked).await;
        self.finish(transaction, written).await
    }

    /// Records what is in use.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn record_usage(&self, usage: &Usage) -> Result<(), StoreError> {
        let bytes = self.named(compressed(usage))?;
        let mut transaction = self.begin().await?;
        let written = sqlx::query(
            "INSERT INTO recorded_usage (only, taken_at, bytes) VALUES (1, $1, $2)
             ON CONFLICT DO UPDATE SET taken_at = excluded.taken_at, bytes = excluded.bytes
             WHERE excluded.taken_at >= taken_at",
        )
        .bind(micros(usage.taken_at))
        .bind(bytes)
        .execute(&mut *transaction)
        .await;
        self.finish(transaction, written.map(drop).map_err(Problem::from)).await
    }

    /// What is recorded of the repositories that are wanted; `None` if nothing is.
    ///
    /// A registry counts as wholly read if a scan once read all of it, all that is recorded of it is wanted, and nothing
    /// of that has a gap. What a later scan could not read is a gap of the inventory.
    ///
    /// # Errors
    /// If the database fails, or what is recorded is damaged.
    pub async fn recorded(&self, wanted: Wanted<'_>) -> Result<Option<Recorded>, StoreError> {
        let mut transaction = self.named(self.readers.begin().await.map_err(Problem::from))?;
        let read = read_all(&mut transaction, wanted).await;
        self.named(read)
    }
}

/// The repositories in slices that fit into memory once more.
fn batches(repositories: &[Repository]) -> Vec<&[Repository]> {
    let (mut batches, mut begin, mut held) = (Vec::new(), 0, 0);
    for (position, repository) in repositories.iter().enumerate() {
        held += 1 + repository.tags.len() + repository.manifests.len();
        if held >= BATCH || position + 1 == repositories.len() {
            batches.push(&repositories[begin..=position]);
            (begin, held) = (position + 1, 0);
        }
    }
    batches
}

/// What a repository is recorded as now.
#[derive(sqlx::FromRow)]
struct Known {
    id: i64,
    taken_at: i64,
    head: Vec<u8>,
}

async fn write_repositories(
    connection: &mut SqliteConnection,
    packed: &[(&Repository, Packed, Totals)],
    at: i64,
) -> Result<(), Problem> {
    for (repository, packed, totals) in packed {
        let place = (repository.registry.as_str(), repository.name.as_str());
        let known: Option<Known> =
            sqlx::query_as("SELECT id, taken_at, head FROM recorded_repository WHERE registry = $1 AND name = $2")
                .bind(place.0)
                .bind(place.1)
                .fetch_optional(&mut *connection)
                .await?;
        if let Some(known) = known {
            // A scan that began later was done sooner.
            if known.taken_at > at {
                continue;
            }
            let parts = parts_of(connection, known.id).await?;
            if packed.parts.is_empty() && !repository.gaps.is_empty() && !parts.is_empty() {
                note_unread(connection, known.id, (&repository.gaps, at)).await?;
                continue;
            }
            // Hour by hour most repositories stay as they are.
            if (&known.head, &parts) == (&packed.head, &packed.parts) {
                touch(connection, known.id, at).await?;
                continue;
            }
        }
        replace(connection, place, (packed, at)).await?;
        totals::write(connection, place, *totals, at).await?;
    }
    Ok(())
}

async fn parts_of(connection: &mut SqliteConnection, id: i64) -> Result<Vec<Vec<u8>>, Problem> {
    let parts = sqlx::query_scalar("SELECT bytes FROM recorded_part WHERE repository = $1 ORDER BY part");
    Ok(parts.bind(id).fetch_all(connection).await?)
}

async fn note_unread(connection: &mut SqliteConnection, id: i64, (gaps, at): (&[Gap], i64)) -> Result<(), Problem> {
    sqlx::query("UPDATE recorded_repository SET unread = $2, unread_at = $3 WHERE id = $1")
        .bind(id)
        .bind(to_json(gaps)?)
        .bind(at)
        .execute(connection)
        .await?;
    Ok(())
}

async fn touch(connection: &mut SqliteConnection, id: i64, at: i64) -> Result<(), Problem> {
    sqlx::query("UPDATE recorded_repository SET taken_at = $2, unread = NULL, unread_at = NULL WHERE id = $1")
        .bind(id)
        .bind(at)
        .execute(connection)
        .await?;
    Ok(())
}

async fn replace(
    connection: &mut SqliteConnection,
    place: totals::Place<'_>,
    (packed, at): (&Packed, i64),
) -> Result<(), Problem> {
    let id: i64 = sqlx::query_scalar(
        "INSERT INTO recorded_repository (registry, name, taken_at, head) VALUES ($1, $2, $3, $4)
         ON CONFLICT DO UPDATE SET taken_at = excluded.taken_at, head = excluded.head,
                                   unread = NULL, unread_at = NULL
         RETURNING id",
    )
    .bind(place.0)
    .bind(place.1)
    .bind(at)
    .bind(packed.head.as_slice())
    .fetch_one(&mut *connection)
    .await?;
    sqlx::query("DELETE FROM recorded_part WHERE repository = $1")
        .bind(id)
        .execute(&mut *connection)
        .await?;
    for (number, part) in (0_i64..).zip(&packed.parts) {
        sqlx::query("INSERT INTO recorded_part (repository, part, bytes) VALUES ($1, $2, $3)")
            .bind(id)
            .bind(number)
            .bind(part.as_slice())
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}

async fn write_registries(
    connection: &mut SqliteConnection,
    inventory: &Inventory,
    asked: &BTreeSet<RegistryHost>,
) -> Result<(), Problem> {
    let at = micros(inventory.taken_at);
    let scanned = inventory.repositories.iter().map(|repository| &repository.registry);
    let hosts: BTreeSet<&RegistryHost> = asked
        .iter()
        .chain(&inventory.complete_registries)
        .chain(scanned)
        .collect();
    for host in &hosts {
        let complete = inventory.complete_registries.contains(*host);
        let gaps: Vec<&Gap> = inventory
            .gaps
            .iter()
            .filter(|gap| speaks_of(gap, host, &hosts))
            .collect();
        sqlx::query(
            "INSERT INTO recorded_registry (registry, taken_at, complete_since, complete_at, gaps)
             VALUES ($1, $2, $3, $3, $4)
             ON CONFLICT DO UPDATE SET taken_at = excluded.taken_at, gaps = excluded.gaps,
                 complete_since = coalesce(complete_since, excluded.complete_since),
                 complete_at = coalesce(excluded.complete_at, complete_at)
             WHERE excluded.taken_at >= taken_at",
        )
        .bind(host.as_str())
        .bind(at)
        .bind(complete.then_some(at))
        .bind(to_json(&gaps)?)
        .execute(&mut *connection)
        .await?;
        if complete {
            forget_missing(connection, host, at).await?;
        }
    }
    totals::forget_gone(connection, at).await
}

/// Whether a gap is about a registry. One that names none of those that were asked may be about each.
fn speaks_of(gap: &Gap, host: &RegistryHost, hosts: &BTreeSet<&RegistryHost>) -> bool {
    let names = |host: &RegistryHost| gap.0.contains(host.as_str());
    names(host) || !hosts.iter().any(|other| names(other))
}

/// A scan of the whole registry has recorded all that is there.
async fn forget_missing(connection: &mut SqliteConnection, host: &RegistryHost, at: i64) -> Result<(), Problem> {
    let gone: Vec<(i64, String)> =
        sqlx::query_as("SELECT id, name FROM recorded_repository WHERE registry = $1 AND taken_at < $2")
            .bind(host.as_str())
            .bind(at)
            .fetch_all(&mut *connection)
            .await?;
    for (id, name) in gone {
        totals::write(connection, (host.as_str(), &name), Totals::nothing(), at).await?;
        sqlx::query("DELETE FROM recorded_repository WHERE id = $1")
            .bind(id)
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}

/// A repository without its parts.
#[derive(sqlx::FromRow)]
struct Row {
    id: i64,
    registry: String,
    name: String,
    taken_at: i64,
    head: Vec<u8>,
    unread: Option<String>,
    unread_at: Option<i64>,
}

async fn read_all(connection: &mut SqliteConnection, wanted: Wanted<'_>) -> Result<Option<Recorded>, Problem> {
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT id, registry, name, taken_at, head, unread, unread_at FROM recorded_repository ORDER BY registry, name",
    )
    .fetch_all(&mut *connection)
    .await?;
    let mut picked = Vec::new();
    let mut whole: BTreeMap<RegistryHost, bool> = BTreeMap::new();
    for row in rows {
        let place: (RegistryHost, RepositoryName) = (parse(&row.registry)?, parse(&row.name)?);
        let is_wanted = wanted(&place.0, &place.1);
        *whole.entry(place.0.clone()).or_insert(true) &= is_wanted && row.unread.is_none();
        if is_wanted {
            picked.push((place, row));
        }
    }
    let Some(taken_at) = picked.iter().map(|(_, row)| row.taken_at).min() else {
        return Ok(None);
    };
    let mut inventory = Inventory {
        schema: Schema,
        taken_at: time(taken_at)?,
        complete_registries: BTreeSet::new(),
        repositories: Vec::with_capacity(picked.len()),
        gaps: Vec::new(),
    };
    for (place, row) in &picked {
        inventory.gaps.extend(not_read_since(place, row)?);
    }
    for some in picked.chunks(READ_AT_ONCE) {
        inventory
            .repositories
            .extend(read_repositories(connection, some).await?);
    }
    for repository in &inventory.repositories {
        if let Some(whole) = whole.get_mut(&repository.registry) {
            *whole &= repository.gaps.is_empty();
        }
    }
    let hosts: BTreeSet<&RegistryHost> = picked.iter().map(|((host, _), _)| host).collect();
    for host in hosts {
        let (complete_at, gaps) = read_registry(connection, host).await?;
        if complete_at.is_some() && gaps.is_empty() && whole.get(host) == Some(&true) {
            inventory.complete_registries.insert(host.clone());
        }
        inventory.gaps.extend(
            gaps.into_iter()
                .filter(|gap| !inventory.gaps.contains(gap))
                .collect::<Vec<_>>(),
        );
    }
    Ok(Some(Recorded {
        taken_at: inventory.taken_at,
        inventory,
        usage: read_usage(connection).await?,
    }))
}

/// What kept a later scan from reading a repository.
fn not_read_since((host, name): &(RegistryHost, RepositoryName), row: &Row) -> Result<Vec<Gap>, Problem> {
    let (Some(unread), Some(at)) = (&row.unread, optional_time(row.unread_at)?) else {
        return Ok(Vec::new());
    };
    let gaps: Vec<Gap> = from_json(unread)?;
    let taken_at = time(row.taken_at)?;
    let told = gaps.iter().map(|gap| {
        Gap::of(&format!(
            "{host}/{name} could not be read at {at:.0}, and is shown as of {taken_at:.0}: {gap}"
        ))
    });
    Ok(told.collect())
}

async fn read_repositories(
    connection: &mut SqliteConnection,
    rows: &[((RegistryHost, RepositoryName), Row)],
) -> Result<Vec<Repository>, Problem> {
    let ids: Vec<i64> = rows.iter().map(|(_, row)| row.id).collect();
    let parts: Vec<(i64, Vec<u8>)> = sqlx::query_as(
        "SELECT repository, bytes FROM recorded_part WHERE repository IN (SELECT value FROM json_each($1))
         ORDER BY repository, part",
    )
    .bind(to_json(&ids)?)
    .fetch_all(connection)
    .await?;
    let mut parts_of: BTreeMap<i64, Vec<Vec<u8>>> = BTreeMap::new();
    for (id, part) in parts {
        parts_of.entry(id).or_default().push(part);
    }
    let unpacked = rows.par_iter().map(|(place, row)| {
        let parts = parts_of.get(&row.id).map_or(&[][..], Vec::as_slice);
        Packed::unpack(&row.head, parts, place.clone())
    });
    unpacked.collect()
}

/// When a registry was last read whole, and what could not be read of it last.
async fn read_registry(
    connection: &mut SqliteConnection,
    host: &RegistryHost,
) -> Result<(Option<i64>, Vec<Gap>), Problem> {
    let row: Option<(Option<i64>, String)> =
        sqlx::query_as("SELECT complete_at, gaps FROM recorded_registry WHERE registry = $1")
            .bind(host.as_str())
            .fetch_optional(connection)
            .await?;
    match row {
        Some((complete_at, gaps)) => Ok((complete_at, from_json(&gaps)?)),
        None => Ok((None, Vec::new())),
    }
}

async fn read_usage(connection: &mut SqliteConnection) -> Result<Option<Usage>, Problem> {
    let bytes: Option<Vec<u8>> = sqlx::query_scalar("SELECT bytes FROM recorded_usage")
        .fetch_optional(connection)
        .await?;
    bytes.map(|bytes| decompressed(&bytes)).transpose()
}

/// Repositories whose record is damaged, for the check of the store.
pub(super) async fn damaged(connection: &mut SqliteConnection) -> Result<Vec<String>, Problem> {
    let ids: Vec<(i64, String, String)> = sqlx::query_as("SELECT id, registry, name FROM recorded_repository")
        .fetch_all(&mut *connection)
        .await?;
    let mut found = Vec::new();
    for (id, registry, name) in ids {
        if let Err(problem) = read_one(connection, id).await {
            found.push(format!("what is recorded of {registry}/{name}: {}", said(problem)));
        }
    }
    if let Err(problem) = read_usage(connection).await {
        found.push(format!("the recorded usage: {}", said(problem)));
    }
    Ok(found)
}

async fn read_one(connection: &mut SqliteConnection, id: i64) -> Result<(), Problem> {
    let row: Row = sqlx::query_as(
        "SELECT id, registry, name, taken_at, head, unread, unread_at FROM recorded_repository WHERE id = $1",
    )
    .bind(id)
    .fetch_one(&mut *connection)
    .await?;
    let place = (parse(&row.registry)?, parse(&row.name)?);
    not_read_since(&place, &row)?;
    read_repositories(connection, &[(place, row)]).await.map(drop)
}

fn said(problem: Problem) -> String {
    match problem {
        Problem::Damaged(what) => what,
        Problem::Database(error) => error.to_string(),
        Problem::Refused(error) => error.to_string(),
    }
}

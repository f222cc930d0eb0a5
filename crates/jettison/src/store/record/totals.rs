//! What repositories held over time: a row where it changed, few rows where that is long ago.

use std::collections::{BTreeMap, HashMap};

use foldhash::fast::RandomState;
use jettison_core::model::{Digest, RegistryHost, Repository, RepositoryName};
use jiff::{SignedDuration, Timestamp};
use sqlx::SqliteConnection;

use crate::store::error::Problem;
use crate::store::row::{count, micros, parse, stored_count, time};
use crate::store::{Store, StoreError};

/// All changes within so long are kept; of earlier ones the last of each day (UTC).
const EVERY_CHANGE: SignedDuration = SignedDuration::from_hours(7 * 24);

/// What is older is forgotten, but for what held at that time.
const MEMORY: SignedDuration = SignedDuration::from_hours(2 * 365 * 24);

/// What a repository holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Totals {
    /// Every manifest and blob once; of two sizes of the same digest the larger.
    stored_bytes: u64,
    tags: u64,
    manifests: u64,
    /// It has no gap.
    complete: bool,
}

impl Totals {
    pub(super) fn of(repository: &Repository) -> Self {
        let mut sizes: HashMap<&Digest, u64, RandomState> = HashMap::default();
        for manifest in &repository.manifests {
            let blobs = manifest.blobs.iter().map(|blob| (&blob.digest, blob.size));
            for (digest, size) in blobs.chain([(&manifest.digest, manifest.size)]) {
                let known = sizes.entry(digest).or_default();
                *known = size.max(*known);
            }
        }
        Self {
            stored_bytes: sizes.into_values().fold(0, u64::saturating_add),
            tags: repository.tags.len() as u64,
            manifests: repository.manifests.len() as u64,
            complete: repository.gaps.is_empty(),
        }
    }

    /// Of a repository that is not there.
    pub(super) fn nothing() -> Self {
        Self {
            complete: true,
            ..Self::default()
        }
    }
}

/// A repository by its name in rows.
pub(super) type Place<'a> = (&'a str, &'a str);

impl Store {
    /// The bytes that the repositories of `registry` which `fits` names held over time, summed, oldest first: each value
    /// holds until the next one.
    ///
    /// Within a repository every manifest and blob counts once; what several of them share counts in each. A repository
    /// counts with what its last scan without gaps found. One that was found first when earlier scans of the whole
    /// registry had not had it held nothing before; of any other nobody knows what it held before its first scan, so that
    /// the sums begin where the last of them was first read. They end when one of them was last read. Repositories that
    /// are gone count while they were there.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn growth(
        &self,
        registry: &RegistryHost,
        fits: impl Fn(&RepositoryName) -> bool,
    ) -> Result<Vec<(Timestamp, u64)>, StoreError> {
        let mut transaction = self.named(self.readers.begin().await.map_err(Problem::from))?;
        let read = read_sums(&mut transaction, registry, fits).await;
        self.named(read)
    }
}

async fn read_sums(
    connection: &mut SqliteConnection,
    registry: &RegistryHost,
    fits: impl Fn(&RepositoryName) -> bool,
) -> Result<Vec<(Timestamp, u64)>, Problem> {
    let rows: Vec<(String, i64, i64)> = sqlx::query_as(
        "SELECT name, taken_at, stored_bytes FROM recorded_total WHERE registry = $1 AND complete = 1
         ORDER BY taken_at",
    )
    .bind(registry.as_str())
    .fetch_all(&mut *connection)
    .await?;
    let mut changes = Vec::with_capacity(rows.len());
    let mut known: BTreeMap<String, bool> = BTreeMap::new();
    for (name, taken_at, bytes) in rows {
        let fitting = match known.get(&name) {
            Some(fitting) => *fitting,
            None => fits(&parse(&name)?),
        };
        known.insert(name.clone(), fitting);
        if fitting {
            changes.push((name, taken_at, count(bytes)?));
        }
    }
    let read: Vec<(String, i64)> = sqlx::query_as("SELECT name, taken_at FROM recorded_repository WHERE registry = $1")
        .bind(registry.as_str())
        .fetch_all(connection)
        .await?;
    let read = read.into_iter().filter(|(name, _)| known.get(name) == Some(&true));
    let last_read = read.map(|(_, taken_at)| taken_at).max();
    let sums = sums(&changes, last_read);
    sums.into_iter().map(|(at, sum)| Ok((time(at)?, sum))).collect()
}

/// The sum after each moment at which something changed, from where all are known.
fn sums(changes: &[(String, i64, u64)], last_read: Option<i64>) -> Vec<(i64, u64)> {
    let mut held: BTreeMap<&str, u64> = BTreeMap::new();
    let mut sums: Vec<(i64, u64)> = Vec::new();
    let mut sum = 0_u64;
    for at_once in changes.chunk_by(|one, next| one.1 == next.1) {
        let (mut first, at) = (false, at_once[0].1);
        for (name, _, bytes) in at_once {
            let before = held.insert(name, *bytes);
            first |= before.is_none();
            sum = sum.saturating_sub(before.unwrap_or_default()).saturating_add(*bytes);
        }
        if first {
            sums.clear();
        }
        sums.push((at, sum));
    }
    if let (Some(read), Some((at, sum))) = (last_read, sums.last().copied())
        && read > at
    {
        sums.push((read, sum));
    }
    sums
}

/// Notes what a repository holds, if that has changed.
pub(super) async fn write(
    connection: &mut SqliteConnection,
    place: Place<'_>,
    totals: Totals,
    at: i64,
) -> Result<(), Problem> {
    let newest: Option<(i64, i64, i64, bool)> = sqlx::query_as(
        "SELECT stored_bytes, tags, manifests, complete FROM recorded_total WHERE registry = $1 AND name = $2
         ORDER BY taken_at DESC LIMIT 1",
    )
    .bind(place.0)
    .bind(place.1)
    .fetch_optional(&mut *connection)
    .await?;
    if newest.is_none() {
        write_absence(connection, place, at).await?;
    }
    let row = (
        stored_count(totals.stored_bytes),
        stored_count(totals.tags),
        stored_count(totals.manifests),
        totals.complete,
    );
    if newest == Some(row) {
        return Ok(());
    }
    insert(connection, place, totals, at).await?;
    thin_out(connection, place, at).await
}

/// Of a repository that is new: scans of the whole registry before this one did not have it.
async fn write_absence(connection: &mut SqliteConnection, place: Place<'_>, at: i64) -> Result<(), Problem> {
    let since: Option<i64> =
        sqlx::query_scalar("SELECT complete_since FROM recorded_registry WHERE registry = $1 AND complete_since < $2")
            .bind(place.0)
            .bind(at)
            .fetch_optional(&mut *connection)
            .await?;
    match since {
        Some(since) => insert(connection, place, Totals::nothing(), since).await,
        None => Ok(()),
    }
}

async fn insert(connection: &mut SqliteConnection, place: Place<'_>, totals: Totals, at: i64) -> Result<(), Problem> {
    sqlx::query(
        "INSERT INTO recorded_total (registry, name, taken_at, stored_bytes, tags, manifests, complete)
         VALUES ($1, $2, $3, $4, $5, $6, $7)
         ON CONFLICT DO UPDATE SET stored_bytes = excluded.stored_bytes, tags = excluded.tags,
                                   manifests = excluded.manifests, complete = excluded.complete",
    )
    .bind(place.0)
    .bind(place.1)
    .bind(at)
    .bind(stored_count(totals.stored_bytes))
    .bind(stored_count(totals.tags))
    .bind(stored_count(totals.manifests))
    .bind(totals.complete)
    .execute(connection)
    .await?;
    Ok(())
}

/// Of a repository: one row a day behind a week, and behind the memory only the row that held then.
async fn thin_out(connection: &mut SqliteConnection, place: Place<'_>, at: i64) -> Result<(), Problem> {
    sqlx::query(
        "DELETE FROM recorded_total AS old WHERE registry = $1 AND name = $2 AND taken_at < $3 AND EXISTS (
             SELECT 1 FROM recorded_total AS later
             WHERE later.registry = $1 AND later.name = $2 AND later.taken_at > old.taken_at
                 AND later.complete >= old.complete
                 AND (later.taken_at <= $4
                      OR (later.taken_at < $3 AND later.taken_at / 86400000000 = old.taken_at / 86400000000)))",
    )
    .bind(place.0)
    .bind(place.1)
    .bind(before(at, EVERY_CHANGE)?)
    .bind(before(at, MEMORY)?)
    .execute(connection)
    .await?;
    Ok(())
}

/// Forgets repositories of which nothing is known but that they went that long ago.
pub(super) async fn forget_gone(connection: &mut SqliteConnection, at: i64) -> Result<(), Problem> {
    sqlx::query(
        "DELETE FROM recorded_total AS old
         WHERE taken_at < $1 AND stored_bytes = 0 AND tags = 0 AND manifests = 0
             AND NOT EXISTS (SELECT 1 FROM recorded_total AS later
                             WHERE later.registry = old.registry AND later.name = old.name
                                 AND later.taken_at > old.taken_at)
             AND NOT EXISTS (SELECT 1 FROM recorded_repository AS here
                             WHERE here.registry = old.registry AND here.name = old.name)",
    )
    .bind(before(at, MEMORY)?)
    .execute(connection)
    .await?;
    Ok(())
}

fn before(at: i64, period: SignedDuration) -> Result<i64, Problem> {
    Ok(micros(time(at)?.saturating_sub(period).unwrap_or(Timestamp::MIN)))
}

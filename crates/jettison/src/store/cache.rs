//! Content by digest: manifests as their registry sent them, and facts taken from configs.
//!
//! A digest names its content for ever, so an entry never goes stale; what does not fit its digest is dropped.

use std::collections::HashMap;

use futures_util::TryStreamExt as _;
use jettison_core::model::Digest;
use jettison_core::recognise::ConfigFacts;
use jiff::{SignedDuration, Timestamp};
use sqlx::{QueryBuilder, SqliteConnection, SqlitePool};

use super::error::Problem;
use super::row::{micros, parse, to_json};
use super::{Store, StoreError};

/// Digests asked for in one statement.
const CHUNK: usize = 1000;
/// Rows written by one statement: SQLite takes 32,766 values in one (SQLITE_MAX_VARIABLE_NUMBER).
const ROWS: usize = 250;
/// The last use is kept to the day: a scan that only reads should not write a row for every manifest.
const USE_PRECISION: SignedDuration = SignedDuration::from_hours(24);

/// A manifest as its registry sent it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CachedManifest {
    /// Its digest.
    pub digest: Digest,
    /// The media type that the registry gave with it.
    pub media_type: String,
    /// Its exact bytes.
    pub bytes: Vec<u8>,
}

/// What is worth keeping of a config.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CachedConfig {
    /// The config's digest.
    pub digest: Digest,
    /// The facts taken from it, as JSON.
    pub facts: String,
}

impl CachedConfig {
    /// What the cache keeps of a config; `None` where it cannot be written down.
    pub fn of(digest: &Digest, facts: &ConfigFacts) -> Option<Self> {
        Some(Self {
            digest: digest.clone(),
            facts: serde_json::to_string(facts).ok()?,
        })
    }

    /// The facts; `None` where they are of a form that is no longer known: then they count as not cached.
    pub fn read(&self) -> Option<ConfigFacts> {
        serde_json::from_str(&self.facts).ok()
    }
}

impl Store {
    /// Those of the manifests that the cache has.
    ///
    /// # Errors
    /// If the database fails. A row that does not fit its digest is dropped, and not an error.
    pub async fn manifests(&self, digests: &[Digest]) -> Result<HashMap<Digest, CachedManifest>, StoreError> {
        let mut found = HashMap::with_capacity(digests.len());
        let keep = |manifest: CachedManifest| drop(found.insert(manifest.digest.clone(), manifest));
        self.each_manifest(digests, keep).await?;
        Ok(found)
    }

    /// Hands over those of the manifests that the cache has, one by one: the bytes of many are more than a scan should
    /// have in memory.
    ///
    /// # Errors
    /// As [`Store::manifests`].
    pub async fn each_manifest(&self, digests: &[Digest], take: impl FnMut(CachedManifest)) -> Result<(), StoreError> {
        let read = read_manifests(&self.readers, digests, take).await;
        let touched = self.named(read)?;
        self.touch(&touched, MANIFESTS).await
    }

    /// Puts manifests into the cache.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn put_manifests(&self, manifests: &[CachedManifest]) -> Result<(), StoreError> {
        for chunk in manifests.chunks(CHUNK) {
            let mut transaction = self.begin().await?;
            let written = write_manifests(&mut transaction, chunk).await;
            self.finish(transaction, written).await?;
        }
        Ok(())
    }

    /// Hands over those of the configs that the cache has facts of, one by one.
    ///
    /// # Errors
    /// If the database fails. A row that does not fit its seal is dropped, and not an error.
    pub async fn each_config(&self, digests: &[Digest], take: impl FnMut(CachedConfig)) -> Result<(), StoreError> {
        let read = read_configs(&self.readers, digests, take).await;
        let touched = self.named(read)?;
        self.touch(&touched, CONFIGS).await
    }

    /// Puts facts of configs into the cache.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn put_configs(&self, configs: &[CachedConfig]) -> Result<(), StoreError> {
        for chunk in configs.chunks(CHUNK) {
            let mut transaction = self.begin().await?;
            let written = write_configs(&mut transaction, chunk).await;
            self.finish(transaction, written).await?;
        }
        Ok(())
    }

    /// Drops what was last used before `before` (to the day), and says how many entries that were.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn prune_cache(&self, before: Timestamp) -> Result<u64, StoreError> {
        let mut transaction = self.begin().await?;
        let dropped = drop_unused(&mut transaction, before).await;
        self.finish(transaction, dropped).await
    }

    async fn touch(&self, touched: &Touched, table: Table) -> Result<(), StoreError> {
        if touched.bad.is_empty() && touched.used.is_empty() {
            return Ok(());
        }
        let mut transaction = self.begin().await?;
        let written = write_touched(&mut transaction, touched, table).await;
        self.finish(transaction, written).await
    }
}

/// What a read has to write afterwards.
#[derive(Default)]
struct Touched {
    /// Rows whose content does not fit.
    bad: Vec<String>,
    /// Rows whose last use is long ago.
    used: Vec<String>,
}

impl Touched {
    /// Notes what a row needs, and says whether its content may be used.
    fn note(&mut self, digest: &str, used_at: i64, fits: bool, day_ago: i64) -> bool {
        match fits {
            false => self.bad.push(digest.to_owned()),
            true if used_at < day_ago => self.used.push(digest.to_owned()),
            true => {}
        }
        fits
    }
}

/// The statements that differ from table to table.
#[derive(Clone, Copy)]
struct Table {
    drop: &'static str,
    touch: &'static str,
}

const MANIFESTS: Table = Table {
    drop: "DELETE FROM cached_manifest WHERE digest IN (SELECT value FROM json_each($1))",
    touch: "UPDATE cached_manifest SET used_at = max(used_at, $2) WHERE digest IN (SELECT value FROM json_each($1))",
};
const CONFIGS: Table = Table {
    drop: "DELETE FROM cached_config WHERE digest IN (SELECT value FROM json_each($1))",
    touch: "UPDATE cached_config SET used_at = max(used_at, $2) WHERE digest IN (SELECT value FROM json_each($1))",
};

fn day_ago() -> i64 {
    micros(Timestamp::now()).saturating_sub(i64::try_from(USE_PRECISION.as_micros()).unwrap_or(0))
}

async fn read_manifests(
    readers: &SqlitePool,
    digests: &[Digest],
    mut take: impl FnMut(CachedManifest),
) -> Result<Touched, Problem> {
    let (mut touched, day_ago) = (Touched::default(), day_ago());
    for chunk in digests.chunks(CHUNK) {
        let mut rows = sqlx::query_as::<_, (String, String, i64, Vec<u8>)>(
            "SELECT digest, media_type, used_at, bytes FROM cached_manifest
             WHERE digest IN (SELECT value FROM json_each($1))",
        )
        .bind(to_json(chunk)?)
        .fetch(readers);
        while let Some((text, media_type, used_at, bytes)) = rows.try_next().await? {
            let digest: Digest = parse(&text)?;
            if touched.note(&text, used_at, digest.fits(&bytes), day_ago) {
                take(CachedManifest {
                    digest,
                    media_type,
                    bytes,
                });
            }
        }
    }
    Ok(touched)
}

async fn write_manifests(connection: &mut SqliteConnection, manifests: &[CachedManifest]) -> Result<(), Problem> {
    let now = micros(Timestamp::now());
    for rows in manifests.chunks(ROWS) {
        let mut query = QueryBuilder::new("INSERT INTO cached_manifest (digest, media_type, used_at, bytes) ");
        query.push_values(rows, |mut row, manifest| {
            row.push_bind(manifest.digest.to_string())
                .push_bind(manifest.media_type.as_str())
                .push_bind(now)
                .push_bind(manifest.bytes.as_slice());
        });
        query.push(
            " ON CONFLICT DO UPDATE SET media_type = excluded.media_type, used_at = excluded.used_at,
                                        bytes = excluded.bytes",
        );
        query.build().persistent(false).execute(&mut *connection).await?;
    }
    Ok(())
}

async fn read_configs(
    readers: &SqlitePool,
    digests: &[Digest],
    mut take: impl FnMut(CachedConfig),
) -> Result<Touched, Problem> {
    let (mut touched, day_ago) = (Touched::default(), day_ago());
    for chunk in digests.chunks(CHUNK) {
        let mut rows = sqlx::query_as::<_, (String, i64, String, String)>(
            "SELECT digest, used_at, seal, facts FROM cached_config
             WHERE digest IN (SELECT value FROM json_each($1))",
        )
        .bind(to_json(chunk)?)
        .fetch(readers);
        while let Some((text, used_at, seal, facts)) = rows.try_next().await? {
            let digest: Digest = parse(&text)?;
            if touched.note(&text, used_at, seal_of(&text, &facts) == seal, day_ago) {
                take(CachedConfig { digest, facts });
            }
        }
    }
    Ok(touched)
}

async fn write_configs(connection: &mut SqliteConnection, configs: &[CachedConfig]) -> Result<(), Problem> {
    let now = micros(Timestamp::now());
    for rows in configs.chunks(ROWS) {
        let mut query = QueryBuilder::new("INSERT INTO cached_config (digest, used_at, seal, facts) ");
        query.push_values(rows, |mut row, CachedConfig { digest, facts }| {
            let digest = digest.to_string();
            let seal = seal_of(&digest, facts);
            row.push_bind(digest)
                .push_bind(now)
                .push_bind(seal)
                .push_bind(facts.as_str());
        });
        query.push(
            " ON CONFLICT DO UPDATE SET used_at = excluded.used_at, seal = excluded.seal, facts = excluded.facts",
        );
        query.build().persistent(false).execute(&mut *connection).await?;
    }
    Ok(())
}

fn seal_of(digest: &str, facts: &str) -> String {
    Digest::of(format!("{digest}\n{facts}").as_bytes()).to_string()
}

async fn write_touched(connection: &mut SqliteConnection, touched: &Touched, table: Table) -> Result<(), Problem> {
    let Touched { bad, used } = touched;
    sqlx::query(table.drop)
        .bind(to_json(bad)?)
        .execute(&mut *connection)
        .await?;
    let now = micros(Timestamp::now());
    sqlx::query(table.touch)
        .bind(to_json(used)?)
        .bind(now)
        .execute(&mut *connection)
        .await?;
    Ok(())
}

async fn drop_unused(connection: &mut SqliteConnection, before: Timestamp) -> Result<u64, Problem> {
    let mut dropped = 0;
    for sql in [
        "DELETE FROM cached_manifest WHERE used_at < $1",
        "DELETE FROM cached_config WHERE used_at < $1",
    ] {
        dropped += sqlx::query(sql)
            .bind(micros(before))
            .execute(&mut *connection)
            .await?
            .rows_affected();
    }
    Ok(dropped)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::tests::{digest, hour, manifest, open_new};

    fn config(name: &str) -> CachedConfig {
        CachedConfig {
            digest: digest(name),
            facts: format!("{{\"name\":\"{name}\"}}"),
        }
    }

    async fn configs(store: &Store, digests: &[Digest]) -> HashMap<Digest, CachedConfig> {
        let mut found = HashMap::new();
        let keep = |config: CachedConfig| drop(found.insert(config.digest.clone(), config));
        store.each_config(digests, keep).await.unwrap();
        found
    }

    #[tokio::test]
    async fn the_cache_gives_back_what_fits_and_drops_what_does_not() {
        let (_directory, store) = open_new().await;
        store.put_manifests(&[manifest("a"), manifest("b")]).await.unwrap();
        store.put_configs(&[config("a"), config("b")]).await.unwrap();
        for sql in [
            format!(
                "UPDATE cached_manifest SET bytes = x'00' WHERE digest = '{}'",
                digest("b")
            ),
            format!(
                "UPDATE cached_config SET facts = '{{}}' WHERE digest = '{}'",
                digest("b")
            ),
        ] {
            sqlx::query(sqlx::AssertSqlSafe(sql))
                .execute(&store.writer)
                .await
                .unwrap();
        }
        let asked = ["a", "b", "c"].map(digest);
        let manifests = store.manifests(&asked).await.unwrap();
        assert_eq!(
            manifests.into_iter().collect::<Vec<_>>(),
            [(digest("a"), manifest("a"))]
        );
        let configs = configs(&store, &asked).await;
        assert_eq!(configs.into_iter().collect::<Vec<_>>(), [(digest("a"), config("a"))]);
        for sql in [
            "SELECT count(*) FROM cached_manifest",
            "SELECT count(*) FROM cached_config",
        ] {
            let left: i64 = sqlx::query_scalar(sql).fetch_one(&store.readers).await.unwrap();
            assert_eq!(left, 1, "{sql}");
        }
        store.put_manifests(&[manifest("b")]).await.unwrap();
        assert_eq!(store.manifests(&asked).await.unwrap().len(), 2);
    }

    #[tokio::test]
    async fn the_cache_drops_what_no_scan_has_read_for_long() {
        let (_directory, store) = open_new().await;
        store.put_manifests(&[manifest("a"), manifest("b")]).await.unwrap();
        store.put_configs(&[config("a"), config("b")]).await.unwrap();
        for sql in [
            "UPDATE cached_manifest SET used_at = 1",
            "UPDATE cached_config SET used_at = 1",
        ] {
            sqlx::query(sql).execute(&store.writer).await.unwrap();
        }
        store.manifests(&[digest("a")]).await.unwrap();
        configs(&store, &[digest("b")]).await;
        assert_eq!(store.prune_cache(hour(0)).await.unwrap(), 2);
        let asked = ["a", "b"].map(digest);
        assert!(store.manifests(&asked).await.unwrap().contains_key(&digest("a")));
        assert!(configs(&store, &asked).await.contains_key(&digest("b")));
    }
}

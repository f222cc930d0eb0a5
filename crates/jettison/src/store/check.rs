//! Looks over the store: whether the database is whole, and whether all that was deleted could be put back.
//!
//! It changes nothing; [`Store::compact`] writes the same rows into less space.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use jettison_core::model::{Digest, RegistryHost, RepositoryName, Tag};
use serde::Serialize;
use sqlx::SqliteConnection;

use super::error::Problem;
use super::open::in_path;
use super::row::{count, from_json, parse};
use super::{HalfDone, Store, StoreError, host, record};

/// Dangling references that are listed; SQLite itself ends its list of broken pages there.
const LISTED: u32 = 100;

/// What was found in a store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Checkup {
    /// The database file.
    pub file: PathBuf,
    /// Nothing is damaged.
    pub ok: bool,
    /// The size of the database on the disk in bytes, its write-ahead log included.
    pub bytes: u64,
    /// The part of it that holds nothing.
    pub free_bytes: u64,
    /// Runs in the journal.
    pub runs: u64,
    /// Their entries.
    pub entries: u64,
    /// Manifests whose bytes are saved.
    pub saved_manifests: u64,
    /// How many bytes that are.
    pub saved_bytes: u64,
    /// Plans.
    pub plans: u64,
    /// Repositories that scans have seen.
    pub repositories: u64,
    /// Runs that were killed: the next apply, run or undo sees to them.
    pub interrupted: Vec<HalfDone>,
    /// What is wrong with the database.
    pub damage: Vec<String>,
    /// Deleted manifests that cannot be put back.
    pub lost: Vec<Lost>,
}

/// A deleted manifest that cannot be put back, and the image that it belongs to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Lost {
    /// The run that deleted it.
    pub run: String,
    /// The registry.
    pub registry: RegistryHost,
    /// The repository.
    pub repository: RepositoryName,
    /// The root that it went along with, which cannot be put back whole either; itself if it is one.
    pub root: Digest,
    /// The tags that this root had.
    pub tags: Vec<Tag>,
    /// The manifest.
    pub digest: Digest,
    /// What is wrong with what was saved.
    pub why: String,
}

/// What a compaction did to the size of the database, its write-ahead log included.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Compaction {
    /// The database file.
    pub file: PathBuf,
    /// Bytes on the disk before.
    pub bytes_before: u64,
    /// Bytes on the disk after.
    pub bytes_after: u64,
}

impl Store {
    /// Looks over everything: pages, references, saved bytes.
    ///
    /// # Errors
    /// If the database cannot even be asked. Damage is no error.
    pub async fn check(&self) -> Result<Checkup, StoreError> {
        // Asked while no transaction is open: it looks at the lock.
        let interrupted = self.half_done().await;
        let mut transaction = self.named(self.readers.begin().await.map_err(Problem::from))?;
        let mut found = Checkup {
            file: self.file.clone(),
            ok: true,
            bytes: size_on_disk(&self.file)?,
            free_bytes: 0,
            runs: 0,
            entries: 0,
            saved_manifests: 0,
            saved_bytes: 0,
            plans: 0,
            repositories: 0,
            interrupted: Vec::new(),
            damage: self.named(damage(&mut transaction).await)?,
            lost: Vec::new(),
        };
        // A table that cannot be read is damage like any other, and the rest is still worth telling.
        let counted = count_all(&mut transaction, &mut found).await;
        let lost = lost(&mut transaction, &mut found).await;
        let recorded = record::damaged(&mut transaction).await;
        let recorded = recorded.map(|damage| found.damage.extend(damage));
        let of_servers = host::damaged(&mut transaction).await;
        let of_servers = of_servers.map(|damage| found.damage.extend(damage));
        for problem in [counted, lost, recorded, of_servers]
            .into_iter()
            .filter_map(Result::err)
        {
            found.damage.push(told(problem, &self.file));
        }
        match interrupted {
            Ok(runs) => found.interrupted = runs,
            Err(error) => found.damage.push(crate::output::text::with_causes(&error)),
        }
        found.damage.dedup();
        found.ok = found.damage.is_empty() && found.lost.is_empty();
        Ok(found)
    }

    /// Writes the database anew without what is empty in it. Nothing may apply meanwhile; others may read and write,
    /// and wait for each other.
    ///
    /// # Errors
    /// [`StoreError::Locked`] if a run is active; [`StoreError::DiskFull`] if there is no room for a second copy:
    /// everything is as it was then. Or if the database fails.
    pub async fn compact(&self) -> Result<Compaction, StoreError> {
        let _lock = self.lock_for_run("store compact")?;
        let bytes_before = size_on_disk(&self.file)?;
        let mut connection = self.named(self.writer.acquire().await.map_err(Problem::from))?;
        for statement in [
            "PRAGMA wal_checkpoint(TRUNCATE)",
            "VACUUM",
            "PRAGMA wal_checkpoint(TRUNCATE)",
        ] {
            let done = sqlx::query(statement).execute(&mut *connection).await;
            self.named(done.map_err(Problem::from))?;
        }
        Ok(Compaction {
            file: self.file.clone(),
            bytes_before,
            bytes_after: size_on_disk(&self.file)?,
        })
    }

    /// Whether a store is in `directory` at all: opening one would create it.
    ///
    /// # Errors
    /// If this user may not look, for instance.
    pub fn exists(directory: &Path) -> Result<bool, StoreError> {
        let file = directory.join("jettison.db");
        file.try_exists().map_err(in_path(&file))
    }
}

/// The database and its write-ahead log.
fn size_on_disk(file: &Path) -> Result<u64, StoreError> {
    let mut log = file.as_os_str().to_owned();
    log.push("-wal");
    let database = fs::metadata(file).map_err(in_path(file))?.len();
    match fs::metadata(&log) {
        Ok(metadata) => Ok(database + metadata.len()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(database),
        Err(error) => Err(in_path(Path::new(&log))(error)),
    }
}

/// What SQLite itself finds wrong (<https://www.sqlite.org/pragma.html#pragma_integrity_check>).
async fn damage(connection: &mut SqliteConnection) -> Result<Vec<String>, Problem> {
    let checked = sqlx::query_scalar("PRAGMA integrity_check")
        .fetch_all(&mut *connection)
        .await;
    let mut damage: Vec<String> = match checked {
        Ok(lines) => lines,
        // Where it cannot go on, it says so as an error.
        Err(error) => vec![error.to_string()],
    };
    damage.retain(|line| line != "ok");
    let dangling: Result<Vec<(String, Option<i64>, String)>, _> =
        sqlx::query_as("SELECT \"table\", rowid, parent FROM pragma_foreign_key_check LIMIT $1")
            .bind(LISTED)
            .fetch_all(connection)
            .await;
    match dangling {
        Ok(rows) => damage.extend(rows.into_iter().map(|(table, row, parent)| {
            let row = row.map(|row| format!(" {row}")).unwrap_or_default();
            format!("row{row} of {table} refers to a row of {parent} that is not there")
        })),
        Err(error) => damage.push(error.to_string()),
    }
    Ok(damage)
}

async fn count_all(connection: &mut SqliteConnection, found: &mut Checkup) -> Result<(), Problem> {
    let (pages, size): (i64, i64) =
        sqlx::query_as("SELECT freelist_count, page_size FROM pragma_freelist_count, pragma_page_size")
            .fetch_one(&mut *connection)
            .await?;
    found.free_bytes = count(pages)?.saturating_mul(count(size)?);
    for (sql, place) in [
        ("SELECT count(*) FROM run", &mut found.runs),
        ("SELECT count(*) FROM journal_entry", &mut found.entries),
        ("SELECT count(*) FROM saved_manifest", &mut found.saved_manifests),
        (
            "SELECT coalesce(sum(length(bytes)), 0) FROM saved_manifest",
            &mut found.saved_bytes,
        ),
        ("SELECT count(*) FROM plan", &mut found.plans),
        ("SELECT count(*) FROM repository", &mut found.repositories),
    ] {
        *place = count(sqlx::query_scalar(sql).fetch_one(&mut *connection).await?)?;
    }
    Ok(())
}

/// Entries whose manifest is not saved, or not as it was.
async fn lost(connection: &mut SqliteConnection, found: &mut Checkup) -> Result<(), Problem> {
    let digests: Vec<String> =
        sqlx::query_scalar("SELECT digest FROM journal_entry UNION SELECT digest FROM saved_manifest")
            .fetch_all(&mut *connection)
            .await?;
    for text in digests {
        let digest: Digest = parse(&text)?;
        // One by one: where a page is broken, the others are still looked at.
        let saved: Result<Option<Vec<u8>>, _> =
            sqlx::query_scalar("SELECT bytes FROM saved_manifest WHERE digest = $1")
                .bind(&text)
                .fetch_optional(&mut *connection)
                .await;
        let why = match saved {
            Ok(Some(bytes)) if digest.fits(&bytes) => continue,
            Ok(Some(_)) => "the saved bytes do not fit its digest".to_owned(),
            Ok(None) => "its bytes are not saved".to_owned(),
            Err(error) => format!("its bytes cannot be read: {error}"),
        };
        let images = images_of(connection, &digest, &why).await?;
        if images.is_empty() {
            found
                .damage
                .push(format!("{digest}: {why}; nothing that was deleted needs them"));
        }
        found.lost.extend(images);
    }
    found.lost.sort();
    Ok(())
}

/// Every entry that took a manifest and did not bring it back, with the tags of the root that it went along with.
/// One whose outcome is not known may have taken it.
async fn images_of(connection: &mut SqliteConnection, digest: &Digest, why: &str) -> Result<Vec<Lost>, Problem> {
    let rows: Vec<(String, String, String, String, String)> = sqlx::query_as(
        "SELECT entry.run, entry.registry, entry.repository, entry.root, coalesce(root.tags, '[]')
         FROM journal_entry AS entry
         LEFT JOIN journal_entry AS root
             ON root.run = entry.run AND root.registry = entry.registry AND root.repository = entry.repository
                AND root.digest = entry.root
         WHERE entry.digest = $1 AND entry.action = 'delete'
             AND coalesce(
                 (SELECT outcome FROM journal_outcome WHERE entry = entry.id ORDER BY journal_outcome.id DESC LIMIT 1),
                 'done') IN ('done', 'already-gone', 'asked')",
    )
    .bind(digest.to_string())
    .fetch_all(connection)
    .await?;
    rows.into_iter()
        .map(|(run, registry, repository, root, tags)| {
            Ok(Lost {
                run,
                registry: parse(&registry)?,
                repository: parse(&repository)?,
                root: parse(&root)?,
                tags: from_json(&tags)?,
                digest: digest.clone(),
                why: why.to_owned(),
            })
        })
        .collect()
}

/// A problem in one line.
fn told(problem: Problem, file: &Path) -> String {
    match problem {
        Problem::Database(error) => error.to_string(),
        Problem::Damaged(what) => what,
        refused => crate::output::text::with_causes(&refused.about(file)),
    }
}

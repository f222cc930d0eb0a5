//! Reading the journal.

use std::collections::BTreeMap;

use jettison_core::model::{Digest, RegistryHost, RepositoryName};
use sqlx::SqliteConnection;

use super::record::{EntryId, EntryRecord, Outcome, OutcomeRecord, RunDetail, RunId, RunStatus, RunSummary};
use crate::store::error::Problem;
use crate::store::plans::the_one;
use crate::store::row::{count, from_json, optional_time, parse, time, to_json};
use crate::store::{CachedManifest, ImageName, Store, StoreError};

impl Store {
    /// All runs, newest first. One that never ended is `running` only while some run holds the lock.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn runs(&self) -> Result<Vec<RunSummary>, StoreError> {
        let mut connection = self.named(self.readers.acquire().await.map_err(Problem::from))?;
        let runs = self.named(read_runs(&mut connection, None).await)?;
        self.with_true_status(runs)
    }

    /// The plan that each run carried out; none for what needs no plan, such as an undo. Counts nothing, so that a long
    /// journal costs no time.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn plans_of_runs(&self) -> Result<BTreeMap<RunId, Option<String>>, StoreError> {
        let rows: Result<Vec<(String, Option<String>)>, _> = sqlx::query_as("SELECT id, plan FROM run")
            .fetch_all(&self.readers)
            .await;
        let rows = self.named(rows.map_err(Problem::from))?;
        Ok(rows.into_iter().map(|(id, plan)| (RunId(id), plan)).collect())
    }

    /// Runs that have not ended, oldest first. To whoever holds the lock and has not begun one, all were interrupted.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn interrupted_runs(&self) -> Result<Vec<RunSummary>, StoreError> {
        let mut runs = self.runs().await?;
        runs.retain(|run| run.ended_at.is_none());
        runs.reverse();
        Ok(runs)
    }

    /// The run with this id, or the only one whose id begins so, with all its entries.
    ///
    /// # Errors
    /// [`StoreError::Ambiguous`] if several do, or if the database fails.
    pub async fn run(&self, id: &str) -> Result<Option<RunDetail>, StoreError> {
        // One transaction, so that the counts and the entries are of one moment.
        let mut transaction = self.named(self.readers.begin().await.map_err(Problem::from))?;
        let found = self.named(find_run(&mut transaction, id).await)?;
        drop(transaction);
        let Some((summary, entries)) = found else {
            return Ok(None);
        };
        let summary = self.with_true_status(vec![summary])?.pop();
        Ok(summary.map(|summary| RunDetail { summary, entries }))
    }

    /// Every entry about an image, by its digest or by a tag that it lost, newest first.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn entries_of_image(
        &self,
        registry: &RegistryHost,
        repository: &RepositoryName,
        image: &ImageName,
    ) -> Result<Vec<EntryRecord>, StoreError> {
        let mut transaction = self.named(self.readers.begin().await.map_err(Problem::from))?;
        self.named(find_entries(&mut transaction, registry, repository, image).await)
    }

    /// Every entry about some manifests of a repository, newest first.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn entries_of_manifests(
        &self,
        registry: &RegistryHost,
        repository: &RepositoryName,
        digests: &[&Digest],
    ) -> Result<Vec<EntryRecord>, StoreError> {
        let mut transaction = self.named(self.readers.begin().await.map_err(Problem::from))?;
        self.named(find_by_digest(&mut transaction, registry, repository, digests).await)
    }

    /// The manifest of an entry, to be put back.
    ///
    /// # Errors
    /// [`StoreError::NoEntry`], [`StoreError::Corrupt`] if the bytes do not fit the digest any more, or if the
    /// database fails.
    pub async fn saved_manifest(&self, entry: EntryId) -> Result<CachedManifest, StoreError> {
        let mut connection = self.named(self.readers.acquire().await.map_err(Problem::from))?;
        self.named(read_saved(&mut connection, entry).await)
    }

    /// A run that was killed could not say so: it is over when nobody holds the lock.
    fn with_true_status(&self, mut runs: Vec<RunSummary>) -> Result<Vec<RunSummary>, StoreError> {
        if runs.iter().any(|run| run.status == RunStatus::Running) && !self.is_run_active()? {
            for run in runs.iter_mut().filter(|run| run.status == RunStatus::Running) {
                run.status = RunStatus::Interrupted;
            }
        }
        Ok(runs)
    }
}

#[derive(sqlx::FromRow)]
struct RunRow {
    id: String,
    plan: Option<String>,
    command: String,
    started_at: i64,
    ended_at: Option<i64>,
    status: String,
    deleted: i64,
    archived: i64,
    untagged: i64,
    restored: i64,
    already_gone: i64,
    left: i64,
    failed: i64,
}

/// An entry succeeded if any outcome says so: one that was deleted and put back was deleted. Of what an undo was to
/// put back, that outcome itself is the success. What had gone before is nobody's success here, and no failure; and
/// what was asked for and turned out to be there as before is none either.
async fn read_runs(connection: &mut SqliteConnection, id: Option<&str>) -> Result<Vec<RunSummary>, Problem> {
    let rows: Vec<RunRow> = sqlx::query_as(
        "WITH entry AS (
             SELECT run, action,
                    coalesce(max(outcome = 'done'
                        OR (action = 'restore' AND outcome = 'put-back')), 0) AS succeeded,
                    coalesce(max(outcome = 'already-gone'), 0) AS gone,
                    coalesce(max(outcome = 'failed'), 0) AS failed,
                    coalesce(max(outcome = 'skipped'), 0) AS skipped,
                    coalesce(max(outcome = 'asked'), 0) AS asked
             FROM journal_entry LEFT JOIN journal_outcome ON journal_outcome.entry = journal_entry.id
             WHERE $1 IS NULL OR run = $1
             GROUP BY journal_entry.id)
         SELECT id, plan, command, started_at, ended_at, status,
                count(*) FILTER (WHERE action = 'delete' AND succeeded) AS deleted,
                count(*) FILTER (WHERE action = 'archive' AND succeeded) AS archived,
                count(*) FILTER (WHERE action = 'untag' AND succeeded) AS untagged,
                count(*) FILTER (WHERE action = 'restore' AND succeeded) AS restored,
                count(*) FILTER (WHERE gone AND NOT succeeded) AS already_gone,
                count(*) FILTER (WHERE skipped AND NOT (succeeded OR gone OR failed)) AS left,
                count(*) FILTER (WHERE (failed OR (asked AND NOT skipped)) AND NOT (succeeded OR gone)) AS failed
         FROM run LEFT JOIN entry ON entry.run = run.id
         WHERE $1 IS NULL OR id = $1
         GROUP BY id ORDER BY started_at DESC, id DESC",
    )
    .bind(id)
    .fetch_all(connection)
    .await?;
    rows.into_iter().map(summary_from).collect()
}

fn summary_from(row: RunRow) -> Result<RunSummary, Problem> {
    let RunRow {
        id,
        plan,
        command,
        started_at,
        ended_at,
        status,
        deleted,
        archived,
        untagged,
        restored,
        already_gone,
        left,
        failed,
    } = row;
    Ok(RunSummary {
        id: RunId(id),
        plan,
        command,
        started_at: time(started_at)?,
        ended_at: optional_time(ended_at)?,
        status: parse(&status)?,
        deleted: count(deleted)?,
        archived: count(archived)?,
        untagged: count(untagged)?,
        restored: count(restored)?,
        already_gone: count(already_gone)?,
        left: count(left)?,
        failed: count(failed)?,
    })
}

async fn find_run(
    connection: &mut SqliteConnection,
    prefix: &str,
) -> Result<Option<(RunSummary, Vec<EntryRecord>)>, Problem> {
    let ids = sqlx::query_scalar("SELECT id FROM run WHERE substr(id, 1, length($1)) = $1 ORDER BY id LIMIT 2")
        .bind(prefix)
        .fetch_all(&mut *connection)
        .await?;
    let Some(id) = the_one("run", prefix, ids)? else {
        return Ok(None);
    };
    let Some(summary) = read_runs(connection, Some(&id)).await?.pop() else {
        return Ok(None);
    };
    let rows = sqlx::query_as("SELECT * FROM journal_entry WHERE run = $1 ORDER BY sequence, id")
        .bind(&id)
        .fetch_all(&mut *connection)
        .await?;
    Ok(Some((summary, entries_from(connection, rows).await?)))
}

async fn find_entries(
    connection: &mut SqliteConnection,
    registry: &RegistryHost,
    repository: &RepositoryName,
    image: &ImageName,
) -> Result<Vec<EntryRecord>, Problem> {
    let (tag, digest) = match image {
        ImageName::Tag(tag) => (Some(tag.as_str()), None),
        ImageName::Digest(digest) => (None, Some(digest.to_string())),
    };
    // A large repository has tens of thousands of entries: only tags that have this one somewhere in them are taken
    // apart.
    let rows = sqlx::query_as(
        "SELECT * FROM journal_entry WHERE registry = $1 AND repository = $2
             AND (digest = $3 OR (instr(tags, $4) > 0 AND EXISTS (SELECT 1 FROM json_each(tags) WHERE value = $4)))
         ORDER BY id DESC",
    )
    .bind(registry.as_str())
    .bind(repository.as_str())
    .bind(digest)
    .bind(tag)
    .fetch_all(&mut *connection)
    .await?;
    entries_from(connection, rows).await
}

/// By the index of digests: in a large repository the others would be read again for each call.
async fn find_by_digest(
    connection: &mut SqliteConnection,
    registry: &RegistryHost,
    repository: &RepositoryName,
    digests: &[&Digest],
) -> Result<Vec<EntryRecord>, Problem> {
    let rows = sqlx::query_as(
        "SELECT * FROM journal_entry WHERE digest IN (SELECT value FROM json_each($1))
             AND +registry = $2 AND +repository = $3
         ORDER BY id DESC",
    )
    .bind(to_json(digests)?)
    .bind(registry.as_str())
    .bind(repository.as_str())
    .fetch_all(&mut *connection)
    .await?;
    entries_from(connection, rows).await
}

#[derive(sqlx::FromRow)]
struct EntryRow {
    id: i64,
    run: String,
    sequence: i64,
    registry: String,
    repository: String,
    digest: String,
    action: String,
    root: String,
    tags: String,
    media_type: String,
    referrers: String,
    reason: String,
}

async fn entries_from(connection: &mut SqliteConnection, rows: Vec<EntryRow>) -> Result<Vec<EntryRecord>, Problem> {
    let mut outcomes = read_outcomes(connection, &rows).await?;
    rows.into_iter()
        .map(|row| entry_from(outcomes.remove(&row.id).unwrap_or_default(), row))
        .collect()
}

fn entry_from(outcomes: Vec<OutcomeRecord>, row: EntryRow) -> Result<EntryRecord, Problem> {
    Ok(EntryRecord {
        id: EntryId(row.id),
        run: RunId(row.run),
        sequence: count(row.sequence)?,
        registry: parse(&row.registry)?,
        repository: parse(&row.repository)?,
        digest: parse(&row.digest)?,
        action: parse(&row.action)?,
        root: parse(&row.root)?,
        tags: from_json(&row.tags)?,
        media_type: row.media_type,
        referrers: from_json(&row.referrers)?,
        reason_json: row.reason,
        outcomes,
    })
}

async fn read_outcomes(
    connection: &mut SqliteConnection,
    entries: &[EntryRow],
) -> Result<BTreeMap<i64, Vec<OutcomeRecord>>, Problem> {
    let ids: Vec<i64> = entries.iter().map(|entry| entry.id).collect();
    let rows: Vec<(i64, i64, String, Option<String>)> = sqlx::query_as(
        "SELECT entry, at, outcome, detail FROM journal_outcome
         WHERE entry IN (SELECT value FROM json_each($1)) ORDER BY id",
    )
    .bind(to_json(&ids)?)
    .fetch_all(connection)
    .await?;
    let mut outcomes: BTreeMap<i64, Vec<OutcomeRecord>> = BTreeMap::new();
    for (entry, at, word, detail) in rows {
        let record = OutcomeRecord {
            outcome: outcome_from(&word, detail.unwrap_or_default())?,
            at: time(at)?,
        };
        outcomes.entry(entry).or_default().push(record);
    }
    Ok(outcomes)
}

/// The way back of `words_of` in `write.rs`.
fn outcome_from(word: &str, detail: String) -> Result<Outcome, Problem> {
    match word {
        "done" => Ok(Outcome::Done),
        "already-gone" => Ok(Outcome::AlreadyGone),
        "asked" => Ok(Outcome::Asked { why: detail }),
        "skipped" => Ok(Outcome::Skipped { why: detail }),
        "failed" => Ok(Outcome::Failed { error: detail }),
        "put-back" => Ok(Outcome::PutBack),
        other => Err(Problem::Damaged(format!("`{other}` is no outcome"))),
    }
}

async fn read_saved(connection: &mut SqliteConnection, entry: EntryId) -> Result<CachedManifest, Problem> {
    let row: Option<(String, String, Vec<u8>)> = sqlx::query_as(
        "SELECT digest, media_type, bytes FROM journal_entry JOIN saved_manifest USING (digest) WHERE id = $1",
    )
    .bind(entry.0)
    .fetch_optional(connection)
    .await?;
    let Some((digest, media_type, bytes)) = row else {
        return Err(StoreError::NoEntry { entry: entry.0 }.into());
    };
    let digest: jettison_core::model::Digest = parse(&digest)?;
    if !digest.fits(&bytes) {
        return Err(Problem::Damaged(format!("the bytes saved of {digest} do not fit it")));
    }
    Ok(CachedManifest {
        digest,
        media_type,
        bytes,
    })
}

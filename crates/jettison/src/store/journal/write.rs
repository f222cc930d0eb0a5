//! Writing the journal.

use jiff::Timestamp;
use sqlx::SqliteConnection;

use super::record::{EntryId, Intent, NewOutcome, Outcome, RunId, RunStart, RunStatus};
use crate::store::error::Problem;
use crate::store::row::{micros, stored_count, to_json};
use crate::store::{Store, StoreError};

/// How often another id is drawn.
const DRAWS: usize = 8;

impl Store {
    /// Begins a run.
    ///
    /// # Errors
    /// [`StoreError::RunExists`] if one of this id has begun: draw another. Or if the database fails.
    pub async fn begin_run(&self, start: &RunStart) -> Result<RunId, StoreError> {
        let mut transaction = self.begin().await?;
        let inserted = insert_run(&mut transaction, start).await;
        self.finish(transaction, inserted).await?;
        Ok(start.id.clone())
    }

    /// Begins a run, under another id if one of this id has begun: the part that is drawn is short, so that people can
    /// type it.
    ///
    /// # Errors
    /// As for [`Store::begin_run`], after some draws.
    pub async fn begin_new_run(&self, mut start: RunStart) -> Result<RunId, StoreError> {
        for _ in 0..DRAWS {
            match self.begin_run(&start).await {
                Err(StoreError::RunExists { .. }) => start.id = RunId::draw(start.started_at),
                begun => return begun,
            }
        }
        self.begin_run(&start).await
    }

    /// Records what a run is about to do, all of it in one transaction. When this returns it is on the disk, and only
    /// then may anything be removed. Returns the entries in the order of the intents.
    ///
    /// # Errors
    /// [`StoreError::WrongBytes`] if a manifest could not be put back from what is given, [`StoreError::RunNotOpen`],
    /// or if the database fails. Nothing is recorded then.
    pub async fn record_intent(&self, run: &RunId, intents: &[Intent]) -> Result<Vec<EntryId>, StoreError> {
        if let Some(wrong) = intents.iter().find(|intent| !intent.digest.fits(&intent.bytes)) {
            return Err(StoreError::WrongBytes {
                digest: wrong.digest.clone(),
            });
        }
        let mut transaction = self.begin().await?;
        let written = insert_intents(&mut transaction, run, intents).await;
        self.finish(transaction, written).await
    }

    /// Records what became of an entry.
    ///
    /// # Errors
    /// [`StoreError::NoEntry`], or if the database fails.
    pub async fn record_outcome(&self, entry: EntryId, outcome: Outcome, at: Timestamp) -> Result<(), StoreError> {
        self.record_outcomes(&[NewOutcome { entry, outcome, at }]).await
    }

    /// Records what became of several entries, in one transaction: each is synced, so one by one is slow.
    ///
    /// # Errors
    /// [`StoreError::NoEntry`], or if the database fails. Nothing is recorded then.
    pub async fn record_outcomes(&self, outcomes: &[NewOutcome]) -> Result<(), StoreError> {
        let mut transaction = self.begin().await?;
        let written = insert_outcomes(&mut transaction, outcomes).await;
        self.finish(transaction, written).await
    }

    /// Ends a run. A run ends once.
    ///
    /// # Errors
    /// [`StoreError::RunNotOpen`], or if the database fails.
    pub async fn end_run(&self, run: &RunId, status: RunStatus, at: Timestamp) -> Result<(), StoreError> {
        let mut transaction = self.begin().await?;
        let ended = update_run(&mut transaction, run, status, at).await;
        self.finish(transaction, ended).await
    }

    /// Forgets runs that ended before `before`, with all that could be undone of them, and plans made before it that
    /// no remaining run has applied. A run without an end stays, however old: what it may have left half done is still to
    /// be settled, from what it saved.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn forget_runs_before(&self, before: Timestamp) -> Result<(), StoreError> {
        let mut transaction = self.begin().await?;
        let forgotten = forget(&mut transaction, before).await;
        self.finish(transaction, forgotten).await
    }
}

async fn insert_run(connection: &mut SqliteConnection, start: &RunStart) -> Result<(), Problem> {
    let RunStart {
        id,
        plan_id,
        started_at,
        command,
    } = start;
    let inserted = sqlx::query(
        "INSERT INTO run (id, plan, command, started_at, status) VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING",
    )
    .bind(id.as_str())
    .bind(plan_id)
    .bind(command)
    .bind(micros(*started_at))
    .bind(RunStatus::Running.as_str())
    .execute(connection)
    .await?;
    match inserted.rows_affected() {
        0 => Err(StoreError::RunExists { run: id.to_string() }.into()),
        _ => Ok(()),
    }
}

async fn insert_intents(
    connection: &mut SqliteConnection,
    run: &RunId,
    intents: &[Intent],
) -> Result<Vec<EntryId>, Problem> {
    let open: Option<i64> = sqlx::query_scalar("SELECT 1 FROM run WHERE id = $1 AND ended_at IS NULL")
        .bind(run.as_str())
        .fetch_optional(&mut *connection)
        .await?;
    if open.is_none() {
        return Err(StoreError::RunNotOpen { run: run.to_string() }.into());
    }
    let mut entries = Vec::with_capacity(intents.len());
    for intent in intents {
        save_bytes(connection, intent).await?;
        entries.push(insert_intent(connection, run, intent).await?);
    }
    Ok(entries)
}

/// The same manifest is often saved again, from another repository or after an undo. It is written anew each time:
/// what is there may have been damaged.
async fn save_bytes(connection: &mut SqliteConnection, intent: &Intent) -> Result<(), Problem> {
    sqlx::query(
        "INSERT INTO saved_manifest (digest, bytes) VALUES ($1, $2)
         ON CONFLICT DO UPDATE SET bytes = excluded.bytes",
    )
    .bind(intent.digest.to_string())
    .bind(intent.bytes.as_slice())
    .execute(connection)
    .await?;
    Ok(())
}

async fn insert_intent(connection: &mut SqliteConnection, run: &RunId, intent: &Intent) -> Result<EntryId, Problem> {
    let Intent {
        registry,
        repository,
        digest,
        action,
        root,
        tags,
        media_type,
        bytes: _,
        referrers,
        reason_json,
        sequence,
    } = intent;
    let inserted = sqlx::query(
        "INSERT INTO journal_entry
             (run, sequence, registry, repository, digest, action, root, tags, media_type, referrers, reason, remembered)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11,
             (SELECT json_object(
                     'first_seen_at', first_seen_at,
                     'last_pulled_at', last_pulled_at,
                     'tags', (SELECT json_group_array(json_array(tag, set_at, first_seen_at))
                              FROM known_tag
                              WHERE known_tag.repository = known_manifest.repository AND known_tag.digest = $5))
              FROM known_manifest JOIN repository ON repository.id = known_manifest.repository
              WHERE repository.registry = $3 AND repository.name = $4 AND known_manifest.digest = $5))",
    )
    .bind(run.as_str())
    .bind(stored_count(*sequence))
    .bind(registry.as_str())
    .bind(repository.as_str())
    .bind(digest.to_string())
    .bind(action.as_str())
    .bind(root.to_string())
    .bind(to_json(tags)?)
    .bind(media_type)
    .bind(to_json(referrers)?)
    .bind(reason_json)
    .execute(connection)
    .await?;
    Ok(EntryId(inserted.last_insert_rowid()))
}

async fn insert_outcomes(connection: &mut SqliteConnection, outcomes: &[NewOutcome]) -> Result<(), Problem> {
    for NewOutcome {
        entry: EntryId(entry),
        outcome,
        at,
    } in outcomes
    {
        let (word, detail) = words_of(outcome);
        let inserted = sqlx::query(
            "INSERT INTO journal_outcome (entry, at, outcome, detail)
             SELECT id, $2, $3, $4 FROM journal_entry WHERE id = $1",
        )
        .bind(entry)
        .bind(micros(*at))
        .bind(word)
        .bind(detail)
        .execute(&mut *connection)
        .await?;
        if inserted.rows_affected() == 0 {
            return Err(StoreError::NoEntry { entry: *entry }.into());
        }
    }
    Ok(())
}

/// The stored form of an outcome; `outcome_from` in `read.rs` is the way back.
fn words_of(outcome: &Outcome) -> (&'static str, Option<&str>) {
    match outcome {
        Outcome::Done => ("done", None),
        Outcome::AlreadyGone => ("already-gone", None),
        Outcome::Asked { why } => ("asked", Some(why)),
        Outcome::Skipped { why } => ("skipped", Some(why)),
        Outcome::Failed { error } => ("failed", Some(error)),
        Outcome::PutBack => ("put-back", None),
    }
}

async fn update_run(
    connection: &mut SqliteConnection,
    run: &RunId,
    status: RunStatus,
    at: Timestamp,
) -> Result<(), Problem> {
    let updated = sqlx::query("UPDATE run SET status = $2, ended_at = $3 WHERE id = $1 AND ended_at IS NULL")
        .bind(run.as_str())
        .bind(status.as_str())
        .bind(micros(at))
        .execute(connection)
        .await?;
    match updated.rows_affected() {
        0 => Err(StoreError::RunNotOpen { run: run.to_string() }.into()),
        _ => Ok(()),
    }
}

async fn forget(connection: &mut SqliteConnection, before: Timestamp) -> Result<(), Problem> {
    let statements = [
        "DELETE FROM run WHERE ended_at < $1",
        "DELETE FROM plan WHERE created_at < $1 AND NOT EXISTS (SELECT 1 FROM run WHERE run.plan = plan.id)",
    ];
    for sql in statements {
        sqlx::query(sql).bind(micros(before)).execute(&mut *connection).await?;
    }
    sqlx::query(
        "DELETE FROM saved_manifest
         WHERE NOT EXISTS (SELECT 1 FROM journal_entry WHERE journal_entry.digest = saved_manifest.digest)",
    )
    .execute(connection)
    .await?;
    Ok(())
}

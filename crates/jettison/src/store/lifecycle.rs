//! Lifecycle policies of ECR that were replaced: what was there before is on the disk before anything is written.
//!
//! They are no runs of the journal, which deletes images: nothing here is ever settled by itself.

use jettison_core::model::{RegistryHost, RepositoryName};
use jiff::Timestamp;

use super::error::Problem;
use super::plans::the_one;
use super::row::{micros, optional_time, parse, time};
use super::{RunId, Store, StoreError};

/// A policy that was replaced, or was about to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LifecycleChange {
    /// The call that did it: all its changes have this id.
    pub run: RunId,
    /// The registry.
    pub registry: RegistryHost,
    /// The repository.
    pub repository: RepositoryName,
    /// The text that was there; `None` if there was no policy.
    pub before: Option<String>,
    /// The text in its place.
    pub after: String,
    /// When it was about to be written.
    pub began_at: Timestamp,
    /// Whether it was written; `None` if nobody knows: the process ended, or AWS did not say.
    pub written: Option<bool>,
    /// When the old one was put back, if it was.
    pub undone_at: Option<Timestamp>,
}

/// As its row has it.
type Row = (
    String,
    String,
    String,
    Option<String>,
    String,
    i64,
    Option<String>,
    Option<i64>,
);

const WRITTEN: &str = "written";
const NOT_WRITTEN: &str = "not-written";

impl Store {
    /// Records that a policy is about to be replaced. When this returns it is on the disk, and only then may it be.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn begin_lifecycle_change(&self, change: &LifecycleChange) -> Result<(), StoreError> {
        let mut transaction = self.begin().await?;
        let inserted = sqlx::query(
            "INSERT INTO lifecycle_change (run, registry, name, before, after, began_at) VALUES ($1, $2, $3, $4, $5, $6)",
        )
        .bind(change.run.as_str())
        .bind(change.registry.as_str())
        .bind(change.repository.as_str())
        .bind(&change.before)
        .bind(&change.after)
        .bind(micros(change.began_at))
        .execute(&mut *transaction)
        .await;
        self.finish(transaction, inserted.map(drop).map_err(Problem::from))
            .await
    }

    /// Records whether it was replaced.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn end_lifecycle_change(&self, change: &LifecycleChange, written: bool) -> Result<(), StoreError> {
        let outcome = if written { WRITTEN } else { NOT_WRITTEN };
        let mut transaction = self.begin().await?;
        let updated =
            sqlx::query("UPDATE lifecycle_change SET outcome = $4 WHERE run = $1 AND registry = $2 AND name = $3")
                .bind(change.run.as_str())
                .bind(change.registry.as_str())
                .bind(change.repository.as_str())
                .bind(outcome)
                .execute(&mut *transaction)
                .await;
        self.finish(transaction, updated.map(drop).map_err(Problem::from)).await
    }

    /// Records that what was there before is there again.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn undo_lifecycle_change(&self, change: &LifecycleChange, at: Timestamp) -> Result<(), StoreError> {
        let mut transaction = self.begin().await?;
        let updated =
            sqlx::query("UPDATE lifecycle_change SET undone_at = $4 WHERE run = $1 AND registry = $2 AND name = $3")
                .bind(change.run.as_str())
                .bind(change.registry.as_str())
                .bind(change.repository.as_str())
                .bind(micros(at))
                .execute(&mut *transaction)
                .await;
        self.finish(transaction, updated.map(drop).map_err(Problem::from)).await
    }

    /// The changes of the call with this id, or of the only one whose id begins so, by registry and repository; none where
    /// there is no such call.
    ///
    /// # Errors
    /// [`StoreError::Ambiguous`] if several ids begin so, or if the database fails.
    pub async fn lifecycle_changes(&self, run: &str) -> Result<Vec<LifecycleChange>, StoreError> {
        self.named(self.find_changes(run).await)
    }

    /// All changes that are remembered, the newest call first.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn all_lifecycle_changes(&self) -> Result<Vec<LifecycleChange>, StoreError> {
        let rows = sqlx::query_as(
            "SELECT run, registry, name, before, after, began_at, outcome, undone_at FROM lifecycle_change
             ORDER BY run DESC, registry, name",
        )
        .fetch_all(&self.readers)
        .await;
        self.named(rows.map_err(Problem::from).and_then(read))
    }

    /// Forgets changes that were begun before `before`: after that they cannot be undone.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn forget_lifecycle_changes_before(&self, before: Timestamp) -> Result<(), StoreError> {
        let mut transaction = self.begin().await?;
        let forgotten = sqlx::query("DELETE FROM lifecycle_change WHERE began_at < $1")
            .bind(micros(before))
            .execute(&mut *transaction)
            .await;
        self.finish(transaction, forgotten.map(drop).map_err(Problem::from))
            .await
    }

    async fn find_changes(&self, run: &str) -> Result<Vec<LifecycleChange>, Problem> {
        let ids = sqlx::query_scalar(
            "SELECT DISTINCT run FROM lifecycle_change WHERE substr(run, 1, length($1)) = $1 ORDER BY run LIMIT 2",
        )
        .bind(run)
        .fetch_all(&self.readers)
        .await?;
        let Some(id) = the_one("run", run, ids)? else {
            return Ok(Vec::new());
        };
        let rows = sqlx::query_as(
            "SELECT run, registry, name, before, after, began_at, outcome, undone_at FROM lifecycle_change
             WHERE run = $1 ORDER BY registry, name",
        )
        .bind(id)
        .fetch_all(&self.readers)
        .await?;
        read(rows)
    }
}

fn read(rows: Vec<Row>) -> Result<Vec<LifecycleChange>, Problem> {
    let read = |(run, registry, name, before, after, began_at, outcome, undone_at): Row| {
        Ok(LifecycleChange {
            run: RunId(run),
            registry: parse(&registry)?,
            repository: parse(&name)?,
            before,
            after,
            began_at: time(began_at)?,
            written: match outcome.as_deref() {
                None => None,
                Some(WRITTEN) => Some(true),
                Some(NOT_WRITTEN) => Some(false),
                Some(other) => return Err(Problem::Damaged(format!("`{other}` is no outcome"))),
            },
            undone_at: optional_time(undone_at)?,
        })
    };
    rows.into_iter().map(read).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::tests::{hour, open_new};

    fn change(run: &str, repository: &str, began_at: Timestamp) -> LifecycleChange {
        LifecycleChange {
            run: RunId(run.to_owned()),
            registry: "registry.example.com".parse().unwrap(),
            repository: repository.parse().unwrap(),
            before: None,
            after: "new".to_owned(),
            began_at,
            written: None,
            undone_at: None,
        }
    }

    #[tokio::test]
    async fn a_change_is_told_as_it_was_begun_ended_and_undone() {
        let (_directory, store) = open_new().await;
        let mut web = change("20261121-223311-4f2a", "apps/web", hour(1));
        web.before = Some("old".to_owned());
        let mut api = change("20261121-223311-4f2a", "apps/api", hour(2));
        for change in [&web, &api] {
            store.begin_lifecycle_change(change).await.unwrap();
        }
        assert!(store.begin_lifecycle_change(&web).await.is_err(), "once");
        let told = store.lifecycle_changes("20261121-22").await.unwrap();
        assert_eq!(told, [api.clone(), web.clone()]);
        store.end_lifecycle_change(&web, true).await.unwrap();
        store.end_lifecycle_change(&api, false).await.unwrap();
        store.undo_lifecycle_change(&web, hour(3)).await.unwrap();
        (web.written, api.written, web.undone_at) = (Some(true), Some(false), Some(hour(3)));
        assert_eq!(store.all_lifecycle_changes().await.unwrap(), [api, web]);
    }

    #[tokio::test]
    async fn a_beginning_means_one_call_and_old_ones_are_forgotten() {
        let (_directory, store) = open_new().await;
        for (run, at) in [("20261121-a", hour(1)), ("20261121-b", hour(2))] {
            store
                .begin_lifecycle_change(&change(run, "apps/web", at))
                .await
                .unwrap();
        }
        let ambiguous = store.lifecycle_changes("20261121").await.unwrap_err();
        assert!(matches!(ambiguous, StoreError::Ambiguous { .. }), "{ambiguous:?}");
        assert_eq!(store.lifecycle_changes("2025").await.unwrap(), []);
        store.forget_lifecycle_changes_before(hour(2)).await.unwrap();
        let left = store.all_lifecycle_changes().await.unwrap();
        assert_eq!(left, [change("20261121-b", "apps/web", hour(2))]);
    }
}

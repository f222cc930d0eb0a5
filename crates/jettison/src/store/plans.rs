//! Plans, as they were made. A plan is named by the hash of its content; whoever reads one checks that.

use jiff::Timestamp;

use super::error::Problem;
use super::row::{micros, time};
use super::{Store, StoreError};

/// A plan as it was saved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SavedPlan {
    /// Its id.
    pub id: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// Its JSON form.
    pub json: String,
}

impl Store {
    /// Saves a plan. One of the same id stays as it is, and only counts as newer.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn save_plan(&self, id: &str, created_at: Timestamp, json: &str) -> Result<(), StoreError> {
        let mut transaction = self.begin().await?;
        let saved = sqlx::query(
            "INSERT INTO plan (id, created_at, json) VALUES ($1, $2, $3)
             ON CONFLICT DO UPDATE SET created_at = max(created_at, excluded.created_at)",
        )
        .bind(id)
        .bind(micros(created_at))
        .bind(json)
        .execute(&mut *transaction)
        .await;
        self.finish(transaction, saved.map(drop).map_err(Problem::from)).await
    }

    /// The plan with this id, or the only one whose id begins so.
    ///
    /// # Errors
    /// [`StoreError::Ambiguous`] if several do, or if the database fails.
    pub async fn plan(&self, id: &str) -> Result<Option<SavedPlan>, StoreError> {
        self.named(self.find_plan(id).await)
    }

    /// The ids of the saved plans, newest first.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn plan_ids(&self) -> Result<Vec<String>, StoreError> {
        let ids = sqlx::query_scalar("SELECT id FROM plan ORDER BY created_at DESC, id")
            .fetch_all(&self.readers)
            .await;
        self.named(ids.map_err(Problem::from))
    }

    /// The plan with exactly this id, if its JSON has `mark` somewhere in it.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn plan_with(&self, id: &str, mark: &str) -> Result<Option<SavedPlan>, StoreError> {
        // Looked for here: the database would read a plan of many megabytes twice, to search it and to hand it over.
        let plan = self.named(self.read_plan(id).await)?;
        Ok(plan.filter(|plan| plan.json.contains(mark)))
    }

    /// Forgets all but the newest `kept` plans. The journal keeps the reasons of what was done.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn keep_newest_plans(&self, kept: u32) -> Result<(), StoreError> {
        let mut transaction = self.begin().await?;
        let deleted =
            sqlx::query("DELETE FROM plan WHERE id NOT IN (SELECT id FROM plan ORDER BY created_at DESC, id LIMIT $1)")
                .bind(kept)
                .execute(&mut *transaction)
                .await;
        self.finish(transaction, deleted.map(drop).map_err(Problem::from)).await
    }

    async fn find_plan(&self, prefix: &str) -> Result<Option<SavedPlan>, Problem> {
        let ids = sqlx::query_scalar("SELECT id FROM plan WHERE substr(id, 1, length($1)) = $1 ORDER BY id LIMIT 2")
            .bind(prefix)
            .fetch_all(&self.readers)
            .await?;
        let Some(id) = the_one("plan", prefix, ids)? else {
            return Ok(None);
        };
        self.read_plan(&id).await
    }

    async fn read_plan(&self, id: &str) -> Result<Option<SavedPlan>, Problem> {
        let row = sqlx::query_as("SELECT created_at, json FROM plan WHERE id = $1")
            .bind(id)
            .fetch_optional(&self.readers)
            .await?;
        saved(id, row)
    }
}

fn saved(id: &str, row: Option<(i64, String)>) -> Result<Option<SavedPlan>, Problem> {
    let Some((created_at, json)) = row else { return Ok(None) };
    Ok(Some(SavedPlan {
        id: id.to_owned(),
        created_at: time(created_at)?,
        json,
    }))
}

/// Fewer characters may fit an id by accident: `5` is a slip of the finger, and not the plan that begins with it.
const SHORTEST: usize = 6;

/// Whether this could be the beginning of an id of a plan or a run, and is too short to act upon.
pub fn is_short(beginning: &str) -> bool {
    (1..SHORTEST).contains(&beginning.len()) && beginning.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-')
}

/// What to do about a beginning that [`is_short`].
pub fn too_short(what: &str, beginning: &str) -> String {
    format!("`{beginning}` is too short for the id of a {what}: give at least {SHORTEST} characters of it")
}

/// The id that `prefix` means, among the first two that begin with it, in order: a whole id comes first.
pub(super) fn the_one(what: &'static str, prefix: &str, ids: Vec<String>) -> Result<Option<String>, StoreError> {
    let mut ids = ids.into_iter();
    match (ids.next(), ids.next()) {
        (None, _) => Ok(None),
        _ if prefix.is_empty() => Ok(None),
        (Some(first), Some(_)) if first != prefix => Err(StoreError::Ambiguous {
            what,
            prefix: prefix.to_owned(),
        }),
        (first, _) => Ok(first),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::tests::{hour, open_new};

    #[test]
    fn a_prefix_means_one_id_or_none() {
        let table = [
            ("ab", vec![], Ok(None)),
            ("ab", vec!["abc"], Ok(Some("abc"))),
            ("ab", vec!["abc", "abd"], Err(())),
            ("ab", vec!["ab", "abd"], Ok(Some("ab"))),
            ("", vec!["abc"], Ok(None)),
            ("", vec!["abc", "abd"], Ok(None)),
        ];
        for (prefix, ids, expected) in table {
            let found = the_one("plan", prefix, ids.iter().map(ToString::to_string).collect());
            assert_eq!(
                found.map_err(drop),
                expected.map(|id| id.map(str::to_owned)),
                "{prefix:?} {ids:?}"
            );
        }
    }

    #[tokio::test]
    async fn plans_stay_as_they_were_saved_first() {
        let (_directory, store) = open_new().await;
        store.save_plan("abc", hour(2), "{\"a\":1}").await.unwrap();
        store.save_plan("abc", hour(1), "{}").await.unwrap();
        store.save_plan("abd", hour(1), "{}").await.unwrap();
        let plan = store.plan("abc").await.unwrap().unwrap();
        assert_eq!((plan.created_at, plan.json.as_str()), (hour(2), "{\"a\":1}"));
        assert_eq!(store.plan("abd").await.unwrap().unwrap().id, "abd");
        assert!(matches!(
            store.plan("ab").await,
            Err(StoreError::Ambiguous { what: "plan", .. })
        ));
        assert_eq!(store.plan("").await.unwrap(), None);
        assert_eq!(store.plan("b").await.unwrap(), None);
        assert_eq!(store.plan_with("abc", "\"a\"").await.unwrap(), Some(plan));
        for (id, mark) in [("abc", "\"b\""), ("abd", "\"a\""), ("ab", "\"a\"")] {
            assert_eq!(store.plan_with(id, mark).await.unwrap(), None, "{id} {mark}");
        }
    }
}

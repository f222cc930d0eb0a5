//! What was in use lately, per usage source: for rollbacks, cron jobs, and to notice a source that falls silent.

use std::collections::BTreeMap;

use jettison_core::model::{Digest, Reference};
use jiff::Timestamp;
use sqlx::{SqliteConnection, SqlitePool};

use super::error::Problem;
use super::row::{count, micros, parse, stored_count, time};
use super::{Store, StoreError};

/// An image that a source referred to, and when it last did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RememberedReference {
    /// The name of the source.
    pub source: String,
    /// The reference as it was written.
    pub image: String,
    /// What it resolved to, where the source knew.
    pub digest: Option<Digest>,
    /// One of those that referred to it, the last time.
    pub used_by: String,
    /// When it was last seen in use.
    pub last_seen_at: Timestamp,
}

impl Store {
    /// Remembers what a source said, and how many distinct images of managed registries it names now, or is held to.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn remember_usage(
        &self,
        source: &str,
        references: &[Reference],
        named: u64,
        taken_at: Timestamp,
    ) -> Result<(), StoreError> {
        let mut transaction = self.begin().await?;
        let written = remember(&mut transaction, source, (references, named), taken_at).await;
        self.finish(transaction, written).await
    }

    /// Everything seen in use at `since` or later, by any source.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn recent_usage(&self, since: Timestamp) -> Result<Vec<RememberedReference>, StoreError> {
        self.named(read_recent(&self.readers, since).await)
    }

    /// The most distinct images, as written, that a source named in one scan at `since` or later.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn most_images_named(&self, source: &str, since: Timestamp) -> Result<Option<u64>, StoreError> {
        let most: Result<Option<i64>, _> =
            sqlx::query_scalar("SELECT max(images) FROM images_named WHERE source = $1 AND taken_at >= $2")
                .bind(source)
                .bind(micros(since))
                .fetch_one(&self.readers)
                .await;
        self.named(most.map_err(Problem::from).and_then(|most| most.map(count).transpose()))
    }

    /// Forgets how many images a source has named: somebody accepted that it names fewer now. The images it named
    /// stay remembered.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn accept_shrunk_usage(&self, source: &str) -> Result<(), StoreError> {
        let mut transaction = self.begin().await?;
        let deleted = sqlx::query("DELETE FROM images_named WHERE source = $1")
            .bind(source)
            .execute(&mut *transaction)
            .await;
        self.finish(transaction, deleted.map(drop).map_err(Problem::from)).await
    }

    /// Forgets what was last in use before `before`.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn forget_usage_before(&self, before: Timestamp) -> Result<(), StoreError> {
        let mut transaction = self.begin().await?;
        let forgotten = forget(&mut transaction, before).await;
        self.finish(transaction, forgotten).await
    }
}

async fn remember(
    connection: &mut SqliteConnection,
    source: &str,
    (references, named): (&[Reference], u64),
    taken_at: Timestamp,
) -> Result<(), Problem> {
    for ((image, digest), (used_by, seen_at)) in latest_sights(references, taken_at) {
        sqlx::query(
            "INSERT INTO used_image (source, image, digest, used_by, last_seen_at) VALUES ($1, $2, $3, $4, $5)
             ON CONFLICT DO UPDATE SET used_by = excluded.used_by, last_seen_at = excluded.last_seen_at
             WHERE excluded.last_seen_at >= last_seen_at",
        )
        .bind(source)
        .bind(image)
        .bind(digest.map(Digest::to_string).unwrap_or_default())
        .bind(used_by)
        .bind(micros(seen_at))
        .execute(&mut *connection)
        .await?;
    }
    sqlx::query(
        "INSERT INTO images_named (source, taken_at, images) VALUES ($1, $2, $3)
         ON CONFLICT DO UPDATE SET images = max(images, excluded.images)",
    )
    .bind(source)
    .bind(micros(taken_at))
    .bind(stored_count(named))
    .execute(connection)
    .await?;
    Ok(())
}

/// One row an image, not one a user: the pods of a cron job have a new name every minute.
fn latest_sights(
    references: &[Reference],
    taken_at: Timestamp,
) -> BTreeMap<(&str, Option<&Digest>), (&str, Timestamp)> {
    let mut sights = BTreeMap::new();
    for reference in references {
        let seen_at = reference.last_seen_at.unwrap_or(taken_at);
        let sight = sights
            .entry((reference.image.as_str(), reference.digest.as_ref()))
            .or_insert((reference.used_by.as_str(), seen_at));
        if seen_at > sight.1 {
            *sight = (reference.used_by.as_str(), seen_at);
        }
    }
    sights
}

async fn read_recent(readers: &SqlitePool, since: Timestamp) -> Result<Vec<RememberedReference>, Problem> {
    let rows: Vec<(String, String, String, String, i64)> = sqlx::query_as(
        "SELECT source, image, digest, used_by, last_seen_at FROM used_image WHERE last_seen_at >= $1
         ORDER BY source, image, digest",
    )
    .bind(micros(since))
    .fetch_all(readers)
    .await?;
    rows.into_iter()
        .map(|(source, image, digest, used_by, last_seen_at)| {
            let digest = if digest.is_empty() { None } else { Some(parse(&digest)?) };
            Ok(RememberedReference {
                source,
                image,
                digest,
                used_by,
                last_seen_at: time(last_seen_at)?,
            })
        })
        .collect()
}

async fn forget(connection: &mut SqliteConnection, before: Timestamp) -> Result<(), Problem> {
    for sql in [
        "DELETE FROM used_image WHERE last_seen_at < $1",
        "DELETE FROM images_named WHERE taken_at < $1",
    ] {
        sqlx::query(sql).bind(micros(before)).execute(&mut *connection).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::tests::{digest, hour, open_new};

    fn reference(image: &str, resolved: Option<&str>, used_by: &str, last_seen_at: Option<i64>) -> Reference {
        let (image, used_by) = (image.to_owned(), used_by.to_owned());
        Reference {
            image,
            digest: resolved.map(digest),
            used_by,
            last_seen_at: last_seen_at.map(hour),
        }
    }

    #[tokio::test]
    async fn usage_is_remembered_by_image_until_it_is_forgotten() {
        let (_directory, store) = open_new().await;
        let first = [
            reference("r/a:1", None, "Pod one", None),
            reference("r/a:1", Some("a"), "Pod one", None),
        ];
        store.remember_usage("prod", &first, 1, hour(1)).await.unwrap();
        let second = [
            reference("r/a:1", None, "Pod two", None),
            reference("r/a:1", None, "Pod three", Some(1)),
            reference("r/b:1", None, "Pod gone", Some(0)),
        ];
        store.remember_usage("prod", &second, 1, hour(3)).await.unwrap();
        store.remember_usage("prod", &first, 1, hour(2)).await.unwrap();
        store.remember_usage("test", &first[..1], 1, hour(2)).await.unwrap();
        let recent = async |since: i64| {
            let remembered = store.recent_usage(hour(since)).await.unwrap();
            let draw = |r: RememberedReference| {
                let at = r.last_seen_at.duration_since(hour(0)).as_hours();
                format!(
                    "{} {} {} {at} {}",
                    r.source,
                    r.image,
                    r.used_by,
                    r.digest == Some(digest("a"))
                )
            };
            remembered.into_iter().map(draw).collect::<Vec<_>>()
        };
        let all = [
            "prod r/a:1 Pod two 3 false",
            "prod r/a:1 Pod one 2 true",
            "prod r/b:1 Pod gone 0 false",
        ];
        let test = "test r/a:1 Pod one 2 false";
        assert_eq!(recent(0).await, [all[0], all[1], all[2], test]);
        assert_eq!(recent(3).await, [all[0]]);
        store.forget_usage_before(hour(2)).await.unwrap();
        assert_eq!(recent(0).await, [all[0], all[1], test]);
    }

    #[tokio::test]
    async fn the_most_images_that_a_source_named_lately_are_known() {
        let (_directory, store) = open_new().await;
        for (at, named) in [(1, 2), (1, 1), (2, 1), (3, 0)] {
            let references = [reference("a", None, "x", None)];
            store
                .remember_usage("prod", &references, named, hour(at))
                .await
                .unwrap();
        }
        let most = async |source: &str, since: i64| store.most_images_named(source, hour(since)).await.unwrap();
        let all = [
            most("prod", 1).await,
            most("prod", 2).await,
            most("prod", 3).await,
            most("prod", 4).await,
        ];
        assert_eq!(all, [Some(2), Some(1), Some(0), None]);
        assert_eq!(most("test", 1).await, None);
        store.accept_shrunk_usage("prod").await.unwrap();
        assert_eq!(most("prod", 1).await, None);
        assert_eq!(
            store.recent_usage(hour(0)).await.unwrap().len(),
            1,
            "what was in use stays remembered"
        );
    }
}

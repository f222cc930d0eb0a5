//! The history of tags: which image each pointed to, and when. Only ever added to, and bounded.

use std::collections::BTreeMap;

use jettison_core::model::{Digest, RegistryHost, RepositoryName, Tag};
use jiff::{SignedDuration, Timestamp};
use sqlx::{SqliteConnection, SqlitePool};

use crate::store::error::Problem;
use crate::store::row::{bulk, micros, optional_time, parse, time};
use crate::store::{ImageName, Store, StoreError};

use super::TagMemory;

/// How long the end of a period is remembered.
const KEPT_FOR: SignedDuration = SignedDuration::from_hours(90 * 24);

/// A time in which a tag pointed to one image, as scans saw it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TagPeriod {
    /// The tag.
    pub tag: Tag,
    /// What it pointed to.
    pub digest: Digest,
    /// When a scan first saw that.
    pub from: Timestamp,
    /// When a scan first saw it no longer; none if it still does.
    pub until: Option<Timestamp>,
}

/// What an observation changed.
pub(super) struct Changes<'a> {
    /// Tags that no longer point where they did.
    ended: Vec<&'a Tag>,
    /// Tags that point somewhere new.
    begun: Vec<(&'a Tag, &'a Digest)>,
}

impl Store {
    /// When a tag pointed where, or which tags pointed to an image: newest first. The last 90 days, and of each tag
    /// at most 50 periods.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn tag_history(
        &self,
        registry: &RegistryHost,
        repository: &RepositoryName,
        image: &ImageName,
    ) -> Result<Vec<TagPeriod>, StoreError> {
        self.named(read(&self.readers, registry, repository, image).await)
    }
}

async fn read(
    readers: &SqlitePool,
    registry: &RegistryHost,
    repository: &RepositoryName,
    image: &ImageName,
) -> Result<Vec<TagPeriod>, Problem> {
    let (tag, digest) = match image {
        ImageName::Tag(tag) => (Some(tag.as_str()), None),
        ImageName::Digest(digest) => (None, Some(digest.to_string())),
    };
    let rows: Vec<(String, String, i64, Option<i64>)> = sqlx::query_as(
        "SELECT tag, digest, from_at, until_at FROM tag_period
         JOIN repository ON repository.id = tag_period.repository
         WHERE registry = $1 AND name = $2 AND (tag = $3 OR digest = $4)
         ORDER BY from_at DESC, tag_period.id DESC",
    )
    .bind(registry.as_str())
    .bind(repository.as_str())
    .bind(tag)
    .bind(digest)
    .fetch_all(readers)
    .await?;
    rows.into_iter()
        .map(|(tag, digest, from, until)| {
            Ok(TagPeriod {
                tag: parse(&tag)?,
                digest: parse(&digest)?,
                from: time(from)?,
                until: optional_time(until)?,
            })
        })
        .collect()
}

/// The periods that ended and began between two memories.
pub(super) fn changes<'a>(before: &'a BTreeMap<Tag, TagMemory>, after: &'a BTreeMap<Tag, TagMemory>) -> Changes<'a> {
    let same = |tag: &Tag| before.get(tag).map(|tag| &tag.digest) == after.get(tag).map(|tag| &tag.digest);
    let begun = after
        .iter()
        .filter(|(tag, _)| !same(tag))
        .map(|(tag, memory)| (tag, &memory.digest));
    Changes {
        ended: before.keys().filter(|tag| !same(tag)).collect(),
        begun: begun.collect(),
    }
}

/// Writes the changes of an observation at `at`, and forgets what is over the bounds.
pub(super) async fn write(
    connection: &mut SqliteConnection,
    repository: i64,
    Changes { ended, begun }: Changes<'_>,
    at: Timestamp,
) -> Result<(), Problem> {
    const END: &str = "UPDATE tag_period SET until_at = value ->> 1 FROM json_each($2)
         WHERE repository = $1 AND tag = value ->> 0 AND until_at IS NULL";
    const BEGIN: &str = "INSERT INTO tag_period (repository, tag, digest, from_at)
         SELECT $1, value ->> 0, value ->> 1, value ->> 2 FROM json_each($2)";
    const KEEP_FIFTY: &str = "DELETE FROM tag_period WHERE id IN (
             SELECT id FROM (
                 SELECT id, row_number() OVER (PARTITION BY tag ORDER BY id DESC) AS place
                 FROM tag_period WHERE repository = $1 AND tag IN (SELECT value FROM json_each($2)))
             WHERE place > 50)";
    let ended: Vec<_> = ended.into_iter().map(|tag| (tag, micros(at))).collect();
    bulk(connection, END, repository, &ended).await?;
    let tags: Vec<_> = begun.iter().map(|(tag, _)| *tag).collect();
    let begun: Vec<_> = begun
        .into_iter()
        .map(|(tag, digest)| (tag, digest, micros(at)))
        .collect();
    bulk(connection, BEGIN, repository, &begun).await?;
    bulk(connection, KEEP_FIFTY, repository, &tags).await?;
    sqlx::query("DELETE FROM tag_period WHERE repository = $1 AND until_at < $2")
        .bind(repository)
        .bind(at.checked_sub(KEPT_FOR).map_or(i64::MIN, micros))
        .execute(connection)
        .await?;
    Ok(())
}

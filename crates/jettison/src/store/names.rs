//! The names of the images that the store has heard of.

use jettison_core::model::{RegistryHost, RepositoryName, Tag};

use super::error::Problem;
use super::row::parse;
use super::{Store, StoreError};

/// A tag and where it is, or was.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct KnownTag {
    /// The registry.
    pub registry: RegistryHost,
    /// The repository.
    pub repository: RepositoryName,
    /// The tag.
    pub tag: Tag,
}

impl Store {
    /// Every tag that the latest scans saw or that a run took away, in order.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn known_tags(&self) -> Result<Vec<KnownTag>, StoreError> {
        self.named(self.read_known_tags().await)
    }

    async fn read_known_tags(&self) -> Result<Vec<KnownTag>, Problem> {
        let rows: Vec<(String, String, String)> = sqlx::query_as(
            "SELECT registry, name, tag FROM known_tag JOIN repository ON repository.id = known_tag.repository
             UNION SELECT registry, repository, value FROM journal_entry, json_each(tags)
             ORDER BY 1, 2, 3",
        )
        .fetch_all(&self.readers)
        .await?;
        rows.into_iter()
            .map(|(registry, repository, tag)| {
                Ok(KnownTag {
                    registry: parse(&registry)?,
                    repository: parse(&repository)?,
                    tag: parse(&tag)?,
                })
            })
            .collect()
    }
}

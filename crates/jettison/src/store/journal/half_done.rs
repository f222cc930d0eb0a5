//! Runs that were interrupted, and how many images they may have left without their tags.
//!
//! Reads only open runs: it is asked whenever a store is opened, and a long journal must cost nothing then.

use std::fmt;

use serde::Serialize;

use super::record::RunId;
use crate::output::text::count as counted;
use crate::store::error::Problem;
use crate::store::row::count;
use crate::store::{Store, StoreError};

/// A run that was interrupted. In JSON, its id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct HalfDone {
    /// Its id.
    pub run: RunId,
    /// Tagged images of which it is not known what became of them. Where tags go first, they may be there without
    /// their tags.
    #[serde(skip)]
    pub images: u64,
}

impl fmt::Display for HalfDone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "run {} was interrupted: ", self.run)?;
        let (images, their, they) = match self.images {
            0 => return f.write_str("the next `jettison apply`, `run` or `undo` finishes or drops it"),
            1 => ("1 image".to_owned(), "its", "it"),
            more => (counted(more, "image"), "their", "they"),
        };
        write!(
            f,
            "{images} may be without {their} tags until the next `jettison apply`, `run` or `undo`; {they} can still be \
             pulled by digest"
        )
    }
}

impl Store {
    /// Runs that were interrupted and not settled since, oldest first. None while a run is at work, which settles the
    /// others before it begins.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn half_done(&self) -> Result<Vec<HalfDone>, StoreError> {
        let found = self.named(self.read_half_done().await)?;
        if found.is_empty() || self.is_run_active()? {
            return Ok(Vec::new());
        }
        Ok(found)
    }

    async fn read_half_done(&self) -> Result<Vec<HalfDone>, Problem> {
        let rows: Vec<(String, i64)> = sqlx::query_as(
            "SELECT run.id, count(entry.id) FILTER (
                 WHERE entry.action IN ('delete', 'untag') AND entry.tags <> '[]' AND coalesce(
                     (SELECT outcome FROM journal_outcome WHERE entry = entry.id
                      ORDER BY journal_outcome.id DESC LIMIT 1), 'asked') = 'asked')
             FROM run LEFT JOIN journal_entry AS entry ON entry.run = run.id
             WHERE run.ended_at IS NULL
             GROUP BY run.id ORDER BY run.started_at, run.id",
        )
        .fetch_all(&self.readers)
        .await?;
        rows.into_iter()
            .map(|(run, images)| {
                Ok(HalfDone {
                    run: RunId(run),
                    images: count(images)?,
                })
            })
            .collect()
    }
}

//! What the ledger knew of images before they were deleted, taken out of the journal for an undo.

use jettison_core::model::{Digest, RegistryHost, RepositoryName};
use jiff::Timestamp;
use sqlx::SqliteConnection;

use super::ensure_repository;
use crate::store::error::Problem;
use crate::store::row::{micros, to_json};

/// The newest entry of each digest that knows anything. The one of a run that came too late knows nothing.
const LATEST: &str = "latest AS (
    SELECT digest, remembered FROM journal_entry WHERE id IN (
        SELECT max(id) FROM journal_entry
        WHERE registry = $2 AND repository = $3 AND remembered IS NOT NULL
              AND digest IN (SELECT value FROM json_each($4))
        GROUP BY digest))";

const MANIFESTS: &str = "INSERT INTO known_manifest (repository, digest, first_seen_at, last_seen_at, last_pulled_at)
    SELECT $1, digest, remembered ->> 'first_seen_at', max($5, remembered ->> 'first_seen_at'),
           remembered ->> 'last_pulled_at'
    FROM latest WHERE true ON CONFLICT DO NOTHING";

const TAGS: &str = "INSERT INTO known_tag (repository, tag, digest, set_at, first_seen_at)
    SELECT $1, tag.value ->> 0, digest, tag.value ->> 1, tag.value ->> 2
    FROM latest, json_each(remembered, '$.tags') AS tag WHERE true ON CONFLICT DO NOTHING";

/// No scan will see that these periods begin: they begin now.
const PERIODS: &str = "INSERT INTO tag_period (repository, tag, digest, from_at)
    SELECT $1, known_tag.tag, known_tag.digest, $5
    FROM latest JOIN known_tag ON known_tag.repository = $1 AND known_tag.digest = latest.digest
    WHERE NOT EXISTS (SELECT 1 FROM tag_period
                      WHERE tag_period.repository = $1 AND tag_period.tag = known_tag.tag AND until_at IS NULL)";

/// Makes known again what the ledger knew of these manifests and of their tags; of what it knows now, nothing changes.
pub(super) async fn known_before(
    connection: &mut SqliteConnection,
    (registry, repository): (&RegistryHost, &RepositoryName),
    digests: &[Digest],
    at: Timestamp,
) -> Result<(), Problem> {
    let id = ensure_repository(connection, registry, repository).await?;
    let digests = to_json(digests)?;
    for write in [MANIFESTS, TAGS, PERIODS] {
        sqlx::query(sqlx::AssertSqlSafe(format!("WITH {LATEST} {write}")))
            .bind(id)
            .bind(registry.as_str())
            .bind(repository.as_str())
            .bind(&digests)
            .bind(micros(at))
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}

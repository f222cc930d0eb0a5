//! What jettison itself read where the registry takes reading for a pull. It is remembered for as long as the manifest is there.
//!
//! What a read means for a pull time is for the registry's adapter to say.

use std::collections::BTreeMap;

use async_trait::async_trait;
use jettison_core::model::{Digest, RegistryHost, RepositoryName};
use jiff::Timestamp;
use sqlx::SqliteConnection;

use super::error::Problem;
use super::ledger::{ensure_repository, find_repository};
use super::row::{bulk, micros, optional_time, parse, time, to_json};
use super::{Store, StoreError};
use crate::output::text::with_causes;
use crate::registry::{OwnRead, OwnReads, pulled_by_others};

/// The most reads of one manifest that are remembered. A manifest is read once and kept; more often only where a deletion fails
/// again and again.
const MOST: usize = 32;

type Row = (String, i64, Option<i64>, Option<i64>);

#[async_trait]
impl OwnReads for Store {
    async fn note(&self, place: (&RegistryHost, &RepositoryName), reads: &[OwnRead]) -> Result<(), String> {
        let noted = self.note_own_reads(place, reads).await;
        noted.map_err(|error| with_causes(&error))
    }

    async fn of(&self, place: (&RegistryHost, &RepositoryName)) -> Result<BTreeMap<Digest, Vec<OwnRead>>, String> {
        let read = self.named(self.own_reads_of(place).await);
        read.map_err(|error| with_causes(&error))
    }
}

impl Store {
    async fn note_own_reads(
        &self,
        (registry, repository): (&RegistryHost, &RepositoryName),
        reads: &[OwnRead],
    ) -> Result<(), StoreError> {
        let mut transaction = self.begin().await?;
        let written = async {
            let id = ensure_repository(&mut transaction, registry, repository).await?;
            write(&mut transaction, id, reads).await?;
            bound(&mut transaction, id, reads).await
        }
        .await;
        self.finish(transaction, written).await
    }

    async fn own_reads_of(
        &self,
        (registry, repository): (&RegistryHost, &RepositoryName),
    ) -> Result<BTreeMap<Digest, Vec<OwnRead>>, Problem> {
        let mut connection = self.readers.acquire().await?;
        let Some(id) = find_repository(&mut connection, registry, repository).await? else {
            return Ok(BTreeMap::new());
        };
        let rows: Vec<Row> = sqlx::query_as(
            "SELECT digest, began_at, pulled_before, ended_at FROM own_read WHERE repository = $1
             ORDER BY digest, began_at",
        )
        .bind(id)
        .fetch_all(&mut *connection)
        .await?;
        by_digest(rows)
    }
}

/// Forgets the reads before `before` of what is not known to be there any more.
pub(super) async fn forget_gone(
    connection: &mut SqliteConnection,
    repository: i64,
    before: Timestamp,
) -> Result<(), Problem> {
    sqlx::query(
        "DELETE FROM own_read WHERE repository = $1 AND began_at < $2 AND NOT EXISTS (
             SELECT 1 FROM known_manifest AS known
             WHERE known.repository = own_read.repository AND known.digest = own_read.digest)",
    )
    .bind(repository)
    .bind(micros(before))
    .execute(connection)
    .await?;
    Ok(())
}

async fn write(connection: &mut SqliteConnection, repository: i64, reads: &[OwnRead]) -> Result<(), Problem> {
    const WRITE: &str = "INSERT INTO own_read (repository, digest, began_at, pulled_before, ended_at)
         SELECT $1, value ->> 0, value ->> 1, value ->> 2, value ->> 3 FROM json_each($2) WHERE true
         ON CONFLICT DO UPDATE SET pulled_before = excluded.pulled_before, ended_at = excluded.ended_at";
    let row = |read: &OwnRead| {
        let [began, before, ended] = [Some(read.began_at), read.pulled_before, read.ended_at].map(|at| at.map(micros));
        (read.digest.to_string(), began, before, ended)
    };
    let rows: Vec<_> = reads.iter().map(row).collect();
    bulk(connection, WRITE, repository, &rows).await
}

/// Forgets the oldest reads of what was read too often. Their own pulls before live on in those that are kept.
async fn bound(connection: &mut SqliteConnection, repository: i64, reads: &[OwnRead]) -> Result<(), Problem> {
    let digests: Vec<&Digest> = reads.iter().map(|read| &read.digest).collect();
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT digest, began_at, pulled_before, ended_at FROM own_read WHERE repository = $1 AND digest IN (
             SELECT digest FROM own_read WHERE repository = $1 AND digest IN (SELECT value FROM json_each($2))
             GROUP BY digest HAVING count(*) > $3)
         ORDER BY digest, began_at",
    )
    .bind(repository)
    .bind(to_json(&digests)?)
    .bind(i64::try_from(MOST).unwrap_or(i64::MAX))
    .fetch_all(&mut *connection)
    .await?;
    for (digest, all) in by_digest(rows)? {
        let kept = all.iter().skip(all.len().saturating_sub(MOST)).map(|read| OwnRead {
            pulled_before: pulled_by_others(read.pulled_before, &all),
            ..read.clone()
        });
        let kept: Vec<OwnRead> = kept.collect();
        sqlx::query("DELETE FROM own_read WHERE repository = $1 AND digest = $2")
            .bind(repository)
            .bind(digest.to_string())
            .execute(&mut *connection)
            .await?;
        write(connection, repository, &kept).await?;
    }
    Ok(())
}

fn by_digest(rows: Vec<Row>) -> Result<BTreeMap<Digest, Vec<OwnRead>>, Problem> {
    let mut reads: BTreeMap<Digest, Vec<OwnRead>> = BTreeMap::new();
    for (digest, began_at, pulled_before, ended_at) in rows {
        let digest: Digest = parse(&digest)?;
        let read = OwnRead {
            digest: digest.clone(),
            pulled_before: optional_time(pulled_before)?,
            began_at: time(began_at)?,
            ended_at: optional_time(ended_at)?,
        };
        reads.entry(digest).or_default().push(read);
    }
    Ok(reads)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::store::Observation;
    use crate::store::tests::{digest, hour, open_new, registry, repository};

    fn read(name: &str, began: i64) -> OwnRead {
        OwnRead {
            digest: digest(name),
            pulled_before: None,
            began_at: hour(began),
            ended_at: None,
        }
    }

    async fn note(store: &Store, reads: &[OwnRead]) {
        store.note((&registry(), &repository()), reads).await.unwrap();
    }

    async fn known(store: &Store) -> BTreeMap<Digest, Vec<OwnRead>> {
        store.of((&registry(), &repository())).await.unwrap()
    }

    async fn observe(store: &Store, names: &[&str], complete: bool) {
        let observation = Observation {
            registry: registry(),
            repository: repository(),
            taken_at: hour(50),
            complete,
            tags: BTreeMap::new(),
            manifests: names.iter().map(|name| digest(name)).collect(),
            gone: BTreeSet::new(),
            referrers: BTreeMap::new(),
        };
        store.observe(&observation).await.unwrap();
    }

    #[tokio::test]
    async fn reads_are_remembered_in_the_order_of_their_time_and_with_their_end() {
        let (directory, store) = open_new().await;
        assert_eq!(known(&store).await, BTreeMap::new());
        let ended = OwnRead {
            ended_at: Some(hour(2)),
            pulled_before: Some(hour(-100)),
            ..read("a", 1)
        };
        note(&store, &[read("a", 3), read("b", 3)]).await;
        note(
            &store,
            &[OwnRead {
                ended_at: None,
                ..ended.clone()
            }],
        )
        .await;
        note(&store, std::slice::from_ref(&ended)).await;
        let expected = BTreeMap::from([
            (digest("a"), vec![ended, read("a", 3)]),
            (digest("b"), vec![read("b", 3)]),
        ]);
        assert_eq!(known(&store).await, expected);
        let elsewhere = "apps/api".parse().unwrap();
        assert_eq!(store.of((&registry(), &elsewhere)).await, Ok(BTreeMap::new()));
        store.close().await;
        let again = Store::open(directory.path()).await.unwrap();
        assert_eq!(known(&again).await, expected, "by the next process too");
    }

    #[tokio::test]
    async fn reads_of_what_is_gone_are_forgotten_when_everything_was_seen() {
        let (_directory, store) = open_new().await;
        note(&store, &[read("a", 1), read("b", 1), read("new", 51)]).await;
        observe(&store, &["a"], false).await;
        assert_eq!(known(&store).await.len(), 3, "an incomplete scan forgets nothing");
        observe(&store, &["a"], true).await;
        let left: Vec<Digest> = known(&store).await.into_keys().collect();
        let mut expected = [digest("a"), digest("new")];
        expected.sort();
        assert_eq!(left, expected, "what was read since the scan began may be new");
        let gone = BTreeSet::from([digest("a")]);
        store
            .forget_removed(&registry(), &repository(), &gone, &BTreeSet::new())
            .await
            .unwrap();
        assert_eq!(known(&store).await.into_keys().collect::<Vec<_>>(), [digest("new")]);
    }

    #[tokio::test]
    async fn of_too_many_reads_the_oldest_are_forgotten_but_not_the_pull_before_them() {
        let (_directory, store) = open_new().await;
        let most = i64::try_from(MOST).unwrap();
        let real = hour(-1000);
        for number in 0..most + 5 {
            let before = if number == 0 { real } else { hour(number - 1) };
            let read = OwnRead {
                pulled_before: Some(before),
                ended_at: Some(hour(number)),
                ..read("a", number)
            };
            note(&store, &[read, self::read("b", number)]).await;
        }
        let known = known(&store).await;
        let reads = &known[&digest("a")];
        assert_eq!((reads.len(), known[&digest("b")].len()), (MOST, MOST));
        assert_eq!(reads[0].began_at, hour(5));
        assert_eq!(pulled_by_others(Some(hour(most + 4)), reads), Some(real));
        assert_eq!(pulled_by_others(Some(hour(5)), reads), Some(real));
    }
}

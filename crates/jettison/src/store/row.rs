//! Between rows and the model: times, names and lists. Text that does not parse is damage, never a panic.

use std::fmt::Display;
use std::str::FromStr;

use jiff::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sqlx::SqliteConnection;

use super::error::Problem;

/// Rows sent to the database in one statement.
const CHUNK: usize = 1000;

/// A time as it is stored.
pub(super) fn micros(time: Timestamp) -> i64 {
    time.as_microsecond()
}

/// A stored time.
pub(super) fn time(micros: i64) -> Result<Timestamp, Problem> {
    Timestamp::from_microsecond(micros).map_err(|error| Problem::Damaged(error.to_string()))
}

/// A stored time, if there is one.
pub(super) fn optional_time(micros: Option<i64>) -> Result<Option<Timestamp>, Problem> {
    micros.map(time).transpose()
}

/// The time as it will come back from the store: the fraction of a microsecond is cut off.
pub(super) fn as_stored(time: Timestamp) -> Timestamp {
    Timestamp::from_microsecond(time.as_microsecond()).unwrap_or(time)
}

/// A digest or name from its stored text.
pub(super) fn parse<T: FromStr<Err: Display>>(text: &str) -> Result<T, Problem> {
    text.parse()
        .map_err(|error: T::Err| Problem::Damaged(error.to_string()))
}

/// A count as it is stored.
pub(super) fn stored_count(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// A stored count.
pub(super) fn count(stored: i64) -> Result<u64, Problem> {
    u64::try_from(stored).map_err(|_| Problem::Damaged(format!("{stored} is not a count")))
}

/// A list as it is stored.
pub(super) fn to_json<T: Serialize + ?Sized>(value: &T) -> Result<String, Problem> {
    serde_json::to_string(value).map_err(|error| Problem::Damaged(error.to_string()))
}

/// A stored list.
pub(super) fn from_json<T: DeserializeOwned>(text: &str) -> Result<T, Problem> {
    serde_json::from_str(text).map_err(|error| Problem::Damaged(error.to_string()))
}

/// Runs `sql` over all `rows`, many at a time. In `sql`, `$1` is the repository and `$2` a JSON array of rows.
pub(super) async fn bulk<R: Serialize>(
    connection: &mut SqliteConnection,
    sql: &'static str,
    repository: i64,
    rows: &[R],
) -> Result<(), Problem> {
    for chunk in rows.chunks(CHUNK) {
        sqlx::query(sql)
            .bind(repository)
            .bind(to_json(chunk)?)
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}

//! Opening the store: the directory, the database's settings, and its migrations.

use std::ffi::OsString;
use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, fchown};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use sqlx::migrate::Migrator;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection, SqlitePool};

use super::error::{Problem, migration_error};
use super::row::{micros, time};
use super::whereabouts::FileId;
use super::{Store, StoreError};

static MIGRATIONS: Migrator = sqlx::migrate!();

/// How long a statement waits for another process's write. The longest one writes a million rows.
const BUSY_TIMEOUT: Duration = Duration::from_secs(30);
/// How long a task waits for the one writing connection of this process.
const WRITER_TIMEOUT: Duration = Duration::from_secs(120);
/// Reads are short, and the work is bound by the network.
const READERS: u32 = 4;

/// Where the store lives unless the user says otherwise: `$XDG_STATE_HOME/jettison`, else `~/.local/state/jettison`
/// (XDG Base Directory Specification 0.8, which also says that a relative path is to be ignored).
///
/// # Errors
/// [`StoreError::NoDirectory`] if the environment names neither.
pub fn default_directory() -> Result<PathBuf, StoreError> {
    directory_from(std::env::var_os("XDG_STATE_HOME"), std::env::var_os("HOME")).ok_or(StoreError::NoDirectory)
}

fn directory_from(state_home: Option<OsString>, home: Option<OsString>) -> Option<PathBuf> {
    let absolute = |path: OsString| Some(PathBuf::from(path)).filter(|path| path.is_absolute());
    let state = state_home
        .and_then(absolute)
        .or_else(|| Some(home.and_then(absolute)?.join(".local/state")))?;
    Some(state.join("jettison"))
}

impl Store {
    /// Opens the store in `directory`, creating what is missing: the directory for this user only (0700), and in it
    /// the database `jettison.db` (0600).
    ///
    /// # Errors
    /// If the directory cannot be used, the database is damaged, or a newer jettison has written it.
    pub async fn open(directory: impl AsRef<Path>) -> Result<Self, StoreError> {
        let directory = directory.as_ref();
        create_directory(directory).map_err(in_path(directory))?;
        let deadline = Instant::now() + BUSY_TIMEOUT;
        let file = directory.join("jettison.db");
        let _opening = lock_opening(directory, &file, deadline).await?;
        create_database(&file).map_err(in_path(&file))?;
        loop {
            match open_database(directory, &file).await {
                // Another process that closes the last connection is alone with the files for a moment, and the
                // busy timeout does not cover that (https://www.sqlite.org/wal.html, section 8).
                Err(StoreError::Busy { .. }) if Instant::now() < deadline => pause().await,
                opened => return opened,
            }
        }
    }
}

async fn open_database(directory: &Path, file: &Path) -> Result<Store, StoreError> {
    let named = |error: sqlx::Error| Problem::from(error).about(file);
    let writer = lasting_pool(1).connect_with(options(file)).await.map_err(named)?;
    MIGRATIONS
        .run(&writer)
        .await
        .map_err(|error| migration_error(error, file))?;
    let readers = lasting_pool(READERS).connect_lazy_with(options(file).pragma("query_only", "on"));
    let (created_at, is_new) = created(&writer).await.map_err(|problem| problem.about(file))?;
    Ok(Store {
        directory: directory.to_owned(),
        file: file.to_owned(),
        opened: FileId::at(file).map_err(in_path(file))?,
        writer,
        readers,
        created_at,
        is_new,
    })
}

/// When the store was created, and whether that was just now.
async fn created(writer: &SqlitePool) -> Result<(Timestamp, bool), Problem> {
    let inserted = sqlx::query("INSERT INTO store_meta (only, created_at) VALUES (1, $1) ON CONFLICT DO NOTHING")
        .bind(micros(Timestamp::now()))
        .execute(writer)
        .await?;
    let created_at: i64 = sqlx::query_scalar("SELECT created_at FROM store_meta")
        .fetch_one(writer)
        .await?;
    Ok((time(created_at)?, inserted.rows_affected() == 1))
}

fn options(file: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(file)
        .journal_mode(SqliteJournalMode::Wal)
        // The journal must be on the disk before anything is deleted; NORMAL would sync at checkpoints only.
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(BUSY_TIMEOUT)
        .disable_statement_logging()
}

/// Connections stay open: closing the last one would take the write-ahead log away each time.
fn lasting_pool(connections: u32) -> SqlitePoolOptions {
    SqlitePoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(WRITER_TIMEOUT)
        .idle_timeout(None)
        .max_lifetime(None)
        // After some errors, a full disk among them, SQLite has already rolled back; the rollback of sqlx then fails
        // and it counts a transaction for ever after. Such a connection is replaced.
        .before_acquire(|connection, _| Box::pin(async move { Ok(!connection.is_in_transaction()) }))
}

/// One process at a time opens: neither the switch to write-ahead logging nor the migrations of sqlx can be waited
/// for by a second one.
async fn lock_opening(directory: &Path, database: &Path, deadline: Instant) -> Result<File, StoreError> {
    let path = directory.join("open.lock");
    let file = private_file(&path).map_err(in_path(&path))?;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) if Instant::now() < deadline => pause().await,
            Err(TryLockError::WouldBlock) => {
                return Err(StoreError::Busy {
                    file: database.to_owned(),
                    source: sqlx::Error::PoolTimedOut,
                });
            }
            Err(TryLockError::Error(source)) => return Err(StoreError::Files { path, source }),
        }
    }
}

async fn pause() {
    tokio::time::sleep(Duration::from_millis(20)).await;
}

/// A directory that exists is left as its owner made it.
fn create_directory(directory: &Path) -> io::Result<()> {
    if fs::metadata(directory).is_ok_and(|metadata| metadata.is_dir()) {
        return Ok(());
    }
    DirBuilder::new().recursive(true).mode(0o700).create(directory)
}

/// Opens a file for this user only, creating it if it is missing.
pub(super) fn private_file(path: &Path) -> io::Result<File> {
    match create_private(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            OpenOptions::new().read(true).write(true).open(path)
        }
        created => created,
    }
}

/// Creates a file for this user only; for the owner of the folder, where root looks into the store of a service: else the
/// service could not open its own store any more. Only what was just created is given away: another file could be a link.
fn create_private(path: &Path) -> io::Result<File> {
    let options = &mut OpenOptions::new();
    let file = options.read(true).write(true).create_new(true).mode(0o600).open(path)?;
    let folder = path.parent().and_then(|folder| fs::metadata(folder).ok());
    if let Some(folder) = folder.filter(|_| file.metadata().is_ok_and(|file| file.uid() == 0)) {
        // A root without that right is as well off as it was.
        let _ = fchown(&file, Some(folder.uid()), Some(folder.gid()));
    }
    Ok(file)
}

/// Creates the empty database before SQLite does, which would give it and its side files another mode. One that exists must not even be
/// opened here: closing a file drops all locks that this process holds on it, those of its open stores too
/// (<https://www.sqlite.org/howtocorrupt.html>, section 2.2).
fn create_database(file: &Path) -> io::Result<()> {
    match create_private(file) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

/// Says which path an error is about.
pub(super) fn in_path(path: &Path) -> impl FnOnce(io::Error) -> StoreError {
    let path = path.to_owned();
    |source| StoreError::Files { path, source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_directory_follows_the_xdg_rules() {
        let table = [
            (Some("/state"), Some("/home/me"), Some("/state/jettison")),
            (None, Some("/home/me"), Some("/home/me/.local/state/jettison")),
            (
                Some("relative"),
                Some("/home/me"),
                Some("/home/me/.local/state/jettison"),
            ),
            (Some(""), Some("/home/me"), Some("/home/me/.local/state/jettison")),
            (None, Some(""), None),
            (None, None, None),
        ];
        for (state, home, expected) in table {
            let found = directory_from(state.map(OsString::from), home.map(OsString::from));
            assert_eq!(found, expected.map(PathBuf::from), "{state:?} {home:?}");
        }
    }

    /// How many locks this process holds on a file, as the kernel tells of each descriptor of it. The list of all locks
    /// (`/proc/locks`) is read piece by piece: where others lock meanwhile, lines are missing from it or come twice.
    #[cfg(target_os = "linux")]
    fn locks_on(file: &Path) -> usize {
        let file = fs::canonicalize(file).unwrap();
        fs::read_dir("/proc/self/fd")
            .unwrap()
            .map(|descriptor| descriptor.unwrap())
            .filter(|descriptor| fs::read_link(descriptor.path()).is_ok_and(|open| open == file))
            .map(|descriptor| Path::new("/proc/self/fdinfo").join(descriptor.file_name()))
            .map(|about| fs::read_to_string(about).unwrap())
            .map(|about| about.lines().filter(|line| line.starts_with("lock:")).count())
            .sum()
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn opening_again_leaves_the_locks_of_an_open_store() {
        let (directory, store) = crate::store::tests::open_new().await;
        let transaction = store.begin().await.unwrap();
        let held = locks_on(store.file());
        assert!(held > 0);
        create_database(&directory.path().join("jettison.db")).unwrap();
        assert_eq!(locks_on(store.file()), held);
        drop(transaction);
    }
}

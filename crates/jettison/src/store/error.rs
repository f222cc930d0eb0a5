//! What can go wrong with the store, said so that an operator knows what to do.

use std::error::Error;
use std::io;
use std::path::{Path, PathBuf};

use jettison_core::model::Digest;
use jiff::Timestamp;
use sqlx::migrate::MigrateError;

use super::Holder;

/// Why the store could not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// No directory is given, and none can be derived from the environment.
    #[error("there is no place for the store: set HOME or XDG_STATE_HOME, or name a directory with --state")]
    NoDirectory,
    /// A file or directory of the store cannot be created, opened or locked.
    #[error("the store cannot use `{}`: check that it is on a local disk and that this user may write there", path.display())]
    Files {
        /// The file or directory.
        path: PathBuf,
        /// What the operating system said.
        #[source]
        source: io::Error,
    },
    /// The database is damaged, or the file is something else.
    #[error(
        "the store `{}` is damaged or not a database; no image is lost with it, only what jettison remembers and could \
         undo: move it away and run again", file.display()
    )]
    Corrupt {
        /// The database file.
        file: PathBuf,
        /// What was found.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// The database holds a migration that this version does not know.
    #[error(
        "the store `{}` was written by another, probably newer, version of jettison (its schema {version} is not known \
         to this one): use that version, or another directory with --state", file.display()
    )]
    Newer {
        /// The database file.
        file: PathBuf,
        /// The migration that is not known, or differs.
        version: i64,
    },
    /// There is no room left to write.
    #[error("the disk that holds the store `{}` is full: free some space and run again", file.display())]
    DiskFull {
        /// The database file.
        file: PathBuf,
        /// What the database said.
        #[source]
        source: sqlx::Error,
    },
    /// The disk does not do what it is asked.
    #[error("the disk that holds the store `{}` fails, or a limit keeps the file from growing: look at it and run again", file.display())]
    Disk {
        /// The database file.
        file: PathBuf,
        /// What the database said.
        #[source]
        source: sqlx::Error,
    },
    /// Another process, or another task of this one, kept the database for too long.
    #[error("the store `{}` is kept busy by another process: try again when that has ended", file.display())]
    Busy {
        /// The database file.
        file: PathBuf,
        /// What the database said.
        #[source]
        source: sqlx::Error,
    },
    /// Any other failure of the database.
    #[error("the store `{}` failed", file.display())]
    Database {
        /// The database file.
        file: PathBuf,
        /// What the database said.
        #[source]
        source: sqlx::Error,
    },
    /// Another run works on this store.
    #[error("the store is locked by another run ({holder}): wait for its end, or name another directory with --state")]
    Locked {
        /// Who holds it.
        holder: Holder,
    },
    /// The files of the store are not where they were opened any more.
    #[error(
        "the store `{}` was deleted or replaced while a run was at work, so that what the run deletes could not be undone: \
         nothing more is deleted, and what went before is in no journal any more; find out what clears that folder, put \
         it back if there is a copy, and run again", directory.display()
    )]
    Displaced {
        /// The directory of the store.
        directory: PathBuf,
    },
    /// A shortened id fits more than one.
    #[error("more than one {what} begins with `{prefix}`: give more of the id")]
    Ambiguous {
        /// `run` or `plan`.
        what: &'static str,
        /// What was given.
        prefix: String,
    },
    /// A run of this id exists already.
    #[error("a run `{run}` exists already")]
    RunExists {
        /// Its id.
        run: String,
    },
    /// A run that has not begun, or that has ended, was to be written to.
    #[error("the journal has no open run `{run}`")]
    RunNotOpen {
        /// Its id.
        run: String,
    },
    /// The journal has no such entry.
    #[error("the journal has no entry {entry}")]
    NoEntry {
        /// Its id.
        entry: i64,
    },
    /// A run on a server tells what became of an image that it did not begin with.
    #[error("run {run} on this server has not begun to remove {image}")]
    NotRemoving {
        /// The run.
        run: i64,
        /// The image.
        image: Digest,
    },
    /// The bytes to save are not those of the digest: a delete could not be undone.
    #[error("the bytes given for {digest} do not hash to it: nothing is recorded, and nothing may be deleted")]
    WrongBytes {
        /// The digest that they should have.
        digest: Digest,
    },
    /// The clock is set to a time before containers existed: every later scan would take what is new for old.
    #[error("the clock says {at}, which cannot be right: set it and run again")]
    ImplausibleTime {
        /// What the clock said.
        at: Timestamp,
    },
}

/// A failure inside the store, before it is known which file it is about.
#[derive(Debug)]
pub(super) enum Problem {
    Database(sqlx::Error),
    /// A row holds what jettison never writes.
    Damaged(String),
    Refused(StoreError),
}

impl From<sqlx::Error> for Problem {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(error)
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        Self::Refused(error)
    }
}

impl Problem {
    /// The error to show, about `file`.
    pub(super) fn about(self, file: &Path) -> StoreError {
        match self {
            Self::Database(error) => database_error(error, file.to_owned()),
            Self::Damaged(what) => StoreError::Corrupt {
                file: file.to_owned(),
                source: what.into(),
            },
            Self::Refused(error) => error,
        }
    }
}

/// What a failed migration means.
pub(super) fn migration_error(error: MigrateError, file: &Path) -> StoreError {
    let file = file.to_owned();
    match error {
        MigrateError::VersionMissing(version) | MigrateError::VersionMismatch(version) => {
            StoreError::Newer { file, version }
        }
        MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => database_error(error, file),
        other => StoreError::Corrupt {
            file,
            source: other.into(),
        },
    }
}

/// Result codes: <https://www.sqlite.org/rescode.html>; the low byte is the primary code.
fn database_error(source: sqlx::Error, file: PathBuf) -> StoreError {
    const BUSY: i32 = 5;
    const LOCKED: i32 = 6;
    const INPUT_OUTPUT: i32 = 10;
    const CORRUPT: i32 = 11;
    const FULL: i32 = 13;
    const NOT_A_DATABASE: i32 = 26;
    let code = source
        .as_database_error()
        .and_then(|error| error.code()?.parse::<i32>().ok())
        .map(|code| code & 0xff);
    match (code, source) {
        (Some(BUSY | LOCKED), source) => StoreError::Busy { file, source },
        (Some(CORRUPT | NOT_A_DATABASE), source) => StoreError::Corrupt {
            file,
            source: source.into(),
        },
        (Some(FULL), source) => StoreError::DiskFull { file, source },
        (Some(INPUT_OUTPUT), source) => StoreError::Disk { file, source },
        (None, source @ sqlx::Error::PoolTimedOut) => StoreError::Busy { file, source },
        (None, source @ (sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_))) => StoreError::Corrupt {
            file,
            source: source.into(),
        },
        (_, source) => StoreError::Database { file, source },
    }
}

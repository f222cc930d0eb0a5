//! The lock that a run holds while it applies: one run at a time on one store.
//!
//! It is the operating system's lock on a file, so it ends with the process however that ends. What is written in the
//! file only tells people who holds it.

use std::fmt;
use std::fs::{File, TryLockError};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::open::{in_path, private_file};
use super::whereabouts::FileId;
use super::{Store, StoreError};

/// The most that is read of what another process wrote.
const HOLDER_LIMIT: u64 = 4096;
/// [`Store::is_run_active`] holds the lock for an instant; a run that begins just then tries again.
const ATTEMPTS: u32 = 5;
/// A lock that was given back is held a little longer by a child process that is just being started, which inherits the
/// file until it runs its own program. Nobody is named in the file then.
const NAMELESS_ATTEMPTS: u32 = 100;

/// Who holds the lock, as far as it could be read.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// The process.
    pub pid: Option<u32>,
    /// What it does, for people: its run, say.
    pub description: String,
    /// Since when it holds the lock.
    pub since: Option<Timestamp>,
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            pid,
            description,
            since,
        } = self;
        match pid {
            Some(pid) => write!(f, "{description}, process {pid}")?,
            None => f.write_str("an unknown process")?,
        }
        match since {
            Some(since) => write!(f, ", since {since:.0}"),
            None => Ok(()),
        }
    }
}

/// The lock of a run. Dropping it, or the end of the process, releases it.
#[derive(Debug)]
pub struct RunLock {
    file: File,
    path: PathBuf,
}

impl RunLock {
    /// Whether its file is still the one at its path: else another run could hold that one.
    pub(super) fn is_in_place(&self) -> bool {
        let held = self.file.metadata().map(|metadata| FileId::of(&metadata));
        let there = FileId::at(&self.path);
        matches!((held, there), (Ok(held), Ok(there)) if held == there)
    }
}

impl Drop for RunLock {
    fn drop(&mut self) {
        // Only courtesy: whether the lock is held is for the operating system to say.
        let _ = self.file.set_len(0);
    }
}

impl Store {
    /// Takes the lock of a run; `description` tells others who holds it.
    ///
    /// # Errors
    /// [`StoreError::Locked`] with the holder if another run has it.
    pub fn lock_for_run(&self, description: &str) -> Result<RunLock, StoreError> {
        let path = self.lock_path();
        let mut file = private_file(&path).map_err(in_path(&path))?;
        if !try_lock(&file, &path)? {
            return Err(StoreError::Locked {
                holder: read_holder(&mut file),
            });
        }
        let pid = Some(std::process::id());
        let holder = Holder {
            pid,
            description: description.to_owned(),
            since: Some(Timestamp::now()),
        };
        write_holder(&mut file, &holder).map_err(in_path(&path))?;
        Ok(RunLock { file, path })
    }

    /// Whether some run, of any process, holds the lock.
    pub(super) fn is_run_active(&self) -> Result<bool, StoreError> {
        let path = self.lock_path();
        let file = private_file(&path).map_err(in_path(&path))?;
        match file.try_lock_shared() {
            Ok(()) => Ok(false),
            Err(TryLockError::WouldBlock) => Ok(true),
            Err(TryLockError::Error(source)) => Err(StoreError::Files { path, source }),
        }
    }

    fn lock_path(&self) -> PathBuf {
        self.directory.join("run.lock")
    }
}

fn try_lock(file: &File, path: &Path) -> Result<bool, StoreError> {
    for attempt in 0..NAMELESS_ATTEMPTS {
        if attempt > 0 {
            std::thread::sleep(Duration::from_millis(10));
        }
        match file.try_lock() {
            Ok(()) => return Ok(true),
            Err(TryLockError::WouldBlock) if attempt >= ATTEMPTS && has_name(file) => return Ok(false),
            Err(TryLockError::WouldBlock) => {}
            Err(TryLockError::Error(source)) => {
                return Err(StoreError::Files {
                    path: path.to_owned(),
                    source,
                });
            }
        }
    }
    Ok(false)
}

/// Whether somebody says in the file that he holds the lock.
fn has_name(file: &File) -> bool {
    file.metadata().is_ok_and(|metadata| metadata.len() > 0)
}

fn read_holder(file: &mut File) -> Holder {
    let mut text = String::new();
    let read = file.take(HOLDER_LIMIT).read_to_string(&mut text);
    read.ok()
        .and_then(|_| serde_json::from_str(&text).ok())
        .unwrap_or_default()
}

fn write_holder(file: &mut File, holder: &Holder) -> std::io::Result<()> {
    file.set_len(0)?;
    file.seek(SeekFrom::Start(0))?;
    file.write_all(serde_json::to_string(holder)?.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::tests::open_new;

    #[tokio::test]
    async fn the_lock_has_one_holder_and_says_who() {
        let (directory, store) = open_new().await;
        let other = Store::open(directory.path()).await.unwrap();
        let lock = store.lock_for_run("run r1").unwrap();
        let error = other.lock_for_run("run r2").unwrap_err();
        let holder = format!("run r1, process {}, since 20", std::process::id());
        assert!(error.to_string().contains(&holder), "{error}");
        assert!(store.lock_for_run("run r3").is_err(), "nor twice in one process");
        drop(lock);
        drop(other.lock_for_run("run r2").unwrap());
    }

    /// As it is while a child process is being started: it has the file, and is no run.
    #[tokio::test]
    async fn a_lock_that_was_given_back_and_is_still_held_without_a_name_is_waited_for() {
        let (_directory, store) = open_new().await;
        let lock = store.lock_for_run("run r1").unwrap();
        let inherited = lock.file.try_clone().unwrap();
        drop(lock);
        let child = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(200));
            drop(inherited);
        });
        drop(store.lock_for_run("run r2").unwrap());
        child.join().unwrap();
    }
}

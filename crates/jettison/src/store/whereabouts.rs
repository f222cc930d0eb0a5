//! Whether the files of an open store are still the ones at their paths.
//!
//! What is written to a file that was deleted or replaced nobody finds again, and its lock keeps nobody away.

use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use super::{RunLock, Store, StoreError};

/// A file, whatever it is called. No other one gets the same as long as it is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FileId {
    device: u64,
    inode: u64,
}

impl FileId {
    /// The file that is at a path now.
    pub(super) fn at(path: &Path) -> io::Result<Self> {
        fs::metadata(path).map(|metadata| Self::of(&metadata))
    }

    /// The file that this was asked of.
    pub(super) fn of(metadata: &Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
        }
    }
}

impl Store {
    /// Looks whether the database and the lock of a run are where they were opened. To be asked before each removal: what
    /// cannot be found in the journal cannot be undone.
    ///
    /// # Errors
    /// [`StoreError::Displaced`] if they are not, or if that cannot be seen.
    pub fn expect_in_place(&self, lock: &RunLock) -> Result<(), StoreError> {
        let is_there = FileId::at(&self.file).is_ok_and(|there| there == self.opened);
        match is_there && lock.is_in_place() {
            true => Ok(()),
            false => Err(StoreError::Displaced {
                directory: self.directory.clone(),
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::store::tests::open_new;

    #[tokio::test]
    async fn files_that_were_deleted_or_replaced_are_noticed_and_others_do_no_harm() {
        let replace = |file: &Path| {
            fs::copy(file, file.with_extension("new")).unwrap();
            fs::rename(file.with_extension("new"), file).unwrap();
        };
        for name in ["jettison.db", "run.lock"] {
            for take_away in [&replace as &dyn Fn(&Path), &|file| fs::remove_file(file).unwrap()] {
                let (directory, store) = open_new().await;
                let lock = store.lock_for_run("run r1").unwrap();
                fs::write(directory.path().join("more"), "").unwrap();
                store.expect_in_place(&lock).unwrap();
                take_away(&directory.path().join(name));
                let error = store.expect_in_place(&lock).unwrap_err();
                assert!(matches!(error, StoreError::Displaced { .. }), "{name}: {error}");
                let folder: PathBuf = directory.path().to_owned();
                assert!(error.to_string().contains(&folder.display().to_string()), "{error}");
            }
        }
    }
}

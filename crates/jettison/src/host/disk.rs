//! How full a file system of this machine is.

use jettison_core::config::Share;
use jettison_core::host::Disk;

/// The file system that holds `folder`; `None` where this machine has no such folder, or does not tell.
///
/// What only root may still write counts as used: engines run as root, and yet that is what keeps a full disk alive.
pub fn disk_of(folder: &str) -> Option<Disk> {
    let told = rustix::fs::statvfs(folder).ok()?;
    let block = if told.f_frsize == 0 {
        told.f_bsize
    } else {
        told.f_frsize
    };
    // As `df` counts: what only root may write is neither free nor part of the whole.
    let reserved = told.f_bfree.saturating_sub(told.f_bavail);
    Some(Disk {
        path: folder.to_owned(),
        bytes: told.f_blocks.saturating_sub(reserved).saturating_mul(block),
        free_bytes: told.f_bavail.saturating_mul(block),
        inodes: told.f_files,
        free_inodes: told.f_favail,
    })
}

/// Whether more than this share of its bytes, or of its files where it counts them, is in use.
pub fn is_fuller_than(disk: &Disk, mark: Share) -> bool {
    mark.exceeded_by(disk.bytes.saturating_sub(disk.free_bytes), disk.bytes)
        || mark.exceeded_by(disk.inodes.saturating_sub(disk.free_inodes), disk.inodes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_of_this_machine_has_a_disk_and_another_has_none() {
        let here = tempfile::tempdir().unwrap();
        let disk = disk_of(&here.path().display().to_string()).unwrap();
        assert!(disk.bytes > disk.free_bytes && disk.free_bytes > 0, "{disk:?}");
        assert_eq!(disk_of("/there/is/no/such/folder"), None);
    }

    #[test]
    fn bytes_and_files_are_held_against_a_mark() {
        let mark = Share::percent(80);
        for (free_bytes, inodes, free_inodes, expected) in [
            (200, 0, 0, false),
            (199, 0, 0, true),
            (1000, 100, 20, false),
            (1000, 100, 19, true),
        ] {
            let disk = Disk {
                path: String::new(),
                bytes: 1000,
                free_bytes,
                inodes,
                free_inodes,
            };
            assert_eq!(is_fuller_than(&disk, mark), expected, "{disk:?}");
        }
    }
}

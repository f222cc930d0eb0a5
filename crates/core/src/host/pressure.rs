//! A disk that is too full: how much has to come free, and who goes for it.

use jiff::{SignedDuration, Timestamp};

use super::facts::Disk;
use super::images::Image;
use super::plan::Pressure;
use super::settings::DiskMarks;
use crate::reason::Ruling;

/// What was used or came within this time does not go for a full disk: whoever pulled it may be about to run it.
const SPARED: SignedDuration = SignedDuration::from_hours(1);

impl Pressure {
    /// How full a disk is: high above the high mark, in bytes or in files, and to be brought down to the low one in both.
    pub fn on(disk: &Disk, marks: &DiskMarks) -> Self {
        let (bytes, inodes) = disk.in_use();
        let is_high = marks.high.exceeded_by(bytes, disk.bytes) || marks.high.exceeded_by(inodes, disk.inodes);
        let above_low = |used: u64, of: u64| {
            if is_high {
                used.saturating_sub(marks.low.of(of))
            } else {
                0
            }
        };
        Self {
            is_high,
            bytes_to_free: above_low(bytes, disk.bytes),
            inodes_to_free: above_low(inodes, disk.inodes),
            bytes_going: 0,
        }
    }

    /// How many of these images, in their order, it takes to free enough, when so many bytes go anyway. What an image
    /// frees of files nobody knows before it is gone, so that all of them may have to go for these.
    pub(super) fn takes(&self, images: &[(&Image<'_>, Ruling)]) -> usize {
        if self.inodes_to_free > 0 {
            return images.len();
        }
        let mut lacking = self.bytes_to_free.saturating_sub(self.bytes_going);
        let needed = images.iter().take_while(|(image, _)| {
            let goes = lacking > 0;
            lacking = lacking.saturating_sub(image.facts.bytes);
            goes
        });
        needed.count()
    }
}

impl Disk {
    /// The bytes and the files in use. A file system without a limit on files has none in use.
    fn in_use(&self) -> (u64, u64) {
        let bytes = self.bytes.saturating_sub(self.free_bytes);
        (bytes, self.inodes.saturating_sub(self.free_inodes))
    }
}

impl DiskMarks {
    /// Whether a disk is above the low mark, in bytes or in files: what began above the high one goes on until it is not.
    pub fn is_above_low(&self, disk: &Disk) -> bool {
        let (bytes, inodes) = disk.in_use();
        self.low.exceeded_by(bytes, disk.bytes) || self.low.exceeded_by(inodes, disk.inodes)
    }
}

/// Whether an image may go for a full disk, as far as its last use says.
pub(super) fn is_idle(image: &Image<'_>, now: Timestamp) -> bool {
    image
        .used_at
        .is_some_and(|used_at| now.duration_since(used_at) > SPARED)
}

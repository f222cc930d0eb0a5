//! How much out of the ordinary one registry may fill memory with. Manifests and labels have a few kilobytes; a
//! registry that sends megabytes for each of thousands is no registry that anybody pulls from.

use std::sync::atomic::{AtomicU64, Ordering};

/// So many bytes of one manifest, or of one image's labels, are ordinary and not counted.
const ORDINARY: u64 = 8 * 1024;

/// What is left of the bytes beyond the ordinary.
#[derive(Debug)]
pub(super) struct Ration(AtomicU64);

impl Ration {
    pub(super) fn new(bytes: u64) -> Self {
        Self(AtomicU64::new(bytes))
    }

    /// Whether there is room for something of `size` bytes, which is then taken.
    pub(super) fn takes(&self, size: u64) -> bool {
        let excess = size.saturating_sub(ORDINARY);
        let take = |left: u64| left.checked_sub(excess);
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_out_of_the_ordinary_counts() {
        let ration = Ration::new(1000);
        for _ in 0..1000 {
            assert!(ration.takes(ORDINARY));
        }
        assert!(ration.takes(ORDINARY + 600));
        assert!(!ration.takes(ORDINARY + 600) && !ration.takes(u64::MAX));
        assert!(ration.takes(ORDINARY + 400) && ration.takes(0));
    }
}

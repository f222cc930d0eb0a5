//! What jettison itself read, where the registry takes reading for a pull: remembered, and not counted.
//!
//! It knows times alone. Who remembers the reads, and what a pull time means, is for others to say.

use std::collections::BTreeMap;
use std::fmt;

use async_trait::async_trait;
use jettison_core::model::{Digest, RegistryHost, RepositoryName};
use jiff::{SignedDuration, Timestamp};

/// By how much the clocks of this machine and of the registry may differ. AWS takes no request of a clock that is off by more
/// than five minutes.
const SKEW: SignedDuration = SignedDuration::from_mins(2);

/// How long a read may have taken whose end nobody knows.
const LONGEST: SignedDuration = SignedDuration::from_mins(10);

/// One manifest that jettison itself read from a registry that takes reading for a pull.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnRead {
    /// The manifest.
    pub digest: Digest,
    /// Its last pull before, by somebody else; `None` if there was none.
    pub pulled_before: Option<Timestamp>,
    /// Before the request was sent.
    pub began_at: Timestamp,
    /// After the answer came; `None` if nobody knows: the process may have been killed.
    pub ended_at: Option<Timestamp>,
}

/// Remembers own reads, so that they do not count as pulls. The store is one.
#[async_trait]
pub trait OwnReads: fmt::Debug + Send + Sync {
    /// Notes reads, before they are sent and again when they have ended.
    ///
    /// # Errors
    ///
    /// Why it cannot be remembered: then nothing may be read.
    async fn note(&self, place: (&RegistryHost, &RepositoryName), reads: &[OwnRead]) -> Result<(), String>;

    /// All own reads of a repository, by manifest, in the order of their time.
    ///
    /// # Errors
    ///
    /// Why they cannot be told.
    async fn of(&self, place: (&RegistryHost, &RepositoryName)) -> Result<BTreeMap<Digest, Vec<OwnRead>>, String>;
}

impl OwnRead {
    /// Whether a pull at that time may be this read.
    fn may_be(&self, pulled_at: Timestamp) -> bool {
        let ended = self.ended_at.map_or(self.began_at + LONGEST, |ended| ended + SKEW);
        (self.began_at - SKEW..=ended).contains(&pulled_at)
    }
}

/// The last pull by somebody else, of a manifest whose last pull is recorded at `recorded`, and which was read so by ourselves.
///
/// A pull that may be our own read counts as what was recorded before that read, which may have been our own as well. Of several
/// reads that may have been it, the one with the latest pull before counts.
pub fn pulled_by_others(recorded: Option<Timestamp>, reads: &[OwnRead]) -> Option<Timestamp> {
    let mut pulled_at = recorded;
    // What was recorded before a read is the doing of an earlier one, or of somebody else.
    let mut earlier_than = Timestamp::MAX;
    while let Some(at) = pulled_at {
        let own = reads
            .iter()
            .filter(|read| read.may_be(at) && read.began_at < earlier_than);
        let own = own.filter(|read| read.pulled_before < Some(at));
        let Some(own) = own.max_by_key(|read| read.pulled_before) else {
            break;
        };
        (pulled_at, earlier_than) = (own.pulled_before, own.began_at);
    }
    pulled_at
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minute: i64) -> Timestamp {
        Timestamp::from_second(1_700_000_000 + minute * 60).unwrap()
    }

    fn read(before: Option<i64>, began: i64, ended: Option<i64>) -> OwnRead {
        OwnRead {
            digest: Digest::of(b"x"),
            pulled_before: before.map(at),
            began_at: at(began),
            ended_at: ended.map(at),
        }
    }

    fn others(recorded: Option<i64>, reads: &[OwnRead]) -> Option<Timestamp> {
        pulled_by_others(recorded.map(at), reads)
    }

    #[test]
    fn own_reads_are_no_pulls_and_those_of_others_are() {
        let once = [read(Some(10), 100, Some(101))];
        for (recorded, counts) in [
            (None, None),
            (Some(10), Some(10)),
            (Some(97), Some(97)),
            (Some(98), Some(10)),
            (Some(100), Some(10)),
            (Some(103), Some(10)),
            (Some(104), Some(104)),
            (Some(5000), Some(5000)),
        ] {
            assert_eq!(others(recorded, &once), counts.map(at), "{recorded:?}");
        }
        assert_eq!(others(Some(100), &[read(None, 100, Some(100))]), None);
    }

    #[test]
    fn a_read_without_an_end_may_have_taken_ten_minutes() {
        let lost = [read(None, 100, None)];
        assert_eq!(others(Some(110), &lost), None);
        assert_eq!(others(Some(111), &lost), Some(at(111)));
    }

    #[test]
    fn reads_before_reads_are_followed_back_to_the_last_pull_by_somebody_else() {
        let reads = [
            read(Some(10), 100, Some(100)),
            read(Some(100), 200, Some(200)),
            read(Some(200), 201, Some(201)),
        ];
        assert_eq!(others(Some(201), &reads), Some(at(10)));
        // The registry notes a pull but once a day: the second read left the first one standing.
        assert_eq!(
            others(Some(100), &[reads[0].clone(), read(Some(100), 150, Some(150))]),
            Some(at(10))
        );
        // Without the memory of the first read, it counts.
        assert_eq!(others(Some(201), &reads[1..]), Some(at(100)));
    }

    #[test]
    fn a_pull_shortly_before_a_read_counts() {
        assert_eq!(others(Some(99), &[read(Some(99), 100, Some(101))]), Some(at(99)));
        let twice = [read(Some(10), 100, Some(101)), read(Some(99), 100, Some(101))];
        assert_eq!(
            others(Some(101), &twice),
            Some(at(99)),
            "the later one is the safer one"
        );
    }
}

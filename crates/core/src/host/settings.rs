//! What a user wants of a server's disk: the key `host` of the configuration.

use super::standard;
use crate::config::Share;
use crate::policy::{ByteSize, Period, Policy, Verb};

/// The key `host`. The default is what holds without it.
#[derive(Debug, Clone, PartialEq)]
pub struct HostSettings {
    /// What may go, in the words of the registries' policies; `None`: the built-in rules.
    pub policies: Option<Vec<Policy>>,
    /// So many images of each repository stay, those used last.
    pub keep_newest: u64,
    /// Whether rules reach images that no registry is known to have, and that nobody could pull again.
    pub local_images: bool,
    /// Globs on Compose files whose images stay, whether their projects run or not.
    pub compose: Vec<String>,
    /// When the disk is too full, and when that is over; `None`: nobody asks.
    pub disk: Option<DiskMarks>,
    /// What may go of the build cache; `None`: nothing.
    pub build_cache: Option<CacheSettings>,
    /// How long is waited between the two looks at what goes, in seconds.
    pub recheck_after_seconds: u64,
    /// Whether the engine's own times are believed where jettison's memory does not reach (`--trust-engine-times`, no key
    /// of the configuration): of an image that was there when jettison first looked at this engine, the engine's time
    /// counts, else its build date if that is plausible, and the first sight says nothing of its age. Without this an engine's time can only make an
    /// image younger.
    pub trust_engine_times: bool,
}

impl Default for HostSettings {
    fn default() -> Self {
        Self {
            policies: None,
            keep_newest: 2,
            local_images: false,
            compose: Vec::new(),
            disk: None,
            build_cache: None,
            recheck_after_seconds: 30,
            trust_engine_times: false,
        }
    }
}

impl HostSettings {
    /// In place of all rules: whatever is unused for longer than that goes, without a tag after a day at the latest.
    pub fn unused_for(&mut self, period: Period) {
        let mut policies = standard().to_vec();
        for rule in policies.iter_mut().flat_map(|policy| policy.rules.own_mut()) {
            if let Verb::Expire(alternatives) = &mut rule.verb {
                for conditions in alternatives {
                    conditions.unused_for = conditions.unused_for.map(|usual| match rule.matches.untagged {
                        true => usual.min(period),
                        false => period,
                    });
                }
            }
        }
        self.policies = Some(policies);
    }
}

/// When a disk is too full: above `high` of its bytes or files images go, least recently used first, until it is below `low`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DiskMarks {
    /// Above this share of bytes or files in use.
    pub high: Share,
    /// Until below this one, which is lower.
    pub low: Share,
}

/// What may go of a build cache. At least one is given.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CacheSettings {
    /// Records that no build used for longer than that.
    pub unused_for: Option<Period>,
    /// The least used ones, until the rest holds no more than that.
    pub keep_at_most: Option<ByteSize>,
}

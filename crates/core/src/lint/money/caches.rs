//! Build caches that are stored as images, so that no rule for build caches fits them, and the rule that does never lets
//! the newest go.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::super::look::{Room, Seen};
use super::super::tally::Tally;
use super::super::{Code, Finding};
use super::held_by;
use crate::config::{Severity, Site};
use crate::facts::Facts;
use crate::graph::Node;
use crate::model::Kind;
use crate::policy::{Period, Rule, Verb};
use crate::words::count;

/// A cache that nobody wrote for so long is not in use as one; the built-in policy takes the same time.
const STALE: Period = Period::days(30);

/// Old caches among the images that one policy keeps.
pub(in super::super) struct Caches {
    now: Timestamp,
    tally: Tally,
    bytes: u64,
}

/// Whether a rule never lets the newest of what it governs go, however old it is.
pub(in super::super) fn keeps_the_newest(rule: &Rule) -> bool {
    match &rule.verb {
        Verb::KeepAlways => true,
        Verb::Expire(alternatives) => alternatives
            .iter()
            .all(|conditions| conditions.beyond_newest.is_some_and(|newest| newest > 0)),
    }
}

impl Caches {
    pub(in super::super) fn new(facts: &Facts<'_>) -> Self {
        Self {
            now: facts.now,
            tally: Tally::default(),
            bytes: 0,
        }
    }

    /// Entries of a repository that no rule fits, or one that keeps the newest.
    pub(in super::super) fn look(&mut self, room: &Room<'_>, entries: &[Seen<'_>]) {
        let is_stale = |entry: &Seen<'_>| {
            let time = entry.time.map(|time| self.now.as_second() - time.as_second());
            time.is_some_and(|age| age > STALE.seconds())
        };
        let is_cache = |entry: &&Seen<'_>| entry.kind == Kind::Image && is_stale(entry) && is_called_cache(room, entry);
        let caches: Vec<Seen<'_>> = entries.iter().filter(is_cache).copied().collect();
        if caches.is_empty() {
            return;
        }
        let nodes: BTreeSet<Node> = caches.iter().map(|entry| entry.node).collect();
        self.bytes = self.bytes.saturating_add(held_by(room, &nodes));
        self.tally.add(room, &caches);
    }

    pub(in super::super) fn finding(&self, policy: (usize, &str)) -> Option<Finding> {
        (self.tally.count > 0).then(|| Finding {
            policy: Some(policy.1.to_owned()),
            site: Some(Site::Policy(policy.0)),
            count: self.tally.count,
            bytes: Some(self.bytes),
            examples: self.tally.examples(),
            message: format!(
                "{} {}, older than {STALE}, are called a cache and stored as images: policy `{}` keeps them as such",
                count(self.tally.count, "entry"),
                self.tally.whereabouts(),
                policy.1
            ),
            hint: "a rule with `kinds: [build-cache]` does not fit what is stored as an image: add one before the others with \
                   `match: { tags: [\"*cache*\"] }`, `expire: { older-than: 30d }`"
                .to_owned(),
            ..Finding::new(Code::CacheKeptAsImage, Severity::Note)
        })
    }
}

/// Whether its tag or its repository is called a cache, or an annotation says so. `redis-cache` is a program, and its
/// images are tagged with versions: of repositories only the names that builders give count.
fn is_called_cache(room: &Room<'_>, entry: &Seen<'_>) -> bool {
    let name = room.repository.name.as_str();
    let last = name.rsplit_once('/').map(|(_, last)| last);
    let is_repository_of_caches = last.is_some_and(|last| matches!(last, "cache" | "buildcache" | "build-cache"))
        || name.ends_with("-buildcache")
        || name.ends_with("-build-cache");
    let is_tag_of_cache = entry.tag.is_some_and(|tag| {
        let words: Vec<&str> = tag.as_str().split(['-', '_', '.']).collect();
        let is_word = |word: Option<&&str>| word.is_some_and(|word| matches!(*word, "cache" | "buildcache"));
        is_word(words.first()) || is_word(words.last())
    });
    let says_so = entry.labels().into_iter().flat_map(|labels| labels.keys());
    is_repository_of_caches || is_tag_of_cache || says_so.into_iter().any(|key| key.starts_with("moby.buildkit.cache"))
}

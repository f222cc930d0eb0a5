//! What can be seen of images, for those who look and decide nothing: what they are, since when, who uses them, and when
//! they were pulled.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use jiff::Timestamp;

use super::dates::{Dates, given};
use super::elapsed;
use super::entries::Roots;
use super::ground::Ground;
use super::holds::Holds;
use super::survey::Survey;
use super::uses::{Uses, may_matter};
use crate::facts::Facts;
use crate::graph::{Graph, Node};
use crate::model::{Kind, Repository};
use crate::reason::Hold;

/// The kind of source under which jettison itself tells what it remembers.
const MEMORY: &str = "memory";

/// Looks at one repository after the other.
pub(crate) struct Observer<'a> {
    facts: &'a Facts<'a>,
    uses: Uses,
    survey: Survey<'a>,
}

/// One root.
#[derive(Debug)]
pub(crate) struct Sight {
    pub(crate) node: Node,
    /// What it is; `orphan` if its subject is gone.
    pub(crate) kind: Kind,
    /// The time of its newest entry.
    pub(crate) time: Option<Timestamp>,
    /// Nanoseconds since then.
    pub(crate) age: Option<i128>,
    /// When it, or a part of it, was last pulled, as far as is known.
    pub(crate) pulled: Option<Timestamp>,
    /// Nanoseconds since then, and for how long pulls are known.
    idle: Option<i128>,
    pulls_known_for: Option<i128>,
    /// Who refers to it or to a part of it.
    pub(crate) used_now: BTreeSet<String>,
    /// Who did, within `usage-memory`.
    pub(crate) used_lately: BTreeSet<String>,
    /// Everybody who could use it was asked and told everything.
    pub(crate) usage_is_known: bool,
}

impl Sight {
    /// Whether anybody uses it, or did lately.
    pub(crate) fn is_used(&self) -> bool {
        !self.used_now.is_empty() || !self.used_lately.is_empty()
    }

    /// Who does, each once, those who do now first.
    pub(crate) fn users(&self) -> impl Iterator<Item = &String> {
        let lately = self.used_lately.iter().filter(|user| !self.used_now.contains(*user));
        self.used_now.iter().chain(lately)
    }

    /// The time since the last pull compared with a period in nanoseconds; `None` where nobody knows. A last pull that is
    /// known may not be the last one, unless pulls are known for the whole period.
    pub(crate) fn pulled_against(&self, period: i128) -> Option<Ordering> {
        match self.idle {
            Some(idle) if idle <= period => Some(idle.cmp(&period)),
            _ => self
                .pulls_known_for
                .filter(|known| *known >= period)
                .map(|_| Ordering::Greater),
        }
    }
}

impl<'a> Observer<'a> {
    pub(crate) fn new(facts: &'a Facts<'a>) -> Self {
        Self {
            facts,
            uses: Uses::of(facts),
            survey: Survey::of(facts.inventory),
        }
    }

    /// What could not be told of usage.
    pub(crate) fn gaps(&self) -> Vec<String> {
        self.uses.gaps()
    }

    /// Whether any source could use images of a repository; what is remembered is no source.
    fn is_asked_about(&self, repository: &Repository) -> bool {
        let place = (&repository.registry, &repository.name);
        let mut sources = self.facts.usage.iter().flat_map(|usage| &usage.sources);
        sources.any(|source| source.kind != MEMORY && may_matter(self.facts.config, source, place))
    }

    /// Every root of a repository.
    pub(crate) fn look(&self, repository: &Repository, graph: &Graph<'_>) -> Vec<Sight> {
        let now = self.facts.now;
        let dates = Dates::new(repository, graph, now);
        let holds = Holds::of_usage(&Ground::new(self.facts, repository, graph), &self.uses);
        let usage_is_known = self.is_asked_about(repository) && holds.everywhere(Hold::UsageIncomplete).is_none();
        let pulls_kept = repository.capabilities.pull_time == Some(true);
        let pulls_known_for = given(repository.pull_data_since)
            .filter(|_| pulls_kept)
            .map(|since| elapsed(since, now));
        let roots = Roots::of(repository, graph, &dates, &self.survey);
        let sight = |root: &super::entries::Root| {
            let pulled = dates.pulled(root.node);
            Sight {
                node: root.node,
                kind: root.kind,
                time: root.time,
                age: root.time.map(|time| elapsed(time, now)),
                pulled,
                idle: pulled.map(|pulled| elapsed(pulled, now)),
                pulls_known_for,
                used_now: holds.users(root.node, Hold::InUse),
                used_lately: holds.users(root.node, Hold::RecentlyUsed),
                usage_is_known,
            }
        };
        roots.roots.iter().map(sight).collect()
    }
}

//! Platforms of multi-platform images that nobody pulls, while others of the same images are pulled.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::super::look::Room;
use super::super::tally::Tally;
use super::super::{Code, ENOUGH, Finding};
use crate::audit::bytes_of_these_alone;
use crate::config::Severity;
use crate::evaluate::{Dates, given};
use crate::facts::Facts;
use crate::graph::Node;
use crate::model::Kind;
use crate::policy::Period;
use crate::words::count;

/// For so long nobody has to have pulled it, and pulls have to be on record.
const UNPULLED: Period = Period::days(90);

/// Every platform that is idle somewhere.
pub(in super::super) struct Platforms {
    now: Timestamp,
    idle: BTreeMap<String, Idle>,
}

/// One platform, where nobody pulls it.
#[derive(Default)]
struct Idle {
    tally: Tally,
    bytes: u64,
}

/// What one repository has of one platform.
#[derive(Default)]
struct Copies {
    is_pulled: bool,
    /// Children of images of which another platform is pulled.
    nodes: BTreeSet<Node>,
}

impl Platforms {
    pub(in super::super) fn new(facts: &Facts<'_>) -> Self {
        Self {
            now: facts.now,
            idle: BTreeMap::new(),
        }
    }

    pub(in super::super) fn look(&mut self, room: &Room<'_>) {
        let knows_pulls = room.repository.capabilities.pull_time == Some(true)
            && given(room.repository.pull_data_since).is_some_and(|since| self.is_long_ago(since));
        if !knows_pulls || !room.is_whole {
            return;
        }
        for (platform, copies) in self.copies(room) {
            let found = copies.nodes.len() as u64;
            if copies.is_pulled || found < ENOUGH {
                continue;
            }
            let idle = self.idle.entry(platform.to_owned()).or_default();
            idle.bytes = idle
                .bytes
                .saturating_add(bytes_of_these_alone(room.graph, &copies.nodes));
            let named = copies
                .nodes
                .iter()
                .map(|node| format!("{}@{}", room.name(), room.graph.digest(*node)));
            idle.tally.add_named(room.name(), found, named);
        }
    }

    fn is_long_ago(&self, at: Timestamp) -> bool {
        self.now.as_second() - at.as_second() >= UNPULLED.seconds()
    }

    /// The platforms of the images of a repository. Images that came lately had no chance to be pulled.
    fn copies<'e>(&self, room: &Room<'e>) -> BTreeMap<&'e str, Copies> {
        let dates = Dates::new(room.repository, room.graph, self.now);
        let is_pulled = |node: Node| dates.pulled(node).is_some_and(|at| !self.is_long_ago(at));
        let mut platforms: BTreeMap<&str, Copies> = BTreeMap::new();
        let roots: BTreeSet<Node> = room
            .entries
            .iter()
            .filter(|entry| entry.kind == Kind::Image)
            .map(|entry| entry.node)
            .collect();
        for root in roots {
            let children = room.graph.children(root);
            let is_old = dates.arrival(root).is_some_and(|at| self.is_long_ago(at));
            let any_pulled = children.iter().any(|child| is_pulled(*child));
            for child in children {
                let Some(platform) = platform(room, *child) else {
                    continue;
                };
                let copies = platforms.entry(platform).or_default();
                copies.is_pulled |= is_pulled(*child);
                if is_old && any_pulled && room.graph.ordinary_tags(*child).next().is_none() {
                    copies.nodes.insert(*child);
                }
            }
        }
        platforms
    }

    pub(in super::super) fn findings(&self) -> impl Iterator<Item = Finding> {
        self.idle.iter().map(|(platform, idle)| Finding {
            count: idle.tally.count,
            bytes: Some(idle.bytes),
            examples: idle.tally.examples(),
            message: format!(
                "nobody pulled the platform {platform} of {} {} within {UNPULLED}, while others of the same images were pulled",
                count(idle.tally.count, "image"),
                idle.tally.whereabouts(),
            ),
            hint: format!("leave {platform} out of these builds: an image that is there cannot lose one of its platforms"),
            ..Finding::new(Code::UnpulledPlatforms, Severity::Note)
        })
    }
}

/// The platform of a child; attestations have none.
fn platform<'e>(room: &Room<'e>, child: Node) -> Option<&'e str> {
    let platform = room.graph.manifest(child)?.platform.as_deref()?;
    (!platform.starts_with("unknown/")).then_some(platform)
}

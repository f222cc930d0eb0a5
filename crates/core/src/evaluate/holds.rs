//! Holds: what stays whatever the rules say (design, section 5).

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::entries::{built, given, seen_to_arrive};
use super::uses::Uses;
use super::{elapsed, length};
use crate::config::Config;
use crate::facts::Facts;
use crate::graph::{Graph, Node};
use crate::model::{Manifest, Repository};
use crate::policy::Period;
use crate::reason::{Hold, Reason};

/// How long `undo` protects what it put back.
pub const RESTORED_FOR: Period = Period::days(30);

/// The label or annotation that protects an image.
const KEEP_LABEL: &str = "io.jettison.keep";

/// One hold on one manifest.
#[derive(Debug, Clone, Default)]
struct Evidence {
    because: String,
    used_by: BTreeSet<String>,
    /// Only because an index above it is used.
    inherited: bool,
}

/// The holds on every manifest of one repository.
#[derive(Debug)]
pub struct Holds {
    of: Vec<BTreeMap<Hold, Evidence>>,
}

impl Holds {
    pub(super) fn of(facts: &Facts<'_>, repository: &Repository, graph: &Graph<'_>, uses: &Uses) -> Self {
        let mut holds = Self {
            of: vec![BTreeMap::new(); graph.nodes().len()],
        };
        let direct = Direct {
            facts,
            repository,
            graph,
        };
        for node in graph.nodes() {
            holds.of[node] = direct.on(node);
        }
        for hold in [Hold::Restored, Hold::Grace, Hold::Protected] {
            holds.spread_up(graph, hold);
        }
        holds.add_uses(repository, graph, uses);
        holds.add_usage_gaps(facts.config, repository, uses);
        holds.add_gaps(repository, graph);
        holds
    }

    /// The holds that come from usage alone.
    pub(super) fn of_usage(facts: &Facts<'_>, repository: &Repository, graph: &Graph<'_>, uses: &Uses) -> Self {
        let mut holds = Self {
            of: vec![BTreeMap::new(); graph.nodes().len()],
        };
        holds.add_uses(repository, graph, uses);
        holds.add_usage_gaps(facts.config, repository, uses);
        holds
    }

    /// Whether anything holds a manifest.
    pub fn any(&self, node: Node) -> bool {
        !self.of[node].is_empty()
    }

    /// Whether anything holds a manifest that does not come from an index above it.
    pub fn by_itself(&self, node: Node) -> bool {
        self.of[node].values().any(|evidence| !evidence.inherited)
    }

    /// The reason for which a manifest is held, the strongest hold first.
    pub fn reason(&self, node: Node) -> Option<Reason> {
        let (hold, evidence) = self.of[node].first_key_value()?;
        Some(Reason::Hold {
            hold: *hold,
            used_by: evidence.used_by.iter().cloned().collect(),
            because: evidence.because.clone(),
            also: self.of[node].keys().skip(1).copied().collect(),
        })
    }

    /// Unproven orphans are kept as if their repository had a gap.
    pub(super) fn add_unproven(&mut self, graph: &Graph<'_>, orphans: impl Iterator<Item = Node>) {
        for node in orphans {
            let because = "its subject was not read, and is not proven to be gone".to_owned();
            let evidence = || Evidence {
                because,
                ..Evidence::default()
            };
            self.of[node].entry(Hold::Incomplete).or_insert_with(evidence);
        }
        self.spread_up(graph, Hold::Incomplete);
    }

    /// A hold on a child or an attached manifest holds every index above it and its subject too.
    fn spread_up(&mut self, graph: &Graph<'_>, hold: Hold) {
        let mut open: Vec<(Node, Node)> = graph
            .nodes()
            .filter(|node| self.of[*node].contains_key(&hold))
            .map(|node| (node, node))
            .rev()
            .collect();
        while let Some((node, origin)) = open.pop() {
            for above in graph.parents(node).iter().chain(graph.subjects(node)) {
                if self.of[*above].contains_key(&hold) {
                    continue;
                }
                let because = match self.of[origin].get(&hold) {
                    Some(evidence) => format!("of {}: {}", graph.digest(origin).short(), evidence.because),
                    None => continue,
                };
                self.of[*above].insert(
                    hold,
                    Evidence {
                        because,
                        ..Evidence::default()
                    },
                );
                open.push((*above, origin));
            }
        }
    }

    /// A used child holds every index above it, a used index everything below it.
    fn add_uses(&mut self, repository: &Repository, graph: &Graph<'_>, uses: &Uses) {
        for node in graph.nodes() {
            let mut by: BTreeMap<Hold, BTreeSet<String>> = BTreeMap::new();
            let config = graph
                .manifest(node)
                .and_then(|manifest| manifest.config_digest.as_ref());
            let digests = [Some(graph.digest(node)), config].into_iter().flatten();
            let tags = graph.tags(node).iter();
            let of_tags = tags.flat_map(|tag| uses.of_tag(&repository.registry, &repository.name, &tag.name));
            for used in digests
                .flat_map(|digest| uses.of_digest(digest))
                .cloned()
                .chain(of_tags)
            {
                by.entry(used.hold).or_default().insert(used.by);
            }
            for (hold, users) in by {
                self.spread_use(graph, node, hold, &users);
            }
        }
    }

    fn spread_use(&mut self, graph: &Graph<'_>, node: Node, hold: Hold, users: &BTreeSet<String>) {
        let name = graph.digest(node).short();
        let mut note = |node: Node, because: String, inherited: bool| {
            let evidence = self.of[node].entry(hold).or_insert_with(|| Evidence {
                because,
                inherited,
                ..Evidence::default()
            });
            evidence.inherited &= inherited;
            evidence.used_by.extend(users.iter().cloned());
        };
        note(node, "it is referred to".to_owned(), false);
        for below in graph.reach(node, |graph, node| graph.children(node)) {
            note(below, format!("it is part of {name}, which is referred to"), true);
        }
        for above in above(graph, node) {
            note(above, format!("{name}, which belongs to it, is referred to"), false);
        }
    }

    /// A source that did not say everything could matter to anything in the repository.
    fn add_usage_gaps(&mut self, config: &Config, repository: &Repository, uses: &Uses) {
        self.hold_all(
            Hold::UsageIncomplete,
            &uses.incomplete(config, &repository.registry, &repository.name),
        );
    }

    /// So could what was not read of the repository itself.
    fn add_gaps(&mut self, repository: &Repository, graph: &Graph<'_>) {
        let gaps = repository
            .gaps
            .iter()
            .map(ToString::to_string)
            .chain(graph.contradictions().iter().cloned());
        self.hold_all(Hold::Incomplete, &gaps.collect::<Vec<_>>());
    }

    fn hold_all(&mut self, hold: Hold, why: &[String]) {
        let Some(because) = first_of(why) else { return };
        for held in &mut self.of {
            held.insert(
                hold,
                Evidence {
                    because: because.clone(),
                    ..Evidence::default()
                },
            );
        }
    }
}

fn first_of(why: &[String]) -> Option<String> {
    let first = why.iter().min()?;
    Some(if why.len() == 1 {
        first.clone()
    } else {
        format!("{first} (and {} more)", why.len() - 1)
    })
}

/// Every index above a manifest and every subject, of it and of those, transitively.
fn above(graph: &Graph<'_>, node: Node) -> BTreeSet<Node> {
    let mut reached = BTreeSet::new();
    let mut open = vec![node];
    while let Some(node) = open.pop() {
        let next = graph.parents(node).iter().chain(graph.subjects(node)).copied();
        open.extend(next.filter(|above| reached.insert(*above)));
    }
    reached
}

/// The holds that a manifest has by itself.
struct Direct<'a> {
    facts: &'a Facts<'a>,
    repository: &'a Repository,
    graph: &'a Graph<'a>,
}

impl Direct<'_> {
    fn on(&self, node: Node) -> BTreeMap<Hold, Evidence> {
        let Some(manifest) = self.graph.manifest(node) else {
            return BTreeMap::new();
        };
        [
            (Hold::Restored, self.restored(manifest)),
            (Hold::Grace, self.grace(node, manifest)),
            (Hold::Protected, self.protected(node, manifest)),
            (Hold::Immutable, self.immutable(node)),
        ]
        .into_iter()
        .filter_map(|(hold, because)| {
            Some((
                hold,
                Evidence {
                    because: because?,
                    ..Evidence::default()
                },
            ))
        })
        .collect()
    }

    fn restored(&self, manifest: &Manifest) -> Option<String> {
        let at = manifest.restored_at?;
        self.within(at, RESTORED_FOR)
            .then(|| format!("undo put it back at {at}, less than {RESTORED_FOR} ago"))
    }

    /// A push in flight, a deploy about to happen.
    fn grace(&self, node: Node, manifest: &Manifest) -> Option<String> {
        let grace = self.facts.config.grace;
        let (what, arrived) = match self.arrival(node, manifest) {
            Some(arrival) => arrival,
            None => return Some("neither its push time nor its first sight is known".to_owned()),
        };
        let tags = self
            .graph
            .tags(node)
            .iter()
            .filter_map(|tag| Some((format!("tag {} was set", tag.name), tag.updated_at?)));
        let untagged = manifest.untagged_at.map(|at| ("its last tag was taken".to_owned(), at));
        let events = std::iter::once((what.to_owned(), arrived)).chain(tags).chain(untagged);
        let (what, at) = events.max_by_key(|(_, at)| *at)?;
        self.within(at, grace)
            .then(|| format!("{what} at {at}, less than {grace} ago"))
    }

    /// What `grace` counts from: the push, else the first sight, else (where that is trusted) the build.
    fn arrival(&self, node: Node, manifest: &Manifest) -> Option<(&'static str, Timestamp)> {
        if let Some(pushed) = given(manifest.pushed_at) {
            return Some(("it was pushed", pushed));
        }
        let seen = given(manifest.first_seen_at).map(|seen| ("it was first seen", seen));
        let noticed = seen_to_arrive(self.repository, manifest).is_some();
        if noticed || !self.facts.config.trusts_created(&self.repository.registry) {
            return seen;
        }
        let built = |node| built(self.graph, node, self.facts.now);
        // A signature or an attestation carries no date: it is as old as what it belongs to.
        let belongs = || above(self.graph, node).into_iter().filter_map(built).max();
        built(node)
            .or_else(belongs)
            .map(|built| ("it was built", built))
            .or(seen)
    }

    fn protected(&self, node: Node, manifest: &Manifest) -> Option<String> {
        let says_keep = |texts: &BTreeMap<String, String>| texts.get(KEEP_LABEL).is_some_and(|value| value == "true");
        if says_keep(&manifest.labels) || says_keep(&manifest.annotations) {
            return Some(format!("its label {KEEP_LABEL} is true"));
        }
        let Repository { registry, name, .. } = self.repository;
        let hosts = || self.facts.config.names_of(registry);
        let tags: Vec<_> = self.graph.tags(node).iter().map(|tag| &tag.name).collect();
        let listed = |tag| {
            self.facts
                .config
                .protect
                .iter()
                .find(|entry| hosts().any(|host| entry.fits(host, name, tag, &manifest.digest)))
        };
        let pattern = listed(None).or_else(|| tags.into_iter().find_map(|tag| listed(Some(tag))))?;
        Some(format!("`{}` is listed under protect", pattern.as_str()))
    }

    /// A tag that attaches its manifest has no entry of its own, so that the manifest itself is held.
    fn immutable(&self, node: Node) -> Option<String> {
        let tag = self
            .graph
            .attaching_tags(node)
            .find(|tag| super::is_immutable(self.facts, self.repository, tag))?;
        Some(format!("its tag {} must not be removed", tag.name))
    }

    /// Less than `period` ago; the future counts as just now.
    fn within(&self, at: Timestamp, period: Period) -> bool {
        elapsed(at, self.facts.now) < length(period)
    }
}

//! What the rules say of each entry, before any hold.
//!
//! The first rule that fits an entry governs it. Conditions are decided true, false or undecided, and
//! undecided counts as false: unknown is never a reason to delete.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use jiff::Timestamp;

use super::entries::{Entry, Root, given};
use super::{Decision, elapsed, length};
use crate::facts::Facts;
use crate::graph::{Graph, Node};
use crate::model::{Digest, Manifest, Repository, Tag};
use crate::policy::calendar::{Granularity, bucket};
use crate::policy::version::Version;
use crate::policy::{Candidate, Conditions, NewestPer, Order, Period, Policy, Rule, Verb};
use crate::reason::{Finding, Reason, Ruling};

/// The rules that govern one repository, with what they need to know of it.
pub(super) struct RepositoryRules<'a> {
    facts: &'a Facts<'a>,
    repository: &'a Repository,
    graph: &'a Graph<'a>,
    roots: &'a [Root<'a>],
    policy: Option<&'a Policy>,
}

/// An entry together with the place where its decision goes.
#[derive(Clone, Copy)]
struct Governed<'e> {
    root: usize,
    entry: usize,
    of: &'e Entry<'e>,
}

impl<'a> RepositoryRules<'a> {
    pub(super) fn new(
        facts: &'a Facts<'a>,
        repository: &'a Repository,
        graph: &'a Graph<'a>,
        roots: &'a [Root<'a>],
    ) -> Self {
        let mut policies = facts.config.policies().iter();
        let policy = policies.find(|policy| policy.covers(&repository.registry, &repository.name));
        Self {
            facts,
            repository,
            graph,
            roots,
            policy,
        }
    }

    /// Whether the policy takes expired tags off images that stay.
    pub(super) fn untag(&self) -> bool {
        self.policy.is_some_and(|policy| policy.untag)
    }

    /// One decision for each entry of each root, in their order.
    pub(super) fn decide(&self) -> Vec<Vec<Decision>> {
        let unruled = Reason::NoRule {
            policy: self.policy.map(|policy| policy.name.clone()),
        };
        let mut decisions: Vec<Vec<Decision>> = self
            .roots
            .iter()
            .map(|root| vec![Decision::Keep(unruled.clone()); root.entries.len()])
            .collect();
        let Some(policy) = self.policy else { return decisions };
        for (rule, governed) in policy.rules.iter().zip(self.govern(policy)) {
            let named = Named { policy, rule };
            let groups = Groups::of(self, rule, &governed);
            for entry in governed {
                decisions[entry.root][entry.entry] = self.judge(named, &groups, entry.of);
            }
        }
        decisions
    }

    /// The entries that each rule governs.
    fn govern(&self, policy: &Policy) -> Vec<Vec<Governed<'_>>> {
        let mut governed = vec![Vec::new(); policy.rules.len()];
        for (root_position, root) in self.roots.iter().enumerate() {
            let platforms = self.platforms(root.node);
            let platforms: Vec<&str> = platforms.iter().map(String::as_str).collect();
            let Some(manifest) = self.graph.manifest(root.node) else {
                continue;
            };
            for (position, entry) in root.entries.iter().enumerate() {
                let tags: Vec<&Tag> = match entry.tag {
                    Some(tag) => vec![&tag.name],
                    None => self.graph.tags(root.node).iter().map(|tag| &tag.name).collect(),
                };
                let candidate = Candidate {
                    kind: root.kind,
                    tags: &tags,
                    labels: labels(manifest),
                    platforms: &platforms,
                };
                if let Some(rule) = policy.rules.iter().position(|rule| rule.fits(&candidate)) {
                    governed[rule].push(Governed {
                        root: root_position,
                        entry: position,
                        of: entry,
                    });
                }
            }
        }
        governed
    }

    /// Its own platform, and those of everything below an index.
    fn platforms(&self, node: Node) -> BTreeSet<String> {
        let below = self.graph.reach(node, |graph, node| graph.children(node));
        let manifests = std::iter::once(node)
            .chain(below)
            .filter_map(|node| self.graph.manifest(node));
        let known = manifests.filter_map(|manifest| manifest.platform.clone());
        known.filter(|platform| !platform.starts_with("unknown/")).collect()
    }

    fn judge(&self, named: Named<'_>, groups: &Groups, entry: &Entry<'_>) -> Decision {
        let Verb::Expire(alternatives) = &named.rule.verb else {
            return Decision::Keep(Reason::KeepAlways(named.ruling(BTreeMap::new())));
        };
        let place = groups.place(self.graph.digest(entry.root), entry);
        let mut all_findings = BTreeMap::new();
        for (position, conditions) in alternatives.iter().enumerate() {
            let findings = self.findings(conditions, entry, &place);
            if findings.iter().all(|(_, finding)| finding.holds == Some(true)) {
                let findings = findings
                    .into_iter()
                    .map(|(name, finding)| (name.to_owned(), finding))
                    .collect();
                return match groups.spared(self.graph.digest(entry.root), entry) {
                    Some(bucket) => Decision::Keep(Reason::Unless(named.ruling(BTreeMap::from([bucket])))),
                    None => Decision::Expire(named.ruling(findings)),
                };
            }
            let suffix = if position == 0 {
                String::new()
            } else {
                format!("#{}", position + 1)
            };
            all_findings.extend(
                findings
                    .into_iter()
                    .map(|(name, finding)| (format!("{name}{suffix}"), finding)),
            );
        }
        Decision::Keep(Reason::NotExpired(named.ruling(all_findings)))
    }

    fn findings(&self, conditions: &Conditions, entry: &Entry<'_>, place: &Place) -> Vec<(&'static str, Finding)> {
        let older = conditions
            .older_than
            .map(|limit| ("older-than", self.older_than(limit, entry)));
        let pulled = conditions
            .not_pulled_for
            .map(|limit| ("not-pulled-for", self.not_pulled_for(limit, entry)));
        let rank = conditions
            .beyond_newest
            .map(|limit| ("beyond-newest", place.beyond(limit)));
        let size = conditions
            .larger_than
            .map(|limit| ("larger-than", self.larger_than(limit.bytes(), entry)));
        [older, pulled, rank, size].into_iter().flatten().collect()
    }

    /// The moment that age counts from: the entry's time, else the first sight, which only understates it.
    fn since(&self, entry: &Entry<'_>) -> Option<Timestamp> {
        entry
            .time
            .or_else(|| given(self.graph.manifest(entry.root)?.first_seen_at))
    }

    fn older_than(&self, limit: Period, entry: &Entry<'_>) -> Finding {
        match self.since(entry) {
            Some(since) => Finding {
                limit: limit.to_string(),
                found: describe_age(elapsed(since, self.facts.now)),
                holds: Some(elapsed(since, self.facts.now) > length(limit)),
            },
            None => undecided(limit, "neither a time nor a first sight is known"),
        }
    }

    fn not_pulled_for(&self, limit: Period, entry: &Entry<'_>) -> Finding {
        if self.repository.capabilities.pull_time != Some(true) {
            return undecided(limit, "no pull times are known here");
        }
        let covered =
            given(self.repository.pull_data_since).is_some_and(|since| elapsed(since, self.facts.now) >= length(limit));
        if !covered {
            return undecided(limit, "pull times do not reach back that far");
        }
        let Some(since) = self.since(entry) else {
            return undecided(limit, "neither a time nor a first sight is known");
        };
        let below = self.graph.reach(entry.root, |graph, node| graph.children(node));
        let manifests = std::iter::once(entry.root)
            .chain(below)
            .filter_map(|node| self.graph.manifest(node));
        let pulled = manifests.filter_map(|manifest| given(manifest.last_pulled_at)).max();
        let idle = elapsed(pulled.map_or(since, |pulled| pulled.max(since)), self.facts.now);
        let what = if pulled.is_some() {
            "pulled"
        } else {
            "never pulled, arrived"
        };
        Finding {
            limit: limit.to_string(),
            found: format!("{what} {} ago", describe_age(idle)),
            holds: Some(idle > length(limit)),
        }
    }

    /// The blobs of the root and everything below it, each counted once.
    fn larger_than(&self, limit: u64, entry: &Entry<'_>) -> Finding {
        let below = self.graph.reach(entry.root, |graph, node| graph.children(node));
        let manifests = std::iter::once(entry.root)
            .chain(below)
            .filter_map(|node| self.graph.manifest(node));
        let blobs: BTreeMap<&Digest, u64> = manifests
            .flat_map(|manifest| &manifest.blobs)
            .map(|blob| (&blob.digest, blob.size))
            .collect();
        let size = blobs.values().fold(0_u64, |sum, size| sum.saturating_add(*size));
        Finding {
            limit: limit.to_string(),
            found: size.to_string(),
            holds: Some(size > limit),
        }
    }
}

/// A rule with the policy it stands in.
#[derive(Clone, Copy)]
struct Named<'r> {
    policy: &'r Policy,
    rule: &'r Rule,
}

impl Named<'_> {
    fn ruling(self, conditions: BTreeMap<String, Finding>) -> Ruling {
        Ruling {
            policy: self.policy.name.clone(),
            rule: self.rule.name.clone(),
            conditions,
        }
    }
}

fn labels(manifest: &Manifest) -> [&BTreeMap<String, String>; 2] {
    [&manifest.labels, &manifest.annotations]
}

fn undecided(limit: impl ToString, why: &str) -> Finding {
    Finding {
        limit: limit.to_string(),
        found: format!("unknown: {why}"),
        holds: None,
    }
}

/// `42d 3h`, `5h`, `12m`; the future is `0m`.
fn describe_age(nanoseconds: i128) -> String {
    let minutes = nanoseconds.max(0) / 60_000_000_000;
    match (minutes / 1440, minutes / 60 % 24, minutes % 60) {
        (0, 0, minutes) => format!("{minutes}m"),
        (0, hours, _) => format!("{hours}h"),
        (days, 0, _) => format!("{days}d"),
        (days, hours, _) => format!("{days}d {hours}h"),
    }
}

/// `day 7, week 4`.
fn describe_buckets(unless: &NewestPer) -> String {
    let counts = [
        ("day", unless.day),
        ("week", unless.week),
        ("month", unless.month),
        ("year", unless.year),
    ];
    let given = counts.iter().filter(|(_, count)| *count > 0);
    given
        .map(|(word, count)| format!("{word} {count}"))
        .collect::<Vec<_>>()
        .join(", ")
}

/// The entries of one rule by group, ranked.
struct Groups {
    /// The group of each entry by digest and tag.
    group_of: HashMap<(Digest, Option<Tag>), Option<String>>,
    /// Rank of each image in its group; only what has a rank is here.
    ranks: HashMap<(String, Digest), u64>,
    /// Images that `unless` spares, with the bucket that does it.
    spared: HashMap<(String, Digest), String>,
    unless: Option<NewestPer>,
    by_version: bool,
}

/// Where an entry stands among its group.
struct Place {
    rank: Result<u64, &'static str>,
}

impl Place {
    fn beyond(&self, limit: u64) -> Finding {
        match self.rank {
            Ok(rank) => Finding {
                limit: limit.to_string(),
                found: format!("{rank} newer"),
                holds: Some(rank >= limit),
            },
            Err(why) => undecided(limit, why),
        }
    }
}

/// One image in a group: its newest time and its highest version there.
#[derive(Default)]
struct Image {
    time: Option<Timestamp>,
    version: Option<Version>,
}

impl Groups {
    fn of(rules: &RepositoryRules<'_>, rule: &Rule, governed: &[Governed<'_>]) -> Self {
        let tags: BTreeSet<&str> = rules.repository.tags.iter().map(|tag| tag.name.as_str()).collect();
        let is_tag = |text: &str| tags.contains(text);
        let mut group_of = HashMap::new();
        let mut members: BTreeMap<String, BTreeMap<&Digest, Image>> = BTreeMap::new();
        for entry in governed {
            let Some(manifest) = rules.graph.manifest(entry.of.root) else {
                continue;
            };
            let tag = entry.of.tag.map(|tag| &tag.name);
            let group = rule.group_by.group(tag, labels(manifest), &is_tag);
            if let (Some(group), Some(time)) = (&group, entry.of.time) {
                let image = members
                    .entry(group.clone())
                    .or_default()
                    .entry(&manifest.digest)
                    .or_default();
                image.time = image.time.max(Some(time));
                image.version = image
                    .version
                    .take()
                    .max(tag.and_then(|tag| Version::parse(tag.as_str())));
            }
            group_of.insert((manifest.digest.clone(), tag.cloned()), group);
        }
        let by_version = rule.order == Order::Semver;
        let mut groups = Self {
            group_of,
            ranks: HashMap::new(),
            spared: HashMap::new(),
            unless: rule.unless,
            by_version,
        };
        for (group, images) in members {
            groups.rank(&group, &images);
            if let Some(unless) = &rule.unless {
                groups.spare(&group, &images, unless);
            }
        }
        groups
    }

    /// Newest first, ties by digest.
    fn rank(&mut self, group: &str, images: &BTreeMap<&Digest, Image>) {
        let mut order: Vec<(&Digest, &Image)> = images.iter().map(|(digest, image)| (*digest, image)).collect();
        if self.by_version {
            order.retain(|(_, image)| image.version.is_some());
            order.sort_by(|(_, left), (_, right)| right.version.cmp(&left.version));
        } else {
            order.sort_by_key(|(_, image)| Reverse(image.time));
        }
        for (rank, (digest, _)) in (0_u64..).zip(order) {
            self.ranks.insert((group.to_owned(), digest.clone()), rank);
        }
    }

    /// The newest image of each of the last N calendar buckets that hold one.
    fn spare(&mut self, group: &str, images: &BTreeMap<&Digest, Image>, unless: &NewestPer) {
        let mut order: Vec<(Timestamp, &Digest)> = images
            .iter()
            .filter_map(|(digest, image)| Some((image.time?, *digest)))
            .collect();
        order.sort_by_key(|(time, digest)| (Reverse(*time), *digest));
        let granularities = [
            (Granularity::Day, unless.day, "day"),
            (Granularity::Week, unless.week, "week"),
            (Granularity::Month, unless.month, "month"),
            (Granularity::Year, unless.year, "year"),
        ];
        for (granularity, count, word) in granularities {
            let mut buckets = BTreeSet::new();
            for (time, digest) in &order {
                let fresh = !buckets.contains(&bucket(granularity, *time));
                if fresh && u64::try_from(buckets.len()).is_ok_and(|held| held < count) {
                    buckets.insert(bucket(granularity, *time));
                    self.spared
                        .entry((group.to_owned(), (*digest).clone()))
                        .or_insert_with(|| word.to_owned());
                }
            }
        }
    }

    fn group(&self, digest: &Digest, entry: &Entry<'_>) -> Option<&String> {
        self.group_of
            .get(&(digest.clone(), entry.tag.map(|tag| tag.name.clone())))?
            .as_ref()
    }

    fn place(&self, digest: &Digest, entry: &Entry<'_>) -> Place {
        let rank = || {
            let group = self.group(digest, entry).ok_or("it belongs to no group")?;
            entry.time.ok_or("no time is known")?;
            let versioned = entry.tag.is_some_and(|tag| Version::parse(tag.name.as_str()).is_some());
            if self.by_version && !versioned {
                return Err("its tag is no version");
            }
            self.ranks
                .get(&(group.clone(), digest.clone()))
                .copied()
                .ok_or("it has no rank")
        };
        Place { rank: rank() }
    }

    /// Why `unless` keeps an entry, if it does. Without a time or a group nobody can say that it does not.
    fn spared(&self, digest: &Digest, entry: &Entry<'_>) -> Option<(String, Finding)> {
        let finding = |limit: &str, found: &str, holds| Finding {
            limit: limit.to_owned(),
            found: found.to_owned(),
            holds,
        };
        let limit = self.unless.as_ref().map(describe_buckets)?;
        let finding = match (self.group(digest, entry), entry.time) {
            (Some(group), Some(_)) => {
                let word = self.spared.get(&(group.clone(), digest.clone()))?;
                finding(&limit, &format!("the newest of its {word}"), Some(true))
            }
            (None, _) => finding(&limit, "unknown: it belongs to no group", None),
            (_, None) => finding(&limit, "unknown: no time is known", None),
        };
        Some(("newest-per".to_owned(), finding))
    }
}

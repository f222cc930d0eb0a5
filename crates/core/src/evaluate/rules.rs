//! What the rules say of each entry, before any hold.
//!
//! The first rule that fits an entry governs it. Conditions are decided true, false or undecided, and
//! undecided counts as false: unknown is never a reason to delete.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use jiff::Timestamp;

use super::dates::{Dates, given};
use super::entries::{Entry, Roots};
use super::groups::{Groups, Member};
use super::lifecycle::{Judged, archived};
use super::{Decision, elapsed};
use crate::graph::{Graph, Node};
use crate::lifecycle::LifecyclePolicy;
use crate::model::{Digest, Manifest, Repository, Tag};
use crate::policy::{Candidate, Conditions, Policy, RankAmong, Rule, Rules, Since, Verb};
use crate::reason::{Reason, Ruling};
use crate::ruling::{Measure, Measures, Pulls, Shown, Span, Terms, Unknown};

/// The rules that govern one repository, with what they need to know of it.
pub(super) struct RepositoryRules<'a> {
    pub(super) now: Timestamp,
    pub(super) repository: &'a Repository,
    pub(super) graph: &'a Graph<'a>,
    pub(super) dates: &'a Dates<'a>,
    pub(super) roots: &'a Roots<'a>,
    pub(super) policy: Option<&'a Policy>,
}

/// The entries that one rule speaks of, by their places, in ascending order.
#[derive(Debug, Clone, Default)]
struct Governed {
    /// Those that it governs.
    places: Vec<usize>,
    /// All that its match fits, where it ranks among them.
    fitting: Vec<usize>,
}

impl Governed {
    /// Among which entries the rule ranks.
    fn ranked(&self, rule: &Rule) -> &[usize] {
        match rule.rank_among {
            RankAmong::Governed => &self.places,
            RankAmong::Fitting => &self.fitting,
        }
    }
}

impl RepositoryRules<'_> {
    /// One decision for each entry, in their order.
    pub(super) fn decide(&self) -> Vec<Decision> {
        let unruled = Reason::NoRule {
            policy: self.policy.map(|policy| Arc::from(policy.name.as_str())),
        };
        let mut decisions = vec![Decision::Keep(unruled); self.roots.entries.len()];
        let Some(policy) = self.policy else { return decisions };
        match &policy.rules {
            Rules::Own(rules) => {
                for (rule, governed) in rules.iter().zip(self.govern(rules)) {
                    if !governed.places.is_empty() {
                        self.apply(policy, rule, &governed, &mut decisions);
                    }
                }
            }
            Rules::Ecr(lifecycle) => self.let_ecr_judge(&policy.name, lifecycle, &mut decisions),
        }
        decisions
    }

    /// The entries that each rule governs.
    fn govern(&self, rules: &[Rule]) -> Vec<Governed> {
        let mut governed = vec![Governed::default(); rules.len()];
        let ask_platforms = rules.iter().any(|rule| rule.matches.platforms.is_some());
        let ask_tags = rules.iter().any(|rule| rule.matches.image_tags.is_some());
        for root in &self.roots.roots {
            let Some(manifest) = self.graph.manifest(root.node) else {
                continue;
            };
            let platforms = if ask_platforms {
                self.graph.platforms(root.node)
            } else {
                BTreeSet::new()
            };
            let platforms: Vec<&str> = platforms.into_iter().collect();
            let is_tagged = |place: usize| self.roots.entries[place].tag.is_some();
            let all: Vec<&Tag> = match ask_tags || !root.entries.clone().all(is_tagged) {
                true => self.graph.tags(root.node).iter().map(|tag| &tag.name).collect(),
                false => Vec::new(),
            };
            for place in root.entries.clone() {
                let own = self.roots.entries[place].tag.map(|tag| [&tag.name]);
                let candidate = Candidate {
                    kind: root.kind,
                    tags: own.as_ref().map_or(all.as_slice(), |own| own.as_slice()),
                    image_tags: &all,
                    archived: manifest.archived_at.is_some(),
                    labels: labels(manifest),
                    platforms: &platforms,
                };
                let Some(first) = rules.iter().position(|rule| rule.fits(&candidate)) else {
                    continue;
                };
                governed[first].places.push(place);
                let ranks =
                    |(rule, _): &(&Rule, &mut Governed)| rule.rank_among == RankAmong::Fitting && rule.fits(&candidate);
                let from_first = rules.iter().zip(&mut governed).skip(first);
                from_first
                    .filter(ranks)
                    .for_each(|(_, governed)| governed.fitting.push(place));
            }
        }
        governed
    }

    /// A manifest and everything below it.
    fn with_below(&self, node: Node) -> impl Iterator<Item = &Manifest> {
        let nodes = std::iter::once(node).chain(self.graph.below(node));
        nodes.filter_map(|node| self.graph.manifest(node))
    }

    /// Lets one rule judge the entries that it governs.
    fn apply(&self, policy: &Policy, rule: &Rule, governed: &Governed, decisions: &mut [Decision]) {
        let alternatives: &[Conditions] = match &rule.verb {
            Verb::KeepAlways => &[],
            Verb::Expire(alternatives) => alternatives,
        };
        let names = (policy.name.as_str(), rule.name.as_str());
        let terms = Arc::new(Terms::new(names, alternatives, rule.unless, self.pulls()));
        let ruling = |shown, measures| Ruling::measured(&terms, shown, measures);
        let asked = Asked::by(rule, alternatives);
        let ranked = governed.ranked(rule);
        let groups = rule.ranks().then(|| self.groups(rule, ranked));
        let mut sizes = HashMap::new();
        for place in &governed.places {
            let entry = &self.roots.entries[*place];
            // What a rule governs fits it, so that it is always there.
            let position = ranked.binary_search(place).ok();
            let groups = groups.as_ref().zip(position);
            let rank = groups
                .filter(|_| asked.rank)
                .map(|(groups, position)| groups.rank(position));
            let measures = Measures {
                rank: rank.map_or(Measure::UNASKED, Measure::of),
                ..self.measure(asked, entry, &mut sizes)
            };
            let shown = match (&rule.verb, terms.first_holding(&measures)) {
                (Verb::KeepAlways, _) => Err(Reason::KeepAlways(ruling(Shown::Nothing, measures))),
                (_, None) => Err(Reason::NotExpired(ruling(Shown::All, measures))),
                (_, Some(alternative)) => match groups.and_then(|(groups, position)| groups.spared(position)) {
                    Some(shown) => Err(Reason::Unless(ruling(shown, measures))),
                    None if rule.archives() && self.is_archived(entry.root) => {
                        Err(Reason::Archived(ruling(Shown::Alternative(alternative), measures)))
                    }
                    None => Ok((ruling(Shown::Alternative(alternative), measures), rule.action)),
                },
            };
            decisions[*place] = shown.map_or_else(Decision::Keep, |(ruling, action)| Decision::Expire(ruling, action));
        }
    }

    /// Lets a lifecycle policy of ECR judge: the verdict on an image is that on each of its entries.
    fn let_ecr_judge(&self, name: &str, lifecycle: &LifecyclePolicy, decisions: &mut [Decision]) {
        let judged = Judged::by(lifecycle, (self.graph, self.dates), self.now);
        let terms: Vec<Arc<Terms>> = judged.terms(name, self.pulls());
        for root in &self.roots.roots {
            let Some(judgement) = judged.of(root.node) else {
                continue;
            };
            let terms = &terms[judgement.rule];
            let measures = judged.measures(root.node);
            let decision = match terms.first_holding(&measures).filter(|_| judgement.marked) {
                None => Decision::Keep(Reason::NotExpired(Ruling::measured(terms, Shown::All, measures))),
                Some(first) => {
                    let ruling = Ruling::measured(terms, Shown::Alternative(first), measures);
                    Decision::Expire(ruling, lifecycle.rules()[judgement.rule].action.into())
                }
            };
            decisions[root.entries.clone()].fill(decision);
        }
    }

    fn is_archived(&self, node: Node) -> bool {
        self.graph
            .manifest(node)
            .is_some_and(|manifest| manifest.archived_at.is_some())
    }

    fn groups(&self, rule: &Rule, ranked: &[usize]) -> Groups {
        let is_tag = |text: &str| self.graph.has_tag(text);
        let members = ranked.iter().map(|place| {
            let entry = &self.roots.entries[*place];
            let tag = entry.tag.map(|tag| &tag.name);
            let manifest = self.graph.manifest(entry.root);
            Member {
                group: manifest.and_then(|manifest| rule.group_by.group(tag, labels(manifest), &is_tag)),
                root: entry.root,
                tag,
                time: self.time(entry, rule.since),
            }
        });
        Groups::of(rule, members)
    }

    /// How far back pull times are known here.
    fn pulls(&self) -> Pulls {
        if self.repository.capabilities.pull_time != Some(true) {
            return Pulls::Unknown;
        }
        let since = given(self.repository.pull_data_since);
        // What reaches from the future covers nothing; a limit of nothing is covered by what begins now.
        let reach = since.map(|since| elapsed(since, self.now)).filter(|reach| *reach >= 0);
        Pulls::Reach(reach.map(Span::of_nanoseconds))
    }

    /// What the rule asks to know of an entry, but for its rank.
    fn measure(&self, asked: Asked, entry: &Entry<'_>, sizes: &mut HashMap<Node, u64>) -> Measures {
        let since = self.since(entry, asked.since);
        let ago = |moment| Span::of_nanoseconds(elapsed(moment, self.now));
        let pulled = if asked.idle {
            self.dates.pulled(entry.root)
        } else {
            None
        };
        let idle = since.map(|since| ago(pulled.map_or(since, |pulled| pulled.max(since))));
        Measures {
            age: Measure::of_span(since.map(ago)),
            archived: archived(
                self.graph
                    .manifest(entry.root)
                    .and_then(|manifest| manifest.archived_at),
                self.now,
            ),
            idle: if asked.idle {
                Measure::of_span(idle)
            } else {
                Measure::UNASKED
            },
            pulled: pulled.is_some(),
            rank: Measure::UNASKED,
            size: if asked.size {
                *sizes.entry(entry.root).or_insert_with(|| self.size(entry.root))
            } else {
                0
            },
        }
    }

    /// The moment that an entry is ranked by.
    fn time(&self, entry: &Entry<'_>, since: Since) -> Option<Timestamp> {
        match since {
            Since::Latest => entry.time,
            Since::Push => self.dates.arrival(entry.root),
        }
    }

    /// The moment that age counts from: the entry's time, else the first sight, which only understates it; or the push.
    fn since(&self, entry: &Entry<'_>, since: Since) -> Result<Timestamp, Unknown> {
        let seen = || given(self.graph.manifest(entry.root)?.first_seen_at);
        match (self.time(entry, since), since) {
            (Some(time), _) => Ok(time),
            (None, Since::Latest) => seen().ok_or(Unknown::NoTimeNorSight),
            (None, Since::Push) => Err(Unknown::NoPush),
        }
    }

    /// The blobs of the root and everything below it, each counted once.
    fn size(&self, root: Node) -> u64 {
        let blobs = self.with_below(root).flat_map(|manifest| &manifest.blobs);
        let blobs: HashMap<&Digest, u64> = blobs.map(|blob| (&blob.digest, blob.size)).collect();
        blobs.values().fold(0, |sum, size| sum.saturating_add(*size))
    }
}

/// What any alternative of a rule asks for.
#[derive(Debug, Clone, Copy)]
struct Asked {
    since: Since,
    idle: bool,
    rank: bool,
    size: bool,
}

impl Asked {
    fn by(rule: &Rule, alternatives: &[Conditions]) -> Self {
        let any = |asks: fn(&Conditions) -> bool| alternatives.iter().any(asks);
        Self {
            since: rule.since,
            idle: any(|conditions| conditions.not_pulled_for.is_some()),
            rank: any(|conditions| conditions.beyond_newest.is_some()),
            size: any(|conditions| conditions.larger_than.is_some()),
        }
    }
}

fn labels(manifest: &Manifest) -> [&BTreeMap<String, String>; 2] {
    [&manifest.labels, &manifest.annotations]
}

//! What the rules say of each image: entry by entry, one for each of its names.
//!
//! The first policy that covers a repository governs it, and there the first rule that fits an entry; conditions that
//! cannot be decided are false. All as for registries, but that every time is that of the last use.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;

use super::images::{Image, Place};
use super::plan::StayReason;
use crate::evaluate::{Groups, Member};
use crate::model::{Kind, Tag};
use crate::policy::{Candidate, Conditions, Policy, RankAmong, Rule, Verb};
use crate::reason::Ruling;
use crate::ruling::{Measure, Measures, Pulls, Shown, Span, Terms, Unknown};

/// What the rules say of an image.
#[derive(Debug)]
pub(super) enum Said {
    /// All of its entries expire.
    Expires(Ruling),
    /// Only rules with `expire` govern it, and not all of them let it go yet.
    NotYet(Ruling),
    /// It stays.
    Stays(StayReason),
}

/// A name of an image: one for each tag, one for a repository where only digests name it, one for an image that
/// belongs to no repository.
struct Entry<'a> {
    image: usize,
    tag: Option<&'a Tag>,
}

/// What is the same for all repositories.
struct Judge<'a> {
    images: &'a [Image<'a>],
    now: Timestamp,
    /// For each image what its entries got so far.
    verdicts: Vec<Vec<Verdict>>,
}

/// A rule's word on an entry. Where those on one image differ, the first in this order is that on the image.
#[derive(Debug)]
enum Verdict {
    KeepAlways(Ruling),
    Unless(Ruling),
    NotExpired(Ruling),
    NoRule,
    Expired(Ruling),
}

/// What the policies say of each image.
pub(super) fn judge(images: &[Image<'_>], policies: &[Policy], now: Timestamp) -> Vec<Said> {
    let mut judge = Judge {
        images,
        now,
        verdicts: images.iter().map(|_| Vec::new()).collect(),
    };
    for (place, entries) in entries(images) {
        let covers = |policy: &&Policy| match place {
            Some((host, name)) => policy.covers(host, name),
            None => policy.registries.is_everything() && policy.repositories.is_everything(),
        };
        judge.judge(policies.iter().find(covers), &entries);
    }
    judge.verdicts.into_iter().map(Said::of).collect()
}

/// The entries of each repository, and those of none.
fn entries<'a>(images: &'a [Image<'a>]) -> BTreeMap<Option<&'a Place>, Vec<Entry<'a>>> {
    let mut all: BTreeMap<Option<&Place>, Vec<Entry<'_>>> = BTreeMap::new();
    for (at, image) in images.iter().enumerate() {
        let untagged = || Entry { image: at, tag: None };
        if image.places.is_empty() {
            all.entry(None).or_default().push(untagged());
        }
        for (place, tags) in &image.places {
            let entries = all.entry(Some(place)).or_default();
            entries.extend(tags.iter().map(|tag| Entry {
                image: at,
                tag: Some(tag),
            }));
            entries.extend(tags.is_empty().then(untagged));
        }
    }
    all
}

impl Judge<'_> {
    /// Lets a policy judge the entries of one repository.
    fn judge(&mut self, policy: Option<&Policy>, entries: &[Entry<'_>]) {
        let rules = policy.map_or(&[][..], |policy| policy.rules.own());
        let mut governed: Vec<Vec<usize>> = vec![Vec::new(); rules.len()];
        let mut fitting = governed.clone();
        for (at, entry) in entries.iter().enumerate() {
            let own = entry.tag.map(|tag| [tag]);
            let of_image = self.tags_beside(entries, at);
            let candidate = Candidate {
                kind: Kind::Image,
                tags: own.as_ref().map_or(&[], |own| own.as_slice()),
                image_tags: &of_image,
                archived: false,
                labels: [&self.images[entry.image].facts.labels, &BTreeMap::new()],
                platforms: &[],
            };
            // Where only a digest names it, an image that has a tag elsewhere is not dangling.
            let is_tagged = self.images[entry.image].is_tagged();
            let speaks = |rule: &Rule| rule.fits(&candidate) && !(is_tagged && rule.matches.untagged);
            let mut fits = rules.iter().enumerate().filter(|(_, rule)| speaks(rule));
            match fits.next() {
                None => self.verdicts[entry.image].push(Verdict::NoRule),
                Some((first, _)) => {
                    governed[first].push(at);
                    fitting[first].push(at);
                    fits.for_each(|(rule, _)| fitting[rule].push(at));
                }
            }
        }
        for ((rule, governed), fitting) in rules.iter().zip(&governed).zip(&fitting) {
            let policy = policy.map_or("", |policy| policy.name.as_str());
            let ranked = match rule.rank_among {
                RankAmong::Governed => governed,
                RankAmong::Fitting => fitting,
            };
            self.apply((policy, rule), entries, governed, ranked);
        }
    }

    /// All tags of an image in this repository. The entries of one image stand side by side.
    fn tags_beside<'e>(&self, entries: &[Entry<'e>], at: usize) -> Vec<&'e Tag> {
        let image = entries[at].image;
        let same = |entry: &&Entry<'e>| entry.image == image;
        let before = entries[..at].iter().rev().take_while(same);
        let behind = entries[at..].iter().take_while(same);
        before.chain(behind).filter_map(|entry| entry.tag).collect()
    }

    /// Lets one rule judge the entries that it governs.
    fn apply(&mut self, (policy, rule): (&str, &Rule), entries: &[Entry<'_>], governed: &[usize], ranked: &[usize]) {
        let alternatives: &[Conditions] = match &rule.verb {
            Verb::KeepAlways => &[],
            Verb::Expire(alternatives) => alternatives,
        };
        let terms = Terms::new((policy, &rule.name), alternatives, rule.unless, Pulls::Unknown);
        let terms = Arc::new(terms);
        let groups = rule.ranks().then(|| self.groups(rule, entries, ranked));
        for at in governed {
            let image = entries[*at].image;
            let place = groups.as_ref().zip(ranked.binary_search(at).ok());
            let rank = place.map(|(groups, place)| groups.rank(place));
            let measures = self.measure(image, rank);
            let ruling = |shown| Ruling::measured(&terms, shown, measures);
            let spared = || place.and_then(|(groups, place)| groups.spared(place));
            self.verdicts[image].push(match (&rule.verb, terms.first_holding(&measures)) {
                (Verb::KeepAlways, _) => Verdict::KeepAlways(ruling(Shown::Nothing)),
                (_, None) => Verdict::NotExpired(ruling(Shown::All)),
                (_, Some(first)) => match spared() {
                    Some(shown) => Verdict::Unless(ruling(shown)),
                    None => Verdict::Expired(ruling(Shown::Alternative(first))),
                },
            });
        }
    }

    fn groups(&self, rule: &Rule, entries: &[Entry<'_>], ranked: &[usize]) -> Groups {
        let tags: BTreeSet<&str> = entries.iter().filter_map(|entry| entry.tag.map(Tag::as_str)).collect();
        let none = BTreeMap::new();
        let members = ranked.iter().map(|at| {
            let Entry { image, tag } = entries[*at];
            let labels = [&self.images[image].facts.labels, &none];
            Member {
                group: rule.group_by.group(tag, labels, &|text| tags.contains(text)),
                root: image,
                tag,
                time: self.images[image].used_at,
            }
        });
        Groups::of(rule, members)
    }

    fn measure(&self, image: usize, rank: Option<Result<u64, Unknown>>) -> Measures {
        let image = &self.images[image];
        let ago = |moment: Timestamp| Span::of_nanoseconds(self.now.as_nanosecond() - moment.as_nanosecond());
        Measures {
            age: Measure::of_span(image.used_at.map(ago).ok_or(Unknown::NoTimeNorSight)),
            archived: Measure::UNASKED,
            idle: Measure::UNASKED,
            pulled: false,
            rank: rank.map_or(Measure::UNASKED, Measure::of),
            size: image.facts.bytes,
        }
    }
}

impl Verdict {
    fn place(&self) -> u8 {
        match self {
            Self::KeepAlways(_) => 0,
            Self::Unless(_) => 1,
            Self::NotExpired(_) => 2,
            Self::NoRule => 3,
            Self::Expired(_) => 4,
        }
    }
}

impl Said {
    /// An image goes only if all its entries do.
    fn of(verdicts: Vec<Verdict>) -> Self {
        let may_go = |verdict: &Verdict| matches!(verdict, Verdict::Expired(_) | Verdict::NotExpired(_));
        let all_may_go = verdicts.iter().all(may_go);
        let first = verdicts.into_iter().min_by_key(Verdict::place);
        match first.unwrap_or(Verdict::NoRule) {
            Verdict::Expired(ruling) => Self::Expires(ruling),
            Verdict::NotExpired(ruling) if all_may_go => Self::NotYet(ruling),
            Verdict::NotExpired(ruling) => Self::Stays(StayReason::NotExpired(ruling)),
            Verdict::KeepAlways(ruling) => Self::Stays(StayReason::KeepAlways(ruling)),
            Verdict::Unless(ruling) => Self::Stays(StayReason::Unless(ruling)),
            Verdict::NoRule => Self::Stays(StayReason::NoRule),
        }
    }
}

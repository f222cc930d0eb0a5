//! The entries of one rule by group: where each image stands among its group, and which ones `unless` spares.

use std::cmp::Reverse;

use jiff::Timestamp;

use crate::graph::Node;
use crate::hashed::Map;
use crate::model::Tag;
use crate::policy::calendar::bucket;
use crate::policy::version::Version;
use crate::policy::{NewestPer, Order, Rule};
use crate::ruling::{Shown, Unknown};

/// An entry that a rule governs.
pub(crate) struct Member<'t> {
    /// Its group, if it has one.
    pub(crate) group: Option<&'t str>,
    pub(crate) root: Node,
    pub(crate) tag: Option<&'t Tag>,
    pub(crate) time: Option<Timestamp>,
}

/// One image in a group: its newest time and its highest version there.
struct Image {
    group: u32,
    root: Node,
    time: Timestamp,
    version: Option<Version>,
    rank: Option<u64>,
    spared: Option<Shown>,
}

/// The images of one rule, ranked in their groups.
pub(crate) struct Groups {
    /// For each entry its image, or why it has none.
    image_of: Vec<Result<usize, Unknown>>,
    /// Whether each entry's tag is a version; empty where that does not matter.
    versioned: Vec<bool>,
    images: Vec<Image>,
    unless: bool,
}

impl Groups {
    pub(crate) fn of<'t>(rule: &Rule, members: impl Iterator<Item = Member<'t>>) -> Self {
        let by_version = rule.order == Order::Semver;
        let mut groups = Self::gather(by_version, members);
        let mut order: Vec<usize> = (0..groups.images.len()).collect();
        groups.newest_first(&mut order);
        if let Some(unless) = &rule.unless {
            groups.unless = true;
            groups.spare(&order, unless);
        }
        if by_version {
            order.retain(|image| groups.images[*image].version.is_some());
            let images = &groups.images;
            order.sort_by(|a, b| {
                let (a, b) = (&images[*a], &images[*b]);
                (a.group, Reverse(&a.version), a.root).cmp(&(b.group, Reverse(&b.version), b.root))
            });
        }
        groups.rank_in(&order);
        groups
    }

    /// Each image once a group, in the order of groups and digests.
    fn gather<'t>(by_version: bool, members: impl Iterator<Item = Member<'t>>) -> Self {
        let mut numbers: Map<&str, u32> = Map::default();
        let mut groups = Self {
            image_of: Vec::new(),
            versioned: Vec::new(),
            images: Vec::new(),
            unless: false,
        };
        let mut found: Vec<(u32, Node, usize, Timestamp, Option<Version>)> = Vec::new();
        for (position, member) in members.enumerate() {
            let version = member
                .tag
                .filter(|_| by_version)
                .and_then(|tag| Version::parse(tag.as_str()));
            if by_version {
                groups.versioned.push(version.is_some());
            }
            groups.image_of.push(match (member.group, member.time) {
                (None, _) => Err(Unknown::NoGroup),
                (_, None) => Err(Unknown::NoTime),
                (Some(group), Some(time)) => {
                    let next = u32::try_from(numbers.len()).unwrap_or(u32::MAX);
                    let group = *numbers.entry(group).or_insert(next);
                    found.push((group, member.root, position, time, version));
                    Err(Unknown::NoRank)
                }
            });
        }
        found.sort_unstable_by_key(|(group, root, position, ..)| (*group, *root, *position));
        for (group, root, position, time, version) in found {
            match groups.images.last_mut() {
                Some(image) if (image.group, image.root) == (group, root) => {
                    image.time = image.time.max(time);
                    image.version = image.version.take().max(version);
                }
                _ => groups.images.push(Image {
                    group,
                    root,
                    time,
                    version,
                    rank: None,
                    spared: None,
                }),
            }
            groups.image_of[position] = Ok(groups.images.len() - 1);
        }
        groups
    }

    /// Within each group the newest first, ties by digest.
    fn newest_first(&self, order: &mut [usize]) {
        order.sort_unstable_by(|a, b| {
            let (a, b) = (&self.images[*a], &self.images[*b]);
            (a.group, Reverse(a.time), a.root).cmp(&(b.group, Reverse(b.time), b.root))
        });
    }

    fn rank_in(&mut self, order: &[usize]) {
        let (mut group, mut rank) = (None, 0);
        for image in order {
            let image = &mut self.images[*image];
            if group != Some(image.group) {
                (group, rank) = (Some(image.group), 0);
            }
            image.rank = Some(rank);
            rank += 1;
        }
    }

    /// The newest image of each of the last N calendar buckets that hold one.
    fn spare(&mut self, order: &[usize], unless: &NewestPer) {
        for (granularity, count) in unless.buckets() {
            let mut last = None;
            let mut held = 0;
            for image in order {
                let image = &mut self.images[*image];
                let own = (image.group, bucket(granularity, image.time));
                if last.is_none_or(|(group, _)| group != image.group) {
                    held = 0;
                }
                // Times only fall within a group, so that a bucket is fresh unless it is the one before.
                if last != Some(own) && held < count {
                    held += 1;
                    image.spared.get_or_insert(Shown::Newest(granularity));
                }
                last = Some(own);
            }
        }
    }

    /// How many images of its group are newer than an entry's.
    pub(crate) fn rank(&self, entry: usize) -> Result<u64, Unknown> {
        let image = self.image_of[entry]?;
        if self.versioned.get(entry) == Some(&false) {
            return Err(Unknown::NoVersion);
        }
        self.images[image].rank.ok_or(Unknown::NoRank)
    }

    /// Why `unless` keeps an entry, if it does. Without a time or a group nobody can say that it does not.
    pub(crate) fn spared(&self, entry: usize) -> Option<Shown> {
        if !self.unless {
            return None;
        }
        match self.image_of[entry] {
            Ok(image) => self.images[image].spared,
            Err(why) => Some(Shown::NewestUnknown(why)),
        }
    }
}

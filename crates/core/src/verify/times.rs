//! Dates: which of them mean anything, and what they say (design, sections 4 and 5).

use std::cell::OnceCell;
use std::collections::BinaryHeap;

use jiff::{SignedDuration, Timestamp};

use super::world::{Contents, Id, Standing};
use crate::model::Manifest;
use crate::policy::Period;

/// 2013-03-20, the day Docker was first shown. No image is older.
const FIRST_IMAGE: i64 = 1_363_737_600;
const DAY: SignedDuration = SignedDuration::from_hours(24);
const CREATED: &str = "org.opencontainers.image.created";

/// A period as a length of time.
pub(super) const fn length(period: Period) -> SignedDuration {
    SignedDuration::from_secs(period.seconds())
}

/// How long ago `then` was; below zero if it is yet to come.
pub(super) fn since(then: Timestamp, now: Timestamp) -> SignedDuration {
    now.duration_since(then)
}

/// A date of registry or image, unless it is older than any image can be.
pub(super) fn plausible(date: Option<Timestamp>) -> Option<Timestamp> {
    date.filter(|date| date.as_second() >= FIRST_IMAGE)
}

fn own_created(manifest: &Manifest, now: Timestamp) -> Option<Timestamp> {
    let annotated = || not_ahead(manifest.annotations.get(CREATED)?.parse().ok(), now);
    not_ahead(manifest.created_at, now).or_else(annotated)
}

/// A date that is plausible, and not more than a day ahead.
fn not_ahead(date: Option<Timestamp>, now: Timestamp) -> Option<Timestamp> {
    plausible(date).filter(|date| date.duration_since(now) <= DAY)
}

/// The dates of the manifests of one repository.
pub(super) struct Times<'c> {
    contents: &'c Contents<'c>,
    now: Timestamp,
    created: OnceCell<Vec<Option<Timestamp>>>,
    created_above: OnceCell<Vec<Option<Timestamp>>>,
}

impl<'c> Times<'c> {
    pub(super) fn new(contents: &'c Contents<'c>, now: Timestamp) -> Self {
        Self {
            contents,
            now,
            created: OnceCell::new(),
            created_above: OnceCell::new(),
        }
    }

    fn manifest(&self, id: Id) -> &'c Manifest {
        self.contents.nodes[id].manifest
    }

    /// When the image was built: its own word, else the newest among its children.
    fn created(&self, id: Id) -> Option<Timestamp> {
        let own = own_created(self.manifest(id), self.now);
        if own.is_some() || self.contents.nodes[id].children.is_empty() {
            return own;
        }
        self.created.get_or_init(|| self.all_created())[id]
    }

    fn all_created(&self) -> Vec<Option<Timestamp>> {
        let own = self
            .contents
            .nodes
            .iter()
            .map(|node| own_created(node.manifest, self.now));
        let nodes = &self.contents.nodes;
        settle(own.collect(), |id| nodes[id].indexes.iter().copied())
    }

    /// What carries no date of its own, a signature say, is as old as what it belongs to.
    fn created_above(&self, id: Id) -> Option<Timestamp> {
        self.created_above.get_or_init(|| {
            let nodes = &self.contents.nodes;
            let created: Vec<_> = (0..nodes.len()).map(|id| self.created(id)).collect();
            settle(created, |id| {
                nodes[id].children.iter().chain(&nodes[id].referrers).copied()
            })
        })[id]
    }

    /// Whether an earlier complete scan of the repository did not have it yet.
    fn is_newly_seen(&self, id: Id) -> bool {
        let seen = plausible(self.manifest(id).first_seen_at);
        matches!((seen, self.contents.record.scanned_since), (Some(seen), Some(scanned)) if seen > scanned)
    }

    /// When an image arrived, as far as that is known.
    fn arrived(&self, id: Id) -> Option<Timestamp> {
        let manifest = self.manifest(id);
        not_ahead(manifest.pushed_at, self.now)
            .or_else(|| not_ahead(manifest.first_seen_at, self.now).filter(|_| self.is_newly_seen(id)))
            .or_else(|| self.created(id))
    }

    /// The time of a root: that of its newest entry.
    pub(super) fn newest_entry(&self, id: Id, standing: Standing) -> Option<Timestamp> {
        let node = &self.contents.nodes[id];
        let tag_set = match standing {
            Standing::Tagged => {
                let tags = self.contents.ordinary_tags(node);
                let tags = tags.map(|tag| self.contents.tags[tag].entry);
                tags.filter_map(|tag| not_ahead(tag.updated_at, self.now)).max()
            }
            _ => not_ahead(node.manifest.untagged_at, self.now),
        };
        self.arrived(id).max(tag_set)
    }

    /// The moment that the grace of a manifest counts from; `None` if nobody knows when it came.
    pub(super) fn grace_from(&self, id: Id, trust_created: bool) -> Option<Timestamp> {
        let node = &self.contents.nodes[id];
        let manifest = node.manifest;
        let built = || {
            let trusted = trust_created && !self.is_newly_seen(id);
            trusted
                .then(|| self.created(id).or_else(|| self.created_above(id)))
                .flatten()
        };
        let came = plausible(manifest.pushed_at)
            .or_else(built)
            .or(plausible(manifest.first_seen_at))?;
        let tags = self.contents.tags_of(node);
        let tag_set = tags.filter_map(|tag| plausible(tag.updated_at)).max();
        Some(came).max(tag_set).max(plausible(manifest.untagged_at))
    }
}

/// Hands every date on to what `next` names and has none, and so on. The newest is handed on first: it is the newest
/// that can come, so that nothing is visited twice.
fn settle<N: Iterator<Item = Id>>(mut dates: Vec<Option<Timestamp>>, next: impl Fn(Id) -> N) -> Vec<Option<Timestamp>> {
    let known = dates.iter().enumerate();
    let mut open: BinaryHeap<(Timestamp, Id)> = known.filter_map(|(id, date)| Some(((*date)?, id))).collect();
    while let Some((date, id)) = open.pop() {
        for other in next(id) {
            if dates[other].is_none() {
                dates[other] = Some(date);
                open.push((date, other));
            }
        }
    }
    dates
}

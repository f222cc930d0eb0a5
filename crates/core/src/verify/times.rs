//! Dates: which of them mean anything, and what they say (design, sections 4 and 5).

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};

use super::world::{Contents, Node, Standing};
use crate::model::{Digest, Manifest};
use crate::policy::Period;

/// 2013-03-20, the day Docker was first shown. No image is older.
const FIRST_IMAGE: i64 = 1_363_737_600;
const DAY: SignedDuration = SignedDuration::from_hours(24);
/// Indexes nested deeper than this are not looked into for dates.
const DEEPEST: u8 = 64;
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

/// When the image was built: its own word, else the newest among its children.
pub(super) fn created(contents: &Contents<'_>, manifest: &Manifest, now: Timestamp) -> Option<Timestamp> {
    created_within(contents, manifest, now, (DEEPEST, &mut BTreeSet::new()))
}

/// A child that is an index again is asked for its own children; each once, and not too deep.
fn created_within<'a>(
    contents: &Contents<'a>,
    manifest: &'a Manifest,
    now: Timestamp,
    (depth, asked): (u8, &mut BTreeSet<&'a Digest>),
) -> Option<Timestamp> {
    let deeper = depth.checked_sub(1)?;
    if !asked.insert(&manifest.digest) {
        return None;
    }
    own_created(manifest, now).or_else(|| {
        let children = manifest.children.iter().filter_map(|child| contents.nodes.get(child));
        children
            .filter_map(|child| created_within(contents, child.manifest, now, (deeper, &mut *asked)))
            .max()
    })
}

/// What carries no date of its own, a signature say, is as old as what it belongs to.
fn created_of_what_it_belongs_to(contents: &Contents<'_>, manifest: &Manifest, now: Timestamp) -> Option<Timestamp> {
    let mut reached = BTreeSet::new();
    let mut open = contents.above(&manifest.digest);
    while let Some(digest) = open.pop() {
        if reached.insert(digest) {
            open.extend(contents.above(digest));
        }
    }
    let above = reached.into_iter().filter_map(|digest| contents.nodes.get(digest));
    above.filter_map(|node| created(contents, node.manifest, now)).max()
}

fn own_created(manifest: &Manifest, now: Timestamp) -> Option<Timestamp> {
    let annotated = || not_ahead(manifest.annotations.get(CREATED)?.parse().ok(), now);
    not_ahead(manifest.created_at, now).or_else(annotated)
}

/// A date that is plausible, and not more than a day ahead.
fn not_ahead(date: Option<Timestamp>, now: Timestamp) -> Option<Timestamp> {
    plausible(date).filter(|date| date.duration_since(now) <= DAY)
}

/// Whether an earlier complete scan of the repository did not have it yet.
fn is_newly_seen(contents: &Contents<'_>, manifest: &Manifest) -> bool {
    matches!((plausible(manifest.first_seen_at), contents.record.scanned_since), (Some(seen), Some(scanned)) if seen > scanned)
}

/// When an image arrived, as far as that is known.
fn arrived(contents: &Contents<'_>, manifest: &Manifest, now: Timestamp) -> Option<Timestamp> {
    not_ahead(manifest.pushed_at, now)
        .or_else(|| not_ahead(manifest.first_seen_at, now).filter(|_| is_newly_seen(contents, manifest)))
        .or_else(|| created(contents, manifest, now))
}

/// The time of a root: that of its newest entry.
pub(super) fn newest_entry(
    contents: &Contents<'_>,
    node: &Node<'_>,
    standing: Standing,
    now: Timestamp,
) -> Option<Timestamp> {
    let tag_set = match standing {
        Standing::Tagged => node
            .ordinary_tags()
            .filter_map(|tag| not_ahead(tag.updated_at, now))
            .max(),
        _ => not_ahead(node.manifest.untagged_at, now),
    };
    arrived(contents, node.manifest, now).max(tag_set)
}

/// The moment that the grace of a manifest counts from; `None` if nobody knows when it came.
pub(super) fn grace_from(
    contents: &Contents<'_>,
    node: &Node<'_>,
    trust_created: bool,
    now: Timestamp,
) -> Option<Timestamp> {
    let manifest = node.manifest;
    let built = if trust_created && !is_newly_seen(contents, manifest) {
        created(contents, manifest, now).or_else(|| created_of_what_it_belongs_to(contents, manifest, now))
    } else {
        None
    };
    let came = plausible(manifest.pushed_at)
        .or(built)
        .or(plausible(manifest.first_seen_at))?;
    let tag_set = node.tags.iter().filter_map(|tag| plausible(tag.updated_at)).max();
    Some(came).max(tag_set).max(plausible(manifest.untagged_at))
}

//! Dates: which of them mean anything, and what they say (design, sections 4 and 5).

use jiff::{SignedDuration, Timestamp};

use super::world::{Contents, Node, Standing};
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

/// When the image was built: its own word, else the newest among its children.
pub(super) fn created(contents: &Contents<'_>, manifest: &Manifest, now: Timestamp) -> Option<Timestamp> {
    let children = manifest.children.iter().filter_map(|child| contents.nodes.get(child));
    own_created(manifest, now).or_else(|| children.filter_map(|child| own_created(child.manifest, now)).max())
}

fn own_created(manifest: &Manifest, now: Timestamp) -> Option<Timestamp> {
    let fits = |date: Option<Timestamp>| plausible(date).filter(|date| date.duration_since(now) <= DAY);
    fits(manifest.created_at).or_else(|| fits(manifest.annotations.get(CREATED)?.parse().ok()))
}

/// Whether an earlier complete scan of the repository did not have it yet.
fn is_newly_seen(contents: &Contents<'_>, manifest: &Manifest) -> bool {
    matches!((manifest.first_seen_at, contents.record.scanned_since), (Some(seen), Some(scanned)) if seen > scanned)
}

/// When an image arrived, as far as that is known.
fn arrived(contents: &Contents<'_>, manifest: &Manifest, now: Timestamp) -> Option<Timestamp> {
    plausible(manifest.pushed_at)
        .or_else(|| manifest.first_seen_at.filter(|_| is_newly_seen(contents, manifest)))
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
        Standing::Tagged => node.ordinary_tags().filter_map(|tag| plausible(tag.updated_at)).max(),
        _ => plausible(node.manifest.untagged_at),
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
        created(contents, manifest, now)
    } else {
        None
    };
    let came = plausible(manifest.pushed_at).or(built).or(manifest.first_seen_at)?;
    let tag_set = node.tags.iter().filter_map(|tag| plausible(tag.updated_at)).max();
    Some(came).max(tag_set).max(plausible(manifest.untagged_at))
}

//! What stands behind `host`: what may go from the disks of servers.

use std::collections::BTreeSet;

use super::keys;
use super::read::{list, share};
use super::reader::Reader;
use super::tree::Node;
use crate::host::{CacheSettings, DiskMarks, HostSettings};
use crate::policy::read::{self as policy, optional};

/// The longest time between two looks of one run, in seconds.
const LONGEST_RECHECK: u64 = 24 * 60 * 60;

/// The keys under `host`, each of which another file may replace by itself.
const NAMED: [&str; 6] = [
    "host.policies",
    "host.keep-newest",
    "host.local-images",
    "host.disk",
    "host.build-cache",
    "host.recheck-after-seconds",
];

pub(super) fn settings(
    reader: &mut Reader<'_, '_>,
    node: &Node,
    named: &mut BTreeSet<&'static str>,
) -> Option<HostSettings> {
    let fields = reader.fields(node, &keys::HOST)?;
    let is_given = |key: &&str| key.strip_prefix("host.").is_some_and(|key| fields.get(key).is_some());
    named.extend(NAMED.into_iter().filter(|key| is_given(key)));
    let default = HostSettings::default();
    let policies = optional(fields.get("policies"), |node| {
        policy::policies(reader, node, &keys::SERVERS)
    });
    let keep_newest = fields
        .get("keep-newest")
        .map_or(Some(default.keep_newest), |node| reader.count(node, 0));
    let local_images = fields
        .get("local-images")
        .map_or(Some(default.local_images), |node| reader.flag(node));
    let compose = list(reader, fields.get("compose"), |reader, node| {
        reader.text(node).map(str::to_owned)
    });
    let disk = optional(fields.get("disk"), |node| disk(reader, node));
    let build_cache = optional(fields.get("build-cache"), |node| build_cache(reader, node));
    let recheck_after_seconds = fields
        .get("recheck-after-seconds")
        .map_or(Some(default.recheck_after_seconds), |node| recheck(reader, node));
    Some(HostSettings {
        policies: policies?,
        keep_newest: keep_newest?,
        local_images: local_images?,
        compose: compose?,
        disk: disk?,
        build_cache: build_cache?,
        recheck_after_seconds: recheck_after_seconds?,
        ..default
    })
}

/// Whoever runs waits for so long, and holds the engine's lock.
fn recheck(reader: &mut Reader<'_, '_>, node: &Node) -> Option<u64> {
    let seconds = reader.count(node, 1)?;
    if seconds > LONGEST_RECHECK {
        let hint = format!("write at most {LONGEST_RECHECK}, a day; the second look may also be that of a later run");
        reader.error_with(
            "too-long",
            &node.span,
            "nobody waits for so long between two looks",
            hint,
        );
    }
    (seconds <= LONGEST_RECHECK).then_some(seconds)
}

fn disk(reader: &mut Reader<'_, '_>, node: &Node) -> Option<DiskMarks> {
    let fields = reader.fields(node, &keys::DISK)?;
    let mut mark = |key| fields.get(key).and_then(|node| share(reader, node));
    let (high, low) = (mark("high"), mark("low"));
    let marks = DiskMarks { high: high?, low: low? };
    let problem = if marks.low.of(u64::MAX) == 0 {
        "a disk is never empty: `low` has to be above 0%".to_owned()
    } else if marks.low >= marks.high {
        format!("`low` has to be below `high`, which is {}", marks.high)
    } else {
        return Some(marks);
    };
    let low = fields.get("low").map_or(&node.span, |node| &node.span);
    reader.error_with("bad-marks", low, problem, "write for example `{ high: 85%, low: 80% }`");
    None
}

fn build_cache(reader: &mut Reader<'_, '_>, node: &Node) -> Option<CacheSettings> {
    let fields = reader.fields(node, &keys::BUILD_CACHE)?;
    let unused_for = optional(fields.get("unused-for"), |node| policy::period(reader, node));
    let keep_at_most = optional(fields.get("keep-at-most"), |node| policy::size(reader, node));
    if keys::BUILD_CACHE.keys.iter().all(|key| fields.get(key.name).is_none()) {
        let hint = "write for example `{ unused-for: 7d, keep-at-most: 20GB }`, or leave the key out";
        reader.error_with(
            "empty-build-cache",
            &node.span,
            "this says nothing of what may go",
            hint,
        );
        return None;
    }
    Some(CacheSettings {
        unused_for: unused_for?,
        keep_at_most: keep_at_most?,
    })
}

//! What a lifecycle policy does to which image: naive on purpose, a sentence of "Lifecycle policy evaluation rules" after the
//! other (ECR User Guide). Shares nothing with anybody whom it is to check.
//!
//! Whether an index still lists an image is not asked: ECR looks at that when it acts, and its preview does not.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::super::super::policy::fits;
use super::super::Status;
use super::super::image::Image;

/// What one rule says of all images.
struct Ruled<'r> {
    rule: &'r Value,
    /// The digests that it speaks of.
    identified: BTreeSet<&'r str>,
    /// Those of them that it marks.
    marked: BTreeSet<&'r str>,
}

/// The rule that expires or archives an image, by digest. `rules` are in the order of their priorities.
pub(super) fn evaluate<'r>(
    rules: &'r [Value],
    images: &'r BTreeMap<String, Image>,
    now: Timestamp,
) -> BTreeMap<&'r str, &'r Value> {
    // "The lifecycle policy evaluator determines all rules at the same time, regardless of rule priority."
    let ruled: Vec<Ruled<'_>> = rules.iter().map(|rule| Ruled::new(rule, images, now)).collect();
    let fates = images.keys().filter_map(|digest| {
        // "An image that matches the tagging requirements of a rule cannot be expired or archived by a rule with a lower priority."
        let first = ruled.iter().find(|ruled| ruled.identified.contains(digest.as_str()))?;
        let is_marked = first.marked.contains(digest.as_str());
        is_marked.then_some((digest.as_str(), first.rule))
    });
    fates.collect()
}

impl<'r> Ruled<'r> {
    fn new(rule: &'r Value, images: &'r BTreeMap<String, Image>, now: Timestamp) -> Self {
        let mut identified: Vec<(&'r str, &'r Image)> = images
            .iter()
            .map(|(digest, image)| (digest.as_str(), image))
            .filter(|(_, image)| identifies(&rule["selection"], image, now))
            .collect();
        // "The images are sorted from youngest to oldest based on pushed_at_time."
        identified.sort_by_key(|(digest, image)| (Reverse(came(image, now)), *digest));
        let number = rule["selection"]["countNumber"].as_u64().unwrap_or(u64::MAX);
        let count_type = rule["selection"]["countType"].as_str().unwrap_or_default();
        let marked = identified.iter().enumerate().filter(|(place, (_, image))| {
            // "All images beyond the count are marked", or all that are older than so many days.
            match moment(count_type, image, now) {
                None => *place as u64 >= number,
                Some(moment) => now.duration_since(moment) > days(number),
            }
        });
        Self {
            rule,
            marked: marked.map(|(_, (digest, _))| *digest).collect(),
            identified: identified.iter().map(|(digest, _)| *digest).collect(),
        }
    }
}

/// "An image matches if all of the patterns (prefixes) are found among its tags."
fn identifies(selection: &Value, image: &Image, now: Timestamp) -> bool {
    let class = if is_archived(image, now) { "archive" } else { "standard" };
    let all = |key: &str, found: &dyn Fn(&str, &str) -> bool| {
        let wanted = selection[key]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str);
        wanted
            .into_iter()
            .all(|wanted| image.tags.iter().any(|tag| found(wanted, tag)))
    };
    selection["storageClass"].as_str().unwrap_or("standard") == class
        && match selection["tagStatus"].as_str() {
            Some("tagged") => {
                all("tagPatternList", &|pattern, tag| fits(pattern, tag))
                    && all("tagPrefixList", &|prefix, tag| tag.starts_with(prefix))
            }
            Some("untagged") => image.tags.is_empty(),
            _ => true,
        }
}

pub(super) fn is_archived(image: &Image, now: Timestamp) -> bool {
    image.status(now) == Status::Archived
}

/// "If an image was ever archived and restored, last_activated_at is used instead of pushed_at_time."
fn came(image: &Image, now: Timestamp) -> Timestamp {
    image.storage.activated_at(now).unwrap_or(image.pushed_at)
}

/// Since when the days of a rule count; none where it counts images.
fn moment(count_type: &str, image: &Image, now: Timestamp) -> Option<Timestamp> {
    match count_type {
        "sinceImagePushed" => Some(came(image, now)),
        // "Never pulled: pushed_at_time. Restored and not pulled since: last_activated_at."
        "sinceImagePulled" => {
            let activated = image.storage.activated_at(now).unwrap_or(Timestamp::MIN);
            let pulled = image.pulled_at.filter(|pulled| *pulled >= activated);
            Some(pulled.unwrap_or_else(|| came(image, now)))
        }
        "sinceImageTransitioned" => image.storage.archived_at,
        _ => None,
    }
}

fn days(number: u64) -> SignedDuration {
    let hours = i64::try_from(number).unwrap_or(i64::MAX).saturating_mul(24);
    SignedDuration::from_secs(hours.saturating_mul(3600))
}

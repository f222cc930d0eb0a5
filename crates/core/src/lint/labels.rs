//! `io.jettison.keep` on so many images of a repository that nobody can have chosen them one by one.

use std::collections::BTreeSet;

use super::look::{Room, Seen};
use super::tally::{Tally, more_repositories};
use super::{Code, ENOUGH, Finding};
use crate::config::Severity;
use crate::model::{Digest, Kind};
use crate::words::{count, number};

/// The label that protects an image (design, section 5). As an annotation it was put on this image alone; as a label
/// it comes along with the base image.
const KEEP_LABEL: &str = "io.jettison.keep";

/// Repositories of which half or more is protected by label.
#[derive(Default)]
pub(super) struct KeepLabels {
    tally: Tally,
    /// The largest of them: how many of its images there are.
    largest: Option<(u64, u64)>,
}

impl KeepLabels {
    pub(super) fn look(&mut self, room: &Room<'_>) {
        let (mut images, mut kept) = (BTreeSet::<&Digest>::new(), Vec::<Seen<'_>>::new());
        // The entries of an image stand together.
        for entry in room.entries.iter().filter(|entry| entry.kind == Kind::Image) {
            if images.insert(entry.digest()) && is_kept_by_label(entry) {
                kept.push(*entry);
            }
        }
        let (part, whole) = (kept.len() as u64, images.len() as u64);
        if part < ENOUGH || part < whole.div_ceil(2) {
            return;
        }
        if self.largest.is_none_or(|(largest, _)| part > largest) {
            self.largest = Some((part, whole));
        }
        self.tally.add(room, &kept);
    }

    pub(super) fn finding(&self) -> Option<Finding> {
        let (part, whole) = self.largest?;
        let more = match self.tally.places() - 1 {
            0 => String::new(),
            more => format!(", and at least half of {}", more_repositories(more)),
        };
        Some(Finding {
            count: self.tally.count,
            examples: self.tally.examples(),
            message: format!(
                "the label {KEEP_LABEL} protects {} of {} in {} ({} %){more}: it may come with a base image",
                number(part),
                count(whole, "image"),
                self.tally.first_place(),
                part.saturating_mul(100) / whole.max(1),
            ),
            hint: format!(
                "build with `LABEL {KEEP_LABEL}=false`, or take it out of the base image; single images are better kept by an annotation or under `protect`"
            ),
            ..Finding::new(Code::InheritedKeep, Severity::Warning)
        })
    }
}

/// By label, and not chosen for this image by an annotation.
fn is_kept_by_label(entry: &Seen<'_>) -> bool {
    let [labels, annotations] = entry.labels();
    labels.get(KEEP_LABEL).is_some_and(|value| value == "true") && !annotations.contains_key(KEEP_LABEL)
}

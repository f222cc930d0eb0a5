//! What holds an image whatever the rules say.

use super::images::Image;
use super::plan::StayReason;
use super::settings::HostSettings;
use super::uses::Uses;
use crate::config::ProtectPattern;
use crate::evaluate::says_keep;
use crate::model::{Tag, legible};

/// By this label on an image containerd tells everybody to leave it alone, and with this value
/// (containerd, `internal/cri/labels/labels.go`).
const PINNED: (&str, &str) = ("io.cri-containerd.pinned", "pinned");

/// All that may hold an image.
pub(super) struct Holds<'a> {
    pub(super) uses: &'a Uses,
    pub(super) settings: &'a HostSettings,
    pub(super) protect: &'a [ProtectPattern],
}

impl Holds<'_> {
    /// Why an image is held, if it is: the strongest reason.
    pub(super) fn on(&self, image: &Image<'_>) -> Option<StayReason> {
        self.in_use(image)
            .or_else(|| pinned(image))
            .or_else(|| self.protected(image))
            .or_else(|| unknown(image))
            .or_else(|| self.local(image))
    }

    fn in_use(&self, image: &Image<'_>) -> Option<StayReason> {
        let used_by: Vec<String> = self.uses.of_image(image).into_iter().map(str::to_owned).collect();
        (!used_by.is_empty()).then_some(StayReason::InUse { used_by })
    }

    fn protected(&self, image: &Image<'_>) -> Option<StayReason> {
        let listed = || {
            let pattern = self.protect.iter().find(|pattern| protects(pattern, image))?;
            Some(format!("`{pattern}` is listed under protect"))
        };
        let by = says_keep([&image.facts.labels, &Default::default()]).or_else(listed)?;
        Some(StayReason::Protected { by })
    }

    fn local(&self, image: &Image<'_>) -> Option<StayReason> {
        (!image.can_be_pulled && !self.settings.local_images).then_some(StayReason::LocalOnly)
    }
}

fn pinned(image: &Image<'_>) -> Option<StayReason> {
    let (label, value) = PINNED;
    let labelled = image.facts.labels.get(label).is_some_and(|found| found == value);
    let why = image.facts.pinned.clone();
    let why = why.or_else(|| labelled.then(|| format!("its label {label} is {value}")))?;
    Some(StayReason::Pinned { why })
}

/// What is not understood is not judged.
fn unknown(image: &Image<'_>) -> Option<StayReason> {
    let name = image
        .unknown_name
        .map(|name| StayReason::UnknownName { name: legible(name) });
    name.or_else(|| image.used_at.is_none().then_some(StayReason::UnknownAge))
}

/// Whether a pattern fits any name of an image, by its id or any digest of it.
fn protects(pattern: &ProtectPattern, image: &Image<'_>) -> bool {
    let fits = |tag: Option<&Tag>| image.digests.iter().any(|digest| pattern.fits_image(tag, digest));
    if image.places.is_empty() {
        return pattern.covers_everything() && fits(None);
    }
    let mut covered = image
        .places
        .iter()
        .filter(|((host, name), _)| pattern.covers(host, name));
    covered.any(|(_, tags)| fits(None) || tags.iter().any(|tag| fits(Some(tag))))
}

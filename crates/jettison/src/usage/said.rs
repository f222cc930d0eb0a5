//! What one source says, gathered piece by piece: images, who uses them, and what it could not tell.
//!
//! Bounded by the images that are named, however large the source is. What does not fit is a gap, never forgotten in
//! silence. It decides nothing.

use std::collections::{BTreeMap, BTreeSet};

use jettison_core::model::{Digest, Gap, ImageReference, Reference, SourceStatus, legible};
use jiff::Timestamp;

/// A longer text names no image: hosts, repositories, tags and digests have limits of their own.
const LONGEST_REFERENCE: usize = 1_024;

/// Who uses one image is told for so many; the others are counted.
const TOLD_USERS: usize = 20;

/// So many different images are gathered of one source.
const MOST_IMAGES: usize = 500_000;

/// So many references of other tools are kept.
const MOST_TOLD: usize = 1_000_000;

/// So many users are told of all images together; each image has one in any case.
const MOST_USERS: usize = 200_000;

/// So many gaps are told one by one.
const TOLD_GAPS: usize = 1_000;

/// What one source said.
#[derive(Debug)]
pub(super) struct Said {
    pub(super) now: Timestamp,
    /// References that may be passed over although they cannot be understood.
    ignored: BTreeSet<String>,
    /// What other tools told.
    told: Vec<Reference>,
    /// Who uses an image, by how it is written and what it resolved to.
    images: BTreeMap<(String, Option<Digest>), Users>,
    /// How many users of these are told.
    users: usize,
    gaps: Vec<Gap>,
    untold: usize,
    /// That it names nothing: a gap, unless the configuration allows it.
    empty: Vec<Gap>,
    is_full: bool,
}

/// Those who use one image.
#[derive(Debug, Default)]
struct Users {
    told: BTreeSet<String>,
    /// How often others were named.
    others: u64,
    /// Whether one of them names it in a place that is meant for images.
    is_specified: bool,
}

impl Said {
    /// Nothing yet. `ignored` are references that are passed over, exactly as they are written.
    pub(super) fn new(now: Timestamp, ignored: &BTreeSet<String>) -> Self {
        Self {
            now,
            ignored: ignored.clone(),
            told: Vec::new(),
            images: BTreeMap::new(),
            users: 0,
            gaps: Vec::new(),
            untold: 0,
            empty: Vec::new(),
            is_full: false,
        }
    }

    /// An image in a place that is meant for one, with the digest that it resolved to there, if it is known.
    ///
    /// What cannot be understood is a gap. An empty text names nothing.
    pub(super) fn uses(&mut self, image: &str, digest: Option<Digest>, used_by: &str) {
        if image.is_empty() && digest.is_none() {
            return;
        }
        match understood(image) {
            Ok(()) => self.add(image, digest, used_by, true),
            Err(why) => {
                if !self.ignores(image) {
                    self.gap(format!("{}: {why}", legible(used_by)));
                }
                // What it resolved to still counts.
                if digest.is_some() {
                    self.add("", digest, used_by, true);
                }
            }
        }
    }

    /// An image that some text names. Whoever may write texts must not make a source seem to shrink, or hide that it did:
    /// it is none of those that are [specified](Said::specified).
    pub(super) fn mentions(&mut self, image: &str, digest: Option<Digest>, used_by: &str) {
        if understood(image).is_ok() {
            self.add(image, digest, used_by, false);
        }
    }

    /// The images, as they are written, that are in use now by what is meant to name images.
    pub(super) fn specified(&self) -> BTreeSet<String> {
        let told = self.told.iter();
        let told = told.filter(|reference| reference.over_since(self.now).is_none());
        let told = told.map(|reference| &reference.image);
        let images = self.images.iter().filter(|(_, users)| users.is_specified);
        let all = told.chain(images.map(|((image, _), _)| image));
        all.filter(|image| !image.is_empty()).cloned().collect()
    }

    /// A reference as another tool tells it.
    pub(super) fn refers(&mut self, reference: Reference) {
        match self.told.len() < MOST_TOLD {
            true => self.told.push(reference),
            false => self.is_full = true,
        }
    }

    /// Something that it could not tell.
    pub(super) fn gap(&mut self, why: String) {
        if self.gaps.len() < TOLD_GAPS {
            self.gaps.push(Gap(why));
        } else {
            self.untold += 1;
        }
    }

    /// That it names nothing: a gap, unless the configuration allows it.
    pub(super) fn is_empty_because(&mut self, why: String) {
        self.empty.push(Gap(why));
    }

    /// Whether there was anything that it could not tell.
    pub(super) fn has_gaps(&self) -> bool {
        !self.gaps.is_empty()
    }

    /// Whether a text may be passed over.
    pub(super) fn ignores(&self, image: &str) -> bool {
        self.ignored.contains(image)
    }

    /// How many references there are so far.
    pub(super) fn len(&self) -> usize {
        self.told.len() + self.images.len()
    }

    /// The references and the gaps.
    pub(super) fn finish(mut self, allow_empty: bool) -> (Vec<Reference>, Vec<Gap>) {
        if !allow_empty {
            self.gaps.append(&mut self.empty);
        }
        if self.untold > 0 {
            self.gaps.push(Gap(format!("and {} more of these", self.untold)));
        }
        if self.is_full {
            self.gaps.push(Gap(
                "it names more images than are read; the others are not known".to_owned()
            ));
        }
        let mut references = self.told;
        for ((image, digest), users) in self.images {
            let last = users.told.len().saturating_sub(1);
            references.extend(users.told.into_iter().enumerate().map(|(place, used_by)| Reference {
                image: image.clone(),
                digest: digest.clone(),
                used_by: match users.others {
                    others if others > 0 && place == last => format!("{used_by} and others ({others})"),
                    _ => used_by,
                },
                last_seen_at: None,
            }));
        }
        (references, self.gaps)
    }

    fn add(&mut self, image: &str, digest: Option<Digest>, used_by: &str, is_specified: bool) {
        let key = (image.to_owned(), digest);
        if self.images.len() >= MOST_IMAGES && !self.images.contains_key(&key) {
            self.is_full = true;
            return;
        }
        let users = self.images.entry(key).or_default();
        users.is_specified |= is_specified;
        let used_by = legible(used_by);
        let is_told = users.told.is_empty() || (users.told.len() < TOLD_USERS && self.users < MOST_USERS);
        if is_told {
            self.users += usize::from(users.told.insert(used_by));
        } else if !users.told.contains(&used_by) {
            users.others += 1;
        }
    }
}

/// Whether the report is of somebody who told everything.
pub(super) fn status(gaps: &[Gap]) -> SourceStatus {
    if gaps.is_empty() {
        SourceStatus::Complete
    } else {
        SourceStatus::Partial
    }
}

/// Why a text in a place for images names none, if so.
pub(super) fn understood(image: &str) -> Result<(), String> {
    if image.len() > LONGEST_REFERENCE {
        let begin: String = image.chars().take(60).collect();
        return Err(format!("`{}…` is too long for an image reference", legible(&begin)));
    }
    if image.is_empty() || Digest::of_image_id(image).is_some() {
        return Ok(());
    }
    image
        .parse::<ImageReference>()
        .map(drop)
        .map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said() -> Said {
        Said::new(Timestamp::UNIX_EPOCH, &BTreeSet::from(["not an image".to_owned()]))
    }

    #[test]
    fn what_cannot_be_understood_is_a_gap_unless_it_is_listed() {
        let digest = Digest::of(b"x");
        let mut told = said();
        told.uses("not an image", None, "Pod a/b");
        told.uses("", None, "Pod a/b");
        told.uses("", Some(digest.clone()), "Pod a/b");
        let runs = Digest::of(b"runs");
        told.uses("Neither is this", Some(runs.clone()), "Pod a/c");
        let ignored = Digest::of(b"ignored");
        told.uses("not an image", Some(ignored.clone()), "Pod a/c");
        told.uses(&"x".repeat(LONGEST_REFERENCE + 1), None, "Pod a/d");
        let (references, gaps) = told.finish(false);
        assert_eq!(gaps.len(), 2, "{gaps:?}");
        assert!(
            gaps[0].to_string().starts_with("Pod a/c: `Neither is this`"),
            "{gaps:?}"
        );
        assert!(gaps[1].to_string().len() < 200);
        assert!(references.iter().all(|reference| reference.image.is_empty()));
        let digests: BTreeSet<Digest> = references.into_iter().filter_map(|told| told.digest).collect();
        assert_eq!(digests, BTreeSet::from([digest, runs, ignored]));
    }

    #[test]
    fn many_users_of_one_image_are_told_in_part_and_counted() {
        let mut told = said();
        for number in 0..10_000 {
            told.uses("r.io/web:v1", None, &format!("Pod shop/web-{number}"));
        }
        let (references, gaps) = told.finish(false);
        assert!(gaps.is_empty());
        assert_eq!(references.len(), TOLD_USERS);
        assert!(
            references[TOLD_USERS - 1].used_by.ends_with(" and others (9980)"),
            "{references:?}"
        );
    }

    #[test]
    fn a_flood_of_gaps_is_counted() {
        let mut told = said();
        (0..1_000_000).for_each(|number| told.gap(format!("gap {number}")));
        let (_, gaps) = told.finish(false);
        assert_eq!(gaps.len(), TOLD_GAPS + 1);
        assert_eq!(gaps[TOLD_GAPS].to_string(), "and 999000 more of these");
    }

    #[test]
    fn a_flood_of_images_is_a_gap() {
        let mut told = said();
        (0..=MOST_IMAGES).for_each(|number| told.uses(&format!("r.io/web:v{number}"), None, "ConfigMap a/b"));
        let (references, gaps) = told.finish(false);
        assert_eq!((references.len(), gaps.len()), (MOST_IMAGES, 1));
    }

    #[test]
    fn a_flood_of_references_is_a_gap() {
        let mut told = said();
        let web = Reference {
            image: "r.io/web:v1".to_owned(),
            digest: None,
            used_by: String::new(),
            last_seen_at: None,
        };
        (0..=MOST_TOLD).for_each(|_| told.refers(web.clone()));
        let (references, gaps) = told.finish(true);
        assert_eq!((references.len(), gaps.len()), (MOST_TOLD, 1));
    }

    #[test]
    fn a_flood_of_users_leaves_each_image_one() {
        let mut told = said();
        let images = MOST_USERS / TOLD_USERS + 10;
        for image in 0..images {
            (0..TOLD_USERS).for_each(|user| told.uses(&format!("r.io/web:v{image}"), None, &user.to_string()));
        }
        let (references, gaps) = told.finish(false);
        assert!(gaps.is_empty());
        assert_eq!(references.len(), MOST_USERS + 10);
    }
}

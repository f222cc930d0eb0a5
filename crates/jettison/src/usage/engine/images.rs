//! What the images of an engine are called elsewhere: the digests that a registry may know them by.
//!
//! An engine's id for an image is the digest of its config (Docker's classic store, Podman) or of its manifest
//! (containerd's store). The digests it was pulled by, of an index among them, are told by the image alone.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::stream::{self, StreamExt as _};
use jettison_core::model::{Digest, legible};
use serde::Deserialize;

use crate::engine::{Client, ClientError, ITEM_BYTES};
use crate::usage::said::{Said, understood};

/// Questions at the same time: an engine has other things to do.
pub(super) const IN_FLIGHT: usize = 8;

/// From so many digits on a name that an image's id begins with is that id. Fewer may be a name.
const SHORT_ID: usize = 12;

/// Images by what the engine finds them by, and as what somebody uses each.
#[derive(Debug, Default)]
pub(super) struct Images(BTreeMap<String, BTreeSet<Use>>);

/// Somebody's use of an image.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Use {
    /// The image as it is written. Empty where an id alone is written.
    pub(super) image: String,
    /// Who, for people.
    pub(super) used_by: String,
}

/// What is read of an image.
#[derive(Debug, Deserialize)]
pub(super) struct Image {
    #[serde(rename = "Id")]
    id: String,
    /// `null` for one that was built here.
    #[serde(rename = "RepoDigests", default)]
    repo_digests: Option<Vec<String>>,
    /// What the id of containerd's store names (API 1.48).
    #[serde(rename = "Descriptor", default)]
    descriptor: Option<Descriptor>,
}

/// A descriptor, of which the digest matters.
#[derive(Debug, Deserialize)]
pub(super) struct Descriptor {
    pub(super) digest: String,
}

impl Images {
    /// An image that the engine finds by `name` is used.
    pub(super) fn add(&mut self, name: &str, used: Use) {
        self.0.entry(name.to_owned()).or_default().insert(used);
    }

    /// All of them.
    #[cfg(feature = "fuzzing")]
    pub(super) fn all(self) -> impl Iterator<Item = (String, BTreeSet<Use>)> {
        self.0.into_iter()
    }

    /// Asks for each image once, and says the digests that it is known by.
    pub(super) async fn ask(self, client: &Client, said: &mut Said) {
        let asked = self.0.into_iter().map(|(name, uses)| async move {
            let answer = match understood(&name) {
                Ok(()) => client.get(&format!("images/{name}/json"), &[], ITEM_BYTES).await,
                Err(why) => Err(client.unreadable("an image", why)),
            };
            (name, uses, answer)
        });
        let mut answers = stream::iter(asked).buffer_unordered(IN_FLIGHT);
        while let Some((name, uses, answer)) = answers.next().await {
            say(&name, &uses, answer, said);
        }
    }
}

pub(super) fn say(name: &str, uses: &BTreeSet<Use>, answer: Result<Image, ClientError>, said: &mut Said) {
    match answer {
        Ok(image) => {
            let id = Digest::of_image_id(&image.id);
            for digest in digests(&image, said) {
                for used in uses {
                    said.uses(reference(&used.image, id.as_ref()), Some(digest.clone()), &used.used_by);
                }
            }
        }
        // Somebody uses an image that the engine no longer has. What it is called, or its id, is all there is to know.
        Err(error) if error.is_absence() => as_written(uses, said),
        Err(error) => {
            said.gap(format!("the image {}: {error}", legible(name)));
            as_written(uses, said);
        }
    }
}

fn as_written(uses: &BTreeSet<Use>, said: &mut Said) {
    uses.iter().for_each(|used| said.uses(&used.image, None, &used.used_by));
}

/// Every digest that an image is known by.
fn digests(image: &Image, said: &mut Said) -> BTreeSet<Digest> {
    let mut digests = BTreeSet::new();
    let mut add = |text: &str, said: &mut Said| match Digest::of_image_id(text) {
        Some(digest) => drop(digests.insert(digest)),
        None => said.gap(format!(
            "the image {}: `{}` is no digest",
            legible(&image.id),
            legible(text)
        )),
    };
    add(&image.id, said);
    if let Some(descriptor) = &image.descriptor {
        add(&descriptor.digest, said);
    }
    for name in image.repo_digests.iter().flatten() {
        let digest = name.rsplit_once('@').map_or(name.as_str(), |(_, digest)| digest);
        // How old engines write that there is none.
        if digest != "<none>" {
            add(digest, said);
        }
    }
    digests
}

/// What is written, if it names more than the image's id: `sha256:…`, its digits, or the beginning of these.
pub(super) fn reference<'a>(written: &'a str, id: Option<&Digest>) -> &'a str {
    if Digest::of_image_id(written).is_some() {
        return "";
    }
    let begins_id = |digits: &str| id.is_some_and(|id| id.hex().starts_with(digits));
    match written.strip_prefix("sha256:") {
        Some(digits) if begins_id(digits) => "",
        None if written.len() >= SHORT_ID && begins_id(written) => "",
        _ => written,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_names_no_reference() {
        let id = Digest::of(b"image");
        let hex = id.hex();
        for written in [
            id.to_string(),
            hex.clone(),
            hex[..12].to_owned(),
            format!("sha256:{}", &hex[..6]),
        ] {
            assert_eq!(reference(&written, Some(&id)), "", "{written}");
        }
        let other = Digest::of(b"other").hex();
        for written in [
            "web",
            "r.io/web:v1",
            &hex[..11],
            &other[..12],
            &format!("sha256:{}", &other[..6]),
        ] {
            assert_eq!(reference(written, Some(&id)), written);
        }
        assert_eq!(reference(&hex[..12], None), &hex[..12]);
    }
}

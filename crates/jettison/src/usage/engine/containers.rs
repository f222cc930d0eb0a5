//! The containers of an engine, whatever their state: their images, and the images that they mount.
//!
//! A container may go between the list and the question about it; what the list said of it still counts. Any other
//! error is a gap.

use futures_util::stream::{self, StreamExt as _};
use jettison_core::model::{Digest, legible};
use serde::Deserialize;

use super::images::{Descriptor, IN_FLIGHT, Images, Use, reference};
use crate::engine::{Client, ClientError, ITEM_BYTES, LIST_BYTES};
use crate::usage::said::Said;

/// A container as the list has it.
#[derive(Debug, Deserialize)]
pub(super) struct Listed {
    #[serde(rename = "Id")]
    id: String,
    #[serde(rename = "Names", default)]
    names: Option<Vec<String>>,
    #[serde(rename = "State", default)]
    state: String,
    /// As it is written, or an id where that name is another image's by now.
    #[serde(rename = "Image")]
    image: String,
    #[serde(rename = "ImageID")]
    image_id: String,
}

/// What the container itself tells besides.
#[derive(Debug, Deserialize)]
pub(super) struct Container {
    #[serde(rename = "Image")]
    image_id: String,
    #[serde(rename = "Config")]
    config: Config,
    /// The platform's manifest, in containerd's store (API 1.48).
    #[serde(rename = "ImageManifestDescriptor", default)]
    manifest: Option<Descriptor>,
    #[serde(rename = "Mounts", default)]
    mounts: Option<Vec<Mount>>,
    #[serde(rename = "HostConfig", default)]
    host: Option<Host>,
}

#[derive(Debug, Deserialize)]
struct Config {
    /// As it is written.
    #[serde(rename = "Image")]
    image: String,
}

#[derive(Debug, Deserialize)]
struct Host {
    #[serde(rename = "Mounts", default)]
    mounts: Option<Vec<Mount>>,
}

/// A mount, as it is asked for or as it is.
#[derive(Debug, Deserialize)]
pub(super) struct Mount {
    #[serde(rename = "Type", default)]
    kind: String,
    #[serde(rename = "Source", default)]
    source: String,
}

impl Mount {
    /// The image that is mounted, if one is. Of a mount in effect Docker tells a path as its source; the container's
    /// settings then still have the image.
    pub(super) fn image(&self) -> Option<&str> {
        let is_image = self.kind == "image" && !self.source.is_empty() && !self.source.starts_with('/');
        is_image.then_some(self.source.as_str())
    }
}

/// Says what every container uses.
pub(super) async fn ask(client: &Client, said: &mut Said) {
    let listed: Option<Vec<Listed>> = match client.get("containers/json", &[("all", "true")], LIST_BYTES).await {
        Ok(listed) => listed,
        Err(error) => return said.gap(error.to_string()),
    };
    let asked = listed.unwrap_or_default().into_iter().map(|listed| async move {
        let answer = match listed.has_plain_id() {
            true => {
                client
                    .get(&format!("containers/{}/json", listed.id), &[], ITEM_BYTES)
                    .await
            }
            false => Err(client.unreadable("containers/json", format!("`{}` is no id", listed.id))),
        };
        (listed, answer)
    });
    let mut images = Images::default();
    let mut answers = stream::iter(asked).buffer_unordered(IN_FLIGHT);
    while let Some((listed, answer)) = answers.next().await {
        understand(&listed, answer, &mut images, said);
    }
    images.ask(client, said).await;
}

impl Listed {
    fn has_plain_id(&self) -> bool {
        !self.id.is_empty() && self.id.bytes().all(|byte| byte.is_ascii_alphanumeric())
    }

    /// The container, for people.
    fn told(&self) -> String {
        let name = self
            .names
            .iter()
            .flatten()
            .next()
            .map(|name| name.trim_start_matches('/'));
        let id = || self.id.get(..12).unwrap_or(&self.id);
        let name = name.filter(|name| !name.is_empty()).unwrap_or_else(id);
        match self.state.as_str() {
            "" => format!("container {name}"),
            state => format!("container {name} ({state})"),
        }
    }
}

pub(super) fn understand(
    listed: &Listed,
    answer: Result<Container, ClientError>,
    images: &mut Images,
    said: &mut Said,
) {
    let used_by = listed.told();
    match answer {
        Ok(container) => {
            uses_image(&container.config.image, &container.image_id, &used_by, images, said);
            if let Some(manifest) = &container.manifest {
                let digest = digest_of(&manifest.digest, &used_by, said);
                said.uses("", digest, &used_by);
            }
            for image in container.mounted() {
                let used = Use {
                    image: image.to_owned(),
                    used_by: format!("{used_by}, mounted"),
                };
                images.add(image, used);
            }
        }
        Err(error) => {
            if !error.is_absence() {
                said.gap(format!("{}: {error}", legible(&used_by)));
            }
            uses_image(&listed.image, &listed.image_id, &used_by, images, said);
        }
    }
}

impl Container {
    fn mounted(&self) -> impl Iterator<Item = &str> {
        let wanted = self.host.iter().flat_map(|host| host.mounts.iter().flatten());
        wanted.chain(self.mounts.iter().flatten()).filter_map(Mount::image)
    }
}

/// The image that somebody runs: what is written, and the id that it stood for. What else it is known by is asked later.
fn uses_image(written: &str, id: &str, used_by: &str, images: &mut Images, said: &mut Said) {
    if let Some(digest) = Digest::of_image_id(written) {
        said.uses("", Some(digest), used_by);
    }
    if id.is_empty() {
        // Podman runs a plain folder too, which is no image.
        return said.uses(written, None, used_by);
    }
    let digest = digest_of(id, used_by, said);
    let image = reference(written, digest.as_ref());
    said.uses(image, digest.clone(), used_by);
    if let Some(digest) = digest {
        let used = Use {
            image: image.to_owned(),
            used_by: used_by.to_owned(),
        };
        images.add(&digest.to_string(), used);
    }
}

/// The digest that an engine names; anything else in its place is a gap.
fn digest_of(text: &str, used_by: &str, said: &mut Said) -> Option<Digest> {
    let digest = Digest::of_image_id(text);
    if digest.is_none() {
        said.gap(format!(
            "{}: `{}` is no digest of an image",
            legible(used_by),
            legible(text)
        ));
    }
    digest
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use jiff::Timestamp;
    use serde_json::json;

    use super::*;

    #[test]
    fn an_id_that_is_no_digest_is_a_gap_and_the_name_counts_all_the_same() {
        let listed: Listed =
            serde_json::from_value(json!({"Id": "c", "Names": null, "Image": "x", "ImageID": "x"})).unwrap();
        for (id, manifest, expected) in [("no digest", None, 1), ("", Some("sha256:12"), 1), ("", None, 0)] {
            let container = json!({"Image": id, "Config": {"Image": "r.io/web:v1"},
                "ImageManifestDescriptor": manifest.map(|digest| json!({"digest": digest}))});
            let mut said = Said::new(Timestamp::UNIX_EPOCH, &BTreeSet::new());
            let container = serde_json::from_value(container).unwrap();
            understand(&listed, Ok(container), &mut Images::default(), &mut said);
            let (references, gaps) = said.finish(true);
            assert_eq!(references[0].image, "r.io/web:v1");
            assert_eq!(gaps.len(), expected, "{gaps:?}");
        }
    }
}

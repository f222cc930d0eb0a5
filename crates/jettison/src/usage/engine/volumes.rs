//! Podman's volumes that are images (`podman volume create --driver image`): in use whether or not a container mounts
//! them at the moment.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::images::{Images, Use};
use crate::engine::{Client, LIST_BYTES};
use crate::usage::said::Said;

#[derive(Debug, Deserialize)]
struct Volumes {
    #[serde(rename = "Volumes")]
    volumes: Option<Vec<Volume>>,
}

#[derive(Debug, Deserialize)]
struct Volume {
    #[serde(rename = "Name")]
    name: String,
    #[serde(rename = "Driver")]
    driver: String,
    #[serde(rename = "Options", default)]
    options: Option<BTreeMap<String, String>>,
}

/// Says which images are volumes.
pub(super) async fn ask(client: &Client, said: &mut Said) {
    let volumes: Volumes = match client.get("volumes", &[], LIST_BYTES).await {
        Ok(volumes) => volumes,
        Err(error) => return said.gap(error.to_string()),
    };
    let mut images = Images::default();
    for volume in volumes
        .volumes
        .into_iter()
        .flatten()
        .filter(|volume| volume.driver == "image")
    {
        let used_by = format!("volume {}", volume.name);
        match volume.options.and_then(|mut options| options.remove("image")) {
            Some(image) => images.add(&image.clone(), Use { image, used_by }),
            None => said.gap(format!("{used_by}: it is an image, and does not tell which")),
        }
    }
    images.ask(client, said).await;
}

//! Pushes of manifests.

use bytes::Bytes;
use serde_json::json;

use super::super::call::Answer;
use super::super::refusal::Refusal;
use super::super::state::object;
use super::read::is_tag;
use super::repository::Push;
use super::{Registry, Scene};

pub(super) fn put(registry: &mut Registry, scene: &Scene<'_>) -> Answer {
    let call = scene.call;
    let name = call.required("repositoryName")?;
    let manifest = call.required("imageManifest")?;
    let tag = call.text("imageTag");
    if tag.is_some_and(|tag| !is_tag(tag)) {
        return Err(Refusal::parameter(
            "imageTag",
            "must satisfy the regex '[a-zA-Z0-9-_.]+'",
        ));
    }
    let found = registry.repository_mut(name)?;
    let push = Push {
        bytes: Bytes::copy_from_slice(manifest.as_bytes()),
        media_type: call.text("imageManifestMediaType"),
        tag,
        digest: call.text("imageDigest"),
    };
    let digest = found.put(&push, scene.now)?;
    let id = object(json!({"imageDigest": digest, "imageTag": tag}));
    let media_type = &found.images[&digest].media_type;
    Ok(
        json!({"image": {"registryId": scene.place.account, "repositoryName": name, "imageId": id,
        "imageManifest": manifest, "imageManifestMediaType": media_type}}),
    )
}

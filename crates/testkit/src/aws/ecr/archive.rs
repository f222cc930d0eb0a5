//! Between the storage classes: into the archive at once, back within twenty minutes.

use serde_json::json;

use super::super::call::Answer;
use super::super::refusal::Refusal;
use super::read::Id;
use super::{Registry, Scene, Status};

pub(super) fn update(registry: &mut Registry, scene: &Scene<'_>) -> Answer {
    let call = scene.call;
    let name = call.required("repositoryName")?;
    let target = call.required("targetStorageClass")?;
    let id = Id::of(&call.input["imageId"]);
    let found = registry.repository_mut(name)?;
    let digest = id.resolve(found).map_err(|trouble| match trouble.code.as_str() {
        "ImageNotFound" => Refusal::new("ImageNotFoundException", trouble.reason),
        _ => Refusal::new("InvalidParameterException", trouble.reason),
    })?;
    let now = scene.now;
    let needed = found
        .parents(&digest)
        .any(|parent| parent.status(now) != Status::Archived);
    let Some(image) = found.images.get_mut(&digest) else {
        return Err(Refusal::new("ImageNotFoundException", "Requested image not found"));
    };
    match (target, image.status(now)) {
        // "If an image is referenced by a manifest list, it cannot be archived without the manifest list being archived first."
        ("ARCHIVE", Status::Active) if needed => return Err(unsupported("it is referenced by a manifest list")),
        ("ARCHIVE", Status::Active) => image.storage.archive(now),
        ("STANDARD", Status::Archived) => image.storage.restore(now),
        ("ARCHIVE" | "STANDARD", status) => return Err(unsupported(&format!("its status is {}", status.name()))),
        _ => {
            let rule = "Member must satisfy enum value set: [STANDARD, ARCHIVE]";
            return Err(Refusal::new("ValidationException", rule));
        }
    }
    let status = image.status(now).name();
    Ok(json!({"registryId": scene.place.account, "repositoryName": name, "imageId": id.value(), "imageStatus": status}))
}

fn unsupported(why: &str) -> Refusal {
    let message = format!("The requested image storage class update is not supported: {why}");
    Refusal::new("ImageStorageClassUpdateNotSupportedException", message)
}

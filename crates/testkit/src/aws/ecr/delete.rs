//! Deletes, in batches whose images fail one by one.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::super::call::Answer;
use super::read::{Id, Trouble, failure, wanted_trouble};
use super::repository::Repository;
use super::{Registry, Scene};

pub(super) fn batch(registry: &mut Registry, scene: &Scene<'_>) -> Answer {
    let call = scene.call;
    let name = call.required("repositoryName")?;
    let ids = call.bounded("imageIds", 100)?;
    let found = registry.repository_mut(name)?;
    // An index that goes in this call still protects its children from this call.
    let protected = protected(found, ids);
    let (mut deleted, mut failures) = (Vec::new(), Vec::new());
    for id in ids.iter().map(Id::of) {
        let result = match wanted_trouble(call, &id) {
            Some(trouble) => Err(trouble),
            None => delete(found, &id, &protected),
        };
        match result {
            Ok(rows) => deleted.extend(rows),
            Err(trouble) => failures.push(failure(&id, &trouble)),
        }
    }
    Ok(json!({"imageIds": deleted, "failures": failures}))
}

/// One image, as the registry API deletes it.
pub(super) fn one(found: &mut Repository, id: &Id) -> Result<Vec<Value>, Trouble> {
    let protected = protected(found, &[id.value()]);
    delete(found, id, &protected)
}

fn protected(found: &Repository, ids: &[Value]) -> BTreeSet<String> {
    let digests = ids.iter().filter_map(|id| Id::of(id).resolve(found).ok());
    digests.filter(|digest| found.is_child(digest)).collect()
}

/// By tag alone: the tag, and with its last one the image. By digest: the image with all its tags.
fn delete(found: &mut Repository, id: &Id, protected: &BTreeSet<String>) -> Result<Vec<Value>, Trouble> {
    let digest = id.resolve(found)?;
    let image = &found.images[&digest];
    let gone = match &id.tag {
        Some(tag) if image.tags.len() > 1 => {
            found.remove_tag(tag);
            return Ok(vec![json!({"imageDigest": digest, "imageTag": tag})]);
        }
        Some(tag) => vec![json!({"imageDigest": digest, "imageTag": tag})],
        None => super::describe::ids(&digest, image)
            .into_iter()
            .map(|(_, row)| row)
            .collect(),
    };
    if protected.contains(&digest) {
        let reason = "Requested image referenced by manifest list: ";
        let reason = format!("{reason}[{}]", parents(found, &digest));
        return Err(Trouble::new("ImageReferencedByManifestList", &reason));
    }
    found.remove(&digest);
    Ok(gone)
}

fn parents(found: &Repository, digest: &str) -> String {
    let parents: Vec<String> = found
        .parents(digest)
        .map(|parent| crate::digest::sha256(&parent.bytes))
        .collect();
    parents.join(", ")
}

//! Manifests read whole, which counts as a pull; and what refers to an image.

use serde_json::{Value, json};

use super::super::call::{Answer, Call};
use super::super::paging::{Page, Rule};
use super::super::state::object;
use super::manifest::Manifest;
use super::repository::Repository;
use super::{Registry, Scene, Status};
use crate::digest::is_digest;

/// How ListImageReferrers pages.
const RULE: Rule = Rule::of(20, 50);

/// An `ImageIdentifier`.
#[derive(Debug, Clone)]
pub(super) struct Id {
    pub(super) digest: Option<String>,
    pub(super) tag: Option<String>,
}

/// Why one image of a batch fails.
#[derive(Debug)]
pub(super) struct Trouble {
    pub(super) code: String,
    pub(super) reason: String,
}

impl Trouble {
    pub(super) fn new(code: &str, reason: &str) -> Self {
        Self {
            code: code.to_owned(),
            reason: reason.to_owned(),
        }
    }

    pub(super) fn not_found() -> Self {
        Self::new("ImageNotFound", "Requested image not found")
    }
}

impl Id {
    pub(super) fn of(value: &Value) -> Self {
        let text = |key: &str| value[key].as_str().map(str::to_owned);
        Self {
            digest: text("imageDigest"),
            tag: text("imageTag"),
        }
    }

    pub(super) fn value(&self) -> Value {
        object(json!({"imageDigest": self.digest, "imageTag": self.tag}))
    }

    /// The digest of the image that it names.
    pub(super) fn resolve(&self, found: &Repository) -> Result<String, Trouble> {
        self.check()?;
        let tagged = match &self.tag {
            Some(tag) => Some(found.digest_of(tag).ok_or_else(Trouble::not_found)?),
            None => None,
        };
        match (&self.digest, tagged) {
            (Some(digest), Some(tagged)) if *digest != tagged => Err(Trouble::new(
                "ImageTagDoesNotMatchDigest",
                "Requested image tag does not match the digest",
            )),
            (Some(digest), _) if found.images.contains_key(digest) => Ok(digest.clone()),
            (Some(_), _) => Err(Trouble::not_found()),
            (None, tagged) => tagged.ok_or_else(Trouble::not_found),
        }
    }

    fn check(&self) -> Result<(), Trouble> {
        if self.digest.is_none() && self.tag.is_none() {
            let reason = "Invalid request parameters: both tag and digest cannot be null";
            return Err(Trouble::new("MissingDigestAndTag", reason));
        }
        if self.digest.as_ref().is_some_and(|digest| !is_digest(digest)) {
            let reason =
                "Invalid request parameters: image digest should satisfy the regex '[a-zA-Z0-9-_+.]+:[a-fA-F0-9]+'";
            return Err(Trouble::new("InvalidImageDigest", reason));
        }
        if self.tag.as_ref().is_some_and(|tag| !is_tag(tag)) {
            let reason = "Invalid request parameters: image tag should satisfy the regex '[a-zA-Z0-9-_.]+'";
            return Err(Trouble::new("InvalidImageTag", reason));
        }
        Ok(())
    }
}

pub(super) fn is_tag(text: &str) -> bool {
    let is_fit = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    (1..=300).contains(&text.len()) && text.bytes().all(is_fit)
}

/// The failure that a fault wants for an image.
pub(super) fn wanted_trouble(call: &Call, id: &Id) -> Option<Trouble> {
    let names = [&id.digest, &id.tag];
    let is_named = |name: &String| names.iter().any(|own| own.as_ref() == Some(name));
    let (_, code) = call.quirks.failing.iter().find(|(name, _)| is_named(name))?;
    Some(Trouble::new(code, "something is wrong on purpose"))
}

/// An entry of `failures`.
pub(super) fn failure(id: &Id, trouble: &Trouble) -> Value {
    json!({"imageId": id.value(), "failureCode": trouble.code, "failureReason": trouble.reason})
}

pub(super) fn batch(registry: &mut Registry, scene: &Scene<'_>) -> Answer {
    let call = scene.call;
    let name = call.required("repositoryName")?;
    let ids = call.bounded("imageIds", 100)?;
    let accepted = call.texts("acceptedMediaTypes");
    let leaves_no_trace = registry.exclusions.contains_key(&call.caller.identity);
    let is_lazy = registry.is_lazy;
    let found = registry.repository_mut(name)?;
    let (mut images, mut failures) = (Vec::new(), Vec::new());
    for id in ids.iter().map(Id::of) {
        match pulled(found, scene, &id, &accepted) {
            Ok((digest, image)) => {
                images.push(image);
                if let Some(pulled) = found.images.get_mut(&digest).filter(|_| !leaves_no_trace) {
                    pulled.pulled(scene.now, is_lazy);
                }
            }
            Err(trouble) => failures.push(failure(&id, &trouble)),
        }
    }
    Ok(json!({"images": images, "failures": failures}))
}

/// One manifest, its bytes as they are.
fn pulled(found: &Repository, scene: &Scene<'_>, id: &Id, accepted: &[&str]) -> Result<(String, Value), Trouble> {
    if let Some(trouble) = wanted_trouble(scene.call, id) {
        return Err(trouble);
    }
    let digest = id.resolve(found)?;
    let image = &found.images[&digest];
    // "Requests to pull the archived image will fail with a 404 error."
    if image.status(scene.now) != Status::Active {
        return Err(Trouble::not_found());
    }
    if !accepted.is_empty() && !accepted.contains(&image.media_type.as_str()) {
        return Err(Trouble::not_found());
    }
    let told = object(json!({"imageDigest": digest, "imageTag": id.tag}));
    let row = json!({"registryId": scene.place.account, "repositoryName": scene.call.text("repositoryName"), "imageId": told,
        "imageManifest": String::from_utf8_lossy(&image.bytes), "imageManifestMediaType": image.media_type});
    Ok((digest, row))
}

pub(super) fn referrers(registry: &Registry, scene: &Scene<'_>) -> Answer {
    let call = scene.call;
    let found = registry.repository(call.required("repositoryName")?)?;
    let page = Page::of(call, RULE)?;
    let subject = call.input["subjectId"]["imageDigest"].as_str().unwrap_or_default();
    let filter = &call.input["filter"];
    let status = filter["artifactStatus"].as_str().unwrap_or("ACTIVE");
    let types = filter["artifactTypes"].as_array();
    let is_type =
        |kind: &Option<String>| types.is_none_or(|types| types.iter().any(|wanted| wanted.as_str() == kind.as_deref()));
    let rows = found
        .referrers(subject)
        .filter(|(digest, _)| page.is_behind(digest))
        .filter(|(_, image)| status == "ANY" || image.status(scene.now).name() == status)
        .filter(|(_, image)| is_type(&image.artifact_type))
        .map(|(digest, image)| {
            let annotations = Manifest::read(&image.bytes).unwrap_or_default().annotations;
            let row = json!({"digest": digest, "mediaType": image.media_type, "artifactType": image.artifact_type,
                "size": image.bytes.len(), "annotations": annotations, "artifactStatus": image.status(scene.now).name()});
            (digest.clone(), object(row))
        });
    let (rows, next) = page.cut(rows);
    Ok(object(json!({"referrers": rows, "nextToken": next})))
}

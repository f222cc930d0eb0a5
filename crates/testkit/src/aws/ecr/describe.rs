//! Lists: repositories, images, and the pairs of digest and tag.

use std::ops::Bound;

use serde_json::{Value, json};

use super::super::call::{Answer, Call, too_many};
use super::super::paging::{Page, Rule};
use super::super::place::Place;
use super::super::refusal::Refusal;
use super::super::state::{epoch, object};
use super::image::Image;
use super::read::{Id, Trouble};
use super::repository::Repository;
use super::{Registry, Scene, arn};

/// How DescribeRepositories, DescribeImages and ListImages page.
const RULE: Rule = Rule::of(100, 1000);
/// Most names or ids in one call.
const MOST: usize = 100;

pub(super) fn repositories(registry: &Registry, scene: &Scene<'_>) -> Answer {
    let call = scene.call;
    let names = call.texts("repositoryNames");
    if names.is_empty() {
        let page = Page::of(call, RULE)?;
        let behind = registry.repositories.iter().filter(|(name, _)| page.is_behind(name));
        let rows = behind.map(|(name, found)| (name.clone(), repository(&scene.place, name, found)));
        let (rows, next) = page.cut(rows);
        return Ok(object(json!({"repositories": rows, "nextToken": next})));
    }
    if names.len() > MOST {
        return Err(too_many("repositoryNames", MOST));
    }
    without_paging(call, "repositoryNames")?;
    let rows = names
        .into_iter()
        .map(|name| Ok(repository(&scene.place, name, registry.repository(name)?)));
    Ok(json!({"repositories": rows.collect::<Result<Vec<Value>, Refusal>>()?}))
}

fn repository(place: &Place, name: &str, found: &Repository) -> Value {
    let filters = found.mutability.exclusions.iter();
    let filters: Vec<Value> = filters
        .map(|filter| json!({"filterType": "WILDCARD", "filter": filter}))
        .collect();
    object(json!({
        "repositoryArn": arn(place, name), "registryId": place.account, "repositoryName": name,
        "repositoryUri": format!("{}/{name}", place.host()), "createdAt": epoch(found.created_at),
        "imageTagMutability": found.mutability.mode,
        "imageTagMutabilityExclusionFilters": (!filters.is_empty()).then_some(filters),
        "imageScanningConfiguration": {"scanOnPush": false}, "encryptionConfiguration": {"encryptionType": "AES256"}}))
}

pub(super) fn images(registry: &Registry, scene: &Scene<'_>) -> Answer {
    let call = scene.call;
    let name = call.required("repositoryName")?;
    let found = registry.repository(name)?;
    if !call.list("imageIds").is_empty() {
        return named(found, scene, name);
    }
    let (page, filter) = (Page::of(call, RULE)?, Filter::of(call)?);
    let rows = behind(found, page.after.as_deref(), false);
    let rows = rows.filter(|(_, image)| filter.fits(image, scene));
    let rows = rows.map(|(digest, image)| (digest.clone(), image.detail(&scene.place, name, digest, scene.now)));
    let (rows, next) = page.cut(rows);
    Ok(object(json!({"imageDetails": rows, "nextToken": next})))
}

/// The images that are asked for by name; one that is not there fails the call.
fn named(found: &Repository, scene: &Scene<'_>, name: &str) -> Answer {
    let ids = scene.call.bounded("imageIds", MOST)?;
    without_paging(scene.call, "imageIds")?;
    let rows = ids.iter().map(|id| {
        let id = Id::of(id);
        let digest = id.resolve(found).map_err(|trouble| refused(&trouble, &id, name))?;
        Ok(found.images[&digest].detail(&scene.place, name, &digest, scene.now))
    });
    Ok(json!({"imageDetails": rows.collect::<Result<Vec<Value>, Refusal>>()?}))
}

fn refused(trouble: &Trouble, id: &Id, name: &str) -> Refusal {
    if trouble.code != "ImageNotFound" {
        return Refusal::new("InvalidParameterException", trouble.reason.clone());
    }
    let or_null = |text: &Option<String>| text.clone().unwrap_or_else(|| "null".to_owned());
    let message = format!(
        "The image with imageId {{imageDigest:'{}', imageTag:'{}'}} does not exist within the repository with name '{name}'",
        or_null(&id.digest),
        or_null(&id.tag)
    );
    Refusal::new("ImageNotFoundException", message)
}

pub(super) fn list(registry: &Registry, scene: &Scene<'_>) -> Answer {
    let call = scene.call;
    let found = registry.repository(call.required("repositoryName")?)?;
    let (page, filter) = (Page::of(call, RULE)?, Filter::of(call)?);
    let last = page
        .after
        .as_deref()
        .and_then(|key| key.split_once(' '))
        .map(|(digest, _)| digest);
    let rows = behind(found, last, true)
        .filter(|(_, image)| filter.fits(image, scene))
        .flat_map(|(digest, image)| ids(digest, image))
        .filter(|(key, _)| page.is_behind(key));
    let (rows, next) = page.cut(rows);
    Ok(object(json!({"imageIds": rows, "nextToken": next})))
}

/// One row for each tag of an image, or one without a tag.
pub(super) fn ids(digest: &str, image: &Image) -> Vec<(String, Value)> {
    if image.tags.is_empty() {
        return vec![(format!("{digest} "), json!({"imageDigest": digest}))];
    }
    let row = |tag: &String| {
        (
            format!("{digest} {tag}"),
            json!({"imageDigest": digest, "imageTag": tag}),
        )
    };
    image.tags.iter().map(row).collect()
}

/// The images from a digest on, it included or not.
fn behind<'r>(
    found: &'r Repository,
    last: Option<&'r str>,
    is_included: bool,
) -> impl Iterator<Item = (&'r String, &'r Image)> {
    let first = match last {
        None => Bound::Unbounded,
        Some(last) if is_included => Bound::Included(last),
        Some(last) => Bound::Excluded(last),
    };
    found.images.range::<str, _>((first, Bound::Unbounded))
}

/// `filter`: without a status only what is active.
struct Filter {
    status: String,
    tags: Option<bool>,
}

impl Filter {
    fn of(call: &Call) -> Result<Self, Refusal> {
        let filter = &call.input["filter"];
        let status = filter["imageStatus"].as_str().unwrap_or("ACTIVE");
        if !["ACTIVE", "ARCHIVED", "ACTIVATING", "ANY"].contains(&status) {
            return Err(Refusal::parameter(
                "filter.imageStatus",
                "Member must satisfy enum value set",
            ));
        }
        let tags = match filter["tagStatus"].as_str() {
            None | Some("ANY") => None,
            Some("TAGGED") => Some(true),
            Some("UNTAGGED") => Some(false),
            Some(_) => {
                return Err(Refusal::parameter(
                    "filter.tagStatus",
                    "Member must satisfy enum value set",
                ));
            }
        };
        Ok(Self {
            status: status.to_owned(),
            tags,
        })
    }

    fn fits(&self, image: &Image, scene: &Scene<'_>) -> bool {
        let status = self.status == "ANY" || image.status(scene.now).name() == self.status;
        status && self.tags.is_none_or(|tagged| tagged != image.tags.is_empty())
    }
}

/// What is asked for by name comes in no pages.
fn without_paging(call: &Call, key: &str) -> Result<(), Refusal> {
    match call.input["maxResults"].is_null() && call.input["nextToken"].is_null() {
        true => Ok(()),
        false => Err(Refusal::new(
            "InvalidParameterException",
            format!("maxResults and nextToken cannot be used together with {key}"),
        )),
    }
}

//! Lists of a cluster: the first line names the kind (`deployments.apps`), the rest is one page of its list.
//!
//! - An image in a container is told, or there is a gap; so is the digest that a pod says it runs.
//! - An image of the managed registry that is all of a text is told, wherever it stands in an object of another kind.
//! - What is no page leads nowhere.

use jettison::usage::fuzzing::{Told, listed};
use jettison_core::model::{Digest, ImageReference, RegistryHost};
use serde_json::Value;

use crate::oracle::{assert_in_proportion, assert_message};

/// The registry that is managed.
pub(super) const HOST: &str = "registry.example.com";

/// Kinds whose places for images are known, and where the specification of the pod stands there.
const TYPED: [(&str, &str); 6] = [
    ("pods", "/spec"),
    ("deployments.apps", "/spec/template/spec"),
    ("jobs.batch", "/spec/template/spec"),
    ("controllerrevisions.apps", "/data/spec/template/spec"),
    ("cronjobs.batch", "/spec/jobTemplate/spec/template/spec"),
    ("podtemplates", "/template/spec"),
];

/// Looks at one input.
pub fn run(data: &[u8]) {
    let Ok(managed) = HOST.parse::<RegistryHost>() else {
        unreachable!("a constant");
    };
    let end = data.iter().position(|byte| *byte == b'\n').unwrap_or(data.len());
    let kind = String::from_utf8_lossy(&data[..end]);
    let body = data.get(end + 1..).unwrap_or_default();
    let Some((told, next)) = listed(&kind, body, &managed) else {
        return;
    };
    assert_told(&told, data);
    match next {
        Err(why) => assert_message(&why),
        Ok(next) => {
            assert!(next.is_none_or(|next| !next.is_empty()), "it leads to nothing");
            let Ok(page) = serde_json::from_slice::<Value>(body) else {
                return;
            };
            let items = page["items"].as_array().map(Vec::as_slice).unwrap_or_default();
            match TYPED.iter().find(|(typed, _)| *typed == kind) {
                Some((typed, place)) => items.iter().for_each(|item| {
                    containers(item.pointer(place), &told);
                    if *typed == "pods" {
                        statuses(&item["status"], &told);
                    }
                }),
                None if kind == "things.example.com" => items.iter().for_each(|item| texts(item, &told)),
                None => {}
            }
        }
    }
}

/// What holds of whatever a source says.
pub(super) fn assert_told((references, gaps): &Told, data: &[u8]) {
    assert_in_proportion(&(references, gaps), data);
    gaps.iter().for_each(|gap| assert_message(&gap.0));
    for reference in references {
        assert!(
            !reference.image.is_empty() || reference.digest.is_some(),
            "nothing is used"
        );
        let legal = |image: &str| image.parse::<ImageReference>().is_ok() || Digest::of_image_id(image).is_some();
        assert!(reference.image.is_empty() || legal(&reference.image), "{reference:?}");
        if !reference.used_by.is_empty() {
            assert_message(&reference.used_by);
        }
    }
}

/// Whether an image is told, or something is not.
pub(super) fn is_told(image: &str, (references, gaps): &Told) -> bool {
    image.is_empty() || !gaps.is_empty() || references.iter().any(|reference| reference.image == image)
}

fn containers(spec: Option<&Value>, told: &Told) {
    for list in ["containers", "initContainers", "ephemeralContainers"] {
        let containers = spec.and_then(|spec| spec[list].as_array()).into_iter().flatten();
        for image in containers.filter_map(|container| container["image"].as_str()) {
            assert!(is_told(image, told), "{image} is lost: {told:?}");
        }
    }
    let volumes = spec.and_then(|spec| spec["volumes"].as_array()).into_iter().flatten();
    for image in volumes.filter_map(|volume| volume["image"]["reference"].as_str()) {
        assert!(is_told(image, told), "{image} is lost: {told:?}");
    }
}

fn statuses(status: &Value, told: &Told) {
    let (references, gaps) = told;
    for list in [
        "containerStatuses",
        "initContainerStatuses",
        "ephemeralContainerStatuses",
    ] {
        let statuses = status[list].as_array().into_iter().flatten();
        for id in statuses.filter_map(|status| status["imageID"].as_str()) {
            let last = id.rsplit(['@', '/']).next().unwrap_or_default();
            if let Some(digest) = Digest::of_image_id(last) {
                let is_told = references
                    .iter()
                    .any(|reference| reference.digest.as_ref() == Some(&digest));
                assert!(is_told || !gaps.is_empty(), "{id} is lost: {told:?}");
            }
        }
    }
}

fn texts(value: &Value, told: &Told) {
    let is_ours = |text: &str| {
        text.parse()
            .is_ok_and(|image: ImageReference| image.registry.as_str() == HOST)
    };
    match value {
        Value::String(text) if text.len() <= 1_024 && is_ours(text) => {
            assert!(is_told(text, told), "{text} is lost: {told:?}");
        }
        Value::Array(values) => values.iter().for_each(|value| texts(value, told)),
        Value::Object(fields) => fields.values().for_each(|value| texts(value, told)),
        _ => {}
    }
}

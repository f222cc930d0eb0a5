//! Answers of container engines, lines of `---` between them: the list of containers, what is said about each, and about
//! its image, each of the two empty where the engine has no such thing. Then the services and the tasks of a Swarm.
//!
//! - The id of every container's image is told, and its name where nothing more is known, or there is a gap.
//! - The image of every service and task is told, or there is a gap.

use jettison::usage::fuzzing::{Told, engine_runs, swarm_runs};
use jettison_core::model::Digest;
use serde_json::Value;

use super::cluster::{assert_told, is_told};

/// Looks at one input.
pub fn run(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let mut parts = text.split("\n---\n");
    let mut next = || parts.next().unwrap_or_default();
    let (list, container, image, services, tasks) = (next(), next(), next(), next(), next());
    let given = |part: &'_ str| (!part.trim().is_empty()).then(|| part.as_bytes().to_vec());
    let told = engine_runs(list.as_bytes(), given(container).as_deref(), given(image).as_deref());
    assert_lawful(&told, data);
    for listed in values(list) {
        let id = listed["ImageID"].as_str().and_then(Digest::of_image_id);
        if given(container).is_none() {
            assert!(has_digest(id.as_ref(), &told), "{listed} is lost: {told:?}");
        }
        let image = listed["Image"].as_str().unwrap_or_default();
        // A short id names no image.
        if given(container).is_none() && image.contains('/') {
            assert!(is_told(image, &told), "{listed} is lost: {told:?}");
        }
    }
    let told = swarm_runs(services.as_bytes(), tasks.as_bytes());
    assert_lawful(&told, data);
    let specs = values(services).into_iter().flat_map(|service| {
        ["Spec", "PreviousSpec"].map(|spec| service[spec]["TaskTemplate"]["ContainerSpec"]["Image"].clone())
    });
    let of_tasks = values(tasks)
        .into_iter()
        .map(|task| task["Spec"]["ContainerSpec"]["Image"].clone());
    for image in specs.chain(of_tasks) {
        assert!(
            is_told(image.as_str().unwrap_or_default(), &told),
            "{image} is lost: {told:?}"
        );
    }
}

fn assert_lawful(told: &Told, data: &[u8]) {
    // Each image may be told with each digest, and by each of a container's names.
    let squared = data.repeat(1 + data.len() / 64);
    assert_told(told, &squared);
}

fn has_digest(digest: Option<&Digest>, (references, gaps): &Told) -> bool {
    let is_it = |digest: &Digest| {
        references
            .iter()
            .any(|reference| reference.digest.as_ref() == Some(digest))
    };
    digest.is_none_or(is_it) || !gaps.is_empty()
}

fn values(part: &str) -> Vec<Value> {
    serde_json::from_str(part).unwrap_or_default()
}

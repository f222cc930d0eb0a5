//! Looks at a server: what lies on its disk, who uses it, and what is remembered of that.
//!
//! Changes nothing but the ledger, which learns what was seen. What cannot be read is a gap, never an empty list.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use jettison_core::host::{HostFacts, HostImage, users};
use jettison_core::model::{Gap, Schema, SourceReport};
use jiff::Timestamp;

use super::HostError;
use super::disk::disk_of;
use super::engine::{EngineError, HostContainer, HostEngine};
use super::ledger::{HostLedger, SeenImage};
use crate::usage::{ComposeProject, report_compose};

/// What to look at, and how.
#[derive(Debug, Clone, Default)]
pub struct LookOptions {
    /// Whether the engine is asked when it pulled or tagged each image, which takes a question an image.
    pub trust_engine_times: bool,
    /// Globs on Compose files whose images are in use.
    pub compose: Vec<String>,
    /// The folder that these are relative to.
    pub base: PathBuf,
    /// Whether the build cache and the bytes of all layers are asked for, which takes older engines their time.
    pub with_build_cache: bool,
}

/// Looks at an engine, and notes what was seen.
///
/// # Errors
/// If the engine does not answer at all, or nothing can be noted. Anything else that fails is a gap of the facts.
pub async fn look(
    engine: &dyn HostEngine,
    ledger: &dyn HostLedger,
    options: &LookOptions,
    now: Timestamp,
) -> Result<HostFacts, HostError> {
    let mut facts = HostFacts {
        schema: Schema,
        taken_at: now,
        known_since: None,
        engine: engine.facts().await?,
        disk: None,
        images: Vec::new(),
        build_cache: Vec::new(),
        usage: Vec::new(),
        gaps: Vec::new(),
    };
    // What uses images is asked after what there is: an image that comes in between is not among those that may go.
    let images = engine.images(options.trust_engine_times).await;
    let are_known = images.is_ok();
    match images {
        Ok(images) => facts.images = images,
        Err(error) => facts.gaps.push(gap("its images", &error)),
    }
    facts.usage.push(engine.usage(now).await);
    let projects = compose(engine, options, &mut facts, now).await;
    facts.usage.extend(projects);
    if options.with_build_cache {
        ask_for_cache(engine, &mut facts).await;
    }
    facts.disk = facts.engine.root.as_deref().and_then(disk_of);
    // That none are known is nothing to remember.
    if are_known {
        remember(&mut facts, ledger, now).await?;
    }
    Ok(facts)
}

fn gap(what: &str, error: &EngineError) -> Gap {
    Gap(format!("{what} could not be read: {error}"))
}

/// Whose images Compose projects name: those of the configuration, and those that containers are of.
async fn compose(
    engine: &dyn HostEngine,
    options: &LookOptions,
    facts: &mut HostFacts,
    now: Timestamp,
) -> Option<SourceReport> {
    let (images, gaps) = (&facts.images, &mut facts.gaps);
    let containers = match engine.containers().await {
        Ok(containers) => containers,
        Err(error) => {
            gaps.push(gap("its containers", &error));
            Vec::new()
        }
    };
    let projects = containers
        .iter()
        .filter_map(|container| ComposeProject::of(&own_labels(container, images)));
    let projects: BTreeSet<ComposeProject> = projects.collect();
    report_compose(&options.compose, &options.base, &projects, now)
}

/// A container's labels without those that its image brought: whoever built that is not whoever runs Compose here.
fn own_labels(container: &HostContainer, images: &[HostImage]) -> BTreeMap<String, String> {
    let image = container
        .image_id
        .as_ref()
        .and_then(|id| images.iter().find(|image| image.id == *id));
    let own = |(name, value): &(&String, &String)| image.is_none_or(|image| image.labels.get(*name) != Some(value));
    let labels = container.labels.iter().filter(own);
    labels.map(|(name, value)| (name.clone(), value.clone())).collect()
}

async fn ask_for_cache(engine: &dyn HostEngine, facts: &mut HostFacts) {
    match engine.build_cache().await {
        Ok(cache) => facts.build_cache = cache,
        Err(error) => facts.gaps.push(gap("its build cache", &error)),
    }
    match engine.layers_bytes().await {
        Ok(bytes) => facts.engine.layers_bytes = bytes,
        Err(error) => facts.gaps.push(gap("the size of its layers", &error)),
    }
}

/// Notes what was seen, and adds what is known from before.
async fn remember(facts: &mut HostFacts, ledger: &dyn HostLedger, now: Timestamp) -> Result<(), HostError> {
    let mut used = users(facts);
    let seen = facts.images.iter().map(|image| SeenImage {
        id: image.id.clone(),
        names: image.names.clone(),
        used_by: used.remove(&image.id),
    });
    let seen: Vec<SeenImage> = seen.collect();
    let known = ledger.observe(&facts.engine.id, &seen, now).await?;
    facts.known_since = ledger.known_since(&facts.engine.id).await?;
    for image in &mut facts.images {
        if let Some(known) = known.get(&image.id) {
            image.first_seen_at = Some(known.first_seen_at);
            image.last_used_at = known.last_used_at;
            image.last_use.clone_from(&known.last_use);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use jettison_core::model::Digest;
    use serde_json::json;

    use super::*;

    #[test]
    fn labels_that_the_image_brought_are_not_the_containers_own() {
        let id = Digest::of(b"image");
        let image: HostImage =
            serde_json::from_value(json!({"id": id, "bytes": 0, "labels": {"brought": "x", "other": "y"}})).unwrap();
        let labels = [("brought", "x"), ("other", "set here"), ("own", "z")];
        let container = HostContainer {
            told: String::new(),
            image_id: Some(id),
            images: Vec::new(),
            labels: labels.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
        };
        let names = |labels: BTreeMap<String, String>| labels.into_keys().collect::<Vec<_>>();
        assert_eq!(
            names(own_labels(&container, std::slice::from_ref(&image))),
            ["other", "own"]
        );
        assert_eq!(names(own_labels(&container, &[])), ["brought", "other", "own"]);
    }
}

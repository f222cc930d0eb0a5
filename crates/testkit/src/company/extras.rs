//! What fills a registry besides images: build caches, charts, modules.

use jiff::Timestamp;

use super::applications::{Application, Dated, FEATURES, Format};
use super::{Occasion, Push};
use crate::images::{
    CacheShape, Manifest, buildkit_cache, buildpacks_cache, helm_chart, kaniko_cache, kaniko_tag, wasm,
};
use crate::random::Random;

/// Caches and charts of one application.
pub(super) fn of(application: &Application, images: &[Push], seed: u64) -> Vec<Push> {
    let mut random = Random::new(seed ^ 0xcac4e);
    match (application.dated, application.format) {
        (Dated::Epoch, _) => kaniko_caches(application, images, &mut random),
        (Dated::Buildpacks, _) => buildpacks_caches(application, images, &mut random),
        (Dated::Truly, Format::Docker) => buildkit_caches(application, images, CacheShape::DockerList, &mut random),
        (Dated::Truly, Format::Oci) => buildkit_caches(application, images, CacheShape::Manifest, &mut random),
    }
}

/// A chart with every release of the shop, and the gateway's modules.
pub(super) fn of_company(pushes: &[Push]) -> Vec<Push> {
    let releases = |repository: &'static str| {
        pushes
            .iter()
            .filter(move |push| push.repository == repository && push.occasion == Occasion::Release)
    };
    let charts = releases("shop/web").filter_map(|release| {
        let version = release.tags.first()?.strip_prefix('v')?.to_owned();
        let chart = helm_chart("shop", &version, 900);
        Some(push("charts/shop", vec![version], release.at, Occasion::Chart, chart))
    });
    let modules = releases("platform/gateway")
        .enumerate()
        .filter_map(|(number, release)| {
            let module = wasm(number as u64, 700);
            Some(push(
                "platform/gateway-modules",
                vec![release.tags.first()?.clone()],
                release.at,
                Occasion::Artifact,
                module,
            ))
        });
    charts.chain(modules).collect()
}

/// The trunk's cache, and one of every feature branch, in the same repository. One in four comes from an older
/// builder that wrote indexes of blobs.
fn buildkit_caches(application: &Application, images: &[Push], shape: CacheShape, random: &mut Random) -> Vec<Push> {
    let branches = FEATURES.iter().map(|feature| format!("buildcache-feature-{feature}"));
    let tags = std::iter::once("buildcache".to_owned()).chain(branches);
    let spread = images.len().div_ceil(FEATURES.len() + 1).max(1);
    let times = images.iter().rev().step_by(spread).map(|image| image.at);
    tags.zip(times)
        .enumerate()
        .map(|(number, (tag, at))| {
            let shape = if number % 4 == 3 && shape == CacheShape::Manifest {
                CacheShape::OciIndex
            } else {
                shape
            };
            let cache = buildkit_cache(random.next(), shape, &[3_000, 1_200, 5_000]);
            push(application.repository, vec![tag], at, Occasion::BuildCache, cache)
        })
        .collect()
}

/// Kaniko keeps one tagged image per step in a repository beside.
fn kaniko_caches(application: &Application, images: &[Push], random: &mut Random) -> Vec<Push> {
    let repository = format!("{}/cache", application.repository);
    let steps = images.iter().step_by(4);
    steps
        .map(|image| {
            let seed = random.next();
            let cache = kaniko_cache(seed, &image.at.to_string(), 800);
            push(
                &repository,
                vec![kaniko_tag(seed)],
                image.at,
                Occasion::BuildCache,
                cache,
            )
        })
        .collect()
}

/// Every build replaces the cache image; the ones before stay without a tag.
fn buildpacks_caches(application: &Application, images: &[Push], random: &mut Random) -> Vec<Push> {
    let mut caches: Vec<Push> = images
        .iter()
        .step_by(10)
        .map(|image| {
            let cache = buildpacks_cache(random.next(), &[2_000, 900]);
            push(
                application.repository,
                Vec::new(),
                image.at,
                Occasion::BuildCache,
                cache,
            )
        })
        .collect();
    if let Some(newest) = caches.last_mut() {
        newest.tags.push("build-cache".to_owned());
    }
    caches
}

fn push(repository: &str, tags: Vec<String>, at: Timestamp, occasion: Occasion, manifest: Manifest) -> Push {
    Push {
        repository: repository.to_owned(),
        tags,
        at,
        occasion,
        manifest,
        attached: Vec::new(),
    }
}

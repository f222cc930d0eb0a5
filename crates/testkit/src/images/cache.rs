//! Build caches, which look like images and are none.

use serde_json::{Value, json};

use super::draft::Draft;
use super::{Blob, Image, Index, Manifest, media_type};
use crate::digest::hex;
use crate::random::Random;

const CACHE_CONFIG: &str = "application/vnd.buildkit.cacheconfig.v0";

/// The three shapes of a BuildKit cache in a registry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CacheShape {
    /// `image-manifest=true`, the default since BuildKit 0.21: a manifest whose config is the cache config.
    Manifest,
    /// `image-manifest=false`: an index whose entries are blobs.
    OciIndex,
    /// `image-manifest=false,oci-mediatypes=false`: the same as a Docker list.
    DockerList,
}

impl CacheShape {
    /// All three.
    pub const ALL: [Self; 3] = [Self::Manifest, Self::OciIndex, Self::DockerList];
}

/// A BuildKit cache with layers of these sizes. It carries no date.
pub fn buildkit_cache(seed: u64, shape: CacheShape, sizes: &[usize]) -> Manifest {
    let mut random = Random::new(seed);
    let layers: Vec<Blob> = sizes.iter().map(|size| Blob::random(random.next(), *size)).collect();
    let config = Blob::json(&cache_config(&layers));
    match shape {
        CacheShape::Manifest => {
            let draft = Draft::new(CACHE_CONFIG, config);
            layers
                .into_iter()
                .fold(draft, |draft, layer| draft.layer(media_type::LAYER, layer))
                .build()
        }
        CacheShape::OciIndex => of_blobs(Index::new(), media_type::LAYER, layers, config),
        CacheShape::DockerList => of_blobs(Index::new().docker(), media_type::DOCKER_LAYER, layers, config),
    }
}

fn of_blobs(index: Index, layer_type: &str, layers: Vec<Blob>, config: Blob) -> Manifest {
    let index = layers
        .into_iter()
        .fold(index, |index, layer| index.blob(layer_type, layer));
    index.blob(CACHE_CONFIG, config).build()
}

fn cache_config(layers: &[Blob]) -> Value {
    let layer = |(number, blob): (usize, &Blob)| json!({"blob": blob.digest(), "parent": number.checked_sub(1)});
    let records = layers
        .iter()
        .map(|blob| json!({"digest": blob.digest(), "layers": [{"layer": 0}]}));
    json!({
        "layers": layers.iter().enumerate().map(layer).collect::<Vec<_>>(),
        "records": records.collect::<Vec<_>>(),
    })
}

/// One layer in a Kaniko cache: one layer, one step by `kaniko`, nothing that could be run.
pub fn kaniko_cache(seed: u64, created: &str, size: usize) -> Manifest {
    let layer = Blob::random(seed, size);
    let step = json!({"author": "kaniko", "created": created, "created_by": "RUN make"});
    let config = json!({
        "architecture": "amd64", "os": "linux", "created": created, "config": {}, "history": [step],
        "rootfs": {"type": "layers", "diff_ids": [layer.digest()]},
    });
    let draft = Draft::new(media_type::DOCKER_CONFIG, Blob::json(&config)).docker();
    draft.layer(media_type::DOCKER_LAYER, layer).build()
}

/// A tag of a Kaniko cache: 64 hex digits that are the digest of nothing stored.
pub fn kaniko_tag(seed: u64) -> String {
    hex(&Random::new(seed ^ 0x6b61_6e69).bytes(32))
}

/// A cache image of Cloud Native Buildpacks: known by its label, dated 1980.
pub fn buildpacks_cache(seed: u64, sizes: &[usize]) -> Manifest {
    let metadata = json!({"buildpacks": [{"key": "paketo/go", "version": seed.to_string()}]}).to_string();
    let image = Image::new(seed).created("1980-01-01T00:00:01Z").layers(sizes);
    image.label("io.buildpacks.lifecycle.cache.metadata", &metadata).build()
}

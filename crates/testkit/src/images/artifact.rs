//! Things in a registry that no engine runs.

use serde_json::json;

use super::draft::Draft;
use super::{Blob, Manifest};

/// A Helm chart (Helm, pkg/registry/constants.go).
pub fn helm_chart(name: &str, version: &str, size: usize) -> Manifest {
    let config = json!({"name": name, "version": version, "apiVersion": "v2", "appVersion": version});
    let seed = version
        .bytes()
        .fold(0, |seed: u64, byte| seed.wrapping_mul(31).wrapping_add(byte.into()));
    Draft::new("application/vnd.cncf.helm.config.v1+json", Blob::json(&config))
        .layer(
            "application/vnd.cncf.helm.chart.content.v1.tar+gzip",
            Blob::random(seed, size),
        )
        .annotation("org.opencontainers.image.title", name)
        .annotation("org.opencontainers.image.version", version)
        .build()
}

/// A WebAssembly module (CNCF TAG Runtime, "Wasm OCI Artifact layout").
pub fn wasm(seed: u64, size: usize) -> Manifest {
    let config = json!({"architecture": "wasm", "os": "wasip2", "layerDigests": []});
    let module = Blob::random(seed, size);
    Draft::new("application/vnd.wasm.config.v0+json", Blob::json(&config))
        .layer("application/wasm", module)
        .build()
}

/// Any other artifact, with the empty config.
pub fn artifact(artifact_type: &str, seed: u64, size: usize) -> Manifest {
    Draft::artifact(artifact_type)
        .layer("application/octet-stream", Blob::random(seed, size))
        .build()
}

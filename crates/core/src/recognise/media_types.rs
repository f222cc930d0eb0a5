//! The media types that tell manifests and artifacts apart. Each from its own specification.

/// OCI image index (image-spec, image-index.md).
pub const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
/// OCI image manifest (image-spec, manifest.md).
pub const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
/// Docker manifest list (distribution, manifest-v2-2).
pub const DOCKER_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
/// Docker image manifest, schema 2 (distribution, manifest-v2-2).
pub const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
/// Docker image manifest, schema 1, signed.
pub const DOCKER_SCHEMA1_SIGNED: &str = "application/vnd.docker.distribution.manifest.v1+prettyjws";
/// Docker image manifest, schema 1.
pub const DOCKER_SCHEMA1: &str = "application/vnd.docker.distribution.manifest.v1+json";
/// The artifact manifest of image-spec 1.1's release candidates, which some registries still hold.
pub const OCI_ARTIFACT: &str = "application/vnd.oci.artifact.manifest.v1+json";

/// Every manifest type. A registry that is not told all of them may convert, or say that there is none.
pub const MANIFESTS: [&str; 7] = [
    OCI_INDEX,
    OCI_MANIFEST,
    DOCKER_LIST,
    DOCKER_MANIFEST,
    DOCKER_SCHEMA1_SIGNED,
    DOCKER_SCHEMA1,
    OCI_ARTIFACT,
];

pub(super) const OCI_CONFIG: &str = "application/vnd.oci.image.config.v1+json";
pub(super) const DOCKER_CONFIG: &str = "application/vnd.docker.container.image.v1+json";
pub(super) const BUILDKIT_CACHE_CONFIG: &str = "application/vnd.buildkit.cacheconfig.v0";
pub(super) const HELM_CONFIG: &str = "application/vnd.cncf.helm.config.v1+json";
pub(super) const IN_TOTO: &str = "application/vnd.in-toto+json";
pub(super) const COSIGN_SIMPLE_SIGNING: &str = "application/vnd.dev.cosign.simplesigning.v1+json";
pub(super) const BUILDPACKS_CACHE_LABEL: &str = "io.buildpacks.lifecycle.cache.metadata";

/// Layers that a registry does not store (image-spec, layer.md, "Non-Distributable Layers").
pub(super) fn is_foreign(media_type: &str) -> bool {
    media_type.contains(".foreign.") || media_type.contains(".nondistributable.")
}

pub(super) fn is_manifest(media_type: &str) -> bool {
    MANIFESTS.contains(&media_type)
}

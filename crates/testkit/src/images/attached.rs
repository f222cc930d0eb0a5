//! What hangs on an image: attestations, signatures, and referrers of any type.

use serde_json::json;

use super::draft::{Draft, bare};
use super::{Blob, Descriptor, Index, Manifest, media_type};

/// The two forms of a BuildKit attestation (BuildKit, docs/attestations/attestation-storage.md).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attestation {
    /// With an ordinary image config: BuildKit up to 0.31.
    AsImage,
    /// With `artifactType` and `subject`, child and referrer at once: the default since BuildKit 0.32.
    AsArtifact,
}

/// What cosign leaves under a tag of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cosign {
    /// `.sig`
    Signature,
    /// `.att`
    Attestation,
    /// `.sbom`
    Sbom,
}

/// The attestation of `image`, to stand in the same index.
pub fn attestation(image: &Manifest, form: Attestation) -> Manifest {
    let statement = json!({"_type": "https://in-toto.io/Statement/v0.1", "subject": [{"digest": image.digest}]});
    let statement = Blob::json(&statement);
    let layer = statement.descriptor("application/vnd.in-toto+json");
    let layer = layer.annotation("in-toto.io/predicate-type", "https://slsa.dev/provenance/v0.2");
    let draft = match form {
        Attestation::AsImage => {
            let rootfs = json!({"type": "layers", "diff_ids": [statement.digest()]});
            let config = json!({"os": "unknown", "architecture": "unknown", "config": {}, "rootfs": rootfs});
            Draft::new(media_type::CONFIG, Blob::json(&config))
        }
        Attestation::AsArtifact => {
            Draft::artifact("application/vnd.docker.attestation.manifest.v1+json").subject(bare(image))
        }
    };
    let mut manifest = draft.described_layer(layer, statement).build();
    manifest.platform = Some("unknown/unknown".into());
    manifest
        .entry_annotations
        .insert("vnd.docker.reference.type".into(), "attestation-manifest".into());
    manifest
        .entry_annotations
        .insert("vnd.docker.reference.digest".into(), image.digest.clone());
    manifest
}

/// The tag under which cosign looks for what belongs to `digest`.
pub fn cosign_tag(digest: &str, what: Cosign) -> String {
    let suffix = match what {
        Cosign::Signature => "sig",
        Cosign::Attestation => "att",
        Cosign::Sbom => "sbom",
    };
    format!("{}.{suffix}", fallback_tag(digest))
}

/// What cosign pushes under [`cosign_tag`]: an image manifest without a subject, dated year 1.
pub fn cosign(digest: &str, what: Cosign) -> Manifest {
    let payload = json!({"critical": {"image": {"docker-manifest-digest": digest}, "type": format!("{what:?}")}});
    let payload = Blob::json(&payload);
    let layer_type = match what {
        Cosign::Signature => "application/vnd.dev.cosign.simplesigning.v1+json",
        Cosign::Attestation => "application/vnd.dsse.envelope.v1+json",
        Cosign::Sbom => "text/spdx+json",
    };
    let rootfs = json!({"type": "layers", "diff_ids": [payload.digest()]});
    let config = json!({
        "created": "0001-01-01T00:00:00Z", "os": "", "architecture": "", "config": {}, "history": [{}], "rootfs": rootfs,
    });
    let layer = payload
        .descriptor(layer_type)
        .annotation("dev.cosignproject.cosign/signature", "MEUCIQ==");
    Draft::new(media_type::CONFIG, Blob::json(&config))
        .described_layer(layer, payload)
        .build()
}

/// A cosign signature as a referrer (cosign's experimental OCI 1.1 mode).
pub fn cosign_referrer(subject: &Manifest) -> Manifest {
    let payload = Blob::json(&json!({"critical": {"image": {"docker-manifest-digest": subject.digest}}}));
    let layer = payload.descriptor("application/vnd.dev.cosign.simplesigning.v1+json");
    Draft::new("application/vnd.dev.cosign.artifact.sig.v1+json", Blob::empty())
        .described_layer(
            layer.annotation("dev.cosignproject.cosign/signature", "MEUCIQ=="),
            payload,
        )
        .subject(bare(subject))
        .build()
}

/// A Sigstore bundle, as cosign 3 and GitHub attach it.
pub fn sigstore_bundle(subject: &Manifest, created: &str) -> Manifest {
    const BUNDLE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";
    let bundle = Blob::json(&json!({"mediaType": BUNDLE, "subject": subject.digest}));
    Draft::artifact(BUNDLE)
        .layer(BUNDLE, bundle)
        .subject(bare(subject))
        .annotation("dev.sigstore.bundle.content", "dsse-envelope")
        .annotation("dev.sigstore.bundle.predicateType", "https://slsa.dev/provenance/v1")
        .annotation("org.opencontainers.image.created", created)
        .build()
}

/// A Notary Project signature.
pub fn notation_signature(subject: &Manifest) -> Manifest {
    let envelope = Blob::json(&json!({"payload": subject.digest, "signature": ""}));
    Draft::new("application/vnd.cncf.notary.signature", Blob::empty())
        .layer("application/jose+json", envelope)
        .subject(bare(subject))
        .annotation("io.cncf.notary.x509chain.thumbprint#S256", "[]")
        .build()
}

/// Any referrer; `content` makes two of one type differ.
pub fn referrer(subject: &Manifest, artifact_type: &str, content: &str) -> Manifest {
    let blob = Blob::new(content.to_owned());
    Draft::artifact(artifact_type)
        .layer("application/octet-stream", blob)
        .subject(bare(subject))
        .build()
}

/// The tag that lists the referrers of `digest` where there is no API for it (distribution-spec, "Referrers Tag
/// Schema").
pub fn fallback_tag(digest: &str) -> String {
    let (algorithm, encoded) = digest.split_once(':').unwrap_or((digest, ""));
    let cut = |text: &str, length: usize| text.chars().take(length).collect::<String>();
    format!("{}-{}", cut(algorithm, 32), cut(encoded, 64))
}

/// The index under [`fallback_tag`]. The referrers themselves are not pushed along.
pub fn fallback_index(referrers: &[Descriptor]) -> Manifest {
    referrers.iter().cloned().fold(Index::new(), Index::entry).build()
}

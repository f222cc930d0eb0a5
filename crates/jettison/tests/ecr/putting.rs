//! Putting back: manifests, their tags, and whether their blobs are still there.

use jettison::registry::{ErrorKind, FetchedManifest, RegistryError};
use jettison_core::model::Digest;
use jettison_testkit::aws::{Effect, Fault, Status};
use jettison_testkit::images::{Index, Manifest};

use crate::lab::{Lab, REPOSITORY, digest, image, kind, repository, tag};

fn fetched(manifest: &Manifest) -> FetchedManifest {
    FetchedManifest {
        digest: digest(manifest),
        media_type: manifest.media_type.clone(),
        bytes: manifest.bytes.clone(),
    }
}

impl Lab {
    async fn put(&self, manifest: &Manifest, name: Option<&str>) -> Result<(), RegistryError> {
        let reference = name.map_or_else(|| digest(manifest).into(), |name| tag(name).into());
        self.registry
            .put_manifest(&repository(), &reference, &fetched(manifest))
            .await
    }
}

#[tokio::test]
async fn what_was_deleted_comes_back_with_its_tags_and_twice_is_as_good_as_once() {
    let (lab, digest) = Lab::with_image(&["v1"]).await;
    lab.registry.delete_manifest(&repository(), &digest).await.unwrap();
    for _ in 0..2 {
        lab.put(&image(1), None).await.unwrap();
        lab.put(&image(1), Some("v1")).await.unwrap();
    }
    assert_eq!(lab.ecr().tags(REPOSITORY)["v1"], digest.to_string());
    assert_eq!(lab.ecr().manifest(REPOSITORY, "v1"), Some(image(1).bytes));
}

#[tokio::test]
async fn an_index_waits_for_its_children_and_an_image_for_its_layers() {
    let lab = Lab::new().await;
    lab.ecr().create(REPOSITORY);
    let index = Index::new().child(image(1)).build();
    let refused = lab.put(&index, None).await;
    assert!(
        refused
            .as_ref()
            .unwrap_err()
            .to_string()
            .contains("ReferencedImagesNotFoundException")
    );
    assert_eq!(kind(refused), ErrorKind::NotFound);
    assert_eq!(kind(lab.put(&image(1), None).await), ErrorKind::NotFound);
    lab.ecr().push(REPOSITORY, &[], &image(1));
    lab.put(&index, Some("v1")).await.unwrap();
}

#[tokio::test]
async fn a_tag_that_cannot_be_moved_is_refused_by_name() {
    let (lab, other) = Lab::with_image(&["v1"]).await;
    lab.ecr().push(REPOSITORY, &["v2"], &image(2));
    lab.ecr().set_mutability(REPOSITORY, "IMMUTABLE", &[]);
    assert_eq!(kind(lab.put(&image(2), Some("v1")).await), ErrorKind::Immutable);
    // Some say so with a word that may also mean that all is well.
    lab.aws.fail(
        Fault::error(400, "ImageAlreadyExistsException")
            .on("ecr:PutImage")
            .times(2),
    );
    assert_eq!(kind(lab.put(&image(2), Some("v1")).await), ErrorKind::Immutable);
    lab.put(&image(2), Some("v2")).await.unwrap();
    assert_eq!(lab.ecr().tags(REPOSITORY)["v1"], other.to_string());
}

#[tokio::test]
async fn bytes_of_another_digest_are_refused() {
    let (lab, _) = Lab::with_image(&["v1"]).await;
    let wrong = FetchedManifest {
        digest: Digest::of(b"other"),
        ..fetched(&image(1))
    };
    let put = lab
        .registry
        .put_manifest(&repository(), &tag("v2").into(), &wrong)
        .await;
    assert_eq!(kind(put), ErrorKind::Protocol);
    assert_eq!(lab.ecr().tags(REPOSITORY).len(), 1);
}

#[tokio::test]
async fn a_manifest_is_put_once_unless_ecr_says_that_it_did_nothing() {
    let (lab, _) = Lab::with_image(&["v1"]).await;
    lab.aws
        .fail(Fault::error(500, "ServerException").on("ecr:PutImage").times(1));
    assert_eq!(kind(lab.put(&image(1), Some("v2")).await), ErrorKind::Transient);
    assert_eq!(lab.count("ecr:PutImage"), 1);
    lab.aws.fail(Fault::new(Effect::Throttle).on("ecr:PutImage").times(2));
    lab.put(&image(1), Some("v2")).await.unwrap();
}

#[tokio::test]
async fn what_is_archived_is_there_again_when_it_is_put() {
    let (lab, digest) = Lab::with_image(&["v1"]).await;
    lab.ecr().archive(REPOSITORY, &digest.to_string());
    lab.put(&image(1), None).await.unwrap();
    let held = lab.ecr().held(REPOSITORY, &digest.to_string()).unwrap();
    assert_eq!(held.status, Status::Active);
}

#[tokio::test]
async fn blobs_are_readable_for_as_long_as_ecr_has_them() {
    let (lab, digest) = Lab::with_image(&["v1"]).await;
    let name = repository();
    let blob: Digest = image(1).blobs[0].digest().parse().unwrap();
    lab.registry.delete_manifest(&name, &digest).await.unwrap();
    assert_eq!(lab.registry.is_readable(&name, &blob).await, Ok(true));
    assert_eq!(
        lab.registry.blob(&name, &blob, 10_000).await.unwrap().as_ref(),
        Some(image(1).blobs[0].bytes())
    );
    // A layer that no image has is not given out, although an image with it could be put.
    let inaccessible = Fault::error(400, "LayerInaccessibleException").on("ecr:GetDownloadUrlForLayer");
    lab.aws.fail(inaccessible.clone());
    assert_eq!(lab.registry.is_readable(&name, &blob).await, Ok(true));
    assert_eq!(kind(lab.registry.blob(&name, &blob, 10_000).await), ErrorKind::Protocol);
    lab.ecr().clean_up_layers(REPOSITORY);
    assert_eq!(lab.registry.is_readable(&name, &blob).await, Ok(false));
    lab.aws.clear_faults();
    assert_eq!(lab.registry.is_readable(&name, &blob).await, Ok(false));
    assert_eq!(lab.registry.blob(&name, &blob, 10_000).await, Ok(None));
}

#[tokio::test]
async fn a_layer_that_is_missing_once_is_asked_for_again() {
    let (lab, _) = Lab::with_image(&["v1"]).await;
    let blob: Digest = image(1).blobs[0].digest().parse().unwrap();
    lab.aws.fail(
        Fault::error(400, "LayersNotFoundException")
            .on("ecr:GetDownloadUrlForLayer")
            .times(1),
    );
    assert_eq!(lab.registry.is_readable(&repository(), &blob).await, Ok(true));
    lab.aws
        .fail(Fault::error(400, "AccessDeniedException").on("ecr:GetDownloadUrlForLayer"));
    assert_eq!(
        kind(lab.registry.is_readable(&repository(), &blob).await),
        ErrorKind::Forbidden
    );
}

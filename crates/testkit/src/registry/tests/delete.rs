//! Deletes in all variants, garbage, and what tests do behind the registry's back.

use super::*;
use crate::images::{Blob, Index};

#[tokio::test]
async fn deleting_a_digest_takes_every_tag_of_it() {
    let (lab, image) = Lab::with_image(Options::default(), &["a", "b"]).await;
    let other = Image::new(2).build();
    lab.push(&["c"], &other).await;
    assert_eq!(lab.manifest(Method::DELETE, &image.digest).await.status(), 202);
    assert_eq!(lab.registry.tags(REPOSITORY).into_keys().collect::<Vec<_>>(), ["c"]);
    for reference in ["a", "b", &image.digest] {
        assert_eq!(lab.manifest(Method::GET, reference).await.status(), 404, "{reference}");
    }
    let again = lab.manifest(Method::DELETE, &image.digest).await;
    assert_eq!(refusal(again).await, (404, "MANIFEST_UNKNOWN".into()));
}

#[tokio::test]
async fn deleting_by_tag_depends_on_the_registry() {
    for (delete, delete_tag, expected) in [
        (true, false, (400, "DIGEST_INVALID")),
        (false, false, (405, "UNSUPPORTED")),
        (false, true, (405, "UNSUPPORTED")),
    ] {
        let (lab, _) = Lab::with_image(
            Options {
                delete,
                delete_tag,
                ..Options::default()
            },
            &["a"],
        )
        .await;
        let refused = refusal(lab.manifest(Method::DELETE, "a").await).await;
        assert_eq!(refused, (expected.0, expected.1.to_owned()), "{delete} {delete_tag}");
        assert!(lab.registry.tags(REPOSITORY).contains_key("a"));
    }
    let (lab, image) = Lab::with_image(
        Options {
            delete_tag: true,
            ..Options::default()
        },
        &["a", "b"],
    )
    .await;
    assert_eq!(lab.manifest(Method::DELETE, "a").await.status(), 202);
    assert_eq!(
        refusal(lab.manifest(Method::DELETE, "a").await).await,
        (404, "MANIFEST_UNKNOWN".into())
    );
    assert_eq!(lab.manifest(Method::DELETE, "b").await.status(), 202);
    assert_eq!(
        lab.manifest(Method::GET, &image.digest).await.status(),
        200,
        "the manifest stays"
    );
}

#[tokio::test]
async fn deletes_that_are_off_delete_nothing() {
    let (lab, image) = Lab::with_image(
        Options {
            delete: false,
            ..Options::default()
        },
        &["a"],
    )
    .await;
    assert_eq!(
        refusal(lab.manifest(Method::DELETE, &image.digest).await).await,
        (405, "UNSUPPORTED".into())
    );
    let blob = format!("/v2/{REPOSITORY}/blobs/{}", image.blobs[0].digest());
    assert_eq!(
        refusal(lab.send(Method::DELETE, &blob).await).await,
        (405, "UNSUPPORTED".into())
    );
    assert_eq!(lab.manifest(Method::GET, "a").await.status(), 200);
}

#[tokio::test]
async fn a_registry_can_refuse_to_delete_children_and_immutable_tags() {
    let options = Options {
        refuse_children: true,
        immutable_tags: vec!["v*".into()],
        ..Options::default()
    };
    let lab = Lab::new(options).await;
    let index = Index::new().child(Image::new(1).build()).build();
    let child = index.children[0].digest.clone();
    lab.push(&["a"], &index).await;
    assert_eq!(
        refusal(lab.manifest(Method::DELETE, &child).await).await,
        (405, "DENIED".into())
    );
    assert_eq!(lab.manifest(Method::DELETE, &index.digest).await.status(), 202);
    assert_eq!(
        lab.manifest(Method::DELETE, &child).await.status(),
        202,
        "no index lists it any more"
    );

    let release = Image::new(2).build();
    lab.push(&["v1"], &release).await;
    assert_eq!(
        refusal(lab.manifest(Method::DELETE, &release.digest).await).await,
        (412, "PRECONDITION".into())
    );
    lab.push(&["v1"], &release).await;
    let pusher = Pusher::new(&lab.registry.url()).unwrap();
    assert!(pusher.push(REPOSITORY, &["v1"], &Image::new(3).build()).await.is_err());
    assert_eq!(lab.registry.tags(REPOSITORY)["v1"], release.digest);
}

#[tokio::test]
async fn a_read_only_registry_is_read_and_not_written() {
    let (lab, image) = Lab::with_image(Options::default(), &["a"]).await;
    lab.registry.set_read_only(true);
    assert_eq!(
        refusal(lab.manifest(Method::DELETE, &image.digest).await).await,
        (405, "UNSUPPORTED".into())
    );
    assert!(
        Pusher::new(&lab.registry.url())
            .unwrap()
            .push(REPOSITORY, &["b"], &image)
            .await
            .is_err()
    );
    assert_eq!(lab.manifest(Method::GET, "a").await.status(), 200);
    lab.registry.set_read_only(false);
    assert_eq!(lab.manifest(Method::DELETE, &image.digest).await.status(), 202);
}

#[tokio::test]
async fn garbage_is_what_no_manifest_refers_to() {
    let lab = Lab::new(Options::default()).await;
    let shared = Blob::random(9, 1_000);
    let images = [1, 2].map(|seed| Image::new(seed).layer(shared.clone()).layers(&[100]).build());
    let index = Index::new().child(images[0].clone()).build();
    lab.push(&["a"], &index).await;
    lab.push(&["b"], &images[1]).await;
    lab.registry.remove_tag(REPOSITORY, "a");
    assert_eq!(
        lab.registry.collect_garbage().blobs,
        0,
        "untagged manifests keep their blobs"
    );
    let before = lab.registry.stored_bytes();
    lab.registry.remove_manifest(REPOSITORY, &images[1].digest);
    let freed = lab.registry.collect_garbage();
    assert_eq!(freed.blobs, 2, "its config and its own layer, not the shared one");
    assert_eq!(before - lab.registry.stored_bytes(), freed.bytes);
    assert!(lab.registry.has_blob(REPOSITORY, shared.digest()));
}

#[tokio::test]
async fn a_tag_moves_only_to_a_manifest_that_is_there() {
    let (lab, image) = Lab::with_image(Options::default(), &["a"]).await;
    assert!(
        !lab.registry
            .move_tag(REPOSITORY, "b", &format!("sha256:{}", "0".repeat(64)))
    );
    let other = Image::new(2).build();
    lab.push(&["b"], &other).await;
    assert!(lab.registry.move_tag(REPOSITORY, "a", &other.digest));
    assert_eq!(
        header(&lab.manifest(Method::HEAD, "a").await, "docker-content-digest"),
        other.digest
    );
    lab.registry.remove_manifest(REPOSITORY, &image.digest);
    assert_eq!(
        lab.registry.tags(REPOSITORY).len(),
        2,
        "neither tag was the removed one's any more"
    );
}

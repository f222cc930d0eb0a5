//! PutImage, tag mutability.

use aws_sdk_ecr::types::{
    ImageTagMutability, ImageTagMutabilityExclusionFilter, ImageTagMutabilityExclusionFilterType,
};

use super::super::Status;
use super::*;
use crate::images::Index;

async fn put(lab: &Lab, tag: Option<&str>, manifest: &Manifest) -> Result<String, String> {
    let text = String::from_utf8(manifest.bytes.to_vec()).unwrap();
    let call = lab.ecr().put_image().repository_name(REPOSITORY).image_manifest(text);
    let call = call
        .set_image_tag(tag.map(str::to_owned))
        .image_manifest_media_type(&manifest.media_type);
    let output = call.send().await.map_err(|error| code(&error).to_owned())?;
    Ok(output
        .image()
        .unwrap()
        .image_id()
        .unwrap()
        .image_digest()
        .unwrap()
        .to_owned())
}

#[tokio::test]
async fn a_manifest_needs_its_layers_and_children_first() {
    let lab = Lab::new().await;
    lab.registry().create(REPOSITORY);
    let child = Image::new(1).build();
    let index = Index::new().child(child.clone()).build();
    assert_eq!(put(&lab, None, &child).await, Err("LayersNotFoundException".into()));
    assert_eq!(
        put(&lab, Some("v1"), &index).await,
        Err("ReferencedImagesNotFoundException".into())
    );
    for blob in &child.blobs {
        lab.registry().push_blob(REPOSITORY, blob);
    }
    assert_eq!(put(&lab, None, &child).await, Ok(child.digest.clone()));
    assert_eq!(put(&lab, Some("v1"), &index).await, Ok(index.digest.clone()));
    assert_eq!(lab.registry().manifest(REPOSITORY, "v1").unwrap(), index.bytes);
}

#[tokio::test]
async fn the_same_push_twice_is_refused_another_tag_is_not() {
    let (lab, image) = Lab::with_image(&["v1"]).await;
    let pushed_at = lab.registry().images(REPOSITORY)[0].pushed_at;
    lab.aws.advance(jiff::SignedDuration::from_hours(1));
    for (tag, expected) in [
        (Some("v1"), Err("ImageAlreadyExistsException".to_owned())),
        (None, Err("ImageAlreadyExistsException".to_owned())),
        (Some("v2"), Ok(image.digest.clone())),
        (Some("no tag"), Err("InvalidParameterException".to_owned())),
    ] {
        assert_eq!(put(&lab, tag, &image).await, expected, "{tag:?}");
    }
    let held = &lab.registry().images(REPOSITORY)[0];
    assert_eq!(held.pushed_at, pushed_at, "another tag does not make it young");
    assert_eq!(held.tags.len(), 2);
    let call = lab
        .ecr()
        .put_image()
        .repository_name(REPOSITORY)
        .image_manifest(String::from_utf8_lossy(&image.bytes));
    let wrong = call.image_digest(format!("sha256:{:064}", 0)).send().await.unwrap_err();
    assert_eq!(code(&wrong), "ImageDigestDoesNotMatchException");
}

#[tokio::test]
async fn a_moved_tag_leaves_its_old_image_behind_untagged() {
    let (lab, old) = Lab::with_image(&["main"]).await;
    let new = Image::new(2).build();
    lab.registry().push(REPOSITORY, &[], &new);
    assert_eq!(put(&lab, Some("main"), &new).await, Ok(new.digest.clone()));
    let held = lab.registry().held(REPOSITORY, &old.digest).unwrap();
    assert!(held.tags.is_empty());
}

#[tokio::test]
async fn an_immutable_tag_stays_where_it_is() {
    for (mode, exclusions, moved, stays) in [
        ("MUTABLE", &[][..], &["v1", "latest-x"][..], &[][..]),
        ("IMMUTABLE", &[], &[], &["v1", "latest-x"]),
        ("IMMUTABLE_WITH_EXCLUSION", &["latest*"], &["latest-x"], &["v1"]),
        ("MUTABLE_WITH_EXCLUSION", &["v*"], &["latest-x"], &["v1"]),
    ] {
        let (lab, old) = Lab::with_image(&["v1", "latest-x"]).await;
        let filters = exclusions.iter().map(|filter| {
            let filter = ImageTagMutabilityExclusionFilter::builder().filter(*filter);
            filter
                .filter_type(ImageTagMutabilityExclusionFilterType::Wildcard)
                .build()
                .unwrap()
        });
        let filters: Vec<_> = filters.collect();
        let call = lab.ecr().put_image_tag_mutability().repository_name(REPOSITORY);
        let call = call.image_tag_mutability(ImageTagMutability::from(mode));
        let filters = (!filters.is_empty()).then_some(filters);
        call.set_image_tag_mutability_exclusion_filters(filters)
            .send()
            .await
            .unwrap();
        let new = Image::new(2).build();
        lab.registry().push(REPOSITORY, &[], &new);
        for tag in moved {
            assert_eq!(put(&lab, Some(tag), &new).await, Ok(new.digest.clone()), "{mode} {tag}");
        }
        for tag in stays {
            assert_eq!(
                put(&lab, Some(tag), &new).await,
                Err("ImageTagAlreadyExistsException".into()),
                "{mode} {tag}"
            );
            assert_eq!(lab.registry().tags(REPOSITORY)[*tag], old.digest);
        }
    }
}

#[tokio::test]
async fn an_exclusion_needs_from_1_to_5_filters_of_2_wildcards() {
    let lab = Lab::new().await;
    lab.registry().create(REPOSITORY);
    for (mode, filters) in [
        ("IMMUTABLE_WITH_EXCLUSION", &[][..]),
        ("IMMUTABLE_WITH_EXCLUSION", &["a", "b", "c", "d", "e", "f"]),
        ("IMMUTABLE_WITH_EXCLUSION", &["*a*b*"]),
        ("IMMUTABLE", &["a"]),
        ("SOMETIMES", &[]),
    ] {
        let call = lab
            .ecr()
            .put_image_tag_mutability()
            .repository_name(REPOSITORY)
            .image_tag_mutability(mode.into());
        let filters = filters.iter().map(|filter| {
            let filter = ImageTagMutabilityExclusionFilter::builder().filter(*filter);
            filter
                .filter_type(ImageTagMutabilityExclusionFilterType::Wildcard)
                .build()
                .unwrap()
        });
        let refused = call
            .set_image_tag_mutability_exclusion_filters(Some(filters.collect()))
            .send()
            .await;
        assert_eq!(code(&refused.unwrap_err()), "InvalidParameterException", "{mode}");
    }
}

#[tokio::test]
async fn a_push_brings_an_archived_image_back_at_once() {
    let (lab, image) = Lab::with_image(&["v1"]).await;
    lab.registry().archive(REPOSITORY, &image.digest);
    assert_eq!(put(&lab, Some("v1"), &image).await, Ok(image.digest.clone()));
    assert_eq!(lab.registry().images(REPOSITORY)[0].status, Status::Active);
}

//! BatchGetImage and its traces, ListImageReferrers, and the archive.

use aws_sdk_ecr::types::{
    ArtifactStatusFilter, ImageFailureCode, ListImageReferrersFilter, SubjectIdentifier, TargetStorageClass,
};
use jiff::SignedDuration;

use super::super::Status;
use super::*;
use crate::images::media_type::{INDEX, MANIFEST};
use crate::images::{Index, referrer, sigstore_bundle};

#[tokio::test]
async fn a_manifest_comes_with_its_exact_bytes_and_failures_beside_what_is_there() {
    let (lab, image) = Lab::with_image(&["v1", "v2"]).await;
    let other = Image::new(2).build();
    lab.registry().push(REPOSITORY, &["other"], &other);
    let unknown = format!("sha256:{:064}", 0);
    let mismatch = ImageIdentifier::builder()
        .image_digest(&image.digest)
        .image_tag("other")
        .build();
    let ids = vec![
        by_tag("v1"),
        by_digest(&image.digest),
        by_tag("none"),
        by_digest(&unknown),
        mismatch,
        ImageIdentifier::builder().build(),
        by_digest("sha256:short"),
        by_tag("no tag"),
    ];
    let found = lab
        .ecr()
        .batch_get_image()
        .repository_name(REPOSITORY)
        .set_image_ids(Some(ids))
        .send()
        .await
        .unwrap();
    assert_eq!(found.images().len(), 2);
    for found in found.images() {
        assert_eq!(found.image_manifest().unwrap().as_bytes(), &image.bytes[..]);
        assert_eq!(crate::sha256(found.image_manifest().unwrap().as_bytes()), image.digest);
        assert_eq!(found.image_manifest_media_type(), Some(MANIFEST));
        assert_eq!(found.image_id().unwrap().image_digest(), Some(image.digest.as_str()));
    }
    assert_eq!(found.images()[0].image_id().unwrap().image_tag(), Some("v1"));
    let codes: Vec<_> = found
        .failures()
        .iter()
        .map(|failure| failure.failure_code().unwrap().clone())
        .collect();
    let expected = [
        ImageFailureCode::ImageNotFound,
        ImageFailureCode::ImageNotFound,
        ImageFailureCode::ImageTagDoesNotMatchDigest,
        ImageFailureCode::MissingDigestAndTag,
        ImageFailureCode::InvalidImageDigest,
        ImageFailureCode::InvalidImageTag,
    ];
    assert_eq!(codes, expected);
}

#[tokio::test]
async fn a_batch_has_from_1_to_100_ids() {
    let (lab, image) = Lab::with_image(&["v1"]).await;
    for (count, is_good) in [(0, false), (1, true), (100, true), (101, false)] {
        let ids = vec![by_digest(&image.digest); count];
        let got = lab
            .ecr()
            .batch_get_image()
            .repository_name(REPOSITORY)
            .set_image_ids(Some(ids))
            .send()
            .await;
        assert_eq!(got.is_ok(), is_good, "{count}");
    }
}

#[tokio::test]
async fn only_accepted_types_are_given() {
    let lab = Lab::new().await;
    let index = Index::new().child(Image::new(1).build()).build();
    lab.registry().push(REPOSITORY, &["v1"], &index);
    for (accepted, is_given) in [
        (vec![], true),
        (vec![INDEX], true),
        (vec![MANIFEST, INDEX], true),
        (vec![MANIFEST], false),
    ] {
        let accepted: Vec<String> = accepted.into_iter().map(str::to_owned).collect();
        let call = lab
            .ecr()
            .batch_get_image()
            .repository_name(REPOSITORY)
            .image_ids(by_tag("v1"));
        let found = call
            .set_accepted_media_types(Some(accepted.clone()))
            .send()
            .await
            .unwrap();
        assert_eq!(found.images().len() == 1, is_given, "{accepted:?}");
    }
}

#[tokio::test]
async fn reading_a_manifest_moves_the_pull_time_unless_the_reader_is_excluded() {
    let (lab, image) = Lab::with_image(&["v1"]).await;
    let role = lab.aws.role(ACCOUNT, "cleaner", Policy::everything(), &[ACCOUNT]);
    let cleaner = lab.aws.user(ACCOUNT, "cleaner", Policy::everything());
    let pulled_at = || lab.registry().held(REPOSITORY, &image.digest).unwrap().pulled_at;
    let read = async |credentials: &Credentials| {
        let call = lab
            .ecr_of(credentials)
            .batch_get_image()
            .repository_name(REPOSITORY)
            .image_ids(by_tag("v1"));
        assert_eq!(call.send().await.unwrap().images().len(), 1);
    };
    lab.ecr()
        .describe_images()
        .repository_name(REPOSITORY)
        .send()
        .await
        .unwrap();
    lab.ecr()
        .list_images()
        .repository_name(REPOSITORY)
        .send()
        .await
        .unwrap();
    assert_eq!(pulled_at(), None, "lists leave no trace");

    lab.aws.set_now(time("2026-05-01T00:00:00Z"));
    read(&cleaner).await;
    assert_eq!(pulled_at(), Some(time("2026-05-01T00:00:00Z")));
    let found = lab
        .ecr()
        .describe_images()
        .repository_name(REPOSITORY)
        .send()
        .await
        .unwrap();
    let told = found.image_details()[0].last_recorded_pull_time().unwrap();
    assert_eq!(told.secs(), time("2026-05-01T00:00:00Z").as_second());

    let register = |arn: &str| {
        lab.ecr()
            .register_pull_time_update_exclusion()
            .principal_arn(arn)
            .send()
    };
    register("arn:aws:iam::111122223333:user/cleaner").await.unwrap();
    register(&role).await.unwrap();
    let again = register(&role).await.unwrap_err();
    assert_eq!(code(&again), "ExclusionAlreadyExistsException");
    let session = register("arn:aws:sts::111122223333:assumed-role/cleaner/x")
        .await
        .unwrap_err();
    assert_eq!(code(&session), "InvalidParameterException");
    let listed = lab.ecr().list_pull_time_update_exclusions().send().await.unwrap();
    assert_eq!(listed.pull_time_update_exclusions().len(), 2);

    lab.aws.advance(SignedDuration::from_hours(1));
    read(&cleaner).await;
    assert_eq!(pulled_at(), Some(time("2026-05-01T00:00:00Z")), "an excluded user");
    read(&super::identity::session(&lab, &role, "run").await).await;
    assert_eq!(
        pulled_at(),
        Some(time("2026-05-01T00:00:00Z")),
        "a session of an excluded role"
    );

    lab.ecr()
        .deregister_pull_time_update_exclusion()
        .principal_arn("arn:aws:iam::111122223333:user/cleaner")
        .send()
        .await
        .unwrap();
    read(&cleaner).await;
    assert_eq!(pulled_at(), Some(time("2026-05-01T01:00:00Z")));
    let none = lab
        .ecr()
        .deregister_pull_time_update_exclusion()
        .principal_arn("arn:aws:iam::111122223333:user/cleaner");
    assert_eq!(code(&none.send().await.unwrap_err()), "ExclusionNotFoundException");
}

#[tokio::test]
async fn a_pull_time_may_be_a_day_old() {
    let (lab, image) = Lab::with_image(&["v1"]).await;
    lab.registry().refresh_pull_times_daily(true);
    lab.aws.set_now(time("2026-05-01T00:00:00Z"));
    for (hours, expected) in [
        (0, "2026-05-01T00:00:00Z"),
        (23, "2026-05-01T00:00:00Z"),
        (1, "2026-05-02T00:00:00Z"),
    ] {
        lab.aws.advance(SignedDuration::from_hours(hours));
        lab.ecr()
            .batch_get_image()
            .repository_name(REPOSITORY)
            .image_ids(by_tag("v1"))
            .send()
            .await
            .unwrap();
        let pulled_at = lab.registry().held(REPOSITORY, &image.digest).unwrap().pulled_at;
        assert_eq!(pulled_at, Some(time(expected)), "{hours}");
    }
}

#[tokio::test]
async fn an_archived_image_cannot_be_pulled_until_its_restore_has_ended() {
    let (lab, image) = Lab::with_image(&["v1"]).await;
    lab.aws.set_now(time("2026-05-01T00:00:00Z"));
    let update = |class| {
        let call = lab.ecr().update_image_storage_class().repository_name(REPOSITORY);
        call.image_id(by_digest(&image.digest))
            .target_storage_class(class)
            .send()
    };
    let can_be_pulled = async || {
        let call = lab
            .ecr()
            .batch_get_image()
            .repository_name(REPOSITORY)
            .image_ids(by_tag("v1"));
        call.send().await.unwrap().images().len() == 1
    };
    let same = update(TargetStorageClass::Standard).await.unwrap_err();
    assert_eq!(code(&same), "ImageStorageClassUpdateNotSupportedException");
    let archived = update(TargetStorageClass::Archive).await.unwrap();
    assert_eq!(archived.image_status().unwrap().as_str(), "ARCHIVED");
    assert!(!can_be_pulled().await);
    let again = update(TargetStorageClass::Archive).await.unwrap_err();
    assert_eq!(code(&again), "ImageStorageClassUpdateNotSupportedException");

    let restoring = update(TargetStorageClass::Standard).await.unwrap();
    assert_eq!(restoring.image_status().unwrap().as_str(), "ACTIVATING");
    lab.aws.advance(SignedDuration::from_mins(19));
    assert!(!can_be_pulled().await);
    lab.aws.advance(SignedDuration::from_mins(1));
    assert!(can_be_pulled().await);
    let found = lab
        .ecr()
        .describe_images()
        .repository_name(REPOSITORY)
        .send()
        .await
        .unwrap();
    let found = &found.image_details()[0];
    assert_eq!(
        found.last_archived_at().unwrap().secs(),
        time("2026-05-01T00:00:00Z").as_second()
    );
    assert_eq!(
        found.last_activated_at().unwrap().secs(),
        time("2026-05-01T00:20:00Z").as_second()
    );
}

#[tokio::test]
async fn a_child_goes_into_the_archive_only_after_its_indexes() {
    let lab = Lab::new().await;
    let child = Image::new(1).build();
    let index = Index::new().child(child.clone()).build();
    lab.registry().push(REPOSITORY, &["v1"], &index);
    let archive = |digest: &str| {
        let call = lab
            .ecr()
            .update_image_storage_class()
            .repository_name(REPOSITORY)
            .image_id(by_digest(digest));
        call.target_storage_class(TargetStorageClass::Archive).send()
    };
    let refused = archive(&child.digest).await.unwrap_err();
    assert_eq!(code(&refused), "ImageStorageClassUpdateNotSupportedException");
    archive(&index.digest).await.unwrap();
    archive(&child.digest).await.unwrap();
    let none = archive(&format!("sha256:{:064}", 0)).await.unwrap_err();
    assert_eq!(code(&none), "ImageNotFoundException");
}

#[tokio::test]
async fn referrers_come_in_pages_by_type_and_status_and_follow_their_subject() {
    let (lab, image) = Lab::with_image(&["v1"]).await;
    let bundle = sigstore_bundle(&image, BUILT);
    let sbom = referrer(&image, "application/spdx+json", "{}");
    lab.registry().push(REPOSITORY, &[], &bundle);
    lab.registry().push(REPOSITORY, &[], &sbom);
    let list = |filter| {
        let subject = SubjectIdentifier::builder()
            .image_digest(&image.digest)
            .build()
            .unwrap();
        lab.ecr()
            .list_image_referrers()
            .repository_name(REPOSITORY)
            .subject_id(subject)
            .set_filter(filter)
    };
    let first = list(None).max_results(1).send().await.unwrap();
    let second = list(None)
        .max_results(1)
        .next_token(first.next_token().unwrap())
        .send()
        .await
        .unwrap();
    assert_eq!(
        (first.referrers().len(), second.referrers().len(), second.next_token()),
        (1, 1, None)
    );
    let filter = ListImageReferrersFilter::builder()
        .artifact_types("application/spdx+json")
        .build();
    let sboms = list(Some(filter)).send().await.unwrap();
    assert_eq!(sboms.referrers()[0].digest(), sbom.digest);
    let most = list(None).max_results(51).send().await;
    assert_eq!(code(&most.unwrap_err()), "InvalidParameterException");

    lab.registry().archive(REPOSITORY, &image.digest);
    lab.registry().follow_subjects();
    assert_eq!(
        lab.registry().held(REPOSITORY, &sbom.digest).unwrap().status,
        Status::Archived
    );
    assert_eq!(list(None).send().await.unwrap().referrers().len(), 0);
    let any = ListImageReferrersFilter::builder()
        .artifact_status(ArtifactStatusFilter::Any)
        .build();
    assert_eq!(list(Some(any)).send().await.unwrap().referrers().len(), 2);
}

//! BatchDeleteImage.

use aws_sdk_ecr::operation::batch_delete_image::BatchDeleteImageOutput;
use aws_sdk_ecr::types::ImageFailureCode;

use super::*;
use crate::images::{Index, sigstore_bundle};

async fn delete(lab: &Lab, ids: Vec<ImageIdentifier>) -> BatchDeleteImageOutput {
    let call = lab
        .ecr()
        .batch_delete_image()
        .repository_name(REPOSITORY)
        .set_image_ids(Some(ids));
    call.send().await.unwrap()
}

fn codes(output: &BatchDeleteImageOutput) -> Vec<ImageFailureCode> {
    output
        .failures()
        .iter()
        .map(|failure| failure.failure_code().unwrap().clone())
        .collect()
}

#[tokio::test]
async fn by_tag_the_tag_goes_and_with_its_last_one_the_image() {
    let (lab, image) = Lab::with_image(&["v1", "v2"]).await;
    let first = delete(&lab, vec![by_tag("v1")]).await;
    assert_eq!(first.image_ids().len(), 1);
    assert_eq!(first.image_ids()[0].image_tag(), Some("v1"));
    assert_eq!(first.image_ids()[0].image_digest(), Some(image.digest.as_str()));
    assert_eq!(
        lab.registry().images(REPOSITORY).len(),
        1,
        "the image stays for its other tag"
    );
    delete(&lab, vec![by_tag("v2")]).await;
    assert_eq!(lab.registry().images(REPOSITORY).len(), 0);
}

#[tokio::test]
async fn by_digest_the_image_goes_with_all_its_tags() {
    let (lab, image) = Lab::with_image(&["v1", "v2"]).await;
    let untagged = Image::new(2).build();
    lab.registry().push(REPOSITORY, &[], &untagged);
    let gone = delete(&lab, vec![by_digest(&image.digest), by_digest(&untagged.digest)]).await;
    let tags: Vec<_> = gone.image_ids().iter().map(|id| id.image_tag()).collect();
    assert_eq!(tags, [Some("v1"), Some("v2"), None]);
    assert_eq!(
        (
            lab.registry().images(REPOSITORY).len(),
            lab.registry().tags(REPOSITORY).len()
        ),
        (0, 0)
    );
    // What is gone already is a failure, in an answer that is good.
    let again = delete(&lab, vec![by_digest(&image.digest)]).await;
    assert_eq!(codes(&again), [ImageFailureCode::ImageNotFound]);
}

#[tokio::test]
async fn what_an_index_lists_stays_until_the_index_is_gone_in_a_call_before() {
    let lab = Lab::new().await;
    let child = Image::new(1).build();
    let indexes = [
        Index::new().child(child.clone()).build(),
        Index::new().children([child.clone(), Image::new(2).build()]).build(),
    ];
    lab.registry().push(REPOSITORY, &["a"], &indexes[0]);
    lab.registry().push(REPOSITORY, &["b"], &indexes[1]);
    let refused = [ImageFailureCode::ImageReferencedByManifestList];
    assert_eq!(codes(&delete(&lab, vec![by_digest(&child.digest)]).await), refused);
    let both = delete(&lab, vec![by_digest(&indexes[0].digest), by_digest(&child.digest)]).await;
    assert_eq!(
        (both.image_ids().len(), codes(&both)),
        (1, refused.to_vec()),
        "in one call"
    );
    assert_eq!(
        codes(&delete(&lab, vec![by_digest(&child.digest)]).await),
        refused,
        "the other index needs it"
    );
    delete(&lab, vec![by_digest(&indexes[1].digest)]).await;
    assert_eq!(codes(&delete(&lab, vec![by_digest(&child.digest)]).await), []);
    assert_eq!(
        lab.registry().images(REPOSITORY).len(),
        1,
        "children do not go with their index"
    );
}

#[tokio::test]
async fn the_last_tag_of_a_child_stays_with_it() {
    let lab = Lab::new().await;
    let child = Image::new(1).build();
    lab.registry()
        .push(REPOSITORY, &["v1"], &Index::new().child(child.clone()).build());
    lab.registry().push(REPOSITORY, &["v1-amd64", "other"], &child);
    assert_eq!(codes(&delete(&lab, vec![by_tag("other")]).await), []);
    let last = delete(&lab, vec![by_tag("v1-amd64")]).await;
    assert_eq!(codes(&last), [ImageFailureCode::ImageReferencedByManifestList]);
    assert_eq!(lab.registry().tags(REPOSITORY)["v1-amd64"], child.digest);
}

#[tokio::test]
async fn a_batch_has_from_1_to_100_ids_and_fails_one_by_one() {
    let lab = Lab::new().await;
    lab.registry().fill(REPOSITORY, 101, |_| time("2026-01-01T00:00:00Z"));
    let ids: Vec<_> = (0..101).map(|number| by_tag(&format!("main-{number:07}"))).collect();
    let too_many = lab
        .ecr()
        .batch_delete_image()
        .repository_name(REPOSITORY)
        .set_image_ids(Some(ids.clone()));
    assert_eq!(code(&too_many.send().await.unwrap_err()), "InvalidParameterException");
    assert_eq!(lab.registry().images(REPOSITORY).len(), 101, "nothing went");
    let mut hundred = ids[..99].to_vec();
    hundred.insert(50, by_tag("none"));
    let output = delete(&lab, hundred).await;
    assert_eq!(
        (output.image_ids().len(), codes(&output)),
        (99, vec![ImageFailureCode::ImageNotFound])
    );
    let none = lab
        .ecr()
        .batch_delete_image()
        .repository_name(REPOSITORY)
        .set_image_ids(Some(Vec::new()));
    assert_eq!(code(&none.send().await.unwrap_err()), "InvalidParameterException");
}

#[tokio::test]
async fn referrers_go_some_time_after_their_subject() {
    let (lab, image) = Lab::with_image(&["v1"]).await;
    let bundle = sigstore_bundle(&image, BUILT);
    let of_bundle = sigstore_bundle(&bundle, BUILT);
    lab.registry().push(REPOSITORY, &[], &bundle);
    lab.registry().push(REPOSITORY, &[], &of_bundle);
    lab.registry().follow_subjects();
    assert_eq!(lab.registry().images(REPOSITORY).len(), 3, "their subject is there");
    delete(&lab, vec![by_tag("v1")]).await;
    assert_eq!(lab.registry().images(REPOSITORY).len(), 2);
    lab.registry().follow_subjects();
    assert_eq!(lab.registry().images(REPOSITORY).len(), 0);
}

#[tokio::test]
async fn tags_that_cannot_be_moved_can_be_deleted() {
    let (lab, _) = Lab::with_image(&["v1"]).await;
    lab.registry().set_mutability(REPOSITORY, "IMMUTABLE", &[]);
    assert_eq!(codes(&delete(&lab, vec![by_tag("v1")]).await), []);
    assert_eq!(lab.registry().images(REPOSITORY).len(), 0);
}

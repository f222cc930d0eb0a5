//! Removals: batches whose images fail one by one, and tags that would take their image along.

use futures_util::future::join_all;
use jettison::registry::{DeleteSupport, ErrorKind, Removed};
use jettison_core::model::{Digest, Tag};
use jettison_testkit::aws::{Effect, Fault, Policy};
use jettison_testkit::images::Index;

use crate::lab::{ACCOUNT, Lab, REPOSITORY, digest, image, kind, repository, tag};

#[tokio::test]
async fn images_are_deleted_a_hundred_a_call() {
    let lab = Lab::new().await;
    let now = lab.aws.now();
    lab.ecr().fill(REPOSITORY, 250, |_| now);
    let images: Vec<Digest> = lab
        .ecr()
        .images(REPOSITORY)
        .iter()
        .map(|held| held.digest.parse().unwrap())
        .collect();
    let name = repository();
    let removed = join_all(images.iter().map(|image| lab.registry.delete_manifest(&name, image))).await;
    assert!(removed.into_iter().all(|removed| removed == Ok(Removed::Now)));
    assert_eq!(lab.ecr().images(REPOSITORY), []);
    let asked = lab.asked("ecr:BatchDeleteImage");
    let sizes: Vec<usize> = asked
        .iter()
        .map(|call| call["imageIds"].as_array().unwrap().len())
        .collect();
    assert_eq!((sizes.len(), sizes.iter().max()), (3, Some(&100)), "{sizes:?}");
}

#[tokio::test]
async fn each_image_of_a_batch_has_an_outcome_of_its_own() {
    let lab = Lab::new().await;
    let index = Index::new().child(image(1)).build();
    let (goes, sealed) = (image(2), image(3));
    lab.ecr().push(REPOSITORY, &["index"], &index);
    lab.ecr().push(REPOSITORY, &["goes", "too"], &goes);
    lab.ecr().push(REPOSITORY, &["sealed"], &sealed);
    lab.aws.fail(Fault::images(&[&sealed.digest], "KmsError"));
    let name = repository();
    let asked = [
        digest(&image(1)),
        digest(&goes),
        Digest::of(b"nothing"),
        digest(&sealed),
    ];
    let outcomes = join_all(asked.iter().map(|image| lab.registry.delete_manifest(&name, image))).await;
    let [child, gone, nothing, sealed] = <[_; 4]>::try_from(outcomes).unwrap();
    let refused = child.clone().unwrap_err().to_string();
    assert!(
        refused.contains("ImageReferencedByManifestList") && refused.contains(&index.digest),
        "{refused}"
    );
    assert_eq!(kind(child), ErrorKind::Conflict);
    assert_eq!((gone, nothing), (Ok(Removed::Now), Ok(Removed::AlreadyGone)));
    assert_eq!(kind(sealed), ErrorKind::Forbidden);
    assert_eq!(lab.count("ecr:BatchDeleteImage"), 1);
    assert_eq!(lab.ecr().tags(REPOSITORY).len(), 2);
    // Parent first, and the child can go.
    lab.registry.delete_manifest(&name, &digest(&index)).await.unwrap();
    assert_eq!(
        lab.registry.delete_manifest(&name, &digest(&image(1))).await,
        Ok(Removed::Now)
    );
}

#[tokio::test]
async fn the_last_tag_of_an_image_is_not_removed() {
    let (lab, image) = Lab::with_image(&["v1", "v2"]).await;
    let name = repository();
    assert_eq!(lab.registry.delete_tag(&name, &tag("v1")).await, Ok(Removed::Now));
    assert_eq!(
        kind(lab.registry.delete_tag(&name, &tag("v2")).await),
        ErrorKind::Unsupported
    );
    assert!(lab.registry.exists(&name, &image).await.unwrap());
    assert_eq!(lab.ecr().tags(REPOSITORY).len(), 1);
    assert_eq!(
        lab.registry.delete_tag(&name, &tag("v1")).await,
        Ok(Removed::AlreadyGone)
    );
    assert_eq!(lab.registry.tags_first(), None, "so tags never go first");
}

/// In two batches: each would see the tags of the other.
#[tokio::test]
async fn of_tags_that_are_removed_at_the_same_time_one_stays() {
    let lab = Lab::new().await;
    let names: Vec<String> = (0..150).map(|number| format!("t{number}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    lab.ecr().push(REPOSITORY, &names, &image(1));
    let (repository, tags): (_, Vec<Tag>) = (repository(), names.iter().map(|name| tag(name)).collect());
    let removed = join_all(tags.iter().map(|tag| lab.registry.delete_tag(&repository, tag))).await;
    let refused: Vec<_> = removed.into_iter().filter(Result::is_err).collect();
    assert_eq!(refused.len(), 1);
    assert!(refused.into_iter().all(|result| kind(result) == ErrorKind::Unsupported));
    assert_eq!(
        (lab.ecr().images(REPOSITORY).len(), lab.ecr().tags(REPOSITORY).len()),
        (1, 1)
    );
}

#[tokio::test]
async fn a_removal_is_sent_once_unless_ecr_says_that_it_did_nothing() {
    let (lab, image) = Lab::with_image(&["v1", "v2"]).await;
    let name = repository();
    for fault in [
        Fault::error(500, "ServerException"),
        Fault::new(Effect::Cut(5)),
        Fault::new(Effect::Status(503)),
    ] {
        lab.aws.fail(fault.clone().on("ecr:BatchDeleteImage"));
        lab.aws.clear_requests();
        let failed = lab.registry.delete_tag(&name, &tag("v1")).await;
        assert_eq!(kind(failed), ErrorKind::Transient, "{fault:?}");
        assert_eq!(lab.count("ecr:BatchDeleteImage"), 1, "{fault:?}");
        lab.aws.clear_faults();
        lab.ecr().push(REPOSITORY, &["v1"], &crate::lab::image(1));
    }
    lab.aws
        .fail(Fault::new(Effect::Throttle).on("ecr:BatchDeleteImage").times(2));
    assert_eq!(lab.registry.delete_manifest(&name, &image).await, Ok(Removed::Now));
    assert_eq!(lab.count("ecr:BatchDeleteImage"), 1 + 3);
    // Not for ever: who looked before relies on it.
    lab.aws.fail(Fault::new(Effect::Throttle).on("ecr:BatchDeleteImage"));
    assert_eq!(
        kind(lab.registry.delete_manifest(&name, &image).await),
        ErrorKind::RateLimited
    );
}

#[tokio::test]
async fn an_answer_that_breaks_off_after_the_delete_says_that_it_may_be_gone() {
    let (lab, image) = Lab::with_image(&["v1"]).await;
    lab.aws.fail(Fault::new(Effect::Cut(5)).on("ecr:BatchDeleteImage"));
    let failed = lab.registry.delete_manifest(&repository(), &image).await;
    assert_eq!(kind(failed), ErrorKind::Transient);
    assert!(!lab.registry.exists(&repository(), &image).await.unwrap());
}

#[tokio::test]
async fn tags_that_cannot_be_moved_can_be_deleted() {
    let (lab, image) = Lab::with_image(&["v1", "v2"]).await;
    lab.ecr().set_mutability(REPOSITORY, "IMMUTABLE", &[]);
    let name = repository();
    assert_eq!(lab.registry.delete_tag(&name, &tag("v1")).await, Ok(Removed::Now));
    assert_eq!(lab.registry.delete_manifest(&name, &image).await, Ok(Removed::Now));
}

#[tokio::test]
async fn the_probe_finds_out_whether_deletes_are_allowed_and_deletes_nothing() {
    let (lab, _) = Lab::with_image(&["v1"]).await;
    let name = repository();
    let all = DeleteSupport {
        delete: Some(true),
        delete_tag: Some(true),
    };
    assert_eq!(lab.registry.probe_deletes(&name).await, Ok(all));
    assert_eq!(lab.ecr().tags(REPOSITORY).len(), 1);
    let reader = lab
        .aws
        .user(ACCOUNT, "reader", Policy::everything().without("ecr:BatchDeleteImage"));
    let denied = lab.registry_of(&reader).probe_deletes(&name).await;
    let said = denied.as_ref().unwrap_err().to_string();
    assert!(said.contains("allow ecr:BatchDeleteImage"), "{said}");
    assert_eq!(kind(denied), ErrorKind::Forbidden);
    let nowhere = lab.registry.probe_deletes(&"no/where".parse().unwrap()).await;
    assert_eq!(kind(nowhere), ErrorKind::NotFound);
}

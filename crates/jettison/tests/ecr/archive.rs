//! Into the archive and back.

use jettison::registry::ErrorKind;
use jettison_core::model::Digest;
use jettison_testkit::aws::{Fault, Status};
use jettison_testkit::images::Index;
use jiff::SignedDuration;

use crate::lab::{Lab, REPOSITORY, digest, image, kind, repository};

impl Lab {
    fn status(&self, image: &Digest) -> Status {
        self.ecr().held(REPOSITORY, &image.to_string()).unwrap().status
    }
}

#[tokio::test]
async fn an_image_goes_there_and_comes_back_and_twice_is_as_good_as_once() {
    let (lab, image) = Lab::with_image(&["v1"]).await;
    let name = repository();
    for _ in 0..2 {
        lab.registry.archive(&name, &image).await.unwrap();
        assert_eq!(lab.status(&image), Status::Archived);
    }
    for _ in 0..2 {
        lab.registry.unarchive(&name, &image).await.unwrap();
        assert_eq!(lab.status(&image), Status::Activating);
    }
    let underway = lab.registry.archive(&name, &image).await;
    assert_eq!(kind(underway), ErrorKind::Conflict, "it is on its way back");
    lab.aws.advance(SignedDuration::from_mins(21));
    lab.registry.unarchive(&name, &image).await.unwrap();
    assert_eq!(lab.status(&image), Status::Active);
}

#[tokio::test]
async fn what_an_index_needs_stays_with_it() {
    let lab = Lab::new().await;
    let index = Index::new().child(image(1)).build();
    lab.ecr().push(REPOSITORY, &["v1"], &index);
    let (name, child) = (repository(), digest(&image(1)));
    assert_eq!(kind(lab.registry.archive(&name, &child).await), ErrorKind::Conflict);
    assert_eq!(lab.status(&child), Status::Active);
    lab.registry.archive(&name, &digest(&index)).await.unwrap();
    lab.registry.archive(&name, &child).await.unwrap();
}

#[tokio::test]
async fn what_is_not_there_and_what_is_not_allowed_are_errors() {
    let (lab, image) = Lab::with_image(&["v1"]).await;
    let name = repository();
    let nothing = Digest::of(b"nothing");
    assert_eq!(kind(lab.registry.archive(&name, &nothing).await), ErrorKind::NotFound);
    assert_eq!(kind(lab.registry.unarchive(&name, &nothing).await), ErrorKind::NotFound);
    lab.aws
        .fail(Fault::error(400, "AccessDeniedException").on("ecr:UpdateImageStorageClass"));
    assert_eq!(kind(lab.registry.archive(&name, &image).await), ErrorKind::Forbidden);
    assert_eq!(lab.status(&image), Status::Active);
}

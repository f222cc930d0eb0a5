//! Lists: all of one, or an error.

use jettison::registry::{ErrorKind, Limits, Listing, Registry, RegistryError, Stored};
use jettison_core::model::Digest;
use jettison_testkit::aws::{Effect, Fault};
use jettison_testkit::images::{Index, Manifest, sigstore_bundle};
use jiff::{SignedDuration, Timestamp};

use crate::lab::{ACCOUNT, Lab, REGION, REPOSITORY, digest, image, kind, repository, tag};

const PUSHED: &str = "2026-01-01T00:00:00Z";

fn pushed() -> Timestamp {
    PUSHED.parse().unwrap()
}

async fn listing(registry: &dyn Registry) -> Result<Listing, RegistryError> {
    registry.listing(&repository()).await.map(Option::unwrap)
}

#[tokio::test]
async fn archived_and_returning_images_are_listed_beside_those_that_can_be_pulled() {
    let lab = Lab::new().await;
    let [active, archived, returning] = [1, 2, 3].map(image);
    for (tag, image) in [("a", &active), ("b", &archived), ("c", &returning)] {
        lab.ecr().push(REPOSITORY, &[tag], image);
    }
    let since = lab.aws.now();
    lab.ecr().archive(REPOSITORY, &archived.digest);
    lab.ecr().archive(REPOSITORY, &returning.digest);
    lab.registry
        .unarchive(&repository(), &digest(&returning))
        .await
        .unwrap();
    let listed = listing(&*lab.registry).await.unwrap();
    let stored = |image: &Manifest| listed.manifests[&digest(image)].stored;
    assert_eq!(stored(&active), Stored::Ready);
    let gone_since = stored(&archived).archived_at().unwrap();
    assert!(gone_since.duration_since(since).abs() < SignedDuration::from_secs(1));
    assert_eq!(stored(&returning), Stored::Returning);
    assert_eq!(listed.tags.len(), 3);
    assert_eq!(lab.registry.tags(&repository()).await.unwrap().len(), 3);
    lab.aws.advance(SignedDuration::from_mins(21));
    let listed = listing(&*lab.registry).await.unwrap();
    assert_eq!(listed.manifests[&digest(&returning)].stored, Stored::Ready);
}

#[tokio::test]
async fn what_the_list_tells_of_an_image_is_taken_over() {
    let lab = Lab::new().await;
    let index = Index::new().children([image(1), image(2)]).build();
    let signature = sigstore_bundle(&index, PUSHED);
    lab.aws.at(pushed(), |_| {
        lab.ecr().push(REPOSITORY, &["v1"], &index);
        lab.ecr().push(REPOSITORY, &[], &signature);
    });
    let pulled = pushed() + SignedDuration::from_hours(50);
    lab.ecr()
        .set_pulled_at(REPOSITORY, &index.children[0].digest, Some(pulled));
    let listed = listing(&*lab.registry).await.unwrap();
    let of = |manifest: &Manifest| &listed.manifests[&digest(manifest)];
    assert_eq!(listed.manifests.len(), 4);
    assert_eq!(
        of(&index).config_media_type,
        None,
        "an index tells no type of an artifact"
    );
    assert!(of(&image(1)).config_media_type.as_deref().unwrap().contains("config"));
    assert_eq!(
        (of(&index).pushed_at, of(&index).last_pulled_at),
        (Some(pushed()), None)
    );
    assert_eq!(of(&index.children[0]).last_pulled_at, Some(pulled));
    assert_eq!(of(&signature).subject, Some(digest(&index)));
    assert!(of(&image(1)).bytes > 100, "{}", of(&image(1)).bytes);
    assert!(listed.pull_data_since.is_some());
    // Nobody can move such a tag, and everybody can delete it: that is no reason to keep an image.
    lab.ecr().set_mutability(REPOSITORY, "IMMUTABLE", &[]);
    assert!(!listing(&*lab.registry).await.unwrap().tags[&tag("v1")].immutable);
    assert_eq!(lab.count("ecr:BatchGetImage"), 0, "nothing is read for it");
}

#[tokio::test]
async fn lists_have_pages_of_a_thousand() {
    let lab = Lab::new().await;
    lab.ecr().fill(REPOSITORY, 2050, |_| pushed());
    assert_eq!(listing(&*lab.registry).await.unwrap().manifests.len(), 2050);
    assert_eq!(lab.registry.tags(&repository()).await.unwrap().len(), 2050);
    // The same list, twice.
    assert_eq!(lab.count("ecr:DescribeImages"), 6);
    for number in 0..1200 {
        lab.ecr().create(&format!("apps/r{number:04}"));
    }
    assert_eq!(lab.registry.repositories().await.unwrap().len(), 1201);
    assert_eq!(lab.count("ecr:DescribeRepositories"), 2);
}

#[tokio::test]
async fn what_is_not_all_of_a_list_is_an_error() {
    for (fault, expected) in [
        (Fault::new(Effect::Loop), ErrorKind::Protocol),
        (Fault::new(Effect::ExpireToken), ErrorKind::Protocol),
        (Fault::error(400, "AccessDeniedException").skip(1), ErrorKind::Forbidden),
        (Fault::error(500, "ServerException").skip(1), ErrorKind::Transient),
        (Fault::new(Effect::Status(503)).skip(1), ErrorKind::Transient),
        (Fault::new(Effect::Throttle).skip(1), ErrorKind::RateLimited),
    ] {
        let lab = Lab::new().await;
        lab.ecr().fill(REPOSITORY, 1001, |_| pushed());
        let shown = format!("{fault:?}");
        lab.aws.fail(fault.on("ecr:DescribeImages"));
        assert_eq!(kind(listing(&*lab.registry).await), expected, "{shown}");
        assert_eq!(kind(lab.registry.tags(&repository()).await), expected, "{shown}");
        let most = lab.count("ecr:DescribeImages");
        assert!(most <= 8, "{most} {shown}");
    }
}

#[tokio::test]
async fn a_page_that_breaks_off_is_no_page() {
    let lab = Lab::new().await;
    lab.ecr().fill(REPOSITORY, 1001, |_| pushed());
    lab.aws
        .fail(Fault::new(Effect::Cut(20)).on("ecr:DescribeImages").skip(1));
    assert!(matches!(
        kind(listing(&*lab.registry).await),
        ErrorKind::Transient | ErrorKind::Protocol
    ));
}

#[tokio::test]
async fn other_lists_that_lead_to_themselves_end_too() {
    let (lab, image) = Lab::with_image(&["v1"]).await;
    lab.aws.fail(Fault::new(Effect::Loop));
    assert_eq!(kind(lab.registry.repositories().await), ErrorKind::Protocol);
    assert_eq!(
        kind(lab.registry.referrers(&repository(), &image).await),
        ErrorKind::Protocol
    );
}

#[tokio::test]
async fn lists_beyond_their_limits_are_errors() {
    for (limits, filled) in [
        (
            Limits {
                pages: 2,
                ..Limits::default()
            },
            2001,
        ),
        (
            Limits {
                items: 1000,
                ..Limits::default()
            },
            1001,
        ),
    ] {
        let lab = Lab::with(|connection| connection.limits = limits.clone()).await;
        lab.ecr().fill(REPOSITORY, filled, |_| pushed());
        assert_eq!(kind(listing(&*lab.registry).await), ErrorKind::Protocol, "{limits:?}");
    }
}

#[tokio::test]
async fn a_repository_that_is_not_there_is_said_to_be_missing() {
    let lab = Lab::new().await;
    assert_eq!(kind(listing(&*lab.registry).await), ErrorKind::NotFound);
    assert_eq!(kind(lab.registry.tags(&repository()).await), ErrorKind::NotFound);
    assert_eq!(lab.registry.repositories().await.unwrap(), []);
}

/// The first image in the order of the fake's list, or the last one.
fn outermost(first: bool) -> Manifest {
    let start = if first { "sha256:0" } else { "sha256:f" };
    (100..)
        .map(image)
        .find(|image| image.digest.starts_with(start))
        .unwrap()
}

#[tokio::test]
async fn a_tag_that_moves_while_the_list_is_read_is_looked_up() {
    let lab = Lab::new().await;
    let (first, last) = (outermost(true), outermost(false));
    lab.ecr().fill(REPOSITORY, 1500, |_| pushed());
    lab.ecr().push(REPOSITORY, &[], &last);
    lab.ecr().push(REPOSITORY, &["latest"], &first);
    let (ecr, moved) = (lab.ecr(), last.clone());
    let moves = Fault::call(move |_| ecr.push(REPOSITORY, &["latest"], &moved));
    lab.aws.fail(moves.on("ecr:DescribeImages").skip(1).times(1));
    let listed = listing(&*lab.registry).await.unwrap();
    assert_eq!(listed.tags[&tag("latest")].digest, digest(&last));
    assert_eq!(lab.count("ecr:DescribeImages"), 3, "two pages and a look");
}

#[tokio::test]
async fn credentials_of_another_account_lead_to_no_other_registry() {
    let lab = Lab::new().await;
    let stranger = lab
        .aws
        .user("999900001111", "stranger", jettison_testkit::aws::Policy::everything());
    lab.ecr().push(REPOSITORY, &["v1"], &image(1));
    lab.aws
        .ecr("999900001111", REGION)
        .push(REPOSITORY, &["other"], &image(2));
    let registry = lab.registry_of(&stranger);
    assert_eq!(kind(listing(&*registry).await), ErrorKind::Forbidden);
    assert_eq!(kind(registry.repositories().await), ErrorKind::Forbidden);
    assert_eq!(kind(registry.tags(&repository()).await), ErrorKind::Forbidden);
    lab.ecr().share_with("999900001111");
    assert_eq!(registry.tags(&repository()).await.unwrap(), [tag("v1")]);
    let listed: Vec<Digest> = listing(&*registry).await.unwrap().manifests.into_keys().collect();
    assert_eq!(listed, [digest(&image(1))]);
    for request in lab.aws.requests() {
        assert_eq!(request.input["registryId"], ACCOUNT, "{request:?}");
    }
}

#[tokio::test]
async fn referrers_come_in_pages_and_archived_ones_too() {
    let lab = Lab::new().await;
    let subject = image(1);
    lab.ecr().push(REPOSITORY, &["v1"], &subject);
    let mut expected = Vec::new();
    for number in 0..60 {
        let referrer = sigstore_bundle(&subject, &format!("2026-01-01T00:00:{number:02}Z"));
        lab.ecr().push(REPOSITORY, &[], &referrer);
        expected.push(digest(&referrer));
    }
    lab.ecr().archive(REPOSITORY, &expected[0].to_string());
    expected.sort();
    let found = lab.registry.referrers(&repository(), &digest(&subject)).await;
    assert_eq!(found, Ok(jettison::registry::Referrers::Listed(expected)));
    assert_eq!(lab.count("ecr:ListImageReferrers"), 2);
    // A place of AWS that does not have the call yet is no registry without signatures.
    lab.aws.fail(
        Fault::error(400, "UnknownOperationException")
            .on("ecr:ListImageReferrers")
            .times(1),
    );
    let unsupported = lab.registry.referrers(&repository(), &digest(&subject)).await;
    assert_eq!(unsupported, Ok(jettison::registry::Referrers::Unsupported));
    lab.aws
        .fail(Fault::error(400, "AccessDeniedException").on("ecr:ListImageReferrers"));
    assert_eq!(
        kind(lab.registry.referrers(&repository(), &digest(&subject)).await),
        ErrorKind::Forbidden
    );
}

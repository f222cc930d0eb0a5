//! Permissions, credentials, throttling and silence: errors that say what to do, and never "nothing there".

use std::time::{Duration, Instant};

use jettison::registry::{Connection, ErrorKind, open};
use jettison_testkit::aws::{Effect, Fault, Policy};

use crate::lab::{ACCOUNT, Lab, REPOSITORY, connection, digest, image, kind, repository, tag};

#[tokio::test]
async fn a_permission_that_is_missing_is_named() {
    let (lab, digest) = Lab::with_image(&["v1", "v2"]).await;
    let name = repository();
    for action in ["ecr:DescribeImages", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"] {
        let user = lab.aws.user(ACCOUNT, action, Policy::everything().without(action));
        let registry = lab.registry_of(&user);
        let blob = image(1).blobs[0].digest().parse().unwrap();
        let errors = [
            registry.listing(&name).await.err(),
            registry.tags(&name).await.err(),
            registry.resolve(&name, &tag("v1")).await.err(),
            registry.exists(&name, &digest).await.err(),
            registry.manifest(&name, &digest.clone().into()).await.err(),
            registry.referrers(&name, &digest).await.err(),
            registry.is_readable(&name, &blob).await.err(),
            registry
                .delete_tag(&name, &tag("v1"))
                .await
                .err()
                .filter(|_| action == "ecr:DescribeImages"),
        ];
        let errors: Vec<_> = errors.into_iter().flatten().collect();
        assert!(!errors.is_empty(), "{action}");
        for error in errors {
            let said = error.to_string();
            assert!(
                error.kind == ErrorKind::Forbidden && said.contains(&format!("allow {action}")),
                "{said}"
            );
            assert!(
                !said.contains("registry's owner") && said.contains("jettison aws setup"),
                "{said}"
            );
        }
        lab.ecr().push(REPOSITORY, &["v1"], &image(1));
    }
}

/// The adapter as it is with a role to take on.
fn with_role(lab: &Lab, role: &str) -> Connection {
    let mut connection = connection(&lab.aws, &lab.user, &lab.memory);
    if let Some(ecr) = &mut connection.ecr {
        ecr.aws.access.role_arn = Some(role.to_owned());
    }
    connection
}

#[tokio::test]
async fn credentials_that_expire_in_the_middle_of_a_list_leave_no_half_of_it() {
    let lab = Lab::new().await;
    let now = lab.aws.now();
    lab.ecr().fill(REPOSITORY, 1500, |_| now);
    let role = lab.aws.role(ACCOUNT, "cleaner", Policy::everything(), &[ACCOUNT]);
    let registry = open(&with_role(&lab, &role)).unwrap();
    let name = repository();
    assert_eq!(registry.tags(&name).await.unwrap().len(), 1500);
    let caller = lab.aws.requests().pop().unwrap().caller;
    assert!(caller.contains("assumed-role/cleaner/jettison"), "{caller}");
    lab.aws.fail(
        Fault::call(|aws| aws.expire_sessions())
            .on("ecr:DescribeImages")
            .times(1),
    );
    let listing = registry.listing(&name).await;
    let said = listing.as_ref().unwrap_err().to_string();
    assert!(said.contains("credentials"), "{said}");
    assert_eq!(kind(listing), ErrorKind::Unauthenticated);
}

#[tokio::test]
async fn throttled_calls_are_tried_again_and_not_for_ever() {
    let (lab, _) = Lab::with_image(&["v1"]).await;
    let name = repository();
    lab.aws
        .fail(Fault::new(Effect::Throttle).on("ecr:DescribeImages").times(2));
    assert!(lab.registry.listing(&name).await.unwrap().is_some());
    assert_eq!(lab.count("ecr:DescribeImages"), 3);
    lab.aws.fail(Fault::new(Effect::Throttle).on("ecr:DescribeImages"));
    assert_eq!(kind(lab.registry.listing(&name).await), ErrorKind::RateLimited);
    assert_eq!(lab.count("ecr:DescribeImages"), 6);
}

#[tokio::test]
async fn who_never_answers_is_not_waited_for() {
    let lab = Lab::with(|connection| {
        if let Some(ecr) = &mut connection.ecr {
            ecr.aws.limits.answer = Duration::from_millis(100);
            ecr.aws.limits.call = Duration::from_millis(250);
        }
    })
    .await;
    lab.ecr().push(REPOSITORY, &["v1"], &image(1));
    lab.aws.fail(Fault::new(Effect::Hang));
    let name = repository();
    let (begun, image) = (Instant::now(), digest(&image(1)));
    let (listed, looked, removed) = tokio::join!(
        lab.registry.listing(&name),
        lab.registry.exists(&name, &image),
        lab.registry.delete_manifest(&name, &image),
    );
    assert_eq!(kind(listed), ErrorKind::Transient);
    assert_eq!(kind(looked), ErrorKind::Transient);
    assert_eq!(kind(removed), ErrorKind::Transient, "it may be gone");
    assert!(begun.elapsed() < Duration::from_secs(10));
}

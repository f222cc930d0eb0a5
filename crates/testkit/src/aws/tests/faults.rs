//! Faults.

use std::time::{Duration, Instant};

use aws_sdk_ecr::types::ImageFailureCode;

use super::super::{Effect, Fault};
use super::*;

#[tokio::test]
async fn a_fault_strikes_the_calls_it_names_as_often_as_it_says() {
    let (lab, _) = Lab::with_image(&["v1"]).await;
    lab.registry().create("apps/api");
    lab.aws.fail(
        Fault::new(Effect::Throttle)
            .on("ecr:DescribeImages")
            .about("apps/web")
            .skip(1)
            .times(2),
    );
    let describe = async |repository: &str| {
        let result = lab.ecr().describe_images().repository_name(repository).send().await;
        result
            .err()
            .map(|error| (code(&error).to_owned(), error.raw_response().unwrap().status().as_u16()))
    };
    let throttled = Some(("ThrottlingException".to_owned(), 400));
    for (repository, expected) in [
        (REPOSITORY, None),
        ("apps/api", None),
        (REPOSITORY, throttled.clone()),
        (REPOSITORY, throttled),
        (REPOSITORY, None),
    ] {
        assert_eq!(describe(repository).await, expected, "{repository}");
    }
    lab.ecr()
        .list_images()
        .repository_name(REPOSITORY)
        .send()
        .await
        .unwrap();
}

#[tokio::test]
async fn errors_of_services_and_of_what_stands_before_them() {
    let (lab, _) = Lab::with_image(&["v1"]).await;
    for (fault, status, expected) in [
        (Fault::error(500, "ServerException"), 500, "ServerException"),
        (
            Fault::error(400, "TooManyRequestsException"),
            400,
            "TooManyRequestsException",
        ),
        (Fault::new(Effect::Status(503)), 503, "no answer of a service"),
        (Fault::new(Effect::Status(429)), 429, "no answer of a service"),
    ] {
        lab.aws.fail(fault.on("ecr:*"));
        let error = lab
            .ecr()
            .list_images()
            .repository_name(REPOSITORY)
            .send()
            .await
            .unwrap_err();
        assert_eq!(error.raw_response().unwrap().status().as_u16(), status);
        assert_eq!(code(&error), expected);
        lab.aws.clear_faults();
    }
}

#[tokio::test]
async fn a_token_expires_and_a_page_leads_to_itself() {
    let lab = Lab::new().await;
    lab.registry().fill(REPOSITORY, 5, |_| time("2026-01-01T00:00:00Z"));
    let page = async |token: Option<String>| {
        let call = lab.ecr().list_images().repository_name(REPOSITORY).max_results(2);
        call.set_next_token(token).send().await
    };
    lab.aws.fail(Fault::new(Effect::ExpireToken).times(1));
    let first = page(None).await.unwrap();
    let token = first.next_token().map(str::to_owned);
    let expired = page(token.clone()).await.unwrap_err();
    assert_eq!(code(&expired), "InvalidParameterException");
    page(token).await.unwrap();

    lab.aws.fail(Fault::new(Effect::Loop));
    let first = page(None).await.unwrap();
    let second = page(first.next_token().map(str::to_owned)).await.unwrap();
    assert_eq!(first.image_ids(), second.image_ids());
}

#[tokio::test]
async fn named_images_fail_in_batches_and_the_others_do_not() {
    let lab = Lab::new().await;
    let images = [1, 2].map(|seed| Image::new(seed).build());
    lab.registry().push(REPOSITORY, &["a"], &images[0]);
    lab.registry().push(REPOSITORY, &["b"], &images[1]);
    lab.aws.fail(Fault::images(&["a", &images[0].digest], "KmsError"));
    let ids = vec![by_digest(&images[0].digest), by_tag("b")];
    let got = lab
        .ecr()
        .batch_get_image()
        .repository_name(REPOSITORY)
        .set_image_ids(Some(ids.clone()))
        .send()
        .await
        .unwrap();
    assert_eq!(got.images().len(), 1);
    assert_eq!(got.failures()[0].failure_code(), Some(&ImageFailureCode::KmsError));
    let gone = lab
        .ecr()
        .batch_delete_image()
        .repository_name(REPOSITORY)
        .set_image_ids(Some(ids))
        .send()
        .await
        .unwrap();
    assert_eq!((gone.image_ids().len(), gone.failures().len()), (1, 1));
    assert_eq!(lab.registry().tags(REPOSITORY).into_keys().collect::<Vec<_>>(), ["a"]);
}

#[tokio::test]
async fn a_cut_answer_comes_after_it_happened() {
    let (lab, _) = Lab::with_image(&["v1"]).await;
    lab.aws.fail(Fault::new(Effect::Cut(10)).on("ecr:BatchDeleteImage"));
    let broken = lab
        .ecr()
        .batch_delete_image()
        .repository_name(REPOSITORY)
        .image_ids(by_tag("v1"))
        .send()
        .await;
    assert!(broken.is_err());
    assert_eq!(lab.registry().images(REPOSITORY).len(), 0);
}

#[tokio::test]
async fn the_world_changes_between_two_calls_and_answers_are_slow_or_never_come() {
    let (lab, _) = Lab::with_image(&["v1"]).await;
    lab.aws.fail(
        Fault::call(|aws| {
            aws.ecr(ACCOUNT, REGION)
                .push(REPOSITORY, &["v1"], &Image::new(2).build())
        })
        .times(1),
    );
    let found = lab
        .ecr()
        .describe_images()
        .repository_name(REPOSITORY)
        .send()
        .await
        .unwrap();
    assert_eq!(found.image_details().len(), 2);

    lab.aws
        .fail(Fault::new(Effect::Delay(Duration::from_millis(30))).times(1));
    let begun = Instant::now();
    lab.ecr()
        .list_images()
        .repository_name(REPOSITORY)
        .send()
        .await
        .unwrap();
    assert!(begun.elapsed() >= Duration::from_millis(30));

    lab.aws.fail(Fault::new(Effect::Hang));
    let ecr = lab.ecr();
    let never = ecr.list_images().repository_name(REPOSITORY).send();
    assert!(tokio::time::timeout(Duration::from_millis(50), never).await.is_err());
}

#[tokio::test]
async fn a_good_answer_is_changed_before_it_is_sent() {
    let (lab, _) = Lab::with_image(&["v1"]).await;
    lab.aws.fail(
        Fault::edit(|answer| answer["imageIds"][0]["imageTag"] = "v2".into())
            .on("ecr:ListImages")
            .times(1),
    );
    for expected in ["v2", "v1"] {
        let ecr = lab.ecr();
        let listed = ecr.list_images().repository_name(REPOSITORY).send().await.unwrap();
        assert_eq!(listed.image_ids()[0].image_tag(), Some(expected));
    }
}

//! Lambda: functions, versions, aliases, and the digests they run.

use aws_sdk_lambda::types::{FunctionVersion, PackageType, State, StateReasonCode};

use super::super::{Effect, Fault, Lambda};
use super::*;

async fn with_function() -> (Lab, Lambda, aws_sdk_lambda::Client, [String; 2]) {
    let lab = Lab::new().await;
    let lambda = lab.aws.lambda(ACCOUNT, REGION);
    let images = [1, 2].map(|seed| Image::new(seed).build());
    lab.registry().push(REPOSITORY, &["live"], &images[0]);
    lambda.function("web", &lab.registry().image(REPOSITORY, "live"));
    lambda.publish("web");
    // The tag moves, and the next version takes what it is now.
    lab.registry().push(REPOSITORY, &["live"], &images[1]);
    lambda.function("web", &lab.registry().image(REPOSITORY, "live"));
    lambda.publish("web");
    lambda.alias("web", "production", "1", &[("2", 0.25)]);
    lambda.alias("web", "plain", "2", &[]);
    lambda.archive_function("zip");
    let sdk = client!(aws_sdk_lambda, lab.aws, &lab.administrator, REGION);
    (lab, lambda, sdk, images.map(|image| image.digest))
}

#[tokio::test]
async fn a_version_keeps_the_digest_that_its_tag_had() {
    let (lab, _, sdk, digests) = with_function().await;
    let arn = "arn:aws:lambda:eu-central-1:111122223333:function:web";
    for (name, qualifier, digest) in [
        ("web", None, &digests[1]),
        ("web", Some("$LATEST"), &digests[1]),
        ("web", Some("1"), &digests[0]),
        ("web", Some("2"), &digests[1]),
        ("web", Some("production"), &digests[0]),
        (arn, Some("1"), &digests[0]),
        ("web:1", None, &digests[0]),
    ] {
        let call = sdk
            .get_function()
            .function_name(name)
            .set_qualifier(qualifier.map(str::to_owned));
        let found = call.send().await.unwrap();
        let told = found.code().unwrap();
        assert_eq!(
            told.image_uri(),
            Some(lab.registry().image(REPOSITORY, "live").as_str())
        );
        assert_eq!(
            told.resolved_image_uri(),
            Some(lab.registry().image(REPOSITORY, digest).as_str()),
            "{name} {qualifier:?}"
        );
        assert_eq!(found.configuration().unwrap().package_type(), Some(&PackageType::Image));
    }
    let zip = sdk.get_function().function_name("zip").send().await.unwrap();
    assert_eq!(
        (zip.code().unwrap().image_uri(), zip.code().unwrap().repository_type()),
        (None, Some("S3"))
    );
    for (name, qualifier) in [("none", None), ("web", Some("9"))] {
        let call = sdk
            .get_function()
            .function_name(name)
            .set_qualifier(qualifier.map(str::to_owned));
        let error = call.send().await.unwrap_err();
        assert_eq!(
            (code(&error), error.raw_response().unwrap().status().as_u16()),
            ("ResourceNotFoundException", 404)
        );
    }
}

#[tokio::test]
async fn functions_versions_and_aliases_are_listed_in_pages_by_marker() {
    let (_lab, lambda, sdk, digests) = with_function().await;
    let listed = sdk.list_functions().send().await.unwrap();
    let told: Vec<_> = listed
        .functions()
        .iter()
        .map(|found| (found.function_name().unwrap(), found.package_type().unwrap().as_str()))
        .collect();
    assert_eq!(told, [("web", "Image"), ("zip", "Zip")]);
    let all = sdk
        .list_functions()
        .function_version(FunctionVersion::All)
        .send()
        .await
        .unwrap();
    assert_eq!(all.functions().len(), 4);

    let first = sdk
        .list_versions_by_function()
        .function_name("web")
        .max_items(2)
        .send()
        .await
        .unwrap();
    let second = sdk
        .list_versions_by_function()
        .function_name("web")
        .marker(first.next_marker().unwrap())
        .send()
        .await
        .unwrap();
    let versions: Vec<_> = first
        .versions()
        .iter()
        .chain(second.versions())
        .map(|found| found.version().unwrap())
        .collect();
    assert_eq!((versions, second.next_marker()), (vec!["$LATEST", "1", "2"], None));
    assert_eq!(first.versions()[1].code_sha256(), digests[0].strip_prefix("sha256:"));

    let aliases = sdk.list_aliases().function_name("web").send().await.unwrap();
    let production = &aliases.aliases()[1];
    assert_eq!(
        (production.name(), production.function_version()),
        (Some("production"), Some("1"))
    );
    assert_eq!(
        production
            .routing_config()
            .unwrap()
            .additional_version_weights()
            .unwrap()["2"],
        0.25
    );
    assert!(aliases.aliases()[0].routing_config().is_none());
    let none = sdk.list_aliases().function_name("none").send().await.unwrap_err();
    assert_eq!(code(&none), "ResourceNotFoundException");

    for number in 0..60 {
        lambda.archive_function(&format!("zip-{number}"));
    }
    let most = sdk.list_functions().max_items(1000).send().await.unwrap();
    assert_eq!((most.functions().len(), most.next_marker().is_some()), (50, true));
}

#[tokio::test]
async fn a_deleted_image_makes_its_version_inactive() {
    let (lab, _, sdk, digests) = with_function().await;
    lab.registry().remove(REPOSITORY, &digests[0]);
    let state = async |qualifier: &str| {
        let found = sdk
            .get_function()
            .function_name("web")
            .qualifier(qualifier)
            .send()
            .await
            .unwrap();
        let found = found.configuration().unwrap().clone();
        (found.state, found.state_reason_code)
    };
    assert_eq!(
        state("1").await,
        (Some(State::Inactive), Some(StateReasonCode::from("ImageDeleted")))
    );
    assert_eq!(state("2").await, (Some(State::Active), None));
}

#[tokio::test]
async fn denials_and_throttling_have_the_form_of_rest() {
    let (lab, _, _, _) = with_function().await;
    let policy = Policy::everything();
    let reader = lab.aws.user(ACCOUNT, "reader", policy.without("lambda:ListAliases"));
    let sdk = client!(aws_sdk_lambda, lab.aws, &reader, REGION);
    sdk.list_functions().send().await.unwrap();
    let denied = sdk.list_aliases().function_name("web").send().await.unwrap_err();
    assert_eq!(
        (code(&denied), denied.raw_response().unwrap().status().as_u16()),
        ("AccessDeniedException", 403)
    );
    lab.aws.fail(Fault::new(Effect::Throttle).on("lambda:*"));
    let throttled = sdk.list_functions().send().await.unwrap_err();
    assert_eq!(
        (code(&throttled), throttled.raw_response().unwrap().status().as_u16()),
        ("TooManyRequestsException", 429)
    );
    let stranger = client!(aws_sdk_lambda, lab.aws, &lab.administrator, "eu-west-1");
    lab.aws.clear_faults();
    assert_eq!(stranger.list_functions().send().await.unwrap().functions().len(), 0);
}

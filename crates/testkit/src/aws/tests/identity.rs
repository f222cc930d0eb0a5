//! Signatures, policies, accounts, regions, and STS.

use std::time::Duration;

use super::*;

/// A session of a role, taken by the administrator.
pub(super) async fn session(lab: &Lab, role: &str, name: &str) -> Credentials {
    let sts = client!(aws_sdk_sts, lab.aws, &lab.administrator, REGION);
    let answer = sts
        .assume_role()
        .role_arn(role)
        .role_session_name(name)
        .send()
        .await
        .unwrap();
    let credentials = answer.credentials().unwrap();
    Credentials {
        access_key_id: credentials.access_key_id().to_owned(),
        secret_access_key: credentials.secret_access_key().to_owned(),
        session_token: Some(credentials.session_token().to_owned()),
    }
}

/// One statement that allows these actions everywhere.
fn allowing(actions: &[&str]) -> Policy {
    let statement = serde_json::json!({"Effect": "Allow", "Action": actions, "Resource": "*"});
    let document = serde_json::json!({"Version": "2012-10-17", "Statement": [statement]});
    Policy::read(&document.to_string()).unwrap()
}

#[tokio::test]
async fn sts_says_who_calls_and_gives_out_sessions_of_roles_of_other_accounts() {
    let lab = Lab::new().await;
    let sts = client!(aws_sdk_sts, lab.aws, &lab.administrator, REGION);
    let me = sts.get_caller_identity().send().await.unwrap();
    assert_eq!(
        (me.account(), me.arn()),
        (Some(ACCOUNT), Some("arn:aws:iam::111122223333:user/administrator"))
    );

    let role = lab
        .aws
        .role("444455556666", "cleaner", Policy::everything(), &[ACCOUNT]);
    let credentials = session(&lab, &role, "run-1").await;
    let sts = client!(aws_sdk_sts, lab.aws, &credentials, REGION);
    let me = sts.get_caller_identity().send().await.unwrap();
    assert_eq!(me.account(), Some("444455556666"));
    assert_eq!(me.arn(), Some("arn:aws:sts::444455556666:assumed-role/cleaner/run-1"));

    lab.aws.advance(jiff::SignedDuration::from_hours(1));
    assert_eq!(
        code(&sts.get_caller_identity().send().await.unwrap_err()),
        "ExpiredToken"
    );
    let ecr = lab
        .ecr_of(&credentials)
        .describe_repositories()
        .send()
        .await
        .unwrap_err();
    assert_eq!(code(&ecr), "ExpiredTokenException");
}

#[tokio::test]
async fn a_role_is_taken_only_by_whom_it_trusts_and_who_may_take_it() {
    let lab = Lab::new().await;
    let trusting = lab.aws.role("444455556666", "open", Policy::everything(), &[ACCOUNT]);
    let closed = lab
        .aws
        .role("444455556666", "closed", Policy::everything(), &["777788889999"]);
    let nobody = lab.aws.user(ACCOUNT, "nobody", Policy::nothing());
    for (who, role) in [(&lab.administrator, &closed), (&nobody, &trusting)] {
        let sts = client!(aws_sdk_sts, lab.aws, who, REGION);
        let refused = sts
            .assume_role()
            .role_arn(role)
            .role_session_name("x")
            .send()
            .await
            .unwrap_err();
        assert_eq!(code(&refused), "AccessDenied", "{role}");
    }
}

#[tokio::test]
async fn a_policy_allows_what_it_names_and_taking_an_action_away_denies_it() {
    let (lab, _) = Lab::with_image(&["v1"]).await;
    let policy = allowing(&["ecr:Describe*", "ecr:ListImages"]);
    let reader = lab.aws.user(ACCOUNT, "reader", policy.clone());
    let ecr = lab.ecr_of(&reader);
    let describe = || ecr.describe_images().repository_name(REPOSITORY).send();
    let list = || ecr.list_images().repository_name(REPOSITORY).send();
    describe().await.unwrap();
    list().await.unwrap();
    let delete = ecr
        .batch_delete_image()
        .repository_name(REPOSITORY)
        .image_ids(by_tag("v1"))
        .send()
        .await
        .unwrap_err();
    assert_eq!(code(&delete), "AccessDeniedException");
    assert_eq!(delete.raw_response().unwrap().status().as_u16(), 400);
    let message = delete.as_service_error().unwrap().message().unwrap();
    let resource = "arn:aws:ecr:eu-central-1:111122223333:repository/apps/web";
    assert!(
        message.contains("user/reader is not authorized to perform: ecr:BatchDeleteImage on resource"),
        "{message}"
    );
    assert!(message.contains(resource), "{message}");
    assert_eq!(lab.registry().images(REPOSITORY).len(), 1);

    assert_eq!(policy.actions(), ["ecr:Describe*", "ecr:ListImages"]);
    lab.aws.set_policy(
        "arn:aws:iam::111122223333:user/reader",
        policy.without("ecr:DescribeImages"),
    );
    assert_eq!(code(&describe().await.unwrap_err()), "AccessDeniedException");
    list().await.unwrap();
}

#[tokio::test]
async fn accounts_and_regions_are_worlds_of_their_own() {
    let (lab, _) = Lab::with_image(&["v1"]).await;
    let stranger = lab.aws.user("444455556666", "stranger", Policy::everything());
    let count = async |credentials: &Credentials, region: &str| {
        let ecr = client!(aws_sdk_ecr, lab.aws, credentials, region);
        ecr.describe_repositories().send().await.unwrap().repositories().len()
    };
    assert_eq!(count(&lab.administrator, REGION).await, 1);
    assert_eq!(count(&lab.administrator, "eu-west-1").await, 0);
    assert_eq!(count(&stranger, REGION).await, 0);

    let describe = || {
        lab.ecr_of(&stranger)
            .describe_images()
            .registry_id(ACCOUNT)
            .repository_name(REPOSITORY)
            .send()
    };
    assert_eq!(code(&describe().await.unwrap_err()), "AccessDeniedException");
    lab.registry().share_with("444455556666");
    assert_eq!(describe().await.unwrap().image_details().len(), 1);
}

#[tokio::test]
async fn a_wrong_key_secret_token_or_region_is_refused() {
    let lab = Lab::new().await;
    let good = lab.administrator.clone();
    let change = |change: fn(&mut Credentials)| {
        let mut changed = good.clone();
        change(&mut changed);
        changed
    };
    for (credentials, region, expected) in [
        (
            change(|key| key.access_key_id = "AKIAUNKNOWN".into()),
            REGION,
            "UnrecognizedClientException",
        ),
        (
            change(|key| key.secret_access_key = "guess".into()),
            REGION,
            "InvalidSignatureException",
        ),
        (
            change(|key| key.session_token = Some("guess".into())),
            REGION,
            "UnrecognizedClientException",
        ),
        (good.clone(), "nowhere", "InvalidSignatureException"),
    ] {
        let ecr = client!(aws_sdk_ecr, lab.aws, &credentials, region);
        let refused = ecr.describe_repositories().send().await.unwrap_err();
        assert_eq!(code(&refused), expected, "{credentials:?} {region}");
    }
    let sts = client!(
        aws_sdk_sts,
        lab.aws,
        &change(|key| key.secret_access_key = "guess".into()),
        REGION
    );
    let refused = sts.get_caller_identity().send().await.unwrap_err();
    assert_eq!(code(&refused), "SignatureDoesNotMatch");
}

#[tokio::test]
async fn a_request_that_is_not_signed_or_signed_for_another_service_is_refused() {
    let lab = Lab::new().await;
    let client = reqwest::Client::builder()
        .no_proxy()
        .tls_certs_only([])
        .timeout(Duration::from_secs(5))
        .build()
        .unwrap();
    let scope =
        "AWS4-HMAC-SHA256 Credential=AKIA/20260101/eu-central-1/ecs/aws4_request, SignedHeaders=host, Signature=00";
    for (authorization, expected) in [
        (None, "MissingAuthenticationTokenException"),
        (Some(scope), "InvalidSignatureException"),
    ] {
        let mut request = client
            .post(lab.aws.url())
            .header(
                "x-amz-target",
                "AmazonEC2ContainerRegistry_V20150921.DescribeRepositories",
            )
            .body("{}");
        if let Some(authorization) = authorization {
            request = request.header("authorization", authorization);
        }
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 400);
        let body: serde_json::Value = serde_json::from_str(&response.text().await.unwrap()).unwrap();
        assert_eq!(body["__type"], expected);
    }
}

#[tokio::test]
async fn requests_are_recorded_with_who_asked_what_and_how_it_ended() {
    let (lab, _) = Lab::with_image(&["v1"]).await;
    lab.ecr()
        .describe_images()
        .repository_name(REPOSITORY)
        .send()
        .await
        .unwrap();
    lab.ecr()
        .describe_images()
        .repository_name("none")
        .send()
        .await
        .unwrap_err();
    let requests = lab.aws.requests();
    let told: Vec<_> = requests
        .iter()
        .map(|request| {
            (
                request.action.as_str(),
                request.input["repositoryName"].as_str(),
                request.status,
                request.error.as_deref(),
            )
        })
        .collect();
    let expected = [
        ("ecr:DescribeImages", Some(REPOSITORY), Some(200), None),
        (
            "ecr:DescribeImages",
            Some("none"),
            Some(400),
            Some("RepositoryNotFoundException"),
        ),
    ];
    assert_eq!(told, expected);
    assert_eq!(
        (requests[0].account.as_str(), requests[0].region.as_str()),
        (ACCOUNT, REGION)
    );
    assert_eq!(lab.aws.count("ecr:DescribeImages"), 2);
    lab.aws.clear_requests();
    assert!(lab.aws.requests().is_empty());
}

#[tokio::test]
async fn a_process_gets_its_identity_by_its_environment() {
    let lab = Lab::new().await;
    let role = lab.aws.role(ACCOUNT, "cleaner", Policy::everything(), &[ACCOUNT]);
    let session = session(&lab, &role, "run").await;
    let variables = lab.aws.environment(&session, REGION);
    let value = |name: &str| {
        variables
            .iter()
            .find(|(key, _)| *key == name)
            .map(|(_, value)| value.clone())
    };
    assert_eq!(value("AWS_ENDPOINT_URL"), Some(lab.aws.url()));
    assert_eq!(value("AWS_SESSION_TOKEN"), session.session_token);
    let variables = lab.aws.environment(&lab.administrator, REGION);
    assert!(variables.iter().all(|(key, _)| *key != "AWS_SESSION_TOKEN"));
}

#[tokio::test]
async fn the_clock_stands_where_it_is_put() {
    let (lab, old) = Lab::with_image(&["v1"]).await;
    lab.aws.set_now(time("2026-05-01T00:00:00Z"));
    let new = Image::new(2).build();
    lab.aws.at(time("2026-04-01T00:00:00Z"), |aws| {
        aws.ecr(ACCOUNT, REGION).push(REPOSITORY, &["v2"], &new)
    });
    assert_eq!(lab.aws.now(), time("2026-05-01T00:00:00Z"));
    let pushed_at = |digest: &str| lab.registry().held(REPOSITORY, digest).unwrap().pushed_at;
    assert_eq!(pushed_at(&new.digest), time("2026-04-01T00:00:00Z"));
    assert!(
        lab.registry()
            .set_pushed_at(REPOSITORY, &old.digest, time("2025-01-01T00:00:00Z"))
    );
    assert_eq!(pushed_at(&old.digest), time("2025-01-01T00:00:00Z"));
}

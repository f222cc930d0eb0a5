//! Keys, signatures and policies, as moto checks them.

use std::time::Duration;

use aws_sdk_ecr::types::ImageTagMutability;
use jettison::registry::{ErrorKind, Registry};
use jettison_core::model::{Digest, RepositoryName};
use jettison_testkit::images::Image;
use url::form_urlencoded;

use crate::account::{Account, HOST};
use crate::support::moto::Moto;
use crate::support::moto_ready;

/// Moto asks policies about every resource at once, so that only statements without one allow anything.
const READER: &str = r#"{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Resource": "*",
    "Action": ["ecr:DescribeImages", "ecr:ListImages"]}]}"#;

/// A call of IAM's; its answer, as XML.
pub(crate) async fn iam(moto: &Moto, action: &str, parameters: &[(&str, &str)]) -> (u16, String) {
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.append_pair("Action", action).append_pair("Version", "2010-05-08");
    form.extend_pairs(parameters);
    let client = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(30));
    let scope = "AWS4-HMAC-SHA256 Credential=any/20260101/us-east-1/iam/aws4_request, SignedHeaders=host, Signature=00";
    let request = client.build().unwrap().post(moto.url()).body(form.finish());
    let request = request.header("authorization", scope);
    let answer = request
        .header("content-type", "application/x-www-form-urlencoded")
        .send()
        .await
        .unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

fn element<'x>(xml: &'x str, name: &str) -> &'x str {
    let (_, rest) = xml.split_once(&format!("<{name}>")).unwrap_or_else(|| panic!("{xml}"));
    rest.split_once('<').unwrap().0
}

/// A user who may do what the policy says; the key and the secret.
async fn user(moto: &Moto, policy: &str) -> (String, String) {
    iam(moto, "CreateUser", &[("UserName", "jettison")]).await;
    let parameters = [
        ("UserName", "jettison"),
        ("PolicyName", "p"),
        ("PolicyDocument", policy),
    ];
    assert_eq!(iam(moto, "PutUserPolicy", &parameters).await.0, 200);
    let (_, key) = iam(moto, "CreateAccessKey", &[("UserName", "jettison")]).await;
    (
        element(&key, "AccessKeyId").to_owned(),
        element(&key, "SecretAccessKey").to_owned(),
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_policy_does_not_allow_is_forbidden_and_names_the_permission() {
    if !moto_ready() {
        return;
    }
    // One repository and one image are made before, and three calls make the user.
    let account = Account::new(Moto::start_strict_after(5));
    account.create("apps/web", ImageTagMutability::Mutable).await;
    let digest = account.put("apps/web", Some("v1"), &Image::new(1).build()).await;
    let (id, secret) = user(&account.moto, READER).await;
    let web: RepositoryName = "apps/web".parse().unwrap();

    let registry = account.registry(account.way_in_with((&id, &secret))).await;
    assert_eq!(registry.tags(&web).await.unwrap().len(), 1);
    assert!(registry.exists(&web, &digest).await.unwrap());
    let forbidden = registry.delete_manifest(&web, &digest).await.unwrap_err();
    assert_eq!(forbidden.kind, ErrorKind::Forbidden, "{forbidden}");
    assert!(
        forbidden.to_string().contains("allow ecr:BatchDeleteImage"),
        "{forbidden}"
    );
    assert!(registry.exists(&web, &digest).await.unwrap());

    for (id, secret) in [("AKIAIOSFODNN7EXAMPLE", secret.as_str()), (&id, "another secret")] {
        let registry = account.registry(account.way_in_with((id, secret))).await;
        // Moto refuses in XML, also where the service speaks JSON: nothing but the status can be read.
        let refused = registry.tags(&web).await.unwrap_err();
        assert_eq!(refused.kind, ErrorKind::Forbidden, "{refused}");
        assert!(!refused.to_string().contains("another secret"), "{refused}");
        assert!(!is_absent(registry.as_ref(), &web, &digest).await);
    }
}

/// Whether somebody without a way in would take the image for deleted.
async fn is_absent(registry: &dyn Registry, repository: &RepositoryName, digest: &Digest) -> bool {
    matches!(registry.exists(repository, digest).await, Ok(false))
}

#[tokio::test(flavor = "multi_thread")]
async fn iam_takes_the_policies_that_are_printed() {
    if !moto_ready() {
        return;
    }
    let account = Account::new(Moto::start());
    let moto = &account.moto;
    let role = "role-arn: 'arn:aws:iam::123456789012:role/jettison'";
    let config = format!(
        "registries: [{{ host: {HOST}, repositories: ['apps/**', 'base'], aws: {{ {role} }} }}]\n\
         usage: [{{ name: aws, kind: aws, account: '123456789012', regions: [eu-central-1], {role} }}]\n"
    );
    let ci = "arn:aws:iam::123456789012:user/ci";
    let printed = account.run(&config, &["aws", "setup", "--runs-as", ci]);
    let printed = &printed["accounts"][0];

    iam(moto, "CreateUser", &[("UserName", "ci")]).await;
    let trust = printed["taken_on"]["trust_policy"].to_string();
    let role = [("RoleName", "jettison"), ("AssumeRolePolicyDocument", trust.as_str())];
    let (status, answer) = iam(moto, "CreateRole", &role).await;
    assert_eq!(status, 200, "{answer}");
    for policy in [
        &printed["policy"],
        &printed["setup_policy"],
        &printed["taken_on"]["policy"],
    ] {
        let policy = policy.to_string();
        let parameters = [
            ("RoleName", "jettison"),
            ("PolicyName", "p"),
            ("PolicyDocument", &policy),
        ];
        let (status, answer) = iam(moto, "PutRolePolicy", &parameters).await;
        assert_eq!(status, 200, "{answer}");
    }
    // It does refuse what is none.
    let parameters = [
        ("RoleName", "jettison"),
        ("PolicyName", "p"),
        ("PolicyDocument", &trust),
    ];
    assert_eq!(iam(moto, "PutRolePolicy", &parameters).await.0, 400);
}

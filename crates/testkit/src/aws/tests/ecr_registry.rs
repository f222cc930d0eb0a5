//! The registry API of ECR, and layers.

use aws_sdk_ecr::types::LayerAvailability;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::*;
use crate::images::Index;
use crate::push::{Error, Pusher};

async fn password(lab: &Lab, credentials: &Credentials) -> String {
    let answer = lab.ecr_of(credentials).get_authorization_token().send().await.unwrap();
    let data = &answer.authorization_data()[0];
    assert_eq!(
        data.proxy_endpoint(),
        Some("https://111122223333.dkr.ecr.eu-central-1.amazonaws.com")
    );
    assert_eq!(data.expires_at().unwrap().secs(), lab.aws.now().as_second() + 12 * 3600);
    let decoded = String::from_utf8(STANDARD.decode(data.authorization_token().unwrap()).unwrap()).unwrap();
    decoded.strip_prefix("AWS:").unwrap().to_owned()
}

async fn get(lab: &Lab, password: &str, path: &str) -> (u16, Vec<u8>) {
    let client = reqwest::Client::builder()
        .no_proxy()
        .tls_certs_only([])
        .build()
        .unwrap();
    let request = client
        .get(format!("{}{path}", lab.aws.url()))
        .basic_auth("AWS", Some(password));
    let response = request.send().await.unwrap();
    (response.status().as_u16(), response.bytes().await.unwrap().to_vec())
}

#[tokio::test]
async fn what_is_pushed_with_a_password_is_there_for_the_api_and_a_get_is_a_pull() {
    let lab = Lab::new().await;
    lab.registry().create(REPOSITORY);
    let password = password(&lab, &lab.administrator).await;
    let index = Index::new().child(Image::new(1).build()).build();
    let pusher = Pusher::with_credentials(&lab.aws.url(), "AWS", &password).unwrap();
    pusher.push(REPOSITORY, &["v1"], &index).await.unwrap();
    let found = lab
        .ecr()
        .describe_images()
        .repository_name(REPOSITORY)
        .image_ids(by_tag("v1"))
        .send()
        .await
        .unwrap();
    assert_eq!(found.image_details()[0].image_digest(), Some(index.digest.as_str()));

    let pulled_at = || lab.registry().held(REPOSITORY, &index.digest).unwrap().pulled_at;
    assert_eq!(pulled_at(), None);
    let path = format!("/v2/{REPOSITORY}/manifests/v1");
    assert_eq!(get(&lab, &password, &path).await, (200, index.bytes.to_vec()));
    assert_eq!(pulled_at(), Some(lab.aws.now()));
    let blob = &index.children[0].blobs[0];
    let path = format!("/v2/{REPOSITORY}/blobs/{}", blob.digest());
    assert_eq!(get(&lab, &password, &path).await, (200, blob.bytes().to_vec()));
    assert_eq!(get(&lab, &password, "/v2/apps/none/manifests/v1").await.0, 404);
    assert_eq!(get(&lab, "guess", "/v2/").await.0, 401);

    lab.registry().archive(REPOSITORY, &index.digest);
    assert_eq!(
        get(&lab, &password, &format!("/v2/{REPOSITORY}/manifests/v1")).await.0,
        404,
        "archived"
    );
    lab.aws.advance(jiff::SignedDuration::from_hours(12));
    assert_eq!(get(&lab, &password, "/v2/").await.0, 401, "the password is too old");
}

#[tokio::test]
async fn a_password_may_what_its_owner_may() {
    let (lab, image) = Lab::with_image(&["v1"]).await;
    let document = r#"{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Resource": "*",
        "Action": ["ecr:GetAuthorizationToken", "ecr:BatchGetImage"]}]}"#;
    let reader = lab.aws.user(ACCOUNT, "reader", Policy::read(document).unwrap());
    let password = password(&lab, &reader).await;
    assert_eq!(
        get(&lab, &password, &format!("/v2/{REPOSITORY}/manifests/v1")).await.0,
        200
    );
    let pusher = Pusher::with_credentials(&lab.aws.url(), "AWS", &password).unwrap();
    let refused = pusher.push(REPOSITORY, &["v2"], &image).await.unwrap_err();
    assert!(matches!(refused, Error::Refused { status: 403, .. }), "{refused}");
}

#[tokio::test]
async fn layers_are_there_until_they_are_cleaned_up() {
    let (lab, image) = Lab::with_image(&["v1"]).await;
    let digest = image.blobs[1].digest();
    let is_there = async || {
        let call = lab.ecr().batch_check_layer_availability().repository_name(REPOSITORY);
        let answer = call
            .layer_digests(digest)
            .layer_digests("nonsense")
            .send()
            .await
            .unwrap();
        assert_eq!(
            answer.failures()[0].failure_code().unwrap().as_str(),
            "InvalidLayerDigest"
        );
        answer.layers()[0].layer_availability() == Some(&LayerAvailability::Available)
    };
    assert!(is_there().await);
    let address = lab
        .ecr()
        .get_download_url_for_layer()
        .repository_name(REPOSITORY)
        .layer_digest(digest);
    let address = address.send().await.unwrap();
    let path = address
        .download_url()
        .unwrap()
        .strip_prefix(&lab.aws.url())
        .unwrap()
        .to_owned();
    assert_eq!(
        get(&lab, "none is needed", &path).await,
        (200, image.blobs[1].bytes().to_vec())
    );

    lab.registry().remove(REPOSITORY, &image.digest);
    assert!(is_there().await, "for the time being");
    lab.registry().clean_up_layers(REPOSITORY);
    assert!(!is_there().await);
    let gone = lab
        .ecr()
        .get_download_url_for_layer()
        .repository_name(REPOSITORY)
        .layer_digest(digest);
    assert_eq!(code(&gone.send().await.unwrap_err()), "LayersNotFoundException");
}

//! Push and pull.

use std::time::Duration;

use bytes::Bytes;

use super::*;
use crate::images::{Blob, CacheShape, Index, buildkit_cache};

#[tokio::test]
async fn a_manifest_comes_back_as_the_exact_bytes_that_went_in() {
    let lab = Lab::new(Options::default()).await;
    let odd = Bytes::from_static(b"{ \"schemaVersion\":2,\n\t\"layers\":[] }\n");
    let pusher = Pusher::new(&lab.registry.url()).unwrap();
    pusher
        .push_manifest(REPOSITORY, "odd", media_type::MANIFEST, odd.clone())
        .await
        .unwrap();
    let digest = crate::sha256(&odd);
    for reference in ["odd", &digest] {
        let head = lab.manifest(Method::HEAD, reference).await;
        assert_eq!(header(&head, "content-length"), odd.len().to_string());
        let response = lab.manifest(Method::GET, reference).await;
        assert_eq!(header(&response, "content-type"), media_type::MANIFEST);
        assert_eq!(header(&response, "docker-content-digest"), digest);
        assert_eq!(response.bytes().await.unwrap(), odd);
    }
    assert_eq!(
        refusal(lab.manifest(Method::GET, "other").await).await,
        (404, "MANIFEST_UNKNOWN".into())
    );
    assert_eq!(lab.get("/v2/").await.status(), 200);
}

#[tokio::test]
async fn a_manifest_that_does_not_fit_is_refused() {
    let lab = Lab::new(Options::default()).await;
    let image = Image::new(1).build();
    let put = |reference: &str, kind: &str, body: Bytes| {
        let path = format!("/v2/{REPOSITORY}/manifests/{reference}");
        lab.request(Method::PUT, &path)
            .header("content-type", kind)
            .body(body)
            .send()
    };
    let wrong = format!("sha256:{}", "0".repeat(64));
    for (what, reference, kind, body, expected) in [
        (
            "blobs missing",
            "a",
            media_type::MANIFEST,
            image.bytes.clone(),
            "MANIFEST_BLOB_UNKNOWN",
        ),
        (
            "wrong digest",
            &*wrong,
            media_type::MANIFEST,
            image.bytes.clone(),
            "DIGEST_INVALID",
        ),
        (
            "another type",
            "a",
            media_type::INDEX,
            image.bytes.clone(),
            "MANIFEST_INVALID",
        ),
        (
            "no JSON",
            "a",
            media_type::MANIFEST,
            Bytes::from_static(b"{"),
            "MANIFEST_INVALID",
        ),
    ] {
        let response = put(reference, kind, body).await.unwrap();
        assert_eq!(refusal(response).await, (400, expected.into()), "{what}");
    }
    let index = Index::new().entry(image.descriptor()).build();
    let response = put("a", media_type::INDEX, index.bytes).await.unwrap();
    assert_eq!(refusal(response).await, (400, "MANIFEST_BLOB_UNKNOWN".into()));

    let lenient = Lab::new(Options {
        check_references: false,
        ..Options::default()
    })
    .await;
    let pusher = Pusher::new(&lenient.registry.url()).unwrap();
    pusher
        .push_manifest(REPOSITORY, "a", media_type::MANIFEST, image.bytes)
        .await
        .unwrap();
}

#[tokio::test]
async fn a_cache_that_lists_blobs_can_be_pushed() {
    let lab = Lab::new(Options::default()).await;
    for shape in CacheShape::ALL {
        lab.push(&["cache"], &buildkit_cache(1, shape, &[100, 200])).await;
    }
    assert_eq!(lab.registry.manifests(REPOSITORY).len(), 3);
}

#[tokio::test]
async fn blobs_are_served_whole_and_in_ranges() {
    let (lab, image) = Lab::with_image(Options::default(), &["a"]).await;
    let blob = &image.blobs[1];
    let path = format!("/v2/{REPOSITORY}/blobs/{}", blob.digest());
    assert_eq!(lab.get(&path).await.bytes().await.unwrap(), blob.bytes());
    assert_eq!(header(&lab.send(Method::HEAD, &path).await, "content-length"), "512");
    let part = lab
        .request(Method::GET, &path)
        .header("range", "bytes=10-19")
        .send()
        .await
        .unwrap();
    assert_eq!(
        (part.status().as_u16(), header(&part, "content-range")),
        (206, "bytes 10-19/512")
    );
    assert_eq!(part.bytes().await.unwrap(), blob.bytes().slice(10..20));
    let beyond = lab
        .request(Method::GET, &path)
        .header("range", "bytes=512-")
        .send()
        .await
        .unwrap();
    assert_eq!(beyond.status(), 416);
    let elsewhere = lab.get(&format!("/v2/other/blobs/{}", blob.digest())).await;
    assert_eq!(refusal(elsewhere).await, (404, "BLOB_UNKNOWN".into()));
}

#[tokio::test]
async fn a_blob_is_pushed_in_chunks_in_order() {
    let lab = Lab::new(Options::default()).await;
    let blob = Blob::random(1, 100);
    let begun = lab
        .send(Method::POST, &format!("/v2/{REPOSITORY}/blobs/uploads/"))
        .await;
    assert_eq!(begun.status(), 202);
    let session = header(&begun, "location").to_owned();
    let patch = |range: &str, body: Bytes| {
        lab.request(Method::PATCH, &session)
            .header("content-range", range)
            .body(body)
            .send()
    };
    assert_eq!(patch("0-59", blob.bytes().slice(..60)).await.unwrap().status(), 202);
    assert_eq!(patch("70-99", blob.bytes().slice(70..)).await.unwrap().status(), 416);
    assert_eq!(header(&lab.get(&session).await, "range"), "0-59");
    let close = format!("{session}?digest={}", blob.digest());
    let closed = lab
        .request(Method::PUT, &close)
        .body(blob.bytes().slice(60..))
        .send()
        .await
        .unwrap();
    assert_eq!(closed.status(), 201);
    assert!(lab.registry.has_blob(REPOSITORY, blob.digest()));
    assert_eq!(
        refusal(lab.get(&session).await).await,
        (404, "BLOB_UPLOAD_UNKNOWN".into())
    );
}

#[tokio::test]
async fn a_blob_with_another_digest_is_refused_and_one_from_elsewhere_is_mounted() {
    let (lab, image) = Lab::with_image(Options::default(), &["a"]).await;
    let digest = image.blobs[0].digest();
    let path = format!("/v2/{REPOSITORY}/blobs/uploads/?digest={digest}");
    let wrong = lab.request(Method::POST, &path).body("other").send().await.unwrap();
    assert_eq!(refusal(wrong).await, (400, "DIGEST_INVALID".into()));
    let mount = format!("/v2/other/blobs/uploads/?mount={digest}&from=");
    assert_eq!(
        lab.send(Method::POST, &format!("{mount}{REPOSITORY}")).await.status(),
        201
    );
    assert_eq!(lab.send(Method::POST, &format!("{mount}nowhere")).await.status(), 202);
    assert!(lab.registry.has_blob("other", digest));
}

#[tokio::test]
async fn accept_is_obeyed_as_distribution_does() {
    let (lab, _) = Lab::with_image(Options::default(), &["oci"]).await;
    let children = ["linux/arm64", "linux/amd64"].map(|name| Image::new(2).docker().platform(name).build());
    let amd64 = children[1].digest.clone();
    lab.push(&["docker"], &Index::new().docker().children(children).build())
        .await;
    let get = |tag: &str| {
        let url = format!("{}/v2/{REPOSITORY}/manifests/{tag}", lab.registry.url());
        lab.client.get(url).header("accept", media_type::DOCKER_MANIFEST).send()
    };
    assert_eq!(
        refusal(get("oci").await.unwrap()).await,
        (404, "MANIFEST_UNKNOWN".into())
    );
    assert_eq!(header(&get("docker").await.unwrap(), "docker-content-digest"), amd64);
}

#[tokio::test]
async fn a_pushed_image_pulls_whole_until_a_blob_goes() {
    let lab = Lab::new(Options::default()).await;
    let index = Index::new()
        .children([Image::new(1).build(), Image::new(2).build()])
        .build();
    lab.push(&["a"], &index).await;
    let puller = crate::pull::Puller::new(&lab.registry.url()).unwrap();
    let pulled = puller.pull_whole(REPOSITORY, "a").await.unwrap();
    assert_eq!((pulled.manifests, pulled.blobs), (3, 4));
    lab.registry
        .remove_blob(REPOSITORY, index.children[1].blobs[1].digest());
    assert!(puller.pull_whole(REPOSITORY, "a").await.is_err());
}

#[tokio::test]
async fn requests_are_recorded_without_credentials() {
    let lab = Lab::new(Options {
        latency: Some(Duration::from_millis(30)),
        ..Options::default()
    })
    .await;
    let start = std::time::Instant::now();
    lab.request(Method::GET, "/v2/a/tags/list?n=5")
        .basic_auth("me", Some("secret"))
        .send()
        .await
        .unwrap();
    assert!(start.elapsed() >= Duration::from_millis(30), "latency");
    let requests = lab.registry.requests();
    let request = &requests[0];
    assert_eq!(
        (request.method.as_str(), request.path.as_str()),
        ("GET", "/v2/a/tags/list")
    );
    assert_eq!((request.query.as_deref(), request.status), (Some("n=5"), Some(404)));
    assert!(request.had_authorization);
    assert_eq!(lab.registry.count("GET", super::super::Class::Tags), 1);
    lab.registry.clear_requests();
    assert!(lab.registry.requests().is_empty() && lab.registry.counts().is_empty());
}

#[tokio::test]
async fn it_stops_when_told_to() {
    let lab = Lab::new(Options::default()).await;
    lab.registry.fail(Fault::new(Effect::Hang));
    let url = format!("{}/v2/", lab.registry.url());
    let hanging = tokio::spawn(lab.client.get(&url).send());
    while lab.registry.requests().is_empty() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    lab.registry.stop().await;
    assert!(hanging.await.unwrap().is_err());
    assert!(lab.client.get(&url).send().await.is_err());
}
